/* The client's session where things go wrong: bad answers, limits, tunnels, a caller or
 * a sink that fails, a caller that does what it may not. */
#include "base/alloc.h"
#include "base/err.h"
#include "support/h1_client_rig.h"
#include "support/test.h"

#define OK "HTTP/1.1 200 OK\r\n"
#define EMPTY OK "Content-Length: 0\r\n\r\n"

static void check_end(const char *end, int released)
{
  CHECK_TEXT(end, cro_bytes_of(client.end));
  CHECK_INT(released, client.released);
}

static void send_method(cro_method method)
{
  CHECK(client_open());
  client.mute = true;
  CHECK(client_make(method) != NULL);
  CHECK_INT(0, client_send());
  cro_buf_free(&client.out);
}

/* A POST whose body of three bytes waits for 100 Continue. */
static void send_expecting(void)
{
  CHECK(client_open());
  client.mute = true;
  client_make(CRO_POST);
  client.request->body.length = 3;
  client.request->expect_continue = true;
  CHECK_INT(0, cro_body_put(&client.request->body, CRO_B("abc")));
  cro_body_end(&client.request->body);
  CHECK_INT(0, client_send());
  cro_buf_free(&client.out);
}

/* --- answers that break the rules
 * -------------------------------------------------- */

static const struct {
  const char *name, *in, *end;
  int released;
} rows[] = {
  { "HTTP/1.2", "HTTP/1.2 200 OK\r\nContent-Length: 0\r\n\r\n", "abort",
    CRO_E_PROTOCOL },
  { "a status of 099", "HTTP/1.1 099 X\r\nContent-Length: 0\r\n\r\n", "abort",
    CRO_E_PROTOCOL },
  { "no blank before the status", "HTTP/1.1200 OK\r\n\r\n", "abort", CRO_E_PROTOCOL },
  { "two codings",
    OK "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", "abort",
    CRO_E_PROTOCOL },
  { "an empty coding", OK "Transfer-Encoding:\r\n\r\n", "abort", CRO_E_PROTOCOL },
  { "chunks on HTTP/1.0",
    "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "abort",
    CRO_E_PROTOCOL },
  { "a length of 2^64", OK "Content-Length: 18446744073709551616\r\n\r\n", "abort",
    CRO_E_PROTOCOL },
  { "a length of 2^63", OK "Content-Length: 9223372036854775808\r\n\r\n", "abort",
    CRO_E_PROTOCOL },
  { "a bad chunk size", OK "Transfer-Encoding: chunked\r\n\r\nx\r\n", "abort",
    CRO_E_PROTOCOL },
  { "a folded trailer", OK "Transfer-Encoding: chunked\r\n\r\n0\r\nX: a\r\n b\r\n\r\n",
    "abort", CRO_E_PROTOCOL },
  { "Connection: close among others",
    OK "Connection: x, close\r\nContent-Length: 0\r\n\r\n", "close", 1 },
  { "fields as long as those that matter",
    OK "Date: x\r\nCookie: x\r\nReferer: x\r\nUser-Agent: x\r\nAccept-Charset: x\r\n"
       "If-Modified-Since: x\r\nContent-Length: 0\r\n\r\n",
    "open", 1 },
  { "204 with a length", "HTTP/1.1 204 N\r\nContent-Length: 5\r\n\r\n", "open", 1 },
  { "304 with chunks", "HTTP/1.1 304 N\r\nTransfer-Encoding: chunked\r\n\r\n", "open",
    1 },
};

static void each_odd_answer_ends_the_same_however_it_is_cut(void)
{
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    for (size_t step = 0; step < 5; step++) {
      send_method(CRO_GET);
      client_feed_bytes(cro_bytes_of(rows[i].in), step);
      if (strcmp(client.end, rows[i].end) != 0 || client.released != rows[i].released)
        test_fail(rows[i].name, (int)step, "want %s %d, got %s %d", rows[i].end,
                  rows[i].released, client.end, client.released);
      client_close();
    }
}

