#include "net/net.h"

#include "base/alloc.h"
#include "base/check.h"
#include "base/err.h"
#include "net/clock.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
  spare_buf_max = 64 * 1024, /* a bigger one is given back to the system */
  ns_per_ms = 1000000,
};

int cro_net_err(int uv)
{
  if (uv >= 0)
    return 0;
  if (uv == UV_EOF)
    return CRO_E_EOF;
  if (uv == UV_EAI_MEMORY)
    return CRO_E_NOMEM;
  if (uv == UV_EAI_CANCELED)
    return CRO_E_CANCELLED;
  if (uv <= UV_EAI_ADDRFAMILY && uv >= UV_EAI_PROTOCOL)
    return CRO_E_DNS;
  return cro_err_from_errno(-uv);
}

/* --- buffers -------------------------------------------------------------------- */

cro_buf cro_loop_take_buf(cro_loop *loop)
{
  if (loop->spares == 0)
    return (cro_buf){ 0 };
  loop->spare_bytes -= loop->spare[--loop->spares].cap;
  return loop->spare[loop->spares];
}

void cro_loop_give_buf(cro_loop *loop, cro_buf *buf)
{
  if (buf->at == NULL)
    return;
  if (loop->spares == net_spare_bufs || buf->cap > spare_buf_max ||
      loop->spare_bytes + buf->cap > net_spare_bytes) {
    cro_buf_free(buf);
    return;
  }
  buf->len = 0;
  loop->spare_bytes += buf->cap;
  loop->spare[loop->spares++] = *buf;
  *buf = (cro_buf){ 0 };
}

/* --- the turn ------------------------------------------------------------------- */

static void on_idle(uv_idle_t *idle)
{
  (void)idle; /* being active is all it does: the poll does not wait */
}

void cro_loop_again(cro_loop *loop)
{
  uv_idle_start(&loop->idle, on_idle);
}

static void on_turn_wake(cro_turn *turn)
{
  cro_loop_again(CRO_CONTAINER(turn, cro_loop, turn));
}

void cro_loop_wake(cro_loop *loop)
{
  loop->woken = true;
  cro_loop_again(loop);
}

static void run_hook(cro_loop *loop)
{
  if (!loop->woken)
    return;
  loop->woken = false;
  if (loop->on_turn != NULL && loop->on_turn(loop->on_turn_arg))
    loop->woken = true;
}

/* Nodes that come while one list is worked off wait for the next turn: a pair that
 * keeps waking each other cannot starve the rest. */
static void read_fresh(cro_loop *loop)
{
  cro_list now, *node;

  cro_list_init(&now);
  cro_list_splice(&now, &loop->fresh);
  while ((node = cro_list_shift(&now)) != NULL)
    cro_tcp_first_read(CRO_CONTAINER(node, cro_tcp, fresh));
}

/* What is runnable may answer more on a connection that is behind: its output waits for
 * that, so that a handler that awaits costs no write of its own. Not for long: the peer
 * waits for that output. */
static bool hold_output(const cro_loop *loop, cro_tcp *tcp)
{
  enum { ms_max = 5 }; /* 64 peers with 16 requests each are answered within */
  uint64_t now = uv_now(&loop->uv);

  if (!tcp->conn.behind || (!loop->woken && cro_list_empty(&loop->turn.ready)))
    return false;
  if (tcp->held_until == 0)
    tcp->held_until = now + ms_max;
  return now <= tcp->held_until;
}

static void flush_dirty(cro_loop *loop)
{
  cro_list now, *node;

  cro_list_init(&now);
  cro_list_splice(&now, &loop->dirty);
  while ((node = cro_list_shift(&now)) != NULL) {
    cro_tcp *tcp = CRO_CONTAINER(node, cro_tcp, dirty);

    if (hold_output(loop, tcp))
      cro_list_push(&loop->dirty, node);
    else
      cro_tcp_flush(tcp);
  }
}

