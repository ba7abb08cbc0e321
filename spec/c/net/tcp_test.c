#include "net/tcp.h"

#include "base/err.h"
#include "support/loopback.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static void bytes_come_back_from_an_echo(void)
{
  for (int at_once = 0; at_once < 2; at_once++) {
    loopback lb = { .at_once = at_once == 1 };
    char got[16];
    int fd;

    loopback_open(&lb);
    fd = loopback_client(&lb);
    lb.probe.echo = true;
    plain_send(fd, CRO_B("hello"));
    CHECK_BYTES(CRO_B("hello"), ((cro_bytes){ got, drain(&lb, fd, got, 5) }));
    plain_send(fd, CRO_B("again"));
    CHECK_BYTES(CRO_B("again"), ((cro_bytes){ got, drain(&lb, fd, got, 5) }));
    CHECK_INT(0, cro_tcp_queued(lb.tcp));
    loopback_close(&lb);
    close(fd);
  }
}

static void a_fin_finishes_the_pipeline_and_leaves_the_socket_writable(void)
{
  loopback lb = { 0 };
  char got[8];
  int fd;

  loopback_open(&lb);
  fd = loopback_client(&lb);
  CHECK_INT(0, shutdown(fd, SHUT_WR));
  UNTIL(lb.loop, lb.probe.finishes == 1);
  spin(lb.loop, 5);
  CHECK_INT(0, lb.closed);
  CHECK_INT(0, probe_send(&lb.probe, CRO_B("late")));
  CHECK_BYTES(CRO_B("late"), ((cro_bytes){ got, drain(&lb, fd, got, 4) }));
  conn_of(&lb)->ops->close(conn_of(&lb));
  UNTIL(lb.loop, lb.closed == 1);
  CHECK_INT(0, lb.closed_err);
  CHECK_INT(0, lb.probe.fails);
  CHECK_INT(1, lb.probe.destroys);
  loopback_close(&lb);
  close(fd);
}

static void a_connection_closes_by_itself_when_both_sides_have_finished(void)
{
  loopback lb = { 0 };
  char got[8];
  int fd;

  loopback_open(&lb);
  fd = loopback_client(&lb);
  lb.probe.say_bye = true;
  CHECK_INT(0, shutdown(fd, SHUT_WR));
  UNTIL(lb.loop, lb.closed == 1);
  CHECK_INT(0, lb.closed_err);
  CHECK_BYTES(CRO_B("bye"), ((cro_bytes){ got, drain(&lb, fd, got, 8) }));
  loopback_close(&lb);
  close(fd);
}

static void a_reset_is_noticed_while_nothing_happens(void)
{
  loopback lb = { 0 };
  int fd;

  loopback_open(&lb);
  fd = loopback_client(&lb);
  plain_send(fd, CRO_B("request"));
  UNTIL(lb.loop, lb.probe.got.len == 7);
  plain_reset(fd);
  UNTIL(lb.loop, lb.closed == 1);
  CHECK_INT(CRO_E_RESET, lb.closed_err);
  CHECK_INT(1, lb.probe.fails);
  CHECK_INT(CRO_E_RESET, lb.probe.err);
  CHECK_INT(0, lb.probe.finishes);
  CHECK_INT(1, lb.probe.destroys);
  loopback_close(&lb);
}

static void output_of_one_turn_is_one_segment(void)
{
  loopback lb = { 0 };
  char got[16];
  int fd;

  loopback_open(&lb);
  fd = loopback_client(&lb);
  CHECK_INT(0, probe_send(&lb.probe, CRO_B("one ")));
  CHECK_INT(0, probe_send(&lb.probe, CRO_B("two ")));
  CHECK_INT(8, cro_tcp_queued(lb.tcp));
  CHECK_INT(EAGAIN, last_errno(fd)); /* not before the turn */
  CHECK_INT(0, probe_send(&lb.probe, CRO_B("three")));
  spin(lb.loop, 1);
  CHECK_INT(0, cro_tcp_queued(lb.tcp));
  CHECK_INT(13, plain_read(fd, got, sizeof got));
  loopback_close(&lb);
  close(fd);
}

