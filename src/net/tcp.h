/* net/tcp.h - stream connections as the two ends of a pipeline, and listeners.
 *
 * A cro_tcp is mostly a TCP connection, but carries any descriptor that is a stream and
 * can be waited for: sockets of the unix family, pipes, terminals (cro_stream_adopt).
 * What is special to TCP (addresses, SO_LINGER, TCP_NODELAY, lingering) is left out on
 * the others; all that follows holds for them too.
 *
 * A cro_tcp owns one socket, its cro_conn, a source stage (bytes in) and a sink
 * stage (bytes out). The pipeline between them is linked by whoever accepted or
 * connected; the cro_tcp destroys it after the socket has closed, then itself, once.
 * `closed` tells the owner, exactly once, after the socket is gone and before the
 * stages are destroyed.
 *
 * Reading uses the loop's shared buffer (64 KiB): slices live until the push
 * returns. Output is gathered in one buffer per connection and written by one
 * call at the end of the read event or loop turn; a push of 16 KiB or more
 * goes out at once with what is queued. The sink answers CRO_FULL while more than
 * 64 KiB wait in the queue and resumes below that; who goes on pushing for a megabyte
 * more loses the connection (CRO_E_LIMIT). No progress for write_idle ms, or too
 * little: reset. An idle connection keeps no buffer.
 *
 * FIN from the peer is `finish` down the pipeline; the socket stays open for writing
 * until closed. A reset, a failed write and a peer that does not read are `fail`.
 * close and abort, which the owner or a stage asked for, are neither: `closed`, then
 * destroy. A push that answers an error closes the connection behind what is queued;
 * `closed` tells that error. `finish` of the sink sends FIN; when both sides have sent
 * theirs the connection closes by itself.
 *
 * One socket may be the head of one chain of stages and the tail of another; both are
 * destroyed with it.
 */
#ifndef CRO_NET_TCP_H
#define CRO_NET_TCP_H

#include "net/loop.h"
#include "pipe/conn.h"

typedef struct cro_tcp cro_tcp;
typedef struct cro_listener cro_listener;

/* Its connection context, alive as long as the connection. */
cro_conn *cro_tcp_conn(cro_tcp *tcp);
/* NULL when the connection is not a socket of ours (a test's). */
cro_tcp *cro_tcp_of(cro_conn *conn);
/* The two ends of its pipeline: bytes in, bytes out. The connection's. */
cro_stage *cro_tcp_source(cro_tcp *tcp);
cro_stage *cro_tcp_sink(cro_tcp *tcp);

/* Starts reading, after the pipeline is linked; nothing is pushed before it returns.
 * `at_once`: try a read before the next poll (a fresh accept usually has data); an
 * exchange that ends there never reaches epoll. CRO_E_STATE when already started. */
int cro_tcp_start(cro_tcp *tcp, bool at_once);

/* The owner's: called once when the socket is closed; err is 0 or why. */
void cro_tcp_on_closed(cro_tcp *tcp, void (*fn)(void *arg, cro_tcp *tcp, int err),
                       void *arg);

/* TCP_NODELAY: small writes go out at once. 0 or what the system says, negative;
 * CRO_E_NOTSUP on what is no TCP. */
int cro_tcp_nodelay(cro_tcp *tcp, bool on);

/* SO_KEEPALIVE: asks a peer that has been silent for so many seconds (1 to 32767)
 * whether it is there, four times at intervals of a quarter of that; a peer that is not
 * is noticed after twice the time: CRO_E_TIMEOUT. 0: does not ask. CRO_E_NOTSUP on what
 * is no TCP, CRO_E_INVAL. */
int cro_tcp_keep_alive(cro_tcp *tcp, unsigned seconds);

/* The descriptor; -1 when it has closed. Closing it, or reading and writing it while
 * the connection does, is not for others. */
int cro_tcp_fd(const cro_tcp *tcp);

/* 0 while it is open; then why it has closed, CRO_E_CLOSED when that was in order. */
int cro_tcp_err(const cro_tcp *tcp);

typedef struct cro_user {
  int64_t pid, uid, gid;
} cro_user;

/* Who connected, as the system knows it: of a socket of the unix family only, and not
 * on every system (CRO_E_NOTSUP). */
int cro_tcp_peer_user(cro_tcp *tcp, cro_user *out);

/* An orderly close says FIN; then, as long as the peer does not, up to 256 KiB of input
 * are thrown away, and after 2 s all is closed, so that no reset overtakes our last
 * bytes. `closed` does not wait for that; of more than 1024 that linger the oldest goes
 * at once. Patient: whenever the peer has not sent its FIN; so is a layer that has
 * failed, whose alert is to arrive. Otherwise, for protocols that know when the peer
 * has no more to say: only when unread input is there. */
void cro_tcp_patient(cro_tcp *tcp, bool on);

