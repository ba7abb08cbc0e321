/* bind/paths.h - where the program's own Lua files are.
 *
 * Found from the place of the executable, so that no environment variable is needed:
 * beside a build folder, in an installed prefix or in a luarocks tree; the source tree
 * this was built from is the last resort. Owns no memory; never reads a Lua file.
 */
#ifndef CRO_BIND_PATHS_H
#define CRO_BIND_PATHS_H

#include <limits.h>
#include <stdbool.h>

typedef struct lcro_paths {
  char lua[PATH_MAX];       /* the folder that holds cro/boot.lua */
  char native[2][PATH_MAX]; /* folders of C modules, "" for none */
} lcro_paths;

/* False when there is no cro/boot.lua at any of the places; out->lua names one that
 * was tried, for the message. */
bool lcro_paths_find(lcro_paths *out, const char *argv0);

#endif
