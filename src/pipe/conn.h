/* pipe/conn.h - what every stage of one connection's pipeline shares.
 *
 * The owner of the clock and the socket (net, or a test) embeds a cro_conn and
 * installs its ops. Stages use it to say what they wait for, to hold the output
 * back for a moment, and to keep one value per connection and type.
 *
 * Valid from attach until every stage of the pipeline is destroyed. Never call
 * it from another thread.
 */
#ifndef CRO_PIPE_CONN_H
#define CRO_PIPE_CONN_H

#include "pipe/stage.h"
#include "pipe/turn.h"

/* What a connection waits for; the name appears in errors and statistics. */
typedef enum cro_wait {
  CRO_WAIT_NOTHING,
  CRO_WAIT_HEADER,
  CRO_WAIT_BODY,
  CRO_WAIT_REQUEST,
  CRO_WAIT_KEEPALIVE,
  CRO_WAIT_LINGER,
  CRO_WAIT_HANDLER,
  CRO_WAIT_HANDSHAKE
} cro_wait;

/* "header", "body", ...; static. */
const char *cro_wait_name(cro_wait what);

typedef struct cro_conn_ops {
  /* One deadline per connection: replaces the one before. CRO_WAIT_NOTHING clears. */
  void (*deadline)(cro_conn *conn, cro_wait what, uint64_t ms);
  /* Milliseconds of the loop's clock, fixed during a turn. */
  uint64_t (*now)(const cro_conn *conn);
  /* Writes what is queued at the end of this turn; idempotent. */
  void (*flush_later)(cro_conn *conn);
  /* Orderly: write what is queued, then FIN and close. */
  void (*close)(cro_conn *conn);
  /* FIN after what is queued; reading goes on (lingering close). */
  void (*shutdown)(cro_conn *conn);
  /* At once, with RST where the transport has one. */
  void (*abort)(cro_conn *conn);
  /* Textual peer/local address; port -1 when there is none. Live as long as conn. */
  cro_bytes (*peer)(cro_conn *conn, int *port);
  cro_bytes (*local)(cro_conn *conn, int *port);
} cro_conn_ops;

/* What was negotiated on a connection that is encrypted. Slices live as long as the
 * connection. */
typedef struct cro_tls_info {
  const char *version;   /* "TLSv1.3" */
  const char *cipher;    /* OpenSSL's name */
  cro_bytes alpn;        /* the protocol both sides agreed on; empty: none */
  cro_bytes server_name; /* asked for by the client (SNI); empty: none */
  bool resumed;          /* an earlier session went on */
  bool verified;         /* the peer has shown a certificate, and it is trusted */
  /* Whether the certificate that was shown to the client is one for `host`; NULL on
   * clients. */
  bool (*covers)(const cro_conn *conn, cro_bytes host);
} cro_tls_info;

/* A stage's deadline handler: what to do when `what` took too long. */
typedef void cro_deadline_fn(void *arg, cro_wait what);

enum { CRO_CONN_SLOTS = 4 };

struct cro_conn {
  const cro_conn_ops *ops;
  cro_turn *turn;
  cro_stage *first;        /* the whole pipeline, for destroy */
  const char *label;       /* of traces; static or as long as conn */
  uint64_t id;             /* counts up per process */
  bool secure;             /* TLS below */
  const cro_tls_info *tls; /* NULL until the handshake is over, and without TLS */
  /* Called whenever what is queued is about to be written, outside of any push: a
   * protocol that gathers frames pushes them now. flush_later brings it about. */
  void (*on_flush)(void *arg);
  void *flush_arg;
  bool behind; /* input that came is to be answered still: output may wait for more */
  cro_deadline_fn *on_deadline; /* NULL: abort */
  void *deadline_arg;
  struct {
    const void *key; /* address of a type or constructor */
    void *value;
    void (*destroy)(void *value);
  } slots[CRO_CONN_SLOTS];
};

/* Puts a value under `key`, which may not be NULL; another value that was there is
 * destroyed. CRO_E_LIMIT when all slots are taken: the value stays the caller's. */
int cro_conn_set(cro_conn *conn, const void *key, void *value,
                 void (*destroy)(void *value));

/* The value under `key`, or NULL. */
void *cro_conn_get(const cro_conn *conn, const void *key);

/* Destroys all values; by the owner, after the pipeline. */
void cro_conn_clear(cro_conn *conn);

#endif
