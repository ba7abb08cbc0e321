/* Sessions in other company: composed by hand, without a writer, with a slow
 * neighbour, without memory. */
#include "base/alloc.h"
#include "base/err.h"
#include "support/h1_rig.h"
#include "support/test.h"

#define HOST "Host: h\r\n"
#define GET "GET / HTTP/1.1\r\n" HOST "\r\n"

static h1_rig rig;
static cro_request *kept;

static void feed(const char *in)
{
  h1_rig_feed(&rig, cro_bytes_of(in), 0);
}

static void check_end(const char *want)
{
  cro_buf got = { 0 };

  h1_rig_summary(&rig, &got);
  CHECK_TEXT(want, cro_buf_bytes(&got));
  cro_buf_free(&got);
}

static void check_out(const char *want)
{
  CHECK_TEXT(want, cro_buf_bytes(&rig.out));
  cro_buf_free(&rig.out);
}

static void open_rig(void (*handler)(h1_rig *rig, cro_request *request))
{
  kept = NULL;
  CHECK(h1_rig_open(&rig));
  rig.handler = handler;
  CHECK(h1_rig_start(&rig));
}

static void close_rig(void)
{
  if (kept != NULL)
    cro_arena_drop(kept->arena);
  kept = NULL;
  h1_rig_close(&rig);
}

static void later(h1_rig *self, cro_request *request)
{
  (void)self;
  kept = request;
  cro_arena_hold(request->arena);
}

/* --- by hand
 * ---------------------------------------------------------------------------- */

static void destroy(cro_stage *stage)
{
  (void)stage;
}

static int requests, next_answer, finished;
static cro_bytes last_path;
static cro_request *held;

static int tail_push(cro_stage *stage, const void *message)
{
  (void)stage;
  requests++;
  if (held != NULL)
    cro_arena_drop(held->arena);
  held = (cro_request *)(uintptr_t)message;
  cro_arena_hold(held->arena);
  last_path = held->path;
  return next_answer;
}

static int tail_finish(cro_stage *stage)
{
  (void)stage;
  finished++;
  return 0;
}

static const cro_stage_ops tail_ops = { .name = "tail",
                                        .consumes = &cro_type_request,
                                        .push = tail_push,
                                        .finish = tail_finish,
                                        .destroy = destroy };

/* Source, the reader of the connection's session, and a tail that only takes. */
static cro_stage tail;

static void open_reader_only(void)
{
  cro_h1 *h1, *again;

  requests = next_answer = finished = 0;
  held = NULL;
  CHECK(h1_rig_open(&rig));
  cro_stage_init(&tail, &tail_ops);
  CHECK_INT(0, cro_h1_server_of(&h1, &rig.conn, &rig.config));
  CHECK_INT(0, cro_h1_server_of(&again, &rig.conn, &rig.config));
  CHECK(h1 == again);
  CHECK_INT(0, cro_stage_link(&rig.source, cro_h1_reader(h1)));
  CHECK_INT(0, cro_stage_link(cro_h1_reader(h1), &tail));
  cro_pipeline_attach(&rig.source, &rig.conn);
}

static void close_reader_only(void)
{
  cro_stage *unused = cro_h1_reader(rig.h1);

  unused->ops->destroy(unused);
  if (held != NULL)
    cro_arena_drop(held->arena);
  h1_rig_close(&rig);
}

static void without_a_writer_requests_follow_each_other(void)
{
  open_reader_only();
  feed("GET /1 HTTP/1.1\r\n" HOST "\r\nGET /2 HTTP/1.1\r\n" HOST "\r\n");
  CHECK_INT(2, requests);
  CHECK_TEXT("/2", held->path);
  CHECK(held->gone);
  h1_rig_eof(&rig);
  CHECK_INT(1, finished);
  close_reader_only();
}

static void without_a_writer_a_full_neighbour_holds_them_back(void)
{
  open_reader_only();
  next_answer = CRO_FULL;
  feed("GET /1 HTTP/1.1\r\n" HOST "\r\nGET /2 HTTP/1.1\r\n" HOST "\r\n");
  CHECK_INT(1, requests);
  CHECK_TEXT("/1", held->path);
  next_answer = 0;
  cro_stage_resume(&tail);
  h1_rig_turn(&rig);
  CHECK_INT(2, requests);
  CHECK_TEXT("/2", held->path);
  close_reader_only();
}

