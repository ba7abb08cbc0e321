/* net/net.h - what the files of net share; nobody else includes it.
 *
 * The only door to libuv. A cro_tcp's socket starts outside of libuv (TCP_RAW): an
 * exchange that is over before the loop would have to wait for it costs no
 * epoll_ctl. It is given to libuv the first time it has to be waited for.
 *
 * A cro_tcp ends in two steps: cro_tcp_end closes the socket at once and may be
 * called anywhere, inside a push too; cro_tcp_finalise tells the owner and frees, and
 * is called by the loop only.
 */
#ifndef CRO_NET_NET_H
#define CRO_NET_NET_H

#include "net/tcp.h"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/un.h>
#include <uv.h>

enum {
  net_read_bytes = 64 * 1024, /* the shared read buffer */
  net_high_mark = 64 * 1024,  /* queued output above it answers CRO_FULL */
  net_big_push = 16 * 1024,   /* written at once, not gathered */
  net_spare_bufs = 128,       /* output buffers kept by an idle loop, and their bytes */
  net_spare_bytes = 1024 * 1024,
  net_pool_threads = 16,      /* libuv's own default of 4 is few for files */
  net_lookups_max = 8,        /* threads that look names up; not of that pool */
  net_restless_turns = 10000, /* then virtual time goes on although things run */
};

/* What the descriptor is: what may be asked of it. */
typedef enum net_kind {
  NET_INET,     /* a TCP socket */
  NET_UNIX,     /* a socket of the unix family: no address, no options of TCP */
  NET_PIPE,     /* no socket: read, write, close; usually in one direction */
  NET_TERMINAL, /* the same in both; its end is EIO, and the end of writing too */
  net_kinds
} net_kind;

/* See net/clock.h. Times in nanoseconds but where said otherwise. */
typedef struct net_clock {
  int64_t ahead;                    /* ms; of the real clock, when it is not stopped */
  int64_t wall;                     /* when it was stopped */
  uint64_t began, now;              /* when it was stopped, and what it shows */
  uint64_t target;                  /* of the pass */
  void (*done)(void *arg, int err); /* NULL: no pass is under way */
  void *arg;
  unsigned quiet;    /* turns in a row without anything to do */
  unsigned restless; /* turns since time last moved */
  uv_timer_t limit;  /* real time; ends a wait for the kernel or for names */
  bool stopped;
  bool stirred; /* something was sent, connected or closed since the last rest */
  bool jumps;   /* from timer to timer without being told */
  bool waiting; /* `limit` is set */
  bool waited;  /* and has come */
} net_clock;

struct cro_loop {
  uv_loop_t uv;
  uv_prepare_t prepare; /* the turn */
  uv_idle_t idle;       /* active while the next turn must not wait */
  uv_timer_t alarm;     /* the wheel's next expiry */
  uv_timer_t aside;     /* cro_loop_aside */
  void (*on_aside)(void *arg);
  void *on_aside_arg;
  net_clock clock;
  uv_async_t async; /* posts of other threads */
  uv_mutex_t lock;  /* guards posts */
  cro_list posts;
  cro_turn turn;
  cro_wheel *wheel;
  uint64_t alarm_at; /* what `alarm` is set to; UINT64_MAX: not armed */
  bool (*on_turn)(void *arg);
  void *on_turn_arg;
  bool woken;         /* on_turn is due */
  bool pushing;       /* a read is being pushed: the shared buffer is taken */
  bool destroying;    /* nothing new is opened */
  int kept;           /* cro_loop_keep */
  int reserve;        /* a descriptor to spare for EMFILE; -1 when there is none */
  uv_signal_t child;  /* SIGCHLD, active while there are processes */
  bool child_known;   /* libuv knows the handle */
  cro_list processes; /* not yet reaped */
  size_t process_count;
  cro_list tcps, listeners, signals, connectings;
  cro_list udps, udp_openings;
  struct net_udp_slab *udp_slab; /* NULL while no datagram socket is open */
  cro_list dirty;                /* of cro_tcp.dirty: output to flush */
  cro_list fresh;                /* of cro_tcp.fresh: first read to try */
  cro_list ending;               /* of cro_tcp.dirty: socket closed, to be finalised */
  cro_list lookups_waiting, lookups_busy;
  unsigned lookups_running;
  size_t tcp_peak;                 /* connections since memory was last given back */
  uint64_t accepted, accepted_max; /* over all listeners; max 0: no limit of its own */
  cro_list lingers;                /* of net_lingering */
  size_t linger_count;
  size_t kinds[net_kinds]; /* of the connections, tcp_count in all */
  size_t tcp_count, listener_count, signal_count, resolve_count, write_count;
  size_t connecting_count;
  cro_list files;                  /* of cro_file.node */
  cro_list fs_waiting, fs_busy;    /* of cro_fs.node */
  unsigned fs_threads, fs_running; /* of the pool: the most, and now */
  size_t file_count, fs_count, fs_bytes;
  cro_list watches; /* of cro_watch.node */
  size_t watch_count;
  size_t udp_count;
  uint64_t udp_dropped;
  cro_buf spare[net_spare_bufs];
  size_t spares, spare_bytes;
  char *shared; /* net_read_bytes */
};

