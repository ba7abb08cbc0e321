/* Promises (RFC 9113 8.4): a request of our own making goes the way of those that come.
 */
#include "base/err.h"
#include "http/h2_session.h"

static bool is_promise_path(const cro_h2 *h2, cro_bytes path)
{
  return path.len > 0 && path.at[0] == '/' && cro_h2_path_ok(path) &&
         path.len <= h2->config->limits->uri_bytes;
}

static bool are_promise_fields(const cro_headers *fields)
{
  for (uint32_t i = 0; fields != NULL && i < fields->count; i++) {
    const cro_header *field = &fields->at[i];

    if (!cro_header_name_ok(field->name) || !cro_header_value_ok(field->value) ||
        cro_h2_is_of_connection(field->name) ||
        cro_bytes_ieq(field->name, CRO_B("host")) ||
        cro_bytes_ieq(field->name, CRO_B("content-length")))
      return false;
  }
  return true;
}

/* A promise is for who listens: not of a promise, and not to one who leaves. */
static bool may_promise(const cro_h2 *h2, const cro_request *request)
{
  return !request->pushed && h2->drain == CRO_H2_NOT_DRAINING && !h2->eof &&
         nghttp2_session_get_remote_settings(h2->session,
                                             NGHTTP2_SETTINGS_ENABLE_PUSH) != 0 &&
         nghttp2_session_check_server_session(h2->session) != 0;
}

/* The peer's limit for streams of ours, and our own for work. */
static bool is_too_many(const cro_h2 *h2)
{
  uint64_t theirs = nghttp2_session_get_remote_settings(
      h2->session, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);

  return h2->promised >= theirs || h2->promised >= h2->config->h2->max_streams;
}

static int verdict(cro_h2 *h2, const cro_request *request, cro_bytes path,
                   const cro_headers *headers)
{
  const cro_h2_stream *parent = request->protocol;

  if (h2->state != CRO_H2_OPEN || parent->closed || parent->we_reset)
    return CRO_E_GONE;
  if (!may_promise(h2, request))
    return CRO_E_NOTSUP;
  if (parent->complete)
    return CRO_E_STATE;
  if (!is_promise_path(h2, path) || !are_promise_fields(headers))
    return CRO_E_INVAL;
  return is_too_many(h2) ? CRO_E_LIMIT : 0;
}

/* --- the request --------------------------------------------------------------------
 */

static int add_copy(cro_request *to, cro_bytes name, cro_bytes value)
{
  int rc = cro_arena_copy(to->arena, name, &name);

  if (rc == 0)
    rc = cro_h2_to_lower(to->arena, &name);
  if (rc == 0)
    rc = cro_arena_copy(to->arena, value, &value);
  return rc != 0 ? rc : cro_headers_add(&to->headers, to->arena, name, value);
}

static int fill(cro_h2_stream *stream, const cro_request *parent, cro_bytes path,
                const cro_headers *headers)
{
  cro_request *request = stream->request;
  int rc = cro_arena_copy(request->arena, parent->authority, &request->authority);

  if (rc == 0)
    rc = cro_arena_copy(request->arena, path, &request->target);
  if (rc == 0)
    rc = add_copy(request, CRO_B("host"), request->authority);
  for (uint32_t i = 0; rc == 0 && headers != NULL && i < headers->count; i++)
    rc = add_copy(request, headers->at[i].name, headers->at[i].value);
  stream->method = CRO_B("GET");
  stream->scheme = parent->scheme;
  request->pushed = true;
  return rc;
}

static cro_h2_stream *make_request(cro_h2 *h2, const cro_request *parent, int32_t id,
                                   cro_bytes path, const cro_headers *headers)
{
  cro_h2_stream *stream = cro_h2_stream_create(h2, id);

  if (stream == NULL)
    return NULL;
  h2->promised++;
  stream->received = true;
  (void)nghttp2_session_set_stream_user_data(h2->session, id, stream);
  if (fill(stream, parent, path, headers) != 0 || cro_h2_settle(stream) != 0) {
    cro_h2_reset(stream, NGHTTP2_INTERNAL_ERROR, CRO_E_NOMEM);
    return NULL;
  }
  stream->received = false;
  cro_h2_body_open(stream);
  cro_h2_body_end(stream);
  return stream;
}

/* --- the promise ------------------------------------------------------------------ */

enum { pseudo_fields = 4 };

static nghttp2_nv field_of(cro_bytes name, cro_bytes value)
{
  return (nghttp2_nv){ .name = (uint8_t *)(uintptr_t)name.at,
                       .value = (uint8_t *)(uintptr_t)value.at,
                       .namelen = name.len,
                       .valuelen = value.len };
}

/* The stream's number, or a cro_err. nghttp2 copies the fields, in lower case. */
static int32_t submit(cro_h2 *h2, const cro_request *parent, cro_bytes path,
                      const cro_headers *headers)
{
  size_t count = pseudo_fields + (headers != NULL ? headers->count : 0);
  nghttp2_nv *list = cro_arena_alloc(parent->arena, count * sizeof *list);
  int32_t id;

  if (list == NULL)
    return CRO_E_NOMEM;
  list[0] = field_of(CRO_B(":method"), CRO_B("GET"));
  list[1] = field_of(CRO_B(":scheme"), parent->scheme);
  list[2] = field_of(CRO_B(":authority"), parent->authority);
  list[3] = field_of(CRO_B(":path"), path);
  for (size_t i = pseudo_fields; i < count; i++)
    list[i] = field_of(headers->at[i - pseudo_fields].name,
                       headers->at[i - pseudo_fields].value);
  id = nghttp2_submit_push_promise(h2->session, NGHTTP2_FLAG_NONE, parent->stream, list,
                                   count, NULL);
  if (id >= 0)
    return id;
  return cro_h2_must(h2, id) != 0 ? CRO_E_NOMEM : CRO_E_NOTSUP;
}

static int push(cro_request *request, cro_bytes path, const cro_headers *headers)
{
  cro_h2_stream *parent = request->protocol, *stream;
  cro_h2 *h2 = parent != NULL ? parent->h2 : NULL;
  int32_t id;
  int rc = h2 != NULL ? verdict(h2, request, path, headers) : CRO_E_GONE;

  if (rc != 0)
    return rc;
  id = submit(h2, request, path, headers);
  if (id < 0)
    return id;
  stream = make_request(h2, request, id, path, headers);
  if (stream == NULL) {
    (void)nghttp2_submit_rst_stream(h2->session, NGHTTP2_FLAG_NONE, id,
                                    NGHTTP2_INTERNAL_ERROR);
    cro_h2_flush_later(h2);
    return CRO_E_NOMEM;
  }
  cro_list_push(&h2->ready, &stream->todo);
  if (!h2->next_full) /* by the loop: a handler is running */
    cro_stage_ready(&h2->reader);
  cro_h2_flush_later(h2);
  return 0;
}

const cro_request_ops cro_h2_request_ops = { .push = push, .inform = cro_h2_inform };
