#include "bind/outlet.h"

#include "base/alloc.h"
#include "base/check.h"

/* --- events
 * ---------------------------------------------------------------------------------- */

void lcro_outlet_drop(lcro_outlet *outlet)
{
  cro_check(outlet->holds > 0);
  if (--outlet->holds > 0)
    return;
  lcro_fiber_undeliver(&outlet->entry);
  lcro_release(outlet->app->L, &outlet->fn);
  cro_buf_free(&outlet->bytes);
  cro_buf_free(&outlet->messages);
  cro_free(outlet);
}

static bool due(const lcro_outlet *outlet)
{
  return !outlet->closed && !outlet->told_end &&
         (outlet->bytes.len > 0 || outlet->now.len > 0 || outlet->messages.len > 0 ||
          outlet->drain || outlet->ending);
}

static bool inside(const lcro_outlet *outlet)
{
  return outlet->entry.fiber != NULL || !cro_list_empty(&outlet->entry.soon);
}

static void pump(lcro_outlet *outlet)
{
  if (inside(outlet) || !due(outlet))
    return;
  outlet->holds++;
  (void)lcro_fiber_deliver(outlet->app, &outlet->entry);
}

static lcro_exchange *first_message(const lcro_outlet *outlet)
{
  lcro_exchange *x;

  memcpy(&x, outlet->messages.at, sizeof x);
  return x;
}

static int push_message(lua_State *L, lcro_outlet *outlet)
{
  lcro_exchange *x = first_message(outlet);

  lua_pushliteral(L, "value");
  lcro_push_box(L, x, outlet->kind); /* the box holds it from here on */
  cro_buf_drop(&outlet->messages, sizeof x);
  lcro_exchange_drop(L, x);
  return 3;
}

static int push_end(lua_State *L, lcro_outlet *outlet)
{
  outlet->ending = false;
  outlet->told_end = true;
  if (outlet->err == 0) {
    lua_pushliteral(L, "done");
    return 2;
  }
  lua_pushliteral(L, "quit");
  lcro_push_error(L, outlet->err, "connection", (cro_bytes){ NULL, 0 });
  if (outlet->explain != NULL)
    outlet->explain(L, outlet->owner);
  return 3;
}

static int nothing(lua_State *L)
{
  (void)L;
  return 0;
}

static int outlet_open(lua_State *L, lcro_entry *entry)
{
  lcro_outlet *outlet = (lcro_outlet *)entry;

  if (!due(outlet)) { /* closed while it waited for its turn */
    lua_pushcfunction(L, nothing);
    return 1;
  }
  lua_rawgeti(L, LUA_REGISTRYINDEX, outlet->fn);
  if (outlet->now.len > 0) {
    cro_bytes now = outlet->now;

    lua_pushliteral(L, "value");
    lcro_pushbytes(L, now);
    outlet->now.len = 0;
    return 3;
  }
  if (outlet->bytes.len > 0) {
    lua_pushliteral(L, "value");
    lcro_pushbytes(L, cro_buf_bytes(&outlet->bytes));
    cro_buf_free(&outlet->bytes);
    return 3;
  }
  if (outlet->messages.len > 0)
    return push_message(L, outlet);
  if (outlet->drain) {
    outlet->drain = false;
    lua_pushliteral(L, "drain");
    return 2;
  }
  return push_end(L, outlet);
}

/* Only who was told to wait: one chain may begin and end in the same outlet, and would
 * resume itself for ever. */
static void resume(lcro_outlet *outlet)
{
  if (!outlet->full || outlet->stage == NULL)
    return;
  outlet->full = false;
  cro_stage_resume(outlet->stage);
}

/* The function holds what it was made from, and that the box which holds the outlet. */
static void forget_when_over(lua_State *L, lcro_outlet *outlet)
{
  if (outlet->told_end || outlet->closed)
    lcro_release(L, &outlet->fn);
}

static void outlet_left(lua_State *L, lcro_entry *entry, bool failed)
{
  lcro_outlet *outlet = (lcro_outlet *)entry;

  (void)failed;
  if (outlet->app->closing) /* Lua is entered no more: what is left is told to nobody */
    lcro_outlet_close(L, outlet);
  forget_when_over(L, outlet);
  if (outlet->told_end && outlet->on_end != NULL)
    outlet->on_end(outlet->owner);
  if (due(outlet))
    pump(outlet);
  else
    resume(outlet);
  lcro_outlet_drop(outlet);
}

static const lcro_entry_ops outlet_ops = { .open = outlet_open, .left = outlet_left };