/* Makes the loop come round once more without waiting. */
void cro_loop_again(cro_loop *loop);

/* An output buffer from the pool (empty, maybe without memory), and back. */
cro_buf cro_loop_take_buf(cro_loop *loop);
void cro_loop_give_buf(cro_loop *loop, cro_buf *buf);

/* The cro_err for what libuv or a system call (as -errno) answered. */
int cro_net_err(int uv);

/* --- clock ------------------------------------------------------------------------ */

/* With the loop. */
void net_clock_init(cro_loop *loop);
/* At the end of each turn; `busy`: there is more to do at once. */
void net_clock_turn(cro_loop *loop, bool busy);

/* Something is on its way through the kernel. */
static inline void net_stir(cro_loop *loop)
{
  loop->clock.stirred = true;
}

/* --- addresses ------------------------------------------------------------------ */

typedef union net_address {
  struct sockaddr sa;
  struct sockaddr_in v4;
  struct sockaddr_in6 v6;
} net_address;

/* "127.0.0.1" or "::1%2" without brackets; enough for a scope. */
enum { net_text_max = 64 }; /* that of cro_tried */

typedef struct net_text {
  char host[net_text_max];
  int port; /* -1: unknown */
} net_text;

/* The bytes of the member in use; and host and port as text. */
socklen_t net_address_size(const net_address *address);
void net_address_text(const net_address *address, net_text *out);
/* Of a name with both families the IPv4 address, unless it shall be the other: clients
 * try both, and a script that says "localhost" is reached at 127.0.0.1. */
const net_address *net_address_choose(const net_address *found, size_t count,
                                      bool ipv6_only);
/* A numeric address; CRO_E_INVAL when `host` is a name. */
int net_address_parse(cro_bytes host, int port, net_address *out);

/* --- the unix family ------------------------------------------------------------- */

/* The name of a socket, and the file that listening there has made. */
typedef struct net_unix {
  struct sockaddr_un at;
  socklen_t size;                                            /* of `at` that counts */
  char text[sizeof((struct sockaddr_un){ 0 }.sun_path) + 1]; /* "/run/x", "@abstract" */
  uint64_t device, inode;                                    /* of the file */
  bool made;                                                 /* it is ours to remove */
} net_unix;

/* CRO_E_INVAL, CRO_E_TOO_LONG, or CRO_E_NOTSUP for a name without a file where there
 * are none. */
int net_unix_parse(cro_bytes path, net_unix *out);
/* The name a socket has, or one with an empty text. */
void net_unix_of(int fd, net_unix *out);
/* A socket that listens at options->path. */
int net_unix_listen(const cro_listen_options *options, int backlog, net_unix *name,
                    int *out);
/* Removes the file, if it still is the one that was made. */
void net_unix_remove(net_unix *name);

/* --- tcp ------------------------------------------------------------------------ */

typedef enum tcp_life {
  TCP_RAW,    /* libuv does not know of it */
  TCP_OPEN,   /* libuv polls it */
  TCP_CLOSED, /* closed or closing; only finalise follows */
} tcp_life;

typedef struct net_writing net_writing;

