/* bind/memory.h - the Lua state's memory: counted, and limited.
 *
 * Wraps the allocator LuaJIT brings (the C library's under sanitizers, so that they
 * see each block). Over the limit an allocation fails, which a script meets as the
 * ordinary error "not enough memory". LuaJIT never collects because of that, and by
 * itself only when the heap has doubled: whoever enters Lua asks lcro_memory_tight and
 * has lcro_memory_relieve collect, or garbage would fill what is left. The struct must
 * outlive the state.
 *
 * Small blocks that Lua frees are kept, up to a bound, for the next ones of their size:
 * LuaJIT's allocator joins each with its neighbours, only to cut it off again for the
 * next request.
 */
#ifndef CRO_BIND_MEMORY_H
#define CRO_BIND_MEMORY_H

#include "bind/lua_api.h"

enum { lcro_memory_classes = 17 };

/* A block that is free. */
typedef struct lcro_kept {
  struct lcro_kept *next;
} lcro_kept;

typedef struct lcro_memory {
  lua_Alloc inner;
  void *inner_arg;
  lcro_kept *kept[lcro_memory_classes + 1]; /* free blocks by size */
  size_t kept_bytes;
  size_t small; /* of up to so many bytes they are kept; 0: none are */
  size_t used;  /* bytes */
  size_t limit; /* bytes; see lcro_memory_set_limit */
  size_t spare; /* bytes over the limit for whoever has to say that it was reached */
  size_t alarm; /* above this many bytes the garbage is due */
} lcro_memory;

/* 512 MiB: room for any honest service, and the process dies of a script's leak
 * before the machine does. */
enum { lcro_memory_default = 512 * 1024 * 1024 };

/* A state without libraries, or NULL. */
lua_State *lcro_memory_open(lcro_memory *memory, size_t limit);

/* May be called at any time. */
void lcro_memory_set_limit(lcro_memory *memory, size_t limit);

/* Is the heap so near its limit that it is to be collected? NULL: never. */
static inline bool lcro_memory_tight(const lcro_memory *memory)
{
  return memory != NULL && memory->used > memory->alarm;
}

/* Collects all garbage and has the collector begin sooner from now on. May raise what a
 * finaliser raises; allocates nothing itself. */
void lcro_memory_relieve(lcro_memory *memory, lua_State *L);

/* lua_close, with LuaJIT's own allocator back in its place. */
void lcro_memory_close(lcro_memory *memory, lua_State *L);

/* "1048576", "512M", "2G", "64k" -> bytes. False for anything else, 0, and what
 * does not fit. */
bool lcro_memory_parse(const char *text, size_t *out);

#endif
