/* bind/pairs.h - lists of names and values, from C slices to Lua. */
#ifndef CRO_BIND_PAIRS_H
#define CRO_BIND_PAIRS_H

#include "bind/exchange.h"

/* Pushes an iterator over name, value: a copy, so that later changes and the request's
 * end do not matter. May raise. */
int lcro_push_header_iterator(lua_State *L, const cro_headers *headers);

/* Pushes { key, value, ... } decoded; or nil and a reason for 400. */
int lcro_push_query_pairs(lua_State *L, cro_bytes query, uint64_t max);
int lcro_push_cookie_pairs(lua_State *L, const cro_headers *headers, uint64_t max);

#endif
