/* serve/server.h - accepts connections, composes each one's pipeline, routes, drains.
 *
 * Per connection: tcp source -> reader -> application -> writer -> tcp sink, where the
 * ends of an encrypted connection are those of TLS, and reader and writer are of
 * HTTP/1.1 or HTTP/2. Which, is what the client has chosen by ALPN; in the clear it is
 * HTTP/1.1, or, with both versions, what the client's first bytes say (`Upgrade: h2c`
 * is ignored). The application stage matches the route and hands the request up; the
 * answer comes back through cro_server_respond, at once or later.
 *
 * A server owns its listener and its connections. It knows no Lua: handlers are
 * numbers, and what a number means is the owner's.
 */
#ifndef CRO_SERVE_SERVER_H
#define CRO_SERVE_SERVER_H

#include "http/h1.h"
#include "http/h2.h"
#include "http/router.h"
#include "net/tls.h"

typedef struct cro_server cro_server;

typedef enum cro_server_hit {
  CRO_HIT_ROUTE,       /* `match` is filled */
  CRO_HIT_CONDITIONAL, /* routes fit, with conditions: the owner chooses */
  CRO_HIT_ALL,         /* the owner asked for every request, unrouted */
  CRO_HIT_MISS         /* 404, 405 or 400: only if the owner wants misses */
} cro_server_hit;

typedef struct cro_server_call {
  cro_server_hit hit;
  int status;       /* of a miss */
  uint64_t allowed; /* methods the path has, a bit each */
  cro_route_match match;
} cro_server_call;

typedef struct cro_server_ops {
  /* A request has come; `call` lives until this returns. Answer with
   * cro_server_respond, now or later; hear of a lost peer by request->on_release. */
  void (*request)(void *arg, cro_request *request, const cro_server_call *call);
  /* One request was refused before routing. May be NULL. */
  void (*refused)(void *arg, cro_conn *conn, int status, const char *reason);
  /* A TLS handshake is over: agreed, or failed. May be NULL. */
  void (*shaken)(void *arg, bool agreed);
  /* A TLS handshake has failed; cro_tls_why says more. False: the owner does not care,
   * no_handshake is told. May be NULL. */
  bool (*handshake_failed)(void *arg, cro_conn *conn, int err);
  /* The same in words; at most once per 10 s, with how many more
   * have failed since the last time. A client that only went away is not told of. May
   * be NULL. */
  void (*no_handshake)(void *arg, cro_conn *conn, const char *why, uint64_t more);
  /* accept ran out of descriptors. May be NULL. */
  void (*starved)(void *arg, int err);
  /* limits.connections is `wanted`, more than there can be descriptors: `allowed` will
   * count instead. Called by cro_server_start. May be NULL. */
  void (*clamped)(void *arg, uint64_t wanted, uint64_t allowed);
} cro_server_ops;

/* Versions, for cro_server_options. */
enum { CRO_SERVE_HTTP1 = 1, CRO_SERVE_HTTP2 = 2 };

typedef struct cro_server_options {
  cro_listen_options listen;
  cro_http_limits limits;
  cro_http_timeouts timeouts;
  cro_h2_limits h2;
  cro_tls_context *tls;    /* held; NULL: in the clear. What it offers by ALPN should be
                            * `versions` */
  unsigned versions;       /* of CRO_SERVE_HTTP1, CRO_SERVE_HTTP2; 0: HTTP/1 */
  cro_bytes server_header; /* copied */
  cro_bytes label;         /* of traces, copied; empty: HTTP(port) */
  const cro_router
      *router;  /* NULL: every request is CRO_HIT_ALL; outlives the server */
  bool all;     /* hand every request up unrouted */
  bool misses;  /* hand 404 and 405 up */
  bool options; /* and automatic OPTIONS, as a miss with status 204 */
  bool trace;   /* insert trace stages */
} cro_server_options;

/* 0 or CRO_E_NOMEM. Does not listen yet. */
int cro_server_create(cro_server **out, cro_loop *loop,
                      const cro_server_options *options, const cro_server_ops *ops,
                      void *arg);

/* The application as a stage of a pipeline composed by hand over `conn`, whose
 * requests it answers as a listening server would. It is destroyed with its pipeline,
 * before the server. 0 or CRO_E_NOMEM, CRO_E_LIMIT. */
int cro_server_stage(cro_server *server, cro_conn *conn, cro_stage **out);

/* Resolves, binds and listens; done(arg, err) once, possibly before this returns. */
void cro_server_start(cro_server *server, void (*done)(void *arg, int err), void *arg);

/* Stops accepting; answers what runs, closing each connection after; after
 * timeouts.drain what is left is aborted. `now` aborts at once. done(arg) once, when
 * the last connection is gone, never before this returns. A second call with `now` and
 * done = NULL cuts a drain short. */
void cro_server_stop(cro_server *server, bool now, void (*done)(void *arg), void *arg);

/* After start. Text lives as long as the server listens. */
cro_bytes cro_server_address(cro_server *server, int *port);

typedef struct cro_server_stats {
  size_t connections; /* open */
  size_t handshakes;  /* of these: TLS is being negotiated */
  size_t http2;       /* of these: speak HTTP/2 */
  uint64_t accepted;  /* since it was made */
  uint64_t refused;   /* beyond limits.connections */
  uint64_t tls_failed;
  uint64_t requests;
} cro_server_stats;

/* As of now. */
cro_server_stats cro_server_stats_of(const cro_server *server);

/* Between a start that succeeded and the stop; how many connections are open; and the
 * server's own copies of what it was given, alive as long as it. */
bool cro_server_listens(const cro_server *server);
const cro_http_limits *cro_server_limits(const cro_server *server);
const cro_http_timeouts *cro_server_timeouts(const cro_server *server);

/* "localhost:8080": where it was told to listen, for messages. */
void cro_server_describe(const cro_server *server, char *out, size_t room);

/* One connection too many, in the clear: 503 in HTTP/1, and closed. */
void cro_server_turn_away(cro_tcp *tcp);

/* Only when nothing listens and no connection is left, or it never started. */
void cro_server_destroy(cro_server *server);

/* Decides again what a request is: for an owner that could not take it at once. */
void cro_server_route(const cro_server *server, const cro_request *request,
                      cro_server_call *call);

/* Sends request->response: complete, or the head of a streaming one. */
void cro_server_respond(cro_request *request);

/* Makes the response an error answer: status, text/plain, the status text only. Keeps
 * nothing that was set before. */
void cro_response_fail(cro_response *response, int status);

#endif
