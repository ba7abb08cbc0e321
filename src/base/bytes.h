/* base/bytes.h - a slice of bytes: pointer and length, never owned.
 *
 * `at` may be NULL only when `len` is 0. A slice lives as long as what it points
 * into; whoever hands one out says how long that is.
 */
#ifndef CRO_BASE_BYTES_H
#define CRO_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

typedef struct cro_bytes {
  const char *at;
  size_t len;
} cro_bytes;

/* A slice of a string literal. */
#define CRO_B(literal) ((cro_bytes){ "" literal, sizeof(literal) - 1 })

/* The same as an initialiser of static storage. */
#define CRO_B_INIT(literal)                                                            \
  {                                                                                    \
    "" literal, sizeof(literal) - 1                                                    \
  }

/* A slice of a NUL-terminated string. */
static inline cro_bytes cro_bytes_of(const char *text)
{
  return (cro_bytes){ text, strlen(text) };
}

/* The same bytes; an empty slice equals any other empty one. */
static inline bool cro_bytes_eq(cro_bytes a, cro_bytes b)
{
  return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

/* Equal when ASCII letters of either case are the same. */
bool cro_bytes_ieq(cro_bytes a, cro_bytes b);

/* Cuts the first `n` bytes (at most all) off `from` and returns them. */
static inline cro_bytes cro_bytes_take(cro_bytes *from, size_t n)
{
  cro_bytes head = { from->at, n < from->len ? n : from->len };

  if (head.len > 0)
    from->at += head.len;
  from->len -= head.len;
  return head;
}

/* Index of the first `byte`, or `in.len`. */
static inline size_t cro_bytes_find(cro_bytes in, char byte)
{
  const char *hit = in.len > 0 ? memchr(in.at, byte, in.len) : NULL;

  return hit != NULL ? (size_t)(hit - in.at) : in.len;
}

/* SP or HTAB, what RFC 9110 calls a blank. */
static inline bool cro_is_blank(char c)
{
  return c == ' ' || c == '\t';
}

/* Without leading and trailing spaces and tabs. */
cro_bytes cro_bytes_trim(cro_bytes in);

#endif
