#include "base/alloc.h"
#include "base/check.h"
#include "base/err.h"
#include "http/h1_session.h"

enum {
  interim_max = 10
}; /* 1xx answers before the real one: a peer that never comes */

/* --- endings
 * -------------------------------------------------------------------------- */

/* The session lets the request's body alone first: its maker hears by on_release. */
static void release(cro_h1 *h1, int err)
{
  if (h1->request == NULL)
    return;
  h1->request->body.on_change = NULL;
  h1->request->body.reader = NULL;
  cro_h1_release(h1, err);
}

void cro_h1_client_fail(cro_h1 *h1, int err)
{
  if (h1->state == CRO_H1_DEAD && h1->request == NULL)
    return;
  h1->state = CRO_H1_DEAD;
  release(h1, err);
  cro_emit_fail(&h1->reader, err);
  h1->reader.conn->ops->abort(h1->reader.conn);
}

static int error_of(int status)
{
  if (status == -503)
    return CRO_E_NOMEM;
  return status == -431 || status == -413 ? CRO_E_LIMIT : CRO_E_PROTOCOL;
}

void cro_h1_client_end(cro_h1 *h1)
{
  bool reusable = h1->answered && !h1->closing && !h1->eof;

  h1->state = reusable ? CRO_H1_IDLE : CRO_H1_DEAD;
  h1->served++;
  release(h1, 0);
  if (!reusable)
    h1->reader.conn->ops->close(h1->reader.conn);
}

/* --- reading the answer
 * ------------------------------------------------------------------ */

static void body_more(cro_body *body)
{
  cro_h1 *h1 = body->source;

  if (!h1->driving && h1->in_full && !body->full)
    cro_stage_ready(&h1->reader);
}

static void free_body(void *body)
{
  cro_body_free(body);
}

static cro_body *make_incoming(cro_h1 *h1)
{
  cro_arena *arena = h1->request->arena;
  cro_body *body = cro_arena_alloc(arena, sizeof *body);

  if (body == NULL)
    return NULL;
  cro_body_init(body);
  if (cro_arena_defer(arena, free_body, body) != 0)
    return NULL;
  body->more = body_more;
  body->source = h1;
  if (h1->parser.framing == CRO_H1_LENGTH)
    body->length = (int64_t)h1->parser.left;
  else if (h1->parser.framing != CRO_H1_NO_BODY)
    body->length = -1;
  h1->request->response->incoming = body;
  return body;
}

/* What the request's body waited for is over: it goes, or is not wanted any more. */
static void settle_continue(cro_h1 *h1, int status)
{
  if (!h1->continue_due)
    return;
  if (status < 200 && status != 100 && status != 101)
    return;
  if (status == 100 && cro_h1_client_tunnels(h1->request))
    return;
  h1->continue_due = false;
  if (status == 100 || h1->tunnel)
    cro_h1_client_pump(h1);
  else
    h1->closing = true; /* the body stays unsent, and the server may wait for it */
}

static int pass_over(cro_h1 *h1)
{
  if (++h1->blanks > interim_max)
    return CRO_E_PROTOCOL;
  settle_continue(h1, h1->parser.status);
  if (h1->state != CRO_H1_OPEN)
    return CRO_E_CLOSED;
  cro_h1_client_expect(h1);
  return 0;
}

/* RFC 9112 9.3: what the server says about the connection. */
static bool persists(const cro_h1_parser *parser)
{
  if (parser->framing == CRO_H1_UNTIL_CLOSE || parser->facts.close)
    return false;
  return parser->minor > 0 || parser->facts.keep_alive;
}

static int read_body(cro_h1 *h1, cro_bytes *in)
{
  cro_response *response = h1->request->response;
  cro_bytes part;
  int rc = CRO_H1_DATA;

  while (rc == CRO_H1_DATA && h1->state == CRO_H1_OPEN && !h1->received) {
    rc = cro_h1_read_body(&h1->parser, in, &part, &response->trailers);
    if (rc < 0)
      return error_of(rc);
    if (rc == CRO_H1_END) {
      h1->received = true;
      cro_body_end(response->incoming);
    } else if (rc == CRO_H1_DATA) {
      int put = cro_body_put(response->incoming, part);

      if (put < 0)
        return put;
    }
  }
  return 0;
}

