/* bind/parts.h - the stages of C that a script's pipeline names.
 *
 * Parser and serializer of one connection share a session of the version that was
 * negotiated on it: HTTP/2 where the client has chosen that by ALPN, else HTTP/1.1.
 */
#ifndef CRO_BIND_PARTS_H
#define CRO_BIND_PARTS_H

#include "bind/server.h"

/* Of a connection, in one of its slots; it goes with the connection. */
typedef struct lcro_session lcro_session;

/* The stage that the table on top of the stack describes: { kind =, options = }. With a
 * part of HTTP *session is set. Options of the first such part of a connection count.
 * May raise. */
cro_stage *lcro_make_part(lua_State *L, cro_conn *conn, lcro_session **session);

/* What traces of it are labelled with, unless the connection has a label. Copied. */
void lcro_session_label(lcro_session *session, cro_conn *conn, cro_bytes label);

/* The pipeline is linked: deadlines run. */
void lcro_session_start(lcro_session *session);
/* What runs comes to its end, then the connection. */
void lcro_session_drain(lcro_session *session);

#endif
