/* l_tls.c - core.tls_context(): certificates, keys and whom to trust, from files. */
#include "bind/tls.h"

#include <math.h>
#include <stdio.h>

static const char class[] = "cro.tls_context";

typedef struct {
  cro_tls_context *context; /* NULL: it could not be made */
} context_box;

static context_box *self(lua_State *L)
{
  return luaL_checkudata(L, 1, class);
}

cro_tls_context *lcro_check_tls_context(lua_State *L, int index)
{
  const context_box *box = luaL_checkudata(L, index, class);

  return box->context;
}

cro_tls_context *lcro_opt_tls(lua_State *L, int index)
{
  cro_tls_context *context = NULL;

  lua_getfield(L, index, "tls");
  if (!lua_isnil(L, -1))
    context = lcro_check_tls_context(L, -1);
  lua_pop(L, 1);
  return context;
}

/* Never less than was asked for. */
uint64_t lcro_handshake_ms(lua_Number seconds)
{
  if (!(seconds > 0))
    return LCRO_TLS_HANDSHAKE_MS;
  return seconds < 1e6 ? (uint64_t)ceil(seconds * 1000) : (uint64_t)1000000000;
}

uint64_t lcro_opt_handshake(lua_State *L, int index)
{
  return lcro_handshake_ms(lcro_opt_number(L, index, "handshake_timeout", 0));
}

/* --- errors ---------------------------------------------------------------------- */

void lcro_keep_why(char out[LCRO_TLS_WHY_MAX], cro_tcp *tcp)
{
  (void)snprintf(out, LCRO_TLS_WHY_MAX, "%s", cro_tls_why(tcp));
}

void lcro_push_tls_error(lua_State *L, int err, const char *op, cro_bytes address,
                         const char *why)
{
  lcro_push_error(L, err, op, address);
  lua_getfield(L, -1, "address");
  lua_pushfstring(L, "%s%s%s: TLS: %s", op, lua_isnil(L, -1) ? "" : " ",
                  lua_isnil(L, -1) ? "" : lua_tostring(L, -1),
                  why[0] != '\0' ? why : cro_err_text(err));
  lua_setfield(L, -3, "message");
  lua_pop(L, 1);
  lua_pushliteral(L, "handshake");
  lua_setfield(L, -2, "phase");
}

static int fault(lua_State *L, const cro_tls_fault *fault)
{
  lua_pushnil(L);
  lcro_push_error(L, fault->err, "tls", (cro_bytes){ NULL, 0 });
  if (fault->text[0] != '\0') {
    lua_pushstring(L, fault->text);
    lua_setfield(L, -2, "message");
  }
  return 2;
}

/* --- options --------------------------------------------------------------------- */

/* The table in the field, at the top; its length. 0 and nothing at the top: no table.
 */
static size_t open_list(lua_State *L, int index, const char *key)
{
  size_t count;

  lua_getfield(L, index, key);
  count = lua_istable(L, -1) ? lua_objlen(L, -1) : 0;
  if (count == 0)
    lua_pop(L, 1);
  return count;
}

static void read_identity(lua_State *L, int index, cro_tls_identity *out)
{
  cro_bytes none = CRO_B("");

  luaL_checktype(L, index, LUA_TTABLE);
  out->server_name = lcro_opt_bytes(L, index, "server_name", none);
  out->certificate_file = lcro_opt_bytes(L, index, "certificate_file", none);
  out->private_key_file = lcro_opt_bytes(L, index, "private_key_file", none);
  out->pkcs12_file = lcro_opt_bytes(L, index, "pkcs12_file", none);
  out->password = lcro_opt_bytes(L, index, "password", none);
  out->ocsp_file = lcro_opt_bytes(L, index, "ocsp_file", none);
}

/* The array of strings in the field, as userdata on the stack; NULL: none. */
static cro_bytes *read_strings(lua_State *L, const char *key, size_t *count)
{
  size_t n = open_list(L, 1, key);
  int list = lua_gettop(L);
  cro_bytes *all;

  *count = n;
  if (n == 0)
    return NULL;
  all = lua_newuserdata(L, n * sizeof *all);
  for (size_t i = 0; i < n; i++) {
    lua_rawgeti(L, list, (int)i + 1);
    if (lua_type(L, -1) != LUA_TSTRING)
      luaL_error(L, "option '%s': strings expected, got a %s", key,
                 luaL_typename(L, -1));
    all[i] = lcro_checkbytes(L, -1);
    lua_pop(L, 1);
  }
  return all;
}

/* Arrays are userdata on the stack, so that what raises meanwhile leaks nothing. */
static void read_identities(lua_State *L, cro_tls_options *options)
{
  size_t count = open_list(L, 1, "identities");
  int list = lua_gettop(L);
  cro_tls_identity *all;

  if (count == 0)
    return;
  all = lua_newuserdata(L, count * sizeof *all);
  for (size_t i = 0; i < count; i++) {
    lua_rawgeti(L, list, (int)i + 1);
    read_identity(L, lua_gettop(L), &all[i]);
    lua_pop(L, 1);
  }
  options->identities = all;
  options->identity_count = count;
}

static cro_tls_verify read_verify(lua_State *L)
{
  static const struct {
    const char *name;
    cro_tls_verify value;
  } words[] = {
    { "none", CRO_TLS_VERIFY_NONE },
    { "optional", CRO_TLS_VERIFY_OPTIONAL },
    { "require", CRO_TLS_VERIFY_REQUIRE },
  };
  cro_bytes word = lcro_opt_bytes(L, 1, "verify", CRO_B(""));

  if (word.len == 0)
    return CRO_TLS_VERIFY_DEFAULT;
  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    if (cro_bytes_eq(word, cro_bytes_of(words[i].name)))
      return words[i].value;
  luaL_error(L, "option 'verify': none, optional or require expected");
  return CRO_TLS_VERIFY_REQUIRE;
}

