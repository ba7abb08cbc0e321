/* Requests and answers of an HTTP/2 server session. */
#include "base/err.h"
#include "support/h2_rig.h"
#include "support/test.h"

#include <stdio.h>

static void a_session_greets(void)
{
  h2_rig rig;

  h2_rig_open(&rig);
  CHECK(h2_rig_start(&rig));
  peer_turn(&rig.peer);
  CHECK_PEER("SETTINGS 3=100 4=65536 6=16384 9=1\nWINDOW_UPDATE 0 6488065\n",
             &rig.peer);
  peer_play(&rig.peer, "preface; settings 0");
  CHECK_PEER("SETTINGS ack\n", &rig.peer);
  h2_rig_close(&rig);
}

static void a_request_is_answered(void)
{
  h2_rig rig;

  h2_rig_greet(&rig);
  peer_play(&rig.peer, "headers 1 es eh get {x-a: b}");
  CHECK_LOG("GET / @h host=h x-a=b\n", &rig.peer);
  CHECK_PEER("HEADERS 1 :status=200 content-length=2\nDATA 1 es 'hi'\n", &rig.peer);
  CHECK_INT(1, rig.peer.released);
  CHECK(!cro_h2_busy(rig.h2));
  h2_rig_close(&rig);
}

static void a_request_cut_anywhere_is_one_request(void)
{
  h2_text bytes = { 0 };
  h2_rig rig;

  h2_script(&bytes, "preface; settings 0; headers 1 eh post {cookie: a=1} "
                    "{content-length: 4} {cookie: b=2}; data 1 'ab'; data 1 es 'cd'");
  for (size_t step = 1; step <= bytes.len; step += step < 30 ? 1 : 7) {
    h2_rig_open(&rig);
    (void)h2_rig_start(&rig);
    peer_turn(&rig.peer);
    peer_forget(&rig.peer);
    peer_feed(&rig.peer, h2_text_bytes(&bytes), step);
    CHECK_LOG("POST / @h host=h cookie=a=1; b=2 content-length=4 [abcd]\n", &rig.peer);
    CHECK_PEER("SETTINGS ack\nHEADERS 1 :status=200 content-length=2\n"
               "DATA 1 es 'hi'\n",
               &rig.peer);
    h2_rig_close(&rig);
  }
  h2_text_free(&bytes);
}

static void trailers_come_with_the_end(void)
{
  h2_rig rig;

  h2_rig_greet(&rig);
  peer_play(&rig.peer, "headers 1 eh post; data 1 'x'; headers 1 es eh {x-sum: 9} "
                       "{host: evil}");
  CHECK_LOG("POST / @h host=h [x] x-sum=9\n", &rig.peer);
  h2_rig_close(&rig);
}

/* --- answers that stream -------------------------------------------------------------
 */

static void keep(h2_peer *peer, cro_request *request)
{
  cro_arena_hold(request->arena);
  peer->user = request;
}

static cro_request *kept(h2_rig *rig)
{
  return rig->peer.user;
}

static void let_go(h2_rig *rig)
{
  cro_arena_drop(kept(rig)->arena);
}

static cro_response *begin_stream(h2_rig *rig, int64_t length)
{
  cro_response *response = kept(rig)->response;

  response->streams = true;
  response->length = length;
  CHECK_INT(0, peer_answer(&rig->peer, kept(rig)));
  peer_turn(&rig->peer);
  return response;
}

static void open_kept(h2_rig *rig, const char *script)
{
  h2_rig_greet(rig);
  rig->peer.handler = keep;
  peer_play(&rig->peer, script);
}

static void an_answer_streams(void)
{
  cro_response *response;
  h2_rig rig;

  open_kept(&rig, "headers 1 es eh get");
  response = begin_stream(&rig, -1);
  CHECK_PEER("HEADERS 1 :status=200\n", &rig.peer);
  CHECK_INT(0, response->ops->write(response, CRO_B("ab")));
  CHECK_INT(0, response->ops->write(response, CRO_B("cd")));
  peer_turn(&rig.peer);
  CHECK_PEER("DATA 1 'abcd'\n", &rig.peer);
  CHECK_INT(0, cro_response_trailer(response, CRO_B("X-Sum"), CRO_B("7")));
  CHECK_INT(0, response->ops->end(response));
  peer_turn(&rig.peer);
  CHECK_PEER("HEADERS 1 es x-sum=7\n", &rig.peer);
  CHECK(kept(&rig)->gone);
  let_go(&rig);
  h2_rig_close(&rig);
}

