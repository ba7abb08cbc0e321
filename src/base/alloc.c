#include "base/alloc.h"

#include "base/check.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

/* Atomic because a post may come from any thread; relaxed because they order nothing.
 */
static atomic_uint_fast64_t live;
static atomic_uint_fast64_t fail_in; /* 0: never; 1: the next call fails */

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

static void count(int64_t blocks)
{
  atomic_fetch_add_explicit(&live, (uint64_t)blocks, memory_order_relaxed);
}

void *cro_alloc(size_t size)
{
  void *block;

  if (must_fail(size))
    return NULL;
  block = malloc(size);
  if (block != NULL)
    count(1);
  return block;
}

void *cro_alloc_zero(size_t size)
{
  void *block;

  if (must_fail(size))
    return NULL;
  block = calloc(1, size);
  if (block != NULL)
    count(1);
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
  if (block == NULL)
    return;
  count(-1);
  free(block);
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
