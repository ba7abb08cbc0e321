/* Memory that runs out in an HTTP/2 session: nothing is lost, nothing is left, and the
 * next connection is served. */
#include "base/alloc.h"
#include "base/err.h"
#include "support/h2_rig.h"
#include "support/test.h"

static const char exchange[] =
    "preface; settings 0; settings 0 ack; headers 1 es eh get {cookie: a} {cookie: b}; "
    "headers 3 eh post {expect: 100-continue}; data 3 'abc'; headers 3 es eh {x: y}; "
    "headers 5 es eh {:method: BREW} {:scheme: https} {:authority: h} {:path: /}; "
    "headers 7 es eh {a: b}; window 0 u31:5; ping 0 zeros:8; headers 9 eh post; "
    "rst 9 u32:8; headers 11 es eh get";

static void handle(h2_peer *peer, cro_request *request)
{
  cro_response *response = request->response;

  if (request->stream != 11) {
    if (request->ops != NULL && !request->pushed)
      (void)request->ops->push(request, CRO_B("/p"), NULL);
    peer_collect(peer, request);
    return;
  }
  response->streams = true;
  (void)cro_response_set(response, CRO_B("X-Y"), CRO_B("z"));
  if (peer_answer(peer, request) != 0 || response->ops == NULL)
    return;
  (void)response->ops->write(response, CRO_B("part"));
  (void)cro_response_trailer(response, CRO_B("X-T"), CRO_B("t"));
  if (response->ops != NULL)
    (void)response->ops->end(response);
}

static bool play(uint64_t fail_at, size_t step)
{
  h2_text bytes = { 0 };
  bool started;
  h2_rig rig;

  h2_script(&bytes, exchange);
  h2_rig_open(&rig);
  rig.peer.handler = handle;
  cro_alloc_fail_at(fail_at);
  started = h2_rig_start(&rig);
  if (started) {
    peer_feed(&rig.peer, h2_text_bytes(&bytes), step);
    peer_advance(&rig.peer, 3000);
    cro_h2_drain(rig.h2);
    peer_turn(&rig.peer);
  }
  cro_alloc_fail_at(0);
  h2_rig_close(&rig);
  h2_text_free(&bytes);
  return started;
}

static void fail_each(size_t step, uint64_t last)
{
  uint64_t live;

  (void)play(0, step);
  cro_arena_trim();
  live = cro_alloc_live();
  for (uint64_t n = 1; n < last; n++) {
    (void)play(n, step);
    cro_arena_trim();
    CHECK_INT(live, cro_alloc_live());
  }
}

static void any_allocation_may_fail(void)
{
  fail_each(0, 700);
}

/* The application works between two frames. */
static void any_allocation_may_fail_between_frames(void)
{
  fail_each(8, 900);
}

/* The connection is lost at any byte. */
static void a_connection_may_break_anywhere(void)
{
  h2_text bytes = { 0 };
  uint64_t live;

  h2_script(&bytes, exchange);
  cro_arena_trim();
  live = cro_alloc_live();
  for (size_t n = 0; n <= bytes.len; n++) {
    h2_rig rig;

    h2_rig_open(&rig);
    rig.peer.handler = handle;
    (void)h2_rig_start(&rig);
    peer_feed(&rig.peer, (cro_bytes){ bytes.at, n }, 0);
    if ((n & 1) != 0)
      peer_fail(&rig.peer, CRO_E_RESET);
    else
      peer_eof(&rig.peer);
    h2_rig_close(&rig);
    cro_arena_trim();
    CHECK_INT(live, cro_alloc_live());
  }
  h2_text_free(&bytes);
}

static void a_writer_may_fail_at_any_push(void)
{
  for (int err = 0; err < 2; err++) {
    h2_rig rig;

    h2_rig_open(&rig);
    rig.peer.handler = handle;
    (void)h2_rig_start(&rig);
    rig.peer.sink_err = err == 0 ? CRO_E_PIPE : CRO_E_CLOSED;
    peer_play(&rig.peer, exchange);
    CHECK(!peer_is_open(&rig.peer));
    h2_rig_close(&rig);
  }
}

TEST_MAIN(CASE(any_allocation_may_fail), CASE(any_allocation_may_fail_between_frames),
          CASE(a_connection_may_break_anywhere), CASE(a_writer_may_fail_at_any_push))
