/* http/h1_session.h - what the server's reader and writer share; private to them.
 *
 * One exchange at a time: from the first byte of a request's head until its answer
 * has ended and its body has been read. h1.c reads and decides, h1_write.c formats.
 */
#ifndef CRO_HTTP_H1_SESSION_H
#define CRO_HTTP_H1_SESSION_H

#include "http/h1.h"
#include "http/h1_read.h"

typedef enum cro_h1_state {
  CRO_H1_IDLE,   /* between requests */
  CRO_H1_HEAD,   /* some of a head has come */
  CRO_H1_OPEN,   /* the request is out: its body or its answer is not complete */
  CRO_H1_LINGER, /* our last word is said: input is thrown away until the peer leaves */
  CRO_H1_DEAD    /* closed or failed: nothing more is done */
} cro_h1_state;

typedef enum cro_h1_mode {
  CRO_H1_SEND_NOTHING, /* no content follows the head */
  CRO_H1_SEND_LENGTH,
  CRO_H1_SEND_CHUNKED,
  CRO_H1_SEND_RAW /* until close: HTTP/1.0 without a length, or a tunnel */
} cro_h1_mode;

struct cro_h1 {
  cro_stage reader, writer;
  const cro_h1_config *config;
  cro_h1_parser parser;
  cro_buf in; /* an unfinished head or trailer section, or input that has to wait */
  cro_request *request; /* of the exchange; NULL when idle */
  cro_h1_state state;
  cro_h1_mode mode; /* of the answer being streamed */
  unsigned holds;   /* stages taken and alive, and the connection's slot */
  bool has_reader, has_writer, started;
  bool driving;      /* a push or resume of the reader is on the stack */
  bool received;     /* the request's body is complete */
  bool broken;       /* it never will be: read no more of it */
  bool emitted;      /* the request was handed on */
  bool head_sent;    /* of the answer */
  bool answered;     /* in full */
  bool closing;      /* the answer said so */
  bool continue_due; /* 100 Continue */
  bool tunnel;       /* after a 101 or a CONNECT: bytes, no messages */
  bool draining;
  bool eof;        /* the peer's FIN has come */
  bool in_full;    /* we answered CRO_FULL upstream */
  bool out_full;   /* downstream of the writer is full */
  bool next_full;  /* downstream of the reader is full */
  uint8_t blanks;  /* empty lines before the request */
  uint64_t served; /* requests */
  uint64_t over;   /* bytes written although the writer was full */
  uint64_t drained;
  uint64_t began_at;    /* ms: connect, or the head's first byte */
  uint64_t active_at;   /* ms: since when we wait for the peer; 0: we do not */
  uint64_t active;      /* ms spent so before, this request */
  uint64_t body_active; /* the same when its head was complete */
};

/* --- h1_wait.c: the one deadline ------------------------------------------------- */

/* The connection's clock, in milliseconds. */
uint64_t cro_h1_now(const cro_h1 *h1);

/* Milliseconds the peer has kept us waiting for this request. */
uint64_t cro_h1_active(const cro_h1 *h1);

/* Sets the connection's deadline: what it waits for, and for how many ms (0: for ever).
 */
void cro_h1_wait(cro_h1 *h1, cro_wait what, uint64_t ms);

/* Says what the connection waits for now. */
void cro_h1_rearm(cro_h1 *h1);

/* --- h1_end.c: how things end --------------------------------------------------------
 */

/* Hands the exchange back. Its owner is told and may call anything. */
void cro_h1_release(cro_h1 *h1, int err);

/* No more, without a word to the peer; and the same with an orderly close. */
void cro_h1_die(cro_h1 *h1, int err);
void cro_h1_close(cro_h1 *h1);

/* Ends our side; what the peer still sends is thrown away. */
void cro_h1_linger(cro_h1 *h1);

/* Answers with `status` and lingers. */
void cro_h1_refuse(cro_h1 *h1, int status);

/* The request's body will never be complete: refused, or, when an answer is on its
 * way, failed. */
void cro_h1_break_body(cro_h1 *h1, int status);

/* Ends the connection with a reset. */
void cro_h1_abort(cro_h1 *h1, int err);

/* --- h1.c: the reader and the session ------------------------------------------------
 */

/* Has the reader look at what waits between two requests: what stands before the writer
 * need not be the reader's pipeline. */
void cro_h1_read_on(cro_h1 *h1);

/* The answer has ended in full. */
void cro_h1_answered(cro_h1 *h1);

/* From here on the connection carries bytes: the request's body is open again. */
void cro_h1_begin_tunnel(cro_h1 *h1);

/* Frees the session when nothing holds it any more. */
void cro_h1_let_go(cro_h1 *h1);

/* --- h1_write.c: the answers --------------------------------------------------------
 */

/* Makes the session's writer a stage that nothing is linked to. */
void cro_h1_writer_init(cro_h1 *h1);

/* What requests can do: interim answers. */
extern const cro_request_ops cro_h1_request_ops;

/* Sends bytes down from the writer. The push's answer; < 0: the session is dead. */
int cro_h1_send(cro_h1 *h1, cro_bytes bytes);

/* A refusal, formatted and sent: text/plain, the status text only. */
void cro_h1_send_refusal(cro_h1 *h1, int status);

/* --- h1_client.c, h1_client_write.c: the other direction ----------------------------
 */

/* The fields serve it too: `received` is the answer's body, `answered` the request as
 * sent, `emitted` the response, `started` that a byte of it has come, `closing` that
 * this exchange is the last, `blanks` counts 1xx answers. */

/* The same for the stage that writes requests. */
void cro_h1_client_writer_init(cro_h1 *h1);

/* Ends the connection in error. */
void cro_h1_client_fail(cro_h1 *h1, int err);

/* The exchange is over: another one may follow, or the connection ends. */
void cro_h1_client_end(cro_h1 *h1);

/* The answer's head is the next to come. */
void cro_h1_client_expect(cro_h1 *h1);

/* Sends what may be sent of the request's body. */
void cro_h1_client_pump(cro_h1 *h1);

/* Both bodies will carry bytes if the server agrees. */
bool cro_h1_client_tunnels(const cro_request *request);

#endif
