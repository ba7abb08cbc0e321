#include "bind/app.h"

#include "base/alloc.h"
#include "base/check.h"
#include "bind/args.h"
#include "bind/bundle.h"
#include "bind/fiber.h"
#include "bind/memory.h"
#include "bind/paths.h"
#include "bind/repl.h"
#include "net/file.h"

#include <luajit.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#ifndef CRO_VERSION
#define CRO_VERSION "development"
#endif

typedef struct program {
  lcro_entry main;  /* the fiber of the script */
  lcro_entry stuck; /* the one that says why nothing can go on */
  lcro_args args;
  lcro_paths paths;
  lcro_bundle_place place;
  lcro_memory memory;
  cro_loop *loop;
  lcro_app *app;
  lua_State *L;
  int boot; /* registry: { main =, stuck = } */
  int host; /* registry: what they are given */
  int status;
  bool ended;
} program;

/* --- what the script's side may ask for: the host table -------------------------- */

static program *program_of(lua_State *L)
{
  return lua_touserdata(L, lua_upvalueindex(1));
}

/* host.stop(status): the end has come, clean-up included. */
static int l_host_stop(lua_State *L)
{
  program *self = program_of(L);

  self->status = (int)luaL_checkinteger(L, 1);
  self->ended = true;
  cro_loop_stop(self->loop);
  return 0;
}

/* host.memory([limit]) -> bytes used, limit: of the Lua heap. */
static int l_host_memory(lua_State *L)
{
  program *self = program_of(L);
  lua_Number limit = luaL_optnumber(L, 1, 0);

  if (limit >= 1 && limit < 1e15)
    lcro_memory_set_limit(&self->memory, (size_t)limit);
  lua_pushnumber(L, (lua_Number)self->memory.used);
  lua_pushnumber(L, (lua_Number)self->memory.limit);
  return 2;
}

/* host.read_line(fn): fn(line) or fn(nil) later, once, on a fiber of its own. */
static int l_host_read_line(lua_State *L)
{
  program *self = program_of(L);

  luaL_checktype(L, 1, LUA_TFUNCTION);
  lcro_repl_read(self->app, L, 1);
  return 0;
}

static void set_function(lua_State *L, program *self, const char *name,
                         lua_CFunction fn)
{
  lua_pushlightuserdata(L, self);
  lua_pushcclosure(L, fn, 1);
  lua_setfield(L, -2, name);
}

static void set_string(lua_State *L, const char *name, const char *value)
{
  lua_pushstring(L, value);
  lua_setfield(L, -2, name);
}

static void set_integer(lua_State *L, const char *name, int value)
{
  lua_pushinteger(L, value);
  lua_setfield(L, -2, name);
}

static void set_flag(lua_State *L, const char *name, bool value)
{
  lua_pushboolean(L, value);
  lua_setfield(L, -2, name);
}

static void set_command_line(lua_State *L, const lcro_args *args)
{
  set_string(L, "name", args->name);
  set_integer(L, "options", args->options);
  set_integer(L, "script", args->script);
  set_flag(L, "interactive", args->interactive);
  set_flag(L, "show_version", args->version);
  set_flag(L, "executes", args->executes);
  set_flag(L, "bare", args->bare);
  set_flag(L, "strict", args->strict);
  set_flag(L, "strict_promises", args->strict_promises);
  lua_createtable(L, args->argc, 1);
  for (int i = 0; i < args->argc; i++) {
    lua_pushstring(L, args->argv[i]);
    lua_rawseti(L, -2, i);
  }
  lua_setfield(L, -2, "argv");
}

static void set_places(lua_State *L, const lcro_paths *paths)
{
  set_string(L, "tree", paths->lua);
  lua_createtable(L, 2, 0);
  for (int i = 0, n = 0; i < 2; i++) {
    if (paths->native[i][0] == '\0')
      continue;
    lua_pushstring(L, paths->native[i]);
    lua_rawseti(L, -2, ++n);
  }
  lua_setfield(L, -2, "native");
}

