/* An HTTP/2 server under a peer that sends anything: no request is lost or released
 * twice, no more is held than was allowed, and the same frames in other pieces are the
 * same requests. */
#include "base/alloc.h"
#include "base/check.h"
#include "base/err.h"
#include "h2_frames_of.h"
#include "support/h2_rig.h"
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>

enum { kept_max = 64 };

typedef struct kept {
  cro_request *request; /* held */
  unsigned released;
  bool streaming;
} kept;

typedef struct session {
  h2_rig rig; /* first member */
  program program;
  h2_text out;   /* frames for the server, to be fed */
  uint32_t next; /* stream of the client */
  size_t step;
  kept kept[kept_max];
  size_t count;
  unsigned skipped; /* answered at once */
  bool bad;         /* RST_STREAM, GOAWAY or a refusal has been sent */
} session;

static session *now_running;

/* --- the application -----------------------------------------------------------------
 */

static void on_release(cro_request *request, int err)
{
  (void)err;
  for (size_t i = 0; i < now_running->count; i++)
    if (now_running->kept[i].request == request) {
      cro_check(++now_running->kept[i].released == 1);
      return;
    }
  cro_check(false);
}

static void handle(h2_peer *peer, cro_request *request)
{
  session *self = now_running;

  if (self->count == kept_max || request->pushed) {
    self->skipped++;
    request->response->status = 503;
    (void)peer_answer(peer, request);
    return;
  }
  cro_arena_hold(request->arena);
  request->on_release = on_release;
  self->kept[self->count++] = (kept){ .request = request };
}

static void answer(session *self, kept *one)
{
  cro_response *response = one->request->response;
  uint8_t how = next_byte(&self->program);

  if (one->request->gone || response->state != CRO_RESPONSE_OPEN)
    return;
  response->status = 200 + (how & 7);
  if ((how & 8) != 0)
    response->body = cro_bytes_of("an answer that is some bytes long");
  response->streams = one->streaming = (how & 16) != 0;
  if ((how & 32) != 0)
    response->length = how & 7;
  if ((how & 64) != 0)
    (void)cro_response_add(response, CRO_B("X-Answer"), CRO_B("yes"));
  (void)peer_answer(&self->rig.peer, one->request);
}

static void stream(session *self, const kept *one)
{
  static const char part[5000];
  cro_response *response = one->request->response;
  uint8_t how = next_byte(&self->program);

  if (response->ops == NULL)
    return;
  if (how < 200)
    (void)response->ops->write(response, (cro_bytes){ part, how * 25u });
  else if (how < 230)
    (void)response->ops->end(response);
  else
    response->ops->abort(response);
}

static void promise(session *self, const kept *one)
{
  static const cro_headers none;

  if (one->request->ops != NULL && one->request->ops->push != NULL)
    (void)one->request->ops->push(one->request, CRO_B("/promised"), &none);
  (void)self;
}

static void take(session *self, const kept *one)
{
  uint8_t how = next_byte(&self->program);
  cro_buf taken = { 0 };

  if ((how & 1) != 0)
    (void)cro_body_want(&one->request->body, (how & 2) != 0 ? 10 : UINT64_MAX,
                        how * 1000u);
  else
    cro_body_take(&one->request->body, &taken);
  cro_buf_free(&taken);
}

static void act(session *self)
{
  uint8_t which = next_byte(&self->program);
  kept *one;

  if (self->count == 0)
    return;
  one = &self->kept[which % self->count];
  switch (which / 52) {
  case 0:
  case 1:
    answer(self, one);
    break;
  case 2:
    take(self, one);
    break;
  case 3:
    promise(self, one);
    break;
  default:
    stream(self, one);
  }
}

/* --- the peer ------------------------------------------------------------------------
 */

/* What has been sent is read, so that it is HTTP/2. */
static void read_sent(session *self)
{
  h2_frame frame;

  while (peer_next(&self->rig.peer, &frame))
    self->bad |=
        frame.type == NGHTTP2_RST_STREAM || frame.type == NGHTTP2_GOAWAY ||
        (frame.fields.len > 10 && memcmp(frame.fields.at, " :status=4", 10) == 0);
}

static void feed(session *self)
{
  peer_feed(&self->rig.peer, h2_text_bytes(&self->out), self->step);
  self->out.len = 0;
  read_sent(self);
}

static void put_request(session *self)
{
  static const char *const methods[] = { "GET", "POST", "HEAD", "OPTIONS" };
  uint8_t how = next_byte(&self->program);
  h2_text block = { 0 };

  h2_put_field(&block, 0x40, CRO_B(":method"), cro_bytes_of(methods[how & 3]));
  h2_put_field(&block, 0x40, CRO_B(":scheme"), CRO_B("http"));
  h2_put_field(&block, 0x40, CRO_B(":path"),
               (how & 4) != 0 ? CRO_B("/a?b") : CRO_B("/"));
  h2_put_field(&block, 0x40, CRO_B(":authority"), CRO_B("h"));
  put_choices(&block, &self->program);
  h2_put_frame(&self->out, NGHTTP2_HEADERS, 4 | (how >> 3 & 1), self->next,
               h2_text_bytes(&block));
  self->next += (how & 0xf0) == 0xf0 ? 6 : 2;
  h2_text_free(&block);
}

