#include "http/h2_client.h"

#include "base/alloc.h"
#include "base/check.h"
#include "base/err.h"
#include "http/h2_client_session.h"

uint64_t cro_h2_client_now(const cro_h2_client *client)
{
  const cro_conn *conn = client->reader.conn;

  return conn->ops->now(conn);
}

void cro_h2_client_flush_later(cro_h2_client *client)
{
  if (client->state != CRO_H2_CLIENT_DEAD)
    client->writer.conn->ops->flush_later(client->writer.conn);
}

/* --- what a server may cost --------------------------------------------------------
 */

void cro_h2_client_charge(cro_h2_client *client, unsigned glitches)
{
  const cro_h2_limits *limits = client->config->h2;
  uint64_t now = cro_h2_client_now(client);

  while (glitches-- > 0)
    if (!cro_h2_tokens_take(&client->glitches, limits->glitch_burst,
                            limits->glitch_rate, now)) {
      cro_h2_client_terminate(client, NGHTTP2_ENHANCE_YOUR_CALM, CRO_E_PROTOCOL);
      return;
    }
}

void cro_h2_client_charge_reset(cro_h2_client *client)
{
  const cro_h2_limits *limits = client->config->h2;

  if (!cro_h2_tokens_take(&client->resets, limits->reset_burst, limits->reset_rate,
                          cro_h2_client_now(client)))
    cro_h2_client_terminate(client, NGHTTP2_ENHANCE_YOUR_CALM, CRO_E_PROTOCOL);
}

/* --- deadlines -----------------------------------------------------------------------
 */

/* When something is due next, in ms of the clock; UINT64_MAX: nothing. */
static uint64_t next_due(const cro_h2_client *client, cro_wait *what)
{
  const cro_h2_client_config *config = client->config;
  uint64_t settings = UINT64_MAX, ping = UINT64_MAX;

  if (!client->acknowledged && config->timeouts->h2_settings > 0)
    settings = client->began_at + config->timeouts->h2_settings;
  if (client->asked)
    ping = client->asked_at + config->ping_answer;
  else if (config->ping > 0 && client->open > 0)
    ping = client->heard_at + config->ping;
  *what = settings <= ping ? CRO_WAIT_HANDSHAKE : CRO_WAIT_KEEPALIVE;
  return settings <= ping ? settings : ping;
}

void cro_h2_client_rearm(cro_h2_client *client)
{
  cro_conn *conn = client->reader.conn;
  cro_wait what = CRO_WAIT_NOTHING;
  uint64_t now, due;

  if (conn == NULL) /* never attached */
    return;
  now = cro_h2_client_now(client);
  due = client->state == CRO_H2_CLIENT_OPEN ? next_due(client, &what) : UINT64_MAX;
  if (due == client->armed_at)
    return;
  client->armed_at = due;
  if (due == UINT64_MAX)
    conn->ops->deadline(conn, CRO_WAIT_NOTHING, 0);
  else
    conn->ops->deadline(conn, what, due > now ? due - now : 0);
}

static void ask(cro_h2_client *client, uint64_t now)
{
  client->asked = true;
  client->asked_at = now;
  cro_h2_client_must(client,
                     nghttp2_submit_ping(client->session, NGHTTP2_FLAG_NONE, NULL));
  cro_h2_client_flush_later(client);
}

static void on_deadline(void *arg, cro_wait what)
{
  cro_h2_client *client = arg;
  uint64_t now = cro_h2_client_now(client);

  client->armed_at = UINT64_MAX;
  if (client->state != CRO_H2_CLIENT_OPEN)
    return;
  if (next_due(client, &what) <= now) {
    if (what == CRO_WAIT_HANDSHAKE)
      cro_h2_client_terminate(client, NGHTTP2_SETTINGS_TIMEOUT, CRO_E_TIMEOUT);
    else if (client->asked)
      cro_h2_client_abort(client, CRO_E_TIMEOUT);
    else
      ask(client, now);
  }
  cro_h2_client_rearm(client);
  cro_h2_client_settle(client);
}

/* --- what nghttp2 left to be told ----------------------------------------------------
 */

