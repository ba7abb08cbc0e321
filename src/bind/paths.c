#include "bind/paths.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef __APPLE__
#include <mach-o/dyld.h>
#endif

/* Installed beside bin/: the plain layout first, then the multiarch folder that
 * CMake chose. */
#ifndef CRO_INSTALL_LIBDIR
#define CRO_INSTALL_LIBDIR "lib"
#endif
#ifndef CRO_SOURCE_LUA
#define CRO_SOURCE_LUA ""
#endif

static bool from_link(char out[PATH_MAX], const char *link)
{
  ssize_t n = readlink(link, out, PATH_MAX - 1);

  if (n <= 0)
    return false;
  out[n] = '\0';
  return true;
}

/* What the system itself knows about the running file. */
static bool from_system(char out[PATH_MAX])
{
#ifdef __APPLE__
  char path[PATH_MAX];
  uint32_t size = sizeof path;

  return _NSGetExecutablePath(path, &size) == 0 && realpath(path, out) != NULL;
#else
  return from_link(out, "/proc/self/exe") || from_link(out, "/proc/curproc/file") ||
         from_link(out, "/proc/curproc/exe");
#endif
}

/* As the shell found it. */
static bool from_search_path(char out[PATH_MAX], const char *name)
{
  const char *path = getenv("PATH");

  while (path != NULL && *path != '\0') {
    size_t length = strcspn(path, ":");
    char candidate[PATH_MAX];
    int n = snprintf(candidate, sizeof candidate, "%.*s/%s", (int)length, path, name);

    if (n > 0 && n < PATH_MAX && access(candidate, X_OK) == 0)
      return realpath(candidate, out) != NULL;
    path += length;
    path += *path == ':';
  }
  return false;
}

static bool executable(char out[PATH_MAX], const char *argv0)
{
  if (from_system(out))
    return true;
  if (argv0 == NULL)
    return false;
  if (strchr(argv0, '/') != NULL)
    return realpath(argv0, out) != NULL;
  return from_search_path(out, argv0);
}

/* Joins and tidies a path ("/a/b/../c" -> "/a/c"); false when there is no such
 * folder. */
static bool folder(char out[PATH_MAX], const char *base, const char *more)
{
  char joined[PATH_MAX];
  int n = snprintf(joined, sizeof joined, "%s/%s", base, more);

  return n > 0 && n < PATH_MAX && realpath(joined, out) != NULL;
}

static bool has_boot(const char *tree)
{
  char resolved[PATH_MAX];

  return folder(resolved, tree, "cro/boot.lua");
}

static bool in_build_tree(lcro_paths *out, const char *dir)
{
  if (!folder(out->lua, dir, "../lua") || !has_boot(out->lua))
    return false;
  snprintf(out->native[0], PATH_MAX, "%s", dir);
  return true;
}

static bool in_prefix(lcro_paths *out, const char *dir)
{
  if (!folder(out->lua, dir, "../share/lua/5.1") || !has_boot(out->lua))
    return false;
  if (!folder(out->native[0], dir, "../lib/lua/5.1"))
    out->native[0][0] = '\0';
  if (strcmp(CRO_INSTALL_LIBDIR, "lib") == 0 ||
      !folder(out->native[1], dir, "../" CRO_INSTALL_LIBDIR "/lua/5.1"))
    out->native[1][0] = '\0';
  return true;
}

static bool in_source_tree(lcro_paths *out)
{
  if (CRO_SOURCE_LUA[0] == '\0' || !has_boot(CRO_SOURCE_LUA))
    return false;
  snprintf(out->lua, PATH_MAX, "%s", CRO_SOURCE_LUA);
  return true;
}

bool lcro_paths_find(lcro_paths *out, const char *argv0)
{
  char dir[PATH_MAX] = ".";

  memset(out, 0, sizeof *out);
  if (executable(dir, argv0))
    *strrchr(dir, '/') = '\0';
  if (in_build_tree(out, dir) || in_prefix(out, dir) || in_source_tree(out))
    return true;
  if (snprintf(out->lua, PATH_MAX, "%s/../share/lua/5.1", dir) >= PATH_MAX)
    out->lua[0] = '\0';
  return false;
}
