#include "base/err.h"
#include "support/h1_rig.h"
#include "support/test.h"

#include <stdlib.h>

#define HOST "Host: h\r\n"
#define GET "GET / HTTP/1.1\r\n" HOST "\r\n"

static h1_rig rig;
static cro_request *kept; /* by the later handler; holds its arena */
static int drained;
static int released;

static void open_rig(void)
{
  kept = NULL;
  drained = released = 0;
  CHECK(h1_rig_open(&rig));
  CHECK(h1_rig_start(&rig));
}

static void close_rig(void)
{
  if (kept != NULL)
    cro_arena_drop(kept->arena);
  kept = NULL;
  h1_rig_close(&rig);
}

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

static bool wrote(const char *text)
{
  return rig.out.len > 0 && memmem(rig.out.at, rig.out.len, text, strlen(text)) != NULL;
}

static void forget(void)
{
  cro_buf_free(&rig.out);
}

/* --- handlers ----------------------------------------------------------------------
 */

static void on_release(cro_request *request, int err)
{
  (void)request;
  released = err != 0 ? err : 1;
}

static void later(h1_rig *self, cro_request *request)
{
  (void)self;
  if (kept != NULL)
    cro_arena_drop(kept->arena);
  kept = request;
  request->on_release = on_release;
  cro_arena_hold(request->arena);
}

static void on_drain(cro_response *response, int err)
{
  (void)response;
  drained = err != 0 ? err : drained + 1;
}

static void stream(h1_rig *self, cro_request *request)
{
  later(self, request);
  request->response->streams = true;
  request->response->on_drain = on_drain;
  h1_rig_answer(self, request);
}

static void stream_five(h1_rig *self, cro_request *request)
{
  request->response->length = 5;
  stream(self, request);
}

static void at_once(h1_rig *self, cro_request *request)
{
  request->response->body = CRO_B("now");
  h1_rig_answer(self, request);
}

static int write_part(const char *text)
{
  return kept->response->ops->write(kept->response, cro_bytes_of(text));
}

static int end_stream(void)
{
  return kept->response->ops->end(kept->response);
}

static void answer_kept(const char *body)
{
  kept->response->body = cro_bytes_of(body);
  h1_rig_answer(&rig, kept);
  h1_rig_turn(&rig);
}

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
  CHECK_INT(CRO_E_EOF, end_stream());
  CHECK(strcmp(rig.end, "abort") == 0);
  CHECK_INT(CRO_E_EOF, released);
  close_rig();
}

