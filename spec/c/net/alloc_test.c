/* One exchange, run again and again with the n-th allocation failing: it may end early
 * and must say so, but it never crashes, hangs, leaks, or delivers wrong bytes. */
#include "base/alloc.h"
#include "base/err.h"
#include "net/net.h"
#include "support/loopback.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { big = 300000, last_try = 120 };

typedef struct {
  cro_loop *loop;
  cro_listener *listener;
  cro_tcp *client;
  cro_tcp *server;
  probe asks, answers;
  int flushed;
  int failures; /* whatever was refused or ended in error */
} exchange;

static void note(exchange *self, int rc)
{
  self->failures += rc < 0;
}

static void on_server_closed(void *arg, cro_tcp *tcp, int err)
{
  exchange *self = arg;

  (void)tcp;
  self->server = NULL;
  note(self, err);
}

static void on_client_closed(void *arg, cro_tcp *tcp, int err)
{
  exchange *self = arg;

  (void)tcp;
  self->client = NULL;
  note(self, err);
}

static void join(probe *middle, cro_tcp *tcp)
{
  int small = 4096;

  probe_init(middle);
  CHECK_INT(0, cro_stage_link(cro_tcp_source(tcp), &middle->stage));
  CHECK_INT(0, cro_stage_link(&middle->stage, cro_tcp_sink(tcp)));
  cro_pipeline_attach(cro_tcp_source(tcp), cro_tcp_conn(tcp));
  (void)setsockopt(tcp->fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
}

static void on_accepted(void *arg, cro_tcp *tcp)
{
  exchange *self = arg;

  self->server = tcp;
  self->answers.echo = true;
  cro_tcp_on_closed(tcp, on_server_closed, self);
  join(&self->answers, tcp);
  note(self, cro_tcp_start(tcp, true));
}

static void on_listening(void *arg, int err, cro_listener *listener)
{
  exchange *self = arg;

  note(self, err);
  self->listener = listener;
}

static void on_flushed(void *arg, int err)
{
  exchange *self = arg;

  self->flushed++;
  note(self, err);
}

static void on_connected(void *arg, int err, cro_tcp *tcp)
{
  static char bytes[big];
  exchange *self = arg;
  cro_conn *conn;
  int port;

  note(self, err);
  if (tcp == NULL)
    return;
  self->client = tcp;
  conn = cro_tcp_conn(tcp);
  cro_tcp_on_closed(tcp, on_client_closed, self);
  join(&self->asks, tcp);
  note(self, cro_tcp_start(tcp, false));
  for (size_t i = 0; i < sizeof bytes; i++)
    bytes[i] = (char)('a' + i % 23);
  note(self, probe_send(&self->asks, (cro_bytes){ bytes, 1000 }));
  note(self, probe_send(&self->asks, (cro_bytes){ bytes + 1000, sizeof bytes - 1000 }));
  note(self, cro_tcp_on_flushed(tcp, on_flushed, self));
  (void)conn->ops->peer(conn, &port); /* empty without memory */
}

/* An echo of `big` bytes, half in the queues of both ends, through a name. */
static int run_exchange(void)
{
  static const cro_listener_ops ops = { .accepted = on_accepted };
  exchange e = { 0 };
  cro_listen_options at = { .host = CRO_B("127.0.0.1"), .fd = -1 };
  cro_connect_options to = { .host = CRO_B("localhost"), .timeout = 1000 };
  cro_connecting *connecting;
  int failures;

  note(&e, cro_loop_create(&e.loop));
  if (e.loop == NULL)
    return e.failures;
  note(&e, cro_listen(e.loop, &at, &ops, &e, on_listening));
  if (e.listener != NULL) {
    (void)cro_listener_address(e.listener, &to.port);
    note(&e, cro_connect(&connecting, e.loop, &to, on_connected, &e));
  }
  for (int i = 0; i < 500 && e.failures == 0; i++) {
    spin(e.loop, 1);
    if (e.asks.got.len == big || e.asks.finishes + e.asks.fails > 0)
      break;
  }
  cro_alloc_fail_at(0);
  failures = e.failures + (e.asks.got.len < big);
  check_pattern(e.asks.got.at, e.asks.got.len);
  cro_loop_destroy(e.loop);
  CHECK_INT(e.asks.destroys, e.asks.stage.ops != NULL);
  CHECK_INT(e.answers.destroys, e.answers.stage.ops != NULL);
  CHECK(e.flushed <= 1);
  return failures;
}

static void an_exchange_survives_every_allocation_that_fails(void)
{
  uint64_t live = cro_alloc_live(), whole = 0;

  CHECK_INT(0, run_exchange());
  for (uint64_t n = 1; n <= last_try; n++) {
    cro_alloc_fail_at(n);
    whole += run_exchange() == 0;
    CHECK_INT(live, test_live(live));
  }
  /* Some end early; those beyond the exchange's own allocations do not. */
  CHECK(whole > 0 && whole < last_try);
  cro_alloc_fail_at(0);
  CHECK_INT(0, run_exchange());
}

TEST_MAIN(CASE(an_exchange_survives_every_allocation_that_fails))
