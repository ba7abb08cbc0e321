/* http/h2_session.h - what the files of an HTTP/2 session share; private to them.
 *
 * nghttp2 keeps the frames, the windows and the order of what is sent; the session
 * keeps the messages. A stream's struct is part of its request's arena, which is held
 * twice: by the protocol until the request is released, and by the stream until nghttp2
 * has closed it. No code of an upper floor runs while nghttp2 has a stream in its hands
 * that this could free: streams that end are put aside and released afterwards.
 *
 * h2.c        the session and its two stages
 * h2_read.c   what nghttp2 tells of frames that came (server)
 * h2_head.c   header fields to requests, and what is wrong with them
 * h2_stream.c the life of a stream
 * h2_body.c   bodies that come, and their windows
 * h2_answer.c responses to HEADERS
 * h2_send.c   response bodies to DATA
 * h2_out.c    frames to bytes, gathered; the end of a connection
 * h2_limits.c what a peer may do how often
 * h2_wait.c   deadlines
 * h2_stall.c  windows the peer does not open
 * h2_push.c   promises
 * h2_trace.c  what CRO_TRACE shows
 */
#ifndef CRO_HTTP_H2_SESSION_H
#define CRO_HTTP_H2_SESSION_H

#include "http/h2.h"
#include "http/h2_memory.h"
#include "http/h2_meter.h"
#include "http/h2_trace.h"

typedef enum cro_h2_state {
  CRO_H2_OPEN,   /* frames go both ways */
  CRO_H2_ENDING, /* an error was said: what is queued goes out, nothing is read */
  CRO_H2_DEAD    /* closed or failed: nothing more is done */
} cro_h2_state;

/* Ranges of streams that are remembered because the peer left them out. */
enum { CRO_H2_SKIPS_KEPT = 8 };

typedef struct cro_h2_range {
  int32_t from, to;
} cro_h2_range;

typedef enum cro_h2_drain_state {
  CRO_H2_NOT_DRAINING,
  CRO_H2_NOTICED, /* GOAWAY(2^31-1) and a PING are out */
  CRO_H2_DRAINING /* the real one is out */
} cro_h2_drain_state;

typedef struct cro_h2_stream cro_h2_stream;

/* A window of the peer's that is shut while something waits for it. The time it is
 * costs limits.write_min_rate bytes a second, and what is sent pays: who owes as much
 * as timeouts.write_idle costs plays slow reader. */
typedef struct cro_h2_stall {
  uint64_t since; /* ms + 1; 0: it is open, or nothing waits */
  uint64_t owed;  /* thousandths of bytes, by then */
} cro_h2_stall;

struct cro_h2 {
  cro_stage reader, writer;
  const cro_h2_config *config;
  nghttp2_session *session;
  cro_h2_memory memory; /* of it */
  cro_h2_state state;
  cro_h2_drain_state drain;
  unsigned holds; /* stages taken and alive */
  bool has_reader, has_writer, started;
  bool reading;         /* nghttp2 reads: what ends is put aside */
  bool eof;             /* the peer's FIN has come */
  bool next_full;       /* downstream of the reader is full */
  bool out_full;        /* downstream of the writer is full */
  bool in_full;         /* we answered CRO_FULL upstream */
  bool flushing;        /* nghttp2 writes: the same */
  bool released;        /* every request was let go, at the end */
  bool failing;         /* nghttp2 has failed: nothing but freeing is left */
  bool would_block;     /* DATA did not fit into what is gathered */
  bool announced;       /* the first SETTINGS are written */
  bool greeted;         /* the peer's first SETTINGS have come */
  bool acknowledged;    /* it has acknowledged ours */
  bool in_block;        /* a header block has begun and not ended */
  bool can_push;        /* the peer allows promises */
  unsigned open;        /* streams nghttp2 has not closed */
  unsigned counted;     /* the peer's streams that count as open (see counted below) */
  unsigned promised;    /* open streams of ours */
  unsigned waiting;     /* streams with DATA that could not be sent yet */
  unsigned answers_due; /* requests handed on and not answered */
  unsigned rounds;      /* of visits, see cro_h2_each_stream */
  cro_list streams;     /* of node: everything that points here */
  cro_list ready;       /* of todo: to be handed on */
  cro_list ended;       /* of todo: to be released, and freed when closed */
  cro_list drained;     /* of todo: on_drain is due */
  size_t gathered;      /* bytes, while frames are gathered */
  int failed;           /* why the session ends */
  uint64_t served;      /* requests */
  uint64_t held_headers;
  uint64_t acks;         /* queued for what came */
  uint64_t free_updates; /* WINDOW_UPDATEs that cost nothing */
  cro_h2_stall stall;    /* of the connection's window */
  unsigned pings_due;    /* of ours, not acknowledged */
  cro_h2_tokens resets, glitches;
  uint64_t began_at;  /* ms: the connection, */
  uint64_t block_at;  /* an unfinished header block, */
  uint64_t idle_at;   /* since when no stream is open, */
  uint64_t closed_at; /* the last end of a stream, */
  uint64_t notice_at; /* the first GOAWAY */
  uint64_t armed_at;  /* the connection's deadline; UINT64_MAX: none */
  int32_t last_id;    /* the highest stream of the peer that was taken on */
  cro_h2_meter meter;
  unsigned continuations;                  /* in a row */
  unsigned skips;                          /* so far */
  cro_h2_range skipped[CRO_H2_SKIPS_KEPT]; /* streams it has left out */
  cro_h2_trace trace;

