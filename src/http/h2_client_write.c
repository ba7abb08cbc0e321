#include "base/check.h"
#include "base/err.h"
#include "http/h2_client_session.h"

/* --- heads ---------------------------------------------------------------------------
 */

/* Fields that are the protocol's to write, or have no place in HTTP/2. */
static bool is_ours(cro_bytes name)
{
  static const cro_bytes ours[] = {
    CRO_B_INIT("content-length"),   CRO_B_INIT("transfer-encoding"),
    CRO_B_INIT("connection"),       CRO_B_INIT("keep-alive"),
    CRO_B_INIT("proxy-connection"), CRO_B_INIT("upgrade"),
    CRO_B_INIT("trailer"),          CRO_B_INIT("expect"),
    CRO_B_INIT("http2-settings"),
  };

  for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
    if (cro_bytes_ieq(name, ours[i]))
      return true;
  return false;
}

static bool field_ok(const cro_header *field)
{
  if (!cro_header_name_ok(field->name) || !cro_header_value_ok(field->value))
    return false;
  if (cro_bytes_ieq(field->name, CRO_B("te"))) /* RFC 9113 8.2.2 */
    return cro_bytes_ieq(field->value, CRO_B("trailers"));
  return !is_ours(field->name);
}

static bool target_ok(cro_bytes target)
{
  for (size_t i = 0; i < target.len; i++)
    if (target.at[i] <= ' ' || target.at[i] > '~')
      return false;
  return target.len > 0 && (target.at[0] == '/' || cro_bytes_eq(target, CRO_B("*")));
}

static bool is_sayable(const cro_request *request)
{
  for (uint32_t i = 0; i < request->headers.count; i++)
    if (!field_ok(&request->headers.at[i]))
      return false;
  if (request->method == CRO_METHOD_NONE || !cro_header_value_ok(request->authority))
    return false;
  if (request->protocol_name.len > 0)
    return request->method == CRO_CONNECT && request->authority.len > 0 &&
           cro_header_name_ok(request->protocol_name) && target_ok(request->target);
  return request->method == CRO_CONNECT ? request->authority.len > 0
                                        : target_ok(request->target);
}

/* RFC 8441: with a scheme and a path, where the server allows it. */
static bool is_extended(const cro_request *request)
{
  return request->protocol_name.len > 0;
}

static bool may_extend(const cro_h2_client *client)
{
  return !client->greeted ||
         nghttp2_session_get_remote_settings(
             client->session, NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL) == 1;
}

/* What an eavesdropper who can have fields added must not find out byte by byte. */
static bool is_secret(cro_bytes name)
{
  return cro_bytes_ieq(name, CRO_B("authorization")) ||
         cro_bytes_ieq(name, CRO_B("proxy-authorization"));
}

static nghttp2_nv *put_field(nghttp2_nv *to, cro_bytes name, cro_bytes value)
{
  *to = (nghttp2_nv){
    .name = (uint8_t *)(uintptr_t)name.at,
    .namelen = name.len,
    .value = (uint8_t *)(uintptr_t)value.at,
    .valuelen = value.len,
    .flags = is_secret(name) ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE,
  };
  return to + 1;
}

/* RFC 9110 8.6: methods that mean content say so even when there is none. */
static bool says_length(const cro_request *request)
{
  cro_method method = request->method;

  return request->body.length > 0 ||
         (request->body.length == 0 &&
          (method == CRO_POST || method == CRO_PUT || method == CRO_PATCH));
}

static nghttp2_nv *put_length(nghttp2_nv *to, const cro_request *request,
                              char digits[20])
{
  uint64_t length = (uint64_t)request->body.length;
  size_t at = 20;

  if (!says_length(request))
    return to;
  do
    digits[--at] = (char)('0' + length % 10);
  while ((length /= 10) > 0);
  return put_field(to, CRO_B("content-length"), (cro_bytes){ digits + at, 20 - at });
}

static void settle_origin(cro_h2_call *call)
{
  const cro_request *request = call->request;
  const cro_header *host = cro_headers_find(&request->headers, CRO_B("host"));

  call->authority = host != NULL ? host->value : request->authority;
  call->scheme = request->scheme;
  if (call->scheme.len == 0)
    call->scheme = request->conn->secure ? CRO_B("https") : CRO_B("http");
}

static nghttp2_nv *put_pseudo(nghttp2_nv *to, const cro_h2_call *call)
{
  const cro_request *request = call->request;

  to = put_field(to, CRO_B(":method"), cro_method_name(request->method));
  if (is_extended(request))
    to = put_field(to, CRO_B(":protocol"), request->protocol_name);
  if (request->method != CRO_CONNECT || is_extended(request)) {
    to = put_field(to, CRO_B(":scheme"), call->scheme);
    to = put_field(to, CRO_B(":path"), request->target);
  }
  return call->authority.len > 0 ? put_field(to, CRO_B(":authority"), call->authority)
                                 : to;
}

