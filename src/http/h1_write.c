#include "base/check.h"
#include "base/err.h"
#include "base/text.h"
#include "http/h1_put.h"
#include "http/h1_session.h"
#include "http/status.h"

enum {
  scratch_bytes = 8192, /* on the stack: a head and a small body in one push */
  fixed_bytes = 320     /* of a head: everything whose length is not the script's */
};

static cro_h1 *session_of(cro_stage *writer)
{
  return CRO_CONTAINER(writer, cro_h1, writer);
}

/* --- formatting ---------------------------------------------------------------------
 */

/* RFC 9112 4. Always HTTP/1.1, what the server is, whatever the request was. */
static char *put_status(char *to, int status, cro_bytes reason)
{
  cro_bytes line = cro_status_line(status);

  if (line.len > 0 && reason.len == 0)
    return cro_put(to, line);
  to = cro_put(to, CRO_B("HTTP/1.1 "));
  to = cro_put_u64(to, (uint64_t)status);
  *to++ = ' ';
  to = cro_put(to, reason.len > 0 ? reason : cro_status_phrase(status));
  return cro_put(to, CRO_B("\r\n"));
}

static char *put_date_and_server(char *to, cro_bytes server)
{
  memcpy(to, cro_http_date_line(), CRO_DATE_LINE_LENGTH);
  to += CRO_DATE_LINE_LENGTH;
  return server.len > 0 ? cro_put_field(to, CRO_B("Server"), server) : to;
}

void cro_h1_send_refusal(cro_h1 *h1, int status)
{
  char scratch[1024], *to = scratch;
  cro_bytes phrase = cro_status_phrase(status);
  cro_bytes server = h1->config->server;

  to = put_status(to, status, (cro_bytes){ NULL, 0 });
  to = put_date_and_server(to, server.len < 256 ? server : (cro_bytes){ NULL, 0 });
  to = cro_put(to, CRO_B("Content-Type: text/plain\r\nContent-Length: "));
  to = cro_put_u64(to, phrase.len);
  to = cro_put(to, CRO_B("\r\nConnection: close\r\n\r\n"));
  if (h1->parser.method != CRO_HEAD)
    to = cro_put(to, phrase);
  (void)cro_h1_send(h1, (cro_bytes){ scratch, (size_t)(to - scratch) });
}

/* --- how an answer is framed
 * ----------------------------------------------------------
 */

typedef struct answer_plan {
  int status;
  cro_h1_mode mode;
  int64_t length;  /* to announce, or -1 */
  bool has_body;   /* content bytes may follow: not for HEAD, 204, 304 */
  bool has_length; /* a Content-Length or Transfer-Encoding may be said */
} answer_plan;

static bool is_tunnel(const cro_request *request, int status)
{
  return status == 101 || (request->method == CRO_CONNECT && status / 100 == 2);
}

/* What cannot be sent as it is becomes a 500: the peer never waits in vain. */
static int usable_status(const cro_response *response)
{
  const cro_request *request = response->request;
  int status = response->status;

  if (status == 0)
    return response->streams || response->body.len > 0 ? 200 : 204;
  if (status == 101)
    return request->upgrade && response->streams ? 101 : 500;
  return status >= 200 && status <= 999 ? status : 500;
}

/* What scripts set was checked when they set it; a reason may come from a server that
 * this answer is passed on from. */
static bool is_sendable(const cro_response *response)
{
  return cro_text_all(response->reason, CRO_CHAR_VALUE) &&
         (response->status == 0 || usable_status(response) == response->status);
}

static answer_plan plan_answer(const cro_response *response)
{
  const cro_request *request = response->request;
  answer_plan plan = { .status = usable_status(response), .has_body = true };

  plan.length = response->streams ? response->length : (int64_t)response->body.len;
  if (response->no_length && request->minor > 0)
    plan.length = -1;
  plan.has_length = plan.status >= 200 && plan.status != 204 && plan.status != 304;
  if (is_tunnel(request, plan.status)) {
    plan.has_length = false;
    plan.mode = CRO_H1_SEND_RAW;
    return plan;
  }
  if (plan.status == 205) /* RFC 9110 15.3.6 */
    plan.length = 0;
  plan.has_body = plan.has_length && plan.status != 205 && request->method != CRO_HEAD;
  if (plan.length >= 0)
    plan.mode = CRO_H1_SEND_LENGTH;
  else /* RFC 9112 6.1: HTTP/1.0 knows no codings */
    plan.mode = request->minor > 0 ? CRO_H1_SEND_CHUNKED : CRO_H1_SEND_RAW;
  return plan;
}

