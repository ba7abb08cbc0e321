/* net/tls_session.h - one TLS session as two stages, without a socket.
 *
 * The reader makes plain bytes of cipher text, the writer cipher text of plain bytes;
 * between them they are a cro_layer. Everything goes through a BIO of ours: OpenSSL
 * reads straight from what is being pushed and writes into a block that is pushed on at
 * once, so that neither side is buffered twice.
 *
 * Blocks (net_tls_block) are shared by all sessions: whoever works takes one and gives
 * it back before it returns, so that sessions may work inside of each other and an idle
 * one holds none. The plain bytes that are pushed live until that push returns.
 *
 * What needs the loop is done by `tick`, a stage that is in no pipeline: the next step
 * of a handshake that has waited in line, `over`, the end. The owner of the conn runs
 * the turn; over a cro_tcp that is the loop, in tests whoever plays it. It calls the
 * ops of the layer as net/tcp_out.c does, and sets what the connection says in
 * cro_layer.
 *
 * The session is freed when both stages have been destroyed.
 */
#ifndef CRO_NET_TLS_SESSION_H
#define CRO_NET_TLS_SESSION_H

#include "base/check.h"
#include "net/tls_context.h"
#include "pipe/conn.h"

enum {
  net_tls_block_bytes = 68 * 1024, /* four records of cipher text, and then some */
  net_tls_batch = 64 * 1024,       /* plain bytes per push, in and out */
  net_tls_record = 16 * 1024,
  net_tls_high_mark = 64 * 1024, /* plain bytes that wait; above it CRO_FULL */
  net_tls_held_max = 128 * 1024, /* cipher text that came although we were full */
  net_tls_idle_max = 64,         /* messages of TLS itself without data in between */
  net_tls_first = 8, /* bytes of the peer that are kept to tell what it is */
};

typedef struct net_tls {
  cro_layer layer; /* first */
  cro_stage reader, writer, tick;
  SSL *ssl;
  cro_conn *conn;
  void (*over)(void *arg, int err); /* see cro_tls_done_fn */
  void *arg;
  cro_tls_done_fn *done; /* over a cro_tcp */
  void *done_arg;
  uint64_t ms;                     /* for the handshake */
  cro_deadline_fn *their_deadline; /* what the pipeline above had set (STARTTLS) */
  void *their_arg;
  /* in */
  cro_bytes in;  /* being worked on: of a push, or held */
  cro_buf held;  /* cipher text that waits */
  unsigned idle; /* messages of TLS itself since the last data */
  unsigned char first[net_tls_first];
  unsigned char first_len;
  /* out */
  cro_buf cipher;      /* written by OpenSSL, not yet pushed: a block */
  cro_buf plain;       /* gathered, not yet encrypted */
  size_t plain_at;     /* of which so many bytes have been */
  uint64_t over_count; /* pushed although we were full */
  /* what is known of the other side */
  cro_tls_info info;
  cro_tls_peer *peer; /* NULL until asked for */
  char *why;          /* NULL: nothing to say, or no memory for it */
  char *name;         /* that a client asked for; NULL */
  unsigned char refs; /* stages not yet destroyed */
  bool server;
  bool started;     /* the pipeline above is linked */
  bool established; /* the handshake is over */
  bool told;        /* `over` was called, or never will be */
  bool telling;     /* it is being called */
  bool failed;      /* nothing goes in or out any more */
  bool dead;        /* the pipeline above has failed: nothing goes in */
  bool ended;       /* it was told, or has told */
  bool finished;    /* `finish` was pushed on */
  bool cut;         /* FIN came; due when what is held has been read */
  bool in_full;     /* the reader answered CRO_FULL */
  bool full;        /* the writer did */
  bool watched;     /* the deadline is ours */
  bool admitted;    /* it has waited in line for the next step */
  bool flooded;     /* too much of TLS itself */
  bool nomem;
  bool bye; /* close_notify was sent */
} net_tls;

typedef struct net_tls_plan {
  cro_tls_context *context;
  cro_bytes name; /* clients: whom to ask for and verify */
  int port;       /* clients: sessions are remembered per name and port */
  uint64_t ms;
  void (*over)(void *arg, int err);
  void *arg;
} net_tls_plan;

