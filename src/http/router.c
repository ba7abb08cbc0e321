#include "http/router_trie.h"

#include "base/check.h"
#include "base/text.h"

typedef struct search search;

/* Tells the caller about the routes that end at a place; true ends the search. */
typedef bool deliver_fn(search *self, const endings *list);

struct search {
  deliver_fn *deliver;
  cro_route_match *match;
  cro_bytes path;
  bool encoded;   /* the path has a '%' */
  uint32_t count; /* of segments below; one more than any template has, at most */
  cro_bytes segments[CRO_ROUTE_SEGMENTS + 1];

  cro_method method; /* of find */
  bool conditional;
  uint64_t seen; /* methods of all that fit */

  cro_route_visit *visit; /* of walk */
  void *arg;
};

/* No name of anything has a NUL in it: what stands behind one is meant to be
 * overlooked.
 */
static bool is_escape(const char *at)
{
  int high = cro_hex_digit(at[1]), low = cro_hex_digit(at[2]);

  return high >= 0 && low >= 0 && (high | low) != 0;
}

static bool escapes_ok(cro_bytes path)
{
  for (size_t i = cro_bytes_find(path, '%'); i < path.len; i++) {
    if (path.at[i] != '%')
      continue;
    if (path.len - i < 3 || !is_escape(path.at + i))
      return false;
    i += 2;
  }
  return true;
}

/* The next eight bytes of a path, first byte lowest; past the end they are 0. */
static uint64_t load_word(const char *at, size_t left)
{
  uint64_t word = 0;

  if (left >= 8)
    word = load64(at);
  else
    for (size_t i = 0; i < left; i++)
      word |= (uint64_t)(unsigned char)at[i] << (8 * i);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
  if (left >= 8)
    word = __builtin_bswap64(word);
#endif
  return word;
}

/* The high bit of each byte of `word` that equals `byte`; exact, without borrows. */
static uint64_t bytes_equal(uint64_t word, char byte)
{
  const uint64_t low = UINT64_C(0x7F7F7F7F7F7F7F7F);
  uint64_t other = word ^ (uint64_t)(unsigned char)byte * UINT64_C(0x0101010101010101);

  return ~(((other & low) + low) | other | low);
}

/* "/" has no segment, "/a/" has two. What lies deeper than the deepest template stays
 * unsplit: only a slurpy could take it. Looks at eight bytes at a time; `encoded` is
 * set for a '%' anywhere in what was split. */
static void split(search *self, uint32_t depth)
{
  const char *from = self->path.at + 1;
  const char *end = self->path.at + self->path.len;
  uint64_t escapes = 0;
  uint32_t count = 0;

  for (const char *at = from; at < end; at += 8) {
    uint64_t word = load_word(at, (size_t)(end - at));

    escapes |= bytes_equal(word, '%');
    for (uint64_t hits = bytes_equal(word, '/'); hits != 0; hits &= hits - 1) {
      const char *slash = at + (__builtin_ctzll(hits) >> 3);

      if (count > depth) {
        self->encoded = true; /* not all was looked at: say what is safe */
        self->count = count;
        return;
      }
      self->segments[count++] = (cro_bytes){ from, (size_t)(slash - from) };
      from = slash + 1;
    }
  }
  self->encoded = escapes != 0;
  if (self->path.len > 1 && count <= depth)
    self->segments[count++] = (cro_bytes){ from, (size_t)(end - from) };
  self->count = count;
}

/* False when the path is badly encoded; *fits tells whether there is anything to
 * search ("*" and "" are no paths). */
static bool begin(search *self, const cro_router *router, cro_bytes path, bool *fits)
{
  self->path = path;
  self->count = 0;
  self->seen = 0;
  self->encoded = true;
  *fits = path.len > 0 && path.at[0] == '/';
  if (*fits)
    split(self, router->depth);
  return !self->encoded || escapes_ok(path);
}

static bool literal_is(const literal *item, const segment_key *key, cro_bytes text)
{
  return segment_key_eq(&item->key, key) &&
         (text.len <= 16 || memcmp(item->text + 8, text.at + 8, text.len - 16) == 0);
}

static const node *probe(const node *self, const segment_key *key, cro_bytes text)
{
  uint32_t mask = (1u << self->slot_bits) - 1;
  uint32_t slot = segment_key_slot(key, self->slot_bits);

  for (; self->slots[slot] != 0; slot = (slot + 1) & mask)
    if (literal_is(&self->literals[self->slots[slot] - 1], key, text))
      return self->literals[self->slots[slot] - 1].next;
  return NULL;
}

