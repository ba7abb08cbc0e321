/* serve/private.h - what a server shares with its connections; private to serve.
 *
 * server.c listens, drains and ends; connection.c carries one connection from accept to
 * its end; application.c is the stage that decides about requests; protocol.c says what
 * the two versions of HTTP have in common.
 */
#ifndef CRO_SERVE_PRIVATE_H
#define CRO_SERVE_PRIVATE_H

#include "serve/server.h"

/* One version of HTTP, as a server sees it. A session lives until its stages are
 * destroyed. */
typedef struct serve_protocol {
  const char *name; /* of traces */
  int (*create)(void **out, const cro_server *server);
  cro_stage *(*reader)(void *session);
  cro_stage *(*writer)(void *session);
  void (*start)(void *session);
  void (*drain)(void *session);
  bool drains_softly; /* what is on its way when it drains is served all the same */
} serve_protocol;

extern const serve_protocol serve_http1, serve_http2;

/* The application: requests in, responses out. It answers for itself what the owner
 * does not want to see, and is found by its connection's slot of cro_type_request. */
typedef struct serve_app {
  cro_stage stage; /* first member: the two pointers convert freely */
  cro_server *server;
} serve_app;

struct cro_server {
  cro_loop *loop;
  const cro_server_ops *ops;
  void *arg;
  cro_server_options options;
  cro_h1_config h1;
  cro_h2_config h2;
  cro_listener *listener;
  cro_list conns; /* of serve_conn.node */
  cro_server_stats stats;
  uint64_t told_at; /* ms: when a failed handshake was told of; 0: never */
  uint64_t untold;  /* failed since then */
  cro_timer drain;  /* fires when the drain has taken too long, or at once */
  void (*stopped)(void *arg);
  void *stopped_arg;
  bool starting; /* a listen is on its way */
  bool stopping;
  void (*started)(void *arg, int err);
  void *started_arg;
  char *texts; /* the copies of server_header and label */
};

/* A request has come while the server drains: its connection is to end with it. */
void serve_drain_conn(serve_app *app);

/* Its stage joins a pipeline and goes with it; the memory is its maker's. */
void serve_app_init(serve_app *app, cro_server *server);

/* A connection has come; it is the server's from here on. */
void serve_accept(cro_server *server, cro_tcp *tcp);

/* One connection too many: told so, and closed. */
void serve_refuse(cro_server *server, cro_tcp *tcp);

/* What runs comes to its end, then each connection closes; and all of them at once. */
void serve_drain_all(cro_server *server);
void serve_abort_all(cro_server *server);

/* Its last connection is gone, or never was. */
void serve_all_gone(cro_server *server);

#endif
