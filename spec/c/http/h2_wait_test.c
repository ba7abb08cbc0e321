/* What an HTTP/2 server waits for, and for how long. */
#include "base/err.h"
#include "support/h2_rig.h"
#include "support/test.h"

static void keep(h2_peer *peer, cro_request *request)
{
  peer->user = request;
}

static void open_with(h2_rig *rig, const char *script)
{
  h2_rig_greet(rig);
  rig->peer.handler = keep;
  peer_play(&rig->peer, script);
  peer_forget(&rig->peer);
}

static void nothing_comes(void)
{
  h2_rig rig;

  h2_rig_open(&rig);
  (void)h2_rig_start(&rig);
  peer_turn(&rig.peer);
  peer_forget(&rig.peer);
  peer_advance(&rig.peer, 9999);
  CHECK(peer_is_open(&rig.peer));
  peer_advance(&rig.peer, 1);
  CHECK_PEER("GOAWAY last=0 PROTOCOL_ERROR\n", &rig.peer);
  CHECK_TEXT("close", cro_bytes_of(rig.peer.end));
  h2_rig_close(&rig);
}

static void settings_are_not_acknowledged(void)
{
  h2_rig rig;

  h2_rig_open(&rig);
  (void)h2_rig_start(&rig);
  peer_play(&rig.peer, "preface; settings 0");
  peer_forget(&rig.peer);
  peer_advance(&rig.peer, 9999);
  CHECK(peer_is_open(&rig.peer));
  peer_advance(&rig.peer, 1);
  CHECK_PEER("GOAWAY last=0 SETTINGS_TIMEOUT\n", &rig.peer);
  h2_rig_close(&rig);
}

static void an_idle_connection_is_closed(void)
{
  h2_rig rig;

  h2_rig_greet(&rig);
  peer_advance(&rig.peer, 50000);
  peer_play(&rig.peer, "headers 1 es eh get");
  peer_forget(&rig.peer);
  peer_advance(&rig.peer, 59999);
  CHECK(peer_is_open(&rig.peer));
  peer_advance(&rig.peer, 1);
  CHECK_PEER("GOAWAY last=1 NO_ERROR\n", &rig.peer);
  CHECK_TEXT("close", cro_bytes_of(rig.peer.end));
  h2_rig_close(&rig);
}

static void a_handler_may_take_its_time(void)
{
  h2_rig rig;

  open_with(&rig, "headers 1 es eh get");
  peer_advance(&rig.peer, 3600000);
  CHECK(peer_is_open(&rig.peer));
  CHECK_PEER("", &rig.peer);
  h2_rig_close(&rig);
}

static void a_head_does_not_end(void)
{
  h2_rig rig;

  open_with(&rig, "headers 1 get");
  peer_advance(&rig.peer, 9999);
  CHECK(peer_is_open(&rig.peer));
  peer_advance(&rig.peer, 1);
  CHECK_PEER("GOAWAY last=1 ENHANCE_YOUR_CALM\n", &rig.peer);
  h2_rig_close(&rig);
}

#define TOO_LATE                                                                       \
  "HEADERS 1 :status=408 content-type=text/plain content-length=15\n"                  \
  "DATA 1 es 'Request Timeout'\n"

static void a_body_stops(void)
{
  h2_rig rig;

  open_with(&rig, "headers 1 eh post; data 1 fill:8000");
  peer_advance(&rig.peer, 29999);
  CHECK_PEER("", &rig.peer);
  peer_advance(&rig.peer, 1);
  CHECK_PEER(TOO_LATE, &rig.peer);
  CHECK_INT(408, rig.refused);
  CHECK(peer_is_open(&rig.peer));
  h2_rig_close(&rig);
}

static void a_body_drips(void)
{
  h2_rig rig;
  int seconds = 0;

  open_with(&rig, "headers 1 eh post");
  while (rig.refused < 0 && seconds < 60) {
    peer_advance(&rig.peer, 1000);
    peer_play(&rig.peer, "data 1 fill:200");
    seconds++;
  }
  CHECK_INT(6, seconds); /* its rate counts after five */
  CHECK_PEER(TOO_LATE, &rig.peer);
  h2_rig_close(&rig);
}

