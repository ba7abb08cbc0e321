/* support/h2_peer.h - the other end of an HTTP/2 session, played by a script.
 *
 * Sits around the two stages of a server or of a client session: it feeds them frames
 * (support/h2_script.h), reads back what they send (support/h2_frames.h), is the
 * application above them and the connection with its clock below them.
 *
 *   peer_open(&peer);  cro_h2_server_create(&h2, &config);
 *   peer_serve(&peer, cro_h2_reader(h2), cro_h2_writer(h2));  cro_h2_start(h2);
 *   peer_play(&peer, "preface; settings 0; headers 1 es eh get");
 *   CHECK_PEER("HEADERS 1 :status=200 ...\nDATA 1 es 'hi'\n", &peer);
 *   peer_close(&peer);
 *
 * A server's requests and a client's responses are lines of `log`, each when its body
 * is complete.
 */
#ifndef CRO_SPEC_SUPPORT_H2_PEER_H
#define CRO_SPEC_SUPPORT_H2_PEER_H

#include "http/message.h"
#include "support/h2_frames.h"
#include "support/h2_script.h"

typedef struct h2_peer h2_peer;

struct h2_peer {
  cro_conn conn; /* first member */
  cro_turn turn;
  cro_stage source, app, sink; /* of a server */
  cro_stage caller, last;      /* of a client, with source and sink */
  uint64_t now, due;           /* due: UINT64_MAX when nothing is armed */
  cro_wait what;
  h2_frames sent; /* by the session */
  h2_text log;
  const char *end; /* "open", "linger", "close" or "abort" */
  bool client;     /* the session under test is one */
  bool flush_due, source_full;
  h2_text *raw;      /* the test's: where what is sent goes, unread */
  bool sink_full;    /* the test's: what the sink answers */
  int sink_err;      /* the test's: what the sink answers instead */
  int failed;        /* the application was failed with this */
  bool finished;     /* it was told that no more comes */
  unsigned messages; /* requests or responses handed on */
  unsigned released; /* exchanges let go of */
  unsigned writes;   /* pushes into the sink */
  uint64_t bytes;    /* written in all */
  /* The test's: what the application does with a request or response. NULL: collects
   * its body and logs it; a request is answered with "hi". */
  void (*handler)(h2_peer *peer, cro_request *request);
  void *user;
};

/* A peer that is linked to nothing yet; the clock stands at 1000. */
void peer_open(h2_peer *peer);

/* Puts the session's two stages between the ends, attached. */
void peer_serve(h2_peer *peer, cro_stage *reader, cro_stage *writer);
void peer_call(h2_peer *peer, cro_stage *reader, cro_stage *writer);

void peer_close(h2_peer *peer);

/* Frames of the peer, in one piece or `step` bytes at a time; the loop turns between.
 * Nothing is fed to a connection that has ended. */
void peer_play(h2_peer *peer, const char *script);
void peer_feed(h2_peer *peer, cro_bytes in, size_t step);

/* The peer's end, in order or with an error. */
void peer_eof(h2_peer *peer);
void peer_fail(h2_peer *peer, int err);

/* The loop: what is ready runs, what is queued is written. */
void peer_turn(h2_peer *peer);
/* The sink takes more. */
void peer_drain(h2_peer *peer);
/* Time passes; deadlines that fall due on the way are told. */
void peer_advance(h2_peer *peer, uint64_t ms);
/* The connection is still there. */
bool peer_is_open(const h2_peer *peer);

/* The next frame the session has sent. */
bool peer_next(h2_peer *peer, h2_frame *frame);
/* Appends all of them, one a line. */
void peer_say(h2_peer *peer, h2_text *out);
/* Forgets what has been sent and logged so far. */
void peer_forget(h2_peer *peer);
/* Forgets as well, and appends how the session judged: the last RST_STREAM, the last
 * GOAWAY and the connection's end, as "RST_STREAM 1 PROTOCOL_ERROR, GOAWAY last=1
 * NO_ERROR, close". */
void peer_verdict(h2_peer *peer, h2_text *out);

void peer_check(const char *file, int line, const char *want, h2_peer *peer);
void peer_check_log(const char *file, int line, const char *want, h2_peer *peer);
/* Everything sent since then is this (and is forgotten); the same of the log. */
#define CHECK_PEER(want, peer) peer_check(__FILE__, __LINE__, (want), (peer))
#define CHECK_LOG(want, peer) peer_check_log(__FILE__, __LINE__, (want), (peer))

/* --- the application -----------------------------------------------------------------
 */

/* Of a server: collects the body, logs the request, answers 200 with "hi". */
void peer_collect(h2_peer *peer, cro_request *request);
/* Hands the request's response to the writer; the push's answer. */
int peer_answer(h2_peer *peer, cro_request *request);

/* Of a client: a request, GET-like, with a hold of the caller's besides the session's;
 * NULL when memory is out. `user` is its own record then, and on_release logs. */
cro_request *peer_request(h2_peer *peer, cro_method method, const char *target);
int peer_ask(h2_peer *peer, cro_request *request);
/* Drops the hold. */
void peer_drop(cro_request *request);

#endif