struct cro_tcp {
  cro_conn conn;
  cro_stage source, sink;
  cro_loop *loop;
  cro_list node;  /* loop->tcps */
  cro_list dirty; /* loop->dirty, then loop->ending */
  cro_list fresh;
  cro_layer *layer;       /* between the socket and the pipeline; or NULL */
  cro_listener *listener; /* counts us; NULL for outgoing */
  void (*closed)(void *arg, cro_tcp *tcp, int err);
  void *closed_arg;
  cro_timer deadline, stall;
  uint64_t write_idle, write_rate; /* ms; bytes a second over that time */
  uint64_t held_until;             /* ms; output may wait for more; 0: it does not */
  cro_buf out;             /* gathered, not yet given to the kernel or to libuv */
  net_writing *writing;    /* what the kernel did not take; libuv writes it */
  uint64_t stalled_at;     /* bytes left when `stall` was armed */
  uint64_t over, over_max; /* pushed although it was full; and the most */
  uint64_t pushed, sent;
  cro_list flushes;   /* of net_flush */
  cro_list *unmarked; /* the first of these whose bytes are with the layer; or NULL */
  net_text *texts;    /* peer, local; made when first asked for */
  net_address peer;
  union {
    uv_handle_t handle;
    uv_stream_t stream;
    uv_tcp_t tcp;   /* NET_INET */
    uv_pipe_t pipe; /* the others */
  } uv;
  int fd;
  int err; /* why it ends */
  tcp_life life;
  net_kind kind;
  cro_wait waits_for;
  bool ours; /* `fd` is not yet libuv's to close */
  bool started, reading, paused;
  bool ended;    /* the pipeline was told: finish, fail, or its push failed */
  bool broken;   /* the transport failed: the pipeline must hear of it */
  bool eof;      /* FIN came */
  bool fin;      /* FIN goes out behind the queue */
  bool fin_out;  /* it has gone */
  bool closing;  /* close behind the queue */
  bool flushing; /* what was gathered is pushed: taken although we are closing */
  bool bye;      /* the layer's last word is said */
  bool full;     /* CRO_FULL was answered */
  bool patient;  /* lingers whenever the peer has not sent FIN */
  bool lingers;  /* at all */
  bool unread;   /* nothing can be read: its input is at its end */
  bool shared;   /* others hold the open file too: blocking again when we close */
};

/* A connection over the socket `fd` (TCP_RAW), or without one when fd is -1. It is of
 * the unix family when `peer` says so. CRO_E_NOMEM leaves fd open. */
int cro_tcp_create(cro_tcp **out, cro_loop *loop, int fd, const net_address *peer);

/* It is of that kind; before it is used. */
void cro_tcp_is(cro_tcp *tcp, net_kind kind);

/* stream.c: the mode of the open file, for all who share it. */
void net_set_blocking(int fd, bool on);

/* SO_KEEPALIVE, as cro_tcp_keep_alive. 0 or a cro_err. */
int net_set_keep_alive(int fd, unsigned seconds);

/* Hands the socket to libuv. */
int cro_tcp_open(cro_tcp *tcp);

/* Closes the socket: with RST when `reset`. `broken`: the pipeline has not asked for
 * it and is told. Idempotent. */
void cro_tcp_end(cro_tcp *tcp, int err, bool broken, bool reset);

/* Tells everybody and frees. By the loop, outside of any push. */
void cro_tcp_finalise(cro_tcp *tcp);

/* The first read of a fresh connection; by the loop. */
void cro_tcp_first_read(cro_tcp *tcp);

/* libuv polls for input no more; harmless when it does not. */
void cro_tcp_stop_reading(cro_tcp *tcp);

/* tcp_out.c */
extern const cro_stage_ops cro_tcp_sink_ops;
/* Has the loop flush the connection at the end of this turn. */
void cro_tcp_mark_dirty(cro_tcp *tcp);
/* Writes what is gathered; then FIN, close, resume and flush callbacks as due.
 * Outside of pushes only. */
void cro_tcp_flush(cro_tcp *tcp);
/* Calls every flush callback with an error; the deadline for a peer that reads nothing
 * has come. */
void cro_tcp_flushes_fail(cro_tcp *tcp, int err);
void cro_tcp_stalled(cro_timer *timer);

/* linger.c: before the socket is closed in order; goes on without the cro_tcp. */
void net_linger(cro_tcp *tcp);
void net_lingers_close(cro_loop *loop);

