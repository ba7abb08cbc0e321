/* One connection: its handshake, the version of HTTP it speaks, its pipeline, its end.
 */
#include "serve/private.h"

#include "base/alloc.h"
#include "base/check.h"
#include "base/err.h"
#include "pipe/trace.h"
#include "serve/preface.h"

enum { tell_every = 10000 /* ms between two words about failed handshakes */ };

static const uint64_t for_ever = UINT64_C(1) << 48; /* ms */

/* A handshake, a first look at what comes in the clear, then a session; or one of these
 * less. Its slot holds it: it goes behind its stages. */
typedef struct serve_conn {
  serve_app app; /* first member */
  cro_list node;
  cro_tcp *tcp;
  const serve_protocol *protocol; /* NULL until its pipeline is there */
  void *session;
  bool shaking;  /* hands, by TLS */
  bool draining; /* the session has been told */
} serve_conn;

static serve_conn *of_node(cro_list *node)
{
  return CRO_CONTAINER(node, serve_conn, node);
}

static void end_handshake(serve_conn *self)
{
  self->app.server->stats.handshakes -= self->shaking;
  self->shaking = false;
}

static void conn_closed(void *arg, cro_tcp *tcp, int err)
{
  serve_conn *self = arg;
  cro_server *server = self->app.server;

  (void)tcp;
  (void)err;
  end_handshake(self);
  cro_list_remove(&self->node);
  server->stats.http2 -= self->protocol == &serve_http2;
  self->session = NULL;
  if (--server->stats.connections == 0)
    serve_all_gone(server);
}

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
  server->stats.connections++;
  server->stats.accepted++;
  cro_tcp_on_closed(tcp, conn_closed, self);
  cro_tcp_write_idle(tcp, server->options.timeouts.write_idle);
  cro_tcp_write_rate(tcp, server->options.limits.write_min_rate);
  cro_tcp_write_over(tcp, UINT64_MAX); /* the writer keeps limits.write_buffer */
  *out = self;
  return 0;
}

/* --- the pipeline --------------------------------------------------------------------
 */

static void show_choice(const serve_conn *self)
{
  if (self->app.server->options.trace)
    cro_trace_write(cro_bytes_of(cro_tcp_conn(self->tcp)->label), CRO_B("Connection"),
                    "SPEAKS", cro_bytes_of(self->protocol->name));
}

static void drain(serve_conn *self)
{
  if (self->session == NULL || self->draining)
    return;
  self->draining = true;
  self->protocol->drain(self->session);
}

/* What follows `first` on the way to the sink; the caller starts it. */
static int compose(serve_conn *self, cro_stage *first, const serve_protocol *protocol)
{
  cro_server *server = self->app.server;
  cro_stage *chain[5];
  int rc = protocol->create(&self->session, server);

  if (rc != 0)
    return rc;
  self->protocol = protocol;
  server->stats.http2 += protocol == &serve_http2;
  cro_tcp_patient(self->tcp, protocol == &serve_http2); /* GOAWAY crosses frames */
  chain[0] = first;
  chain[1] = protocol->reader(self->session);
  chain[2] = &self->app.stage;
  chain[3] = protocol->writer(self->session);
  chain[4] = cro_tcp_sink(self->tcp);
  for (int i = 0; i < 4; i++)
    cro_check(cro_stage_link(chain[i], chain[i + 1]) == 0);
  for (int i = 1; i < 4; i++)
    chain[i]->conn = cro_tcp_conn(self->tcp);
  show_choice(self);
  if (server->options.trace)
    rc = cro_trace_between(chain[first == cro_tcp_source(self->tcp) ? 0 : 1], chain[4]);
  protocol->start(self->session);
  if (server->stopping && protocol->drains_softly)
    drain(self);
  return rc;
}

static int serve(serve_conn *self, const serve_protocol *protocol)
{
  int rc = compose(self, cro_tcp_source(self->tcp), protocol);

  return rc != 0 ? rc : cro_tcp_start(self->tcp, true);
}

/* --- TLS
 * ------------------------------------------------------------------------------
 */

/* Who knows nothing of ALPN speaks HTTP/1.1, unless the server does not. */
static const serve_protocol *negotiated(const serve_conn *self)
{
  const cro_tls_info *tls = cro_tcp_conn(self->tcp)->tls;

  if (cro_bytes_eq(tls->alpn, CRO_B("h2")))
    return &serve_http2;
  if (tls->alpn.len == 0 && self->app.server->options.versions == CRO_SERVE_HTTP2)
    return &serve_http2;
  return &serve_http1;
}

/* Everybody who looks whether a port is open ends here, and whoever was impatient. */
static bool only_left(int err)
{
  return err == CRO_E_EOF || err == CRO_E_RESET || err == CRO_E_CLOSED ||
         err == CRO_E_PIPE || err == CRO_E_TIMEOUT;
}

/* One word for many: who opens connections must not fill the log. */
static void tell_failure(serve_conn *self, int err)
{
  cro_server *server = self->app.server;
  cro_conn *conn = cro_tcp_conn(self->tcp);
  const char *why = cro_tls_why(self->tcp);
  uint64_t now = conn->ops->now(conn) + 1; /* never 0 */

  if (server->ops->handshake_failed != NULL &&
      server->ops->handshake_failed(server->arg, conn, err))
    return;
  if (server->ops->no_handshake == NULL || only_left(err))
    return;
  if (server->told_at != 0 && now - server->told_at < tell_every) {
    server->untold++;
    return;
  }
  server->ops->no_handshake(server->arg, conn, *why != '\0' ? why : cro_err_text(err),
                            server->untold);
  server->told_at = now;
  server->untold = 0;
}