static void put_trailers(session *self, uint32_t id)
{
  h2_text block = { 0 };

  put_choices(&block, &self->program);
  h2_put_frame(&self->out, NGHTTP2_HEADERS, 5, id, h2_text_bytes(&block));
  h2_text_free(&block);
}

/* A stream of the client's: one of the last, or any. */
static uint32_t pick_stream(session *self)
{
  uint8_t which = next_byte(&self->program);

  return which < 200 && self->next > 1 ? self->next - 2 - 2 * (which % 4u)
                                       : which % 16u;
}

static void pass_time(session *self)
{
  feed(self);
  peer_advance(&self->rig.peer, next_byte(&self->program) * 100u);
  read_sent(self);
}

static void trouble(session *self)
{
  uint8_t how = next_byte(&self->program);

  feed(self);
  if (how < 100)
    self->rig.peer.sink_full = true;
  else if (how < 220)
    peer_drain(&self->rig.peer);
  else if (how < 235)
    cro_h2_drain(self->rig.h2);
  else if (how < 245)
    peer_eof(&self->rig.peer);
  else
    peer_fail(&self->rig.peer, CRO_E_RESET);
  peer_turn(&self->rig.peer);
}

static void step(session *self)
{
  switch (next_byte(&self->program) % 12) {
  case 0:
  case 1:
    put_request(self);
    break;
  case 2:
    put_data(&self->out, &self->program, pick_stream(self),
             next_byte(&self->program) & 9);
    break;
  case 3:
    put_trailers(self, pick_stream(self));
    break;
  case 4:
  case 5:
  case 6:
    put_any(&self->out, &self->program, pick_stream(self));
    break;
  case 7:
  case 8:
    feed(self);
    act(self);
    peer_turn(&self->rig.peer);
    break;
  case 9:
    feed(self);
    break;
  case 10:
    pass_time(self);
    break;
  default:
    trouble(self);
  }
}

static void check_held(const session *self)
{
  size_t running = 0;

  for (size_t i = 0; i < self->count; i++) {
    const cro_body *body = &self->kept[i].request->body;

    running += self->kept[i].released == 0;
    cro_check(body->held.len <=
              self->rig.h2_limits.stream_window + body->window + 16384);
  }
  cro_check(running <= self->rig.h2_limits.max_streams);
}

/* --- the same in other pieces --------------------------------------------------------
 */

/* Each request with what has come of its body. */
static void log_requests(const session *self, h2_text *log)
{
  for (size_t i = 0; i < self->count; i++) {
    const cro_request *request = self->kept[i].request;

    h2_text_say(log, "%d %d %d %llu %d", request->stream, request->method,
                (int)request->body.state, (unsigned long long)request->body.received,
                (int)request->headers.count);
    for (uint32_t k = 0; k < request->trailers.count; k++)
      h2_text_add(log, request->trailers.at[k].name);
    h2_text_add(log, CRO_B("\n"));
  }
}

static void set_limits(h2_rig *rig, uint8_t how)
{
  rig->config.trace = false;
  if ((how & 1) != 0)
    rig->h2_limits.max_streams = 3;
  if ((how & 2) != 0)
    rig->h2_limits.stream_window = 100;
  if ((how & 4) != 0)
    rig->limits.header_bytes = 300;
  if ((how & 8) != 0)
    rig->h2_limits.glitch_burst = 5;
  if ((how & 16) != 0)
    rig->limits.body_bytes = 50;
  if ((how & 32) != 0)
    rig->limits.requests_per_connection = 4;
}

static void begin(session *self, cro_bytes in, size_t piece)
{
  memset(self, 0, sizeof *self);
  now_running = self;
  self->program.rest = in;
  self->step = piece;
  self->next = 1;
  h2_rig_open(&self->rig);
  set_limits(&self->rig, next_byte(&self->program));
  cro_check(h2_rig_start(&self->rig));
  self->rig.peer.handler = handle;
  h2_script(&self->out, "preface; settings 0; settings 0 ack");
}

static void end(session *self)
{
  h2_rig_close(&self->rig);
  for (size_t i = 0; i < self->count; i++) {
    cro_check(self->kept[i].released == 1);
    cro_arena_drop(self->kept[i].request->arena);
  }
  h2_text_free(&self->out);
  cro_check(test_failures() == 0);
}

/* What became of it, in `log`; false when it cannot be compared: how far a reset or a
 * window lets something through depends on the pieces. */
static bool run(cro_bytes in, size_t piece, h2_text *log)
{
  static session self;
  bool comparable;

  begin(&self, in, piece);
  while (self.program.rest.len > 0 && peer_is_open(&self.rig.peer)) {
    step(&self);
    check_held(&self);
  }
  feed(&self);
  peer_drain(&self.rig.peer);
  read_sent(&self);
  if (self.bad ||
      !peer_is_open(
          &self.rig.peer)) /* when the peer hears of it decides what else it breaks */
    h2_text_say(log, "bad");
  else
    log_requests(&self, log);
  comparable = !self.program.reset && self.program.volume < 100;
  end(&self);
  return comparable;
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
