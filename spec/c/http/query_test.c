#include "http/query.h"

#include "base/alloc.h"
#include "base/err.h"
#include "support/test.h"

#include <stdlib.h>

/* Writes the pairs of `text` as "(key|value)", "!" for a part that cannot be decoded
 * and "..." where there are too many. */
static size_t show(cro_bytes text, uint64_t max, char *out)
{
  cro_query query = cro_query_of(text, max);
  cro_query_pair pair;
  char room[256];
  size_t len = 0;
  int rc;

  while ((rc = cro_query_next(&query, &pair)) == 1) {
    cro_bytes parts[] = { pair.key, pair.value };

    for (int i = 0; i < 2; i++) {
      cro_bytes part = CRO_B("!");

      (void)cro_query_decode(&query, parts[i], room, &part);
      out[len++] = i == 0 ? '(' : '|';
      memcpy(out + len, part.at, part.len);
      len += part.len;
    }
    out[len++] = ')';
  }
  if (rc == CRO_E_LIMIT)
    memcpy(out + len, "...", 3);
  return rc == 0 ? len : len + 3;
}

static void check_pairs(const char *text, const char *want)
{
  char out[512];
  size_t len = show(cro_bytes_of(text), 100, out);

  if (!cro_bytes_eq(cro_bytes_of(want), (cro_bytes){ out, len }))
    test_fail(__FILE__, __LINE__, "%s: want %s, got %.*s", text, want, (int)len, out);
}

static void pairs_come_in_order_and_repeat(void)
{
  check_pairs("", "");
  check_pairs("a=1&b=2&a=3", "(a|1)(b|2)(a|3)");
  check_pairs("a", "(a|)");
  check_pairs("a=", "(a|)");
  check_pairs("=a", "(|a)");
  check_pairs("=", "(|)");
  check_pairs("a=b=c", "(a|b=c)");
  check_pairs("a=?/:@!$'()*,;", "(a|?/:@!$'()*,;)");
}

static void nothing_between_two_ampersands_is_no_pair(void)
{
  check_pairs("&", "");
  check_pairs("&&a=1&&&b&", "(a|1)(b|)");
}

static void escapes_and_plus_are_decoded_in_keys_and_values(void)
{
  check_pairs("a+b=c%20d", "(a b|c d)");
  check_pairs("%61=%C3%A9&x=1%262", "(a|\xC3\xA9)(x|1&2)");
  check_pairs("%3D=%3d&%26", "(=|=)(&|)");
  check_pairs("a=%2B+%25", "(a|+ %)");
}

static void what_is_no_text_is_refused_part_by_part(void)
{
  check_pairs("a=%&b=1", "(a|!)(b|1)");
  check_pairs("a=%4", "(a|!)");
  check_pairs("a=%4g&%zz=2", "(a|!)(!|2)");
  check_pairs("a=%00", "(a|!)");
  check_pairs("a=%FF", "(a|!)");
  check_pairs("a=%C3", "(a|!)");
  check_pairs("a=%ED%A0%80", "(a|!)"); /* half of a surrogate pair */
  check_pairs("a=%C0%AF", "(a|!)");    /* an overlong slash */
  check_pairs("a=\xFF&b=\xC3\xA9", "(a|!)(b|\xC3\xA9)");
}

static void a_nul_as_it_is_is_refused_too(void)
{
  cro_query query = cro_query_of((cro_bytes){ "a\0b", 3 }, 1);
  cro_bytes out = CRO_B("kept");
  cro_query_pair pair;
  char room[3];

  CHECK_INT(1, cro_query_next(&query, &pair));
  CHECK_INT(CRO_E_SYNTAX, cro_query_decode(&query, pair.key, room, &out));
  CHECK_TEXT("kept", out);
}

static void a_plain_query_needs_no_room_and_gives_slices_of_the_text(void)
{
  cro_bytes text = CRO_B("key=value&x");
  cro_query query = cro_query_of(text, 2);
  cro_query_pair pair;
  cro_bytes part;

  CHECK(query.plain);
  CHECK_INT(1, cro_query_next(&query, &pair));
  CHECK_INT(0, cro_query_decode(&query, pair.value, NULL, &part));
  CHECK(part.at == text.at + 4 && part.len == 5);
  CHECK(!cro_query_of(CRO_B("a+b"), 1).plain);
  CHECK(!cro_query_of(CRO_B("%61"), 1).plain);
  CHECK(!cro_query_of(CRO_B("\xC3\xA9"), 1).plain);
}

