#include "bind/core.h"

#include "base/alloc.h"
#include "base/wall.h"
#include "bind/fiber.h"

#include <stdio.h>
#include <time.h>

static char app_key; /* its address is the app's key in the registry */

typedef struct guarded {
  void (*fn)(lua_State *L, void *arg);
  void *arg;
} guarded;

/* (call, value) */
static int l_protect(lua_State *L)
{
  const guarded *call = lua_touserdata(L, 1);

  call->fn(L, call->arg);
  return 0;
}

bool lcro_protect(lcro_app *app, lua_State *L, int index,
                  void (*fn)(lua_State *L, void *arg), void *arg)
{
  guarded call = { fn, arg };

  lua_rawgeti(L, LUA_REGISTRYINDEX, app->protect);
  lua_pushlightuserdata(L, &call);
  if (index == 0)
    lua_pushnil(L);
  else
    lua_pushvalue(L, index);
  if (lua_pcall(L, 2, 0, 0) == 0)
    return true;
  lua_pop(L, 1);
  return false;
}

static lcro_app *find_app(lua_State *L)
{
  lcro_app *app;

  lua_pushlightuserdata(L, &app_key);
  lua_rawget(L, LUA_REGISTRYINDEX);
  app = lua_touserdata(L, -1);
  lua_pop(L, 1);
  return app;
}

lcro_app *lcro_app_of(lua_State *L)
{
  lcro_app *app = find_app(L);

  if (app == NULL)
    luaL_error(L, "cro.core has not been loaded into this state");
  return app;
}

lcro_app *lcro_app_running(lua_State *L, const char *what)
{
  lcro_app *app = lcro_app_of(L);

  if (app->loop == NULL)
    luaL_error(L, "%s needs the event loop: run the script with crolua", what);
  return app;
}

/* A scratch buffer larger than this is not kept: one large answer must not cost its
 * size for ever. */
enum { scratch_kept = 65536 };

cro_buf *lcro_scratch(lcro_app *app)
{
  lcro_scratch_done(&app->scratch); /* an error may have come in between last time */
  app->scratch.len = 0;
  return &app->scratch;
}

void lcro_scratch_done(cro_buf *scratch)
{
  if (scratch->cap > scratch_kept)
    cro_buf_free(scratch);
}

lcro_app *lcro_app_open(lua_State *L, cro_loop *loop)
{
  lcro_app *app;

  lua_pushlightuserdata(L, &app_key);
  app = lua_newuserdata(L, sizeof *app);
  *app = (lcro_app){ .main = L,
                     .loop = loop,
                     .turn = LUA_NOREF,
                     .entry = LUA_NOREF,
                     .dropped = LUA_NOREF,
                     .cancel = LUA_NOREF,
                     .report = LUA_NOREF };
  cro_list_init(&app->busy);
  cro_list_init(&app->servers);
  cro_list_init(&app->tcps);
  cro_list_init(&app->chains);
  cro_list_init(&app->soon);
  cro_list_init(&app->cancels);
  lua_rawset(L, LUA_REGISTRYINDEX);
  app->L = lua_newthread(L);
  (void)luaL_ref(L, LUA_REGISTRYINDEX);
  lua_pushcfunction(L, l_protect);
  app->protect = luaL_ref(L, LUA_REGISTRYINDEX);
  if (loop != NULL)
    cro_loop_on_turn(loop, lcro_fiber_turn, app);
  return app;
}

/* For when Lua cannot: of what is no string nothing is said, since that would run or
 * allocate something. */
static void report_plainly(lua_State *L, int index, const char *traceback,
                           const char *what)
{
  const char *text = lua_type(L, index) == LUA_TSTRING
                         ? lua_tostring(L, index)
                         : "(an error that could not be shown)";

  fprintf(stderr, "crolua: %s%s%s\n", what != NULL ? what : "",
          what != NULL ? ": " : "", text);
  if (traceback != NULL)
    fprintf(stderr, "%s\n", traceback);
}

typedef struct report {
  lcro_app *app;
  lua_State *dead; /* whose stack is the traceback, or NULL */
  const char *traceback, *what;
} report;

