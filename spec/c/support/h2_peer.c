#include "support/h2_peer.h"

#include "base/check.h"
#include "base/err.h"
#include "support/test.h"

#include <stdlib.h>

static h2_peer *of(const cro_conn *conn)
{
  return (h2_peer *)(uintptr_t)conn;
}

/* --- the connection ------------------------------------------------------------------
 */

static void conn_deadline(cro_conn *conn, cro_wait what, uint64_t ms)
{
  of(conn)->what = what;
  of(conn)->due = what == CRO_WAIT_NOTHING ? UINT64_MAX : of(conn)->now + ms;
}

static uint64_t conn_now(const cro_conn *conn)
{
  return of(conn)->now;
}

static void conn_flush_later(cro_conn *conn)
{
  of(conn)->flush_due = true;
}

static void write_queued(h2_peer *peer)
{
  peer->flush_due = false;
  if (peer->conn.on_flush != NULL && peer_is_open(peer))
    peer->conn.on_flush(peer->conn.flush_arg);
}

/* As a socket does: what is queued is written before the end. */
static void conn_close(cro_conn *conn)
{
  if (peer_is_open(of(conn)))
    write_queued(of(conn));
  if (peer_is_open(of(conn)))
    of(conn)->end = "close";
}

static void conn_shutdown(cro_conn *conn)
{
  write_queued(of(conn));
  of(conn)->end = "linger";
}

static void conn_abort(cro_conn *conn)
{
  of(conn)->end = "abort";
}

static cro_bytes conn_address(cro_conn *conn, int *port)
{
  (void)conn;
  *port = 1;
  return CRO_B("peer");
}

static void wake(cro_turn *turn)
{
  (void)turn;
}

static const cro_conn_ops conn_ops = {
  .deadline = conn_deadline,
  .now = conn_now,
  .flush_later = conn_flush_later,
  .close = conn_close,
  .shutdown = conn_shutdown,
  .abort = conn_abort,
  .peer = conn_address,
  .local = conn_address,
};

/* --- the ends of the pipelines -------------------------------------------------------
 */

static void source_resume(cro_stage *stage)
{
  of(stage->conn)->source_full = false;
}

static void stage_destroy(cro_stage *stage)
{
  (void)stage;
}

static void stage_resume(cro_stage *stage)
{
  (void)stage;
}

/* A client begins with what is no frame. */
static void take_preface(const h2_peer *peer, cro_bytes *in)
{
  static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
  size_t most = sizeof preface - 1, seen = (size_t)peer->bytes;
  cro_bytes want;

  if (!peer->client || seen >= most)
    return;
  want = cro_bytes_take(in, most - seen);
  CHECK_BYTES(((cro_bytes){ preface + seen, want.len }), want);
}

static int sink_push(cro_stage *stage, const void *message)
{
  h2_peer *peer = of(stage->conn);
  cro_bytes in = *(const cro_bytes *)message;
  size_t len = in.len;

  if (peer->sink_err != 0)
    return peer->sink_err;
  CHECK(len > 0);
  peer->writes++;
  if (peer->raw == NULL)
    take_preface(peer, &in);
  peer->bytes += len;
  if (peer->raw != NULL)
    h2_text_add(peer->raw, in);
  else
    h2_frames_add(&peer->sent, in);
  return peer->sink_full ? CRO_FULL : 0;
}

static int app_push(cro_stage *stage, const void *message)
{
  h2_peer *peer = of(stage->conn);
  cro_request *request = (cro_request *)(uintptr_t)message;

  peer->messages++;
  if (peer->handler != NULL)
    peer->handler(peer, request);
  else
    peer_collect(peer, request);
  return 0;
}

static void app_fail(cro_stage *stage, int err)
{
  of(stage->conn)->failed = err;
}

static int app_finish(cro_stage *stage)
{
  of(stage->conn)->finished = true;
  return 0;
}

static int last_push(cro_stage *stage, const void *message);

