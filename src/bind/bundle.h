/* bind/bundle.h - the program's own Lua files as bytecode, for a quick start.
 *
 * The build compiles the files of lua/ (tools/bundle.c) and puts the bytecode into
 * `crolua`. A file is still looked for along package.path, for the bytecode runs only
 * where the file found is the program's own and is what was compiled: its size and time
 * are those of the compiled file, or (installed copies) its bytes are. An edited file,
 * or another one that package.path names first, is loaded as ever. What runs says of
 * itself (chunk name, lines) what the source would say.
 *
 * Owns nothing: bundles are constants of the program, and the folder of the Lua files
 * outlives the Lua state. Never decides where that folder is; that is bind/paths.h.
 */
#ifndef CRO_BIND_BUNDLE_H
#define CRO_BIND_BUNDLE_H

#include "base/bytes.h"

#include <stddef.h>
#include <stdint.h>

struct lua_State;
struct stat;

enum {
  LCRO_BUNDLE_SOURCE = 64 * 1024, /* a source is smaller, or is not bundled */
  LCRO_BUNDLE_HEAD = 5,           /* what precedes the chunk name in LuaJIT's dumps */
};

typedef struct lcro_bundled {
  const char *file;     /* within the folder: "cro/http/router.lua" */
  int64_t source_time;  /* of the last change, in nanoseconds */
  uint64_t source_hash; /* lcro_bundle_hash of what was compiled */
  uint32_t source_size;
  uint32_t size;       /* of code */
  const uint8_t *code; /* a dump with its debug information, the chunk name cut out */
} lcro_bundled;

typedef struct lcro_bundle {
  const lcro_bundled *files; /* in the order of strcmp */
  size_t count;
} lcro_bundle;

/* A bundle, and the folder that it was made of or a copy of that. */
typedef struct lcro_bundle_place {
  const lcro_bundle *bundle; /* NULL for none */
  const char *tree;
} lcro_bundle_place;

/* Of a source. Another hash is another source, and (by 64 bits) the other way round. */
uint64_t lcro_bundle_hash(cro_bytes source);

/* When a file was last changed, in nanoseconds. */
int64_t lcro_bundle_time(const struct stat *file);

/* Pushes the chunk of <tree>/<file>, from bytecode or else from the source. Not 0: a
 * message is pushed, as luaL_loadfile does. */
int lcro_bundle_load(struct lua_State *L, const lcro_bundle_place *place,
                     const char *file);

/* Has `require` find the bundle: the searcher of Lua files (package.loaders[2]) asks it
 * first. `place` has to outlive the state. */
void lcro_bundle_install(struct lua_State *L, const lcro_bundle_place *place);

#endif
