#include "http/cookie.h"

#include "base/alloc.h"
#include "base/err.h"
#include "support/test.h"

#include <stdlib.h>

static size_t put(char *out, size_t len, const char *before, cro_bytes text)
{
  size_t n = strlen(before);

  memcpy(out + len, before, n);
  if (text.len > 0)
    memcpy(out + len + n, text.at, text.len);
  return len + n + text.len;
}

/* --- of a request
 * ------------------------------------------------------------------ */

static size_t show(cro_bytes field, char *out)
{
  cro_cookie cookie;
  size_t len = 0;

  while (cro_cookie_next(&field, &cookie)) {
    len = put(out, len, "(", cookie.name);
    len = put(out, len, "|", cookie.value);
    len = put(out, len, ")", CRO_B(""));
  }
  return len;
}

static void check(const char *field, const char *want)
{
  char out[512];
  size_t len = show(cro_bytes_of(field), out);

  if (!cro_bytes_eq(cro_bytes_of(want), (cro_bytes){ out, len }))
    test_fail(__FILE__, __LINE__, "%s: want %s, got %.*s", field, want, (int)len, out);
}

static void cookies_come_in_order(void)
{
  check("", "");
  check("a=1; b=2; a=3", "(a|1)(b|2)(a|3)");
  check("a=1;b=2", "(a|1)(b|2)"); /* the blank is missing */
  check("a=1 ;\tb=2 ; ", "(a|1)(b|2)");
  check(";;a=1;;", "(a|1)");
  check("a=", "(a|)");
}

static void an_equals_sign_belongs_to_the_value(void)
{
  check("C=b=c", "(C|b=c)");
  check("a==; b=x==", "(a|=)(b|x==)");
}

static void quotes_round_a_value_go(void)
{
  check("a=\"b\"; c=\"\"", "(a|b)(c|)");
  check("a=\"b; c=d", "(c|d)");
  check("a=\"", "");
  check("a=b\"c\"", "");
}

static void bad_cookies_are_skipped_and_the_rest_counts(void)
{
  check("a; b=1", "(b|1)");
  check("=x; b=1", "(b|1)");
  check("a b=1; b=1", "(b|1)");
  check("a=x y; b=1", "(b|1)");
  check("a=x,y; b=1", "(b|1)");
  check("a=x\\y; b=1", "(b|1)");
  check("a=\xC3\xA9; b=1", "(b|1)");
  check("a=\x7F; b=1", "(b|1)");
  check("a=\x01; b=1", "(b|1)");
  check("\xC3\xA9=a; b=1", "(b|1)");
  check("$Version=1; b=1", "($Version|1)(b|1)");
}

static void a_field_cut_at_any_byte_is_read_within_its_bytes(void)
{
  static const char text[] = "a=1; b=\"2\"; c=d=e;; f; g=\"";
  char out[256];

  for (size_t n = 0; n < sizeof text; n++) {
    char *exact = malloc(n > 0 ? n : 1);

    memcpy(exact, text, n);
    CHECK(show((cro_bytes){ exact, n }, out) <= 2 * n);
    free(exact);
  }
}

static void all_fields_count_towards_the_limit(void)
{
  cro_header list[] = { { CRO_B("Cookie"), CRO_B("a=1; bad; b=2") },
                        { CRO_B("X"), CRO_B("no=1") },
                        { CRO_B("cookie"), CRO_B("") },
                        { CRO_B("COOKIE"), CRO_B("c=3") } };
  cro_headers headers = { list, 4, 4 };
  cro_cookies cookies = cro_cookies_of(&headers, 3);
  cro_cookie cookie;

  for (int i = 0; i < 3; i++) {
    CHECK_INT(1, cro_cookies_next(&cookies, &cookie));
    CHECK_INT('a' + i, cookie.name.at[0]);
    CHECK_INT('1' + i, cookie.value.at[0]);
  }
  CHECK_INT(0, cro_cookies_next(&cookies, &cookie));
  CHECK_INT(0, cro_cookies_next(&cookies, &cookie));
  CHECK_TEXT("c", cookie.name);
  cookies = cro_cookies_of(&headers, 2);
  CHECK_INT(1, cro_cookies_next(&cookies, &cookie));
  CHECK_INT(1, cro_cookies_next(&cookies, &cookie));
  CHECK_INT(CRO_E_LIMIT, cro_cookies_next(&cookies, &cookie));
  CHECK_TEXT("b", cookie.name);
}

/* --- Set-Cookie, written
 * ------------------------------------------------------------ */

static void check_written(const char *want, cro_set_cookie cookie)
{
  cro_buf out = { 0 };

  CHECK(cro_set_cookie_fault(&cookie) == NULL);
  CHECK_INT(0, cro_set_cookie_write(&cookie, &out));
  CHECK_TEXT(want, cro_buf_bytes(&out));
  cro_buf_free(&out);
}

