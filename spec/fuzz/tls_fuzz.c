/* Two TLS sessions, a client's and a server's, whose records are fed in pieces,
 * changed, lost, repeated and made up; pipelines that are full, close and fail. What
 * arrives is what was sent, as far as it arrives; nothing grows without bound;
 * everybody is told once.
 *
 * The first byte chooses the version and the pipelines; then each command is a byte and
 * its arguments. Random numbers are the same in every run. */
#include "base/check.h"
#include "base/err.h"
#include "support/tls_ends.h"
#include "support/tls_rig.h"

#include <openssl/rand.h>
#include <stdlib.h>

enum { pattern_bytes = 256 * 1024, most_sent = 4 * pattern_bytes };

/* --- the same random numbers
 * -----------------------------------------------------------
 */

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

static uint64_t state;

static int same_bytes(unsigned char *out, int len)
{
  for (int i = 0; i < len; i++) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    out[i] = (unsigned char)(state >> 32);
  }
  return 1;
}

static int always(void)
{
  return 1;
}

static void be_the_same(void)
{
  static const RAND_METHOD method = { .bytes = same_bytes,
                                      .pseudorand = same_bytes,
                                      .status = always };

  state = 0x9e3779b97f4a7c15;
  cro_check(RAND_set_rand_method(&method) == 1);
}

/* --- the two of them
 * -------------------------------------------------------------------
 */

static cro_tls_context *server_context, *client_context;

static void make_contexts(void)
{
  static const cro_tls_options forgetful = { .no_sessions = true };

  if (server_context != NULL)
    return;
  server_context = tls_ends_server(NULL); /* tickets are sent */
  client_context = tls_ends_client(&forgetful);
}

static void drop_contexts(void)
{
  cro_tls_context_drop(server_context);
  cro_tls_context_drop(client_context);
  server_context = client_context = NULL;
}

typedef struct play {
  tls_rig rig;
  cro_bytes in;
  size_t sent[2]; /* by the server, by the client */
} play;

static unsigned take(play *self)
{
  cro_bytes byte = cro_bytes_take(&self->in, 1);

  return byte.len > 0 ? (unsigned char)byte.at[0] : 0;
}

static tls_side *side_of(play *self, unsigned which)
{
  return which % 2 == 0 ? &self->rig.client : &self->rig.server;
}

static bool is_open(const tls_side *side)
{
  return side->over == 1 && side->over_err == 0 && side->probe.stage.ops != NULL &&
         !side->aborted;
}

/* 255: all there is. */
static void move(play *self, unsigned which)
{
  unsigned n = take(self);

  (void)tls_rig_move(&self->rig, side_of(self, which), n == 255 ? 1000000 : n + 1);
}

static void change(play *self, unsigned which)
{
  cro_buf *wire = &side_of(self, which)->wire;
  size_t at = take(self) * (size_t)(take(self) % 8 + 1);

  if (at < wire->len)
    wire->at[at] = (char)(wire->at[at] ^ (char)(1u << take(self) % 8));
}

static void lose(play *self, unsigned which)
{
  cro_buf *wire = &side_of(self, which)->wire;
  size_t n = take(self) + (size_t)1;

  cro_buf_drop(wire, n < wire->len ? n : wire->len);
}

static void repeat(play *self, unsigned which)
{
  cro_buf *wire = &side_of(self, which)->wire;
  cro_buf copy = { 0 };

  if (wire->len < 100000 && cro_buf_add(&copy, cro_buf_bytes(wire)) == 0)
    (void)cro_buf_add(wire, cro_buf_bytes(&copy));
  cro_buf_free(&copy);
}

static void make_up(play *self, unsigned which)
{
  (void)cro_buf_add(&side_of(self, which)->wire, cro_bytes_take(&self->in, take(self)));
}

static void send_data(play *self, unsigned which)
{
  static char pattern[pattern_bytes + 23];
  tls_side *side = side_of(self, which);
  size_t *sent = &self->sent[which % 2];
  size_t len = take(self) * (size_t)(take(self) % 64 + 1);

  for (size_t i = 0; pattern[0] == 0 && i < sizeof pattern; i++)
    pattern[sizeof pattern - 1 - i] = (char)('a' + (sizeof pattern - 1 - i) % 23);
  if (!is_open(side) || *sent > most_sent)
    return;
  if (probe_send(&side->probe, (cro_bytes){ pattern + *sent % 23, len }) >= 0)
    *sent += len;
}

static void do_something(play *self, unsigned which)
{
  tls_side *side = side_of(self, which);

  if (!is_open(side))
    return;
  switch (take(self) % 6) {
  case 0:
    side->conn.ops->close(&side->conn);
    break;
  case 1:
    (void)cro_emit_finish(&side->probe.stage);
    break;
  case 2:
    side->probe.answer = CRO_FULL;
    break;
  case 3:
    side->probe.answer = 0;
    cro_stage_resume(&side->probe.stage);
    break;
  case 4:
    (void)SSL_key_update(side->tls->ssl, SSL_KEY_UPDATE_REQUESTED);
    break;
  default:
    tls_side_end(side);
  }
}

static void command(play *self)
{
  static void (*const commands[])(play * self, unsigned which) = {
    move, move, change, lose, repeat, make_up, send_data, do_something,
  };
  unsigned which = take(self);

  commands[which / 2 % 8](self, which);
  tls_rig_turn(&self->rig);
}

/* --- what must hold
 * --------------------------------------------------------------------
 */

static void check_side(const tls_side *side)
{
  const net_tls *tls = side->tls;
  const cro_buf *got = &side->probe.got;

  for (size_t i = 0; i < got->len; i++)
    cro_check(got->at[i] == (char)('a' + i % 23));
  cro_check(tls->held.len <= net_tls_held_max);
  cro_check(tls->layer.passed <= tls->layer.taken);
  cro_check(side->over <= 1);
  cro_check(side->probe.finishes + side->probe.fails <= 1);
  cro_check(!tls->failed || side->over == 1);
}

static void check_heard(const play *self)
{
  cro_check(self->rig.server.probe.got.len <= self->sent[0]);
  cro_check(self->rig.client.probe.got.len <= self->sent[1]);
  check_side(&self->rig.server);
  check_side(&self->rig.client);
}

static void let_it_end(play *self)
{
  for (int i = 0; i < 8; i++) {
    tls_side *sides[] = { &self->rig.server, &self->rig.client };

    for (int j = 0; j < 2; j++) {
      sides[j]->probe.answer = 0;
      if (is_open(sides[j]))
        cro_stage_resume(&sides[j]->probe.stage);
    }
    tls_rig_run(&self->rig, 4000);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  play self = { .in = { (const char *)data, size } };
  unsigned how;

  if (size == 0) { /* the last input of a replay */
    drop_contexts();
    return 0;
  }
  be_the_same();
  make_contexts();
  be_the_same();
  how = take(&self);
  self.rig.version = how % 2 == 0 ? 13 : 12;
  self.rig.server.wire_max = self.rig.client.wire_max = how % 4 < 2 ? 65536 : 2000;
  cro_check(tls_rig_open(&self.rig, server_context, client_context, "localhost"));
  tls_rig_turn(&self.rig);
  if (how % 8 < 4)
    tls_rig_run(&self.rig, how + 1);
  while (self.in.len > 0)
    command(&self);
  let_it_end(&self);
  check_heard(&self);
  tls_rig_close(&self.rig);
  return 0;
}
