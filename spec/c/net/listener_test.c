#include "base/check.h"
#include "base/err.h"
#include "net/net.h"
#include "support/loopback.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

/* A listener whose connections are only counted. */
typedef struct {
  cro_loop *loop;
  cro_listener *listener;
  int done, err, port;
  int accepted, refused, starved, starved_err;
  cro_tcp *tcp;
  bool close_listener; /* inside accepted */
} door;

static void on_accepted(void *arg, cro_tcp *tcp)
{
  door *self = arg;

  self->accepted++;
  self->tcp = tcp;
  if (self->close_listener)
    cro_listener_close(self->listener);
}

static void on_refused(void *arg, cro_tcp *tcp)
{
  cro_conn *conn = cro_tcp_conn(tcp);
  cro_bytes sorry = CRO_B("full");
  cro_stage *sink = cro_tcp_sink(tcp);

  ((door *)arg)->refused++;
  CHECK_INT(0, sink->ops->push(sink, &sorry));
  conn->ops->close(conn);
}

static void on_starved(void *arg, int err)
{
  door *self = arg;

  self->starved++;
  self->starved_err = err;
}

static void on_done(void *arg, int err, cro_listener *listener)
{
  door *self = arg;

  self->done++;
  self->err = err;
  self->listener = listener;
  if (listener != NULL)
    (void)cro_listener_address(listener, &self->port);
}

static const cro_listener_ops all_ops = {
  .accepted = on_accepted,
  .refused = on_refused,
  .starved = on_starved,
};

static const cro_listener_ops few_ops = { .accepted = on_accepted };

static int listen_at(door *self, const char *host, int port)
{
  cro_listen_options options = { .host = cro_bytes_of(host), .port = port, .fd = -1 };

  return cro_listen(self->loop, &options, &all_ops, self, on_done);
}

static void open_door(door *self, uint64_t max)
{
  cro_listen_options options = {
    .host = CRO_B("127.0.0.1"),
    .fd = -1,
    .nodelay = true,
    .max_connections = max,
  };

  cro_check(cro_loop_create(&self->loop) == 0);
  cro_check(cro_listen(self->loop, &options, &all_ops, self, on_done) == 0);
  cro_check(self->err == 0);
}

static void a_port_of_the_systems_choice_is_told(void)
{
  door d = { 0 };
  int port = 0;

  open_door(&d, 0);
  CHECK_INT(1, d.done);
  CHECK_TEXT("127.0.0.1", cro_listener_address(d.listener, &port));
  CHECK(port > 0);
  cro_loop_destroy(d.loop);
}

static void a_port_in_use_is_an_error_of_its_own(void)
{
  door first = { 0 }, second = { 0 };

  open_door(&first, 0);
  second.loop = first.loop;
  CHECK_INT(0, listen_at(&second, "127.0.0.1", first.port));
  CHECK_INT(1, second.done);
  CHECK_INT(CRO_E_ADDRINUSE, second.err);
  CHECK(second.listener == NULL);
  cro_loop_destroy(first.loop);
}

static void a_foreign_address_is_no_local_one(void)
{
  door d = { 0 };

  CHECK_INT(0, cro_loop_create(&d.loop));
  CHECK_INT(0, listen_at(&d, "192.0.2.1", 0));
  CHECK_INT(CRO_E_ADDRNOTAVAIL, d.err);
  cro_loop_destroy(d.loop);
}

static void names_are_looked_up(void)
{
  door d = { 0 };
  int port, fd;

  CHECK_INT(0, cro_loop_create(&d.loop));
  CHECK_INT(0, listen_at(&d, "localhost", 0));
  CHECK_INT(0, d.done);
  UNTIL(d.loop, d.done == 1);
  CHECK_INT(0, d.err);
  CHECK_TEXT("127.0.0.1", cro_listener_address(d.listener, &port));
  fd = plain_connect(port);
  UNTIL(d.loop, d.accepted == 1);
  cro_loop_destroy(d.loop);
  close(fd);
}

static void a_name_too_long_to_be_one_is_refused(void)
{
  char name[300];
  door d = { 0 };

  memset(name, 'a', sizeof name - 1);
  name[sizeof name - 1] = '\0';
  for (size_t i = 50; i < sizeof name; i += 50)
    name[i] = '.';
  CHECK_INT(0, cro_loop_create(&d.loop));
  CHECK_INT(CRO_E_TOO_LONG, listen_at(&d, name, 0));
  name[254] = '\0';
  CHECK_INT(CRO_E_TOO_LONG, listen_at(&d, name, 0));
  CHECK_INT(CRO_E_INVAL, listen_at(&d, "127.0.0.1", 65536));
  CHECK_INT(CRO_E_INVAL, listen_at(&d, "127.0.0.1", -1));
  CHECK_INT(0, d.done);
  cro_loop_destroy(d.loop);
}

