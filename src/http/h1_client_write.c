#include "base/check.h"
#include "base/err.h"
#include "http/h1_put.h"
#include "http/h1_session.h"

enum { scratch_bytes = 4096 };

/* --- heads
 * --------------------------------------------------------------- */

static bool is_ours(cro_bytes name)
{
  static const cro_bytes ours[] = {
    CRO_B_INIT("content-length"),
    CRO_B_INIT("transfer-encoding"),
    CRO_B_INIT("connection"),
    CRO_B_INIT("keep-alive"),
    CRO_B_INIT("te"),
    CRO_B_INIT("trailer"),
    CRO_B_INIT("expect"),
    CRO_B_INIT("proxy-connection"),
  };

  for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
    if (cro_bytes_ieq(name, ours[i]))
      return true;
  return false;
}

static bool fields_ok(const cro_headers *fields)
{
  for (uint32_t i = 0; i < fields->count; i++)
    if (!cro_header_name_ok(fields->at[i].name) ||
        !cro_header_value_ok(fields->at[i].value) || is_ours(fields->at[i].name))
      return false;
  return true;
}

/* Nothing of a script's may end the line or the field it stands in. */
static bool is_sayable(const cro_request *request)
{
  cro_bytes target = request->target;

  for (size_t i = 0; i < target.len; i++)
    if (target.at[i] <= ' ' || target.at[i] > '~')
      return false;
  return target.len > 0 && request->method != CRO_METHOD_NONE &&
         cro_header_value_ok(request->authority) && fields_ok(&request->headers);
}

/* RFC 9110 8.6: methods that mean content say so even when there is none. */
static bool means_content(cro_method method)
{
  return method == CRO_POST || method == CRO_PUT || method == CRO_PATCH;
}

bool cro_h1_client_tunnels(const cro_request *request)
{
  return request->upgrade || request->method == CRO_CONNECT;
}

static char *put_request_framing(char *to, const cro_request *request)
{
  int64_t length = request->body.length;

  if (length < 0 && !cro_h1_client_tunnels(request))
    return cro_put(to, CRO_B("Transfer-Encoding: chunked\r\n"));
  if (length < 0 || (length == 0 && !means_content(request->method)))
    return to;
  to = cro_put(to, CRO_B("Content-Length: "));
  to = cro_put_u64(to, (uint64_t)length);
  return cro_put(to, CRO_B("\r\n"));
}

static char *put_request(char *to, const cro_request *request)
{
  to = cro_put(to, cro_method_name(request->method));
  *to++ = ' ';
  to = cro_put(to, request->target);
  to = cro_put(to, CRO_B(" HTTP/1.1\r\n"));
  if (cro_headers_find(&request->headers, CRO_B("Host")) == NULL)
    to = cro_put_field(to, CRO_B("Host"), request->authority);
  to = cro_put_fields(to, &request->headers);
  to = put_request_framing(to, request);
  if (request->upgrade)
    to = cro_put(to, CRO_B("Connection: Upgrade\r\n"));
  else if (!request->keep_alive)
    to = cro_put(to, CRO_B("Connection: close\r\n"));
  if (request->expect_continue)
    to = cro_put(to, CRO_B("Expect: 100-continue\r\n"));
  return cro_put(to, CRO_B("\r\n"));
}

static int send_request(cro_h1 *h1, const cro_request *request)
{
  char scratch[scratch_bytes], *at = scratch, *to;
  size_t size = 256 + request->target.len + request->authority.len +
                cro_fields_size(&request->headers);

  if (size > sizeof scratch && (at = cro_arena_alloc(request->arena, size)) == NULL)
    return CRO_E_NOMEM;
  to = put_request(at, request);
  return cro_h1_send(h1, (cro_bytes){ at, (size_t)(to - at) });
}

/* The request's body and its announcement must agree, or the server would read the next
 * request as part of this one. */
static int check_length(const cro_h1 *h1, const cro_body *body)
{
  if (h1->mode != CRO_H1_SEND_LENGTH)
    return 0;
  if (body->received > (uint64_t)body->length)
    return CRO_E_TOO_LONG;
  return body->state == CRO_BODY_ENDED && body->received < (uint64_t)body->length
             ? CRO_E_EOF
             : 0;
}

static int send_held(cro_h1 *h1, cro_body *body)
{
  cro_buf part = { 0 };
  int rc;

  cro_body_take(body, &part);
  rc = h1->mode == CRO_H1_SEND_CHUNKED ? cro_h1_send_chunk(h1, cro_buf_bytes(&part))
                                       : cro_h1_send(h1, cro_buf_bytes(&part));
  cro_buf_free(&part);
  return rc;
}