static void push_text(lua_State *L, const char *text)
{
  if (text != NULL)
    lua_pushstring(L, text);
  else
    lua_pushnil(L);
}

/* Protected: reporter(err, traceback, what). */
static void call_reporter(lua_State *L, void *arg)
{
  const report *self = arg;

  lua_rawgeti(L, LUA_REGISTRYINDEX, self->app->report);
  lua_pushvalue(L, 2);
  if (self->dead != NULL)
    luaL_traceback(L, self->dead, NULL, 0);
  else
    push_text(L, self->traceback);
  push_text(L, self->what);
  lua_call(L, 3, 0);
}

static void tell(lua_State *L, report *self)
{
  int at = lua_gettop(L);
  bool told = false;

  if (self->app->report != LUA_NOREF) {
    self->app
        ->depth++; /* nothing else is entered meanwhile: L may be the scratch thread */
    told = lcro_protect(self->app, L, at, call_reporter, self);
    self->app->depth--;
  }
  if (!told)
    report_plainly(L, at, self->traceback, self->what);
  lua_settop(L, at - 1);
}

void lcro_report(lcro_app *app, lua_State *L, const char *traceback)
{
  lcro_report_of(app, L, traceback, NULL);
}

void lcro_report_of(lcro_app *app, lua_State *L, const char *traceback,
                    const char *what)
{
  tell(L, &(report){ .app = app, .traceback = traceback, .what = what });
}

void lcro_report_death(lcro_app *app, lua_State *L, lua_State *dead, const char *what)
{
  tell(L, &(report){ .app = app, .dead = dead, .what = what });
}

/* core.install { turn =, entry =, dropped =, cancel =, report = }: the functions of
 * cro.fiber and cro.report that C calls. */
static int l_core_install(lua_State *L)
{
  lcro_app *app = lcro_app_of(L);
  struct {
    const char *key;
    int *ref;
  } hooks[] = {
    { "turn", &app->turn },       { "entry", &app->entry },
    { "dropped", &app->dropped }, { "cancel", &app->cancel },
    { "report", &app->report },
  };

  luaL_checktype(L, 1, LUA_TTABLE);
  for (size_t i = 0; i < sizeof hooks / sizeof *hooks; i++) {
    lua_getfield(L, 1, hooks[i].key);
    if (!lua_isnil(L, -1)) {
      luaL_checktype(L, -1, LUA_TFUNCTION);
      lcro_release(L, hooks[i].ref);
      *hooks[i].ref = lcro_anchor(L, -1);
    }
    lua_pop(L, 1);
  }
  return 0;
}

/* core.set_error_metatable(table): what the errors that C makes are given. */
static int l_core_set_error_metatable(lua_State *L)
{
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  lua_setfield(L, LUA_REGISTRYINDEX, "cro.error");
  return 0;
}

/* core.notify(): something is runnable, so the loop calls `turn` without waiting.
 * Nothing without a loop. */
static int l_core_notify(lua_State *L)
{
  lcro_app *app = lcro_app_of(L);

  if (app->loop != NULL)
    cro_loop_wake(app->loop);
  return 0;
}

/* core.is_misplaced(co) -> boolean: the caller does not run on co, or with a C function
 * between, and so may not yield for it */
static int l_core_is_misplaced(lua_State *L)
{
  lua_pushboolean(L, lua_tothread(L, 1) != L || !lua_isyieldable(L));
  return 1;
}