static nghttp2_nv *put_head(nghttp2_nv *to, const cro_h2_call *call, char digits[20])
{
  const cro_request *request = call->request;

  to = put_pseudo(to, call);
  for (uint32_t i = 0; i < request->headers.count; i++) {
    const cro_header *field = &request->headers.at[i];

    if (!cro_bytes_ieq(field->name, CRO_B("host")))
      to = put_field(to, field->name, field->value);
  }
  to = put_length(to, request, digits);
  return request->expect_continue
             ? put_field(to, CRO_B("expect"), CRO_B("100-continue"))
             : to;
}

/* RFC 9113 10.5.1: the peer may say how much it takes. */
static bool fits_peer(const cro_h2_client *client, const nghttp2_nv *from,
                      const nghttp2_nv *to)
{
  uint64_t most = nghttp2_session_get_remote_settings(
      client->session, NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE);
  uint64_t size = 0;

  for (; from < to; from++)
    size += from->namelen + from->valuelen + 32;
  return size <= most;
}

/* --- content -------------------------------------------------------------------------
 */

/* Takes the next of the body when all that was taken is sent. */
static size_t at_hand(cro_h2_call *call)
{
  if (call->out_at == call->out.len && call->request->body.held.len > 0) {
    call->out_at = 0;
    cro_body_take(&call->request->body, &call->out);
  }
  return call->out.len - call->out_at;
}

static bool is_all(const cro_h2_call *call, size_t next)
{
  const cro_body *body = &call->request->body;

  return body->state == CRO_BODY_ENDED && body->held.len == 0 &&
         call->out_at + next == call->out.len;
}

static int add_trailers(cro_h2_call *call)
{
  const cro_headers *fields = &call->request->trailers;
  nghttp2_nv *from =
                 cro_arena_alloc(call->request->arena, fields->count * sizeof *from),
             *to = from;

  if (from == NULL)
    return NGHTTP2_ERR_NOMEM;
  for (uint32_t i = 0; i < fields->count; i++)
    if (cro_trailer_name_ok(fields->at[i].name) &&
        cro_header_value_ok(fields->at[i].value))
      to = put_field(to, fields->at[i].name, fields->at[i].value);
  return nghttp2_submit_trailer(call->client->session, call->id, from,
                                (size_t)(to - from));
}

static ssize_t read_body(nghttp2_session *session, int32_t id, uint8_t *buf,
                         size_t length, uint32_t *flags, nghttp2_data_source *source,
                         void *arg)
{
  cro_h2_call *call = source->ptr;
  size_t n = call->over || call->continue_due ? 0 : at_hand(call);

  (void)session;
  (void)id;
  (void)buf;
  (void)arg;
  call->deferred = call->over || call->continue_due || (n == 0 && !is_all(call, 0));
  if (call->deferred)
    return NGHTTP2_ERR_DEFERRED;
  n = n < length ? n : length;
  *flags = n > 0 ? NGHTTP2_DATA_FLAG_NO_COPY : NGHTTP2_DATA_FLAG_NONE;
  if (!is_all(call, n))
    return (ssize_t)n;
  *flags |= NGHTTP2_DATA_FLAG_EOF;
  if (call->request->trailers.count > 0) {
    *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
    if (add_trailers(call) != 0)
      return NGHTTP2_ERR_CALLBACK_FAILURE;
  }
  return (ssize_t)n;
}

/* The body and its announcement must agree. 0, or why they do not. */
static int check_length(const cro_body *body)
{
  if (body->state == CRO_BODY_FAILED)
    return body->err;
  if (body->length <= 0)
    return 0;
  if (body->received > (uint64_t)body->length)
    return CRO_E_TOO_LONG;
  return body->state == CRO_BODY_ENDED && body->received < (uint64_t)body->length
             ? CRO_E_EOF
             : 0;
}

void cro_h2_call_pump(cro_h2_call *call)
{
  int rc = check_length(&call->request->body);

  if (call->over)
    return;
  if (rc < 0)
    cro_h2_call_reset(call, NGHTTP2_CANCEL, rc);
  else if (call->deferred && !call->continue_due) {
    call->deferred = false;
    cro_h2_client_must(call->client,
                       nghttp2_session_resume_data(call->client->session, call->id));
  }
  cro_h2_client_flush_later(call->client);
}

