/* The server's session at its edges: odd heads, timeouts that are off, memory that runs
 * out late, neighbours that break at the worst moment. */
#include "base/alloc.h"
#include "base/err.h"
#include "support/h1_play.h"
#include "support/test.h"

#include <stdio.h>

/* --- heads
 * ------------------------------------------------------------------------- */

static const struct {
  const char *name, *in, *want;
} rows[] = {
  { "fields as long as those that matter",
    "GET / HTTP/1.1\r\n" HOST "Date: x\r\nCookie: x\r\nReferer: x\r\nUser-Agent: x\r\n"
    "Accept-Charset: x\r\nIf-Modified-Since: x\r\n\r\n",
    "200 open" },
  { "two expectations",
    "POST / HTTP/1.1\r\n" HOST "Content-Length: 1\r\nExpect: 100-continue\r\n"
    "Expect: 100-continue\r\n\r\na",
    "417 linger" },
  { "an expectation without a body",
    "GET / HTTP/1.1\r\n" HOST "Expect: 100-continue\r\n\r\n", "200 open" },
  { "two codings",
    "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip\r\n"
    "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "400 linger" },
  { "a Host whose port is no number", "GET / HTTP/1.1\r\nHost: h:8a\r\n\r\n",
    "400 linger" },
  { "a Host whose port is beyond 64 bits",
    "GET / HTTP/1.1\r\nHost: h:99999999999999999999\r\n\r\n", "400 linger" },
  { "a Host with an empty port", "GET / HTTP/1.1\r\nHost: h:\r\n\r\n", "200 open" },
  { "a Host with a broken escape", "GET / HTTP/1.1\r\nHost: a%zz\r\n\r\n",
    "400 linger" },
  { "a Host with half an escape", "GET / HTTP/1.1\r\nHost: a%4z\r\n\r\n",
    "400 linger" },
  { "an IPv4 address in IPv6", "GET / HTTP/1.1\r\nHost: [::ffff:1.2.3.4]\r\n\r\n",
    "200 open" },
  { "junk behind an address", "GET / HTTP/1.1\r\nHost: [::1]x\r\n\r\n", "400 linger" },
  { "an address of one byte", "GET / HTTP/1.1\r\nHost: [:]\r\n\r\n", "400 linger" },
  { "an absolute target with a query and no path",
    "GET http://a?q HTTP/1.1\r\n" HOST "\r\n", "200 open" },
  { "OPTIONS of an absolute target with a query",
    "OPTIONS http://a?q HTTP/1.1\r\n" HOST "\r\n", "200 open" },
  { "OPTIONS of more than *", "OPTIONS *a HTTP/1.1\r\n" HOST "\r\n", "400 linger" },
  { "CONNECT without a host", "CONNECT :443 HTTP/1.1\r\n" HOST "\r\n", "400 linger" },
  { "CONNECT with an empty port", "CONNECT a: HTTP/1.1\r\n" HOST "\r\n", "400 linger" },
  { "CONNECT to a number", "CONNECT 443 HTTP/1.1\r\n" HOST "\r\n", "400 linger" },
  { "CONNECT with userinfo", "CONNECT u@a:1 HTTP/1.1\r\n" HOST "\r\n", "400 linger" },
  { "a CR that is no line end", "\rGET / HTTP/1.1\r\n" HOST "\r\n", "400 linger" },
  { "HTTP/ and no digit", "GET / HTTP/a.b\r\n" HOST "\r\n", "400 linger" },
  { "HTTP/1 alone", "GET / HTTP/1\r\n" HOST "\r\n", "400 linger" },
  { "HTTP/1x1", "GET / HTTP/1x1\r\n" HOST "\r\n", "400 linger" },
  { "HTTP/1.x", "GET / HTTP/1.x\r\n" HOST "\r\n", "400 linger" },
  { "HTTP/1.10", "GET / HTTP/1.10\r\n" HOST "\r\n", "400 linger" },
  { "HTTP/3.0", "GET / HTTP/3.0\r\n" HOST "\r\n", "505 linger" },
  { "XTTP", "GET / XTTP/1.1\r\n" HOST "\r\n", "400 linger" },
};

static void try_row(size_t i, size_t first, size_t step)
{
  cro_bytes in = cro_bytes_of(rows[i].in);
  cro_buf got = { 0 };

  open_rig();
  h1_rig_feed(&rig, cro_bytes_take(&in, first), 0);
  h1_rig_feed(&rig, in, step);
  h1_rig_summary(&rig, &got);
  if (!cro_bytes_eq(cro_bytes_of(rows[i].want), cro_buf_bytes(&got)))
    test_fail(rows[i].name, (int)first, "step %zu: want %s, got %.*s", step,
              rows[i].want, (int)got.len, got.at);
  cro_buf_free(&got);
  close_rig();
}

static void each_odd_head_gets_its_verdict_however_it_is_cut(void)
{
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    try_row(i, 0, 1);
    for (size_t at = 0; at < strlen(rows[i].in); at++)
      try_row(i, at, 0);
  }
}

