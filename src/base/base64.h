/* base/base64.h - RFC 4648, both alphabets, strict.
 *
 * Decoding accepts exactly what encoding produces: the right padding, no blanks, no
 * line ends, no stray bits. Two texts that decode to the same bytes are the same
 * text, so a decoded value may be compared where the text was signed.
 */
#ifndef CRO_BASE_BASE64_H
#define CRO_BASE_BASE64_H

#include "base/bytes.h"

typedef enum cro_base64 {
  CRO_BASE64_STANDARD, /* + and /, padded with = */
  CRO_BASE64_URL       /* - and _, without padding */
} cro_base64;

/* Length of the text for n bytes; n is at most SIZE_MAX / 2. */
size_t cro_base64_length(size_t n, cro_base64 alphabet);

/* Writes the text to `out`, which has room for cro_base64_length; returns its length.
 */
size_t cro_base64_encode(cro_bytes in, cro_base64 alphabet, char *out);

/* Writes the bytes to `out` (room for in.len / 4 * 3 + 2) and sets *len. CRO_E_SYNTAX
 * leaves *len alone and `out` undefined. */
int cro_base64_decode(cro_bytes in, cro_base64 alphabet, char *out, size_t *len);

#endif
