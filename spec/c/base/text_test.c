#include "base/text.h"

#include "base/alloc.h"
#include "base/err.h"
#include "support/test.h"

static void every_byte_is_in_its_classes(void)
{
  static const char tchar[] = "!#$%&'*+-.^_`|~";
  static const char pchar[] = "!$&'()*+,;=:@-._~";

  for (int i = 0; i < 256; i++) {
    char c = (char)i;
    bool digit = i >= '0' && i <= '9';
    bool alpha = (i >= 'a' && i <= 'z') || (i >= 'A' && i <= 'Z');
    bool hex = digit || (i >= 'a' && i <= 'f') || (i >= 'A' && i <= 'F');
    bool value = i == '\t' || (i >= ' ' && i != 127);
    bool token = digit || alpha || (i != 0 && strchr(tchar, i) != NULL);
    bool path = digit || alpha || (i != 0 && strchr(pchar, i) != NULL);
    bool unreserved = digit || alpha || (i != 0 && strchr("-._~", i) != NULL);

    CHECK_INT(digit, cro_char_is(c, CRO_CHAR_DIGIT));
    CHECK_INT(alpha, cro_char_is(c, CRO_CHAR_ALPHA));
    CHECK_INT(hex, cro_char_is(c, CRO_CHAR_HEX));
    CHECK_INT(value, cro_char_is(c, CRO_CHAR_VALUE));
    CHECK_INT(token, cro_char_is(c, CRO_CHAR_TOKEN));
    CHECK_INT(path, cro_char_is(c, CRO_CHAR_PATH));
    CHECK_INT(path || i == '/' || i == '?', cro_char_is(c, CRO_CHAR_QUERY));
    CHECK_INT(unreserved, cro_char_is(c, CRO_CHAR_UNRESERVED));
  }
}

static void tokens_and_values(void)
{
  CHECK(cro_text_is_token(CRO_B("Content-Type")));
  CHECK(!cro_text_is_token(CRO_B("")));
  CHECK(!cro_text_is_token(CRO_B("a b")));
  CHECK(!cro_text_is_token(CRO_B("a:")));
  CHECK(!cro_text_is_token(CRO_B("a\0")));
  CHECK(cro_text_is_value(CRO_B("")));
  CHECK(cro_text_is_value(CRO_B("a\tb \xC3\xA9")));
  CHECK(!cro_text_is_value(CRO_B(" a")));
  CHECK(!cro_text_is_value(CRO_B("a\t")));
  CHECK(!cro_text_is_value(CRO_B("a\r\nb")));
  CHECK(!cro_text_is_value(CRO_B("a\0b")));
  CHECK(!cro_text_is_value(CRO_B("a\x7F")));
}

static void decimal_numbers_have_only_digits_and_must_fit(void)
{
  uint64_t n = 7;

  CHECK_INT(0, cro_text_u64(CRO_B("0"), &n));
  CHECK_INT(0, n);
  CHECK_INT(0, cro_text_u64(CRO_B("00042"), &n));
  CHECK_INT(42, n);
  CHECK_INT(0, cro_text_u64(CRO_B("18446744073709551615"), &n));
  CHECK(n == UINT64_MAX);
  CHECK_INT(CRO_E_LIMIT, cro_text_u64(CRO_B("18446744073709551616"), &n));
  CHECK_INT(CRO_E_LIMIT, cro_text_u64(CRO_B("99999999999999999999999"), &n));
  CHECK_INT(CRO_E_SYNTAX, cro_text_u64(CRO_B(""), &n));
  CHECK_INT(CRO_E_SYNTAX, cro_text_u64(CRO_B("+1"), &n));
  CHECK_INT(CRO_E_SYNTAX, cro_text_u64(CRO_B("-1"), &n));
  CHECK_INT(CRO_E_SYNTAX, cro_text_u64(CRO_B(" 1"), &n));
  CHECK_INT(CRO_E_SYNTAX, cro_text_u64(CRO_B("1 "), &n));
  CHECK_INT(CRO_E_SYNTAX, cro_text_u64(CRO_B("0x10"), &n));
  CHECK_INT(CRO_E_SYNTAX, cro_text_u64(CRO_B("99999999999999999999999x"), &n));
  CHECK(n == UINT64_MAX); /* failures leave it alone */
}

