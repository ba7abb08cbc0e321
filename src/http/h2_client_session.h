/* http/h2_client_session.h - what the files of a client session share; private to them.
 *
 * nghttp2 keeps the frames, the windows and the order of what is sent; the session
 * keeps the exchanges. A call is part of its request's arena, which is held twice: for
 * the request until it is released, and for the call until nghttp2 has closed its
 * stream. No request is released and no response emitted while nghttp2 runs: both are
 * put aside and follow when it has returned (cro_h2_client_settle).
 *
 * h2_client.c        the session, its two stages, its deadlines
 * h2_client_call.c   the life of an exchange
 * h2_client_read.c   what nghttp2 tells of frames that came
 * h2_client_write.c  requests to HEADERS, their bodies to DATA
 * h2_client_out.c    frames to bytes; the end of the connection
 * h2_client_push.c   promises
 */
#ifndef CRO_HTTP_H2_CLIENT_SESSION_H
#define CRO_HTTP_H2_CLIENT_SESSION_H

#include "http/h2_client.h"
#include "http/h2_memory.h"
#include "http/h2_meter.h"
#include "http/h2_trace.h"

typedef enum cro_h2_client_state {
  CRO_H2_CLIENT_OPEN,   /* frames go both ways */
  CRO_H2_CLIENT_ENDING, /* an error was said: it goes out, nothing is read any more */
  CRO_H2_CLIENT_DEAD    /* closed or failed: nothing more is done */
} cro_h2_client_state;

struct cro_h2_client {
  cro_stage reader, writer;
  const cro_h2_client_config *config;
  cro_h2_memory memory;
  nghttp2_session *session;
  cro_h2_client_state state;
  unsigned holds; /* stages taken and alive */
  bool has_reader, has_writer;
  bool running;      /* nghttp2 is on the stack: what ends is put aside */
  bool settling;     /* what was put aside is being told */
  bool next_full;    /* downstream of the reader is full */
  bool out_full;     /* downstream of the writer is full */
  bool would_block;  /* DATA did not fit into what is gathered */
  bool caller_full;  /* a push was answered CRO_FULL */
  bool acknowledged; /* the peer has acknowledged our SETTINGS */
  bool leaving;      /* GOAWAY came or was sent: no request more */
  bool asked;        /* a PING is out */
  bool failing;      /* nghttp2 has failed: it is not called any more */
  bool buried;       /* dead, and every call has ended */
  bool untold;       /* dead, and downstream of the reader is to hear of it */
  bool greeted;      /* the server's first SETTINGS have come */
  int err;           /* why nghttp2 was told to fail, or the connection ends */
  unsigned streams;  /* of ours, that nghttp2 has not closed */
  unsigned open;     /* requests that are not released, waiting ones too */
  unsigned queued;   /* waiting ones */
  cro_list calls;    /* of node: everything that points here */
  cro_list waiting;  /* of todo: no stream yet */
  cro_list ready;    /* of todo: the response is to be emitted */
  cro_list over;     /* of todo: the request is to be released */
  cro_buf out;       /* frames, while they are gathered */
  cro_h2_tokens glitches, resets;
  cro_h2_meter meter;
  cro_h2_trace trace;
  unsigned continuations; /* in a row */
  uint64_t free_updates;  /* small WINDOW_UPDATEs our DATA gives cause for */
  uint64_t began_at;      /* ms: the preface */
  uint64_t heard_at;      /* the last byte of the peer, or since when we wait for one */
  uint64_t asked_at;
  uint64_t armed_at; /* the connection's deadline; UINT64_MAX: none */
};

typedef struct cro_h2_call {
  cro_list node, todo;
  cro_h2_client *client; /* NULL once the session has gone */
  cro_request *request;
  int32_t id;      /* 0 while it waits */
  int err;         /* how it ends */
  uint32_t code;   /* HTTP/2's word for it */
  bool released;   /* the request was let go */
  bool waits;      /* for a stream */
  bool has_stream; /* nghttp2 knows it, and has not closed it */
  bool written;    /* its HEADERS are on their way */
  bool promised;   /* its head is the server's */
  bool over;       /* it ends: nothing more is done with it */
  bool heard;      /* a byte of the answer has come */
  bool head_done;  /* the answer's head is complete, and not that of a 1xx */
  bool emitted;    /* the answer was handed on */
  bool received;   /* the answer is complete */
  bool sent;       /* the request is */
  bool peer_reset; /* RST_STREAM came */
  bool continue_due;
  bool deferred;               /* nghttp2 waits to be told of more of the body */
  bool refused;                /* nghttp2 has reset it: what came was malformed */
  uint8_t interim;             /* 1xx answers */
  int status;                  /* of the block that comes */
  uint32_t fields;             /* of the answer, trailers too */
  uint64_t head_bytes;         /* name + value + 32 each */
  size_t owed;                 /* received, and not given back to the peer's window */
  cro_bytes scheme, authority; /* as they were said */
  cro_buf out;                 /* of the request's body: taken, not yet sent */
  size_t out_at;
} cro_h2_call;

