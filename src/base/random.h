/* base/random.h - random bytes from the kernel, fit for keys and session names.
 *
 * No state of our own: nothing to seed, nothing to repeat after a fork.
 */
#ifndef CRO_BASE_RANDOM_H
#define CRO_BASE_RANDOM_H

#include <stddef.h>

/* Fills `out`. 0, or CRO_E_IO when the kernel has no generator: never weaker bytes. */
int cro_random(void *out, size_t size);

#endif
