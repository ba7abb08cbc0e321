/* bind/parts.h - the stages of C that a script's pipeline names.
 *
 * Parser and serializer of one connection share a session of the version that was
 * negotiated on it: HTTP/2 where the client has chosen that by ALPN, else HTTP/1.1.
 * Where both may come in the clear, the first bytes tell: until then two stages that
 * know nothing of HTTP stand in the places of the session's own.
 */
#ifndef CRO_BIND_PARTS_H
#define CRO_BIND_PARTS_H

#include "bind/server.h"

/* Of a connection, in one of its slots; it goes with the connection. */
typedef struct lcro_session lcro_session;

/* Raises when the table on top of the stack, { kind =, options = }, describes no part,
 * or one that `conn` has already. */
void lcro_check_part(lua_State *L, cro_conn *conn);

/* The stage that it describes. With a part of HTTP *session is set. Options of the
 * first such part of a connection count; `label` is that of traces, unless the
 * connection has one, and is copied. May raise. */
cro_stage *lcro_make_part(lua_State *L, cro_conn *conn, cro_bytes label,
                          lcro_session **session);

/* The pipeline of its parser is linked: deadlines run. */
void lcro_session_start(lcro_session *session);
/* What runs comes to its end, then the connection. */
void lcro_session_drain(lcro_session *session);

#endif
