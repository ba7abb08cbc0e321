/* Windows, limits of streams, cancelling, GOAWAY and the other ends of a client. */
#include "base/alloc.h"
#include "base/err.h"
#include "support/h2_client_rig.h"
#include "support/test.h"

#include <stdio.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define HEAD(id) "HEADERS " id " es :method=GET :scheme=https :path=/ :authority=h\n"

static void mute(h2_peer *peer, cro_request *request)
{
  (void)peer;
  (void)request;
}

static void answer(cro_request *request)
{
  char line[64];

  snprintf(line, sizeof line, "headers %d eh ok", request->stream);
  h2c_play(line);
}

static void feed_data(int32_t id, size_t bytes)
{
  char line[64];

  for (; bytes > 0; bytes -= bytes < 16384 ? bytes : 16384) {
    snprintf(line, sizeof line, "data %d fill:%zu", id, bytes < 16384 ? bytes : 16384);
    h2c_play(line);
  }
}

static void take(cro_request *request)
{
  cro_buf taken = { 0 };

  cro_body_take(request->response->incoming, &taken);
  cro_buf_free(&taken);
  peer_turn(&h2c.peer);
}

/* --- windows -------------------------------------------------------------------------
 */

static void the_server_may_send_what_has_been_taken(void)
{
  cro_request *request;

  h2c_open();
  h2c.peer.handler = mute;
  request = h2c_ask(CRO_GET, 0);
  answer(request);
  peer_forget(&h2c.peer);
  feed_data(1, 65536);
  CHECK_PEER("", &h2c.peer);
  CHECK_INT(65536, request->response->incoming->held.len);
  take(request);
  CHECK_PEER("WINDOW_UPDATE 1 65536\n", &h2c.peer);
  feed_data(1, 30000);
  take(request);
  CHECK_PEER("", &h2c.peer);
  feed_data(1, 10000);
  take(request);
  CHECK_PEER("WINDOW_UPDATE 1 40000\n", &h2c.peer);
  peer_drop(request);
  h2c_close();
}

static void more_than_the_window_ends_the_stream(void)
{
  cro_request *request;

  h2c_open();
  h2c.peer.handler = mute;
  request = h2c_ask(CRO_GET, 0);
  answer(request);
  peer_forget(&h2c.peer);
  feed_data(1, 65537);
  CHECK_PEER("RST_STREAM 1 FLOW_CONTROL_ERROR\n", &h2c.peer);
  CHECK_LOG("1: protocol\n", &h2c.peer);
  CHECK(peer_is_open(&h2c.peer));
  peer_drop(request);
  h2c_close();
}

static void a_reader_with_more_room_widens_the_window(void)
{
  cro_request *request;

  h2c_open();
  h2c.peer.handler = mute;
  request = h2c_ask(CRO_GET, 0);
  answer(request);
  peer_forget(&h2c.peer);
  CHECK_INT(0, cro_body_want(request->response->incoming, UINT64_MAX, 200000));
  feed_data(1, 65536);
  CHECK_PEER("WINDOW_UPDATE 1 32768\nWINDOW_UPDATE 1 32768\n", &h2c.peer);
  feed_data(1, 65536);
  CHECK_PEER("WINDOW_UPDATE 1 32768\nWINDOW_UPDATE 1 32768\n", &h2c.peer);
  feed_data(1, 65536); /* 200000 - 65536 are free, the rest is debt */
  CHECK_PEER("", &h2c.peer);
  CHECK_INT(3 * 65536, request->response->incoming->held.len);
  peer_drop(request);
  h2c_close();
}

/* The connection's window is given back for what nobody reads any more. */
static void a_body_that_ended_does_not_hold_up_the_others(void)
{
  char line[64];

  h2c_open();
  h2c.peer.handler = mute;
  for (int id = 1; id < 1 + 2 * 40; id += 2) { /* 2.5 MiB in all */
    CHECK_INT(0, h2c_get("/"));
    snprintf(line, sizeof line, "headers %d eh ok", id);
    h2c_play(line);
    feed_data(id, 65535);
    snprintf(line, sizeof line, id % 4 == 1 ? "data %d es" : "rst %d u32:8", id);
    h2c_play(line);
  }
  CHECK_INT(40, h2c.peer.released);
  CHECK(peer_is_open(&h2c.peer));
  h2c_close();
}