static const cro_set_cookie full = { .name = { "id", 2 },
                                     .value = { "a=b", 3 },
                                     .domain = { "example.com", 11 },
                                     .path = { "/", 1 },
                                     .same_site = CRO_SAME_SITE_LAX,
                                     .has_expires = true,
                                     .has_max_age = true,
                                     .secure = true,
                                     .http_only = true,
                                     .expires = 784111777,
                                     .max_age = 60 };

static void attributes_are_written_in_their_order(void)
{
  check_written("id=a=b; Expires=Sun, 06 Nov 1994 08:49:37 GMT; Max-Age=60; "
                "Domain=example.com; Path=/; Secure; HttpOnly; SameSite=Lax",
                full);
  check_written("a=", (cro_set_cookie){ .name = CRO_B("a") });
  check_written(
      "a=; Max-Age=-1",
      (cro_set_cookie){ .name = CRO_B("a"), .has_max_age = true, .max_age = -1 });
  check_written("a=; Max-Age=-9223372036854775808",
                (cro_set_cookie){
                    .name = CRO_B("a"), .has_max_age = true, .max_age = INT64_MIN });
  check_written(
      "a=; SameSite=Strict",
      (cro_set_cookie){ .name = CRO_B("a"), .same_site = CRO_SAME_SITE_STRICT });
  check_written("__Host-a=; Path=/; Secure; SameSite=None",
                (cro_set_cookie){ .name = CRO_B("__Host-a"),
                                  .path = CRO_B("/"),
                                  .secure = true,
                                  .same_site = CRO_SAME_SITE_NONE });
}

static void what_a_browser_would_refuse_is_not_written(void)
{
  const cro_bytes a = CRO_B("a"), none = { NULL, 0 };
  const cro_set_cookie rows[] = {
    { .name = none },
    { .name = CRO_B("a b") },
    { .name = CRO_B("a=") },
    { .name = CRO_B("a\r\nSet-Cookie: b") },
    { .name = a, .value = CRO_B("b c") },
    { .name = a, .value = CRO_B("b;c") },
    { .name = a, .value = CRO_B("b,c") },
    { .name = a, .value = CRO_B("\"b\"") },
    { .name = a, .value = CRO_B("b\\") },
    { .name = a, .value = CRO_B("b\r\nX: y") },
    { .name = a, .value = CRO_B("\xC3\xA9") },
    { .name = a, .value = CRO_B("\x7F") },
    { .name = a, .path = CRO_B("/;Domain=x") },
    { .name = a, .path = CRO_B("/\r\nX: y") },
    { .name = a, .path = CRO_B("/\xC3\xA9") },
    { .name = a, .path = CRO_B("/a ") },
    { .name = a, .path = CRO_B("a/b") },
    { .name = a, .domain = CRO_B("h\n") },
    { .name = a, .domain = CRO_B(" h") },
    { .name = CRO_B("__Secure-a") },
    { .name = CRO_B("__secure-a") },
    { .name = CRO_B("__Host-a"), .secure = true },
    { .name = CRO_B("__Host-a"), .path = CRO_B("/") },
    { .name = CRO_B("__Host-a"), .secure = true, .path = CRO_B("/x") },
    { .name = CRO_B("__Host-a"), .secure = true, .path = CRO_B("/"), .domain = a },
  };
  cro_buf out = { 0 };

  CHECK_INT(0, cro_buf_add(&out, CRO_B("kept")));
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    if (cro_set_cookie_fault(&rows[i]) == NULL ||
        cro_set_cookie_write(&rows[i], &out) != CRO_E_INVAL)
      test_fail(__FILE__, __LINE__, "row %zu is written", i);
    CHECK_TEXT("kept", cro_buf_bytes(&out));
  }
  cro_buf_free(&out);
}

static void a_failing_allocation_leaves_what_was_written(void)
{
  static const char path[] = "/0123456789012345678901234567890123456789012345678901234"
                             "567890123456789012345678901234567890123456789012345678";
  cro_set_cookie cookie = full;
  uint64_t n = 0;
  int rc;

  cookie.path = cookie.domain = cro_bytes_of(path);
  do {
    cro_buf out = { 0 };

    n++;
    CHECK_INT(0, cro_buf_add_byte(&out, 'x'));
    cro_alloc_fail_at(n);
    rc = cro_set_cookie_write(&cookie, &out);
    cro_alloc_fail_at(0);
    CHECK(rc == 0 || rc == CRO_E_NOMEM);
    CHECK_INT(rc != 0, out.len == 1);
    cro_buf_free(&out);
  } while (rc != 0 && n < 20);
  CHECK(n > 1 && n < 20);
}

/* --- Set-Cookie, read
 * --------------------------------------------------------------- */

