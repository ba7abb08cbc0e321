#include "base/text.h"

#include "base/err.h"
#include "base/utf8.h"

enum {
  blank = CRO_CHAR_VALUE, /* HTAB, SP and what only a field value may hold */
  obs = CRO_CHAR_VALUE,   /* RFC 9110 obs-text */
  token = CRO_CHAR_TOKEN | CRO_CHAR_VALUE,
  query = CRO_CHAR_VALUE | CRO_CHAR_QUERY,
  path = query | CRO_CHAR_PATH,
  both = token | path, /* sub-delims that are token characters too */
  mark = both | CRO_CHAR_UNRESERVED,
  alpha = mark | CRO_CHAR_ALPHA,
  hex = alpha | CRO_CHAR_HEX,
  digit = mark | CRO_CHAR_DIGIT | CRO_CHAR_HEX
};

/* clang-format off */
const uint8_t cro_char_classes[256] = {
  ['\t'] = blank, [' '] = blank, ['"'] = blank, ['<'] = blank, ['>'] = blank,
  ['['] = blank, ['\\'] = blank, [']'] = blank, ['{'] = blank, ['}'] = blank,
  ['#'] = token, ['%'] = token, ['^'] = token, ['`'] = token, ['|'] = token,
  ['/'] = query, ['?'] = query,
  ['('] = path, [')'] = path, [','] = path, [';'] = path, ['='] = path,
  [':'] = path, ['@'] = path,
  ['!'] = both, ['$'] = both, ['&'] = both, ['\''] = both, ['*'] = both, ['+'] = both,
  ['-'] = mark, ['.'] = mark, ['_'] = mark, ['~'] = mark,
  ['0' ... '9'] = digit,
  ['A' ... 'F'] = hex, ['G' ... 'Z'] = alpha,
  ['a' ... 'f'] = hex, ['g' ... 'z'] = alpha,
  [0x80 ... 0xFF] = obs,
};
/* clang-format on */

bool cro_text_all(cro_bytes in, unsigned classes)
{
  for (size_t i = 0; i < in.len; i++)
    if (!cro_char_is(in.at[i], classes))
      return false;
  return true;
}

bool cro_text_is_token(cro_bytes in)
{
  return in.len > 0 && cro_text_all(in, CRO_CHAR_TOKEN);
}

bool cro_text_is_value(cro_bytes in)
{
  return cro_bytes_trim(in).len == in.len && cro_text_all(in, CRO_CHAR_VALUE);
}

int cro_text_u64(cro_bytes in, uint64_t *out)
{
  uint64_t number = 0;
  bool fits = true;

  if (in.len == 0 || !cro_text_all(in, CRO_CHAR_DIGIT))
    return CRO_E_SYNTAX;
  for (size_t i = 0; i < in.len && fits; i++)
    fits = !__builtin_mul_overflow(number, 10, &number) &&
           !__builtin_add_overflow(number, (uint64_t)(in.at[i] - '0'), &number);
  if (!fits)
    return CRO_E_LIMIT;
  *out = number;
  return 0;
}

int cro_text_i64(cro_bytes in, int64_t *out)
{
  bool negative = in.len > 0 && in.at[0] == '-';
  uint64_t size;
  int rc;

  if (negative)
    cro_bytes_take(&in, 1);
  rc = cro_text_u64(in, &size);
  if (rc != 0)
    return rc;
  if (size > (uint64_t)INT64_MAX + (negative ? 1 : 0))
    return CRO_E_LIMIT;
  *out = (int64_t)(negative ? 0 - size : size);
  return 0;
}

int cro_hex_digit(char c)
{
  if (!cro_char_is(c, CRO_CHAR_HEX))
    return -1;
  return c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
}

int cro_text_hex64(cro_bytes in, uint64_t *out)
{
  uint64_t number = 0;

  if (in.len == 0 || !cro_text_all(in, CRO_CHAR_HEX))
    return CRO_E_SYNTAX;
  for (size_t i = 0; i < in.len; i++) {
    if (number >> 60 != 0)
      return CRO_E_LIMIT;
    number = number << 4 | (uint64_t)cro_hex_digit(in.at[i]);
  }
  *out = number;
  return 0;
}

void cro_hex_encode(cro_bytes in, char *out)
{
  for (size_t i = 0; i < in.len; i++) {
    unsigned char byte = (unsigned char)in.at[i];

    *out++ = "0123456789abcdef"[byte >> 4];
    *out++ = "0123456789abcdef"[byte & 15];
  }
}

/* The byte two digits name, or -1. */
static int hex_byte(const char *at)
{
  int high = cro_hex_digit(at[0]);
  int low = cro_hex_digit(at[1]);

  return high < 0 || low < 0 ? -1 : high << 4 | low;
}

int cro_hex_decode(cro_bytes in, char *out)
{
  if (in.len % 2 != 0)
    return CRO_E_SYNTAX;
  for (size_t i = 0; i < in.len; i += 2) {
    int byte = hex_byte(in.at + i);

    if (byte < 0)
      return CRO_E_SYNTAX;
    *out++ = (char)byte;
  }
  return 0;
}

static bool is_text(cro_bytes in)
{
  return cro_bytes_find(in, '\0') == in.len && cro_utf8_ok(in);
}

int cro_percent_decode(cro_bytes in, unsigned flags, char *out, size_t *len)
{
  size_t n = 0;

  for (size_t i = 0; i < in.len; i++) {
    int byte = (unsigned char)in.at[i];

    if (byte == '%') {
      byte = in.len - i > 2 ? hex_byte(in.at + i + 1) : -1;
      if (byte < 0)
        return CRO_E_SYNTAX;
      i += 2;
    } else if (byte == '+' && (flags & CRO_PERCENT_PLUS) != 0) {
      byte = ' ';
    }
    out[n++] = (char)byte;
  }
  if ((flags & CRO_PERCENT_TEXT) != 0 && !is_text((cro_bytes){ out, n }))
    return CRO_E_SYNTAX;
  *len = n;
  return 0;
}

bool cro_percent_needed(cro_bytes in, unsigned flags)
{
  return cro_bytes_find(in, '%') < in.len ||
         ((flags & CRO_PERCENT_PLUS) != 0 && cro_bytes_find(in, '+') < in.len);
}

int cro_percent_encode(cro_buf *out, cro_bytes in, unsigned keep)
{
  size_t len = out->len;
  int rc;

  if (in.len > SIZE_MAX / 6)
    return CRO_E_NOMEM;
  rc = cro_buf_reserve(out, in.len * 3);
  if (rc != 0)
    return rc;
  for (size_t i = 0; i < in.len; i++) {
    unsigned char byte = (unsigned char)in.at[i];

    if (cro_char_is(in.at[i], keep)) {
      out->at[len++] = in.at[i];
      continue;
    }
    out->at[len++] = '%';
    out->at[len++] = "0123456789ABCDEF"[byte >> 4];
    out->at[len++] = "0123456789ABCDEF"[byte & 15];
  }
  out->len = len;
  return 0;
}
