/* Attacks on an HTTP/2 server: each ends, and none of them costs much memory. */
#include "base/alloc.h"
#include "support/h2_rig.h"
#include "support/test.h"

#include <malloc.h>
#include <stdio.h>

/* Plays `frames` as often as `most`, with %d as the next stream; the verdict. How often
 * it took is told. */
static int flood(h2_rig *rig, const char *frames, int most, const char *want)
{
  h2_text got = { 0 };
  char script[512];
  char *second;
  int i;

  for (i = 0; i < most && peer_is_open(&rig->peer); i++) {
    int id = i * 2 + 3;

    (void)snprintf(script, sizeof script, frames, id, id, id);
    second = strchr(script, '|'); /* in a push of its own */
    if (second != NULL)
      *second++ = '\0';
    peer_play(&rig->peer, script);
    if (second != NULL && peer_is_open(&rig->peer))
      peer_play(&rig->peer, second);
  }
  peer_verdict(&rig->peer, &got);
  test_bytes(__FILE__, __LINE__, frames, cro_bytes_of(want), h2_text_bytes(&got));
  h2_text_free(&got);
  return i;
}

/* Bytes in use by then, above those before. */
static size_t in_use(void)
{
  return mallinfo2().uordblks;
}

#define CALM(last) "GOAWAY last=" last " ENHANCE_YOUR_CALM, close"

static void keep_all(h2_peer *peer, cro_request *request)
{
  (void)peer;
  (void)request; /* answered never */
}

/* CVE-2023-44487 */
static void rapid_reset(void)
{
  h2_rig rig;

  h2_rig_greet(&rig);
  rig.peer.handler = keep_all;
  CHECK_INT(201, flood(&rig, "headers %d es eh get; rst %d u32:8", 1000, CALM("403")));
  CHECK_INT(0, rig.peer.messages); /* nobody works for what has gone already */
  h2_rig_close(&rig);
  h2_rig_greet(&rig);
  rig.peer.handler = keep_all;
  CHECK_INT(201, flood(&rig, "headers %d es eh get | rst %d u32:8", 1000, CALM("403")));
  CHECK_INT(201, rig.peer.messages);
  h2_rig_close(&rig);
}

static void resets_are_allowed_at_a_rate(void)
{
  h2_rig rig;

  h2_rig_greet(&rig);
  rig.peer.handler = keep_all;
  for (int i = 0; i < 10; i++) {
    char script[80];

    for (int n = 0; n < 33; n++) {
      (void)snprintf(script, sizeof script, "headers %d es eh get; rst %d u32:8",
                     (i * 33 + n) * 2 + 1, (i * 33 + n) * 2 + 1);
      peer_play(&rig.peer, script);
    }
    peer_advance(&rig.peer, 1000);
  }
  CHECK(peer_is_open(&rig.peer));
  h2_rig_close(&rig);
}

/* A stream that is answered may be reset as often as it likes. */
static void resets_behind_an_answer_are_not_rapid(void)
{
  h2_rig rig;

  h2_rig_greet(&rig);
  CHECK_INT(900, flood(&rig, "headers %d es eh get | rst %d u32:8", 900, "open"));
  CHECK_INT(900, rig.peer.messages);
  h2_rig_close(&rig);
}

/* CVE-2025-8671: the server resets, told to by errors */
static void made_you_reset(void)
{
  static const char *const ways[] = {
    "headers %d eh post {content-length: 1}; data %d es 'ab'",
    "headers %d eh post; window %d u31:2147483647",
    "headers %d es eh {a: b}",
    "headers %d es eh get {connection: x}",
    "headers %d eh post; headers %d es eh {:path: /}",
  };

  for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
    h2_rig rig;
    h2_text got = { 0 };

    h2_rig_greet(&rig);
    rig.peer.handler = keep_all;
    for (int n = 0; n < 1000 && peer_is_open(&rig.peer); n++) {
      char script[200];

      (void)snprintf(script, sizeof script, ways[i], n * 2 + 1, n * 2 + 1);
      peer_play(&rig.peer, script);
    }
    peer_verdict(&rig.peer, &got);
    if (memmem(got.at, got.len, "ENHANCE_YOUR_CALM, close", 24) == NULL)
      test_bytes(__FILE__, __LINE__, ways[i], CRO_B("calm"), h2_text_bytes(&got));
    CHECK(rig.peer.messages <= 202);
    h2_text_free(&got);
    h2_rig_close(&rig);
  }
}

