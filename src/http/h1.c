#include "base/alloc.h"
#include "base/check.h"
#include "base/err.h"
#include "http/h1_session.h"

enum {
  blanks_max = 2,          /* empty lines ignored before a request (RFC 9112 2.2) */
  rate_after = 5000,       /* ms of a body before its rate counts */
  linger_bytes = 64 * 1024 /* thrown away before a lingering connection is closed */
};

static cro_h1 *session_of(cro_stage *reader)
{
  return CRO_CONTAINER(reader, cro_h1, reader);
}

/* --- one exchange
 * ----------------------------------------------------------------------
 */

static int begin(cro_h1 *h1)
{
  cro_request *request = cro_request_create(h1->reader.conn);

  if (request == NULL)
    return CRO_E_NOMEM;
  cro_h1_parser_begin(&h1->parser, request->arena, &request->headers);
  request->protocol = h1;
  request->ops = &cro_h1_request_ops;
  h1->request = request;
  h1->state = CRO_H1_HEAD;
  h1->received = h1->broken = h1->emitted = h1->head_sent = false;
  h1->answered = h1->closing = h1->continue_due = false;
  h1->active = h1->active_at = 0;
  if (h1->served > 0)
    h1->began_at = cro_h1_now(h1);
  return 0;
}

/* Empty lines before a request are ignored, a few of them, and only whole ones. */
static int skip_blanks(cro_h1 *h1, cro_bytes *in)
{
  while (in->len > 0 && in->at[0] == '\r') {
    if (in->len == 1)
      return CRO_H1_MORE;
    if (in->at[1] != '\n' || ++h1->blanks > blanks_max)
      return -400;
    cro_bytes_take(in, 2);
  }
  return in->len > 0 ? 1 : CRO_H1_MORE;
}

static void body_more(cro_body *body)
{
  cro_h1 *h1 = body->source;

  if (h1->continue_due && body->wanted) {
    h1->continue_due = false;
    if (!h1->head_sent && body->received == 0)
      (void)cro_h1_send(h1, CRO_B("HTTP/1.1 100 Continue\r\n\r\n"));
  }
  if (h1->driving || h1->state != CRO_H1_OPEN)
    return;
  if (h1->in_full && !body->full)
    cro_stage_ready(&h1->reader);
  else
    cro_h1_rearm(h1);
}

static bool too_slow(const cro_h1 *h1)
{
  uint64_t ms = cro_h1_active(h1) - h1->body_active;

  return ms > rate_after &&
         h1->request->body.received * 1000 < h1->config->limits->body_min_rate * ms;
}

/* Moves what has come of the body to its reader. */
static void read_body(cro_h1 *h1, cro_bytes *in)
{
  cro_body *body = &h1->request->body;
  cro_bytes part;
  int rc;

  while (h1->state == CRO_H1_OPEN && !h1->received && !h1->broken) {
    rc = cro_h1_read_body(&h1->parser, in, &part, &h1->request->trailers);
    if (rc == CRO_H1_MORE)
      return;
    if (rc < 0) {
      cro_h1_break_body(h1, -rc);
    } else if (rc == CRO_H1_END) {
      h1->received = true;
      cro_body_end(body);
    } else {
      h1->continue_due = false; /* it did not wait for us */
      if (cro_body_put(body, part) < 0)
        h1->broken = true; /* over its reader's limit: the reader answers */
    }
  }
}

static void hand_on(cro_h1 *h1)
{
  int rc;

  h1->emitted = true;
  rc = cro_emit(&h1->reader, h1->request);
  if (rc == CRO_FULL)
    h1->next_full = true;
  if (rc < 0 && h1->state != CRO_H1_DEAD)
    cro_h1_abort(h1, rc);
}

static bool is_over(const cro_h1 *h1)
{
  if (h1->request == NULL)
    return true;
  return h1->has_writer ? h1->answered : h1->received;
}

/* Slices of the head live in `head` only while this push runs: whoever is not done
 * with the request by then reads a copy. */
static void keep_head(cro_h1 *h1, cro_bytes head)
{
  if (h1->request == NULL ||
      (h1->state != CRO_H1_OPEN && !cro_arena_shared(h1->request->arena)))
    return;
  if (cro_request_keep(h1->request, head) == 0 || h1->state != CRO_H1_OPEN)
    return;
  if (h1->head_sent)
    cro_h1_abort(h1, CRO_E_NOMEM);
  else
    cro_h1_refuse(h1, 503);
}