static void finalise_ended(cro_loop *loop)
{
  cro_list now, *node;

  cro_list_init(&now);
  cro_list_splice(&now, &loop->ending);
  while ((node = cro_list_shift(&now)) != NULL)
    cro_tcp_finalise(CRO_CONTAINER(node, cro_tcp, dirty));
}

static void on_alarm(uv_timer_t *alarm)
{
  cro_loop *loop = alarm->data;

  loop->alarm_at = UINT64_MAX; /* the turn that follows advances the wheel */
}

/* An alarm that is too early is left alone: it costs one idle wake-up, moving it on
 * every request would cost one heap operation each. */
static void set_alarm(cro_loop *loop)
{
  uint64_t next = cro_wheel_next(loop->wheel);
  uint64_t now = cro_loop_now(loop);

  if (loop->clock.stopped)
    return;
  if (next == UINT64_MAX) {
    if (loop->alarm_at != UINT64_MAX)
      uv_timer_stop(&loop->alarm);
    loop->alarm_at = UINT64_MAX;
    return;
  }
  if (next >= loop->alarm_at)
    return;
  loop->alarm_at = next;
  uv_timer_start(&loop->alarm, on_alarm, next > now ? next - now : 0, 0);
}

static bool work_left(const cro_loop *loop)
{
  return loop->woken || !cro_turn_idle(&loop->turn) || !cro_list_empty(&loop->fresh) ||
         !cro_list_empty(&loop->dirty) || !cro_list_empty(&loop->ending);
}

static void on_prepare(uv_prepare_t *prepare)
{
  cro_loop *loop = prepare->data;

  read_fresh(loop);
  cro_turn_run(&loop->turn);
  run_hook(loop);
  cro_wheel_advance(loop->wheel, cro_loop_now(loop));
  flush_dirty(loop);
  finalise_ended(loop);
  set_alarm(loop);
  if (work_left(loop))
    cro_loop_again(loop);
  else
    uv_idle_stop(&loop->idle);
  net_clock_turn(loop, work_left(loop));
}

/* --- other threads -------------------------------------------------------------- */

static void run_posts(cro_loop *loop)
{
  cro_list now, *node;

  cro_list_init(&now);
  uv_mutex_lock(&loop->lock);
  cro_list_splice(&now, &loop->posts);
  uv_mutex_unlock(&loop->lock);
  while ((node = cro_list_shift(&now)) != NULL) {
    cro_post *post = CRO_CONTAINER(node, cro_post, node);

    post->fn(post);
  }
}

static void on_async(uv_async_t *async)
{
  run_posts(async->data);
}

void cro_loop_post(cro_loop *loop, cro_post *post)
{
  cro_list_init(&post->node);
  uv_mutex_lock(&loop->lock);
  cro_list_push(&loop->posts, &post->node);
  uv_mutex_unlock(&loop->lock);
  uv_async_send(&loop->async);
}

void cro_loop_keep(cro_loop *loop, int by)
{
  loop->kept += by;
  cro_check(loop->kept >= 0);
  if (loop->kept > 0)
    uv_ref((uv_handle_t *)&loop->async);
  else
    uv_unref((uv_handle_t *)&loop->async);
}

/* --- time, hooks, statistics ------------------------------------------------------ */

uint64_t cro_loop_now(const cro_loop *loop)
{
  const net_clock *clock = &loop->clock;

  if (clock->stopped)
    return clock->now / ns_per_ms;
  return uv_now(&loop->uv) + (uint64_t)clock->ahead;
}

uint64_t cro_loop_hrtime(const cro_loop *loop)
{
  const net_clock *clock = &loop->clock;

  if (clock->stopped)
    return clock->now;
  return uv_hrtime() + (uint64_t)clock->ahead * ns_per_ms;
}

cro_turn *cro_loop_turn(cro_loop *loop)
{
  return &loop->turn;
}

void cro_loop_on_turn(cro_loop *loop, bool (*fn)(void *arg), void *arg)
{
  loop->on_turn = fn;
  loop->on_turn_arg = arg;
}

/* The alarm is set by the turn; before the loop runs, or from a close callback, the
 * turn comes only if asked for. */
