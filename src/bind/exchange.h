/* bind/exchange.h - one request and its response as Lua sees them.
 *
 * An exchange lives in the request's arena. Lua gets boxes: userdata that point to
 * it and are emptied when it is settled, after which any use is an error that names
 * it. A server's exchange is settled when the protocol has let the request go, the
 * handler's fiber has left and no callback is outstanding; one that a script made, or
 * that came through a pipeline composed by hand, when no box of it is left.
 */
#ifndef CRO_BIND_EXCHANGE_H
#define CRO_BIND_EXCHANGE_H

#include "bind/fiber.h"
#include "serve/server.h"

typedef struct lcro_exchange lcro_exchange;
typedef struct lcro_server lcro_server;
struct cro_tls_memory;

typedef enum lcro_box_kind {
  LCRO_CONTEXT,
  LCRO_REQUEST,
  LCRO_RESPONSE,
  LCRO_BOX_KINDS
} lcro_box_kind;

typedef struct lcro_box {
  const void *tag;         /* tells our userdata from anybody's */
  lcro_exchange *exchange; /* NULL: emptied */
  bool stored;             /* its environment table is its own */
  bool holds;              /* counts as a hold of the exchange */
} lcro_box;

/* How many exchanges of a server are not settled. It goes with the server or the last
 * of them, whichever is later. */
typedef struct lcro_tally {
  size_t running;
  bool left; /* by the server */
} lcro_tally;

/* A Lua function waiting for one event of an exchange. */
typedef struct lcro_waiter {
  lcro_entry entry;
  lcro_exchange *exchange;
  int fn; /* registry ref */
  int err;
} lcro_waiter;

/* What is still asked for when the protocol has let go: see l_negotiated.c. */
typedef struct lcro_origin {
  bool kept;
  bool secure;
  cro_bytes peer; /* in the request's arena */
  int peer_port;  /* -1: none */
  struct cro_tls_memory *tls;
} lcro_origin;

struct lcro_exchange {
  lcro_entry entry; /* the handler's fiber */
  lcro_app *app;
  lcro_server *server; /* NULL unless a server dispatched it */
  lcro_tally *tally;   /* that server's */
  cro_request *request;
  cro_response *response;
  const cro_server_call *call; /* only while the entry is opened */
  bool late;                   /* it waited for its turn: routed when opened */
  lcro_box *boxes[LCRO_BOX_KINDS];
  int refs[LCRO_BOX_KINDS]; /* what anchors a server's boxes until it is settled */
  unsigned holds;
  bool scripted;   /* boxes hold it */
  bool released;   /* the protocol has let go */
  bool answered;   /* what is sent has been decided */
  bool concluded;  /* its handler has returned */
  int after;       /* ref: fn(c) to run when the handler has returned */
  int body_ref;    /* ref: the Lua string response->body points into */
  int fail_status; /* of the error a handler raised; 0: 500 */
  cro_bytes original_target;
  lcro_origin origin;    /* once released */
  uint64_t began;        /* ns, monotonic; 0: nobody asked for it */
  cro_timer deadline;    /* of the handler */
  lcro_waiter *reader;   /* of the request's body: collect or stream */
  lcro_waiter *drain;    /* response:on_drain */
  lcro_waiter *finished; /* response:on_finished */
};

/* An exchange for a request; on_release is installed. One hold: the protocol's, until
 * on_release. NULL when memory is out. */
lcro_exchange *lcro_exchange_create(lcro_app *app, cro_request *request);

/* One hold more, to be dropped by whoever took it. */
void lcro_exchange_hold(lcro_exchange *x);
/* The last hold settles it: boxes are emptied, the arena may go. */
void lcro_exchange_drop(lua_State *L, lcro_exchange *x);

/* "error in the handler of GET /path", for reports: without the query, which may hold
 * what a log must not. */
void lcro_exchange_describe(const lcro_exchange *x, char *out, size_t room);

/* Pushes the box of that kind, made when missing. A server's context is pushed by the
 * handler's entry only, until lcro_keep_context. May raise. */
void lcro_push_box(lua_State *L, lcro_exchange *x, lcro_box_kind kind);

/* Anchors a server's context (at `index`) for as long as the exchange lasts. */
void lcro_keep_context(lua_State *L, lcro_exchange *x, int index);

/* Empties every box; by the exchange when it is settled. */
void lcro_empty_boxes(lua_State *L, lcro_exchange *x);

/* A server's handler has left: a context nobody anchored is emptied now. */
void lcro_leave_context(lcro_exchange *x);

/* The exchange of the box at `index`; raises when it is not one, or is emptied. */
lcro_exchange *lcro_check_box(lua_State *L, int index, lcro_box_kind kind,
                              const char *what);

/* NULL when it is no box of that kind; raises nothing. */
lcro_box *lcro_test_box(lua_State *L, int index, lcro_box_kind kind);

/* A callback on `x`, anchored until it is delivered. May raise before anything is
 * acquired. */
lcro_waiter *lcro_waiter_create(lua_State *L, lcro_exchange *x, int index,
                                const lcro_entry_ops *ops);
/* Frees it and its hold. */
void lcro_waiter_done(lua_State *L, lcro_waiter *waiter);

/* Fills the response as for an error that left a handler. */
void lcro_exchange_fail(lcro_exchange *x, int status);

/* The status an error value asks for: its `status`, 413 for kind "limit", 503 for no
 * memory, else 500. */
int lcro_error_status(lua_State *L, int index);

/* The handler is over: settles the status and sends, unless an answer streams. */
void lcro_exchange_conclude(lcro_exchange *x);

/* A field in C. set == NULL: read-only. */
typedef struct lcro_field {
  const char *name;
  int (*get)(lua_State *L, lcro_exchange *x);             /* pushes one value */
  void (*set)(lua_State *L, lcro_exchange *x, int value); /* may raise */
} lcro_field;

/* Builds the metatables of a kind; the cro.core table is at the top of the stack. A key
 * is looked up among the methods (core.methods.<kind>, to which `methods` are added and
 * scripts may add), then `fields`, then what was stored, then core.lazy.<kind>[key],
 * called once with the box. Storing to a method's or a read-only field's name raises.
 */
void lcro_box_class(lua_State *L, lcro_box_kind kind, const luaL_Reg *methods,
                    const lcro_field *fields);

/* Came the request over TLS? */
bool lcro_is_secure(const lcro_exchange *x);
/* Who asked, as text; false when the request came over no connection. The bytes live as
 * long as the request. */
bool lcro_peer_of(const lcro_exchange *x, cro_bytes *host, int *port);
/* The protocol is about to let go: keeps what is asked of the connection. */
void lcro_origin_keep(lcro_exchange *x);
void lcro_origin_forget(lcro_exchange *x);

/* Methods of requests that depend on what the connection can do: see l_negotiated.c. */
int lcro_l_request_send_push(lua_State *L);
int lcro_l_request_send_interim(lua_State *L);
int lcro_l_request_tls_info(lua_State *L);

/* core.kind(value): which kind of box it is. */
int lcro_l_kind(lua_State *L);

/* Openers as in core.h: each adds its functions and box class to the cro.core table at
 * the top. May raise. */
void lcro_open_context(lua_State *L);
void lcro_open_request(lua_State *L);
void lcro_open_response(lua_State *L);

#endif
