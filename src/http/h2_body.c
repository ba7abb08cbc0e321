/* Bodies that come: held by the request, paid for by the peer's windows. */
#include "base/check.h"
#include "base/err.h"
#include "http/h2_session.h"

static size_t owed_by_all(const cro_h2 *h2)
{
  size_t sum = 0;

  for (cro_list *at = h2->streams.next; at != &h2->streams; at = at->next)
    sum += CRO_CONTAINER(at, cro_h2_stream, node)->owed;
  return sum;
}

/* nghttp2 tells the peer of what was given back once that is half the connection's
 * window. Where streams that nobody reads hold more than half, it never would be, and
 * what is read would wait for them: told here, when the window has nearly closed. */
void cro_h2_credit_rest(cro_h2 *h2)
{
  enum { least = 16 * 1024 };
  int32_t all = nghttp2_session_get_effective_local_window_size(h2->session);
  int32_t used = nghttp2_session_get_effective_recv_data_length(h2->session);
  size_t held;

  if (h2->state != CRO_H2_OPEN || used <= all - all / 4)
    return;
  held = owed_by_all(h2);
  if ((size_t)used >= held + least)
    (void)cro_h2_must(h2, nghttp2_submit_window_update(h2->session, NGHTTP2_FLAG_NONE,
                                                       0, used - (int32_t)held));
}

static void consume(cro_h2_stream *stream, size_t len)
{
  cro_h2 *h2 = stream->h2;
  int rc = stream->received || (stream->broken && !stream->lingers)
               ? nghttp2_session_consume_connection(h2->session, len)
               : nghttp2_session_consume(h2->session, stream->id, len);

  if (cro_h2_must(h2, rc) == 0)
    cro_h2_credit_rest(h2);
  if (!h2->reading && h2->state == CRO_H2_OPEN &&
      nghttp2_session_want_write(h2->session) != 0)
    cro_h2_flush_later(h2);
}

void cro_h2_credit(cro_h2_stream *stream)
{
  size_t keep =
      cro_body_debt(&stream->request->body, stream->h2->config->h2->stream_window);
  size_t back;

  if (stream->owed <= keep)
    return;
  back = stream->owed - keep;
  stream->owed = keep;
  consume(stream, back);
}

/* It is read by nobody: only the other streams shall not suffer. */
static void throw_away(cro_h2_stream *stream, size_t len)
{
  stream->broken = true;
  len += stream->owed;
  stream->owed = 0;
  consume(stream, len);
  if (!stream->lingers)
    stream->thrown += len;
}

void cro_h2_body_linger(cro_h2_stream *stream)
{
  cro_h2 *h2 = stream->h2;

  if (stream->lingers || stream->received)
    return;
  throw_away(stream, 0);
  stream->lingers = true;
  stream->moved_at = cro_h2_now(h2);
  (void)cro_h2_must(
      h2, nghttp2_session_consume_stream(h2->session, stream->id, stream->thrown));
  cro_h2_clock(stream);
  cro_h2_wait(h2, CRO_WAIT_LINGER, cro_h2_linger_ms(h2));
}

static void more(cro_body *body)
{
  cro_h2_stream *stream = body->source;
  cro_h2 *h2 = stream->h2;

  if (h2 == NULL || h2->state != CRO_H2_OPEN || stream->closed)
    return;
  if (stream->continue_due && body->wanted) {
    stream->continue_due = false;
    if (!stream->answered && body->received == 0)
      cro_h2_continue(stream);
  }
  if (h2->state != CRO_H2_OPEN)
    return;
  if (!stream->broken)
    cro_h2_credit(stream);
  cro_h2_clock(stream);
}

void cro_h2_body_open(cro_h2_stream *stream)
{
  cro_body *body = &stream->request->body;

  body->more = more;
  body->source = stream;
  stream->continue_due = stream->request->expect_continue;
  cro_h2_clock(stream);
}

void cro_h2_body_put(cro_h2_stream *stream, cro_bytes part)
{
  cro_h2 *h2 = stream->h2;
  int rc;

  if (stream->broken || stream->released) {
    throw_away(stream, part.len);
    return;
  }
  stream->continue_due = false; /* it did not wait for us */
  stream->owed += part.len;
  stream->heard_at = cro_h2_now(h2);
  rc = cro_body_put(&stream->request->body, part);
  if (h2->state != CRO_H2_OPEN)
    return;
  if (rc < 0) { /* over its reader's limit: the reader answers */
    throw_away(stream, 0);
  } else {
    cro_h2_credit(stream);
    if (cro_h2_too_slow(stream))
      cro_h2_break_body(stream, 408);
  }
  cro_h2_clock(stream);
}

/* What somebody wanted is in his hands now, within his limit. */
void cro_h2_body_end(cro_h2_stream *stream)
{
  cro_body *body = &stream->request->body;

  if (stream->received)
    return;
  stream->received = true;
  cro_h2_clock(stream);
  cro_h2_give_held(stream);
  if (stream->released || stream->lingers)
    return;
  if (stream->owed > 0 && body->wanted) {
    size_t owed = stream->owed;

    stream->owed = 0;
    consume(stream, owed);
  }
  cro_body_end(body);
}

static int error_of(int status)
{
  switch (status) {
  case 408:
    return CRO_E_TIMEOUT;
  case 431:
    return CRO_E_LIMIT;
  case 503:
    return CRO_E_NOMEM;
  default:
    return CRO_E_PROTOCOL;
  }
}

void cro_h2_break_body(cro_h2_stream *stream, int status)
{
  throw_away(stream, 0);
  cro_h2_clock(stream);
  cro_h2_give_held(stream);
  if (!stream->answered)
    cro_h2_refuse(stream, status, error_of(status));
  else
    cro_body_fail(&stream->request->body, error_of(status));
}
