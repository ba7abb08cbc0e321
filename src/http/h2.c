#include "base/alloc.h"
#include "base/check.h"
#include "base/err.h"
#include "http/h2_session.h"

enum {
  slice_bytes = 16 * 1024, /* read between two looks at what that has led to */
  flush_at = 64,           /* frames queued while reading */
  queue_max = 400 /* frames queued for a peer that does not read: we read no more */
};

static cro_h2 *session_of(cro_stage *reader)
{
  return CRO_CONTAINER(reader, cro_h2, reader);
}

uint64_t cro_h2_now(const cro_h2 *h2)
{
  return h2->reader.conn->ops->now(h2->reader.conn);
}

void cro_h2_flush_later(cro_h2 *h2)
{
  cro_conn *conn = h2->reader.conn;

  if (h2->state != CRO_H2_DEAD)
    conn->ops->flush_later(conn);
}

/* --- driving ---------------------------------------------------------------------- */

static void hand_on(cro_h2 *h2, cro_h2_stream *stream)
{
  cro_arena *arena = stream->request->arena;
  int rc;

  if (stream->we_reset)
    return;
  stream->emitted = true;
  h2->answers_due++;
  cro_arena_hold(arena); /* what it calls may end the connection */
  rc = cro_emit(&h2->reader, stream->request);
  cro_arena_drop(arena);
  if (rc == CRO_FULL)
    h2->next_full = true;
  if (rc < 0)
    cro_h2_abort(h2, rc);
}

static void hand_on_ready(cro_h2 *h2)
{
  cro_list *node;

  while (h2->state == CRO_H2_OPEN && !h2->next_full &&
         (node = cro_list_shift(&h2->ready)) != NULL)
    hand_on(h2, CRO_CONTAINER(node, cro_h2_stream, todo));
}

static void read_part(cro_h2 *h2, cro_bytes part)
{
  ssize_t n;

  h2->reading = true;
  n = nghttp2_session_mem_recv(h2->session, (const uint8_t *)part.at, part.len);
  h2->reading = false;
  if (h2->state == CRO_H2_OPEN && n < 0)
    cro_h2_give_up(h2, (int)n);
}

static void read_slice(cro_h2 *h2, cro_bytes slice)
{
  while (slice.len > 0 && h2->state == CRO_H2_OPEN) {
    cro_bytes part = cro_h2_meter_next(&h2->meter, &slice);

    if (part.len > 0 && h2->state == CRO_H2_OPEN)
      read_part(h2, part);
  }
  cro_h2_reap(h2);
  if (h2->state == CRO_H2_OPEN)
    cro_h2_judge_acks(h2);
  if (h2->state == CRO_H2_OPEN &&
      nghttp2_session_get_outbound_queue_size(h2->session) > flush_at)
    cro_h2_flush(h2);
}

/* A peer that has ended cannot complete anything; what is complete is answered. */
static void settle_eof(cro_h2_stream *stream, void *arg)
{
  (void)arg;
  if (stream->h2->state != CRO_H2_OPEN)
    return;
  if (stream->finished)
    cro_h2_reset(stream, NGHTTP2_NO_ERROR, 0);
  cro_h2_give_held(stream);
  if (stream->closed || stream->received || stream->released)
    return;
  stream->broken = true;
  if (stream->tunnel) {
    cro_h2_body_end(stream);
  } else if (stream->emitted) {
    cro_body_fail(&stream->request->body, CRO_E_EOF);
  } else {
    cro_list_remove(&stream->todo);
    cro_h2_reset(stream, NGHTTP2_CANCEL, CRO_E_EOF);
  }
}

static bool is_full(const cro_h2 *h2)
{
  return h2->state == CRO_H2_OPEN && h2->out_full &&
         nghttp2_session_get_outbound_queue_size(h2->session) > queue_max;
}

/* After anything that moved: requests handed on, frames on their way, the answer
 * upstream. */
static int settle(cro_h2 *h2)
{
  hand_on_ready(h2);
  if (h2->state == CRO_H2_DEAD)
    return 0;
  h2->reader.conn->behind = h2->answers_due > 0;
  if (nghttp2_session_want_write(h2->session) != 0 ||
      nghttp2_session_want_read(h2->session) == 0 || (h2->eof && h2->open == 0))
    cro_h2_flush_later(h2);
  h2->in_full = is_full(h2);
  return h2->in_full ? CRO_FULL : 0;
}

/* --- the reader stage ------------------------------------------------------------- */

static void on_flush(void *arg)
{
  cro_h2 *h2 = arg;

  cro_h2_flush(h2);
  if (h2->in_full && !is_full(h2) && h2->state == CRO_H2_OPEN) {
    h2->in_full = false;
    cro_stage_resume(&h2->reader);
  }
}

static void install(cro_h2 *h2)
{
  cro_conn *conn = h2->reader.conn;

  h2->started = true;
  h2->began_at = h2->idle_at = cro_h2_now(h2);
  cro_h2_limits_init(h2);
  conn->on_deadline = cro_h2_on_deadline;
  conn->deadline_arg = h2;
  conn->on_flush = on_flush;
  conn->flush_arg = h2;
  cro_h2_greet(h2);
}

void cro_h2_start(cro_h2 *h2)
{
  if (!h2->started)
    install(h2);
}