/* CVE-2019-9512, 9515, 9516, 9518, 9511: frames worth nothing */
static void glitches(void)
{
  static const char *const frames[] = {
    "ping 0 zeros:8",          "settings 0",
    "priority 1 u32:0 u8:1",   "type:16 0 u32:1 'u=1'",
    "type:99 0 'abc'",         "data 1",
    "data 1 pad u8:3 zeros:3", "window 1 u31:1",
    "window 0 u31:255",        "rst 3 u32:8",
    "ping 0 ack zeros:8",
  };

  for (size_t i = 0; i < sizeof frames / sizeof *frames; i++) {
    h2_rig rig;
    int n;

    h2_rig_greet(&rig);
    rig.peer.handler = keep_all;
    peer_play(&rig.peer, "headers 1 eh post; headers 3 es eh get; rst 3 u32:8");
    n = flood(&rig, frames[i], 2000, CALM("3"));
    CHECK(n > 990 && n < 1010);
    h2_rig_close(&rig);
  }
}

static void glitches_are_allowed_at_a_rate(void)
{
  h2_rig rig;

  h2_rig_greet(&rig);
  for (int i = 0; i < 50; i++) {
    for (int n = 0; n < 100; n++)
      peer_play(&rig.peer, "ping 0 zeros:8");
    peer_advance(&rig.peer, 1000);
  }
  CHECK(peer_is_open(&rig.peer));
  h2_rig_close(&rig);
}

/* CVE-2024-27316, CVE-2024-28182 */
static void continuations_without_end(void)
{
  h2_rig rig;

  h2_rig_greet(&rig);
  peer_play(&rig.peer,
            "headers 1 es get; cont 1; cont 1; cont 1; cont 1; cont 1; cont 1; "
            "cont 1; cont 1");
  CHECK(peer_is_open(&rig.peer));
  peer_play(&rig.peer, "cont 1");
  CHECK_PEER("GOAWAY last=1 ENHANCE_YOUR_CALM\n", &rig.peer);
  CHECK_TEXT("close", cro_bytes_of(rig.peer.end));
  h2_rig_close(&rig);
}

/* CVE-2016-6581: a small block that decodes to a large one */
static void a_bomb_of_header_fields(void)
{
  h2_text bomb = { 0 }, frame = { 0 }, got = { 0 };
  size_t before;
  h2_rig rig;

  h2_rig_greet(&rig);
  h2_script(&bomb, "raw get x40 x0161 x7f x821e fill:3969"); /* 4001 bytes: indexed */
  for (int i = 0; i < 10000; i++)
    h2_text_add(&bomb, CRO_B("\xbe"));
  h2_put_frame(&frame, 1, 5, 1, h2_text_bytes(&bomb));
  before = in_use();
  peer_feed(&rig.peer, h2_text_bytes(&frame), 0);
  CHECK(in_use() < before + 100000);
  peer_verdict(&rig.peer, &got);
  CHECK_TEXT("RST_STREAM 1 ENHANCE_YOUR_CALM, open", h2_text_bytes(&got));
  h2_text_free(&bomb);
  h2_text_free(&frame);
  h2_text_free(&got);
  h2_rig_close(&rig);
}

static void one_stream_too_many_is_refused(void)
{
  h2_rig rig;

  h2_rig_open(&rig);
  rig.h2_limits.max_streams = 2;
  (void)h2_rig_start(&rig);
  rig.peer.handler = keep_all;
  peer_play(&rig.peer, "preface; settings 0; settings 0 ack");
  peer_forget(&rig.peer);
  peer_play(&rig.peer, "headers 1 es eh get; headers 3 es eh get; headers 5 es eh get");
  CHECK_PEER("RST_STREAM 5 REFUSED_STREAM\n", &rig.peer);
  CHECK_INT(2, rig.peer.messages);
  h2_rig_close(&rig);
}

static void hold(h2_peer *peer, cro_request *request)
{
  cro_arena_hold(request->arena);
  peer->user = request->arena;
}

