#include "base/err.h"
#include "support/h1_play.h"
#include "support/test.h"

#include <stdlib.h>

/* --- order and lifetimes
 * -------------------------------------------------------------- */

static void a_later_answer_finds_the_head_kept(void)
{
  open_rig();
  rig.handler = later;
  feed("GET /a?b HTTP/1.1\r\n" HOST "X-A: v\r\n\r\n");
  CHECK_TEXT("/a", kept->path);
  CHECK_TEXT("b", kept->query);
  CHECK_TEXT("h", kept->authority);
  CHECK_TEXT("v", cro_headers_find(&kept->headers, CRO_B("x-a"))->value);
  CHECK(cro_h1_busy(rig.h1));
  answer_kept("late");
  CHECK_INT(1, released);
  CHECK(kept->gone && kept->conn == NULL);
  CHECK_TEXT("/a", kept->path);
  CHECK(!cro_h1_busy(rig.h1));
  check_end("200 open");
  close_rig();
}

static void a_head_is_kept_for_whoever_holds_it_after_the_answer(void)
{
  open_rig();
  rig.handler = stream_five;
  kept = NULL;
  feed("GET /path HTTP/1.1\r\n" HOST "\r\n");
  CHECK_INT(0, write_part("12345"));
  CHECK_INT(0, end_stream());
  CHECK_TEXT("/path", kept->path);
  check_end("200 open");
  close_rig();
}

static void a_pipelined_request_waits_for_the_answer_before_it(void)
{
  open_rig();
  rig.handler = later;
  feed("GET /1 HTTP/1.1\r\n" HOST "\r\nGET /2 HTTP/1.1\r\n" HOST "\r\n");
  CHECK_INT(1, rig.requests);
  CHECK_TEXT("/1", kept->path);
  answer_kept("one");
  CHECK_INT(2, rig.requests);
  CHECK_TEXT("/2", kept->path);
  answer_kept("two");
  CHECK(wrote("\r\n\r\noneHTTP/1.1 200 OK\r\n"));
  check_end("200 200 open");
  close_rig();
}

static void it_is_behind_while_an_answer_is_due(void)
{
  open_rig();
  rig.handler = later;
  CHECK(!rig.conn.behind);
  feed("GET /1 HTTP/1.1\r\n" HOST "\r\nGET /2 HTTP/1.1\r\n" HOST "\r\nGET /3");
  CHECK(rig.conn.behind);
  answer_kept("one");
  CHECK(rig.conn.behind); /* for the second */
  answer_kept("two");
  CHECK(!rig.conn.behind); /* half a head is the peer's to go on with */
  feed(" HTTP/1.1\r\n" HOST "\r\n");
  CHECK(rig.conn.behind);
  answer_kept("three");
  CHECK(!rig.conn.behind);
  close_rig();
}

static void pipelined_input_is_bounded(void)
{
  char *block = malloc(65536);

  open_rig();
  memset(block, 'A', 65536);
  rig.handler = later;
  feed(GET);
  h1_rig_feed(&rig, (cro_bytes){ block, 65535 }, 0);
  CHECK(!rig.source_full);
  h1_rig_feed(&rig, (cro_bytes){ block, 1 }, 0);
  CHECK(rig.source_full);
  answer_kept("x");
  CHECK(!rig.source_full);
  check_end("200 400 linger");
  close_rig();
  free(block);
}

static void a_full_sink_holds_the_next_request_back(void)
{
  open_rig();
  rig.sink_full = true;
  feed(GET GET GET);
  CHECK_INT(1, rig.requests);
  rig.sink_full = false;
  cro_stage_resume(&rig.sink);
  h1_rig_turn(&rig);
  CHECK_INT(3, rig.requests);
  check_end("200 200 200 open");
  close_rig();
}

static void the_connection_ends_after_so_many_requests(void)
{
  CHECK(h1_rig_open(&rig));
  rig.limits.requests_per_connection = 2;
  CHECK(h1_rig_start(&rig));
  feed(GET GET GET);
  check_end("200 200 linger");
  CHECK(wrote("Connection: close"));
  close_rig();
}

/* --- framing of answers -------------------------------------------------------------
 */

static void a_complete_answer_is_one_piece(void)
{
  open_rig();
  rig.handler = at_once;
  feed(GET);
  CHECK_TEXT("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nnow",
             cro_buf_bytes(&rig.out));
  close_rig();
}