static int reader_push(cro_stage *stage, const void *message)
{
  cro_h2 *h2 = session_of(stage);
  cro_bytes in = *(const cro_bytes *)message;

  cro_h2_start(h2);
  if (!h2->announced)
    cro_h2_flush(h2); /* SETTINGS are the first that is said, whatever has come */
  while (in.len > 0 && h2->state == CRO_H2_OPEN)
    read_slice(h2, cro_bytes_take(&in, slice_bytes));
  return settle(h2);
}

static int reader_finish(cro_stage *stage)
{
  cro_h2 *h2 = session_of(stage);

  cro_h2_start(h2);
  h2->eof = true;
  cro_h2_each_stream(h2, settle_eof, NULL);
  (void)settle(h2);
  return h2->has_writer ? 0 : cro_emit_finish(stage);
}

static void reader_fail(cro_stage *stage, int err)
{
  cro_h2_die(session_of(stage), err);
  cro_emit_fail(stage, err);
}

static void reader_resume(cro_stage *stage)
{
  cro_h2 *h2 = session_of(stage);

  h2->next_full = false;
  (void)settle(h2);
}

static void reader_destroy(cro_stage *stage)
{
  cro_h2 *h2 = session_of(stage);

  if (stage->conn != NULL && stage->conn->flush_arg == h2) {
    stage->conn->on_flush = NULL;
    stage->conn->flush_arg = NULL;
  }
  cro_h2_die(h2, CRO_E_CLOSED);
  cro_h2_let_go(h2);
}

static const cro_stage_ops reader_ops = {
  .name = "HTTP/2 request",
  .consumes = &cro_type_bytes,
  .produces = &cro_type_request,
  .push = reader_push,
  .finish = reader_finish,
  .fail = reader_fail,
  .resume = reader_resume,
  .destroy = reader_destroy,
};

/* --- the session ------------------------------------------------------------------ */

int cro_h2_server_create(cro_h2 **out, const cro_h2_config *config)
{
  cro_h2 *h2 = cro_alloc_zero(sizeof *h2);
  int rc;

  if (h2 == NULL)
    return CRO_E_NOMEM;
  h2->config = config;
  h2->armed_at = UINT64_MAX;
  cro_list_init(&h2->streams);
  cro_list_init(&h2->ready);
  cro_list_init(&h2->ended);
  cro_list_init(&h2->drained);
  cro_stage_init(&h2->reader, &reader_ops);
  cro_h2_writer_init(h2);
  h2->trace = (cro_h2_trace){ .stage = &h2->reader,
                              .most = config->limits->header_bytes,
                              .streams = config->h2->max_streams };
  cro_h2_memory_init(&h2->memory);
  rc = cro_h2_server_session(h2);
  if (rc != 0) {
    cro_h2_memory_free(&h2->memory);
    cro_free(h2);
    return rc;
  }
  *out = h2;
  return 0;
}

void cro_h2_let_go(cro_h2 *h2)
{
  if (--h2->holds > 0)
    return;
  if (!h2->failing)
    nghttp2_session_del(h2->session);
  cro_h2_memory_free(&h2->memory);
  cro_buf_free(&h2->trace.shown);
  cro_free(h2);
}

static void unslot(void *h2)
{
  cro_h2_let_go(h2);
}

int cro_h2_server_of(cro_h2 **out, cro_conn *conn, const cro_h2_config *config)
{
  cro_h2 *h2 = cro_conn_get(conn, &reader_ops);
  int rc;

  if (h2 != NULL) {
    *out = h2;
    return 0;
  }
  rc = cro_h2_server_create(&h2, config);
  if (rc != 0)
    return rc;
  h2->holds++;
  rc = cro_conn_set(conn, &reader_ops, h2, unslot);
  if (rc != 0)
    cro_h2_let_go(h2);
  else
    *out = h2;
  return rc;
}

cro_stage *cro_h2_reader(cro_h2 *h2)
{
  h2->holds += !h2->has_reader;
  h2->has_reader = true;
  return &h2->reader;
}

cro_stage *cro_h2_writer(cro_h2 *h2)
{
  h2->holds += !h2->has_writer;
  h2->has_writer = true;
  return &h2->writer;
}

void cro_h2_drain(cro_h2 *h2)
{
  if (h2->state != CRO_H2_OPEN || h2->drain != CRO_H2_NOT_DRAINING ||
      h2->reader.conn == NULL)
    return;
  cro_h2_start(h2);
  h2->drain = CRO_H2_NOTICED;
  h2->notice_at = cro_h2_now(h2);
  (void)cro_h2_must(h2, nghttp2_submit_shutdown_notice(h2->session));
  cro_h2_wait(h2, CRO_WAIT_KEEPALIVE, CRO_H2_ROUND_TRIP);
  cro_h2_flush_later(h2);
}

/* Streams beyond the last one that came are not taken on any more. */
void cro_h2_drain_now(cro_h2 *h2)
{
  if (h2->state != CRO_H2_OPEN || h2->drain == CRO_H2_DRAINING)
    return;
  h2->drain = CRO_H2_DRAINING;
  (void)cro_h2_must(
      h2, nghttp2_submit_goaway(h2->session, NGHTTP2_FLAG_NONE,
                                nghttp2_session_get_last_proc_stream_id(h2->session),
                                NGHTTP2_NO_ERROR, NULL, 0));
  cro_h2_flush_later(h2);
}

bool cro_h2_busy(const cro_h2 *h2)
{
  return h2->open > 0;
}