static unsigned streams_allowed(const cro_h2_client *client)
{
  return nghttp2_session_get_remote_settings(client->session,
                                             NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
}

static bool takes_requests(const cro_h2_client *client)
{
  return client->state == CRO_H2_CLIENT_OPEN && !client->leaving;
}

/* The first that can be sent by now: whether an extended CONNECT can, the server's
 * SETTINGS say. */
static cro_h2_call *next_waiting(const cro_h2_client *client)
{
  for (cro_list *node = client->waiting.next; node != &client->waiting;
       node = node->next) {
    cro_h2_call *call = CRO_CONTAINER(node, cro_h2_call, todo);

    if (client->greeted || call->request->protocol_name.len == 0)
      return call;
  }
  return NULL;
}

void cro_h2_client_admit(cro_h2_client *client)
{
  while (takes_requests(client) && client->streams < streams_allowed(client)) {
    cro_h2_call *call = next_waiting(client);
    int rc;

    if (call == NULL)
      return;
    cro_list_remove(&call->todo);
    call->waits = false;
    client->queued--;
    rc = cro_h2_call_submit(call);
    if (rc != 0)
      cro_h2_call_end(call, rc);
  }
}

/* Emits the next response whose head is complete. False when there is none, or nobody
 * takes it now. */
static bool emit_next(cro_h2_client *client)
{
  cro_h2_call *call;
  cro_list *node;
  int rc;

  if (client->next_full && client->state != CRO_H2_CLIENT_DEAD)
    return false;
  node = cro_list_shift(&client->ready);
  if (node == NULL)
    return false;
  call = CRO_CONTAINER(node, cro_h2_call, todo);
  call->emitted = true;
  if (call->over)
    cro_list_push(&client->over, &call->todo);
  rc = client->next_full ? 0 : cro_emit(&client->reader, call->request->response);
  client->next_full = client->next_full || rc == CRO_FULL;
  if (rc < 0)
    cro_h2_client_abort(client, rc);
  return true;
}

static bool release_next(cro_h2_client *client)
{
  cro_list *node = cro_list_shift(&client->over);

  if (node == NULL)
    return false;
  cro_h2_call_release(CRO_CONTAINER(node, cro_h2_call, todo));
  return true;
}

/* It has died with somebody's call in his hands (cro_h2_client_must). */
static bool bury(cro_h2_client *client)
{
  if (client->state != CRO_H2_CLIENT_DEAD || client->buried)
    return false;
  client->buried = true;
  cro_h2_call_end_all(client, client->err);
  cro_h2_client_rearm(client);
  return true;
}

static void tell_downstream(cro_h2_client *client)
{
  if (!client->untold)
    return;
  client->untold = false;
  cro_emit_fail(&client->reader, client->err);
}

void cro_h2_client_settle(cro_h2_client *client)
{
  if (client->running || client->settling)
    return;
  client->settling = true;
  do {
    while (bury(client) || emit_next(client) || release_next(client))
      continue;
    cro_h2_client_admit(client);
  } while (bury(client));
  while (release_next(client))
    continue;
  client->settling = false;
  tell_downstream(client);
  if (client->caller_full && client->queued == 0) {
    client->caller_full = false;
    if (client->writer.prev != NULL && client->writer.conn != NULL)
      cro_stage_resume(&client->writer);
  }
  cro_h2_client_close_if_over(client);
}

/* --- the reader ----------------------------------------------------------------------
 */

static int error_of(const cro_h2_client *client, ssize_t rc)
{
  if (client->err != 0)
    return client->err;
  return rc == NGHTTP2_ERR_NOMEM ? CRO_E_NOMEM : CRO_E_PROTOCOL;
}

static void read_part(cro_h2_client *client, cro_bytes part)
{
  ssize_t n;

  client->running = true;
  n = nghttp2_session_mem_recv(client->session, (const uint8_t *)part.at, part.len);
  client->running = false;
  if (n >= 0)
    return;
  client->failing = true;
  cro_h2_client_abort(client, error_of(client, n));
}

static bool is_behind_end(const cro_h2_client *client, const nghttp2_frame_hd *hd)
{
  return (hd->type == NGHTTP2_DATA || hd->type == NGHTTP2_HEADERS) &&
         hd->stream_id != 0 &&
         nghttp2_session_find_stream(client->session, hd->stream_id) == NULL &&
         cro_h2_meter_was_ended(&client->meter, hd->stream_id);
}

/* A frame begins. */
static void on_frame(void *arg, const nghttp2_frame_hd *hd, const uint8_t *payload)
{
  cro_h2_client *client = arg;
  bool continues = hd->type == NGHTTP2_CONTINUATION;

  if (client->config->trace)
    cro_h2_trace_begin(&client->trace, hd);
  client->continuations = continues ? client->continuations + 1 : 0;
  if (client->continuations > CRO_H2_CONTINUATIONS_MAX)
    cro_h2_client_terminate(client, NGHTTP2_ENHANCE_YOUR_CALM, CRO_E_PROTOCOL);
  if (cro_h2_is_bad_priority(hd, payload))
    cro_h2_client_terminate(client, NGHTTP2_PROTOCOL_ERROR, CRO_E_PROTOCOL);
  if (is_behind_end(client, hd))
    cro_h2_client_terminate(client, NGHTTP2_STREAM_CLOSED, CRO_E_PROTOCOL);
  if (cro_h2_is_worthless(hd))
    cro_h2_client_charge(client, 1);
}

static void read_bytes(cro_h2_client *client, cro_bytes in)
{
  client->heard_at = cro_h2_client_now(client);
  while (in.len > 0 && client->state == CRO_H2_CLIENT_OPEN) {
    cro_bytes part = cro_h2_meter_next(&client->meter, &in);

    if (part.len > 0 && client->state == CRO_H2_CLIENT_OPEN)
      read_part(client, part);
    cro_h2_client_judge(client);
  }
  cro_h2_client_flush_later(client);
  cro_h2_client_settle(client);
}

static int reader_push(cro_stage *stage, const void *message)
{
  cro_h2_client *client = CRO_CONTAINER(stage, cro_h2_client, reader);
  cro_bytes in = *(const cro_bytes *)message;

  if (client->state == CRO_H2_CLIENT_OPEN && in.len > 0)
    read_bytes(client, in);
  return 0;
}

/* The server's end. What is complete was released before. */
static int reader_finish(cro_stage *stage)
{
  cro_h2_client *client = CRO_CONTAINER(stage, cro_h2_client, reader);

  if (client->state == CRO_H2_CLIENT_DEAD)
    return cro_emit_finish(stage);
  cro_h2_client_die(client, client->err != 0 ? client->err : CRO_E_EOF);
  stage->conn->ops->close(stage->conn);
  return cro_emit_finish(stage);
}

static void reader_fail(cro_stage *stage, int err)
{
  cro_h2_client_die(CRO_CONTAINER(stage, cro_h2_client, reader), err);
  cro_emit_fail(stage, err);
}

static void reader_resume(cro_stage *stage)
{
  cro_h2_client *client = CRO_CONTAINER(stage, cro_h2_client, reader);

  if (client->state != CRO_H2_CLIENT_DEAD)
    client->next_full = false;
  cro_h2_client_settle(client);
}

static void reader_destroy(cro_stage *stage)
{
  cro_h2_client *client = CRO_CONTAINER(stage, cro_h2_client, reader);

  client->next_full = true; /* nobody is there to take a response */
  client->untold = false;
  cro_h2_client_die(client, CRO_E_CLOSED);
  if (stage->conn != NULL && stage->conn->flush_arg == client) {
    stage->conn->on_flush = NULL;
    stage->conn->on_deadline = NULL;
  }
  cro_h2_client_let_go(client);
}

static const cro_stage_ops reader_ops = {
  .name = "HTTP/2 response parser",
  .consumes = &cro_type_bytes,
  .produces = &cro_type_response,
  .push = reader_push,
  .finish = reader_finish,
  .fail = reader_fail,
  .resume = reader_resume,
  .destroy = reader_destroy,
};

/* --- the session ---------------------------------------------------------------------
 */

int cro_h2_client_create(cro_h2_client **out, const cro_h2_client_config *config)
{
  cro_h2_client *client = cro_alloc_zero(sizeof *client);

  if (client == NULL)
    return CRO_E_NOMEM;
  client->config = config;
  client->armed_at = UINT64_MAX;
  cro_list_init(&client->calls);
  cro_list_init(&client->waiting);
  cro_list_init(&client->ready);
  cro_list_init(&client->over);
  cro_stage_init(&client->reader, &reader_ops);
  cro_h2_client_writer_init(client);
  client->meter = (cro_h2_meter){ .on_frame = on_frame,
                                  .arg = client,
                                  .highest = INT32_MAX }; /* each has its turn */
  client->trace =
      (cro_h2_trace){ .stage = &client->reader, .most = config->limits->header_bytes };
  cro_h2_memory_init(&client->memory);
  if (cro_h2_client_make_session(client) != 0) {
    cro_h2_memory_free(&client->memory);
    cro_free(client);
    return CRO_E_NOMEM;
  }
  *out = client;
  return 0;
}

void cro_h2_client_let_go(cro_h2_client *client)
{
  if (--client->holds > 0)
    return;
  cro_h2_call_forget_all(client);
  if (!client->failing)
    nghttp2_session_del(client->session);
  cro_h2_memory_free(&client->memory);
  cro_buf_free(&client->out);
  cro_buf_free(&client->trace.shown);
  cro_free(client);
}

cro_stage *cro_h2_client_reader(cro_h2_client *client)
{
  client->holds += !client->has_reader;
  client->has_reader = true;
  return &client->reader;
}

cro_stage *cro_h2_client_writer(cro_h2_client *client)
{
  client->holds += !client->has_writer;
  client->has_writer = true;
  return &client->writer;
}

static int announce(cro_h2_client *client)
{
  const cro_h2_client_config *config = client->config;
  const nghttp2_settings_entry entries[] = {
    { NGHTTP2_SETTINGS_ENABLE_PUSH, config->on_push != NULL },
    { NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, (uint32_t)config->h2->max_streams },
    { NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, (uint32_t)config->h2->stream_window },
    { NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, (uint32_t)config->limits->header_bytes },
    { NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1 },
  };
  int rc = nghttp2_submit_settings(client->session, NGHTTP2_FLAG_NONE, entries,
                                   sizeof entries / sizeof *entries);

  if (rc == 0)
    rc = nghttp2_session_set_local_window_size(client->session, NGHTTP2_FLAG_NONE, 0,
                                               cro_h2_connection_window(config->h2));
  return rc;
}

void cro_h2_client_start(cro_h2_client *client)
{
  const cro_h2_limits *limits = client->config->h2;
  cro_conn *conn = client->reader.conn;

  client->began_at = client->heard_at = cro_h2_client_now(client);
  cro_h2_tokens_init(&client->glitches, limits->glitch_burst, client->began_at);
  cro_h2_tokens_init(&client->resets, limits->reset_burst, client->began_at);
  conn->on_flush = cro_h2_client_flush;
  conn->flush_arg = client;
  conn->on_deadline = on_deadline;
  conn->deadline_arg = client;
  cro_h2_client_must(client, announce(client));
  cro_h2_client_rearm(client);
  cro_h2_client_flush_later(client);
}

bool cro_h2_client_ready(const cro_h2_client *client)
{
  return takes_requests(client) && client->queued == 0 &&
         client->streams < streams_allowed(client);
}

unsigned cro_h2_client_open(const cro_h2_client *client)
{
  return client->open;
}

void cro_h2_client_end(cro_h2_client *client)
{
  cro_list *node, *next;

  if (!takes_requests(client))
    return;
  client->leaving = true;
  cro_h2_client_must(
      client,
      nghttp2_submit_goaway(client->session, NGHTTP2_FLAG_NONE,
                            nghttp2_session_get_last_proc_stream_id(client->session),
                            NGHTTP2_NO_ERROR, NULL, 0));
  for (node = client->waiting.next; node != &client->waiting; node = next) {
    next = node->next;
    cro_h2_call_end(CRO_CONTAINER(node, cro_h2_call, todo), CRO_E_AGAIN);
  }
  cro_h2_client_flush_later(client);
  cro_h2_client_settle(client);
}

/* --- requests ------------------------------------------------------------------------
 */

static cro_h2_call *call_of(const cro_request *request)
{
  return request->protocol;
}

void cro_h2_client_cancel(cro_request *request)
{
  cro_h2_call *call = call_of(request);
  cro_h2_client *client;

  if (request->gone || call == NULL || call->over)
    return;
  client = call->client;
  call->emitted = true; /* a response that was not emitted is not any more */
  cro_h2_call_reset(call, NGHTTP2_CANCEL, CRO_E_CANCELLED);
  cro_h2_client_flush_later(client);
  cro_h2_client_settle(client);
}

void cro_h2_client_continue(cro_request *request)
{
  cro_h2_call *call = call_of(request);

  if (request->gone || call == NULL || !call->continue_due ||
      request->method == CRO_CONNECT)
    return;
  call->continue_due = false;
  cro_h2_call_pump(call);
  cro_h2_client_settle(call->client);
}

bool cro_h2_client_heard(const cro_request *request)
{
  return call_of(request) != NULL && call_of(request)->heard;
}

uint32_t cro_h2_client_code(const cro_request *request)
{
  return call_of(request) != NULL ? call_of(request)->code : 0;
}
