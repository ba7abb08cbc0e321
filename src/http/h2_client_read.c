#include "base/check.h"
#include "base/err.h"
#include "base/text.h"
#include "http/h2_client_session.h"

enum {
  field_overhead = 32, /* RFC 9113 6.5.2 */
  small_update = 256   /* a WINDOW_UPDATE below is worth nothing */
};

/* --- heads -------------------------------------------------------------------------
 */

static cro_bytes bytes_of(nghttp2_rcbuf *buf)
{
  nghttp2_vec vec = nghttp2_rcbuf_get_buf(buf);

  return (cro_bytes){ (const char *)vec.base, vec.len };
}

static int add_copy(cro_headers *fields, cro_arena *arena, cro_bytes name,
                    cro_bytes value)
{
  int rc = cro_arena_copy(arena, name, &name);

  if (rc == 0)
    rc = cro_arena_copy(arena, value, &value);
  return rc != 0 ? rc : cro_headers_add(fields, arena, name, value);
}

/* A head that is too long ends its exchange, not the connection. */
static int count_field(cro_h2_call *call, cro_bytes name, cro_bytes value)
{
  const cro_http_limits *limits = call->client->config->limits;

  call->head_bytes += name.len + value.len + field_overhead;
  call->fields++;
  if (call->head_bytes <= limits->header_bytes && call->fields <= limits->header_count)
    return 0;
  cro_h2_call_reset(call, NGHTTP2_ENHANCE_YOUR_CALM, CRO_E_LIMIT);
  cro_h2_client_charge_reset(call->client);
  return CRO_E_LIMIT;
}

static int take_field(cro_h2_call *call, cro_bytes name, cro_bytes value)
{
  cro_response *response = call->request->response;
  cro_arena *arena = call->request->arena;
  uint64_t status = 0;

  if (call->head_done)
    return cro_trailer_name_ok(name) ? add_copy(&response->trailers, arena, name, value)
                                     : 0;
  if (name.at[0] != ':')
    return add_copy(&response->headers, arena, name, value);
  (void)cro_text_u64(value, &status); /* nghttp2 has seen that it is a number */
  call->status = (int)status;
  return 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame,
                     nghttp2_rcbuf *name, nghttp2_rcbuf *value, uint8_t flags,
                     void *arg)
{
  cro_h2_client *client = arg;
  bool promise = frame->hd.type == NGHTTP2_PUSH_PROMISE;
  int32_t id = promise ? frame->push_promise.promised_stream_id : frame->hd.stream_id;
  cro_h2_call *call = cro_h2_call_of(session, id);
  int rc;

  (void)flags;
  if (client->config->trace)
    cro_h2_trace_field(&client->trace, name, value);
  if (call == NULL || call->over || count_field(call, bytes_of(name), bytes_of(value)))
    return 0;
  rc = promise ? cro_h2_promise_field(call, bytes_of(name), bytes_of(value))
               : take_field(call, bytes_of(name), bytes_of(value));
  if (rc == 0)
    return 0;
  client->err = rc;
  return NGHTTP2_ERR_CALLBACK_FAILURE;
}

/* A field that is none resets the stream: dropping it in silence would change what was
 * said. */
static int on_invalid_header(nghttp2_session *session, const nghttp2_frame *frame,
                             nghttp2_rcbuf *name, nghttp2_rcbuf *value, uint8_t flags,
                             void *arg)
{
  (void)session;
  (void)frame;
  (void)name;
  (void)value;
  (void)flags;
  (void)arg;
  return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame,
                            void *arg)
{
  cro_h2_call *call;

  if (frame->hd.type == NGHTTP2_PUSH_PROMISE)
    return cro_h2_promise_begin(arg, &frame->push_promise);
  call = cro_h2_call_of(session, frame->hd.stream_id);
  if (call == NULL || call->over)
    return 0;
  call->heard = true;
  call->status = 0;
  if (!call->head_done) {
    call->request->response->headers.count = 0;
    call->fields = 0;
    call->head_bytes = 0;
  }
  return 0;
}

/* Nothing more is read when memory has run out on the way. */
static int verdict(const cro_h2_client *client)
{
  return client->state == CRO_H2_CLIENT_DEAD ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
}

/* --- bodies --------------------------------------------------------------------------
 */

