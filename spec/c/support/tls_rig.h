/* support/tls_rig.h - two TLS sessions with a wire between them and nothing else: no
 * socket, no loop, no clock that moves by itself.
 *
 * A side plays what net/tcp_out.c is to a layer: it has the layer gather before its
 * wire is read, then say its last word. What is on a wire is moved by the test, in
 * pieces as small as it likes, changed if it likes.
 */
#ifndef CRO_SPEC_SUPPORT_TLS_RIG_H
#define CRO_SPEC_SUPPORT_TLS_RIG_H

#include "net/tls_session.h"
#include "pipe/turn.h"
#include "support/loopback.h"

typedef struct tls_side {
  cro_conn conn;
  cro_stage source, sink;
  net_tls *tls;
  probe probe;  /* the pipeline, linked and started when the handshake is over */
  cro_buf wire; /* on its way to the other side */
  uint64_t sent, flush_due;
  uint64_t now, deadline; /* ms; deadline 0: none */
  int over, over_err;     /* of the handshake */
  int err;                /* why it has closed */
  bool lazy;              /* the test links and starts */
  bool echo;              /* of the probe */
  bool dirty, closing, fin, bye, aborted, ended;
  bool full;       /* CRO_FULL was answered; resume is due when the wire is empty */
  bool in_full;    /* CRO_FULL was heard: nothing is pushed until resume */
  size_t wire_max; /* above it CRO_FULL */
} tls_side;

typedef struct tls_rig {
  cro_turn turn;
  tls_side server, client;
  int version; /* 12: the client speaks no newer one */
} tls_rig;

/* False, with nothing open, when memory was out. The contexts stay the caller's.
 * `name`: what the client asks for. */
bool tls_rig_open(tls_rig *rig, cro_tls_context *server, cro_tls_context *client,
                  const char *name);
void tls_rig_close(tls_rig *rig);

/* Everything that is due on both sides but moving bytes. */
void tls_rig_turn(tls_rig *rig);

/* Moves up to n bytes of what `from` has on its wire to the other side. How many. */
size_t tls_rig_move(tls_rig *rig, tls_side *from, size_t n);

/* Moves until both wires are empty or stuck, in pieces of `piece` bytes. */
void tls_rig_run(tls_rig *rig, size_t piece);

/* Bytes, or FIN, that come to `to` as if from its peer. What its pipeline answered. */
int tls_side_feed(tls_side *to, cro_bytes bytes);
void tls_side_end(tls_side *to);

/* Links the probe and starts. */
void tls_side_start(tls_side *side);

/* The connection breaks. */
void tls_side_break(tls_side *side, int err);

#endif
