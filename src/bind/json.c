#include "bind/json.h"

#include "base/number.h"
#include "base/utf8.h"
#include "bind/core.h"

#include <math.h>

enum { depth_max = 128 };

typedef struct {
  lua_State *L;
  cro_buf *out;
  const char *reason;
  int depth;
} writer;

static char array_key; /* registry: the metatable of cro.json.array */

static int refuse(writer *self, const char *reason)
{
  self->reason = reason;
  return CRO_E_INVAL;
}

/* --- scalars
 * ----------------------------------------------------------------------------- */

/* What must be escaped: 0 as is, 'u' as \u00XX, else the letter after the backslash. */
static const char escapes[256] = {
  [0 ... 7] = 'u', [0x0b] = 'u', [0x0e ... 0x1f] = 'u', ['"'] = '"',
  ['\\'] = '\\',   ['\b'] = 'b', ['\f'] = 'f',          ['\n'] = 'n',
  ['\r'] = 'r',    ['\t'] = 't', [0x7f] = 'u',
};

static char *put_escape(char *at, unsigned char byte, char letter)
{
  static const char digits[] = "0123456789abcdef";

  *at++ = '\\';
  *at++ = letter;
  if (letter != 'u')
    return at;
  *at++ = '0';
  *at++ = '0';
  *at++ = digits[byte >> 4];
  *at++ = digits[byte & 15];
  return at;
}

/* Puts `rest`, and says whether it was ASCII. There is room for each byte as it is and
 * a quote, `at` stands there; escapes need more, and ask for it when they come. */
static int put_escaped(cro_buf *out, char *at, cro_bytes rest, bool *ascii)
{
  enum { longest = 6 }; /* \u001f */

  for (size_t i = 0; i < rest.len; i++) {
    unsigned char byte = (unsigned char)rest.at[i];
    char letter = escapes[byte];

    *ascii = *ascii && byte < 0x80;
    if (letter == 0) {
      *at++ = (char)byte;
      continue;
    }
    out->len = (size_t)(at - out->at);
    if (cro_buf_reserve(out, longest + rest.len - i) != 0)
      return CRO_E_NOMEM;
    at = put_escape(out->at + out->len, byte, letter);
  }
  *at++ = '"';
  out->len = (size_t)(at - out->at);
  return 0;
}

static int put_string(writer *self, cro_bytes text)
{
  bool ascii = true;
  char *at;

  if (cro_buf_reserve(self->out, text.len + 2) != 0)
    return CRO_E_NOMEM;
  at = self->out->at + self->out->len;
  *at++ = '"';
  if (put_escaped(self->out, at, text, &ascii) != 0)
    return CRO_E_NOMEM;
  return ascii || cro_utf8_ok(text) ? 0 : refuse(self, "a string is not UTF-8");
}

static int put_number(writer *self, double number)
{
  char text[CRO_NUMBER_MAX];

  if (!isfinite(number))
    return refuse(self, "JSON has no NaN and no infinity");
  return cro_buf_add(self->out, (cro_bytes){ text, cro_number_format(number, text) });
}

/* --- tables
 * -------------------------------------------------------------------------------- */

static int put_value(writer *self, int index);

void lcro_json_push_mark(lua_State *L)
{
  lua_pushlightuserdata(L, &array_key);
  lua_rawget(L, LUA_REGISTRYINDEX);
}

static bool is_marked_array(lua_State *L, int table)
{
  bool same;

  if (!lua_getmetatable(L, table))
    return false;
  lcro_json_push_mark(L);
  same = lua_rawequal(L, -1, -2) != 0;
  lua_pop(L, 2);
  return same;
}

static int put_array(writer *self, int table, int count)
{
  int rc = cro_buf_add_byte(self->out, '[');

  for (int i = 1; rc == 0 && i <= count; i++) {
    if (i > 1)
      rc = cro_buf_add_byte(self->out, ',');
    lua_rawgeti(self->L, table, i);
    if (rc == 0)
      rc = put_value(self, lua_gettop(self->L));
    lua_pop(self->L, 1);
  }
  return rc != 0 ? rc : cro_buf_add_byte(self->out, ']');
}

/* A number as a key is written as its text; the key itself must not be converted, or
 * lua_next loses its place. */
static int put_key(writer *self, int key)
{
  lua_State *L = self->L;
  cro_bytes text;
  int rc;

  if (lua_type(L, key) != LUA_TSTRING && lua_type(L, key) != LUA_TNUMBER)
    return refuse(self, "an object's keys must be strings");
  lua_pushvalue(L, key);
  text.at = lua_tolstring(L, -1, &text.len);
  rc = put_string(self, text);
  lua_pop(L, 1);
  return rc;
}

