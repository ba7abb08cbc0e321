/* An HTTP/2 client under a server that sends anything: every request is released once,
 * no more is held than was allowed, and the same frames in other pieces are the same
 * answers. */
#include "base/alloc.h"
#include "base/check.h"
#include "base/err.h"
#include "h2_frames_of.h"
#include "support/h2_client_rig.h"
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>

enum { kept_max = 48 };

typedef struct kept {
  cro_request *request; /* held */
  unsigned released;
  int err;
} kept;

typedef struct session {
  program program;
  h2_text out; /* frames for the client, to be fed */
  size_t step;
  uint32_t promised;
  kept kept[kept_max];
  size_t count;
  bool accepts;
  bool bad; /* RST_STREAM or GOAWAY has been sent */
} session;

static session self;

/* --- the caller ----------------------------------------------------------------------
 */

static kept *find(const cro_request *request)
{
  for (size_t i = 0; i < self.count; i++)
    if (self.kept[i].request == request)
      return &self.kept[i];
  cro_check(false);
}

static void on_release(cro_request *request, int err)
{
  kept *one = find(request);

  cro_check(++one->released == 1);
  one->err = err;
}

static void keep(cro_request *request)
{
  request->on_release = on_release;
  self.kept[self.count++] = (kept){ .request = request };
}

static void handle(h2_peer *peer, cro_request *request)
{
  (void)peer;
  cro_check(find(request)->released == 0);
  cro_check(request->response->incoming != NULL);
}

static bool on_push(void *arg, cro_request *promised, cro_request *asked)
{
  (void)arg;
  (void)asked;
  if (!self.accepts || self.count == kept_max)
    return false;
  cro_arena_hold(promised->arena);
  keep(promised);
  return true;
}

static void ask(void)
{
  static const cro_method methods[] = { CRO_GET, CRO_POST, CRO_HEAD, CRO_CONNECT };
  uint8_t how = next_byte(&self.program);
  cro_request *request;

  if (self.count == kept_max)
    return;
  request = peer_request(&h2c.peer, methods[how & 3], "/");
  cro_check(request != NULL);
  request->expect_continue = (how & 4) != 0;
  request->body.length = (how & 8) != 0 ? -1 : (how & 16) != 0 ? 5 : 0;
  if ((how & 64) != 0) /* an extended CONNECT, or what cannot be said */
    request->protocol_name = CRO_B("websocket");
  if ((how & 32) != 0)
    (void)cro_headers_add(&request->trailers, request->arena, CRO_B("T"), CRO_B("v"));
  keep(request);
  if (cro_emit(&h2c.peer.caller, request) >= 0)
    return;
  cro_check(self.kept[--self.count].released == 0);
  peer_drop(request);
}

static void put(const kept *one)
{
  static const char part[6000];
  uint8_t how = next_byte(&self.program);
  cro_body *body = &one->request->body;

  if (how < 200 && !body->full)
    (void)cro_body_put(body, (cro_bytes){ part, how < 10 ? how : how * 30u });
  else if (how < 240)
    cro_body_end(body);
  else
    cro_body_fail(body, CRO_E_IO);
}

static void take(const kept *one)
{
  uint8_t how = next_byte(&self.program);
  cro_body *body = one->request->response->incoming;
  cro_buf taken = { 0 };

  if (body == NULL)
    return;
  if ((how & 1) != 0)
    (void)cro_body_want(body, (how & 2) != 0 ? 10 : UINT64_MAX, how * 1000u);
  else
    cro_body_take(body, &taken);
  cro_buf_free(&taken);
}

static void act(void)
{
  uint8_t which = next_byte(&self.program);
  const kept *one;

  if (self.count == 0)
    return;
  one = &self.kept[which % self.count];
  switch (which / 64) {
  case 0:
  case 1:
    put(one);
    break;
  case 2:
    take(one);
    break;
  default:
    if (which < 220)
      cro_h2_client_cancel(one->request);
    else
      cro_h2_client_continue(one->request);
  }
}

