#include "base/err.h"
#include "http/h1_session.h"

enum { linger_default = 2000 }; /* ms, when the timeout says never */

/* --- endings
 * ---------------------------------------------------------------------------
 */

/* Hands the exchange back; the session forgets it first, as its owner may answer. */
void cro_h1_release(cro_h1 *h1, int err)
{
  cro_request *request = h1->request;

  if (request == NULL)
    return;
  h1->request = NULL;
  request->protocol = NULL;
  request->ops = NULL;
  cro_request_release(request, err);
}

void cro_h1_die(cro_h1 *h1, int err)
{
  h1->state = CRO_H1_DEAD;
  if (h1->reader.conn != NULL)
    cro_h1_wait(h1, CRO_WAIT_NOTHING, 0);
  cro_h1_release(h1, err);
}

void cro_h1_close(cro_h1 *h1)
{
  cro_conn *conn = h1->reader.conn;

  cro_h1_die(h1, CRO_E_CLOSED);
  conn->ops->close(conn);
}

/* RFC 9112 9.6: our side ends first; closing at once could reset the connection and
 * take the answer with it. */
void cro_h1_linger(cro_h1 *h1)
{
  cro_conn *conn = h1->reader.conn;
  uint64_t ms = h1->config->timeouts->linger;

  if (h1->eof) {
    cro_h1_close(h1);
    return;
  }
  h1->state = CRO_H1_LINGER;
  h1->drained = 0;
  conn->ops->shutdown(conn);
  cro_h1_wait(h1, CRO_WAIT_LINGER, ms > 0 ? ms : linger_default);
  if (h1->in_full)
    cro_stage_resume(&h1->reader);
  h1->in_full = false;
}

static const char *reason_of(int status)
{
  switch (status) {
  case 400:
    return "malformed request";
  case 408:
    return "request took too long";
  case 413:
    return "too much chunk overhead";
  case 414:
    return "target too long";
  case 417:
    return "unknown expectation";
  case 431:
    return "header fields too large";
  case 501:
    return "unknown method or transfer coding";
  case 505:
    return "HTTP version not supported";
  default:
    return "out of memory";
  }
}

static int error_of(int status)
{
  switch (status) {
  case 408:
    return CRO_E_TIMEOUT;
  case 413:
  case 414:
  case 431:
    return CRO_E_LIMIT;
  case 503:
    return CRO_E_NOMEM;
  default:
    return CRO_E_PROTOCOL;
  }
}

/* A real answer, then nothing of this connection is parsed any more. */
void cro_h1_refuse(cro_h1 *h1, int status)
{
  cro_conn *conn = h1->reader.conn;
  int err = h1->eof ? CRO_E_EOF : error_of(status);

  if (h1->config->on_refused != NULL)
    h1->config->on_refused(h1->config->arg, conn, status, reason_of(status));
  if (h1->has_writer)
    cro_h1_send_refusal(h1, status);
  if (h1->state == CRO_H1_DEAD) { /* nobody reads it */
    cro_h1_abort(h1, err);
    return;
  }
  h1->broken = true;
  h1->state = CRO_H1_LINGER;
  cro_h1_release(h1, err);
  cro_h1_linger(h1);
  cro_emit_fail(&h1->reader, err);
}

/* The request's body will never be complete. */
void cro_h1_break_body(cro_h1 *h1, int status)
{
  h1->broken = true;
  if (h1->head_sent)
    cro_body_fail(&h1->request->body, h1->eof ? CRO_E_EOF : error_of(status));
  else
    cro_h1_refuse(h1, status);
}

void cro_h1_abort(cro_h1 *h1, int err)
{
  cro_conn *conn = h1->reader.conn;

  if (h1->state == CRO_H1_DEAD && h1->request == NULL)
    return;
  h1->state = CRO_H1_DEAD;
  if (!h1->driving)
    cro_h1_die(h1, err);
  conn->ops->abort(conn);
}