  /* The stream that was looked for last: its fields come one after the other. */
  cro_h2_stream *recent;
};

struct cro_h2_stream {
  cro_list node, todo;
  cro_h2 *h2; /* NULL once it does not count for the session any more */
  cro_request *request;
  int32_t id;
  unsigned round; /* its latest visit's */
  int err;        /* why it ends; 0: in order */
  bool head_done; /* the request's */
  bool too_large; /* its head, or its trailers */
  bool calm;      /* it is too large by far: no answer */
  bool long_path; /* its target is */
  bool malformed; /* RFC 9113 8.1.1 */
  bool emitted;   /* handed on */
  bool released;  /* the request was let go */
  bool closed;    /* by nghttp2 */
  bool dropped;   /* the stream's hold of the arena is gone */
  bool counted;   /* until it has ended in order, or its arena goes */
  bool received;  /* the request's body is complete */
  bool broken;    /* it never will be: read no more of it */
  bool tunnel;    /* after a CONNECT: bytes, no messages */
  bool continue_due;
  bool peer_reset;     /* RST_STREAM came */
  bool we_reset;       /* or was sent */
  bool answered;       /* a final response was given to nghttp2 */
  bool complete;       /* and all of its body is at hand */
  bool finished;       /* END_STREAM was sent */
  bool no_body;        /* content is counted, not sent (HEAD, 204, 304) */
  bool held;           /* the answer waits for the end of the request */
  bool lingers;        /* what still comes of the request is thrown away */
  bool refused;        /* the answer is the session's own */
  bool has_length;     /* the response announced one */
  bool deferred;       /* nghttp2 waits to be told of more */
  bool full;           /* a write was answered CRO_FULL */
  bool waiting;        /* DATA is at hand and was not sent */
  uint16_t cookies;    /* crumbs */
  uint32_t fields;     /* without further crumbs */
  uint64_t seen_bytes; /* name + value + 32 each, trailers too; */
  uint64_t head_bytes; /* of those that are kept */
  size_t owed;         /* received, and not given back to the peer's window */
  size_t thrown;       /* away, and not given back either */
  cro_bytes scheme;    /* :scheme */
  cro_bytes method;    /* :method */
  cro_bytes whole;     /* of a complete body: what is not sent yet */
  cro_buf out;         /* of a streamed one */
  size_t out_at;
  uint64_t over;      /* bytes written although it was full */
  uint64_t began_at;  /* ms: the head's first byte */
  uint64_t heard_at;  /* the last DATA, or since when we wait */
  uint64_t active_at; /* ms + 1: since when we wait for the peer; 0: we do not */
  uint64_t active;    /* ms spent so before */
  uint64_t moved_at;  /* since when the rest of a body is thrown away */
  cro_h2_stall stall; /* of its window */
};

/* --- h2.c ---------------------------------------------------------------------- */

/* The connection's clock, in milliseconds. */
uint64_t cro_h2_now(const cro_h2 *h2);

/* Has on_flush called. */
void cro_h2_flush_later(cro_h2 *h2);

/* ms between the two GOAWAYs, at most. */
enum { CRO_H2_ROUND_TRIP = 1000 };

