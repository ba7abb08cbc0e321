#include "bind/json.h"

#include "base/number.h"
#include "base/utf8.h"
#include "base/word.h"
#include "bind/core.h"

#include <math.h>

enum { depth_max = 128 };

typedef struct {
  lua_State *L;
  cro_buf *out;
  const char *reason;
  int depth;
  int mark; /* where the metatable of marked arrays is on the stack */
} writer;

static char array_key; /* registry: the metatable of cro.json.array */

static int refuse(writer *self, const char *reason)
{
  self->reason = reason;
  return CRO_E_INVAL;
}

/* --- scalars
 * ----------------------------------------------------------------------------- */

/* Room for `more` bytes at the end of the buffer, nearly always there already. */
static inline int reserve(writer *self, size_t more)
{
  cro_buf *out = self->out;

  return out->cap - out->len >= more ? 0 : cro_buf_reserve(out, more);
}

/* Into room that was reserved. */
static inline void put_byte(writer *self, char byte)
{
  self->out->at[self->out->len++] = byte;
}

static int put_text(writer *self, cro_bytes text)
{
  if (reserve(self, text.len) != 0)
    return CRO_E_NOMEM;
  memcpy(self->out->at + self->out->len, text.at, text.len);
  self->out->len += text.len;
  return 0;
}

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

/* Appends text with escapes. There is room for each byte as it is; escapes need more,
 * and ask for it when they come. */
static int put_escaped(writer *self, cro_bytes text)
{
  enum { longest = 6 }; /* \u001f */
  cro_buf *out = self->out;

  for (size_t i = 0; i < text.len; i++) {
    unsigned char byte = (unsigned char)text.at[i];
    char *at = out->at + out->len;

    if (escapes[byte] == 0) {
      put_byte(self, (char)byte);
      continue;
    }
    if (cro_buf_reserve(out, longest + text.len - i + 2) != 0)
      return CRO_E_NOMEM;
    at = out->at + out->len;
    out->len += (size_t)(put_escape(at, byte, escapes[byte]) - at);
  }
  return 0;
}

/* Not zero when one of eight bytes must be escaped. */
static inline uint64_t stops(uint64_t word)
{
  return cro_word_is(word, '"') | cro_word_is(word, '\\') | cro_word_is(word, 0x7f) |
         cro_word_below(word, 0x20);
}

/* Up to seven bytes as eight, the missing ones harmless, and to `to`; no byte is read
 * or written beyond them. */
static inline uint64_t copy_short(char *to, cro_bytes text)
{
  uint32_t head, tail;

  if (text.len >= 4) {
    memcpy(&head, text.at, 4);
    memcpy(&tail, text.at + text.len - 4, 4);
    memcpy(to, &head, 4);
    memcpy(to + text.len - 4, &tail, 4);
    return (uint64_t)tail << 32 | head;
  }
  if (text.len == 0)
    return CRO_WORD_EACH('a');
  to[0] = text.at[0];
  to[text.len / 2] = text.at[text.len / 2];
  to[text.len - 1] = text.at[text.len - 1];
  return (CRO_WORD_EACH('a') << 24) | (uint64_t)(unsigned char)text.at[0] << 16 |
         (uint64_t)(unsigned char)text.at[text.len / 2] << 8 |
         (uint64_t)(unsigned char)text.at[text.len - 1];
}

/* Copies text eight bytes at a time, the last eight over what they repeat. In *seen are
 * all their bits; false: something in it must be escaped. */
static inline bool copy_plain(char *to, cro_bytes text, uint64_t *seen)
{
  uint64_t word, found;
  size_t i = 0;

  if (text.len < 8) {
    *seen = copy_short(to, text);
    return stops(*seen) == 0;
  }
  for (found = *seen = 0; i < text.len && found == 0; i += 8) {
    if (text.len - i < 8)
      i = text.len - 8;
    memcpy(&word, text.at + i, sizeof word);
    memcpy(to + i, &word, sizeof word);
    found = stops(word);
    *seen |= word;
  }
  return found == 0;
}

/* The text in quotes, and room for the one byte that always follows: ':' or ','. */
static inline int put_string(writer *self, cro_bytes text)
{
  cro_buf *out = self->out;
  uint64_t seen;
  int rc = 0;

  if (reserve(self, text.len + 3) != 0)
    return CRO_E_NOMEM;
  put_byte(self, '"');
  if (copy_plain(out->at + out->len, text, &seen)) {
    out->len += text.len;
  } else {
    seen = CRO_WORD_HIGH; /* not all was looked at */
    rc = put_escaped(self, text);
    if (rc == 0)
      rc = reserve(self, 2);
  }
  if (rc != 0)
    return rc;
  put_byte(self, '"');
  return (seen & CRO_WORD_HIGH) == 0 || cro_utf8_ok(text)
             ? 0
             : refuse(self, "a string is not UTF-8");
}

static int put_number(writer *self, double number)
{
  if (!isfinite(number))
    return refuse(self, "JSON has no NaN and no infinity");
  if (reserve(self, CRO_NUMBER_MAX) != 0)
    return CRO_E_NOMEM;
  self->out->len += cro_number_format(number, self->out->at + self->out->len);
  return 0;
}

