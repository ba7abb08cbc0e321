/* Cookies both ways. Each line of the input is a Cookie field: every good cookie in it
 * is found whatever bad ones stand beside it, and a second field made of the cookies
 * found gives the same again. The whole input is also a Set-Cookie field, and the parts
 * of one: what is written has no fault, ends no line and reads back; what reads, and
 * has no fault, is written and reads back the same. */
#include "http/cookie.h"

#include "base/check.h"
#include "base/err.h"
#include "base/text.h"
#include "stretch.h"

#include <stdlib.h>

/* --- of a request ------------------------------------------------------------------
 */

static void check_cookie(const cro_cookie *cookie)
{
  cro_check(cro_text_is_token(cookie->name));
  for (size_t i = 0; i < cookie->value.len; i++) {
    char c = cookie->value.at[i];

    cro_check(c > ' ' && c < 0x7F && strchr("\",;\\", c) == NULL);
  }
}

/* One by one, as the grammar says: a piece between semicolons is a cookie or is none.
 */
static size_t count_pieces(cro_bytes field)
{
  size_t count = 0;

  for (size_t from = 0; from <= field.len;) {
    cro_bytes rest = { field.at + from, field.len - from };
    cro_bytes piece = { rest.at, cro_bytes_find(rest, ';') }, alone = piece;
    cro_cookie cookie;

    count += cro_cookie_next(&alone, &cookie);
    cro_check(alone.len == 0);
    from += piece.len + 1;
  }
  return count;
}

static size_t check_field(cro_bytes field)
{
  cro_bytes rest = field, again;
  cro_buf written = { 0 };
  cro_cookie cookie, back;
  size_t count = 0;

  while (cro_cookie_next(&rest, &cookie)) {
    check_cookie(&cookie);
    cro_check(count++ == 0 || cro_buf_add(&written, CRO_B("; ")) == 0);
    cro_check(cro_buf_add(&written, cookie.name) == 0);
    cro_check(cro_buf_add(&written, CRO_B("=")) == 0);
    cro_check(cro_buf_add(&written, cookie.value) == 0);
  }
  cro_check(count == count_pieces(field));
  rest = field;
  again = cro_buf_bytes(&written);
  while (cro_cookie_next(&rest, &cookie)) {
    cro_check(cro_cookie_next(&again, &back));
    cro_check(cro_bytes_eq(cookie.name, back.name));
    cro_check(cro_bytes_eq(cookie.value, back.value));
  }
  cro_check(!cro_cookie_next(&again, &back));
  cro_buf_free(&written);
  return count;
}

/* All lines as the fields of one request, with a limit near what there is. */
static void check_fields(cro_bytes in)
{
  cro_header list[16];
  cro_headers headers = { list, 0, 16 };
  cro_cookie cookie;
  size_t count = 0;

  while (in.len > 0 && headers.count < 16) {
    cro_bytes line = cro_bytes_take(&in, cro_bytes_find(in, '\n'));

    (void)cro_bytes_take(&in, 1);
    count += check_field(line);
    list[headers.count++] = (cro_header){ CRO_B("cookie"), line };
  }
  for (size_t max = count > 2 ? count - 2 : 0; max <= count + 1; max++) {
    cro_cookies cookies = cro_cookies_of(&headers, max);
    size_t seen = 0;
    int rc;

    while ((rc = cro_cookies_next(&cookies, &cookie)) == 1)
      seen++;
    cro_check(seen == (count < max ? count : max));
    cro_check(rc == (count > max ? CRO_E_LIMIT : 0));
  }
}

/* --- Set-Cookie --------------------------------------------------------------------
 */

/* What a reader makes of the domain that was written. */
static cro_bytes domain_of(const cro_set_cookie *cookie)
{
  cro_bytes domain = cookie->domain;

  if (domain.len > 0 && domain.at[0] == '.')
    (void)cro_bytes_take(&domain, 1);
  return domain;
}

