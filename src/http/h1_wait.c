#include "http/h1_session.h"

/* --- the clock
 * -------------------------------------------------------------------------
 */

uint64_t cro_h1_now(const cro_h1 *h1)
{
  return h1->reader.conn->ops->now(h1->reader.conn);
}

void cro_h1_wait(cro_h1 *h1, cro_wait what, uint64_t ms)
{
  cro_conn *conn = h1->reader.conn;

  conn->ops->deadline(conn, ms > 0 ? what : CRO_WAIT_NOTHING, ms);
}

/* Time the peer has kept us waiting; while we do not read, it is not to blame. */
uint64_t cro_h1_active(const cro_h1 *h1)
{
  return h1->active + (h1->active_at > 0 ? cro_h1_now(h1) + 1 - h1->active_at : 0);
}

static void start_clock(cro_h1 *h1)
{
  if (h1->active_at == 0)
    h1->active_at = cro_h1_now(h1) + 1;
}

static void stop_clock(cro_h1 *h1)
{
  h1->active = cro_h1_active(h1);
  h1->active_at = 0;
}

static uint64_t rest_of(uint64_t total, uint64_t spent)
{
  return spent < total ? total - spent : 1;
}

static void wait_for_head(cro_h1 *h1)
{
  uint64_t total = h1->config->timeouts->header;

  cro_h1_wait(h1, CRO_WAIT_HEADER,
              total > 0 ? rest_of(total, cro_h1_now(h1) - h1->began_at) : 0);
}

/* The nearer of the pause we allow and what is left for the whole request. */
static void wait_for_body(cro_h1 *h1)
{
  const cro_http_timeouts *timeouts = h1->config->timeouts;
  uint64_t idle = timeouts->body_idle, total = timeouts->request;
  uint64_t rest = total > 0 ? rest_of(total, cro_h1_active(h1)) : 0;

  if (rest > 0 && (idle == 0 || rest < idle))
    cro_h1_wait(h1, CRO_WAIT_REQUEST, rest);
  else
    cro_h1_wait(h1, CRO_WAIT_BODY, idle);
}

static void wait_in_exchange(cro_h1 *h1)
{
  const cro_body *body = &h1->request->body;

  if (h1->received || h1->broken || h1->tunnel || body->full || h1->continue_due) {
    stop_clock(h1);
    cro_h1_wait(h1, CRO_WAIT_NOTHING, 0);
    return;
  }
  start_clock(h1);
  wait_for_body(h1);
}

/* Says what the connection waits for now. */
void cro_h1_rearm(cro_h1 *h1)
{
  switch (h1->state) {
  case CRO_H1_IDLE:
    if (h1->next_full || h1->out_full || h1->eof)
      cro_h1_wait(h1, CRO_WAIT_NOTHING, 0);
    else if (h1->served == 0)
      wait_for_head(h1);
    else
      cro_h1_wait(h1, CRO_WAIT_KEEPALIVE, h1->config->timeouts->keepalive);
    break;
  case CRO_H1_HEAD:
    wait_for_head(h1);
    break;
  case CRO_H1_OPEN:
    wait_in_exchange(h1);
    break;
  case CRO_H1_LINGER:
  case CRO_H1_DEAD:
    break;
  }
}
