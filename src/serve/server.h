/* serve/server.h - accepts connections, composes each one's pipeline, routes, drains.
 *
 * Per connection: tcp source -> h1 reader -> application -> h1 writer -> tcp sink.
 * The application stage matches the route and hands the request up; the answer comes
 * back through cro_server_respond, at once or later.
 *
 * A server owns its listener and its connections. It knows no Lua: handlers are
 * numbers, and what a number means is the owner's.
 */
#ifndef CRO_SERVE_SERVER_H
#define CRO_SERVE_SERVER_H

#include "http/h1.h"
#include "http/router.h"
#include "net/tcp.h"

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
  /* accept ran out of descriptors. May be NULL. */
  void (*starved)(void *arg, int err);
  /* limits.connections is `wanted`, more than there can be descriptors: `allowed` will
   * count instead. Called by cro_server_start. May be NULL. */
  void (*clamped)(void *arg, uint64_t wanted, uint64_t allowed);
} cro_server_ops;

typedef struct cro_server_options {
  cro_listen_options listen;
  cro_http_limits limits;
  cro_http_timeouts timeouts;
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

/* Between a start that succeeded and the stop; how many connections are open; and the
 * server's own copies of what it was given, alive as long as it. */
bool cro_server_listens(const cro_server *server);
size_t cro_server_connections(const cro_server *server);
const cro_http_limits *cro_server_limits(const cro_server *server);
const cro_http_timeouts *cro_server_timeouts(const cro_server *server);

/* "localhost:8080": where it was told to listen, for messages. */
void cro_server_describe(const cro_server *server, char *out, size_t room);

/* Only when nothing listens and no connection is left, or it never started. */
void cro_server_destroy(cro_server *server);

/* Decides again what a request is: for an owner that could not take it at once. */
void cro_server_route(const cro_server *server, const cro_request *request,
                      cro_server_call *call);

/* Sends request->response: complete, or the head of a streaming one. */
void cro_server_respond(cro_request *request);

/* Sends an interim answer, a response beside request->response with a status 1xx.
 * CRO_E_GONE, CRO_E_STATE once the answer has begun, CRO_E_NOTSUP where no server
 * dispatched the request. */
int cro_server_inform(const cro_response *interim);

/* Makes the response an error answer: status, text/plain, the status text only. Keeps
 * nothing that was set before. */
void cro_response_fail(cro_response *response, int status);

#endif
