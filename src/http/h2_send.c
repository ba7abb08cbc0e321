/* Response bodies to DATA: pulled by nghttp2 when a window is open. */
#include "base/err.h"
#include "http/h2_session.h"

enum {
  high_mark = 64 * 1024, /* of one stream's output: a writer has to wait */
  low_mark = 32 * 1024   /* and may go on */
};

static size_t at_hand(const cro_h2_stream *stream)
{
  return stream->whole.len + stream->out.len - stream->out_at;
}

void cro_h2_has_data(cro_h2_stream *stream)
{
  if (stream->waiting)
    return;
  stream->waiting = true;
  stream->h2->waiting++;
  cro_h2_stall_look(stream);
  cro_h2_stall_look_below(stream->h2);
}

void cro_h2_has_no_data(cro_h2_stream *stream)
{
  if (!stream->waiting)
    return;
  stream->waiting = false;
  stream->h2->waiting--;
  cro_h2_stall_look(stream);
  cro_h2_stall_look_below(stream->h2);
}

static void go_on(cro_h2_stream *stream)
{
  cro_h2 *h2 = stream->h2;

  if (stream->deferred) {
    stream->deferred = false;
    (void)cro_h2_must(h2, nghttp2_session_resume_data(h2->session, stream->id));
  }
  cro_h2_flush_later(h2);
}

void cro_h2_answer_complete(cro_h2_stream *stream)
{
  if (stream->complete)
    return;
  stream->complete = true;
  if (stream->emitted && !stream->released)
    stream->h2->answers_due--;
}

/* --- nghttp2 asks
 * --------------------------------------------------------------------- */

/* The last of it; the trailers end the stream when there are some. */
static int end_of_data(cro_h2_stream *stream, uint32_t *flags)
{
  const cro_response *response = stream->request->response;
  int rc;

  *flags |= NGHTTP2_DATA_FLAG_EOF;
  if (response->trailers.count == 0)
    return 0;
  rc = cro_h2_submit_trailers(stream);
  if (rc == 0)
    *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
  else if (rc == CRO_E_NOMEM)
    return NGHTTP2_ERR_CALLBACK_FAILURE;
  return 0;
}

ssize_t cro_h2_read_data(nghttp2_session *session, int32_t id, uint8_t *buf,
                         size_t length, uint32_t *flags, nghttp2_data_source *source,
                         void *arg)
{
  cro_h2_stream *stream = source->ptr;
  size_t some = at_hand(stream);

  (void)arg;
  (void)session;
  (void)id;
  (void)buf; /* on_send_data takes it from where it is */
  if (stream->released && !stream->refused)
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  if (some == 0 && !stream->complete) {
    stream->deferred = true;
    return NGHTTP2_ERR_DEFERRED;
  }
  *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
  if (some > length)
    return (ssize_t)length;
  if (stream->complete && end_of_data(stream, flags) != 0)
    return NGHTTP2_ERR_CALLBACK_FAILURE;
  return (ssize_t)some;
}

static void drained(cro_h2_stream *stream)
{
  cro_h2 *h2 = stream->h2;

  stream->full = false;
  stream->over = 0;
  if (cro_list_empty(&stream->todo))
    cro_list_push(&h2->drained, &stream->todo);
}

static void take_streamed(cro_h2_stream *stream, size_t length, char *to)
{
  cro_buf *out = &stream->out;

  memcpy(to, out->at + stream->out_at, length);
  stream->out_at += length;
  if (stream->out_at < out->len)
    return;
  stream->out_at = 0;
  if (stream->complete)
    cro_buf_free(out);
  out->len = 0;
}

void cro_h2_take_data(cro_h2_stream *stream, size_t length, char *to)
{
  if (stream->whole.len > 0) {
    memcpy(to, stream->whole.at, length);
    cro_bytes_take(&stream->whole, length);
  } else if (length > 0) {
    take_streamed(stream, length, to);
  }
  if (at_hand(stream) == 0)
    cro_h2_has_no_data(stream);
  if (stream->full && at_hand(stream) <= low_mark)
    drained(stream);
}

/* --- a handler streams
 * ---------------------------------------------------------------- */

static int may_stream(const cro_response *response)
{
  const cro_h2_stream *stream = response->writer;

  if (response->request->gone)
    return CRO_E_GONE;
  if (response->state != CRO_RESPONSE_STREAMING)
    return CRO_E_STATE;
  return stream->closed || stream->we_reset || stream->h2->state != CRO_H2_OPEN
             ? CRO_E_GONE /* on its way to be told */
             : 0;
}

/* What was not sent in full must look so to the peer: a reset, never a clean end. */
static int fail_answer(cro_response *response, int err)
{
  response->state = CRO_RESPONSE_ENDED;
  cro_h2_reset(response->writer, NGHTTP2_INTERNAL_ERROR, err);
  return err;
}

/* A writer that ignores CRO_FULL may go on for limits.write_buffer bytes. */
static bool is_too_much(cro_h2_stream *stream, size_t len)
{
  if (!stream->full)
    return false;
  if (len > stream->h2->config->limits->write_buffer - stream->over)
    return true;
  stream->over += len;
  return false;
}

static int queue(cro_h2_stream *stream, cro_bytes part)
{
  if (stream->out_at > low_mark) {
    cro_buf_drop(&stream->out, stream->out_at);
    stream->out_at = 0;
  }
  return cro_buf_add(&stream->out, part);
}

static int stream_write(cro_response *response, cro_bytes part)
{
  cro_h2_stream *stream = response->writer;
  int rc = may_stream(response);

  if (rc != 0)
    return rc;
  if (stream->has_length && part.len > (uint64_t)response->length - response->written)
    return CRO_E_TOO_LONG; /* the caller's fault; nothing of it is sent */
  response->written += part.len;
  if (stream->no_body || part.len == 0)
    return stream->full ? CRO_FULL : 0;
  rc = is_too_much(stream, part.len) ? CRO_E_LIMIT : queue(stream, part);
  if (rc != 0)
    return fail_answer(response, rc);
  cro_h2_has_data(stream);
  go_on(stream);
  stream->full = at_hand(stream) >= high_mark;
  return stream->full ? CRO_FULL : 0;
}

static int stream_end(cro_response *response)
{
  cro_h2_stream *stream = response->writer;
  int rc = may_stream(response);

  if (rc != 0)
    return rc;
  if (stream->has_length && response->written < (uint64_t)response->length)
    return fail_answer(response, CRO_E_SHORT);
  response->state = CRO_RESPONSE_ENDED;
  cro_h2_answer_complete(stream);
  go_on(stream);
  return 0;
}

static void stream_abort(cro_response *response)
{
  if (may_stream(response) == 0)
    fail_answer(response, CRO_E_ABORTED);
}

static const cro_response_ops stream_ops = {
  .write = stream_write,
  .end = stream_end,
  .abort = stream_abort,
};

void cro_h2_stream_answer(cro_h2_stream *stream, cro_response *response)
{
  response->state = CRO_RESPONSE_STREAMING;
  response->ops = &stream_ops;
  response->writer = stream;
  if (response->on_drain == NULL)
    return;
  drained(stream);
  cro_stage_ready(&stream->h2->writer);
}
