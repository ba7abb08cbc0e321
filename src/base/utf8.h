/* base/utf8.h - UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing
 * above U+10FFFF.
 *
 * The check is incremental: input may be cut anywhere, also inside a character, and
 * a fault is reported with the first byte that cannot be right.
 */
#ifndef CRO_BASE_UTF8_H
#define CRO_BASE_UTF8_H

#include "base/bytes.h"

#include <stdint.h>

/* All zero: between two characters. */
typedef struct cro_utf8 {
  uint8_t need;      /* continuation bytes still to come */
  uint8_t low, high; /* range of the next one, when need > 0 */
} cro_utf8;

/* False when `in` cannot continue what came before; the state is then of no use. */
bool cro_utf8_push(cro_utf8 *state, cro_bytes in);

/* True when no character is unfinished. */
static inline bool cro_utf8_complete(const cro_utf8 *state)
{
  return state->need == 0;
}

/* The whole of `in` is UTF-8. */
bool cro_utf8_ok(cro_bytes in);

/* Length of the longest prefix that is whole, valid characters. */
size_t cro_utf8_prefix(cro_bytes in);

/* The bytes of one code point (1 to 4), or 0 for one that has no encoding. */
size_t cro_utf8_encode(uint32_t code_point, char out[4]);

#endif