/* The second GOAWAY. */
void cro_h2_drain_now(cro_h2 *h2);

/* Frees the session when nothing holds it any more. */
void cro_h2_let_go(cro_h2 *h2);

/* --- h2_out.c: frames to bytes ----------------------------------- */

/* Writes what nghttp2 has to say, until downstream is full. */
void cro_h2_flush(cro_h2 *h2);

/* nghttp2's: DATA without a copy in between. */
int cro_h2_on_send_data(nghttp2_session *session, nghttp2_frame *frame,
                        const uint8_t *framehd, size_t length,
                        nghttp2_data_source *source, void *arg);

/* Ends the connection with GOAWAY(code) behind what is queued; requests are released
 * with `err`. `why` is for the log. */
void cro_h2_terminate(cro_h2 *h2, uint32_t code, int err, const char *why);

/* nghttp2 has given up with that error: GOAWAY by hand, then close. */
void cro_h2_give_up(cro_h2 *h2, int error);

/* What nghttp2 answered to something submitted: no memory ends the connection
 * (CRO_E_NOMEM); else it is 0, what is too late is passed over. */
int cro_h2_must(cro_h2 *h2, int rc);

/* No more, without a word; with an orderly close; with a reset. */
void cro_h2_die(cro_h2 *h2, int err);
void cro_h2_close(cro_h2 *h2);
void cro_h2_abort(cro_h2 *h2, int err);

/* --- h2_stream.c: their life ------------------------------------- */

/* A request and its stream, known to nghttp2. NULL when memory is out. */
cro_h2_stream *cro_h2_stream_create(cro_h2 *h2, int32_t id);

/* The struct of an open stream, or NULL. */
cro_h2_stream *cro_h2_stream_of(cro_h2 *h2, int32_t id);

/* Calls visit for every stream. Whoever is told meanwhile may end any of them, or the
 * session: a stream lives until its visit is over, and one that has gone is left out.
 */
void cro_h2_each_stream(cro_h2 *h2, void (*visit)(cro_h2_stream *stream, void *arg),
                        void *arg);

/* nghttp2 has closed it: it is put aside. */
void cro_h2_stream_closed(cro_h2_stream *stream);

/* Releases what was put aside; outside of nghttp2. */
void cro_h2_reap(cro_h2 *h2);

/* Lets the request go; its owner is told and may call anything. */
void cro_h2_release(cro_h2_stream *stream, int err);

/* RST_STREAM; the request ends with `err`. */
void cro_h2_reset(cro_h2_stream *stream, uint32_t code, int err);

/* --- h2_body.c: bodies that come --------------------------------- */

/* Gives the peer as much of its window back as there is room for. */
void cro_h2_credit(cro_h2_stream *stream);
void cro_h2_credit_rest(cro_h2 *h2); /* what is free of the connection's window */

/* Some of the body; the end of it. */
void cro_h2_body_put(cro_h2_stream *stream, cro_bytes part);
void cro_h2_body_end(cro_h2_stream *stream);

/* The answer is there before the request is: the rest is taken and thrown away, for a
 * while. */
void cro_h2_body_linger(cro_h2_stream *stream);

/* The request's body will never be complete: refused, or failed when an answer is on
 * its way. */
void cro_h2_break_body(cro_h2_stream *stream, int status);

/* Connects the request's body with the stream, before it is handed on. */
void cro_h2_body_open(cro_h2_stream *stream);

/* --- h2_head.c: heads that come
 * --------------------------------------------------------
 */

/* One field. 0; < 0: no memory. */
int cro_h2_head_field(cro_h2_stream *stream, bool trailer, nghttp2_rcbuf *name,
                      nghttp2_rcbuf *value);

/* Visible ASCII without a fragment, as HTTP/1 has it. */
bool cro_h2_path_ok(cro_bytes path);

/* Fills the request in. 0, minus the status that refuses it, or CRO_H2_MALFORMED. */
int cro_h2_settle(cro_h2_stream *stream);

/* RFC 9113 8.1.1: a stream error. */
enum { CRO_H2_MALFORMED = -1 };

/* --- h2_read.c --------------------------------------------------- */

/* nghttp2's session for the server side. 0 or CRO_E_NOMEM. */
int cro_h2_server_session(cro_h2 *h2);

