/* base/wall.h - the time of day of this process, which a test may hold still.
 *
 * One per process, as the system's is. Whoever shows a date asks here, so that a clock
 * that was stopped by hand (net/clock.h) holds for headers, cookies and logs too.
 */
#ifndef CRO_BASE_WALL_H
#define CRO_BASE_WALL_H

#include <stdint.h>

/* Nanoseconds since 1970-01-01 UTC, read afresh. */
int64_t cro_wall(void);

/* Seconds since then, as of the last tick of the kernel: cheap enough for each answer.
 */
int64_t cro_wall_seconds(void);

/* From now on both say this, until they are let go. Calls may follow one another. */
void cro_wall_hold(int64_t ns);
void cro_wall_let_go(void);

#endif