static void body_more(cro_body *body)
{
  cro_h2_call *call = body->source;

  cro_h2_call_credit(call);
  cro_h2_client_flush_later(call->client);
}

static void free_body(void *body)
{
  cro_body_free(body);
}

/* As announced; -1: nothing was. nghttp2 has seen that it is a number, once. */
static int64_t length_of(const cro_response *response, bool ends)
{
  const cro_header *field =
      cro_headers_find(&response->headers, CRO_B("content-length"));
  uint64_t length = 0;

  if (ends || response->request->method == CRO_HEAD || response->status == 204 ||
      response->status == 304)
    return 0;
  if (field == NULL || cro_text_u64(field->value, &length) != 0 || length > INT64_MAX)
    return -1;
  return (int64_t)length;
}

static int open_body(cro_h2_call *call, bool ends)
{
  cro_arena *arena = call->request->arena;
  cro_body *body = cro_arena_alloc(arena, sizeof *body);

  if (body == NULL)
    return CRO_E_NOMEM;
  cro_body_init(body);
  if (cro_arena_defer(arena, free_body, body) != 0)
    return CRO_E_NOMEM;
  body->source = call;
  body->more = body_more;
  body->length = length_of(call->request->response, ends);
  call->request->response->incoming = body;
  return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id,
                   const uint8_t *data, size_t length, void *arg)
{
  cro_h2_call *call = cro_h2_call_of(session, id);
  int rc;

  (void)flags;
  if (call == NULL || call->over) {
    cro_h2_client_must(arg, nghttp2_session_consume_connection(session, length));
    return verdict(arg);
  }
  call->owed += length;
  rc = cro_body_put(call->request->response->incoming,
                    (cro_bytes){ (const char *)data, length });
  if (rc < 0)
    cro_h2_call_reset(call, NGHTTP2_CANCEL, rc);
  else
    cro_h2_call_credit(call);
  return verdict(arg);
}

/* --- messages ------------------------------------------------------------------------
 */

static void end_body(cro_h2_call *call)
{
  if (call->over || !call->head_done)
    return;
  call->received = true;
  cro_h2_call_settle_debt(call);
  cro_body_end(call->request->response->incoming);
  if (call->continue_due && !call->over) { /* the answer came instead of a 100 */
    call->sent = true;
    cro_h2_call_reset(call, NGHTTP2_NO_ERROR, 0);
  } else
    cro_h2_call_end_if_complete(call);
}

static void pass_over(cro_h2_call *call)
{
  if (++call->interim > CRO_H2_INTERIM_MAX) {
    cro_h2_call_reset(call, NGHTTP2_ENHANCE_YOUR_CALM, CRO_E_PROTOCOL);
    cro_h2_client_charge_reset(call->client);
    return;
  }
  if (call->status == 100 && call->continue_due) {
    call->continue_due = false;
    cro_h2_call_pump(call);
  }
}

static int head_came(cro_h2_call *call, bool ends)
{
  cro_response *response = call->request->response;

  if (call->status < 100 || call->status > 599) {
    cro_h2_call_reset(call, NGHTTP2_PROTOCOL_ERROR, CRO_E_PROTOCOL);
    cro_h2_client_charge_reset(call->client);
    return 0;
  }
  if (call->status < 200) {
    pass_over(call);
    return 0;
  }
  response->status = call->status;
  if (open_body(call, ends) != 0)
    return CRO_E_NOMEM;
  call->head_done = true;
  cro_list_push(&call->client->ready, &call->todo);
  if (call->request->method == CRO_CONNECT && call->status < 300 &&
      call->continue_due) {
    call->continue_due = false;
    cro_h2_call_pump(call);
  }
  return 0;
}

static int headers_came(cro_h2_client *client, const nghttp2_frame *frame)
{
  cro_h2_call *call = cro_h2_call_of(client->session, frame->hd.stream_id);
  bool ends = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;

  if (call == NULL || call->over)
    return 0;
  if (!call->head_done && head_came(call, ends) != 0) {
    client->err = CRO_E_NOMEM;
    return NGHTTP2_ERR_CALLBACK_FAILURE;
  }
  if (ends)
    end_body(call);
  return 0;
}

/* --- frames --------------------------------------------------------------------------
 */

