#include "http/h1_read.h"

#include "base/check.h"
#include "base/err.h"
#include "base/text.h"
#include "http/h1_scan.h"

#include <llhttp.h>
#include <stddef.h>

#if !LLHTTP_STRICT_MODE
#error                                                                                 \
    "llhttp must be compiled with LLHTTP_STRICT_MODE=1: loose mode lets requests be smuggled"
#endif

_Static_assert(sizeof(llhttp_t) <= CRO_H1_ENGINE_BYTES, "room for llhttp's state");
_Static_assert(sizeof(cro_h1_slot) == sizeof(cro_header), "a slot is a header");

enum {
  first_slots = 16,
  version_bytes = sizeof " HTTP/1.1\r\n" - 1,
  size_digits = 16, /* of a chunk: 64 bits */
  head_max = 1 << 30
};

static llhttp_t *engine_of(cro_h1_parser *parser)
{
  return (llhttp_t *)(void *)parser->engine;
}

static cro_h1_parser *parser_of(llhttp_t *engine)
{
  return (cro_h1_parser *)(void *)engine;
}

/* --- what llhttp reports ---------------------------------------------------------- */

static uint32_t offset(const cro_h1_parser *parser, const char *at)
{
  return (uint32_t)(at - parser->view);
}

static int on_url(llhttp_t *engine, const char *at, size_t len)
{
  cro_h1_parser *parser = parser_of(engine);

  if (parser->url.len == 0)
    parser->url.at = offset(parser, at);
  parser->url.len += (uint32_t)len;
  return 0;
}

int cro_h1_more_slots(cro_h1_parser *parser)
{
  cro_headers *fields = &parser->section;
  uint32_t cap = fields->cap > 0 ? fields->cap * 2 : first_slots;
  cro_header *at = cro_arena_alloc(parser->arena, cap * sizeof *at);

  if (at == NULL) {
    parser->no_memory = true;
    return CRO_E_NOMEM;
  }
  if (fields->count > 0)
    memcpy(at, fields->at, fields->count * sizeof *at);
  fields->at = at;
  fields->cap = cap;
  return 0;
}

static cro_h1_slot *last_slot(const cro_h1_parser *parser)
{
  return (cro_h1_slot *)(void *)&parser->section.at[parser->section.count - 1];
}

static int open_slot(cro_h1_parser *parser, uint32_t at)
{
  cro_headers *fields = &parser->section;

  parser->in_value = false;
  if (parser->fields_at == 0)
    parser->fields_at = at;
  if (fields->count >= parser->limits->header_count) {
    parser->too_many = true;
    return 0;
  }
  if (fields->count == fields->cap && cro_h1_more_slots(parser) != 0)
    return HPE_USER;
  fields->count++;
  last_slot(parser)->span.name = (cro_h1_span){ at, 0 };
  last_slot(parser)->span.value = (cro_h1_span){ 0, 0 };
  return 0;
}

static int on_field(llhttp_t *engine, const char *at, size_t len)
{
  cro_h1_parser *parser = parser_of(engine);

  if (parser->in_value && open_slot(parser, offset(parser, at)) != 0)
    return HPE_USER;
  if (!parser->too_many)
    last_slot(parser)->span.name.len += (uint32_t)len;
  return 0;
}

static int on_value(llhttp_t *engine, const char *at, size_t len)
{
  cro_h1_parser *parser = parser_of(engine);
  cro_h1_span *value;

  parser->in_value = true;
  if (parser->too_many)
    return 0;
  value = &last_slot(parser)->span.value;
  if (value->len == 0)
    value->at = offset(parser, at);
  else if (len > 0 && value->at + value->len != offset(parser, at))
    parser->folded = true;
  value->len += (uint32_t)len;
  return 0;
}

/* Stops llhttp at the end of a head: what follows is ours to judge first. An upgrade
 * is the server's to accept, so it must not end the message (RFC 9110 7.8). */
static int on_headers_complete(llhttp_t *engine)
{
  engine->upgrade = 0;
  parser_of(engine)->complete = true;
  return HPE_PAUSED;
}

static int on_body(llhttp_t *engine, const char *at, size_t len)
{
  parser_of(engine)->part = (cro_bytes){ at, len };
  return 0;
}

