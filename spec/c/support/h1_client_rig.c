#include "support/h1_client_rig.h"

#include "base/check.h"
#include "base/err.h"
#include "support/test.h"

#include <stdlib.h>

h1_client_rig client;

static h1_client_rig *of(const cro_stage *stage)
{
  return (h1_client_rig *)stage->conn;
}

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

static void conn_close(cro_conn *conn)
{
  ((h1_client_rig *)conn)->end = "close";
}

static void conn_abort(cro_conn *conn)
{
  ((h1_client_rig *)conn)->end = "abort";
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

static void source_resume(cro_stage *stage)
{
  of(stage)->source_full = false;
}

static int sink_push(cro_stage *stage, const void *message)
{
  int rc = of(stage)->sink_err;

  if (rc == 0)
    rc = cro_buf_add(&of(stage)->out, *(const cro_bytes *)message);
  return rc == 0 && of(stage)->sink_full ? CRO_FULL : rc;
}

void client_log(const char *text)
{
  (void)cro_buf_add(&client.log, cro_bytes_of(text));
}

static void log_fields(const cro_headers *fields)
{
  for (uint32_t i = 0; i < fields->count; i++) {
    client_log(" ");
    (void)cro_buf_add(&client.log, fields->at[i].name);
    client_log("=");
    (void)cro_buf_add(&client.log, fields->at[i].value);
  }
}

static void body_changed(cro_body *body)
{
  const cro_response *response = body->reader;

  if (body->state == CRO_BODY_OPEN)
    return;
  body->on_change = NULL;
  client_log(" [");
  if (body->held.len > 0)
    (void)cro_buf_add(&client.log, cro_buf_bytes(&body->held));
  client_log("]");
  log_fields(&response->trailers);
  if (body->state == CRO_BODY_FAILED)
    client_log(" broken");
}

static int last_push(cro_stage *stage, const void *message)
{
  cro_response *response = (cro_response *)(uintptr_t)message;

  if (of(stage)->last_err != 0)
    return of(stage)->last_err;
  (void)cro_buf_add_u64(&of(stage)->log, (uint64_t)response->status);
  client_log(" ");
  (void)cro_buf_add(&client.log, response->reason);
  log_fields(&response->headers);
  if (of(stage)->mute)
    return 0;
  response->incoming->reader = response;
  response->incoming->on_change = body_changed;
  body_changed(response->incoming);
  return 0;
}

static void last_fail(cro_stage *stage, int err)
{
  of(stage)->failed = err;
}

static int last_finish(cro_stage *stage)
{
  (void)stage;
  return 0;
}

static const cro_stage_ops source_ops = { .name = "source",
                                          .produces = &cro_type_bytes,
                                          .resume = source_resume,
                                          .destroy = destroy };
static const cro_stage_ops sink_ops = {
  .name = "sink", .consumes = &cro_type_bytes, .push = sink_push, .destroy = destroy
};
static const cro_stage_ops caller_ops = { .name = "caller",
                                          .produces = &cro_type_request,
                                          .destroy = destroy };
static const cro_stage_ops last_ops = { .name = "last",
                                        .consumes = &cro_type_response,
                                        .push = last_push,
                                        .finish = last_finish,
                                        .fail = last_fail,
                                        .destroy = destroy };

bool client_open(void)
{
  memset(&client, 0, sizeof client);
  client.config = (cro_h1_config){ .limits = &cro_http_limits_default,
                                   .timeouts = &cro_http_timeouts_default };
  client.end = "open";
  cro_turn_init(&client.turn, wake);
  client.conn.ops = &conn_ops;
  client.conn.turn = &client.turn;
  cro_stage_init(&client.source, &source_ops);
  cro_stage_init(&client.sink, &sink_ops);
  cro_stage_init(&client.caller, &caller_ops);
  cro_stage_init(&client.last, &last_ops);
  if (cro_h1_client_create(&client.h1, &client.config) != 0)
    return false;
  cro_check(cro_stage_link(&client.source, cro_h1_reader(client.h1)) == 0);
  cro_check(cro_stage_link(cro_h1_reader(client.h1), &client.last) == 0);
  cro_check(cro_stage_link(&client.caller, cro_h1_writer(client.h1)) == 0);
  cro_check(cro_stage_link(cro_h1_writer(client.h1), &client.sink) == 0);
  cro_pipeline_attach(&client.source, &client.conn);
  cro_pipeline_attach(&client.caller, &client.conn);
  return true;
}

static void drop_request(void)
{
  if (client.request != NULL)
    cro_arena_drop(client.request->arena);
  client.request = NULL;
}

void client_close(void)
{
  cro_pipeline_destroy(&client.source);
  cro_pipeline_destroy(&client.caller);
  drop_request();
  cro_buf_free(&client.out);
  cro_buf_free(&client.log);
}

static void on_release(cro_request *request, int err)
{
  (void)request;
  client.released = err != 0 ? err : 1;
}

cro_request *client_make(cro_method method)
{
  drop_request();
  client.request = cro_request_create(NULL);
  if (client.request == NULL)
    return NULL;
  client.released = 0;
  client.request->method = method;
  client.request->target = CRO_B("/p?q");
  client.request->authority = CRO_B("h:1");
  client.request->keep_alive = true;
  client.request->on_release = on_release;
  return client.request;
}

int client_send(void)
{
  return cro_emit(&client.caller, client.request);
}

void client_turn(void)
{
  while (cro_turn_run(&client.turn))
    continue;
}

void client_feed_bytes(cro_bytes in, size_t step)
{
  while (in.len > 0 && strcmp(client.end, "open") == 0) {
    cro_bytes part = cro_bytes_take(&in, step > 0 ? step : in.len);
    char *copy = malloc(part.len);

    memcpy(copy, part.at, part.len);
    part.at = copy;
    client.source_full = cro_emit(&client.source, &part) == CRO_FULL;
    memset(copy, '#', part.len);
    free(copy);
    client_turn();
  }
}

void client_feed(const char *in)
{
  client_feed_bytes(cro_bytes_of(in), 0);
}

void client_eof(void)
{
  if (strcmp(client.end, "open") == 0)
    CHECK_INT(0, cro_emit_finish(&client.source));
  client_turn();
}