static void check_same(const cro_set_cookie *a, const cro_set_cookie *b)
{
  cro_check(cro_bytes_eq(a->name, b->name) && cro_bytes_eq(a->value, b->value));
  cro_check(cro_bytes_eq(domain_of(a), b->domain));
  cro_check(cro_bytes_eq(a->path, b->path));
  cro_check(a->same_site == b->same_site);
  cro_check(a->secure == b->secure && a->http_only == b->http_only);
  cro_check(a->has_max_age == b->has_max_age && a->has_expires == b->has_expires);
  cro_check(!a->has_max_age || a->max_age == b->max_age);
  cro_check(!a->has_expires || a->expires == b->expires);
}

static void check_written(const cro_set_cookie *cookie)
{
  const char *fault = cro_set_cookie_fault(cookie);
  cro_buf out = { 0 };
  cro_set_cookie back;
  int rc = cro_set_cookie_write(cookie, &out);

  cro_check(rc == (fault != NULL ? CRO_E_INVAL : 0));
  if (rc == 0) {
    cro_check(cro_text_is_value(cro_buf_bytes(&out)));
    cro_check(out.len <= cookie->name.len + cookie->value.len + cookie->domain.len +
                             cookie->path.len + 160);
    cro_check(cro_set_cookie_parse(cro_buf_bytes(&out), 0, &back) == 0);
    check_same(cookie, &back);
  } else {
    cro_check(out.len == 0);
  }
  cro_buf_free(&out);
}

static void check_attributes(const cro_set_cookie *cookie)
{
  cro_bytes rest = cookie->attributes, name, value;
  size_t total = 0;

  while (cro_cookie_attribute(&rest, &name, &value)) {
    cro_check(name.len > 0);
    total += name.len + value.len + 1;
  }
  cro_check(total <= cookie->attributes.len + 1);
}

/* Name, value, domain and path by lines; the first byte has the flags. */
static void check_parts(cro_bytes in)
{
  cro_bytes parts[4];
  cro_set_cookie cookie = { .attributes = { NULL, 0 } };
  unsigned flags = in.len > 0 ? (unsigned char)*cro_bytes_take(&in, 1).at : 0;

  for (int i = 0; i < 4; i++) {
    parts[i] = cro_bytes_take(&in, cro_bytes_find(in, '\n'));
    (void)cro_bytes_take(&in, 1);
  }
  cookie.name = parts[0];
  cookie.value = parts[1];
  cookie.domain = parts[2];
  cookie.path = parts[3];
  cookie.secure = (flags & 1) != 0;
  cookie.http_only = (flags & 2) != 0;
  cookie.same_site = (cro_same_site)(flags >> 2 & 3);
  cookie.has_expires = (flags & 16) != 0;
  cookie.has_max_age = (flags & 32) != 0;
  for (size_t i = 0; i < in.len && i < 5; i++)
    cookie.expires = cookie.expires * 256 + (unsigned char)in.at[i];
  cookie.expires %= 253402300800; /* the year 10000 */
  cookie.max_age = (flags & 64) != 0 ? -cookie.expires : cookie.expires;
  check_written(&cookie);
}

/* Many times the same cookies are many times as many. */
static void check_stretched(cro_bytes field, size_t count)
{
  cro_buf in = { 0 };
  size_t times = stretch(&in, field, CRO_B(";")), seen = 0;
  clock_t begun = clock();
  cro_bytes rest = cro_buf_bytes(&in);
  cro_set_cookie set;
  cro_cookie cookie;

  while (cro_cookie_next(&rest, &cookie))
    seen++;
  (void)cro_set_cookie_parse(cro_buf_bytes(&in), 0, &set);
  stretch_check(begun);
  cro_check(seen == times * count);
  cro_buf_free(&in);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  cro_bytes in = { (const char *)data, size };
  cro_set_cookie cookie;

  check_fields(in);
  if (stretch_due(data, size))
    check_stretched(in, check_field(in));
  check_parts(in);
  if (cro_set_cookie_parse(in, 784111777, &cookie) == 0) {
    check_cookie(&(cro_cookie){ cookie.name, cookie.value });
    check_attributes(&cookie);
    check_written(&cookie);
  }
  return 0;
}
