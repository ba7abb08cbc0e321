#include "base/utf8.h"

/* The second byte is where overlong forms, surrogates and too high code points show:
 * its range depends on the first (RFC 3629, section 4). */
static bool start(cro_utf8 *state, unsigned char c)
{
  if (c < 0xC2 || c > 0xF4)
    return c < 0x80;
  state->need = (uint8_t)(c < 0xE0 ? 1 : c < 0xF0 ? 2 : 3);
  state->low = c == 0xE0 ? 0xA0 : c == 0xF0 ? 0x90 : 0x80;
  state->high = c == 0xED ? 0x9F : c == 0xF4 ? 0x8F : 0xBF;
  return true;
}

static bool step(cro_utf8 *state, unsigned char c)
{
  if (state->need == 0)
    return start(state, c);
  if (c < state->low || c > state->high)
    return false;
  state->need--;
  state->low = 0x80;
  state->high = 0xBF;
  return true;
}

/* Eight ASCII bytes at `at`: by far the common case. */
static bool ascii8(const char *at)
{
  uint64_t word;

  memcpy(&word, at, sizeof word);
  return (word & UINT64_C(0x8080808080808080)) == 0;
}

bool cro_utf8_push(cro_utf8 *state, cro_bytes in)
{
  size_t i = 0;

  while (i < in.len) {
    if (state->need == 0 && in.len - i >= 8 && ascii8(in.at + i)) {
      i += 8;
      continue;
    }
    if (!step(state, (unsigned char)in.at[i++]))
      return false;
  }
  return true;
}

bool cro_utf8_ok(cro_bytes in)
{
  cro_utf8 state = { 0 };

  return cro_utf8_push(&state, in) && cro_utf8_complete(&state);
}

size_t cro_utf8_prefix(cro_bytes in)
{
  cro_utf8 state = { 0 };
  size_t whole = 0;

  for (size_t i = 0; i < in.len && step(&state, (unsigned char)in.at[i]); i++)
    if (state.need == 0)
      whole = i + 1;
  return whole;
}

static char continuation(uint32_t code_point, int shift)
{
  return (char)(0x80 | (code_point >> shift & 0x3F));
}

size_t cro_utf8_encode(uint32_t code_point, char out[4])
{
  if (code_point > 0x10FFFF || (code_point >= 0xD800 && code_point <= 0xDFFF))
    return 0;
  if (code_point < 0x80) {
    out[0] = (char)code_point;
    return 1;
  }
  if (code_point < 0x800) {
    out[0] = (char)(0xC0 | code_point >> 6);
    out[1] = continuation(code_point, 0);
    return 2;
  }
  if (code_point < 0x10000) {
    out[0] = (char)(0xE0 | code_point >> 12);
    out[1] = continuation(code_point, 6);
    out[2] = continuation(code_point, 0);
    return 3;
  }
  out[0] = (char)(0xF0 | code_point >> 18);
  out[1] = continuation(code_point, 12);
  out[2] = continuation(code_point, 6);
  out[3] = continuation(code_point, 0);
  return 4;
}