/* 1xx before the real one: a peer that never comes. */
enum { CRO_H2_INTERIM_MAX = 10 };

/* --- h2_client.c ------------------------------------------------- */

/* The connection's clock, in milliseconds. */
uint64_t cro_h2_client_now(const cro_h2_client *client);

/* Has what nghttp2 queued written, and looks after the deadlines. */
void cro_h2_client_flush_later(cro_h2_client *client);

/* A stage goes; with the last one the session is freed. */
void cro_h2_client_let_go(cro_h2_client *client);

/* After nghttp2 has returned: releases, emits, and lets waiting requests go. */
void cro_h2_client_settle(cro_h2_client *client);

/* Waiting requests get the streams that are free. */
void cro_h2_client_admit(cro_h2_client *client);

/* Charges the server for what is worth nothing; for a reset it has caused. Both may end
 * the connection, and may be called while nghttp2 runs. */
void cro_h2_client_charge(cro_h2_client *client, unsigned glitches);
void cro_h2_client_charge_reset(cro_h2_client *client);

/* Something is due; the nearest counts. */
void cro_h2_client_rearm(cro_h2_client *client);

/* --- h2_client_out.c ------------------------------------------------- */

/* Writes what nghttp2 has to say, until downstream is full; conn->on_flush. */
void cro_h2_client_flush(void *client);

/* nghttp2's: DATA without a copy in between. */
int cro_h2_client_send_data(nghttp2_session *session, nghttp2_frame *frame,
                            const uint8_t *head, size_t length,
                            nghttp2_data_source *source, void *arg);

/* What nghttp2 answered to something asked of it: without memory the connection ends.
 * Whoever asks has a call in his hands: all are released by cro_h2_client_settle. */
void cro_h2_client_must(cro_h2_client *client, int rc);

/* GOAWAY(code), and nothing is read any more; every request ends with `err`. May be
 * called while nghttp2 runs. */
void cro_h2_client_terminate(cro_h2_client *client, uint32_t code, int err);

/* Nothing more, without a word to anybody below; and the same with a reset. */
void cro_h2_client_die(cro_h2_client *client, int err);
void cro_h2_client_abort(cro_h2_client *client, int err);

/* nghttp2 reads no more: it has failed the connection. */
void cro_h2_client_judge(cro_h2_client *client);

/* Closes the connection when neither side has anything to say. */
void cro_h2_client_close_if_over(cro_h2_client *client);

/* --- h2_client_call.c ------------------------------------------------- */

/* A call of the request, in its arena, which is held for it; in no list but `calls`.
 * NULL when memory is out. */
cro_h2_call *cro_h2_call_create(cro_h2_client *client, cro_request *request);

/* The call of a stream, or NULL. */
cro_h2_call *cro_h2_call_of(nghttp2_session *session, int32_t id);

/* It ends with `err`: put aside for its release. */
void cro_h2_call_end(cro_h2_call *call, int err);

/* The same with RST_STREAM. */
void cro_h2_call_reset(cro_h2_call *call, uint32_t code, int err);

/* It ends if both sides have said all. */
void cro_h2_call_end_if_complete(cro_h2_call *call);

/* nghttp2 has closed its stream, or never opened it. */
void cro_h2_call_closed(cro_h2_call *call);

/* Lets the request go. Its owner is told and may call anything. */
void cro_h2_call_release(cro_h2_call *call);

/* Every call ends with `err`; those that nghttp2 has not written with CRO_E_AGAIN. */
void cro_h2_call_end_all(cro_h2_client *client, int err);

/* The session goes: nothing points to it any more. */
void cro_h2_call_forget_all(cro_h2_client *client);

/* Gives the peer as much of its window back as there is room for. */
void cro_h2_call_credit(cro_h2_call *call);

/* The stream brings no more: what nobody has taken of it must not hold up the others.
 */
void cro_h2_call_settle_debt(cro_h2_call *call);

/* --- h2_client_write.c ------------------------------------------------- */

/* Makes the session's writer a stage that nothing is linked to. */
void cro_h2_client_writer_init(cro_h2_client *client);

/* Hands a waiting request to nghttp2. 0 or a cro_err. */
int cro_h2_call_submit(cro_h2_call *call);

/* There may be more of the body to send. */
void cro_h2_call_pump(cro_h2_call *call);

/* --- h2_client_read.c ------------------------------------------------- */

/* nghttp2's session. 0 or CRO_E_NOMEM. */
int cro_h2_client_make_session(cro_h2_client *client);

/* --- h2_client_push.c ------------------------------------------------- */

/* A PUSH_PROMISE begins; one of its fields; its end. 0, or what nghttp2 is to do. */
int cro_h2_promise_begin(cro_h2_client *client, const nghttp2_push_promise *frame);
int cro_h2_promise_field(cro_h2_call *call, cro_bytes name, cro_bytes value);
void cro_h2_promise_made(cro_h2_client *client, const nghttp2_push_promise *frame);

#endif
