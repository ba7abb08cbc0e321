/* support/h1_rig.h - a server session between a scripted peer and a scripted handler.
 *
 * The clock is the test's. What the session writes is collected with the Date line
 * taken out; what it does to the connection is a word; each request whose body is
 * complete is a line of `log`.
 */
#ifndef CRO_SPEC_SUPPORT_H1_RIG_H
#define CRO_SPEC_SUPPORT_H1_RIG_H

#include "http/h1.h"

typedef struct h1_rig h1_rig;

struct h1_rig {
  cro_conn conn; /* first member */
  cro_turn turn;
  cro_stage source, app, sink;
  cro_http_limits limits;
  cro_http_timeouts timeouts;
  cro_h1_config config;
  cro_h1 *h1;
  uint64_t now, due; /* due: UINT64_MAX when nothing is armed */
  cro_wait what;
  cro_buf out, log;
  const char *end;   /* "open", "linger", "close" or "abort" */
  bool source_full;  /* the reader answered CRO_FULL and has not resumed */
  bool sink_full;    /* the test's: what the sink answers */
  int sink_err;      /* the test's: what the sink answers instead */
  int failed;        /* the app was failed with this */
  int refused;       /* status of the last refusal told */
  unsigned requests; /* handed on */
  /* The test's: what a handler does. NULL: answers once the body is complete. */
  void (*handler)(h1_rig *rig, cro_request *request);
  void *user;
};

/* False when memory is out; then nothing is left to close. */
bool h1_rig_open(h1_rig *rig);
/* Links, attaches, starts, with limits and timeouts as they are now. */
bool h1_rig_start(h1_rig *rig);
void h1_rig_close(h1_rig *rig);

/* Bytes of the peer, at once or `step` at a time, with the loop's turns between. */
void h1_rig_feed(h1_rig *rig, cro_bytes in, size_t step);
void h1_rig_eof(h1_rig *rig);
void h1_rig_turn(h1_rig *rig);
void h1_rig_advance(h1_rig *rig, uint64_t ms);

/* Sends the request's response. */
void h1_rig_answer(h1_rig *rig, cro_request *request);

/* Collects the body, logs the request, answers 200 with `answer`. */
void h1_rig_collect(h1_rig *rig, cro_request *request);

/* "200 404 open": the statuses written, then what became of the connection. "?" where
 * the output is no well-formed answer. */
void h1_rig_summary(const h1_rig *rig, cro_buf *out);

#endif
