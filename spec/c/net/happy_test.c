/* Names with several addresses, given by a resolver of our own: who is tried, when, and
 * what is said of those who failed. */
#include "base/check.h"
#include "base/err.h"
#include "net/net.h"
#include "support/loopback.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* --- a resolver ---------------------------------------------------------------------
 */

static struct {
  const char *hosts[6]; /* what the name is found to be; ends with NULL */
  int rc;               /* unless it answers this */
} answer;

static int look_up(const char *name, const char *service, const struct addrinfo *hints,
                   struct addrinfo **out)
{
  struct addrinfo numeric = *hints, **end = out;

  (void)name;
  *out = NULL;
  if (answer.rc != 0)
    return answer.rc;
  numeric.ai_flags |= AI_NUMERICHOST;
  for (int i = 0; answer.hosts[i] != NULL; i++) {
    CHECK_INT(0, getaddrinfo(answer.hosts[i], service, &numeric, end));
    end = &(*end)->ai_next;
  }
  return 0;
}

/* --- a caller -----------------------------------------------------------------------
 */

typedef struct {
  cro_loop *loop;
  cro_connecting *connecting;
  int done, err;
  cro_tcp *tcp;
  char peer[64];
  cro_tried tried[8];
  size_t tried_count;
} caller;

static void on_done(void *arg, int err, cro_tcp *tcp)
{
  caller *self = arg;
  int port;

  self->done++;
  self->err = err;
  self->tcp = tcp;
  if (tcp != NULL) {
    cro_conn *conn = cro_tcp_conn(tcp);
    cro_bytes peer = conn->ops->peer(conn, &port);

    memcpy(self->peer, peer.at, peer.len);
  }
  while (self->tried_count < 8 && self->connecting != NULL &&
         cro_connect_tried(self->connecting, self->tried_count,
                           &self->tried[self->tried_count]))
    self->tried_count++;
}

static void open_caller(caller *self)
{
  net_look_up = look_up;
  CHECK_INT(0, cro_loop_create(&self->loop));
}

static void close_caller(caller *self)
{
  cro_loop_destroy(self->loop);
  net_look_up = getaddrinfo;
  memset(&answer, 0, sizeof answer);
}

static int call(caller *self, cro_connect_options to)
{
  to.host = CRO_B("several.example");
  return cro_connect(&self->connecting, self->loop, &to, on_done, self);
}

/* How long it took, in ms. */
static uint64_t called(caller *self, int port, uint64_t timeout)
{
  uint64_t start = cro_loop_now(self->loop);

  CHECK_INT(0, call(self, (cro_connect_options){ .port = port, .timeout = timeout }));
  UNTIL(self->loop, self->done == 1);
  return cro_loop_now(self->loop) - start;
}

/* --- the other ends -----------------------------------------------------------------
 */

static int socket_at(const char *host, int *port, int backlog)
{
  struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((uint16_t)*port) };
  socklen_t size = sizeof at;
  int fd = socket(AF_INET, SOCK_STREAM, 0);

  cro_check(inet_pton(AF_INET, host, &at.sin_addr) == 1);
  cro_check(bind(fd, (struct sockaddr *)&at, sizeof at) == 0);
  cro_check(listen(fd, backlog) == 0);
  cro_check(getsockname(fd, (struct sockaddr *)&at, &size) == 0);
  *port = ntohs(at.sin_port);
  return fd;
}

/* Listens with a queue that is full: packets that would connect are dropped. */
typedef struct {
  int listening, clients[3];
} black_hole;

static black_hole black_hole_at(const char *host, int *port)
{
  black_hole self = { .listening = socket_at(host, port, 0) };
  struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)*port) };

  cro_check(inet_pton(AF_INET, host, &to.sin_addr) == 1);
  for (int i = 0; i < 3; i++) {
    self.clients[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    (void)connect(self.clients[i], (struct sockaddr *)&to, sizeof to);
  }
  return self;
}

static void black_hole_close(const black_hole *self)
{
  for (int i = 0; i < 3; i++)
    close(self->clients[i]);
  close(self->listening);
}

