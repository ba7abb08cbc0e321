/* l_process.c - core.process_start: a child with its descriptors, its end, signals.
 *
 * Every descriptor made for a child is opened, used and closed inside one call, in
 * which nothing may raise once the first one is open. */
#include "bind/fiber.h"
#include "bind/tcp.h"
#include "net/process.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

extern char **environ;

static const char process_class[] = "cro.process";
static const char pipe_class[] = "cro.process.pipe";

typedef struct {
  lcro_entry entry; /* first */
  lcro_app *app;
  cro_process *process; /* NULL: not started, or reaped */
  int pid;
  int code, number; /* how it ended */
  int terminal;     /* the side of the child, held open while it lives; or -1 */
  int fn, self;     /* anchored until the end has been told */
} process_box;

typedef struct {
  int fds[2]; /* read, written; -1: handed over or closed */
} pipe_box;

/* --- pipes between processes --------------------------------------------------------
 */

static void close_end(pipe_box *box, int end)
{
  cro_fd_close(box->fds[end]);
  box->fds[end] = -1;
}

/* pipe:close(): what no process was given; harmless twice. */
static int l_pipe_close(lua_State *L)
{
  pipe_box *box = luaL_checkudata(L, 1, pipe_class);

  close_end(box, 0);
  close_end(box, 1);
  return 0;
}

/* core.process_pipe() -> pipe, or nil, err: for two processes; each end is closed here
 * when the process that gets it was started, both when it is collected */
static int l_core_process_pipe(lua_State *L)
{
  pipe_box *box = lua_newuserdata(L, sizeof *box);
  int rc;

  box->fds[0] = box->fds[1] = -1;
  luaL_getmetatable(L, pipe_class);
  lua_setmetatable(L, -2);
  rc = cro_pipe_open(box->fds);
  return rc == 0 ? 1 : lcro_fail(L, rc, "pipe", (cro_bytes){ NULL, 0 });
}

/* core.process_fd(file) -> descriptor of an open file of the io library, or nil for
 * another value; what it has buffered is written first */
static int l_core_process_fd(lua_State *L)
{
  FILE *const *file = lua_touserdata(L, 1);
  bool is_file = false;

  lua_settop(L, 1);
  if (file != NULL && lua_getmetatable(L, 1)) {
    luaL_getmetatable(L, LUA_FILEHANDLE);
    is_file = lua_rawequal(L, -1, -2) != 0;
  }
  if (!is_file || *file == NULL)
    return 0;
  (void)fflush(*file);
  lua_pushinteger(L, fileno(*file));
  return 1;
}

/* core.environ() -> { "NAME=value", ... } of this process */
static int l_core_environ(lua_State *L)
{
  int n = 0;

  lua_newtable(L);
  for (char **at = environ; at != NULL && *at != NULL; at++) {
    lua_pushstring(L, *at);
    lua_rawseti(L, -2, ++n);
  }
  return 1;
}

/* --- what a child is given
 * ------------------------------------------------------------ */

enum { places = 3 };

/* How one of 0, 1 and 2 is provided; while it is, the child's descriptor. */
typedef struct {
  bool piped;     /* a pipe to us */
  bool as_stdout; /* what stdout is */
  pipe_box *pipe; /* an end of this one */
  int fd;
  bool temporary; /* fd is ours to close once the child has it */
  lcro_tcp *box;  /* our end, for Lua */
  cro_tcp *tcp;
} slot;

typedef struct {
  lcro_app *app;
  cro_spawn_options options;
  slot slots[places];
  int cols, rows; /* of a terminal; 0: none */
  int terminal;   /* its side of it, which the box closes; or -1 */
} request;

/* "pipe", "null", "stdout", a descriptor or a pipe: the field `name` of the options. */
static void read_slot(lua_State *L, slot *out, const char *name)
{
  const char *word;

  lua_getfield(L, 1, name);
  out->fd = CRO_SPAWN_NULL;
  if (lua_type(L, -1) == LUA_TNUMBER) {
    out->fd = (int)lua_tointeger(L, -1);
    (void)fflush(stdout); /* what was printed before comes before */
  } else if (lua_isuserdata(L, -1)) {
    out->pipe = luaL_checkudata(L, -1, pipe_class);
  } else {
    word = luaL_checkstring(L, -1);
    out->piped = strcmp(word, "pipe") == 0;
    out->as_stdout = strcmp(word, "stdout") == 0;
  }
  lua_pop(L, 1);
}