lcro_outlet *lcro_outlet_create(lua_State *L, lcro_app *app, int index)
{
  lcro_outlet *outlet;
  int fn;

  luaL_checktype(L, index, LUA_TFUNCTION);
  fn = lcro_anchor(L, index);
  outlet = cro_alloc_zero(sizeof *outlet);
  if (outlet == NULL) {
    lcro_release(L, &fn);
    luaL_error(L, "not enough memory");
    return NULL;
  }
  lcro_entry_init(&outlet->entry, &outlet_ops);
  outlet->app = app;
  outlet->fn = fn;
  outlet->holds = 1;
  return outlet;
}

/* CRO_FULL while Lua has not handled what it was given. */
static int answer(lcro_outlet *outlet)
{
  outlet->full = inside(outlet) || due(outlet);
  return outlet->full ? CRO_FULL : 0;
}

/* What Lua did not take at once is copied: its memory is the pusher's. */
static int keep_rest(lcro_outlet *outlet)
{
  cro_bytes rest = outlet->now;

  outlet->now.len = 0;
  return outlet->closed || rest.len == 0 ? 0 : cro_buf_add(&outlet->bytes, rest);
}

int lcro_outlet_bytes(lcro_outlet *outlet, cro_bytes bytes)
{
  int rc = 0;

  if (outlet->closed || outlet->told_end)
    return 0;
  if (inside(outlet) || due(outlet))
    rc = cro_buf_add(&outlet->bytes, bytes);
  else
    outlet->now = bytes;
  if (rc != 0)
    return rc;
  outlet->holds++;
  pump(outlet);
  rc = keep_rest(outlet);
  if (rc == 0)
    rc = answer(outlet);
  lcro_outlet_drop(outlet);
  return rc;
}

int lcro_outlet_message(lcro_outlet *outlet, lcro_exchange *x, lcro_box_kind kind)
{
  cro_bytes pointer = { (const char *)&x, sizeof x };
  int rc;

  if (outlet->closed || outlet->told_end)
    return 0;
  rc = cro_buf_add(&outlet->messages, pointer);
  if (rc != 0)
    return rc;
  lcro_exchange_hold(x);
  outlet->kind = kind;
  outlet->holds++;
  pump(outlet);
  rc = answer(outlet);
  lcro_outlet_drop(outlet);
  return rc;
}

void lcro_outlet_drain(lcro_outlet *outlet)
{
  if (!outlet->asked)
    return;
  outlet->asked = false;
  outlet->drain = true;
  pump(outlet);
}

void lcro_outlet_end(lcro_outlet *outlet, int err)
{
  if (outlet->ending || outlet->told_end)
    return;
  outlet->ending = true;
  outlet->err = err;
  pump(outlet);
}

void lcro_outlet_close(lua_State *L, lcro_outlet *outlet)
{
  cro_buf left = outlet->messages;

  outlet->closed = true;
  outlet->messages = (cro_buf){ 0 };
  cro_buf_free(&outlet->bytes);
  for (size_t at = 0; at < left.len; at += sizeof(lcro_exchange *)) {
    lcro_exchange *x;

    memcpy(&x, left.at + at, sizeof x);
    lcro_exchange_drop(L, x);
  }
  cro_buf_free(&left);
  if (!inside(outlet))
    forget_when_over(L, outlet);
}

/* --- the last stage
 * ------------------------------------------------------------------------ */

typedef struct {
  cro_stage stage; /* first */
  cro_stage_ops ops;
  lcro_outlet *outlet;
} tail;

static int push_bytes(cro_stage *stage, const void *message)
{
  return lcro_outlet_bytes(((tail *)stage)->outlet, *(const cro_bytes *)message);
}

/* What Lua has not seen yet gets its exchange now: a request, or the answer to one that
 * was answered in C. */
static int push_exchange(cro_stage *stage, cro_request *request, lcro_box_kind kind)
{
  lcro_outlet *outlet = ((tail *)stage)->outlet;
  lcro_exchange *x = request->user;

  if (x == NULL) {
    x = lcro_exchange_create(outlet->app, request);
    if (x == NULL)
      return CRO_E_NOMEM;
    x->scripted = true;
  }
  return lcro_outlet_message(outlet, x, kind);
}

static int push_request(cro_stage *stage, const void *message)
{
  return push_exchange(stage, (cro_request *)(uintptr_t)message, LCRO_REQUEST);
}

static int push_response(cro_stage *stage, const void *message)
{
  const cro_response *response = message;

  return push_exchange(stage, response->request, LCRO_RESPONSE);
}