/* Whether the connection ends with this answer (RFC 9112 9.6). */
static bool must_close(const cro_h1 *h1, const answer_plan *plan)
{
  if (plan->mode == CRO_H1_SEND_RAW && plan->has_body)
    return true;
  return !h1->request->keep_alive || !h1->received || h1->draining || h1->broken ||
         (h1->eof && h1->in.len == 0) ||
         h1->served >= h1->config->limits->requests_per_connection;
}

static char *put_connection(char *to, const cro_h1 *h1, const answer_plan *plan)
{
  uint64_t keepalive = h1->config->timeouts->keepalive;

  if (plan->status == 101)
    return cro_put(to, CRO_B("Connection: Upgrade\r\n"));
  if (h1->tunnel)
    return to;
  if (plan->status == 426) /* RFC 9110 7.8 */
    to = cro_put(to, CRO_B("Connection: Upgrade\r\n"));
  if (h1->closing)
    return cro_put(to, CRO_B("Connection: close\r\n"));
  if (!h1->parser.facts.keep_alive)
    return to;
  to = cro_put(to, CRO_B("Connection: keep-alive\r\n"));
  if (keepalive < 1000)
    return to;
  to = cro_put(to, CRO_B("Keep-Alive: timeout="));
  to = cro_put_u64(to, keepalive / 1000);
  return cro_put(to, CRO_B("\r\n"));
}

static char *put_framing(char *to, const answer_plan *plan)
{
  if (!plan->has_length)
    return to;
  if (plan->mode == CRO_H1_SEND_CHUNKED)
    return cro_put(to, CRO_B("Transfer-Encoding: chunked\r\n"));
  if (plan->mode == CRO_H1_SEND_RAW)
    return to;
  to = cro_put(to, CRO_B("Content-Length: "));
  to = cro_put_u64(to, (uint64_t)plan->length);
  return cro_put(to, CRO_B("\r\n"));
}

static char *put_head(char *to, const cro_h1 *h1, const cro_response *response,
                      const answer_plan *plan)
{
  cro_bytes server = h1->config->server;

  if (response->headers.count > 0 &&
      cro_headers_find(&response->headers, CRO_B("Server")) != NULL)
    server.len = 0;
  to = put_status(to, plan->status, response->reason);
  to = put_date_and_server(to, server);
  if (response->type.len > 0)
    to = cro_put_field(to, CRO_B("Content-Type"), response->type);
  to = put_framing(to, plan);
  to = put_connection(to, h1, plan);
  to = cro_put_fields(to, &response->headers);
  return cro_put(to, CRO_B("\r\n"));
}

/* --- bodies --------------------------------------------------------------------------
 */

/* RFC 9112 7.1: the last chunk, the trailer section, the blank line. */
static int send_last_chunk(cro_h1 *h1, const cro_response *response)
{
  char scratch[512], *at = scratch, *to;
  size_t size = cro_fields_size(&response->trailers) + 8;

  if (size > sizeof scratch) {
    at = cro_arena_alloc(response->arena, size);
    if (at == NULL)
      return CRO_E_NOMEM;
  }
  to = cro_put(at, CRO_B("0\r\n"));
  to = cro_put_fields(to, &response->trailers);
  to = cro_put(to, CRO_B("\r\n"));
  return cro_h1_send(h1, (cro_bytes){ at, (size_t)(to - at) });
}

static int send_body(cro_h1 *h1, const cro_response *response, const answer_plan *plan)
{
  int rc = 0;

  if (!plan->has_body)
    return 0;
  if (plan->mode != CRO_H1_SEND_CHUNKED)
    return response->body.len > 0 ? cro_h1_send(h1, response->body) : 0;
  if (response->body.len > 0)
    rc = cro_h1_send_chunk(h1, response->body);
  return rc < 0 ? rc : send_last_chunk(h1, response);
}