static bool upgrades;

static void note_upgrade(h1_rig *self, cro_request *request)
{
  upgrades = request->upgrade;
  at_once(self, request);
}

static void an_upgrade_needs_both_fields(void)
{
  static const struct {
    const char *fields;
    bool want;
  } cases[] = { { "Upgrade: x\r\nConnection: upgrade\r\n", true },
                { "Upgrade: x\r\n", false },
                { "Connection: upgrade\r\n", false },
                { "Upgrade: x\r\nConnection: keep-alive\r\n", false } };

  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    open_rig();
    rig.handler = note_upgrade;
    feed("GET / HTTP/1.1\r\n" HOST);
    feed(cases[i].fields);
    feed("\r\n");
    CHECK_INT(cases[i].want, upgrades);
    check_end("200 open");
    close_rig();
  }
}

/* --- timeouts
 * ---------------------------------------------------------------------- */

static void open_without(uint64_t header, uint64_t idle, uint64_t request,
                         uint64_t linger)
{
  kept = NULL;
  CHECK(h1_rig_open(&rig));
  rig.timeouts.header = header;
  rig.timeouts.body_idle = idle;
  rig.timeouts.request = request;
  rig.timeouts.linger = linger;
  CHECK(h1_rig_start(&rig));
}

static void a_timeout_of_0_is_none(void)
{
  open_without(0, 0, 0, 2000);
  CHECK_INT(CRO_WAIT_NOTHING, rig.what);
  feed("POST / HT");
  CHECK_INT(CRO_WAIT_NOTHING, rig.what);
  rig.handler = later;
  feed("TP/1.1\r\n" HOST "Content-Length: 3\r\n\r\na");
  CHECK_INT(CRO_WAIT_NOTHING, rig.what);
  feed("bc");
  answer_kept("x");
  check_end("200 open");
  close_rig();
}

static void the_whole_request_has_its_time_without_an_idle_one(void)
{
  open_without(1000, 0, 5000, 2000);
  rig.handler = later;
  feed("POST / HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\na");
  CHECK_INT(CRO_WAIT_REQUEST, rig.what);
  CHECK_INT(5000, rig.due - rig.now);
  h1_rig_advance(&rig, 5000);
  check_end("408 linger");
  close_rig();
}

static void a_time_already_spent_is_due_at_once(void)
{
  open_without(100000, 0, 50, 2000);
  rig.handler = later;
  feed("POST / HTTP/1.1\r\n");
  h1_rig_advance(&rig, 60);
  feed(HOST "Content-Length: 3\r\n\r\na");
  CHECK_INT(1, rig.due - rig.now);
  h1_rig_advance(&rig, 1);
  check_end("408 linger");
  close_rig();
}

static void lingering_always_has_an_end(void)
{
  open_without(1000, 0, 0, 0);
  feed("nonsense\r\n\r\n");
  CHECK(strcmp(rig.end, "linger") == 0);
  CHECK_INT(CRO_WAIT_LINGER, rig.what);
  CHECK_INT(2000, rig.due - rig.now);
  h1_rig_advance(&rig, 2000);
  CHECK(strcmp(rig.end, "close") == 0);
  close_rig();
}