static int tail_finish(cro_stage *stage)
{
  lcro_outlet_end(((tail *)stage)->outlet, 0);
  return 0;
}

static void tail_fail(cro_stage *stage, int err)
{
  lcro_outlet_end(((tail *)stage)->outlet, err);
}

static void tail_destroy(cro_stage *stage)
{
  lcro_outlet *outlet = ((tail *)stage)->outlet;

  outlet->stage = NULL;
  lcro_outlet_end(outlet, 0);
  lcro_outlet_drop(outlet);
  cro_free(stage);
}

cro_stage *lcro_outlet_stage(lcro_outlet *outlet, const cro_type *consumes)
{
  tail *self = cro_alloc(sizeof *self);

  if (self == NULL)
    return NULL;
  self->ops = (cro_stage_ops){ .name = "Lua",
                               .consumes = consumes,
                               .finish = tail_finish,
                               .fail = tail_fail,
                               .destroy = tail_destroy };
  self->ops.push = consumes == &cro_type_request    ? push_request
                   : consumes == &cro_type_response ? push_response
                                                    : push_bytes;
  cro_stage_init(&self->stage, &self->ops);
  self->outlet = outlet;
  outlet->holds++;
  outlet->stage = &self->stage;
  return &self->stage;
}

/* --- the first stage
 * ----------------------------------------------------------------------- */

typedef struct {
  cro_stage stage; /* first */
  cro_stage_ops ops;
  lcro_outlet *outlet;
  cro_stage **slot;
} head;

static void head_resume(cro_stage *stage)
{
  lcro_outlet_drain(((head *)stage)->outlet);
}

static void head_destroy(cro_stage *stage)
{
  head *self = (head *)stage;

  if (self->slot != NULL)
    *self->slot = NULL;
  if (self->outlet->stage == NULL)
    lcro_outlet_end(self->outlet, 0);
  lcro_outlet_drop(self->outlet);
  cro_free(self);
}

cro_stage *lcro_inlet_stage(lcro_outlet *outlet, const cro_type *produces,
                            cro_stage **slot)
{
  head *self = cro_alloc(sizeof *self);

  if (self == NULL)
    return NULL;
  self->ops = (cro_stage_ops){
    .name = "Lua", .produces = produces, .resume = head_resume, .destroy = head_destroy
  };
  cro_stage_init(&self->stage, &self->ops);
  self->outlet = outlet;
  self->slot = slot;
  outlet->holds++;
  *slot = &self->stage;
  return &self->stage;
}

void lcro_inlet_detach(cro_stage **slot)
{
  if (*slot != NULL)
    ((head *)*slot)->slot = NULL;
  *slot = NULL;
}

/* --- one-shot callbacks
 * ---------------------------------------------------------------------- */

static int callback_open(lua_State *L, lcro_entry *entry)
{
  lcro_callback *callback = (lcro_callback *)entry;

  lua_rawgeti(L, LUA_REGISTRYINDEX, callback->fn);
  if (callback->err == 0)
    return 1;
  lcro_push_error(L, callback->err, callback->op, (cro_bytes){ NULL, 0 });
  return 2;
}

static void callback_left(lua_State *L, lcro_entry *entry, bool failed)
{
  lcro_callback *callback = (lcro_callback *)entry;

  (void)failed;
  lcro_release(L, &callback->fn);
  cro_free(callback);
}

static const lcro_entry_ops callback_ops = { .open = callback_open,
                                             .left = callback_left };

lcro_callback *lcro_callback_create(lua_State *L, lcro_app *app, int index,
                                    const char *op)
{
  lcro_callback *callback;
  int fn;

  luaL_checktype(L, index, LUA_TFUNCTION);
  fn = lcro_anchor(L, index);
  callback = cro_alloc_zero(sizeof *callback);
  if (callback == NULL) {
    lcro_release(L, &fn);
    luaL_error(L, "not enough memory");
    return NULL;
  }
  lcro_entry_init(&callback->entry, &callback_ops);
  callback->app = app;
  callback->fn = fn;
  callback->op = op;
  return callback;
}

void lcro_callback_fire(lcro_callback **slot, int err)
{
  lcro_callback *callback = *slot;

  if (callback == NULL)
    return;
  *slot = NULL;
  callback->err = err;
  (void)lcro_fiber_deliver(callback->app, &callback->entry);
}

void lcro_callback_cancel(lua_State *L, lcro_callback **slot)
{
  lcro_callback *callback = *slot;

  if (callback == NULL)
    return;
  *slot = NULL;
  lcro_release(L, &callback->fn);
  cro_free(callback);
}
