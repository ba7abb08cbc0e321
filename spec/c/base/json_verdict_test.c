/* What is JSON and what is not, a text a row. */
#include "base/json_scan.h"

#include "base/alloc.h"
#include "base/err.h"
#include "support/test.h"

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

#define ROW(text)                                                                      \
  {                                                                                    \
    "" text, sizeof(text) - 1                                                          \
  }

static const cro_bytes accepted[] = {
  /* structure */
  ROW("[]"),
  ROW("{}"),
  ROW("[[]]"),
  ROW("[{}]"),
  ROW("{\"\":{}}"),
  ROW("[[],[],{}]"),
  ROW(" [ ] "),
  ROW("\t[\n1\r,2 ]\r\n"),
  ROW("{ }"),
  ROW("{\"a\":1}"),
  ROW("{ \"a\" : 1 , \"b\" : [ ] }"),
  ROW("{\"a\":1,\"a\":2}"),
  ROW("{\"\":0}"),
  ROW("{\"a\\u0000b\":0}"),
  ROW("[1,[2,[3,[4]]]]"),
  ROW("{\"a\":{\"b\":{\"c\":[]}}}"),
  ROW("[null,1,\"1\",{}]"),
  ROW("[1,null,null,null,2]"),
  /* values by themselves */
  ROW("null"),
  ROW("true"),
  ROW("false"),
  ROW("0"),
  ROW("\"\""),
  ROW(" 1 "),
  ROW("\"a\""),
  ROW("\n\ntrue\n"),
  /* numbers */
  ROW("-0"),
  ROW("[-1]"),
  ROW("123"),
  ROW("1.5"),
  ROW("-1.5"),
  ROW("0.1"),
  ROW("0e1"),
  ROW("0E+1"),
  ROW("0e-1"),
  ROW("1E22"),
  ROW("1e+2"),
  ROW("1e-2"),
  ROW("1.25e3"),
  ROW("-0.0"),
  ROW("0.0000000000000000000000000001"),
  ROW("1e-400"),
  ROW("0e9999"),
  ROW("1.7976931348623157e308"),
  ROW("4.9e-324"),
  ROW("18446744073709551615"),
  ROW("123456789012345678901234567890"),
  ROW("100000000000000000000.5"),
  ROW("-9223372036854775808"),
  ROW("0.30000000000000004"),
  ROW("1e00001"),
  ROW("[0,1]"),
  ROW("[-0,-1]"),
  ROW("{\"a\":0}"),
  /* strings */
  ROW("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""),
  ROW("\"\\u0000\""),
  ROW("\"\\u00e9\""),
  ROW("\"\\uABCD\\uabcd\""),
  ROW("\"\\ud83d\\ude00\""),
  ROW("\"\\uDBFF\\uDFFF\""),
  ROW("\"\\uD800\\uDC00\""),
  ROW("\"\\ue000\\ud7ff\""),
  ROW("\"\\uffff\""),
  ROW("\"\x7f\""),
  ROW("\"\xc3\xa9\""),
  ROW("\"\xe4\xb8\x96\xe7\x95\x8c\""),
  ROW("\"\xf0\x9f\x98\x80\""),
  ROW("\"\xf4\x8f\xbf\xbf\""),
  ROW("\"\xef\xbb\xbf\""),
  ROW("\"\xe2\x80\xa8\xe2\x80\xa9\""),
  ROW("\"\xef\xbf\xbf\""),
  ROW("\"\xc2\x80\""),
  ROW("\"/\""),
  ROW("\"a/b\""),
  ROW("\"[1,2\""),
  ROW("\"\\\\u0041\""),
  ROW("\"\\\\\""),
  ROW("\"aaaaaaa\""),
  ROW("\"aaaaaaaa\""),
  ROW("\"aaaaaaaaa\""),
  ROW("\"aaaaaaa\xc3\xa9\""),
  ROW("[\"a\",\"b\"]"),
  ROW("\"'\""),
  ROW("\"\\u0022\""),
};

static const cro_bytes refused[] = {
  /* structure */
  ROW(""),
  ROW(" "),
  ROW("["),
  ROW("]"),
  ROW("{"),
  ROW("}"),
  ROW("[}"),
  ROW("{]"),
  ROW("[1"),
  ROW("[1,"),
  ROW("[1,]"),
  ROW("[,1]"),
  ROW("[,]"),
  ROW("[1,,2]"),
  ROW("[1 2]"),
  ROW("[1]]"),
  ROW("[[1]"),
  ROW("[] []"),
  ROW("1 2"),
  ROW("[]x"),
  ROW("{\"a\"}"),
  ROW("{\"a\":}"),
  ROW("{\"a\":1,}"),
  ROW("{,}"),
  ROW("{\"a\" 1}"),
  ROW("{\"a\":1 \"b\":2}"),
  ROW("{\"a\"::1}"),
  ROW("{:1}"),
  ROW("{1:1}"),
  ROW("{a:1}"),
  ROW("{null:1}"),
  ROW("{[]:1}"),
  ROW("{\"a\":1,,\"b\":2}"),
  ROW("{'a':1}"),
  ROW("{\"a\":1"),
  ROW("{\"a\":"),
  ROW("{\"a\""),
  ROW("[\"a\":1]"),
  ROW("{\"a\",1}"),
  ROW("{\"a\":1]"),
  ROW("[1}"),
  ROW(","),
  ROW(":"),
  ROW("[1;2]"),
  ROW("[1:2]"),
  /* what is no blank, and what is no JSON */
  ROW("\f1"),
  ROW("\v1"),
  ROW("\xc2\xa0[]"),
  ROW("\xe2\x81\xa0[]"),
  ROW("\0"),
  ROW("1\0"),
  ROW("[]\0"),
  ROW("\xef\xbb\xbf[]"),
  ROW("\xff\xfe[\0]\0"),
  ROW("// x\n1"),
  ROW("/* x */1"),
  ROW("1 // x"),
  ROW("#"),
  ROW("'a'"),
  ROW("`a`"),
  ROW("<x>"),
  ROW("*"),
  ROW("\\u0031"),
  ROW("[\\n]"),
  /* literals */
  ROW("nul"),
  ROW("nulL"),
  ROW("Null"),
  ROW("NULL"),
  ROW("nullx"),
  ROW("tru"),
  ROW("True"),
  ROW("TRUE"),
  ROW("truefalse"),
  ROW("fals"),
  ROW("False"),
  ROW("falsey"),
  ROW("[t]"),
  ROW("undefined"),
  ROW("nil"),
  ROW("NaN"),
  ROW("nan"),
  ROW("[NaN]"),
  ROW("Infinity"),
  ROW("-Infinity"),
  ROW("inf"),
  ROW("-inf"),
  ROW("-NaN"),
  ROW("x"),
  /* numbers */
  ROW("-"),
  ROW("+1"),
  ROW("--1"),
  ROW("- 1"),
  ROW("+"),
  ROW("01"),
  ROW("-01"),
  ROW("00"),
  ROW("012.5"),
  ROW(".5"),
  ROW("-.5"),
  ROW("."),
  ROW("1."),
  ROW("-1."),
  ROW("1.e1"),
  ROW("0."),
  ROW("1e"),
  ROW("1e+"),
  ROW("1e-"),
  ROW("1E"),
  ROW("1e1.5"),
  ROW("1e 1"),
  ROW("1 e1"),
  ROW("1.5.5"),
  ROW("1..5"),
  ROW("0x10"),
  ROW("0b1"),
  ROW("0o7"),
  ROW("1_000"),
  ROW("1,000"),
  ROW("1e400"),
  ROW("-1e400"),
  ROW("1e999999"),
  ROW("1.8e308"),
  ROW("[1e400]"),
  ROW("1f"),
  ROW("1a"),
  ROW("1ee2"),
  ROW("1e+-2"),
  ROW("\xef\xbc\x91"),
  ROW("-a"),
  ROW("$1"),
  ROW("1\"\""),
  ROW("0e"),
  ROW("1-1"),
  /* strings */
  ROW("\""),
  ROW("\"a"),
  ROW("\"\\\""),
  ROW("\"\\"),
  ROW("\"\\x\""),
  ROW("\"\\x41\""),
  ROW("\"\\a\""),
  ROW("\"\\v\""),
  ROW("\"\\0\""),
  ROW("\"\\'\""),
  ROW("\"\\ \""),
  ROW("\"\\N\""),
  ROW("\"\\U0041\""),
  ROW("\"\\u\""),
  ROW("\"\\u0\""),
  ROW("\"\\u00\""),
  ROW("\"\\u004\""),
  ROW("\"\\u00g0\""),
  ROW("\"\\u+041\""),
  ROW("\"\\u 041\""),
  ROW("\"\\u004"),
  ROW("\"\\\n\""),
  ROW("\"\\\xc3\xa9\""),
  ROW("\"\\ud800\""),
  ROW("\"\\ud800x\""),
  ROW("\"\\ud800\\n\""),
  ROW("\"\\ud83d\\u\""),
  ROW("\"\\ud800\\u0041\""),
  ROW("\"\\ud800\\ud800\""),
  ROW("\"\\udc00\""),
  ROW("\"\\udfff\\ud800\""),
  ROW("\"\\ud800"),
  ROW("\"\\ud800\\"),
  ROW("\"\\ud800\\u"),
  ROW("\"\\ud83d\\ude0\""),
  ROW("{\"\\ud800\":1}"),
  ROW("{\"\\q\":1}"),
  ROW("\"\n\""),
  ROW("\"\t\""),
  ROW("\"\r\""),
  ROW("\"\0\""),
  ROW("\"\x1f\""),
  ROW("\"aaaaaaaa\x01\""),
  ROW("\"aaaaaaa\n\""),
  ROW("{\"a\nb\":1}"),
  ROW("\"\xff\""),
  ROW("\"\x80\""),
  ROW("\"\xc3\""),
  ROW("\"\xc3\\u0041\""),
  ROW("\"\xc0\x80\""),
  ROW("\"\xc1\xbf\""),
  ROW("\"\xe0\x80\x80\""),
  ROW("\"\xed\xa0\x80\""),
  ROW("\"\xed\xbf\xbf\""),
  ROW("\"\xf0\x80\x80\x80\""),
  ROW("\"\xf4\x90\x80\x80\""),
  ROW("\"\xf5\x80\x80\x80\""),
  ROW("\"\xe4\xb8\""),
  ROW("\"aaaaaaaaaaaaaaa\xe9\""),
  ROW("{\"\xff\":1}"),
  ROW("[\"a\xc3\",\"\xa9\"]"),
};

static void what_is_json_is_accepted(void)
{
  for (size_t i = 0; i < sizeof accepted / sizeof *accepted; i++) {
    int rc = run(accepted[i], 128);

    if (rc != 0)
      test_fail(__FILE__, __LINE__, "refused (%d): %s", rc, accepted[i].at);
  }
}

static void what_is_not_json_is_refused(void)
{
  for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
    if (run(refused[i], 128) != CRO_E_SYNTAX)
      test_fail(__FILE__, __LINE__, "row %zu accepted: %s", i, refused[i].at);
}

static void the_tables_are_large(void)
{
  CHECK(sizeof accepted / sizeof *accepted >= 80);
  CHECK(sizeof refused / sizeof *refused >= 150);
}

TEST_MAIN(CASE(what_is_json_is_accepted), CASE(what_is_not_json_is_refused),
          CASE(the_tables_are_large))