static void keep_alive_is_announced_to_those_who_ask(void)
{
  open_rig();
  rig.handler = at_once;
  feed("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  CHECK_TEXT("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: keep-alive\r\n"
             "Keep-Alive: timeout=60\r\n\r\nnow",
             cro_buf_bytes(&rig.out));
  check_end("200 open");
  close_rig();
}

static void head_has_the_length_and_no_body(void)
{
  open_rig();
  feed("HEAD / HTTP/1.1\r\n" HOST "\r\n" GET);
  CHECK(wrote("Content-Length: 2\r\n\r\nHTTP/1.1 200 OK"));
  close_rig();
}

static int status_wanted;

static void with_status(h1_rig *self, cro_request *request)
{
  request->response->status = status_wanted;
  at_once(self, request);
}

static void check_status(int status, const char *want)
{
  open_rig();
  status_wanted = status;
  rig.handler = with_status;
  feed(GET);
  CHECK_TEXT(want, cro_buf_bytes(&rig.out));
  close_rig();
}

static void statuses_without_content_have_none(void)
{
  check_status(204, "HTTP/1.1 204 No Content\r\n\r\n");
  check_status(304, "HTTP/1.1 304 Not Modified\r\n\r\n");
  check_status(205, "HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n");
}

static void an_unusable_status_is_a_500(void)
{
  const char *want = "HTTP/1.1 500 Internal Server Error\r\n"
                     "Content-Type: text/plain\r\nContent-Length: 21\r\n\r\n"
                     "Internal Server Error";

  check_status(100, want);
  check_status(101, want);
  check_status(42, want);
  check_status(1000, want);
  check_status(-1, want);
}

static void an_unregistered_status_has_a_phrase(void)
{
  check_status(299, "HTTP/1.1 299 Unknown\r\nContent-Length: 3\r\n\r\nnow");
}

static void cve_2016_2216_a_reason_cannot_split_the_answer(void)
{
  open_rig();
  rig.handler = later;
  feed(GET);
  kept->response->reason = CRO_B("OK\r\nX: y");
  answer_kept("x");
  check_end("500 open");
  CHECK(!wrote("X: y"));
  close_rig();
}

static void cve_2023_23936_headers_cannot_be_split(void)
{
  cro_response *response;

  open_rig();
  rig.handler = later;
  feed(GET);
  response = kept->response;
  CHECK_INT(CRO_E_INVAL, cro_response_set(response, CRO_B("X-A"), CRO_B("a\r\nB: c")));
  CHECK_INT(CRO_E_INVAL, cro_response_add(response, CRO_B("X A"), CRO_B("a")));
  CHECK_INT(CRO_E_INVAL, cro_response_add(response, CRO_B("X"), CRO_B("a\0b")));
  CHECK_INT(CRO_E_STATE,
            cro_response_set(response, CRO_B("content-LENGTH"), CRO_B("3")));
  CHECK_INT(CRO_E_STATE,
            cro_response_add(response, CRO_B("Transfer-Encoding"), CRO_B("chunked")));
  CHECK_INT(0, cro_response_add(response, CRO_B("Vary"), CRO_B("a")));
  CHECK_INT(0, cro_response_set(response, CRO_B("vary"), CRO_B("b")));
  CHECK_INT(0, cro_response_add(response, CRO_B("Vary"), CRO_B("c")));
  CHECK_INT(0, cro_response_set(response, CRO_B("content-type"), CRO_B("a/b")));
  answer_kept("x");
  CHECK_TEXT("HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nContent-Length: 1\r\n"
             "vary: b\r\nVary: c\r\n\r\nx",
             cro_buf_bytes(&rig.out));
  CHECK_INT(CRO_E_GONE, cro_response_add(response, CRO_B("Late"), CRO_B("x")));
  close_rig();
}

static void a_huge_head_goes_out_whole(void)
{
  cro_buf value = { 0 };

  open_rig();
  rig.handler = later;
  feed(GET);
  for (int i = 0; i < 20000; i++)
    (void)cro_buf_add_byte(&value, 'v');
  CHECK_INT(0, cro_response_add(kept->response, CRO_B("X-Big"), cro_buf_bytes(&value)));
  answer_kept("x");
  CHECK(rig.out.len > 20000);
  check_end("200 open");
  cro_buf_free(&value);
  close_rig();
}

/* --- streams -------------------------------------------------------------------------
 */