/* The response is handed on even when its body breaks in the same piece: whoever reads
 * it learns the same, however the bytes were cut. */
static int open_response(cro_h1 *h1, cro_bytes head, cro_bytes *in)
{
  cro_response *response = h1->request->response;
  cro_bytes copy;
  int emitted, rc = cro_h1_settle_response(&h1->parser);

  if (rc < 0)
    return error_of(rc);
  if (h1->parser.status < 200 && h1->parser.status != 101)
    return pass_over(h1);
  if (cro_arena_copy(h1->request->arena, head, &copy) != 0 || make_incoming(h1) == NULL)
    return CRO_E_NOMEM;
  response->status = h1->parser.status;
  response->reason = h1->parser.reason;
  cro_bytes_move(&response->reason, head, copy.at);
  cro_headers_move(&response->headers, head, copy.at);
  h1->tunnel = h1->parser.framing == CRO_H1_UNTIL_CLOSE &&
               (h1->parser.status == 101 || h1->parser.tunnel);
  h1->closing = h1->closing || !persists(&h1->parser);
  settle_continue(h1, h1->parser.status);
  h1->emitted = true;
  rc = h1->state == CRO_H1_OPEN ? read_body(h1, in) : CRO_E_CLOSED;
  emitted = h1->request != NULL ? cro_emit(&h1->reader, response) : 0;
  return rc < 0 || emitted >= 0 ? rc : emitted;
}

static int read_head(cro_h1 *h1, cro_bytes *in)
{
  int n = cro_h1_read_head(&h1->parser, *in);

  if (n < 0)
    return error_of(n);
  return n > 0 ? open_response(h1, cro_bytes_take(in, (size_t)n), in) : 0;
}

static bool is_over(const cro_h1 *h1)
{
  return h1->received && (h1->answered || !h1->tunnel);
}

static void drive(cro_h1 *h1, cro_bytes *in)
{
  size_t before;
  int rc = 0;

  h1->driving = true;
  do {
    before = in->len;
    rc = h1->emitted ? read_body(h1, in) : read_head(h1, in);
  } while (rc == 0 && h1->state == CRO_H1_OPEN && !h1->received && in->len > 0 &&
           in->len < before);
  h1->driving = false;
  if (rc < 0)
    cro_h1_client_fail(h1, rc);
  else if (h1->state == CRO_H1_OPEN && is_over(h1)) {
    h1->closing = h1->closing || in->len > 0; /* bytes nobody asked for */
    cro_h1_client_end(h1);
  }
}

static void drive_kept(cro_h1 *h1)
{
  cro_bytes in = cro_buf_bytes(&h1->in);

  drive(h1, &in);
  if (in.len == 0 || h1->state != CRO_H1_OPEN)
    cro_buf_free(&h1->in);
  else
    cro_buf_drop(&h1->in, h1->in.len - in.len);
}

static int answer_upstream(cro_h1 *h1)
{
  const cro_body *body = h1->request != NULL ? h1->request->response->incoming : NULL;

  h1->in_full = h1->state == CRO_H1_OPEN && body != NULL && body->full;
  return h1->in_full ? CRO_FULL : 0;
}

