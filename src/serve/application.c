/* The application stage: routes a request, answers what nobody wants to see, and is
 * where answers come back. */
#include "serve/private.h"

#include "base/alloc.h"
#include "base/check.h"
#include "base/err.h"

/* --- answers the server makes itself ------------------------------------------ */

void cro_response_fail(cro_response *response, int status)
{
  if (response->state != CRO_RESPONSE_OPEN)
    return;
  response->status = status;
  response->streams = false;
  response->headers.count = 0;
  response->type = CRO_B("text/plain");
  response->body = cro_status_phrase(status);
}

static void set_allow(cro_response *response, uint64_t allowed)
{
  char text[CRO_ALLOW_MAX];

  (void)cro_response_set(response, CRO_B("Allow"),
                         cro_router_allow_text(allowed, text));
}

static void answer_miss(cro_request *request, int status, uint64_t allowed)
{
  cro_response *response = request->response;

  if (status == 204)
    response->status = 204;
  else
    cro_response_fail(response, status);
  if (allowed != 0)
    set_allow(response, allowed);
  cro_server_respond(request);
}

void cro_server_respond(cro_request *request)
{
  serve_app *app;

  if (request->gone)
    return;
  app = cro_conn_get(request->conn, &cro_type_request);
  if (app != NULL) /* else its pipeline is being taken down, and nobody can answer */
    (void)cro_emit(&app->stage, request->response);
}

/* --- what a request is ------------------------------------------------------------ */

/* `OPTIONS *` asks about the server, not about a path (RFC 9110 9.3.7). */
static bool is_server_options(const cro_request *request)
{
  return request->method == CRO_OPTIONS && cro_bytes_eq(request->path, CRO_B("*"));
}

static uint64_t server_methods(const cro_server *server)
{
  if (server->options.router != NULL)
    return cro_router_methods(server->options.router);
  return UINT64_C(1) << CRO_GET | UINT64_C(1) << CRO_HEAD | UINT64_C(1) << CRO_OPTIONS;
}

static int miss_status(int answer, cro_method method)
{
  if (answer == CRO_ROUTE_NONE)
    return 404;
  if (answer != CRO_ROUTE_METHOD)
    return 400;
  return method == CRO_OPTIONS ? 204 : 405;
}

void cro_server_route(const cro_server *server, const cro_request *request,
                      cro_server_call *call)
{
  int found;

  call->hit = CRO_HIT_ALL;
  call->allowed = 0;
  if (server->options.all || server->options.router == NULL)
    return;
  found = cro_router_find(server->options.router, request->method, request->path,
                          &call->match, &call->allowed);
  if (found == CRO_ROUTE_FOUND) {
    call->hit = CRO_HIT_ROUTE;
  } else if (found == CRO_ROUTE_CONDITIONAL) {
    call->hit = CRO_HIT_CONDITIONAL;
  } else {
    call->hit = CRO_HIT_MISS;
    call->status = miss_status(found, request->method);
  }
}

static bool answers_itself(const cro_server *server, const cro_server_call *call)
{
  if (call->hit != CRO_HIT_MISS)
    return false;
  return call->status == 204 ? !server->options.options : !server->options.misses;
}

/* A path that cannot be read was sent by nobody who means well, or by somebody broken:
 * with HTTP/1 the connection ends. */
static void note_bad_path(cro_server *server, cro_request *request)
{
  request->keep_alive = false;
  if (server->ops->refused != NULL)
    server->ops->refused(server->arg, request->conn, 400, "malformed path");
}

/* --- the stage ----------------------------------------------------------------------
 */

static const cro_stage_ops app_ops;

static int app_push(cro_stage *stage, const void *message)
{
  cro_server *server = ((serve_app *)stage)->server;
  cro_request *request = (cro_request *)(uintptr_t)message;
  cro_server_call call;

  if (request->gone) /* while somebody before us held it */
    return 0;
  server->stats.requests++;
  if (server->stopping && stage->ops == &app_ops)
    serve_drain_conn((serve_app *)stage);
  if (is_server_options(request)) {
    answer_miss(request, 204, server_methods(server));
    return 0;
  }
  cro_server_route(server, request, &call);
  if (call.hit == CRO_HIT_MISS && call.status == 400)
    note_bad_path(server, request);
  if (answers_itself(server, &call))
    answer_miss(request, call.status, call.allowed);
  else
    server->ops->request(server->arg, request, &call);
  return 0;
}

/* finish and fail have nothing to do here: the reader and writer share a session
 * that knows when the connection has ended. */
static int app_finish(cro_stage *stage)
{
  (void)stage;
  return 0;
}

static void app_fail(cro_stage *stage, int err)
{
  (void)stage;
  (void)err;
}

static void app_destroy(cro_stage *stage)
{
  (void)stage; /* its maker's */
}

static const cro_stage_ops app_ops = {
  .name = "Application",
  .consumes = &cro_type_request,
  .produces = &cro_type_response,
  .push = app_push,
  .finish = app_finish,
  .fail = app_fail,
  .destroy = app_destroy,
};

void serve_app_init(serve_app *app, cro_server *server)
{
  cro_stage_init(&app->stage, &app_ops);
  app->server = server;
}

/* --- in a pipeline composed by hand
 * ---------------------------------------------------
 */

static void hand_destroy(cro_stage *stage)
{
  if (cro_conn_get(stage->conn, &cro_type_request) == stage)
    (void)cro_conn_set(stage->conn, &cro_type_request, NULL, NULL);
  cro_free(stage);
}

static const cro_stage_ops hand_ops = {
  .name = "Application",
  .consumes = &cro_type_request,
  .produces = &cro_type_response,
  .push = app_push,
  .finish = app_finish,
  .fail = app_fail,
  .destroy = hand_destroy,
};

int cro_server_stage(cro_server *server, cro_conn *conn, cro_stage **out)
{
  serve_app *app = cro_alloc_zero(sizeof *app);
  int rc;

  if (app == NULL)
    return CRO_E_NOMEM;
  cro_stage_init(&app->stage, &hand_ops);
  app->server = server;
  rc = cro_conn_set(conn, &cro_type_request, app, NULL);
  if (rc != 0) {
    cro_free(app);
    return rc;
  }
  *out = &app->stage;
  return 0;
}
