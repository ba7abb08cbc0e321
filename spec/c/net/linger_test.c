#include "base/check.h"
#include "net/net.h"
#include "support/loopback.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static size_t lingers(cro_loop *loop)
{
  cro_loop_stats stats;

  cro_loop_stats_get(loop, &stats);
  return stats.lingers;
}

/* A client, and at the other end an answer followed by an orderly close. */
static int answered(loopback *lb, bool patient, size_t unread)
{
  static char junk[256 * 1024];
  int fd;

  loopback_open(lb);
  fd = loopback_client(lb);
  cro_tcp_patient(lb->tcp, patient);
  lb->probe.answer = CRO_FULL; /* reads once, then no more */
  plain_send(fd, CRO_B("request"));
  UNTIL(lb->loop, lb->probe.pushes == 1);
  if (unread > 0)
    plain_send(fd, (cro_bytes){ junk, unread });
  CHECK_INT(0, probe_send(&lb->probe, CRO_B("answer")));
  conn_of(lb)->ops->close(conn_of(lb));
  UNTIL(lb->loop, lb->closed == 1);
  CHECK_INT(0, lb->closed_err);
  return fd;
}

static void reads_answer(int fd)
{
  char got[16];

  CHECK_INT(6, plain_read(fd, got, sizeof got));
  CHECK(memcmp(got, "answer", 6) == 0);
  CHECK_INT(0, plain_read(fd, got, sizeof got)); /* FIN, no reset */
}

static void unread_input_costs_the_peer_nothing_of_the_answer(void)
{
  for (int patient = 0; patient < 2; patient++) {
    loopback lb = { 0 };
    int fd = answered(&lb, patient, 30000);

    CHECK_INT(1, lingers(lb.loop));
    plain_send(fd, CRO_B("and more"));
    spin(lb.loop, 20);
    plain_send(fd, CRO_B("and more"));
    spin(lb.loop, 20);
    reads_answer(fd);
    close(fd);
    UNTIL(lb.loop, lingers(lb.loop) == 0);
    loopback_close(&lb);
  }
}

static void a_patient_end_expects_more_although_nothing_is_there(void)
{
  loopback lb = { 0 };
  int fd = answered(&lb, true, 0);

  CHECK_INT(1, lingers(lb.loop));
  plain_send(fd, CRO_B("late"));
  spin(lb.loop, 20);
  reads_answer(fd);
  close(fd);
  UNTIL(lb.loop, lingers(lb.loop) == 0);
  loopback_close(&lb);
}

static void an_end_that_is_not_patient_closes_when_nothing_is_unread(void)
{
  loopback lb = { 0 };
  int fd = answered(&lb, false, 0);

  CHECK_INT(0, lingers(lb.loop));
  reads_answer(fd);
  close(fd);
  loopback_close(&lb);
}

static void nobody_lingers_for_a_peer_that_has_said_fin(void)
{
  loopback lb = { 0 };
  int fd;

  loopback_open(&lb);
  fd = loopback_client(&lb);
  cro_tcp_patient(lb.tcp, true);
  shutdown(fd, SHUT_WR);
  UNTIL(lb.loop, lb.probe.finishes == 1);
  CHECK_INT(0, probe_send(&lb.probe, CRO_B("answer")));
  conn_of(&lb)->ops->close(conn_of(&lb));
  UNTIL(lb.loop, lb.closed == 1);
  CHECK_INT(0, lingers(lb.loop));
  reads_answer(fd);
  close(fd);
  loopback_close(&lb);
}

/* One that goes on sending is read no more, but may still read. */
static void no_more_than_256_kib_are_thrown_away(void)
{
  static char junk[64 * 1024];
  loopback lb = { 0 };
  int fd = answered(&lb, true, 0);
  size_t sent = 0;

  for (int i = 0; i < 400; i++) {
    ssize_t n = send(fd, junk, sizeof junk, MSG_NOSIGNAL | MSG_DONTWAIT);

    if (n < 0 && errno == EAGAIN)
      break;
    CHECK(n > 0);
    sent += n > 0 ? (size_t)n : 0;
    spin(lb.loop, 1);
  }
  CHECK(sent >= 256 * 1024);
  CHECK(send(fd, junk, 1, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 && errno == EAGAIN);
  CHECK_INT(1, lingers(lb.loop));
  reads_answer(fd);
  UNTIL(lb.loop, lingers(lb.loop) == 0);
  CHECK(send(fd, junk, 1, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 && errno != EAGAIN);
  close(fd);
  loopback_close(&lb);
}

static void what_is_already_too_much_is_left_unread(void)
{
  loopback lb = { 0 };
  int fd = answered(&lb, false, 30000);
  static char junk[16 * 1024];

  for (int i = 0; i < 4000; i++)
    if (send(fd, junk, sizeof junk, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
      break;
  spin(lb.loop, 20);
  CHECK_INT(1, lingers(lb.loop));
  reads_answer(fd);
  close(fd);
  loopback_close(&lb);
}

static void a_peer_that_never_closes_is_left_after_2_s(void)
{
  loopback lb = { 0 };
  int fd = answered(&lb, true, 0);
  uint64_t start = cro_loop_now(lb.loop), took;

  UNTIL(lb.loop, lingers(lb.loop) == 0);
  took = cro_loop_now(lb.loop) - start;
  CHECK(took >= 1900 && took < 2900);
  reads_answer(fd);
  close(fd);
  loopback_close(&lb);
}

static void a_loop_that_ends_leaves_nobody_lingering(void)
{
  loopback lb = { 0 };
  int fd = answered(&lb, true, 0);

  CHECK_INT(1, lingers(lb.loop));
  loopback_close(&lb);
  reads_answer(fd);
  close(fd);
}

TEST_MAIN(CASE(unread_input_costs_the_peer_nothing_of_the_answer),
          CASE(a_patient_end_expects_more_although_nothing_is_there),
          CASE(an_end_that_is_not_patient_closes_when_nothing_is_unread),
          CASE(nobody_lingers_for_a_peer_that_has_said_fin),
          CASE(no_more_than_256_kib_are_thrown_away),
          CASE(what_is_already_too_much_is_left_unread),
          CASE(a_peer_that_never_closes_is_left_after_2_s),
          CASE(a_loop_that_ends_leaves_nobody_lingering))
