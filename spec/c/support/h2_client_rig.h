/* support/h2_client_rig.h - a client session of HTTP/2 and the server it talks to,
 * which is a script. One of each; `h2c_open` starts anew.
 */
#ifndef CRO_SPEC_SUPPORT_H2_CLIENT_RIG_H
#define CRO_SPEC_SUPPORT_H2_CLIENT_RIG_H

#include "http/h2_client.h"
#include "support/h2_peer.h"

typedef struct h2_client_rig {
  h2_peer peer; /* first member */
  cro_http_limits limits;
  cro_h2_limits h2;
  cro_http_timeouts timeouts;
  cro_h2_client_config config;
  cro_h2_client *client;
} h2_client_rig;

extern h2_client_rig h2c;

/* The defaults, to be changed before the session is made: ten requests may wait, no
 * PING, no promises. */
void h2c_prepare(void);
/* Makes it. False when memory is out; then nothing is left to close. */
bool h2c_create(void);
/* Both. */
bool h2c_make(void);
/* Links, attaches, starts; the preface and our SETTINGS are checked and forgotten, the
 * server's come and are acknowledged. */
void h2c_start(void);
/* All of it. */
void h2c_open(void);
void h2c_close(void);

/* A request that nobody else holds, pushed; what the push answered. */
int h2c_get(const char *target);
/* The same with the request given back, held: peer_drop. */
cro_request *h2c_ask(cro_method method, int64_t length);
void h2c_play(const char *script);

#endif