/* --- the server ----------------------------------------------------------------------
 */

static void feed(void)
{
  h2_frame frame;

  peer_feed(&h2c.peer, h2_text_bytes(&self.out), self.step);
  self.out.len = 0;
  while (peer_next(&h2c.peer, &frame)) /* what has been sent is HTTP/2 */
    self.bad |= frame.type == NGHTTP2_RST_STREAM || frame.type == NGHTTP2_GOAWAY;
}

static uint32_t pick_stream(void)
{
  uint8_t which = next_byte(&self.program);

  if (which >= 200)
    return which % 16u;
  return which >= 150 ? self.promised : 1 + 2 * (which % ((uint32_t)self.count + 1));
}

static void put_answer(void)
{
  static const char *const statuses[] = { "200", "204", "304", "100",
                                          "103", "404", "20x", "600" };
  uint32_t id = pick_stream();
  uint8_t how = next_byte(&self.program);
  h2_text block = { 0 };

  if ((how & 64) == 0)
    h2_put_field(&block, 0x40, CRO_B(":status"), cro_bytes_of(statuses[how & 7]));
  put_choices(&block, &self.program);
  h2_put_frame(&self.out, NGHTTP2_HEADERS, 4 | (how >> 3 & 1), id,
               h2_text_bytes(&block));
  h2_text_free(&block);
}

static void put_promise(void)
{
  uint8_t how = next_byte(&self.program);
  h2_text block = { 0 };

  self.promised += 2;
  h2_text_uint(&block, self.promised, 4);
  h2_put_field(&block, 0, CRO_B(":method"),
               (how & 8) != 0 ? CRO_B("PUT") : CRO_B("GET"));
  h2_put_field(&block, 0, CRO_B(":scheme"), CRO_B("https"));
  h2_put_field(&block, 0, CRO_B(":path"), CRO_B("/p?q"));
  h2_put_field(&block, 0, CRO_B(":authority"),
               (how & 16) != 0 ? CRO_B("i") : CRO_B("h"));
  put_choices(&block, &self.program);
  h2_put_frame(&self.out, NGHTTP2_PUSH_PROMISE, 4, pick_stream(),
               h2_text_bytes(&block));
  h2_text_free(&block);
}

static void put_goaway(void)
{
  h2_text payload = { 0 };

  h2_text_uint(&payload, next_number(&self.program) & 0x7fffffff, 4);
  h2_text_uint(&payload, next_byte(&self.program) % 14, 4);
  h2_put_frame(&self.out, NGHTTP2_GOAWAY, 0, 0, h2_text_bytes(&payload));
  h2_text_free(&payload);
  self.program.reset = true;
}

static void trouble(void)
{
  uint8_t how = next_byte(&self.program);

  feed();
  if (how < 80)
    h2c.peer.sink_full = true;
  else if (how < 180)
    peer_drain(&h2c.peer);
  else if (how < 220)
    peer_advance(&h2c.peer, how * 100u);
  else if (how < 235)
    cro_h2_client_end(h2c.client);
  else if (how < 245)
    peer_eof(&h2c.peer);
  else
    peer_fail(&h2c.peer, CRO_E_RESET);
  peer_turn(&h2c.peer);
}

static void step(void)
{
  switch (next_byte(&self.program) % 12) {
  case 0:
    feed();
    ask();
    peer_turn(&h2c.peer);
    break;
  case 1:
  case 2:
    put_answer();
    break;
  case 3: {
    uint32_t id = pick_stream();

    put_data(&self.out, &self.program, id, next_byte(&self.program) & 9);
    break;
  }
  case 4:
  case 5:
    put_any(&self.out, &self.program, pick_stream());
    break;
  case 6:
    put_promise();
    break;
  case 7:
  case 8:
    feed();
    act();
    peer_turn(&h2c.peer);
    break;
  case 9:
    feed();
    break;
  case 10:
    put_goaway();
    break;
  default:
    trouble();
  }
}

