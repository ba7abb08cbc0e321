/* What a server may cost its clients, promises, and memory that runs out. */
#include "base/alloc.h"
#include "base/arena.h"
#include "base/err.h"
#include "support/h2_client_rig.h"
#include "support/test.h"

#include <stdio.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define CALM "GOAWAY last=0 ENHANCE_YOUR_CALM\n"

/* --- limits of a response ------------------------------------------------------------
 */

static void check_head(uint64_t header_bytes, uint64_t header_count, const char *in,
                       const char *want)
{
  CHECK(h2c_make());
  h2c.limits.header_bytes = header_bytes;
  h2c.limits.header_count = header_count;
  h2c_start();
  CHECK_INT(0, h2c_get("/"));
  h2c_play(in);
  CHECK_LOG(want, &h2c.peer);
  CHECK(peer_is_open(&h2c.peer));
  h2c_close();
}

static void a_head_has_a_bound(void)
{
  const char *head = "headers 1 eh es ok {ab: cd}"; /* 7 + 3 + 2 + 2 + 2 * 32 */

  check_head(78, 100, head, "1: 200 ab=cd\n");
  check_head(77, 100, head, "1: limit\n");
  check_head(1000, 2, head, "1: 200 ab=cd\n");
  check_head(1000, 1, head, "1: limit\n");
}

static void trailers_count_with_the_head(void)
{
  const char *both = "headers 1 eh ok {ab: cd}; data 1 'x'; headers 1 eh es {e: f}";

  check_head(112, 100, both, "1: 200 ab=cd [x] e=f\n");
  check_head(111, 100, both, "1: 200 ab=cd [x] broken: limit\n1: limit\n");
  check_head(1000, 2, both, "1: 200 ab=cd [x] broken: limit\n1: limit\n");
}

static void each_of_many_heads_has_its_own_bound(void)
{
  check_head(
      78, 2,
      "headers 1 eh {:status: 103} {ab: cd}; headers 1 eh {:status: 103} {ab: cd};"
      "headers 1 eh es ok {ab: cd}",
      "1: 200 ab=cd\n");
}

/* Few bytes that decode to many: the table's largest entry, told again and again. */
static void a_small_block_that_becomes_large_is_stopped(void)
{
  h2_text script = { 0 };

  h2c_open();
  CHECK_INT(0, h2c_get("/"));
  peer_forget(&h2c.peer);
  h2_text_say(&script, "headers 1 eh ok {+a: ");
  for (int i = 0; i < 4000; i++)
    h2_text_add(&script, CRO_B("b"));
  h2_text_say(&script, "} x");
  for (int i = 0; i < 8000; i++)
    h2_text_add(&script, CRO_B("be"));
  h2_text_add(&script, (cro_bytes){ "", 1 });
  h2c_play(script.at);
  CHECK_PEER("RST_STREAM 1 ENHANCE_YOUR_CALM\n", &h2c.peer);
  CHECK_LOG("1: limit\n", &h2c.peer);
  h2_text_free(&script);
  h2c_close();
}

static void want_three(h2_peer *peer, cro_request *request)
{
  (void)peer;
  (void)cro_body_want(request->response->incoming, 3, 100);
}

static void a_body_over_its_readers_limit_is_given_up(void)
{
  h2c_open();
  h2c.peer.handler = want_three;
  CHECK_INT(0, h2c_get("/"));
  h2c_play("headers 1 eh ok");
  peer_forget(&h2c.peer);
  h2c_play("data 1 'abc'");
  CHECK_PEER("", &h2c.peer);
  h2c_play("data 1 'd'");
  CHECK_PEER("RST_STREAM 1 CANCEL\n", &h2c.peer);
  CHECK_LOG("1: limit\n", &h2c.peer);
  h2c_close();
}

/* --- floods --------------------------------------------------------------------------
 */

typedef struct flood {
  const char *frame;
  unsigned times; /* so many are borne */
} flood;