/* The strings of a list, ending with NULL, in a userdata that is left on the stack with
 * the list, which anchors them. NULL when there is no such field. */
static char **read_strings(lua_State *L, const char *name)
{
  size_t count;
  char **list;

  lua_getfield(L, 1, name);
  if (lua_isnil(L, -1))
    return NULL;
  count = lua_objlen(L, -1);
  list = lua_newuserdata(L, (count + 1) * sizeof *list);
  for (size_t i = 0; i < count; i++) {
    lua_rawgeti(L, -2, (int)i + 1);
    list[i] = (char *)(uintptr_t)luaL_checkstring(L, -1);
    lua_pop(L, 1);
  }
  list[count] = NULL;
  return list;
}

static const char *read_text(lua_State *L, const char *name)
{
  lua_getfield(L, 1, name);
  return lua_tostring(L, -1); /* stays on the stack */
}

/* The options table is at 1. What the request points to is left on the stack. */
static void read_request(lua_State *L, request *out)
{
  cro_spawn_options *options = &out->options;

  luaL_checkstack(L, 16, "not enough memory");
  read_slot(L, &out->slots[0], "stdin");
  read_slot(L, &out->slots[1], "stdout");
  read_slot(L, &out->slots[2], "stderr");
  options->file = read_text(L, "file");
  options->cwd = read_text(L, "cwd");
  options->args = read_strings(L, "args");
  options->env = read_strings(L, "env");
  luaL_argcheck(L, options->file != NULL && options->args != NULL, 1, "file, args");
  out->cols = (int)lcro_opt_number(L, 1, "cols", 0);
  out->rows = (int)lcro_opt_number(L, 1, "rows", 0);
  options->uid = (int64_t)lcro_opt_number(L, 1, "uid", -1);
  options->gid = (int64_t)lcro_opt_number(L, 1, "gid", -1);
  options->group = lcro_opt_bool(L, 1, "group", false);
  options->detached = lcro_opt_bool(L, 1, "detached", false);
  options->terminal = out->cols > 0;
  options->session = options->detached || options->terminal;
}

/* --- opening it; from here on nothing raises
 * -------------------------------------------- */

/* Our end of a pipe becomes a connection at once, so that a child is only born when all
 * is there. */
static int adopt(request *self, slot *to, int fd)
{
  int rc = cro_stream_adopt(&to->tcp, self->app->loop, fd, 0);

  if (rc != 0)
    cro_fd_close(fd);
  return rc;
}

static int open_pipe(request *self, int place)
{
  slot *to = &self->slots[place];
  int theirs = place == 0 ? 0 : 1, fds[2];
  int rc = cro_pipe_open(fds);

  if (rc != 0)
    return rc;
  to->fd = fds[theirs];
  to->temporary = true;
  return adopt(self, to, fds[1 - theirs]);
}

static int open_slot(request *self, int place)
{
  slot *to = &self->slots[place];

  if (to->pipe != NULL)
    to->fd = to->pipe->fds[place == 0 ? 0 : 1];
  if (to->pipe != NULL && to->fd < 0)
    return CRO_E_CLOSED;
  if (to->as_stdout)
    to->fd = self->slots[1].fd;
  return to->piped ? open_pipe(self, place) : 0;
}

/* The terminal is all three; its other side is the connection of stdout. */
static int open_terminal(request *self)
{
  int master, slave;
  int rc = cro_pty_open(&master, &slave, self->cols, self->rows);

  if (rc != 0)
    return rc;
  self->slots[0].fd = self->slots[1].fd = self->slots[2].fd = slave;
  self->terminal = slave;
  return adopt(self, &self->slots[1], master);
}

static int open_slots(request *self)
{
  int rc = 0;

  if (self->options.terminal)
    rc = open_terminal(self);
  else
    for (int place = 0; place < places && rc == 0; place++)
      rc = open_slot(self, place);
  for (int place = 0; place < places; place++)
    self->options.fds[place] = self->slots[place].fd;
  return rc;
}