static void data_came(cro_h2_client *client, const nghttp2_frame *frame)
{
  cro_h2_call *call = cro_h2_call_of(client->session, frame->hd.stream_id);

  if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) {
    if (call != NULL)
      end_body(call);
  } else if (frame->hd.length > 0 && frame->hd.length == frame->data.padlen)
    cro_h2_client_charge(client, 1); /* padding is all it has */
}

static void reset_came(cro_h2_client *client, const nghttp2_frame *frame)
{
  cro_h2_call *call = cro_h2_call_of(client->session, frame->hd.stream_id);

  if (call == NULL || call->over) {
    cro_h2_client_charge(client, 1);
    return;
  }
  call->code = frame->rst_stream.error_code;
  call->peer_reset = true;
  if (call->promised)
    cro_h2_client_charge_reset(client);
}

static void update_came(cro_h2_client *client, const nghttp2_frame *frame)
{
  if (frame->window_update.window_size_increment >= small_update)
    return;
  if (client->free_updates > 0)
    client->free_updates--;
  else
    cro_h2_client_charge(client, 1);
}

/* What waits goes elsewhere; nghttp2 closes the streams the server has not taken. */
static void goaway_came(cro_h2_client *client)
{
  cro_list *node, *next;

  client->leaving = true;
  for (node = client->waiting.next; node != &client->waiting; node = next) {
    next = node->next;
    cro_h2_call_end(CRO_CONTAINER(node, cro_h2_call, todo), CRO_E_AGAIN);
  }
}

static void settings_came(cro_h2_client *client, const nghttp2_frame *frame)
{
  if ((frame->hd.flags & NGHTTP2_FLAG_ACK) != 0) {
    client->acknowledged = true;
    cro_h2_client_rearm(client);
    return;
  }
  client->greeted = true;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
  cro_h2_client *client = arg;

  (void)session;
  if (client->config->trace)
    cro_h2_trace_frame(&client->trace, false, frame);
  switch (frame->hd.type) {
  case NGHTTP2_HEADERS:
    return headers_came(client, frame);
  case NGHTTP2_DATA:
    data_came(client, frame);
    break;
  case NGHTTP2_RST_STREAM:
    reset_came(client, frame);
    break;
  case NGHTTP2_PUSH_PROMISE:
    cro_h2_promise_made(client, &frame->push_promise);
    break;
  case NGHTTP2_SETTINGS:
    settings_came(client, frame);
    break;
  case NGHTTP2_PING:
    if ((frame->hd.flags & NGHTTP2_FLAG_ACK) != 0)
      client->asked = false;
    break;
  case NGHTTP2_GOAWAY:
    goaway_came(client);
    break;
  case NGHTTP2_WINDOW_UPDATE:
    update_came(client, frame);
    break;
  default:
    break;
  }
  return verdict(client);
}

/* --- what became of streams and frames -----------------------------------------------
 */

/* Why a stream was closed that was not complete. */
static int error_of(const cro_h2_call *call, uint32_t code)
{
  if (code == NGHTTP2_REFUSED_STREAM && !call->heard && !call->promised)
    return CRO_E_AGAIN;
  if (code == NGHTTP2_NO_ERROR && call->received)
    return 0; /* RFC 9113 8.1: the server does without the rest of the request */
  if (call->refused)
    return CRO_E_PROTOCOL;
  return code == NGHTTP2_HTTP_1_1_REQUIRED ? CRO_E_NOTSUP : CRO_E_RESET;
}

static int on_stream_close(nghttp2_session *session, int32_t id, uint32_t code,
                           void *arg)
{
  cro_h2_client *client = arg;
  cro_h2_call *call = cro_h2_call_of(session, id);

  if (call == NULL)
    return 0;
  if (!call->over) {
    call->code = code;
    cro_h2_call_end(call, error_of(call, code));
  }
  if ((call->received && call->err == 0) || call->peer_reset)
    cro_h2_meter_note_end(&client->meter, id);
  nghttp2_session_set_stream_user_data(session, id, NULL);
  cro_h2_call_closed(call);
  return 0;
}

static void request_sent(cro_h2_call *call)
{
  if (call == NULL || call->over)
    return;
  call->sent = true;
  cro_h2_call_end_if_complete(call);
}