/* A byte of each stream's body now and then: only that which is too slow is refused. */
static void a_body_drips_beside_one_that_flows(void)
{
  h2_rig rig;

  open_with(&rig, "headers 1 eh post; headers 3 eh post");
  (void)cro_body_want(&((cro_request *)rig.peer.user)->body, UINT64_MAX, SIZE_MAX);
  for (int i = 0; i < 20; i++) {
    peer_advance(&rig.peer, 1000);
    peer_play(&rig.peer, "data 1 'x'; data 3 fill:300");
  }
  CHECK_PEER(TOO_LATE "RST_STREAM 1 NO_ERROR\n", &rig.peer);
  peer_play(&rig.peer, "data 3 es 'end'");
  CHECK_INT(CRO_BODY_ENDED, ((cro_request *)rig.peer.user)->body.state);
  h2_rig_close(&rig);
}

static void a_body_takes_too_long_in_all(void)
{
  h2_rig rig;
  int seconds = 0;

  open_with(&rig, "headers 1 eh post");
  (void)cro_body_want(&((cro_request *)rig.peer.user)->body, UINT64_MAX, SIZE_MAX);
  while (rig.refused < 0 && seconds < 600) {
    peer_advance(&rig.peer, 1000);
    peer_play(&rig.peer, "data 1 fill:1000");
    seconds++;
  }
  CHECK_INT(300, seconds);
  h2_rig_close(&rig);
}

static void time_with_a_closed_window_is_not_the_peers(void)
{
  cro_buf taken = { 0 };
  h2_rig rig;

  open_with(&rig, "headers 1 eh post; data 1 fill:16384; data 1 fill:16384; "
                  "data 1 fill:16384; data 1 fill:16384");
  peer_advance(&rig.peer, 1000000);
  CHECK_PEER("", &rig.peer);
  cro_body_take(&((cro_request *)rig.peer.user)->body, &taken);
  peer_turn(&rig.peer);
  CHECK_PEER("WINDOW_UPDATE 1 65536\n", &rig.peer);
  peer_advance(&rig.peer, 29999);
  CHECK_PEER("", &rig.peer);
  peer_advance(&rig.peer, 1);
  CHECK_PEER(TOO_LATE, &rig.peer);
  cro_buf_free(&taken);
  h2_rig_close(&rig);
}

static void a_body_is_late_when_the_answer_has_begun(void)
{
  cro_request *request;
  h2_rig rig;

  open_with(&rig, "headers 1 eh post");
  request = rig.peer.user;
  request->response->streams = true;
  (void)peer_answer(&rig.peer, request);
  peer_turn(&rig.peer);
  peer_forget(&rig.peer);
  peer_advance(&rig.peer, 30000);
  CHECK_INT(CRO_BODY_FAILED, request->body.state);
  CHECK_INT(CRO_E_TIMEOUT, request->body.err);
  CHECK_PEER("", &rig.peer);
  CHECK_INT(0, request->response->ops->end(request->response));
  peer_turn(&rig.peer);
  CHECK_PEER("DATA 1 es ''\n", &rig.peer);
  h2_rig_close(&rig);
}

static void big_answer(h2_peer *peer, cro_request *request)
{
  static char block[100000];

  memset(block, 'x', sizeof block);
  request->response->body = (cro_bytes){ block, sizeof block };
  (void)peer_answer(peer, request);
}

