#include "base/bytes.h"

#include "support/test.h"

static void case_does_not_matter_for_ascii_letters_only(void)
{
  CHECK(cro_bytes_ieq(CRO_B("Content-Type"), CRO_B("cONTENT-tYPE")));
  CHECK(cro_bytes_ieq(CRO_B(""), CRO_B("")));
  CHECK(!cro_bytes_ieq(CRO_B("a"), CRO_B("ab")));
  CHECK(!cro_bytes_ieq(CRO_B("@"), CRO_B("`")));
  CHECK(!cro_bytes_ieq(CRO_B("["), CRO_B("{")));
  CHECK(!cro_bytes_ieq(CRO_B("\xC4"), CRO_B("\xE4")));
}

static void equality_is_of_all_bytes(void)
{
  CHECK(cro_bytes_eq(CRO_B("a\0b"), CRO_B("a\0b")));
  CHECK(!cro_bytes_eq(CRO_B("a\0b"), CRO_B("a\0c")));
  CHECK(cro_bytes_eq((cro_bytes){ NULL, 0 }, CRO_B("")));
}

static void taking_stops_at_the_end(void)
{
  cro_bytes in = CRO_B("abcdef");

  CHECK_TEXT("ab", cro_bytes_take(&in, 2));
  CHECK_TEXT("", cro_bytes_take(&in, 0));
  CHECK_TEXT("cdef", cro_bytes_take(&in, 100));
  CHECK_TEXT("", cro_bytes_take(&in, 1));
  in = (cro_bytes){ NULL, 0 };
  CHECK_INT(0, cro_bytes_take(&in, 5).len);
}

static void finding_nothing_is_the_length(void)
{
  CHECK_INT(1, cro_bytes_find(CRO_B("abab"), 'b'));
  CHECK_INT(4, cro_bytes_find(CRO_B("abab"), 'c'));
  CHECK_INT(0, cro_bytes_find((cro_bytes){ NULL, 0 }, 'c'));
}

static void trimming_takes_spaces_and_tabs_only(void)
{
  CHECK_TEXT("a b", cro_bytes_trim(CRO_B(" \ta b\t ")));
  CHECK_TEXT("", cro_bytes_trim(CRO_B(" \t ")));
  CHECK_TEXT("\ra\n", cro_bytes_trim(CRO_B("\ra\n")));
  CHECK_INT(0, cro_bytes_trim((cro_bytes){ NULL, 0 }).len);
}

TEST_MAIN(CASE(case_does_not_matter_for_ascii_letters_only),
          CASE(equality_is_of_all_bytes), CASE(taking_stops_at_the_end),
          CASE(finding_nothing_is_the_length),
          CASE(trimming_takes_spaces_and_tabs_only))
