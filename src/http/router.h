/* http/router.h - from method and path to a route number and captured slices.
 *
 * A trie by path segment. It knows numbers and slices, never what a route does.
 * Built once, then read-only; no allocation while matching.
 *
 * A template is a list of segments. Specificity, independent of the order routes
 * were added: literal > typed > untyped > optional > slurpy, segment by segment
 * from the left. Two routes of equal shape and method that carry no condition are
 * CRO_E_EXISTS.
 */
#ifndef CRO_HTTP_ROUTER_H
#define CRO_HTTP_ROUTER_H

#include "base/bytes.h"
#include "http/message.h"

typedef enum cro_segment_kind {
  CRO_SEGMENT_LITERAL,
  CRO_SEGMENT_TYPED,  /* {x:int}: `type` checks the decoded text in C */
  CRO_SEGMENT_CUSTOM, /* {x:mine}: ranks as typed, checked by the caller */
  CRO_SEGMENT_ANY,    /* {x}: one non-empty segment */
  CRO_SEGMENT_SLURPY  /* {x*}: the rest, zero or more segments; last only */
} cro_segment_kind;

/* Built-in types: int, uint, int8..int64, uint8..uint64, number, uuid, alpha, alnum,
 * hex, date, bool. Lua numbers are doubles: 64-bit ranges are checked, values passed
 * as captured text where they exceed 2^53. */
typedef struct cro_segment_type cro_segment_type;
const cro_segment_type *cro_segment_type_find(cro_bytes name);
cro_bytes cro_segment_type_name(const cro_segment_type *type);

typedef struct cro_segment {
  cro_segment_kind kind;
  cro_bytes text;               /* literal: percent-decoded; else the name */
  const cro_segment_type *type; /* TYPED only */
  bool optional;                /* may be missing, with all that follow it */
} cro_segment;

enum { CRO_ROUTE_CAPTURES = 16 };

typedef struct cro_route_match {
  uint32_t route;
  uint32_t count; /* captures, in template order; missing optional ones have at NULL */
  struct {
    cro_bytes text;               /* percent-encoded, of the request's path */
    const cro_segment_type *type; /* how to convert; NULL: text */
  } captures[CRO_ROUTE_CAPTURES];
} cro_route_match;

typedef struct cro_router cro_router;

int cro_router_create(cro_router **out);
void cro_router_destroy(cro_router *router);

/* `conditional`: the caller has more to check (query, custom type ...), so several
 * equal routes may stand side by side in the order added. On CRO_E_EXISTS *clash is
 * the other route. Segments are copied. */
int cro_router_add(cro_router *router, cro_method method, const cro_segment *segments,
                   size_t count, uint32_t route, bool conditional, uint32_t *clash);

/* Visits every route whose segments fit `path`, most specific first, of any method,
 * until visit returns true. `methods` gets a bit per method seen (1 << cro_method). */
typedef bool cro_route_visit(void *arg, cro_method method, bool conditional,
                             const cro_route_match *match);

void cro_router_walk(const cro_router *router, cro_bytes path, cro_route_visit *visit,
                     void *arg);

/* The common case: the most specific route for method and path. HEAD falls back to
 * GET. Answers 1: *match is an unconditional route; 2: it is conditional, the caller
 * must walk; 0: no path fits; -1: paths fit, none with the method (*allowed has bits
 * of those that do, HEAD with GET and OPTIONS included). */
int cro_router_find(const cro_router *router, cro_method method, cro_bytes path,
                    cro_route_match *match, uint64_t *allowed);

#endif
