#include "net/tcp.h"

#include "base/alloc.h"
#include "base/err.h"
#include "support/loopback.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

static cro_loop_stats stats(const loopback *lb)
{
  cro_loop_stats now;

  cro_loop_stats_get(lb->loop, &now);
  return now;
}

/* The end of the test, blocking, and the one under test. */
static int adopted_pair(loopback *lb)
{
  int ends[2];

  loopback_open(lb);
  CHECK_INT(0, socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
  CHECK_INT(0, loopback_adopt(lb, ends[0], 0));
  return ends[1];
}

/* Reads with the loop running until `want` bytes, the end (*ended) or 3 s. */
static size_t read_all(loopback *lb, int fd, char *into, size_t want, bool *ended)
{
  size_t got = 0;

  *ended = false;
  (void)fcntl(fd, F_SETFL, O_NONBLOCK);
  for (int i = 0; i < 3000 && got < want; i++) {
    ssize_t n = read(fd, into + got, want - got);

    *ended = n == 0 || (n < 0 && errno != EAGAIN);
    if (*ended)
      break;
    if (n > 0)
      got += (size_t)n;
    else
      spin(lb->loop, 1);
  }
  return got;
}

static void a_socket_pair_carries_bytes_both_ways(void)
{
  for (int at_once = 0; at_once < 2; at_once++) {
    loopback lb = { .at_once = at_once == 1 };
    int fd = adopted_pair(&lb);
    char got[16];

    lb.probe.echo = true;
    CHECK_INT(1, stats(&lb).unix_sockets);
    CHECK_INT(0, stats(&lb).tcp);
    plain_send(fd, CRO_B("hello"));
    CHECK_BYTES(CRO_B("hello"), ((cro_bytes){ got, drain(&lb, fd, got, 5) }));
    CHECK_INT(0, shutdown(fd, SHUT_WR));
    UNTIL(lb.loop, lb.closed == 1);
    CHECK_INT(0, lb.closed_err);
    CHECK_INT(1, lb.probe.finishes);
    CHECK_INT(0, stats(&lb).unix_sockets);
    close(fd);
    loopback_close(&lb);
  }
}

static void its_address_is_that_of_no_host(void)
{
  loopback lb = { 0 };
  int fd = adopted_pair(&lb), port = 0;
  cro_conn *conn = conn_of(&lb);

  CHECK_BYTES(CRO_B("unix:"), conn->ops->peer(conn, &port));
  CHECK_INT(-1, port);
  CHECK_BYTES(CRO_B("unix:"), conn->ops->local(conn, &port));
  CHECK_INT(CRO_E_NOTSUP, cro_tcp_nodelay(lb.tcp, true));
  loopback_close(&lb);
  close(fd);
}

static void a_pair_that_is_slow_to_read_holds_the_writer(void)
{
  loopback lb = { 0 };
  int fd = adopted_pair(&lb);
  size_t pushed = fill(&lb, 5000);
  char *got = malloc(pushed);
  bool ended;

  CHECK_INT(pushed, read_all(&lb, fd, got, pushed, &ended));
  check_pattern(got, pushed);
  UNTIL(lb.loop, lb.probe.resumes == 1);
  free(got);
  loopback_close(&lb);
  close(fd);
}

static void an_abort_and_a_close_end_it_at_once_and_in_order(void)
{
  for (int abort = 0; abort < 2; abort++) {
    loopback lb = { 0 };
    int fd = adopted_pair(&lb);
    char got[8];
    bool ended;

    CHECK_INT(0, probe_send(&lb.probe, CRO_B("bye")));
    if (abort)
      conn_of(&lb)->ops->abort(conn_of(&lb));
    else
      conn_of(&lb)->ops->close(conn_of(&lb));
    CHECK_INT(abort ? 0 : 3, read_all(&lb, fd, got, 8, &ended));
    CHECK(ended);
    UNTIL(lb.loop, lb.closed == 1);
    CHECK_INT(abort ? CRO_E_ABORTED : 0, lb.closed_err);
    CHECK_INT(0, stats(&lb).lingers);
    loopback_close(&lb);
    close(fd);
  }
}

/* --- pipes
 * ---------------------------------------------------------------------------- */

static void the_reading_end_of_a_pipe_closes_at_its_end(void)
{
  loopback lb = { 0 };
  int ends[2];

  loopback_open(&lb);
  CHECK_INT(0, pipe(ends));
  CHECK_INT(0, loopback_adopt(&lb, ends[0], 0));
  CHECK_INT(1, stats(&lb).pipes);
  CHECK_INT(CRO_E_CLOSED, probe_send(&lb.probe, CRO_B("no")));
  CHECK_INT(4, write(ends[1], "text", 4));
  UNTIL(lb.loop, lb.probe.got.len == 4);
  close(ends[1]);
  UNTIL(lb.loop, lb.closed == 1);
  CHECK_INT(1, lb.probe.finishes);
  CHECK_INT(0, lb.closed_err);
  CHECK_INT(-1, fcntl(ends[0], F_GETFD));
  CHECK_INT(0, stats(&lb).pipes);
  loopback_close(&lb);
}

static int writing_end(loopback *lb)
{
  int ends[2];

  loopback_open(lb);
  CHECK_INT(0, pipe(ends));
  CHECK_INT(0, loopback_adopt(lb, ends[1], 0));
  return ends[0];
}

static void the_writing_end_of_a_pipe_has_no_input_and_closes_with_its_output(void)
{
  loopback lb = { 0 };
  int fd = writing_end(&lb);
  size_t pushed;
  char *got;
  bool ended;

  UNTIL(lb.loop, lb.probe.finishes == 1);
  CHECK_INT(0, lb.closed);
  pushed = fill(&lb, 30000);
  CHECK_INT(0, cro_emit_finish(&lb.probe.stage));
  got = malloc(pushed + 1);
  CHECK_INT(pushed, read_all(&lb, fd, got, pushed + 1, &ended));
  CHECK(ended);
  check_pattern(got, pushed);
  UNTIL(lb.loop, lb.closed == 1);
  CHECK_INT(0, lb.closed_err);
  free(got);
  loopback_close(&lb);
  close(fd);
}

static void a_write_that_nobody_will_read_breaks_it(void)
{
  loopback lb = { 0 };
  int fd = writing_end(&lb);

  close(fd);
  (void)probe_send(&lb.probe, CRO_B("lost"));
  UNTIL(lb.loop, lb.closed == 1);
  CHECK_INT(CRO_E_PIPE, lb.closed_err);
  loopback_close(&lb);
}

/* --- terminals
 * ------------------------------------------------------------------------- */

/* The master, with the slave open as *slave and left as it is. */
static int terminal(int *slave)
{
  struct termios raw;
  int master = posix_openpt(O_RDWR | O_NOCTTY);

  CHECK(master >= 0);
  CHECK_INT(0, grantpt(master));
  CHECK_INT(0, unlockpt(master));
  *slave = open(ptsname(master), O_RDWR | O_NOCTTY);
  CHECK(*slave >= 0);
  CHECK_INT(0, tcgetattr(*slave, &raw));
  cfmakeraw(&raw);
  CHECK_INT(0, tcsetattr(*slave, TCSANOW, &raw));
  return master;
}

static void a_terminal_ends_when_its_other_side_has_gone(void)
{
  for (int at_once = 0; at_once < 2; at_once++) {
    loopback lb = { .at_once = at_once == 1 };
    int slave, master = terminal(&slave);
    char got[8];
    bool ended;

    loopback_open(&lb);
    CHECK_INT(0, loopback_adopt(&lb, master, 0));
    CHECK_INT(1, stats(&lb).pipes);
    CHECK_INT(0, probe_send(&lb.probe, CRO_B("ls\n")));
    CHECK_INT(3, read_all(&lb, slave, got, 3, &ended));
    CHECK_INT(4, write(slave, "file", 4));
    UNTIL(lb.loop, lb.probe.got.len == 4);
    CHECK_BYTES(CRO_B("file"), ((cro_bytes){ lb.probe.got.at, 4 }));
    close(slave);
    UNTIL(lb.loop, lb.closed == 1);
    CHECK_INT(0, lb.closed_err);
    CHECK_INT(1, lb.probe.finishes);
    CHECK_INT(0, lb.probe.fails);
    loopback_close(&lb);
  }
}

/* --- what it takes
 * --------------------------------------------------------------------- */

static void refused(loopback *lb, int fd)
{
  CHECK_INT(CRO_E_INVAL, loopback_adopt(lb, fd, 0));
  CHECK(fcntl(fd, F_GETFD) >= 0);
  close(fd);
}

static void what_is_no_stream_is_refused_and_left_open(void)
{
  loopback lb = { 0 };
  int port = 0;

  loopback_open(&lb);
  refused(&lb, open("/dev/null", O_RDWR));
  refused(&lb, open("/", O_RDONLY));
  refused(&lb, open("/proc/self/status", O_RDONLY));
  refused(&lb, socket(AF_INET, SOCK_DGRAM, 0));
  refused(&lb, socket(AF_UNIX, SOCK_DGRAM, 0));
  refused(&lb, plain_listener("127.0.0.1", &port, 1));
  CHECK(loopback_adopt(&lb, -1, 0) < 0);
  CHECK(loopback_adopt(&lb, 987654, 0) < 0);
  CHECK_INT(0, stats(&lb).tcp + stats(&lb).pipes + stats(&lb).unix_sockets);
  loopback_close(&lb);
}

static void a_tcp_socket_keeps_all_it_knows(void)
{
  loopback lb = { 0 };
  int port = 0, at, fd, other;
  cro_conn *conn;

  loopback_open(&lb);
  at = plain_listener("127.0.0.1", &port, 1);
  fd = plain_connect(port);
  other = accept(at, NULL, NULL);
  CHECK_INT(0, loopback_adopt(&lb, fd, 0));
  conn = conn_of(&lb);
  CHECK_INT(1, stats(&lb).tcp);
  CHECK_INT(0, cro_tcp_nodelay(lb.tcp, true));
  port = 0;
  CHECK_BYTES(CRO_B("127.0.0.1"), conn->ops->peer(conn, &port));
  CHECK(port > 0);
  conn->ops->abort(conn);
  UNTIL(lb.loop, lb.closed == 1);
  CHECK_INT(ECONNRESET, last_errno(other));
  close(other);
  close(at);
  loopback_close(&lb);
}

static void a_shared_descriptor_is_taken_once_and_blocks_again_afterwards(void)
{
  loopback lb = { 0 };
  int ends[2], copy;

  loopback_open(&lb);
  CHECK_INT(0, pipe(ends));
  copy = dup(ends[0]);
  CHECK_INT(0, loopback_adopt(&lb, ends[0], CRO_STREAM_SHARED));
  CHECK((fcntl(copy, F_GETFL) & O_NONBLOCK) != 0);
  CHECK_INT(0, fcntl(ends[0], F_GETFD) & FD_CLOEXEC);
  CHECK_INT(CRO_E_EXISTS, loopback_adopt(&lb, ends[0], CRO_STREAM_SHARED));
  conn_of(&lb)->ops->close(conn_of(&lb));
  UNTIL(lb.loop, lb.closed == 1);
  CHECK_INT(0, fcntl(copy, F_GETFL) & O_NONBLOCK);
  CHECK_INT(-1, fcntl(ends[0], F_GETFD));
  close(copy);
  close(ends[1]);
  loopback_close(&lb);
}

static void without_memory_the_descriptor_stays_open(void)
{
  loopback lb = { 0 };
  int ends[2];

  loopback_open(&lb);
  CHECK_INT(0, socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
  cro_alloc_fail_at(1);
  CHECK_INT(CRO_E_NOMEM, loopback_adopt(&lb, ends[0], 0));
  cro_alloc_fail_at(0);
  CHECK(fcntl(ends[0], F_GETFD) >= 0);
  CHECK_INT(0, loopback_adopt(&lb, ends[0], 0));
  loopback_close(&lb);
  close(ends[1]);
}

TEST_MAIN(CASE(a_socket_pair_carries_bytes_both_ways),
          CASE(its_address_is_that_of_no_host),
          CASE(a_pair_that_is_slow_to_read_holds_the_writer),
          CASE(an_abort_and_a_close_end_it_at_once_and_in_order),
          CASE(the_reading_end_of_a_pipe_closes_at_its_end),
          CASE(the_writing_end_of_a_pipe_has_no_input_and_closes_with_its_output),
          CASE(a_write_that_nobody_will_read_breaks_it),
          CASE(a_terminal_ends_when_its_other_side_has_gone),
          CASE(what_is_no_stream_is_refused_and_left_open),
          CASE(a_tcp_socket_keeps_all_it_knows),
          CASE(a_shared_descriptor_is_taken_once_and_blocks_again_afterwards),
          CASE(without_memory_the_descriptor_stays_open))
