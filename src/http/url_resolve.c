#include "http/url.h"

#include "base/err.h"
#include "base/text.h"
#include "base/utf8.h"

/* Appending several parts is all or nothing: the length from before is put back. */
static int undo(cro_buf *out, size_t before, int rc)
{
  if (rc != 0)
    out->len = before;
  return rc;
}

static int add_part(cro_buf *out, char mark, cro_bytes part)
{
  int rc = part.at != NULL ? cro_buf_add_byte(out, mark) : 0;

  return rc == 0 ? cro_buf_add(out, part) : rc;
}

static int write_parts(const cro_url *url, cro_buf *out)
{
  int rc = 0;

  if (url->scheme.at != NULL && (rc = cro_buf_add(out, url->scheme)) == 0)
    rc = cro_buf_add_byte(out, ':');
  if (rc == 0 && url->authority.at != NULL && (rc = cro_buf_add(out, CRO_B("//"))) == 0)
    rc = cro_buf_add(out, url->authority);
  if (rc == 0)
    rc = cro_buf_add(out, url->path);
  if (rc == 0)
    rc = add_part(out, '?', url->query);
  return rc == 0 ? add_part(out, '#', url->fragment) : rc;
}

int cro_url_write(const cro_url *url, cro_buf *out)
{
  size_t before = out->len;

  return undo(out, before, write_parts(url, out));
}

/* --- dot segments ------------------------------------------------------------------
 */

/* Removes "." and ".." segments from buf[from ..] in place (RFC 3986 5.2.4): segments
 * move left, ".." takes back the one before. A relative path is done likewise, with
 * nothing above its start. */
static void remove_dots(cro_buf *buf, size_t from)
{
  char *text = buf->at;
  size_t root = from < buf->len && text[from] == '/' ? from + 1 : from;
  size_t to = root, at = root;

  while (at < buf->len) {
    size_t end = at, len;
    bool last;

    while (end < buf->len && text[end] != '/')
      end++;
    len = end - at;
    last = end == buf->len;
    if (len == 2 && text[at] == '.' && text[at + 1] == '.') {
      if (to > root)
        to--; /* over the slash that ends the segment before */
      while (to > root && text[to - 1] != '/')
        to--;
    } else if (len != 1 || text[at] != '.') {
      memmove(text + to, text + at, len);
      to += len;
      if (!last)
        text[to++] = '/';
    }
    at = end + 1;
  }
  buf->len = to;
}

/* The path of `base` up to its last slash, then `path`. */
static int merge_paths(const cro_url *base, cro_bytes path, cro_buf *out)
{
  size_t keep = base->path.len;
  int rc = 0;

  while (keep > 0 && base->path.at[keep - 1] != '/')
    keep--;
  if (base->path.len == 0 && base->authority.at != NULL)
    rc = cro_buf_add_byte(out, '/');
  else
    rc = cro_buf_add(out, (cro_bytes){ base->path.at, keep });
  return rc == 0 ? cro_buf_add(out, path) : rc;
}

/* What must stand before a path so that it is read as the path it is: "//x" without
 * an authority would be one (RFC 3986 3.3), "a:b" would have a scheme, and a relative
 * path that lost its first segments may begin with an empty one. */
static const char *guard_for(const cro_url *head, cro_bytes path, bool relative)
{
  if (head->authority.at != NULL || path.len == 0)
    return NULL;
  if (relative && path.at[0] == '/')
    return "./";
  if (path.len >= 2 && path.at[0] == '/' && path.at[1] == '/')
    return "/.";
  if (head->scheme.at == NULL && cro_bytes_find(path, ':') < cro_bytes_find(path, '/'))
    return "./";
  return NULL;
}