/* Connection windows bound what all bodies hold that nobody has asked more of. */
static void check_held(void)
{
  for (size_t i = 0; i < self.count; i++) {
    const cro_body *body = self.kept[i].request->response->incoming;

    cro_check(body == NULL ||
              body->held.len <= h2c.h2.stream_window + body->window + 16384);
  }
}

static void set_limits(uint8_t how)
{
  h2c.config.on_push = (how & 1) != 0 ? on_push : NULL;
  self.accepts = (how & 2) != 0;
  if ((how & 4) != 0)
    h2c.h2.stream_window = 100;
  if ((how & 8) != 0)
    h2c.limits.header_bytes = 200;
  if ((how & 16) != 0)
    h2c.h2.glitch_burst = 5;
  if ((how & 32) != 0)
    h2c.config.waiting = 1;
  if ((how & 64) != 0) {
    h2c.config.ping = 1000;
    h2c.config.ping_answer = 1000;
  }
}

static void log_answers(h2_text *log)
{
  for (size_t i = 0; i < self.count; i++) {
    const kept *one = &self.kept[i];
    const cro_response *response = one->request->response;
    const cro_body *body = response->incoming;

    h2_text_say(log, "%d %d %u %d %d", one->request->stream, one->err, one->released,
                response->status, (int)response->headers.count);
    if (body != NULL)
      h2_text_say(log, " %d %llu %d", (int)body->state,
                  (unsigned long long)body->received, (int)response->trailers.count);
    h2_text_say(log, "\n");
  }
}

/* What became of it, in `log`; false when it cannot be compared. */
static bool run(cro_bytes in, size_t piece, h2_text *log)
{
  memset(&self, 0, sizeof self);
  self.program.rest = in;
  self.step = piece;
  h2c_prepare();
  set_limits(next_byte(&self.program));
  cro_check(h2c_create());
  h2c.peer.handler = handle;
  peer_call(&h2c.peer, cro_h2_client_reader(h2c.client),
            cro_h2_client_writer(h2c.client));
  cro_h2_client_start(h2c.client);
  peer_turn(&h2c.peer);
  h2_script(&self.out, "settings 0; settings 0 ack");
  while (self.program.rest.len > 0 && peer_is_open(&h2c.peer)) {
    step();
    check_held();
  }
  feed();
  peer_drain(&h2c.peer);
  feed();
  if (self.bad ||
      !peer_is_open(
          &h2c.peer)) /* when the server hears of it decides what else it breaks */
    h2_text_say(log, "bad");
  else
    log_answers(log);
  h2c_close();
  for (size_t i = 0; i < self.count; i++) {
    cro_check(self.kept[i].released == 1);
    peer_drop(self.kept[i].request);
  }
  h2_text_free(&self.out);
  cro_check(test_failures() == 0);
  return !self.program.reset && self.program.volume < 100;
}

static void compare(cro_bytes in, const h2_text *whole, size_t piece)
{
  h2_text cut = { 0 };

  (void)run(in, piece, &cut);
  if (!cro_bytes_eq(h2_text_bytes(whole), h2_text_bytes(&cut))) {
    fprintf(stderr, "whole: %.*s\nstep %zu: %.*s\n", (int)whole->len, whole->at, piece,
            (int)cut.len, cut.at);
    abort();
  }
  h2_text_free(&cut);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  cro_bytes in = { (const char *)data, size };
  uint64_t live = cro_alloc_live();
  h2_text whole = { 0 };

  if (size < 2 || size > 4096)
    return 0;
  if (run(in, 0, &whole)) {
    compare(in, &whole, 1);
    compare(in, &whole, 2 + data[0] % 20u);
  }
  h2_text_free(&whole);
  cro_arena_trim();
  cro_check(cro_alloc_live() <= live);
  return 0;
}
