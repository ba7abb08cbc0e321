#include "base/alloc.h"
#include "base/check.h"
#include "base/err.h"
#include "http/h1.h"
#include "support/test.h"

#include <stdlib.h>

/* A client session between a scripted caller and a scripted server. */
typedef struct bench {
  cro_conn conn; /* first member */
  cro_turn turn;
  cro_stage source, sink, caller, last;
  cro_h1_config config;
  cro_h1 *h1;
  cro_request *request;
  cro_buf out, log;
  const char *end;
  int failed, released; /* released: 1 when in full */
  bool sink_full, source_full, mute;
} bench;

static bench rig;

static bench *of(const cro_stage *stage)
{
  return (bench *)stage->conn;
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
  ((bench *)conn)->end = "close";
}

static void conn_abort(cro_conn *conn)
{
  ((bench *)conn)->end = "abort";
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
  int rc = cro_buf_add(&of(stage)->out, *(const cro_bytes *)message);

  return rc == 0 && of(stage)->sink_full ? CRO_FULL : rc;
}

static void add(const char *text)
{
  (void)cro_buf_add(&rig.log, cro_bytes_of(text));
}

static void log_fields(const cro_headers *fields)
{
  for (uint32_t i = 0; i < fields->count; i++) {
    add(" ");
    (void)cro_buf_add(&rig.log, fields->at[i].name);
    add("=");
    (void)cro_buf_add(&rig.log, fields->at[i].value);
  }
}

static void body_changed(cro_body *body)
{
  const cro_response *response = body->reader;

  if (body->state == CRO_BODY_OPEN)
    return;
  body->on_change = NULL;
  add(" [");
  if (body->held.len > 0)
    (void)cro_buf_add(&rig.log, cro_buf_bytes(&body->held));
  add("]");
  log_fields(&response->trailers);
  if (body->state == CRO_BODY_FAILED)
    add(" broken");
}

