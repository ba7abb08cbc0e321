/* Header fields to requests. nghttp2 has checked the syntax, the order of pseudo
 * fields, their presence, and that no field is of a connection (RFC 9113 8.2, 8.3). */
#include "base/err.h"
#include "base/text.h"
#include "http/h1_read.h"
#include "http/h2_session.h"
#include "http/target.h"

enum {
  per_field = 32, /* RFC 9113 6.5.2: what a field counts beside its bytes */
  by_far = 4      /* times the limit: nobody is answered who sends that */
};

static cro_bytes bytes_of(nghttp2_rcbuf *from)
{
  nghttp2_vec vec = nghttp2_rcbuf_get_buf(from);

  return (cro_bytes){ (const char *)vec.base, vec.len };
}

/* A copy, unless it is part of HPACK's static table. */
static int keep(cro_arena *arena, nghttp2_rcbuf *from, cro_bytes *out)
{
  *out = bytes_of(from);
  return nghttp2_rcbuf_is_static(from) ? 0 : cro_arena_copy(arena, *out, out);
}

/* --- limits -------------------------------------------------------------------------
 */

/* Counts it; false when it is not to be kept. */
static bool count_in(cro_h2_stream *stream, cro_bytes name, cro_bytes value, bool crumb)
{
  cro_h2 *h2 = stream->h2;
  const cro_http_limits *limits = h2->config->limits;
  size_t size = name.len + value.len + per_field;

  stream->seen_bytes += size;
  stream->fields += !crumb;
  if (stream->fields > limits->header_count ||
      stream->seen_bytes > limits->header_bytes)
    stream->too_large = true;
  if (stream->seen_bytes / by_far > limits->header_bytes)
    stream->calm = true;
  if (stream->too_large)
    return false;
  stream->head_bytes += size;
  if (stream->counted)
    h2->held_headers += size;
  return true;
}

/* --- pseudo fields ------------------------------------------------------------------
 */

static int set_authority(cro_h2_stream *stream, nghttp2_rcbuf *value)
{
  cro_request *request = stream->request;
  int rc = keep(request->arena, value, &request->authority);

  return rc != 0 ? rc
                 : cro_headers_add(&request->headers, request->arena, CRO_B("host"),
                                   request->authority);
}

/* A target that is too long is not kept: 414. */
static int set_path(cro_h2_stream *stream, nghttp2_rcbuf *value)
{
  stream->long_path = bytes_of(value).len > stream->h2->config->limits->uri_bytes;
  if (stream->long_path || !count_in(stream, CRO_B(":path"), bytes_of(value), true))
    return 0;
  return keep(stream->request->arena, value, &stream->request->target);
}

static int pseudo_field(cro_h2_stream *stream, cro_bytes name, nghttp2_rcbuf *value)
{
  cro_arena *arena = stream->request->arena;

  if (cro_bytes_eq(name, CRO_B(":path")))
    return set_path(stream, value);
  if (!count_in(stream, name, bytes_of(value), true))
    return 0;
  if (cro_bytes_eq(name, CRO_B(":method")))
    return keep(arena, value, &stream->method);
  if (cro_bytes_eq(name, CRO_B(":scheme")))
    return keep(arena, value, &stream->scheme);
  if (cro_bytes_eq(name, CRO_B(":authority")))
    return set_authority(stream, value);
  return keep(arena, value, &stream->request->protocol_name);
}

/* --- fields -------------------------------------------------------------------------
 */

static int add_field(cro_headers *fields, cro_arena *arena, nghttp2_rcbuf *name,
                     nghttp2_rcbuf *value)
{
  cro_header field;
  int rc = keep(arena, name, &field.name);

  if (rc == 0)
    rc = keep(arena, value, &field.value);
  return rc != 0 ? rc : cro_headers_add(fields, arena, field.name, field.value);
}

