/* l_file.c - core.fs(op, args, fn [, file]): one request about a file; and open files.
 *
 * A request box is anchored until its function has been called. An open file that is
 * collected is closed behind what was asked of it. */
#include "bind/fiber.h"
#include "net/file.h"

static const char request_class[] = "cro.file_request";
static const char file_class[] = "cro.file";

typedef struct {
  lcro_app *app;
  cro_file *file; /* NULL: not open yet */
} file_box;

typedef struct {
  lcro_entry entry; /* first */
  lcro_app *app;
  cro_fs *request; /* NULL: over */
  cro_fs_op op;
  cro_fs_out out;
  cro_buf
      data; /* of the result; of an error: path and other path, between them a NUL */
  int fn, self;
  bool told;
  char name[24]; /* what scripts call the operation: "file.read" */
} request_box;

/* --- errors -------------------------------------------------------------------------
 */

static void set_text(lua_State *L, const char *key, const char *value)
{
  lua_pushstring(L, value);
  lua_setfield(L, -2, key);
}

static const char *text_of(int err, int system)
{
  return err == CRO_E_IO && system != 0 ? cro_fs_errno_text(system) : cro_err_text(err);
}

static bool has_two_paths(cro_fs_op op)
{
  return op == CRO_FS_COPY || op == CRO_FS_RENAME || op == CRO_FS_LINK ||
         op == CRO_FS_SYMLINK;
}

/* path -> "path" or "path to other" */
static void push_subject(lua_State *L, const request_box *box, cro_bytes path,
                         cro_bytes to)
{
  lcro_pushbytes(L, path);
  if (!has_two_paths(box->op))
    return;
  lcro_pushbytes(L, to);
  lua_pushvalue(L, -1);
  lua_setfield(L, -4, "to");
  lua_pushfstring(L, "%s to %s", lua_tostring(L, -2), lua_tostring(L, -1));
  lua_replace(L, -3);
  lua_pop(L, 1);
}

/* As other errors of the core, and: the path and the system's name for it. */
static void push_error(lua_State *L, const request_box *box, int err, int system,
                       cro_bytes path, cro_bytes to)
{
  lcro_push_error(L, err, box->name, (cro_bytes){ NULL, 0 });
  if (system != 0)
    set_text(L, "errno", cro_fs_errno_name(system));
  lcro_pushbytes(L, path);
  lua_setfield(L, -2, "path");
  push_subject(L, box, path, to);
  lua_pushfstring(L, "%s%s%s: %s", box->name, path.len > 0 ? " " : "",
                  lua_tostring(L, -1), text_of(err, system));
  lua_setfield(L, -3, "message");
  lua_pop(L, 1);
  if (box->op == CRO_FS_WRITE) {
    lua_pushnumber(L, (lua_Number)box->out.number);
    lua_setfield(L, -2, "written");
  }
}

static void push_own_error(lua_State *L, const request_box *box)
{
  cro_bytes to = cro_buf_bytes(&box->data);
  cro_bytes path = cro_bytes_take(&to, cro_bytes_find(to, '\0'));

  cro_bytes_take(&to, 1);
  push_error(L, box, box->out.err, box->out.system, path, to);
}

/* --- results ------------------------------------------------------------------------
 */

static const char *type_name(char type)
{
  static const struct {
    char type;
    const char *name;
  } names[] = { { 'f', "file" },        { 'd', "directory" },
                { 'l', "link" },        { 'p', "fifo" },
                { 's', "socket" },      { 'c', "character device" },
                { 'b', "block device" } };

  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (names[i].type == type)
      return names[i].name;
  return "unknown";
}

static int push_stat(lua_State *L, const cro_fs_stat *st)
{
  const struct {
    const char *key;
    double value;
  } fields[] = {
    { "size", (double)st->size },
    { "mode", st->mode & 07777 },
    { "uid", (double)st->uid },
    { "gid", (double)st->gid },
    { "nlink", (double)st->nlink },
    { "ino", (double)st->ino },
    { "dev", (double)st->dev },
    { "blocks", (double)st->blocks },
    { "blksize", (double)st->blksize },
    { "atime", st->atime },
    { "mtime", st->mtime },
    { "ctime", st->ctime },
    { "birthtime", st->birthtime },
  };

  lua_createtable(L, 0, 16);
  set_text(L, "type", type_name(cro_fs_type(st->mode)));
  for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
    lua_pushnumber(L, fields[i].value);
    lua_setfield(L, -2, fields[i].key);
  }
  return 1;
}