/* How long the peer may take nothing of what waits for it: 30000 unless set, 0 for
 * ever. And how many bytes a second it must take over that time: none unless set. */
void cro_tcp_write_idle(cro_tcp *tcp, uint64_t ms);
void cro_tcp_write_rate(cro_tcp *tcp, uint64_t bytes);

/* Bytes that may be pushed after the sink has answered CRO_FULL (1 MiB): for whoever
 * cannot wait, or does not. Stages that count themselves ask for UINT64_MAX. */
void cro_tcp_write_over(cro_tcp *tcp, uint64_t bytes);

/* Bytes pushed and not yet with the kernel. */
size_t cro_tcp_queued(const cro_tcp *tcp);

/* fn(arg, err) once when everything queued now is with the kernel, or failed; by the
 * loop, never before this returns. Negative: fn will not be called. */
int cro_tcp_on_flushed(cro_tcp *tcp, void (*fn)(void *arg, int err), void *arg);

/* --- layers ---------------------------------------------------------------------- */

/* What stands between the socket and the pipeline: TLS. Its two stages are linked next
 * to the socket's own, and cro_tcp_source and cro_tcp_sink answer them from then on.
 * They are destroyed with the pipeline; the last one frees the layer.
 *
 * From then on the socket's queue is the layer's alone: it stops at CRO_FULL, keeps
 * what it cannot pass on, and answers CRO_FULL above in its turn. It counts what is
 * pushed after that against over_max itself. */
typedef struct cro_layer cro_layer;

typedef struct cro_layer_ops {
  /* The pipeline above is linked: what was held back may be pushed, by the loop. */
  int (*start)(cro_layer *layer);
  /* The queue is about to be written: pushes to the socket what it has gathered. 0:
   * all of it, the last word may follow; CRO_FULL: not yet; or a cro_err, which ends
   * the connection. */
  int (*gather)(cro_layer *layer);
  /* The last word, before FIN or an orderly close; once, when gather has answered 0. */
  int (*bye)(cro_layer *layer);
  /* The connection has ended, `closed` comes next: tells who is still to be told. By
   * the loop. */
  void (*ended)(cro_layer *layer);
} cro_layer_ops;

struct cro_layer {
  const cro_layer_ops *ops;
  cro_stage *source; /* bytes in: plain */
  cro_stage *sink;   /* bytes out: plain */
  /* What the layer says. */
  uint64_t taken;  /* bytes pushed into its sink */
  uint64_t passed; /* of these: pushed on, or given up */
  int err;         /* why it has failed: why the connection ends */
  bool eof;        /* the peer has said its last word */
  /* What the connection says. */
  uint64_t over_max; /* as cro_tcp_write_over */
  bool closing;      /* closed or aborted: what comes in is for nobody */
  bool shut;         /* nothing more is taken from above, */
  bool flushing;     /* but what was gathered there */
  bool above_full;   /* put below a pipeline that has answered CRO_FULL */
  bool below_full;   /* put above a socket that has answered CRO_FULL */
};

/* Puts it on a connection that has none, before its pipeline is linked, or (STARTTLS)
 * between the socket and the pipeline it has, which may be in the middle of a push.
 * What was pushed into the sink before goes out as it is; what was read before has been
 * delivered; everything that comes later is the layer's. CRO_E_STATE, CRO_E_CLOSED. */
int cro_tcp_put_layer(cro_tcp *tcp, cro_layer *layer);

/* The layer, or NULL. */
cro_layer *cro_tcp_layer(cro_tcp *tcp);

/* Starts the socket itself under a layer that talks before the pipeline is there; as
 * cro_tcp_start. */
int cro_tcp_start_socket(cro_tcp *tcp, bool at_once);

/* --- any stream ------------------------------------------------------------------ */

enum {
  /* The open file is shared with other processes (standard input, inherited): it is
   * left non-blocking no longer than need be, and its descriptor survives exec. */
  CRO_STREAM_SHARED = 1,
};

/* Makes a connection of an open descriptor, not yet reading: link, attach, start, as
 * with `accepted`. Takes it over when it answers 0, leaves it alone otherwise:
 * CRO_E_INVAL for what is no stream or cannot be waited for (files, directories,
 * datagram and listening sockets), CRO_E_EXISTS for a shared descriptor that a
 * connection of this loop has, CRO_E_NOMEM, CRO_E_CLOSED while the loop ends.
 * `how`: 0 or CRO_STREAM_*. The descriptor is made non-blocking and close-on-exec.
 *
 * - A pipe, or anything else opened in one direction: a write-only one is at its end of
 *   input at once when it is started (`finish`), and closes when its sink has finished;
 *   that nobody reads it shows at the next write (CRO_E_PIPE). A read-only one answers
 *   CRO_E_CLOSED to a push, and closes by itself at its end.
 * - A pty master ends when the last process has left the other side (EIO there): it
 * then closes. It has no half-close: `finish` of its sink sends nothing (write the
 *   terminal's EOF character, usually 4, instead). Open the slave side before: without
 *   one the master is at its end at once.
 * - A socket of the unix family or a pipe does not linger and knows no write_idle
 *   deadline unless one is set: the other side is no stranger.
 * - Its peer and its own address are "unix:" or "", port -1. */