/* --- cases --------------------------------------------------------------------------
 */

static void a_black_hole_is_overtaken_after_250_ms(void)
{
  int port = 0, listening = socket_at("127.0.0.2", &port, 8);
  black_hole hole = black_hole_at("127.0.0.1", &port);
  caller c = { 0 };
  cro_loop_stats stats;
  uint64_t took;

  answer.hosts[0] = "127.0.0.1";
  answer.hosts[1] = "127.0.0.2";
  open_caller(&c);
  took = called(&c, port, 0);
  CHECK_INT(0, c.err);
  CHECK_TEXT("127.0.0.2", cro_bytes_of(c.peer));
  CHECK(took >= 250 && took < 1000);
  spin(c.loop, 5);
  cro_loop_stats_get(c.loop, &stats);
  CHECK_INT(1, stats.tcp); /* the one that was overtaken is gone */
  CHECK_INT(0, stats.timers + stats.resolves);
  close_caller(&c);
  black_hole_close(&hole);
  close(listening);
}

static void a_refusal_is_not_waited_out(void)
{
  int port = 0, listening = socket_at("127.0.0.2", &port, 8);
  caller c = { 0 };

  answer.hosts[0] = "127.0.0.1";
  answer.hosts[1] = "::1";
  answer.hosts[2] = "127.0.0.2";
  open_caller(&c);
  CHECK(called(&c, port, 0) < 200);
  CHECK_INT(0, c.err);
  CHECK_TEXT("127.0.0.2", cro_bytes_of(c.peer));
  close_caller(&c);
  close(listening);
}

static void families_are_tried_in_turn_the_first_answer_s_first(void)
{
  static const char *const given[2][6] = {
    { "127.0.0.1", "127.0.0.2", "127.0.0.3", "::1", NULL },
    { "::1", "127.0.0.1", "127.0.0.2", NULL },
  };
  static const char *const order[2][5] = {
    { "127.0.0.1", "::1", "127.0.0.2", "127.0.0.3" },
    { "::1", "127.0.0.1", "127.0.0.2" },
  };
  int port = 0, free_port = socket_at("127.0.0.4", &port, 1);

  for (int row = 0; row < 2; row++) {
    caller c = { 0 };

    memcpy(answer.hosts, given[row], sizeof given[row]);
    open_caller(&c);
    (void)called(&c, port, 0);
    CHECK_INT(CRO_E_REFUSED, c.err);
    CHECK_INT(row == 0 ? 4 : 3, c.tried_count);
    for (size_t i = 0; i < c.tried_count; i++)
      CHECK_TEXT(order[row][i], cro_bytes_of(c.tried[i].host));
    close_caller(&c);
  }
  close(free_port);
}

static void when_all_fail_each_is_told_with_its_own_reason(void)
{
  int port = 0, other = socket_at("127.0.0.3", &port, 1);
  black_hole hole = black_hole_at("127.0.0.2", &port);
  caller c = { 0 };

  answer.hosts[0] = "127.0.0.1";
  answer.hosts[1] = "127.0.0.2";
  open_caller(&c);
  (void)called(&c, port, 400);
  CHECK_INT(CRO_E_TIMEOUT, c.err);
  CHECK_INT(2, c.tried_count);
  CHECK_INT(CRO_E_REFUSED, c.tried[0].err);
  CHECK_INT(CRO_E_TIMEOUT, c.tried[1].err);
  close_caller(&c);
  black_hole_close(&hole);
  close(other);
}

static void addresses_nobody_came_to_are_not_told(void)
{
  int port = 0, other = socket_at("127.0.0.3", &port, 1);
  black_hole hole = black_hole_at("127.0.0.1", &port);
  caller c = { 0 };

  answer.hosts[0] = "127.0.0.1";
  answer.hosts[1] = "127.0.0.2";
  open_caller(&c);
  (void)called(&c, port, 100);
  CHECK_INT(CRO_E_TIMEOUT, c.err);
  CHECK_INT(1, c.tried_count);
  close_caller(&c);
  black_hole_close(&hole);
  close(other);
}

