/* net/clock.h - a loop's clock, stopped and moved by hand: virtual time for tests.
 *
 * While it is stopped, cro_loop_now and cro_loop_hrtime stand still, and with them
 * every timer and deadline of the loop and the wall clock of the process (base/wall.h).
 * Sockets go on: what has been sent arrives. Time moves in cro_clock_pass only, from
 * timer to timer, each fired at its own time when the loop has come to rest.
 *
 * At rest: nothing is runnable, no name is being looked up, no file read or written,
 * and polling brings nothing that this process has caused. The kernel delivers over the
 * loopback at once or, when it is busy, within a fraction of a millisecond, which is
 * waited for when something was sent. Other processes and other hosts are not waited
 * for. What never rests is not waited for either: time moves on after
 * `net_restless_turns`.
 *
 * Going on after a stop, the clock is as far ahead (or behind) as it was moved: it
 * never goes back.
 */
#ifndef CRO_NET_CLOCK_H
#define CRO_NET_CLOCK_H

#include "net/loop.h"

/* CRO_E_STATE when it is stopped already. */
int cro_clock_stop(cro_loop *loop);

/* Time goes by itself again; a pass that was under way is given up: CRO_E_CANCELLED.
 * Harmless when it does. */
void cro_clock_resume(cro_loop *loop);

/* Has time go to the next timer by itself whenever the loop is at rest, and stand still
 * when there is none. Off again when the clock is resumed. */
void cro_clock_jump(cro_loop *loop, bool on);

/* Nanoseconds that have passed since it was stopped; 0 when it is not. */
uint64_t cro_clock_passed(const cro_loop *loop);
bool cro_clock_stopped(const cro_loop *loop);

/* Lets so much time pass; done(arg, 0) is called once, by the loop, when it has and the
 * loop is at rest. CRO_E_STATE when the clock is not stopped or a pass is under way,
 * CRO_E_INVAL when it would go beyond 2^63 ns. */
int cro_clock_pass(cro_loop *loop, uint64_t ns, void (*done)(void *arg, int err),
                   void *arg);

/* Ends a pass where it is: done comes with CRO_E_CANCELLED. Harmless without one. */
void cro_clock_give_up(cro_loop *loop);

#endif