static int guard_path(const cro_url *head, size_t from, bool relative, cro_buf *out)
{
  cro_bytes path = cro_buf_bytes(out);
  const char *guard;
  int rc;

  cro_bytes_take(&path, from);
  guard = guard_for(head, path, relative);
  if (guard == NULL)
    return 0;
  rc = cro_buf_reserve(out, 2);
  if (rc != 0)
    return rc;
  memmove(out->at + from + 2, out->at + from, path.len);
  memcpy(out->at + from, guard, 2);
  out->len += 2;
  return 0;
}

static int write_head(const cro_url *url, cro_buf *out)
{
  cro_url head = { .scheme = url->scheme, .authority = url->authority };

  return write_parts(&head, out);
}

static int write_dotless(const cro_url *head, const cro_url *base, cro_bytes path,
                         cro_buf *out)
{
  bool relative;
  size_t from;
  int rc = write_head(head, out);

  if (rc != 0)
    return rc;
  from = out->len;
  rc = base != NULL ? merge_paths(base, path, out) : cro_buf_add(out, path);
  if (rc != 0)
    return rc;
  if (out->len == from)
    return 0;
  relative = out->at[from] != '/';
  remove_dots(out, from);
  return guard_path(head, from, relative, out);
}

static int resolve(const cro_url *base, const cro_url *reference, cro_buf *out)
{
  cro_url head = { .scheme = base->scheme, .authority = base->authority };
  cro_bytes query = reference->query;
  int rc;

  if (reference->scheme.at != NULL || reference->authority.at != NULL) {
    head.authority = reference->authority;
    if (reference->scheme.at != NULL)
      head.scheme = reference->scheme;
    rc = write_dotless(&head, NULL, reference->path, out);
  } else if (reference->path.len == 0) {
    if (query.at == NULL)
      query = base->query;
    rc = write_head(&head, out);
    rc = rc == 0 ? cro_buf_add(out, base->path) : rc;
  } else if (reference->path.at[0] == '/') {
    rc = write_dotless(&head, NULL, reference->path, out);
  } else {
    rc = write_dotless(&head, base, reference->path, out);
  }
  rc = rc == 0 ? add_part(out, '?', query) : rc;
  return rc == 0 ? add_part(out, '#', reference->fragment) : rc;
}

int cro_url_resolve(const cro_url *base, const cro_url *reference, cro_buf *out)
{
  size_t before = out->len;

  return undo(out, before, resolve(base, reference, out));
}

/* --- normal form -------------------------------------------------------------------
 */

