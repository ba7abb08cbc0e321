#include "http/url.h"

#include "base/err.h"
#include "base/text.h"

/* Only what the fault is about; the parse stops at the first. */
static int fault_at(cro_url_fault *fault, const char *reason, size_t at)
{
  if (fault != NULL)
    *fault = (cro_url_fault){ reason, at };
  return CRO_E_SYNTAX;
}

/* --- hosts ---------------------------------------------------------------------- */

static bool is_octet(cro_bytes digits)
{
  uint64_t value;

  if (digits.len > 3 || (digits.len > 1 && digits.at[0] == '0'))
    return false;
  return cro_text_u64(digits, &value) == 0 && value <= 255;
}

static bool is_ipv4(cro_bytes text)
{
  for (int dots = 0; dots < 3; dots++) {
    if (!is_octet(cro_bytes_take(&text, cro_bytes_find(text, '.'))) || text.len == 0)
      return false;
    cro_bytes_take(&text, 1);
  }
  return is_octet(text);
}

static bool is_group(cro_bytes text)
{
  return text.len >= 1 && text.len <= 4 && cro_text_all(text, CRO_CHAR_HEX);
}

/* Groups of 16 bits in "a:b:c", an IPv4 address at the end counting two; -1 for
 * anything else. No text at all is no group. */
static int count_groups(cro_bytes text, bool may_end_in_ipv4)
{
  int count = 0;

  if (text.len == 0)
    return 0;
  for (;;) {
    cro_bytes group = cro_bytes_take(&text, cro_bytes_find(text, ':'));

    if (text.len == 0 && may_end_in_ipv4 && is_ipv4(group))
      return count + 2;
    if (!is_group(group) || count == 8)
      return -1;
    count++;
    if (text.len == 0)
      return count;
    cro_bytes_take(&text, 1);
  }
}

/* Index of the first "::", or text.len. */
static size_t find_gap(cro_bytes text)
{
  for (size_t i = 0; i + 1 < text.len; i++)
    if (text.at[i] == ':' && text.at[i + 1] == ':')
      return i;
  return text.len;
}

static bool is_ipv6(cro_bytes text)
{
  size_t gap = find_gap(text);
  cro_bytes left = { text.at, gap }, right;
  int before, after;

  if (gap == text.len)
    return count_groups(text, true) == 8;
  right = (cro_bytes){ text.at + gap + 2, text.len - gap - 2 };
  before = count_groups(left, false);
  after = count_groups(right, true);
  return before >= 0 && after >= 0 && before + after <= 7;
}

static const char sub_delims[] = "!$&'()*+,;=";

static bool is_sub_delim(char c)
{
  return c != '\0' && strchr(sub_delims, c) != NULL;
}

/* v<hex>.<something> */
static bool is_future(cro_bytes text)
{
  cro_bytes version;

  if (text.len < 4 || (text.at[0] | 0x20) != 'v')
    return false;
  cro_bytes_take(&text, 1);
  version = cro_bytes_take(&text, cro_bytes_find(text, '.'));
  if (version.len == 0 || !cro_text_all(version, CRO_CHAR_HEX) || text.len < 2)
    return false;
  for (size_t i = 1; i < text.len; i++)
    if (!cro_char_is(text.at[i], CRO_CHAR_UNRESERVED) && !is_sub_delim(text.at[i]) &&
        text.at[i] != ':')
      return false;
  return true;
}

static bool escape_at(cro_bytes text, size_t at)
{
  return text.len - at >= 3 && cro_hex_digit(text.at[at + 1]) >= 0 &&
         cro_hex_digit(text.at[at + 2]) >= 0;
}

/* Index of the first byte that is neither unreserved, a sub-delimiter, `also` nor
 * part of an escape; text.len when all are. */
static size_t find_odd(cro_bytes text, char also)
{
  for (size_t i = 0; i < text.len; i++) {
    char c = text.at[i];

    if (c == '%' && escape_at(text, i))
      i += 2;
    else if (c == '%' ||
             (!cro_char_is(c, CRO_CHAR_UNRESERVED) && !is_sub_delim(c) && c != also))
      return i;
  }
  return text.len;
}

