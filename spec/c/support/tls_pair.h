/* support/tls_pair.h - two sessions of TLS contexts that shake hands in memory.
 *
 * What either side says of it afterwards is asked of its SSL; `alert` is what was sent
 * when it failed, in OpenSSL's words.
 */
#ifndef CRO_SPEC_SUPPORT_TLS_PAIR_H
#define CRO_SPEC_SUPPORT_TLS_PAIR_H

#include "net/tls_context.h"

typedef struct tls_pair {
  SSL *server, *client;
  bool done;      /* both sides are content */
  char why[160];  /* the first side that was not, in words */
  char alert[64]; /* "unrecognized name" */
} tls_pair;

/* A context of these options; the program ends when there is none. */
cro_tls_context *tls_pair_context(const cro_tls_options *options);
/* A server's with one certificate, a client's that trusts a file. */
cro_tls_context *tls_pair_server(const char *certificate, const char *key);
cro_tls_context *tls_pair_client(const char *ca);

/* Two new sessions; `name`: what the client asks for and verifies, NULL for neither.
 * The caller may set more on them before it shakes. */
void tls_pair_open(tls_pair *pair, cro_tls_context *server, cro_tls_context *client,
                   const char *name);
/* Until both are content or one has failed; then the tickets, too, have come. */
bool tls_pair_shake(tls_pair *pair);
void tls_pair_close(tls_pair *pair);

#endif