/* Ours have ended the call before; this one is nghttp2's, for what was malformed. */
static void reset_sent(cro_h2_client *client, cro_h2_call *call)
{
  if (call != NULL && call->over)
    return;
  if (call != NULL)
    call->refused = true;
  cro_h2_client_charge_reset(client);
}

static void goaway_sent(cro_h2_client *client, uint32_t code)
{
  client->leaving = true;
  if (code != NGHTTP2_NO_ERROR && client->err == 0)
    client->err = CRO_E_PROTOCOL;
}

static int on_invalid_frame(nghttp2_session *session, const nghttp2_frame *frame,
                            int error, void *arg)
{
  cro_h2_client *client = arg;

  (void)session;
  if (client->config->trace)
    cro_h2_trace_invalid(&client->trace, frame, error);
  return 0;
}

static int on_sent(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
  cro_h2_client *client = arg;
  cro_h2_call *call = cro_h2_call_of(session, frame->hd.stream_id);

  if (client->config->trace)
    cro_h2_trace_frame(&client->trace, true, frame);
  switch (frame->hd.type) {
  case NGHTTP2_HEADERS:
    if (call != NULL)
      call->written = true;
    break;
  case NGHTTP2_GOAWAY:
    goaway_sent(client, frame->goaway.error_code);
    return 0;
  case NGHTTP2_RST_STREAM:
    reset_sent(client, call);
    return 0;
  case NGHTTP2_DATA:
    break;
  default:
    return 0;
  }
  if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0)
    request_sent(call);
  return 0;
}

/* A head that nghttp2 would not send; it closes the stream then, but for trailers. */
static int on_not_sent(nghttp2_session *session, const nghttp2_frame *frame, int code,
                       void *arg)
{
  cro_h2_call *call = cro_h2_call_of(session, frame->hd.stream_id);
  int err = code == NGHTTP2_ERR_FRAME_SIZE_ERROR ? CRO_E_TOO_LONG : CRO_E_AGAIN;

  (void)arg;
  if (frame->hd.type != NGHTTP2_HEADERS || call == NULL)
    return 0;
  if (call->written)
    cro_h2_call_reset(call, NGHTTP2_CANCEL, CRO_E_TOO_LONG);
  else
    cro_h2_call_end(call, err);
  return 0;
}

/* --- nghttp2's session ---------------------------------------------------------------
 */

static void set_callbacks(nghttp2_session_callbacks *to)
{
  nghttp2_session_callbacks_set_on_begin_headers_callback(to, on_begin_headers);
  nghttp2_session_callbacks_set_on_header_callback2(to, on_header);
  nghttp2_session_callbacks_set_on_invalid_header_callback2(to, on_invalid_header);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(to, on_data);
  nghttp2_session_callbacks_set_on_frame_recv_callback(to, on_frame);
  nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(to, on_invalid_frame);
  nghttp2_session_callbacks_set_on_stream_close_callback(to, on_stream_close);
  nghttp2_session_callbacks_set_on_frame_send_callback(to, on_sent);
  nghttp2_session_callbacks_set_on_frame_not_send_callback(to, on_not_sent);
  nghttp2_session_callbacks_set_send_data_callback(to, cro_h2_client_send_data);
}

static void set_options(nghttp2_option *to, const cro_h2_limits *limits)
{
  nghttp2_option_set_no_auto_window_update(to, 1);
  nghttp2_option_set_max_reserved_remote_streams(to, (uint32_t)limits->max_streams);
  nghttp2_option_set_max_outbound_ack(to, (size_t)limits->queued_acks);
  nghttp2_option_set_max_continuations(to, CRO_H2_CONTINUATIONS_TOLD);
}

int cro_h2_client_make_session(cro_h2_client *client)
{
  nghttp2_session_callbacks *callbacks = NULL;
  nghttp2_option *option = NULL;
  int rc = nghttp2_session_callbacks_new(&callbacks);

  if (rc == 0)
    rc = nghttp2_option_new(&option);
  if (rc == 0) {
    set_callbacks(callbacks);
    set_options(option, client->config->h2);
    rc = nghttp2_session_client_new3(&client->session, callbacks, client, option,
                                     &client->memory.mem);
  }
  nghttp2_option_del(option);
  nghttp2_session_callbacks_del(callbacks);
  return rc == 0 ? 0 : CRO_E_NOMEM;
}