/* "[...]" at the start of *rest, cut off. */
static int parse_ip_literal(cro_bytes *rest, size_t at, cro_authority *out,
                            cro_url_fault *fault)
{
  size_t end = cro_bytes_find(*rest, ']');
  cro_bytes inside;

  if (end == rest->len)
    return fault_at(fault, "Missing ] after an IP address", at + rest->len);
  inside = (cro_bytes){ rest->at + 1, end - 1 };
  if (is_ipv6(inside))
    out->kind = CRO_HOST_IPV6;
  else if (is_future(inside))
    out->kind = CRO_HOST_FUTURE;
  else
    return fault_at(fault, "Malformed IP address", at + 1);
  out->host = inside;
  cro_bytes_take(rest, end + 1);
  return 0;
}

static size_t find_beyond_ascii(cro_bytes text)
{
  size_t at = 0;

  while (at < text.len && (unsigned char)text.at[at] < 0x80)
    at++;
  return at;
}

static const char beyond_ascii[] =
    "Host beyond ASCII: write it in its xn-- form (punycode)";

static int parse_name(cro_bytes *rest, size_t at, cro_authority *out,
                      cro_url_fault *fault)
{
  cro_bytes name = cro_bytes_take(rest, cro_bytes_find(*rest, ':'));
  size_t odd = find_odd(name, '\0');

  if (odd < name.len)
    return fault_at(
        fault, (unsigned char)name.at[odd] >= 0x80 ? beyond_ascii : "Malformed host",
        at + odd);
  out->host = name;
  if (name.len == 0)
    out->kind = CRO_HOST_NONE;
  else
    out->kind = is_ipv4(name) ? CRO_HOST_IPV4 : CRO_HOST_NAME;
  return 0;
}

static int parse_port(cro_bytes rest, size_t at, cro_authority *out,
                      cro_url_fault *fault)
{
  uint64_t port;

  out->port = -1;
  if (rest.len == 0)
    return 0;
  if (rest.at[0] != ':')
    return fault_at(fault, "Malformed host", at);
  cro_bytes_take(&rest, 1);
  if (rest.len == 0)
    return 0;
  if (cro_text_u64(rest, &port) != 0)
    return fault_at(fault, "Malformed port", at + 1);
  if (port > 65535)
    return fault_at(fault, "Port above 65535", at + 1);
  out->port = (int32_t)port;
  return 0;
}

static size_t last_at_sign(cro_bytes text)
{
  for (size_t i = text.len; i > 0; i--)
    if (text.at[i - 1] == '@')
      return i - 1;
  return text.len;
}

/* `base` is where the authority begins in the whole text, for faults. */
static int parse_authority(cro_bytes text, size_t base, cro_authority *out,
                           cro_url_fault *fault)
{
  cro_authority parts = { .port = -1 };
  const char *from = text.at;
  size_t sign = last_at_sign(text);
  int rc;

  if (sign < text.len) {
    size_t odd;

    parts.userinfo = cro_bytes_take(&text, sign);
    cro_bytes_take(&text, 1);
    odd = find_odd(parts.userinfo, ':');
    if (odd < parts.userinfo.len)
      return fault_at(fault, "Malformed user information", base + odd);
  }
  base += text.len > 0 ? (size_t)(text.at - from) : 0;
  from = text.at;
  if (text.len > 0 && text.at[0] == '[')
    rc = parse_ip_literal(&text, base, &parts, fault);
  else
    rc = parse_name(&text, base, &parts, fault);
  if (rc != 0)
    return rc;
  rc = parse_port(text, text.len > 0 ? base + (size_t)(text.at - from) : base, &parts,
                  fault);
  if (rc == 0)
    *out = parts;
  return rc;
}

int cro_authority_parse(cro_bytes text, cro_authority *out, cro_url_fault *fault)
{
  if (text.at == NULL)
    text.at = "";
  return parse_authority(text, 0, out, fault);
}

/* --- references ------------------------------------------------------------------ */

/* Lenient: what a URI may not hold but does no harm stays. */
static bool is_tolerated(char c)
{
  return c != '\0' && strchr("\"<>[\\]^`{|}/?", c) != NULL;
}

