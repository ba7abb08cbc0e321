/* The client's reader: the same answer in one piece, in two and in many is the same
 * answer, and no more is made of it than was sent. */
#include "base/check.h"
#include "base/err.h"
#include "cuts.h"
#include "http/h1.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct session {
  cro_conn conn; /* first member */
  cro_turn turn;
  cro_stage source, sink, caller, last;
  cro_h1_config config;
  cro_h1 *h1;
  cro_request *request;
  cro_buf log;
  bool over;
} session;

static void conn_deadline(cro_conn *conn, cro_wait what, uint64_t ms)
{
  (void)conn;
  (void)what;
  (void)ms;
}

static uint64_t conn_now(const cro_conn *conn)
{
  (void)conn;
  return 1;
}

static void add(session *self, const char *text)
{
  if (!self->over && cro_buf_add(&self->log, cro_bytes_of(text)) != 0)
    abort();
}

static void conn_close(cro_conn *conn)
{
  add((session *)conn, " close");
  ((session *)conn)->over = true;
}

static void conn_abort(cro_conn *conn)
{
  add((session *)conn, " abort");
  ((session *)conn)->over = true;
}

static const cro_conn_ops conn_ops = {
  .deadline = conn_deadline,
  .now = conn_now,
  .close = conn_close,
  .shutdown = conn_close,
  .abort = conn_abort,
};

static void wake(cro_turn *turn)
{
  (void)turn;
}

static void destroy(cro_stage *stage)
{
  (void)stage;
}

static int sink_push(cro_stage *stage, const void *message)
{
  (void)stage;
  (void)message;
  return 0;
}

static void log_fields(session *self, const cro_headers *fields)
{
  for (uint32_t i = 0; i < fields->count; i++) {
    add(self, "|");
    (void)cro_buf_add(&self->log, fields->at[i].name);
    add(self, "=");
    (void)cro_buf_add(&self->log, fields->at[i].value);
  }
}

static int last_push(cro_stage *stage, const void *message)
{
  session *self = (session *)stage->conn;
  const cro_response *response = message;

  (void)cro_buf_add_u64(&self->log, (uint64_t)response->status);
  (void)cro_buf_add(&self->log, response->reason);
  log_fields(self, &response->headers);
  return cro_body_want(response->incoming, UINT64_MAX, SIZE_MAX) == 0 ? 0 : -1;
}

static int last_finish(cro_stage *stage)
{
  (void)stage;
  return 0;
}

static void last_fail(cro_stage *stage, int err)
{
  add((session *)stage->conn, cro_err_kind(err));
}

static void on_release(cro_request *request, int err)
{
  session *self = request->user;
  const cro_body *body = request->response->incoming;

  if (body != NULL && body->held.len > 0)
    (void)cro_buf_add(&self->log, cro_buf_bytes(&body->held));
  log_fields(self, &request->response->trailers);
  add(self, err != 0 ? cro_err_kind(err) : " full");
  self->over = true; /* what comes after depends on what has arrived */
}

static const cro_stage_ops source_ops = { .produces = &cro_type_bytes,
                                          .destroy = destroy };
static const cro_stage_ops sink_ops = { .consumes = &cro_type_bytes,
                                        .push = sink_push,
                                        .destroy = destroy };
static const cro_stage_ops caller_ops = { .produces = &cro_type_request,
                                          .destroy = destroy };
static const cro_stage_ops last_ops = { .consumes = &cro_type_response,
                                        .push = last_push,
                                        .finish = last_finish,
                                        .fail = last_fail,
                                        .destroy = destroy };

static void open_session(session *self, const cro_http_limits *limits)
{
  self->config =
      (cro_h1_config){ .limits = limits, .timeouts = &cro_http_timeouts_default };
  cro_turn_init(&self->turn, wake);
  self->conn.ops = &conn_ops;
  self->conn.turn = &self->turn;
  cro_stage_init(&self->source, &source_ops);
  cro_stage_init(&self->sink, &sink_ops);
  cro_stage_init(&self->caller, &caller_ops);
  cro_stage_init(&self->last, &last_ops);
  cro_check(cro_h1_client_create(&self->h1, &self->config) == 0);
  cro_check(cro_stage_link(&self->source, cro_h1_reader(self->h1)) == 0);
  cro_check(cro_stage_link(cro_h1_reader(self->h1), &self->last) == 0);
  cro_check(cro_stage_link(&self->caller, cro_h1_writer(self->h1)) == 0);
  cro_check(cro_stage_link(cro_h1_writer(self->h1), &self->sink) == 0);
  cro_pipeline_attach(&self->source, &self->conn);
  cro_pipeline_attach(&self->caller, &self->conn);
}

static void send_request(session *self, cro_method method)
{
  cro_request *request = cro_request_create(NULL);

  cro_check(request != NULL);
  self->request = request;
  request->method = method;
  request->target = CRO_B("/");
  request->authority = CRO_B("h");
  request->keep_alive = true;
  request->user = self;
  request->on_release = on_release;
  cro_check(cro_emit(&self->caller, request) >= 0);
}

static void feed(session *self, cro_bytes in, size_t step)
{
  while (in.len > 0 && !self->over) {
    cro_bytes part = cro_bytes_take(&in, step > 0 ? step : in.len);
    char *copy = malloc(part.len);

    memcpy(copy, part.at, part.len);
    part.at = copy;
    (void)cro_emit(&self->source, &part);
    free(copy);
  }
}

static void finish(session *self)
{
  if (!self->over)
    (void)cro_emit_finish(&self->source);
}

static cro_buf run(cro_bytes in, cro_method method, size_t first, size_t step)
{
  cro_bytes head = cro_bytes_take(&in, first);
  static cro_http_limits limits;
  session self;

  limits = cro_http_limits_default;
  limits.header_bytes = 600;
  limits.header_count = 8;
  limits.chunk_overhead = 64;
  memset(&self, 0, sizeof self);
  open_session(&self, &limits);
  send_request(&self, method);
  feed(&self, head, 0);
  feed(&self, in, step);
  finish(&self);
  cro_pipeline_destroy(&self.source);
  cro_pipeline_destroy(&self.caller);
  cro_arena_drop(self.request->arena);
  return self.log;
}

static void compare(cro_bytes in, cro_method method, const cro_buf *whole, size_t first,
                    size_t step)
{
  cro_buf cut = run(in, method, first, step);

  if (!cro_bytes_eq(cro_buf_bytes(whole), cro_buf_bytes(&cut))) {
    fprintf(stderr, "whole: %.*s\ncut %zu, step %zu: %.*s\n", (int)whole->len,
            whole->at, first, step, (int)cut.len, cut.at);
    abort();
  }
  cro_buf_free(&cut);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  static const cro_method methods[] = { CRO_GET, CRO_HEAD, CRO_CONNECT, CRO_GET };
  cro_bytes in = { (const char *)data + 1, size - 1 };
  cro_method method;
  cro_buf whole;

  if (size < 2)
    return 0;
  method = methods[data[0] & 3];
  whole = run(in, method, 0, 0);
  cro_check(whole.len <= in.len + 64); /* "=" and "|" for ": " and CRLF, and a word */
  for (size_t i = 0; i < cuts_of(in.len); i++)
    compare(in, method, &whole, cut_at(i, in.len, data[0]), 0);
  compare(in, method, &whole, 0, 1);
  compare(in, method, &whole, 0, 2 + (data[0] >> 2));
  cro_buf_free(&whole);
  return 0;
}
