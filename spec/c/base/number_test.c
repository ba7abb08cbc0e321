#include "base/number.h"

#include "base/err.h"
#include "support/test.h"

#include <locale.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static cro_bytes format(double number)
{
  static char out[CRO_NUMBER_MAX];

  return (cro_bytes){ out, cro_number_format(number, out) };
}

static void numbers_are_written_short(void)
{
  CHECK_TEXT("0", format(0));
  CHECK_TEXT("-0", format(-0.0));
  CHECK_TEXT("1", format(1));
  CHECK_TEXT("-42", format(-42));
  CHECK_TEXT("0.1", format(0.1));
  CHECK_TEXT("-0.05", format(-0.05));
  CHECK_TEXT("123.456", format(123.456));
  CHECK_TEXT("0.30000000000000004", format(0.1 + 0.2));
  CHECK_TEXT("9007199254740991", format(9007199254740991.0));
  CHECK_TEXT("-9007199254740991", format(-9007199254740991.0));
  CHECK_TEXT("9007199254740992", format(9007199254740992.0));
  CHECK_TEXT("1e+300", format(1e300));
  CHECK_TEXT("1e-07", format(1e-7));
  CHECK_TEXT("4.94065645841247e-324", format(5e-324));
  CHECK_TEXT("1.7976931348623157e+308", format(1.7976931348623157e308));
  CHECK_TEXT("3.141592653589793", format(3.141592653589793));
}

static uint64_t random_state = 88172645463325252u;

static uint64_t next_random(void)
{
  random_state ^= random_state << 13;
  random_state ^= random_state >> 7;
  random_state ^= random_state << 17;
  return random_state;
}

static double any_double(void)
{
  double number;
  uint64_t bits;

  do {
    bits = next_random();
    memcpy(&number, &bits, sizeof number);
  } while (!isfinite(number));
  return number;
}

static void check_round_trip(double number)
{
  char out[CRO_NUMBER_MAX];
  double back = 0;
  size_t len = cro_number_format(number, out);

  if (cro_number_parse((cro_bytes){ out, len }, &back) != 0 || back != number)
    test_fail(__FILE__, __LINE__, "%.17g became %.*s", number, (int)len, out);
}

static void any_number_comes_back_equal(void)
{
  for (int i = 0; i < 50000; i++) {
    double number = any_double();

    check_round_trip(number);
    check_round_trip((double)(int64_t)(next_random() >> 20) / 1000.0);
    check_round_trip((double)(int64_t)next_random() / 1e7);
  }
}

static void check_parse(const char *text)
{
  double got = 0, want = strtod(text, NULL);

  if (cro_number_parse(cro_bytes_of(text), &got) != 0 || memcmp(&got, &want, 8) != 0)
    test_fail(__FILE__, __LINE__, "%s: want %.17g, got %.17g", text, want, got);
}

static void what_is_read_is_what_the_library_reads(void)
{
  static const char *const texts[] = {
    "0",
    "-0",
    "1",
    "1.5",
    "123456789012345678",
    "1e22",
    "1e23",
    "1e-22",
    "1e-23",
    "9007199254740993",
    "9007199254740992.5",
    "0.1",
    "0.000000000000000000000001",
    "1.7976931348623157e308",
    "1e309",
    "-1e309",
    "4.9e-324",
    "2e-324",
    "1e-999999999",
    "1e999999999999",
    "0e999999999999",
    "00012.500",
    "123456789.123456789e-10",
    "179769313486231580793728971405303415079934132710037826936173778980444968292764750"
    "9466490179775872070963302864166928879109465555478519404026306574886715058206819089"
    "0200070838367627385484581771153176447573027006985557136695962284291481986083493647"
    "52927190741684443655107043427115596995080930428801779041744977.9",
  };

  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
    check_parse(texts[i]);
  for (int i = 0; i < 20000; i++) {
    char text[64];

    snprintf(text, sizeof text, "%.*g", (int)(next_random() % 25), any_double());
    check_parse(text);
    snprintf(text, sizeof text, "%llu.%llue%d", (unsigned long long)next_random(),
             (unsigned long long)next_random(), (int)(next_random() % 80) - 40);
    check_parse(text);
  }
}

static void a_thousand_digits_still_round_right(void)
{
  char text[1300];
  size_t len = (size_t)snprintf(text, sizeof text, "9007199254740993.");

  memset(text + len, '0', 1200);
  text[len + 1200] = '\0';
  check_parse(text); /* a tie: to even */
  text[len + 1199] = '1';
  check_parse(text); /* the last digit breaks it */
  memset(text, '7', 1250);
  text[1250] = '\0';
  check_parse(text);
  memset(text, '0', 1250);
  text[1] = '.';
  text[1249] = '7';
  check_parse(text);
}

static void what_is_no_number_is_refused(void)
{
  static const char *const texts[] = { "",    "-",   "+1",    ".5",    "1.",  "1e",
                                       "1e+", "a",   "1 ",    " 1",    "0x1", "nan",
                                       "inf", "--1", "1.2.3", "1e5.0", "1,5" };
  double out = 7;

  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
    CHECK_INT(CRO_E_SYNTAX, cro_number_parse(cro_bytes_of(texts[i]), &out));
  CHECK(out == 7);
}

static void a_scan_stops_where_the_number_does(void)
{
  double out = 0;

  CHECK_INT(3, cro_number_scan(CRO_B("1.5,2"), &out));
  CHECK(out == 1.5);
  CHECK_INT(1, cro_number_scan(CRO_B("1.x"), &out));
  CHECK_INT(1, cro_number_scan(CRO_B("1e+"), &out));
  CHECK_INT(0, cro_number_scan(CRO_B("x"), &out));
}

static void the_process_locale_does_not_matter(void)
{
  double out = 0;

  if (setlocale(LC_NUMERIC, "de_DE.UTF-8") == NULL)
    setlocale(LC_NUMERIC, "fr_FR.UTF-8"); /* none installed: the check still holds */
  CHECK_TEXT("0.30000000000000004", format(0.1 + 0.2));
  CHECK_INT(0, cro_number_parse(CRO_B("0.30000000000000004"), &out));
  CHECK(out == 0.1 + 0.2);
  setlocale(LC_NUMERIC, "C");
}

TEST_MAIN(CASE(numbers_are_written_short), CASE(any_number_comes_back_equal),
          CASE(what_is_read_is_what_the_library_reads),
          CASE(a_thousand_digits_still_round_right), CASE(what_is_no_number_is_refused),
          CASE(a_scan_stops_where_the_number_does),
          CASE(the_process_locale_does_not_matter))
