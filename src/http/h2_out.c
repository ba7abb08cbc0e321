/* Frames to bytes, gathered into few pushes; and how the connection ends. */
#include "base/check.h"
#include "base/err.h"
#include "http/h2_session.h"

enum {
  gather_bytes = 64 * 1024,   /* pushed at a time */
  frame_most = 16 * 1024 + 64 /* what nghttp2 writes of a frame at once, and its head */
};

/* nghttp2 says a DATA and then one frame more (trailers) before it returns. */
enum { gather_room = gather_bytes + 2 * frame_most };

/* One flush runs at a time, and none waits for anything in between. */
static char gather_space[gather_room];
static bool gathering;

int cro_h2_on_send_data(nghttp2_session *session, nghttp2_frame *frame,
                        const uint8_t *framehd, size_t length,
                        nghttp2_data_source *source, void *arg)
{
  cro_h2 *h2 = arg;
  cro_h2_stream *stream = source->ptr;

  (void)session;
  (void)frame; /* nothing of ours is padded */
  if (h2->gathered >= gather_bytes) {
    h2->would_block = true;
    return NGHTTP2_ERR_WOULDBLOCK;
  }
  if (stream->released && !stream->refused)
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  memcpy(gather_space + h2->gathered, framehd, 9);
  h2->gathered += 9;
  cro_h2_take_data(stream, length, gather_space + h2->gathered);
  h2->gathered += length;
  return 0;
}

static void push_gathered(cro_h2 *h2)
{
  cro_bytes bytes = { gather_space, h2->gathered };
  int rc;

  h2->gathered = 0;
  if (h2->writer.next == NULL) { /* in a pipeline that answers nobody */
    cro_h2_abort(h2, CRO_E_NOTSUP);
    return;
  }
  rc = cro_emit(&h2->writer, &bytes);
  if (rc == CRO_FULL)
    h2->out_full = true;
  if (rc < 0)
    cro_h2_abort(h2, rc);
}

/* nghttp2 ends the connection of a peer that opens one stream too many, where RFC 9113
 * 5.1.2 has a stream error for that: it believes in a higher number than is written
 * here, into the first setting of the first frame. */
static void announce(cro_h2 *h2, uint8_t *settings)
{
  uint64_t most = h2->config->h2->max_streams;

  h2->announced = true;
  for (int i = 0; i < 4; i++)
    settings[9 + 2 + i] = (uint8_t)(most >> (24 - 8 * i));
}

static void gather(cro_h2 *h2, const uint8_t *bytes, size_t len)
{
  char *to = gather_space + h2->gathered;

  cro_check(len <= gather_room - h2->gathered);
  memcpy(to, bytes, len);
  h2->gathered += len;
  if (!h2->announced)
    announce(h2, (uint8_t *)to);
}

/* One step; false when nothing more can be done now. */
static bool gather_some(cro_h2 *h2)
{
  const uint8_t *bytes;
  ssize_t n;

  h2->would_block = false;
  n = nghttp2_session_mem_send(h2->session, &bytes);
  if (n < 0) {
    h2->failing = true;
    cro_h2_abort(h2, n == NGHTTP2_ERR_NOMEM ? CRO_E_NOMEM : CRO_E_PROTOCOL);
    return false;
  }
  if (n > 0)
    gather(h2, bytes, (size_t)n);
  if (h2->gathered > 0 && (n == 0 || h2->would_block || h2->gathered >= gather_bytes))
    push_gathered(h2);
  return h2->state != CRO_H2_DEAD && !h2->out_full && (n > 0 || h2->would_block);
}

/* Nothing follows: nghttp2 has said and heard its last, or the peer has and owes us
 * nothing. */
static bool is_over(const cro_h2 *h2)
{
  if (h2->out_full || nghttp2_session_want_write(h2->session) != 0)
    return false;
  return nghttp2_session_want_read(h2->session) == 0 || (h2->eof && h2->open == 0);
}

static void after_flush(cro_h2 *h2)
{
  cro_h2_reap(h2);
  if (h2->state == CRO_H2_DEAD)
    return;
  if (is_over(h2)) {
    cro_h2_close(h2);
    return;
  }
  h2->reader.conn->behind = h2->answers_due > 0;
  if (!cro_list_empty(&h2->drained) && !h2->out_full)
    cro_stage_ready(&h2->writer);
}

