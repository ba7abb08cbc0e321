/* Answers of an HTTP/2 server: heads, order, promises, tunnels, interim answers. */
#include "base/err.h"
#include "support/h2_rig.h"
#include "support/test.h"

#include <stdio.h>

/* --- heads --------------------------------------------------------------------------
 */

static void decorated(h2_peer *peer, cro_request *request)
{
  cro_response *response = request->response;

  CHECK_INT(0, cro_response_set(response, CRO_B("X-Mixed-Case"), CRO_B("A")));
  CHECK_INT(0, cro_response_add(response, CRO_B("Set-Cookie"), CRO_B("a=b")));
  CHECK_INT(0, cro_response_set(response, CRO_B("Content-Type"), CRO_B("text/x")));
  (void)cro_headers_add(&response->headers, response->arena, CRO_B("Connection"),
                        CRO_B("close")); /* passed on from elsewhere */
  response->status = 299;
  response->body = CRO_B("abc");
  (void)peer_answer(peer, request);
}

static void names_go_in_lower_case(void)
{
  h2_rig rig;

  h2_rig_open(&rig);
  rig.config.server = CRO_B("cro");
  (void)h2_rig_start(&rig);
  rig.peer.handler = decorated;
  peer_play(&rig.peer, "preface; settings 0; settings 0 ack");
  peer_forget(&rig.peer);
  peer_play(&rig.peer, "headers 1 es eh get");
  CHECK_PEER("HEADERS 1 :status=299 server=cro content-type=text/x content-length=3 "
             "x-mixed-case=A set-cookie=a=b\nDATA 1 es 'abc'\n",
             &rig.peer);
  h2_rig_close(&rig);
}

static int wanted_status;

static void with_status(h2_peer *peer, cro_request *request)
{
  request->response->status = wanted_status;
  request->response->body = CRO_B("abc");
  (void)peer_answer(peer, request);
}

static void check_status(int status, const char *method, const char *want)
{
  char script[80];
  h2_rig rig;

  wanted_status = status;
  h2_rig_greet(&rig);
  rig.peer.handler = with_status;
  (void)snprintf(script, sizeof script, "headers 1 es eh %s", method);
  peer_play(&rig.peer, script);
  CHECK_PEER(want, &rig.peer);
  CHECK_INT(1, rig.peer.messages);
  CHECK(!cro_h2_busy(rig.h2));
  h2_rig_close(&rig);
}

static void some_answers_have_no_content(void)
{
  check_status(200, "head", "HEADERS 1 es :status=200 content-length=3\n");
  check_status(204, "get", "HEADERS 1 es :status=204\n");
  check_status(304, "get", "HEADERS 1 es :status=304\n");
  check_status(205, "get", "HEADERS 1 es :status=205 content-length=0\n");
  check_status(101, "get",
               "HEADERS 1 :status=500 content-type=text/plain content-length=21\n"
               "DATA 1 es 'Internal Server Error'\n");
  check_status(1000, "head",
               "HEADERS 1 es :status=500 content-type=text/plain content-length=21\n");
  check_status(599, "get", "HEADERS 1 :status=599 content-length=3\nDATA 1 es 'abc'\n");
}

static void many_fields(h2_peer *peer, cro_request *request)
{
  static char value[3000];

  memset(value, 'v', sizeof value);
  for (int i = 0; i < 60; i++) {
    value[0] = (char)('!' + i); /* none is in the table */
    CHECK_INT(0, cro_response_add(request->response, CRO_B("x"),
                                  (cro_bytes){ value, sizeof value }));
  }
  (void)peer_answer(peer, request);
}

static void a_head_may_be_larger_than_a_frame(void)
{
  h2_frame frame;
  h2_rig rig;

  h2_rig_greet(&rig);
  rig.peer.handler = many_fields;
  peer_play(&rig.peer, "headers 1 es eh get");
  CHECK(peer_next(&rig.peer, &frame));
  CHECK_INT(NGHTTP2_HEADERS, frame.type);
  CHECK(frame.frames > 6 && frame.fields.len > 180000);
  CHECK(!peer_next(&rig.peer, &frame));
  h2_rig_close(&rig);
}

/* --- interim answers ----------------------------------------------------------------
 */

static void keep(h2_peer *peer, cro_request *request)
{
  peer->user = request;
}

