/* bind/server.h - a server as Lua sees it: the C server and the application's tables.
 */
#ifndef CRO_BIND_SERVER_H
#define CRO_BIND_SERVER_H

#include "bind/exchange.h"

/* Who is told of handshakes that fail: the function in the field "on_handshake_error"
 * of the options; NULL when there is none. See l_server_tls.c. Raises. */
typedef struct lcro_failing lcro_failing;
lcro_failing *lcro_failing_create(lua_State *L, lcro_app *app, int options);
void lcro_failing_drop(lua_State *L, lcro_failing *self); /* NULL is harmless */
/* By the loop; calls nobody itself. */
void lcro_failing_tell(lcro_failing *self, cro_conn *conn, int err);

struct lcro_server {
  lcro_app *app;
  cro_server *server;
  int application; /* refs: the table given, and members looked at per request */
  int handlers;
  int conditional, miss, enter;
  int router;            /* anchors the router's box */
  int self;              /* the box, while anything runs */
  lcro_failing *failing; /* or NULL */
  lcro_tally *tally;
  cro_list node; /* in app->servers */
};

/* The server of the box at `index`; raises when it is none. */
lcro_server *lcro_check_server(lua_State *L, int index);

/* The bounds that a peer meets. */
typedef struct lcro_http_settings {
  cro_http_limits limits;
  cro_http_timeouts timeouts;
  cro_h2_limits h2;
} lcro_http_settings;

/* As they are unless somebody says otherwise. */
void lcro_default_settings(lcro_http_settings *settings);
/* What the tables limits, timeouts and h2 of the table at `index` say, over that. */
void lcro_read_settings(lua_State *L, int index, lcro_http_settings *settings);

#endif
