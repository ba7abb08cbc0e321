/* base/text.h - the small grammars of Internet text: character classes, percent
 * encoding, hexadecimal, decimal numbers.
 *
 * ASCII only and never the C library's locale. Nothing is allocated unless a
 * cro_buf says so; decoders write to the caller's memory and say how much.
 */
#ifndef CRO_BASE_TEXT_H
#define CRO_BASE_TEXT_H

#include "base/buf.h"

/* Classes a byte can be in; combine with |. */
enum {
  CRO_CHAR_TOKEN = 1,       /* RFC 9110 tchar: methods, field names, parameters */
  CRO_CHAR_VALUE = 2,       /* in a field value: visible, SP, HTAB and 0x80 to 0xFF */
  CRO_CHAR_DIGIT = 4,       /* 0 to 9 */
  CRO_CHAR_HEX = 8,         /* 0 to 9, a to f, A to F */
  CRO_CHAR_UNRESERVED = 16, /* RFC 3986: letters, digits and -._~ */
  CRO_CHAR_PATH = 32,       /* in a path segment as it is: pchar without '%' */
  CRO_CHAR_QUERY = 64,      /* in a query as it is: pchar without '%', '/' and '?' */
  CRO_CHAR_ALPHA = 128      /* letters */
};

extern const uint8_t cro_char_classes[256];

/* The byte is in one of `classes` (CRO_CHAR_ bits). */
static inline bool cro_char_is(char c, unsigned classes)
{
  return (cro_char_classes[(unsigned char)c] & classes) != 0;
}

/* Every byte is in one of `classes`. True for no bytes at all. */
bool cro_text_all(cro_bytes in, unsigned classes);

/* A non-empty RFC 9110 token. */
bool cro_text_is_token(cro_bytes in);

/* An RFC 9110 field value: no control byte but HTAB, no blank at either end. */
bool cro_text_is_value(cro_bytes in);

/* Decimal digits only: no sign, no blank. CRO_E_SYNTAX for anything else or nothing,
 * CRO_E_LIMIT when the number does not fit; *out is untouched then. */
int cro_text_u64(cro_bytes in, uint64_t *out);

/* The same with an optional '-' before the digits. */
int cro_text_i64(cro_bytes in, int64_t *out);

/* Hexadecimal digits of either case, at least one, no prefix. Errors as above. */
int cro_text_hex64(cro_bytes in, uint64_t *out);

/* 0 to 15, or -1 for a byte that is no hexadecimal digit. */
int cro_hex_digit(char c);

/* Two lower-case digits per byte into `out`, which has room for 2 * in.len. */
void cro_hex_encode(cro_bytes in, char *out);

/* The reverse, either case; `out` has room for in.len / 2. CRO_E_SYNTAX for an odd
 * number of digits or a byte that is none; what `out` holds is undefined then. */
int cro_hex_decode(cro_bytes in, char *out);

enum {
  CRO_PERCENT_PLUS = 1, /* '+' is a space: queries and forms, never paths */
  CRO_PERCENT_TEXT = 2  /* the result must be UTF-8 without a NUL */
};

/* Decodes %XX into `out` (room for in.len; may be in.at itself) and sets *len.
 * CRO_E_SYNTAX for a '%' without two digits, or a result that is no text where
 * CRO_PERCENT_TEXT asks for it; *len is untouched then. */
int cro_percent_decode(cro_bytes in, unsigned flags, char *out, size_t *len);

/* True when decoding would change `in`: then, and only then, memory is needed. */
bool cro_percent_needed(cro_bytes in, unsigned flags);

/* Appends `in` with every byte outside of the classes `keep` as %XX (upper case).
 * CRO_CHAR_UNRESERVED is right for anything; a space becomes %20, never '+'.
 * 0 or CRO_E_NOMEM with `out` unchanged. */
int cro_percent_encode(cro_buf *out, cro_bytes in, unsigned keep);

#endif