/* The child has its own by now, or will never have any. */
static void close_slots(request *self, bool started)
{
  for (int place = 0; place < places; place++) {
    slot *it = &self->slots[place];

    if (it->temporary)
      cro_fd_close(it->fd);
    if (it->pipe != NULL)
      close_end(it->pipe, place == 0 ? 0 : 1);
    if (!started && it->tcp != NULL)
      lcro_tcp_abort(it->tcp);
  }
}

/* --- its end
 * --------------------------------------------------------------------------- */

static int process_open(lua_State *L, lcro_entry *entry)
{
  const process_box *box = (const process_box *)entry;
  const char *name = cro_signal_name(box->number);

  lua_rawgeti(L, LUA_REGISTRYINDEX, box->fn);
  if (box->code >= 0)
    lua_pushinteger(L, box->code);
  else
    lua_pushnil(L);
  if (box->number == 0)
    return 2;
  if (name != NULL)
    lua_pushfstring(L, "SIG%s", name);
  else
    lua_pushfstring(L, "SIG%d", box->number);
  return 3;
}

static void process_left(lua_State *L, lcro_entry *entry, bool failed)
{
  process_box *box = (process_box *)entry;

  (void)failed;
  lcro_release(L, &box->fn);
  lcro_release(L, &box->self);
}

static const lcro_entry_ops process_ops = { .open = process_open,
                                            .left = process_left };

static void let_terminal_go(process_box *box)
{
  cro_fd_close(box->terminal);
  box->terminal = -1;
}

/* A child that closes its descriptors first and ends then, as many do, is not hung up
 * in between: its terminal was held here. */
static void on_exited(void *arg, int code, int number)
{
  process_box *box = arg;

  let_terminal_go(box);
  box->process = NULL;
  box->code = code;
  box->number = number;
  (void)lcro_fiber_deliver(box->app, &box->entry);
}

/* --- Lua
 * ------------------------------------------------------------------------------- */

static process_box *push_process(lua_State *L, lcro_app *app)
{
  process_box *box = lua_newuserdata(L, sizeof *box);

  lcro_entry_init(&box->entry, &process_ops);
  box->app = app;
  box->process = NULL;
  box->pid = box->code = -1;
  box->number = 0;
  box->terminal = -1;
  box->fn = box->self = LUA_NOREF;
  luaL_getmetatable(L, process_class);
  lua_setmetatable(L, -2);
  return box;
}

/* Pushes a box for each connection there will be, nil for the others. */
static void push_connections(lua_State *L, request *self)
{
  for (int place = 0; place < places; place++) {
    slot *it = &self->slots[place];
    bool terminal = self->options.terminal && place == 1;

    if ((it->piped && !self->options.terminal) || terminal)
      it->box = lcro_tcp_push(L, self->app);
    else
      lua_pushnil(L);
  }
}

static int refuse(lua_State *L, int rc, cro_spawn_step step)
{
  static const char *const steps[] = {
    [CRO_SPAWN_START] = "start", [CRO_SPAWN_TERMINAL] = "terminal",
    [CRO_SPAWN_CWD] = "cwd",     [CRO_SPAWN_IDS] = "ids",
    [CRO_SPAWN_EXEC] = "exec",
  };

  (void)lcro_fail(L, rc, "start", (cro_bytes){ NULL, 0 });
  lua_pushstring(L, steps[step]);
  return 3;
}

/* core.process_start(options, fn(code, signal)) -> process, stdin, stdout, stderr, or
 * nil, err, step: fn is called once, when it has ended: with its exit code, or nil and
 * the name of the signal that ended it. Each of the three is a connection where a pipe
 * was asked for; a terminal is that of stdout. */
