#include "support/tls_ends.h"

#include "base/check.h"
#include "net/net.h"
#include "support/tls_certs.h"
#include "support/tls_pair.h"

#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

/* --- contexts -----------------------------------------------------------------------
 */

static const char *ca_file, *certificate_file;

/* Once per program. */
static void make_certificates(void)
{
  tls_cert ca, leaf;

  if (ca_file != NULL)
    return;
  ca = tls_cert_ca("Test CA");
  leaf = tls_cert_for(&ca, "DNS:localhost,IP:127.0.0.1");
  ca_file = tls_certs_chain("ends-ca.pem", &ca, NULL);
  certificate_file = tls_certs_both("ends.pem", &leaf);
  tls_cert_free(&leaf);
  tls_cert_free(&ca);
}

cro_tls_context *tls_ends_server(const cro_tls_options *more)
{
  cro_tls_options options = more != NULL ? *more : (cro_tls_options){ 0 };
  cro_tls_identity me = { 0 };

  make_certificates();
  me.certificate_file = cro_bytes_of(certificate_file);
  options.server = true;
  if (options.identity_count == 0) {
    options.identities = &me;
    options.identity_count = 1;
  }
  return tls_pair_context(&options);
}

cro_tls_context *tls_ends_client(const cro_tls_options *more)
{
  cro_tls_options options = more != NULL ? *more : (cro_tls_options){ 0 };

  make_certificates();
  if (options.ca_file.len == 0)
    options.ca_file = cro_bytes_of(ca_file);
  return tls_pair_context(&options);
}

/* --- connections --------------------------------------------------------------------
 */

void tls_sockets(int fds[2])
{
  int port = 0, listening = plain_listener("127.0.0.1", &port, 1);

  fds[1] = plain_connect(port);
  fds[0] = accept(listening, NULL, NULL);
  cro_check(fds[0] >= 0);
  close(listening);
}

cro_conn *tls_end_conn(tls_end *end)
{
  return cro_tcp_conn(end->tcp);
}

static void keep_why(tls_end *end, cro_tcp *tcp)
{
  (void)snprintf(end->why, sizeof end->why, "%s", cro_tls_why(tcp));
}

static void on_closed(void *arg, cro_tcp *tcp, int err)
{
  tls_end *end = arg;

  end->closed++;
  end->closed_err = err;
  keep_why(end, tcp);
  end->tcp = NULL;
}

void tls_end_adopt(tls_end *end, cro_loop *loop, int fd)
{
  cro_check(cro_stream_adopt(&end->tcp, loop, fd, 0) == 0);
  cro_tcp_on_closed(end->tcp, on_closed, end);
}

static void link_probe(tls_end *end)
{
  cro_tcp *tcp = end->tcp;

  end->probe.stage = (cro_stage){ 0 };
  probe_init(&end->probe);
  end->probe.echo = end->echo;
  CHECK_INT(0, cro_stage_link(cro_tcp_source(tcp), &end->probe.stage));
  CHECK_INT(0, cro_stage_link(&end->probe.stage, cro_tcp_sink(tcp)));
  cro_pipeline_attach(cro_tcp_source(tcp), cro_tcp_conn(tcp));
}

void tls_end_start(tls_end *end)
{
  link_probe(end);
  CHECK_INT(0, cro_tcp_start(end->tcp, false));
}

void tls_end_done(void *arg, cro_tcp *tcp, int err)
{
  tls_end *end = arg;
  cro_conn *conn = cro_tcp_conn(tcp);

  CHECK(tcp == end->tcp);
  CHECK(!tcp->loop->pushing);
  end->done++;
  end->done_err = err;
  keep_why(end, tcp);
  if (end->close_in_done)
    conn->ops->close(conn);
  else if (end->abort_in_done)
    conn->ops->abort(conn);
  else if (err == 0 && !end->lazy)
    tls_end_start(end);
}

void tls_ends_open(tls_ends *self, cro_tls_context *server, cro_tls_context *client)
{
  int fds[2];

  tls_sockets(fds);
  cro_check(cro_loop_create(&self->loop) == 0);
  tls_end_adopt(&self->server, self->loop, fds[0]);
  tls_end_adopt(&self->client, self->loop, fds[1]);
  self->server_context = server;
  self->client_context = client;
  if (self->name == NULL)
    self->name = "localhost";
  if (self->ms == 0)
    self->ms = 5000;
}

int tls_ends_accept(tls_ends *self)
{
  return cro_tls_accept(self->server.tcp, self->server_context, self->ms, tls_end_done,
                        &self->server);
}

int tls_ends_connect(tls_ends *self)
{
  return cro_tls_connect(self->client.tcp, self->client_context,
                         cro_bytes_of(self->name), self->ms, tls_end_done,
                         &self->client);
}

void tls_ends_shake(tls_ends *self)
{
  CHECK_INT(0, tls_ends_accept(self));
  CHECK_INT(0, tls_ends_connect(self));
  UNTIL(self->loop, self->server.done == 1 && self->client.done == 1);
  CHECK_INT(0, self->server.done_err);
  CHECK_INT(0, self->client.done_err);
}

void tls_ends_close(tls_ends *self)
{
  cro_loop_destroy(self->loop);
  cro_tls_context_drop(self->server_context);
  cro_tls_context_drop(self->client_context);
}
