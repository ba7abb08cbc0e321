/* http/h2.h - HTTP/2 on one connection, both directions, without a socket (nghttp2).
 *
 * As http/h1.h: a session owns a reader and a writer stage that know each other;
 * nothing above asks which version it is.
 *
 * reader (server): cro_type_bytes -> cro_type_request, one per stream, each with its
 *   own arena, body and response; as many at a time as limits allow. The push never
 *   answers CRO_FULL for a body: its stream's window is what holds the peer back, and
 *   credit is given when the body is taken.
 * writer (server): cro_type_response -> frames. Answers may come in any order. One push
 *   per request, streams by response->ops as with h1.
 *   A write answers CRO_FULL while 64 KiB of that stream wait for its window.
 *
 * Frames are gathered and pushed on conn->on_flush, so many answers are one write.
 *
 * An answer that is there before the end of its request lets the rest of that be thrown
 * away for timeouts.linger; one of success (below 400) that is complete waits as long
 * for a body that is on its way. Then the stream is reset with NO_ERROR.
 *
 * A stream that the peer resets is released at once (cro_request_release), and counts
 * as open until its handler has ended (its arena is dropped).
 *
 * request->ops->push promises: the promised request is handed on by the loop, with
 * `pushed` set. CONNECT, and with config.tunnels extended CONNECT
 * (request->protocol_name, RFC 8441), answered 2xx with a stream, carries bytes both
 * ways: the request's body is one direction, the response's the other.
 *
 * Malformed messages are answered (RST_STREAM or GOAWAY as RFC 9113 says), what is too
 * large with a real response (431, 413) where one can be sent. Over TLS a request for a
 * host that is neither the one the client asked for in the handshake nor in the
 * certificate it was shown is answered 421, and nobody sees it.
 */
#ifndef CRO_HTTP_H2_H
#define CRO_HTTP_H2_H

#include "http/limits.h"
#include "http/message.h"

typedef struct cro_h2 cro_h2;

typedef struct cro_h2_config {
  const cro_http_limits *limits; /* all live as long as the session */
  const cro_h2_limits *h2;
  const cro_http_timeouts *timeouts;
  cro_bytes server; /* Server header; empty: none */
  bool trace;       /* each frame is shown by cro_trace_write */
  bool tunnels;     /* extended CONNECT is offered (RFC 8441) */
  /* One request was refused (status), or the connection ends (0); static reason. May be
   * NULL. */
  void (*on_refused)(void *arg, cro_conn *conn, int status, const char *reason);
  void *arg;
} cro_h2_config;

/* The preface a client begins with. */
#define CRO_H2_PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

/* The config struct lives as long as the session, which is freed when every stage that
 * was taken is destroyed. 0 or CRO_E_NOMEM. */
int cro_h2_server_create(cro_h2 **out, const cro_h2_config *config);

/* For pipelines composed by hand: the session under the connection's slot, made when
 * missing; it then also lives until cro_conn_clear. 0 or CRO_E_NOMEM, CRO_E_LIMIT. */
int cro_h2_server_of(cro_h2 **out, cro_conn *conn, const cro_h2_config *config);

/* The session's two stages, to be linked into a pipeline, which destroys them. */
cro_stage *cro_h2_reader(cro_h2 *h2);
cro_stage *cro_h2_writer(cro_h2 *h2);

/* Once the pipeline is linked and attached: SETTINGS go out, deadlines run. */
void cro_h2_start(cro_h2 *h2);

/* Drain: GOAWAY(2^31-1), after a round trip the real one; the connection closes when
 * the last stream has ended. */
void cro_h2_drain(cro_h2 *h2);

/* True while a stream is open. */
bool cro_h2_busy(const cro_h2 *h2);

#endif