static void no_host_is_every_address(void)
{
  door d = { 0 };
  cro_conn *conn;
  int port, fd;

  CHECK_INT(0, cro_loop_create(&d.loop));
  CHECK_INT(0, listen_at(&d, "", 0));
  CHECK_INT(0, d.err);
  fd = plain_connect(d.port);
  UNTIL(d.loop, d.accepted == 1);
  conn = cro_tcp_conn(d.tcp);
  CHECK_TEXT("127.0.0.1", conn->ops->peer(conn, &port)); /* not ::ffff:127.0.0.1 */
  cro_loop_destroy(d.loop);
  close(fd);
}

static void ipv6_addresses_have_no_brackets(void)
{
  door d = { 0 };
  int port;

  CHECK_INT(0, cro_loop_create(&d.loop));
  CHECK_INT(0, listen_at(&d, "::1", 0));
  if (d.err == CRO_E_ADDRNOTAVAIL || d.err == CRO_E_NOTSUP) {
    cro_loop_destroy(d.loop);
    return; /* no IPv6 on this machine */
  }
  CHECK_INT(0, d.err);
  CHECK_TEXT("::1", cro_listener_address(d.listener, &port));
  cro_loop_destroy(d.loop);
}

/* --- descriptors
 * ----------------------------------------------------------------------- */

static void a_listening_descriptor_is_taken_over(void)
{
  door d = { 0 };
  int port = 0;
  int listening = plain_listener("127.0.0.1", &port, 8);
  int fd;
  cro_listen_options options = { .fd = listening };

  CHECK_INT(0, cro_loop_create(&d.loop));
  CHECK_INT(0, cro_listen(d.loop, &options, &few_ops, &d, on_done));
  CHECK_INT(0, d.err);
  CHECK_INT(port, d.port);
  fd = plain_connect(port);
  UNTIL(d.loop, d.accepted == 1);
  cro_loop_destroy(d.loop);
  CHECK_INT(-1, fcntl(listening, F_GETFD)); /* closed with its listener */
  close(fd);
}

static void a_descriptor_that_does_not_listen_is_refused_and_kept(void)
{
  door d = { 0 };
  cro_listen_options options = { 0 };
  int fds[2];

  CHECK_INT(0, cro_loop_create(&d.loop));
  CHECK_INT(0, socketpair(AF_UNIX, SOCK_STREAM, 0, fds));
  options.fd = fds[0];
  CHECK_INT(CRO_E_INVAL, cro_listen(d.loop, &options, &few_ops, &d, on_done));
  CHECK(fcntl(fds[0], F_GETFD) >= 0);
  close(fds[0]);
  CHECK_INT(CRO_E_CLOSED, cro_listen(d.loop, &options, &few_ops, &d, on_done));
  options.fd = open("/dev/null", O_RDONLY);
  CHECK_INT(CRO_E_INVAL, cro_listen(d.loop, &options, &few_ops, &d, on_done));
  close(options.fd);
  close(fds[1]);
  CHECK_INT(0, d.done);
  cro_loop_destroy(d.loop);
}

static void two_listeners_share_a_port_when_both_say_so(void)
{
  door first = { 0 }, second = { 0 };
  cro_listen_options options = { .host = CRO_B("127.0.0.1"),
                                 .fd = -1,
                                 .reuse_port = true };

  CHECK_INT(0, cro_loop_create(&first.loop));
  second.loop = first.loop;
  CHECK_INT(0, cro_listen(first.loop, &options, &few_ops, &first, on_done));
  options.port = first.port;
  CHECK_INT(0, cro_listen(first.loop, &options, &few_ops, &second, on_done));
  CHECK_INT(0, second.err);
  CHECK_INT(first.port, second.port);
  cro_loop_destroy(first.loop);
}

/* --- limits
 * ------------------------------------------------------------------------------ */

static void connections_beyond_the_limit_are_refused(void)
{
  door d = { 0 };
  cro_conn *conn;
  char got[8];
  int fds[3];

  open_door(&d, 1);
  fds[0] = plain_connect(d.port);
  UNTIL(d.loop, d.accepted == 1);
  conn = cro_tcp_conn(d.tcp);
  fds[1] = plain_connect(d.port);
  UNTIL(d.loop, d.refused == 1);
  spin(d.loop, 5);
  CHECK_INT(4, plain_read(fds[1], got, sizeof got));
  CHECK_INT(0, plain_read(fds[1], got, sizeof got));
  conn->ops->close(conn);
  spin(d.loop, 5);
  fds[2] = plain_connect(d.port);
  UNTIL(d.loop, d.accepted == 2);
  CHECK_INT(1, d.refused);
  cro_loop_destroy(d.loop);
  for (int i = 0; i < 3; i++)
    close(fds[i]);
}

