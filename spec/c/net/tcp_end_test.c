#include "net/tcp.h"

#include "base/err.h"
#include "support/loopback.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static void count_flush(void *arg, int err)
{
  int *seen = arg;

  seen[0]++;
  seen[1] = err;
}

/* --- ends
 * --------------------------------------------------------------------------------- */

static void close_writes_what_is_queued_and_sends_fin(void)
{
  loopback lb = { 0 };
  char got[8];
  int fd;

  loopback_open(&lb);
  fd = loopback_client(&lb);
  CHECK_INT(0, probe_send(&lb.probe, CRO_B("last")));
  conn_of(&lb)->ops->close(conn_of(&lb));
  CHECK_INT(CRO_E_CLOSED, probe_send(&lb.probe, CRO_B("no")));
  UNTIL(lb.loop, lb.closed == 1);
  CHECK_INT(0, lb.closed_err);
  CHECK_INT(0, lb.probe.fails + lb.probe.finishes);
  CHECK_INT(4, plain_read(fd, got, sizeof got));
  CHECK_INT(0, plain_read(fd, got, sizeof got));
  loopback_close(&lb);
  close(fd);
}

static void close_waits_for_a_peer_that_is_slow(void)
{
  loopback lb = { 0 };
  size_t pushed;
  char *got;
  int fd;

  loopback_open(&lb);
  fd = loopback_client(&lb);
  shrink_buffers(&lb, fd);
  pushed = fill(&lb, 200000);
  conn_of(&lb)->ops->close(conn_of(&lb));
  spin(lb.loop, 10);
  CHECK_INT(0, lb.closed);
  got = malloc(pushed + 1);
  CHECK_INT(pushed, drain(&lb, fd, got, pushed + 1));
  check_pattern(got, pushed);
  UNTIL(lb.loop, lb.closed == 1);
  CHECK_INT(0, lb.closed_err);
  free(got);
  loopback_close(&lb);
  close(fd);
}

static void an_exchange_may_end_inside_the_first_push(void)
{
  loopback lb = { .at_once = true, .probe = { .echo = true, .close_now = true } };
  char got[8];
  int fd;

  loopback_open(&lb);
  fd = plain_connect(lb.port);
  plain_send(fd, CRO_B("once"));
  UNTIL(lb.loop, lb.closed == 1);
  CHECK_INT(4, plain_read(fd, got, sizeof got));
  CHECK_INT(0, plain_read(fd, got, sizeof got));
  CHECK_INT(1, lb.probe.destroys);
  loopback_close(&lb);
  close(fd);
}

static void abort_resets(void)
{
  loopback lb = { 0 };
  int fd;

  loopback_open(&lb);
  fd = loopback_client(&lb);
  CHECK_INT(0, probe_send(&lb.probe, CRO_B("lost")));
  conn_of(&lb)->ops->abort(conn_of(&lb));
  UNTIL(lb.loop, lb.closed == 1);
  CHECK_INT(CRO_E_ABORTED, lb.closed_err);
  CHECK_INT(0, lb.probe.fails);
  CHECK_INT(ECONNRESET, last_errno(fd));
  loopback_close(&lb);
  close(fd);
}

static void shutdown_sends_fin_and_goes_on_reading(void)
{
  loopback lb = { 0 };
  char got[8];
  int fd;

  loopback_open(&lb);
  fd = loopback_client(&lb);
  CHECK_INT(0, probe_send(&lb.probe, CRO_B("end")));
  conn_of(&lb)->ops->shutdown(conn_of(&lb));
  CHECK_INT(CRO_E_CLOSED, probe_send(&lb.probe, CRO_B("no")));
  spin(lb.loop, 5);
  CHECK_INT(3, plain_read(fd, got, sizeof got));
  CHECK_INT(0, plain_read(fd, got, sizeof got));
  plain_send(fd, CRO_B("still here"));
  UNTIL(lb.loop, lb.probe.got.len == 10);
  CHECK_INT(0, lb.closed);
  close(fd);
  UNTIL(lb.loop, lb.closed == 1);
  CHECK_INT(0, lb.closed_err);
  loopback_close(&lb);
}

static void an_error_of_the_pipeline_closes_behind_what_is_queued(void)
{
  loopback lb = { .probe = { .answer = CRO_E_SYNTAX } };
  char got[8];
  int fd;

  loopback_open(&lb);
  fd = loopback_client(&lb);
  CHECK_INT(0, probe_send(&lb.probe, CRO_B("400")));
  plain_send(fd, CRO_B("nonsense"));
  UNTIL(lb.loop, lb.closed == 1);
  CHECK_INT(CRO_E_SYNTAX, lb.closed_err);
  CHECK_INT(0, lb.probe.fails);
  CHECK_INT(3, plain_read(fd, got, sizeof got));
  loopback_close(&lb);
  close(fd);
}

static void a_write_to_a_peer_that_has_gone_fails_the_pipeline(void)
{
  loopback lb = { .probe = { .answer = CRO_FULL } }; /* reading stops: not seen there */
  int flush[2] = { 0 };
  int fd;

  loopback_open(&lb);
  fd = loopback_client(&lb);
  plain_send(fd, CRO_B("x"));
  UNTIL(lb.loop, lb.probe.got.len == 1);
  plain_reset(fd);
  CHECK_INT(0, probe_send(&lb.probe, CRO_B("anybody?")));
  CHECK_INT(0, cro_tcp_on_flushed(lb.tcp, count_flush, flush));
  UNTIL(lb.loop, lb.closed == 1);
  CHECK(lb.closed_err == CRO_E_RESET || lb.closed_err == CRO_E_PIPE);
  CHECK_INT(1, lb.probe.fails);
  CHECK_INT(1, flush[0]);
  CHECK_INT(lb.closed_err, flush[1]);
  loopback_close(&lb);
}

