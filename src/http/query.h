/* http/query.h - the pairs of a query or a urlencoded form, read one by one and
 * written.
 *
 * Reading copies and allocates nothing: the two slices of a pair point into the text,
 * still encoded, and live as long as it does. Whether any byte of the text needs
 * decoding is found out once, so that the common query is never looked at again.
 * Repeated keys are all reported, in order; joining, sorting and typing are others'.
 *
 * "a" is the key "a" with an empty value, "=" an empty key with an empty value, and
 * nothing between two '&' is no pair at all.
 */
#ifndef CRO_HTTP_QUERY_H
#define CRO_HTTP_QUERY_H

#include "base/buf.h"

typedef struct cro_query {
  cro_bytes rest;
  uint64_t left; /* pairs that may still come */
  bool plain;    /* every part of it means what is written */
} cro_query;

typedef struct cro_query_pair {
  cro_bytes key, value; /* encoded */
} cro_query_pair;

/* An iterator over `text` (without its '?') that refuses more than `max` pairs:
 * each becomes a key of somebody's table. */
cro_query cro_query_of(cro_bytes text, uint64_t max);

/* 1 with the next pair, 0 at the end, CRO_E_LIMIT for one more than `max`; *out is
 * untouched by the last two. */
int cro_query_next(cro_query *query, cro_query_pair *out);

/* The same as the next, for a part of any text. */
int cro_query_decode_part(cro_bytes part, char *room, cro_bytes *out);

/* What a key or value of this query means: '+' is a blank, %XX a byte, and the result
 * is UTF-8 without a NUL. `room` holds part.len bytes and is written to only when
 * *out is not the part itself; it may be NULL for a plain query. CRO_E_SYNTAX, with
 * *out untouched, for a broken escape or a result that is no text. */
static inline int cro_query_decode(const cro_query *query, cro_bytes part, char *room,
                                   cro_bytes *out)
{
  if (!query->plain)
    return cro_query_decode_part(part, room, out);
  *out = part;
  return 0;
}

/* Appends "key=value", escaped so that it reads back as it is, to the query that
 * begins at `start` in `out`: behind a '&' unless it is the first. 0, or CRO_E_NOMEM
 * with `out` unchanged. */
int cro_query_add(cro_buf *out, size_t start, cro_bytes key, cro_bytes value);

#endif
