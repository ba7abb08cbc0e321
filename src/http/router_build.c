#include "http/router_trie.h"

#include "base/alloc.h"
#include "base/check.h"
#include "base/err.h"

int cro_router_create(cro_router **out)
{
  cro_router *router = cro_alloc_zero(sizeof *router);

  if (router == NULL)
    return CRO_E_NOMEM;
  *out = router;
  return 0;
}

static void node_clear(node *self)
{
  cro_free(self->literals);
  cro_free(self->slots);
  cro_free(self->edges);
  cro_free(self->ends.at);
  cro_free(self->slurps.at);
}

static node *last_child(node *self)
{
  if (self->literal_count > 0)
    return self->literals[self->literal_count - 1].next;
  return self->edge_count > 0 ? self->edges[self->edge_count - 1].next : NULL;
}

static void drop_last_child(node *self)
{
  if (self->literal_count > 0)
    cro_free(self->literals[--self->literal_count].text);
  else
    self->edge_count--;
}

/* Frees what is below `root`. Depth is bounded by CRO_ROUTE_SEGMENTS, so the way down
 * fits an array. */
static void free_below(node *root)
{
  node *way[CRO_ROUTE_SEGMENTS + 1] = { root };
  size_t depth = 0;

  for (;;) {
    node *child = last_child(way[depth]);

    if (child != NULL) {
      way[++depth] = child;
      continue;
    }
    node_clear(way[depth]);
    if (depth == 0)
      return;
    cro_free(way[depth]);
    drop_last_child(way[--depth]);
  }
}

/* Its nodes are the root's. */
static void clear_whole(node *self)
{
  for (uint32_t i = 0; i < self->literal_count; i++)
    cro_free(self->literals[i].text);
  node_clear(self);
}

void cro_router_destroy(cro_router *router)
{
  if (router == NULL)
    return;
  free_below(&router->root);
  clear_whole(&router->whole);
  cro_free(router);
}

/* Room for one more item of `size` bytes in a list that doubles. */
static int grow(void **at, uint32_t count, uint32_t *cap, size_t size)
{
  uint32_t wanted = *cap > 0 ? *cap * 2 : 2;
  void *moved;

  if (count < *cap)
    return 0;
  moved = cro_realloc(*at, wanted * size);
  if (moved == NULL)
    return CRO_E_NOMEM;
  *at = moved;
  *cap = wanted;
  return 0;
}

static void fill_slots(const node *self, uint32_t *slots, uint32_t bits)
{
  uint32_t mask = (1u << bits) - 1;

  for (uint32_t i = 0; i < self->literal_count; i++) {
    uint32_t slot = segment_key_slot(&self->literals[i].key, bits);

    while (slots[slot] != 0)
      slot = (slot + 1) & mask;
    slots[slot] = i + 1;
  }
}

/* Makes the hash table fit literal_count + 1, at most half full. The table is rebuilt
 * whenever a literal is added: routes are few and added once. */
static int grow_slots(node *self)
{
  uint32_t bits = self->slot_bits > 0 ? self->slot_bits : 4;
  uint32_t *slots;

  if (self->literal_count < LITERALS_IN_A_ROW)
    return 0;
  while ((1u << bits) < 2 * (self->literal_count + 1))
    bits++;
  if (bits == self->slot_bits)
    return 0;
  slots = cro_alloc_zero(sizeof *slots << bits);
  if (slots == NULL)
    return CRO_E_NOMEM;
  fill_slots(self, slots, bits);
  cro_free(self->slots);
  self->slots = slots;
  self->slot_bits = bits;
  return 0;
}

static void put_literal(node *self, segment_key key, char *text, node *next)
{
  uint32_t index = self->literal_count++;
  uint32_t slot;

  self->literals[index] = (literal){ key, next, text };
  if (self->slot_bits == 0)
    return;
  slot = segment_key_slot(&key, self->slot_bits);
  while (self->slots[slot] != 0)
    slot = (slot + 1) & ((1u << self->slot_bits) - 1);
  self->slots[slot] = index + 1;
}