/* After 100 glitches and 10 resets. */
static const flood floods[] = {
  { "ping 0 zeros:8", 100 },
  { "settings 0", 100 },
  { "priority 1 u31:0 u8:1", 100 },
  { "type:77 1 'x'", 100 },
  { "type:10 0 u16:0 'h3'", 100 }, /* ALTSVC */
  { "data 1", 100 },
  { "data 1 pad u8:2 zeros:2", 100 },
  { "window 0 u31:1", 100 },
  { "window 1 u31:255", 100 },
  { "rst 1 u32:8", 101 }, /* the first ends the stream */
};

static void check_flood(const flood *row, unsigned times, const char *want)
{
  h2_text got = { 0 };
  h2_frame frame;

  h2c_prepare();
  h2c.h2.glitch_burst = 101; /* the server's SETTINGS are one */
  h2c.h2.queued_acks = 1000;
  CHECK(h2c_create());
  h2c_start();
  CHECK_INT(0, h2c_get("/"));
  h2c_play("headers 1 eh ok");
  peer_forget(&h2c.peer);
  for (unsigned i = 0; i < times && peer_is_open(&h2c.peer); i++)
    h2c_play(row->frame);
  while (peer_next(&h2c.peer, &frame))
    if (frame.type == NGHTTP2_GOAWAY) {
      h2_frame_say(&frame, &got);
      h2_text_say(&got, "\n");
    }
  if (!cro_bytes_eq(cro_bytes_of(want), h2_text_bytes(&got)))
    test_fail(row->frame, (int)times, "got %.*s", (int)got.len, got.at);
  h2_text_free(&got);
  h2c_close();
}

static void frames_that_are_worth_nothing_are_counted(void)
{
  for (size_t i = 0; i < COUNT(floods); i++) {
    check_flood(&floods[i], floods[i].times, "");
    check_flood(&floods[i], floods[i].times + 1, CALM);
  }
}

static void what_was_paid_for_fills_again(void)
{
  CHECK(h2c_make());
  h2c.h2.glitch_burst = 10;
  h2c.h2.glitch_rate = 10;
  h2c_start();
  CHECK_INT(0, h2c_get("/"));
  for (int i = 0; i < 100; i++) {
    h2c_play("ping 0 zeros:8");
    peer_advance(&h2c.peer, 100);
  }
  CHECK(peer_is_open(&h2c.peer));
  for (int i = 0; i < 12; i++)
    h2c_play("ping 0 zeros:8");
  CHECK(!peer_is_open(&h2c.peer));
  h2c_close();
}

static void small_updates_for_what_was_sent_are_free(void)
{
  cro_request *request;

  CHECK(h2c_make());
  h2c.h2.glitch_burst = 1;
  h2c.h2.glitch_rate = 0;
  h2c_start();
  request = h2c_ask(CRO_POST, -1);
  for (int i = 0; i < 100; i++) {
    CHECK_INT(0, cro_body_put(&request->body, CRO_B("x")));
    peer_turn(&h2c.peer);
    h2c_play("window 0 u31:1; window 1 u31:1");
  }
  CHECK(peer_is_open(&h2c.peer));
  peer_drop(request);
  h2c_close();
}

static void answers_that_have_to_be_reset_are_counted(void)
{
  char line[64];

  CHECK(h2c_make());
  h2c.h2.reset_burst = 10;
  h2c_start();
  for (int i = 0; i < 10; i++) {
    CHECK_INT(0, h2c_get("/"));
    snprintf(line, sizeof line, "headers %d eh es ok {A: b}", 2 * i + 1);
    h2c_play(line);
  }
  CHECK(peer_is_open(&h2c.peer));
  CHECK_INT(0, h2c_get("/"));
  peer_forget(&h2c.peer);
  h2c_play("headers 21 eh es ok {A: b}");
  CHECK_LOG("21: protocol\n", &h2c.peer);
  CHECK_PEER("RST_STREAM 21 PROTOCOL_ERROR\n" CALM, &h2c.peer);
  h2c_close();
}