/* Strings stay in the tables of the options while they are needed. */
static void read_options(lua_State *L, cro_tls_options *options)
{
  memset(options, 0, sizeof *options);
  options->server = lcro_opt_bool(L, 1, "server", false);
  options->ca_file = lcro_opt_bytes(L, 1, "ca_file", CRO_B(""));
  options->ca_path = lcro_opt_bytes(L, 1, "ca_path", CRO_B(""));
  options->verify = read_verify(L);
  options->min_version = (int)lcro_opt_number(L, 1, "min_version", 0);
  options->ciphers = lcro_opt_bytes(L, 1, "ciphers", CRO_B(""));
  options->key_log_file = lcro_opt_bytes(L, 1, "key_log_file", CRO_B(""));
  options->sni_strict = lcro_opt_bool(L, 1, "sni_strict", false);
  options->no_sessions = lcro_opt_bool(L, 1, "no_sessions", false);
  read_identities(L, options);
  options->alpn = read_strings(L, "alpn", &options->alpn_count);
}

/* --- the box --------------------------------------------------------------------- */

/* core.tls_context(options) -> context, or nil, err that says which file is wrong */
static int l_core_tls_context(lua_State *L)
{
  cro_tls_options options;
  cro_tls_fault wrong = { 0 };
  context_box *box;
  int rc;

  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  read_options(L, &options);
  box = lua_newuserdata(L, sizeof *box);
  box->context = NULL;
  luaL_getmetatable(L, class);
  lua_setmetatable(L, -2);
  rc = cro_tls_context_create(&box->context, &options, &wrong);
  if (rc == 0)
    return 1;
  wrong.err = rc;
  return fault(L, &wrong);
}

/* context:reload() -> true, or nil, err: everything stays as it was */
static int l_context_reload(lua_State *L)
{
  cro_tls_fault wrong = { 0 };
  int rc = cro_tls_context_reload(self(L)->context, &wrong);

  if (rc != 0) {
    wrong.err = rc;
    return fault(L, &wrong);
  }
  lua_pushboolean(L, 1);
  return 1;
}

/* context:changed() -> whether a file is another than the one that was read */
static int l_context_changed(lua_State *L)
{
  lua_pushboolean(L, cro_tls_context_changed(self(L)->context));
  return 1;
}

/* context:warning() -> what its owner should know although it works, or nil */
static int l_context_warning(lua_State *L)
{
  const char *text = cro_tls_context_warning(self(L)->context);

  if (text[0] == '\0')
    return 0;
  lua_pushstring(L, text);
  return 1;
}

static int l_context_gc(lua_State *L)
{
  context_box *box = lua_touserdata(L, 1);

  cro_tls_context_drop(box->context);
  box->context = NULL;
  return 0;
}

static const luaL_Reg tls_context_methods[] = {
  { "reload", l_context_reload },
  { "changed", l_context_changed },
  { "warning", l_context_warning },
  { NULL, NULL },
};

/* --- certificates for development ------------------------------------------------ */

static void read_dev(lua_State *L, cro_tls_dev *what)
{
  cro_bytes none = CRO_B("");

  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  memset(what, 0, sizeof *what);
  what->ca_file = lcro_opt_bytes(L, 1, "ca_file", none);
  what->ca_key_file = lcro_opt_bytes(L, 1, "ca_key_file", none);
  what->certificate_file = lcro_opt_bytes(L, 1, "certificate_file", none);
  what->private_key_file = lcro_opt_bytes(L, 1, "private_key_file", none);
  what->days = (int)lcro_opt_number(L, 1, "days", 0);
  what->client = lcro_opt_bool(L, 1, "client", false);
  what->names = read_strings(L, "names", &what->name_count);
}

/* core.tls_dev_certificate(options) -> whether the authority is new; or nil, err */
static int l_core_tls_dev_certificate(lua_State *L)
{
  cro_tls_fault wrong = { 0 };
  cro_tls_dev what;
  bool made = false;
  int rc;

  read_dev(L, &what);
  rc = cro_tls_dev_certificate(&what, &made, &wrong);
  if (rc != 0) {
    wrong.err = rc;
    return fault(L, &wrong);
  }
  lua_pushboolean(L, made);
  return 1;
}

/* core.tls_dev_look(options) -> { covers =, ours =, good_until = } of the certificate
 * that is there; or nil, err */
static int l_core_tls_dev_look(lua_State *L)
{
  cro_tls_fault wrong = { 0 };
  cro_tls_dev_seen seen = { 0 };
  cro_tls_dev what;
  int rc;

  read_dev(L, &what);
  rc = cro_tls_dev_look(&what, &seen, &wrong);
  if (rc != 0) {
    wrong.err = rc;
    return fault(L, &wrong);
  }
  lua_createtable(L, 0, 3);
  lua_pushboolean(L, seen.covers);
  lua_setfield(L, -2, "covers");
  lua_pushboolean(L, seen.ours);
  lua_setfield(L, -2, "ours");
  lua_pushnumber(L, (lua_Number)seen.until);
  lua_setfield(L, -2, "good_until");
  return 1;
}

void lcro_open_tls(lua_State *L)
{
  lua_pushcfunction(L, l_core_tls_dev_certificate);
  lua_setfield(L, -2, "tls_dev_certificate");
  lua_pushcfunction(L, l_core_tls_dev_look);
  lua_setfield(L, -2, "tls_dev_look");
  lcro_class(L, class, tls_context_methods, l_context_gc);
  lua_pushcfunction(L, l_core_tls_context);
  lua_setfield(L, -2, "tls_context");
  lcro_open_tls_info(L);
  lcro_open_tls_wrap(L);
}