static void a_stream_without_a_length_is_chunked(void)
{
  open_rig();
  rig.handler = stream;
  feed(GET);
  CHECK_INT(0, write_part("hello"));
  CHECK_INT(0, write_part(""));
  CHECK_INT(0, write_part("0123456789abcdef!"));
  CHECK_INT(0, cro_response_trailer(kept->response, CRO_B("X-Sum"), CRO_B("1")));
  CHECK_INT(CRO_E_INVAL,
            cro_response_trailer(kept->response, CRO_B("Content-Length"), CRO_B("1")));
  CHECK_INT(0, end_stream());
  CHECK_TEXT("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
             "5\r\nhello\r\n11\r\n0123456789abcdef!\r\n0\r\nX-Sum: 1\r\n\r\n",
             cro_buf_bytes(&rig.out));
  CHECK_INT(1, released);
  CHECK(kept->response->ops == NULL);
  CHECK_INT(CRO_RESPONSE_ENDED, kept->response->state);
  close_rig();
}

static void a_large_chunk_is_not_copied_beside_its_size(void)
{
  cro_buf big = { 0 };

  open_rig();
  rig.handler = stream;
  feed(GET);
  for (int i = 0; i < 5000; i++)
    (void)cro_buf_add_byte(&big, 'b');
  forget();
  CHECK_INT(0, kept->response->ops->write(kept->response, cro_buf_bytes(&big)));
  CHECK_INT(5000 + 8, rig.out.len);
  CHECK(memcmp(rig.out.at, "1388\r\nb", 7) == 0);
  cro_buf_free(&big);
  close_rig();
  CHECK_INT(CRO_E_CLOSED, released);
}