static void signed_numbers_reach_both_ends(void)
{
  int64_t n = 7;

  CHECK_INT(0, cro_text_i64(CRO_B("-9223372036854775808"), &n));
  CHECK(n == INT64_MIN);
  CHECK_INT(0, cro_text_i64(CRO_B("9223372036854775807"), &n));
  CHECK(n == INT64_MAX);
  CHECK_INT(CRO_E_LIMIT, cro_text_i64(CRO_B("9223372036854775808"), &n));
  CHECK_INT(CRO_E_LIMIT, cro_text_i64(CRO_B("-9223372036854775809"), &n));
  CHECK_INT(CRO_E_SYNTAX, cro_text_i64(CRO_B("-"), &n));
  CHECK_INT(CRO_E_SYNTAX, cro_text_i64(CRO_B("--1"), &n));
  CHECK_INT(CRO_E_SYNTAX, cro_text_i64(CRO_B("+1"), &n));
  CHECK(n == INT64_MAX);
  CHECK_INT(0, cro_text_i64(CRO_B("-0"), &n));
  CHECK_INT(0, n);
}

static void hexadecimal_numbers(void)
{
  uint64_t n = 7;

  CHECK_INT(0, cro_text_hex64(CRO_B("fFfFffffFFFFFFFF"), &n));
  CHECK(n == UINT64_MAX);
  CHECK_INT(0, cro_text_hex64(CRO_B("00000000000000000001a"), &n));
  CHECK_INT(26, n);
  CHECK_INT(CRO_E_LIMIT, cro_text_hex64(CRO_B("10000000000000000"), &n));
  CHECK_INT(CRO_E_SYNTAX, cro_text_hex64(CRO_B("0x1"), &n));
  CHECK_INT(CRO_E_SYNTAX, cro_text_hex64(CRO_B(""), &n));
  CHECK_INT(26, n);
}

static void hexadecimal_bytes_go_there_and_back(void)
{
  char all[256], text[512], back[256];

  for (int i = 0; i < 256; i++)
    all[i] = (char)i;
  cro_hex_encode((cro_bytes){ all, 256 }, text);
  CHECK_BYTES(CRO_B("000102"), ((cro_bytes){ text, 6 }));
  CHECK_BYTES(CRO_B("feff"), ((cro_bytes){ text + 508, 4 }));
  CHECK_INT(0, cro_hex_decode((cro_bytes){ text, 512 }, back));
  CHECK(memcmp(all, back, 256) == 0);
  CHECK_INT(0, cro_hex_decode(CRO_B("aAfF"), back));
  CHECK_BYTES(CRO_B("\xAA\xFF"), ((cro_bytes){ back, 2 }));
  CHECK_INT(CRO_E_SYNTAX, cro_hex_decode(CRO_B("abc"), back));
  CHECK_INT(CRO_E_SYNTAX, cro_hex_decode(CRO_B("ag"), back));
  CHECK_INT(0, cro_hex_decode(CRO_B(""), back));
}

static int decode(cro_bytes in, unsigned flags, cro_bytes *out)
{
  static char room[256];
  size_t len = 99;
  int rc = cro_percent_decode(in, flags, room, &len);

  *out = (cro_bytes){ room, rc == 0 ? len : 0 };
  return rc;
}

#define DECODES(want, in, flags)                                                       \
  do {                                                                                 \
    cro_bytes out;                                                                     \
    CHECK_INT(0, decode(CRO_B(in), flags, &out));                                      \
    CHECK_BYTES(CRO_B(want), out);                                                     \
  } while (0)
#define REFUSES(in, flags)                                                             \
  do {                                                                                 \
    cro_bytes out;                                                                     \
    CHECK_INT(CRO_E_SYNTAX, decode(CRO_B(in), flags, &out));                           \
  } while (0)