/* --- streaming -----------------------------------------------------------------------
 */

/* What was not sent in full must look so to the peer: a reset, never a clean end. */
static int fail_answer(cro_h1 *h1, cro_response *response, int err)
{
  response->state = CRO_RESPONSE_ENDED;
  cro_h1_abort(h1, err);
  return err;
}

static int may_stream(const cro_response *response)
{
  if (response->request->gone)
    return CRO_E_GONE;
  return response->state == CRO_RESPONSE_STREAMING ? 0 : CRO_E_STATE;
}

/* A writer that ignores CRO_FULL may go on for limits.write_buffer bytes. */
static int send_part(cro_h1 *h1, cro_bytes part)
{
  if (h1->out_full && part.len > h1->config->limits->write_buffer - h1->over)
    return CRO_E_LIMIT;
  if (h1->out_full)
    h1->over += part.len;
  return h1->mode == CRO_H1_SEND_CHUNKED ? cro_h1_send_chunk(h1, part)
                                         : cro_h1_send(h1, part);
}

static int stream_write(cro_response *response, cro_bytes part)
{
  cro_h1 *h1 = response->writer;
  int rc = may_stream(response);

  if (rc != 0)
    return rc;
  if (h1->mode == CRO_H1_SEND_LENGTH &&
      part.len > (uint64_t)response->length - response->written)
    return CRO_E_TOO_LONG; /* the caller's fault; nothing of it is sent */
  if (part.len == 0)       /* an empty chunk would end the body */
    return h1->out_full ? CRO_FULL : 0;
  response->written += part.len;
  if (h1->mode == CRO_H1_SEND_NOTHING)
    return 0;
  rc = send_part(h1, part);
  return rc < 0 ? fail_answer(h1, response, rc) : rc;
}

static int stream_end(cro_response *response)
{
  cro_h1 *h1 = response->writer;
  int rc = may_stream(response);

  if (rc != 0)
    return rc;
  if (h1->mode == CRO_H1_SEND_LENGTH && response->written < (uint64_t)response->length)
    return fail_answer(h1, response, CRO_E_SHORT);
  if (h1->mode == CRO_H1_SEND_CHUNKED)
    rc = send_last_chunk(h1, response);
  if (rc < 0)
    return fail_answer(h1, response, rc);
  response->state = CRO_RESPONSE_ENDED;
  cro_h1_answered(h1);
  return rc;
}

static void stream_abort(cro_response *response)
{
  if (may_stream(response) == 0)
    fail_answer(response->writer, response, CRO_E_ABORTED);
}

static const cro_response_ops stream_ops = {
  .write = stream_write,
  .end = stream_end,
  .abort = stream_abort,
};

static int begin_stream(cro_h1 *h1, cro_response *response, const answer_plan *plan,
                        int rc)
{
  h1->mode = plan->has_body ? plan->mode : CRO_H1_SEND_NOTHING;
  response->state = CRO_RESPONSE_STREAMING;
  response->ops = &stream_ops;
  response->writer = h1;
  if (h1->tunnel)
    cro_h1_begin_tunnel(h1);
  if (response->on_drain != NULL && rc == 0)
    cro_stage_ready(&h1->writer);
  return rc;
}

/* --- the stage -----------------------------------------------------------------------
 */

/* A complete answer whose body fits beside its head goes out as one piece. */
static int send_answer(cro_h1 *h1, cro_response *response, const answer_plan *plan)
{
  char scratch[scratch_bytes], *at = scratch, *to;
  size_t size = fixed_bytes + cro_fields_size(&response->headers) + response->type.len +
                response->reason.len + h1->config->server.len;
  bool whole = plan->has_body && !response->streams &&
               plan->mode != CRO_H1_SEND_CHUNKED &&
               response->body.len + size <= sizeof scratch;
  int rc;

  if (size > sizeof scratch && (at = cro_arena_alloc(response->arena, size)) == NULL)
    return CRO_E_NOMEM;
  to = put_head(at, h1, response, plan);
  if (whole && response->body.len > 0)
    to = cro_put(to, response->body);
  h1->head_sent = true;
  rc = cro_h1_send(h1, (cro_bytes){ at, (size_t)(to - at) });
  if (rc < 0 || whole || response->streams)
    return rc;
  return send_body(h1, response, plan);
}

