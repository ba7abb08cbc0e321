#include "support/h1_rig.h"

#include "base/check.h"
#include "base/text.h"

#include <stdlib.h>

static h1_rig *rig_of(cro_conn *conn)
{
  return (h1_rig *)conn;
}

/* --- the connection ------------------------------------------------------------------
 */

static void conn_deadline(cro_conn *conn, cro_wait what, uint64_t ms)
{
  h1_rig *rig = rig_of(conn);

  rig->what = what;
  rig->due = what == CRO_WAIT_NOTHING ? UINT64_MAX : rig->now + ms;
}

static uint64_t conn_now(const cro_conn *conn)
{
  return ((const h1_rig *)conn)->now;
}

static void conn_close(cro_conn *conn)
{
  rig_of(conn)->end = "close";
}

static void conn_shutdown(cro_conn *conn)
{
  rig_of(conn)->end = "linger";
}

static void conn_abort(cro_conn *conn)
{
  rig_of(conn)->end = "abort";
}

static void wake(cro_turn *turn)
{
  (void)turn;
}

static const cro_conn_ops conn_ops = {
  .deadline = conn_deadline,
  .now = conn_now,
  .close = conn_close,
  .shutdown = conn_shutdown,
  .abort = conn_abort,
};

/* --- the ends of the pipeline ----------------------------------------------------- */

static void source_resume(cro_stage *stage)
{
  rig_of(stage->conn)->source_full = false;
}

static void stage_destroy(cro_stage *stage)
{
  (void)stage;
}

static const cro_stage_ops source_ops = {
  .name = "source",
  .produces = &cro_type_bytes,
  .resume = source_resume,
  .destroy = stage_destroy,
};

/* Adds what is no Date line: that one depends on the day. */
static int sink_push(cro_stage *stage, const void *message)
{
  h1_rig *rig = rig_of(stage->conn);
  cro_bytes in = *(const cro_bytes *)message;
  const char *date;

  if (rig->sink_err != 0)
    return rig->sink_err;
  date = in.len > 37 ? memmem(in.at, in.len, "\r\nDate: ", 8) : NULL;
  if (date != NULL) {
    size_t before = (size_t)(date - in.at) + 2;

    (void)cro_buf_add(&rig->out, cro_bytes_take(&in, before));
    cro_bytes_take(&in, 37);
  }
  (void)cro_buf_add(&rig->out, in);
  return rig->sink_full ? CRO_FULL : 0;
}

static const cro_stage_ops sink_ops = {
  .name = "sink",
  .consumes = &cro_type_bytes,
  .push = sink_push,
  .destroy = stage_destroy,
};

/* --- the handler ---------------------------------------------------------------------
 */

static void log_field(cro_buf *log, const cro_header *field)
{
  (void)cro_buf_add(log, CRO_B(" "));
  (void)cro_buf_add(log, field->name);
  (void)cro_buf_add(log, CRO_B("="));
  (void)cro_buf_add(log, field->value);
}

static void log_request(h1_rig *rig, const cro_request *request)
{
  cro_buf *log = &rig->log;

  (void)cro_buf_add(log, cro_method_name(request->method));
  (void)cro_buf_add(log, CRO_B(" "));
  (void)cro_buf_add(log, request->path);
  if (request->query.len > 0)
    (void)cro_buf_add(log, CRO_B(" ?"));
  (void)cro_buf_add(log, request->query);
  (void)cro_buf_add(log, CRO_B(" @"));
  (void)cro_buf_add(log, request->authority);
  for (uint32_t i = 0; i < request->headers.count; i++)
    if (request->headers.at[i].name.at[0] == 'X')
      log_field(log, &request->headers.at[i]);
  if (request->body.held.len > 0) {
    (void)cro_buf_add(log, CRO_B(" ["));
    (void)cro_buf_add(log, cro_buf_bytes(&request->body.held));
    (void)cro_buf_add(log, CRO_B("]"));
  }
  for (uint32_t i = 0; i < request->trailers.count; i++)
    log_field(log, &request->trailers.at[i]);
  (void)cro_buf_add(log, CRO_B("\n"));
}

void h1_rig_answer(h1_rig *rig, cro_request *request)
{
  (void)cro_emit(&rig->app, request->response);
}

static void collected(cro_body *body)
{
  cro_request *request = CRO_CONTAINER(body, cro_request, body);
  h1_rig *rig = body->reader;

  if (body->state == CRO_BODY_OPEN)
    return;
  body->on_change = NULL;
  if (body->state == CRO_BODY_ENDED && !request->gone) {
    log_request(rig, request);
    request->response->type = CRO_B("text/plain");
    request->response->body = CRO_B("hi");
    h1_rig_answer(rig, request);
  }
  cro_arena_drop(request->arena);
}

void h1_rig_collect(h1_rig *rig, cro_request *request)
{
  cro_body *body = &request->body;

  cro_arena_hold(request->arena);
  body->reader = rig;
  body->on_change = collected;
  if (body->state == CRO_BODY_OPEN)
    (void)cro_body_want(body, UINT64_MAX, 1 << 20);
  else
    collected(body);
}

static int app_push(cro_stage *stage, const void *message)
{
  h1_rig *rig = rig_of(stage->conn);
  cro_request *request = (cro_request *)(uintptr_t)message;

  rig->requests++;
  if (rig->handler != NULL)
    rig->handler(rig, request);
  else
    h1_rig_collect(rig, request);
  return 0;
}