/* RFC 9113 8.3.1: Host says what :authority does, or is all there is of it. */
static int host_field(cro_h2_stream *stream, nghttp2_rcbuf *value)
{
  cro_request *request = stream->request;

  if (request->headers.count == 0 || request->authority.at == NULL)
    return set_authority(stream, value);
  if (!cro_bytes_eq(bytes_of(value), request->authority))
    stream->malformed = true;
  return 0;
}

int cro_h2_head_field(cro_h2_stream *stream, bool trailer, nghttp2_rcbuf *name,
                      nghttp2_rcbuf *value)
{
  cro_request *request = stream->request;
  cro_bytes text = bytes_of(name);
  bool cookie = cro_bytes_eq(text, CRO_B("cookie"));

  if (text.len > 0 && text.at[0] == ':')
    return pseudo_field(stream, text, value);
  if (!count_in(stream, text, bytes_of(value), cookie && stream->cookies > 0))
    return 0;
  if (trailer)
    return cro_trailer_name_ok(text)
               ? add_field(&request->trailers, request->arena, name, value)
               : 0;
  stream->cookies += cookie;
  if (cro_bytes_eq(text, CRO_B("host")))
    return host_field(stream, value);
  return add_field(&request->headers, request->arena, name, value);
}

/* --- cookies ---------------------------------------------------------------------- */

static bool is_cookie(const cro_header *field)
{
  return cro_bytes_eq(field->name, CRO_B("cookie"));
}

static size_t crumbs_size(const cro_headers *fields)
{
  size_t size = 0;

  for (uint32_t i = 0; i < fields->count; i++)
    size += is_cookie(&fields->at[i]) ? fields->at[i].value.len + 2 : 0;
  return size;
}

static char *put_crumb(char *to, cro_bytes crumb)
{
  memcpy(to, crumb.at, crumb.len);
  memcpy(to + crumb.len, "; ", 2);
  return to + crumb.len + 2;
}

/* RFC 9113 8.2.3: what was sent in crumbs is read as one field, in the first's place.
 */
static int join_crumbs(cro_headers *fields, cro_arena *arena)
{
  size_t size = crumbs_size(fields);
  char *at = cro_arena_alloc(arena, size), *to = at;
  uint32_t kept = 0;
  cro_header *first = NULL;

  if (at == NULL)
    return CRO_E_NOMEM;
  for (uint32_t i = 0; i < fields->count; i++) {
    bool crumb = is_cookie(&fields->at[i]);

    if (crumb)
      to = put_crumb(to, fields->at[i].value);
    if (!crumb || first == NULL)
      fields->at[kept++] = fields->at[i];
    if (crumb && first == NULL)
      first = &fields->at[kept - 1];
  }
  fields->count = kept;
  first->value = (cro_bytes){ at, size - 2 };
  return 0;
}

/* --- verdicts -----------------------------------------------------------------------
 */

static int settle_method(const cro_h2_stream *stream)
{
  cro_bytes name = stream->method;
  int rc;

  if (name.len > stream->h2->config->limits->method_bytes)
    return -400;
  rc = cro_h1_method_verdict(name, &stream->request->method);
  return rc > 0 ? 0 : rc;
}

static int settle_scheme(const cro_h2_stream *stream)
{
  cro_bytes scheme = stream->scheme;
  cro_bytes *out = &stream->request->scheme;

  if (scheme.len == 0) /* CONNECT has none */
    *out = stream->request->conn->secure ? CRO_B("https") : CRO_B("http");
  else if (cro_bytes_ieq(scheme, CRO_B("https")))
    *out = CRO_B("https");
  else if (cro_bytes_ieq(scheme, CRO_B("http")))
    *out = CRO_B("http");
  else
    return -400;
  return 0;
}

bool cro_h2_path_ok(cro_bytes in)
{
  for (size_t i = 0; i < in.len; i++)
    if ((unsigned char)in.at[i] <= 0x20 || (unsigned char)in.at[i] >= 0x7f ||
        in.at[i] == '#')
      return false;
  return true;
}