static void body_changed(cro_body *body)
{
  cro_h2_call *call = body->reader;
  cro_h2_client *client = call->client;

  if (call->id == 0)
    return;
  cro_h2_call_pump(call);
  cro_h2_client_settle(client);
}

/* --- requests ------------------------------------------------------------------------
 */

static bool has_body(const cro_request *request)
{
  return request->body.length != 0;
}

/* 0 with the frames queued, or a cro_err. */
static int submit(cro_h2_call *call, const nghttp2_nv *from, size_t count)
{
  nghttp2_data_provider provider = { .source.ptr = call, .read_callback = read_body };
  int32_t id = nghttp2_submit_request(call->client->session, NULL, from, count,
                                      has_body(call->request) ? &provider : NULL, call);

  if (id == NGHTTP2_ERR_STREAM_ID_NOT_AVAILABLE)
    return CRO_E_AGAIN;
  if (id < 0) {
    cro_h2_client_must(call->client, id);
    return CRO_E_NOMEM;
  }
  call->id = call->request->stream = id;
  call->has_stream = true;
  call->client->streams++;
  return 0;
}

int cro_h2_call_submit(cro_h2_call *call)
{
  cro_request *request = call->request;
  size_t most = 7 + (size_t)request->headers.count;
  nghttp2_nv *from = cro_arena_alloc(request->arena, most * sizeof *from);
  char digits[20];
  nghttp2_nv *to;
  int rc;

  if (from == NULL)
    return CRO_E_NOMEM;
  if (is_extended(request) && !may_extend(call->client))
    return CRO_E_NOTSUP;
  settle_origin(call);
  to = put_head(from, call, digits);
  if (!fits_peer(call->client, from, to))
    return CRO_E_TOO_LONG;
  rc = submit(call, from, (size_t)(to - from));
  if (rc == 0 && has_body(request))
    cro_h2_call_pump(call);
  return rc;
}

/* The session has the request from here on, whatever becomes of it. */
static void begin(cro_h2_call *call)
{
  cro_request *request = call->request;

  cro_arena_hold(request->arena);
  call->continue_due =
      has_body(request) && (request->expect_continue || request->method == CRO_CONNECT);
  request->body.reader = call;
  if (!has_body(request))
    cro_body_end(&request->body);
  else
    request->body.on_change = body_changed;
}

static int may_take(const cro_h2_client *client, const cro_request *request)
{
  if (client->state != CRO_H2_CLIENT_OPEN || client->leaving)
    return CRO_E_CLOSED;
  if (request->upgrade || (is_extended(request) && !may_extend(client)))
    return CRO_E_NOTSUP;
  if (!is_sayable(request))
    return CRO_E_INVAL;
  return client->queued >= client->config->waiting && !cro_h2_client_ready(client)
             ? CRO_E_AGAIN
             : 0;
}

static int writer_push(cro_stage *stage, const void *message)
{
  cro_h2_client *client = CRO_CONTAINER(stage, cro_h2_client, writer);
  cro_request *request = (cro_request *)(uintptr_t)message;
  int rc = may_take(client, request);
  cro_h2_call *call;

  if (rc != 0)
    return rc;
  call = cro_h2_call_create(client, request);
  if (call == NULL)
    return CRO_E_NOMEM;
  begin(call);
  call->waits = true;
  client->queued++;
  cro_list_push(&client->waiting, &call->todo);
  cro_h2_client_admit(client);
  cro_h2_client_flush_later(client);
  cro_h2_client_rearm(client);
  cro_h2_client_settle(client);
  client->caller_full = client->queued > 0;
  return client->caller_full ? CRO_FULL : 0;
}

static int writer_finish(cro_stage *stage)
{
  (void)stage;
  return 0;
}

static void writer_fail(cro_stage *stage, int err)
{
  cro_h2_client_abort(CRO_CONTAINER(stage, cro_h2_client, writer), err);
}

static void writer_resume(cro_stage *stage)
{
  cro_h2_client *client = CRO_CONTAINER(stage, cro_h2_client, writer);

  client->out_full = false;
  cro_h2_client_flush(client);
}

static void writer_destroy(cro_stage *stage)
{
  cro_h2_client *client = CRO_CONTAINER(stage, cro_h2_client, writer);

  stage->next = NULL;
  cro_h2_client_let_go(client);
}

static const cro_stage_ops writer_ops = {
  .name = "HTTP/2 request serializer",
  .consumes = &cro_type_request,
  .produces = &cro_type_bytes,
  .push = writer_push,
  .finish = writer_finish,
  .fail = writer_fail,
  .resume = writer_resume,
  .destroy = writer_destroy,
};

void cro_h2_client_writer_init(cro_h2_client *client)
{
  cro_stage_init(&client->writer, &writer_ops);
}
