/* What nghttp2 tells of frames that came and went. */
#include "base/err.h"
#include "http/h2_session.h"

/* The upper floors have ended the connection, inside of what nghttp2 reads. */
static int verdict(const cro_h2 *h2)
{
  return h2->state == CRO_H2_DEAD ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
}

/* --- heads --------------------------------------------------------------------------
 */

/* A stream that is not taken on may be asked for again (RFC 9113 8.7). */
static int refuse_stream(cro_h2 *h2, int32_t id)
{
  (void)cro_h2_must(h2, nghttp2_submit_rst_stream(h2->session, NGHTTP2_FLAG_NONE, id,
                                                  NGHTTP2_REFUSED_STREAM));
  return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

static bool may_open(const cro_h2 *h2)
{
  const cro_h2_limits *limits = h2->config->h2;

  return h2->counted - h2->promised < limits->max_streams &&
         h2->held_headers < limits->held_headers;
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame,
                            void *arg)
{
  cro_h2 *h2 = arg;
  cro_h2_stream *stream;
  int32_t id = frame->hd.stream_id;

  if (h2->state != CRO_H2_OPEN)
    return verdict(h2);
  if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
    return 0;
  if (!may_open(h2))
    return refuse_stream(h2, id);
  stream = cro_h2_stream_create(h2, id);
  if (stream == NULL)
    return refuse_stream(h2, id);
  h2->last_id = id;
  (void)nghttp2_session_set_stream_user_data(session, id, stream);
  return 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame,
                     nghttp2_rcbuf *name, nghttp2_rcbuf *value, uint8_t flags,
                     void *arg)
{
  cro_h2 *h2 = arg;
  cro_h2_stream *stream;

  (void)session;
  (void)flags;
  if (h2->state != CRO_H2_OPEN)
    return verdict(h2);
  if (h2->config->trace)
    cro_h2_trace_field(&h2->trace, name, value);
  stream = cro_h2_stream_of(h2, frame->hd.stream_id);
  if (stream == NULL)
    return 0;
  if (cro_h2_head_field(stream, frame->headers.cat != NGHTTP2_HCAT_REQUEST, name,
                        value) == 0)
    return 0;
  cro_h2_reset(stream, NGHTTP2_REFUSED_STREAM, CRO_E_NOMEM);
  return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

/* Never dropped silently: the message is malformed, nghttp2 resets the stream. */
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

static void refuse_head(cro_h2_stream *stream, int rc)
{
  if (rc == CRO_H2_MALFORMED)
    cro_h2_reset(stream, NGHTTP2_PROTOCOL_ERROR, CRO_E_PROTOCOL);
  else if (stream->calm)
    cro_h2_reset(stream, NGHTTP2_ENHANCE_YOUR_CALM, CRO_E_LIMIT);
  else
    cro_h2_refuse(stream, -rc, -rc == 431 || -rc == 414 ? CRO_E_LIMIT : CRO_E_PROTOCOL);
}

static void head_came(cro_h2 *h2, cro_h2_stream *stream, bool ended)
{
  int rc;

  stream->received = ended;
  rc = cro_h2_settle(stream);
  if (rc != 0) {
    stream->broken = true;
    refuse_head(stream, rc);
    return;
  }
  h2->served++;
  cro_h2_body_open(stream);
  if (ended) {
    stream->received = false;
    cro_h2_body_end(stream);
  }
  cro_list_push(&h2->ready, &stream->todo);
  if (h2->served >= h2->config->limits->requests_per_connection)
    cro_h2_drain(h2);
}

static void trailers_came(cro_h2_stream *stream)
{
  if (!stream->too_large || stream->lingers) {
    cro_h2_body_end(stream);
    return;
  }
  stream->request->trailers.count = 0;
  if (!stream->broken)
    cro_h2_break_body(stream, 431);
  stream->received = true;
}

static void headers_came(cro_h2 *h2, const nghttp2_frame *frame)
{
  cro_h2_stream *stream = cro_h2_stream_of(h2, frame->hd.stream_id);
  bool ended = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;

  if (stream == NULL)
    return;
  if (frame->headers.cat == NGHTTP2_HCAT_REQUEST)
    head_came(h2, stream, ended);
  else
    trailers_came(stream);
}

/* --- everything else ----------------------------------------------------------------
 */

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id,
                   const uint8_t *bytes, size_t len, void *arg)
{
  cro_h2 *h2 = arg;
  cro_h2_stream *stream;

  (void)flags;
  if (h2->state != CRO_H2_OPEN)
    return verdict(h2);
  stream = cro_h2_stream_of(h2, id);
  if (stream == NULL)
    (void)cro_h2_must(h2, nghttp2_session_consume(session, id, len));
  else
    cro_h2_body_put(stream, (cro_bytes){ (const char *)bytes, len });
  return verdict(h2);
}

static void data_came(cro_h2 *h2, const nghttp2_frame *frame)
{
  cro_h2_stream *stream = cro_h2_stream_of(h2, frame->hd.stream_id);
  bool ended = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;

  if (!ended && frame->hd.length > 0 && frame->hd.length == frame->data.padlen)
    cro_h2_charge_glitch(h2); /* nothing but padding */
  if (stream != NULL && ended)
    cro_h2_body_end(stream);
}

/* Only what is not complete costs something: it may have been worked for in vain. */
static void reset_came(cro_h2 *h2, int32_t id)
{
  cro_h2_stream *stream = cro_h2_stream_of(h2, id);

  if (stream == NULL) {
    cro_h2_charge_glitch(h2);
    return;
  }
  stream->peer_reset = true;
  if (!stream->finished)
    cro_h2_charge_reset(h2);
}

static void settings_came(cro_h2 *h2, const nghttp2_frame *frame)
{
  if ((frame->hd.flags & NGHTTP2_FLAG_ACK) != 0) {
    h2->acknowledged = true;
    return;
  }
  h2->greeted = true;
  cro_h2_stall_look_everywhere(h2);
}

static void update_came(cro_h2 *h2, const nghttp2_frame *frame)
{
  cro_h2_stream *stream =
      frame->hd.stream_id != 0 ? cro_h2_stream_of(h2, frame->hd.stream_id) : NULL;

  cro_h2_judge_update(h2, (uint32_t)frame->window_update.window_size_increment);
  if (stream != NULL)
    cro_h2_stall_look(stream);
  else
    cro_h2_stall_look_below(h2);
}

static void ping_came(cro_h2 *h2, const nghttp2_frame *frame)
{
  if ((frame->hd.flags & NGHTTP2_FLAG_ACK) == 0)
    return;
  h2->pings_due -= h2->pings_due > 0;
  if (h2->drain == CRO_H2_NOTICED)
    cro_h2_drain_now(h2);
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
  cro_h2 *h2 = arg;

  (void)session;
  if (h2->state != CRO_H2_OPEN)
    return verdict(h2);
  if (h2->config->trace)
    cro_h2_trace_frame(&h2->trace, false, frame);
  switch (frame->hd.type) {
  case NGHTTP2_HEADERS:
    headers_came(h2, frame);
    break;
  case NGHTTP2_DATA:
    data_came(h2, frame);
    break;
  case NGHTTP2_RST_STREAM:
    reset_came(h2, frame->hd.stream_id);
    break;
  case NGHTTP2_SETTINGS:
    settings_came(h2, frame);
    break;
  case NGHTTP2_PING:
    ping_came(h2, frame);
    break;
  case NGHTTP2_WINDOW_UPDATE:
    update_came(h2, frame);
    break;
  default:
    break;
  }
  return verdict(h2);
}

static int on_invalid_frame(nghttp2_session *session, const nghttp2_frame *frame,
                            int error, void *arg)
{
  cro_h2 *h2 = arg;

  (void)session;
  if (h2->config->trace && h2->state == CRO_H2_OPEN)
    cro_h2_trace_invalid(&h2->trace, frame, error);
  return verdict(h2);
}

static int on_stream_close(nghttp2_session *session, int32_t id, uint32_t code,
                           void *arg)
{
  cro_h2 *h2 = arg;
  cro_h2_stream *stream;

  (void)session;
  (void)code;
  if (h2->state == CRO_H2_DEAD)
    return verdict(h2);
  stream = cro_h2_stream_of(h2, id);
  if (stream != NULL)
    cro_h2_stream_closed(stream);
  return 0;
}

/* --- what went ----------------------------------------------------------------------
 */

/* The answer is out. Who still sends to us is asked to stop (RFC 9113 8.1), but not at
 * once: some clients throw an answer away that a reset comes with. */
static void answer_sent(cro_h2_stream *stream)
{
  stream->finished = true;
  if (stream->received)
    return; /* nghttp2 closes it */
  if (stream->lingers) {
    cro_h2_reset(stream, NGHTTP2_NO_ERROR, 0); /* long enough */
    return;
  }
  cro_h2_body_linger(stream);
  cro_list_remove(&stream->todo);
  cro_list_push(&stream->h2->ended, &stream->todo);
}

static void data_sent(cro_h2 *h2, const nghttp2_frame *frame)
{
  cro_h2_stream *stream = cro_h2_stream_of(h2, frame->hd.stream_id);

  cro_h2_judge_data(h2);
  if (stream != NULL)
    cro_h2_stall_sent(stream, frame->hd.length);
}

static void reset_sent(cro_h2 *h2, const nghttp2_frame *frame)
{
  const cro_h2_stream *stream = cro_h2_stream_of(h2, frame->hd.stream_id);

  if (stream == NULL || !stream->finished)
    cro_h2_charge_reset(h2);
}

static void ack_sent(cro_h2 *h2, const nghttp2_frame *frame)
{
  if ((frame->hd.flags & NGHTTP2_FLAG_ACK) != 0)
    h2->acks -= h2->acks > 0;
  else if (frame->hd.type == NGHTTP2_PING)
    h2->pings_due++;
}

/* Behind the notice, not before: who acknowledges it has read that one. */
static void goaway_sent(cro_h2 *h2)
{
  if (h2->drain == CRO_H2_NOTICED)
    (void)cro_h2_must(h2, nghttp2_submit_ping(h2->session, NGHTTP2_FLAG_NONE, NULL));
}

static int on_frame_sent(nghttp2_session *session, const nghttp2_frame *frame,
                         void *arg)
{
  cro_h2 *h2 = arg;
  cro_h2_stream *stream;

  (void)session;
  if (h2->state == CRO_H2_DEAD)
    return verdict(h2);
  if (h2->config->trace)
    cro_h2_trace_frame(&h2->trace, true, frame);
  switch (frame->hd.type) {
  case NGHTTP2_DATA:
    data_sent(h2, frame);
    /* fall through */
  case NGHTTP2_HEADERS:
    stream = cro_h2_stream_of(h2, frame->hd.stream_id);
    if (stream != NULL && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0)
      answer_sent(stream);
    break;
  case NGHTTP2_RST_STREAM:
    reset_sent(h2, frame);
    break;
  case NGHTTP2_SETTINGS:
  case NGHTTP2_PING:
    ack_sent(h2, frame);
    break;
  case NGHTTP2_GOAWAY:
    goaway_sent(h2);
    break;
  default:
    break;
  }
  return 0;
}

/* A head that could not be sent must not leave its stream waiting. */
static int on_frame_not_sent(nghttp2_session *session, const nghttp2_frame *frame,
                             int error, void *arg)
{
  cro_h2 *h2 = arg;
  cro_h2_stream *stream;

  (void)session;
  (void)error;
  if (h2->state != CRO_H2_OPEN || frame->hd.type != NGHTTP2_HEADERS)
    return 0;
  stream = cro_h2_stream_of(h2, frame->hd.stream_id);
  if (stream != NULL)
    cro_h2_reset(stream, NGHTTP2_INTERNAL_ERROR, CRO_E_LIMIT);
  return 0;
}

/* --- the session ------------------------------------------------------------------ */

enum {
  head_most = 1 << 20, /* of an answer */
  never = 1 << 30      /* what is counted here instead */
};

static void set_callbacks(nghttp2_session_callbacks *callbacks)
{
  nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
  nghttp2_session_callbacks_set_on_header_callback2(callbacks, on_header);
  nghttp2_session_callbacks_set_on_invalid_header_callback2(callbacks,
                                                            on_invalid_header);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
  nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(callbacks,
                                                               on_invalid_frame);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
  nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_frame_sent);
  nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks,
                                                           on_frame_not_sent);
  nghttp2_session_callbacks_set_send_data_callback(callbacks, cro_h2_on_send_data);
}