static void without_a_refusal_they_are_closed(void)
{
  door d = { 0 };
  cro_listen_options options = { .host = CRO_B("127.0.0.1"),
                                 .fd = -1,
                                 .max_connections = 1 };
  char byte;
  int fds[2];

  CHECK_INT(0, cro_loop_create(&d.loop));
  CHECK_INT(0, cro_listen(d.loop, &options, &few_ops, &d, on_done));
  fds[0] = plain_connect(d.port);
  UNTIL(d.loop, d.accepted == 1);
  fds[1] = plain_connect(d.port);
  spin(d.loop, 20);
  CHECK_INT(0, plain_read(fds[1], &byte, 1));
  CHECK_INT(1, d.accepted);
  cro_loop_destroy(d.loop);
  close(fds[0]);
  close(fds[1]);
}

/* Takes every descriptor that is left; returns how many are in `taken`. */
static int exhaust(int *taken, int max)
{
  int count = 0;

  while (count < max && (taken[count] = dup(0)) >= 0)
    count++;
  return count;
}

static void running_out_of_descriptors_pauses_and_is_told_once(void)
{
  struct rlimit before, few;
  cro_loop_stats stats;
  door d = { 0 };
  int fds[4], taken[256], count;

  getrlimit(RLIMIT_NOFILE, &before);
  few = before;
  few.rlim_cur = 64;
  open_door(&d, 0);
  for (int i = 0; i < 4; i++)
    fds[i] = plain_connect(d.port);
  CHECK_INT(0, setrlimit(RLIMIT_NOFILE, &few));
  count = exhaust(taken, 256);
  spin(d.loop, 350); /* three pauses */
  CHECK_INT(1, d.starved);
  CHECK_INT(CRO_E_MFILE, d.starved_err);
  CHECK_INT(0, d.accepted);
  cro_loop_stats_get(d.loop, &stats);
  CHECK(stats.timers > 0); /* it rests rather than spins */
  while (count > 0)
    close(taken[--count]);
  setrlimit(RLIMIT_NOFILE, &before);
  close(fds[0]);
  fds[0] = plain_connect(d.port);
  UNTIL(d.loop, d.accepted > 0);
  cro_loop_destroy(d.loop);
  for (int i = 0; i < 4; i++)
    close(fds[i]);
}

/* --- pausing and closing
 * ------------------------------------------------------------------- */

static void a_paused_listener_leaves_clients_in_the_backlog(void)
{
  door d = { 0 };
  int fd;

  open_door(&d, 0);
  cro_listener_pause(d.listener);
  fd = plain_connect(d.port);
  spin(d.loop, 20);
  CHECK_INT(0, d.accepted);
  cro_listener_resume(d.listener);
  UNTIL(d.loop, d.accepted == 1);
  cro_loop_destroy(d.loop);
  close(fd);
}

static void connections_outlive_their_listener(void)
{
  door d = { .close_listener = true };
  cro_loop_stats stats;
  int fds[3];

  open_door(&d, 0);
  for (int i = 0; i < 3; i++)
    fds[i] = plain_connect(d.port);
  UNTIL(d.loop, d.accepted == 1);
  spin(d.loop, 20);
  CHECK_INT(1, d.accepted);
  cro_loop_stats_get(d.loop, &stats);
  CHECK_INT(0, stats.listeners);
  CHECK_INT(1, stats.tcp);
  CHECK_INT(0, cro_tcp_start(d.tcp, false));
  cro_tcp_conn(d.tcp)->ops->abort(cro_tcp_conn(d.tcp));
  spin(d.loop, 5);
  cro_loop_stats_get(d.loop, &stats);
  CHECK_INT(0, stats.tcp);
  cro_loop_destroy(d.loop);
  for (int i = 0; i < 3; i++)
    close(fds[i]);
}

static void a_crowd_is_accepted_whole(void)
{
  enum { crowd = 150 };
  door d = { 0 };
  int fds[crowd];

  open_door(&d, 0);
  for (int i = 0; i < crowd; i++)
    fds[i] = plain_connect(d.port);
  UNTIL(d.loop, d.accepted == crowd);
  cro_loop_destroy(d.loop);
  for (int i = 0; i < crowd; i++)
    close(fds[i]);
}

TEST_MAIN(CASE(a_port_of_the_systems_choice_is_told),
          CASE(a_port_in_use_is_an_error_of_its_own),
          CASE(a_foreign_address_is_no_local_one), CASE(names_are_looked_up),
          CASE(a_name_too_long_to_be_one_is_refused), CASE(no_host_is_every_address),
          CASE(ipv6_addresses_have_no_brackets),
          CASE(a_listening_descriptor_is_taken_over),
          CASE(a_descriptor_that_does_not_listen_is_refused_and_kept),
          CASE(two_listeners_share_a_port_when_both_say_so),
          CASE(connections_beyond_the_limit_are_refused),
          CASE(without_a_refusal_they_are_closed),
          CASE(running_out_of_descriptors_pauses_and_is_told_once),
          CASE(a_paused_listener_leaves_clients_in_the_backlog),
          CASE(connections_outlive_their_listener), CASE(a_crowd_is_accepted_whole))
