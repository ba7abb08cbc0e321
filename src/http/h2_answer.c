/* Responses to HEADERS: names in lower case, nothing of a connection, no copies. */
#include "base/check.h"
#include "base/err.h"
#include "base/text.h"
#include "http/h1.h"
#include "http/h2_session.h"
#include "http/status.h"

static cro_h2 *session_of(cro_stage *writer)
{
  return CRO_CONTAINER(writer, cro_h2, writer);
}

/* --- fields -------------------------------------------------------------------------
 */

enum {
  own_fields = 6,   /* :status, date, server, content-type, content-length */
  usual_fields = 40 /* on the stack */
};

typedef struct field_list {
  nghttp2_nv *at;
  size_t count;
} field_list;

/* What both slices point to lives until the frame is written. */
static void add(field_list *list, cro_bytes name, cro_bytes value)
{
  list->at[list->count++] = (nghttp2_nv){ .name = (uint8_t *)(uintptr_t)name.at,
                                          .value = (uint8_t *)(uintptr_t)value.at,
                                          .namelen = name.len,
                                          .valuelen = value.len,
                                          .flags = NGHTTP2_NV_FLAG_NO_COPY_NAME |
                                                   NGHTTP2_NV_FLAG_NO_COPY_VALUE };
}

static int add_number(field_list *list, cro_arena *arena, cro_bytes name,
                      uint64_t number)
{
  char digits[20];
  size_t at = sizeof digits;
  cro_bytes value;

  do {
    digits[--at] = (char)('0' + number % 10);
    number /= 10;
  } while (number > 0);
  if (cro_arena_copy(arena, (cro_bytes){ digits + at, sizeof digits - at }, &value) !=
      0)
    return CRO_E_NOMEM;
  add(list, name, value);
  return 0;
}

static int add_status(field_list *list, cro_arena *arena, int status)
{
  cro_bytes line = cro_status_line(status);

  if (line.len == 0)
    return add_number(list, arena, CRO_B(":status"), (uint64_t)status);
  add(list, CRO_B(":status"), (cro_bytes){ line.at + sizeof "HTTP/1.1", 3 });
  return 0;
}

/* The text changes once a second, whole: whenever it is written it is a date. */
static void add_date(field_list *list)
{
  add(list, CRO_B("date"),
      (cro_bytes){ cro_http_date_line() + sizeof "Date:",
                   CRO_DATE_LINE_LENGTH - sizeof "Date: \r" });
}

static bool has_capital(cro_bytes name)
{
  for (size_t i = 0; i < name.len; i++)
    if (name.at[i] >= 'A' && name.at[i] <= 'Z')
      return true;
  return false;
}

int cro_h2_to_lower(cro_arena *arena, cro_bytes *name)
{
  char *at;

  if (!has_capital(*name))
    return 0;
  at = cro_arena_alloc(arena, name->len);
  if (at == NULL)
    return CRO_E_NOMEM;
  for (size_t i = 0; i < name->len; i++)
    at[i] = name->at[i] >= 'A' && name->at[i] <= 'Z' ? (char)(name->at[i] | 0x20)
                                                     : name->at[i];
  name->at = at;
  return 0;
}

bool cro_h2_is_of_connection(cro_bytes name)
{
  static const cro_bytes none[] = {
    CRO_B_INIT("connection"), CRO_B_INIT("keep-alive"),
    CRO_B_INIT("te"),         CRO_B_INIT("proxy-connection"),
    CRO_B_INIT("upgrade"),    CRO_B_INIT("transfer-encoding")
  };

  for (size_t i = 0; i < sizeof none / sizeof *none; i++)
    if (cro_bytes_ieq(name, none[i]))
      return true;
  return false;
}

/* A cookie is not indexed: compression must not tell it (RFC 7541 7.1.3). */
static int add_fields(field_list *list, cro_arena *arena, const cro_headers *fields)
{
  for (uint32_t i = 0; i < fields->count; i++) {
    cro_bytes name = fields->at[i].name;

    if (cro_h2_to_lower(arena, &name) != 0)
      return CRO_E_NOMEM;
    if (cro_h2_is_of_connection(name))
      continue;
    add(list, name, fields->at[i].value);
    if (cro_bytes_eq(name, CRO_B("set-cookie")))
      list->at[list->count - 1].flags |= NGHTTP2_NV_FLAG_NO_INDEX;
  }
  return 0;
}

