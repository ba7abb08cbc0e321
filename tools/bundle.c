/* tools/bundle.c - compiles the Lua files of lua/ into a C file of bytecode.
 *
 *   bundle OUT FOLDER FILE...
 *
 * The FILEs are paths within FOLDER. A part of the build: what it writes becomes the
 * constant lcro_bundle_built of `crolua` (src/bind/bundle.h). It stops at the first
 * file that does not compile, and says so as LuaJIT does.
 */
#include "bind/bundle.h"

#include <lauxlib.h>
#include <limits.h>
#include <lua.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

typedef struct code {
  uint8_t *data;
  size_t size;
} code;

static int fail(const char *what, const char *about)
{
  fprintf(stderr, "bundle: %s: %s\n", what, about);
  return 1;
}

static int append(lua_State *L, const void *data, size_t size, void *state)
{
  code *out = state;
  uint8_t *grown = realloc(out->data, out->size + size);

  (void)L;
  if (grown == NULL)
    return 1;
  memcpy(grown + out->size, data, size);
  out->data = grown;
  out->size += size;
  return 0;
}

/* Cuts the chunk name, which is where the file was at build time: ESC "LJ", version,
 * flags, and the name behind its length. False when the head is another one. */
static bool cut_name(code *out, size_t name_length)
{
  size_t at = LCRO_BUNDLE_HEAD, length = 0;
  unsigned shift = 0;

  if (out->size < LCRO_BUNDLE_HEAD || out->data[4] >= 0x80)
    return false;
  do {
    if (at >= out->size)
      return false;
    length |= (size_t)(out->data[at] & 0x7f) << shift;
    shift += 7;
  } while (out->data[at++] >= 0x80);
  if (length != name_length || at + length > out->size)
    return false;
  out->size -= at + length - LCRO_BUNDLE_HEAD;
  memmove(out->data + LCRO_BUNDLE_HEAD, out->data + at + length,
          out->size - LCRO_BUNDLE_HEAD);
  return true;
}

static bool compile(code *out, const char *source, size_t size, const char *path)
{
  char name[PATH_MAX];
  int length = snprintf(name, sizeof name, "@%s", path);
  lua_State *L = luaL_newstate();
  bool done = false;

  if (L == NULL || length < 0 || length >= PATH_MAX)
    fail(path, "no memory");
  else if (luaL_loadbuffer(L, source, size, name) != 0)
    fail("does not compile", lua_tostring(L, -1));
  else if (lua_dump(L, append, out) != 0 || !cut_name(out, (size_t)length))
    fail(path, "LuaJIT dumps it in a form that is not known");
  else
    done = true;
  if (L != NULL)
    lua_close(L);
  return done;
}

static void write_code(FILE *out, int number, const code *it)
{
  fprintf(out, "static const uint8_t code_%d[] = {", number);
  for (size_t at = 0; at < it->size; at++)
    fprintf(out, at % 20 == 0 ? "\n%d," : "%d,", it->data[at]);
  fprintf(out, "\n};\n");
}

/* Writes the code and, for the table behind all, the row. */
static bool bundle_file(FILE *out, FILE *rows, int number, const char *folder,
                        const char *file)
{
  static char source[LCRO_BUNDLE_SOURCE];
  char path[PATH_MAX];
  size_t size;
  code it = { NULL, 0 };
  struct stat status;
  bool known;
  int n = snprintf(path, sizeof path, "%s/%s", folder, file);
  FILE *in = n > 0 && n < PATH_MAX ? fopen(path, "rb") : NULL;

  if (in == NULL)
    return !fail(file, "cannot be opened");
  size = fread(source, 1, sizeof source, in);
  known = fstat(fileno(in), &status) == 0;
  fclose(in);
  if (!known)
    return !fail(file, "cannot be looked at");
  if (size == sizeof source) /* loads from its source */
    return true;
  if (!compile(&it, source, size, path)) {
    free(it.data);
    return false;
  }
  write_code(out, number, &it);
  fprintf(rows, "  { \"%s\", %lld, 0x%llxu, %zu, %zu, code_%d },\n", file,
          (long long)lcro_bundle_time(&status),
          (unsigned long long)lcro_bundle_hash((cro_bytes){ source, size }), size,
          it.size, number);
  free(it.data);
  return true;
}

static bool copy_rows(FILE *out, FILE *rows)
{
  char line[PATH_MAX + 128];

  rewind(rows);
  fprintf(out, "static const lcro_bundled files[] = {\n");
  while (fgets(line, sizeof line, rows) != NULL)
    fputs(line, out);
  fprintf(out, "};\nconst lcro_bundle lcro_bundle_built = {\n"
               "  files, sizeof files / sizeof files[0]\n};\n");
  return ferror(rows) == 0 && ferror(out) == 0;
}

static int by_name(const void *a, const void *b)
{
  return strcmp(*(char *const *)a, *(char *const *)b);
}

int main(int argc, char **argv)
{
  FILE *out = argc > 3 ? fopen(argv[1], "w") : NULL, *rows = tmpfile();
  bool done = true;

  if (out == NULL || rows == NULL)
    return fail("cannot write", argc > 3 ? argv[1] : "bundle OUT FOLDER FILE...");
  qsort(argv + 3, (size_t)argc - 3, sizeof *argv, by_name);
  fprintf(out, "/* Made by tools/bundle.c. */\n#include \"bind/bundle.h\"\n");
  for (int at = 3; done && at < argc; at++)
    done = bundle_file(out, rows, at, argv[2], argv[at]);
  done = done && copy_rows(out, rows);
  fclose(rows);
  if (fclose(out) == 0 && done)
    return 0;
  remove(argv[1]);
  return 1;
}
