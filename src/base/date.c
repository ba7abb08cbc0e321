#include "base/date.h"

#include "base/err.h"
#include "base/text.h"

enum { day_seconds = 86400, most_digits = 4 };

static const char day_names[7][10] = { "Sunday",   "Monday", "Tuesday", "Wednesday",
                                       "Thursday", "Friday", "Saturday" };
static const char month_names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

/* Years are counted from March so that the leap day is the last of a year, in eras of
 * 400 years, after which the calendar repeats: 146097 days. */
int64_t cro_days_from_civil(cro_civil date)
{
  int64_t year = date.year - (date.month <= 2);
  int64_t era = (year >= 0 ? year : year - 399) / 400;
  int64_t year_of_era = year - era * 400;
  int64_t month_from_march = (date.month + 9) % 12;
  int64_t day_of_year = (153 * month_from_march + 2) / 5 + date.day - 1;
  int64_t leaps = year_of_era / 4 - year_of_era / 100;

  return era * 146097 + year_of_era * 365 + leaps + day_of_year - 719468;
}

cro_civil cro_civil_from_days(int64_t days)
{
  int64_t shifted = days + 719468;
  int64_t era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
  int64_t d = shifted - era * 146097;
  int64_t year_of_era = (d - d / 1460 + d / 36524 - d / 146096) / 365;
  int64_t day_of_year = d - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  int64_t month_from_march = (5 * day_of_year + 2) / 153;
  int month =
      (int)(month_from_march < 10 ? month_from_march + 3 : month_from_march - 9);

  return (cro_civil){
    .year = year_of_era + era * 400 + (month <= 2),
    .month = month,
    .day = (int)(day_of_year - (153 * month_from_march + 2) / 5 + 1),
  };
}

static int weekday(int64_t days)
{
  int64_t day = (days + 4) % 7; /* 1970-01-01 was a Thursday */

  return (int)(day < 0 ? day + 7 : day);
}

static char *put_number(char *out, int64_t number, int digits)
{
  for (int i = digits; i-- > 0; number /= 10)
    out[i] = (char)('0' + number % 10);
  return out + digits;
}

static char *put_text(char *out, const char *text, size_t n)
{
  memcpy(out, text, n);
  return out + n;
}

static int64_t within(int64_t value, int64_t low, int64_t high)
{
  return value < low ? low : value > high ? high : value;
}

void cro_date_format(int64_t seconds, char out[CRO_DATE_LENGTH])
{
  int64_t first = cro_days_from_civil((cro_civil){ 0, 1, 1 }) * day_seconds;
  int64_t last = cro_days_from_civil((cro_civil){ 10000, 1, 1 }) * day_seconds - 1;
  int64_t time = within(seconds, first, last);
  int64_t in_day = (time % day_seconds + day_seconds) % day_seconds;
  int64_t days = (time - in_day) / day_seconds;
  cro_civil date = cro_civil_from_days(days);

  out = put_text(out, day_names[weekday(days)], 3);
  out = put_text(out, ", ", 2);
  out = put_number(out, date.day, 2);
  out = put_text(out, " ", 1);
  out = put_text(out, month_names + (date.month - 1) * 3, 3);
  out = put_text(out, " ", 1);
  out = put_number(out, date.year, 4);
  out = put_text(out, " ", 1);
  out = put_number(out, in_day / 3600, 2);
  out = put_text(out, ":", 1);
  out = put_number(out, in_day / 60 % 60, 2);
  out = put_text(out, ":", 1);
  out = put_number(out, in_day % 60, 2);
  put_text(out, " GMT", 4);
}

/* --- reading ----------------------------------------------------------------- */

typedef struct {
  int year, month, day, hour, minute, second;
} parts;

static bool take_text(cro_bytes *in, cro_bytes text)
{
  return cro_bytes_eq(cro_bytes_take(in, text.len), text);
}

/* Exactly `digits` digits. */
static bool take_number(cro_bytes *in, size_t digits, int *out)
{
  cro_bytes text = cro_bytes_take(in, digits);
  uint64_t number;

  if (text.len != digits || cro_text_u64(text, &number) != 0)
    return false;
  *out = (int)number;
  return true;
}

