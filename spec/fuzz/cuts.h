/* cuts.h - where a driver cuts its input in two: at every byte when the corpus is
 * replayed, at a few places while there are many inputs a second to try. */
#ifndef CRO_SPEC_FUZZ_CUTS_H
#define CRO_SPEC_FUZZ_CUTS_H

#include <stddef.h>

#ifdef CRO_FUZZ_EVERY_CUT
static inline size_t cuts_of(size_t len)
{
  return len;
}

static inline size_t cut_at(size_t i, size_t len, unsigned seed)
{
  (void)len;
  (void)seed;
  return i;
}
#else
static inline size_t cuts_of(size_t len)
{
  return len < 3 ? len : 3;
}

static inline size_t cut_at(size_t i, size_t len, unsigned seed)
{
  return (seed * 257 + i * 7919 + len * 31) % len;
}
#endif

#endif