static void http_1_0_gets_a_stream_until_close(void)
{
  open_rig();
  rig.handler = stream;
  feed("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  CHECK_INT(0, write_part("hello"));
  CHECK_INT(0, end_stream());
  CHECK_TEXT("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello",
             cro_buf_bytes(&rig.out));
  CHECK(strcmp(rig.end, "linger") == 0);
  close_rig();
}

static void a_stream_of_known_length_agrees_with_it(void)
{
  open_rig();
  rig.handler = stream_five;
  feed(GET);
  CHECK_INT(0, write_part("hel"));
  CHECK_INT(CRO_E_TOO_LONG, write_part("lo!"));
  CHECK_INT(0, write_part("lo"));
  CHECK_INT(0, end_stream());
  CHECK_TEXT("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
             cro_buf_bytes(&rig.out));
  close_rig();
}

static void a_stream_that_ends_short_is_a_reset(void)
{
  open_rig();
  rig.handler = stream_five;
  feed(GET);
  CHECK_INT(0, write_part("hel"));
  CHECK_INT(CRO_E_SHORT, end_stream());
  CHECK(strcmp(rig.end, "abort") == 0);
  CHECK_INT(CRO_E_SHORT, released);
  close_rig();
}

static void an_aborted_stream_is_a_reset(void)
{
  open_rig();
  rig.handler = stream;
  feed(GET);
  kept->response->ops->abort(kept->response);
  CHECK(strcmp(rig.end, "abort") == 0);
  CHECK_INT(CRO_E_ABORTED, released);
  CHECK_INT(CRO_E_ABORTED, drained);
  close_rig();
}

static void head_swallows_a_stream(void)
{
  open_rig();
  rig.handler = stream;
  feed("HEAD / HTTP/1.1\r\n" HOST "\r\n");
  CHECK_INT(0, write_part("hello"));
  CHECK_INT(0, end_stream());
  CHECK_TEXT("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
             cro_buf_bytes(&rig.out));
  close_rig();
}

static void who_waits_for_a_head_is_told_that_it_is_out(void)
{
  open_rig();
  rig.handler = stream;
  feed(GET);
  h1_rig_turn(&rig);
  CHECK_INT(1, drained);
  close_rig();
}

static void a_full_sink_tells_the_stream_and_then_drains(void)
{
  open_rig();
  rig.handler = stream;
  feed(GET);
  h1_rig_turn(&rig);
  drained = 0;
  rig.sink_full = true;
  CHECK_INT(CRO_FULL, write_part("a"));
  CHECK_INT(0, drained);
  rig.sink_full = false;
  cro_stage_resume(&rig.sink);
  h1_rig_turn(&rig);
  CHECK_INT(1, drained);
  CHECK_INT(0, write_part("b"));
  close_rig();
}

static void who_ignores_full_is_stopped(void)
{
  int rc = 0;

  CHECK(h1_rig_open(&rig));
  rig.limits.write_buffer = 100;
  CHECK(h1_rig_start(&rig));
  rig.handler = stream;
  feed(GET);
  rig.sink_full = true;
  for (int i = 0; i < 20 && rc >= 0; i++)
    rc = write_part("0123456789");
  CHECK_INT(CRO_E_LIMIT, rc);
  CHECK(strcmp(rig.end, "abort") == 0);
  close_rig();
}

static void a_broken_sink_ends_everything(void)
{
  open_rig();
  rig.handler = stream;
  feed(GET);
  rig.sink_err = CRO_E_PIPE;
  CHECK_INT(CRO_E_PIPE, write_part("a"));
  CHECK_INT(CRO_E_PIPE, released);
  CHECK(kept->gone);
  close_rig();
}

/* --- draining, tunnels
 * ---------------------------------------------------------------- */

static void draining_closes_an_idle_connection_now(void)
{
  open_rig();
  feed(GET);
  cro_h1_drain(rig.h1);
  check_end("200 close");
  close_rig();
}

static void draining_lets_the_current_answer_finish(void)
{
  open_rig();
  rig.handler = later;
  feed(GET);
  cro_h1_drain(rig.h1);
  check_end("open");
  answer_kept("x");
  CHECK(wrote("Connection: close"));
  check_end("200 linger");
  close_rig();
}

static void upgraded(h1_rig *self, cro_request *request)
{
  request->response->status = 101;
  CHECK_INT(0, cro_response_set(request->response, CRO_B("Upgrade"), CRO_B("x")));
  CHECK(request->upgrade);
  stream(self, request);
}

static void after_101_the_connection_carries_bytes(void)
{
  open_rig();
  rig.handler = upgraded;
  feed("GET / HTTP/1.1\r\n" HOST "Upgrade: x\r\nConnection: upgrade\r\n\r\nraw");
  CHECK_TEXT("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
             "Upgrade: x\r\n\r\n",
             cro_buf_bytes(&rig.out));
  CHECK_TEXT("raw", cro_buf_bytes(&kept->body.held));
  feed("GET / HTTP/1.1\r\n\r\n");
  CHECK_INT(21, kept->body.held.len);
  forget();
  CHECK_INT(0, write_part("back"));
  CHECK_TEXT("back", cro_buf_bytes(&rig.out));
  h1_rig_advance(&rig, 10000000);
  CHECK(strcmp(rig.end, "open") == 0);
  h1_rig_eof(&rig);
  CHECK_INT(CRO_BODY_ENDED, kept->body.state);
  CHECK_INT(0, write_part("more"));
  CHECK_INT(0, end_stream());
  CHECK(strcmp(rig.end, "close") == 0);
  close_rig();
}

TEST_MAIN(CASE(a_later_answer_finds_the_head_kept),
          CASE(a_head_is_kept_for_whoever_holds_it_after_the_answer),
          CASE(a_pipelined_request_waits_for_the_answer_before_it),
          CASE(it_is_behind_while_an_answer_is_due), CASE(pipelined_input_is_bounded),
          CASE(a_full_sink_holds_the_next_request_back),
          CASE(the_connection_ends_after_so_many_requests),
          CASE(a_complete_answer_is_one_piece),
          CASE(keep_alive_is_announced_to_those_who_ask),
          CASE(head_has_the_length_and_no_body),
          CASE(statuses_without_content_have_none), CASE(an_unusable_status_is_a_500),
          CASE(an_unregistered_status_has_a_phrase),
          CASE(cve_2016_2216_a_reason_cannot_split_the_answer),
          CASE(cve_2023_23936_headers_cannot_be_split),
          CASE(a_huge_head_goes_out_whole), CASE(a_stream_without_a_length_is_chunked),
          CASE(a_large_chunk_is_not_copied_beside_its_size),
          CASE(http_1_0_gets_a_stream_until_close),
          CASE(a_stream_of_known_length_agrees_with_it),
          CASE(a_stream_that_ends_short_is_a_reset), CASE(an_aborted_stream_is_a_reset),
          CASE(head_swallows_a_stream),
          CASE(who_waits_for_a_head_is_told_that_it_is_out),
          CASE(a_full_sink_tells_the_stream_and_then_drains),
          CASE(who_ignores_full_is_stopped), CASE(a_broken_sink_ends_everything),
          CASE(draining_closes_an_idle_connection_now),
          CASE(draining_lets_the_current_answer_finish),
          CASE(after_101_the_connection_carries_bytes))