static int reader_push(cro_stage *stage, const void *message)
{
  cro_h1 *h1 = CRO_CONTAINER(stage, cro_h1, reader);
  cro_bytes in = *(const cro_bytes *)message;

  if (h1->state == CRO_H1_DEAD || in.len == 0)
    return 0;
  if (h1->state == CRO_H1_IDLE) { /* an answer to nothing: response splitting */
    cro_h1_client_fail(h1, CRO_E_PROTOCOL);
    return 0;
  }
  h1->started = true;
  if (h1->in.len > 0) {
    if (cro_buf_add(&h1->in, in) == 0)
      drive_kept(h1);
    else
      cro_h1_client_fail(h1, CRO_E_NOMEM);
    return answer_upstream(h1);
  }
  drive(h1, &in);
  if (in.len > 0 && h1->state == CRO_H1_OPEN && cro_buf_add(&h1->in, in) != 0)
    cro_h1_client_fail(h1, CRO_E_NOMEM);
  return answer_upstream(h1);
}

/* The server's end: the end of a body that has no other, else it is missing. */
static int reader_finish(cro_stage *stage)
{
  cro_h1 *h1 = CRO_CONTAINER(stage, cro_h1, reader);

  h1->eof = true;
  if (h1->state == CRO_H1_IDLE) {
    h1->state = CRO_H1_DEAD;
    stage->conn->ops->close(stage->conn);
  }
  if (h1->state != CRO_H1_OPEN)
    return cro_emit_finish(stage);
  if (!h1->emitted || h1->parser.framing != CRO_H1_UNTIL_CLOSE) {
    cro_h1_client_fail(h1, CRO_E_EOF);
    return 0;
  }
  h1->received = true;
  cro_body_end(h1->request->response->incoming);
  if (h1->state == CRO_H1_OPEN && is_over(h1))
    cro_h1_client_end(h1);
  return cro_emit_finish(stage);
}

static void reader_fail(cro_stage *stage, int err)
{
  cro_h1 *h1 = CRO_CONTAINER(stage, cro_h1, reader);

  h1->state = CRO_H1_DEAD;
  release(h1, err);
  cro_emit_fail(stage, err);
}

static void reader_resume(cro_stage *stage)
{
  cro_h1 *h1 = CRO_CONTAINER(stage, cro_h1, reader);
  bool was_full = h1->in_full;

  if (answer_upstream(h1) == 0 && was_full)
    cro_stage_resume(stage);
}

static void reader_destroy(cro_stage *stage)
{
  cro_h1 *h1 = CRO_CONTAINER(stage, cro_h1, reader);

  h1->state = CRO_H1_DEAD;
  release(h1, CRO_E_CLOSED);
  cro_h1_let_go(h1);
}

static const cro_stage_ops reader_ops = {
  .name = "HTTP/1 response parser",
  .consumes = &cro_type_bytes,
  .produces = &cro_type_response,
  .push = reader_push,
  .finish = reader_finish,
  .fail = reader_fail,
  .resume = reader_resume,
  .destroy = reader_destroy,
};

int cro_h1_client_create(cro_h1 **out, const cro_h1_config *config)
{
  cro_h1 *h1 = cro_alloc_zero(sizeof *h1);

  if (h1 == NULL)
    return CRO_E_NOMEM;
  h1->config = config;
  cro_stage_init(&h1->reader, &reader_ops);
  cro_h1_client_writer_init(h1);
  cro_h1_parser_init(&h1->parser, config->limits, true);
  *out = h1;
  return 0;
}

void cro_h1_client_expect(cro_h1 *h1)
{
  cro_request *request = h1->request;

  request->response->headers.count = 0;
  cro_h1_parser_begin(&h1->parser, request->arena, &request->response->headers);
  h1->parser.headless = request->method == CRO_HEAD;
  h1->parser.tunnel = request->method == CRO_CONNECT;
}

void cro_h1_client_continue(cro_h1 *h1)
{
  if (h1->state != CRO_H1_OPEN || !h1->continue_due ||
      cro_h1_client_tunnels(h1->request))
    return;
  h1->continue_due = false;
  cro_h1_client_pump(h1);
}

bool cro_h1_client_ready(const cro_h1 *h1)
{
  return h1->state == CRO_H1_IDLE && !h1->eof;
}

bool cro_h1_client_heard(const cro_h1 *h1)
{
  return h1->state == CRO_H1_OPEN && h1->started;
}
