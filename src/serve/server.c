#include "serve/private.h"

#include "base/alloc.h"
#include "base/check.h"
#include "base/err.h"

#include <stdio.h>

/* --- listening ---------------------------------------------------------------------
 */

static void starved(void *arg, int err)
{
  cro_server *server = arg;

  if (server->ops->starved != NULL)
    server->ops->starved(server->arg, err);
}

static void accepted(void *arg, cro_tcp *tcp)
{
  serve_accept(arg, tcp);
}

static void refused(void *arg, cro_tcp *tcp)
{
  serve_refuse(arg, tcp);
}

static const cro_listener_ops listener_ops = {
  .accepted = accepted,
  .refused = refused,
  .starved = starved,
};

/* --- life ----------------------------------------------------------------------------
 */

static void request_refused(void *arg, cro_conn *conn, int status, const char *reason)
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

static void finish_stop(cro_server *server)
{
  void (*stopped)(void *arg) = server->stopped;

  server->stopped = NULL;
  if (stopped != NULL)
    stopped(server->stopped_arg);
}

void serve_all_gone(cro_server *server)
{
  if (server->stopping)
    cro_loop_arm(server->loop, &server->drain, 0);
}

static void drain_due(cro_timer *timer)
{
  cro_server *server = CRO_CONTAINER(timer, cro_server, drain);

  if (server->stats.connections > 0)
    serve_abort_all(server);
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
                                .secure = server->options.tls != NULL,
                                .on_refused = request_refused,
                                .arg = server };
  server->h2 = (cro_h2_config){ .limits = &server->options.limits,
                                .h2 = &server->options.h2,
                                .timeouts = &server->options.timeouts,
                                .server = server->options.server_header,
                                .trace = server->options.trace,
                                .on_refused = request_refused,
                                .arg = server };
  if (server->options.versions == 0)
    server->options.versions = CRO_SERVE_HTTP1;
  if (server->options.tls != NULL)
    (void)cro_tls_context_hold(server->options.tls);
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
    serve_drain_all(server);
  cro_loop_arm(server->loop, &server->drain,
               now || server->stats.connections == 0 ? 0 : due);
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

cro_server_stats cro_server_stats_of(const cro_server *server)
{
  return server->stats;
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
  cro_check(server->stats.connections == 0);
  cro_loop_disarm(server->loop, &server->drain);
  if (server->listener != NULL)
    cro_listener_close(server->listener);
  cro_tls_context_drop(server->options.tls);
  cro_free(server->texts);
  cro_free(server);
}
