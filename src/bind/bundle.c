#include "bind/bundle.h"

#include "base/siphash.h"
#include "bind/lua_api.h"

#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

uint64_t lcro_bundle_hash(cro_bytes source)
{
  static const uint8_t key[16] = "the Lua sources";

  return cro_siphash(key, source);
}

int64_t lcro_bundle_time(const struct stat *file)
{
#ifdef __APPLE__
  const struct timespec *at = &file->st_mtimespec;
#else
  const struct timespec *at = &file->st_mtim;
#endif

  return (int64_t)at->tv_sec * 1000000000 + at->tv_nsec;
}

static int by_file(const void *name, const void *entry)
{
  return strcmp(name, ((const lcro_bundled *)entry)->file);
}

/* The entry for a path below the tree, whatever the file there holds. */
static const lcro_bundled *find(const lcro_bundle_place *place, const char *path)
{
  size_t n = strlen(place->tree);

  if (place->bundle == NULL || strncmp(path, place->tree, n) != 0 || path[n] != '/')
    return NULL;
  return bsearch(path + n + 1, place->bundle->files, place->bundle->count,
                 sizeof(lcro_bundled), by_file);
}

/* Reads it: one byte more than is wanted tells a file that has grown. */
static bool holds_source(const char *path, const lcro_bundled *it)
{
  char source[LCRO_BUNDLE_SOURCE];
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  ssize_t n = fd < 0 ? -1 : read(fd, source, it->source_size + 1u);

  if (fd >= 0)
    close(fd);
  if (n < 0 || (size_t)n != it->source_size)
    return false;
  return lcro_bundle_hash((cro_bytes){ source, (size_t)n }) == it->source_hash;
}

static bool is_as_compiled(const char *path, const struct stat *found,
                           const lcro_bundled *it)
{
  if (found->st_size != (off_t)it->source_size)
    return false;
  return lcro_bundle_time(found) == it->source_time || holds_source(path, it);
}

/* --- running bytecode under the name of the file it stands for ------------------- */

typedef struct pieces {
  struct {
    const void *data;
    size_t size;
  } piece[3];
  unsigned next;
} pieces;

static const char *next_piece(lua_State *L, void *state, size_t *size)
{
  pieces *self = state;

  (void)L;
  if (self->next == 3)
    return NULL;
  *size = self->piece[self->next].size;
  return self->piece[self->next++].data;
}

/* A length as LuaJIT writes it: seven bits a byte, the lowest first. */
static size_t write_length(uint8_t *out, size_t length)
{
  size_t n = 0;

  for (; length >= 0x80; length >>= 7)
    out[n++] = (uint8_t)(length | 0x80);
  out[n++] = (uint8_t)length;
  return n;
}

/* Pushes the chunk, or leaves the stack as it was: another LuaJIT than the one that
 * compiled refuses by the version in the head. */
static bool load_code(lua_State *L, const lcro_bundled *it, const char *path)
{
  char chunk[PATH_MAX + 8], name[PATH_MAX + 8];
  size_t n = strlen(path) + 1, at;

  if (n > PATH_MAX)
    return false;
  chunk[0] = '@';
  memcpy(chunk + 1, path, n);
  at = write_length((uint8_t *)name, n);
  memcpy(name + at, chunk, n);

  pieces all = { .piece = {
                     { it->code, LCRO_BUNDLE_HEAD },
                     { name, at + n },
                     { it->code + LCRO_BUNDLE_HEAD, it->size - LCRO_BUNDLE_HEAD } } };
  if (lua_load(L, next_piece, &all, chunk) == 0)
    return true;
  lua_pop(L, 1);
  return false;
}

/* Pushes the chunk of a file that is there, when there is bytecode for it. */
static bool load_found(lua_State *L, const lcro_bundle_place *place, const char *path,
                       const struct stat *found)
{
  const lcro_bundled *it = find(place, path);

  return it != NULL && is_as_compiled(path, found, it) && load_code(L, it, path);
}

int lcro_bundle_load(lua_State *L, const lcro_bundle_place *place, const char *file)
{
  const char *path = lua_pushfstring(L, "%s/%s", place->tree, file);
  struct stat found;
  int rc = 0;

  if (stat(path, &found) != 0 || !load_found(L, place, path, &found))
    rc = luaL_loadfile(L, path);
  lua_remove(L, -2);
  return rc;
}

/* --- require --------------------------------------------------------------------- */

/* One template of package.path with the name put in; false when that is too long. */
static bool fill_in(char out[PATH_MAX], const char *template, size_t length,
                    const char *name)
{
  size_t n = 0, name_length = strlen(name);

  for (size_t at = 0; at < length; at++) {
    size_t more = template[at] == '?' ? name_length : 1;

    if (n + more >= PATH_MAX)
      return false;
    memcpy(out + n, template[at] == '?' ? name : template + at, more);
    n += more;
  }
  out[n] = '\0';
  return true;
}

/* The file that the stock searcher would load. False: none, or that is left to it. */
static bool find_first(char out[PATH_MAX], struct stat *found, const char *templates,
                       const char *name)
{
  while (*templates != '\0') {
    size_t length = strcspn(templates, ";");

    if (!fill_in(out, templates, length, name))
      return false;
    if (length > 0 && stat(out, found) == 0)
      return true;
    templates += length;
    templates += *templates == ';';
  }
  return false;
}

static bool load_required(lua_State *L, const lcro_bundle_place *place,
                          const char *module, const char *templates)
{
  char path[PATH_MAX], name[128];
  size_t n = strlen(module);
  struct stat found;

  if (strncmp(module, "cro", 3) != 0 || n >= sizeof name)
    return false;
  for (size_t at = 0; at <= n; at++)
    name[at] = module[at] == '.' ? '/' : module[at];
  return find_first(path, &found, templates, name) &&
         load_found(L, place, path, &found);
}

/* Upvalues: the place, the stock searcher, `package`. */
static int l_search(lua_State *L)
{
  const lcro_bundle_place *place = lua_touserdata(L, lua_upvalueindex(1));

  lua_settop(L, 1);
  lua_getfield(L, lua_upvalueindex(3), "path");
  if (lua_type(L, 1) == LUA_TSTRING && lua_type(L, 2) == LUA_TSTRING &&
      load_required(L, place, lua_tostring(L, 1), lua_tostring(L, 2)))
    return 1;
  lua_settop(L, 1);
  lua_pushvalue(L, lua_upvalueindex(2));
  lua_insert(L, 1);
  lua_call(L, 1, LUA_MULTRET);
  return lua_gettop(L);
}

void lcro_bundle_install(lua_State *L, const lcro_bundle_place *place)
{
  lua_getglobal(L, "package");
  lua_getfield(L, -1, "loaders");
  lua_pushlightuserdata(L, (void *)(uintptr_t)place);
  lua_rawgeti(L, -2, 2);
  lua_pushvalue(L, -4);
  lua_pushcclosure(L, l_search, 3);
  lua_rawseti(L, -2, 2);
  lua_pop(L, 2);
}
