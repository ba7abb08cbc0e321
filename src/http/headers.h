/* http/headers.h - an ordered list of header fields in an arena.
 *
 * Names compare without regard to case. Slices live as long as what they point
 * into; the list's own memory belongs to the arena.
 */
#ifndef CRO_HTTP_HEADERS_H
#define CRO_HTTP_HEADERS_H

#include "base/arena.h"

typedef struct cro_header {
  cro_bytes name, value;
} cro_header;

typedef struct cro_headers {
  cro_header *at;
  uint32_t count, cap;
} cro_headers;

/* Appends without a copy. 0 or CRO_E_NOMEM. */
int cro_headers_add(cro_headers *headers, cro_arena *arena, cro_bytes name,
                    cro_bytes value);

/* The first field of that name at or after index *from (then advanced past it), or
 * NULL. */
const cro_header *cro_headers_next(const cro_headers *headers, cro_bytes name,
                                   uint32_t *from);

/* The first field of that name, or NULL. */
const cro_header *cro_headers_find(const cro_headers *headers, cro_bytes name);

/* Removes all fields of that name; how many went. */
uint32_t cro_headers_remove(cro_headers *headers, cro_bytes name);

/* Every slice that points into `from` points to the same place of its copy at `to`. */
void cro_headers_move(cro_headers *headers, cro_bytes from, const char *to);
void cro_bytes_move(cro_bytes *slice, cro_bytes from, const char *to);

/* RFC 9110 5.6.2 and 5.5: a non-empty token; no control bytes but HTAB, no
 * surrounding blanks. */
bool cro_header_name_ok(cro_bytes name);
bool cro_header_value_ok(cro_bytes value);

/* RFC 9110 6.5.1: a token that may come after the content. Fields that frame, route,
 * authenticate or describe the message must not: a trailer is never merged. */
bool cro_trailer_name_ok(cro_bytes name);

#endif