/* Room for one more literal. */
static int grow_literals(node *self)
{
  void *list = self->literals;
  int rc = grow(&list, self->literal_count, &self->literal_cap, sizeof(literal));

  self->literals = list;
  return rc != 0 ? rc : grow_slots(self);
}

static int add_literal(node *self, cro_bytes text, node **out)
{
  char *copy;
  node *next;
  int rc = grow_literals(self);

  if (rc != 0)
    return rc;
  copy = cro_alloc(text.len + 1);
  next = copy != NULL ? cro_alloc_zero(sizeof *next) : NULL;
  if (next == NULL) {
    cro_free(copy);
    return CRO_E_NOMEM;
  }
  if (text.len > 0)
    memcpy(copy, text.at, text.len);
  put_literal(self, segment_key_of(text), copy, next);
  *out = next;
  return 0;
}

static node *find_literal(const node *self, cro_bytes text)
{
  segment_key key = segment_key_of(text);

  for (uint32_t i = 0; i < self->literal_count; i++) {
    const literal *item = &self->literals[i];

    if (segment_key_eq(&item->key, &key) &&
        (text.len == 0 || memcmp(item->text, text.at, text.len) == 0))
      return item->next;
  }
  return NULL;
}

/* Custom types rank first: they are conditions, and narrower than their pattern. */
static uint32_t rank_of(const cro_segment *segment)
{
  uint32_t rank = 0;

  if (segment->kind == CRO_SEGMENT_ANY)
    rank = 1000;
  for (size_t i = 0; segment->kind == CRO_SEGMENT_TYPED; i++)
    if (cro_segment_type_at(i) == segment->type) {
      rank = 1 + (uint32_t)i;
      break;
    }
  return segment->optional ? rank + 2000 : rank;
}

static node *find_edge(const node *self, uint32_t rank)
{
  for (uint32_t i = 0; i < self->edge_count; i++)
    if (self->edges[i].rank == rank)
      return self->edges[i].next;
  return NULL;
}

static int add_edge(node *self, const cro_segment *segment, node **out)
{
  edge item = { rank_of(segment), segment->kind, segment->optional, segment->type,
                NULL };
  void *list = self->edges;
  uint32_t at;
  int rc = grow(&list, self->edge_count, &self->edge_cap, sizeof(edge));

  self->edges = list;
  if (rc != 0)
    return rc;
  item.next = cro_alloc_zero(sizeof *item.next);
  if (item.next == NULL)
    return CRO_E_NOMEM;
  for (at = self->edge_count; at > 0 && self->edges[at - 1].rank > item.rank; at--)
    self->edges[at] = self->edges[at - 1];
  self->edges[at] = item;
  self->edge_count++;
  *out = item.next;
  return 0;
}

static int child(node *self, const cro_segment *segment, node **out)
{
  bool is_literal = segment->kind == CRO_SEGMENT_LITERAL;
  node *next = is_literal ? find_literal(self, segment->text)
                          : find_edge(self, rank_of(segment));

  if (next != NULL) {
    *out = next;
    return 0;
  }
  return is_literal ? add_literal(self, segment->text, out)
                    : add_edge(self, segment, out);
}

static const ending *find_clash(const endings *list, cro_method method)
{
  for (uint32_t i = 0; i < list->count; i++)
    if (list->at[i].method == (int16_t)method && !list->at[i].conditional)
      return &list->at[i];
  return NULL;
}

static int add_ending(endings *list, ending item)
{
  void *at = list->at;
  uint32_t i;
  int rc = grow(&at, list->count, &list->cap, sizeof item);

  list->at = at;
  if (rc != 0)
    return rc;
  for (i = list->count; item.conditional && i > 0 && !list->at[i - 1].conditional; i--)
    list->at[i] = list->at[i - 1];
  list->at[i] = item;
  list->count++;
  return 0;
}

