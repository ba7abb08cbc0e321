#include "base/alloc.h"
#include "base/check.h"
#include "base/err.h"
#include "net/net.h"
#include "support/loopback.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

typedef struct {
  cro_loop *loop;
  cro_connecting *connecting;
  int done, err;
  cro_tcp *tcp;
  int closed;
  probe probe;
} caller;

static void on_closed(void *arg, cro_tcp *tcp, int err)
{
  caller *self = arg;

  (void)err;
  CHECK(self->tcp == tcp);
  self->closed++;
  self->tcp = NULL;
}

static void on_done(void *arg, int err, cro_tcp *tcp)
{
  caller *self = arg;

  self->done++;
  self->err = err;
  self->tcp = tcp;
  if (tcp == NULL)
    return;
  probe_init(&self->probe);
  CHECK_INT(0, cro_stage_link(cro_tcp_source(tcp), &self->probe.stage));
  CHECK_INT(0, cro_stage_link(&self->probe.stage, cro_tcp_sink(tcp)));
  cro_pipeline_attach(cro_tcp_source(tcp), cro_tcp_conn(tcp));
  cro_tcp_on_closed(tcp, on_closed, self);
  CHECK_INT(0, cro_tcp_start(tcp, true));
}

static int call(caller *self, const char *host, int port, uint64_t timeout)
{
  cro_connect_options to = {
    .host = cro_bytes_of(host), .port = port, .timeout = timeout, .nodelay = true
  };

  return cro_connect(&self->connecting, self->loop, &to, on_done, self);
}

/* A listening socket whose queue is full: a SYN gets no answer. */
typedef struct {
  int listening, port;
  int clients[3];
} deaf;