static void what_was_written_reads_back(void)
{
  cro_buf out = { 0 };
  cro_set_cookie cookie;

  CHECK_INT(0, cro_set_cookie_write(&full, &out));
  CHECK_INT(0, cro_set_cookie_parse(cro_buf_bytes(&out), 0, &cookie));
  CHECK_TEXT("id", cookie.name);
  CHECK_TEXT("a=b", cookie.value);
  CHECK_TEXT("example.com", cookie.domain);
  CHECK_TEXT("/", cookie.path);
  CHECK_INT(CRO_SAME_SITE_LAX, cookie.same_site);
  CHECK(cookie.has_expires && cookie.has_max_age && cookie.secure && cookie.http_only);
  CHECK_INT(784111777, cookie.expires);
  CHECK_INT(60, cookie.max_age);
  cro_buf_free(&out);
}

static cro_set_cookie parse(const char *field)
{
  cro_set_cookie cookie = { .max_age = 0 };

  if (cro_set_cookie_parse(cro_bytes_of(field), 0, &cookie) != 0)
    test_fail(__FILE__, __LINE__, "\"%s\" is refused", field);
  return cookie;
}

static void reading_is_lenient_behind_the_value(void)
{
  cro_set_cookie cookie = parse("a=b;path=/x;SECURE;httponly;samesite=strict");

  CHECK_TEXT("/x", cookie.path);
  CHECK(cookie.secure && cookie.http_only);
  CHECK_INT(CRO_SAME_SITE_STRICT, cookie.same_site);
  CHECK_TEXT("b", parse("a=b junk \xFF; Secure").value);
  CHECK(parse("a=b junk; Secure").secure);
  CHECK_TEXT("b", parse("a=\"b\" junk").value);
  CHECK_TEXT("", parse("a=\"\"").value);
  CHECK_TEXT("b=c", parse("a=b=c; Path=/").value);
  CHECK_TEXT("", parse("a=").value);
  CHECK_INT(CRO_SAME_SITE_UNSET, parse("a=b; SameSite=Maybe").same_site);
  CHECK_INT(0, parse("a=b; Path=x; Path").path.len);
  CHECK_TEXT("h", parse("a=b; Domain=.h").domain);
  CHECK_INT(0, parse("a=b; Domain=.").domain.len);
  CHECK_TEXT("/2", parse("a=b; Path=/1; ; =x; Path=/2;").path);
}

static void ages_and_dates_that_are_none_are_passed_over(void)
{
  CHECK(!parse("a=b; Max-Age=soon").has_max_age);
  CHECK(!parse("a=b; Max-Age=").has_max_age);
  CHECK(!parse("a=b; Expires=tomorrow").has_expires);
  CHECK_INT(-5, parse("a=b; Max-Age=-5").max_age);
  CHECK_INT(INT64_MAX, parse("a=b; Max-Age=99999999999999999999").max_age);
  CHECK_INT(INT64_MIN, parse("a=b; Max-Age=-99999999999999999999").max_age);
  CHECK_INT(5, parse("a=b; Max-Age=5; Max-Age=x").max_age);
}

static void unknown_attributes_stay_for_who_wants_them(void)
{
  cro_set_cookie cookie = parse("a=b; Priority=High; Secure; Partitioned");
  cro_bytes rest = cookie.attributes, name, value;

  CHECK(cro_cookie_attribute(&rest, &name, &value));
  CHECK_TEXT("Priority", name);
  CHECK_TEXT("High", value);
  CHECK(cro_cookie_attribute(&rest, &name, &value));
  CHECK(cro_cookie_attribute(&rest, &name, &value));
  CHECK_TEXT("Partitioned", name);
  CHECK_INT(0, value.len);
  CHECK(!cro_cookie_attribute(&rest, &name, &value));
}

static void a_field_without_a_cookie_is_refused(void)
{
  static const char *const rows[] = { "",      ";",         "a",         "=b",
                                      "a; b",  "; Path=/",  "a b=c",     "a=b,c",
                                      "a=\"b", "a=b\\c; x", "a=\xC3\xA9" };
  cro_set_cookie cookie = { .max_age = 7 };

  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    if (cro_set_cookie_parse(cro_bytes_of(rows[i]), 0, &cookie) != CRO_E_SYNTAX)
      test_fail(__FILE__, __LINE__, "\"%s\" is taken", rows[i]);
  CHECK_INT(7, cookie.max_age);
}

TEST_MAIN(CASE(cookies_come_in_order), CASE(an_equals_sign_belongs_to_the_value),
          CASE(quotes_round_a_value_go),
          CASE(bad_cookies_are_skipped_and_the_rest_counts),
          CASE(a_field_cut_at_any_byte_is_read_within_its_bytes),
          CASE(all_fields_count_towards_the_limit),
          CASE(attributes_are_written_in_their_order),
          CASE(what_a_browser_would_refuse_is_not_written),
          CASE(a_failing_allocation_leaves_what_was_written),
          CASE(what_was_written_reads_back), CASE(reading_is_lenient_behind_the_value),
          CASE(ages_and_dates_that_are_none_are_passed_over),
          CASE(unknown_attributes_stay_for_who_wants_them),
          CASE(a_field_without_a_cookie_is_refused))