/* A response that cannot be sent as it is, said as a plain 500. */
static void make_500(cro_response *response)
{
  response->status = 500;
  response->streams = response->no_length = false;
  response->reason = (cro_bytes){ NULL, 0 };
  response->headers.count = 0;
  response->type = CRO_B("text/plain");
  response->body = cro_status_phrase(500);
}

static int answer(cro_h1 *h1, cro_response *response)
{
  answer_plan plan;
  int rc;

  if (!is_sendable(response))
    make_500(response);
  plan = plan_answer(response);
  response->status = plan.status;
  h1->tunnel = is_tunnel(h1->request, plan.status) && response->streams;
  h1->closing = must_close(h1, &plan);
  rc = send_answer(h1, response, &plan);
  if (rc < 0)
    return fail_answer(h1, response, rc);
  if (response->streams)
    return begin_stream(h1, response, &plan, rc);
  response->written = response->body.len;
  response->state = CRO_RESPONSE_ENDED;
  cro_h1_answered(h1);
  return rc;
}

/* An answer before the answer (RFC 9110 15.2); HTTP/1.0 knows none. The session's
 * state is the final answer's alone. */
static int inform(cro_request *request, const cro_response *interim)
{
  cro_h1 *h1 = request->protocol;
  size_t size = fixed_bytes + cro_fields_size(&interim->headers);
  char *at, *to;
  int rc;

  if (!h1->has_writer)
    return CRO_E_NOTSUP;
  if (h1->head_sent || interim->status / 100 != 1 || interim->status == 101)
    return CRO_E_STATE;
  if (request->minor == 0)
    return 0;
  at = cro_arena_alloc(request->arena, size);
  if (at == NULL)
    return CRO_E_NOMEM;
  to = put_status(at, interim->status, interim->reason);
  to = cro_put_fields(to, &interim->headers);
  to = cro_put(to, CRO_B("\r\n"));
  rc = cro_h1_send(h1, (cro_bytes){ at, (size_t)(to - at) });
  return rc < 0 ? rc : 0; /* nobody can wait before an answer: it is small */
}

const cro_request_ops cro_h1_request_ops = { .inform = inform };

static int writer_push(cro_stage *stage, const void *message)
{
  cro_h1 *h1 = session_of(stage);
  cro_response *response = (cro_response *)(uintptr_t)message;
  int rc;

  if (response->request == NULL || response->request->gone) {
    response->state = CRO_RESPONSE_ENDED; /* too late: nobody is there to read it */
    return 0;
  }
  if (response->request != h1->request || response->state != CRO_RESPONSE_OPEN)
    return CRO_E_STATE;
  rc = answer(h1, response);
  return rc < 0 ? 0 : rc; /* the session has dealt with it */
}

static int writer_finish(cro_stage *stage)
{
  cro_h1_drain(session_of(stage));
  return 0;
}

static void writer_fail(cro_stage *stage, int err)
{
  cro_h1 *h1 = session_of(stage);

  if (h1->state != CRO_H1_LINGER) /* the refusal already sent is the answer */
    cro_h1_abort(h1, err);
}

static void writer_resume(cro_stage *stage)
{
  cro_h1 *h1 = session_of(stage);
  cro_response *response = h1->request != NULL ? h1->request->response : NULL;

  h1->out_full = false;
  h1->over = 0;
  if (response != NULL && response->state == CRO_RESPONSE_STREAMING &&
      response->on_drain != NULL)
    response->on_drain(response, 0);
  if (h1->out_full)
    return;
  cro_stage_resume(stage);
  cro_h1_read_on(h1);
}

static void writer_destroy(cro_stage *stage)
{
  cro_h1_let_go(session_of(stage));
}

static const cro_stage_ops writer_ops = {
  .name = "HTTP/1 response",
  .consumes = &cro_type_response,
  .produces = &cro_type_bytes,
  .push = writer_push,
  .finish = writer_finish,
  .fail = writer_fail,
  .resume = writer_resume,
  .destroy = writer_destroy,
};

void cro_h1_writer_init(cro_h1 *h1)
{
  cro_stage_init(&h1->writer, &writer_ops);
}