static void what_the_resolver_says_has_a_kind_of_its_own(void)
{
  static const struct {
    int says, want;
  } rows[] = {
    { EAI_NONAME, CRO_E_DNS_NONE }, { EAI_NODATA, CRO_E_DNS_NONE },
    { EAI_AGAIN, CRO_E_DNS_AGAIN }, { EAI_FAIL, CRO_E_DNS },
    { EAI_MEMORY, CRO_E_NOMEM },
  };

  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    caller c = { 0 };

    answer.rc = rows[i].says;
    open_caller(&c);
    (void)called(&c, 80, 0);
    CHECK_INT(rows[i].want, c.err);
    CHECK_INT(0, c.tried_count);
    close_caller(&c);
  }
}

static void a_name_without_addresses_is_not_found(void)
{
  caller c = { 0 };

  open_caller(&c);
  (void)called(&c, 80, 0);
  CHECK_INT(CRO_E_DNS_NONE, c.err);
  close_caller(&c);
}

/* --- where from ---------------------------------------------------------------------
 */

static void a_local_address_skips_the_other_family(void)
{
  int port = 0, listening = socket_at("127.0.0.1", &port, 8), local;
  caller c = { 0 };
  cro_conn *conn;

  answer.hosts[0] = "::1";
  answer.hosts[1] = "127.0.0.1";
  open_caller(&c);
  CHECK_INT(0, call(&c, (cro_connect_options){ .port = port,
                                               .local_host = CRO_B("127.0.0.9") }));
  UNTIL(c.loop, c.done == 1);
  CHECK_INT(0, c.err);
  conn = cro_tcp_conn(c.tcp);
  CHECK_TEXT("127.0.0.9", conn->ops->local(conn, &local));
  CHECK_INT(1, c.tried_count);
  CHECK_INT(CRO_E_ADDRNOTAVAIL, c.tried[0].err);
  close_caller(&c);
  close(listening);
}

static void a_local_port_alone_is_of_the_family_in_use(void)
{
  int port = 0, listening = socket_at("127.0.0.1", &port, 8), free_port = 0, local;
  int held = socket_at("127.0.0.5", &free_port, 1);
  caller c = { 0 };
  cro_conn *conn;

  close(held);
  answer.hosts[0] = "127.0.0.1";
  open_caller(&c);
  CHECK_INT(0,
            call(&c, (cro_connect_options){ .port = port, .local_port = free_port }));
  UNTIL(c.loop, c.done == 1);
  CHECK_INT(0, c.err);
  conn = cro_tcp_conn(c.tcp);
  (void)conn->ops->local(conn, &local);
  CHECK_INT(free_port, local);
  close_caller(&c);
  close(listening);
}

static void a_local_address_that_is_none_is_said_at_once(void)
{
  caller c = { 0 };

  open_caller(&c);
  CHECK_INT(CRO_E_INVAL, call(&c, (cro_connect_options){
                                      .port = 1, .local_host = CRO_B("localhost") }));
  CHECK_INT(CRO_E_INVAL,
            call(&c, (cro_connect_options){ .port = 1, .local_port = 65536 }));
  CHECK_INT(CRO_E_INVAL,
            call(&c, (cro_connect_options){ .port = 1, .local_port = -1 }));
  CHECK_INT(0, c.done);
  close_caller(&c);
}

TEST_MAIN(CASE(a_black_hole_is_overtaken_after_250_ms),
          CASE(a_refusal_is_not_waited_out),
          CASE(families_are_tried_in_turn_the_first_answer_s_first),
          CASE(when_all_fail_each_is_told_with_its_own_reason),
          CASE(addresses_nobody_came_to_are_not_told),
          CASE(what_the_resolver_says_has_a_kind_of_its_own),
          CASE(a_name_without_addresses_is_not_found),
          CASE(a_local_address_skips_the_other_family),
          CASE(a_local_port_alone_is_of_the_family_in_use),
          CASE(a_local_address_that_is_none_is_said_at_once))
