#include "bind/exchange.h"

#include "base/alloc.h"
#include "base/check.h"

#include <stddef.h>
#include <stdio.h>

/* --- life ---------------------------------------------------------------------------
 */

static void deadline_due(cro_timer *timer)
{
  lcro_exchange *x = CRO_CONTAINER(timer, lcro_exchange, deadline);

  if (x->released || x->response->state != CRO_RESPONSE_OPEN)
    return;
  cro_response_fail(x->response, 503);
  x->answered = true;
  lcro_fiber_cancel(x->app, &x->entry);
  cro_server_respond(x->request);
}

static void tell(lcro_exchange *x, lcro_waiter **slot, int err)
{
  lcro_waiter *waiter = *slot;

  if (waiter == NULL)
    return;
  *slot = NULL;
  waiter->err = err;
  (void)lcro_fiber_deliver(x->app, &waiter->entry);
}

/* The peer has its answer, or is gone. */
static void on_release(cro_request *request, int err)
{
  lcro_exchange *x = request->user;

  lcro_origin_keep(x);
  x->released = true;
  if (cro_timer_armed(&x->deadline))
    cro_loop_disarm(x->app->loop, &x->deadline);
  if (err != 0)
    lcro_fiber_cancel(x->app, &x->entry);
  tell(x, &x->drain, err);
  tell(x, &x->finished, err);
  lcro_exchange_drop(x->app->L, x);
}

lcro_exchange *lcro_exchange_create(lcro_app *app, cro_request *request)
{
  lcro_exchange *x = cro_arena_alloc(request->arena, sizeof *x);

  if (x == NULL)
    return NULL;
  *x = (lcro_exchange){ .app = app,
                        .request = request,
                        .response = request->response,
                        .holds = 1,
                        .began = app->timed ? lcro_now(app) : 0,
                        .after = LUA_NOREF,
                        .body_ref = LUA_NOREF };
  for (int kind = 0; kind < LCRO_BOX_KINDS; kind++)
    x->refs[kind] = LUA_NOREF;
  lcro_entry_init(&x->entry, NULL);
  cro_timer_init(&x->deadline, deadline_due);
  request->user = x;
  request->on_release = on_release;
  cro_arena_hold(request->arena);
  return x;
}

void lcro_exchange_hold(lcro_exchange *x)
{
  cro_check(x->holds > 0);
  x->holds++;
}

static void leave_tally(lcro_tally *tally)
{
  if (--tally->running == 0 && tally->left)
    cro_free(tally);
}

static void settle(lua_State *L, lcro_exchange *x)
{
  lcro_empty_boxes(L, x);
  lcro_release(L, &x->after);
  lcro_release(L, &x->body_ref);
  lcro_origin_forget(x);
  if (x->server != NULL) {
    x->app->requests++;
    leave_tally(x->tally);
  }
  cro_arena_drop(x->request->arena);
}

void lcro_exchange_drop(lua_State *L, lcro_exchange *x)
{
  cro_check(x->holds > 0);
  if (--x->holds == 0)
    settle(L, x);
}

void lcro_exchange_describe(const lcro_exchange *x, char *out, size_t room)
{
  cro_bytes method = cro_method_name(x->request->method), path = x->request->path;
  size_t shown = path.len < 128 ? path.len : 128;

  (void)snprintf(out, room, "error in the handler of %.*s %.*s%s", (int)method.len,
                 method.at, (int)shown, path.at, shown < path.len ? "..." : "");
}

/* --- callbacks ----------------------------------------------------------------------
 */

lcro_waiter *lcro_waiter_create(lua_State *L, lcro_exchange *x, int index,
                                const lcro_entry_ops *ops)
{
  lcro_waiter *waiter;
  int fn;

  luaL_checktype(L, index, LUA_TFUNCTION);
  fn = lcro_anchor(L, index);
  waiter = cro_alloc(sizeof *waiter);
  if (waiter == NULL) {
    lcro_release(L, &fn);
    luaL_error(L, "not enough memory");
    return NULL;
  }
  lcro_entry_init(&waiter->entry, ops);
  waiter->exchange = x;
  waiter->fn = fn;
  waiter->err = 0;
  lcro_exchange_hold(x);
  return waiter;
}

void lcro_waiter_done(lua_State *L, lcro_waiter *waiter)
{
  lcro_exchange *x = waiter->exchange;

  lcro_fiber_undeliver(&waiter->entry);
  lcro_release(L, &waiter->fn);
  cro_free(waiter);
  lcro_exchange_drop(L, x);
}

/* --- the end of a handler -----------------------------------------------------------
 */

void lcro_exchange_fail(lcro_exchange *x, int status)
{
  if (x->released)
    return;
  x->answered = true;
  if (x->response->state == CRO_RESPONSE_OPEN) {
    cro_response_fail(x->response, status);
    cro_server_respond(x->request);
    return;
  }
  if (x->response->state == CRO_RESPONSE_STREAMING)
    x->response->ops->abort(x->response);
}

void lcro_exchange_conclude(lcro_exchange *x)
{
  cro_response *response = x->response;

  x->concluded = true;
  if (x->released || x->answered || response->state != CRO_RESPONSE_OPEN)
    return;
  x->answered = true;
  if (response->status == 0)
    response->status = response->body.len > 0 || response->type.len > 0 ? 200 : 204;
  cro_server_respond(x->request);
}