static int send_all_held(cro_h1 *h1, cro_body *body)
{
  int rc = 0;

  while (rc >= 0 && h1->state == CRO_H1_OPEN) {
    rc = body->state == CRO_BODY_FAILED ? body->err : check_length(h1, body);
    if (rc < 0 || body->held.len == 0 || h1->out_full)
      return rc;
    rc = send_held(h1, body);
  }
  return rc;
}

void cro_h1_client_pump(cro_h1 *h1)
{
  cro_body *body = &h1->request->body;
  int rc;

  if (h1->broken || h1->answered || h1->continue_due)
    return;
  h1->broken = true; /* taking may put more: no second pump meanwhile */
  rc = send_all_held(h1, body);
  h1->broken = false;
  if (rc >= 0 && body->state == CRO_BODY_ENDED && body->held.len == 0) {
    h1->answered = true;
    if (h1->mode == CRO_H1_SEND_CHUNKED)
      rc = cro_h1_send(h1, CRO_B("0\r\n\r\n"));
  }
  if (rc < 0)
    cro_h1_client_fail(h1, rc);
}

static void body_changed(cro_body *body)
{
  cro_h1 *h1 = body->reader;

  cro_h1_client_pump(h1);
  if (h1->state == CRO_H1_OPEN && h1->received && h1->answered && !h1->driving)
    cro_h1_client_end(h1);
}

static cro_h1_mode mode_of(const cro_request *request)
{
  if (request->body.length > 0)
    return CRO_H1_SEND_LENGTH;
  if (request->body.length == 0)
    return CRO_H1_SEND_NOTHING;
  return cro_h1_client_tunnels(request) ? CRO_H1_SEND_RAW : CRO_H1_SEND_CHUNKED;
}

static void begin_request(cro_h1 *h1, cro_request *request)
{
  cro_arena_hold(request->arena);
  request->conn = h1->writer.conn;
  h1->request = request;
  h1->state = CRO_H1_OPEN;
  h1->received = h1->broken = h1->emitted = h1->answered = false;
  h1->tunnel = h1->started = false;
  h1->blanks = 0;
  h1->closing = !request->keep_alive;
  h1->mode = mode_of(request);
  h1->continue_due = h1->mode == CRO_H1_SEND_RAW ||
                     (request->expect_continue && h1->mode != CRO_H1_SEND_NOTHING);
  cro_h1_client_expect(h1);
}

static int writer_push(cro_stage *stage, const void *message)
{
  cro_h1 *h1 = CRO_CONTAINER(stage, cro_h1, writer);
  cro_request *request = (cro_request *)(uintptr_t)message;
  cro_body *body = &request->body;
  int rc;

  if (h1->state != CRO_H1_IDLE || h1->eof)
    return CRO_E_STATE;
  if (!is_sayable(request))
    return CRO_E_INVAL;
  begin_request(h1, request);
  rc = send_request(h1, request);
  if (rc < 0) {
    cro_h1_client_fail(h1, rc);
    return 0; /* its on_release has been told */
  }
  body->reader = h1;
  if (h1->mode == CRO_H1_SEND_NOTHING) {
    cro_body_end(body);
    h1->answered = true;
    return rc;
  }
  body->on_change = body_changed;
  cro_h1_client_pump(h1);
  return h1->out_full ? CRO_FULL : 0;
}

static int writer_finish(cro_stage *stage)
{
  (void)stage;
  return 0;
}

static void writer_fail(cro_stage *stage, int err)
{
  cro_h1_client_fail(CRO_CONTAINER(stage, cro_h1, writer), err);
}

static void writer_resume(cro_stage *stage)
{
  cro_h1 *h1 = CRO_CONTAINER(stage, cro_h1, writer);

  h1->out_full = false;
  if (h1->state == CRO_H1_OPEN)
    body_changed(&h1->request->body);
  if (!h1->out_full && stage->prev != NULL)
    cro_stage_resume(stage);
}

static void writer_destroy(cro_stage *stage)
{
  cro_h1_let_go(CRO_CONTAINER(stage, cro_h1, writer));
}

static const cro_stage_ops writer_ops = {
  .name = "HTTP/1 request serializer",
  .consumes = &cro_type_request,
  .produces = &cro_type_bytes,
  .push = writer_push,
  .finish = writer_finish,
  .fail = writer_fail,
  .resume = writer_resume,
  .destroy = writer_destroy,
};

void cro_h1_client_writer_init(cro_h1 *h1)
{
  cro_stage_init(&h1->writer, &writer_ops);
}