static const cro_stage_ops source_ops = { .name = "source",
                                          .produces = &cro_type_bytes,
                                          .resume = source_resume,
                                          .destroy = stage_destroy };
static const cro_stage_ops sink_ops = { .name = "sink",
                                        .consumes = &cro_type_bytes,
                                        .push = sink_push,
                                        .destroy = stage_destroy };
static const cro_stage_ops app_ops = { .name = "app",
                                       .consumes = &cro_type_request,
                                       .produces = &cro_type_response,
                                       .push = app_push,
                                       .finish = app_finish,
                                       .fail = app_fail,
                                       .resume = stage_resume,
                                       .destroy = stage_destroy };
static const cro_stage_ops caller_ops = { .name = "caller",
                                          .produces = &cro_type_request,
                                          .resume = stage_resume,
                                          .destroy = stage_destroy };
static const cro_stage_ops last_ops = { .name = "last",
                                        .consumes = &cro_type_response,
                                        .push = last_push,
                                        .finish = app_finish,
                                        .fail = app_fail,
                                        .destroy = stage_destroy };

void peer_open(h2_peer *peer)
{
  memset(peer, 0, sizeof *peer);
  peer->now = 1000;
  peer->due = UINT64_MAX;
  peer->end = "open";
  h2_frames_init(&peer->sent);
  cro_turn_init(&peer->turn, wake);
  peer->conn.ops = &conn_ops;
  peer->conn.turn = &peer->turn;
  peer->conn.label = "peer";
  cro_stage_init(&peer->source, &source_ops);
  cro_stage_init(&peer->sink, &sink_ops);
  cro_stage_init(&peer->app, &app_ops);
  cro_stage_init(&peer->caller, &caller_ops);
  cro_stage_init(&peer->last, &last_ops);
}

static void link_stages(cro_stage *a, cro_stage *b)
{
  cro_check(cro_stage_link(a, b) == 0);
}

void peer_serve(h2_peer *peer, cro_stage *reader, cro_stage *writer)
{
  link_stages(&peer->source, reader);
  link_stages(reader, &peer->app);
  link_stages(&peer->app, writer);
  link_stages(writer, &peer->sink);
  cro_pipeline_attach(&peer->source, &peer->conn);
}

void peer_call(h2_peer *peer, cro_stage *reader, cro_stage *writer)
{
  peer->client = true;
  link_stages(&peer->source, reader);
  link_stages(reader, &peer->last);
  link_stages(&peer->caller, writer);
  link_stages(writer, &peer->sink);
  cro_pipeline_attach(&peer->caller, &peer->conn);
  cro_pipeline_attach(&peer->source, &peer->conn);
}

void peer_close(h2_peer *peer)
{
  if (peer->source.next != NULL)
    cro_pipeline_destroy(&peer->source);
  if (peer->client)
    cro_pipeline_destroy(&peer->caller);
  cro_conn_clear(&peer->conn);
  h2_frames_free(&peer->sent);
  h2_text_free(&peer->log);
}

/* --- what the peer does --------------------------------------------------------------
 */

bool peer_is_open(const h2_peer *peer)
{
  return strcmp(peer->end, "open") == 0 || strcmp(peer->end, "linger") == 0;
}

void peer_turn(h2_peer *peer)
{
  bool more = true;

  while (more) {
    more = cro_turn_run(&peer->turn) || peer->flush_due;
    if (peer->flush_due)
      write_queued(peer);
  }
}

void peer_drain(h2_peer *peer)
{
  peer->sink_full = false;
  cro_stage_resume(&peer->sink);
  peer_turn(peer);
}

void peer_feed(h2_peer *peer, cro_bytes in, size_t step)
{
  while (in.len > 0 && peer_is_open(peer)) {
    cro_bytes part = cro_bytes_take(&in, step > 0 ? step : in.len);
    char *copy = malloc(part.len); /* a copy, so that kept slices are found out */

    memcpy(copy, part.at, part.len);
    part.at = copy;
    peer->source_full = cro_emit(&peer->source, &part) == CRO_FULL;
    memset(copy, '#', part.len);
    free(copy);
    peer_turn(peer);
  }
}