static void set_options(nghttp2_option *option)
{
  nghttp2_option_set_no_auto_window_update(option, 1);
  nghttp2_option_set_no_closed_streams(option, 1);
  nghttp2_option_set_max_continuations(option, CRO_H2_CONTINUATIONS_TOLD);
  nghttp2_option_set_max_settings(option, 32);
  nghttp2_option_set_max_outbound_ack(option, never);
  nghttp2_option_set_stream_reset_rate_limit(option, never, never);
  nghttp2_option_set_max_send_header_block_length(option, head_most);
  nghttp2_option_set_builtin_recv_extension_type(option, NGHTTP2_PRIORITY_UPDATE);
}

int cro_h2_server_session(cro_h2 *h2)
{
  nghttp2_session_callbacks *callbacks = NULL;
  nghttp2_option *option = NULL;
  int rc = nghttp2_session_callbacks_new(&callbacks);

  if (rc == 0)
    rc = nghttp2_option_new(&option);
  if (rc == 0) {
    set_callbacks(callbacks);
    set_options(option);
    rc = nghttp2_session_server_new3(&h2->session, callbacks, h2, option,
                                     &h2->memory.mem);
  }
  nghttp2_option_del(option);
  nghttp2_session_callbacks_del(callbacks);
  return rc == 0 ? 0 : CRO_E_NOMEM;
}

static uint32_t to_u32(uint64_t number)
{
  return number < INT32_MAX ? (uint32_t)number : INT32_MAX;
}

void cro_h2_greet(cro_h2 *h2)
{
  const cro_h2_limits *limits = h2->config->h2;
  nghttp2_settings_entry entries[] = {
    { NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, INT32_MAX }, /* see h2_out.c */
    { NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, to_u32(limits->stream_window) },
    { NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, to_u32(h2->config->limits->header_bytes) },
    { NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1 },
    { NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1 },
  };
  size_t count = sizeof entries / sizeof *entries - !h2->config->tunnels;

  (void)cro_h2_must(
      h2, nghttp2_submit_settings(h2->session, NGHTTP2_FLAG_NONE, entries, count));
  (void)cro_h2_must(
      h2, nghttp2_session_set_local_window_size(h2->session, NGHTTP2_FLAG_NONE, 0,
                                                cro_h2_connection_window(limits)));
  cro_h2_wait(h2, CRO_WAIT_HEADER, h2->config->timeouts->header);
  cro_h2_flush_later(h2);
}