static int on_chunk_header(llhttp_t *engine)
{
  parser_of(engine)->left = engine->content_length;
  parser_of(engine)->size_read = true;
  return HPE_PAUSED;
}

static int on_message_complete(llhttp_t *engine)
{
  parser_of(engine)->complete = true;
  return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
  .on_url = on_url,
  .on_header_field = on_field,
  .on_header_value = on_value,
  .on_headers_complete = on_headers_complete,
  .on_body = on_body,
  .on_chunk_header = on_chunk_header,
  .on_message_complete = on_message_complete,
};

/* --- heads ---------------------------------------------------------------------------
 */

void cro_h1_parser_init(cro_h1_parser *parser, const cro_http_limits *limits,
                        bool response)
{
  memset(parser, 0, sizeof *parser);
  parser->limits = limits;
  parser->response = response;
}

void cro_h1_parser_begin(cro_h1_parser *parser, cro_arena *arena, cro_headers *fields)
{
  size_t kept = offsetof(cro_h1_parser, arena);

  memset((char *)parser + kept, 0, sizeof *parser - kept);
  parser->arena = arena;
  parser->fields = fields;
  parser->in_value = true; /* so that the first name opens a slot */
  parser->method_done = parser->response;
}

/* The short way first; 0 hands the message to llhttp. */
static int begin_head(cro_h1_parser *parser, cro_bytes view)
{
  uint32_t len = parser->response ? 0 : cro_h1_scan_head(parser, view);

  parser->begun = true;
  if (len == 0)
    llhttp_init(engine_of(parser), parser->response ? HTTP_RESPONSE : HTTP_REQUEST,
                &settings);
  return (int)len;
}

/* The method is read here first: llhttp stops inside a name it does not know, and a
 * token deserves 501 where garbage is a 400 (RFC 9110 9.1). */
static int read_method(cro_h1_parser *parser, cro_bytes view)
{
  uint32_t at = parser->method_len;
  int rc;

  while (at < view.len && cro_char_is(view.at[at], CRO_CHAR_TOKEN))
    if (++at > parser->limits->method_bytes)
      return -400;
  parser->method_len = at;
  if (at == view.len)
    return CRO_H1_MORE;
  if (view.at[at] != ' ' || at == 0)
    return -400;
  rc = cro_h1_method_verdict((cro_bytes){ view.at, at }, &parser->method);
  parser->method_done = rc > 0;
  return rc;
}

static uint32_t least(uint64_t a, uint64_t b)
{
  return (uint32_t)(a < b ? a : b);
}

/* How far llhttp may read before a limit has to be looked at. It never sees a byte
 * beyond one, so a defect behind a limit does not depend on how the bytes were cut. */
static uint32_t bound(const cro_h1_parser *parser, size_t len)
{
  const cro_http_limits *limits = parser->limits;
  uint64_t line, stop = least(limits->header_bytes, head_max);

  if (parser->fields_at > 0)
    return least(parser->fields_at + stop, len);
  line = parser->response
             ? stop
             : parser->method_len + 1 + least(limits->uri_bytes, head_max) +
                   version_bytes + 1; /* and one byte of what follows the line */
  return least(least(line, parser->fed + stop), len);
}

static bool is_digit(char c)
{
  return cro_char_is(c, CRO_CHAR_DIGIT);
}

/* 505 for a version that is one (RFC 9110 15.6.6), 400 for anything else. */
static int version_verdict(cro_bytes seen)
{
  const char *at;

  if (seen.len < 8)
    return -400;
  at = seen.at + seen.len - 8;
  if (memcmp(at, "HTTP/", 5) != 0 || !is_digit(at[5]) || at[6] != '.' ||
      !is_digit(at[7]))
    return -400;
  return at[5] == '1' && at[7] <= '1' ? -400 : -505; /* 1.1 and something after it */
}

static int head_error(cro_h1_parser *parser, llhttp_errno_t error)
{
  const char *at = llhttp_get_error_pos(engine_of(parser));

  if (parser->no_memory)
    return -503;
  if (error == HPE_INVALID_VERSION && !parser->response)
    return version_verdict((cro_bytes){ parser->view, (size_t)(at - parser->view) });
  return -400;
}