/* --- tables
 * -------------------------------------------------------------------------------- */

/* Writes the value at the top of the stack, and leaves it there. */
static int put_value(writer *self);

void lcro_json_push_mark(lua_State *L)
{
  lua_pushlightuserdata(L, &array_key);
  lua_rawget(L, LUA_REGISTRYINDEX);
}

/* The value at the top, which lives in the Lua stack of this call, says it is one. */
static bool is_marked_array(writer *self)
{
  bool same;

  if (!lua_getmetatable(self->L, -1))
    return false;
  same = lua_rawequal(self->L, -1, self->mark) != 0;
  lua_pop(self->L, 1);
  return same;
}

static int put_mark(writer *self, char mark)
{
  if (reserve(self, 1) != 0)
    return CRO_E_NOMEM;
  put_byte(self, mark);
  return 0;
}

/* In place of the comma that the last value left behind, if there was one. */
static int put_close(writer *self, char bracket)
{
  cro_buf *out = self->out;

  if (out->at[out->len - 1] == ',') {
    out->at[out->len - 1] = bracket;
    return 0;
  }
  return put_mark(self, bracket);
}

static int put_array(writer *self, int count)
{
  int rc = put_mark(self, '[');

  for (int i = 1; rc == 0 && i <= count; i++) {
    lua_rawgeti(self->L, -1, i);
    rc = put_value(self);
    if (rc == 0)
      rc = put_mark(self, ',');
    lua_pop(self->L, 1);
  }
  return rc != 0 ? rc : put_close(self, ']');
}

/* The key below the value at the top. A number is written as its text; the key itself
 * must not be converted, or lua_next loses its place. */
static int put_key(writer *self)
{
  lua_State *L = self->L;
  int type = lua_type(L, -2), rc;
  cro_bytes text;

  if (type != LUA_TSTRING && type != LUA_TNUMBER)
    return refuse(self, "an object's keys must be strings");
  if (type == LUA_TNUMBER)
    lua_pushvalue(L, -2);
  text.at = lua_tolstring(L, type == LUA_TNUMBER ? -1 : -2, &text.len);
  rc = put_string(self, text);
  if (rc == 0)
    put_byte(self, ':');
  if (type == LUA_TNUMBER)
    lua_pop(L, 1);
  return rc;
}

static int put_object(writer *self)
{
  lua_State *L = self->L;
  int rc = put_mark(self, '{');

  lua_pushnil(L);
  while (rc == 0 && lua_next(L, -2) != 0) {
    rc = put_key(self);
    if (rc == 0)
      rc = put_value(self);
    if (rc == 0)
      rc = put_mark(self, ',');
    lua_pop(L, 1);
  }
  return rc != 0 ? rc : put_close(self, '}');
}

/* Keys 1..n and no other make an array: n of #, and as many keys as that. */
static bool is_sequence(lua_State *L, int count)
{
  int seen = 0;

  lua_pushnil(L);
  while (lua_next(L, -2) != 0) {
    lua_pop(L, 1);
    if (lua_type(L, -1) != LUA_TNUMBER || ++seen > count) {
      lua_pop(L, 1);
      return false;
    }
  }
  return seen == count;
}

/* A marked array is taken at its word, whatever other keys it has. */
static int put_table(writer *self)
{
  int count = (int)lua_objlen(self->L, -1);
  int top = lua_gettop(self->L);
  int rc;

  if (++self->depth > depth_max)
    return refuse(self, "nested too deep, or a table contains itself");
  luaL_checkstack(self->L, 8, "JSON");
  if (is_marked_array(self) || (count > 0 && is_sequence(self->L, count)))
    rc = put_array(self, count);
  else
    rc = put_object(self);
  self->depth--;
  if (rc != 0)
    lua_settop(self->L, top); /* a refusal leaves a key and a value behind */
  return rc;
}

static int put_value(writer *self)
{
  lua_State *L = self->L;
  cro_bytes text;

  switch (lua_type(L, -1)) {
  case LUA_TSTRING:
    text.at = lua_tolstring(L, -1, &text.len);
    return put_string(self, text);
  case LUA_TNUMBER:
    return put_number(self, lua_tonumber(L, -1));
  case LUA_TBOOLEAN:
    return put_text(self, lua_toboolean(L, -1) ? CRO_B("true") : CRO_B("false"));
  case LUA_TNIL:
    return put_text(self, CRO_B("null"));
  case LUA_TTABLE:
    return put_table(self);
  case LUA_TLIGHTUSERDATA:
    if (lua_touserdata(L, -1) == NULL)
      return put_text(self, CRO_B("null"));
    break;
  default:
    break;
  }
  return refuse(self, "JSON has no functions, threads and userdata");
}

int lcro_json_encode(lua_State *L, int index, cro_buf *out, const char **reason)
{
  int top = lua_gettop(L);
  writer self = { .L = L, .out = out, .mark = top + 1 };
  int rc;

  luaL_checkstack(L, 8, "JSON");
  lcro_json_push_mark(L);
  lua_pushvalue(L, index < 0 ? index - 1 : index);
  rc = put_value(&self);
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
  lcro_open_json_decode(L);
  lua_pushlightuserdata(L, NULL);
  lua_setfield(L, -2, "json_null");
}