static int open_list(field_list *list, nghttp2_nv *usual, cro_arena *arena,
                     size_t fields)
{
  *list = (field_list){ .at = usual };
  if (fields + own_fields > usual_fields)
    list->at = cro_arena_alloc(arena, (fields + own_fields) * sizeof *list->at);
  return list->at != NULL ? 0 : CRO_E_NOMEM;
}

/* --- how an answer is framed --------------------------------------------------------
 */

typedef struct answer_plan {
  int status;
  int64_t length; /* to announce, or -1 */
  bool has_body;  /* content bytes may follow: not for HEAD, 204, 304 */
  bool tunnel;
} answer_plan;

/* What cannot be sent as it is becomes a 500: the peer never waits in vain. */
static int usable_status(const cro_response *response)
{
  int status = response->status;

  if (status == 0)
    return response->streams || response->body.len > 0 ? 200 : 204;
  return status >= 200 && status <= 999 ? status : 500;
}

static answer_plan plan_answer(const cro_response *response)
{
  const cro_request *request = response->request;
  answer_plan plan = { .status = usable_status(response), .length = -1 };
  bool content = plan.status != 204 && plan.status != 304;

  plan.tunnel =
      request->method == CRO_CONNECT && plan.status / 100 == 2 && response->streams;
  plan.has_body = content && plan.status != 205 && request->method != CRO_HEAD;
  if (plan.tunnel || !content || (request->method == CRO_CONNECT && plan.status < 300))
    return plan;
  plan.length = response->streams ? response->length : (int64_t)response->body.len;
  if (response->no_length)
    plan.length = -1;
  if (plan.status == 205) /* RFC 9110 15.3.6 */
    plan.length = 0;
  return plan;
}

static int fill_head(field_list *list, const cro_h2 *h2, const cro_response *response,
                     const answer_plan *plan)
{
  cro_bytes server = h2->config->server;
  int rc = add_status(list, response->arena, plan->status);

  add_date(list);
  if (server.len > 0 && cro_headers_find(&response->headers, CRO_B("Server")) == NULL)
    add(list, CRO_B("server"), server);
  if (response->type.len > 0)
    add(list, CRO_B("content-type"), response->type);
  if (rc == 0 && plan->length >= 0)
    rc = add_number(list, response->arena, CRO_B("content-length"),
                    (uint64_t)plan->length);
  return rc != 0 ? rc : add_fields(list, response->arena, &response->headers);
}

/* --- sending ------------------------------------------------------------------------
 */

static int submit(cro_h2_stream *stream, const field_list *list, bool data)
{
  nghttp2_data_provider provider = { .source.ptr = stream,
                                     .read_callback = cro_h2_read_data };

  return cro_h2_must(stream->h2,
                     nghttp2_submit_response(stream->h2->session, stream->id, list->at,
                                             list->count, data ? &provider : NULL));
}

static int send_head(cro_h2_stream *stream, cro_response *response,
                     const answer_plan *plan)
{
  nghttp2_nv usual[usual_fields];
  field_list list;
  bool data;
  int rc = open_list(&list, usual, response->arena, response->headers.count);

  if (rc == 0)
    rc = fill_head(&list, stream->h2, response, plan);
  if (rc != 0)
    return rc;
  stream->answered = true;
  stream->no_body = !plan->has_body;
  stream->has_length = plan->length >= 0;
  if (!response->streams && plan->has_body)
    stream->whole = response->body;
  data = response->streams ? plan->has_body
                           : stream->whole.len > 0 ||
                                 (plan->has_body && response->trailers.count > 0);
  return submit(stream, &list, data);
}

static int fail_answer(cro_h2_stream *stream, cro_response *response, int err)
{
  response->state = CRO_RESPONSE_ENDED;
  cro_h2_reset(stream, NGHTTP2_INTERNAL_ERROR, err);
  return err;
}

/* Nothing of it follows. */
static int whole_answer(cro_h2_stream *stream, cro_response *response,
                        const answer_plan *plan)
{
  int rc = send_head(stream, response, plan);

  response->written = response->body.len;
  response->state = CRO_RESPONSE_ENDED;
  if (rc != 0)
    return rc;
  cro_h2_answer_complete(stream);
  if (stream->whole.len > 0)
    cro_h2_has_data(stream);
  return 0;
}

