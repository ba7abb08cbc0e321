/* http/router_trie.h - the trie behind http/router.h; shared by the two files that
 * build and search it, and by nobody else.
 *
 * The router owns every node, every literal's text and every list. Lists grow while
 * routes are added and never change afterwards.
 */
#ifndef CRO_HTTP_ROUTER_TRIE_H
#define CRO_HTTP_ROUTER_TRIE_H

#include "http/router.h"

/* What decides whether two segments are equal: length, and the first and last eight
 * bytes. Texts of up to 16 bytes with equal keys are equal. */
typedef struct segment_key {
  uint64_t head, tail;
  uint32_t len;
} segment_key;

typedef struct node node;

typedef struct literal {
  segment_key key;
  node *next;
  char *text; /* decoded; owned */
} literal;

/* A child that captures. Edges are sorted by rank, most specific first. */
typedef struct edge {
  uint32_t rank;
  cro_segment_kind kind;
  bool optional;
  const cro_segment_type *type; /* TYPED only */
  node *next;
} edge;

/* A route that ends at a node. Of one method: conditional ones first, in the order
 * added. */
typedef struct ending {
  uint32_t route;
  int16_t method;
  bool conditional;
} ending;

typedef struct endings {
  ending *at;
  uint32_t count, cap;
} endings;

struct node {
  literal *literals;
  uint32_t literal_count, literal_cap;
  uint32_t slot_bits; /* 0: few literals, compared one by one */
  uint32_t *slots;    /* 1 << slot_bits of index + 1, open addressing; 0 is free */
  edge *edges;
  uint32_t edge_count, edge_cap;
  endings ends;   /* the path ends here */
  endings slurps; /* {rest*} begins here */
};

struct cro_router {
  node root;
  node whole; /* literals only: templates without a capture, from their second byte on;
               * `next` is the root's */
  uint32_t depth;   /* segments of the longest template */
  uint64_t methods; /* a bit for each that some route has */
};

enum { LITERALS_IN_A_ROW = 6 };

/* cro_segment_type_check for a caller that knows whether a '%' is there. */
bool cro_segment_type_fits(const cro_segment_type *type, cro_bytes text, bool encoded);

/* The eight bytes at `at`, wherever it lies. */
static inline uint64_t load64(const char *at)
{
  uint64_t word;

  memcpy(&word, at, sizeof word);
  return word;
}

/* The four. */
static inline uint64_t load32(const char *at)
{
  uint32_t word;

  memcpy(&word, at, sizeof word);
  return word;
}

/* The key of a decoded segment; it points to nothing. */
static inline segment_key segment_key_of(cro_bytes text)
{
  segment_key key = { 0, 0, (uint32_t)text.len };
  const unsigned char *at = (const unsigned char *)text.at;

  if (text.len >= 8) {
    key.head = load64(text.at);
    key.tail = load64(text.at + text.len - 8);
  } else if (text.len >= 4) {
    key.head = load32(text.at);
    key.tail = load32(text.at + text.len - 4);
  } else if (text.len > 0) {
    key.head =
        at[0] | (uint64_t)at[text.len / 2] << 8 | (uint64_t)at[text.len - 1] << 16;
  }
  return key;
}

/* Of longer texts than 16 bytes the middle has still to be compared. */
static inline bool segment_key_eq(const segment_key *a, const segment_key *b)
{
  return a->head == b->head && a->tail == b->tail && a->len == b->len;
}

/* The literals are the programmer's, never a peer's, so the hash needs no secret. */
static inline uint32_t segment_key_slot(const segment_key *key, uint32_t bits)
{
  uint64_t mixed = (key->head ^ (key->tail * 0x9E3779B97F4A7C15u)) + key->len;

  return (uint32_t)((mixed * 0xD6E8FEB86659FD93u) >> (64 - bits));
}

#endif
