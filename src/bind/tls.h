/* bind/tls.h - contexts of TLS as Lua sees them, and what the bindings that shake hands
 * share.
 *
 * A context box holds its context once and drops it when it is collected; a listener, a
 * server or a connection that goes on without the box holds it too.
 */
#ifndef CRO_BIND_TLS_H
#define CRO_BIND_TLS_H

#include "bind/tcp.h"
#include "net/tls.h"

enum {
  LCRO_TLS_HANDSHAKE_MS = 10000, /* unless the options say otherwise */
  LCRO_TLS_WHY_MAX = 256,
};

/* Raises when the value at `index` is no context box. Not held. */
cro_tls_context *lcro_check_tls_context(lua_State *L, int index);

/* The context in the field "tls" of the options at `index`; NULL: none. Not held.
 * Raises when something else is there. */
cro_tls_context *lcro_opt_tls(lua_State *L, int index);

/* The milliseconds of a handshake's seconds; and of the field "handshake_timeout".
 * Raises. */
uint64_t lcro_handshake_ms(lua_Number seconds);
uint64_t lcro_opt_handshake(lua_State *L, int index);

/* Pushes the error of a handshake: "connect example.org:443: TLS: " and what `why`
 * says, or for a handshake that took too long, was reset, ..., that. May raise. */
void lcro_push_tls_error(lua_State *L, int err, const char *op, cro_bytes address,
                         const char *why);

/* Why the handshake of a connection failed, kept: text of a connection lives no longer
 * than that. */
void lcro_keep_why(char out[LCRO_TLS_WHY_MAX], cro_tcp *tcp);

/* What was agreed on, as a table. */
void lcro_push_tls_info(lua_State *L, const cro_tls_info *info);
/* What a certificate says, as a table, which those who ask of one certificate share. */
void lcro_push_tls_who(lua_State *L, const cro_tls_peer *peer);
/* That of the connection's peer: 0, or as cro_tls_peer_of with nothing pushed. */
int lcro_push_tls_peer(lua_State *L, cro_tcp *tcp);

/* A handshake on a connection that Lua has already: see l_tls_wrap.c. */
typedef struct lcro_wrap lcro_wrap;
/* The connection has closed before its handshake was over. */
void lcro_wrap_closed(lcro_wrap *wrap, int err);

/* Openers as in core.h. */
void lcro_open_tls(lua_State *L);
void lcro_open_tls_info(lua_State *L);
void lcro_open_tls_wrap(lua_State *L);

#endif
