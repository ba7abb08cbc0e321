/* http/target.h - what a request is for, the same rules for every version of HTTP.
 *
 * Nothing is copied: slices point into what was given.
 */
#ifndef CRO_HTTP_TARGET_H
#define CRO_HTTP_TARGET_H

#include "http/message.h"

/* RFC 9110 7.2, RFC 3986 3.2: uri-host [":" port], no userinfo. Empty is allowed. */
bool cro_authority_ok(cro_bytes in);

/* The same; quick for the one that was asked about last. */
bool cro_host_ok(cro_bytes in);

/* Path and query of a target in origin form, or of what follows an authority. */
void cro_target_split(cro_request *request, cro_bytes from);

/* RFC 9112 3.2.3: CONNECT names a host and a port, nothing else does. The target must
 * be set. 0 or -400. */
int cro_target_connect(cro_request *request);

#endif