void peer_play(h2_peer *peer, const char *script)
{
  h2_text bytes = { 0 };

  h2_script(&bytes, script);
  peer_feed(peer, h2_text_bytes(&bytes), 0);
  h2_text_free(&bytes);
}

void peer_eof(h2_peer *peer)
{
  if (peer_is_open(peer))
    (void)cro_emit_finish(&peer->source);
  peer_turn(peer);
}

void peer_fail(h2_peer *peer, int err)
{
  if (peer_is_open(peer))
    cro_emit_fail(&peer->source, err);
  peer->end = "abort";
  peer_turn(peer);
}

void peer_advance(h2_peer *peer, uint64_t ms)
{
  uint64_t until = peer->now + ms;

  while (peer->due <= until && peer_is_open(peer)) {
    cro_wait what = peer->what;

    peer->now = peer->due;
    peer->due = UINT64_MAX;
    peer->what = CRO_WAIT_NOTHING;
    peer->conn.on_deadline(peer->conn.deadline_arg, what);
    peer_turn(peer);
  }
  peer->now = until;
}

/* --- what it has got
 * ------------------------------------------------------------------
 */

bool peer_next(h2_peer *peer, h2_frame *frame)
{
  return h2_frames_next(&peer->sent, frame);
}

void peer_say(h2_peer *peer, h2_text *out)
{
  h2_frame frame;

  while (peer_next(peer, &frame)) {
    h2_frame_say(&frame, out);
    h2_text_add(out, CRO_B("\n"));
  }
}

void peer_forget(h2_peer *peer)
{
  h2_frame frame;

  while (peer_next(peer, &frame))
    continue;
  peer->log.len = 0;
}

void peer_verdict(h2_peer *peer, h2_text *out)
{
  h2_text reset = { 0 }, bye = { 0 };
  h2_frame frame;

  while (peer_next(peer, &frame)) {
    h2_text *to = frame.type == NGHTTP2_RST_STREAM ? &reset : &bye;

    if (frame.type != NGHTTP2_RST_STREAM && frame.type != NGHTTP2_GOAWAY)
      continue;
    to->len = 0;
    h2_frame_say(&frame, to);
    h2_text_add(to, CRO_B(", "));
  }
  h2_text_add(out, h2_text_bytes(&reset));
  h2_text_add(out, h2_text_bytes(&bye));
  h2_text_say(out, "%s", peer->end);
  h2_text_free(&reset);
  h2_text_free(&bye);
}

void peer_check(const char *file, int line, const char *want, h2_peer *peer)
{
  h2_text got = { 0 };

  peer_say(peer, &got);
  test_bytes(file, line, "frames", cro_bytes_of(want), h2_text_bytes(&got));
  h2_text_free(&got);
}

void peer_check_log(const char *file, int line, const char *want, h2_peer *peer)
{
  test_bytes(file, line, "log", cro_bytes_of(want), h2_text_bytes(&peer->log));
  peer->log.len = 0;
}

/* --- the application of a server ----------------------------------------------------
 */

static void log_fields(h2_text *log, const cro_headers *fields)
{
  for (uint32_t i = 0; i < fields->count; i++) {
    h2_text_add(log, CRO_B(" "));
    h2_text_add(log, fields->at[i].name);
    h2_text_add(log, CRO_B("="));
    h2_text_add(log, fields->at[i].value);
  }
}

static void log_body(h2_text *log, const cro_body *body)
{
  if (body->held.len > 64)
    h2_text_say(log, " [%zu bytes]", body->held.len);
  else if (body->held.len > 0)
    h2_text_say(log, " [%.*s]", (int)body->held.len, body->held.at);
  if (body->state == CRO_BODY_FAILED)
    h2_text_say(log, " broken: %s", cro_err_kind(body->err));
}