static void drained(cro_response *response, int err)
{
  *(int *)response->drain_arg = err == 0 ? 1 : err;
}

static void a_stream_waits_for_its_window(void)
{
  static char block[70000];
  cro_response *response;
  int told = 0;
  h2_rig rig;

  open_kept(&rig, "headers 1 es eh get");
  response = begin_stream(&rig, sizeof block);
  CHECK_INT(CRO_FULL, response->ops->write(response, (cro_bytes){ block, 70000 }));
  response->on_drain = drained;
  response->drain_arg = &told;
  peer_turn(&rig.peer);
  CHECK_INT(1, told); /* 65535 bytes could go */
  CHECK_PEER("HEADERS 1 :status=200 content-length=70000\nDATA 1 16384 bytes\n"
             "DATA 1 16384 bytes\nDATA 1 16384 bytes\nDATA 1 16383 bytes\n",
             &rig.peer);
  CHECK_INT(0, response->ops->end(response));
  peer_play(&rig.peer, "window 1 u31:5000");
  CHECK_PEER("", &rig.peer);
  peer_play(&rig.peer, "window 0 u31:4465");
  CHECK_PEER("DATA 1 es 4465 bytes\n", &rig.peer);
  let_go(&rig);
  h2_rig_close(&rig);
}

static void what_is_not_complete_is_reset(void)
{
  cro_response *response;
  h2_rig rig;

  open_kept(&rig, "headers 1 es eh get");
  response = begin_stream(&rig, 4);
  CHECK_INT(CRO_E_TOO_LONG, response->ops->write(response, CRO_B("abcde")));
  CHECK_INT(0, response->ops->write(response, CRO_B("abc")));
  CHECK_INT(CRO_E_SHORT, response->ops->end(response));
  peer_turn(&rig.peer);
  CHECK_PEER("HEADERS 1 :status=200 content-length=4\n"
             "RST_STREAM 1 INTERNAL_ERROR\n",
             &rig.peer);
  CHECK(kept(&rig)->gone);
  let_go(&rig);
  h2_rig_close(&rig);
}

/* --- bodies that come ----------------------------------------------------------------
 */

static void a_window_opens_when_the_body_is_taken(void)
{
  cro_buf taken = { 0 };
  h2_rig rig;

  open_kept(&rig, "headers 1 eh post; data 1 fill:16384; data 1 fill:16384; "
                  "data 1 fill:16384");
  CHECK_PEER("", &rig.peer);
  CHECK_INT(0, cro_body_want(&kept(&rig)->body, UINT64_MAX, 65536));
  peer_turn(&rig.peer);
  CHECK_PEER("", &rig.peer);
  cro_body_take(&kept(&rig)->body, &taken);
  peer_turn(&rig.peer);
  CHECK_PEER("WINDOW_UPDATE 1 49152\n", &rig.peer);
  cro_buf_free(&taken);
  let_go(&rig);
  h2_rig_close(&rig);
}

/* A little more than a window, all of it before anything is taken. */
static void a_window_opens_for_who_takes_nothing_before_it_has_all(void)
{
  h2_rig rig;

  open_kept(&rig, "headers 1 eh post");
  CHECK_INT(0, cro_body_want(&kept(&rig)->body, 70000, 70001));
  peer_play(&rig.peer, "data 1 fill:16384; data 1 fill:16384; data 1 fill:16384; "
                       "data 1 fill:16384");
  CHECK_PEER("WINDOW_UPDATE 1 32768\nWINDOW_UPDATE 1 32768\n", &rig.peer);
  peer_play(&rig.peer, "data 1 es fill:4464");
  CHECK_INT(CRO_BODY_ENDED, kept(&rig)->body.state);
  CHECK_INT(70000, kept(&rig)->body.held.len);
  let_go(&rig);
  h2_rig_close(&rig);
}

static void keep_unread(h2_peer *peer, cro_request *request)
{
  (void)peer;
  (void)request;
}