/* Answers what is kept; the request may still be looked at, and is then dropped. */
static void answer_kept(h2_rig *rig)
{
  cro_request *request = rig->peer.user;

  cro_arena_hold(request->arena);
  (void)peer_answer(&rig->peer, request);
  peer_turn(&rig->peer);
  CHECK(request->gone);
  cro_arena_drop(request->arena);
}

static void open_with(h2_rig *rig, const char *script)
{
  h2_rig_greet(rig);
  rig->peer.handler = keep;
  peer_play(&rig->peer, script);
  peer_forget(&rig->peer);
}

static int inform(h2_rig *rig, int status)
{
  cro_request *request = rig->peer.user;
  cro_response interim = { .arena = request->arena, .request = request };

  interim.status = status;
  (void)cro_headers_add(&interim.headers, request->arena, CRO_B("Link"), CRO_B("</a>"));
  return request->ops->inform(request, &interim);
}

static void interim_answers_come_before(void)
{
  cro_request *request;
  h2_rig rig;

  open_with(&rig, "headers 1 es eh get");
  request = rig.peer.user;
  CHECK_INT(0, inform(&rig, 103));
  CHECK_INT(CRO_E_STATE, inform(&rig, 101));
  CHECK_INT(0, peer_answer(&rig.peer, request));
  CHECK_INT(CRO_E_STATE, peer_answer(&rig.peer, request));
  peer_turn(&rig.peer);
  CHECK_PEER("HEADERS 1 :status=103 link=</a>\nHEADERS 1 es :status=204\n", &rig.peer);
  h2_rig_close(&rig);
}

static void who_expects_100_gets_it_when_the_body_is_wanted(void)
{
  cro_request *request;
  h2_rig rig;

  open_with(&rig, "headers 1 eh post {expect: 100-continue}");
  request = rig.peer.user;
  CHECK(request->expect_continue);
  peer_advance(&rig.peer, 1000000); /* its silence is not its own */
  CHECK_PEER("", &rig.peer);
  peer_collect(&rig.peer, request);
  peer_turn(&rig.peer);
  CHECK_PEER("HEADERS 1 :status=100\n", &rig.peer);
  peer_play(&rig.peer, "data 1 es 'x'");
  CHECK_PEER("HEADERS 1 :status=200 content-length=2\nDATA 1 es 'hi'\n", &rig.peer);
  h2_rig_close(&rig);
}

static void an_answer_before_the_body_ends_it(void)
{
  h2_rig rig;

  open_with(&rig, "headers 1 eh post; data 1 'abc'");
  ((cro_request *)rig.peer.user)->response->status = 413;
  answer_kept(&rig);
  CHECK_PEER("HEADERS 1 es :status=413 content-length=0\n", &rig.peer);
  peer_play(&rig.peer, "data 1 'late'; headers 3 es eh get");
  CHECK_INT(2, rig.peer.messages);
  peer_advance(&rig.peer, 1999);
  CHECK_PEER("", &rig.peer);
  peer_advance(&rig.peer, 1);
  CHECK_PEER("RST_STREAM 1 NO_ERROR\n", &rig.peer);
  h2_rig_close(&rig);
}

static void a_good_answer_waits_for_the_body(void)
{
  h2_rig rig;

  open_with(&rig, "headers 1 eh post; data 1 'abc'");
  (void)peer_answer(&rig.peer, rig.peer.user);
  peer_turn(&rig.peer);
  CHECK_PEER("", &rig.peer);
  peer_play(&rig.peer, "data 1 fill:16384; data 1 fill:16384; data 1 fill:16384");
  CHECK_PEER("WINDOW_UPDATE 1 32771\n", &rig.peer);
  peer_play(&rig.peer, "data 1 es 'end'");
  CHECK_PEER("HEADERS 1 es :status=204\n", &rig.peer);
  CHECK(!cro_h2_busy(rig.h2));
  h2_rig_close(&rig);
}

static void and_does_not_wait_for_ever(void)
{
  h2_rig rig;

  open_with(&rig, "headers 1 eh post; data 1 'abc'");
  ((cro_request *)rig.peer.user)->response->body = CRO_B("x");
  (void)peer_answer(&rig.peer, rig.peer.user);
  peer_turn(&rig.peer);
  CHECK_PEER("", &rig.peer);
  peer_advance(&rig.peer, 2000);
  CHECK_PEER("HEADERS 1 :status=200 content-length=1\nDATA 1 es 'x'\n"
             "RST_STREAM 1 NO_ERROR\n",
             &rig.peer);
  CHECK(!cro_h2_busy(rig.h2));
  h2_rig_close(&rig);
}

