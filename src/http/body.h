/* http/body.h - an incoming body: filled by the protocol, taken by one reader.
 *
 * The protocol puts bytes in and says how it ended. At most `window` bytes are
 * held; beyond, cro_body_put answers CRO_FULL and the protocol reads no more until
 * the reader has taken some (then `more` is called). Nothing is read into memory
 * without somebody's window.
 *
 * Held bytes belong to the body and live until taken or the body is freed.
 */
#ifndef CRO_HTTP_BODY_H
#define CRO_HTTP_BODY_H

#include "base/buf.h"
#include "pipe/stage.h" /* CRO_FULL */

#include <stdint.h>

typedef enum cro_body_state {
  CRO_BODY_OPEN,  /* more may come */
  CRO_BODY_ENDED, /* complete; what is held may still be taken */
  CRO_BODY_FAILED /* broke off: `err` */
} cro_body_state;

enum { CRO_BODY_WINDOW = 64 * 1024 };

typedef struct cro_body cro_body;
struct cro_body {
  cro_body_state state;
  int err;
  int64_t length;    /* announced, or -1 (chunked); 0: the request has no body */
  uint64_t received; /* so far */
  uint64_t limit;    /* of received; beyond is CRO_E_LIMIT. UINT64_MAX: none */
  size_t window;     /* bytes held before the protocol has to wait */
  cro_buf held;
  bool full;   /* the protocol waits for `more` */
  bool wanted; /* a reader asked (then 100 Continue is due) */
  /* The reader's: something arrived, ended or failed. NULL: nobody reads yet. */
  void (*on_change)(cro_body *body);
  void *reader;
  /* The protocol's: room again, or first wanted, or the window grew. */
  void (*more)(cro_body *body);
  void *source;
};

/* Zero and open, window of CRO_BODY_WINDOW, no limit. Freed in place, once. */
void cro_body_init(cro_body *body);
void cro_body_free(cro_body *body);

/* By the protocol. 0, CRO_FULL, or CRO_E_LIMIT / CRO_E_NOMEM (body failed with it). */
int cro_body_put(cro_body *body, cro_bytes part);
void cro_body_end(cro_body *body);
void cro_body_fail(cro_body *body, int err);

/* By the reader: "I want this body, at most `limit` bytes, `window` at a time". May
 * be called again to widen. CRO_E_LIMIT at once when more is announced or received. */
int cro_body_want(cro_body *body, uint64_t limit, size_t window);

/* Of what is held, what is to count against a peer's window of `window` bytes: nothing
 * while the body as a whole may be held, for its limit bounds it (and what is withheld
 * of many such bodies would close the window of all); else what is beyond the room that
 * its reader has in excess of that window. */
size_t cro_body_debt(const cro_body *body, uint64_t window);

/* Takes what is held into `out` (whose former memory is freed): the body is empty
 * and the protocol goes on. */
void cro_body_take(cro_body *body, cro_buf *out);

#endif