/* names, nil, types */
static int push_list(lua_State *L, cro_bytes data)
{
  int at = 0;

  lua_newtable(L);
  lua_pushnil(L);
  lua_newtable(L);
  while (data.len > 0) {
    char type = *data.at;
    size_t len;

    cro_bytes_take(&data, 1);
    len = cro_bytes_find(data, '\0');
    lcro_pushbytes(L, cro_bytes_take(&data, len));
    lua_rawseti(L, -4, ++at);
    lua_pushstring(L, type_name(type));
    lua_rawseti(L, -2, at);
    cro_bytes_take(&data, 1);
  }
  return 3;
}

static int push_file(lua_State *L, request_box *box)
{
  file_box *handle = lua_newuserdata(L, sizeof *handle);

  *handle = (file_box){ .app = box->app };
  luaL_getmetatable(L, file_class);
  lua_setmetatable(L, -2);
  handle->file = box->out.file;
  box->out.file = NULL;
  lua_pushnil(L);
  lcro_pushbytes(L, cro_file_path(handle->file));
  return 3;
}

static int push_data(lua_State *L, const request_box *box)
{
  if (box->op == CRO_FS_READ && box->out.eof && box->data.len == 0)
    lua_pushnil(L);
  else
    lcro_pushbytes(L, cro_buf_bytes(&box->data));
  return 1;
}

static int push_result(lua_State *L, request_box *box)
{
  switch (box->op) {
  case CRO_FS_OPEN:
    return push_file(L, box);
  case CRO_FS_STAT:
  case CRO_FS_FSTAT:
    return push_stat(L, &box->out.stat);
  case CRO_FS_LIST:
  case CRO_FS_GLOB:
    return push_list(L, cro_buf_bytes(&box->data));
  case CRO_FS_READ:
  case CRO_FS_LOAD:
  case CRO_FS_READLINK:
  case CRO_FS_REALPATH:
  case CRO_FS_TEMP_DIR:
    return push_data(L, box);
  case CRO_FS_SEEK:
  case CRO_FS_COPY:
    lua_pushnumber(L, (lua_Number)box->out.number);
    return 1;
  default:
    lua_pushboolean(L, 1);
    return 1;
  }
}

/* --- the box of a request
 * --------------------------------------------------------------
 */

static int request_open(lua_State *L, lcro_entry *entry)
{
  request_box *box = (request_box *)entry;
  int n = 2;

  lua_rawgeti(L, LUA_REGISTRYINDEX, box->fn);
  if (box->out.err == 0) {
    n = push_result(L, box);
  } else {
    lua_pushnil(L);
    push_own_error(L, box);
  }
  box->told = true;
  box->out.made = false; /* the script's from here on */
  return n + 1;
}

/* Before the function was called: no memory for what it is to be given. */
static bool request_failed(lua_State *L, lcro_entry *entry, int index)
{
  (void)L;
  (void)index;
  return ((request_box *)entry)->told;
}

static void drop_result(request_box *box)
{
  if (box->out.file != NULL || box->out.made) {
    box->out.data = &box->data;
    cro_fs_discard(box->app->loop, &box->out);
  }
  box->out.file = NULL;
  box->out.made = false;
  cro_buf_free(&box->data);
}

static void request_left(lua_State *L, lcro_entry *entry, bool failed)
{
  request_box *box = (request_box *)entry;

  drop_result(box);
  if (failed && !box->told && !box->app->closing && box->out.err != CRO_E_NOMEM) {
    box->out.err = CRO_E_NOMEM;
    box->out.system = 0;
    (void)lcro_fiber_deliver(box->app, entry);
    return;
  }
  lcro_release(L, &box->fn);
  lcro_release(L, &box->self);
}

static const lcro_entry_ops request_ops = { .open = request_open,
                                            .failed = request_failed,
                                            .left = request_left };

static void on_done(void *arg, const cro_fs_out *out)
{
  request_box *box = arg;

  box->request = NULL;
  box->out = *out;
  if (out->err == 0) {
    box->data = *out->data;
    *out->data = (cro_buf){ 0 };
  } else {
    (void)cro_buf_add(&box->data, out->path); /* said without it when memory is out */
    (void)cro_buf_add_byte(&box->data, '\0');
    (void)cro_buf_add(&box->data, out->to);
  }
  (void)lcro_fiber_deliver(box->app, &box->entry);
}

