/* One connection: the version of HTTP it speaks, its pipeline, its end. */
#include "serve/private.h"

#include "base/alloc.h"
#include "base/check.h"
#include "base/err.h"
#include "pipe/trace.h"

typedef struct serve_conn {
  serve_app app; /* first member */
  cro_list node;
  cro_tcp *tcp;
  const serve_protocol *protocol; /* NULL until its pipeline is there */
  void *session;
} serve_conn;

static serve_conn *of_node(cro_list *node)
{
  return CRO_CONTAINER(node, serve_conn, node);
}

static void conn_closed(void *arg, cro_tcp *tcp, int err)
{
  serve_conn *self = arg;
  cro_server *server = self->app.server;

  (void)tcp;
  (void)err;
  cro_list_remove(&self->node);
  self->session = NULL;
  if (--server->conn_count == 0)
    serve_all_gone(server);
}

/* The connection's slot holds it: it goes behind its stages. */
static int enrol(cro_server *server, cro_tcp *tcp, serve_conn **out)
{
  serve_conn *self = cro_alloc_zero(sizeof *self);
  cro_conn *conn = cro_tcp_conn(tcp);

  if (self == NULL)
    return CRO_E_NOMEM;
  serve_app_init(&self->app, server);
  cro_list_init(&self->node);
  self->tcp = tcp;
  conn->label = server->options.label.at;
  cro_check(cro_conn_set(conn, &cro_type_request, self, cro_free) == 0);
  cro_list_push(&server->conns, &self->node);
  server->conn_count++;
  cro_tcp_on_closed(tcp, conn_closed, self);
  cro_tcp_write_idle(tcp, server->options.timeouts.write_idle);
  cro_tcp_write_over(tcp, UINT64_MAX); /* the writer keeps limits.write_buffer */
  *out = self;
  return 0;
}

/* The connection's pipeline, linked and attached. */
static int compose(serve_conn *self, const serve_protocol *protocol)
{
  cro_server *server = self->app.server;
  cro_stage *chain[5];
  int rc = protocol->create(&self->session, server);

  if (rc != 0)
    return rc;
  self->protocol = protocol;
  chain[0] = cro_tcp_source(self->tcp);
  chain[1] = protocol->reader(self->session);
  chain[2] = &self->app.stage;
  chain[3] = protocol->writer(self->session);
  chain[4] = cro_tcp_sink(self->tcp);
  for (int i = 0; i < 4; i++)
    cro_check(cro_stage_link(chain[i], chain[i + 1]) == 0);
  cro_pipeline_attach(chain[0], cro_tcp_conn(self->tcp));
  return server->options.trace ? cro_trace_insert(chain[0]) : 0;
}

static int serve(serve_conn *self, const serve_protocol *protocol)
{
  int rc = compose(self, protocol);

  if (rc != 0)
    return rc;
  protocol->start(self->session);
  return cro_tcp_start(self->tcp, true);
}

static int open_connection(cro_server *server, cro_tcp *tcp)
{
  serve_conn *self;
  int rc = enrol(server, tcp, &self);

  return rc != 0 ? rc : serve(self, &serve_http1);
}

void serve_accept(cro_server *server, cro_tcp *tcp)
{
  if (open_connection(server, tcp) != 0)
    cro_tcp_conn(tcp)->ops->abort(cro_tcp_conn(tcp));
}

void serve_refuse(cro_server *server, cro_tcp *tcp)
{
  static const cro_bytes answer = CRO_B_INIT("HTTP/1.1 503 Service Unavailable\r\n"
                                             "Content-Type: text/plain\r\n"
                                             "Content-Length: 19\r\n"
                                             "Connection: close\r\n"
                                             "Retry-After: 1\r\n\r\n"
                                             "Service Unavailable");
  cro_conn *conn = cro_tcp_conn(tcp);

  if (server->ops->refused != NULL)
    server->ops->refused(server->arg, conn, 503, "too many connections");
  (void)cro_stage_link(cro_tcp_source(tcp), cro_tcp_sink(tcp));
  cro_pipeline_attach(cro_tcp_source(tcp), conn);
  (void)cro_emit(cro_tcp_source(tcp), &answer);
  conn->ops->close(conn);
}

void serve_drain_all(cro_server *server)
{
  cro_list *node = server->conns.next, *next;

  for (; node != &server->conns; node = next) {
    serve_conn *self = of_node(node);

    next = node->next;
    if (self->session != NULL)
      self->protocol->drain(self->session);
  }
}

void serve_abort_all(cro_server *server)
{
  cro_list *node = server->conns.next, *next;

  for (; node != &server->conns; node = next) {
    cro_conn *conn = cro_tcp_conn(of_node(node)->tcp);

    next = node->next;
    conn->ops->abort(conn);
  }
}
