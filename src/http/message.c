#include "http/message.h"

#include "base/err.h"
#include "base/text.h"

typedef struct exchange {
  cro_request request;
  cro_response response;
} exchange;

/* Traces show the head as it would stand on a line each; what does not fit into memory
 * is left out. */
static void add_line(cro_buf *out, cro_bytes a, const char *between, cro_bytes b)
{
  if (cro_buf_add(out, CRO_B("\n  ")) == 0 && cro_buf_add(out, a) == 0 &&
      cro_buf_add(out, cro_bytes_of(between)) == 0)
    (void)cro_buf_add(out, b);
}

static void add_fields(cro_buf *out, const cro_headers *fields)
{
  for (uint32_t i = 0; i < fields->count; i++)
    add_line(out, fields->at[i].name, ": ", fields->at[i].value);
}

static void trace_request(const void *message, cro_buf *out)
{
  const cro_request *request = message;

  (void)cro_buf_add(out, CRO_B("HTTP Request"));
  add_line(out, cro_method_name(request->method), " ", request->target);
  add_fields(out, &request->headers);
}

static void trace_response(const void *message, cro_buf *out)
{
  const cro_response *response = message;
  cro_buf status = { 0 };

  (void)cro_buf_add(out, CRO_B("HTTP Response"));
  if (cro_buf_add_u64(&status, (uint64_t)response->status) == 0)
    add_line(out, cro_buf_bytes(&status), " ",
             response->reason.len > 0 ? response->reason
                                      : cro_status_phrase(response->status));
  cro_buf_free(&status);
  if (response->type.len > 0)
    add_line(out, CRO_B("Content-Type"), ": ", response->type);
  add_fields(out, &response->headers);
}

const cro_type cro_type_request = { "HTTP Request", trace_request };
const cro_type cro_type_response = { "HTTP Response", trace_response };

/* --- methods ------------------------------------------------------------------ */

static const cro_bytes methods[CRO_METHOD_COUNT] = {
#define CRO_METHOD_NAME(name) CRO_B_INIT(#name),
  CRO_METHODS(CRO_METHOD_NAME)
#undef CRO_METHOD_NAME
};

cro_bytes cro_method_name(cro_method method)
{
  if (method < 0 || method >= CRO_METHOD_COUNT)
    return CRO_B("");
  return methods[method];
}

cro_method cro_method_find(cro_bytes name)
{
  for (int i = 0; i < CRO_METHOD_COUNT; i++)
    if (methods[i].len == name.len && methods[i].at[0] == name.at[0] &&
        memcmp(methods[i].at, name.at, name.len) == 0)
      return (cro_method)i;
  return CRO_METHOD_NONE;
}

/* --- the life of an exchange ---------------------------------------------------- */

static void free_body(void *body)
{
  cro_body_free(body);
}

cro_request *cro_request_create(cro_conn *conn)
{
  cro_arena *arena = cro_arena_create();
  exchange *both = arena != NULL ? cro_arena_alloc(arena, sizeof *both) : NULL;

  if (both == NULL || cro_arena_defer(arena, free_body, &both->request.body) != 0) {
    if (arena != NULL)
      cro_arena_drop(arena);
    return NULL;
  }
  memset(both, 0, sizeof *both);
  both->request.arena = both->response.arena = arena;
  both->request.conn = conn;
  both->request.response = &both->response;
  both->request.method = CRO_METHOD_NONE;
  both->request.major = 1;
  cro_body_init(&both->request.body);
  both->response.request = &both->request;
  both->response.length = -1;
  return &both->request;
}

/* Nothing may point into a head that is gone. */
static void forget_head(cro_request *request)
{
  request->target = request->path = request->query = request->authority = CRO_B("");
  request->headers.count = 0;
}

int cro_request_keep(cro_request *request, cro_bytes head)
{
  cro_bytes copy;
  int rc = cro_arena_copy(request->arena, head, &copy);

  if (rc != 0) {
    forget_head(request);
    return rc;
  }
  cro_bytes_move(&request->target, head, copy.at);
  cro_bytes_move(&request->path, head, copy.at);
  cro_bytes_move(&request->query, head, copy.at);
  cro_bytes_move(&request->authority, head, copy.at);
  cro_headers_move(&request->headers, head, copy.at);
  return 0;
}

/* The protocol is out of it: an unfinished body has failed. */
static void leave_body(cro_body *body, int err)
{
  body->more = NULL;
  body->source = NULL;
  cro_body_fail(body, err != 0 ? err : CRO_E_GONE);
}