static void a_plain_part_of_an_encoded_query_is_not_copied(void)
{
  cro_bytes text = CRO_B("a=%41&b=c");
  cro_query query = cro_query_of(text, 2);
  cro_query_pair pair;
  cro_bytes part;
  char room[1];

  CHECK_INT(1, cro_query_next(&query, &pair));
  CHECK_INT(0, cro_query_decode(&query, pair.key, NULL, &part));
  CHECK(part.at == text.at);
  CHECK_INT(CRO_E_SYNTAX, cro_query_decode(&query, (cro_bytes){ "%", 1 }, room, &part));
  CHECK_INT(1, cro_query_next(&query, &pair));
  CHECK_INT(0, cro_query_decode(&query, pair.value, NULL, &part));
  CHECK(part.at == text.at + 8);
}

static void one_pair_more_than_the_limit_is_refused(void)
{
  static const struct {
    const char *text;
    uint64_t max;
    const char *want;
  } rows[] = {
    { "a&b", 3, "(a|)(b|)" },
    { "a&b&c", 3, "(a|)(b|)(c|)" },
    { "a&b&c&d", 3, "(a|)(b|)(c|)..." },
    { "&&&&&&", 0, "" },
    { "a", 0, "..." },
    { "a&&b&&c&&", 3, "(a|)(b|)(c|)" },
  };
  char out[256];

  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    size_t len = show(cro_bytes_of(rows[i].text), rows[i].max, out);

    CHECK_TEXT(rows[i].want, ((cro_bytes){ out, len }));
  }
}

static void a_refused_pair_leaves_the_result_alone(void)
{
  cro_query query = cro_query_of(CRO_B("a=b"), 0);
  cro_query_pair pair = { CRO_B("k"), CRO_B("v") };

  CHECK_INT(CRO_E_LIMIT, cro_query_next(&query, &pair));
  CHECK_TEXT("k", pair.key);
  query = cro_query_of(CRO_B("&"), 1);
  CHECK_INT(0, cro_query_next(&query, &pair));
  CHECK_INT(0, cro_query_next(&query, &pair));
  CHECK_TEXT("v", pair.value);
}

static void a_query_cut_at_any_byte_is_read_within_its_bytes(void)
{
  static const char text[] = "a=1&%C3%A9=+%20&&b&c==&%";
  char out[256];

  for (size_t n = 0; n < sizeof text; n++) {
    char *exact = malloc(n > 0 ? n : 1); /* so that a sanitizer sees a byte too far */

    memcpy(exact, text, n);
    CHECK(show((cro_bytes){ exact, n }, 100, out) <= 2 * n + 12);
    free(exact);
  }
}

static void pairs_are_written_so_that_they_read_back(void)
{
  cro_buf out = { 0 };
  size_t start;

  CHECK_INT(0, cro_buf_add(&out, CRO_B("/search?")));
  start = out.len;
  CHECK_INT(0, cro_query_add(&out, start, CRO_B("a b"), CRO_B("1&2=3")));
  CHECK_INT(0, cro_query_add(&out, start, CRO_B("\xC3\xA9"), CRO_B("+%")));
  CHECK_INT(0, cro_query_add(&out, start, CRO_B(""), CRO_B("")));
  CHECK_TEXT("/search?a%20b=1%262%3D3&%C3%A9=%2B%25&=", cro_buf_bytes(&out));
  cro_buf_free(&out);
}

static void a_failing_allocation_leaves_what_was_written(void)
{
  uint64_t n = 0;
  int rc;

  do {
    cro_buf out = { 0 };
    size_t before;

    n++;
    do /* full, so that every append has to grow */
      CHECK_INT(0, cro_buf_add_byte(&out, 'x'));
    while (out.len < out.cap);
    before = out.len;
    cro_alloc_fail_at(n);
    rc = cro_query_add(&out, 0, CRO_B("a key that is long enough to make it grow"),
                       CRO_B("a value that is long enough to make it grow once more, "
                             "however generous the steps of the buffer are made: "
                             "some hundred bytes should do for that"));
    cro_alloc_fail_at(0);
    CHECK(rc == 0 || rc == CRO_E_NOMEM);
    CHECK_INT(rc != 0, out.len == before);
    cro_buf_free(&out);
  } while (rc != 0 && n < 20);
  CHECK(n > 1 && n < 20);
}

TEST_MAIN(CASE(pairs_come_in_order_and_repeat),
          CASE(nothing_between_two_ampersands_is_no_pair),
          CASE(escapes_and_plus_are_decoded_in_keys_and_values),
          CASE(what_is_no_text_is_refused_part_by_part),
          CASE(a_nul_as_it_is_is_refused_too),
          CASE(a_plain_query_needs_no_room_and_gives_slices_of_the_text),
          CASE(a_plain_part_of_an_encoded_query_is_not_copied),
          CASE(one_pair_more_than_the_limit_is_refused),
          CASE(a_refused_pair_leaves_the_result_alone),
          CASE(a_query_cut_at_any_byte_is_read_within_its_bytes),
          CASE(pairs_are_written_so_that_they_read_back),
          CASE(a_failing_allocation_leaves_what_was_written))