static void a_cancelled_body_is_thrown_away_at_no_cost_to_the_window(void)
{
  cro_request *request;

  h2c_open();
  h2c.peer.handler = mute;
  request = h2c_ask(CRO_GET, 0);
  answer(request);
  feed_data(1, 60000);
  peer_forget(&h2c.peer);
  cro_h2_client_cancel(request);
  CHECK_LOG("1: cancelled\n", &h2c.peer);
  CHECK_INT(NGHTTP2_CANCEL, cro_h2_client_code(request));
  peer_turn(&h2c.peer);
  CHECK_PEER("RST_STREAM 1 CANCEL\n", &h2c.peer);
  for (int i = 0; i < 70; i++) /* what was on its way, and far more: 4 MiB */
    feed_data(1, 60000);
  CHECK(peer_is_open(&h2c.peer));
  peer_drop(request);
  h2c_close();
}

/* --- streams -------------------------------------------------------------------------
 */

static void requests_over_the_servers_limit_wait(void)
{
  h2c_open();
  h2c_play("settings 0 u16:3 u32:2");
  peer_forget(&h2c.peer);
  CHECK_INT(0, h2c_get("/"));
  CHECK_INT(0, h2c_get("/"));
  CHECK(!cro_h2_client_ready(h2c.client));
  CHECK_INT(CRO_FULL, h2c_get("/"));
  CHECK_INT(CRO_FULL, h2c_get("/"));
  CHECK_PEER(HEAD("1") HEAD("3"), &h2c.peer);
  CHECK_INT(4, cro_h2_client_open(h2c.client));
  h2c_play("headers 3 eh es ok");
  CHECK_PEER(HEAD("5"), &h2c.peer);
  h2c_play("settings 0 u16:3 u32:100");
  CHECK_PEER("SETTINGS ack\n" HEAD("7"), &h2c.peer);
  CHECK(cro_h2_client_ready(h2c.client));
  h2c_close();
}

static void only_so_many_wait(void)
{
  CHECK(h2c_make());
  h2c.config.waiting = 2;
  h2c_start();
  h2c_play("settings 0 u16:3 u32:0");
  CHECK_INT(CRO_FULL, h2c_get("/"));
  CHECK_INT(CRO_FULL, h2c_get("/"));
  CHECK_INT(CRO_E_AGAIN, h2c_get("/"));
  CHECK_INT(2, cro_h2_client_open(h2c.client));
  CHECK_INT(0, h2c.peer.released);
  h2c_close();
  CHECK_INT(2, h2c.peer.released);
}

static void a_waiting_request_can_be_cancelled(void)
{
  cro_request *request;

  h2c_open();
  h2c_play("settings 0 u16:3 u32:0");
  peer_forget(&h2c.peer);
  request = peer_request(&h2c.peer, CRO_GET, "/");
  CHECK_INT(CRO_FULL, peer_ask(&h2c.peer, request));
  cro_h2_client_cancel(request);
  cro_h2_client_cancel(request);
  CHECK_LOG("0: cancelled\n", &h2c.peer);
  CHECK_INT(0, cro_h2_client_open(h2c.client));
  h2c_play("settings 0 u16:3 u32:1");
  CHECK_PEER("SETTINGS ack\n", &h2c.peer);
  peer_drop(request);
  h2c_close();
}

static void a_request_cancelled_in_its_turn_is_never_sent(void)
{
  cro_request *request;

  h2c_open();
  request = peer_request(&h2c.peer, CRO_GET, "/");
  CHECK_INT(0, cro_emit(&h2c.peer.caller, request));
  cro_h2_client_cancel(request);
  peer_turn(&h2c.peer);
  CHECK_PEER("", &h2c.peer);
  CHECK_LOG("1: cancelled\n", &h2c.peer);
  peer_drop(request);
  CHECK_INT(0, h2c_get("/"));
  CHECK_PEER(HEAD("3"), &h2c.peer);
  h2c_close();
}

static void cancel_in_handler(h2_peer *peer, cro_request *request)
{
  (void)peer;
  cro_h2_client_cancel(request);
}