/* A session that is linked to nothing. CRO_E_NOMEM; CRO_E_INVAL for a name that cannot
 * be one, or none where one has to be verified. */
int net_tls_create(net_tls **out, const net_tls_plan *plan);

/* One that never came to be linked. */
void net_tls_destroy(net_tls *self);

/* Both stages are linked below and have their conn: shakes hands. */
void net_tls_begin(net_tls *self);

/* tls.c: it has failed. Sends the alert; tells everybody by the loop. Returns err. */
int net_tls_fail(net_tls *self, int err);

/* The same for what OpenSSL has in its queue, with the reason in words. */
int net_tls_fault(net_tls *self);

/* Of traces: that of the connection, or what hands connections to who gives them one.
 */
static inline const char *net_tls_label(const net_tls *self)
{
  if (self->conn->label != NULL)
    return self->conn->label;
  return self->server ? "TLS Listener" : "TLS Connector";
}

/* tls_handshake.c: one step with what is in `in`; 0 or a cro_err. */
int net_tls_shake(net_tls *self);
/* The deadline is the pipeline's again. */
void net_tls_calm(net_tls *self);
/* The name a client verifies; of the plan. 0, CRO_E_INVAL, CRO_E_NOMEM. */
int net_tls_ask_for(net_tls *self, const net_tls_plan *plan);

/* tls_read.c */
extern const cro_stage_ops net_tls_reader_ops;
/* Works off what is held, by the loop. A cro_err has been dealt with. */
void net_tls_read_on(net_tls *self);

/* tls_write.c */
extern const cro_stage_ops net_tls_writer_ops;
/* Pushes the cipher text on. 0, CRO_FULL or a cro_err. */
int net_tls_send(net_tls *self);
/* Encrypts and pushes on what is gathered, as far as there is room below. */
int net_tls_write_on(net_tls *self);
/* What is gathered will never be sent. */
void net_tls_give_up(net_tls *self);
int net_tls_gather(cro_layer *layer);
int net_tls_bye(cro_layer *layer);

/* tls_bio.c: a BIO over `self`; NULL: no memory. */
BIO *net_tls_bio(net_tls *self);

/* tls_pool.c: a block, empty, of net_tls_block_bytes, or without memory; and back. The
 * last session to go takes the spare ones along. */
cro_buf net_tls_block(void);
void net_tls_give_block(cro_buf *block);
/* The same for what is gathered: no size is promised. */
cro_buf net_tls_gatherer(void);
void net_tls_give_gatherer(cro_buf *buf);
void net_tls_pool_hold(void);
void net_tls_pool_drop(void);
/* A handshake begins, is over (at `now`, in ms). What many of them at once needed lies
 * between what they leave behind: it is given back when the crowd has gone. */
void net_tls_begun(void);
void net_tls_over(uint64_t now);

/* tls_why.c: what is wrong, in words, kept in self->why; the first one stays. */
void net_tls_say(net_tls *self, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Of the first error in OpenSSL's queue, which is emptied: the cro_err it is. */
int net_tls_say_error(net_tls *self);

/* Queues a 400 for a client that asks a server of HTTPS in plain HTTP; else nothing. */
void net_tls_answer_in_clear(net_tls *self);
/* SSL_set_verify's: notes the first thing that is wrong with a chain. */
int net_tls_verified(int ok, X509_STORE_CTX *store);

/* Before a call whose failure OpenSSL's queue explains: what others have left in it
 * would be taken for the fault of this session. Looking costs a quarter of emptying. */
static inline void net_tls_forget_errors(void)
{
  if (ERR_peek_error() != 0)
    ERR_clear_error();
}

/* tls_peer.c: fills self->info after the handshake. */
void net_tls_fill_info(net_tls *self);
/* As cro_tls_peer_of. */
int net_tls_peer(net_tls *self, cro_tls_peer *out);

/* The session of a layer; that of a connection, or NULL. */
static inline net_tls *net_tls_of(cro_layer *layer)
{
  return (net_tls *)layer;
}

#endif
