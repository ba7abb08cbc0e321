#include "http/target.h"

#include "base/err.h"
#include "base/text.h"

/* RFC 3986 3.2.3: digits, or none. */
static bool is_port(cro_bytes in)
{
  unsigned port = 0;

  for (size_t i = 0; i < in.len; i++) {
    if (!cro_char_is(in.at[i], CRO_CHAR_DIGIT))
      return false;
    port = port * 10 + (unsigned)(in.at[i] - '0');
    if (port > 65535)
      return false;
  }
  return true;
}

/* The address between brackets; its finer grammar is the resolver's. */
static bool is_ip_literal(cro_bytes in)
{
  if (in.len < 2)
    return false;
  for (size_t i = 0; i < in.len; i++)
    if (!cro_char_is(in.at[i], CRO_CHAR_HEX) && in.at[i] != ':' && in.at[i] != '.')
      return false;
  return true;
}

/* Bytes a reg-name holds as they are: unreserved and sub-delims. */
/* clang-format off */
static const bool in_reg_name[256] = {
  ['!'] = 1, ['$'] = 1, ['&' ... '.'] = 1, ['0' ... '9'] = 1, [';'] = 1, ['='] = 1,
  ['A' ... 'Z'] = 1, ['_'] = 1, ['a' ... 'z'] = 1, ['~'] = 1,
};
/* clang-format on */

static bool is_escape(cro_bytes in, size_t at)
{
  return in.len - at > 2 && in.at[at] == '%' && cro_hex_digit(in.at[at + 1]) >= 0 &&
         cro_hex_digit(in.at[at + 2]) >= 0;
}

/* Where RFC 3986 3.2.2's reg-name (unreserved, sub-delims, %XX) ends in `in`. */
static size_t reg_name_end(cro_bytes in)
{
  size_t i = 0;

  do {
    while (i < in.len && in_reg_name[(unsigned char)in.at[i]])
      i++;
    if (i == in.len || !is_escape(in, i))
      return i;
    i += 3;
  } while (true);
}

/* RFC 9110 7.2, RFC 3986 3.2: uri-host [":" port], no userinfo. */
bool cro_authority_ok(cro_bytes in)
{
  size_t end;

  if (in.len > 0 && in.at[0] == '[') {
    end = cro_bytes_find(in, ']');
    if (end == in.len || !is_ip_literal((cro_bytes){ in.at + 1, end - 1 }))
      return false;
    cro_bytes_take(&in, end + 1);
  } else {
    cro_bytes_take(&in, reg_name_end(in));
  }
  if (in.len == 0)
    return true;
  return *cro_bytes_take(&in, 1).at == ':' && is_port(in);
}

/* Nearly all requests to a server name the same host: the last proper one is known
 * without looking at each byte again. */
bool cro_host_ok(cro_bytes in)
{
  static char known[64];
  static size_t known_len;

  if (in.len == known_len && memcmp(in.at, known, known_len) == 0)
    return true;
  if (!cro_authority_ok(in))
    return false;
  if (in.len <= sizeof known) {
    memcpy(known, in.at, in.len);
    known_len = in.len;
  }
  return true;
}

void cro_target_split(cro_request *request, cro_bytes from)
{
  request->path = cro_bytes_take(&from, cro_bytes_find(from, '?'));
  cro_bytes_take(&from, 1);
  request->query = from;
}

/* RFC 9112 3.2.3: CONNECT names a host and a port, nothing else does. */
int cro_target_connect(cro_request *request)
{
  cro_bytes target = request->target;

  if (!cro_authority_ok(target) || target.at[0] == ':' ||
      !cro_char_is(target.at[target.len - 1], CRO_CHAR_DIGIT) ||
      cro_bytes_find(target, ':') == target.len)
    return -400;
  request->authority = target;
  request->path = CRO_B("/");
  return 0;
}
