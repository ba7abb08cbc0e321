#include "serve/server.h"

#include "base/alloc.h"
#include "base/check.h"
#include "base/err.h"
#include "pipe/trace.h"

#include <stdio.h>

struct cro_server {
  cro_loop *loop;
  const cro_server_ops *ops;
  void *arg;
  cro_server_options options;
  cro_h1_config h1;
  cro_listener *listener;
  cro_list conns; /* of connection.node */
  size_t conn_count;
  cro_timer drain; /* fires when the drain has taken too long, or at once */
  void (*stopped)(void *arg);
  void *stopped_arg;
  bool starting; /* a listen is on its way */
  bool stopping;
  void (*started)(void *arg, int err);
  void *started_arg;
  char *texts; /* the copies of server_header and label */
};

/* The application stage, one per connection. */
typedef struct connection {
  cro_stage stage; /* first member: the two pointers convert freely */
  cro_server *server;
  cro_list node;
  cro_tcp *tcp;
  cro_h1 *h1;
} connection;

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
  connection *self;

  if (request->gone)
    return;
  self = cro_conn_get(request->conn, &cro_type_request);
  cro_check(self != NULL);
  (void)cro_emit(&self->stage, request->response);
}

int cro_server_inform(const cro_response *interim)
{
  const cro_request *request = interim->request;
  connection *self;
  int rc;

  if (request->gone)
    return CRO_E_GONE;
  self = request->conn != NULL ? cro_conn_get(request->conn, &cro_type_request) : NULL;
  if (self == NULL)
    return CRO_E_NOTSUP;
  rc = cro_emit(&self->stage, interim);
  return rc < 0 ? rc : 0;
}

/* --- the application stage ------------------------------------------------------ */

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

static int app_push(cro_stage *stage, const void *message)
{
  cro_server *server = ((connection *)stage)->server;
  cro_request *request = (cro_request *)(uintptr_t)message;
  cro_server_call call;

  if (is_server_options(request)) {
    answer_miss(request, 204, server_methods(server));
    return 0;
  }
  cro_server_route(server, request, &call);
  if (answers_itself(server, &call))
    answer_miss(request, call.status, call.allowed);
  else
    server->ops->request(server->arg, request, &call);
  return 0;
}

