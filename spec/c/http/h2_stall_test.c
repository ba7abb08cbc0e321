/* Peers that take the answers of an HTTP/2 server in drops, or not at all
 * (CVE-2019-9511, CVE-2019-9517); and those that have nothing to take. */
#include "base/err.h"
#include "support/h2_rig.h"
#include "support/test.h"

#include <stdio.h>

static void answer_much(h2_peer *peer, cro_request *request)
{
  static char block[3000000];

  memset(block, 'x', sizeof block);
  request->response->body = (cro_bytes){ block, sizeof block };
  (void)peer_answer(peer, request);
}

static void open_slow(h2_rig *rig, uint64_t idle, uint64_t rate)
{
  h2_rig_open(rig);
  rig->timeouts.write_idle = idle;
  rig->limits.write_min_rate = rate;
  (void)h2_rig_start(rig);
  rig->peer.handler = answer_much;
  peer_play(&rig->peer, "preface; settings 0; settings 0 ack");
}

/* Seconds until something is reset, `frames` each second; at most so many. */
static int drip(h2_rig *rig, const char *frames, int most)
{
  h2_text got = { 0 };
  bool reset = false;
  int seconds = 0;

  peer_forget(&rig->peer);
  while (seconds < most && !reset && peer_is_open(&rig->peer)) {
    peer_advance(&rig->peer, 1000);
    got.len = 0;
    peer_verdict(&rig->peer, &got);
    reset = got.len > 4;
    if (!reset)
      peer_play(&rig->peer, frames);
    seconds++;
  }
  if (reset)
    CHECK_TEXT("RST_STREAM 1 CANCEL, open", h2_text_bytes(&got));
  h2_text_free(&got);
  return seconds;
}

typedef struct drip_case {
  const char *settings; /* before the request */
  const char *frames;   /* each second */
  uint64_t idle, rate;
  int seconds; /* until the stream is reset; 10000: never */
} drip_case;

#define NEVER 10000

static const drip_case drip_cases[] = {
  { "settings 0 u16:4 u32:0", "priority 3 u31:0 u8:1", 30000, 240, 30 },
  /* A byte of the stream's window, of the connection's, by a setting. */
  { "settings 0 u16:4 u32:10", "window 1 u31:1", 30000, 240, 31 },
  { "settings 0 u16:4 u32:0x7fffffff", "window 0 u31:1", 30000, 240, 31 },
  { "settings 0 u16:4 u32:0",
    "settings 0 u16:4 u32:1; settings 0 u16:4 u32:0; window 1 u31:1", 30000, 240, 31 },
  /* At the floor, and beside it. */
  { "settings 0 u16:4 u32:10; window 0 u31:0x70000000", "window 1 u31:240", 30000, 240,
    NEVER },
  { "settings 0 u16:4 u32:10; window 0 u31:0x70000000", "window 1 u31:241", 30000, 240,
    NEVER },
  { "settings 0 u16:4 u32:10; window 0 u31:0x70000000", "window 1 u31:239", 30000, 240,
    7200 - 239 },
  { "settings 0 u16:4 u32:10", "window 1 u31:120", 30000, 240, 60 },
  { "settings 0 u16:4 u32:10", "window 1 u31:99", 5000, 100, 402 },
  /* Who has taken much before runs out of time as any other. */
  { "settings 0 u16:4 u32:2000000; window 0 u31:2000000", "window 1 u31:1", 30000, 240,
    31 },
  /* Without a floor any byte will do; without either, none at all. */
  { "settings 0 u16:4 u32:10", "window 1 u31:1", 30000, 0, NEVER },
  { "settings 0 u16:4 u32:0", "priority 3 u31:0 u8:1", 30000, 0, 30 },
  { "settings 0 u16:4 u32:0", "priority 3 u31:0 u8:1", 0, 240, NEVER },
};

static void who_takes_too_little_is_reset(void)
{
  for (size_t i = 0; i < sizeof drip_cases / sizeof *drip_cases; i++) {
    const drip_case *row = &drip_cases[i];
    h2_rig rig;
    int seconds;

    open_slow(&rig, row->idle, row->rate);
    peer_play(&rig.peer, row->settings);
    peer_play(&rig.peer, "headers 1 es eh get");
    seconds = drip(&rig, row->frames, NEVER);
    if (seconds < row->seconds - 1 || seconds > row->seconds + 1)
      test_fail(row->frames, (int)i, "want %d seconds, got %d", row->seconds, seconds);
    CHECK(peer_is_open(&rig.peer));
    h2_rig_close(&rig);
  }
}