/* Who sends a body and reads of success may never look at the rest (curl 7.88), or take
 * the reset that follows for a failure: such an answer waits a little for the body's
 * end. One that says that something is wrong stops them all. */
static bool must_wait(const cro_h2_stream *stream, const answer_plan *plan)
{
  const cro_body *body = &stream->request->body;

  return !stream->received && !stream->continue_due && !stream->broken &&
         plan->status < 400 && (body->received > 0 || body->length > 0);
}

static void hold_answer(cro_h2_stream *stream, cro_response *response)
{
  stream->held = stream->answered = true;
  response->state = CRO_RESPONSE_ENDED;
  cro_h2_answer_complete(stream);
  cro_h2_body_linger(stream);
}

void cro_h2_give_held(cro_h2_stream *stream)
{
  cro_response *response = stream->request->response;
  answer_plan plan;

  if (!stream->held)
    return;
  stream->held = false;
  plan = plan_answer(response);
  if (whole_answer(stream, response, &plan) != 0)
    cro_h2_reset(stream, NGHTTP2_INTERNAL_ERROR, CRO_E_NOMEM);
  cro_h2_flush_later(stream->h2);
}

static int answer(cro_h2_stream *stream, cro_response *response)
{
  answer_plan plan = plan_answer(response);
  int rc;

  if (response->status != 0 && plan.status != response->status) {
    cro_h2_refuse(stream, 500, 0);
    return 0;
  }
  response->status = plan.status;
  stream->tunnel = plan.tunnel;
  if (!response->streams && must_wait(stream, &plan)) {
    hold_answer(stream, response);
    return 0;
  }
  rc = response->streams ? send_head(stream, response, &plan)
                         : whole_answer(stream, response, &plan);
  if (rc != 0)
    return fail_answer(stream, response, rc);
  if (response->streams)
    cro_h2_stream_answer(stream, response);
  cro_h2_clock(stream);
  cro_h2_flush_later(stream->h2);
  return 0;
}

const char *cro_h2_reason_of(int status)
{
  switch (status) {
  case 400:
    return "malformed request";
  case 408:
    return "request took too long";
  case 414:
    return "target too long";
  case 417:
    return "unknown expectation";
  case 421:
    return "a host of somebody else";
  case 431:
    return "header fields too large";
  case 501:
    return "unknown method";
  case 503:
    return "out of memory";
  default:
    return "refused";
  }
}

void cro_h2_refuse(cro_h2_stream *stream, int status, int err)
{
  cro_h2 *h2 = stream->h2;
  cro_response *response = stream->request->response;
  answer_plan plan = { .status = status,
                       .has_body = stream->request->method != CRO_HEAD };

  if (err != 0 && h2->config->on_refused != NULL)
    h2->config->on_refused(h2->config->arg, h2->reader.conn, status,
                           cro_h2_reason_of(status));
  stream->refused = true;
  cro_list_remove(&stream->todo); /* it may not have been handed on yet */
  response->streams = false;
  response->headers.count = response->trailers.count = 0;
  response->type = CRO_B("text/plain");
  response->body = cro_status_phrase(status);
  plan.length = (int64_t)response->body.len;
  if (whole_answer(stream, response, &plan) != 0)
    cro_h2_reset(stream, NGHTTP2_INTERNAL_ERROR, CRO_E_NOMEM);
  cro_h2_flush_later(h2);
  if (err != 0)
    cro_h2_release(stream, err);
}

int cro_h2_submit_trailers(cro_h2_stream *stream)
{
  const cro_response *response = stream->request->response;
  nghttp2_nv usual[usual_fields];
  field_list list;

  if (open_list(&list, usual, response->arena, response->trailers.count) != 0 ||
      add_fields(&list, response->arena, &response->trailers) != 0)
    return CRO_E_NOMEM;
  return cro_h2_must(stream->h2, nghttp2_submit_trailer(stream->h2->session, stream->id,
                                                        list.at, list.count));
}

/* --- interim answers ----------------------------------------------------------------
 */

