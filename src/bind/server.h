/* bind/server.h - a server as Lua sees it: the C server and the application's tables.
 */
#ifndef CRO_BIND_SERVER_H
#define CRO_BIND_SERVER_H

#include "bind/exchange.h"

struct lcro_server {
  lcro_app *app;
  cro_server *server;
  int application; /* refs: the table given, and members looked at per request */
  int handlers;
  int conditional, miss, enter;
  int router;    /* anchors the router's box */
  int self;      /* the box, while anything runs */
  cro_list node; /* in app->servers */
};

/* The server of the box at `index`; raises when it is none. */
lcro_server *lcro_check_server(lua_State *L, int index);

/* Limits and timeouts from the tables limits and timeouts of the table at `index`. */
void lcro_read_limits(lua_State *L, int index, cro_http_limits *limits,
                      cro_http_timeouts *timeouts);

#endif
