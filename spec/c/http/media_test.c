#include "http/media.h"

#include "base/alloc.h"
#include "base/err.h"
#include "support/test.h"

#include <stdlib.h>

static size_t put(char *out, size_t len, const char *before, cro_bytes text)
{
  size_t n = strlen(before);

  memcpy(out + len, before, n);
  memcpy(out + len + n, text.at, text.len);
  return len + n + text.len;
}

/* "type/subtype|name=value|..." and "|!" for a fault, or the reason. */
static size_t show(cro_bytes text, uint64_t max, char *out)
{
  cro_media_parameter parameter;
  const char *reason = "";
  cro_media media;
  size_t len;
  int rc = cro_media_parse(text, max, &media, &reason);

  if (rc != 0)
    return put(out, 0, reason, CRO_B(""));
  len = put(out, 0, "", media.type);
  len = put(out, len, "/", media.subtype);
  while ((rc = cro_media_next(&media, &parameter)) == 1) {
    len = put(out, len, "|", parameter.name);
    len = put(out, len, "=", CRO_B(""));
    if (parameter.escaped)
      len += cro_media_unescape(parameter.value, out + len);
    else
      len = put(out, len, "", parameter.value);
  }
  if (rc != 0)
    CHECK_INT(CRO_E_SYNTAX, cro_media_next(&media, &parameter)); /* and stays so */
  return rc == 0 ? len : put(out, len, rc == CRO_E_LIMIT ? "|..." : "|!", CRO_B(""));
}

static void check(const char *text, const char *want)
{
  char out[512];
  size_t len = show(cro_bytes_of(text), 100, out);

  if (!cro_bytes_eq(cro_bytes_of(want), (cro_bytes){ out, len }))
    test_fail(__FILE__, __LINE__, "%s: want %s, got %.*s", text, want, (int)len, out);
}

static void types_come_apart(void)
{
  check("text/html", "text/html");
  check(" text/html\t", "text/html");
  check("Application/VND.Api+JSON", "Application/VND.Api+JSON");
  check("*/*", "*/*");
  check("text/html ; a=b", "text/html|a=b");
}

static void what_is_no_type_is_refused_with_a_reason(void)
{
  static const char no_slash[] = "no '/' between type and subtype";
  static const char no_token[] = "type and subtype must be tokens";

  check("", no_slash);
  check("text", no_slash);
  check("text/", no_slash);
  check("; a=b", no_slash);
  check("/html", no_token);
  check("a/b/c", no_token);
  check("te xt/html", no_token);
  check("text /html", no_token);
  check("text/ html", no_token);
  check("text/h\xC3\xA9", no_token);
  check("text/\"html\"", no_token);
}

static void parameters_come_in_order(void)
{
  check("a/b; c=d; C=E", "a/b|c=d|C=E");
  check("a/b;charset=UTF-8", "a/b|charset=UTF-8");
  check("a/b; c= d", "a/b|c=d"); /* no sender should, some do */
  check("a/b\t;\tc=d ;e=f ", "a/b|c=d|e=f");
}

static void a_stray_semicolon_does_no_harm(void)
{
  check("a/b;", "a/b");
  check("a/b;;; ;c=d;", "a/b|c=d");
  check("a/b ; ;", "a/b");
}

static void quoted_values_are_unescaped(void)
{
  check("a/b; c=\"d\"", "a/b|c=d");
  check("a/b; c=\"\"; d=e", "a/b|c=|d=e");
  check("a/b; c=\"x;y=\\\"z\\\\\"; d=e", "a/b|c=x;y=\"z\\|d=e");
  check("a/b; c=\"\\d\"", "a/b|c=d");
  check("a/b; c=\"tab\there \xC3\xA9\"", "a/b|c=tab\there \xC3\xA9");
}

static void malformed_parameters_are_refused(void)
{
  static const char *const rows[] = {
    "c",           "=d",         "c=",      "c =d",         "c=d e",
    "c=\"d",       "c=\"",       "c=\"\\",  "c=\"\\\"",     "c=\"d\" e",
    "c=\"d\"e",    "c=\"\r\n\"", "c=d\"",   "c=d,e",        "c=\"a\x7F\"",
    "c\xC3\xA9=d", "c d=e",      "\"c\"=d", "c=\"\\\x01\"", "c; d=e",
  };
  char text[64], out[128];

  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    size_t len = put(text, 0, "a/b; ", cro_bytes_of(rows[i]));

    len = show((cro_bytes){ text, len }, 100, out);
    if (len < 5 || out[len - 1] != '!')
      test_fail(__FILE__, __LINE__, "\"%s\" is taken: %.*s", rows[i], (int)len, out);
  }
}