static int check_text(cro_bytes text, size_t base, const char *reason,
                      cro_url_fault *fault)
{
  for (size_t i = 0; i < text.len; i++) {
    char c = text.at[i];

    if (c == '%' && escape_at(text, i))
      i += 2;
    else if (c == '%')
      return fault_at(fault, "Malformed percent-encoding", base + i);
    else if (!cro_char_is(c, CRO_CHAR_QUERY) && !is_tolerated(c))
      return fault_at(fault, reason, base + i);
  }
  return 0;
}

/* Length of what stands before the first ':', '/', '?' or '#'. */
static size_t scheme_end(cro_bytes text)
{
  size_t at = 0;

  while (at < text.len && memchr(":/?#", text.at[at], 4) == NULL)
    at++;
  return at;
}

static int parse_scheme(cro_bytes *rest, cro_bytes *scheme, cro_url_fault *fault)
{
  size_t end = scheme_end(*rest);

  if (end == rest->len || rest->at[end] != ':')
    return 0; /* a relative reference */
  if (end == 0 || !cro_char_is(rest->at[0], CRO_CHAR_ALPHA))
    return fault_at(fault, "Malformed scheme", 0);
  for (size_t i = 1; i < end; i++)
    if (!cro_char_is(rest->at[i], CRO_CHAR_ALPHA | CRO_CHAR_DIGIT) &&
        memchr("+-.", rest->at[i], 3) == NULL)
      return fault_at(fault, "Malformed scheme", i);
  *scheme = cro_bytes_take(rest, end);
  cro_bytes_take(rest, 1);
  return 0;
}

static cro_bytes take_until(cro_bytes *rest, const char *stops, size_t count)
{
  size_t at = 0;

  while (at < rest->len && memchr(stops, rest->at[at], count) == NULL)
    at++;
  return cro_bytes_take(rest, at);
}

/* Splits what follows the scheme, without a look at the characters. */
static void split(cro_bytes rest, cro_url *url)
{
  if (rest.len >= 2 && rest.at[0] == '/' && rest.at[1] == '/') {
    cro_bytes_take(&rest, 2);
    url->authority = take_until(&rest, "/?#", 3);
  }
  url->path = take_until(&rest, "?#", 2);
  if (rest.len > 0 && rest.at[0] == '?') {
    cro_bytes_take(&rest, 1);
    url->query = take_until(&rest, "#", 1);
  }
  if (rest.len > 0) {
    cro_bytes_take(&rest, 1);
    url->fragment = rest;
  }
}

int cro_url_parse(cro_bytes text, cro_url *out, cro_url_fault *fault)
{
  cro_url url = { .parts = { .port = -1 } };
  cro_bytes rest;
  int rc;

  if (text.at == NULL)
    text.at = "";
  rest = text;
  rc = parse_scheme(&rest, &url.scheme, fault);
  if (rc != 0)
    return rc;
  split(rest, &url);
  if (url.authority.at != NULL)
    rc = parse_authority(url.authority, (size_t)(url.authority.at - text.at),
                         &url.parts, fault);
  if (rc == 0)
    rc = check_text(url.path, (size_t)(url.path.at - text.at), "Malformed path", fault);
  if (rc == 0 && url.query.at != NULL)
    rc = check_text(url.query, (size_t)(url.query.at - text.at), "Malformed query",
                    fault);
  if (rc == 0 && url.fragment.at != NULL)
    rc = check_text(url.fragment, (size_t)(url.fragment.at - text.at),
                    "Malformed fragment", fault);
  if (rc == 0)
    *out = url;
  return rc;
}

int cro_url_check_iri_host(cro_bytes iri, cro_url_fault *fault)
{
  const char *from = iri.at;
  cro_url url = { .parts = { .port = -1 } };
  size_t scheme = scheme_end(iri), sign, odd;

  if (scheme < iri.len && iri.at[scheme] == ':')
    cro_bytes_take(&iri, scheme + 1);
  split(iri, &url);
  sign = last_at_sign(url.authority);
  if (sign < url.authority.len)
    cro_bytes_take(&url.authority, sign + 1);
  odd = find_beyond_ascii(url.authority);
  if (odd < url.authority.len)
    return fault_at(fault, beyond_ascii, (size_t)(url.authority.at - from) + odd);
  return 0;
}

