#include "base/buf.h"

#include "base/alloc.h"
#include "base/err.h"
#include "support/test.h"

static void appends_across_growth(void)
{
  cro_buf buf = { 0 };

  for (int i = 0; i < 1000; i++)
    CHECK_INT(0, cro_buf_add(&buf, CRO_B("0123456789")));
  CHECK_INT(10000, buf.len);
  CHECK_BYTES(CRO_B("89012"), ((cro_bytes){ buf.at + 9988, 5 }));
  cro_buf_free(&buf);
}

static void a_failed_append_changes_nothing(void)
{
  cro_buf buf = { 0 };

  CHECK_INT(0, cro_buf_add(&buf, CRO_B("kept")));
  cro_alloc_fail_at(1);
  CHECK_INT(CRO_E_NOMEM, cro_buf_reserve(&buf, 4096));
  CHECK_TEXT("kept", cro_buf_bytes(&buf));
  cro_buf_free(&buf);
}

static void numbers_are_decimal(void)
{
  cro_buf buf = { 0 };

  CHECK_INT(0, cro_buf_add_u64(&buf, 0));
  CHECK_INT(0, cro_buf_add_byte(&buf, ' '));
  CHECK_INT(0, cro_buf_add_u64(&buf, UINT64_MAX));
  CHECK_TEXT("0 18446744073709551615", cro_buf_bytes(&buf));
  cro_buf_free(&buf);
}

static void dropping_moves_the_rest_down(void)
{
  cro_buf buf = { 0 };

  CHECK_INT(0, cro_buf_add(&buf, CRO_B("abcdef")));
  cro_buf_drop(&buf, 2);
  CHECK_TEXT("cdef", cro_buf_bytes(&buf));
  cro_buf_drop(&buf, 4);
  CHECK_INT(0, buf.len);
  cro_buf_free(&buf);
}

TEST_MAIN(CASE(appends_across_growth), CASE(a_failed_append_changes_nothing),
          CASE(numbers_are_decimal), CASE(dropping_moves_the_rest_down))
