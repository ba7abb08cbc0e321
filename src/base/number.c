#include "base/number.h"

#include "base/check.h"
#include "base/err.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum {
  exact_power = 22,  /* 10^22 is the greatest power of ten that a double holds */
  fast_digits = 19,  /* fit a uint64_t */
  most_digits = 800, /* more never change a double: 767 do, and one says "and more" */
  most_exponent = 99999 /* far beyond any double's, far below overflow */
};

static const uint64_t exact_integer = UINT64_C(1) << 53;

static const double powers[exact_power + 1] = {
  1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
  1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
};

/* Made once, kept for ever; (locale_t)0 when the system refuses. */
static locale_t c_locale(void)
{
  static locale_t kept;

  if (kept == (locale_t)0)
    kept = newlocale(LC_ALL_MASK, "C", (locale_t)0);
  return kept;
}

static size_t format_u64(uint64_t number, char *out)
{
  char digits[20];
  size_t at = sizeof digits;

  do {
    digits[--at] = (char)('0' + number % 10);
    number /= 10;
  } while (number > 0);
  memcpy(out, digits + at, sizeof digits - at);
  return sizeof digits - at;
}

/* `scaled` with a point before its last `places` digits. */
static size_t format_fixed(uint64_t scaled, int places, char *out)
{
  char digits[24];
  size_t len = format_u64(scaled, digits), whole;

  if (len <= (size_t)places) { /* 0.05: pad to one digit before the point */
    size_t zeros = (size_t)places + 1 - len;

    memmove(digits + zeros, digits, len);
    memset(digits, '0', zeros);
    len += zeros;
  }
  whole = len - (size_t)places;
  memcpy(out, digits, whole);
  out[whole] = '.';
  memcpy(out + whole + 1, digits + whole, (size_t)places);
  return len + 1;
}

/* The fewest decimals that give the number back: n / 10^k is exactly rounded as long
 * as both are exact, so equality proves it. 0 when there are none of moderate size. */
static size_t format_short(double number, char *out)
{
  for (int places = 1; places <= 15; places++) {
    double scaled = nearbyint(number * powers[places]);

    if (scaled >= 9007199254740992.0)
      return 0;
    if (scaled / powers[places] == number)
      return format_fixed((uint64_t)scaled, places, out);
  }
  return 0;
}

static size_t format_long(double number, char *out)
{
  locale_t now = c_locale(), before = (locale_t)0;
  int len = 0;

  if (now != (locale_t)0)
    before = uselocale(now);
  for (int digits = 15; digits <= 17; digits++) {
    len = snprintf(out, CRO_NUMBER_MAX - 1, "%.*g", digits, number);
    if (digits == 17 || strtod(out, NULL) == number)
      break;
  }
  if (before != (locale_t)0)
    uselocale(before);
  cro_check(len > 0 && len < CRO_NUMBER_MAX - 1);
  return (size_t)len;
}

size_t cro_number_format(double number, char out[CRO_NUMBER_MAX])
{
  size_t sign = 0, len;

  cro_check(isfinite(number));
  if (signbit(number)) {
    out[sign++] = '-';
    number = -number;
  }
  if (number < (double)exact_integer && number == (double)(uint64_t)number)
    return sign + format_u64((uint64_t)number, out + sign);
  len = number >= 1e-5 && number < 1e15 ? format_short(number, out + sign) : 0;
  return sign + (len > 0 ? len : format_long(number, out + sign));
}

/* A number's parts, as slices of its text. */
typedef struct {
  bool negative;
  cro_bytes whole, fraction;
  int exponent;
} parts;

static size_t count_digits(cro_bytes in, size_t at)
{
  size_t from = at;

  while (at < in.len && in.at[at] >= '0' && in.at[at] <= '9')
    at++;
  return at - from;
}

/* Length of an exponent at `at`, 0 when there is none. */
static size_t scan_exponent(cro_bytes in, size_t at, int *out)
{
  size_t from = at, n;
  bool negative;
  int value = 0;

  if (at >= in.len || (in.at[at] != 'e' && in.at[at] != 'E'))
    return 0;
  at++;
  negative = at < in.len && in.at[at] == '-';
  if (at < in.len && (in.at[at] == '-' || in.at[at] == '+'))
    at++;
  n = count_digits(in, at);
  if (n == 0)
    return 0;
  for (size_t i = 0; i < n; i++)
    if (value < most_exponent)
      value = value * 10 + (in.at[at + i] - '0');
  *out = negative ? -value : value;
  return at + n - from;
}