/* `name`, so many bytes, and the end of the line. */
static void add_line(cro_buf *in, const char *name, size_t bytes)
{
  CHECK_INT(0, cro_buf_add(in, cro_bytes_of(name)));
  for (size_t i = 0; i < bytes; i++)
    CHECK_INT(0, cro_buf_add_byte(in, 'v'));
  CHECK_INT(0, cro_buf_add(in, CRO_B("\r\n")));
}

static void an_answer_over_a_limit_is_a_limit_error(void)
{
  for (int row = 0; row < 4; row++) {
    cro_buf in = { 0 };

    CHECK_INT(0, cro_buf_add(&in, CRO_B(OK)));
    for (int i = 0; row == 0 && i < 101; i++)
      add_line(&in, "X: ", 1);
    if (row == 1)
      add_line(&in, "X: ", 17000);
    if (row >= 2)
      CHECK_INT(0, cro_buf_add(&in, CRO_B("Transfer-Encoding: chunked\r\n\r\n")));
    if (row == 2)
      add_line(&in, "1;", 17000);

    if (row == 3)
      add_line(&in, "0\r\nX: ", 17000);

    CHECK_INT(0, cro_buf_add(&in, CRO_B("\r\n")));
    for (size_t step = 0; step < 2; step++) {
      send_method(CRO_GET);
      client_feed_bytes(cro_buf_bytes(&in), step * 999);
      check_end("abort", CRO_E_LIMIT);
      client_close();
    }
    cro_buf_free(&in);
  }
}

static void a_failed_allocation_in_a_large_answer_says_so(void)
{
  cro_buf in = { 0 };
  uint64_t n = 0;

  CHECK_INT(0, cro_buf_add(&in, CRO_B(OK "Transfer-Encoding: chunked\r\n")));
  for (int i = 0; i < 60; i++)
    add_line(&in, "X: ", 90);
  CHECK_INT(0, cro_buf_add(&in, CRO_B("\r\n3\r\nabc\r\n0\r\n")));
  for (int i = 0; i < 30; i++)
    add_line(&in, "X: ", 200);
  CHECK_INT(0, cro_buf_add(&in, CRO_B("\r\n")));
  do {
    send_method(CRO_GET);
    cro_arena_trim();
    cro_alloc_fail_at(++n);
    client_feed_bytes(cro_buf_bytes(&in), n % 2 * 1500);
    cro_alloc_fail_at(0);
    CHECK(client.released == 1 || client.released == CRO_E_NOMEM);
    if (client.released != 1)
      CHECK_TEXT("abort", cro_bytes_of(client.end));
    client_close();
  } while (n < 40);
  cro_buf_free(&in);
}

static void the_peers_end_after_the_answer_closes_or_is_too_late(void)
{
  send_method(CRO_GET);
  client_feed(EMPTY);
  check_end("open", 1);
  CHECK(cro_h1_client_ready(client.h1));
  client_eof();
  check_end("close", 1);
  CHECK(!cro_h1_client_ready(client.h1));
  CHECK_INT(CRO_E_STATE, client_send());
  client_close();
}

static void bytes_after_the_end_are_nothing(void)
{
  cro_bytes more = CRO_B(EMPTY);

  send_method(CRO_GET);
  client_feed("nonsense\r\n\r\n");
  check_end("abort", CRO_E_PROTOCOL);
  CHECK_INT(0, cro_emit(&client.source, &more));
  more.len = 0;
  CHECK_INT(0, cro_emit(&client.source, &more));
  cro_emit_fail(&client.source, CRO_E_RESET);
  cro_emit_fail(&client.caller, CRO_E_RESET);
  check_end("abort", CRO_E_PROTOCOL);
  client_close();
}

