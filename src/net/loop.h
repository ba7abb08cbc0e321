/* net/loop.h - one event loop: the clock, the wheel, the turn, the shared buffer.
 *
 * One per process or test. Everything in net belongs to a loop and dies before it.
 * uv.h is seen by src/net only.
 *
 * A turn: I/O callbacks run; then, before the loop waits again, stages that are
 * ready resume, the turn hook runs (Lua's ready queue), the wheel advances, and
 * connections with output are flushed. If anything is still to do the loop does not
 * wait.
 */
#ifndef CRO_NET_LOOP_H
#define CRO_NET_LOOP_H

#include "base/wheel.h"
#include "pipe/turn.h"

typedef struct cro_loop cro_loop;

int cro_loop_create(cro_loop **out);

/* Closes what is left, runs the loop until all close callbacks have come, frees. */
void cro_loop_destroy(cro_loop *loop);

/* Runs until cro_loop_stop or nothing is left to wait for. */
void cro_loop_run(cro_loop *loop);
void cro_loop_stop(cro_loop *loop);

/* Milliseconds, monotonic, fixed during a turn; and nanoseconds read afresh. */
uint64_t cro_loop_now(const cro_loop *loop);
uint64_t cro_loop_hrtime(void);

cro_turn *cro_loop_turn(cro_loop *loop);

/* Called once per turn after cro_loop_wake; returns true to be called again next
 * turn without waiting. */
void cro_loop_on_turn(cro_loop *loop, bool (*fn)(void *arg), void *arg);

/* Makes the next turn come without waiting. Loop thread only. */
void cro_loop_wake(cro_loop *loop);

/* Timers. `due` from cro_loop_now() + ms. A timer keeps the loop alive only if armed
 * with keep = true. */
void cro_loop_arm(cro_loop *loop, cro_timer *timer, uint64_t due);
void cro_loop_disarm(cro_loop *loop, cro_timer *timer);

/* Calls fn(arg) on the loop thread, from any thread. 0 or CRO_E_NOMEM. */
int cro_loop_post(cro_loop *loop, void (*fn)(void *arg), void *arg);

/* Open handles by kind, for statistics and leak tests. */
typedef struct cro_loop_stats {
  size_t tcp, listeners, signals, timers, resolves, pending_writes;
} cro_loop_stats;
void cro_loop_stats_get(const cro_loop *loop, cro_loop_stats *out);

/* --- signals ------------------------------------------------------------------ */

typedef struct cro_signal cro_signal;
/* fn is called in the loop each time. CRO_E_INVAL for a signal that can't be caught. */
int cro_signal_open(cro_signal **out, cro_loop *loop, int number,
                    void (*fn)(void *arg, int number), void *arg);
void cro_signal_close(cro_signal *sig);
/* "SIGINT", "INT" or "2" -> number, or CRO_E_INVAL. */
int cro_signal_number(cro_bytes name);

#endif