/* --- a peer that is slow to read
 * ------------------------------------------------------ */

static void count_flush(void *arg, int err)
{
  int *seen = arg;

  seen[0]++;
  seen[1] = err;
}

static void a_full_queue_says_so_and_resumes_when_the_peer_reads(size_t piece)
{
  loopback lb = { 0 };
  int flush[2] = { 0 };
  size_t pushed;
  char *got;
  int fd;

  loopback_open(&lb);
  fd = loopback_client(&lb);
  shrink_buffers(&lb, fd);
  pushed = fill(&lb, piece);
  CHECK(cro_tcp_queued(lb.tcp) > 64 * 1024);
  CHECK_INT(0, lb.probe.resumes);
  CHECK_INT(0, cro_tcp_on_flushed(lb.tcp, count_flush, flush));
  spin(lb.loop, 5);
  CHECK_INT(0, flush[0]);
  got = malloc(pushed);
  CHECK_INT(pushed, drain(&lb, fd, got, pushed));
  check_pattern(got, pushed);
  UNTIL(lb.loop, lb.probe.resumes == 1);
  UNTIL(lb.loop, flush[0] == 1);
  CHECK_INT(0, flush[1]);
  CHECK_INT(0, cro_tcp_queued(lb.tcp));
  CHECK_INT(0, probe_send(&lb.probe, CRO_B("more")));
  CHECK_INT(4, drain(&lb, fd, got, 4));
  free(got);
  loopback_close(&lb);
  close(fd);
}

static void small_pushes_fill_the_queue_and_drain(void)
{
  a_full_queue_says_so_and_resumes_when_the_peer_reads(1000);
}

static void big_pushes_fill_the_queue_and_drain(void)
{
  a_full_queue_says_so_and_resumes_when_the_peer_reads(100000);
}

static void one_huge_push_arrives_whole(void)
{
  a_full_queue_says_so_and_resumes_when_the_peer_reads(16u * 1024 * 1024);
}

static void a_peer_that_never_reads_is_reset(void)
{
  loopback lb = { 0 };
  char got[1024];
  int fd;

  loopback_open(&lb);
  fd = loopback_client(&lb);
  shrink_buffers(&lb, fd);
  cro_tcp_write_idle(lb.tcp, 30);
  (void)fill(&lb, 50000);
  UNTIL(lb.loop, lb.closed == 1);
  CHECK_INT(CRO_E_TIMEOUT, lb.closed_err);
  CHECK_INT(CRO_E_TIMEOUT, lb.probe.err);
  while (plain_read(fd, got, sizeof got) > 0)
    ;
  CHECK_INT(ECONNRESET, errno);
  loopback_close(&lb);
  close(fd);
}

static void a_peer_that_reads_slowly_is_left_alone(void)
{
  loopback lb = { 0 };
  char got[65536];
  int fd;

  loopback_open(&lb);
  fd = loopback_client(&lb);
  shrink_buffers(&lb, fd);
  cro_tcp_write_idle(lb.tcp, 60);
  cro_tcp_write_rate(lb.tcp, 240);
  (void)fill(&lb, 3000000);
  for (int i = 0; i < 15; i++) {
    CHECK(plain_read(fd, got, sizeof got) > 0);
    spin(lb.loop, 10);
  }
  CHECK_INT(0, lb.closed);
  CHECK(cro_tcp_queued(lb.tcp) > 0);
  loopback_close(&lb);
  close(fd);
}

/* The first time that it is looked at, it has taken less than the floor. */
static void a_peer_that_reads_in_drops_is_reset(void)
{
  loopback lb = { 0 };
  char got[16];
  int fd;

  loopback_open(&lb);
  fd = loopback_client(&lb);
  shrink_buffers(&lb, fd);
  cro_tcp_write_idle(lb.tcp, 60);
  cro_tcp_write_rate(lb.tcp, 1000u * 1000 * 1000);
  (void)fill(&lb, 3000000);
  for (int i = 0; i < 2000 && lb.closed == 0; i++) {
    (void)plain_read(fd, got, sizeof got);
    spin(lb.loop, 5);
  }
  CHECK_INT(1, lb.closed);
  CHECK_INT(CRO_E_TIMEOUT, lb.closed_err);
  loopback_close(&lb);
  close(fd);
}