static void a_reset_ends_the_exchange_with_it(void)
{
  send_method(CRO_GET);
  client_feed(OK "Content-Length: 3\r\n\r\na");
  cro_emit_fail(&client.source, CRO_E_RESET);
  CHECK_INT(CRO_E_RESET, client.released);
  CHECK_INT(CRO_E_RESET, client.failed);
  CHECK_INT(CRO_BODY_FAILED, client.request->response->incoming->state);
  client_close();
}

static void a_caller_that_fails_ends_the_connection(void)
{
  send_method(CRO_GET);
  client.last_err = CRO_E_HANDLER;
  client_feed(OK "Content-Length: 3\r\n\r\na");
  check_end("abort", CRO_E_HANDLER);
  client_close();
  send_method(CRO_GET);
  cro_emit_fail(&client.caller, CRO_E_CANCELLED);
  check_end("abort", CRO_E_CANCELLED);
  client_close();
}

/* --- 1xx and tunnels
 * --------------------------------------------------------------- */

static void other_1xx_answers_do_not_release_the_body(void)
{
  send_expecting();
  client_feed("HTTP/1.1 102 P\r\n\r\nHTTP/1.1 103 E\r\n\r\n");
  CHECK_INT(0, client.out.len);
  client_feed("HTTP/1.1 100 Continue\r\n\r\n");
  CHECK_TEXT("abc", cro_buf_bytes(&client.out));
  client_feed("HTTP/1.1 100 Continue\r\n\r\n" EMPTY); /* once more does no harm */
  check_end("open", 1);
  client_close();
}

static void a_body_that_fails_while_it_waits_for_100_ends_the_exchange(void)
{
  CHECK(client_open());
  client.mute = true;
  client_make(CRO_POST);
  client.request->body.length = 3;
  client.request->expect_continue = true;
  CHECK_INT(0, client_send());
  cro_body_fail(&client.request->body, CRO_E_CANCELLED);
  check_end("open", 0); /* not looked at yet */
  client_feed("HTTP/1.1 100 Continue\r\n\r\n" EMPTY);
  check_end("abort", CRO_E_CANCELLED);
  client_close();
}

static void continue_is_for_a_body_that_waits(void)
{
  CHECK(client_open());
  cro_h1_client_continue(client.h1); /* no request at all */
  client_close();
  send_method(CRO_GET);
  cro_h1_client_continue(client.h1); /* no body */
  CHECK_INT(0, client.out.len);
  client_close();
  send_expecting();
  cro_h1_client_continue(client.h1);
  cro_h1_client_continue(client.h1);
  CHECK_TEXT("abc", cro_buf_bytes(&client.out));
  client_close();
}

static void send_tunnel(cro_method method, bool upgrade)
{
  CHECK(client_open());
  client.mute = true;
  client_make(method);
  client.request->upgrade = upgrade;
  client.request->body.length = -1;
  client.request->target = method == CRO_CONNECT ? CRO_B("h:1") : CRO_B("/");
  CHECK_INT(0, client_send());
  CHECK_INT(0, cro_body_put(&client.request->body, CRO_B("early")));
  cro_h1_client_continue(client.h1); /* a tunnel does not begin by waiting */
}

static void connect_is_a_tunnel_once_the_server_agrees(void)
{
  send_tunnel(CRO_CONNECT, false);
  CHECK_TEXT("CONNECT h:1 HTTP/1.1\r\nHost: h:1\r\n\r\n", cro_buf_bytes(&client.out));
  cro_buf_free(&client.out);
  client_feed("HTTP/1.1 100 Continue\r\n\r\n");
  CHECK_INT(0, client.out.len);
  client_feed("HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nraw");
  CHECK_TEXT("early", cro_buf_bytes(&client.out));
  CHECK_TEXT("raw", cro_buf_bytes(&client.request->response->incoming->held));
  cro_body_end(&client.request->body);
  check_end("open", 0); /* the other half is open still */
  client_eof();
  check_end("close", 1);
  client_close();
}