static void percent_decoding(void)
{
  DECODES("", "", 0);
  DECODES("abc", "abc", 0);
  DECODES("a b", "a%20b", 0);
  DECODES("a+b", "a+b", 0);
  DECODES("a b", "a+b", CRO_PERCENT_PLUS);
  DECODES("a+b", "a%2bb", CRO_PERCENT_PLUS);
  DECODES("%41", "%2541", 0); /* once, never twice */
  DECODES("\0", "%00", 0);
  DECODES("\xC3\xA9", "%c3%A9", CRO_PERCENT_TEXT);
  REFUSES("%", 0);
  REFUSES("%4", 0);
  REFUSES("a%4", 0);
  REFUSES("%4g", 0);
  REFUSES("%%41", 0);
  REFUSES("% 41", 0);
  REFUSES("%00", CRO_PERCENT_TEXT);
  REFUSES("%c3", CRO_PERCENT_TEXT);
  REFUSES("%c0%80", CRO_PERCENT_TEXT);
  REFUSES("%ed%a0%80", CRO_PERCENT_TEXT);
}

static void percent_decoding_works_in_place(void)
{
  char text[] = "%41%42%43d%20";
  size_t len = 0;

  CHECK_INT(0, cro_percent_decode((cro_bytes){ text, sizeof text - 1 }, 0, text, &len));
  CHECK_BYTES(CRO_B("ABCd "), ((cro_bytes){ text, len }));
}

static void knows_when_decoding_would_change_nothing(void)
{
  CHECK(!cro_percent_needed(CRO_B("a+b"), 0));
  CHECK(cro_percent_needed(CRO_B("a+b"), CRO_PERCENT_PLUS));
  CHECK(cro_percent_needed(CRO_B("a%20"), 0));
  CHECK(!cro_percent_needed(CRO_B(""), CRO_PERCENT_PLUS));
}

static void any_bytes_survive_percent_encoding(void)
{
  static const unsigned keeps[] = { 0, CRO_CHAR_UNRESERVED, CRO_CHAR_PATH,
                                    CRO_CHAR_QUERY };
  char all[256], back[768];

  for (int i = 0; i < 256; i++)
    all[i] = (char)i;
  for (size_t i = 0; i < 4; i++) {
    cro_buf out = { 0 };
    size_t len = 0;

    CHECK_INT(0, cro_percent_encode(&out, (cro_bytes){ all, 256 }, keeps[i]));
    CHECK(cro_text_all(cro_buf_bytes(&out), CRO_CHAR_QUERY | CRO_CHAR_TOKEN));
    CHECK_INT(0, cro_percent_decode(cro_buf_bytes(&out), 0, back, &len));
    CHECK_BYTES(((cro_bytes){ all, 256 }), ((cro_bytes){ back, len }));
    cro_buf_free(&out);
  }
}

static void percent_encoding_appends_upper_case(void)
{
  cro_buf out = { 0 };

  CHECK_INT(0, cro_buf_add(&out, CRO_B("/")));
  CHECK_INT(0, cro_percent_encode(&out, CRO_B("a b/\xC3\xA9+~"), CRO_CHAR_UNRESERVED));
  CHECK_TEXT("/a%20b%2F%C3%A9%2B~", cro_buf_bytes(&out));
  cro_buf_free(&out);
}

static void percent_encoding_without_memory_changes_nothing(void)
{
  cro_buf out = { 0 };
  char big[400];

  memset(big, ' ', sizeof big);
  CHECK_INT(0, cro_buf_add(&out, CRO_B("kept")));
  cro_alloc_fail_at(1);
  CHECK_INT(CRO_E_NOMEM, cro_percent_encode(&out, (cro_bytes){ big, sizeof big }, 0));
  CHECK_TEXT("kept", cro_buf_bytes(&out));
  cro_buf_free(&out);
}

TEST_MAIN(CASE(every_byte_is_in_its_classes), CASE(tokens_and_values),
          CASE(decimal_numbers_have_only_digits_and_must_fit),
          CASE(signed_numbers_reach_both_ends), CASE(hexadecimal_numbers),
          CASE(hexadecimal_bytes_go_there_and_back), CASE(percent_decoding),
          CASE(percent_decoding_works_in_place),
          CASE(knows_when_decoding_would_change_nothing),
          CASE(any_bytes_survive_percent_encoding),
          CASE(percent_encoding_appends_upper_case),
          CASE(percent_encoding_without_memory_changes_nothing))
