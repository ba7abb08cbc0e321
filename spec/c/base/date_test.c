#include "base/date.h"

#include "base/err.h"
#include "support/test.h"

#include <stdio.h>
#include <time.h>

static const int64_t now_2026 = 1790000000; /* in September 2026 */

static cro_bytes format(int64_t seconds)
{
  static char out[CRO_DATE_LENGTH];

  cro_date_format(seconds, out);
  return (cro_bytes){ out, sizeof out };
}

static void formats_the_fixed_form(void)
{
  CHECK_TEXT("Sun, 06 Nov 1994 08:49:37 GMT", format(784111777));
  CHECK_TEXT("Thu, 01 Jan 1970 00:00:00 GMT", format(0));
  CHECK_TEXT("Wed, 31 Dec 1969 23:59:59 GMT", format(-1));
  CHECK_TEXT("Thu, 29 Feb 2024 12:00:00 GMT", format(1709208000));
}

static void far_times_become_the_nearest_year_of_four_digits(void)
{
  CHECK_TEXT("Fri, 31 Dec 9999 23:59:59 GMT", format(INT64_MAX));
  CHECK_TEXT("Sat, 01 Jan 0000 00:00:00 GMT", format(INT64_MIN));
}

static void agrees_with_the_c_library_across_centuries(void)
{
  for (int64_t t = -5000000000; t < 20000000000; t += 86399 * 37) {
    time_t time = (time_t)t;
    struct tm tm;
    char want[64];
    int64_t back = 0;

    gmtime_r(&time, &tm);
    strftime(want, sizeof want, "%a, %d %b %Y %H:%M:%S GMT", &tm);
    CHECK_TEXT(want, format(t));
    CHECK_INT(0, cro_date_parse(format(t), now_2026, &back));
    CHECK_INT(t, back);
    strftime(want, sizeof want, "%a %b %e %H:%M:%S %Y", &tm);
    CHECK_INT(0, cro_date_parse(cro_bytes_of(want), now_2026, &back));
    CHECK_INT(t, back);
  }
}

static int64_t parse(const char *text)
{
  int64_t out = -77;

  return cro_date_parse(cro_bytes_of(text), now_2026, &out) == 0 ? out : -77;
}

static void reads_the_three_forms(void)
{
  CHECK_INT(784111777, parse("Sun, 06 Nov 1994 08:49:37 GMT"));
  CHECK_INT(784111777, parse("Sunday, 06-Nov-94 08:49:37 GMT"));
  CHECK_INT(784111777, parse("Sun Nov  6 08:49:37 1994"));
  CHECK_INT(784111777, parse("Sun Nov 06 08:49:37 1994"));
}

static void the_name_of_the_day_need_not_fit(void)
{
  CHECK_INT(784111777, parse("Mon, 06 Nov 1994 08:49:37 GMT"));
}

static void a_leap_second_is_the_second_before(void)
{
  CHECK_INT(1483228799, parse("Sat, 31 Dec 2016 23:59:60 GMT"));
}

static void two_digits_mean_at_most_50_years_ahead(void)
{
  CHECK_INT(parse("Tue, 01 Jan 2075 00:00:00 GMT"),
            parse("Tuesday, 01-Jan-75 00:00:00 GMT"));
  CHECK_INT(parse("Wed, 01 Jan 2076 00:00:00 GMT"),
            parse("Wednesday, 01-Jan-76 00:00:00 GMT"));
  CHECK_INT(parse("Sat, 01 Jan 1977 00:00:00 GMT"),
            parse("Saturday, 01-Jan-77 00:00:00 GMT"));
  CHECK_INT(parse("Sat, 01 Jan 2000 00:00:00 GMT"),
            parse("Saturday, 01-Jan-00 00:00:00 GMT"));
}