static int last_push(cro_stage *stage, const void *message)
{
  cro_response *response = (cro_response *)(uintptr_t)message;

  (void)cro_buf_add_u64(&of(stage)->log, (uint64_t)response->status);
  add(" ");
  (void)cro_buf_add(&rig.log, response->reason);
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

static bool open_rig(void)
{
  memset(&rig, 0, sizeof rig);
  rig.config = (cro_h1_config){ .limits = &cro_http_limits_default,
                                .timeouts = &cro_http_timeouts_default };
  rig.end = "open";
  cro_turn_init(&rig.turn, wake);
  rig.conn.ops = &conn_ops;
  rig.conn.turn = &rig.turn;
  cro_stage_init(&rig.source, &source_ops);
  cro_stage_init(&rig.sink, &sink_ops);
  cro_stage_init(&rig.caller, &caller_ops);
  cro_stage_init(&rig.last, &last_ops);
  if (cro_h1_client_create(&rig.h1, &rig.config) != 0)
    return false;
  cro_check(cro_stage_link(&rig.source, cro_h1_reader(rig.h1)) == 0);
  cro_check(cro_stage_link(cro_h1_reader(rig.h1), &rig.last) == 0);
  cro_check(cro_stage_link(&rig.caller, cro_h1_writer(rig.h1)) == 0);
  cro_check(cro_stage_link(cro_h1_writer(rig.h1), &rig.sink) == 0);
  cro_pipeline_attach(&rig.source, &rig.conn);
  cro_pipeline_attach(&rig.caller, &rig.conn);
  return true;
}

static void drop_request(void)
{
  if (rig.request != NULL)
    cro_arena_drop(rig.request->arena);
  rig.request = NULL;
}

static void close_rig(void)
{
  cro_pipeline_destroy(&rig.source);
  cro_pipeline_destroy(&rig.caller);
  drop_request();
  cro_buf_free(&rig.out);
  cro_buf_free(&rig.log);
}

static void on_release(cro_request *request, int err)
{
  (void)request;
  rig.released = err != 0 ? err : 1;
}

static cro_request *make(cro_method method)
{
  drop_request();
  rig.request = cro_request_create(NULL);
  if (rig.request == NULL)
    return NULL;
  rig.released = 0;
  rig.request->method = method;
  rig.request->target = CRO_B("/p?q");
  rig.request->authority = CRO_B("h:1");
  rig.request->keep_alive = true;
  rig.request->on_release = on_release;
  return rig.request;
}

static int send(void)
{
  return cro_emit(&rig.caller, rig.request);
}

static void turn(void)
{
  while (cro_turn_run(&rig.turn))
    continue;
}

static void feed_bytes(cro_bytes in, size_t step)
{
  while (in.len > 0 && strcmp(rig.end, "open") == 0) {
    cro_bytes part = cro_bytes_take(&in, step > 0 ? step : in.len);
    char *copy = malloc(part.len);

    memcpy(copy, part.at, part.len);
    part.at = copy;
    rig.source_full = cro_emit(&rig.source, &part) == CRO_FULL;
    memset(copy, '#', part.len);
    free(copy);
    turn();
  }
}

static void feed(const char *in)
{
  feed_bytes(cro_bytes_of(in), 0);
}

static void eof(void)
{
  if (strcmp(rig.end, "open") == 0)
    CHECK_INT(0, cro_emit_finish(&rig.source));
  turn();
}

/* --- answers
 * -------------------------------------------------------------------------- */

/* What a client must make of each answer: its log, then the connection's end and why
 * the exchange ended. */
typedef struct vector {
  const char *name;
  cro_method method;
  const char *in;
  bool eof;
  const char *want;
} vector;

#define OK "HTTP/1.1 200 OK\r\n"

static const vector vectors[] = {
  { "a length", CRO_GET, OK "X: y\r\nContent-Length: 3\r\n\r\nabc", false,
    "200 OK X=y Content-Length=3 [abc] open in full" },
  { "a length of 0", CRO_GET, OK "Content-Length: 0\r\n\r\n", false,
    "200 OK Content-Length=0 [] open in full" },
  { "chunks and trailers", CRO_GET,
    OK "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\nX-T: v\r\n\r\n",
    false, "200 OK Transfer-Encoding=chunked [abcde] X-T=v open in full" },
  { "until close", CRO_GET, OK "\r\nall of it", true,
    "200 OK [all of it] close in full" },
  { "an empty reason", CRO_GET, "HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n", false,
    "200  Content-Length=0 [] open in full" },
  { "no reason", CRO_GET, "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", false,
    "200  Content-Length=0 [] open in full" },
  { "HEAD with a length", CRO_HEAD, OK "Content-Length: 3\r\n\r\n", false,
    "200 OK Content-Length=3 [] open in full" },
  { "HEAD announcing chunks", CRO_HEAD, OK "Transfer-Encoding: chunked\r\n\r\n", false,
    "200 OK Transfer-Encoding=chunked [] open in full" },
  { "204", CRO_GET, "HTTP/1.1 204 No Content\r\n\r\n", false,
    "204 No Content [] open in full" },
  { "304 with a length", CRO_GET,
    "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", false,
    "304 Not Modified Content-Length=9 [] open in full" },
  { "1xx answers are passed over", CRO_GET,
    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" OK
    "Content-Length: 1\r\n\r\na",
    false, "200 OK Content-Length=1 [a] open in full" },
  { "Connection: close", CRO_GET, OK "Connection: close\r\nContent-Length: 1\r\n\r\na",
    false, "200 OK Connection=close Content-Length=1 [a] close in full" },
  { "HTTP/1.0", CRO_GET, "HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\na", false,
    "200 OK Content-Length=1 [a] close in full" },
  { "HTTP/1.0 keep-alive", CRO_GET,
    "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\na", false,
    "200 OK Connection=keep-alive Content-Length=1 [a] open in full" },
  { "EOF before an answer", CRO_GET, "", true, " abort eof" },
  { "EOF inside a head", CRO_GET, "HTTP/1.1 20", true, " abort eof" },
  { "EOF inside a body", CRO_GET, OK "Content-Length: 3\r\n\r\nab", true,
    "200 OK Content-Length=3 [ab] broken abort eof" },
  { "EOF inside a chunk", CRO_GET, OK "Transfer-Encoding: chunked\r\n\r\n3\r\nab", true,
    "200 OK Transfer-Encoding=chunked [ab] broken abort eof" },
  { "both framings", CRO_GET,
    OK "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\nabc", false,
    " abort protocol" },
  { "two lengths", CRO_GET, OK "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
    false, " abort protocol" },
  { "an unknown coding", CRO_GET, OK "Transfer-Encoding: gzip, chunked\r\n\r\n", false,
    " abort protocol" },
  { "a folded field", CRO_GET, OK "X: a\r\n b\r\nContent-Length: 0\r\n\r\n", false,
    " abort protocol" },
  { "an empty name", CRO_GET, OK ": a\r\nContent-Length: 0\r\n\r\n", false,
    " abort protocol" },
  { "bare LF", CRO_GET, "HTTP/1.1 200 OK\nContent-Length: 0\n\n", false,
    " abort protocol" },
  { "HTTP/2.0", CRO_GET, "HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n", false,
    " abort protocol" },
  { "a status of two digits", CRO_GET, "HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n",
    false, " abort protocol" },
  { "a status of 600", CRO_GET, "HTTP/1.1 600 OK\r\nContent-Length: 0\r\n\r\n", false,
    " abort protocol" },
  { "not HTTP", CRO_GET, "SSH-2.0-x\r\n", false, " abort protocol" },
  { "eleven 1xx answers", CRO_GET,
    "HTTP/1.1 102 P\r\n\r\nHTTP/1.1 102 P\r\n\r\nHTTP/1.1 102 P\r\n\r\n"
    "HTTP/1.1 102 P\r\n\r\nHTTP/1.1 102 P\r\n\r\nHTTP/1.1 102 P\r\n\r\n"
    "HTTP/1.1 102 P\r\n\r\nHTTP/1.1 102 P\r\n\r\nHTTP/1.1 102 P\r\n\r\n"
    "HTTP/1.1 102 P\r\n\r\nHTTP/1.1 102 P\r\n\r\n",
    false, " abort protocol" },
};

static void log_end(void)
{
  add(" ");
  add(rig.end);
  add(" ");
  add(rig.released == 1 ? "in full" : cro_err_kind(rig.released));
}

static void try_vector(const vector *row, size_t step)
{
  CHECK(open_rig());
  CHECK(make(row->method) != NULL);
  CHECK_INT(0, send());
  feed_bytes(cro_bytes_of(row->in), step);
  if (row->eof)
    eof();
  log_end();
  if (!cro_bytes_eq(cro_bytes_of(row->want), cro_buf_bytes(&rig.log)))
    test_fail(row->name, (int)step, "want %s, got %.*s", row->want, (int)rig.log.len,
              rig.log.at);
  close_rig();
}

#define EACH(row)                                                                      \
  for (const vector *row = vectors; row < vectors + sizeof vectors / sizeof *vectors;  \
       row++)

static void each_answer_is_understood_however_it_is_cut(void)
{
  EACH(row)
  for (size_t step = 0; step < 9; step++)
    try_vector(row, step);
}

static void a_failed_allocation_never_does_harm(void)
{
  EACH(row)
  for (uint64_t n = 1; n < 30; n++) {
    cro_arena_trim();
    cro_alloc_fail_at(n);
    if (open_rig()) {
      rig.mute = true;
      if (make(row->method) != NULL && send() == 0)
        feed_bytes(cro_bytes_of(row->in), n % 4);
      close_rig();
    }
    cro_alloc_fail_at(0);
  }
}

/* --- requests
 * ---------------------------------------------------------------------------- */

static void check_out(const char *want)
{
  CHECK_TEXT(want, cro_buf_bytes(&rig.out));
  cro_buf_free(&rig.out);
}

static void a_request_is_written_with_host_and_fields(void)
{
  CHECK(open_rig());
  make(CRO_GET);
  CHECK_INT(0, cro_headers_add(&rig.request->headers, rig.request->arena,
                               CRO_B("Accept"), CRO_B("*/*")));
  CHECK_INT(0, send());
  check_out("GET /p?q HTTP/1.1\r\nHost: h:1\r\nAccept: */*\r\n\r\n");
  CHECK(!cro_h1_client_ready(rig.h1));
  close_rig();
  CHECK_INT(CRO_E_CLOSED, rig.released);
}

static void another_request_follows_when_the_first_is_over(void)
{
  CHECK(open_rig());
  make(CRO_GET);
  CHECK_INT(0, send());
  CHECK_INT(CRO_E_STATE, send());
  CHECK(!cro_h1_client_heard(rig.h1));
  feed("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\na");
  CHECK(cro_h1_client_heard(rig.h1));
  CHECK_INT(CRO_E_STATE, send());
  feed("b");
  CHECK(cro_h1_client_ready(rig.h1));
  make(CRO_GET);
  CHECK_INT(0, send());
  feed("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  CHECK_INT(1, rig.released);
  close_rig();
}

static void methods_that_mean_content_say_that_there_is_none(void)
{
  CHECK(open_rig());
  make(CRO_POST);
  CHECK_INT(0, send());
  check_out("POST /p?q HTTP/1.1\r\nHost: h:1\r\nContent-Length: 0\r\n\r\n");
  close_rig();
}

static void a_body_of_known_length_is_sent(void)
{
  CHECK(open_rig());
  make(CRO_PUT);
  rig.request->body.length = 5;
  CHECK_INT(0, cro_body_put(&rig.request->body, CRO_B("he")));
  CHECK_INT(0, send());
  CHECK_INT(0, cro_body_put(&rig.request->body, CRO_B("llo")));
  cro_body_end(&rig.request->body);
  check_out("PUT /p?q HTTP/1.1\r\nHost: h:1\r\nContent-Length: 5\r\n\r\nhello");
  feed("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  CHECK(cro_h1_client_ready(rig.h1));
  close_rig();
}

static void a_body_of_unknown_length_is_chunked(void)
{
  CHECK(open_rig());
  make(CRO_POST);
  rig.request->body.length = -1;
  CHECK_INT(0, send());
  CHECK_INT(0, cro_body_put(&rig.request->body, CRO_B("hello")));
  cro_body_end(&rig.request->body);
  check_out("POST /p?q HTTP/1.1\r\nHost: h:1\r\nTransfer-Encoding: chunked\r\n\r\n"
            "5\r\nhello\r\n0\r\n\r\n");
  close_rig();
}

static void a_body_that_disagrees_with_its_length_ends_the_connection(void)
{
  CHECK(open_rig());
  make(CRO_PUT);
  rig.request->body.length = 3;
  CHECK_INT(0, send());
  (void)cro_body_put(&rig.request->body, CRO_B("toolong"));
  CHECK_INT(CRO_E_TOO_LONG, rig.released);
  CHECK(strcmp(rig.end, "abort") == 0);
  close_rig();
  CHECK(open_rig());
  make(CRO_PUT);
  rig.request->body.length = 3;
  CHECK_INT(0, send());
  (void)cro_body_put(&rig.request->body, CRO_B("ab"));
  cro_body_end(&rig.request->body);
  CHECK_INT(CRO_E_EOF, rig.released);
  close_rig();
}

static void a_body_waits_for_a_full_sink(void)
{
  CHECK(open_rig());
  make(CRO_POST);
  rig.request->body.length = 6;
  rig.sink_full = true;
  CHECK_INT(CRO_FULL, send());
  cro_buf_free(&rig.out);
  CHECK_INT(0, cro_body_put(&rig.request->body, CRO_B("abc")));
  CHECK_INT(0, rig.out.len);
  rig.sink_full = false;
  cro_stage_resume(&rig.sink);
  turn();
  check_out("abc");
  close_rig();
}

static void expect_holds_the_body_back_until_100(void)
{
  CHECK(open_rig());
  make(CRO_POST);
  rig.request->body.length = 3;
  rig.request->expect_continue = true;
  CHECK_INT(0, cro_body_put(&rig.request->body, CRO_B("abc")));
  cro_body_end(&rig.request->body);
  CHECK_INT(0, send());
  check_out("POST /p?q HTTP/1.1\r\nHost: h:1\r\nContent-Length: 3\r\n"
            "Expect: 100-continue\r\n\r\n");
  feed("HTTP/1.1 100 Continue\r\n\r\n");
  check_out("abc");
  feed("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  CHECK(cro_h1_client_ready(rig.h1));
  close_rig();
}

static void the_caller_may_stop_waiting_for_100(void)
{
  CHECK(open_rig());
  make(CRO_POST);
  rig.request->body.length = 3;
  rig.request->expect_continue = true;
  CHECK_INT(0, send());
  cro_buf_free(&rig.out);
  CHECK_INT(0, cro_body_put(&rig.request->body, CRO_B("abc")));
  cro_h1_client_continue(rig.h1);
  check_out("abc");
  close_rig();
}

static void a_refusal_instead_of_100_ends_the_connection(void)
{
  CHECK(open_rig());
  make(CRO_POST);
  rig.request->body.length = 3;
  rig.request->expect_continue = true;
  CHECK_INT(0, send());
  feed("HTTP/1.1 413 No\r\nContent-Length: 0\r\n\r\n");
  CHECK_INT(1, rig.released);
  CHECK(strcmp(rig.end, "close") == 0);
  close_rig();
}

static void an_answer_nobody_asked_for_ends_the_connection(void)
{
  CHECK(open_rig());
  feed("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  CHECK(strcmp(rig.end, "abort") == 0);
  CHECK_INT(CRO_E_PROTOCOL, rig.failed);
  close_rig();
  CHECK(open_rig());
  make(CRO_GET);
  CHECK_INT(0, send());
  feed("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\naHTTP/1.1 200 OK\r\n");
  CHECK_INT(1, rig.released);
  CHECK(strcmp(rig.end, "close") == 0);
  close_rig();
}

static void a_request_that_would_split_is_refused(void)
{
  CHECK(open_rig());
  make(CRO_GET);
  rig.request->target = CRO_B("/a b");
  CHECK_INT(CRO_E_INVAL, send());
  rig.request->target = CRO_B("/a\r\nX: y");
  CHECK_INT(CRO_E_INVAL, send());
  rig.request->target = CRO_B("/a");
  rig.request->authority = CRO_B("h\r\nX: y");
  CHECK_INT(CRO_E_INVAL, send());
  rig.request->authority = CRO_B("h");
  CHECK_INT(0, cro_headers_add(&rig.request->headers, rig.request->arena, CRO_B("A"),
                               CRO_B("b\nc")));
  CHECK_INT(CRO_E_INVAL, send());
  rig.request->headers.at[0] = (cro_header){ CRO_B("Content-Length"), CRO_B("3") };
  CHECK_INT(CRO_E_INVAL, send());
  rig.request->headers.at[0] = (cro_header){ CRO_B("Host"), CRO_B("other") };
  CHECK_INT(0, send());
  check_out("GET /a HTTP/1.1\r\nHost: other\r\n\r\n");
  close_rig();
}

static void a_full_answer_body_stops_the_reading(void)
{
  cro_buf taken = { 0 };
  cro_body *body;

  CHECK(open_rig());
  rig.mute = true;
  make(CRO_GET);
  CHECK_INT(0, send());
  feed("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n");
  body = rig.request->response->incoming;
  CHECK_INT(9, body->length);
  CHECK_INT(0, cro_body_want(body, 100, 4));
  feed("abcd");
  CHECK(rig.source_full);
  cro_body_take(body, &taken);
  turn();
  CHECK(!rig.source_full);
  CHECK_TEXT("abcd", cro_buf_bytes(&taken));
  feed("efghi");
  CHECK_INT(CRO_BODY_ENDED, body->state);
  cro_buf_free(&taken);
  close_rig();
}

static void an_answer_over_its_readers_limit_fails(void)
{
  CHECK(open_rig());
  rig.mute = true;
  make(CRO_GET);
  CHECK_INT(0, send());
  feed("HTTP/1.1 200 OK\r\n\r\n");
  CHECK_INT(0, cro_body_want(rig.request->response->incoming, 3, 100));
  feed("abcd");
  CHECK_INT(CRO_E_LIMIT, rig.released);
  CHECK(strcmp(rig.end, "abort") == 0);
  close_rig();
}

static void after_101_both_bodies_carry_bytes(void)
{
  cro_body *in;

  CHECK(open_rig());
  rig.mute = true;
  make(CRO_GET);
  rig.request->upgrade = true;
  rig.request->body.length = -1;
  CHECK_INT(0, cro_headers_add(&rig.request->headers, rig.request->arena,
                               CRO_B("Upgrade"), CRO_B("x")));
  CHECK_INT(0, send());
  check_out(
      "GET /p?q HTTP/1.1\r\nHost: h:1\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n");
  CHECK_INT(0, cro_body_put(&rig.request->body, CRO_B("early")));
  CHECK_INT(0, rig.out.len);
  feed("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\nraw");
  check_out("early");
  in = rig.request->response->incoming;
  CHECK_TEXT("raw", cro_buf_bytes(&in->held));
  CHECK_INT(0, cro_body_put(&rig.request->body, CRO_B("later")));
  check_out("later");
  eof();
  CHECK_INT(CRO_BODY_ENDED, in->state);
  CHECK_INT(0, rig.released);
  cro_body_end(&rig.request->body);
  CHECK_INT(1, rig.released);
  CHECK(strcmp(rig.end, "close") == 0);
  close_rig();
}

TEST_MAIN(CASE(each_answer_is_understood_however_it_is_cut),
          CASE(a_failed_allocation_never_does_harm),
          CASE(a_request_is_written_with_host_and_fields),
          CASE(another_request_follows_when_the_first_is_over),
          CASE(methods_that_mean_content_say_that_there_is_none),
          CASE(a_body_of_known_length_is_sent),
          CASE(a_body_of_unknown_length_is_chunked),
          CASE(a_body_that_disagrees_with_its_length_ends_the_connection),
          CASE(a_body_waits_for_a_full_sink),
          CASE(expect_holds_the_body_back_until_100),
          CASE(the_caller_may_stop_waiting_for_100),
          CASE(a_refusal_instead_of_100_ends_the_connection),
          CASE(an_answer_nobody_asked_for_ends_the_connection),
          CASE(a_request_that_would_split_is_refused),
          CASE(a_full_answer_body_stops_the_reading),
          CASE(an_answer_over_its_readers_limit_fails),
          CASE(after_101_both_bodies_carry_bytes))
