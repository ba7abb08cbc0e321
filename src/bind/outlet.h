/* bind/outlet.h - events of a C source for one Lua function, one at a time.
 *
 * fn("value", v), then fn("drain"), and at the end fn("done") or fn("quit", err), each
 * on a pooled fiber. While one runs (or waits) values queue: bytes are joined, messages
 * wait in their order. There are no more of these than exchanges of the connection, one
 * with HTTP/1, as many as streams with HTTP/2. Nothing follows the end, nor a close.
 *
 * An outlet is held by whoever feeds or closes it and by itself while a fiber is
 * inside; it is freed when nobody holds it.
 */
#ifndef CRO_BIND_OUTLET_H
#define CRO_BIND_OUTLET_H

#include "bind/exchange.h"

typedef struct lcro_outlet lcro_outlet;
struct lcro_outlet {
  lcro_entry entry;
  lcro_app *app;
  int fn;
  unsigned holds;
  cro_buf bytes;      /* queued */
  cro_bytes now;      /* being pushed, before anything is queued */
  cro_buf messages;   /* queued: pointers to exchanges, each with a hold */
  lcro_box_kind kind; /* of messages */
  bool full;  /* a push was answered CRO_FULL: the pipeline waits to be resumed */
  bool asked; /* the script was told to wait: it wants to hear of room */
  bool drain;
  bool ending;   /* the end is due */
  int err;       /* of the end: 0 is "done" */
  bool told_end; /* nothing follows */
  bool closed;
  void (*on_end)(void *owner); /* the end has been told; NULL: nobody asks */
  /* Says more of the error at the top of the stack. NULL: there is no more to say. */
  void (*explain)(lua_State *L, void *owner);
  void *owner;
  cro_stage *stage; /* resumed when everything is handled; NULL when it is gone */
};

/* For the function at `index`; one hold. May raise. */
lcro_outlet *lcro_outlet_create(lua_State *L, lcro_app *app, int index);
void lcro_outlet_drop(lcro_outlet *outlet);

/* Each answers like a push: CRO_FULL while something is unhandled. */
int lcro_outlet_bytes(lcro_outlet *outlet, cro_bytes bytes);
int lcro_outlet_message(lcro_outlet *outlet, lcro_exchange *x, lcro_box_kind kind);
void lcro_outlet_drain(lcro_outlet *outlet);
/* err 0: done. Only the first end counts. */
void lcro_outlet_end(lcro_outlet *outlet, int err);
/* The Lua side wants no more. */
void lcro_outlet_close(lua_State *L, lcro_outlet *outlet);

/* A last stage that feeds an outlet; it holds it, and ends it when it is destroyed. The
 * pipeline it joins destroys it. NULL when memory is out. */
cro_stage *lcro_outlet_stage(lcro_outlet *outlet, const cro_type *consumes);

/* A first stage for a script: what it emits enters the pipeline; room again is a drain
 * of the outlet, destruction its end. NULL when memory is out. `*slot` is cleared when
 * the stage goes. */
cro_stage *lcro_inlet_stage(lcro_outlet *outlet, const cro_type *produces,
                            cro_stage **slot);

/* Clears *slot now: its memory may go before the stage does. */
void lcro_inlet_detach(cro_stage **slot);

/* A one-shot fn(err or nil). */
typedef struct lcro_callback {
  lcro_entry entry;
  lcro_app *app;
  int fn;
  int err;
  const char *op;
} lcro_callback;

/* May raise. */
lcro_callback *lcro_callback_create(lua_State *L, lcro_app *app, int index,
                                    const char *op);
/* Delivers and frees; *slot is cleared. Harmless for NULL. */
void lcro_callback_fire(lcro_callback **slot, int err);
/* Frees without a call. */
void lcro_callback_cancel(lua_State *L, lcro_callback **slot);

#endif