static bool take_month(cro_bytes *in, int *out)
{
  cro_bytes name = cro_bytes_take(in, 3);

  for (int i = 0; i < 12; i++) {
    if (!cro_bytes_eq(name, (cro_bytes){ month_names + 3 * i, 3 }))
      continue;
    *out = i + 1;
    return true;
  }
  return false;
}

/* The day's name, its first `length` letters (0: all of them), then `after`. */
static bool take_weekday(cro_bytes *in, size_t length, cro_bytes after)
{
  for (int i = 0; i < 7; i++) {
    cro_bytes name = cro_bytes_of(day_names[i]);
    cro_bytes rest = *in;

    if (length > 0)
      name.len = length;
    if (!take_text(&rest, name) || !take_text(&rest, after))
      continue;
    *in = rest;
    return true;
  }
  return false;
}

static bool take_clock(cro_bytes *in, parts *out)
{
  return take_number(in, 2, &out->hour) && take_text(in, CRO_B(":")) &&
         take_number(in, 2, &out->minute) && take_text(in, CRO_B(":")) &&
         take_number(in, 2, &out->second);
}

static bool read_fixdate(cro_bytes in, parts *out)
{
  return take_weekday(&in, 3, CRO_B(", ")) && take_number(&in, 2, &out->day) &&
         take_text(&in, CRO_B(" ")) && take_month(&in, &out->month) &&
         take_text(&in, CRO_B(" ")) && take_number(&in, most_digits, &out->year) &&
         take_text(&in, CRO_B(" ")) && take_clock(&in, out) &&
         cro_bytes_eq(in, CRO_B(" GMT"));
}

static bool read_rfc850(cro_bytes in, parts *out)
{
  return take_weekday(&in, 0, CRO_B(", ")) && take_number(&in, 2, &out->day) &&
         take_text(&in, CRO_B("-")) && take_month(&in, &out->month) &&
         take_text(&in, CRO_B("-")) && take_number(&in, 2, &out->year) &&
         take_text(&in, CRO_B(" ")) && take_clock(&in, out) &&
         cro_bytes_eq(in, CRO_B(" GMT"));
}

/* " 6" or "06" or "16". */
static bool take_asctime_day(cro_bytes *in, int *out)
{
  if (in->len > 0 && in->at[0] == ' ') {
    cro_bytes_take(in, 1);
    return take_number(in, 1, out);
  }
  return take_number(in, 2, out);
}

static bool read_asctime(cro_bytes in, parts *out)
{
  return take_weekday(&in, 3, CRO_B(" ")) && take_month(&in, &out->month) &&
         take_text(&in, CRO_B(" ")) && take_asctime_day(&in, &out->day) &&
         take_text(&in, CRO_B(" ")) && take_clock(&in, out) &&
         take_text(&in, CRO_B(" ")) && take_number(&in, most_digits, &out->year) &&
         in.len == 0;
}

/* RFC 9110 5.6.7: more than 50 years ahead is the most recent year in the past with
 * these digits. */
static int full_year(int two_digits, int64_t now)
{
  int64_t this_year = cro_civil_from_days(within(now, 0, INT64_MAX) / day_seconds).year;
  int64_t year = (this_year + 50) / 100 * 100 + two_digits;

  return (int)(year > this_year + 50 ? year - 100 : year);
}

static bool is_real(const parts *p)
{
  cro_civil next = { p->year + p->month / 12, p->month % 12 + 1, 1 };
  cro_civil first = { p->year, p->month, 1 };

  return p->day >= 1 &&
         p->day <= cro_days_from_civil(next) - cro_days_from_civil(first) &&
         p->hour <= 23 && p->minute <= 59 && p->second <= 60;
}

int cro_date_parse(cro_bytes in, int64_t now, int64_t *out)
{
  parts p = { 0 };
  int64_t days;

  if (read_rfc850(in, &p))
    p.year = full_year(p.year, now);
  else if (!read_fixdate(in, &p) && !read_asctime(in, &p))
    return CRO_E_SYNTAX;
  if (!is_real(&p))
    return CRO_E_SYNTAX;
  days = cro_days_from_civil((cro_civil){ p.year, p.month, p.day });
  *out = days * day_seconds + p.hour * 3600 + p.minute * 60 +
         (p.second > 59 ? 59 : p.second);
  return 0;
}
