/* support/h1_client_rig.h - a client session between a scripted caller and server.
 *
 * What it writes is in `out`; `log` has each response with its complete body; `end` is
 * what became of the connection.
 */
#ifndef CRO_SPEC_SUPPORT_H1_CLIENT_RIG_H
#define CRO_SPEC_SUPPORT_H1_CLIENT_RIG_H

#include "http/h1.h"

typedef struct h1_client_rig {
  cro_conn conn; /* first member */
  cro_turn turn;
  cro_stage source, sink, caller, last;
  cro_h1_config config;
  cro_h1 *h1;
  cro_request *request;
  cro_buf out, log;
  const char *end;
  int failed, released; /* released: 1 when in full */
  bool sink_full, source_full, mute;
  int sink_err, last_err; /* the test's: what the sink, the caller answer instead */
} h1_client_rig;

extern h1_client_rig client;

/* False when memory is out; then nothing is left to close. */
bool client_open(void);
void client_close(void);

/* The next request, GET-like, in client.request; NULL when memory is out. */
cro_request *client_make(cro_method method);
int client_send(void);

/* The server's bytes, at once or `step` at a time, and its end. */
void client_feed_bytes(cro_bytes in, size_t step);
void client_feed(const char *in);
void client_eof(void);
void client_turn(void);
void client_log(const char *text);

#endif