static int check_segment(const cro_segment *segment, bool last, bool after_optional)
{
  bool slurpy = segment->kind == CRO_SEGMENT_SLURPY;

  if (slurpy && (!last || segment->optional))
    return CRO_E_INVAL;
  if (segment->kind == CRO_SEGMENT_LITERAL && segment->optional)
    return CRO_E_INVAL;
  if (after_optional && !segment->optional && !slurpy)
    return CRO_E_INVAL;
  if (segment->kind == CRO_SEGMENT_TYPED && segment->type == NULL)
    return CRO_E_INVAL;
  if (segment->kind == CRO_SEGMENT_LITERAL && segment->text.len > CRO_ROUTE_LITERAL_MAX)
    return CRO_E_LIMIT;
  return 0;
}

static int check_template(const cro_segment *segments, size_t count)
{
  size_t captures = 0;
  int rc;

  if (count > CRO_ROUTE_SEGMENTS)
    return CRO_E_LIMIT;
  for (size_t i = 0; i < count; i++) {
    rc = check_segment(&segments[i], i + 1 == count, i > 0 && segments[i - 1].optional);
    if (rc != 0)
      return rc;
    if (segments[i].kind != CRO_SEGMENT_LITERAL && ++captures > CRO_ROUTE_CAPTURES)
      return CRO_E_LIMIT;
  }
  return 0;
}

/* What a peer would send for the template reads the same, byte for byte. A single
 * empty segment is nothing that a path has. */
static bool is_whole(const cro_segment *segments, size_t count)
{
  if (count == 1 && segments[0].text.len == 0)
    return false;
  for (size_t i = 0; i < count; i++)
    if (segments[i].kind != CRO_SEGMENT_LITERAL ||
        cro_bytes_find(segments[i].text, '%') < segments[i].text.len ||
        cro_bytes_find(segments[i].text, '/') < segments[i].text.len)
      return false;
  return true;
}

/* The segments with slashes between them. */
static int join(const cro_segment *segments, size_t count, cro_buf *out)
{
  int rc = cro_buf_reserve(out, 1); /* also for "/" a text */

  for (size_t i = 0; rc == 0 && i < count; i++) {
    if (i > 0)
      rc = cro_buf_add(out, CRO_B("/"));
    if (rc == 0)
      rc = cro_buf_add(out, segments[i].text);
  }
  return rc;
}

/* Lets paths that are a template without captures be found in one step. */
static int add_whole(node *self, const cro_segment *segments, size_t count, node *end)
{
  cro_buf text = { 0 };
  int rc = join(segments, count, &text);

  if (rc == 0 && find_literal(self, cro_buf_bytes(&text)) == NULL) {
    rc = grow_literals(self);
    if (rc == 0) {
      put_literal(self, segment_key_of(cro_buf_bytes(&text)), text.at, end);
      return 0; /* the text is the table's now */
    }
  }
  cro_buf_free(&text);
  return rc;
}

int cro_router_add(cro_router *router, cro_method method, const cro_segment *segments,
                   size_t count, uint32_t route, bool conditional, uint32_t *clash)
{
  bool slurpy = count > 0 && segments[count - 1].kind == CRO_SEGMENT_SLURPY;
  size_t depth = slurpy ? count - 1 : count;
  const ending *other;
  endings *list;
  node *at = &router->root;
  int rc = method >= 0 && method < CRO_METHOD_COUNT ? check_template(segments, count)
                                                    : CRO_E_INVAL;

  for (size_t i = 0; rc == 0 && i < depth; i++)
    rc = child(at, &segments[i], &at);
  if (rc != 0)
    return rc; /* nodes made so far lead to no route: they never match */
  list = slurpy ? &at->slurps : &at->ends;
  other = conditional ? NULL : find_clash(list, method);
  if (other != NULL) {
    *clash = other->route;
    return CRO_E_EXISTS;
  }
  if (!slurpy && is_whole(segments, count))
    rc = add_whole(&router->whole, segments, count, at);
  if (rc != 0)
    return rc;
  rc = add_ending(list, (ending){ route, (int16_t)method, conditional });
  if (rc != 0)
    return rc;
  router->methods |= UINT64_C(1) << method;
  if (depth > router->depth)
    router->depth = (uint32_t)depth;
  return 0;
}