static void without_a_writer_a_bad_request_only_ends_the_connection(void)
{
  open_reader_only();
  feed("BAD\r\n");
  CHECK_INT(0, requests);
  CHECK_INT(400, rig.refused);
  CHECK(strcmp(rig.end, "linger") == 0);
  close_reader_only();
}

static void a_session_in_a_slot_is_freed_though_nobody_took_it(void)
{
  cro_h1 *h1;
  cro_stage *unused;

  CHECK(h1_rig_open(&rig));
  CHECK_INT(0, cro_h1_server_of(&h1, &rig.conn, &rig.config));
  unused = cro_h1_reader(rig.h1);
  unused->ops->destroy(unused);
  h1_rig_close(&rig);
}

static void a_session_needs_a_slot(void)
{
  static const int keys[CRO_CONN_SLOTS];
  cro_h1 *h1 = NULL;
  cro_stage *unused;

  CHECK(h1_rig_open(&rig));
  for (int i = 0; i < CRO_CONN_SLOTS; i++)
    CHECK_INT(0, cro_conn_set(&rig.conn, &keys[i], &rig, NULL));
  CHECK_INT(CRO_E_LIMIT, cro_h1_server_of(&h1, &rig.conn, &rig.config));
  CHECK(h1 == NULL);
  unused = cro_h1_reader(rig.h1);
  unused->ops->destroy(unused);
  h1_rig_close(&rig);
}

/* --- neighbours that fail
 * ------------------------------------------------------------- */

static int refusing_push(cro_stage *stage, const void *message)
{
  (void)stage;
  (void)message;
  return CRO_E_HANDLER;
}

static void a_neighbour_that_fails_ends_the_connection(void)
{
  cro_stage_ops broken;

  open_rig(NULL);
  broken = *rig.app.ops;
  broken.push = refusing_push;
  rig.app.ops = &broken;
  feed(GET);
  check_end("abort");
  CHECK(!cro_h1_busy(rig.h1));
  close_rig();
}

static void the_end_of_the_application_is_the_end_after_the_answer(void)
{
  open_rig(later);
  feed(GET);
  CHECK_INT(0, cro_emit_finish(&rig.app));
  check_end("open");
  h1_rig_answer(&rig, kept);
  check_end("204 linger");
  close_rig();
}

static void an_application_that_breaks_resets(void)
{
  open_rig(later);
  feed(GET);
  cro_emit_fail(&rig.app, CRO_E_HANDLER);
  check_end("abort");
  CHECK(kept->gone);
  close_rig();
}

static void a_refusal_nobody_reads_ends_the_connection(void)
{
  open_rig(NULL);
  rig.sink_err = CRO_E_PIPE;
  feed("BAD\r\n");
  check_end("abort");
  close_rig();
}

static void a_second_answer_is_a_fault(void)
{
  cro_response *response;

  open_rig(later);
  feed(GET);
  kept->response->streams = true;
  h1_rig_answer(&rig, kept);
  response = kept->response;
  CHECK_INT(CRO_E_STATE, cro_emit(&rig.app, response));
  CHECK_INT(0, response->ops->end(response));
  CHECK(response->ops == NULL);
  CHECK_INT(0, cro_emit(&rig.app, response)); /* too late to matter */
  CHECK(strcmp(rig.end, "open") == 0);
  close_rig();
}

static void a_late_write_says_gone(void)
{
  const cro_response_ops *ops;

  open_rig(later);
  feed(GET);
  kept->response->streams = true;
  h1_rig_answer(&rig, kept);
  ops = kept->response->ops;
  rig.source.next->ops->fail(rig.source.next, CRO_E_RESET);
  CHECK_INT(CRO_E_GONE, ops->write(kept->response, CRO_B("x")));
  CHECK_INT(CRO_E_GONE, ops->end(kept->response));
  ops->abort(kept->response);
  close_rig();
}

/* --- memory
 * ------------------------------------------------------------------------------ */

static void big_target(h1_rig *self, cro_request *request)
{
  later(self, request);
  cro_alloc_fail_at(1);
}

static void a_head_that_cannot_be_kept_is_a_503(void)
{
  cro_buf in = { 0 };

  CHECK(h1_rig_open(&rig));
  kept = NULL;
  rig.handler = big_target;
  CHECK(h1_rig_start(&rig));
  CHECK_INT(0, cro_buf_add(&in, CRO_B("GET /")));
  for (int i = 0; i < 4000; i++)
    CHECK_INT(0, cro_buf_add_byte(&in, 'a'));
  CHECK_INT(0, cro_buf_add(&in, CRO_B(" HTTP/1.1\r\n" HOST "\r\n")));
  h1_rig_feed(&rig, cro_buf_bytes(&in), 0);
  cro_alloc_fail_at(0);
  check_end("503 linger");
  CHECK(kept->gone);
  CHECK_INT(0, kept->target.len);
  cro_buf_free(&in);
  close_rig();
}

