#include "net/clock.h"

#include "base/check.h"
#include "base/err.h"
#include "base/wall.h"
#include "net/net.h"
#include "support/loopback.h"

#include <unistd.h>

enum { ms = 1000000 }; /* nanoseconds */

/* When each timer fired, in milliseconds since the clock was stopped. */
static struct {
  cro_loop *loop;
  uint64_t at[16];
  size_t count;
  int passed, err;
} seen;

typedef struct {
  cro_timer timer;
  uint64_t again; /* ms; armed anew so much later */
} named;

static void on_named(cro_timer *timer)
{
  named *self = CRO_CONTAINER(timer, named, timer);

  if (seen.count < 16)
    seen.at[seen.count++] = cro_clock_passed(seen.loop) / ms;
  if (self->again > 0)
    cro_loop_arm(seen.loop, timer, cro_loop_now(seen.loop) + self->again - 1);
}

static void arm(named *self, uint64_t after, uint64_t again)
{
  *self = (named){ .again = again };
  cro_timer_init(&self->timer, on_named);
  cro_loop_arm(seen.loop, &self->timer, cro_loop_now(seen.loop) + after);
}

static void on_passed(void *arg, int err)
{
  (void)arg;
  seen.passed++;
  seen.err = err;
  cro_loop_stop(seen.loop);
}

static void open_stopped(void)
{
  seen.count = 0;
  seen.passed = seen.err = 0;
  cro_check(cro_loop_create(&seen.loop) == 0);
  CHECK_INT(0, cro_clock_stop(seen.loop));
}

static void pass(uint64_t ns)
{
  CHECK_INT(0, cro_clock_pass(seen.loop, ns, on_passed, NULL));
  cro_loop_run(seen.loop);
}

static void a_stopped_clock_moves_by_what_it_is_told(void)
{
  uint64_t now, fresh;
  int64_t wall;

  open_stopped();
  now = cro_loop_now(seen.loop);
  fresh = cro_loop_hrtime(seen.loop);
  wall = cro_wall();
  usleep(3000);
  uv_update_time(&seen.loop->uv);
  CHECK_INT(now, cro_loop_now(seen.loop));
  CHECK_INT(now * ms, fresh);
  CHECK_INT(CRO_E_STATE, cro_clock_stop(seen.loop));
  pass(UINT64_C(3600000) * ms + 500000);
  CHECK_INT(1, seen.passed);
  CHECK_INT(now + 3600000, cro_loop_now(seen.loop));
  CHECK_INT(fresh + UINT64_C(3600000) * ms + 500000, cro_loop_hrtime(seen.loop));
  CHECK_INT(wall + INT64_C(3600000) * ms + 500000, cro_wall());
  CHECK_INT(cro_wall() / 1000000000, cro_wall_seconds());
  cro_loop_destroy(seen.loop);
  CHECK(cro_wall() < wall + INT64_C(3600000) * ms);
}

static void timers_fire_when_they_are_due_and_not_before(void)
{
  named a, b, c, late;

  open_stopped();
  arm(&a, 70000, 0);
  arm(&b, 10, 0);
  arm(&c, 70000, 0);
  arm(&late, 70001, 0);
  pass(UINT64_C(70000) * ms);
  CHECK_INT(3, seen.count);
  CHECK_INT(10, seen.at[0]);
  CHECK_INT(70000, seen.at[1]);
  CHECK_INT(70000, seen.at[2]);
  cro_loop_destroy(seen.loop);
}

static void without_a_pass_nothing_fires_and_nothing_is_waited_for(void)
{
  named a;

  open_stopped();
  arm(&a, 1, 0);
  cro_loop_run(seen.loop); /* returns: there is nothing to wait for */
  usleep(5000);
  cro_loop_run(seen.loop);
  CHECK_INT(0, seen.count);
  cro_clock_resume(seen.loop);
  cro_loop_run(seen.loop);
  CHECK_INT(1, seen.count);
  cro_loop_destroy(seen.loop);
}

static void a_resumed_clock_goes_on_from_where_it_was_moved_to(void)
{
  uint64_t now, fresh;
  named a;

  open_stopped();
  now = cro_loop_now(seen.loop);
  pass(UINT64_C(5000) * ms + 1);
  fresh = cro_loop_hrtime(seen.loop);
  cro_clock_resume(seen.loop);
  cro_clock_resume(seen.loop);
  CHECK(!cro_clock_stopped(seen.loop));
  CHECK_INT(0, cro_clock_passed(seen.loop));
  CHECK(cro_loop_now(seen.loop) >= now + 5000);
  CHECK(cro_loop_hrtime(seen.loop) >= fresh);
  CHECK(cro_loop_now(seen.loop) < now + 6000);
  CHECK_INT(CRO_E_STATE, cro_clock_pass(seen.loop, 0, on_passed, NULL));
  arm(&a, 5, 0);
  cro_loop_run(seen.loop);
  CHECK_INT(1, seen.count);
  CHECK_INT(0, cro_clock_stop(seen.loop)); /* as often as one likes */
  pass(UINT64_C(1000) * ms);
  CHECK(cro_loop_now(seen.loop) >= now + 6000);
  cro_loop_destroy(seen.loop);
}