static int settle_path(cro_request *request)
{
  if (!cro_h2_path_ok(request->target))
    return -400;
  if (request->method == CRO_CONNECT && request->protocol_name.len == 0) {
    request->target = request->authority;
    return request->target.len == 0 ? CRO_H2_MALFORMED : cro_target_connect(request);
  }
  if (request->target.len == 0)
    return CRO_H2_MALFORMED;
  if (request->target.at[0] == '/') {
    cro_target_split(request, request->target);
    return 0;
  }
  request->path = request->target;
  return cro_bytes_eq(request->path, CRO_B("*")) && request->method == CRO_OPTIONS
             ? 0
             : CRO_H2_MALFORMED;
}

/* nghttp2 has seen that there is one length at most, and will that DATA adds up to it.
 */
static int settle_length(cro_h2_stream *stream)
{
  cro_request *request = stream->request;
  const cro_header *field =
      cro_headers_find(&request->headers, CRO_B("content-length"));
  uint64_t length = 0;

  request->body.length = stream->received ? 0 : -1;
  if (field == NULL)
    return 0;
  if (cro_text_u64(field->value, &length) != 0 || length > INT64_MAX)
    return CRO_H2_MALFORMED;
  if (!stream->received)
    request->body.length = (int64_t)length;
  return 0;
}

/* RFC 9110 10.1.1: the only expectation there is. */
static int settle_expect(const cro_h2_stream *stream)
{
  cro_request *request = stream->request;
  uint32_t at = 0;
  const cro_header *field = cro_headers_next(&request->headers, CRO_B("expect"), &at);

  if (field == NULL)
    return 0;
  if (!cro_bytes_ieq(field->value, CRO_B("100-continue")) ||
      cro_headers_next(&request->headers, CRO_B("expect"), &at) != NULL)
    return -417;
  request->expect_continue = !stream->received;
  return 0;
}

/* Of "host:port" or "[::1]:port", as a certificate names it. */
static cro_bytes host_of(cro_bytes authority)
{
  size_t end = cro_bytes_find(authority, ':');

  if (authority.len > 0 && authority.at[0] == '[') {
    cro_bytes_take(&authority, 1);
    end = cro_bytes_find(authority, ']');
  }
  authority.len = end < authority.len ? end : authority.len;
  if (authority.len > 1 && authority.at[authority.len - 1] == '.')
    authority.len--; /* never in a handshake */
  return authority;
}

/* A client may send requests for any host that the certificate is for over a connection
 * it has (RFC 9113 9.1.1); one for another host would be answered by whoever happens to
 * be here. Whoever asked for no name takes what there is, and CONNECT names no host of
 * ours. */
static int settle_host(const cro_request *request)
{
  const cro_tls_info *tls = request->conn->tls;
  cro_bytes host = host_of(request->authority);

  if (tls == NULL || tls->server_name.len == 0 || host.len == 0 ||
      (request->method == CRO_CONNECT && request->protocol_name.len == 0) ||
      cro_bytes_ieq(host, tls->server_name) ||
      (tls->covers != NULL && tls->covers(request->conn, host)))
    return 0;
  return -421;
}

int cro_h2_settle(cro_h2_stream *stream)
{
  cro_request *request = stream->request;
  int rc;

  if (stream->malformed ||
      (request->authority.len > 0 && !cro_host_ok(request->authority)))
    return CRO_H2_MALFORMED;
  if (stream->long_path)
    return -414;
  if (stream->too_large)
    return -431;
  if ((rc = settle_method(stream)) != 0 || (rc = settle_scheme(stream)) != 0 ||
      (rc = settle_path(request)) != 0 || (rc = settle_length(stream)) != 0 ||
      (rc = settle_expect(stream)) != 0 || (rc = settle_host(request)) != 0)
    return rc;
  if (stream->cookies > 1 && join_crumbs(&request->headers, request->arena) != 0)
    return -503;
  return 0;
}
