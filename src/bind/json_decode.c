#include "base/json_scan.h"
#include "bind/core.h"
#include "bind/json.h"

/* Values of an open array or object gather on the Lua stack, and its table is made when
 * it closes, of exactly the right size. One with more than `wide` values is made of
 * that many and grows from there. Lua's stack ends at 8000 slots in a C function: from
 * `crowded` on an open level keeps next to nothing there. */
enum {
  wide = 128, /* slots of gathered values per level */
  narrow = 4, /* the same, once the stack is crowded */
  crowded = 1000,
  keys_kept =
      16, /* keys that are compared with; their strings are at key_slot and on */
  key_slot = 2,
  mark_slot = key_slot + keys_kept, /* the metatable of arrays */
  key_most = 32,                    /* bytes of such a key */
  spare = 8                         /* for what is pushed and popped in between */
};

typedef struct {
  int slot;   /* of the table; nil as long as there is none */
  int held;   /* values, or pairs of key and value, above it */
  int stored; /* and in the table */
  int most;   /* to hold before they are stored */
  bool object;
  bool ordered;  /* a key may be there twice: the order counts */
  uint64_t sums; /* of the keys, as bits */
} level;

typedef struct {
  lua_State *L;
  cro_buf *scratch;          /* NULL until an escape needs it */
  level *at;                 /* the innermost level that is open */
  cro_bytes keys[keys_kept]; /* seen lately: the string of keys[i] is at key_slot + i */
  level levels[CRO_JSON_DEPTH_MAX + 1]; /* the first holds the text's own value */
} builder;

static void push_text(builder *self, const cro_json_token *token)
{
  if (!token->escaped) {
    lcro_pushbytes(self->L, token->text);
    return;
  }
  if (self->scratch == NULL)
    self->scratch = lcro_scratch(lcro_app_of(self->L));
  if (cro_buf_reserve(self->scratch, token->text.len) != 0)
    luaL_error(self->L, "json: %s", cro_err_text(CRO_E_NOMEM));
  lua_pushlstring(self->L, self->scratch->at,
                  cro_json_unescape(token->text, self->scratch->at));
}

/* A few bits of a key: different ones tell different keys. */
static inline unsigned key_sum(cro_bytes text)
{
  unsigned first = (unsigned char)text.at[0],
           last = (unsigned char)text.at[text.len - 1];

  return (unsigned)text.len + first * 5 + last * 3;
}

static inline uint32_t four_bytes(const char *at)
{
  uint32_t word;

  memcpy(&word, at, sizeof word);
  return word;
}

/* Most keys are short, and a call would cost more than the comparison. */
static inline bool same(const char *a, const char *b, size_t len)
{
  if (len > 8)
    return memcmp(a, b, len) == 0;
  if (len >= 4)
    return four_bytes(a) == four_bytes(b) &&
           four_bytes(a + len - 4) == four_bytes(b + len - 4);
  return a[0] == b[0] && a[len / 2] == b[len / 2] && a[len - 1] == b[len - 1];
}

/* Objects of one text tend to have the same keys: to compare a key with one seen lately
 * costs less than to look it up among all strings of the state. */
static void push_kept_key(builder *self, const cro_json_token *token, unsigned sum)
{
  int place = (int)(sum % keys_kept);
  cro_bytes *kept = &self->keys[place];

  if (kept->len == token->text.len && same(kept->at, token->text.at, kept->len)) {
    lua_pushvalue(self->L, key_slot + place);
    return;
  }
  push_text(self, token);
  lua_pushvalue(self->L, -1);
  lua_replace(self->L, key_slot + place);
  *kept = token->text;
}

/* Also notes whether the level may have this key already. */
static void push_key(builder *self, const cro_json_token *token)
{
  level *at = self->at;
  unsigned sum;
  uint64_t bit;

  if (token->escaped || token->text.len == 0 || token->text.len > key_most) {
    at->ordered = true;
    push_text(self, token);
    return;
  }
  sum = key_sum(token->text);
  bit = UINT64_C(1) << sum % 64;
  at->ordered = at->ordered || (at->sums & bit) != 0;
  at->sums |= bit;
  push_kept_key(self, token, sum);
}

/* Made with room for what is held, and for as much again when more is to come. */
static void make_table(builder *self, const level *at, bool complete)
{
  int room = complete ? at->held : at->held * 2;

  lua_createtable(self->L, at->object ? 0 : room, at->object ? room : 0);
  if (!at->object) {
    lua_pushvalue(self->L, mark_slot);
    lua_setmetatable(self->L, -2);
  }
  lua_replace(self->L, at->slot);
}

/* Last one first costs no copies; in the order of the text the last of a repeated key
 * stays. */
