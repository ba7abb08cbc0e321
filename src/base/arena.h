/* base/arena.h - memory that lives as long as one request and goes in one call.
 *
 * Nothing in an arena is freed singly. Foreign things are tied to it with
 * cro_arena_defer: their clean-ups run when the arena is freed, last one first.
 * The first block is kept in a pool of freed arenas, so a request that fits one
 * block costs no call to the system allocator.
 *
 * An arena is held (protocol, handler, box) and goes when the last hold is let go.
 */
#ifndef CRO_BASE_ARENA_H
#define CRO_BASE_ARENA_H

#include "base/bytes.h"

#include <stdint.h>

typedef struct cro_arena cro_arena;

/* NULL when memory is out. One hold, the caller's. */
cro_arena *cro_arena_create(void);

/* One hold more, to be dropped by whoever took it. */
void cro_arena_hold(cro_arena *arena);

/* True when somebody besides the caller holds it. */
bool cro_arena_shared(const cro_arena *arena);

/* Lets one hold go; the last one runs the clean-ups and frees everything. */
void cro_arena_drop(cro_arena *arena);

/* Uninitialised, 16-byte aligned, or NULL. Lives until the arena goes. */
void *cro_arena_alloc(cro_arena *arena, size_t size);

/* A copy of `bytes`; CRO_E_NOMEM leaves *out alone. */
int cro_arena_copy(cro_arena *arena, cro_bytes bytes, cro_bytes *out);

/* Has fn(arg) called when the arena goes. 0 or CRO_E_NOMEM (then nothing is tied). */
int cro_arena_defer(cro_arena *arena, void (*fn)(void *arg), void *arg);

/* Bytes held by this arena, for limits and statistics. */
size_t cro_arena_size(const cro_arena *arena);

/* Gives the pooled blocks back to the system; at exit and in tests. */
void cro_arena_trim(void);

#endif
