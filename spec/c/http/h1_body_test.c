#include "base/err.h"
#include "support/h1_play.h"
#include "support/test.h"

#include <stdlib.h>

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

TEST_MAIN(CASE(an_early_answer_closes_and_never_parses_the_body),
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
          CASE(trailers_are_not_there_before_they_are_complete),
          CASE(a_peer_that_ends_between_requests_is_closed),
          CASE(a_peer_that_ends_after_its_request_is_answered),
          CASE(a_peer_that_ends_after_pipelining_is_answered_in_full),
          CASE(a_peer_that_ends_inside_a_head_gets_a_400),
          CASE(a_peer_that_ends_inside_a_body_gets_a_400),
          CASE(a_reset_abandons_the_answer),
          CASE(a_connection_without_a_byte_is_closed_without_a_word),
          CASE(slowloris_gets_a_408_however_often_it_sends),
          CASE(the_next_head_has_its_time_from_its_first_byte),
          CASE(an_idle_connection_is_closed), CASE(a_body_that_stops_is_a_408),
          CASE(rudy_a_body_that_trickles_is_a_408), CASE(a_request_has_a_time_in_all),
          CASE(a_waiting_handler_has_no_deadline_of_ours))