static void store_pairs(lua_State *L, const level *at)
{
  int end = at->slot + 2 * at->held;

  for (int i = at->ordered ? 0 : at->held; i > 0; i--)
    lua_rawset(L, at->slot);
  for (int i = at->slot + 1; at->ordered && i <= end; i += 2) {
    lua_pushvalue(L, i);
    lua_pushvalue(L, i + 1);
    lua_rawset(L, at->slot);
  }
}

/* Into room made for them they may go last one first, which costs no copies; later
 * ones must append. */
static void store_values(lua_State *L, const level *at)
{
  for (int i = at->stored == 0 ? at->held : 0; i > 0; i--)
    lua_rawseti(L, at->slot, i);
  for (int i = 1; at->stored > 0 && i <= at->held; i++) {
    lua_pushvalue(L, at->slot + i);
    lua_rawseti(L, at->slot, at->stored + i);
  }
}

/* Moves what is held into the table, which is then at the top of the stack. */
static void store(builder *self, bool complete)
{
  level *at = self->at;

  if (at->stored == 0)
    make_table(self, at, complete);
  if (at->object)
    store_pairs(self->L, at);
  else
    store_values(self->L, at);
  at->stored += at->held;
  at->held = 0;
  lua_settop(self->L, at->slot);
}

/* The value at the top of the stack is complete. */
static void hold(builder *self)
{
  level *at = self->at;

  if (++at->held == at->most)
    store(self, false);
}

static void open_level(builder *self, bool object)
{
  level *at = ++self->at;
  int slot = lua_gettop(self->L) + 1, slots = slot < crowded ? wide : narrow;

  luaL_checkstack(self->L, slots + spare, "JSON");
  lua_pushnil(self->L);
  *at = (level){ .slot = slot, .most = object ? slots / 2 : slots, .object = object };
}

static void close_level(builder *self)
{
  store(self, true);
  self->at--;
  hold(self);
}

static void take(builder *self, const cro_json_token *token)
{
  switch (token->kind) {
  case CRO_JSON_KEY:
    push_key(self, token);
    return; /* held with its value */
  case CRO_JSON_STRING:
    push_text(self, token);
    break;
  case CRO_JSON_NUMBER:
    lua_pushnumber(self->L, token->number);
    break;
  case CRO_JSON_NULL:
    lua_pushlightuserdata(self->L, NULL);
    break;
  case CRO_JSON_TRUE:
  case CRO_JSON_FALSE:
    lua_pushboolean(self->L, token->kind == CRO_JSON_TRUE);
    break;
  case CRO_JSON_ARRAY:
  case CRO_JSON_OBJECT:
    open_level(self, token->kind == CRO_JSON_OBJECT);
    return;
  case CRO_JSON_ARRAY_END:
  case CRO_JSON_OBJECT_END:
    close_level(self);
    return;
  case CRO_JSON_END:
    return;
  }
  hold(self);
}

/* nil and what was wrong where */
static int fail(builder *self, const cro_json_scan *scan)
{
  char text[CRO_JSON_FAULT_MAX];

  lua_settop(self->L, 1);
  lua_pushnil(self->L);
  lua_pushlstring(self->L, text, cro_json_fault_text(scan, text));
  return 2;
}

int lcro_json_decode(lua_State *L, cro_bytes text, int depth)
{
  cro_json_token token;
  cro_json_scan scan;
  builder self;
  int rc;

  luaL_argcheck(L, depth >= 1 && depth <= CRO_JSON_DEPTH_MAX, 2, "out of range");
  lua_settop(L, mark_slot - 1);
  lcro_json_push_mark(L);
  memset(self.keys, 0, sizeof self.keys);
  self.L = L;
  self.scratch = NULL;
  self.at = self.levels;
  self.levels[0] =
      (level){ .slot = mark_slot, .most = wide }; /* holds one and never stores */
  cro_json_scan_init(&scan, text, depth);
  do {
    rc = cro_json_scan_next(&scan, &token);
    if (rc == 0)
      take(&self, &token);
  } while (rc == 0 && token.kind != CRO_JSON_END);
  if (self.scratch != NULL)
    lcro_scratch_done(self.scratch);
  return rc == 0 ? 1 : fail(&self, &scan);
}

/* core.json_decode(text, depth): the value, or nil and what was wrong where */
static int l_core_json_decode(lua_State *L)
{
  return lcro_json_decode(L, lcro_checkbytes(L, 1), (int)luaL_checkinteger(L, 2));
}

void lcro_open_json_decode(lua_State *L)
{
  lua_pushcfunction(L, l_core_json_decode);
  lua_setfield(L, -2, "json_decode");
}
