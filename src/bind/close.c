/* close.c - the end of a state: nothing of it may be called once it is closed. */
#include "base/check.h"
#include "bind/server.h"
#include "bind/tcp.h"
#include "net/clock.h"
#include "net/process.h"

#include <signal.h>
#include <stddef.h>

static void stop_servers(lcro_app *app)
{
  for (cro_list *node = app->servers.next; node != &app->servers; node = node->next) {
    cro_server *server = CRO_CONTAINER(node, lcro_server, node)->server;

    if (cro_server_stats_of(server).connections > 0 || cro_server_listens(server))
      cro_server_stop(server, true, NULL, NULL);
  }
}

static void abort_tcps(lcro_app *app)
{
  for (cro_list *node = app->tcps.next; node != &app->tcps; node = node->next)
    lcro_tcp_abort(CRO_CONTAINER(node, lcro_tcp, node)->tcp);
}

typedef struct {
  cro_timer timer;
  cro_loop *loop;
} round;

static void round_over(cro_timer *timer)
{
  cro_loop_stop(CRO_CONTAINER(timer, round, timer)->loop);
}

/* One round of the loop without waiting for anything but what is due. */
static void turn_once(cro_loop *loop)
{
  round once = { .loop = loop };

  cro_timer_init(&once.timer, round_over);
  cro_loop_arm(loop, &once.timer, cro_loop_now(loop) + 1);
  cro_loop_run(loop);
  cro_loop_disarm(loop, &once.timer);
}

static bool idle(cro_loop *loop)
{
  cro_loop_stats stats;

  cro_loop_stats_get(loop, &stats);
  return stats.tcp + stats.unix_sockets + stats.pipes == 0 && stats.lingers == 0 &&
         cro_processes_end(loop, 0) == 0;
}

/* In rounds of a millisecond. */
static void wait_until_idle(cro_loop *loop, int rounds)
{
  while (rounds-- > 0 && !idle(loop))
    turn_once(loop);
}

void lcro_app_close(lcro_app *app)
{
  enum { rounds_max = 5000, rounds_killed = 1000 };

  app->closing = true;
  cro_clock_resume(app->loop);
  stop_servers(app);
  abort_tcps(app);
  cro_loop_give_up_names(app->loop);
  (void)cro_processes_end(app->loop, SIGTERM);
  wait_until_idle(app->loop, rounds_max);
  if (!cro_list_empty(&app->servers))
    turn_once(app->loop); /* who waits for a stop is told by a timer, after that */
  if (cro_processes_end(app->loop, SIGKILL) > 0)
    wait_until_idle(app->loop, rounds_killed);
  lcro_chains_close(app);
  lcro_fiber_leave_all(app);
  cro_buf_free(&app->scratch);
}