/* --- deadlines
 * ------------------------------------------------------------------------------ */

static void a_deadline_nobody_handles_resets(void)
{
  loopback lb = { 0 };
  int fd;

  loopback_open(&lb);
  fd = loopback_client(&lb);
  conn_of(&lb)->ops->deadline(conn_of(&lb), CRO_WAIT_HEADER, 10);
  UNTIL(lb.loop, lb.closed == 1);
  CHECK_INT(CRO_E_TIMEOUT, lb.closed_err);
  CHECK_INT(CRO_E_TIMEOUT, lb.probe.err);
  CHECK_INT(ECONNRESET, last_errno(fd));
  loopback_close(&lb);
  close(fd);
}

static void note_deadline(void *arg, cro_wait what)
{
  *(cro_wait *)arg = what;
}

static void a_deadline_is_replaced_and_cleared(void)
{
  loopback lb = { 0 };
  cro_wait what = CRO_WAIT_NOTHING;
  cro_conn *conn;
  int fd;

  loopback_open(&lb);
  fd = loopback_client(&lb);
  conn = conn_of(&lb);
  conn->on_deadline = note_deadline;
  conn->deadline_arg = &what;
  conn->ops->deadline(conn, CRO_WAIT_HEADER, 10);
  conn->ops->deadline(conn, CRO_WAIT_BODY, 20);
  UNTIL(lb.loop, what != CRO_WAIT_NOTHING);
  CHECK_INT(CRO_WAIT_BODY, what);
  what = CRO_WAIT_NOTHING;
  conn->ops->deadline(conn, CRO_WAIT_HEADER, 5);
  conn->ops->deadline(conn, CRO_WAIT_NOTHING, 0);
  spin(lb.loop, 20);
  CHECK_INT(CRO_WAIT_NOTHING, what);
  CHECK_INT(0, lb.closed);
  loopback_close(&lb);
  close(fd);
}

/* --- the rest
 * --------------------------------------------------------------------------------- */

static void addresses_are_text(void)
{
  loopback lb = { 0 };
  cro_conn *conn;
  int port = 0, fd;

  loopback_open(&lb);
  fd = loopback_client(&lb);
  conn = conn_of(&lb);
  CHECK_TEXT("127.0.0.1", conn->ops->peer(conn, &port));
  CHECK(port > 0 && port != lb.port);
  CHECK_TEXT("127.0.0.1", conn->ops->local(conn, &port));
  CHECK_INT(lb.port, port);
  CHECK(cro_tcp_of(conn) == lb.tcp);
  CHECK_INT(0, cro_tcp_nodelay(lb.tcp, true));
  CHECK_INT(CRO_E_STATE, cro_tcp_start(lb.tcp, false));
  loopback_close(&lb);
  close(fd);
}

typedef struct {
  cro_listener *listener;
  probe in, out;
} split;

static void on_split(void *arg, cro_tcp *tcp)
{
  split *self = arg;

  probe_init(&self->in);
  probe_init(&self->out);
  CHECK_INT(0, cro_stage_link(cro_tcp_source(tcp), &self->in.stage));
  CHECK_INT(0, cro_stage_link(&self->out.stage, cro_tcp_sink(tcp)));
  cro_pipeline_attach(cro_tcp_source(tcp), cro_tcp_conn(tcp));
  cro_pipeline_attach(&self->out.stage, cro_tcp_conn(tcp));
  CHECK_INT(0, cro_tcp_start(tcp, true));
  CHECK_INT(0, probe_send(&self->out, CRO_B("out")));
}

static void note_listener(void *arg, int err, cro_listener *listener)
{
  CHECK_INT(0, err);
  ((split *)arg)->listener = listener;
}

static void a_socket_may_end_one_chain_and_begin_another(void)
{
  static const cro_listener_ops ops = { .accepted = on_split };
  cro_listen_options options = { .host = CRO_B("127.0.0.1"), .fd = -1 };
  cro_loop *loop;
  split both = { 0 };
  char got[8];
  int port, fd;

  CHECK_INT(0, cro_loop_create(&loop));
  CHECK_INT(0, cro_listen(loop, &options, &ops, &both, note_listener));
  (void)cro_listener_address(both.listener, &port);
  fd = plain_connect(port);
  plain_send(fd, CRO_B("in"));
  UNTIL(loop, both.in.got.len == 2);
  spin(loop, 5);
  CHECK_INT(3, plain_read(fd, got, sizeof got));
  plain_reset(fd);
  UNTIL(loop, both.in.destroys == 1);
  CHECK_INT(1, both.in.fails);
  CHECK_INT(1, both.out.destroys);
  cro_loop_destroy(loop);
}

TEST_MAIN(CASE(close_writes_what_is_queued_and_sends_fin),
          CASE(close_waits_for_a_peer_that_is_slow),
          CASE(an_exchange_may_end_inside_the_first_push), CASE(abort_resets),
          CASE(shutdown_sends_fin_and_goes_on_reading),
          CASE(an_error_of_the_pipeline_closes_behind_what_is_queued),
          CASE(a_write_to_a_peer_that_has_gone_fails_the_pipeline),
          CASE(a_deadline_nobody_handles_resets),
          CASE(a_deadline_is_replaced_and_cleared), CASE(addresses_are_text),
          CASE(a_socket_may_end_one_chain_and_begin_another))