static void an_idle_connection_has_no_write_timer(void)
{
  loopback lb = { 0 };
  cro_loop_stats stats;
  int fd;

  loopback_open(&lb);
  fd = loopback_client(&lb);
  cro_tcp_write_idle(lb.tcp, 10);
  CHECK_INT(0, probe_send(&lb.probe, CRO_B("x")));
  spin(lb.loop, 30);
  cro_loop_stats_get(lb.loop, &stats);
  CHECK_INT(0, stats.timers);
  CHECK_INT(0, lb.closed);
  loopback_close(&lb);
  close(fd);
}

/* --- backpressure on reading
 * ------------------------------------------------------------ */

static void a_pipeline_that_is_full_is_not_read_for(void)
{
  loopback lb = { 0 };
  int fd;

  loopback_open(&lb);
  fd = loopback_client(&lb);
  lb.probe.answer = CRO_FULL;
  plain_send(fd, CRO_B("first"));
  UNTIL(lb.loop, lb.probe.got.len == 5);
  plain_send(fd, CRO_B("second"));
  spin(lb.loop, 20);
  CHECK_INT(1, lb.probe.pushes);
  lb.probe.answer = 0;
  cro_stage_resume(&lb.probe.stage);
  UNTIL(lb.loop, lb.probe.got.len == 11);
  loopback_close(&lb);
  close(fd);
}

static void a_first_read_that_fills_the_pipeline_pauses_too(void)
{
  loopback lb = { .at_once = true, .probe = { .answer = CRO_FULL } };
  int fd;

  loopback_open(&lb);
  fd = plain_connect(lb.port);
  plain_send(fd, CRO_B("first"));
  UNTIL(lb.loop, lb.probe.got.len == 5);
  plain_send(fd, CRO_B("second"));
  spin(lb.loop, 20);
  CHECK_INT(1, lb.probe.pushes);
  lb.probe.answer = 0;
  cro_stage_resume(&lb.probe.stage);
  UNTIL(lb.loop, lb.probe.got.len == 11);
  loopback_close(&lb);
  close(fd);
}

static void a_greeting_too_big_for_the_kernel_does_not_keep_it_from_reading(void)
{
  loopback lb = { .at_once = true, .greeting = 32u * 1024 * 1024 };
  int fd;

  loopback_open(&lb);
  fd = loopback_client(&lb);
  CHECK(cro_tcp_queued(lb.tcp) > 0);
  plain_send(fd, CRO_B("heard"));
  UNTIL(lb.loop, lb.probe.got.len == 5);
  loopback_close(&lb);
  close(fd);
}

TEST_MAIN(CASE(bytes_come_back_from_an_echo),
          CASE(a_fin_finishes_the_pipeline_and_leaves_the_socket_writable),
          CASE(a_connection_closes_by_itself_when_both_sides_have_finished),
          CASE(a_reset_is_noticed_while_nothing_happens),
          CASE(output_of_one_turn_is_one_segment),
          CASE(small_pushes_fill_the_queue_and_drain),
          CASE(big_pushes_fill_the_queue_and_drain), CASE(one_huge_push_arrives_whole),
          CASE(a_peer_that_never_reads_is_reset),
          CASE(a_peer_that_reads_slowly_is_left_alone),
          CASE(a_peer_that_reads_in_drops_is_reset),
          CASE(an_idle_connection_has_no_write_timer),
          CASE(a_pipeline_that_is_full_is_not_read_for),
          CASE(a_first_read_that_fills_the_pipeline_pauses_too),
          CASE(a_greeting_too_big_for_the_kernel_does_not_keep_it_from_reading))
