#include "base/alloc.h"

#include "base/check.h"

#include <stdlib.h>

static uint64_t live;
static uint64_t fail_in; /* 0: never; 1: the next call fails */

static int must_fail(void)
{
  return fail_in != 0 && --fail_in == 0;
}

void *cro_alloc(size_t size)
{
  void *block;

  cro_check(size > 0);
  if (must_fail())
    return NULL;
  block = malloc(size);
  if (block != NULL)
    live++;
  return block;
}

void *cro_alloc_zero(size_t size)
{
  void *block;

  cro_check(size > 0);
  if (must_fail())
    return NULL;
  block = calloc(1, size);
  if (block != NULL)
    live++;
  return block;
}

void *cro_realloc(void *block, size_t size)
{
  void *moved;

  if (block == NULL)
    return cro_alloc(size);
  cro_check(size > 0);
  if (must_fail())
    return NULL;
  moved = realloc(block, size);
  return moved;
}

void cro_free(void *block)
{
  if (block == NULL)
    return;
  live--;
  free(block);
}

uint64_t cro_alloc_live(void)
{
  return live;
}

void cro_alloc_fail_at(uint64_t n)
{
  fail_in = n;
}

void cro_alloc_init(void)
{
  const char *text = getenv("CRO_FAIL_ALLOC");

  if (text != NULL)
    cro_alloc_fail_at(strtoull(text, NULL, 10));
}