/* Our SETTINGS and the connection's window. */
void cro_h2_greet(cro_h2 *h2);

/* --- h2_answer.c: the writer
 * ----------------------------------------------------------
 */

/* Makes the session's writer a stage that nothing is linked to. */
void cro_h2_writer_init(cro_h2 *h2);

/* Answers with `status`, text/plain, the status text only, and lets the request go with
 * `err`. */
void cro_h2_refuse(cro_h2_stream *stream, int status, int err);

/* RFC 9113 8.2.2: a field of a connection, that HTTP/2 has none of. Lower case. */
bool cro_h2_is_of_connection(cro_bytes name);

/* The name in lower case, copied when it is not. 0 or CRO_E_NOMEM. */
int cro_h2_to_lower(cro_arena *arena, cro_bytes *name);

/* Why a request was refused with `status`; static. */
const char *cro_h2_reason_of(int status);

/* Ends the stream with response->trailers. 0 or CRO_E_NOMEM. */
int cro_h2_submit_trailers(cro_h2_stream *stream);

/* Sends the answer that waited for the end of the request. */
void cro_h2_give_held(cro_h2_stream *stream);

/* 100 Continue. */
void cro_h2_continue(cro_h2_stream *stream);

/* request->ops->inform. */
int cro_h2_inform(cro_request *request, const cro_response *interim);

/* --- h2_send.c: bodies that go
 * ---------------------------------------------------------
 */

/* nghttp2's: how much there is. */
ssize_t cro_h2_read_data(nghttp2_session *session, int32_t id, uint8_t *buf,
                         size_t length, uint32_t *flags, nghttp2_data_source *source,
                         void *arg);

/* The next `length` bytes of what was announced so. */
void cro_h2_take_data(cro_h2_stream *stream, size_t length, char *to);

/* All of the answer is at hand. */
void cro_h2_answer_complete(cro_h2_stream *stream);

/* The response streams from here on. */
void cro_h2_stream_answer(cro_h2_stream *stream, cro_response *response);

/* There is something to send. */
void cro_h2_has_data(cro_h2_stream *stream);
void cro_h2_has_no_data(cro_h2_stream *stream);

/* --- h2_limits.c ------------------------------------------------- */

/* Full buckets. */
void cro_h2_limits_init(cro_h2 *h2);

/* One reset more, by either side; one frame that is worth nothing. They may end the
 * connection. */
void cro_h2_charge_reset(cro_h2 *h2);
void cro_h2_charge_glitch(cro_h2 *h2);

/* And at a WINDOW_UPDATE that was understood. */
void cro_h2_judge_update(cro_h2 *h2, uint32_t increment);

/* A DATA frame of ours went out. */
void cro_h2_judge_data(cro_h2 *h2);

/* Answers to what came are queued, or written. */
void cro_h2_judge_acks(cro_h2 *h2);

/* --- h2_wait.c --------------------------------------------------- */

/* Something is due `ms` from now (0: never); the nearest counts. */
void cro_h2_wait(cro_h2 *h2, cro_wait what, uint64_t ms);

/* For how long the rest of a body is thrown away once its answer is out. */
uint64_t cro_h2_linger_ms(const cro_h2 *h2);

/* The connection's deadline has come. */
void cro_h2_on_deadline(void *arg, cro_wait what);

/* Starts or stops the clock of a body that comes. */
void cro_h2_clock(cro_h2_stream *stream);

/* True when the body comes too slowly. */
bool cro_h2_too_slow(const cro_h2_stream *stream);

/* --- h2_stall.c: windows that stay shut -------------------------- */

/* A window may have opened or shut, or something to send may have come or gone: of a
 * stream, of the connection, of all. */
void cro_h2_stall_look(cro_h2_stream *stream);
void cro_h2_stall_look_below(cro_h2 *h2);
void cro_h2_stall_look_everywhere(cro_h2 *h2);

/* DATA of so many bytes went out. */
void cro_h2_stall_sent(cro_h2_stream *stream, size_t length);

/* ms the peer has left; 0: it is too slow. UINT64_MAX: it holds nothing up. */
uint64_t cro_h2_stall_left(const cro_h2 *h2, const cro_h2_stall *stall);

/* --- h2_push.c --------------------------------------------------- */

extern const cro_request_ops cro_h2_request_ops;

#endif