/* Accounts for a head that llhttp calls complete. */
static int settle_head(cro_h1_parser *parser, cro_bytes head)
{
  int rc = cro_h1_account_line(parser, head);

  if (rc != 0)
    return rc;
  if (parser->too_many)
    return -431;
  rc = cro_h1_account_fields(parser, head, parser->fields_at);
  parser->fields_seen = (uint32_t)head.len - parser->fields_at;
  if (rc == 0 && parser->url.len > parser->limits->uri_bytes)
    rc = -414;
  return rc != 0 ? rc : (int)head.len;
}

static int limit_verdict(const cro_h1_parser *parser)
{
  return parser->fields_at > 0 || parser->response ? -431 : -414;
}

/* A line without a version is all that a peer of HTTP/0.9 sends: it is not waited for
 * more. */
static bool lacks_version(const cro_h1_parser *parser)
{
  uint32_t end = parser->url.at + parser->url.len;

  return parser->url.len > 0 && end < parser->fed && parser->view[end] != ' ';
}

int cro_h1_read_head(cro_h1_parser *parser, cro_bytes view)
{
  llhttp_t *engine = engine_of(parser);
  llhttp_errno_t error;
  uint32_t stop;
  int rc;

  if (!parser->begun && (rc = begin_head(parser, view)) > 0)
    return rc;
  if (!parser->method_done && (rc = read_method(parser, view)) <= 0)
    return rc;
  parser->view = view.at;
  while (parser->fed < view.len) {
    stop = bound(parser, view.len);
    if (stop <= parser->fed)
      return limit_verdict(parser);
    error = llhttp_execute(engine, view.at + parser->fed, stop - parser->fed);
    parser->fed = stop;
    if (error == HPE_OK && !lacks_version(parser))
      continue;
    if (error != HPE_PAUSED || !parser->complete)
      return head_error(parser, error);
    parser->complete = false;
    parser->fed = offset(parser, llhttp_get_error_pos(engine));
    llhttp_resume(engine);
    return settle_head(parser, (cro_bytes){ view.at, parser->fed });
  }
  return CRO_H1_MORE;
}

/* --- bodies ---------------------------------------------------------------------- */

static int read_length(cro_h1_parser *parser, cro_bytes *in, cro_bytes *part)
{
  if (parser->left == 0)
    return CRO_H1_END;
  if (in->len == 0)
    return CRO_H1_MORE;
  *part = cro_bytes_take(in, parser->left < in->len ? (size_t)parser->left : in->len);
  parser->left -= part->len;
  return CRO_H1_DATA;
}

/* llhttp bounds a chunk's size by its value; leading zeros are ours to bound. */
static bool digits_fit(cro_h1_parser *parser, cro_bytes line)
{
  size_t skipped = parser->skip < line.len ? parser->skip : line.len;

  cro_bytes_take(&line, skipped);
  parser->skip = (uint8_t)(parser->skip - skipped);
  while (parser->digits_open && line.len > 0) {
    if (cro_hex_digit(*cro_bytes_take(&line, 1).at) < 0)
      parser->digits_open = false;
    else if (++parser->digits > size_digits)
      return false;
  }
  return true;
}

static int read_data(cro_h1_parser *parser, cro_bytes *in, cro_bytes *part)
{
  size_t n = parser->left < in->len ? (size_t)parser->left : in->len;
  cro_bytes slice = cro_bytes_take(in, n);

  if (llhttp_execute(engine_of(parser), slice.at, slice.len) != HPE_OK)
    return -400;
  cro_check(parser->part.len == slice.len);
  *part = parser->part;
  parser->left -= slice.len;
  parser->body_seen += slice.len;
  if (parser->left == 0)
    parser->skip = 2;
  return CRO_H1_DATA;
}

/* A chunk's size has been read: data follows, or the trailer section. */
static void chunk_begins(cro_h1_parser *parser)
{
  parser->size_read = false;
  parser->digits = 0;
  parser->digits_open = true;
  if (parser->left > 0)
    return;
  parser->in_trailers = true;
  parser->section = (cro_headers){ 0 };
  parser->fed = 0;
  parser->fields_at = 0;
  parser->in_value = true;
}