static void a_client_may_cancel_as_often_as_it_likes(void)
{
  CHECK(h2c_make());
  h2c.h2.reset_burst = 2;
  h2c_start();
  for (int i = 0; i < 20; i++) {
    cro_request *request = h2c_ask(CRO_GET, 0);

    cro_h2_client_cancel(request);
    peer_turn(&h2c.peer);
    peer_drop(request);
  }
  CHECK(peer_is_open(&h2c.peer));
  h2c_close();
}

static void answers_the_server_does_not_read_are_bounded(void)
{
  h2c_open();
  CHECK_INT(0, h2c_get("/"));
  h2c.peer.sink_full = true;
  for (int i = 0; i < 103 && peer_is_open(&h2c.peer); i++)
    h2c_play("ping 0 zeros:8");
  CHECK_LOG("1: protocol\n", &h2c.peer);
  CHECK_TEXT("abort", cro_bytes_of(h2c.peer.end));
  h2c_close();
}

static void so_many_pieces_a_head_may_have(void)
{
  static const char *const pieces = "cont 1;cont 1;cont 1;cont 1;cont 1;cont 1;cont 1;";
  h2_text in = { 0 };

  for (size_t step = 0; step < 10; step++) {
    h2c_open();
    CHECK_INT(0, h2c_get("/"));
    peer_forget(&h2c.peer);
    in.len = 0;
    h2_script(&in, "headers 1 es ok");
    h2_script(&in, pieces);
    h2_script(&in, "cont 1 eh {a: b}");
    peer_feed(&h2c.peer, h2_text_bytes(&in), step);
    CHECK_LOG("1: 200 a=b\n", &h2c.peer);
    h2c_close();
    h2c_open();
    CHECK_INT(0, h2c_get("/"));
    peer_forget(&h2c.peer);
    in.len = 0;
    h2_script(&in, "headers 1 es ok");
    h2_script(&in, pieces);
    h2_script(&in, "cont 1; cont 1 eh {a: b}");
    peer_feed(&h2c.peer, h2_text_bytes(&in), step);
    CHECK_LOG("1: protocol\n", &h2c.peer);
    CHECK_PEER(CALM, &h2c.peer);
    h2c_close();
  }
  h2_text_free(&in);
}

/* --- promises ------------------------------------------------------------------------
 */

#define PROMISE(id) "push 1 eh u31:" id " get {a: b}"

static bool accepts;
static cro_request *promised;

static bool on_push(void *arg, cro_request *request, cro_request *asked)
{
  h2_peer *peer = arg;

  h2_text_say(&peer->log, "%d promises %d: %.*s %.*s?%.*s a=%.*s\n",
              asked != NULL ? asked->stream : 0, request->stream,
              (int)cro_method_name(request->method).len,
              cro_method_name(request->method).at, (int)request->path.len,
              request->path.at, (int)request->query.len, request->query.at,
              (int)request->headers.at[0].value.len, request->headers.at[0].value.at);
  request->user = peer;
  promised = request;
  return accepts;
}

static void open_with_push(bool accept)
{
  CHECK(h2c_make());
  h2c.config.on_push = on_push;
  h2c.config.arg = &h2c.peer;
  accepts = accept;
  promised = NULL;
  h2c_start();
  CHECK_INT(0, h2c_get("/"));
  peer_forget(&h2c.peer);
}

static void a_promise_that_is_accepted_is_kept(void)
{
  open_with_push(true);
  h2c_play("push 1 eh u31:2 {:method: GET} {:scheme: https} {:path: /s?q} "
           "{:authority: h} {a: b}");
  CHECK_LOG("1 promises 2: GET /s?q a=b\n", &h2c.peer);
  CHECK(promised->pushed);
  h2c_play("headers 1 eh es ok; headers 2 eh ok {c: d}; data 2 es 'pushed'");
  CHECK_LOG("1: 200\n2: 200 c=d [pushed]\n", &h2c.peer);
  CHECK_PEER("", &h2c.peer);
  CHECK_INT(0, cro_h2_client_open(h2c.client));
  h2c_close();
}