static void a_request_can_be_cancelled_where_its_answer_is_emitted(void)
{
  h2c_open();
  h2c.peer.handler = cancel_in_handler;
  CHECK_INT(0, h2c_get("/"));
  CHECK_INT(0, h2c_get("/"));
  peer_forget(&h2c.peer);
  h2c_play("headers 1 eh ok; data 1 'a'; headers 3 eh es ok");
  CHECK_LOG("1: cancelled\n", &h2c.peer); /* the other was complete by then */
  CHECK_PEER("RST_STREAM 1 CANCEL\n", &h2c.peer);
  CHECK_INT(2, h2c.peer.released);
  h2c_close();
}

static void cancel_in_body(cro_body *body)
{
  cro_response *response = body->reader;

  body->on_change = NULL;
  cro_h2_client_cancel(response->request);
}

static void read_to_cancel(h2_peer *peer, cro_request *request)
{
  cro_body *body = request->response->incoming;

  (void)peer;
  body->reader = request->response;
  body->on_change = cancel_in_body;
}

static void a_request_can_be_cancelled_by_the_reader_of_its_body(void)
{
  h2c_open();
  h2c.peer.handler = read_to_cancel;
  CHECK_INT(0, h2c_get("/"));
  h2c_play("headers 1 eh ok");
  peer_forget(&h2c.peer);
  h2c_play("data 1 'a'; data 1 'b'; data 1 es 'c'");
  CHECK_LOG("1: cancelled\n", &h2c.peer);
  CHECK_PEER("RST_STREAM 1 CANCEL\n", &h2c.peer);
  h2c_close();
}

static void ask_again(cro_request *request, int err)
{
  h2_peer *peer = request->user;
  cro_request *next;

  CHECK_INT(CRO_E_AGAIN, err);
  peer->released++;
  next = peer_request(peer, CRO_GET, "/");
  CHECK_INT(0, cro_emit(&peer->caller, next));
  peer_drop(next);
}

static void a_refused_request_can_be_asked_again_where_it_is_released(void)
{
  cro_request *request;

  h2c_open();
  request = peer_request(&h2c.peer, CRO_GET, "/");
  request->on_release = ask_again;
  CHECK_INT(0, peer_ask(&h2c.peer, request));
  peer_drop(request);
  peer_forget(&h2c.peer);
  h2c_play("rst 1 u32:7");
  CHECK_PEER(HEAD("3"), &h2c.peer);
  h2c_play("headers 3 eh es ok");
  CHECK_LOG("3: 200\n", &h2c.peer);
  h2c_close();
}

static void a_server_that_takes_back_its_streams_is_obeyed(void)
{
  h2c_open();
  CHECK_INT(0, h2c_get("/"));
  CHECK_INT(0, h2c_get("/"));
  h2c_play("settings 0 u16:3 u32:1");
  peer_forget(&h2c.peer);
  CHECK_INT(CRO_FULL, h2c_get("/"));
  h2c_play("headers 1 eh es ok");
  CHECK_PEER("", &h2c.peer);
  h2c_play("headers 3 eh es ok");
  CHECK_PEER(HEAD("5"), &h2c.peer);
  h2c_close();
}

/* --- the end of the connection -------------------------------------------------------
 */

static void after_goaway_what_the_server_has_taken_goes_on(void)
{
  h2c_open();
  h2c_play("settings 0 u16:3 u32:3");
  for (int i = 0; i < 3; i++)
    CHECK_INT(0, h2c_get("/"));
  CHECK_INT(CRO_FULL, h2c_get("/"));
  peer_forget(&h2c.peer);
  h2c_play("goaway 0 u31:1 u32:0");
  CHECK_LOG("0: again\n3: again\n5: again\n", &h2c.peer);
  CHECK(!cro_h2_client_ready(h2c.client));
  CHECK_INT(CRO_E_CLOSED, h2c_get("/"));
  CHECK(peer_is_open(&h2c.peer));
  h2c_play("headers 1 eh ok; data 1 es 'x'");
  CHECK_LOG("1: 200 [x]\n", &h2c.peer);
  CHECK_TEXT("close", cro_bytes_of(h2c.peer.end));
  h2c_close();
}

static void a_notice_of_goaway_ends_nothing(void)
{
  h2c_open();
  CHECK_INT(0, h2c_get("/"));
  h2c_play("goaway 0 u31:0x7fffffff u32:0");
  CHECK(!cro_h2_client_ready(h2c.client));
  CHECK_LOG("", &h2c.peer);
  h2c_play("goaway 0 u31:1 u32:0; headers 1 eh es ok");
  CHECK_LOG("1: 200\n", &h2c.peer);
  CHECK_TEXT("close", cro_bytes_of(h2c.peer.end));
  h2c_close();
}