/* Reads what is not data, no more of it than limits.chunk_overhead still allows: for a
 * peer that sends extensions or one-byte chunks without end (CVE-2024-22019,
 * CVE-2023-39326). 0: go on. */
static int read_overhead(cro_h1_parser *parser, cro_bytes *in)
{
  llhttp_t *engine = engine_of(parser);
  uint64_t allowed =
      parser->limits->chunk_overhead + parser->body_seen - parser->overhead;
  cro_bytes slice = { in->at, allowed < in->len ? (size_t)allowed + 1 : in->len };
  llhttp_errno_t error;

  if (!digits_fit(parser, slice))
    return -400;
  error = llhttp_execute(engine, slice.at, slice.len);
  if (error != HPE_OK && error != HPE_PAUSED)
    return -400;
  if (error == HPE_PAUSED) {
    slice.len = (size_t)(llhttp_get_error_pos(engine) - slice.at);
    llhttp_resume(engine);
  }
  cro_bytes_take(in, slice.len);
  parser->overhead += slice.len;
  if (parser->overhead > parser->limits->chunk_overhead + parser->body_seen)
    return -413;
  if (parser->size_read)
    chunk_begins(parser);
  return 0;
}

/* Trailers count into header_bytes together with the head's fields. */
static uint32_t trailer_bound(const cro_h1_parser *parser, size_t len)
{
  uint64_t limit = least(parser->limits->header_bytes, head_max);

  if (limit <= parser->fields_seen)
    return 0;
  return least(limit - parser->fields_seen, len);
}

static int keep_trailers(cro_h1_parser *parser, cro_bytes section,
                         cro_headers *trailers)
{
  cro_bytes copy;
  uint32_t kept = 0;
  int rc;

  if (parser->too_many)
    return -431;
  if (cro_arena_copy(parser->arena, section, &copy) != 0)
    return -503;
  rc = cro_h1_account_fields(parser, copy, 0);
  if (rc != 0)
    return rc;
  for (uint32_t i = 0; i < trailers->count; i++)
    if (cro_trailer_name_ok(trailers->at[i].name))
      trailers->at[kept++] = trailers->at[i];
  trailers->count = kept;
  return CRO_H1_END;
}

static int read_trailers(cro_h1_parser *parser, cro_bytes *in, cro_headers *trailers)
{
  llhttp_t *engine = engine_of(parser);
  llhttp_errno_t error;
  uint32_t stop;

  parser->view = in->at;
  parser->fields = trailers;
  while (parser->fed < in->len) {
    stop = trailer_bound(parser, in->len);
    if (stop <= parser->fed)
      return -431;
    error = llhttp_execute(engine, in->at + parser->fed, stop - parser->fed);
    parser->fed = stop;
    if (error == HPE_OK)
      continue;
    if (error != HPE_PAUSED || !parser->complete)
      return parser->no_memory ? -503 : -400;
    parser->fed = offset(parser, llhttp_get_error_pos(engine));
    return keep_trailers(parser, cro_bytes_take(in, parser->fed), trailers);
  }
  return CRO_H1_MORE;
}

static int read_chunked(cro_h1_parser *parser, cro_bytes *in, cro_bytes *part,
                        cro_headers *trailers)
{
  int rc;

  while (!parser->in_trailers && in->len > 0) {
    if (parser->left > 0)
      return read_data(parser, in, part);
    if ((rc = read_overhead(parser, in)) < 0)
      return rc;
  }
  return parser->in_trailers ? read_trailers(parser, in, trailers) : CRO_H1_MORE;
}

int cro_h1_read_body(cro_h1_parser *parser, cro_bytes *in, cro_bytes *part,
                     cro_headers *trailers)
{
  switch (parser->framing) {
  case CRO_H1_NO_BODY:
    return CRO_H1_END;
  case CRO_H1_LENGTH:
    return read_length(parser, in, part);
  case CRO_H1_CHUNKED:
    return read_chunked(parser, in, part, trailers);
  case CRO_H1_UNTIL_CLOSE:
    *part = cro_bytes_take(in, in->len);
    return part->len > 0 ? CRO_H1_DATA : CRO_H1_MORE;
  }
  return -400;
}
