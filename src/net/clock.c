#include "net/clock.h"

#include "base/err.h"
#include "base/wall.h"
#include "net/net.h"

#include <poll.h>

enum {
  ns_per_ms = 1000000,
  quiet_turns = 2,    /* libuv asks the kernel for new descriptors one poll late */
  grace_ms = 2,       /* real ones; for what the kernel has yet to deliver */
  patience_ms = 1000, /* real ones; for names and files */
};

static const uint64_t longest_ms = INT64_MAX / ns_per_ms;

static uint64_t to_ms_up(uint64_t ns)
{
  return (ns + ns_per_ms - 1) / ns_per_ms * ns_per_ms;
}

static void set_time(cro_loop *loop, uint64_t ns)
{
  net_clock *clock = &loop->clock;

  clock->now = ns;
  cro_wall_hold(clock->wall + (int64_t)(ns - clock->began));
}

int cro_clock_stop(cro_loop *loop)
{
  net_clock *clock = &loop->clock;

  if (clock->stopped)
    return CRO_E_STATE;
  clock->began = to_ms_up(cro_loop_hrtime(loop));
  clock->wall = cro_wall();
  clock->stopped = true;
  set_time(loop, clock->began);
  uv_timer_stop(&loop->alarm);
  loop->alarm_at = UINT64_MAX;
  return 0;
}

static void stop_waiting(cro_loop *loop)
{
  uv_timer_stop(&loop->clock.limit);
  loop->clock.waiting = loop->clock.waited = false;
}

static void end_pass(cro_loop *loop, int err)
{
  net_clock *clock = &loop->clock;
  void (*done)(void *arg, int err) = clock->done;

  clock->done = NULL;
  if (done != NULL)
    done(clock->arg, err);
}

/* Both of the loop's clocks are ahead by the same whole milliseconds. */
void cro_clock_resume(cro_loop *loop)
{
  net_clock *clock = &loop->clock;

  if (!clock->stopped)
    return;
  clock->stopped = clock->jumps = false;
  uv_update_time(&loop->uv);
  clock->ahead =
      (int64_t)(to_ms_up(clock->now) / ns_per_ms) - (int64_t)uv_now(&loop->uv);
  cro_wall_let_go();
  stop_waiting(loop);
  cro_loop_again(loop); /* sets the alarm */
  end_pass(loop, CRO_E_CANCELLED);
}

void cro_clock_jump(cro_loop *loop, bool on)
{
  loop->clock.jumps = on;
  cro_loop_again(loop);
}

bool cro_clock_stopped(const cro_loop *loop)
{
  return loop->clock.stopped;
}

uint64_t cro_clock_passed(const cro_loop *loop)
{
  return loop->clock.stopped ? loop->clock.now - loop->clock.began : 0;
}

int cro_clock_pass(cro_loop *loop, uint64_t ns, void (*done)(void *arg, int err),
                   void *arg)
{
  net_clock *clock = &loop->clock;

  if (!clock->stopped || clock->done != NULL)
    return CRO_E_STATE;
  if (ns > (uint64_t)INT64_MAX - clock->now)
    return CRO_E_INVAL;
  clock->target = clock->now + ns;
  clock->done = done;
  clock->arg = arg;
  clock->quiet = clock->restless = 0;
  cro_loop_again(loop);
  return 0;
}

void cro_clock_give_up(cro_loop *loop)
{
  end_pass(loop, CRO_E_CANCELLED);
}

/* --- a pass ---------------------------------------------------------------------- */

static void on_limit(uv_timer_t *limit)
{
  cro_loop *loop = limit->data;

  loop->clock.waiting = false;
  loop->clock.waited = true;
}

/* Lets the next poll wait, for so long. Coming here again before that is over, the loop
 * was woken: what woke it counts from the beginning. */
static void wait_for_kernel(cro_loop *loop, uint64_t ms)
{
  net_clock *clock = &loop->clock;

  if (clock->waiting) {
    stop_waiting(loop);
    clock->quiet = 0;
    cro_loop_again(loop);
    return;
  }
  clock->waiting = true;
  clock->waited = false;
  uv_update_time(&loop->uv);
  uv_timer_start(&clock->limit, on_limit, ms, 0);
}

static bool readable(cro_loop *loop)
{
  struct pollfd kernel = { .fd = uv_backend_fd(&loop->uv), .events = POLLIN };

  return poll(&kernel, 1, 0) > 0;
}

/* To the next timer, or to the end. Timers due already are a spinner's: their turns
 * have come often enough. */
static void step(cro_loop *loop)
{
  net_clock *clock = &loop->clock;
  uint64_t next = cro_wheel_next_later(loop->wheel);

  stop_waiting(loop);
  clock->quiet = clock->restless = 0;
  if (clock->done != NULL && next > clock->target / ns_per_ms) {
    set_time(loop, clock->target);
    end_pass(loop, 0);
    return;
  }
  if (next > longest_ms)
    return; /* there is no timer: only the kernel can bring something */
  if (next * ns_per_ms > clock->now)
    set_time(loop, next * ns_per_ms);
  cro_loop_again(loop);
}

/* Threads that look names up or read files. */
static bool others_work(const cro_loop *loop)
{
  return loop->resolve_count > 0 || loop->fs_count > 0;
}

/* Nothing is runnable: may more come, from the kernel or another thread? */
static bool at_rest(cro_loop *loop)
{
  net_clock *clock = &loop->clock;

  if (readable(loop)) {
    clock->quiet = 0;
    cro_loop_again(loop);
    return false;
  }
  if (clock->quiet++ < quiet_turns) {
    cro_loop_again(loop);
    return false;
  }
  if (clock->waited || (!clock->stirred && !others_work(loop))) {
    clock->stirred = false;
    return true;
  }
  wait_for_kernel(loop, others_work(loop) ? patience_ms : grace_ms);
  return false;
}

void net_clock_turn(cro_loop *loop, bool busy)
{
  net_clock *clock = &loop->clock;

  if (clock->done == NULL && !clock->jumps)
    return;
  if (clock->restless++ >= net_restless_turns) {
    step(loop);
    return;
  }
  if (busy || cro_wheel_next(loop->wheel) <= clock->now / ns_per_ms) {
    clock->quiet = 0;
    stop_waiting(loop);
    cro_loop_again(loop);
    return;
  }
  if (at_rest(loop))
    step(loop);
}

void net_clock_init(cro_loop *loop)
{
  uv_timer_init(&loop->uv, &loop->clock.limit);
  loop->clock.limit.data = loop;
}