static void goaway_on_an_idle_connection_closes_it(void)
{
  h2c_open();
  h2c_play("goaway 0 u31:0 u32:0");
  CHECK_TEXT("close", cro_bytes_of(h2c.peer.end));
  CHECK_INT(CRO_E_CLOSED, h2c_get("/"));
  h2c_close();
}

static void the_client_ends_when_what_runs_has_ended(void)
{
  h2c_open();
  h2c_play("settings 0 u16:3 u32:1");
  CHECK_INT(0, h2c_get("/"));
  CHECK_INT(CRO_FULL, h2c_get("/"));
  peer_forget(&h2c.peer);
  cro_h2_client_end(h2c.client);
  peer_turn(&h2c.peer);
  CHECK_LOG("0: again\n", &h2c.peer);
  CHECK_PEER("GOAWAY last=0 NO_ERROR\n", &h2c.peer);
  CHECK_INT(CRO_E_CLOSED, h2c_get("/"));
  h2c_play("headers 1 eh es ok");
  CHECK_LOG("1: 200\n", &h2c.peer);
  CHECK_TEXT("close", cro_bytes_of(h2c.peer.end));
  h2c_close();
}

static void a_lost_connection_ends_every_exchange(void)
{
  static const int errs[] = { CRO_E_EOF, CRO_E_RESET };

  for (size_t i = 0; i < COUNT(errs); i++) {
    h2c_open();
    h2c_play("settings 0 u16:3 u32:2");
    CHECK_INT(0, h2c_get("/"));
    CHECK_INT(0, h2c_get("/"));
    CHECK_INT(CRO_FULL, h2c_get("/"));
    h2c_play("headers 1 eh ok; data 1 'a'");
    peer_forget(&h2c.peer);
    if (errs[i] == CRO_E_EOF)
      peer_eof(&h2c.peer);
    else
      peer_fail(&h2c.peer, CRO_E_RESET);
    CHECK_LOG(i == 0 ? "1: 200 [a] broken: eof\n1: eof\n3: eof\n0: again\n"
                     : "1: 200 [a] broken: reset\n1: reset\n3: reset\n0: again\n",
              &h2c.peer);
    CHECK_INT(i == 0, h2c.peer.finished);
    CHECK_INT(i == 0 ? 0 : CRO_E_RESET, h2c.peer.failed);
    CHECK_INT(CRO_E_CLOSED, h2c_get("/"));
    h2c_close();
  }
}

static void what_was_never_written_may_be_sent_again(void)
{
  h2c_open();
  h2c.peer.sink_full = true;
  CHECK_INT(0, h2c_get("/"));
  CHECK_INT(0, h2c_get("/"));
  peer_fail(&h2c.peer, CRO_E_RESET);
  CHECK_LOG("1: reset\n3: again\n", &h2c.peer);
  h2c_close();
}

static void a_sink_that_breaks_ends_every_exchange(void)
{
  h2c_open();
  CHECK_INT(0, h2c_get("/"));
  h2c.peer.sink_err = CRO_E_PIPE;
  CHECK_INT(0, h2c_get("/"));
  CHECK_LOG("1: broken_pipe\n3: broken_pipe\n", &h2c.peer);
  CHECK_TEXT("abort", cro_bytes_of(h2c.peer.end));
  h2c_close();
}

static void a_protocol_error_ends_every_exchange(void)
{
  h2c_open();
  CHECK_INT(0, h2c_get("/"));
  peer_forget(&h2c.peer);
  h2c_play("headers 1 eh ok; data 1 'a'; data 0 'b'");
  CHECK_LOG("1: 200 [a] broken: protocol\n1: protocol\n", &h2c.peer);
  CHECK_PEER("GOAWAY last=0 PROTOCOL_ERROR\n", &h2c.peer);
  CHECK_TEXT("close", cro_bytes_of(h2c.peer.end));
  CHECK_INT(CRO_E_PROTOCOL, h2c.peer.failed);
  h2c_close();
}

