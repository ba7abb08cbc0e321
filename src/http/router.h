/* http/router.h - from method and path to a route number and captured slices.
 *
 * A trie by path segment. It knows numbers and slices, never what a route does.
 * Built once, then read-only; no allocation while matching.
 *
 * A template is a list of segments. Specificity, independent of the order routes
 * were added: literal > typed > untyped > optional > slurpy, segment by segment
 * from the left; among types the narrower first (custom ones before all). Two
 * routes of equal shape and method that carry no condition are CRO_E_EXISTS.
 *
 * A path is split at '/' before anything is decoded, so an encoded slash never
 * splits; literals are compared decoded. Empty segments count: "/a/" is "a" and "",
 * which no capture but a slurpy accepts.
 *
 * A match looks at each node of the trie at most once, because a node sits at one
 * depth and so meets one segment: the work is bounded by the size of the trie times
 * the length of the path, whatever a peer sends.
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

/* Built-in types: int, uint, int8..int64, uint8..uint64 (decimal, range-checked; int
 * and uint are 64 bits wide), number (12, -1.5, 6e3; finite), uuid (RFC 9562 layout,
 * any version; uuid1..uuid8 one of them), alpha, alnum, hex (ASCII, any length), date
 * (YYYY-MM-DD, a day that exists), bool (true, false). Except for alpha, alnum and
 * hex a value has at most CRO_SEGMENT_TEXT_MAX characters. */
typedef struct cro_segment_type cro_segment_type;
enum { CRO_SEGMENT_TEXT_MAX = 64 };

/* NULL for a name that is no type. */
const cro_segment_type *cro_segment_type_find(cro_bytes name);
cro_bytes cro_segment_type_name(const cro_segment_type *type);

/* The index-th type in order of rank, or NULL past the last: to list them. */
const cro_segment_type *cro_segment_type_at(size_t index);

/* Does `encoded`, a segment as it stands in a path, satisfy the type? */
bool cro_segment_type_check(const cro_segment_type *type, cro_bytes encoded);

typedef enum cro_value_kind {
  CRO_VALUE_TEXT,
  CRO_VALUE_NUMBER,
  CRO_VALUE_BOOL
} cro_value_kind;

typedef struct cro_segment_value {
  cro_value_kind kind;
  double number; /* NUMBER */
  bool truth;    /* BOOL */
} cro_segment_value;

/* What a script gets for a capture of that type (NULL: none). TEXT means the
 * percent-decoded text: of textual types, and of integers of 2^53 and more, which
 * a double can't tell apart. `encoded` must have passed the check. */
cro_segment_value cro_segment_type_value(const cro_segment_type *type,
                                         cro_bytes encoded);

typedef struct cro_segment {
  cro_segment_kind kind;
  cro_bytes text;               /* literal: percent-decoded; else the name */
  const cro_segment_type *type; /* TYPED only */
  bool optional;                /* may be missing, with all that follow it */
} cro_segment;

enum {
  CRO_ROUTE_CAPTURES = 16,    /* of one template */
  CRO_ROUTE_SEGMENTS = 64,    /* of one template: the depth a match recurses to */
  CRO_ROUTE_LITERAL_MAX = 255 /* bytes of one literal */
};

typedef struct cro_route_match {
  uint32_t route;
  uint32_t count; /* captures, in template order; missing optional ones have at NULL */
  struct {
    cro_bytes text; /* percent-encoded, of the request's path. SLURPY: the rest, with
                     * its slashes; at is NULL for no segment at all, so that "/tree"
                     * and "/tree/" differ. Split it with cro_path_next. */
    const cro_segment_type *type; /* how to convert; NULL: text */
    cro_segment_kind kind;
  } captures[CRO_ROUTE_CAPTURES];
} cro_route_match;

typedef struct cro_router cro_router;

/* 0 or CRO_E_NOMEM. Destroyed by the caller; NULL is allowed. */
int cro_router_create(cro_router **out);
void cro_router_destroy(cro_router *router);

/* `conditional`: the caller has more to check (query, custom type ...), so several
 * equal routes may stand side by side in the order added, before the one without a
 * condition. No segments at all is "/".
 *
 * CRO_E_EXISTS: *clash is the other route. CRO_E_INVAL: a slurpy that is not last, an
 * optional literal or slurpy, a required segment after an optional one, a TYPED
 * without type, an unknown method. CRO_E_LIMIT: one of the bounds above.
 * CRO_E_NOMEM. After any error the router is as before. Segments are copied. */
int cro_router_add(cro_router *router, cro_method method, const cro_segment *segments,
                   size_t count, uint32_t route, bool conditional, uint32_t *clash);

/* Visits every route whose segments fit `path`, most specific first, of any method,
 * until visit returns true. False, and nothing is visited, when the path has a '%'
 * without two digits, or a NUL: that request is 400. */
typedef bool cro_route_visit(void *arg, cro_method method, bool conditional,
                             const cro_route_match *match);
bool cro_router_walk(const cro_router *router, cro_bytes path, cro_route_visit *visit,
                     void *arg);

/* What cro_router_find answers. */
typedef enum cro_route_answer {
  CRO_ROUTE_NONE = 0,        /* no path fits: 404 */
  CRO_ROUTE_FOUND = 1,       /* *match is a route without condition */
  CRO_ROUTE_CONDITIONAL = 2, /* *match is the first candidate: the caller must walk */
  CRO_ROUTE_METHOD = -1,     /* paths fit, none with the method: 405 */
  CRO_ROUTE_BAD_PATH = -2    /* a '%' without two hexadecimal digits, or %00: 400 */
} cro_route_answer;

/* The common case: the most specific route for method and path. HEAD falls back to
 * GET, at each place of the trie after a HEAD route of that place. *allowed is
 * written for CRO_ROUTE_METHOD only: a bit (1 << cro_method) for each method that the
 * path has, HEAD with GET and OPTIONS included. */
int cro_router_find(const cro_router *router, cro_method method, cro_bytes path,
                    cro_route_match *match, uint64_t *allowed);

/* The same bits for a path, 0 when none fits: for Allow and for automatic OPTIONS. */
uint64_t cro_router_allowed(const cro_router *router, cro_bytes path);

/* The same bits for all routes together: what "OPTIONS *" is told. */
uint64_t cro_router_methods(const cro_router *router);

enum { CRO_ALLOW_MAX = 320 };

/* "GET, HEAD, OPTIONS" for such bits, in the order of CRO_METHODS; a slice of `out`. */
cro_bytes cro_router_allow_text(uint64_t allowed, char out[CRO_ALLOW_MAX]);

#endif