uint64_t lcro_now(const lcro_app *app)
{
  struct timespec now = { 0 };

  if (app->loop != NULL)
    return cro_loop_hrtime(app->loop);
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* core.pause(co): yields; or true, when the caller is misplaced */
static int l_core_pause(lua_State *L)
{
  if (lua_tothread(L, 1) != L || !lua_isyieldable(L)) {
    lua_pushboolean(L, 1);
    return 1;
  }
  return lua_yield(L, 0);
}

/* core.now() -> seconds of a monotonic clock, read afresh */
static int l_core_now(lua_State *L)
{
  lua_pushnumber(L, (lua_Number)lcro_now(lcro_app_of(L)) / 1e9);
  return 1;
}

/* core.wall() -> seconds since 1970-01-01 UTC */
static int l_core_wall(lua_State *L)
{
  lua_pushnumber(L, (lua_Number)cro_wall() / 1e9);
  return 1;
}

/* core.time_requests(): from now on requests know when they came. Reading the clock for
 * each is for those who ask. */
static int l_core_time_requests(lua_State *L)
{
  lcro_app_of(L)->timed = true;
  return 0;
}

static void set_count(lua_State *L, const char *key, uint64_t count)
{
  lua_pushnumber(L, (lua_Number)count);
  lua_setfield(L, -2, key);
}

static void set_loop_stats(lua_State *L, const cro_loop *loop)
{
  cro_loop_stats stats;

  cro_loop_stats_get(loop, &stats);
  set_count(L, "tcp", stats.tcp);
  set_count(L, "unix_sockets", stats.unix_sockets);
  set_count(L, "pipes", stats.pipes);
  set_count(L, "connecting", stats.connecting);
  set_count(L, "listeners", stats.listeners);
  set_count(L, "signals", stats.signals);
  set_count(L, "processes", stats.processes);
  set_count(L, "timers", stats.timers);
  set_count(L, "udp", stats.udp);
  set_count(L, "udp_dropped", stats.udp_dropped);
  set_count(L, "resolves", stats.resolves);
  set_count(L, "files", stats.files);
  set_count(L, "file_requests", stats.file_requests);
  set_count(L, "watches", stats.watches);
  set_count(L, "lingers", stats.lingers);
  set_count(L, "pending_writes", stats.pending_writes);
}

/* core.stats() -> { name = count }; those of the loop are missing without one */
static int l_core_stats(lua_State *L)
{
  lcro_app *app = lcro_app_of(L);

  lua_newtable(L);
  if (app->loop != NULL)
    set_loop_stats(L, app->loop);
  set_count(L, "fibers", app->fibers);
  set_count(L, "idle_fibers", app->idle_count);
  set_count(L, "requests", app->requests);
  set_count(L, "handler_errors", app->handler_errors);
  set_count(L, "refused", app->refused);
  set_count(L, "tls_handshakes", app->tls_handshakes);
  set_count(L, "tls_failures", app->tls_failures);
  set_count(L, "c_blocks", cro_alloc_live());
  set_count(L, "lua_bytes", (uint64_t)lua_gc(L, LUA_GCCOUNT, 0) * 1024);
  return 1;
}

static const luaL_Reg functions[] = {
  { "install", l_core_install },
  { "set_error_metatable", l_core_set_error_metatable },
  { "is_misplaced", l_core_is_misplaced },
  { "pause", l_core_pause },
  { "resume_all", lcro_resume_all },
  { "notify", l_core_notify },
  { "now", l_core_now },
  { "wall", l_core_wall },
  { "time_requests", l_core_time_requests },
  { "stats", l_core_stats },
  { NULL, NULL },
};

static void add_tables(lua_State *L)
{
  static const char *const kinds[] = { "context", "request", "response" };
  static const char *const tables[] = { "methods", "lazy" };

  for (int t = 0; t < 2; t++) {
    lua_newtable(L);
    for (int k = 0; k < 3; k++) {
      lua_newtable(L);
      lua_setfield(L, -2, kinds[k]);
    }
    lua_setfield(L, -2, tables[t]);
  }
}

__attribute__((visibility("default"))) int luaopen_cro_core(lua_State *L)
{
  lcro_app *app = find_app(L);

  if (app == NULL)
    app = lcro_app_open(L, NULL);
  lua_newtable(L);
  luaL_register(L, NULL, functions);
  lua_pushboolean(L, app->loop != NULL);
  lua_setfield(L, -2, "running");
  add_tables(L);
  lcro_open_url(L);
  lcro_open_uri(L);
  lcro_open_json(L);
  lcro_open_tcp(L);
  lcro_open_timer(L);
  lcro_open_aside(L);
  lcro_open_clock(L);
  lcro_open_udp(L);
  lcro_open_signal(L);
  lcro_open_file(L);
  lcro_open_watch(L);
  lcro_open_process(L);
  lcro_open_chain(L);
  lcro_open_router(L);
  lcro_open_message(L);
  lcro_open_limits(L);
  lcro_open_server(L);
  return 1;
}
