#include "base/alloc.h"

#include "base/check.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#ifdef __GLIBC__
#include <malloc.h>
#endif

/* Atomic because a post may come from any thread; relaxed because they order nothing.
 */
static atomic_uint_fast64_t live;
static atomic_uint_fast64_t fail_in; /* 0: never; 1: the next call fails */

static atomic_uint_fast64_t peak; /* of live, since memory was last given back */

/* Below this many blocks a peak is not worth a walk over the heap. */
enum { worth_trimming = 4096 };

/* A size above PTRDIFF_MAX is a sum that overflowed, not a wish. */
static bool must_fail(size_t size)
{
  cro_check(size > 0);
  if (size > PTRDIFF_MAX)
    return true;
  if (atomic_load_explicit(&fail_in, memory_order_relaxed) == 0)
    return false;
  return atomic_fetch_sub_explicit(&fail_in, 1, memory_order_relaxed) == 1;
}

static void count_new(void)
{
  uint64_t now = atomic_fetch_add_explicit(&live, 1, memory_order_relaxed) + 1;

  /* Two threads may lose a peak to each other: it is only a hint. */
  if (now > atomic_load_explicit(&peak, memory_order_relaxed))
    atomic_store_explicit(&peak, now, memory_order_relaxed);
}

/* The C library keeps what is freed in the middle of its heap. After a storm of
 * connections that is most of the process, so it is handed back when three quarters of
 * the blocks are gone: once per storm, never in a steady state. */
static void give_back(uint64_t now)
{
  atomic_store_explicit(&peak, now, memory_order_relaxed);
#ifdef __GLIBC__
  malloc_trim(0);
#endif
}

void *cro_alloc(size_t size)
{
  void *block;

  if (must_fail(size))
    return NULL;
  block = malloc(size);
  if (block != NULL)
    count_new();
  return block;
}

void *cro_alloc_zero(size_t size)
{
  void *block;

  if (must_fail(size))
    return NULL;
  block = calloc(1, size);
  if (block != NULL)
    count_new();
  return block;
}

void *cro_realloc(void *block, size_t size)
{
  if (block == NULL)
    return cro_alloc(size);
  if (must_fail(size))
    return NULL;
  return realloc(block, size);
}

void cro_free(void *block)
{
  uint64_t now, high;

  if (block == NULL)
    return;
  free(block);
  now = atomic_fetch_sub_explicit(&live, 1, memory_order_relaxed) - 1;
  high = atomic_load_explicit(&peak, memory_order_relaxed);
  if (high > worth_trimming && now < high / 4)
    give_back(now);
}

uint64_t cro_alloc_live(void)
{
  return atomic_load_explicit(&live, memory_order_relaxed);
}

void cro_alloc_fail_at(uint64_t n)
{
  atomic_store_explicit(&fail_in, n, memory_order_relaxed);
}

void cro_alloc_init(void)
{
  const char *text = getenv("CRO_FAIL_ALLOC");

  if (text != NULL)
    cro_alloc_fail_at(strtoull(text, NULL, 10));
}

void cro_alloc_trim(void)
{
#ifdef __GLIBC__
  (void)malloc_trim(0);
#endif
}
