/* bind/core.h - one Lua state's half of the runtime: its loop, fibers and hooks.
 *
 * There is one lcro_app per Lua state. In `crolua` it has a loop; in a plain
 * `luajit` that loaded core.so it has none (app->loop == NULL, core.running is
 * false) and whatever needs a loop raises.
 *
 * It lives in the state's registry and goes with the state.
 */
#ifndef CRO_BIND_CORE_H
#define CRO_BIND_CORE_H

#include "base/list.h"
#include "bind/lua_api.h"
#include "net/loop.h"

typedef struct lcro_app lcro_app;
typedef struct lcro_fiber lcro_fiber;

struct lcro_app {
  lua_State *main;            /* runs the turn */
  lua_State *L;               /* a thread of its own: scratch space whenever C runs */
  cro_loop *loop;             /* NULL in plain luajit */
  struct lcro_memory *memory; /* of the state; NULL when it is not ours */
  lcro_fiber *idle;           /* pooled fibers that wait for work */
  unsigned idle_count;
  unsigned fibers;     /* alive */
  unsigned depth;      /* resumes on the C stack: 0 when no Lua runs */
  cro_list busy;       /* fibers that have an entry */
  cro_list servers;    /* every server, for the end */
  cro_list tcps;       /* every connection box with a socket */
  cro_list chains;     /* every chain without a socket */
  bool closing;        /* Lua is entered no more */
  bool timed;          /* somebody asks when requests came */
  cro_list soon;       /* entries to enter at the next turn */
  cro_list cancels;    /* entries to cancel at the next turn */
  int turn;            /* registry ref: fiber.turn, or LUA_NOREF */
  int entry;           /* fiber.entry */
  int dropped;         /* fiber.dropped */
  int cancel;          /* fiber.cancel_thread */
  int report;          /* reporter(err, traceback, what) */
  int protect;         /* what lcro_protect calls */
  int box_class[3][2]; /* refs: the metatables of an exchange's boxes; [1]: with __gc */
  cro_buf scratch;     /* see lcro_scratch */
  uint64_t requests;   /* counters for core.stats() */
  uint64_t handler_errors;
  uint64_t refused;
  uint64_t tls_handshakes; /* that came to their end; and those that did not */
  uint64_t tls_failures;
};

/* The app of this state; raises when core was never opened. */
lcro_app *lcro_app_of(lua_State *L);

/* Makes the app for `L` before cro.core is first required. May raise. */
lcro_app *lcro_app_open(lua_State *L, cro_loop *loop);

/* As lcro_app_of, and raises "needs the event loop" outside of crolua. */
lcro_app *lcro_app_running(lua_State *L, const char *what);

/* Nanoseconds of a monotonic clock: the loop's, so that it stands still with it. */
uint64_t lcro_now(const lcro_app *app);

/* The app's scratch buffer, empty: for a value being built inside one C function. What
 * is raised meanwhile leaks nothing. */
cro_buf *lcro_scratch(lcro_app *app);
/* What was built has been taken. Memory that only a large value needs goes back. */
void lcro_scratch_done(cro_buf *scratch);

/* The end, before the state is closed: servers are aborted, the loop runs until their
 * connections are gone, every entry still inside a fiber has left. Lua is not entered
 * again. */
void lcro_app_close(lcro_app *app);

/* Calls fn(L, arg) with the value at `index` (absolute; 0: nil) at stack index 2 of a
 * frame of its own. False when it raised, which is all that is left of that. For C
 * outside of any Lua: nothing is allocated on the way in, and so no finaliser runs
 * there. */
bool lcro_protect(lcro_app *app, lua_State *L, int index,
                  void (*fn)(lua_State *L, void *arg), void *arg);

/* Reports an error value at the top of L's stack and pops it. Never raises. */
void lcro_report(lcro_app *app, lua_State *L, const char *traceback);

/* The same, saying whose error it is: "error in the handler of GET /". NULL:
 * a fiber's. */
void lcro_report_of(lcro_app *app, lua_State *L, const char *traceback,
                    const char *what);

/* The same of a coroutine that has died, whose stack is the traceback. */
void lcro_report_death(lcro_app *app, lua_State *L, lua_State *dead, const char *what);

/* package.loaders entry: pushes the cro.core table. */
int luaopen_cro_core(lua_State *L);

/* One opener per binding file: each pushes or extends the table at the top. */
void lcro_open_url(lua_State *L);
void lcro_open_uri(lua_State *L);
void lcro_open_json(lua_State *L);
void lcro_open_tcp(lua_State *L);
void lcro_open_timer(lua_State *L);
void lcro_open_aside(lua_State *L);
void lcro_open_clock(lua_State *L);
void lcro_open_udp(lua_State *L);
void lcro_open_signal(lua_State *L);
void lcro_open_file(lua_State *L);
void lcro_open_watch(lua_State *L);
void lcro_open_process(lua_State *L);
void lcro_open_chain(lua_State *L);
void lcro_open_router(lua_State *L);
void lcro_open_message(lua_State *L);
void lcro_open_limits(lua_State *L);
void lcro_open_server(lua_State *L);

#endif