void cro_loop_arm(cro_loop *loop, cro_timer *timer, uint64_t due)
{
  cro_wheel_arm(loop->wheel, timer, due);
  if (due < loop->alarm_at)
    cro_loop_again(loop);
}

void cro_loop_disarm(cro_loop *loop, cro_timer *timer)
{
  cro_wheel_disarm(loop->wheel, timer);
  if (cro_wheel_count(loop->wheel) == 0 && loop->alarm_at != UINT64_MAX)
    cro_loop_again(loop);
}

static void on_aside(uv_timer_t *aside)
{
  cro_loop *loop = aside->data;

  loop->on_aside(loop->on_aside_arg);
}

void cro_loop_aside(cro_loop *loop, uint64_t ms, void (*fn)(void *arg), void *arg)
{
  loop->on_aside = fn;
  loop->on_aside_arg = arg;
  if (fn == NULL) {
    uv_timer_stop(&loop->aside);
    return;
  }
  uv_update_time(&loop->uv);
  uv_timer_start(&loop->aside, on_aside, ms, 0);
}

void cro_loop_limit_accepted(cro_loop *loop, uint64_t max)
{
  loop->accepted_max = max;
}

void cro_loop_give_up_names(cro_loop *loop)
{
  net_resolve_cancel_all(loop);
}

void cro_loop_stats_get(const cro_loop *loop, cro_loop_stats *out)
{
  *out = (cro_loop_stats){
    .tcp = loop->kinds[NET_INET],
    .unix_sockets = loop->kinds[NET_UNIX],
    .pipes = loop->kinds[NET_PIPE] + loop->kinds[NET_TERMINAL],
    .connecting = loop->connecting_count,
    .listeners = loop->listener_count,
    .signals = loop->signal_count,
    .processes = loop->process_count,
    .timers = cro_wheel_count(loop->wheel),
    .udp = loop->udp_count,
    .udp_dropped = loop->udp_dropped,
    .resolves = loop->resolve_count,
    .files = loop->file_count,
    .file_requests = loop->fs_count,
    .watches = loop->watch_count,
    .lingers = loop->linger_count,
    .pending_writes = loop->write_count,
  };
}

/* --- life ----------------------------------------------------------------------- */

static void raise_pool(void)
{
  char text[8];

  snprintf(text, sizeof text, "%d", net_pool_threads);
  setenv("UV_THREADPOOL_SIZE", text, 0);
}

static void init_fields(cro_loop *loop)
{
  cro_list *const lists[] = {
    &loop->posts,           &loop->tcps,         &loop->listeners, &loop->signals,
    &loop->connectings,     &loop->dirty,        &loop->fresh,     &loop->ending,
    &loop->lookups_waiting, &loop->lookups_busy, &loop->lingers,   &loop->files,
    &loop->fs_waiting,      &loop->fs_busy,      &loop->processes, &loop->udps,
    &loop->udp_openings,
  };

  for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
    cro_list_init(lists[i]);
  net_files_init(loop);
  cro_list_init(&loop->watches);
  cro_turn_init(&loop->turn, on_turn_wake);
  loop->alarm_at = UINT64_MAX;
  loop->prepare.data = loop->alarm.data = loop->aside.data = loop->async.data = loop;
}

static void init_handles(cro_loop *loop)
{
  uv_prepare_init(&loop->uv, &loop->prepare);
  uv_idle_init(&loop->uv, &loop->idle);
  uv_timer_init(&loop->uv, &loop->alarm);
  uv_timer_init(&loop->uv, &loop->aside);
  uv_unref((uv_handle_t *)&loop->aside);
  net_clock_init(loop);
  uv_prepare_start(&loop->prepare, on_prepare);
  uv_unref((uv_handle_t *)&loop->prepare);
}

/* Undoes a loop whose libuv part has begun. */
static int fail_create(cro_loop *loop, int rc)
{
  uv_run(&loop->uv, UV_RUN_NOWAIT);
  uv_loop_close(&loop->uv);
  cro_wheel_destroy(loop->wheel);
  cro_free(loop->shared);
  cro_free(loop);
  return rc;
}

