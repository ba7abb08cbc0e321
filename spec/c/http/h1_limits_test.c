#include "support/h1_rig.h"
#include "support/test.h"

/* Each bound one below, at and one above it, whole and byte by byte. */

typedef void make_input(cro_buf *out, uint64_t value);

static void add(cro_buf *out, const char *text)
{
  CHECK_INT(0, cro_buf_add(out, cro_bytes_of(text)));
}

static void fill(cro_buf *out, char byte, uint64_t times)
{
  while (times-- > 0)
    CHECK_INT(0, cro_buf_add_byte(out, byte));
}

static void try_once(const cro_http_limits *limits, cro_bytes in, const char *want,
                     size_t step, uint64_t value)
{
  cro_buf got = { 0 };
  h1_rig rig;

  CHECK(h1_rig_open(&rig));
  rig.limits = *limits;
  CHECK(h1_rig_start(&rig));
  h1_rig_feed(&rig, in, step);
  h1_rig_summary(&rig, &got);
  if (!cro_bytes_eq(cro_bytes_of(want), cro_buf_bytes(&got)))
    test_fail(__FILE__, __LINE__, "%llu in steps of %zu: want %s, got %.*s",
              (unsigned long long)value, step, want, (int)got.len, got.at);
  cro_buf_free(&got);
  h1_rig_close(&rig);
}

static void try_value(const cro_http_limits *limits, make_input *make, uint64_t value,
                      const char *want)
{
  static const size_t steps[] = { 0, 1, 7, 1000 };
  cro_buf in = { 0 };

  make(&in, value);
  for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
    try_once(limits, cro_buf_bytes(&in), want, steps[i], value);
  cro_buf_free(&in);
}

static void try_bound(const cro_http_limits *limits, make_input *make, uint64_t bound,
                      const char *beyond)
{
  try_value(limits, make, bound - 1, "200 open");
  try_value(limits, make, bound, "200 open");
  try_value(limits, make, bound + 1, beyond);
}

/* --- heads
 * ---------------------------------------------------------------------------- */

static void long_target(cro_buf *out, uint64_t value)
{
  add(out, "GET /");
  fill(out, 'a', value - 1);
  add(out, " HTTP/1.1\r\nHost: h\r\n\r\n");
}

static void the_target_may_have_uri_bytes(void)
{
  cro_http_limits limits = cro_http_limits_default;

  try_bound(&limits, long_target, limits.uri_bytes, "414 linger");
  limits.uri_bytes = 10;
  try_bound(&limits, long_target, 10, "414 linger");
  limits.header_bytes = 30;
  try_bound(&limits, long_target, 10, "414 linger");
}

static void endless_target(cro_buf *out, uint64_t value)
{
  add(out, "GET /");
  fill(out, 'a', value);
}

static void a_target_without_end_is_refused_at_its_bound(void)
{
  cro_http_limits limits = cro_http_limits_default;

  try_value(&limits, endless_target, limits.uri_bytes + 100, "414 linger");
  try_value(&limits, endless_target, limits.uri_bytes - 1, "open");
}

/* The field section from its first byte to the empty line's last. */
static void long_fields(cro_buf *out, uint64_t value)
{
  add(out, "GET / HTTP/1.1\r\nHost: h\r\nX: ");
  fill(out, 'v', value - (9 + 3 + 2 + 2));
  add(out, "\r\n\r\n");
}

static void the_fields_may_have_header_bytes(void)
{
  cro_http_limits limits = cro_http_limits_default;

  try_bound(&limits, long_fields, limits.header_bytes, "431 linger");
  limits.header_bytes = 40;
  try_bound(&limits, long_fields, 40, "431 linger");
}

static void endless_fields(cro_buf *out, uint64_t value)
{
  add(out, "GET / HTTP/1.1\r\n");
  fill(out, 'n', value);
}

static void fields_without_end_are_refused_at_their_bound(void)
{
  cro_http_limits limits = cro_http_limits_default;

  try_value(&limits, endless_fields, limits.header_bytes + 1, "431 linger");
  try_value(&limits, endless_fields, limits.header_bytes - 1, "open");
}

static void many_fields(cro_buf *out, uint64_t value)
{
  add(out, "GET / HTTP/1.1\r\nHost: h\r\n");
  for (uint64_t i = 1; i < value; i++)
    add(out, "A:\r\n");
  add(out, "\r\n");
}

