/* bind/body_reader.h - a request's body for Lua: whole, or part by part. */
#ifndef CRO_BIND_BODY_READER_H
#define CRO_BIND_BODY_READER_H

#include "bind/exchange.h"

/* Pushes the whole body when it is there; nil, err when it failed or is over the limit;
 * else false, and the function at `index` gets (text) or (nil, err) later, once; index
 * 0: nobody waits. One reader per body: misuse raises. Returns the number of results.
 */
int lcro_body_collect(lua_State *L, lcro_exchange *x, uint64_t limit, int index);

/* The function at `index` gets ("value", bytes)..., then ("done") or ("quit", err); the
 * peer waits while it does. */
int lcro_body_stream(lua_State *L, lcro_exchange *x, int index);

/* The limits that hold for this exchange. */
const cro_http_limits *lcro_limits_of(const lcro_exchange *x);

/* An exchange without a connection, for messages a script makes. One hold, the
 * caller's. May raise. */
lcro_exchange *lcro_exchange_script(lua_State *L, lcro_app *app);

#endif