static void end_exchange(cro_h1 *h1, bool more_input);

/* Answered inside its push, as most are: a copy only if somebody holds on to it when
 * the protocol has let go. */
static void end_at_once(cro_h1 *h1, cro_bytes head, bool more_input)
{
  cro_request *request = h1->request;
  cro_arena *arena = request->arena;

  cro_arena_hold(arena);
  end_exchange(h1, more_input);
  if (cro_arena_shared(arena))
    (void)cro_request_keep(request, head); /* fails to a request without a head */
  cro_arena_drop(arena);
}

static void open_exchange(cro_h1 *h1, cro_bytes head, cro_bytes *in)
{
  cro_body *body = &h1->request->body;
  int rc = cro_h1_settle_request(&h1->parser, h1->request);

  if (rc < 0) {
    cro_h1_refuse(h1, -rc);
    return;
  }
  h1->state = CRO_H1_OPEN;
  h1->served++;
  h1->blanks = 0;
  h1->active = cro_h1_now(h1) - h1->began_at;
  h1->body_active = h1->active;
  h1->continue_due = h1->request->expect_continue;
  body->more = body_more;
  body->source = h1;
  read_body(h1, in);
  if (h1->state == CRO_H1_OPEN)
    hand_on(h1);
  if (h1->state == CRO_H1_OPEN && h1->received && is_over(h1))
    end_at_once(h1, head, in->len > 0);
  else
    keep_head(h1, head);
}

static void read_head(cro_h1 *h1, cro_bytes *in)
{
  int rc = cro_h1_read_head(&h1->parser, *in);

  if (rc < 0)
    cro_h1_refuse(h1, -rc);
  else if (rc > 0)
    open_exchange(h1, cro_bytes_take(in, (size_t)rc), in);
}

/* The exchange is over on both sides, or ours is and the connection ends with it. */
static void end_exchange(cro_h1 *h1, bool more_input)
{
  bool clean = h1->received && !h1->closing;
  bool more_may_come = !h1->received || more_input || h1->request->keep_alive ||
                       h1->request->method == CRO_CONNECT;

  if (clean) {
    h1->state = CRO_H1_IDLE;
    h1->tunnel = false;
    cro_h1_release(h1, 0);
  } else if (more_may_come && !h1->eof) {
    cro_h1_linger(h1);
    cro_h1_release(h1, 0);
  } else {
    h1->state = CRO_H1_LINGER;
    cro_h1_release(h1, 0);
    cro_h1_close(h1);
  }
}

/* --- driving
 * -------------------------------------------------------------------------- */

/* One step with what is at hand; false when nothing more can be done now. */
static bool step(cro_h1 *h1, cro_bytes *in)
{
  size_t before = in->len;
  int rc;

  switch (h1->state) {
  case CRO_H1_IDLE:
    if (h1->next_full || h1->out_full)
      return false;
    h1->parser.method = CRO_GET; /* of no request yet: a refusal has a body */
    rc = skip_blanks(h1, in);
    if (rc == CRO_H1_MORE)
      return false;
    if (rc < 0 || begin(h1) != 0)
      cro_h1_refuse(h1, rc < 0 ? -rc : 503);
    return true;
  case CRO_H1_HEAD:
    read_head(h1, in);
    return h1->state != CRO_H1_HEAD;
  case CRO_H1_OPEN:
    read_body(h1, in);
    if (h1->state != CRO_H1_OPEN)
      return true;
    if (is_over(h1)) {
      end_exchange(h1, in->len > 0);
      return true;
    }
    return in->len < before;
  case CRO_H1_LINGER:
  case CRO_H1_DEAD:
    return false;
  }
  return false;
}

static void drive(cro_h1 *h1, cro_bytes *in)
{
  cro_check(!h1->driving);
  h1->driving = true;
  while (step(h1, in))
    continue;
  h1->driving = false;
  if (h1->state == CRO_H1_DEAD && h1->request != NULL)
    cro_h1_die(h1, CRO_E_ABORTED);
}

/* Drives over what was kept, then drops what was understood. */
static void drive_kept(cro_h1 *h1)
{
  cro_bytes in = cro_buf_bytes(&h1->in);

  drive(h1, &in);
  if (in.len == 0 || h1->state >= CRO_H1_LINGER)
    cro_buf_free(&h1->in);
  else
    cro_buf_drop(&h1->in, h1->in.len - in.len);
}