static void there_may_be_header_count_fields(void)
{
  cro_http_limits limits = cro_http_limits_default;

  try_bound(&limits, many_fields, limits.header_count, "431 linger");
  limits.header_count = 2;
  try_bound(&limits, many_fields, 2, "431 linger");
}

static void long_method(cro_buf *out, uint64_t value)
{
  fill(out, 'M', value);
  add(out, " / HTTP/1.1\r\nHost: h\r\n\r\n");
}

static void a_method_may_have_method_bytes(void)
{
  cro_http_limits limits = cro_http_limits_default;

  try_value(&limits, long_method, limits.method_bytes, "501 linger");
  try_value(&limits, long_method, limits.method_bytes + 1, "400 linger");
}

static void a_defect_behind_a_limit_is_never_seen(void)
{
  cro_http_limits limits = cro_http_limits_default;
  cro_buf in = { 0 };

  limits.header_bytes = 50;
  add(&in, "GET / HTTP/1.1\r\nHost: h\r\nX: ");
  fill(&in, 'v', 60);
  add(&in, "\x01\r\n\r\n");
  for (size_t step = 0; step < 20; step++)
    try_once(&limits, cro_buf_bytes(&in), "431 linger", step, 0);
  cro_buf_free(&in);
}

/* --- chunks
 * ----------------------------------------------------------------------------- */

/* CVE-2024-22019: everything but the content is counted, the last chunk's line too. */
static void long_extension(cro_buf *out, uint64_t value)
{
  add(out, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0;");
  fill(out, 'e', value - 4);
  add(out, "\r\n\r\n");
}

static void cve_2024_22019_extensions_are_bounded(void)
{
  cro_http_limits limits = cro_http_limits_default;

  try_bound(&limits, long_extension, limits.chunk_overhead, "413 linger");
  limits.chunk_overhead = 20;
  try_bound(&limits, long_extension, 20, "413 linger");
}

/* CVE-2023-39326: one byte a chunk costs 6, of which the content pays 1. */
static void tiny_chunks(cro_buf *out, uint64_t value)
{
  add(out, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
  for (uint64_t i = 0; i < value; i++)
    add(out, "1\r\nx\r\n");
  add(out, "0\r\n\r\n");
}

static void cve_2023_39326_tiny_chunks_are_bounded(void)
{
  cro_http_limits limits = cro_http_limits_default;

  limits.chunk_overhead = 400;
  try_bound(&limits, tiny_chunks, (400 - 3) / 4, "413 linger");
}

static void large_chunks(cro_buf *out, uint64_t value)
{
  add(out, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
  for (uint64_t i = 0; i < value; i++)
    add(out, "a\r\n0123456789\r\n");
  add(out, "0\r\n\r\n");
}

static void chunks_that_carry_something_are_not_bounded(void)
{
  cro_http_limits limits = cro_http_limits_default;

  limits.chunk_overhead = 10;
  try_value(&limits, large_chunks, 1000, "200 open");
}

static void long_trailers(cro_buf *out, uint64_t value)
{
  add(out, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nT: ");
  fill(out, 't', value - (9 + 28 + 2) - (3 + 4));
  add(out, "\r\n\r\n");
}

static void trailers_count_into_header_bytes(void)
{
  cro_http_limits limits = cro_http_limits_default;

  try_bound(&limits, long_trailers, limits.header_bytes, "431 linger");
}

static void many_trailers(cro_buf *out, uint64_t value)
{
  add(out, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n");
  for (uint64_t i = 0; i < value; i++)
    add(out, "T: v\r\n");
  add(out, "\r\n");
}

static void there_may_be_header_count_trailers(void)
{
  cro_http_limits limits = cro_http_limits_default;

  try_bound(&limits, many_trailers, limits.header_count, "431 linger");
}

TEST_MAIN(CASE(the_target_may_have_uri_bytes),
          CASE(a_target_without_end_is_refused_at_its_bound),
          CASE(the_fields_may_have_header_bytes),
          CASE(fields_without_end_are_refused_at_their_bound),
          CASE(there_may_be_header_count_fields), CASE(a_method_may_have_method_bytes),
          CASE(a_defect_behind_a_limit_is_never_seen),
          CASE(cve_2024_22019_extensions_are_bounded),
          CASE(cve_2023_39326_tiny_chunks_are_bounded),
          CASE(chunks_that_carry_something_are_not_bounded),
          CASE(trailers_count_into_header_bytes),
          CASE(there_may_be_header_count_trailers))
