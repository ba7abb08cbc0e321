#include "http/cookie.h"

#include "base/date.h"
#include "base/err.h"
#include "base/text.h"

/* RFC 6265 4.1.1 cookie-octet: no controls, blanks, quotes, commas, semicolons,
 * backslashes, nothing beyond ASCII. */
static const bool octets[256] = { [0x21] = true,
                                  [0x23 ... 0x2B] = true,
                                  [0x2D ... 0x3A] = true,
                                  [0x3C ... 0x5B] = true,
                                  [0x5D ... 0x7E] = true };

static bool all_octets(cro_bytes value)
{
  for (size_t i = 0; i < value.len; i++)
    if (!octets[(unsigned char)value.at[i]])
      return false;
  return true;
}

static cro_bytes unquote(cro_bytes value)
{
  if (value.len >= 2 && value.at[0] == '"' && value.at[value.len - 1] == '"')
    return (cro_bytes){ value.at + 1, value.len - 2 };
  return value;
}

/* Cuts what stands before the first `end` off *from, and the `end` too. */
static cro_bytes take_until(cro_bytes *from, char end)
{
  cro_bytes part = cro_bytes_take(from, cro_bytes_find(*from, end));

  (void)cro_bytes_take(from, 1);
  return part;
}

/* --- of a request
 * ------------------------------------------------------------------ */

bool cro_cookie_next(cro_bytes *field, cro_cookie *out)
{
  while (field->len > 0) {
    cro_bytes value = take_until(field, ';');
    cro_bytes name = cro_bytes_take(&value, cro_bytes_find(value, '='));

    if (value.len == 0)
      continue; /* no '=' */
    (void)cro_bytes_take(&value, 1);
    name = cro_bytes_trim(name);
    value = unquote(cro_bytes_trim(value));
    if (!cro_text_is_token(name) || !all_octets(value))
      continue;
    *out = (cro_cookie){ name, value };
    return true;
  }
  return false;
}

cro_cookies cro_cookies_of(const cro_headers *headers, uint64_t max)
{
  return (cro_cookies){ .headers = headers, .left = max };
}

int cro_cookies_next(cro_cookies *cookies, cro_cookie *out)
{
  cro_cookie found;

  while (!cro_cookie_next(&cookies->field, &found)) {
    const cro_header *header =
        cro_headers_next(cookies->headers, CRO_B("Cookie"), &cookies->from);

    if (header == NULL)
      return 0;
    cookies->field = header->value;
  }
  if (cookies->left == 0)
    return CRO_E_LIMIT;
  cookies->left--;
  *out = found;
  return 1;
}

/* --- writing Set-Cookie
 * ------------------------------------------------------------ */

static const cro_bytes same_sites[] = { [CRO_SAME_SITE_STRICT] = CRO_B_INIT("Strict"),
                                        [CRO_SAME_SITE_LAX] = CRO_B_INIT("Lax"),
                                        [CRO_SAME_SITE_NONE] = CRO_B_INIT("None") };

cro_same_site cro_same_site_of(cro_bytes text)
{
  for (int i = CRO_SAME_SITE_STRICT; i <= CRO_SAME_SITE_NONE; i++)
    if (cro_bytes_ieq(text, same_sites[i]))
      return (cro_same_site)i;
  return CRO_SAME_SITE_UNSET;
}

/* Visible ASCII and blanks inside, no ';'. */
static bool is_attribute(cro_bytes value)
{
  for (size_t i = 0; i < value.len; i++) {
    unsigned char byte = (unsigned char)value.at[i];

    if (byte < 0x20 || byte >= 0x7F || byte == ';')
      return false;
  }
  return cro_bytes_trim(value).len == value.len;
}

/* Browsers compare these without regard to case. */
static bool has_prefix(cro_bytes name, cro_bytes prefix)
{
  return name.len >= prefix.len &&
         cro_bytes_ieq((cro_bytes){ name.at, prefix.len }, prefix);
}

static const char *prefix_fault(const cro_set_cookie *cookie)
{
  if (has_prefix(cookie->name, CRO_B("__Secure-")) && !cookie->secure)
    return "a cookie named __Secure-... must be secure";
  if (!has_prefix(cookie->name, CRO_B("__Host-")))
    return NULL;
  if (cookie->secure && cookie->domain.len == 0 &&
      cro_bytes_eq(cookie->path, CRO_B("/")))
    return NULL;
  return "a cookie named __Host-... must be secure, with path \"/\" and no domain";
}

const char *cro_set_cookie_fault(const cro_set_cookie *cookie)
{
  if (!cro_text_is_token(cookie->name))
    return "the name must be a token";
  if (!all_octets(cookie->value))
    return "the value has blanks, quotes, commas, semicolons, backslashes, controls or "
           "bytes above 0x7E; encode it first";
  if (!is_attribute(cookie->domain) || !is_attribute(cookie->path))
    return "path and domain must be ASCII without control characters, ';' or blanks "
           "around them";
  if (cookie->path.len > 0 && cookie->path.at[0] != '/')
    return "the path must begin with \"/\"";
  return prefix_fault(cookie);
}

static int add_pair(cro_buf *out, cro_bytes label, cro_bytes value)
{
  int rc = cro_buf_add(out, label);

  return rc == 0 ? cro_buf_add(out, value) : rc;
}

static int add_number(cro_buf *out, cro_bytes label, int64_t number)
{
  uint64_t size = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
  int rc = cro_buf_add(out, label);

  if (rc == 0 && number < 0)
    rc = cro_buf_add_byte(out, '-');
  return rc == 0 ? cro_buf_add_u64(out, size) : rc;
}