static void a_promise_that_is_refused_is_reset(void)
{
  open_with_push(false);
  h2c_play(PROMISE("2"));
  CHECK_PEER("RST_STREAM 2 REFUSED_STREAM\n", &h2c.peer);
  h2c_play("headers 2 eh ok; data 2 es 'late'; headers 1 eh es ok");
  CHECK_LOG("1 promises 2: GET /? a=b\n1: 200\n", &h2c.peer);
  CHECK(peer_is_open(&h2c.peer));
  h2c_close();
}

/* What was asked for decides, however it was said. */
static void a_promise_is_of_the_scheme_and_host_that_were_said(void)
{
  cro_request *request;

  open_with_push(true);
  request = peer_request(&h2c.peer, CRO_GET, "/");
  request->scheme = CRO_B("");
  (void)cro_headers_add(&request->headers, request->arena, CRO_B("Host"), CRO_B("i"));
  CHECK_INT(0, peer_ask(&h2c.peer, request));
  peer_forget(&h2c.peer);
  h2c_play("push 3 eh u31:2 {:method: GET} {:scheme: http} {:path: /} {:authority: i} "
           "{a: b}");
  CHECK_LOG("3 promises 2: GET /? a=b\n", &h2c.peer);
  CHECK_PEER("", &h2c.peer);
  peer_drop(request);
  h2c_close();
}

static void a_promise_can_be_cancelled(void)
{
  open_with_push(true);
  h2c_play(PROMISE("2"));
  cro_h2_client_cancel(promised);
  peer_turn(&h2c.peer);
  CHECK_PEER("RST_STREAM 2 CANCEL\n", &h2c.peer);
  CHECK_INT(1, cro_h2_client_open(h2c.client));
  h2c_close();
}

static void a_promise_must_be_the_servers_to_make(void)
{
  static const char *const bad[] = {
    "push 1 eh u31:2 {:method: POST} {:scheme: https} {:path: /} {:authority: h} {a: "
    "b}",
    "push 1 eh u31:2 {:method: GET} {:scheme: http} {:path: /} {:authority: h} {a: b}",
    "push 1 eh u31:2 {:method: GET} {:scheme: https} {:path: /} {:authority: i} {a: b}",
    "push 1 eh u31:2 {:method: GET} {:scheme: https} {:path: /} {:authority: h} "
    "{content-length: 3}",
    "push 1 eh u31:2 {:method: GET} {:scheme: https} {:authority: h} {a: b}",
    "push 1 eh u31:2 {:method: GET} {:scheme: https} {:path: /} {:authority: h} {A: b}",
  };

  for (size_t i = 0; i < COUNT(bad); i++) {
    open_with_push(true);
    h2c_play(bad[i]);
    CHECK_LOG("", &h2c.peer);
    CHECK_PEER("RST_STREAM 2 PROTOCOL_ERROR\n", &h2c.peer);
    CHECK(peer_is_open(&h2c.peer));
    h2c_close();
  }
}

static void promises_nobody_wants_end_the_connection(void)
{
  h2c_open();
  CHECK_INT(0, h2c_get("/"));
  peer_forget(&h2c.peer);
  h2c_play(PROMISE("2"));
  CHECK_PEER("GOAWAY last=0 PROTOCOL_ERROR\n", &h2c.peer);
  h2c_close();
}