static int drive_new(cro_h1 *h1, cro_bytes in)
{
  drive(h1, &in);
  if (in.len == 0 || h1->state >= CRO_H1_LINGER)
    return 0;
  return cro_buf_add(&h1->in, in);
}

/* The peer has ended: what is incomplete stays so. */
static void settle_eof(cro_h1 *h1)
{
  switch (h1->state) {
  case CRO_H1_IDLE:
    if (h1->in.len == 0 || !(h1->next_full || h1->out_full))
      cro_h1_close(h1);
    break;
  case CRO_H1_HEAD:
    cro_h1_refuse(h1, 400);
    break;
  case CRO_H1_OPEN:
    if (h1->tunnel) {
      h1->received = true;
      cro_body_end(&h1->request->body);
    } else if (!h1->received && !h1->broken) {
      cro_h1_break_body(h1, 400);
    }
    break;
  case CRO_H1_LINGER:
    cro_h1_close(h1);
    break;
  case CRO_H1_DEAD:
    break;
  }
}

static bool is_full(const cro_h1 *h1)
{
  if (h1->state == CRO_H1_OPEN && !h1->received)
    return h1->broken || h1->request->body.full;
  return h1->state < CRO_H1_LINGER && h1->state != CRO_H1_HEAD &&
         h1->in.len >= h1->config->limits->pipeline_bytes;
}

/* An answer is due, to what is open or to what has been kept. */
static void note_behind(const cro_h1 *h1)
{
  h1->reader.conn->behind =
      h1->state == CRO_H1_OPEN || (h1->state == CRO_H1_IDLE && h1->in.len > 0);
}

/* After anything that moved: the peer's end, the deadline, the answer upstream. */
static int settle(cro_h1 *h1)
{
  if (h1->state == CRO_H1_OPEN && !h1->received && !h1->broken && !h1->tunnel &&
      too_slow(h1))
    cro_h1_break_body(h1, 408);
  if (h1->eof)
    settle_eof(h1);
  cro_h1_rearm(h1);
  note_behind(h1);
  h1->in_full = is_full(h1);
  return h1->in_full ? CRO_FULL : 0;
}

void cro_h1_read_on(cro_h1 *h1)
{
  if (h1->state == CRO_H1_IDLE && (h1->in.len > 0 || h1->in_full || h1->eof))
    cro_stage_ready(&h1->reader);
}

void cro_h1_answered(cro_h1 *h1)
{
  h1->answered = true;
  if (h1->driving || h1->state != CRO_H1_OPEN)
    return;
  end_exchange(h1, h1->in.len > 0);
  cro_h1_read_on(h1);
  if (cro_list_empty(&h1->reader.ready))
    cro_h1_rearm(h1);
  note_behind(h1);
}

void cro_h1_begin_tunnel(cro_h1 *h1)
{
  cro_body *body = &h1->request->body;

  h1->parser.framing = CRO_H1_UNTIL_CLOSE;
  h1->received = h1->broken = false;
  body->state = CRO_BODY_OPEN;
  body->length = -1;
  body->limit = UINT64_MAX;
  if (!h1->driving)
    cro_stage_ready(&h1->reader);
}

/* --- the reader stage
 * ------------------------------------------------------------------
 */

static void on_deadline(void *arg, cro_wait what)
{
  cro_h1 *h1 = arg;

  switch (h1->state) {
  case CRO_H1_HEAD:
    cro_h1_refuse(h1, 408);
    break;
  case CRO_H1_OPEN:
    if (what == CRO_WAIT_BODY || what == CRO_WAIT_REQUEST) {
      cro_h1_break_body(h1, 408);
      cro_h1_rearm(h1);
    }
    break;
  case CRO_H1_IDLE:
  case CRO_H1_LINGER:
    cro_h1_close(h1);
    break;
  case CRO_H1_DEAD:
    break;
  }
}

static void install(cro_h1 *h1)
{
  cro_conn *conn = h1->reader.conn;

  h1->started = true;
  h1->began_at = cro_h1_now(h1);
  conn->on_deadline = on_deadline;
  conn->deadline_arg = h1;
}

void cro_h1_start(cro_h1 *h1)
{
  if (h1->started)
    return;
  install(h1);
  cro_h1_rearm(h1);
}