/* --- tunnels ------------------------------------------------------------------------
 */

static void check_tunnel(h2_rig *rig)
{
  cro_request *request = rig->peer.user;
  cro_response *response = request->response;
  cro_buf taken = { 0 };

  response->streams = true;
  response->status = 200;
  CHECK_INT(0, peer_answer(&rig->peer, request));
  (void)response->ops->write(response, CRO_B("pong"));
  peer_turn(&rig->peer);
  CHECK_PEER("HEADERS 1 :status=200\nDATA 1 'pong'\n", &rig->peer);
  peer_play(&rig->peer, "data 1 'ping'");
  (void)cro_body_want(&request->body, UINT64_MAX, 65536);
  CHECK_TEXT("ping", cro_buf_bytes(&request->body.held));
  cro_body_take(&request->body, &taken);
  peer_advance(&rig->peer, 1000000);
  CHECK_PEER("", &rig->peer);
  peer_play(&rig->peer, "data 1 es 'bye'");
  CHECK_INT(CRO_BODY_ENDED, request->body.state);
  CHECK_INT(0, response->ops->end(response));
  peer_turn(&rig->peer);
  CHECK_PEER("DATA 1 es ''\n", &rig->peer);
  CHECK(!cro_h2_busy(rig->h2));
  cro_buf_free(&taken);
}

static void connect_carries_bytes_both_ways(void)
{
  h2_rig rig;

  open_with(&rig, "headers 1 eh {:method: CONNECT} {:authority: h:80}");
  check_tunnel(&rig);
  h2_rig_close(&rig);
}

static void an_extended_connect_names_its_protocol(void)
{
  cro_request *request;
  h2_rig rig;

  h2_rig_open(&rig);
  rig.config.tunnels = true;
  (void)h2_rig_start(&rig);
  rig.peer.handler = keep;
  peer_turn(&rig.peer);
  CHECK_PEER("SETTINGS 3=100 4=65536 6=16384 9=1 8=1\nWINDOW_UPDATE 0 6488065\n",
             &rig.peer);
  peer_play(&rig.peer, "preface; settings 0; settings 0 ack");
  peer_forget(&rig.peer);
  peer_play(&rig.peer, "headers 1 eh {:method: CONNECT} {:protocol: websocket} "
                       "{:scheme: https} {:path: /chat?a} {:authority: h}");
  request = rig.peer.user;
  CHECK_INT(CRO_CONNECT, request->method);
  CHECK_TEXT("websocket", request->protocol_name);
  CHECK_TEXT("/chat", request->path);
  CHECK_TEXT("h", request->authority);
  check_tunnel(&rig);
  h2_rig_close(&rig);
}

/* --- promises -----------------------------------------------------------------------
 */

static void promising(h2_peer *peer, cro_request *request)
{
  cro_headers fields = { 0 };

  if (!request->pushed) {
    (void)cro_headers_add(&fields, request->arena, CRO_B("Accept"), CRO_B("text/css"));
    CHECK_INT(CRO_E_INVAL, request->ops->push(request, CRO_B("a"), NULL));
    CHECK_INT(CRO_E_INVAL, request->ops->push(request, CRO_B("/a\n"), NULL));
    CHECK_INT(0, request->ops->push(request, CRO_B("/a.css?b"), &fields));
  } else {
    CHECK_INT(CRO_E_NOTSUP, request->ops->push(request, CRO_B("/b"), NULL));
    CHECK_TEXT("/a.css", request->path);
    CHECK_TEXT("https", request->scheme);
    CHECK_INT(2, request->stream);
    CHECK_INT(CRO_BODY_ENDED, request->body.state);
  }
  peer_collect(peer, request);
}

static void a_promise_goes_the_way_of_a_request(void)
{
  h2_rig rig;

  h2_rig_greet(&rig);
  rig.peer.handler = promising;
  peer_play(&rig.peer, "headers 1 es eh get");
  CHECK_LOG("GET / @h host=h\nGET /a.css?b @h host=h accept=text/css\n", &rig.peer);
  CHECK_PEER("PUSH_PROMISE 1 2 :method=GET :scheme=https :authority=h :path=/a.css?b "
             "accept=text/css\n"
             "HEADERS 1 :status=200 content-length=2\n"
             "HEADERS 2 :status=200 content-length=2\n"
             "DATA 1 es 'hi'\n"
             "DATA 2 es 'hi'\n",
             &rig.peer);
  CHECK(!cro_h2_busy(rig.h2));
  h2_rig_close(&rig);
}

