#include "base/base64.h"

#include "base/err.h"

#include <stdint.h>

static const char alphabets[2][65] = {
  [CRO_BASE64_STANDARD] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                          "0123456789+/",
  [CRO_BASE64_URL] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                     "0123456789-_",
};

size_t cro_base64_length(size_t n, cro_base64 alphabet)
{
  size_t rest = n % 3;

  if (rest == 0)
    return n / 3 * 4;
  return n / 3 * 4 + (alphabet == CRO_BASE64_URL ? rest + 1 : 4);
}

/* Up to three bytes as one number, the first highest, missing ones zero. */
static uint32_t group(cro_bytes in)
{
  uint32_t bits = 0;

  for (size_t i = 0; i < 3; i++)
    bits = bits << 8 | (i < in.len ? (unsigned char)in.at[i] : 0);
  return bits;
}

size_t cro_base64_encode(cro_bytes in, cro_base64 alphabet, char *out)
{
  size_t length = cro_base64_length(in.len, alphabet);
  size_t at = 0;

  while (in.len > 0) {
    cro_bytes part = cro_bytes_take(&in, 3);
    uint32_t bits = group(part);

    for (size_t i = 0; i < 4 && at < length; i++)
      out[at++] = i <= part.len ? alphabets[alphabet][bits >> (18 - 6 * i) & 63] : '=';
  }
  return length;
}

static int value_of(char c, cro_base64 alphabet)
{
  if (c >= 'A' && c <= 'Z')
    return c - 'A';
  if (c >= 'a' && c <= 'z')
    return c - 'a' + 26;
  if (c >= '0' && c <= '9')
    return c - '0' + 52;
  if (c == alphabets[alphabet][62])
    return 62;
  return c == alphabets[alphabet][63] ? 63 : -1;
}

/* Takes the padding off; false when there is too little or too much of it. */
static bool unpad(cro_bytes *in)
{
  if (in->len % 4 != 0)
    return false;
  for (int i = 0; i < 2 && in->len > 0 && in->at[in->len - 1] == '='; i++)
    in->len--;
  return true;
}

/* Two to four characters into one to three bytes; false for a character that is none
 * or bits that encoding would have left zero. */
static bool decode_group(cro_bytes part, cro_base64 alphabet, char *out)
{
  uint32_t bits = 0;

  for (size_t i = 0; i < 4; i++) {
    int value = i < part.len ? value_of(part.at[i], alphabet) : 0;

    if (value < 0)
      return false;
    bits = bits << 6 | (uint32_t)value;
  }
  for (size_t i = 0; i + 1 < part.len; i++)
    out[i] = (char)(bits >> (16 - 8 * i));
  return part.len == 4 || (bits & (part.len == 3 ? 0xFF : 0xFFFF)) == 0;
}

int cro_base64_decode(cro_bytes in, cro_base64 alphabet, char *out, size_t *len)
{
  size_t n = 0;

  if (alphabet == CRO_BASE64_STANDARD && !unpad(&in))
    return CRO_E_SYNTAX;
  if (in.len % 4 == 1)
    return CRO_E_SYNTAX;
  while (in.len > 0) {
    cro_bytes part = cro_bytes_take(&in, 4);

    if (!decode_group(part, alphabet, out + n))
      return CRO_E_SYNTAX;
    n += part.len - 1;
  }
  *len = n;
  return 0;
}