static void push_host(lua_State *L, program *self)
{
  lua_newtable(L);
  set_command_line(L, &self->args);
  set_places(L, &self->paths);
  set_string(L, "version", CRO_VERSION);
  set_flag(L, "terminal", isatty(STDIN_FILENO) == 1);
  set_function(L, self, "stop", l_host_stop);
  set_function(L, self, "memory", l_host_memory);
  set_function(L, self, "read_line", l_host_read_line);
}

/* --- making the world ------------------------------------------------------------ */

static void open_libraries(lua_State *L, const program *self)
{
  const char *jit = getenv("CRO_JIT");

  if (self->args.bare) { /* LuaJIT's own way to say so */
    lua_pushboolean(L, 1);
    lua_setfield(L, LUA_REGISTRYINDEX, "LUA_NOENV");
  }
  luaL_openlibs(L);
  if (jit != NULL && strcmp(jit, "off") == 0)
    luaJIT_setmode(L, 0, LUAJIT_MODE_ENGINE | LUAJIT_MODE_OFF);
}

static void preload_core(lua_State *L)
{
  lua_getglobal(L, "package");
  lua_getfield(L, -1, "preload");
  lua_pushcfunction(L, luaopen_cro_core);
  lua_setfield(L, -2, "cro.core");
  lua_pop(L, 2);
}

/* Hardly anything of what is loaded at start is garbage: the first cycle waits until
 * the heap is four times what boot took, half a megabyte. */
static void start_collector(lua_State *L)
{
  int pause = lua_gc(L, LUA_GCSETPAUSE, 400);

  lua_gc(L, LUA_GCRESTART, -1);
  lua_gc(L, LUA_GCSETPAUSE, pause);
}

/* Protected. Leaves the state ready to run boot.main on a fiber. */
static int l_set_up(lua_State *L)
{
  program *self = lua_touserdata(L, 1);

  lua_settop(L, 0);
  lua_gc(L, LUA_GCSTOP, 0);
  open_libraries(L, self);
  self->app = lcro_app_open(L, self->loop);
  self->app->memory = &self->memory;
  preload_core(L);
  lcro_bundle_install(L, &self->place);
  if (lcro_bundle_load(L, &self->place, "cro/boot.lua") != 0)
    return lua_error(L);
  push_host(L, self);
  self->host = lcro_anchor(L, -1);
  lua_call(L, 1, 1);
  self->boot = lcro_anchor(L, -1);
  start_collector(L);
  return 0;
}

static int open_main(lua_State *L, lcro_entry *entry)
{
  program *self = CRO_CONTAINER(entry, program, main);

  lua_rawgeti(L, LUA_REGISTRYINDEX, self->boot);
  lua_getfield(L, -1, "main");
  lua_remove(L, -2);
  lua_rawgeti(L, LUA_REGISTRYINDEX, self->host);
  return 2;
}

static int open_stuck(lua_State *L, lcro_entry *entry)
{
  program *self = CRO_CONTAINER(entry, program, stuck);

  lua_rawgeti(L, LUA_REGISTRYINDEX, self->boot);
  lua_getfield(L, -1, "stuck");
  lua_remove(L, -2);
  lua_rawgeti(L, LUA_REGISTRYINDEX, self->host);
  return 2;
}

/* boot says itself when the end has come; only a fault in boot fails here. */
static void main_left(lua_State *L, lcro_entry *entry, bool failed)
{
  program *self = CRO_CONTAINER(entry, program, main);

  (void)L;
  if (!failed)
    return;
  self->ended = true;
  cro_loop_stop(self->loop);
}

static void stuck_left(lua_State *L, lcro_entry *entry, bool failed)
{
  program *self = CRO_CONTAINER(entry, program, stuck);

  (void)L;
  (void)failed;
  self->ended = true;
  cro_loop_stop(self->loop);
}

static const lcro_entry_ops main_ops = { .open = open_main, .left = main_left };
static const lcro_entry_ops stuck_ops = { .open = open_stuck, .left = stuck_left };

/* --- running and taking down ----------------------------------------------------- */