/* --- answers of other kinds ----------------------------------------------------------
 */

static void chunked_by_choice(h1_rig *self, cro_request *request)
{
  request->response->no_length = true;
  request->response->body = CRO_B("abc");
  h1_rig_answer(self, request);
}

static void a_complete_body_may_go_out_chunked(void)
{
  open_rig(chunked_by_choice);
  feed(GET);
  check_out("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            "3\r\nabc\r\n0\r\n\r\n");
  feed("HEAD / HTTP/1.1\r\n" HOST "\r\n");
  check_out("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
  feed("GET / HTTP/1.0\r\n\r\n");
  check_out("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc");
  close_rig();
}

static void upgrade_required(h1_rig *self, cro_request *request)
{
  request->response->status = 426;
  CHECK_INT(0, cro_response_set(request->response, CRO_B("Upgrade"), CRO_B("x")));
  h1_rig_answer(self, request);
}

static void status_426_names_the_option(void)
{
  open_rig(upgrade_required);
  feed(GET);
  check_out("HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\n"
            "Connection: Upgrade\r\nUpgrade: x\r\n\r\n");
  close_rig();
}

static void named(h1_rig *self, cro_request *request)
{
  CHECK_INT(0, cro_response_set(request->response, CRO_B("Server"), CRO_B("mine")));
  request->response->reason = CRO_B("Fine");
  request->response->status = 200;
  h1_rig_answer(self, request);
}

static void the_server_field_is_the_configs_unless_set(void)
{
  CHECK(h1_rig_open(&rig));
  rig.config.server = CRO_B("crolua");
  CHECK(h1_rig_start(&rig));
  feed(GET);
  check_out("HTTP/1.1 200 OK\r\nServer: crolua\r\nContent-Type: text/plain\r\n"
            "Content-Length: 2\r\n\r\nhi");
  rig.handler = named;
  feed(GET);
  check_out("HTTP/1.1 200 Fine\r\nContent-Length: 0\r\nServer: mine\r\n\r\n");
  feed("BAD\r\n");
  check_out("HTTP/1.1 400 Bad Request\r\nServer: crolua\r\nContent-Type: text/plain\r\n"
            "Content-Length: 11\r\nConnection: close\r\n\r\nBad Request");
  close_rig();
}

static void a_refused_head_request_gets_no_body(void)
{
  open_rig(NULL);
  feed("HEAD / HTTP/1.1\r\n\r\n");
  check_out("HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\n"
            "Content-Length: 11\r\nConnection: close\r\n\r\n");
  close_rig();
}

static void tunnel(h1_rig *self, cro_request *request)
{
  later(self, request);
  request->response->streams = true;
  h1_rig_answer(self, request);
}

static void an_accepted_connect_is_a_tunnel(void)
{
  open_rig(tunnel);
  feed("CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\nbytes");
  check_out("HTTP/1.1 200 OK\r\n\r\n");
  CHECK_TEXT("bytes", cro_buf_bytes(&kept->body.held));
  CHECK_INT(0, kept->response->ops->write(kept->response, CRO_B("back")));
  check_out("back");
  close_rig();
}

TEST_MAIN(CASE(without_a_writer_requests_follow_each_other),
          CASE(without_a_writer_a_full_neighbour_holds_them_back),
          CASE(without_a_writer_a_bad_request_only_ends_the_connection),
          CASE(a_session_in_a_slot_is_freed_though_nobody_took_it),
          CASE(a_session_needs_a_slot),
          CASE(a_neighbour_that_fails_ends_the_connection),
          CASE(the_end_of_the_application_is_the_end_after_the_answer),
          CASE(an_application_that_breaks_resets),
          CASE(a_refusal_nobody_reads_ends_the_connection),
          CASE(a_second_answer_is_a_fault), CASE(a_late_write_says_gone),
          CASE(a_head_that_cannot_be_kept_is_a_503),
          CASE(a_complete_body_may_go_out_chunked), CASE(status_426_names_the_option),
          CASE(the_server_field_is_the_configs_unless_set),
          CASE(a_refused_head_request_gets_no_body),
          CASE(an_accepted_connect_is_a_tunnel))