static void log_request(h2_text *log, const cro_request *request)
{
  h2_text_add(log, cro_method_name(request->method));
  h2_text_add(log, CRO_B(" "));
  h2_text_add(log, request->target);
  h2_text_add(log, CRO_B(" @"));
  h2_text_add(log, request->authority);
  log_fields(log, &request->headers);
  log_body(log, &request->body);
  log_fields(log, &request->trailers);
  h2_text_add(log, CRO_B("\n"));
}

int peer_answer(h2_peer *peer, cro_request *request)
{
  return cro_emit(&peer->app, request->response);
}

static void collected(cro_body *body)
{
  cro_request *request = CRO_CONTAINER(body, cro_request, body);
  h2_peer *peer = body->reader;

  if (body->state == CRO_BODY_OPEN)
    return;
  body->on_change = NULL;
  log_request(&peer->log, request);
  if (body->state == CRO_BODY_ENDED && !request->gone) {
    request->response->body = CRO_B("hi");
    (void)peer_answer(peer, request);
  }
  cro_arena_drop(request->arena);
}

static void count_release(cro_request *request, int err)
{
  h2_peer *peer = of(request->conn);

  (void)err;
  peer->released++;
}

void peer_collect(h2_peer *peer, cro_request *request)
{
  cro_body *body = &request->body;

  cro_arena_hold(request->arena);
  request->on_release = count_release;
  body->reader = peer;
  body->on_change = collected;
  if (body->state == CRO_BODY_OPEN)
    (void)cro_body_want(body, UINT64_MAX, 1 << 20);
  else
    collected(body);
}

/* --- the application of a client ----------------------------------------------------
 */

/* A response is logged whole: "200 x=y [body] t=v". */
static void log_response(h2_text *log, const cro_response *response)
{
  h2_text_say(log, "%d: %d", response->request->stream, response->status);
  log_fields(log, &response->headers);
  log_body(log, response->incoming);
  log_fields(log, &response->trailers);
  h2_text_add(log, CRO_B("\n"));
}

static void answer_collected(cro_body *body)
{
  cro_response *response = body->reader;

  if (body->state == CRO_BODY_OPEN)
    return;
  body->on_change = NULL;
  log_response(&((h2_peer *)response->request->user)->log, response);
}

static int last_push(cro_stage *stage, const void *message)
{
  h2_peer *peer = of(stage->conn);
  cro_response *response = (cro_response *)(uintptr_t)message;

  peer->messages++;
  if (peer->handler != NULL) {
    peer->handler(peer, response->request);
    return 0;
  }
  response->incoming->reader = response;
  response->incoming->on_change = answer_collected;
  if (response->incoming->state == CRO_BODY_OPEN)
    (void)cro_body_want(response->incoming, UINT64_MAX, 1 << 20);
  else
    answer_collected(response->incoming);
  return 0;
}

static void log_release(cro_request *request, int err)
{
  h2_peer *peer = request->user;

  peer->released++;
  if (err != 0)
    h2_text_say(&peer->log, "%d: %s\n", request->stream, cro_err_kind(err));
}

cro_request *peer_request(h2_peer *peer, cro_method method, const char *target)
{
  cro_request *request = cro_request_create(NULL);

  if (request == NULL)
    return NULL;
  request->method = method;
  request->scheme = CRO_B("https");
  request->target = cro_bytes_of(target);
  request->authority = CRO_B("h");
  request->keep_alive = true;
  request->user = peer;
  request->on_release = log_release;
  return request;
}

int peer_ask(h2_peer *peer, cro_request *request)
{
  int rc = cro_emit(&peer->caller, request);

  peer_turn(peer);
  return rc;
}

void peer_drop(cro_request *request)
{
  cro_arena_drop(request->arena);
}