/* request:cancel(): fn is not called any more; harmless later */
static int l_file_request_cancel(lua_State *L)
{
  request_box *box = luaL_checkudata(L, 1, request_class);

  if (box->request != NULL)
    cro_fs_cancel(box->request);
  else if (box->entry.fiber != NULL || box->told)
    return 0;
  box->request = NULL;
  box->told = true;
  lcro_fiber_undeliver(&box->entry);
  drop_result(box);
  lcro_release(L, &box->fn);
  lcro_release(L, &box->self);
  return 0;
}

static bool is_only_asked(cro_fs_op op)
{
  return op == CRO_FS_READ || op == CRO_FS_LOAD || op == CRO_FS_COPY ||
         op == CRO_FS_REMOVE || op == CRO_FS_LIST;
}

/* Pending boxes are anchored: this is the state's end. What changes files is carried
 * out, as far as it does not take long. */
static int l_file_request_gc(lua_State *L)
{
  request_box *box = lua_touserdata(L, 1);

  (void)L;
  if (box->request != NULL && is_only_asked(box->op))
    cro_fs_cancel(box->request);
  else if (box->request != NULL)
    cro_fs_let_go(box->request);
  box->request = NULL;
  drop_result(box);
  return 0;
}

/* --- core.fs ------------------------------------------------------------------------
 */

static void read_args(lua_State *L, cro_fs_in *in)
{
  const cro_bytes none = { "", 0 };

  in->path = lcro_opt_bytes(L, 2, "path", none);
  in->to = lcro_opt_bytes(L, 2, "to", none);
  in->data = lcro_opt_bytes(L, 2, "data", none);
  in->offset = (int64_t)lcro_opt_number(L, 2, "offset", -1);
  in->length = (uint64_t)lcro_opt_number(L, 2, "length", 0);
  in->atime = lcro_opt_number(L, 2, "atime", 0);
  in->mtime = lcro_opt_number(L, 2, "mtime", 0);
  in->flags = (unsigned)lcro_opt_number(L, 2, "flags", 0);
  in->mode = (int)lcro_opt_number(L, 2, "mode", -1);
  in->uid = (int64_t)lcro_opt_number(L, 2, "uid", -1);
  in->gid = (int64_t)lcro_opt_number(L, 2, "gid", -1);
}

static cro_fs_op check_op(lua_State *L)
{
  int op = cro_fs_op_of(lcro_checkbytes(L, 1));

  if (op < 0)
    luaL_error(L, "fs: no operation is called '%s'", lua_tostring(L, 1));
  if (cro_fs_op_is_of_file((cro_fs_op)op) != !lua_isnoneornil(L, 4))
    luaL_error(L, "fs: %s %s an open file", lua_tostring(L, 1),
               lua_isnoneornil(L, 4) ? "needs" : "takes no");
  return (cro_fs_op)op;
}

static request_box *new_request(lua_State *L, lcro_app *app, cro_fs_op op)
{
  cro_bytes name = lcro_opt_bytes(L, 2, "op", CRO_B("file"));
  request_box *box = lua_newuserdata(L, sizeof *box);

  memset(box, 0, sizeof *box);
  lcro_entry_init(&box->entry, &request_ops);
  box->app = app;
  box->op = op;
  box->fn = box->self = LUA_NOREF;
  memcpy(box->name, name.at,
         name.len < sizeof box->name ? name.len : sizeof box->name - 1);
  luaL_getmetatable(L, request_class);
  lua_setmetatable(L, -2);
  return box;
}

static int refused(lua_State *L, request_box *box, int err, const cro_fs_in *in,
                   const cro_file *file)
{
  box->told = true;
  lcro_release(L, &box->fn);
  lcro_release(L, &box->self);
  lua_pushnil(L);
  push_error(L, box, err, 0, file != NULL ? cro_file_path(file) : in->path, in->to);
  return 2;
}

/* core.fs(op, args, fn(value, err, more) [, file]) -> request; or nil, err when too
 * much is asked already */
static int l_core_fs(lua_State *L)
{
  lcro_app *app = lcro_app_running(L, "cro.file");
  cro_fs_op op = check_op(L);
  cro_fs_in in = { 0 };
  cro_file *file = NULL;
  request_box *box;
  int rc;

  luaL_checktype(L, 2, LUA_TTABLE);
  luaL_checktype(L, 3, LUA_TFUNCTION);
  if (cro_fs_op_is_of_file(op))
    file = ((file_box *)luaL_checkudata(L, 4, file_class))->file;
  lua_settop(L, 4);
  read_args(L, &in);
  box = new_request(L, app, op);
  box->fn = lcro_anchor(L, 3);
  box->self = lcro_anchor(L, 5);
  rc = cro_fs_start(&box->request, app->loop, file, op, &in, on_done, box);
  return rc == 0 ? 1 : refused(L, box, rc, &in, file);
}