static void what_is_no_http2_is_found_out(void)
{
  h2c_open();
  h2c_close();
  CHECK(h2c_make());
  peer_call(&h2c.peer, cro_h2_client_reader(h2c.client),
            cro_h2_client_writer(h2c.client));
  cro_h2_client_start(h2c.client);
  CHECK_INT(0, h2c_get("/"));
  h2c_play("raw 'HTTP/1.1 400 Bad Request'");
  CHECK_LOG("1: protocol\n", &h2c.peer);
  CHECK_TEXT("close", cro_bytes_of(h2c.peer.end));
  h2c_close();
}

/* --- time ----------------------------------------------------------------------------
 */

static void a_server_that_does_not_acknowledge_settings_is_left(void)
{
  CHECK(h2c_make());
  peer_call(&h2c.peer, cro_h2_client_reader(h2c.client),
            cro_h2_client_writer(h2c.client));
  cro_h2_client_start(h2c.client);
  CHECK_INT(0, h2c_get("/"));
  h2c_play("settings 0");
  peer_forget(&h2c.peer);
  peer_advance(&h2c.peer, 9999);
  CHECK(peer_is_open(&h2c.peer));
  peer_advance(&h2c.peer, 1);
  CHECK_PEER("GOAWAY last=0 SETTINGS_TIMEOUT\n", &h2c.peer);
  CHECK_LOG("1: timeout\n", &h2c.peer);
  CHECK_TEXT("close", cro_bytes_of(h2c.peer.end));
  h2c_close();
}

static void a_silent_server_is_asked_and_then_left(void)
{
  CHECK(h2c_make());
  h2c.config.ping = 1000;
  h2c.config.ping_answer = 500;
  h2c_start();
  peer_advance(&h2c.peer, 5000); /* nothing runs: nothing is asked */
  CHECK_PEER("", &h2c.peer);
  CHECK_INT(0, h2c_get("/"));
  peer_forget(&h2c.peer);
  peer_advance(&h2c.peer, 999);
  CHECK_PEER("", &h2c.peer);
  peer_advance(&h2c.peer, 1);
  CHECK_PEER("PING 0000000000000000\n", &h2c.peer);
  h2c_play("ping 0 ack zeros:8");
  peer_advance(&h2c.peer, 999);
  CHECK_PEER("", &h2c.peer);
  peer_advance(&h2c.peer, 1);
  CHECK_PEER("PING 0000000000000000\n", &h2c.peer);
  peer_advance(&h2c.peer, 499);
  CHECK(peer_is_open(&h2c.peer));
  peer_advance(&h2c.peer, 1);
  CHECK_LOG("1: timeout\n", &h2c.peer);
  CHECK_TEXT("abort", cro_bytes_of(h2c.peer.end));
  h2c_close();
}

TEST_MAIN(CASE(the_server_may_send_what_has_been_taken),
          CASE(more_than_the_window_ends_the_stream),
          CASE(a_reader_with_more_room_widens_the_window),
          CASE(a_body_that_ended_does_not_hold_up_the_others),
          CASE(a_cancelled_body_is_thrown_away_at_no_cost_to_the_window),
          CASE(requests_over_the_servers_limit_wait), CASE(only_so_many_wait),
          CASE(a_waiting_request_can_be_cancelled),
          CASE(a_request_cancelled_in_its_turn_is_never_sent),
          CASE(a_request_can_be_cancelled_where_its_answer_is_emitted),
          CASE(a_request_can_be_cancelled_by_the_reader_of_its_body),
          CASE(a_refused_request_can_be_asked_again_where_it_is_released),
          CASE(a_server_that_takes_back_its_streams_is_obeyed),
          CASE(after_goaway_what_the_server_has_taken_goes_on),
          CASE(a_notice_of_goaway_ends_nothing),
          CASE(goaway_on_an_idle_connection_closes_it),
          CASE(the_client_ends_when_what_runs_has_ended),
          CASE(a_lost_connection_ends_every_exchange),
          CASE(what_was_never_written_may_be_sent_again),
          CASE(a_sink_that_breaks_ends_every_exchange),
          CASE(a_protocol_error_ends_every_exchange),
          CASE(what_is_no_http2_is_found_out),
          CASE(a_server_that_does_not_acknowledge_settings_is_left),
          CASE(a_silent_server_is_asked_and_then_left))