static void a_refused_tunnel_is_an_answer_and_the_end(void)
{
  send_tunnel(CRO_CONNECT, false);
  client_feed("HTTP/1.1 407 No\r\nContent-Length: 2\r\n\r\nno");
  CHECK_TEXT("no", cro_buf_bytes(&client.request->response->incoming->held));
  check_end("close", 1);
  client_close();
  send_tunnel(CRO_GET, true);
  client_feed(EMPTY);
  check_end("close", 1);
  client_close();
}

/* --- requests
 * ---------------------------------------------------------------------- */

static void fields_that_frame_are_the_sessions_own(void)
{
  static const char *const names[] = {
    "content-length", "Transfer-Encoding", "CONNECTION", "Keep-Alive", "TE", "Trailer",
    "Expect",         "Proxy-Connection"
  };

  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    CHECK(client_open());
    client_make(CRO_GET);
    CHECK_INT(0, cro_headers_add(&client.request->headers, client.request->arena,
                                 cro_bytes_of(names[i]), CRO_B("x")));
    CHECK_INT(CRO_E_INVAL, client_send());
    client_close();
  }
}

static void what_cannot_be_said_is_refused(void)
{
  static const struct {
    const char *target, *name;
    cro_method method;
  } bad[] = { { "", "A", CRO_GET },          { "/\x7F", "A", CRO_GET },
              { "/\xC3\xA9", "A", CRO_GET }, { "/", "A B", CRO_GET },
              { "/", "", CRO_GET },          { "/", "A", CRO_METHOD_NONE } };

  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    CHECK(client_open());
    client_make(bad[i].method);
    client.request->target = cro_bytes_of(bad[i].target);
    CHECK_INT(0, cro_headers_add(&client.request->headers, client.request->arena,
                                 cro_bytes_of(bad[i].name), CRO_B("x")));
    CHECK_INT(CRO_E_INVAL, client_send());
    CHECK_INT(0, client.out.len);
    client_close();
  }
}

static void close_is_said_and_done(void)
{
  CHECK(client_open());
  client.mute = true;
  client_make(CRO_PATCH);
  client.request->keep_alive = false;
  CHECK_INT(0, client_send());
  CHECK_TEXT("PATCH /p?q HTTP/1.1\r\nHost: h:1\r\nContent-Length: 0\r\n"
             "Connection: close\r\n\r\n",
             cro_buf_bytes(&client.out));
  client_feed(EMPTY);
  check_end("close", 1);
  client_close();
}

static void a_huge_request_head_goes_out_whole(void)
{
  char value[5000];

  memset(value, 'v', sizeof value);
  for (uint64_t n = 0; n < 2; n++) {
    CHECK(client_open());
    client_make(CRO_GET);
    CHECK_INT(0, cro_headers_add(&client.request->headers, client.request->arena,
                                 CRO_B("X"), (cro_bytes){ value, sizeof value }));
    cro_alloc_fail_at(n);
    CHECK_INT(0, client_send());
    cro_alloc_fail_at(0);
    if (n == 0)
      CHECK(client.out.len > sizeof value);
    else
      check_end("abort", CRO_E_NOMEM);
    client_close();
  }
}

static void a_sink_that_breaks_ends_the_exchange(void)
{
  CHECK(client_open());
  client.sink_err = CRO_E_PIPE;
  client_make(CRO_GET);
  CHECK_INT(0, client_send());
  check_end("abort", CRO_E_PIPE);
  client_close();
  for (int64_t length = -1; length < 4; length += 4) {
    CHECK(client_open());
    client_make(CRO_POST);
    client.request->body.length = length;
    CHECK_INT(0, client_send());
    client.sink_err = CRO_E_PIPE;
    (void)cro_body_put(&client.request->body, CRO_B("abc"));
    check_end("abort", CRO_E_PIPE);
    client_close();
  }
}

