/* A query against a second reading of its grammar: the same pairs in the same order,
 * the same verdict on each part; what is decoded and written again reads back as it
 * was; the limit cuts exactly; and the work grows with the length of the text alone.
 *
 * The first byte is the limit, the rest the query. */
#include "http/query.h"

#include "base/check.h"
#include "base/err.h"
#include "base/text.h"
#include "base/utf8.h"
#include "stretch.h"

#include <stdlib.h>

typedef struct pair {
  cro_bytes key, value;
} pair;

/* --- the other reading: byte by byte -----------------------------------------------
 */

static size_t naive_split(cro_bytes text, pair *out)
{
  size_t count = 0, from = 0;

  for (size_t i = 0; i <= text.len; i++) {
    size_t equals = from;

    if (i < text.len && text.at[i] != '&')
      continue;
    while (equals < i && text.at[equals] != '=')
      equals++;
    if (i > from) {
      size_t value = equals < i ? equals + 1 : i;

      out[count].key = (cro_bytes){ text.at + from, equals - from };
      out[count++].value = (cro_bytes){ text.at + value, i - value };
    }
    from = i + 1;
  }
  return count;
}

/* -1 when the part is none; else its length in `out`. */
static long naive_decode(cro_bytes part, char *out)
{
  size_t len = 0;

  for (size_t i = 0; i < part.len; i++) {
    char c = part.at[i];

    if (c == '%') {
      if (i + 2 >= part.len || cro_hex_digit(part.at[i + 1]) < 0 ||
          cro_hex_digit(part.at[i + 2]) < 0)
        return -1;
      c = (char)(cro_hex_digit(part.at[i + 1]) * 16 + cro_hex_digit(part.at[i + 2]));
      i += 2;
    } else if (c == '+') {
      c = ' ';
    }
    if (c == '\0')
      return -1;
    out[len++] = c;
  }
  return cro_utf8_ok((cro_bytes){ out, len }) ? (long)len : -1;
}

/* --- the properties ----------------------------------------------------------------
 */

static bool same_slice(cro_bytes a, cro_bytes b)
{
  return a.len == b.len && (a.len == 0 || a.at == b.at);
}

/* The part as it is meant, in `room`; false when it is no text. */
static bool check_part(const cro_query *query, cro_bytes part, char *room,
                       cro_bytes *out)
{
  char *expected = malloc(part.len + 1);
  long length = naive_decode(part, expected);
  const cro_bytes untouched = { room, 12345 };
  int rc;

  *out = untouched;
  rc = cro_query_decode(query, part, query->plain ? NULL : room, out);
  cro_check((rc == 0) == (length >= 0));
  if (rc == 0)
    cro_check(cro_bytes_eq(*out, (cro_bytes){ expected, (size_t)length }));
  else
    cro_check(rc == CRO_E_SYNTAX && same_slice(*out, untouched));
  cro_check(rc != 0 || out->len <= part.len);
  free(expected);
  return rc == 0;
}

/* Reads all; what decodes is written to `written`. */
static size_t check_pairs(cro_bytes text, const pair *expected, size_t count,
                          cro_buf *written)
{
  cro_query query = cro_query_of(text, count);
  char *room = malloc(2 * text.len + 1);
  cro_query_pair found;
  size_t at = 0, kept = 0;

  while (cro_query_next(&query, &found) == 1) {
    cro_bytes key, value;
    bool fine;

    cro_check(at < count && same_slice(found.key, expected[at].key) &&
              same_slice(found.value, expected[at].value));
    at++;
    fine = check_part(&query, found.key, room, &key);
    if (check_part(&query, found.value, room + found.key.len, &value) && fine) {
      cro_check(cro_query_add(written, 0, key, value) == 0);
      kept++;
    }
  }
  cro_check(at == count && query.rest.len == 0);
  free(room);
  return kept;
}

/* The longest that a pair can become: three bytes for each, a '=' and a '&'. */
static void check_written(const cro_buf *written, size_t kept, size_t size)
{
  pair *pairs = calloc(written->len + 1, sizeof *pairs);
  cro_buf again = { 0 };

  cro_check(written->len <= 3 * size + 2 * kept);
  cro_check(naive_split(cro_buf_bytes(written), pairs) == kept);
  cro_check(check_pairs(cro_buf_bytes(written), pairs, kept, &again) == kept);
  cro_check(cro_bytes_eq(cro_buf_bytes(written), cro_buf_bytes(&again)));
  cro_buf_free(&again);
  free(pairs);
}

static void check_limit(cro_bytes text, uint64_t max, size_t count)
{
  cro_query query = cro_query_of(text, max);
  cro_query_pair found;
  uint64_t seen = 0;
  int rc;

  while ((rc = cro_query_next(&query, &found)) == 1)
    seen++;
  cro_check(seen == (count < max ? count : max));
  cro_check(rc == (count > max ? CRO_E_LIMIT : 0));
}

/* Many times the same pairs are many times as many. */
static void check_stretched(cro_bytes text, size_t count)
{
  cro_buf in = { 0 };
  size_t times = stretch(&in, text, CRO_B("&")), seen = 0;
  char *room = malloc(text.len + 1);
  clock_t begun = clock();
  cro_query query = cro_query_of(cro_buf_bytes(&in), UINT64_MAX);
  cro_query_pair found;
  cro_bytes part;

  for (; cro_query_next(&query, &found) == 1; seen++) {
    (void)cro_query_decode(&query, found.key, room, &part);
    (void)cro_query_decode(&query, found.value, room, &part);
  }
  stretch_check(begun);
  cro_check(seen == times * count);
  free(room);
  cro_buf_free(&in);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  cro_bytes text;
  cro_buf written = { 0 };
  pair *pairs;
  size_t count, kept;

  if (size < 1)
    return 0;
  text = (cro_bytes){ (const char *)data + 1, size - 1 };
  pairs = calloc(size, sizeof *pairs);
  count = naive_split(text, pairs);
  kept = check_pairs(text, pairs, count, &written);
  check_written(&written, kept, text.len);
  check_limit(text, data[0] % 16, count);
  check_limit(text, count, count);
  if (stretch_due(data, size))
    check_stretched(text, count);
  cro_buf_free(&written);
  free(pairs);
  return 0;
}