static int l_file_gc(lua_State *L)
{
  file_box *box = lua_touserdata(L, 1);

  (void)L;
  if (box->file != NULL)
    cro_file_forget(box->file);
  box->file = NULL;
  return 0;
}

/* file:fd() -> its descriptor, standing where the file stands; nil when it is closed */
static int l_file_fd(lua_State *L)
{
  const file_box *box = luaL_checkudata(L, 1, file_class);
  int fd = box->file != NULL ? cro_file_descriptor(box->file) : -1;

  if (fd < 0)
    return 0;
  lua_pushinteger(L, fd);
  return 1;
}

static const luaL_Reg request_methods[] = {
  { "cancel", l_file_request_cancel },
  { NULL, NULL },
};

static const luaL_Reg file_methods[] = {
  { "fd", l_file_fd },
  { NULL, NULL },
};

/* --- standard streams
 * ------------------------------------------------------------------
 */

static int check_stdio(lua_State *L)
{
  int fd = (int)luaL_checkinteger(L, 1);

  luaL_argcheck(L, fd >= 0 && fd <= 2, 1, "0, 1 or 2 expected");
  return fd;
}

/* core.stdio(fd) -> file; or nil, err */
static int l_core_stdio(lua_State *L)
{
  lcro_app *app = lcro_app_running(L, "a standard stream");
  int fd = check_stdio(L);
  file_box *box = lua_newuserdata(L, sizeof *box);
  int rc;

  *box = (file_box){ .app = app };
  luaL_getmetatable(L, file_class);
  lua_setmetatable(L, -2);
  rc = cro_stdio_open(&box->file, app->loop, fd);
  return rc == 0 ? 1 : lcro_fail(L, rc, "open", (cro_bytes){ NULL, 0 });
}

/* core.stdio_terminal(fd) -> boolean, columns, rows; the size where it is known */
static int l_core_stdio_terminal(lua_State *L)
{
  int fd = check_stdio(L);
  int columns, rows;

  lua_pushboolean(L, cro_stdio_is_terminal(fd));
  if (cro_stdio_size(fd, &columns, &rows) != 0)
    return 1;
  lua_pushinteger(L, columns);
  lua_pushinteger(L, rows);
  return 3;
}

static void push_flags(lua_State *L)
{
  static const struct {
    const char *name;
    int flag;
  } flags[] = {
    { "read", CRO_FS_F_READ },           { "write", CRO_FS_F_WRITE },
    { "create", CRO_FS_F_CREATE },       { "truncate", CRO_FS_F_TRUNCATE },
    { "exclusive", CRO_FS_F_EXCLUSIVE }, { "append", CRO_FS_F_APPEND },
    { "temp", CRO_FS_F_TEMP },           { "atomic", CRO_FS_F_ATOMIC },
    { "sync", CRO_FS_F_SYNC },           { "data_only", CRO_FS_F_DATA_ONLY },
    { "recursive", CRO_FS_F_RECURSIVE }, { "missing_ok", CRO_FS_F_MISSING_OK },
    { "nofollow", CRO_FS_F_NOFOLLOW },   { "parents", CRO_FS_F_PARENTS },
    { "shared", CRO_FS_F_SHARED },       { "unlock", CRO_FS_F_UNLOCK },
  };

  lua_newtable(L);
  for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
    lua_pushinteger(L, flags[i].flag);
    lua_setfield(L, -2, flags[i].name);
  }
}

void lcro_open_file(lua_State *L)
{
  lcro_class(L, request_class, request_methods, l_file_request_gc);
  lcro_class(L, file_class, file_methods, l_file_gc);
  lua_pushcfunction(L, l_core_fs);
  lua_setfield(L, -2, "fs");
  lua_pushcfunction(L, l_core_stdio);
  lua_setfield(L, -2, "stdio");
  lua_pushcfunction(L, l_core_stdio_terminal);
  lua_setfield(L, -2, "stdio_terminal");
  push_flags(L);
  lua_setfield(L, -2, "fs_flags");
}
