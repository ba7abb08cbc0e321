/* stretch.h - the work grows with the length of the input, not with its square.
 *
 * A driver repeats a few of its inputs to a length at which a parser that looks back
 * over what it has read would need minutes, and checks the processor time.
 */
#ifndef CRO_SPEC_FUZZ_STRETCH_H
#define CRO_SPEC_FUZZ_STRETCH_H

#include "base/buf.h"
#include "base/check.h"

#include <time.h>

enum { stretch_bytes = 1 << 19, stretch_seconds = 2, stretch_one_in = 1024 };

/* Every so manieth input, by its bytes: a run is repeatable. */
static inline bool stretch_due(const uint8_t *data, size_t size)
{
  uint32_t hash = 2166136261u;

  for (size_t i = 0; i < size; i++)
    hash = (hash ^ data[i]) * 16777619u;
  return size > 0 && (hash >> 16) % stretch_one_in == 0;
}

/* Appends `unit` and `glue` in turn until there is enough; returns how often. */
static inline size_t stretch(cro_buf *out, cro_bytes unit, cro_bytes glue)
{
  size_t times = 0;

  for (; out->len < stretch_bytes && unit.len + glue.len > 0; times++)
    cro_check(cro_buf_add(out, unit) == 0 && cro_buf_add(out, glue) == 0);
  return times;
}

static inline void stretch_check(clock_t begun)
{
  cro_check(clock() - begun < (clock_t)stretch_seconds * CLOCKS_PER_SEC);
}

#endif
