/* http/h2_client.h - the client's side of HTTP/2 on one connection, without a socket.
 *
 * As the client part of http/h1.h, with many exchanges at a time: the writer takes
 * cro_type_request and makes frames, the reader takes frames and makes
 * cro_type_response. Frames are gathered and written on conn->on_flush.
 *
 * Requests. Made with cro_request_create: method, target, scheme, authority and headers
 * are their maker's and live as long as the arena, which the session holds until
 * on_release. The body is filled by its maker (cro_body_put, cro_body_end; `more` says
 * when there is room) and taken as the peer's window allows; body.length: 0 none, n
 * Content-Length, -1 unknown. request->trailers follow it. expect_continue holds it
 * back until 100 or cro_h2_client_continue. A CONNECT's two bodies carry bytes; with
 * protocol_name it is an extended one (RFC 8441) for scheme and target, and waits for
 * the server's SETTINGS, which must allow it. Push: 0, or CRO_FULL: taken, and it waits
 * for a stream, the peer's limit is reached (resume says when the next would not). Not
 * taken, and no harm done: CRO_E_INVAL (it cannot be said in HTTP/2), CRO_E_AGAIN
 * (config->waiting wait), CRO_E_CLOSED (the connection takes no more: GOAWAY, or the
 * end), CRO_E_NOTSUP (request->upgrade, or protocol_name and the server takes none),
 * CRO_E_NOMEM.
 *
 * Responses. Emitted once the head is complete and what came with it has been read,
 * with status, headers (in the arena) and `incoming`. The peer may send what has been
 * taken of a body, and no more than its window holds; what is left of a body when it
 * ends does not count any more. 1xx answers are passed over, ten at most. Trailers are
 * response->trailers once the body has ended.
 *
 * Ends. on_release(request, 0): the exchange is complete. Else
 *   CRO_E_AGAIN      the server has done nothing with it: it may be sent again on
 *                    another connection, whatever its method (RFC 9113 8.7)
 *   CRO_E_CANCELLED  cro_h2_client_cancel
 *   CRO_E_LIMIT      the answer's head or body is longer than its limit
 *   CRO_E_TOO_LONG   the server takes no such head: nothing was sent; or the request's
 *                    body is longer than was announced (CRO_E_EOF: shorter)
 *   CRO_E_PROTOCOL   a malformed answer, or the server broke the protocol
 *   CRO_E_NOTSUP     the server wants HTTP/1.1 for it, or no extended CONNECT
 *   CRO_E_RESET      the server gave it up (cro_h2_client_code says how)
 *   CRO_E_EOF, CRO_E_TIMEOUT, ... the connection's end
 * But for the first, it may have been processed: only an idempotent request may be sent
 * again, and only if cro_h2_client_heard says that no answer has begun.
 *
 * Promises. Without config->on_push the server is told to make none. With it each one
 * is a request of the session's own (`pushed`); where on_push answers true its response
 * is emitted like others, else it is refused. Whoever keeps it holds its arena.
 *
 * A server that sends what is worth nothing, resets too much or lets our answers pile
 * up ends the connection (cro_h2_limits). A session needs a cro_conn.
 */
#ifndef CRO_HTTP_H2_CLIENT_H
#define CRO_HTTP_H2_CLIENT_H

#include "http/limits.h"
#include "http/message.h"

typedef struct cro_h2_client cro_h2_client;

typedef struct cro_h2_client_config {
  const cro_http_limits
      *limits;             /* header_bytes, header_count; of responses. All live */
  const cro_h2_limits *h2; /* as long as the session */
  const cro_http_timeouts *timeouts; /* h2_settings */
  uint32_t waiting;                  /* requests that may wait for a stream */
  uint32_t ping;        /* ms without a frame, while an exchange runs, until the peer is
                           asked whether it is there; 0: never */
  uint32_t ping_answer; /* ms it has for its answer */
  bool trace;           /* each frame is shown by cro_trace_write */
  /* A promise came, made with the answer to `asked` (NULL: it is over). NULL: none are
   * wanted. */
  bool (*on_push)(void *arg, cro_request *promised, cro_request *asked);
  void *arg;
} cro_h2_client_config;

/* The config struct lives as long as the session, which is freed when every stage that
 * was taken is destroyed. 0 or CRO_E_NOMEM. */
int cro_h2_client_create(cro_h2_client **out, const cro_h2_client_config *config);

/* The session's two stages, to be linked into pipelines, which destroy them. */
cro_stage *cro_h2_client_reader(cro_h2_client *client);
cro_stage *cro_h2_client_writer(cro_h2_client *client);

/* Once both pipelines are linked and attached: preface and SETTINGS go out. */
void cro_h2_client_start(cro_h2_client *client);

/* True when a request that is pushed now would be sent at once. */
bool cro_h2_client_ready(const cro_h2_client *client);

/* Exchanges that have not ended, waiting ones too. */
unsigned cro_h2_client_open(const cro_h2_client *client);

/* GOAWAY; what runs goes on, what waits is released (CRO_E_AGAIN), and with the last
 * exchange the connection closes. */
void cro_h2_client_end(cro_h2_client *client);

/* --- on a request the session has, until on_release has returned -------------------
 */

/* Gives the exchange up: RST_STREAM, released with CRO_E_CANCELLED. */
void cro_h2_client_cancel(cro_request *request);

/* Sends the body without waiting for 100 Continue any longer. */
void cro_h2_client_continue(cro_request *request);

/* True once a byte of the answer has come. */
bool cro_h2_client_heard(const cro_request *request);

/* The HTTP/2 error code the exchange ended with (RFC 9113 7). */
uint32_t cro_h2_client_code(const cro_request *request);

#endif