static void a_window_that_stays_shut(void)
{
  h2_rig rig;

  h2_rig_greet(&rig);
  rig.peer.handler = big_answer;
  peer_play(&rig.peer, "settings 0 u16:4 u32:10; headers 1 es eh get");
  peer_forget(&rig.peer);
  peer_advance(&rig.peer, 20000);
  peer_play(&rig.peer, "window 1 u31:5");
  CHECK_PEER("DATA 1 'xxxxx'\n", &rig.peer);
  peer_advance(&rig.peer, 10019); /* with five bytes of 240 a second paid */
  CHECK_PEER("", &rig.peer);
  peer_advance(&rig.peer, 2);
  CHECK_PEER("RST_STREAM 1 CANCEL\n", &rig.peer);
  CHECK(peer_is_open(&rig.peer));
  h2_rig_close(&rig);
}

static void the_second_goaway_comes_by_itself(void)
{
  h2_rig rig;

  h2_rig_greet(&rig);
  cro_h2_drain(rig.h2);
  peer_turn(&rig.peer);
  peer_forget(&rig.peer);
  peer_advance(&rig.peer, 999);
  CHECK_PEER("", &rig.peer);
  peer_advance(&rig.peer, 1);
  CHECK_PEER("GOAWAY last=0 NO_ERROR\n", &rig.peer);
  CHECK_TEXT("close", cro_bytes_of(rig.peer.end));
  h2_rig_close(&rig);
}

static void so_many_requests_and_no_more(void)
{
  h2_rig rig;

  h2_rig_open(&rig);
  rig.limits.requests_per_connection = 2;
  (void)h2_rig_start(&rig);
  peer_play(&rig.peer, "preface; settings 0; settings 0 ack");
  peer_forget(&rig.peer);
  peer_play(&rig.peer, "headers 1 es eh get");
  CHECK_PEER("HEADERS 1 :status=200 content-length=2\nDATA 1 es 'hi'\n", &rig.peer);
  peer_play(&rig.peer, "headers 3 es eh get");
  CHECK_PEER("GOAWAY last=2147483647 NO_ERROR\nPING 0000000000000000\n"
             "HEADERS 3 :status=200 content-length=2\nDATA 3 es 'hi'\n",
             &rig.peer);
  peer_play(&rig.peer, "ping 0 ack zeros:8");
  CHECK_PEER("GOAWAY last=3 NO_ERROR\n", &rig.peer);
  CHECK_TEXT("close", cro_bytes_of(rig.peer.end));
  h2_rig_close(&rig);
}

static void a_peer_that_leaves(void)
{
  cro_request *request;
  h2_rig rig;

  open_with(&rig, "headers 1 es eh get");
  request = rig.peer.user;
  cro_arena_hold(request->arena);
  peer_eof(&rig.peer);
  CHECK(peer_is_open(&rig.peer)); /* it may read on */
  (void)peer_answer(&rig.peer, request);
  peer_turn(&rig.peer);
  CHECK_PEER("HEADERS 1 es :status=204\n", &rig.peer);
  CHECK_TEXT("close", cro_bytes_of(rig.peer.end));
  cro_arena_drop(request->arena);
  h2_rig_close(&rig);
}

static void a_peer_that_leaves_inside_a_body(void)
{
  cro_request *request;
  h2_rig rig;

  open_with(&rig, "headers 1 eh post; data 1 'a'");
  request = rig.peer.user;
  peer_eof(&rig.peer);
  CHECK_INT(CRO_BODY_FAILED, request->body.state);
  CHECK_INT(CRO_E_EOF, request->body.err);
  h2_rig_close(&rig);
}

TEST_MAIN(CASE(nothing_comes), CASE(settings_are_not_acknowledged),
          CASE(an_idle_connection_is_closed), CASE(a_handler_may_take_its_time),
          CASE(a_head_does_not_end), CASE(a_body_stops), CASE(a_body_drips),
          CASE(a_body_drips_beside_one_that_flows), CASE(a_body_takes_too_long_in_all),
          CASE(time_with_a_closed_window_is_not_the_peers),
          CASE(a_body_is_late_when_the_answer_has_begun),
          CASE(a_window_that_stays_shut), CASE(the_second_goaway_comes_by_itself),
          CASE(so_many_requests_and_no_more), CASE(a_peer_that_leaves),
          CASE(a_peer_that_leaves_inside_a_body))