static const node *find_literal(const node *self, cro_bytes text)
{
  segment_key key = segment_key_of(text);

  if (self->slot_bits > 0)
    return probe(self, &key, text);
  for (uint32_t i = 0; i < self->literal_count; i++)
    if (literal_is(&self->literals[i], &key, text))
      return self->literals[i].next;
  return NULL;
}

static const node *find_decoded(const node *self, cro_bytes text)
{
  char room[3 * CRO_ROUTE_LITERAL_MAX];
  size_t len;

  if (text.len > sizeof room)
    return NULL; /* longer than any literal, even with every byte encoded */
  if (cro_percent_decode(text, 0, room, &len) != 0)
    return NULL;
  return find_literal(self, (cro_bytes){ room, len });
}

static bool has_escape(const search *self, cro_bytes text)
{
  return self->encoded && text.len > 0 && memchr(text.at, '%', text.len) != NULL;
}

static void capture(search *self, uint32_t at, cro_bytes text, const edge *by)
{
  self->match->captures[at].text = text;
  self->match->captures[at].type = by->type;
  self->match->captures[at].kind = by->kind;
}

static bool deliver(search *self, const endings *list, uint32_t captures)
{
  if (list->count == 0)
    return false;
  self->match->count = captures;
  return self->deliver(self, list);
}

static bool deliver_rest(search *self, const node *at, cro_bytes rest,
                         uint32_t captures)
{
  static const edge slurpy = { .kind = CRO_SEGMENT_SLURPY };

  if (at->slurps.count == 0)
    return false;
  capture(self, captures, rest, &slurpy);
  return deliver(self, &at->slurps, captures + 1);
}

/* The path is used up: routes that end here, then those whose remaining segments may
 * all be missing. */
static bool at_end(search *self, const node *at, uint32_t captures)
{
  const cro_bytes missing = { NULL, 0 };

  if (deliver(self, &at->ends, captures))
    return true;
  for (uint32_t i = 0; i < at->edge_count; i++) {
    const edge *by = &at->edges[i];

    if (!by->optional)
      continue;
    capture(self, captures, missing, by);
    if (at_end(self, by->next, captures + 1))
      return true;
  }
  return deliver_rest(self, at, missing, captures);
}

static bool fits(const search *self, const edge *by, cro_bytes text)
{
  if (text.len == 0)
    return false;
  if (by->kind != CRO_SEGMENT_TYPED)
    return true;
  return cro_segment_type_fits(by->type, text, has_escape(self, text));
}

static const node *literal_child(const search *self, const node *at, cro_bytes text)
{
  if (at->literal_count == 0)
    return NULL;
  return has_escape(self, text) ? find_decoded(at, text) : find_literal(at, text);
}

/* The children that fit `text` but the last one are searched; the last is the answer:
 * where to go on from, or NULL. *found when the search is over. */
static const node *last_fit(search *self, const node *at, uint32_t depth,
                            uint32_t *captures, bool *found);

static bool descend(search *self, const node *at, uint32_t depth, uint32_t captures)
{
  bool found = false;

  for (; depth < self->count; depth++) {
    uint32_t first = captures;
    const node *next = last_fit(self, at, depth, &captures, &found);

    if (found)
      return true;
    if (at->slurps.count > 0) {
      const char *from = self->segments[depth].at;
      size_t left = (size_t)(self->path.at + self->path.len - from);

      return (next != NULL && descend(self, next, depth + 1, captures)) ||
             deliver_rest(self, at, (cro_bytes){ from, left }, first);
    }
    if (next == NULL)
      return false;
    at = next;
  }
  return at_end(self, at, captures);
}

static const node *last_fit(search *self, const node *at, uint32_t depth,
                            uint32_t *captures, bool *found)
{
  cro_bytes text = self->segments[depth];
  const node *next = literal_child(self, at, text);
  uint32_t first = *captures;

  for (uint32_t i = 0; i < at->edge_count && !*found; i++) {
    const edge *by = &at->edges[i];

    if (!fits(self, by, text))
      continue;
    *found = next != NULL && descend(self, next, depth + 1, *captures);
    if (*found)
      break;
    capture(self, first, text, by);
    *captures = first + 1;
    next = by->next;
  }
  return next;
}