static void deaf_open(deaf *self, int port)
{
  self->port = port;
  self->listening = plain_listener("127.0.0.1", &self->port, 0);
  for (int i = 0; i < 3; i++) {
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_port = htons((uint16_t)self->port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

    self->clients[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    (void)connect(self->clients[i], (struct sockaddr *)&to, sizeof to);
  }
}

static void deaf_close(deaf *self)
{
  for (int i = 0; i < 3; i++)
    close(self->clients[i]);
  close(self->listening);
}

static void a_connection_carries_bytes_both_ways(void)
{
  int port = 0, listening = plain_listener("127.0.0.1", &port, 8), fd, peer_port;
  caller c = { 0 };
  cro_conn *conn;
  char got[8];

  CHECK_INT(0, cro_loop_create(&c.loop));
  CHECK_INT(0, call(&c, "127.0.0.1", port, 0));
  CHECK_INT(0, c.done); /* never before cro_connect has returned */
  UNTIL(c.loop, c.done == 1);
  CHECK_INT(0, c.err);
  fd = accept(listening, NULL, NULL);
  CHECK_INT(0, probe_send(&c.probe, CRO_B("ping")));
  spin(c.loop, 5);
  CHECK_INT(4, plain_read(fd, got, sizeof got));
  plain_send(fd, CRO_B("pong"));
  UNTIL(c.loop, c.probe.got.len == 4);
  conn = cro_tcp_conn(c.tcp);
  CHECK_TEXT("127.0.0.1", conn->ops->peer(conn, &peer_port));
  CHECK_INT(port, peer_port);
  close(fd);
  UNTIL(c.loop, c.probe.finishes == 1);
  cro_loop_destroy(c.loop);
  CHECK_INT(1, c.closed);
  close(listening);
}

static void a_port_nobody_listens_at_refuses(void)
{
  int port = 0, listening = plain_listener("127.0.0.1", &port, 1);
  caller c = { 0 };

  close(listening);
  CHECK_INT(0, cro_loop_create(&c.loop));
  CHECK_INT(0, call(&c, "127.0.0.1", port, 0));
  UNTIL(c.loop, c.done == 1);
  CHECK_INT(CRO_E_REFUSED, c.err);
  CHECK(c.tcp == NULL);
  CHECK_INT(0, call(&c, "localhost", port, 0));
  UNTIL(c.loop, c.done == 2);
  CHECK_INT(CRO_E_REFUSED, c.err);
  cro_loop_destroy(c.loop);
}

static void silence_ends_with_the_time_out(void)
{
  caller c = { 0 };
  uint64_t start;
  deaf d;

  deaf_open(&d, 0);
  CHECK_INT(0, cro_loop_create(&c.loop));
  start = cro_loop_now(c.loop);
  CHECK_INT(0, call(&c, "127.0.0.1", d.port, 60));
  UNTIL(c.loop, c.done == 1);
  CHECK_INT(CRO_E_TIMEOUT, c.err);
  CHECK(cro_loop_now(c.loop) - start >= 60);
  CHECK(cro_loop_now(c.loop) - start < 1000);
  cro_loop_destroy(c.loop);
  CHECK_INT(1, c.done);
  deaf_close(&d);
}

static void a_call_is_cancelled_at_every_stage(void)
{
  size_t before = cro_alloc_live();
  caller c = { 0 };
  cro_loop_stats stats;
  deaf d;

  deaf_open(&d, 0);
  CHECK_INT(0, cro_loop_create(&c.loop));
  CHECK_INT(0, call(&c, "127.0.0.1", d.port, 0)); /* not begun */
  cro_connect_cancel(c.connecting);
  CHECK_INT(1, c.done);
  CHECK_INT(CRO_E_CANCELLED, c.err);
  CHECK_INT(0, call(&c, "127.0.0.1", d.port, 0)); /* on its way */
  spin(c.loop, 10);
  cro_connect_cancel(c.connecting);
  CHECK_INT(2, c.done);
  CHECK_INT(0, call(&c, "localhost", d.port, 0)); /* being looked up */
  cro_connect_cancel(c.connecting);
  CHECK_INT(3, c.done);
  spin(c.loop, 50);
  cro_loop_stats_get(c.loop, &stats);
  CHECK_INT(0, stats.tcp + stats.resolves + stats.timers);
  CHECK_INT(3, c.done);
  cro_loop_destroy(c.loop);
  CHECK_INT(before, test_live(before));
  deaf_close(&d);
}

static void what_cannot_be_called_is_said_at_once(void)
{
  char name[255];
  caller c = { 0 };

  memset(name, 'x', sizeof name - 1);
  name[sizeof name - 1] = '\0';
  CHECK_INT(0, cro_loop_create(&c.loop));
  CHECK_INT(CRO_E_INVAL, call(&c, "127.0.0.1", 0, 0));
  CHECK_INT(CRO_E_INVAL, call(&c, "127.0.0.1", 70000, 0));
  CHECK_INT(CRO_E_INVAL, call(&c, "", 80, 0));
  CHECK_INT(CRO_E_TOO_LONG, call(&c, name, 80, 0));
  cro_loop_destroy(c.loop);
  CHECK_INT(0, c.done);
}

static void a_name_that_does_not_resolve_is_a_dns_error(void)
{
  caller c = { 0 };

  CHECK_INT(0, cro_loop_create(&c.loop));
  CHECK_INT(0, call(&c, "nobody.invalid", 80, 0));
  for (int i = 0; i < 100 && c.done == 0; i++)
    spin(c.loop, 100);
  /* Without a name server at hand nobody can know. */
  CHECK(c.err == CRO_E_DNS_NONE || c.err == CRO_E_DNS_AGAIN);
  cro_loop_destroy(c.loop);
}

/* --- several addresses
 * --------------------------------------------------------------------- */

/* A resolver's answer given by hand: the resolver of the machine the specs run on may
 * know one family only. */
static void call_both(caller *self, const net_address *found, size_t count)
{
  cro_connecting *made;

  CHECK_INT(0, call(self, "127.0.0.1", 1, 3000));
  made = self->connecting;
  CHECK(count <= net_addresses_max);
  made->count = count;
  memcpy(made->found, found, count * sizeof *found);
}

static net_address at(const char *host, int port)
{
  net_address address = { 0 };

  cro_check(net_address_parse(cro_bytes_of(host), port, &address) == 0);
  return address;
}

static void the_next_address_is_tried_when_one_refuses(void)
{
  int port = 0, listening = plain_listener("127.0.0.1", &port, 8);
  net_address both[2] = { at("::1", 1), at("127.0.0.1", port) };
  caller c = { 0 };
  uint64_t start;

  CHECK_INT(0, cro_loop_create(&c.loop));
  start = cro_loop_now(c.loop);
  call_both(&c, both, 2);
  UNTIL(c.loop, c.done == 1);
  CHECK_INT(0, c.err);
  CHECK(cro_loop_now(c.loop) - start < 200); /* a refusal is not waited out */
  cro_loop_destroy(c.loop);
  close(listening);
}

static void an_address_that_is_silent_is_overtaken_after_250_ms(void)
{
  int port = 0, listening = plain_listener("127.0.0.1", &port, 8);
  caller c = { 0 };
  cro_loop_stats stats;
  uint64_t start, took;
  deaf d;

  deaf_open(&d, 0);
  CHECK_INT(0, cro_loop_create(&c.loop));
  start = cro_loop_now(c.loop);
  call_both(&c, (net_address[]){ at("127.0.0.1", d.port), at("127.0.0.1", port) }, 2);
  UNTIL(c.loop, c.done == 1);
  took = cro_loop_now(c.loop) - start;
  CHECK_INT(0, c.err);
  CHECK(took >= 250 && took < 1000);
  spin(c.loop, 5);
  cro_loop_stats_get(c.loop, &stats);
  CHECK_INT(1, stats.tcp); /* the loser is gone */
  CHECK_INT(0, stats.timers);
  cro_loop_destroy(c.loop);
  deaf_close(&d);
  close(listening);
}

static void when_all_fail_the_telling_error_is_kept(void)
{
  int port = 0, listening = plain_listener("127.0.0.1", &port, 1);
  caller c = { 0 };

  close(listening);
  CHECK_INT(0, cro_loop_create(&c.loop));
  call_both(&c, (net_address[]){ at("127.0.0.1", port), at("127.0.0.1", port) }, 2);
  UNTIL(c.loop, c.done == 1);
  CHECK_INT(CRO_E_REFUSED, c.err);
  cro_loop_destroy(c.loop);
}

/* --- lookups
 * ------------------------------------------------------------------------------- */

static int looked_up;

static void on_looked_up(void *arg, int err, const net_address *found, size_t count)
{
  (void)arg;
  CHECK_INT(0, err);
  CHECK(count >= 1);
  CHECK(found[0].sa.sa_family == AF_INET || found[0].sa.sa_family == AF_INET6);
  looked_up++;
}

static void eight_names_are_looked_up_at_once_and_the_rest_wait(void)
{
  net_resolving *out[40];
  cro_loop *loop;

  looked_up = 0;
  CHECK_INT(0, cro_loop_create(&loop));
  for (int i = 0; i < 40; i++)
    CHECK_INT(0,
              net_resolve(&out[i], loop, CRO_B("localhost"), 80, on_looked_up, NULL));
  CHECK_INT(8, loop->lookups_running);
  net_resolve_cancel(out[39]); /* waits */
  net_resolve_cancel(out[0]);  /* runs, or may */
  UNTIL(loop, looked_up == 38);
  spin(loop, 20);
  CHECK_INT(38, looked_up);
  CHECK_INT(0, loop->resolve_count);
  cro_loop_destroy(loop);
}

/* A resolver that answers when it is let. */
static struct {
  pthread_mutex_t lock;
  pthread_cond_t opened;
  bool open;
  int inside;
} gate = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false, 0 };

static int hang(const char *name, const char *service, const struct addrinfo *hints,
                struct addrinfo **out)
{
  pthread_mutex_lock(&gate.lock);
  gate.inside++;
  while (!gate.open)
    pthread_cond_wait(&gate.opened, &gate.lock);
  gate.inside--;
  pthread_mutex_unlock(&gate.lock);
  return getaddrinfo(name, service, hints, out);
}

static void shut_gate(uint64_t limit)
{
  gate.open = false;
  net_look_up = hang;
  net_look_up_ms = limit;
}

static int hanging(void)
{
  int inside;

  pthread_mutex_lock(&gate.lock);
  inside = gate.inside;
  pthread_mutex_unlock(&gate.lock);
  return inside;
}

static void open_gate(void)
{
  pthread_mutex_lock(&gate.lock);
  gate.open = true;
  pthread_cond_broadcast(&gate.opened);
  pthread_mutex_unlock(&gate.lock);
  net_look_up = getaddrinfo;
  net_look_up_ms = 5000;
}

static void a_name_server_that_is_silent_is_given_up(void)
{
  caller c = { 0 };
  cro_loop_stats stats;
  uint64_t start;

  CHECK_INT(5000, net_look_up_ms);
  shut_gate(60);
  CHECK_INT(0, cro_loop_create(&c.loop));
  start = cro_loop_now(c.loop);
  CHECK_INT(0, call(&c, "localhost", 80, 0));
  cro_loop_run(c.loop); /* ends although the thread is still at it */
  CHECK_INT(1, c.done);
  CHECK_INT(CRO_E_DNS_TIMEOUT, c.err);
  CHECK(cro_loop_now(c.loop) - start >= 60 && cro_loop_now(c.loop) - start < 1000);
  CHECK_INT(1, hanging());
  cro_loop_stats_get(c.loop, &stats);
  CHECK_INT(0, stats.resolves + stats.timers);
  open_gate();
  UNTIL(c.loop, c.loop->lookups_running == 0);
  CHECK_INT(1, c.done);
  cro_loop_destroy(c.loop);
}

static void names_behind_silent_ones_are_given_up_or_looked_up_later(void)
{
  size_t before = cro_alloc_live();
  caller c = { 0 };
  net_resolving *late;

  looked_up = 0;
  shut_gate(60);
  CHECK_INT(0, cro_loop_create(&c.loop));
  for (int i = 0; i < 10; i++)
    CHECK_INT(0, call(&c, "localhost", 80, 0));
  cro_loop_run(c.loop);
  CHECK_INT(10, c.done);
  CHECK_INT(CRO_E_DNS_TIMEOUT, c.err);
  net_look_up_ms = 5000;
  CHECK_INT(0, net_resolve(&late, c.loop, CRO_B("localhost"), 80, on_looked_up, NULL));
  spin(c.loop, 20);
  CHECK_INT(0, looked_up);
  open_gate();
  UNTIL(c.loop, looked_up == 1);
  cro_loop_destroy(c.loop);
  CHECK_INT(before, test_live(before));
}

static void a_loop_does_not_wait_for_a_thread_that_hangs(void)
{
  size_t before = cro_alloc_live();
  caller c = { 0 };
  uint64_t start = uv_hrtime();

  shut_gate(5000);
  CHECK_INT(0, cro_loop_create(&c.loop));
  for (int i = 0; i < 10; i++)
    CHECK_INT(0, call(&c, "localhost", 80, 0));
  UNTIL(c.loop, hanging() == 8);
  cro_loop_destroy(c.loop);
  CHECK_INT(10, c.done);
  CHECK_INT(CRO_E_CANCELLED, c.err);
  CHECK(uv_hrtime() - start < UINT64_C(1000000000));
  CHECK_INT(8, hanging());
  open_gate();
  CHECK_INT(before, test_live(before));
}

/* The thread answers while the loop is destroyed: every interleaving it comes upon. */
static void a_loop_may_end_just_when_an_answer_comes(void)
{
  size_t before = cro_alloc_live();

  for (int i = 0; i < 200; i++) {
    caller c = { 0 };

    shut_gate(5000);
    CHECK_INT(0, cro_loop_create(&c.loop));
    for (int k = 0; k < 4; k++)
      CHECK_INT(0, call(&c, "localhost", 80, 0));
    while (i % 2 == 0 && hanging() < 4)
      usleep(50);
    open_gate();
    if (i % 3 == 0)
      usleep((unsigned)i);
    cro_loop_destroy(c.loop);
    CHECK_INT(4, c.done);
  }
  CHECK_INT(before, test_live(before));
}

static void a_loop_that_ends_cancels_what_is_looked_up(void)
{
  size_t before = cro_alloc_live();
  caller c = { 0 };

  CHECK_INT(0, cro_loop_create(&c.loop));
  for (int i = 0; i < 20; i++)
    CHECK_INT(0, call(&c, "localhost", 80, 0));
  cro_loop_destroy(c.loop);
  CHECK_INT(20, c.done);
  CHECK_INT(CRO_E_CANCELLED, c.err);
  CHECK_INT(before, test_live(before));
}

TEST_MAIN(CASE(a_connection_carries_bytes_both_ways),
          CASE(a_port_nobody_listens_at_refuses), CASE(silence_ends_with_the_time_out),
          CASE(a_call_is_cancelled_at_every_stage),
          CASE(what_cannot_be_called_is_said_at_once),
          CASE(a_name_that_does_not_resolve_is_a_dns_error),
          CASE(the_next_address_is_tried_when_one_refuses),
          CASE(an_address_that_is_silent_is_overtaken_after_250_ms),
          CASE(when_all_fail_the_telling_error_is_kept),
          CASE(eight_names_are_looked_up_at_once_and_the_rest_wait),
          CASE(a_name_server_that_is_silent_is_given_up),
          CASE(names_behind_silent_ones_are_given_up_or_looked_up_later),
          CASE(a_loop_does_not_wait_for_a_thread_that_hangs),
          CASE(a_loop_may_end_just_when_an_answer_comes),
          CASE(a_loop_that_ends_cancels_what_is_looked_up))