static void app_destroy(cro_stage *stage)
{
  connection *self = (connection *)stage;

  cro_list_remove(&self->node);
  cro_free(self);
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

static const cro_stage_ops app_ops = {
  .name = "Application",
  .consumes = &cro_type_request,
  .produces = &cro_type_response,
  .push = app_push,
  .finish = app_finish,
  .fail = app_fail,
  .destroy = app_destroy,
};

/* --- connections ------------------------------------------------------------------ */

static void finish_stop(cro_server *server)
{
  void (*stopped)(void *arg) = server->stopped;

  server->stopped = NULL;
  if (stopped != NULL)
    stopped(server->stopped_arg);
}

static void conn_closed(void *arg, cro_tcp *tcp, int err)
{
  connection *self = arg;
  cro_server *server = self->server;

  (void)tcp;
  (void)err;
  cro_list_remove(&self->node);
  server->conn_count--;
  if (server->stopping && server->conn_count == 0)
    cro_loop_arm(server->loop, &server->drain, 0);
}

/* The connection's pipeline, linked and attached. Fails only for lack of memory. */
static int compose(connection *self)
{
  cro_stage *chain[8];
  size_t n = 0;
  int rc;

  chain[n++] = cro_tcp_source(self->tcp);
  chain[n++] = cro_h1_reader(self->h1);
  chain[n++] = &self->stage;
  chain[n++] = cro_h1_writer(self->h1);
  chain[n++] = cro_tcp_sink(self->tcp);
  for (size_t i = 0; i + 1 < n; i++)
    cro_check(cro_stage_link(chain[i], chain[i + 1]) == 0);
  cro_pipeline_attach(chain[0], cro_tcp_conn(self->tcp));
  rc = self->server->options.trace ? cro_trace_insert(chain[0]) : 0;
  return rc;
}

static int open_connection(cro_server *server, cro_tcp *tcp)
{
  connection *self = cro_alloc_zero(sizeof *self);
  cro_conn *conn = cro_tcp_conn(tcp);
  int rc;

  if (self == NULL)
    return CRO_E_NOMEM;
  cro_stage_init(&self->stage, &app_ops);
  cro_list_init(&self->node);
  self->server = server;
  self->tcp = tcp;
  rc = cro_h1_server_create(&self->h1, &server->h1);
  if (rc != 0) {
    cro_free(self);
    return rc;
  }
  conn->label = server->options.label.at;
  cro_check(cro_conn_set(conn, &cro_type_request, self, NULL) == 0);
  cro_list_push(&server->conns, &self->node);
  server->conn_count++;
  cro_tcp_on_closed(tcp, conn_closed, self);
  cro_tcp_write_idle(tcp, server->options.timeouts.write_idle);
  cro_tcp_write_over(tcp, UINT64_MAX); /* the writer keeps limits.write_buffer */
  rc = compose(self);
  if (rc != 0)
    return rc;
  cro_h1_start(self->h1);
  return cro_tcp_start(tcp, true);
}

int cro_server_stage(cro_server *server, cro_conn *conn, cro_stage **out)
{
  connection *self = cro_alloc_zero(sizeof *self);
  int rc;

  if (self == NULL)
    return CRO_E_NOMEM;
  cro_stage_init(&self->stage, &app_ops);
  cro_list_init(&self->node);
  self->server = server;
  rc = cro_conn_set(conn, &cro_type_request, self, NULL);
  if (rc != 0) {
    cro_free(self);
    return rc;
  }
  *out = &self->stage;
  return 0;
}

static void accepted(void *arg, cro_tcp *tcp)
{
  cro_server *server = arg;

  if (open_connection(server, tcp) != 0)
    cro_tcp_conn(tcp)->ops->abort(cro_tcp_conn(tcp));
}

/* One connection too many: a real answer, then close. */
static void refused(void *arg, cro_tcp *tcp)
{
  static const cro_bytes answer = CRO_B_INIT("HTTP/1.1 503 Service Unavailable\r\n"
                                             "Content-Type: text/plain\r\n"
                                             "Content-Length: 19\r\n"
                                             "Connection: close\r\n"
                                             "Retry-After: 1\r\n\r\n"
                                             "Service Unavailable");
  cro_server *server = arg;
  cro_conn *conn = cro_tcp_conn(tcp);

  if (server->ops->refused != NULL)
    server->ops->refused(server->arg, conn, 503, "too many connections");
  (void)cro_stage_link(cro_tcp_source(tcp), cro_tcp_sink(tcp));
  cro_pipeline_attach(cro_tcp_source(tcp), conn);
  (void)cro_emit(cro_tcp_source(tcp), &answer);
  conn->ops->close(conn);
}

static void starved(void *arg, int err)
{
  cro_server *server = arg;

  if (server->ops->starved != NULL)
    server->ops->starved(server->arg, err);
}

static const cro_listener_ops listener_ops = {
  .accepted = accepted,
  .refused = refused,
  .starved = starved,
};

/* --- life ----------------------------------------------------------------------------
 */

static void h1_refused(void *arg, cro_conn *conn, int status, const char *reason)
{
  cro_server *server = arg;

  if (server->ops->refused != NULL)
    server->ops->refused(server->arg, conn, status, reason);
}

enum { label_room = 32 };

static cro_bytes copy_text(char **at, cro_bytes text)
{
  cro_bytes copy = { *at, text.len };

  if (text.len > 0)
    memcpy(*at, text.at, text.len);
  (*at)[text.len] = '\0';
  *at += text.len + 1;
  return copy;
}

/* The label comes last: "HTTP(port)" may take its place. */
static int copy_texts(cro_server *server, const cro_server_options *options)
{
  char *at = cro_alloc(options->server_header.len + options->listen.host.len +
                       options->listen.path.len + options->label.len + label_room + 4);

  if (at == NULL)
    return CRO_E_NOMEM;
  server->texts = at;
  server->options.server_header = copy_text(&at, options->server_header);
  server->options.listen.host = copy_text(&at, options->listen.host);
  server->options.listen.path = copy_text(&at, options->listen.path);
  server->options.label = copy_text(&at, options->label);
  return 0;
}

static void abort_all(cro_server *server)
{
  cro_list *node = server->conns.next, *next;

  for (; node != &server->conns; node = next) {
    cro_conn *conn = cro_tcp_conn(CRO_CONTAINER(node, connection, node)->tcp);

    next = node->next;
    conn->ops->abort(conn);
  }
}

static void drain_due(cro_timer *timer)
{
  cro_server *server = CRO_CONTAINER(timer, cro_server, drain);

  if (server->conn_count > 0)
    abort_all(server);
  else if (!server->starting) /* else `listening` comes back to it */
    finish_stop(server);
}

int cro_server_create(cro_server **out, cro_loop *loop,
                      const cro_server_options *options, const cro_server_ops *ops,
                      void *arg)
{
  cro_server *server = cro_alloc_zero(sizeof *server);

  if (server == NULL)
    return CRO_E_NOMEM;
  server->loop = loop;
  server->ops = ops;
  server->arg = arg;
  server->options = *options;
  cro_list_init(&server->conns);
  cro_timer_init(&server->drain, drain_due);
  if (copy_texts(server, options) != 0) {
    cro_free(server);
    return CRO_E_NOMEM;
  }
  server->h1 = (cro_h1_config){ .limits = &server->options.limits,
                                .timeouts = &server->options.timeouts,
                                .server = server->options.server_header,
                                .on_refused = h1_refused,
                                .arg = server };
  *out = server;
  return 0;
}

/* "HTTP(8080)", or "HTTP(unix)", unless the options named one. */
static void set_label(cro_server *server)
{
  char *at = (char *)(uintptr_t)server->options.label.at;
  int port = -1;

  (void)cro_listener_address(server->listener, &port);
  if (server->options.label.len > 0)
    return;
  if (port < 0)
    (void)snprintf(at, label_room, "HTTP(unix)");
  else
    (void)snprintf(at, label_room, "HTTP(%d)", port);
}

static void listening(void *arg, int err, cro_listener *listener)
{
  cro_server *server = arg;

  server->starting = false;
  if (server->stopping) { /* stopped while its name was looked up */
    if (listener != NULL)
      cro_listener_close(listener);
    server->started(server->started_arg, CRO_E_ABORTED);
    cro_loop_arm(server->loop, &server->drain, 0);
    return;
  }
  server->listener = listener;
  if (err == 0)
    set_label(server);
  server->started(server->started_arg, err);
}

/* The program has other files open too, and refusing takes a descriptor. */
static uint64_t connections_of(cro_server *server)
{
  enum { kept_free = 64 };
  uint64_t wanted = server->options.limits.connections;
  uint64_t files =
      cro_net_files(wanted < UINT64_MAX - kept_free ? wanted + kept_free : UINT64_MAX);
  uint64_t allowed = files > kept_free ? files - kept_free : 1;

  if (wanted != 0 && wanted <= allowed)
    return wanted;
  if (wanted != 0 && server->ops->clamped != NULL)
    server->ops->clamped(server->arg, wanted, allowed);
  return allowed;
}

void cro_server_start(cro_server *server, void (*done)(void *arg, int err), void *arg)
{
  int rc;

  server->started = done;
  server->started_arg = arg;
  server->stopping = false;
  server->starting = true;
  server->options.listen.max_connections = connections_of(server);
  rc = cro_listen(server->loop, &server->options.listen, &listener_ops, server,
                  listening);
  if (rc == 0)
    return;
  server->starting = false;
  done(arg, rc);
}

static void drain_all(cro_server *server)
{
  cro_list *node = server->conns.next, *next;

  for (; node != &server->conns; node = next) {
    next = node->next;
    cro_h1_drain(CRO_CONTAINER(node, connection, node)->h1);
  }
}

void cro_server_stop(cro_server *server, bool now, void (*done)(void *arg), void *arg)
{
  uint64_t due = cro_loop_now(server->loop) + server->options.timeouts.drain;

  if (done != NULL) {
    server->stopped = done;
    server->stopped_arg = arg;
  }
  server->stopping = true;
  if (server->listener != NULL)
    cro_listener_close(server->listener);
  server->listener = NULL;
  if (!now)
    drain_all(server);
  cro_loop_arm(server->loop, &server->drain, now || server->conn_count == 0 ? 0 : due);
}

cro_bytes cro_server_address(cro_server *server, int *port)
{
  if (server->listener == NULL) {
    *port = -1;
    return (cro_bytes){ NULL, 0 };
  }
  return cro_listener_address(server->listener, port);
}

bool cro_server_listens(const cro_server *server)
{
  return server->listener != NULL;
}

size_t cro_server_connections(const cro_server *server)
{
  return server->conn_count;
}

const cro_http_timeouts *cro_server_timeouts(const cro_server *server)
{
  return &server->options.timeouts;
}

void cro_server_describe(const cro_server *server, char *out, size_t room)
{
  const cro_listen_options *listen = &server->options.listen;

  if (listen->fd >= 0)
    (void)snprintf(out, room, "descriptor %d", listen->fd);
  else if (listen->path.len > 0)
    (void)snprintf(out, room, "unix:%.*s", (int)listen->path.len, listen->path.at);
  else
    (void)snprintf(out, room, "%.*s:%d", (int)listen->host.len, listen->host.at,
                   listen->port);
}

const cro_http_limits *cro_server_limits(const cro_server *server)
{
  return &server->options.limits;
}

void cro_server_destroy(cro_server *server)
{
  if (server == NULL)
    return;
  cro_check(server->conn_count == 0);
  cro_loop_disarm(server->loop, &server->drain);
  if (server->listener != NULL)
    cro_listener_close(server->listener);
  cro_free(server->texts);
  cro_free(server);
}
