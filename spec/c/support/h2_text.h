/* support/h2_text.h - text that grows, in memory that is not the core's: a test may let
 * the core's run out. An all-zero one is empty.
 */
#ifndef CRO_SPEC_SUPPORT_H2_TEXT_H
#define CRO_SPEC_SUPPORT_H2_TEXT_H

#include "base/bytes.h"

#include <stdint.h>

typedef struct h2_text {
  char *at;
  size_t len, cap;
} h2_text;

void h2_text_add(h2_text *text, cro_bytes bytes);
void h2_text_say(h2_text *text, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* The lowest `bytes` bytes of a number, the highest first. */
void h2_text_uint(h2_text *text, uint64_t number, int bytes);
/* Drops the first `n` bytes. */
void h2_text_drop(h2_text *text, size_t n);
void h2_text_free(h2_text *text);

static inline cro_bytes h2_text_bytes(const h2_text *text)
{
  return (cro_bytes){ text->at, text->len };
}

#endif