static void one_parameter_more_than_the_limit_is_refused(void)
{
  char out[64];
  size_t len = show(CRO_B("a/b;c=1;;d=2;"), 2, out);

  CHECK_TEXT("a/b|c=1|d=2", ((cro_bytes){ out, len }));
  len = show(CRO_B("a/b;c=1;;d=2;e=3"), 2, out);
  CHECK_TEXT("a/b|c=1|d=2|...", ((cro_bytes){ out, len }));
  len = show(CRO_B("a/b"), 0, out);
  CHECK_TEXT("a/b", ((cro_bytes){ out, len }));
}

static void a_refused_type_leaves_the_result_alone(void)
{
  cro_media media = { .left = 7 };
  const char *reason = NULL;

  CHECK_INT(CRO_E_SYNTAX, cro_media_parse(CRO_B("x"), 1, &media, &reason));
  CHECK_INT(7, media.left);
  CHECK(reason != NULL);
}

static void a_type_cut_at_any_byte_is_read_within_its_bytes(void)
{
  static const char text[] = "a/b; c=\"d\\\"e\"; f=g;; h=\"\"";
  char out[256];

  for (size_t n = 0; n < sizeof text; n++) {
    char *exact = malloc(n > 0 ? n : 1);

    memcpy(exact, text, n);
    CHECK(show((cro_bytes){ exact, n }, 100, out) < sizeof out);
    free(exact);
  }
}

static void values_are_quoted_only_where_they_must_be(void)
{
  static const struct {
    const char *value, *want;
  } rows[] = {
    { "utf-8", "utf-8" },       { "", "\"\"" },
    { "a b", "\"a b\"" },       { "a;b", "\"a;b\"" },
    { "\"\\", "\"\\\"\\\\\"" }, { "\xC3\xA9", "\"\xC3\xA9\"" },
  };

  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    cro_buf out = { 0 };

    CHECK_INT(0, cro_media_quote(&out, cro_bytes_of(rows[i].value)));
    CHECK_TEXT(rows[i].want, cro_buf_bytes(&out));
    cro_buf_free(&out);
  }
}

static void what_no_quotes_can_hold_is_not_written(void)
{
  static const char *const rows[] = { "a\r\nb", "\n", "\x01", "\x7F" };
  cro_buf out = { 0 };

  CHECK_INT(0, cro_buf_add(&out, CRO_B("a=")));
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    CHECK_INT(CRO_E_SYNTAX, cro_media_quote(&out, cro_bytes_of(rows[i])));
  CHECK_INT(CRO_E_SYNTAX, cro_media_quote(&out, (cro_bytes){ "\0", 1 }));
  CHECK_TEXT("a=", cro_buf_bytes(&out));
  cro_buf_free(&out);
}

static void a_failing_allocation_leaves_what_was_written(void)
{
  cro_buf out = { 0 };

  for (int quoted = 0; quoted < 2; quoted++) {
    cro_alloc_fail_at(1);
    CHECK_INT(CRO_E_NOMEM, cro_media_quote(&out, quoted ? CRO_B("a b") : CRO_B("ab")));
    cro_alloc_fail_at(0);
    CHECK_INT(0, out.len);
  }
  cro_buf_free(&out);
}

TEST_MAIN(CASE(types_come_apart), CASE(what_is_no_type_is_refused_with_a_reason),
          CASE(parameters_come_in_order), CASE(a_stray_semicolon_does_no_harm),
          CASE(quoted_values_are_unescaped), CASE(malformed_parameters_are_refused),
          CASE(one_parameter_more_than_the_limit_is_refused),
          CASE(a_refused_type_leaves_the_result_alone),
          CASE(a_type_cut_at_any_byte_is_read_within_its_bytes),
          CASE(values_are_quoted_only_where_they_must_be),
          CASE(what_no_quotes_can_hold_is_not_written),
          CASE(a_failing_allocation_leaves_what_was_written))