static void refuses_what_is_no_date(void)
{
  static const char *const bad[] = {
    "",
    "Sun",
    "Sun, 06 Nov 1994 08:49:37",
    "Sun, 06 Nov 1994 08:49:37 UTC",
    "Sun, 06 Nov 1994 08:49:37 GMT ",
    " Sun, 06 Nov 1994 08:49:37 GMT",
    "sun, 06 Nov 1994 08:49:37 GMT",
    "Sun, 6 Nov 1994 08:49:37 GMT",
    "Sun, 06 nov 1994 08:49:37 GMT",
    "Sun, 06 Nov 94 08:49:37 GMT",
    "Sun, 06 Nov 1994 8:49:37 GMT",
    "Sun, 06 Nov 1994 24:00:00 GMT",
    "Sun, 06 Nov 1994 23:60:00 GMT",
    "Sun, 06 Nov 1994 23:59:61 GMT",
    "Sun, 00 Nov 1994 08:49:37 GMT",
    "Sun, 31 Nov 1994 08:49:37 GMT",
    "Sun, 29 Feb 2023 08:49:37 GMT",
    "Sun, 29 Feb 1900 08:49:37 GMT",
    "Sun, 32 Dec 1994 08:49:37 GMT",
    "Sun, 06 Nov -994 08:49:37 GMT",
    "Sun, 06 Nov 1994 08:49:3x GMT",
    "Sun, 06-Nov-94 08:49:37 GMT",
    "Sunday, 06 Nov 1994 08:49:37 GMT",
    "Sun Nov  6 08:49:37 94",
    "Sun Nov  6 08:49:37 1994 GMT",
    "Sun Nov 6 08:49:37 1994",
    "Sun Nov   6 08:49:37 1994",
    "1994-11-06T08:49:37Z",
    "784111777",
  };

  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    if (parse(bad[i]) != -77)
      test_fail(__FILE__, __LINE__, "accepts \"%s\"", bad[i]);
}

static void any_cut_or_changed_byte_is_refused_or_a_date(void)
{
  const char *good = "Sun, 06 Nov 1994 08:49:37 GMT";
  int64_t out;

  for (size_t n = 0; n < CRO_DATE_LENGTH; n++)
    CHECK_INT(CRO_E_SYNTAX, cro_date_parse((cro_bytes){ good, n }, now_2026, &out));
  for (size_t at = 0; at < CRO_DATE_LENGTH; at++)
    for (int c = 0; c < 256; c++) {
      char text[CRO_DATE_LENGTH];

      memcpy(text, good, sizeof text);
      text[at] = (char)c;
      if (cro_date_parse((cro_bytes){ text, sizeof text }, now_2026, &out) == 0)
        CHECK((c >= '0' && c <= '9') || c == good[at] ||
              strchr("abcdefghijklmnopqrst"
                     "uvwxyzFJMASOND",
                     c) != NULL);
    }
}

static void civil_days_go_there_and_back(void)
{
  cro_civil before = cro_civil_from_days(-1000001);

  for (int64_t day = -1000000; day < 3000000; day++) {
    cro_civil date = cro_civil_from_days(day);

    if (cro_days_from_civil(date) != day)
      test_fail(__FILE__, __LINE__, "day %lld", (long long)day);
    if (date.day != before.day + 1 && date.day != 1)
      test_fail(__FILE__, __LINE__, "day %lld does not follow", (long long)day);
    before = date;
  }
}

TEST_MAIN(CASE(formats_the_fixed_form),
          CASE(far_times_become_the_nearest_year_of_four_digits),
          CASE(agrees_with_the_c_library_across_centuries), CASE(reads_the_three_forms),
          CASE(the_name_of_the_day_need_not_fit),
          CASE(a_leap_second_is_the_second_before),
          CASE(two_digits_mean_at_most_50_years_ahead), CASE(refuses_what_is_no_date),
          CASE(any_cut_or_changed_byte_is_refused_or_a_date),
          CASE(civil_days_go_there_and_back))