static void a_short_keepalive_is_not_announced_as_0_seconds(void)
{
  open_rig();
  rig.timeouts.keepalive = 999;
  rig.handler = at_once;
  feed("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  CHECK(wrote("Connection: keep-alive"));
  CHECK(!wrote("timeout="));
  check_end("200 open");
  close_rig();
}

/* --- neighbours and memory
 * --------------------------------------------------------- */

static void a_refusal_needs_no_listener(void)
{
  open_rig();
  rig.config.on_refused = NULL;
  feed("nonsense\r\n\r\n");
  CHECK_INT(0, rig.refused);
  check_end("400 linger");
  close_rig();
}

static void a_peer_that_ends_inside_a_body_under_a_stream_fails_the_body(void)
{
  open_rig();
  rig.handler = stream;
  feed("POST / HTTP/1.1\r\n" HOST "Content-Length: 9\r\n\r\nabc");
  h1_rig_eof(&rig);
  CHECK_INT(CRO_BODY_FAILED, kept->body.state);
  CHECK_INT(CRO_E_EOF, kept->body.err);
  CHECK_INT(0, write_part("still"));
  CHECK_INT(0, end_stream());
  CHECK(strcmp(rig.end, "close") == 0);
  close_rig();
}

static void a_body_wanted_after_the_answer_began_gets_no_continue(void)
{
  open_rig();
  rig.handler = stream;
  feed("POST / HTTP/1.1\r\n" HOST "Content-Length: 3\r\nExpect: 100-continue\r\n\r\n");
  forget();
  CHECK_INT(0, cro_body_want(&kept->body, 10, 10));
  CHECK_INT(0, rig.out.len);
  feed("abc");
  CHECK_INT(CRO_BODY_ENDED, kept->body.state);
  CHECK_INT(0, end_stream());
  close_rig();
}

static void starting_twice_is_starting_once(void)
{
  open_rig();
  h1_rig_advance(&rig, 4000);
  cro_h1_start(rig.h1);
  CHECK_INT(6000, rig.due - rig.now);
  close_rig();
}

static void a_session_drained_before_it_has_a_connection_ends_with_its_answer(void)
{
  kept = NULL;
  CHECK(h1_rig_open(&rig));
  cro_h1_drain(rig.h1);
  CHECK(strcmp(rig.end, "open") == 0);
  CHECK(!cro_h1_busy(rig.h1));
  CHECK(h1_rig_start(&rig));
  rig.handler = at_once;
  feed("GET / HT");
  CHECK(cro_h1_busy(rig.h1));
  feed("TP/1.1\r\n" HOST "\r\n");
  CHECK(wrote("Connection: close"));
  close_rig();
}

static void stream_and_break(h1_rig *self, cro_request *request)
{
  stream(self, request);
  cro_alloc_fail_at(1); /* the next to allocate is whoever keeps the head */
}

static void a_head_that_cannot_be_kept_under_a_stream_is_a_reset(void)
{
  static char in[9000];
  int n = snprintf(in, sizeof in, "GET / HTTP/1.1\r\n%sX: ", HOST);

  memset(in + n, 'v', 8000);
  memcpy(in + n + 8000, "\r\n\r\n", 5);
  open_rig();
  rig.handler = stream_and_break;
  feed(in);
  cro_alloc_fail_at(0);
  CHECK(strcmp(rig.end, "abort") == 0);
  CHECK(drained < 0);
  close_rig();
}

static void empty_field(h1_rig *self, cro_request *request)
{
  CHECK_INT(0, cro_response_set(request->response, CRO_B("X-E"), CRO_B("")));
  at_once(self, request);
}

static void an_empty_value_is_written_as_one(void)
{
  open_rig();
  rig.handler = empty_field;
  feed(GET);
  CHECK(wrote("\r\nX-E: \r\n"));
  close_rig();
}

static void a_sink_that_breaks_inside_a_large_chunk_ends_the_stream(void)
{
  static char part[5000];
  const cro_response_ops *ops;

  open_rig();
  rig.handler = stream;
  feed(GET);
  ops = kept->response->ops;
  rig.sink_err = CRO_E_PIPE;
  CHECK_INT(CRO_E_PIPE, ops->write(kept->response, (cro_bytes){ part, 5000 }));
  CHECK(strcmp(rig.end, "abort") == 0);
  CHECK_INT(CRO_E_PIPE, released);
  CHECK_INT(CRO_E_GONE, ops->write(kept->response, CRO_B("more")));
  CHECK_INT(CRO_E_GONE, ops->end(kept->response));
  ops->abort(kept->response); /* too late for that too */
  close_rig();
}

static void a_sink_that_breaks_at_the_end_of_a_stream_resets(void)
{
  open_rig();
  rig.handler = stream;
  feed(GET);
  rig.sink_err = CRO_E_PIPE;
  CHECK_INT(CRO_E_PIPE, end_stream());
  CHECK(strcmp(rig.end, "abort") == 0);
  close_rig();
}

static void empty_chunked(h1_rig *self, cro_request *request)
{
  request->response->no_length = true;
  request->response->status = 200;
  h1_rig_answer(self, request);
}

static void a_complete_empty_body_may_go_out_chunked(void)
{
  open_rig();
  rig.handler = empty_chunked;
  feed(GET);
  CHECK_TEXT("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
             cro_buf_bytes(&rig.out));
  close_rig();
}

static void nothing_written_is_no_chunk(void)
{
  open_rig();
  rig.handler = stream;
  feed(GET);
  forget();
  CHECK_INT(0, write_part(""));
  CHECK_INT(0, rig.out.len);
  rig.sink_full = true;
  CHECK_INT(1, write_part("x") == CRO_FULL);
  CHECK_INT(1, write_part("") == CRO_FULL);
  close_rig();
}

static void add_trailers(size_t bytes)
{
  char value[600];

  memset(value, 't', sizeof value);
  CHECK_INT(0, cro_response_trailer(kept->response, CRO_B("X-T"),
                                    (cro_bytes){ value, bytes }));
}

static void large_trailers_go_out_whole_or_not_at_all(void)
{
  for (uint64_t n = 0; n < 2; n++) {
    open_rig();
    rig.handler = stream;
    feed(GET);
    forget();
    for (int i = 0; i < 20; i++) /* beyond the arena's first block */
      add_trailers(600);
    cro_arena_trim();
    cro_alloc_fail_at(n);
    if (n == 0)
      CHECK_INT(0, end_stream());
    else
      CHECK_INT(CRO_E_NOMEM, end_stream());
    cro_alloc_fail_at(0);
    CHECK_INT(n == 0 ? 20 * (600 + 7) + 5 : 0, rig.out.len);
    CHECK_TEXT(n == 0 ? "open" : "abort", cro_bytes_of(rig.end));
    close_rig();
  }
}

static void no_body_at_all(h1_rig *self, cro_request *request)
{
  static char value[5000];

  memset(value, 'v', sizeof value);
  request->response->status = 200;
  CHECK_INT(0, cro_response_set(request->response, CRO_B("X"),
                                (cro_bytes){ value, sizeof value }));
  h1_rig_answer(self, request);
}

static void a_huge_head_may_have_no_body(void)
{
  open_rig();
  rig.handler = no_body_at_all;
  feed(GET);
  CHECK(rig.out.len > 5000);
  CHECK(wrote("Content-Length: 0\r\n"));
  check_end("200 open");
  close_rig();
}

static void a_server_without_memory_is_not_made(void)
{
  cro_h1_config config = { .limits = &cro_http_limits_default,
                           .timeouts = &cro_http_timeouts_default };
  cro_h1 *h1 = NULL;

  cro_alloc_fail_at(1);
  CHECK_INT(CRO_E_NOMEM, cro_h1_server_create(&h1, &config));
  cro_alloc_fail_at(0);
  CHECK(h1 == NULL);
}

/* --- ends and resumes
 * --------------------------------------------------------------- */

static void a_peer_that_ends_behind_a_full_sink_is_still_answered(void)
{
  open_rig();
  rig.handler = at_once;
  rig.sink_full = true;
  feed(GET GET);
  CHECK_INT(1, rig.requests);
  h1_rig_eof(&rig);
  CHECK(strcmp(rig.end, "open") == 0);
  rig.sink_full = false;
  cro_stage_resume(&rig.sink);
  h1_rig_turn(&rig);
  CHECK_INT(2, rig.requests);
  check_end("200 200 close");
  close_rig();
}

static void a_resume_that_nothing_waited_for_does_no_harm(void)
{
  open_rig();
  rig.handler = at_once;
  cro_stage_resume(&rig.app);
  h1_rig_turn(&rig);
  feed(GET);
  check_end("200 open");
  feed("nonsense\r\n\r\n");
  cro_stage_resume(&rig.app);
  h1_rig_turn(&rig);
  check_end("200 400 linger");
  close_rig();
}

static void what_comes_after_the_end_is_nothing(void)
{
  cro_bytes more = CRO_B(GET);

  open_rig();
  h1_rig_advance(&rig, 10000);
  check_end("close");
  CHECK_INT(0, cro_emit(&rig.source, &more));
  (void)cro_emit_finish(&rig.source);
  rig.conn.on_deadline(rig.conn.deadline_arg, CRO_WAIT_HEADER);
  CHECK_INT(0, rig.requests);
  check_end("close");
  close_rig();
}

static void a_deadline_of_the_past_is_not_this_ones(void)
{
  open_rig();
  rig.handler = later;
  feed("POST / HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\na");
  rig.conn.on_deadline(rig.conn.deadline_arg, CRO_WAIT_HEADER);
  check_end("open");
  close_rig();
}

static void a_peer_that_ends_after_its_body_broke_is_not_told_twice(void)
{
  open_rig();
  rig.handler = later;
  feed("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n");
  CHECK_INT(0, cro_body_want(&kept->body, 3, 100));
  feed("4\r\nabcd\r\n");
  CHECK_INT(CRO_E_LIMIT, kept->body.err);
  h1_rig_eof(&rig);
  CHECK_INT(0, rig.refused);
  kept->response->status = 413;
  answer_kept("x");
  check_end("413 close");
  close_rig();
}

static void a_peer_that_never_says_a_word_is_closed_without_a_start(void)
{
  kept = NULL;
  CHECK(h1_rig_open(&rig));
  CHECK_INT(0, cro_stage_link(&rig.source, cro_h1_reader(rig.h1)));
  CHECK_INT(0, cro_stage_link(cro_h1_reader(rig.h1), &rig.app));
  CHECK_INT(0, cro_stage_link(&rig.app, cro_h1_writer(rig.h1)));
  CHECK_INT(0, cro_stage_link(cro_h1_writer(rig.h1), &rig.sink));
  cro_pipeline_attach(&rig.source, &rig.conn);
  h1_rig_eof(&rig);
  check_end("close");
  close_rig();
}

static void a_slot_without_memory_for_its_session_stays_empty(void)
{
  cro_h1 *h1 = NULL;

  open_rig();
  cro_alloc_fail_at(1);
  CHECK_INT(CRO_E_NOMEM, cro_h1_server_of(&h1, &rig.conn, &rig.config));
  cro_alloc_fail_at(0);
  CHECK(h1 == NULL);
  close_rig();
}

TEST_MAIN(CASE(each_odd_head_gets_its_verdict_however_it_is_cut),
          CASE(an_upgrade_needs_both_fields), CASE(a_timeout_of_0_is_none),
          CASE(the_whole_request_has_its_time_without_an_idle_one),
          CASE(a_time_already_spent_is_due_at_once), CASE(lingering_always_has_an_end),
          CASE(a_short_keepalive_is_not_announced_as_0_seconds),
          CASE(a_refusal_needs_no_listener),
          CASE(a_peer_that_ends_inside_a_body_under_a_stream_fails_the_body),
          CASE(a_body_wanted_after_the_answer_began_gets_no_continue),
          CASE(starting_twice_is_starting_once),
          CASE(a_session_drained_before_it_has_a_connection_ends_with_its_answer),
          CASE(a_head_that_cannot_be_kept_under_a_stream_is_a_reset),
          CASE(an_empty_value_is_written_as_one),
          CASE(a_sink_that_breaks_inside_a_large_chunk_ends_the_stream),
          CASE(a_sink_that_breaks_at_the_end_of_a_stream_resets),
          CASE(a_complete_empty_body_may_go_out_chunked),
          CASE(nothing_written_is_no_chunk),
          CASE(large_trailers_go_out_whole_or_not_at_all),
          CASE(a_huge_head_may_have_no_body), CASE(a_server_without_memory_is_not_made),
          CASE(a_peer_that_ends_behind_a_full_sink_is_still_answered),
          CASE(a_resume_that_nothing_waited_for_does_no_harm),
          CASE(what_comes_after_the_end_is_nothing),
          CASE(a_deadline_of_the_past_is_not_this_ones),
          CASE(a_peer_that_ends_after_its_body_broke_is_not_told_twice),
          CASE(a_peer_that_never_says_a_word_is_closed_without_a_start),
          CASE(a_slot_without_memory_for_its_session_stays_empty))
