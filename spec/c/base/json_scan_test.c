#include "base/json_scan.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/number.h"
#include "support/test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static cro_json_scan scan;

/* A copy of exactly that length: reading past it is seen by the sanitizer. */
static int run(cro_bytes text, int depth)
{
  char *copy = cro_alloc(text.len + 1);
  char *exact = copy + 1; /* not aligned either */
  cro_json_token token = { .kind = CRO_JSON_NULL };
  int rc = 0;

  if (text.len > 0)
    memcpy(exact, text.at, text.len);
  cro_json_scan_init(&scan, (cro_bytes){ exact, text.len }, depth);
  while (rc == 0 && token.kind != CRO_JSON_END)
    rc = cro_json_scan_next(&scan, &token);
  cro_free(copy);
  return rc;
}

static void a_text_cut_anywhere_is_refused(void)
{
  cro_bytes text = CRO_B("{\"k\\u00e9\\ud83d\\ude00y\": [1.5e+3, -0.25, true, false, "
                         "null, \"\xf0\x9f\x98\x80 text\"], \"\": {\"x\":[[]]}}");

  CHECK_INT(0, run(text, 128));
  for (size_t len = 0; len < text.len; len++)
    CHECK_INT(CRO_E_SYNTAX, run((cro_bytes){ text.at, len }, 128));
}

/* All tokens as a line of words: what there is and what it says. */
static void spell(const cro_json_token *token, cro_buf *out)
{
  static const char *const names[] = { "null", "false", "true", "",  "",   "",
                                       "[",    "]",     "{",    "}", "end" };
  char number[CRO_NUMBER_MAX], text[64];

  cro_buf_add(out, cro_bytes_of(names[token->kind]));
  if (token->kind == CRO_JSON_NUMBER)
    cro_buf_add(out, (cro_bytes){ number, cro_number_format(token->number, number) });
  if (token->kind == CRO_JSON_KEY || token->kind == CRO_JSON_STRING) {
    size_t len = cro_json_unescape(token->text, text);

    CHECK(token->escaped == (cro_bytes_find(token->text, '\\') < token->text.len));
    cro_buf_add(out, (cro_bytes){ text, len });
    cro_buf_add_byte(out, token->kind == CRO_JSON_KEY ? ':' : '"');
  }
  cro_buf_add_byte(out, ' ');
}

static void check_tokens(const char *want, const char *text)
{
  cro_json_token token = { .kind = CRO_JSON_NULL };
  cro_buf out = { 0 };

  cro_json_scan_init(&scan, cro_bytes_of(text), 128);
  while (token.kind != CRO_JSON_END && cro_json_scan_next(&scan, &token) == 0)
    spell(&token, &out);
  CHECK_TEXT(want, cro_buf_bytes(&out));
  CHECK_INT(0, cro_json_scan_next(&scan, &token));
  CHECK_INT(CRO_JSON_END, token.kind);
  cro_buf_free(&out);
}

static void tokens_come_in_the_order_of_the_text(void)
{
  check_tokens("1 end ", "1");
  check_tokens("[ ] end ", " [ ] ");
  check_tokens("{ a: 1 b: [ 2.5 x\" null ] c: { } } end ",
               "{\"a\":1,\"b\":[2.5,\"x\",null],\"c\":{}}");
  check_tokens("[ true false -0 [ ] ] end ", "[true,false,-0,[]]");
}

static void escapes_are_what_they_stand_for(void)
{
  check_tokens("\"\\/\b\f\n\r\tA\" end ", "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\"");
  check_tokens("[ \xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\" ] end ",
               "[\"\\u00e9\\u20AC\\ud83d\\uDE00\"]");
  check_tokens("{ 12345678\n12345678: 0 } end ", "{\"12345678\\n12345678\":0}");
  check_tokens("123456789\\u0041\" end ", "\"123456789\\\\u0041\"");
}

static void an_escaped_nul_is_a_byte_of_the_string(void)
{
  char out[16];

  CHECK_BYTES(((cro_bytes){ "a\0b", 3 }),
              ((cro_bytes){ out, cro_json_unescape(CRO_B("a\\u0000b"), out) }));
}

static void check_number(const char *text)
{
  cro_json_token token;
  double want = strtod(text, NULL);

  cro_json_scan_init(&scan, cro_bytes_of(text), 1);
  CHECK_INT(0, cro_json_scan_next(&scan, &token));
  if (memcmp(&token.number, &want, sizeof want) != 0)
    test_fail(__FILE__, __LINE__, "%s: want %.17g, got %.17g", text, want,
              token.number);
}

static void numbers_are_the_nearest_double(void)
{
  static const char *const texts[] = {
    "0",
    "-0",
    "-0.0",
    "0.0",
    "1",
    "-1",
    "10",
    "9007199254740993",
    "9007199254740992",
    "18446744073709551615",
    "18446744073709551616",
    "9999999999999999999",
    "99999999999999999999",
    "-9223372036854775809",
    "0.1",
    "0.3",
    "19.5",
    "-19.50",
    "3.14159265358979",
    "0.30000000000000004",
    "9007199254740993.0",
    "1e22",
    "1e23",
    "1.5e-7",
    "123456789012345678.9",
    "1234567890.123456789",
    "0.0000000000000000000001",
    "0.00000000000000000000001",
    "2.2250738585072014e-308",
    "4.9e-324",
    "2e-324",
    "1.7976931348623157e308",
    "8.5",
    "1E5",
    "1e-5",
    "100000000000000000000.25",
    "0.10000000000000000000000",
    "1.00000000000000000000001",
    "0.00000000000000000000000000000000000000000000000000000000012345",
  };

  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
    check_number(texts[i]);
}