static void one_pass_at_a_time_and_each_is_told_once(void)
{
  open_stopped();
  CHECK_INT(CRO_E_INVAL, cro_clock_pass(seen.loop, UINT64_MAX, on_passed, NULL));
  CHECK_INT(0, cro_clock_pass(seen.loop, 5 * ms, on_passed, NULL));
  CHECK_INT(CRO_E_STATE, cro_clock_pass(seen.loop, 5 * ms, on_passed, NULL));
  cro_clock_give_up(seen.loop);
  cro_clock_give_up(seen.loop);
  CHECK_INT(1, seen.passed);
  CHECK_INT(CRO_E_CANCELLED, seen.err);
  CHECK_INT(0, cro_clock_pass(seen.loop, 5 * ms, on_passed, NULL));
  cro_clock_resume(seen.loop);
  CHECK_INT(2, seen.passed);
  CHECK_INT(CRO_E_CANCELLED, seen.err);
  CHECK_INT(0, cro_clock_stop(seen.loop));
  CHECK_INT(0, cro_clock_pass(seen.loop, 5 * ms, on_passed, NULL));
  cro_loop_destroy(seen.loop); /* the end of the loop ends it too */
  CHECK_INT(3, seen.passed);
}

static void a_jumping_clock_needs_no_telling_and_rests_without_timers(void)
{
  named a, b;

  open_stopped();
  arm(&a, 1000, 0);
  arm(&b, 60000, 0);
  cro_clock_jump(seen.loop, true);
  cro_loop_run(seen.loop);
  CHECK_INT(2, seen.count);
  CHECK_INT(60000, cro_clock_passed(seen.loop) / ms);
  cro_loop_destroy(seen.loop);
}

static bool never_rests(void *arg)
{
  (*(int *)arg)++;
  return true;
}

static void what_never_rests_is_not_waited_for(void)
{
  int turns = 0;
  named a, spinner;

  open_stopped();
  cro_loop_on_turn(seen.loop, never_rests, &turns);
  cro_loop_wake(seen.loop);
  arm(&a, 100, 0);
  arm(&spinner, 0, 1); /* due again at once */
  pass(1000 * ms);
  CHECK_INT(1, seen.passed);
  CHECK_INT(1000, cro_clock_passed(seen.loop) / ms);
  CHECK(turns >= net_restless_turns && turns < 20 * net_restless_turns);
  CHECK(!cro_timer_armed(&a.timer));
  cro_loop_disarm(seen.loop, &spinner.timer);
  cro_loop_on_turn(seen.loop, NULL, NULL);
  cro_loop_destroy(seen.loop);
}

static void what_was_sent_arrives_before_time_passes(void)
{
  loopback lb = { .at_once = true };
  char bytes[8];
  int fd;

  loopback_open(&lb);
  fd = loopback_client(&lb);
  seen.loop = lb.loop;
  seen.passed = 0;
  CHECK_INT(0, cro_clock_stop(lb.loop));
  plain_send(fd, CRO_B("ping"));
  net_stir(lb.loop); /* as what sends by the loop does */
  pass(0);
  CHECK_INT(1, seen.passed);
  CHECK_TEXT("ping", ((cro_bytes){ lb.probe.got.at, lb.probe.got.len }));
  CHECK_INT(0, probe_send(&lb.probe, CRO_B("pong")));
  pass(0);
  CHECK_INT(4, plain_read(fd, bytes, sizeof bytes));
  cro_clock_resume(lb.loop);
  loopback_close(&lb);
  close(fd);
}

TEST_MAIN(CASE(a_stopped_clock_moves_by_what_it_is_told),
          CASE(timers_fire_when_they_are_due_and_not_before),
          CASE(without_a_pass_nothing_fires_and_nothing_is_waited_for),
          CASE(a_resumed_clock_goes_on_from_where_it_was_moved_to),
          CASE(one_pass_at_a_time_and_each_is_told_once),
          CASE(a_jumping_clock_needs_no_telling_and_rests_without_timers),
          CASE(what_never_rests_is_not_waited_for),
          CASE(what_was_sent_arrives_before_time_passes))