/* 14 of the 16 windows that make up the connection's are held; the rest goes round. */
static void bodies_that_nobody_reads_do_not_hold_up_one_that_is_read(void)
{
  cro_buf taken = { 0 };
  h2_rig rig;

  h2_rig_greet(&rig);
  rig.peer.handler = keep_unread;
  for (int id = 1; id < 1 + 2 * 99; id += 2) {
    char script[200];

    (void)snprintf(script, sizeof script,
                   "headers %d eh post; data %d fill:16384; data %d fill:16384; "
                   "data %d fill:16384; data %d fill:16384",
                   id, id, id, id, id);
    peer_play(&rig.peer, script);
  }
  rig.peer.handler = keep;
  peer_play(&rig.peer, "headers 199 eh post");
  CHECK_INT(0, cro_body_want(&kept(&rig)->body, UINT64_MAX, 65536));
  for (int i = 0; i < 64 && peer_is_open(&rig.peer); i++) {
    peer_forget(&rig.peer);
    for (int n = 0; n < 4; n++) {
      peer_play(&rig.peer, "data 199 fill:16384");
      cro_body_take(&kept(&rig)->body, &taken);
      peer_turn(&rig.peer);
    }
  }
  CHECK(peer_is_open(&rig.peer)); /* it kept to what it was told */
  CHECK_INT(64 * 65536, kept(&rig)->body.received);
  cro_buf_free(&taken);
  let_go(&rig);
  h2_rig_close(&rig);
}

static void more_than_the_window_is_reset(void)
{
  h2_rig rig;

  open_kept(&rig, "headers 1 eh post; data 1 fill:16384; data 1 fill:16384; "
                  "data 1 fill:16384; data 1 fill:16384; data 1 'x'");
  CHECK_PEER("RST_STREAM 1 FLOW_CONTROL_ERROR\n", &rig.peer);
  CHECK(kept(&rig)->gone);
  let_go(&rig);
  h2_rig_close(&rig);
}

/* --- the end ---------------------------------------------------------------------- */

typedef struct last_holds {
  cro_request *at[3];
  int count;
} last_holds;

static void hold_on(h2_peer *peer, cro_request *request)
{
  last_holds *holds = peer->user;

  cro_arena_hold(request->arena);
  holds->at[holds->count++] = request;
}

static void let_the_others_go(cro_body *body)
{
  last_holds *holds = body->reader;

  if (body->state == CRO_BODY_OPEN)
    return;
  CHECK_INT(CRO_E_EOF, body->err);
  cro_arena_drop(holds->at[1]->arena);
  cro_arena_drop(holds->at[2]->arena);
  holds->count = 1;
}

static void who_hears_of_the_end_may_let_others_go(void)
{
  last_holds holds = { 0 };
  h2_rig rig;

  h2_rig_greet(&rig);
  rig.peer.handler = hold_on;
  rig.peer.user = &holds;
  peer_play(&rig.peer, "headers 1 eh post; headers 3 eh post; headers 5 eh post");
  CHECK_INT(3, holds.count);
  peer_play(&rig.peer, "rst 3 u32:8; rst 5 u32:8");
  holds.at[0]->body.reader = &holds;
  holds.at[0]->body.on_change = let_the_others_go;
  peer_eof(&rig.peer);
  CHECK_INT(1, holds.count);
  cro_arena_drop(holds.at[0]->arena);
  h2_rig_close(&rig);
}

static void a_drain_takes_two_goaways(void)
{
  cro_request *request;
  h2_rig rig;

  open_kept(&rig, "headers 1 es eh get");
  request = kept(&rig);
  cro_h2_drain(rig.h2);
  peer_turn(&rig.peer);
  CHECK_PEER("GOAWAY last=2147483647 NO_ERROR\nPING 0000000000000000\n", &rig.peer);
  peer_play(&rig.peer, "headers 3 es eh get; ping 0 ack zeros:8");
  CHECK_PEER("GOAWAY last=3 NO_ERROR\n", &rig.peer);
  CHECK_INT(0, peer_answer(&rig.peer, request));
  peer_turn(&rig.peer);
  CHECK(peer_is_open(&rig.peer));
  CHECK_INT(0, peer_answer(&rig.peer, kept(&rig)));
  cro_arena_drop(request->arena);
  let_go(&rig);
  peer_turn(&rig.peer);
  CHECK_PEER("HEADERS 1 es :status=204\nHEADERS 3 es :status=204\n", &rig.peer);
  CHECK_TEXT("close", cro_bytes_of(rig.peer.end));
  h2_rig_close(&rig);
}

TEST_MAIN(CASE(a_session_greets), CASE(a_request_is_answered),
          CASE(a_request_cut_anywhere_is_one_request), CASE(trailers_come_with_the_end),
          CASE(an_answer_streams), CASE(a_stream_waits_for_its_window),
          CASE(what_is_not_complete_is_reset),
          CASE(a_window_opens_when_the_body_is_taken),
          CASE(a_window_opens_for_who_takes_nothing_before_it_has_all),
          CASE(bodies_that_nobody_reads_do_not_hold_up_one_that_is_read),
          CASE(more_than_the_window_is_reset),
          CASE(who_hears_of_the_end_may_let_others_go), CASE(a_drain_takes_two_goaways))
