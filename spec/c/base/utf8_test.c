#include "base/utf8.h"

#include "support/test.h"

/* The definition, written down as slowly as possible. */
static bool decodes(const unsigned char *at, size_t n, size_t *used)
{
  static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
  size_t len = at[0] < 0x80         ? 1
               : (at[0] >> 5) == 6  ? 2
               : (at[0] >> 4) == 14 ? 3
               : (at[0] >> 3) == 30 ? 4
                                    : 0;
  uint32_t code = at[0];

  if (len == 0 || len > n)
    return false;
  if (len > 1)
    code = at[0] & (0x7Fu >> len);
  for (size_t i = 1; i < len; i++) {
    if (at[i] >> 6 != 2)
      return false;
    code = code << 6 | (at[i] & 0x3Fu);
  }
  *used = len;
  return code >= least[len] && code <= 0x10FFFF && (code < 0xD800 || code > 0xDFFF);
}

static bool model_ok(const unsigned char *at, size_t n)
{
  size_t used = 0;

  for (; n > 0; at += used, n -= used)
    if (!decodes(at, n, &used))
      return false;
  return true;
}

static cro_bytes bytes(const unsigned char *at, size_t n)
{
  return (cro_bytes){ (const char *)at, n };
}

static void agrees_with_the_definition_for_all_short_inputs(void)
{
  unsigned char in[4];

  for (int a = 0; a < 256; a++)
    for (int b = 0; b < 256; b++)
      for (int c = 0x70; c < 0x100; c++) {
        in[0] = (unsigned char)a;
        in[1] = (unsigned char)b;
        in[2] = (unsigned char)c;
        in[3] = (unsigned char)(c ^ a ^ b);
        for (size_t n = 0; n <= 4; n++)
          if (model_ok(in, n) != cro_utf8_ok(bytes(in, n)))
            test_fail(__FILE__, __LINE__, "%02x %02x %02x %02x, first %zu", in[0],
                      in[1], in[2], in[3], n);
      }
}

static void every_code_point_goes_there_and_back(void)
{
  for (uint32_t code = 0; code <= 0x110000; code++) {
    char out[4];
    size_t n = cro_utf8_encode(code, out), used = 0;
    bool none = code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF);

    if (none != (n == 0) ||
        (n > 0 && (!decodes((unsigned char *)out, n, &used) || used != n)))
      test_fail(__FILE__, __LINE__, "U+%04X", code);
  }
}

/* \xED\x9F\xBF and \xEE\x80\x80 are the neighbours of the surrogates. */
static const char mixed[] = "plain text longer than eight, \xC3\xA9, \xE2\x82\xAC, "
                            "\xED\x9F\xBF\xEE\x80\x80, \xF0\x9F\x98\x80 and \xF4\x8F"
                            "\xBF\xBF";

static void may_be_cut_at_any_two_places(void)
{
  size_t n = sizeof mixed - 1;

  for (size_t i = 0; i <= n; i++)
    for (size_t k = i; k <= n; k++) {
      cro_utf8 state = { 0 };

      CHECK(cro_utf8_push(&state, (cro_bytes){ mixed, i }));
      CHECK(cro_utf8_push(&state, (cro_bytes){ mixed + i, k - i }));
      CHECK(cro_utf8_push(&state, (cro_bytes){ mixed + k, n - k }));
      CHECK(cro_utf8_complete(&state));
    }
}

static void a_fault_shows_at_its_first_byte(void)
{
  cro_utf8 state = { 0 };

  CHECK(cro_utf8_push(&state, CRO_B("12345678\xE0")));
  CHECK(!cro_utf8_complete(&state));
  CHECK(!cro_utf8_push(&state, CRO_B("\x80"))); /* overlong already */
}

static void the_prefix_ends_before_an_unfinished_or_wrong_character(void)
{
  CHECK_INT(0, cro_utf8_prefix(CRO_B("")));
  CHECK_INT(3, cro_utf8_prefix(CRO_B("abc")));
  CHECK_INT(1, cro_utf8_prefix(CRO_B("a\xE2\x82")));
  CHECK_INT(4, cro_utf8_prefix(CRO_B("a\xE2\x82\xAC")));
  CHECK_INT(4, cro_utf8_prefix(CRO_B("a\xE2\x82\xAC\xFFz")));
}

TEST_MAIN(CASE(agrees_with_the_definition_for_all_short_inputs),
          CASE(every_code_point_goes_there_and_back),
          CASE(may_be_cut_at_any_two_places), CASE(a_fault_shows_at_its_first_byte),
          CASE(the_prefix_ends_before_an_unfinished_or_wrong_character))