/* --- listener ------------------------------------------------------------------- */

struct cro_listener {
  uv_poll_t uv;
  cro_list node; /* loop->listeners once it listens */
  cro_loop *loop;
  const cro_listener_ops *ops;
  void *arg;
  void (*done)(void *arg, int err, cro_listener *listener);
  cro_listen_options options; /* host is not kept */
  cro_timer rest;             /* ends a pause for lack of descriptors */
  uint64_t tell_again;        /* when `starved` may be called next */
  uint64_t live;              /* connections accepted and not yet gone */
  unsigned batch;             /* accepts per event */
  int fd;
  bool polled;  /* libuv knows the handle */
  bool paused;  /* by the owner */
  bool resting; /* for lack of descriptors */
  bool closed;
  bool freed; /* libuv has let the handle go */
  net_text address;
  net_unix *name; /* of a socket of the unix family; else NULL */
};

/* A connection of this listener has gone. */
void cro_listener_left(cro_listener *listener);

/* --- resolve -------------------------------------------------------------------- */

enum { net_addresses_max = 16 };

typedef struct net_resolving net_resolving;
typedef void net_resolved_fn(void *arg, int err, const net_address *found,
                             size_t count);

/* Looks a name or numeric address up; done once, possibly before this returns (then
 * *out is NULL), after 5 s at most (CRO_E_DNS_TIMEOUT). `found` lives until done
 * returns. */
int net_resolve(net_resolving **out, cro_loop *loop, cro_bytes host, int port,
                net_resolved_fn *done, void *arg);

/* done is not called any more. */
void net_resolve_cancel(net_resolving *resolving);

/* done comes with CRO_E_CANCELLED, at once. */
void net_resolve_cancel_all(cro_loop *loop);

/* The loop goes: threads still at work keep what is theirs. Then run the posts. */
void net_resolve_let_go(cro_loop *loop);

/* getaddrinfo, unless a test puts one in its place. Called on other threads. */
typedef int net_look_up_fn(const char *name, const char *service,
                           const struct addrinfo *hints, struct addrinfo **out);
extern net_look_up_fn *net_look_up;
/* From the question on, waiting for a thread included; CRO_E_DNS_TIMEOUT says how much
 * it is. */
extern uint64_t net_look_up_ms;

/* --- connect -------------------------------------------------------------------- */

struct cro_connecting {
  cro_list node; /* loop->connectings */
  cro_loop *loop;
  net_resolving *resolving;
  void (*done)(void *arg, int err, cro_tcp *tcp);
  void *arg;
  cro_timer limit;   /* the whole of it */
  cro_timer stagger; /* the next attempt */
  cro_list attempts; /* running ones */
  net_address found[net_addresses_max];
  int errs[net_addresses_max]; /* how each fared; 0: not tried */
  size_t count, next;
  net_address local; /* bound to first; family 0: not at all */
  net_unix name;     /* instead of addresses, when size is not 0 */
  int err;           /* of the most telling attempt so far */
  unsigned keep_alive;
  uint16_t local_port;
  bool nodelay;
};

/* Ends it: done is told, then it is freed. */
void net_connect_finish(cro_connecting *self, int err, cro_tcp *tcp);
/* unix.c: one attempt at `name`; on_stagger brings the next. */
void net_unix_try(cro_connecting *self);

/* --- files ------------------------------------------------------------------------ */

/* How many threads files may use. */
void net_files_init(cro_loop *loop);
/* At the end of the loop, until none is left: see there. */
void net_files_close(cro_loop *loop);

/* --- process ---------------------------------------------------------------------- */

/* At the end of the loop: kills and reaps what is not detached, forgets the rest. */
void net_processes_close(cro_loop *loop);

/* --- udp -------------------------------------------------------------------------- */

/* At the end of the loop: closes every datagram socket, open or about to be. */
void net_udps_close(cro_loop *loop);

/* --- watch ------------------------------------------------------------------------ */

/* At the end of the loop: closes what is still open. */
void net_watches_close(cro_loop *loop);

/* --- signal ----------------------------------------------------------------------- */

/* At the end of the loop: closes and frees every signal still open. */
void net_signals_close(cro_loop *loop);

#endif