static uint64_t random_state = 88172645463325252u;

static uint64_t next_random(void)
{
  random_state ^= random_state << 13;
  random_state ^= random_state >> 7;
  random_state ^= random_state << 17;
  return random_state;
}

static void random_numbers_are_the_nearest_double(void)
{
  char text[64];

  for (int i = 0; i < 30000; i++) {
    uint64_t a = next_random() >> next_random() % 64,
             b = next_random() >> next_random() % 64;

    snprintf(text, sizeof text, "%llu.%0*llu", (unsigned long long)a,
             (int)(next_random() % 20), (unsigned long long)b);
    check_number(text);
    snprintf(text, sizeof text, "-%llu.%llue%d", (unsigned long long)a,
             (unsigned long long)b, (int)(next_random() % 600) - 330);
    if (isfinite(strtod(text, NULL)))
      check_number(text);
  }
}

/* `depth` levels, arrays and objects in turn, and their ends. */
static void nest(cro_buf *out, int depth)
{
  for (int i = 0; i < depth; i++)
    cro_buf_add(out, i % 2 == 0 ? CRO_B("[") : CRO_B("{\"k\":"));
  if (depth % 2 == 0)
    cro_buf_add(out, CRO_B("1"));
  for (int i = depth; i-- > 0;)
    cro_buf_add_byte(out, i % 2 == 0 ? ']' : '}');
}

static void nesting_goes_as_deep_as_allowed(void)
{
  static const int depths[] = { 1, 2, 127, 128, 999, CRO_JSON_DEPTH_MAX };

  for (size_t i = 0; i < sizeof depths / sizeof *depths; i++) {
    cro_buf text = { 0 };

    nest(&text, depths[i]);
    CHECK_INT(0, run(cro_buf_bytes(&text), depths[i]));
    if (depths[i] > 1)
      CHECK_INT(CRO_E_LIMIT, run(cro_buf_bytes(&text), depths[i] - 1));
    cro_buf_free(&text);
  }
}

static void check_fault(const char *want, const char *text)
{
  cro_json_token token = { .kind = CRO_JSON_NULL };
  char told[CRO_JSON_FAULT_MAX];
  int rc = 0;

  cro_json_scan_init(&scan, cro_bytes_of(text), 3);
  while (rc == 0 && token.kind != CRO_JSON_END)
    rc = cro_json_scan_next(&scan, &token);
  CHECK(rc != 0);
  CHECK_INT(rc, cro_json_scan_next(&scan, &token));
  CHECK_TEXT(want, ((cro_bytes){ told, cro_json_fault_text(&scan, told) }));
}

static void an_error_says_where_what_was_expected_and_found(void)
{
  check_fault("expected a value, found the end at byte 1", "");
  check_fault("expected a value or ']', found '}' at byte 2", "[}");
  check_fault("expected a value after ',', found ']' at byte 5", "[1, ]");
  check_fault("expected ',' or ']', found '}' at byte 3", "[1}");
  check_fault("expected ',' or '}', found the end at byte 7", "{\"a\":1");
  check_fault("expected a value, found the end at byte 6", "{\"a\":");
  check_fault("expected ':' after a key, found ',' at byte 5", "{\"a\",1}");
  check_fault("expected at most 3 levels of nesting, found '{' at byte 4", "[[[{}]]]");
  check_fault("expected the end of the text, found 'null' at byte 6", "true null");
  check_fault("expected a value, found 'aaaaaaaaaaaaaaaaaaaaaaaa...' at byte 1",
              "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
  check_fault("expected UTF-8 in strings, found byte 0xE9 at byte 11",
              "\"caf\\u00e9\xe9\"");
  check_fault("expected UTF-8 in strings, found byte 0xE4 at byte 2", "\"\xe4\xb8\"");
  check_fault("expected control characters in strings as escapes, found byte 0x1F at "
              "byte 13",
              "\"aaaaaaaaaaa\x1f\"");
}

static void memory_is_never_asked_for(void)
{
  uint64_t before = cro_alloc_live();
  cro_json_token token = { .kind = CRO_JSON_NULL };

  cro_alloc_fail_at(1);
  cro_json_scan_init(&scan, CRO_B("[\"\\u00e9\",1.2345678901234567e-300,{\"a\":[]}]"),
                     9);
  while (token.kind != CRO_JSON_END && cro_json_scan_next(&scan, &token) == 0)
    ;
  CHECK_INT(CRO_JSON_END, token.kind);
  CHECK_INT(before, cro_alloc_live());
  CHECK(cro_alloc(1) == NULL); /* the first call since is still the one to fail */
}

TEST_MAIN(CASE(a_text_cut_anywhere_is_refused),
          CASE(tokens_come_in_the_order_of_the_text),
          CASE(escapes_are_what_they_stand_for),
          CASE(an_escaped_nul_is_a_byte_of_the_string),
          CASE(numbers_are_the_nearest_double),
          CASE(random_numbers_are_the_nearest_double),
          CASE(nesting_goes_as_deep_as_allowed),
          CASE(an_error_says_where_what_was_expected_and_found),
          CASE(memory_is_never_asked_for))
