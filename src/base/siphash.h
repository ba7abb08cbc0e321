/* base/siphash.h - SipHash-1-3: a keyed hash for tables whose keys a peer chooses.
 *
 * With a secret key from cro_random nobody outside can make keys that collide. It is
 * no signature: crypto has those.
 */
#ifndef CRO_BASE_SIPHASH_H
#define CRO_BASE_SIPHASH_H

#include "base/bytes.h"

#include <stdint.h>

/* The hash of `in` under the key. Cannot fail and keeps nothing. */
uint64_t cro_siphash(const uint8_t key[16], cro_bytes in);

#endif
