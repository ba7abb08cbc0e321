/* bind/tcp.h - a connection as Lua sees it. */
#ifndef CRO_BIND_TCP_H
#define CRO_BIND_TCP_H

#include "bind/outlet.h"
#include "net/tcp.h"

typedef struct lcro_tcp_head lcro_tcp_head;
typedef struct lcro_loose lcro_loose; /* see l_chain.c */

/* The name of the class of connection boxes. */
extern const char lcro_connection_class[];

typedef struct lcro_tcp {
  lcro_app *app;
  cro_tcp *tcp;               /* NULL once the socket is gone */
  bool taken;                 /* source linked: started, or the head of a chain */
  struct lcro_tcp_head *head; /* what writes go through; NULL: none yet, or gone */
  lcro_outlet *in;            /* events of start */
  lcro_callback *drain, *closed;
  lcro_outlet *chain;     /* ended when the socket is gone: a chain of C parts only */
  int err;                /* why it closed */
  char *why;              /* the same in words, where TLS knows more; or NULL */
  struct lcro_wrap *wrap; /* a handshake that Lua waits for; see l_tls_wrap.c */
  struct cro_tls_memory *tls_left; /* for who asks when the socket is gone; or NULL */
  lcro_loose *loose; /* stands in for it in chains without a socket end; or NULL */
  cro_list node;     /* in app->tcps while the socket lives */
  int self;          /* anchors the box while the socket lives */
  char host[64], local_host[64];
  int port, local_port;
} lcro_tcp;

/* Raises when the value at `index` is no connection box. */
lcro_tcp *lcro_check_tcp(lua_State *L, int index);

/* How a connection comes to Lua, from TCP or from cro_stream_adopt. First a box without
 * a socket is pushed (the only step that may raise), then the socket is opened, then
 * the box takes it over. Lua wraps it: require("cro.connection").wrap(box, name). The
 * socket closes when the box is collected unread; `closed` of the cro_tcp is the box's.
 * A box that took no socket over is worthless and harmless. */
lcro_tcp *lcro_tcp_push(lua_State *L, lcro_app *app);
void lcro_tcp_adopt(lua_State *L, lcro_tcp *box, cro_tcp *tcp);

/* Where to listen, from the table at 1. Its strings stay there while they are needed.
 */
void lcro_read_listen(lua_State *L, cro_listen_options *options);

/* Where a listener or a connection is to be, for messages. */
void lcro_describe_place(char out[128], cro_bytes path, cro_bytes host, int port);

/* Resets a connection. */
void lcro_tcp_abort(cro_tcp *tcp);

/* The connection box goes. */
void lcro_loose_forget(lcro_loose *loose);

/* At the end: the stages of chains without a socket. */
void lcro_chains_close(lcro_app *app);

/* Openers as in core.h. */
void lcro_open_listen(lua_State *L);
void lcro_open_connect(lua_State *L);

#endif