static char lower(char c)
{
  return (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

static int add_lower(cro_buf *out, cro_bytes text)
{
  size_t from = out->len;
  int rc = cro_buf_add(out, text);

  for (size_t i = from; rc == 0 && i < out->len; i++)
    out->at[i] = lower(out->at[i]);
  return rc;
}

static int add_escape(cro_buf *out, unsigned char byte)
{
  static const char digits[] = "0123456789ABCDEF";
  char text[3] = { '%', digits[byte >> 4], digits[byte & 15] };

  return cro_buf_add(out, (cro_bytes){ text, 3 });
}

/* Escapes: those of unreserved characters go, the others get upper-case digits; what
 * must not stand there is escaped. */
static int add_normal(cro_buf *out, cro_bytes text, bool fold)
{
  int rc = 0;

  for (size_t i = 0; rc == 0 && i < text.len; i++) {
    char c = text.at[i];

    if (c == '%') {
      int byte = cro_hex_digit(text.at[i + 1]) << 4 | cro_hex_digit(text.at[i + 2]);

      c = (char)byte;
      i += 2;
      if (!cro_char_is(c, CRO_CHAR_UNRESERVED)) {
        rc = add_escape(out, (unsigned char)byte);
        continue;
      }
    } else if (!cro_char_is(c, CRO_CHAR_QUERY)) {
      rc = add_escape(out, (unsigned char)c);
      continue;
    }
    rc = cro_buf_add_byte(out, fold ? lower(c) : c);
  }
  return rc;
}

static bool is_ip_literal(cro_host_kind kind)
{
  return kind == CRO_HOST_IPV6 || kind == CRO_HOST_FUTURE;
}

static int add_host(cro_buf *out, const cro_authority *parts)
{
  int rc;

  if (!is_ip_literal(parts->kind))
    return add_normal(out, parts->host, true);
  rc = cro_buf_add_byte(out, '[');
  rc = rc == 0 ? add_lower(out, parts->host) : rc;
  return rc == 0 ? cro_buf_add_byte(out, ']') : rc;
}

static int add_authority(cro_buf *out, const cro_url *url)
{
  const cro_authority *parts = &url->parts;
  int rc = cro_buf_add(out, CRO_B("//"));

  if (rc == 0 && parts->userinfo.at != NULL &&
      (rc = add_normal(out, parts->userinfo, false)) == 0)
    rc = cro_buf_add_byte(out, '@');
  if (rc == 0)
    rc = add_host(out, parts);
  if (rc != 0 || parts->port < 0 || parts->port == cro_url_default_port(url->scheme))
    return rc;
  rc = cro_buf_add_byte(out, ':');
  return rc == 0 ? cro_buf_add_u64(out, (uint64_t)parts->port) : rc;
}

static int add_path(cro_buf *out, const cro_url *url)
{
  size_t from = out->len;
  int rc;

  if (url->path.len == 0 && url->authority.at != NULL &&
      cro_url_default_port(url->scheme) >= 0)
    return cro_buf_add_byte(out, '/');
  rc = add_normal(out, url->path, false);
  if (rc == 0 && url->path.len > 0 && url->path.at[0] == '/')
    remove_dots(out, from);
  return rc == 0 ? guard_path(url, from, false, out) : rc;
}

static int add_normal_part(cro_buf *out, char mark, cro_bytes part)
{
  int rc = 0;

  if (part.at == NULL)
    return 0;
  rc = cro_buf_add_byte(out, mark);
  return rc == 0 ? add_normal(out, part, false) : rc;
}

static int normalise(const cro_url *url, cro_buf *out)
{
  int rc = 0;

  if (url->scheme.at != NULL && (rc = add_lower(out, url->scheme)) == 0)
    rc = cro_buf_add_byte(out, ':');
  if (rc == 0 && url->authority.at != NULL)
    rc = add_authority(out, url);
  rc = rc == 0 ? add_path(out, url) : rc;
  rc = rc == 0 ? add_normal_part(out, '?', url->query) : rc;
  return rc == 0 ? add_normal_part(out, '#', url->fragment) : rc;
}

int cro_url_normalise(const cro_url *url, cro_buf *out)
{
  size_t before = out->len;

  return undo(out, before, normalise(url, out));
}

/* --- IRI ---------------------------------------------------------------------------
 */

static bool iri_escapes(char c)
{
  return (unsigned char)c >= 0x80 || (c != '\0' && strchr(" \"<>\\^`{|}", c) != NULL);
}

static int refuse_iri(cro_url_fault *fault, const char *reason, size_t at)
{
  if (fault != NULL)
    *fault = (cro_url_fault){ reason, at };
  return CRO_E_SYNTAX;
}

static int add_iri(cro_buf *out, cro_bytes iri, cro_url_fault *fault)
{
  int rc = 0;

  for (size_t i = 0; rc == 0 && i < iri.len; i++) {
    char c = iri.at[i];

    if (iri_escapes(c))
      rc = add_escape(out, (unsigned char)c);
    else if ((unsigned char)c < 0x20 || c == 0x7F)
      rc = refuse_iri(fault, "Control character", i);
    else
      rc = cro_buf_add_byte(out, c);
  }
  return rc;
}

int cro_url_from_iri(cro_bytes iri, cro_buf *out, cro_url_fault *fault)
{
  size_t before = out->len, text = cro_utf8_prefix(iri);
  int rc;

  if (text < iri.len)
    return refuse_iri(fault, "Not UTF-8", text);
  rc = cro_url_check_iri_host(iri, fault);
  return rc != 0 ? rc : undo(out, before, add_iri(out, iri, fault));
}
