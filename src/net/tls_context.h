/* net/tls_context.h - what a TLS session asks of its context; for the files of net.
 *
 * A context is a generation of things made from files, and what outlives a reload: the
 * ticket keys, the clients' sessions, the key log. An SSL from net_tls_session holds
 * the generation it was made of and the context until SSL_free; nothing else need be
 * kept for it. Certificates, ALPN, tickets, stapling and verification are answered by
 * callbacks that are set up here; the owner of the session adds the BIOs, the name to
 * verify and what it does with the result.
 *
 * Contexts and sessions belong to one thread.
 */
#ifndef CRO_NET_TLS_CONTEXT_H
#define CRO_NET_TLS_CONTEXT_H

#include "net/openssl.h"
#include "net/tls.h"

enum {
  net_tls_sessions_max = 256, /* of a client context; what was not used longest goes */
  net_tls_same_max = 4,       /* of these under one key: tickets for parallel use */
  net_tls_key_max = 320,      /* of "name:port" */
};

/* A new SSL of the current generation, in the role of its context, without a BIO. Its
 * application data is free for the owner. NULL: no memory. */
SSL *net_tls_session(cro_tls_context *context);

/* Whose side its sessions are on. */
bool net_tls_is_server(const cro_tls_context *context);

/* Clients: sessions of this connection go by `key`, "name:port", which is copied: one
 * that is remembered is offered, and those that the server sends are remembered. Before
 * the handshake, and only for a peer that is verified under the same name. 0,
 * CRO_E_TOO_LONG or CRO_E_NOMEM, which means no more than a full handshake. */
int net_tls_resume_as(SSL *ssl, const char *key);

/* The two halves of it. remember takes the reference over. recall answers one reference
 * or NULL; sessions of TLS 1.3 are given out once. */
void net_tls_remember(cro_tls_context *context, const char *key, SSL_SESSION *session);
SSL_SESSION *net_tls_recall(cro_tls_context *context, const char *key);

/* The first error in OpenSSL's queue of this thread, where it all began, in words:
 * "tlsv1 alert unknown ca (SSL alert number 48)". The queue is empty afterwards, unless
 * memory has run out, which tls_fault has to see; "" when it was. */
void net_tls_last_error(char *out, size_t room);

/* Servers: whether a request for `host`, a name or numeric address, belongs on this
 * connection: it is what the client asked for (SNI), or the certificate that was shown
 * is for it. A client that asked for nothing may name any address. */
bool net_tls_covers(const SSL *ssl, cro_bytes host);

/* Whether the context takes clients that speak HTTP, by ALPN. */
bool net_tls_takes_http(const SSL *ssl);

#endif