int cro_loop_create(cro_loop **out)
{
  cro_loop *loop;
  int rc;

  raise_pool();
  signal(SIGPIPE, SIG_IGN);
  signal(SIGXFSZ, SIG_IGN);
  loop = cro_alloc_zero(sizeof *loop);
  if (loop == NULL)
    return CRO_E_NOMEM;
  rc = cro_net_err(uv_loop_init(&loop->uv));
  if (rc != 0) {
    cro_free(loop);
    return rc;
  }
  init_fields(loop);
  loop->shared = cro_alloc(net_read_bytes);
  rc = loop->shared == NULL ? CRO_E_NOMEM
                            : cro_wheel_create(&loop->wheel, uv_now(&loop->uv));
  if (rc != 0)
    return fail_create(loop, rc);
  rc = cro_net_err(uv_async_init(&loop->uv, &loop->async, on_async));
  if (rc != 0)
    return fail_create(loop, rc);
  uv_unref((uv_handle_t *)&loop->async);
  cro_check(uv_mutex_init(&loop->lock) == 0);
  init_handles(loop);
  loop->reserve = open("/dev/null", O_RDONLY | O_CLOEXEC);
  *out = loop;
  return 0;
}

void cro_loop_run(cro_loop *loop)
{
  uv_run(&loop->uv, UV_RUN_DEFAULT);
}

void cro_loop_stop(cro_loop *loop)
{
  uv_stop(&loop->uv);
}

static void close_all(cro_loop *loop)
{
  cro_list *node, *next;

  net_resolve_cancel_all(loop);
  while (!cro_list_empty(&loop->connectings))
    cro_connect_cancel(CRO_CONTAINER(loop->connectings.next, cro_connecting, node));
  while (!cro_list_empty(&loop->listeners))
    cro_listener_close(CRO_CONTAINER(loop->listeners.next, cro_listener, node));
  net_signals_close(loop);
  net_processes_close(loop);
  net_udps_close(loop);
  net_lingers_close(loop);
  net_files_close(loop);
  net_watches_close(loop);
  for (node = loop->tcps.next; node != &loop->tcps; node = next) {
    next = node->next;
    cro_tcp_end(CRO_CONTAINER(node, cro_tcp, node), CRO_E_CANCELLED, true, true);
  }
}

static void close_own_handles(cro_loop *loop)
{
  uv_close((uv_handle_t *)&loop->prepare, NULL);
  uv_close((uv_handle_t *)&loop->idle, NULL);
  uv_close((uv_handle_t *)&loop->alarm, NULL);
  uv_close((uv_handle_t *)&loop->aside, NULL);
  uv_close((uv_handle_t *)&loop->clock.limit, NULL);
  uv_close((uv_handle_t *)&loop->async, NULL);
  uv_run(&loop->uv, UV_RUN_DEFAULT);
}

/* Callbacks of what is closed may open more: until nothing is left. */
static void drain(cro_loop *loop)
{
  loop->on_turn = NULL;
  do {
    close_all(loop);
    run_posts(loop);
    cro_loop_again(loop);
    uv_run(&loop->uv, UV_RUN_ONCE);
  } while (loop->tcp_count > 0 || loop->resolve_count > 0 || loop->fs_count > 0 ||
           work_left(loop));
}

void cro_loop_destroy(cro_loop *loop)
{
  if (loop == NULL)
    return;
  loop->destroying = true;
  cro_clock_resume(loop);
  drain(loop);
  net_resolve_let_go(loop);
  run_posts(loop);
  close_own_handles(loop);
  cro_check(uv_loop_close(&loop->uv) == 0);
  uv_mutex_destroy(&loop->lock);
  if (loop->reserve >= 0)
    close(loop->reserve);
  while (loop->spares > 0)
    cro_buf_free(&loop->spare[--loop->spares]);
  cro_wheel_destroy(loop->wheel);
  cro_free(loop->shared);
  cro_free(loop);
}