static bool complain(const program *self, const char *what)
{
  fprintf(stderr, "%s: %s\n", self->args.name, what);
  return false;
}

static bool enter(program *self, lcro_entry *entry, const lcro_entry_ops *ops)
{
  lcro_entry_init(entry, ops);
  if (lcro_fiber_enter(self->app, entry) < 0)
    return complain(self, cro_err_text(CRO_E_NOMEM));
  if (!self->ended)
    cro_loop_run(self->loop);
  return true;
}

/* The loop comes back early when the script waits and nothing is left that could
 * wake it: that is said, rather than waited out. */
static void run(program *self)
{
  if (!enter(self, &self->main, &main_ops) || self->ended)
    return;
  enter(self, &self->stuck, &stuck_ops);
}

static int l_panic(lua_State *L)
{
  const char *text = lua_tostring(L, -1);

  fprintf(stderr, "crolua: fatal, outside of any protected call: %s\n",
          text != NULL ? text : "(error object is not a string)");
  fflush(NULL);
  abort();
}

/* The loop ignores SIGPIPE for its sockets. A script that prints into a pipe whose
 * reader has left ends as any Unix program does, unless it serves. */
static cro_loop *pipe_loop;

static void on_broken_pipe(int number)
{
  struct pollfd out = { .fd = STDOUT_FILENO };
  cro_loop_stats stats;

  if (cro_file_is_writing())
    return;
  cro_loop_stats_get(pipe_loop, &stats);
  if (stats.listeners > 0 || poll(&out, 1, 0) != 1 || (out.revents & POLLERR) == 0)
    return;
  signal(number, SIG_DFL);
  raise(number);
}

static bool memory_limit(const program *self, size_t *out)
{
  const char *text = getenv("CROLUA_LUA_MEMORY");

  *out = lcro_memory_default;
  if (text == NULL || lcro_memory_parse(text, out))
    return true;
  fprintf(stderr, "%s: CROLUA_LUA_MEMORY is '%s'; give a size such as 512M\n",
          self->args.name, text);
  return false;
}

static bool open_world(program *self)
{
  size_t limit;
  int rc;

  if (!lcro_paths_find(&self->paths, self->args.argc > 0 ? self->args.argv[0] : NULL)) {
    fprintf(stderr,
            "%s: cannot find its own Lua files (cro/boot.lua in %s); "
            "install it with its share/lua/5.1 folder beside bin\n",
            self->args.name, self->paths.lua);
    return false;
  }
  if (!memory_limit(self, &limit))
    return false;
  rc = cro_loop_create(&self->loop);
  if (rc != 0)
    return complain(self, cro_err_text(rc));
  pipe_loop = self->loop;
  signal(SIGPIPE, on_broken_pipe);
  self->L = lcro_memory_open(&self->memory, limit);
  return self->L != NULL || complain(self, cro_err_text(CRO_E_NOMEM));
}

static bool set_up(program *self)
{
  const char *text;

  lua_atpanic(self->L, l_panic);
  if (lua_cpcall(self->L, l_set_up, self) == 0)
    return true;
  text = lua_tostring(self->L, -1);
  return complain(self, text != NULL ? text : "cannot start");
}

static void close_world(program *self)
{
  signal(SIGPIPE, SIG_IGN);
  if (self->L != NULL)
    lcro_repl_end();
  if (self->app != NULL)
    lcro_app_close(self->app);
  if (self->L != NULL)
    lcro_memory_close(&self->memory, self->L);
  cro_loop_destroy(self->loop);
}

int cro_app_main(int argc, char **argv, const struct lcro_bundle *bundle)
{
  program self = { .status = 1, .boot = LUA_NOREF, .host = LUA_NOREF };

  self.place = (lcro_bundle_place){ bundle, self.paths.lua };

  cro_stdio_guard();
  cro_alloc_init();
  if (!lcro_args_parse(&self.args, argc, argv))
    return 1;
  if (self.args.help) {
    lcro_args_help(&self.args);
    return 0;
  }
  if (open_world(&self) && set_up(&self))
    run(&self);
  close_world(&self);
  return self.status;
}