static void a_reset_stream_counts_until_its_handler_has_ended(void)
{
  h2_rig rig;

  h2_rig_open(&rig);
  rig.h2_limits.max_streams = 1;
  (void)h2_rig_start(&rig);
  rig.peer.handler = hold;
  peer_play(&rig.peer, "preface; settings 0; settings 0 ack");
  peer_forget(&rig.peer);
  peer_play(&rig.peer, "headers 1 es eh get; headers 3 es eh get");
  CHECK_PEER("RST_STREAM 3 REFUSED_STREAM\n", &rig.peer);
  peer_play(&rig.peer, "headers 5 es eh get; rst 5 u32:8; rst 1 u32:8");
  CHECK(!cro_h2_busy(rig.h2));
  peer_forget(&rig.peer);
  peer_play(&rig.peer, "headers 7 es eh get");
  CHECK_PEER("RST_STREAM 7 REFUSED_STREAM\n", &rig.peer);
  cro_arena_drop(rig.peer.user);
  rig.peer.handler = NULL;
  peer_play(&rig.peer, "headers 9 es eh get");
  CHECK_PEER("HEADERS 9 :status=200 content-length=2\nDATA 9 es 'hi'\n", &rig.peer);
  h2_rig_close(&rig);
}

static void heads_of_all_streams_are_bounded(void)
{
  h2_rig rig;

  h2_rig_open(&rig);
  rig.h2_limits.held_headers = 300;
  (void)h2_rig_start(&rig);
  rig.peer.handler = keep_all;
  peer_play(&rig.peer, "preface; settings 0; settings 0 ack");
  peer_forget(&rig.peer);
  peer_play(&rig.peer, "headers 1 es eh get; headers 3 es eh get; headers 5 es eh get");
  CHECK_PEER("RST_STREAM 5 REFUSED_STREAM\n", &rig.peer);
  h2_rig_close(&rig);
}

/* CVE-2019-9511, 9517: answers asked for and not read */
static void a_peer_that_does_not_read(void)
{
  size_t before;
  h2_rig rig;

  h2_rig_greet(&rig);
  rig.peer.sink_full = true;
  before = in_use();
  for (int i = 0; i < 2000 && peer_is_open(&rig.peer) && !rig.peer.source_full; i++) {
    char script[120];

    (void)snprintf(script, sizeof script, "headers %d es eh get; ping 0 zeros:8",
                   i * 2 + 1);
    peer_play(&rig.peer, script);
  }
  CHECK(in_use() < before + 400000);
  CHECK_TEXT("too many answers not read",
             cro_bytes_of(rig.refusal != NULL ? rig.refusal : ""));
  h2_rig_close(&rig);
}

/* Resets nobody reads: input waits, and is judged when they are read. */
static void resets_that_are_not_read(void)
{
  size_t before;
  h2_rig rig;

  h2_rig_greet(&rig);
  rig.peer.sink_full = true;
  before = in_use();
  for (int i = 0; i < 5000 && !rig.peer.source_full; i++) {
    char script[80];

    (void)snprintf(script, sizeof script, "headers %d es eh {a: b}", i * 2 + 1);
    peer_play(&rig.peer, script);
  }
  CHECK(rig.peer.source_full);
  CHECK(in_use() < before + 600000);
  rig.peer.sink_full = false;
  peer_drain(&rig.peer);
  CHECK_TEXT("too many resets", cro_bytes_of(rig.refusal != NULL ? rig.refusal : ""));
  CHECK(!peer_is_open(&rig.peer));
  h2_rig_close(&rig);
}

static void padding_is_no_way_round_the_window(void)
{
  h2_rig rig;

  h2_rig_greet(&rig);
  rig.peer.handler = keep_all;
  peer_play(&rig.peer, "headers 1 eh post");
  for (int i = 0; i < 300 && peer_is_open(&rig.peer); i++)
    peer_play(&rig.peer, "data 1 pad u8:255 'x' zeros:255");
  CHECK(peer_is_open(&rig.peer)); /* what is padding is given back */
  h2_rig_close(&rig);
}

TEST_MAIN(CASE(rapid_reset), CASE(resets_are_allowed_at_a_rate),
          CASE(resets_behind_an_answer_are_not_rapid), CASE(made_you_reset),
          CASE(glitches), CASE(glitches_are_allowed_at_a_rate),
          CASE(continuations_without_end), CASE(a_bomb_of_header_fields),
          CASE(one_stream_too_many_is_refused),
          CASE(a_reset_stream_counts_until_its_handler_has_ended),
          CASE(heads_of_all_streams_are_bounded), CASE(a_peer_that_does_not_read),
          CASE(resets_that_are_not_read), CASE(padding_is_no_way_round_the_window))
