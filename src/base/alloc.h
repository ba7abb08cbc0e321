/* base/alloc.h - the only allocator of the core.
 *
 * It counts live blocks and can be told to fail: the n-th call after
 * cro_alloc_fail_at(n), or after CRO_FAIL_ALLOC=n in the environment, returns
 * NULL once. Everything that allocates answers CRO_E_NOMEM then; nothing aborts.
 * Every function may be called from any thread.
 */
#ifndef CRO_BASE_ALLOC_H
#define CRO_BASE_ALLOC_H

#include <stddef.h>
#include <stdint.h>

/* Uninitialised memory, or NULL. size 0 is a fault of the caller. */
void *cro_alloc(size_t size);

/* The same, zeroed. */
void *cro_alloc_zero(size_t size);

/* As realloc(3); the old block stays valid when NULL comes back. */
void *cro_realloc(void *block, size_t size);

/* NULL is allowed. */
void cro_free(void *block);

/* Live blocks now: zero at the end of a clean run. */
uint64_t cro_alloc_live(void);

/* The n-th call from now fails, once: n = 1 is the next one, 0 none. Tests only. */
void cro_alloc_fail_at(uint64_t n);

/* Reads CRO_FAIL_ALLOC; called once by the program's start. */
void cro_alloc_init(void);

/* Gives what is free back to the system, where the allocator below can. Slow: after a
 * crowd has left, not in between. */
void cro_alloc_trim(void);

#endif