static size_t scan_parts(cro_bytes in, parts *out)
{
  size_t at, n;

  *out = (parts){ 0 };
  out->negative = in.len > 0 && in.at[0] == '-';
  at = out->negative ? 1 : 0;
  n = count_digits(in, at);
  if (n == 0)
    return 0;
  out->whole = (cro_bytes){ in.at + at, n };
  at += n;
  if (at < in.len && in.at[at] == '.' && (n = count_digits(in, at + 1)) > 0) {
    out->fraction = (cro_bytes){ in.at + at + 1, n };
    at += 1 + n;
  }
  return at + scan_exponent(in, at, &out->exponent);
}

static uint64_t add_digits(uint64_t value, cro_bytes digits)
{
  for (size_t i = 0; i < digits.len; i++)
    value = value * 10 + (uint64_t)(digits.at[i] - '0');
  return value;
}

/* Exact when digits and power of ten are both exact doubles: one rounding. */
bool cro_number_scale(uint64_t digits, int64_t power, double *out)
{
  if (digits > exact_integer || power < -exact_power || power > exact_power)
    return false;
  *out = power < 0 ? (double)digits / powers[-power] : (double)digits * powers[power];
  return true;
}

static bool fast_value(const parts *from, double *out)
{
  if (from->whole.len + from->fraction.len > fast_digits)
    return false;
  return cro_number_scale(add_digits(add_digits(0, from->whole), from->fraction),
                          from->exponent - (int64_t)from->fraction.len, out);
}

typedef struct {
  char text[most_digits + 32];
  size_t len;
  int64_t dropped; /* digits of the whole part that found no room */
  bool more;       /* and one of those left out was not zero */
} digits_text;

static void take_digits(digits_text *self, cro_bytes digits, bool whole)
{
  for (size_t i = 0; i < digits.len; i++) {
    if (self->len == 0 && digits.at[i] == '0')
      continue;
    if (self->len < most_digits) {
      self->text[self->len++] = digits.at[i];
      continue;
    }
    self->dropped += whole ? 1 : 0;
    self->more = self->more || digits.at[i] != '0';
  }
}

static double library_value(const char *text)
{
  locale_t locale = c_locale();

  return locale != (locale_t)0 ? strtod_l(text, NULL, locale) : strtod(text, NULL);
}

/* Digits of the fraction that are in the text shift the point to the right. */
static double slow_value(const parts *from)
{
  digits_text self = { .len = 0 };
  int64_t power;
  size_t whole, fraction;

  take_digits(&self, from->whole, true);
  whole = self.len;
  take_digits(&self, from->fraction, false);
  if (self.len == 0)
    return 0;
  fraction = self.len - whole;
  if (whole == 0) { /* leading zeros of the fraction were skipped, but count */
    size_t zeros = 0;

    while (from->fraction.at[zeros] == '0')
      zeros++;
    fraction += zeros;
  }
  power = from->exponent + self.dropped - (int64_t)fraction;
  if (self.more) { /* one digit more decides ties: the rest was not zero */
    self.text[self.len++] = '1';
    power--;
  }
  snprintf(self.text + self.len, sizeof self.text - self.len, "e%lld",
           (long long)power);
  return library_value(self.text);
}

/* Without its sign. A text of usual length is what the library reads as it is. */
static double any_value(const parts *from, cro_bytes text)
{
  char copy[64];

  if (text.len >= sizeof copy)
    return slow_value(from);
  memcpy(copy, text.at, text.len);
  copy[text.len] = '\0';
  return library_value(copy);
}

size_t cro_number_scan(cro_bytes in, double *out)
{
  parts from;
  size_t len = scan_parts(in, &from);
  double value;

  if (len == 0)
    return 0;
  if (!fast_value(&from, &value))
    value =
        any_value(&from, (cro_bytes){ from.whole.at, len - (from.negative ? 1 : 0) });
  *out = from.negative ? -value : value;
  return len;
}

int cro_number_parse(cro_bytes in, double *out)
{
  double value;

  if (in.len == 0 || cro_number_scan(in, &value) != in.len)
    return CRO_E_SYNTAX;
  *out = value;
  return 0;
}
