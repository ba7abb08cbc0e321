/* crypto/equal.h - comparing secrets.
 *
 * This folder is where libcrypto comes in: digests, HMAC, authenticated encryption and
 * random bytes will each have a file here, and only they include its headers. What
 * needs no library is here already. Nothing here knows HTTP, sockets or Lua.
 */
#ifndef CRO_CRYPTO_EQUAL_H
#define CRO_CRYPTO_EQUAL_H

#include "base/bytes.h"

/* Whether two slices are the same, in a time that depends on their lengths only: for
 * tokens and signatures, whose first wrong byte must not be told by a clock. */
bool cro_crypto_equal(cro_bytes a, cro_bytes b);

#endif