int cro_stream_adopt(cro_tcp **out, cro_loop *loop, int fd, int how);

/* --- listening ------------------------------------------------------------------ */

typedef struct cro_listen_options {
  cro_bytes host;    /* name or address; empty: all */
  int port;          /* 0: chosen by the system */
  int backlog;       /* 0: 1024 */
  int fd;            /* >= 0: an open listening descriptor is taken over instead */
  bool reuse_port;   /* SO_REUSEPORT */
  bool defer_accept; /* wake only when data has come (servers where the client speaks
                      * first) */
  bool nodelay;
  bool ipv6_only;      /* an IPv6 address brings no IPv4 connections */
  unsigned keep_alive; /* see cro_tcp_keep_alive */
  cro_bytes path; /* not empty: a socket of the unix family there instead, or with no
                   * file, Linux only, "@name"; at most 107 bytes */
  int mode;       /* of its file; 0: as the umask says */
  bool replace;   /* a socket file there that nobody listens on is removed first */
  uint64_t max_connections; /* 0: no limit of its own; over it `refused` is called */
} cro_listen_options;

typedef struct cro_listener_ops {
  /* A connection, not yet reading. Takes it over: link, attach, start; or
   * cro_conn abort. */
  void (*accepted)(void *arg, cro_tcp *tcp);
  /* The same for one beyond max_connections (NULL: closed at once). */
  void (*refused)(void *arg, cro_tcp *tcp);
  /* accept failed for lack of descriptors or memory, or the socket does not listen
   * any more; accepting pauses 100 ms. Told at
   * most once per 10 s. May be NULL. */
  void (*starved)(void *arg, int err);
} cro_listener_ops;

/* Resolves host (numeric ones at once), binds and listens; done(arg, err, listener)
 * is called once, possibly before this returns. Of a name with addresses of both
 * families the IPv4 one is bound, with ipv6_only the other. With a descriptor handed in
 * nothing is bound. At a path: CRO_E_ADDRINUSE when a socket file is there, with
 * `replace` only when somebody listens on it; CRO_E_EXISTS when what is there is no
 * socket, which is never removed. The file goes when the listener closes.
 * Negative (misuse, no memory): done is never called. `ops` must outlive the listener,
 * `host` and `path` only this call. */
int cro_listen(cro_loop *loop, const cro_listen_options *options,
               const cro_listener_ops *ops, void *arg,
               void (*done)(void *arg, int err, cro_listener *listener));

/* Stops and resumes accepting; what arrives meanwhile waits in the kernel's backlog.
 * Each is harmless twice. */
void cro_listener_pause(cro_listener *listener);
void cro_listener_resume(cro_listener *listener);
/* Text lives as long as the listener. A path, or "@name", with port -1 for the unix
 * family. */
cro_bytes cro_listener_address(cro_listener *listener, int *port);
/* Stops accepting at once; connections live on. */
void cro_listener_close(cro_listener *listener);

/* --- connecting ----------------------------------------------------------------- */

typedef struct cro_connect_options {
  cro_bytes host;
  int port;
  uint64_t timeout; /* ms in all; 0: 10000 */
  bool nodelay;
  unsigned keep_alive; /* see cro_tcp_keep_alive */
  cro_bytes
      local_host; /* numeric address to connect from; empty: the system's choice */
  int local_port; /* 0: the system's choice */
  cro_bytes path; /* not empty: a socket of the unix family instead */
} cro_connect_options;

typedef struct cro_connecting cro_connecting;

/* Resolves, tries every address (RFC 8305: 250 ms apart, families alternating).
 * done(arg, err, tcp) once, never before this returns; the connection is not reading
 * yet and is the caller's as with `accepted`. Negative: done is never called; among
 * these CRO_E_INVAL for a local_host that is no numeric address. At a path whose
 * listener is behind it is tried again until the time is over. */
int cro_connect(cro_connecting **out, cro_loop *loop,
                const cro_connect_options *options,
                void (*done)(void *arg, int err, cro_tcp *tcp), void *arg);

typedef struct cro_tried {
  char host[64];
  int err; /* why there is no connection to it */
} cro_tried;

/* In `done` only: how the i-th address that was tried fared. False: there are no more.
 */
bool cro_connect_tried(const cro_connecting *connecting, size_t i, cro_tried *out);

/* Calls done with CRO_E_CANCELLED. Only before done. */
void cro_connect_cancel(cro_connecting *connecting);

#endif