static int l_core_process_start(lua_State *L)
{
  request self = { .app = lcro_app_running(L, "a process"), .terminal = -1 };
  cro_spawn_step step = CRO_SPAWN_START;
  process_box *box;
  int rc;

  luaL_checktype(L, 1, LUA_TTABLE);
  luaL_checktype(L, 2, LUA_TFUNCTION);
  read_request(L, &self);
  box = push_process(L, self.app);
  box->fn = lcro_anchor(L, 2);
  box->self = lcro_anchor(L, -1);
  push_connections(L, &self);
  rc = open_slots(&self);
  box->terminal = self.terminal;
  if (rc == 0)
    rc = cro_spawn(&box->process, self.app->loop, &self.options, &step, on_exited, box);
  close_slots(&self, rc == 0);
  if (rc != 0) {
    let_terminal_go(box);
    process_left(L, &box->entry, true);
    return refuse(L, rc, step);
  }
  box->pid = cro_process_pid(box->process);
  for (int place = 0; place < places; place++)
    if (self.slots[place].tcp != NULL)
      lcro_tcp_adopt(L, self.slots[place].box, self.slots[place].tcp);
  return 4;
}

static process_box *check_process(lua_State *L)
{
  return luaL_checkudata(L, 1, process_class);
}

/* process:pid(), also when it has ended */
static int l_process_pid(lua_State *L)
{
  lua_pushinteger(L, check_process(L)->pid);
  return 1;
}

static int check_signal(lua_State *L, int index)
{
  int number = cro_signal_number(lcro_checkbytes(L, index));

  luaL_argcheck(L, number > 0, index, "no signal");
  return number;
}

/* process:kill(signal) -> true, false when it has ended, or nil, err */
static int l_process_kill(lua_State *L)
{
  process_box *box = check_process(L);
  int number = check_signal(L, 2);
  int rc = box->process != NULL ? cro_process_kill(box->process, number) : 0;

  if (rc != 0)
    return lcro_fail(L, rc, "kill", (cro_bytes){ NULL, 0 });
  lua_pushboolean(L, box->process != NULL);
  return 1;
}

/* process:stop(signal, seconds): that signal now, SIGKILL when it is still there then
 */
static int l_process_stop(lua_State *L)
{
  process_box *box = check_process(L);
  int number = check_signal(L, 2);
  lua_Number seconds = luaL_checknumber(L, 3);

  luaL_argcheck(L, seconds >= 0, 3, "seconds, 0 or more");
  seconds = seconds > 1e9 ? 1e9 : seconds;
  if (box->process != NULL)
    cro_process_stop(box->process, number, (uint64_t)(seconds * 1000));
  return 0;
}

/* core.process_resize(connection, cols, rows) -> true, or nil, err: of a terminal */
static int l_core_process_resize(lua_State *L)
{
  const lcro_tcp *box = lcro_check_tcp(L, 1);
  int cols = (int)luaL_checkinteger(L, 2), rows = (int)luaL_checkinteger(L, 3);
  int rc = box->tcp != NULL ? cro_pty_resize(box->tcp, cols, rows) : CRO_E_CLOSED;

  if (rc != 0)
    return lcro_fail(L, rc, "resize", (cro_bytes){ NULL, 0 });
  lua_pushboolean(L, true);
  return 1;
}

/* The box of a living process is anchored: this is the state's end, or it has ended. */
static int l_process_gc(lua_State *L)
{
  process_box *box = lua_touserdata(L, 1);

  if (box->process != NULL)
    cro_process_forget(box->process);
  box->process = NULL;
  let_terminal_go(box);
  return 0;
}

static const luaL_Reg process_methods[] = {
  { "pid", l_process_pid },
  { "kill", l_process_kill },
  { "stop", l_process_stop },
  { NULL, NULL },
};

static const luaL_Reg pipe_methods[] = {
  { "close", l_pipe_close },
  { NULL, NULL },
};

static const luaL_Reg functions[] = {
  { "process_start", l_core_process_start },
  { "process_pipe", l_core_process_pipe },
  { "process_fd", l_core_process_fd },
  { "process_resize", l_core_process_resize },
  { "environ", l_core_environ },
  { NULL, NULL },
};

void lcro_open_process(lua_State *L)
{
  lcro_class(L, process_class, process_methods, l_process_gc);
  lcro_class(L, pipe_class, pipe_methods, l_pipe_close);
  luaL_register(L, NULL, functions);
}