static void promises_are_bounded(void)
{
  char line[64];
  h2_text got = { 0 };

  h2c_prepare();
  h2c.h2.max_streams = 3;
  CHECK(h2c_create());
  h2c.config.on_push = on_push;
  h2c.config.arg = &h2c.peer;
  accepts = true;
  h2c_start();
  CHECK_INT(0, h2c_get("/"));
  peer_forget(&h2c.peer);
  for (int i = 0; i < 5; i++) {
    snprintf(line, sizeof line, "push 1 eh u31:%d get {a: b}", 2 * i + 2);
    h2c_play(line);
  }
  peer_say(&h2c.peer, &got);
  CHECK_TEXT("RST_STREAM 8 CANCEL\nRST_STREAM 10 CANCEL\n", h2_text_bytes(&got));
  CHECK_INT(4, cro_h2_client_open(h2c.client));
  h2_text_free(&got);
  h2c_close();
}

/* --- memory --------------------------------------------------------------------------
 */

static const char *const stories[] = {
  "headers 1 eh ok {x: y}; data 1 'ab'; headers 1 eh es {t: v}",
  "headers 1 ok; cont 1 eh {x: y}; data 1 fill:16384; data 1 fill:16384; rst 1 u32:8",
  "settings 0 u16:3 u32:0; settings 0 u16:3 u32:5 u16:4 u32:9; headers 1 eh es ok",
  "push 1 eh u31:2 get {a: b}; headers 2 eh ok; data 2 es 'p'; headers 1 eh es ok",
  ("headers 1 eh {:status: 100}; headers 1 eh ok; data 1 'a'; goaway 0 u31:1 u32:0; "
   "data 1 es 'b'"),
  "headers 1 eh es ok {A: b}; headers 3 eh es ok; ping 0 zeros:8; data 0 'x'",
};

static void tell(const char *story, size_t step)
{
  h2_text in = { 0 };
  cro_request *request = NULL;

  h2_script(&in, "settings 0; settings 0 ack");
  h2_script(&in, story);
  if (h2c_make()) {
    h2c.config.on_push = on_push;
    h2c.config.arg = &h2c.peer;
    accepts = true;
    peer_call(&h2c.peer, cro_h2_client_reader(h2c.client),
              cro_h2_client_writer(h2c.client));
    cro_h2_client_start(h2c.client);
    request = peer_request(&h2c.peer, CRO_POST, "/");
    if (request != NULL) {
      request->body.length = -1;
      request->expect_continue = true;
      (void)peer_ask(&h2c.peer, request);
      (void)cro_body_put(&request->body, CRO_B("abc"));
      cro_body_end(&request->body);
    }
    peer_feed(&h2c.peer, h2_text_bytes(&in), step);
    h2c_close();
  }
  if (request != NULL)
    peer_drop(request);
  h2_text_free(&in);
}

static void a_failed_allocation_never_does_harm(void)
{
  for (size_t i = 0; i < COUNT(stories); i++)
    for (uint64_t n = 1; n < 200; n++) {
      cro_arena_trim();
      cro_alloc_fail_at(n);
      tell(stories[i], n % 7);
      cro_alloc_fail_at(0);
    }
}

TEST_MAIN(CASE(a_head_has_a_bound), CASE(trailers_count_with_the_head),
          CASE(each_of_many_heads_has_its_own_bound),
          CASE(a_small_block_that_becomes_large_is_stopped),
          CASE(a_body_over_its_readers_limit_is_given_up),
          CASE(frames_that_are_worth_nothing_are_counted),
          CASE(what_was_paid_for_fills_again),
          CASE(small_updates_for_what_was_sent_are_free),
          CASE(answers_that_have_to_be_reset_are_counted),
          CASE(a_client_may_cancel_as_often_as_it_likes),
          CASE(answers_the_server_does_not_read_are_bounded),
          CASE(so_many_pieces_a_head_may_have),
          CASE(a_promise_that_is_accepted_is_kept),
          CASE(a_promise_that_is_refused_is_reset),
          CASE(a_promise_is_of_the_scheme_and_host_that_were_said),
          CASE(a_promise_can_be_cancelled), CASE(a_promise_must_be_the_servers_to_make),
          CASE(promises_nobody_wants_end_the_connection), CASE(promises_are_bounded),
          CASE(a_failed_allocation_never_does_harm))
