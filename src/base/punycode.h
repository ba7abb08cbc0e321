/* base/punycode.h - host names beyond ASCII in the form that name servers know.
 *
 * Each label that is not all ASCII becomes "xn--" and its letters by RFC 3492; case is
 * kept and nothing is normalised: who types a name types it as it is registered. Owns
 * nothing, allocates nothing.
 */
#ifndef CRO_BASE_PUNYCODE_H
#define CRO_BASE_PUNYCODE_H

#include "base/bytes.h"

/* Writes the name and a NUL. 0, CRO_E_INVAL for what is not UTF-8, or CRO_E_TOO_LONG
 * when it takes `room` bytes or more. */
int cro_punycode_host(cro_bytes host, char *out, size_t room);

#endif