static void an_aborted_stream_is_a_reset(void)
{
  open_rig();
  rig.handler = stream;
  feed(GET);
  kept->response->ops->abort(kept->response);
  CHECK(strcmp(rig.end, "abort") == 0);
  CHECK_INT(CRO_E_CANCELLED, released);
  CHECK_INT(CRO_E_CANCELLED, drained);
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

static void a_full_sink_tells_the_stream_and_then_drains(void)
{
  open_rig();
  rig.handler = stream;
  feed(GET);
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

/* --- request bodies -----------------------------------------------------------------
 */

static void an_early_answer_closes_and_never_parses_the_body(void)
{
  open_rig();
  rig.handler = at_once;
  feed("POST / HTTP/1.1\r\n" HOST "Content-Length: 100\r\n\r\nabc");
  CHECK(wrote("Connection: close"));
  check_end("200 linger");
  feed(GET);
  CHECK_INT(1, rig.requests);
  h1_rig_advance(&rig, 1999);
  check_end("200 linger");
  h1_rig_advance(&rig, 1);
  check_end("200 close");
  close_rig();
}

static void an_arrived_body_nobody_reads_keeps_the_connection(void)
{
  open_rig();
  rig.handler = at_once;
  feed("POST / HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc" GET);
  check_end("200 200 open");
  CHECK(!wrote("Connection: close"));
  close_rig();
}

static void lingering_throws_away_so_much_and_no_more(void)
{
  char *block = calloc(1, 65536);

  open_rig();
  feed("BAD\r\n");
  h1_rig_feed(&rig, (cro_bytes){ block, 65536 }, 0);
  check_end("400 linger");
  h1_rig_feed(&rig, (cro_bytes){ block, 1 }, 0);
  check_end("400 close");
  free(block);
  close_rig();
}

static void lingering_ends_when_the_peer_leaves(void)
{
  open_rig();
  feed("BAD\r\n");
  h1_rig_eof(&rig);
  check_end("400 close");
  close_rig();
}

static void continue_is_said_when_the_body_is_wanted(void)
{
  open_rig();
  rig.handler = later;
  feed("POST / HTTP/1.1\r\n" HOST "Content-Length: 3\r\nExpect: 100-continue\r\n\r\n");
  CHECK_INT(0, rig.out.len);
  CHECK_INT(CRO_WAIT_NOTHING, rig.what);
  h1_rig_advance(&rig, 1000000);
  CHECK_INT(0, cro_body_want(&kept->body, 10, 10));
  CHECK_TEXT("HTTP/1.1 100 Continue\r\n\r\n", cro_buf_bytes(&rig.out));
  CHECK_INT(CRO_WAIT_BODY, rig.what);
  feed("abc");
  answer_kept("x");
  check_end("100 200 open");
  close_rig();
}

static void a_body_over_its_limit_gets_no_continue(void)
{
  open_rig();
  rig.handler = later;
  feed("POST / HTTP/1.1\r\n" HOST "Content-Length: 9\r\nExpect: 100-continue\r\n\r\n");
  CHECK_INT(CRO_E_LIMIT, cro_body_want(&kept->body, 8, 10));
  kept->response->status = 413;
  answer_kept("x");
  CHECK(wrote("Connection: close"));
  check_end("413 linger");
  close_rig();
}

static void a_body_that_did_not_wait_gets_no_continue(void)
{
  open_rig();
  feed("POST / HTTP/1.1\r\n" HOST
       "Content-Length: 3\r\nExpect: 100-continue\r\n\r\nabc");
  check_end("200 open");
  close_rig();
}

static void a_full_body_stops_the_reading_until_it_is_taken(void)
{
  char block[100];
  cro_buf taken = { 0 };

  memset(block, 'x', sizeof block);
  open_rig();
  rig.handler = later;
  feed("POST / HTTP/1.1\r\n" HOST "Content-Length: 250\r\n\r\n");
  CHECK_INT(0, cro_body_want(&kept->body, 1000, 100));
  h1_rig_feed(&rig, (cro_bytes){ block, 99 }, 0);
  CHECK(!rig.source_full);
  h1_rig_feed(&rig, (cro_bytes){ block, 1 }, 0);
  CHECK(rig.source_full);
  CHECK_INT(CRO_WAIT_NOTHING, rig.what);
  h1_rig_advance(&rig, 1000000); /* it is not the peer that is slow */
  cro_body_take(&kept->body, &taken);
  h1_rig_turn(&rig);
  CHECK_INT(100, taken.len);
  CHECK(!rig.source_full);
  h1_rig_feed(&rig, (cro_bytes){ block, 100 }, 0);
  cro_body_take(&kept->body, &taken);
  h1_rig_turn(&rig);
  h1_rig_feed(&rig, (cro_bytes){ block, 50 }, 0);
  CHECK_INT(CRO_BODY_ENDED, kept->body.state);
  answer_kept("x");
  check_end("200 open");
  cro_buf_free(&taken);
  close_rig();
}

static void a_chunked_body_over_the_limit_fails_for_its_reader(void)
{
  open_rig();
  rig.handler = later;
  feed("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
  CHECK_INT(0, cro_body_want(&kept->body, 5, 100));
  feed("3\r\ndef\r\n");
  CHECK_INT(CRO_BODY_FAILED, kept->body.state);
  CHECK_INT(CRO_E_LIMIT, kept->body.err);
  CHECK(rig.source_full);
  kept->response->status = 413;
  answer_kept("x");
  check_end("413 linger");
  CHECK(!rig.source_full);
  close_rig();
}

static void a_body_that_breaks_is_a_400_while_the_handler_waits(void)
{
  open_rig();
  rig.handler = later;
  feed("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
  feed("nonsense");
  check_end("400 linger");
  CHECK_INT(CRO_E_PROTOCOL, released);
  CHECK_INT(CRO_E_PROTOCOL, kept->body.err);
  CHECK_INT(CRO_E_PROTOCOL, rig.failed);
  answer_kept("too late");
  check_end("400 linger");
  close_rig();
}

static void a_body_that_breaks_under_a_stream_fails_for_its_reader_only(void)
{
  open_rig();
  rig.handler = stream;
  feed("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
  feed("nonsense");
  CHECK_INT(CRO_E_PROTOCOL, kept->body.err);
  CHECK_INT(0, released);
  CHECK_INT(0, write_part("a"));
  CHECK_INT(0, end_stream());
  CHECK(strcmp(rig.end, "linger") == 0);
  close_rig();
}

static void trailers_are_not_there_before_they_are_complete(void)
{
  open_rig();
  rig.handler = later;
  feed("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0\r\nX-T: v\r\n");
  CHECK_INT(0, kept->trailers.count);
  feed("\r\n");
  CHECK_INT(1, kept->trailers.count);
  CHECK_TEXT("v", kept->trailers.at[0].value);
  answer_kept("x");
  check_end("200 open");
  close_rig();
}

/* --- the peer's end
 * ------------------------------------------------------------------- */

static void a_peer_that_ends_between_requests_is_closed(void)
{
  open_rig();
  feed(GET);
  h1_rig_eof(&rig);
  check_end("200 close");
  close_rig();
}

static void a_peer_that_ends_after_its_request_is_answered(void)
{
  open_rig();
  rig.handler = later;
  feed(GET);
  h1_rig_eof(&rig);
  check_end("open");
  answer_kept("x");
  CHECK(wrote("Connection: close"));
  check_end("200 close");
  close_rig();
}

static void a_peer_that_ends_after_pipelining_is_answered_in_full(void)
{
  open_rig();
  rig.handler = later;
  feed(GET GET);
  h1_rig_eof(&rig);
  answer_kept("x");
  check_end("200 open");
  answer_kept("y");
  check_end("200 200 close");
  close_rig();
}

static void a_peer_that_ends_inside_a_head_gets_a_400(void)
{
  open_rig();
  feed("GET / HTT");
  h1_rig_eof(&rig);
  check_end("400 close");
  close_rig();
}

static void a_peer_that_ends_inside_a_body_gets_a_400(void)
{
  open_rig();
  rig.handler = later;
  feed("POST / HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nab");
  h1_rig_eof(&rig);
  check_end("400 close");
  CHECK_INT(CRO_E_EOF, released);
  close_rig();
}

static void a_reset_abandons_the_answer(void)
{
  open_rig();
  rig.handler = stream;
  feed(GET);
  rig.source.next->ops->fail(rig.source.next, CRO_E_RESET);
  CHECK_INT(CRO_E_RESET, released);
  CHECK_INT(CRO_E_RESET, drained);
  CHECK_INT(CRO_E_RESET, rig.failed);
  close_rig();
}

/* --- time
 * ------------------------------------------------------------------------------ */

static void a_connection_without_a_byte_is_closed_without_a_word(void)
{
  open_rig();
  CHECK_INT(CRO_WAIT_HEADER, rig.what);
  h1_rig_advance(&rig, 9999);
  check_end("open");
  h1_rig_advance(&rig, 1);
  check_end("close");
  close_rig();
}

static void slowloris_gets_a_408_however_often_it_sends(void)
{
  open_rig();
  feed("GET / HTTP/1.1\r\n");
  for (int i = 0; i < 9; i++) {
    h1_rig_advance(&rig, 1000);
    feed("X: y\r\n");
  }
  check_end("open");
  h1_rig_advance(&rig, 1000);
  check_end("408 linger");
  CHECK_INT(408, rig.refused);
  close_rig();
}

static void the_next_head_has_its_time_from_its_first_byte(void)
{
  open_rig();
  feed(GET);
  CHECK_INT(CRO_WAIT_KEEPALIVE, rig.what);
  h1_rig_advance(&rig, 59999);
  feed("G");
  h1_rig_advance(&rig, 9999);
  check_end("200 open");
  h1_rig_advance(&rig, 1);
  check_end("200 408 linger");
  close_rig();
}

static void an_idle_connection_is_closed(void)
{
  open_rig();
  feed(GET);
  h1_rig_advance(&rig, 60000);
  check_end("200 close");
  close_rig();
}

static void a_body_that_stops_is_a_408(void)
{
  open_rig();
  rig.handler = later;
  feed("POST / HTTP/1.1\r\n" HOST "Content-Length: 100000\r\n\r\nab");
  h1_rig_advance(&rig, 29999);
  check_end("open");
  h1_rig_advance(&rig, 1);
  check_end("408 linger");
  CHECK_INT(CRO_E_TIMEOUT, kept->body.err);
  close_rig();
}

static void rudy_a_body_that_trickles_is_a_408(void)
{
  open_rig();
  rig.handler = later;
  feed("POST / HTTP/1.1\r\n" HOST "Content-Length: 100000\r\n\r\n");
  for (int i = 0; i < 5; i++) {
    h1_rig_advance(&rig, 1000);
    feed("x");
  }
  check_end("open");
  h1_rig_advance(&rig, 1);
  feed("x");
  check_end("408 linger");
  close_rig();
}

static void a_request_has_a_time_in_all(void)
{
  char block[1000];

  memset(block, 'x', sizeof block);
  open_rig();
  rig.handler = later;
  feed("POST / HTTP/1.1\r\n" HOST "Content-Length: 1000000\r\n\r\n");
  CHECK_INT(0, cro_body_want(&kept->body, 1000000, 1000000));
  for (int i = 0; i < 299; i++) {
    h1_rig_advance(&rig, 1000);
    h1_rig_feed(&rig, (cro_bytes){ block, sizeof block }, 0);
  }
  check_end("open");
  CHECK_INT(CRO_WAIT_REQUEST, rig.what);
  h1_rig_advance(&rig, 1000);
  check_end("408 linger");
  close_rig();
}

static void a_waiting_handler_has_no_deadline_of_ours(void)
{
  open_rig();
  rig.handler = later;
  feed(GET);
  CHECK_INT(CRO_WAIT_NOTHING, rig.what);
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

TEST_MAIN(
    CASE(trailers_are_not_there_before_they_are_complete),
    CASE(a_later_answer_finds_the_head_kept),
    CASE(a_head_is_kept_for_whoever_holds_it_after_the_answer),
    CASE(a_pipelined_request_waits_for_the_answer_before_it),
    CASE(pipelined_input_is_bounded), CASE(a_full_sink_holds_the_next_request_back),
    CASE(the_connection_ends_after_so_many_requests),
    CASE(a_complete_answer_is_one_piece),
    CASE(keep_alive_is_announced_to_those_who_ask),
    CASE(head_has_the_length_and_no_body), CASE(statuses_without_content_have_none),
    CASE(an_unusable_status_is_a_500), CASE(an_unregistered_status_has_a_phrase),
    CASE(cve_2016_2216_a_reason_cannot_split_the_answer),
    CASE(cve_2023_23936_headers_cannot_be_split), CASE(a_huge_head_goes_out_whole),
    CASE(a_stream_without_a_length_is_chunked),
    CASE(a_large_chunk_is_not_copied_beside_its_size),
    CASE(http_1_0_gets_a_stream_until_close),
    CASE(a_stream_of_known_length_agrees_with_it),
    CASE(a_stream_that_ends_short_is_a_reset), CASE(an_aborted_stream_is_a_reset),
    CASE(head_swallows_a_stream), CASE(a_full_sink_tells_the_stream_and_then_drains),
    CASE(who_ignores_full_is_stopped), CASE(a_broken_sink_ends_everything),
    CASE(an_early_answer_closes_and_never_parses_the_body),
    CASE(an_arrived_body_nobody_reads_keeps_the_connection),
    CASE(lingering_throws_away_so_much_and_no_more),
    CASE(lingering_ends_when_the_peer_leaves),
    CASE(continue_is_said_when_the_body_is_wanted),
    CASE(a_body_over_its_limit_gets_no_continue),
    CASE(a_body_that_did_not_wait_gets_no_continue),
    CASE(a_full_body_stops_the_reading_until_it_is_taken),
    CASE(a_chunked_body_over_the_limit_fails_for_its_reader),
    CASE(a_body_that_breaks_is_a_400_while_the_handler_waits),
    CASE(a_body_that_breaks_under_a_stream_fails_for_its_reader_only),
    CASE(a_peer_that_ends_between_requests_is_closed),
    CASE(a_peer_that_ends_after_its_request_is_answered),
    CASE(a_peer_that_ends_after_pipelining_is_answered_in_full),
    CASE(a_peer_that_ends_inside_a_head_gets_a_400),
    CASE(a_peer_that_ends_inside_a_body_gets_a_400), CASE(a_reset_abandons_the_answer),
    CASE(a_connection_without_a_byte_is_closed_without_a_word),
    CASE(slowloris_gets_a_408_however_often_it_sends),
    CASE(the_next_head_has_its_time_from_its_first_byte),
    CASE(an_idle_connection_is_closed), CASE(a_body_that_stops_is_a_408),
    CASE(rudy_a_body_that_trickles_is_a_408), CASE(a_request_has_a_time_in_all),
    CASE(a_waiting_handler_has_no_deadline_of_ours),
    CASE(draining_closes_an_idle_connection_now),
    CASE(draining_lets_the_current_answer_finish),
    CASE(after_101_the_connection_carries_bytes))