void cro_h2_flush(cro_h2 *h2)
{
  if (h2->state == CRO_H2_DEAD || h2->reading)
    return;
  if (gathering) { /* downstream of another session */
    cro_h2_flush_later(h2);
    return;
  }
  gathering = h2->flushing = true;
  while (!h2->out_full && gather_some(h2))
    continue;
  gathering = h2->flushing = false;
  h2->gathered = 0;
  after_flush(h2);
}

/* --- the end ---------------------------------------------------------------------- */

void cro_h2_die(cro_h2 *h2, int err)
{
  if (h2->state != CRO_H2_DEAD)
    h2->failed = err;
  h2->state = CRO_H2_DEAD;
  if (!h2->reading && !h2->flushing)
    cro_h2_reap(h2);
}

void cro_h2_close(cro_h2 *h2)
{
  cro_conn *conn = h2->reader.conn;

  cro_h2_die(h2, CRO_E_CLOSED);
  conn->ops->close(conn);
}

void cro_h2_abort(cro_h2 *h2, int err)
{
  cro_conn *conn = h2->reader.conn;

  if (h2->state == CRO_H2_DEAD)
    return;
  cro_h2_die(h2, err);
  conn->ops->abort(conn);
}

/* Whoever asks has a stream in his hands: all are released when the stages go, or where
 * the session reaps. */
int cro_h2_must(cro_h2 *h2, int rc)
{
  cro_conn *conn = h2->reader.conn;

  if (rc != NGHTTP2_ERR_NOMEM)
    return 0;
  h2->failing = true;
  if (h2->state == CRO_H2_DEAD)
    return CRO_E_NOMEM;
  h2->state = CRO_H2_DEAD;
  h2->failed = CRO_E_NOMEM;
  conn->ops->abort(conn);
  return CRO_E_NOMEM;
}

static void tell(cro_h2 *h2, const char *why)
{
  if (h2->config->on_refused != NULL)
    h2->config->on_refused(h2->config->arg, h2->reader.conn, 0, why);
}

void cro_h2_terminate(cro_h2 *h2, uint32_t code, int err, const char *why)
{
  if (h2->state != CRO_H2_OPEN)
    return;
  tell(h2, why);
  h2->state = CRO_H2_ENDING;
  h2->failed = err;
  (void)cro_h2_must(h2, nghttp2_session_terminate_session(h2->session, code));
  cro_h2_flush_later(h2);
}

static uint32_t code_of(int error)
{
  switch (error) {
  case NGHTTP2_ERR_FLOODED:
  case NGHTTP2_ERR_TOO_MANY_CONTINUATIONS:
    return NGHTTP2_ENHANCE_YOUR_CALM;
  case NGHTTP2_ERR_BAD_CLIENT_MAGIC:
    return NGHTTP2_PROTOCOL_ERROR;
  default:
    return NGHTTP2_INTERNAL_ERROR;
  }
}

static char *put_u32(char *to, uint32_t number)
{
  for (int shift = 24; shift >= 0; shift -= 8)
    *to++ = (char)(number >> shift);
  return to;
}

static void goaway_by_hand(cro_h2 *h2, uint32_t code)
{
  char frame[17] = { 0, 0, 8, NGHTTP2_GOAWAY };
  cro_bytes bytes = { frame, sizeof frame };

  (void)put_u32(put_u32(frame + 9, (uint32_t)h2->last_id), code);
  (void)cro_emit(&h2->writer, &bytes);
}

void cro_h2_give_up(cro_h2 *h2, int error)
{
  cro_conn *conn = h2->reader.conn;

  h2->failing = true;
  tell(h2, nghttp2_strerror(error));
  if (!h2->out_full && h2->has_writer) { /* else it might land inside a frame */
    goaway_by_hand(h2, code_of(error));
    cro_h2_die(h2, CRO_E_PROTOCOL);
    conn->ops->close(conn);
    return;
  }
  cro_h2_abort(h2, CRO_E_PROTOCOL);
}