static void a_sink_that_breaks_at_the_last_chunk_ends_the_exchange(void)
{
  CHECK(client_open());
  client_make(CRO_POST);
  client.request->body.length = -1;
  CHECK_INT(0, client_send());
  client.sink_err = CRO_E_PIPE;
  cro_body_end(&client.request->body);
  check_end("abort", CRO_E_PIPE);
  client_close();
}

static void a_body_that_its_maker_breaks_off_ends_the_exchange(void)
{
  CHECK(client_open());
  client_make(CRO_POST);
  client.request->body.length = 3;
  CHECK_INT(0, client_send());
  cro_body_fail(&client.request->body, CRO_E_CANCELLED);
  check_end("abort", CRO_E_CANCELLED);
  client_close();
}

static void an_early_answer_waits_for_the_request_to_be_sent(void)
{
  CHECK(client_open());
  client.mute = true;
  client_make(CRO_POST);
  client.request->body.length = 3;
  CHECK_INT(0, client_send());
  client_feed("HTTP/1.1 413 No\r\nContent-Length: 0\r\n\r\n");
  check_end("close", 1); /* nothing more is sent, and nothing else may follow */
  client_close();
}

static void a_large_chunk_goes_out_beside_its_size(void)
{
  static char part[5000];

  CHECK(client_open());
  client_make(CRO_POST);
  client.request->body.length = -1;
  CHECK_INT(0, client_send());
  cro_buf_free(&client.out);
  memset(part, 'p', sizeof part);
  CHECK_INT(0, cro_body_put(&client.request->body, (cro_bytes){ part, sizeof part }));
  CHECK_INT(sizeof part + 8, client.out.len);
  CHECK(memcmp(client.out.at, "1388\r\np", 7) == 0);
  client_close();
}

static void a_sink_that_resumes_without_a_request_resumes_the_caller(void)
{
  CHECK(client_open());
  cro_stage_resume(&client.sink);
  client_turn();
  cro_stage_resume(&client.last);
  client_turn();
  CHECK(cro_h1_client_ready(client.h1));
  client_close();
}

static void a_client_without_memory_is_not_made(void)
{
  cro_h1_config config = { .limits = &cro_http_limits_default,
                           .timeouts = &cro_http_timeouts_default };
  cro_h1 *h1 = NULL;

  cro_alloc_fail_at(1);
  CHECK_INT(CRO_E_NOMEM, cro_h1_client_create(&h1, &config));
  cro_alloc_fail_at(0);
  CHECK(h1 == NULL);
}

TEST_MAIN(CASE(each_odd_answer_ends_the_same_however_it_is_cut),
          CASE(an_answer_over_a_limit_is_a_limit_error),
          CASE(a_failed_allocation_in_a_large_answer_says_so),
          CASE(the_peers_end_after_the_answer_closes_or_is_too_late),
          CASE(bytes_after_the_end_are_nothing),
          CASE(a_reset_ends_the_exchange_with_it),
          CASE(a_caller_that_fails_ends_the_connection),
          CASE(other_1xx_answers_do_not_release_the_body),
          CASE(a_body_that_fails_while_it_waits_for_100_ends_the_exchange),
          CASE(continue_is_for_a_body_that_waits),
          CASE(connect_is_a_tunnel_once_the_server_agrees),
          CASE(a_refused_tunnel_is_an_answer_and_the_end),
          CASE(fields_that_frame_are_the_sessions_own),
          CASE(what_cannot_be_said_is_refused), CASE(close_is_said_and_done),
          CASE(a_huge_request_head_goes_out_whole),
          CASE(a_sink_that_breaks_ends_the_exchange),
          CASE(a_sink_that_breaks_at_the_last_chunk_ends_the_exchange),
          CASE(a_body_that_its_maker_breaks_off_ends_the_exchange),
          CASE(an_early_answer_waits_for_the_request_to_be_sent),
          CASE(a_large_chunk_goes_out_beside_its_size),
          CASE(a_sink_that_resumes_without_a_request_resumes_the_caller),
          CASE(a_client_without_memory_is_not_made))