static int add_date(cro_buf *out, cro_bytes label, int64_t time)
{
  char date[CRO_DATE_LENGTH];

  cro_date_format(time, date);
  return add_pair(out, label, (cro_bytes){ date, sizeof date });
}

static int add_attributes(const cro_set_cookie *cookie, cro_buf *out)
{
  int rc = 0;

  if (cookie->has_expires)
    rc = add_date(out, CRO_B("; Expires="), cookie->expires);
  if (rc == 0 && cookie->has_max_age)
    rc = add_number(out, CRO_B("; Max-Age="), cookie->max_age);
  if (rc == 0 && cookie->domain.len > 0)
    rc = add_pair(out, CRO_B("; Domain="), cookie->domain);
  if (rc == 0 && cookie->path.len > 0)
    rc = add_pair(out, CRO_B("; Path="), cookie->path);
  if (rc == 0 && cookie->secure)
    rc = cro_buf_add(out, CRO_B("; Secure"));
  if (rc == 0 && cookie->http_only)
    rc = cro_buf_add(out, CRO_B("; HttpOnly"));
  if (rc == 0 && cookie->same_site != CRO_SAME_SITE_UNSET)
    rc = add_pair(out, CRO_B("; SameSite="), same_sites[cookie->same_site]);
  return rc;
}

int cro_set_cookie_write(const cro_set_cookie *cookie, cro_buf *out)
{
  size_t before = out->len;
  int rc;

  if (cro_set_cookie_fault(cookie) != NULL)
    return CRO_E_INVAL;
  rc = cro_buf_add(out, cookie->name);
  rc = rc == 0 ? add_pair(out, CRO_B("="), cookie->value) : rc;
  rc = rc == 0 ? add_attributes(cookie, out) : rc;
  if (rc != 0)
    out->len = before;
  return rc;
}

/* --- reading Set-Cookie
 * ------------------------------------------------------------ */

bool cro_cookie_attribute(cro_bytes *attributes, cro_bytes *name, cro_bytes *value)
{
  while (attributes->len > 0) {
    cro_bytes text = take_until(attributes, ';');
    cro_bytes label = cro_bytes_trim(take_until(&text, '='));

    if (label.len == 0)
      continue;
    *name = label;
    *value = cro_bytes_trim(text);
    return true;
  }
  return false;
}

/* The quoted value, or all before the first blank: what follows is junk. */
static cro_bytes first_word(cro_bytes text)
{
  size_t end = 0;

  if (text.len > 1 && text.at[0] == '"') {
    cro_bytes inside = { text.at + 1, text.len - 1 };
    size_t close = cro_bytes_find(inside, '"');

    if (close < inside.len)
      return (cro_bytes){ inside.at, close };
  }
  while (end < text.len && text.at[end] != ' ' && text.at[end] != '\t')
    end++;
  return (cro_bytes){ text.at, end };
}

static void read_expires(cro_set_cookie *cookie, cro_bytes value, int64_t now)
{
  if (cro_date_parse(value, now, &cookie->expires) == 0)
    cookie->has_expires = true;
}

static void read_max_age(cro_set_cookie *cookie, cro_bytes value)
{
  int rc = cro_text_i64(value, &cookie->max_age);

  if (rc == CRO_E_LIMIT)
    cookie->max_age = value.at[0] == '-' ? INT64_MIN : INT64_MAX;
  if (rc != CRO_E_SYNTAX)
    cookie->has_max_age = true;
}

static void read_domain(cro_set_cookie *cookie, cro_bytes value)
{
  if (value.len > 0 && value.at[0] == '.')
    (void)cro_bytes_take(&value, 1);
  cookie->domain = value;
}

static void read_attribute(cro_set_cookie *cookie, cro_bytes name, cro_bytes value,
                           int64_t now)
{
  if (cro_bytes_ieq(name, CRO_B("Expires")))
    read_expires(cookie, value, now);
  else if (cro_bytes_ieq(name, CRO_B("Max-Age")))
    read_max_age(cookie, value);
  else if (cro_bytes_ieq(name, CRO_B("Domain")))
    read_domain(cookie, value);
  else if (cro_bytes_ieq(name, CRO_B("Path")))
    cookie->path = value.len > 0 && value.at[0] == '/' ? value : CRO_B("");
  else if (cro_bytes_ieq(name, CRO_B("Secure")))
    cookie->secure = true;
  else if (cro_bytes_ieq(name, CRO_B("HttpOnly")))
    cookie->http_only = true;
  else if (cro_bytes_ieq(name, CRO_B("SameSite")))
    cookie->same_site = cro_same_site_of(value);
}

int cro_set_cookie_parse(cro_bytes field, int64_t now, cro_set_cookie *out)
{
  cro_set_cookie cookie = { .attributes = { NULL, 0 } };
  cro_bytes text = take_until(&field, ';'), rest, name, value;
  bool pair = cro_bytes_find(text, '=') < text.len;

  cookie.name = cro_bytes_trim(take_until(&text, '='));
  cookie.value = first_word(cro_bytes_trim(text));
  if (!pair || !cro_text_is_token(cookie.name) || !all_octets(cookie.value))
    return CRO_E_SYNTAX;
  cookie.attributes = rest = field;
  while (cro_cookie_attribute(&rest, &name, &value))
    read_attribute(&cookie, name, value, now);
  *out = cookie;
  return 0;
}