static bool deliver_all(search *self, const endings *list)
{
  for (uint32_t i = 0; i < list->count; i++) {
    const ending *item = &list->at[i];

    self->match->route = item->route;
    if (self->visit(self->arg, (cro_method)item->method, item->conditional,
                    self->match))
      return true;
  }
  return false;
}

bool cro_router_walk(const cro_router *router, cro_bytes path, cro_route_visit *visit,
                     void *arg)
{
  cro_route_match match;
  search self;
  bool searchable;

  self.deliver = deliver_all;
  self.match = &match;
  self.visit = visit;
  self.arg = arg;
  if (!begin(&self, router, path, &searchable))
    return false;
  if (searchable)
    descend(&self, &router->root, 0, 0);
  return true;
}

static bool take(search *self, const endings *list, cro_method method)
{
  for (uint32_t i = 0; i < list->count; i++)
    if (list->at[i].method == (int16_t)method) {
      self->match->route = list->at[i].route;
      self->conditional = list->at[i].conditional;
      return true;
    }
  return false;
}

static void note_methods(search *self, const endings *list)
{
  for (uint32_t i = 0; i < list->count; i++)
    self->seen |= UINT64_C(1) << list->at[i].method;
}

static bool deliver_first(search *self, const endings *list)
{
  if (take(self, list, self->method))
    return true;
  if (self->method == CRO_HEAD && take(self, list, CRO_GET))
    return true;
  note_methods(self, list);
  return false;
}

static uint64_t with_automatic(uint64_t seen)
{
  if (seen == 0)
    return 0;
  if (seen & UINT64_C(1) << CRO_GET)
    seen |= UINT64_C(1) << CRO_HEAD;
  return seen | UINT64_C(1) << CRO_OPTIONS;
}

/* A literal goes before what captures, so where the path as a whole is a template's, a
 * route of the method there is the first one that a search would find. */
static bool find_whole(search *self, const cro_router *router, cro_bytes path)
{
  const node *at;

  if (path.len == 0 || path.at[0] != '/')
    return false;
  at = find_literal(&router->whole, (cro_bytes){ path.at + 1, path.len - 1 });
  return at != NULL && deliver(self, &at->ends, 0);
}

int cro_router_find(const cro_router *router, cro_method method, cro_bytes path,
                    cro_route_match *match, uint64_t *allowed)
{
  search self;
  bool searchable;

  self.deliver = deliver_first;
  self.match = match;
  self.method = method;
  self.seen = 0;
  if (find_whole(&self, router, path))
    return self.conditional ? CRO_ROUTE_CONDITIONAL : CRO_ROUTE_FOUND;
  if (!begin(&self, router, path, &searchable))
    return CRO_ROUTE_BAD_PATH;
  if (!searchable)
    return CRO_ROUTE_NONE;
  if (descend(&self, &router->root, 0, 0))
    return self.conditional ? CRO_ROUTE_CONDITIONAL : CRO_ROUTE_FOUND;
  if (self.seen == 0)
    return CRO_ROUTE_NONE;
  *allowed = with_automatic(self.seen);
  return CRO_ROUTE_METHOD;
}

uint64_t cro_router_allowed(const cro_router *router, cro_bytes path)
{
  cro_route_match match;
  uint64_t allowed = 0;

  cro_router_find(router, CRO_METHOD_NONE, path, &match, &allowed);
  return allowed;
}

uint64_t cro_router_methods(const cro_router *router)
{
  return with_automatic(router->methods) | UINT64_C(1) << CRO_OPTIONS;
}

cro_bytes cro_router_allow_text(uint64_t allowed, char out[CRO_ALLOW_MAX])
{
  static const cro_bytes names[] = {
#define METHOD_NAME(name) { #name, sizeof #name - 1 },
    CRO_METHODS(METHOD_NAME)
#undef METHOD_NAME
  };
  size_t len = 0;

  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    if ((allowed & UINT64_C(1) << i) == 0)
      continue;
    cro_check(len + 2 + names[i].len <= CRO_ALLOW_MAX);
    if (len > 0) {
      memcpy(out + len, ", ", 2);
      len += 2;
    }
    memcpy(out + len, names[i].at, names[i].len);
    len += names[i].len;
  }
  return (cro_bytes){ out, len };
}