/* The floor is of the time in all: a peer that rests and goes on is none of those. */
static void who_rests_may_go_on(void)
{
  h2_rig rig;

  open_slow(&rig, 30000, 240);
  peer_play(&rig.peer, "headers 1 es eh get");
  for (int i = 0; i < 20; i++) {
    peer_advance(&rig.peer, 29000);
    peer_play(&rig.peer, "window 1 u31:65535; window 0 u31:65535");
    CHECK(peer_is_open(&rig.peer));
    peer_forget(&rig.peer);
  }
  CHECK(cro_h2_busy(rig.h2));
  h2_rig_close(&rig);
}

/* --- turns ---------------------------------------------------------------------------
 */

/* One answer is sent at a time: while the first one goes, the second has nothing to
 * complain of, and neither has its peer. */
static void a_stream_that_waits_for_its_turn_is_not_late(void)
{
  h2_text got = { 0 };
  h2_rig rig;

  open_slow(&rig, 30000, 240);
  peer_play(&rig.peer, "settings 0 u16:4 u32:0x7fffffff");
  peer_play(&rig.peer, "headers 1 es eh get; headers 3 es eh get");
  for (int i = 0; i < 200; i++) {
    peer_advance(&rig.peer, 1000);
    peer_play(&rig.peer, "window 0 u31:10000");
  }
  CHECK(cro_h2_busy(rig.h2));
  for (int i = 0; i < 500 && cro_h2_busy(rig.h2); i++) {
    peer_advance(&rig.peer, 1000);
    peer_play(&rig.peer, "window 0 u31:20000");
  }
  peer_verdict(&rig.peer, &got);
  CHECK_TEXT("open", h2_text_bytes(&got));
  CHECK(!cro_h2_busy(rig.h2));
  h2_text_free(&got);
  h2_rig_close(&rig);
}

/* --- nothing to send -----------------------------------------------------------------
 */

static void stream_on(h2_peer *peer, cro_request *request)
{
  peer->user = request;
  request->response->streams = true;
  request->response->length = -1;
  (void)peer_answer(peer, request);
}

static void write_event(h2_rig *rig)
{
  cro_response *response = ((cro_request *)rig->peer.user)->response;

  CHECK_INT(0, response->ops->write(response, CRO_B("data: event\n\n")));
  peer_turn(&rig->peer);
}

/* Its window is shut as well, but nothing waits for it. */
static void a_stream_with_nothing_to_send_may_be_silent(void)
{
  h2_rig rig;

  open_slow(&rig, 30000, 240);
  rig.peer.handler = stream_on;
  peer_play(&rig.peer, "settings 0 u16:4 u32:13; headers 1 es eh get");
  peer_advance(&rig.peer, 3600000);
  write_event(&rig);
  for (int i = 0; i < 100; i++) {
    peer_advance(&rig.peer, 3600000);
    peer_play(&rig.peer, "window 1 u31:13");
    write_event(&rig);
  }
  write_event(&rig); /* the window is shut now */
  peer_forget(&rig.peer);
  peer_advance(&rig.peer, 29999);
  CHECK_PEER("", &rig.peer);
  peer_advance(&rig.peer, 1);
  CHECK_PEER("RST_STREAM 1 CANCEL\n", &rig.peer);
  h2_rig_close(&rig);
}

/* One stream's fault is not another's. */
static void a_long_poll_outlives_a_slow_download(void)
{
  cro_request *poll;
  h2_rig rig;

  open_slow(&rig, 30000, 240);
  rig.peer.handler = stream_on;
  peer_play(&rig.peer, "headers 3 es eh get");
  poll = rig.peer.user;
  rig.peer.handler = answer_much;
  peer_play(&rig.peer, "settings 0 u16:4 u32:0; headers 5 es eh get");
  peer_forget(&rig.peer);
  peer_advance(&rig.peer, 30000);
  CHECK_PEER("RST_STREAM 5 CANCEL\n", &rig.peer);
  peer_advance(&rig.peer, 3600000);
  CHECK_PEER("", &rig.peer);
  CHECK_INT(CRO_RESPONSE_STREAMING, poll->response->state);
  h2_rig_close(&rig);
}

TEST_MAIN(CASE(who_takes_too_little_is_reset), CASE(who_rests_may_go_on),
          CASE(a_stream_that_waits_for_its_turn_is_not_late),
          CASE(a_stream_with_nothing_to_send_may_be_silent),
          CASE(a_long_poll_outlives_a_slow_download))