static void push(h2_rig *rig, int want)
{
  cro_request *request = rig->peer.user;

  CHECK_INT(want, request->ops->push(request, CRO_B("/p"), NULL));
}

static void a_promise_needs_a_peer_that_wants_it(void)
{
  cro_request *request;
  h2_rig rig;

  open_with(&rig, "settings 0 u16:2 u32:0; headers 1 es eh get");
  push(&rig, CRO_E_NOTSUP);
  h2_rig_close(&rig);

  open_with(&rig, "settings 0 u16:3 u32:1; headers 1 es eh get");
  request = rig.peer.user;
  push(&rig, 0);
  push(&rig, CRO_E_LIMIT);
  peer_turn(&rig.peer);
  rig.peer.user = request;
  peer_play(&rig.peer, "rst 2 u32:8");
  push(&rig, 0);
  h2_rig_close(&rig);

  open_with(&rig, "headers 1 es eh get");
  cro_h2_drain(rig.h2);
  push(&rig, CRO_E_NOTSUP);
  h2_rig_close(&rig);

  open_with(&rig, "headers 1 es eh get");
  (void)peer_answer(&rig.peer, rig.peer.user);
  push(&rig, CRO_E_STATE);
  h2_rig_close(&rig);
}

/* --- order (RFC 9218) ---------------------------------------------------------------
 */

static void block(h2_peer *peer, cro_request *request)
{
  static char bytes[30000];

  request->response->body = (cro_bytes){ bytes, sizeof bytes };
  (void)peer_answer(peer, request);
}

/* The streams of the DATA frames that answer three requests, in order. */
static void check_order(const char *first, const char *second, const char *third,
                        const char *want)
{
  h2_text got = { 0 };
  h2_frame frame;
  char script[300];
  h2_rig rig;

  h2_rig_greet(&rig);
  rig.peer.handler = block;
  (void)snprintf(
      script, sizeof script,
      "window 0 u31:1000000; headers 1 es eh get %s; headers 3 es eh get %s; "
      "headers 5 es eh get %s",
      first, second, third);
  peer_play(&rig.peer, script);
  while (peer_next(&rig.peer, &frame))
    if (frame.type == NGHTTP2_DATA)
      h2_text_say(&got, "%d ", frame.stream);
  CHECK_TEXT(want, h2_text_bytes(&got));
  h2_text_free(&got);
  h2_rig_close(&rig);
}

static void what_is_urgent_goes_first(void)
{
  check_order("", "", "", "1 1 3 3 5 5 ");
  check_order("{priority: u=5}", "", "{priority: u=1}", "5 5 3 3 1 1 ");
  check_order("{priority: i}", "{priority: i}", "{priority: i}", "1 3 5 1 3 5 ");
  check_order("{priority: u=2,i}", "{priority: u=2,i}", "{priority: u=0}",
              "5 5 1 3 1 3 ");
  /* One that takes turns and two that do not, by their numbers; values that are none.
   */
  check_order("{priority: u=1, i}", "{priority: u=0}", "{priority: u=1, i}",
              "3 3 1 5 1 5 ");
  check_order("{priority: u=7}", "{priority: u=6, i}", "{priority: u=6, i}",
              "3 5 3 5 1 1 ");
  check_order("{priority: u=8}", "{priority: i=?0}", "{priority: nonsense}",
              "1 1 3 3 5 5 ");
}

static void a_priority_may_be_updated(void)
{
  check_order("", "; type:16 0 u31:3 'u=0'", "", "3 3 1 1 5 5 ");
  check_order("", "; type:16 0 u31:1 'u=4'; type:16 0 u31:3 'u=3,i'", "{priority: i}",
              "3 5 3 5 1 1 ");
  /* Before there is such a stream; and the last word counts. */
  check_order("; type:16 0 u31:5 'u=1'", "", "", "5 5 1 1 3 3 ");
  check_order("{priority: u=0}; type:16 0 u31:1 'u=5'; type:16 0 u31:1 'u=6'", "",
              "{priority: u=5}", "3 3 5 5 1 1 ");
}