static int drain_input(cro_h1 *h1, cro_bytes in)
{
  h1->drained += in.len;
  if (h1->state == CRO_H1_LINGER && h1->drained > linger_bytes)
    cro_h1_close(h1);
  return 0;
}

static int reader_push(cro_stage *stage, const void *message)
{
  cro_h1 *h1 = session_of(stage);
  cro_bytes in = *(const cro_bytes *)message;
  int rc;

  if (!h1->started)
    install(h1);
  if (h1->state >= CRO_H1_LINGER)
    return drain_input(h1, in);
  if (h1->in.len == 0) {
    rc = drive_new(h1, in);
  } else {
    rc = cro_buf_add(&h1->in, in);
    if (rc == 0)
      drive_kept(h1);
  }
  if (rc != 0) {
    cro_h1_abort(h1, rc);
    return rc;
  }
  return settle(h1);
}

static int reader_finish(cro_stage *stage)
{
  cro_h1 *h1 = session_of(stage);

  h1->eof = true;
  if (!h1->started)
    install(h1);
  (void)settle(h1);
  return h1->has_writer ? 0 : cro_emit_finish(stage);
}

static void reader_fail(cro_stage *stage, int err)
{
  cro_h1_die(session_of(stage), err);
  cro_emit_fail(stage, err);
}

static void reader_resume(cro_stage *stage)
{
  cro_h1 *h1 = session_of(stage);
  bool was_full = h1->in_full;

  h1->next_full = false;
  if (h1->state >= CRO_H1_LINGER)
    return;
  drive_kept(h1);
  if (settle(h1) == 0 && was_full && h1->state < CRO_H1_LINGER)
    cro_stage_resume(stage);
}

static void reader_destroy(cro_stage *stage)
{
  cro_h1 *h1 = session_of(stage);

  h1->state = CRO_H1_DEAD;
  cro_h1_release(h1, CRO_E_CLOSED);
  cro_h1_let_go(h1);
}

static const cro_stage_ops reader_ops = {
  .name = "HTTP/1 request",
  .consumes = &cro_type_bytes,
  .produces = &cro_type_request,
  .push = reader_push,
  .finish = reader_finish,
  .fail = reader_fail,
  .resume = reader_resume,
  .destroy = reader_destroy,
};

/* --- the session
 * -----------------------------------------------------------------------
 */

int cro_h1_server_create(cro_h1 **out, const cro_h1_config *config)
{
  cro_h1 *h1 = cro_alloc_zero(sizeof *h1);

  if (h1 == NULL)
    return CRO_E_NOMEM;
  h1->config = config;
  cro_stage_init(&h1->reader, &reader_ops);
  cro_h1_writer_init(h1);
  cro_h1_parser_init(&h1->parser, config->limits, false);
  *out = h1;
  return 0;
}

void cro_h1_let_go(cro_h1 *h1)
{
  if (--h1->holds > 0)
    return;
  cro_buf_free(&h1->in);
  cro_free(h1);
}

cro_stage *cro_h1_reader(cro_h1 *h1)
{
  h1->holds += !h1->has_reader;
  h1->has_reader = true;
  return &h1->reader;
}

cro_stage *cro_h1_writer(cro_h1 *h1)
{
  h1->holds += !h1->has_writer;
  h1->has_writer = true;
  return &h1->writer;
}

static void unslot(void *h1)
{
  cro_h1_let_go(h1);
}

int cro_h1_server_of(cro_h1 **out, cro_conn *conn, const cro_h1_config *config)
{
  cro_h1 *h1 = cro_conn_get(conn, (const void *)&reader_ops);
  int rc = 0;

  if (h1 == NULL) {
    rc = cro_h1_server_create(&h1, config);
    if (rc != 0)
      return rc;
    rc = cro_conn_set(conn, &reader_ops, h1, unslot);
    if (rc != 0) {
      cro_free(h1);
      return rc;
    }
    h1->holds++;
  }
  *out = h1;
  return 0;
}

void cro_h1_drain(cro_h1 *h1)
{
  h1->draining = true;
  if (h1->state == CRO_H1_IDLE && h1->in.len == 0 && h1->reader.conn != NULL)
    cro_h1_close(h1);
}

bool cro_h1_busy(const cro_h1 *h1)
{
  return h1->state == CRO_H1_HEAD || h1->state == CRO_H1_OPEN;
}
