/* support/tls_ends.h - both ends of a TLS connection over a real one, in one loop.
 *
 * Each end is a cro_tcp with a probe as its pipeline, linked and started when the
 * handshake is over. Everything lives in the test's own frame.
 */
#ifndef CRO_SPEC_SUPPORT_TLS_ENDS_H
#define CRO_SPEC_SUPPORT_TLS_ENDS_H

#include "net/tls.h"
#include "support/loopback.h"

typedef struct tls_end {
  cro_tcp *tcp; /* NULL once closed */
  probe probe;
  int done, done_err; /* of the handshake */
  int closed, closed_err;
  char why[256]; /* when done or closed */
  bool echo;     /* of the probe */
  bool lazy;     /* the test links and starts */
  bool close_in_done, abort_in_done;
} tls_end;

typedef struct tls_ends {
  cro_loop *loop;
  tls_end server, client;
  cro_tls_context *server_context, *client_context;
  const char *name; /* asked for; "localhost" */
  uint64_t ms;      /* for the handshake; 5000 */
} tls_ends;

/* Contexts of one CA: a server for localhost and 127.0.0.1, a client that trusts it.
 * What else they shall be is in `more`, or NULL; a client with a ca_file trusts that.
 */
cro_tls_context *tls_ends_server(const cro_tls_options *more);
cro_tls_context *tls_ends_client(const cro_tls_options *more);

/* Two connected TCP sockets. */
void tls_sockets(int fds[2]);

/* A loop and two connections, with nothing of TLS yet. The contexts are taken over. */
void tls_ends_open(tls_ends *self, cro_tls_context *server, cro_tls_context *client);
/* What cro_tls_accept and cro_tls_connect answer. */
int tls_ends_accept(tls_ends *self);
int tls_ends_connect(tls_ends *self);
/* Both, until both handshakes are over and in order. */
void tls_ends_shake(tls_ends *self);
void tls_ends_close(tls_ends *self);

/* Makes a connection of fd and notes its end. */
void tls_end_adopt(tls_end *end, cro_loop *loop, int fd);
/* Links the probe and starts. */
void tls_end_start(tls_end *end);
/* The done function of an end. */
void tls_end_done(void *arg, cro_tcp *tcp, int err);

cro_conn *tls_end_conn(tls_end *end);

#endif
