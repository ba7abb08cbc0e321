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

/* 0, CRO_E_NOMEM, or CRO_E_MFILE. Ignores SIGPIPE and SIGXFSZ in the whole process (who
 * writes hears of it), and raises the thread pool to 16 threads unless
 * UV_THREADPOOL_SIZE says otherwise. */
int cro_loop_create(cro_loop **out);

/* Closes what is left, runs the loop until all close callbacks have come, frees. A
 * thread that still looks a name up is not waited for. NULL is allowed. */
void cro_loop_destroy(cro_loop *loop);

/* Runs until cro_loop_stop (in a callback; the turn is completed) or until nothing is
 * left to wait for. */
void cro_loop_run(cro_loop *loop);
void cro_loop_stop(cro_loop *loop);

/* Milliseconds, monotonic, fixed between two polls; and nanoseconds read afresh. Both
 * stand still while the clock is stopped (net/clock.h). */
uint64_t cro_loop_now(const cro_loop *loop);
uint64_t cro_loop_hrtime(const cro_loop *loop);

/* The turn that stages of this loop's connections are attached to. The loop's. */
cro_turn *cro_loop_turn(cro_loop *loop);

/* Called once per turn after cro_loop_wake; returns true to be called again next
 * turn without waiting. */
void cro_loop_on_turn(cro_loop *loop, bool (*fn)(void *arg), void *arg);

/* Makes the next turn come without waiting. Loop thread only. */
void cro_loop_wake(cro_loop *loop);

/* Timers. `due` from cro_loop_now() + ms. An armed timer keeps the loop running. */
void cro_loop_arm(cro_loop *loop, cro_timer *timer, uint64_t due);
void cro_loop_disarm(cro_loop *loop, cro_timer *timer);

/* A call on the loop thread, asked for by another thread. The poster owns the memory
 * until fn has been called, so that posting cannot fail. */
typedef struct cro_post cro_post;
struct cro_post {
  cro_list node; /* private */
  void (*fn)(cro_post *post);
};

/* From any thread. What is posted is called once, in order; what is still there when
 * the loop is destroyed is called by cro_loop_destroy. */
void cro_loop_post(cro_loop *loop, cro_post *post);

/* Something that may be done when there is time: fn(arg) is called by the loop, once,
 * about so many milliseconds of real time later, whether or not the clock is stopped.
 * The loop does not go on for its sake. A later call takes its place; fn NULL takes it
 * back. */
void cro_loop_aside(cro_loop *loop, uint64_t ms, void (*fn)(void *arg), void *arg);

/* Counts up (+1) and down (-1) reasons to go on running although nothing is open: a
 * post that is on its way, a fiber that another thread will wake. */
void cro_loop_keep(cro_loop *loop, int by);

/* Every name that is being looked up fails now: CRO_E_CANCELLED. */
void cro_loop_give_up_names(cro_loop *loop);

/* Open handles by kind, for statistics and leak tests. */
typedef struct cro_loop_stats {
  size_t tcp, unix_sockets, pipes; /* connections; terminals are pipes */
  size_t connecting, listeners, signals, timers, resolves, pending_writes;
  size_t watches;              /* files and folders whose changes are told */
  size_t files, file_requests; /* open files; what is asked of the pool for files */
  size_t processes;            /* started and not yet reaped */
  size_t udp;
  uint64_t udp_dropped; /* datagrams, since the loop began */
  size_t lingers;       /* closed connections whose peer has not heard it all yet */
} cro_loop_stats;
/* The counts as of now. */
void cro_loop_stats_get(const cro_loop *loop, cro_loop_stats *out);

/* How many descriptors the process may have open. When that is fewer than `wanted` the
 * soft limit (ulimit -n) is first raised to the hard one, which needs no privilege. */
uint64_t cro_net_files(uint64_t wanted);

/* At most so many accepted connections at a time over all listeners, which keep their
 * own limits; 0: no such limit. One more is refused or closed. */
void cro_loop_limit_accepted(cro_loop *loop, uint64_t max);

/* --- signals ------------------------------------------------------------------ */

typedef struct cro_signal cro_signal;
/* fn is called in the loop each time. CRO_E_INVAL for a signal that cannot be caught,
 * for those that report a fault of the program, and for SIGPIPE, which is ignored. An
 * open signal keeps the loop running. */
int cro_signal_open(cro_signal **out, cro_loop *loop, int number,
                    void (*fn)(void *arg, int number), void *arg);
void cro_signal_close(cro_signal *sig);
/* The loop ends although it is open, when nothing else is. */
void cro_signal_aside(cro_signal *sig);
/* "SIGINT", "INT" or "2" -> number, or CRO_E_INVAL. */
int cro_signal_number(cro_bytes name);
/* Neither SIGKILL nor SIGSTOP, a fault of the program, or SIGPIPE. */
bool cro_signal_catchable(int number);
/* SIGINT -> "INT"; NULL for one without a name of its own. Static. */
const char *cro_signal_name(int number);

#endif