/* --- gathering ----------------------------------------------------------------------
 */

static void many_answers_are_one_write(void)
{
  h2_rig rig;
  unsigned before;

  h2_rig_greet(&rig);
  before = rig.peer.writes;
  peer_play(&rig.peer, "headers 1 es eh get; headers 3 es eh get; headers 5 es eh get; "
                       "headers 7 es eh get; ping 0 'abcdefgh'");
  CHECK_INT(before + 1, rig.peer.writes);
  h2_rig_close(&rig);
}

static void what_is_written_waits_for_the_socket(void)
{
  h2_rig rig;
  uint64_t before;

  h2_rig_greet(&rig);
  rig.peer.handler = block;
  rig.peer.sink_full = true;
  before = rig.peer.bytes;
  peer_play(&rig.peer, "settings 0 u16:4 u32:1000000; window 0 u31:1000000; "
                       "headers 1 es eh get; headers 3 es eh get; headers 5 es eh get; "
                       "headers 7 es eh get");
  CHECK(rig.peer.bytes - before <= 65536 + 16384 + 2048);
  rig.peer.sink_full = false;
  peer_drain(&rig.peer);
  CHECK(rig.peer.bytes - before > 120000);
  CHECK_INT(4, rig.peer.messages);
  CHECK(!cro_h2_busy(rig.h2));
  h2_rig_close(&rig);
}

/* A head, four frames of content that end a little behind the mark, and trailers as
 * large as a frame: what nghttp2 says in one breath. */
static void with_everything(h2_peer *peer, cro_request *request)
{
  enum { content = 4 * 16384, field = 4000 };
  static char bytes[content], value[field];
  cro_response *response = request->response;

  memset(bytes, 'c', sizeof bytes);
  memset(value, '!', sizeof value); /* longer in Huffman's code: sent as it is */
  CHECK_INT(0, cro_response_add(response, CRO_B("x-a"), (cro_bytes){ value, field }));
  CHECK_INT(0, cro_response_add(response, CRO_B("x-b"), (cro_bytes){ value, field }));
  for (int i = 0; i < 5; i++) {
    value[0] = (char)('a' + i); /* none is in the table */
    CHECK_INT(0, cro_response_trailer(response, CRO_B("x-t"),
                                      (cro_bytes){ value, sizeof value }));
  }
  response->body = (cro_bytes){ bytes, sizeof bytes };
  (void)peer_answer(peer, request);
}

static void large_trailers_follow_large_content(void)
{
  size_t content = 0;
  h2_frame frame;
  h2_rig rig;

  h2_rig_greet(&rig);
  rig.peer.handler = with_everything;
  peer_play(&rig.peer, "settings 0 u16:4 u32:1000000; window 0 u31:1000000");
  peer_forget(&rig.peer);
  peer_play(&rig.peer, "headers 1 es eh get");
  CHECK(peer_next(&rig.peer, &frame));
  CHECK(frame.type == NGHTTP2_HEADERS && frame.fields.len > 8000);
  while (peer_next(&rig.peer, &frame) && frame.type == NGHTTP2_DATA)
    content += frame.payload.len;
  CHECK_INT(4 * 16384, content);
  CHECK(frame.type == NGHTTP2_HEADERS && frame.fields.len > 20000);
  CHECK(!cro_h2_busy(rig.h2));
  h2_rig_close(&rig);
}

TEST_MAIN(CASE(names_go_in_lower_case), CASE(some_answers_have_no_content),
          CASE(a_head_may_be_larger_than_a_frame), CASE(interim_answers_come_before),
          CASE(who_expects_100_gets_it_when_the_body_is_wanted),
          CASE(an_answer_before_the_body_ends_it),
          CASE(a_good_answer_waits_for_the_body), CASE(and_does_not_wait_for_ever),
          CASE(connect_carries_bytes_both_ways),
          CASE(an_extended_connect_names_its_protocol),
          CASE(a_promise_goes_the_way_of_a_request),
          CASE(a_promise_needs_a_peer_that_wants_it), CASE(what_is_urgent_goes_first),
          CASE(a_priority_may_be_updated), CASE(many_answers_are_one_write),
          CASE(what_is_written_waits_for_the_socket),
          CASE(large_trailers_follow_large_content))