static void app_fail(cro_stage *stage, int err)
{
  rig_of(stage->conn)->failed = err;
}

static int app_finish(cro_stage *stage)
{
  (void)stage;
  return 0;
}

static const cro_stage_ops app_ops = {
  .name = "app",
  .consumes = &cro_type_request,
  .produces = &cro_type_response,
  .push = app_push,
  .finish = app_finish,
  .fail = app_fail,
  .destroy = stage_destroy,
};

static void on_refused(void *arg, cro_conn *conn, int status, const char *reason)
{
  (void)conn;
  if (reason != NULL)
    ((h1_rig *)arg)->refused = status;
}

/* --- the rig
 * ---------------------------------------------------------------------------- */

bool h1_rig_open(h1_rig *rig)
{
  memset(rig, 0, sizeof *rig);
  rig->limits = cro_http_limits_default;
  rig->timeouts = cro_http_timeouts_default;
  rig->config = (cro_h1_config){ .limits = &rig->limits,
                                 .timeouts = &rig->timeouts,
                                 .on_refused = on_refused,
                                 .arg = rig };
  rig->now = 1000;
  rig->due = UINT64_MAX;
  rig->end = "open";
  cro_turn_init(&rig->turn, wake);
  rig->conn.ops = &conn_ops;
  rig->conn.turn = &rig->turn;
  cro_stage_init(&rig->source, &source_ops);
  cro_stage_init(&rig->app, &app_ops);
  cro_stage_init(&rig->sink, &sink_ops);
  return cro_h1_server_create(&rig->h1, &rig->config) == 0;
}

bool h1_rig_start(h1_rig *rig)
{
  cro_stage *reader = cro_h1_reader(rig->h1), *writer = cro_h1_writer(rig->h1);

  if (cro_stage_link(&rig->source, reader) != 0 ||
      cro_stage_link(reader, &rig->app) != 0 ||
      cro_stage_link(&rig->app, writer) != 0 || cro_stage_link(writer, &rig->sink) != 0)
    return false;
  cro_pipeline_attach(&rig->source, &rig->conn);
  cro_h1_start(rig->h1);
  return true;
}

void h1_rig_close(h1_rig *rig)
{
  cro_pipeline_destroy(&rig->source);
  cro_conn_clear(&rig->conn);
  cro_buf_free(&rig->out);
  cro_buf_free(&rig->log);
}

void h1_rig_turn(h1_rig *rig)
{
  while (cro_turn_run(&rig->turn))
    continue;
}

static bool is_closed(const h1_rig *rig)
{
  return strcmp(rig->end, "close") == 0 || strcmp(rig->end, "abort") == 0;
}

void h1_rig_feed(h1_rig *rig, cro_bytes in, size_t step)
{
  while (in.len > 0 && !is_closed(rig)) {
    cro_bytes part = cro_bytes_take(&in, step > 0 ? step : in.len);
    char *copy = malloc(part.len); /* a copy, so that kept slices are found out */
    int rc;

    memcpy(copy, part.at, part.len);
    part.at = copy;
    rc = cro_emit(&rig->source, &part);
    rig->source_full = rc == CRO_FULL;
    memset(copy, '#', part.len);
    free(copy);
    h1_rig_turn(rig);
  }
}

void h1_rig_eof(h1_rig *rig)
{
  if (!is_closed(rig))
    (void)cro_emit_finish(&rig->source);
  h1_rig_turn(rig);
}

void h1_rig_advance(h1_rig *rig, uint64_t ms)
{
  uint64_t until = rig->now + ms;

  while (rig->due <= until && !is_closed(rig)) {
    cro_wait what = rig->what;

    rig->now = rig->due;
    rig->due = UINT64_MAX;
    rig->what = CRO_WAIT_NOTHING;
    rig->conn.on_deadline(rig->conn.deadline_arg, what);
    h1_rig_turn(rig);
  }
  rig->now = until;
}

/* The content's length as announced; -1: none. */
static int64_t announced(cro_bytes head)
{
  const char *at = memmem(head.at, head.len, "Content-Length: ", 16);
  uint64_t length = 0;
  cro_bytes rest;

  if (at == NULL)
    return -1;
  rest = (cro_bytes){ at + 16, (size_t)(head.at + head.len - at) - 16 };
  rest.len = cro_bytes_find(rest, '\r');
  return cro_text_u64(rest, &length) == 0 ? (int64_t)length : -1;
}

void h1_rig_summary(const h1_rig *rig, cro_buf *out)
{
  cro_bytes in = cro_buf_bytes(&rig->out);

  while (in.len > 0) {
    const char *end = memmem(in.at, in.len, "\r\n\r\n", 4);
    cro_bytes head;
    int64_t length;

    if (end == NULL || in.len < 12 || memcmp(in.at, "HTTP/1.1 ", 9) != 0) {
      (void)cro_buf_add(out, CRO_B("? "));
      break;
    }
    head = cro_bytes_take(&in, (size_t)(end - in.at) + 4);
    (void)cro_buf_add(out, (cro_bytes){ head.at + 9, 3 });
    (void)cro_buf_add(out, CRO_B(" "));
    length = announced(head);
    if (length > 0)
      cro_bytes_take(&in, (size_t)length);
  }
  (void)cro_buf_add(out, cro_bytes_of(rig->end));
}