int32_t cro_url_default_port(cro_bytes scheme)
{
  if (cro_bytes_ieq(scheme, CRO_B("http")) || cro_bytes_ieq(scheme, CRO_B("ws")))
    return 80;
  if (cro_bytes_ieq(scheme, CRO_B("https")) || cro_bytes_ieq(scheme, CRO_B("wss")))
    return 443;
  return -1;
}

cro_path cro_path_of(cro_bytes path)
{
  cro_path it = { path, path.len > 0 && !cro_bytes_eq(path, CRO_B("*")) };

  if (it.more && path.at[0] == '/') {
    cro_bytes_take(&it.rest, 1);
    it.more = it.rest.len > 0;
  }
  return it;
}

cro_path cro_path_of_rest(cro_bytes rest)
{
  return (cro_path){ rest, rest.at != NULL };
}

bool cro_path_next(cro_path *path, cro_bytes *segment)
{
  if (!path->more)
    return false;
  *segment = cro_bytes_take(&path->rest, cro_bytes_find(path->rest, '/'));
  path->more = path->rest.len > 0;
  cro_bytes_take(&path->rest, 1);
  return true;
}

/* --- request targets ------------------------------------------------------------- */

static size_t after_scheme(cro_bytes text)
{
  if (text.len >= 7 && cro_bytes_ieq((cro_bytes){ text.at, 7 }, CRO_B("http://")))
    return 7;
  if (text.len >= 8 && cro_bytes_ieq((cro_bytes){ text.at, 8 }, CRO_B("https://")))
    return 8;
  return 0;
}

static void split_path(cro_bytes text, cro_target *target)
{
  size_t mark = cro_bytes_find(text, '?');

  target->path = cro_bytes_take(&text, mark);
  if (text.len == 0)
    return;
  cro_bytes_take(&text, 1);
  target->query = text;
}

/* Visible ASCII without '#'. */
static bool target_chars_ok(cro_bytes text)
{
  unsigned bad = 0;

  for (size_t i = 0; i < text.len; i++) {
    unsigned c = (unsigned char)text.at[i];

    bad |= (unsigned)(c - 0x21 > 0x7E - 0x21) | (unsigned)(c == '#');
  }
  return bad == 0;
}

static int parse_absolute(cro_bytes text, size_t scheme, cro_target *out)
{
  cro_target target = { .form = CRO_TARGET_ABSOLUTE };
  cro_authority parts;

  target.scheme = (cro_bytes){ text.at, scheme - 3 };
  cro_bytes_take(&text, scheme);
  target.authority = take_until(&text, "/?", 2);
  if (cro_authority_parse(target.authority, &parts, NULL) != 0 ||
      parts.userinfo.at != NULL || parts.kind == CRO_HOST_NONE)
    return CRO_E_SYNTAX;
  split_path(text, &target);
  if (target.path.len == 0)
    target.path = CRO_B("/");
  *out = target;
  return 0;
}

static int parse_host_port(cro_bytes text, cro_target *out)
{
  cro_authority parts;

  if (cro_authority_parse(text, &parts, NULL) != 0 || parts.userinfo.at != NULL ||
      parts.kind == CRO_HOST_NONE || parts.port < 0)
    return CRO_E_SYNTAX;
  *out = (cro_target){ .form = CRO_TARGET_AUTHORITY,
                       .authority = text,
                       .path = { "", 0 } };
  return 0;
}

int cro_target_parse(cro_bytes text, cro_target *out)
{
  size_t scheme;

  if (text.len == 0 || !target_chars_ok(text))
    return CRO_E_SYNTAX;
  if (text.at[0] == '/') {
    cro_target target = { .form = CRO_TARGET_ORIGIN };

    split_path(text, &target);
    *out = target;
    return 0;
  }
  if (cro_bytes_eq(text, CRO_B("*"))) {
    *out = (cro_target){ .form = CRO_TARGET_ASTERISK, .path = text };
    return 0;
  }
  scheme = after_scheme(text);
  return scheme > 0 ? parse_absolute(text, scheme, out) : parse_host_port(text, out);
}