static void shaken(void *arg, cro_tcp *tcp, int err)
{
  serve_conn *self = arg;
  cro_server *server = self->app.server;

  end_handshake(self);
  if (server->ops->shaken != NULL)
    server->ops->shaken(server->arg, err == 0);
  if (err != 0) {
    server->stats.tls_failed++;
    tell_failure(self, err);
    return;
  }
  if (serve(self, negotiated(self)) != 0)
    cro_tcp_conn(tcp)->ops->abort(cro_tcp_conn(tcp));
}

/* What goes over the wire is shown too, before the session is there to be shown. */
static int trace_wire(serve_conn *self)
{
  cro_conn *conn = cro_tcp_conn(self->tcp);
  cro_stage *sink = cro_tcp_sink(self->tcp);
  int rc = cro_trace_between(conn->first, cro_tcp_source(self->tcp));

  while (sink->next != NULL)
    sink = sink->next;
  return rc != 0 ? rc : cro_trace_between(cro_tcp_sink(self->tcp), sink);
}

static int shake(serve_conn *self)
{
  const cro_server_options *options = &self->app.server->options;
  uint64_t ms = options->timeouts.tls_handshake;
  int rc =
      cro_tls_accept(self->tcp, options->tls, ms > 0 ? ms : for_ever, shaken, self);

  if (rc != 0)
    return rc;
  self->shaking = true;
  self->app.server->stats.handshakes++;
  return options->trace ? trace_wire(self) : 0;
}

/* --- in the clear
 * ---------------------------------------------------------------------
 */

static int decided(void *arg, bool is_h2)
{
  serve_conn *self = arg;
  const serve_protocol *protocol = is_h2 ? &serve_http2 : &serve_http1;
  cro_stage *first = cro_tcp_source(self->tcp);

  while (first->next != NULL)
    first = first->next;
  return compose(self, first, protocol);
}

static int look(serve_conn *self)
{
  cro_server *server = self->app.server;
  serve_preface *preface;
  cro_stage *source = cro_tcp_source(self->tcp);
  int rc = serve_preface_create(&preface, NULL, decided, self);

  if (rc != 0)
    return rc;
  cro_check(cro_stage_link(source, serve_preface_stage(preface)) == 0);
  serve_preface_stage(preface)->conn = cro_tcp_conn(self->tcp);
  if (server->options.trace)
    rc = cro_trace_between(source, serve_preface_stage(preface));
  if (rc != 0)
    return rc;
  serve_preface_start(preface, server->options.timeouts.header);
  return cro_tcp_start(self->tcp, true);
}

static int serve_plain(serve_conn *self)
{
  switch (self->app.server->options.versions) {
  case CRO_SERVE_HTTP1:
    return serve(self, &serve_http1);
  case CRO_SERVE_HTTP2:
    return serve(self, &serve_http2);
  default:
    return look(self);
  }
}

/* --- life
 * -----------------------------------------------------------------------------
 */

static int open_connection(cro_server *server, cro_tcp *tcp)
{
  serve_conn *self;
  int rc = enrol(server, tcp, &self);

  if (rc != 0)
    return rc;
  return server->options.tls != NULL ? shake(self) : serve_plain(self);
}

void serve_accept(cro_server *server, cro_tcp *tcp)
{
  if (open_connection(server, tcp) != 0)
    cro_tcp_conn(tcp)->ops->abort(cro_tcp_conn(tcp));
}

void cro_server_turn_away(cro_tcp *tcp)
{
  static const cro_bytes answer = CRO_B_INIT("HTTP/1.1 503 Service Unavailable\r\n"
                                             "Content-Type: text/plain\r\n"
                                             "Content-Length: 19\r\n"
                                             "Connection: close\r\n"
                                             "Retry-After: 1\r\n\r\n"
                                             "Service Unavailable");

  (void)cro_stage_link(cro_tcp_source(tcp), cro_tcp_sink(tcp));
  cro_pipeline_attach(cro_tcp_source(tcp), cro_tcp_conn(tcp));
  cro_tcp_patient(tcp, true); /* the request is still to come */
  (void)cro_emit(cro_tcp_source(tcp), &answer);
  cro_tcp_conn(tcp)->ops->close(cro_tcp_conn(tcp));
}

/* Without a handshake there are no words that the client would understand. */
void serve_refuse(cro_server *server, cro_tcp *tcp)
{
  cro_conn *conn = cro_tcp_conn(tcp);

  server->stats.refused++;
  if (server->ops->refused != NULL)
    server->ops->refused(server->arg, conn, 503, "too many connections");
  if (server->options.tls == NULL && server->options.versions != CRO_SERVE_HTTP2)
    cro_server_turn_away(tcp);
  else
    conn->ops->close(conn);
}

void serve_drain_conn(serve_app *app)
{
  drain((serve_conn *)app);
}

/* Those that have not come so far as to speak may still ask once: a session of HTTP/1
 * drains with its first request, and ends soon without one. */
void serve_drain_all(cro_server *server)
{
  cro_list *node = server->conns.next, *next;

  for (; node != &server->conns; node = next) {
    serve_conn *self = of_node(node);

    next = node->next;
    drain(self);
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
