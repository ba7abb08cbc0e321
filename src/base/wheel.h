/* base/wheel.h - every deadline and every timer of one loop.
 *
 * A hierarchical timer wheel with slots of 1 ms. Arming, moving and disarming are
 * a list move. It reads no clock: the owner passes `now` (milliseconds of a
 * monotonic clock), so the same wheel runs under a virtual clock.
 *
 * Within one tick timers fire in the order they were armed. A timer never fires
 * early. fn may arm, move, disarm or free any timer, its own included.
 */
#ifndef CRO_BASE_WHEEL_H
#define CRO_BASE_WHEEL_H

#include "base/list.h"

#include <stdint.h>

typedef struct cro_timer cro_timer;
struct cro_timer {
  cro_list node; /* private */
  uint64_t due;  /* ms; read-only, valid while armed */
  void (*fn)(cro_timer *timer);
};

typedef struct cro_wheel cro_wheel;

/* 0 or CRO_E_NOMEM. */
int cro_wheel_create(cro_wheel **out, uint64_t now);

/* Timers still armed are disarmed. */
void cro_wheel_destroy(cro_wheel *wheel);

/* A timer that is not armed; fn is called by cro_wheel_advance. The caller owns the
 * memory, and disarms it before it goes. */
void cro_timer_init(cro_timer *timer, void (*fn)(cro_timer *timer));

/* (Re)arms to fire at `due`; a time that has passed fires at the next advance. */
void cro_wheel_arm(cro_wheel *wheel, cro_timer *timer, uint64_t due);

/* Harmless when not armed. */
void cro_wheel_disarm(cro_wheel *wheel, cro_timer *timer);

/* Armed and not yet fired. */
static inline bool cro_timer_armed(const cro_timer *timer)
{
  return !cro_list_empty(&timer->node);
}

/* Fires everything due at or before `now`, tick by tick, and what those calls arm
 * for a later tick up to `now`. What they arm for the tick being fired, or an earlier
 * one, waits for the next advance, so a timer that re-arms itself for the present
 * cannot hold the loop. `now` never goes back. Not to be called from a timer's fn. */
void cro_wheel_advance(cro_wheel *wheel, uint64_t now);

/* No timer is due before this. Exact for a timer within the current 64 ms; for a
 * later one it is the start of the slot that holds it: advance to it and ask again.
 * (Looking through a slot would cost as much as there are connections.) UINT64_MAX
 * when none is armed. */
uint64_t cro_wheel_next(const cro_wheel *wheel);

/* The same of those that are due later than the time last advanced to. */
uint64_t cro_wheel_next_later(const cro_wheel *wheel);

/* Timers armed now. */
size_t cro_wheel_count(const cro_wheel *wheel);

#endif