static int inform(cro_h2_stream *stream, int status, cro_arena *arena,
                  const cro_headers *fields)
{
  cro_h2 *h2 = stream->h2;
  nghttp2_nv usual[usual_fields];
  field_list list;
  int rc = open_list(&list, usual, arena, fields->count);

  if (rc == 0)
    rc = add_status(&list, arena, status);
  if (rc == 0)
    rc = add_fields(&list, arena, fields);
  if (rc == 0)
    rc = cro_h2_must(h2,
                     nghttp2_submit_headers(h2->session, NGHTTP2_FLAG_NONE, stream->id,
                                            NULL, list.at, list.count, NULL));
  cro_h2_flush_later(h2);
  return rc;
}

void cro_h2_continue(cro_h2_stream *stream)
{
  static const cro_headers none;

  if (inform(stream, 100, stream->request->arena, &none) != 0)
    cro_h2_abort(stream->h2, CRO_E_NOMEM);
}

int cro_h2_inform(cro_request *request, const cro_response *interim)
{
  cro_h2_stream *stream = request->protocol;

  if (stream->h2 == NULL || stream->h2->state != CRO_H2_OPEN || stream->closed ||
      stream->we_reset)
    return CRO_E_GONE;
  if (!stream->h2->has_writer)
    return CRO_E_NOTSUP;
  if (stream->answered || interim->status / 100 != 1 || interim->status == 101)
    return CRO_E_STATE;
  return inform(stream, interim->status, request->arena, &interim->headers);
}

/* --- the stage ----------------------------------------------------------------------
 */

static int writer_push(cro_stage *stage, const void *message)
{
  cro_h2 *h2 = session_of(stage);
  cro_response *response = (cro_response *)(uintptr_t)message;
  cro_h2_stream *stream;

  if (response->request == NULL || response->request->gone) {
    response->state = CRO_RESPONSE_ENDED; /* too late: nobody is there to read it */
    return 0;
  }
  if (response->request->ops != &cro_h2_request_ops)
    return CRO_E_STATE; /* a request of another protocol */
  stream = response->request->protocol;
  if (stream->h2 != h2 || response->state != CRO_RESPONSE_OPEN)
    return CRO_E_STATE;
  if (h2->state != CRO_H2_OPEN || stream->closed || stream->we_reset) {
    response->state = CRO_RESPONSE_ENDED; /* on its way to be told */
    return 0;
  }
  if (stream->answered)
    return CRO_E_STATE;
  (void)answer(stream, response); /* the session has dealt with it */
  return 0;
}

static int writer_finish(cro_stage *stage)
{
  cro_h2_drain(session_of(stage));
  return 0;
}

static void writer_fail(cro_stage *stage, int err)
{
  cro_h2 *h2 = session_of(stage);

  if (h2->state == CRO_H2_OPEN)
    cro_h2_terminate(h2, NGHTTP2_INTERNAL_ERROR, err, "the application has failed");
  cro_h2_reap(h2);
}

static void tell_drained(cro_h2 *h2)
{
  cro_list now, *node;

  cro_list_init(&now);
  cro_list_splice(&now, &h2->drained);
  while ((node = cro_list_shift(&now)) != NULL) {
    cro_h2_stream *stream = CRO_CONTAINER(node, cro_h2_stream, todo);
    cro_response *response = stream->request->response;

    if (!stream->released && response->on_drain != NULL)
      response->on_drain(response, 0);
  }
}

static void writer_resume(cro_stage *stage)
{
  cro_h2 *h2 = session_of(stage);

  h2->out_full = false;
  if (h2->state == CRO_H2_DEAD)
    return;
  tell_drained(h2);
  cro_h2_flush_later(h2);
  cro_stage_resume(stage);
}

/* Nothing can be said any more. */
static void writer_destroy(cro_stage *stage)
{
  cro_h2 *h2 = session_of(stage);

  stage->next = NULL;
  cro_h2_die(h2, CRO_E_CLOSED);
  cro_h2_let_go(h2);
}

static const cro_stage_ops writer_ops = {
  .name = "HTTP/2 response",
  .consumes = &cro_type_response,
  .produces = &cro_type_bytes,
  .push = writer_push,
  .finish = writer_finish,
  .fail = writer_fail,
  .resume = writer_resume,
  .destroy = writer_destroy,
};

void cro_h2_writer_init(cro_h2 *h2)
{
  cro_stage_init(&h2->writer, &writer_ops);
}
