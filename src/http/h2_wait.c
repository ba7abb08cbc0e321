/* The connection's one deadline, shared by everything that is waited for: the nearest
 * counts, and when it comes all are looked at. */
#include "base/check.h"
#include "base/err.h"
#include "http/h2_session.h"

enum {
  rate_after = 5000,    /* ms of a body before its rate counts */
  linger_default = 2000 /* ms */
};

static void arm(cro_h2 *h2, cro_wait what, uint64_t ms)
{
  cro_conn *conn = h2->reader.conn;

  h2->armed_at = cro_h2_now(h2) + ms;
  conn->ops->deadline(conn, what, ms);
}

/* One that is too early is left alone: what it finds not due it waits for again. */
void cro_h2_wait(cro_h2 *h2, cro_wait what, uint64_t ms)
{
  if (ms > 0 && h2->state == CRO_H2_OPEN && cro_h2_now(h2) + ms < h2->armed_at)
    arm(h2, what, ms);
}

/* --- bodies that come ---------------------------------------------------------------
 */

static uint64_t active(const cro_h2_stream *stream)
{
  return stream->active +
         (stream->active_at > 0 ? cro_h2_now(stream->h2) + 1 - stream->active_at : 0);
}

/* Time during which its window is closed is not the peer's. */
static bool may_send(const cro_h2_stream *stream)
{
  nghttp2_session *session = stream->h2->session;

  return nghttp2_session_get_stream_local_window_size(session, stream->id) > 0 &&
         nghttp2_session_get_local_window_size(session) > 0;
}

static bool is_awaited(const cro_h2_stream *stream)
{
  return !stream->received && !stream->broken && !stream->released && !stream->tunnel &&
         !stream->continue_due && !stream->closed &&
         stream->request->method != CRO_CONNECT && may_send(stream);
}

static uint64_t nearer(uint64_t a, uint64_t b)
{
  return a == 0 || (b > 0 && b < a) ? b : a;
}

void cro_h2_clock(cro_h2_stream *stream)
{
  cro_h2 *h2 = stream->h2;
  const cro_http_timeouts *timeouts = h2->config->timeouts;

  if (h2->state != CRO_H2_OPEN)
    return;
  if (!is_awaited(stream)) {
    stream->active = active(stream);
    stream->active_at = 0;
    return;
  }
  if (stream->active_at > 0)
    return;
  stream->heard_at = cro_h2_now(h2);
  stream->active_at = stream->heard_at + 1;
  cro_h2_wait(h2, CRO_WAIT_BODY, nearer(timeouts->body_idle, timeouts->request));
}

bool cro_h2_too_slow(const cro_h2_stream *stream)
{
  uint64_t ms = active(stream);

  return ms > rate_after && stream->request->body.received * 1000 <
                                stream->h2->config->limits->body_min_rate * ms;
}

/* --- what is due -------------------------------------------------------------------
 */

typedef struct agenda {
  uint64_t now, next; /* next: in so many ms; 0: nothing */
} agenda;

/* True when `ms` after `since` is over; else it is waited for. */
static bool is_due(agenda *a, uint64_t since, uint64_t ms)
{
  if (ms == 0)
    return false;
  if (a->now - since >= ms)
    return true;
  a->next = nearer(a->next, ms - (a->now - since));
  return false;
}

/* The whole of a request's time, less what was spent before its clock ran. */
static bool is_overdue(agenda *a, const cro_h2_stream *stream)
{
  const cro_http_timeouts *timeouts = stream->h2->config->timeouts;
  uint64_t spent = active(stream);

  return is_due(a, stream->heard_at, timeouts->body_idle) ||
         is_due(a, a->now - spent, timeouts->request);
}

/* Another stream's turn is no fault of the peer; a window it does not open is. */
static bool is_starved(agenda *a, const cro_h2_stream *stream)
{
  const cro_h2 *h2 = stream->h2;
  uint64_t own = cro_h2_stall_left(h2, &stream->stall),
           below = cro_h2_stall_left(h2, &h2->stall);
  uint64_t left = own < below ? own : below;

  if (left > 0 && left < UINT64_MAX)
    a->next = nearer(a->next, left);
  return left == 0;
}

uint64_t cro_h2_linger_ms(const cro_h2 *h2)
{
  uint64_t ms = h2->config->timeouts->linger;

  return ms > 0 ? ms : linger_default;
}

/* Of a body whose answer is out, or waits for its end. */
static void look_at_rest(cro_h2_stream *stream, agenda *a)
{
  if (!is_due(a, stream->moved_at, cro_h2_linger_ms(stream->h2)))
    return;
  if (stream->finished)
    cro_h2_reset(stream, NGHTTP2_NO_ERROR, 0);
  else
    cro_h2_give_held(stream);
}

static void look_at_stream(cro_h2_stream *stream, void *arg)
{
  agenda *a = arg;

  if (stream->h2->state != CRO_H2_OPEN || stream->closed)
    return;
  if (stream->lingers)
    look_at_rest(stream, a);
  if (stream->active_at > 0 && is_overdue(a, stream)) {
    cro_h2_break_body(stream, 408);
    return;
  }
  if (stream->waiting && is_starved(a, stream))
    cro_h2_reset(stream, NGHTTP2_CANCEL, CRO_E_TIMEOUT);
}

static void look_at_session(cro_h2 *h2, agenda *a)
{
  const cro_http_timeouts *timeouts = h2->config->timeouts;

  if (!h2->greeted) {
    if (is_due(a, h2->began_at, timeouts->header))
      cro_h2_terminate(h2, NGHTTP2_PROTOCOL_ERROR, CRO_E_TIMEOUT, "no preface");
  } else if (!h2->acknowledged && is_due(a, h2->began_at, timeouts->h2_settings)) {
    cro_h2_terminate(h2, NGHTTP2_SETTINGS_TIMEOUT, CRO_E_TIMEOUT,
                     "SETTINGS not acknowledged");
  }
  if (h2->in_block && is_due(a, h2->block_at, timeouts->header))
    cro_h2_terminate(h2, NGHTTP2_ENHANCE_YOUR_CALM, CRO_E_TIMEOUT,
                     "a head that does not end");
  if (h2->drain == CRO_H2_NOTICED && is_due(a, h2->notice_at, CRO_H2_ROUND_TRIP))
    cro_h2_drain_now(h2);
  if (h2->open == 0 && is_due(a, h2->idle_at, timeouts->h2_idle))
    cro_h2_drain_now(h2);
}

void cro_h2_on_deadline(void *arg, cro_wait what)
{
  cro_h2 *h2 = arg;
  agenda a = { .now = cro_h2_now(h2) };

  h2->armed_at = UINT64_MAX;
  if (h2->state == CRO_H2_ENDING)
    cro_h2_close(h2);
  if (h2->state != CRO_H2_OPEN)
    return;
  look_at_session(h2, &a);
  cro_h2_each_stream(h2, look_at_stream, &a);
  cro_h2_reap(h2);
  if (h2->state == CRO_H2_OPEN && a.next > 0)
    arm(h2, what, a.next);
}
