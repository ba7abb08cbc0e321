/* bind/router.h - the router box and how captures reach Lua. */
#ifndef CRO_BIND_ROUTER_H
#define CRO_BIND_ROUTER_H

#include "bind/exchange.h"

/* The router of the box at `index`; raises when it is none. */
cro_router *lcro_check_router(lua_State *L, int index);

/* Pushes every capture converted, missing ones as nil; how many. May raise. */
int lcro_push_captures(lua_State *L, const cro_route_match *match);

#endif