static void abandon(cro_response *response, int err)
{
  response->state = CRO_RESPONSE_ENDED;
  response->ops = NULL;
  response->writer = NULL;
  if (err != 0 && response->on_drain != NULL)
    response->on_drain(response, err);
}

void cro_request_release(cro_request *request, int err)
{
  cro_arena *arena = request->arena;

  request->gone = true;
  leave_body(&request->body, err);
  if (request->response->incoming != NULL)
    leave_body(request->response->incoming, err);
  abandon(request->response, err);
  if (request->on_release != NULL)
    request->on_release(request, err);
  request->conn = NULL;
  cro_arena_drop(arena);
}

/* --- building a response ---------------------------------------------------------- */

static bool is_content_type(cro_bytes name)
{
  return cro_bytes_ieq(name, CRO_B("content-type"));
}

/* Fields the protocol writes itself: framing is never a script's to say. */
static bool is_reserved(const cro_response *response, cro_bytes name)
{
  switch (name.len) {
  case 2:
    return cro_bytes_ieq(name, CRO_B("te"));
  case 4:
    return cro_bytes_ieq(name, CRO_B("date"));
  case 7:
    if (cro_bytes_ieq(name, CRO_B("upgrade")))
      return response->status != 101 && response->status != 426;
    return cro_bytes_ieq(name, CRO_B("trailer"));
  case 10:
    return cro_bytes_ieq(name, CRO_B("connection")) ||
           cro_bytes_ieq(name, CRO_B("keep-alive"));
  case 14:
    return cro_bytes_ieq(name, CRO_B("content-length"));
  case 16:
    return cro_bytes_ieq(name, CRO_B("proxy-connection"));
  case 17:
    return cro_bytes_ieq(name, CRO_B("transfer-encoding"));
  default:
    return false;
  }
}

static int may_set(const cro_response *response, cro_bytes name, cro_bytes value)
{
  if (!cro_header_name_ok(name) || !cro_header_value_ok(value))
    return CRO_E_INVAL;
  if (response->request != NULL && response->request->gone)
    return CRO_E_GONE;
  if (response->state != CRO_RESPONSE_OPEN || is_reserved(response, name))
    return CRO_E_STATE;
  return 0;
}

static int add_copy(cro_headers *headers, cro_arena *arena, cro_bytes name,
                    cro_bytes value)
{
  int rc = cro_arena_copy(arena, name, &name);

  if (rc == 0)
    rc = cro_arena_copy(arena, value, &value);
  return rc != 0 ? rc : cro_headers_add(headers, arena, name, value);
}

int cro_response_add(cro_response *response, cro_bytes name, cro_bytes value)
{
  int rc = may_set(response, name, value);

  if (rc != 0)
    return rc;
  if (is_content_type(name))
    return cro_arena_copy(response->arena, value, &response->type);
  return add_copy(&response->headers, response->arena, name, value);
}

int cro_response_set(cro_response *response, cro_bytes name, cro_bytes value)
{
  uint32_t before = response->headers.count;
  cro_header last;
  int rc = cro_response_add(response, name, value);

  if (rc != 0 || response->headers.count == before)
    return rc;
  last = response->headers.at[before];
  response->headers.count = before;
  cro_headers_remove(&response->headers, last.name);
  response->headers.at[response->headers.count++] = last;
  return 0;
}

int cro_response_trailer(cro_response *response, cro_bytes name, cro_bytes value)
{
  if (!cro_trailer_name_ok(name) || !cro_header_value_ok(value))
    return CRO_E_INVAL;
  if (response->request != NULL && response->request->gone)
    return CRO_E_GONE;
  if (response->state == CRO_RESPONSE_ENDED)
    return CRO_E_STATE;
  return add_copy(&response->trailers, response->arena, name, value);
}

static int may_have_body(const cro_response *response)
{
  if (response->request != NULL && response->request->gone)
    return CRO_E_GONE;
  return response->state == CRO_RESPONSE_OPEN ? 0 : CRO_E_STATE;
}

int cro_response_body(cro_response *response, cro_bytes body)
{
  int rc = may_have_body(response);

  return rc != 0 ? rc : cro_arena_copy(response->arena, body, &response->body);
}

int cro_response_body_ref(cro_response *response, cro_bytes body)
{
  int rc = may_have_body(response);

  if (rc == 0)
    response->body = body;
  return rc;
}