static int put_object(writer *self, int table)
{
  lua_State *L = self->L;
  bool first = true;
  int rc = cro_buf_add_byte(self->out, '{');

  lua_pushnil(L);
  while (rc == 0 && lua_next(L, table) != 0) {
    int value = lua_gettop(L);

    if (!first)
      rc = cro_buf_add_byte(self->out, ',');
    first = false;
    if (rc == 0)
      rc = put_key(self, value - 1);
    if (rc == 0)
      rc = cro_buf_add_byte(self->out, ':');
    if (rc == 0)
      rc = put_value(self, value);
    lua_settop(L, value - 1);
  }
  return rc != 0 ? rc : cro_buf_add_byte(self->out, '}');
}

/* Keys 1..n and no other make an array: n of #, and as many keys as that. */
static bool is_sequence(lua_State *L, int table, int count)
{
  int seen = 0;

  lua_pushnil(L);
  while (lua_next(L, table) != 0) {
    lua_pop(L, 1);
    if (lua_type(L, -1) != LUA_TNUMBER || ++seen > count) {
      lua_pop(L, 1);
      return false;
    }
  }
  return seen == count;
}

static int put_table(writer *self, int table)
{
  int count = (int)lua_objlen(self->L, table);
  int rc;

  if (++self->depth > depth_max)
    return refuse(self, "nested too deep, or a table contains itself");
  luaL_checkstack(self->L, 8, "JSON");
  if (count > 0 ? is_sequence(self->L, table, count) : is_marked_array(self->L, table))
    rc = put_array(self, table, count);
  else
    rc = put_object(self, table);
  self->depth--;
  return rc;
}

static int put_value(writer *self, int index)
{
  lua_State *L = self->L;
  cro_bytes text;

  switch (lua_type(L, index)) {
  case LUA_TSTRING:
    text.at = lua_tolstring(L, index, &text.len);
    return put_string(self, text);
  case LUA_TNUMBER:
    return put_number(self, lua_tonumber(L, index));
  case LUA_TBOOLEAN:
    return cro_buf_add(self->out,
                       lua_toboolean(L, index) ? CRO_B("true") : CRO_B("false"));
  case LUA_TNIL:
    return cro_buf_add(self->out, CRO_B("null"));
  case LUA_TTABLE:
    return put_table(self, index);
  case LUA_TLIGHTUSERDATA:
    if (lua_touserdata(L, index) == NULL)
      return cro_buf_add(self->out, CRO_B("null"));
    break;
  default:
    break;
  }
  return refuse(self, "JSON has no functions, threads and userdata");
}

int lcro_json_encode(lua_State *L, int index, cro_buf *out, const char **reason)
{
  writer self = { .L = L, .out = out };
  int top = lua_gettop(L);
  int rc;

  if (index < 0)
    index = top + 1 + index;
  rc = put_value(&self, index);
  lua_settop(L, top);
  *reason = self.reason;
  return rc;
}

/* core.json_encode(value) -> string; raises what can't be said in JSON */
static int l_core_json_encode(lua_State *L)
{
  cro_buf *scratch = lcro_scratch(lcro_app_of(L));
  const char *reason = NULL;
  int rc;

  luaL_checkany(L, 1);
  rc = lcro_json_encode(L, 1, scratch, &reason);
  if (rc != 0)
    return luaL_error(L, "json: %s", reason != NULL ? reason : cro_err_text(rc));
  lcro_pushbytes(L, cro_buf_bytes(scratch));
  lcro_scratch_done(scratch);
  return 1;
}

/* core.json_array(table): marks it as an array even when it is empty. */
static int l_core_json_array(lua_State *L)
{
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  lcro_json_push_mark(L);
  lua_setmetatable(L, 1);
  return 1;
}

void lcro_open_json(lua_State *L)
{
  lua_pushlightuserdata(L, &array_key);
  lua_newtable(L);
  lua_pushliteral(L, "cro.json.array");
  lua_setfield(L, -2, "__name");
  lua_rawset(L, LUA_REGISTRYINDEX);
  lua_pushcfunction(L, l_core_json_encode);
  lua_setfield(L, -2, "json_encode");
  lua_pushcfunction(L, l_core_json_array);
  lua_setfield(L, -2, "json_array");
  lcro_json_push_decode(L);
  lua_setfield(L, -2, "json_decode");
  lua_pushlightuserdata(L, NULL);
  lua_setfield(L, -2, "json_null");
}
