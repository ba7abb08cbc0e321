/* http/h1.h - HTTP/1.1 on one connection, both directions, without a socket.
 *
 * A session owns a reader and a writer stage that know each other: the reader emits
 * the next request head only after the writer has finished the answer before it, so
 * pipelined requests are answered in order. Without a writer in the pipeline (nobody
 * took cro_h1_writer) the reader does not wait.
 *
 * reader (server): cro_type_bytes -> cro_type_request. The head is emitted once it is
 *   complete and the bytes at hand have been parsed, so a body that came with it is
 *   already in request->body. Push answers CRO_FULL when the body's window is full, or
 *   limits.pipeline_bytes wait behind a request that is being answered.
 * writer (server): cro_type_response -> cro_type_bytes. One push per request. A
 *   response whose request is gone is dropped; a second one is CRO_E_STATE and does no
 *   harm. Interim answers take request->ops->inform. With `streams` the push sends the
 *   head and installs response->ops.
 *
 * Lifetimes. The session holds the request's arena from the head's first byte until the
 * answer has ended and the body is read, or either never will; then it releases it
 * (cro_request_release: gone, on_drain in error, on_release). Names, values and targets
 * are in the read buffer while the push that emitted the request runs, afterwards in
 * the arena. Whoever keeps a request beyond that push holds the arena; then the slices
 * stay good even when the answer was complete at once. An answer that is complete
 * inside the push is released after the push has returned from the application, a later
 * one inside the writer's push or ops->end: that call may be the last to see the
 * request.
 *
 * on_drain(response, 0) comes from the loop once a write that answered CRO_FULL may go
 * on; on_drain(response, err) when it never will.
 *
 * Every defect of a request is answered with a real response, then the connection
 * lingers (our FIN, input thrown away, close) and nothing more is parsed; a neighbour
 * downstream of the reader is failed. A defect found after an answer has begun fails
 * the request's body only, and the connection ends with that answer.
 *
 * The connection's deadline is kept by the session: header, body, request, keepalive,
 * linger. Time during which we do not read is not the peer's.
 *
 * A session needs a cro_conn (unlike most stages).
 */
#ifndef CRO_HTTP_H1_H
#define CRO_HTTP_H1_H

#include "http/limits.h"
#include "http/message.h"

typedef struct cro_h1 cro_h1;

typedef struct cro_h1_config {
  const cro_http_limits *limits; /* live as long as the session */
  const cro_http_timeouts *timeouts;
  cro_bytes server; /* Server header; empty: none. Lives likewise */
  bool secure;
  /* Called once per refused request (status, static reason) for log and counters.
   * May be NULL. */
  void (*on_refused)(void *arg, cro_conn *conn, int status, const char *reason);
  void *arg;
} cro_h1_config;

/* The config struct lives as long as the session. Both stages belong to the session;
 * it is freed when every stage that was taken is destroyed. 0 or CRO_E_NOMEM. */
int cro_h1_server_create(cro_h1 **out, const cro_h1_config *config);

/* The session's two stages, to be linked into a pipeline, which destroys them. */
cro_stage *cro_h1_reader(cro_h1 *h1);
cro_stage *cro_h1_writer(cro_h1 *h1);

/* Call once the pipeline is linked and attached: the first request's header deadline
 * runs from here (else from its first byte). */
void cro_h1_start(cro_h1 *h1);

/* For pipelines composed by hand: the session under the connection's slot, made when
 * missing; it then also lives until cro_conn_clear. 0 or CRO_E_NOMEM, CRO_E_LIMIT. */
int cro_h1_server_of(cro_h1 **out, cro_conn *conn, const cro_h1_config *config);

/* Drain: the current answer says Connection: close; an idle connection is closed now.
 */
void cro_h1_drain(cro_h1 *h1);

/* True between the first byte of a request and the end of its answer. */
bool cro_h1_busy(const cro_h1 *h1);

/* --- client direction -------------------------------------------------------- */

/* The other way round: the writer takes cro_type_request and makes bytes, the reader
 * takes bytes and makes cro_type_response. One exchange at a time: a push while one
 * runs is CRO_E_STATE, a request that cannot be said in HTTP/1 is CRO_E_INVAL; neither
 * harms the connection.
 *
 * The request is made with cro_request_create; method, target, authority (Host) and
 * headers are its maker's and live as long as its arena, which the session holds until
 * on_release. Its body is filled by its maker (cro_body_put, cro_body_end; `more` says
 * when there is room) and taken by the session; body.length: 0 none, n Content-Length,
 * -1 chunked. keep_alive false asks the server to close. expect_continue holds the body
 * back until 100 or cro_h1_client_continue. With `upgrade` an Upgrade field is sent,
 * and after a 101 the two bodies carry bytes both ways.
 *
 * The response is emitted once its head is complete, with status, reason, headers (in
 * the arena) and `incoming`, the body as it arrives. 1xx answers are passed over.
 * on_release(request, 0) means that the exchange is complete; anything else says why it
 * is not. A connection that cannot be used again is closed by the session then. */
int cro_h1_client_create(cro_h1 **out, const cro_h1_config *config);

/* Sends the body without waiting for 100 Continue any longer. */
void cro_h1_client_continue(cro_h1 *h1);

/* True when another request may be pushed. */
bool cro_h1_client_ready(const cro_h1 *h1);

/* True once a byte of the answer has come: from then on nothing may be sent again. */
bool cro_h1_client_heard(const cro_h1 *h1);

enum { CRO_DATE_LINE_LENGTH = 37 };

/* "Date: <the current second>\r\n", CRO_DATE_LINE_LENGTH bytes, no NUL; good until
 * the next call. */
const char *cro_http_date_line(void);

#endif
