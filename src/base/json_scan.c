#include "base/json_scan.h"

#include "base/check.h"
#include "base/err.h"
#include "base/number.h"
#include "base/text.h"
#include "base/utf8.h"
#include "base/word.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum {
  state_value, /* a value must come */
  state_first, /* just opened: a value or key, or the end of the level */
  state_more,  /* a value is complete: a comma, or the end of the level */
  state_failed
};

enum { exact_digits = 19 /* of an integer always fit a uint64_t */ };

__attribute__((cold, noinline)) static int
fail_span(cro_json_scan *self, const char *at, size_t len, const char *expected)
{
  self->state = state_failed;
  self->code = CRO_E_SYNTAX;
  self->found = (cro_bytes){ at, len };
  self->expected = expected;
  return CRO_E_SYNTAX;
}

__attribute__((cold, noinline)) static int fail_at(cro_json_scan *self, const char *at,
                                                   const char *expected)
{
  return fail_span(self, at, at < self->end ? 1 : 0, expected);
}

static bool is_digit(const cro_json_scan *self, const char *at)
{
  return at < self->end && *at >= '0' && *at <= '9';
}

static bool is_word(char c)
{
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* A whole word is shown: "NaN" says more than "N". */
__attribute__((cold, noinline)) static int fail_word(cro_json_scan *self,
                                                     const char *expected)
{
  const char *at = self->at;

  while (at < self->end && is_word(*at))
    at++;
  if (at == self->at)
    return fail_at(self, at, expected);
  return fail_span(self, self->at, (size_t)(at - self->at), expected);
}

static inline void skip_blanks(cro_json_scan *self)
{
  const char *at = self->at, *end = self->end;

  while (at < end && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t'))
    at++;
  self->at = at;
}

/* --- strings
 * ------------------------------------------------------------------------------ */

#ifdef __SSE2__
enum { step = 16 };

/* What stops the run among `step` bytes, a bit each, and which are not ASCII. */
static inline unsigned look(const char *at, unsigned *high)
{
  __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)at);
  __m128i quote = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('"'));
  __m128i slash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'));
  __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1F)), bytes);

  *high = (unsigned)_mm_movemask_epi8(bytes);
  return (unsigned)_mm_movemask_epi8(_mm_or_si128(control, _mm_or_si128(quote, slash)));
}
#endif

/* The first byte that is not simply part of the string; *beyond becomes true when one
 * before it is not ASCII. */
static inline const char *run_end(const char *at, const char *end, bool *beyond)
{
#ifdef __SSE2__
  for (; end - at >= step; at += step) {
    unsigned high, hits = look(at, &high);

    if (hits != 0) {
      *beyond = *beyond || (high & ((hits & -hits) - 1)) != 0;
      return at + __builtin_ctz(hits);
    }
    *beyond = *beyond || high != 0;
  }
#endif
  for (; at < end; at++) {
    unsigned char c = (unsigned char)*at;

    if (c == '"' || c == '\\' || c < 0x20)
      break;
    *beyond = *beyond || c >= 0x80;
  }
  return at;
}

/* The value of the four digits at `at`, or -1 - n when only n of them are there. */
static int32_t hex_value(const char *at, const char *end)
{
  int32_t value = 0;

  for (int i = 0; i < 4; i++) {
    int digit = at + i < end ? cro_hex_digit(at[i]) : -1;

    if (digit < 0)
      return -1 - i;
    value = value * 16 + digit;
  }
  return value;
}

static bool is_high(int32_t unit)
{
  return unit >= 0xD800 && unit <= 0xDBFF;
}

static bool is_low(int32_t unit)
{
  return unit >= 0xDC00 && unit <= 0xDFFF;
}

/* \uXXXX at `at`, and its other half; NULL after an error. */
static const char *check_unit(cro_json_scan *self, const char *at)
{
  static const char digits[] = "four hexadecimal digits after \\u";
  static const char half[] = "a low surrogate (\\uDC00 to \\uDFFF) after a high one";
  int32_t unit = hex_value(at + 2, self->end), low;

  if (unit < 0)
    return fail_at(self, at + 2 + (-1 - unit), digits), NULL;
  if (is_low(unit))
    return fail_span(self, at, 6, "a high surrogate before a low one"), NULL;
  at += 6;
  if (!is_high(unit))
    return at;
  if (self->end - at < 2 || at[0] != '\\' || at[1] != 'u')
    return fail_at(self, at, half), NULL;
  low = hex_value(at + 2, self->end);
  if (low < 0)
    return fail_at(self, at + 2 + (-1 - low), digits), NULL;
  if (!is_low(low))
    return fail_span(self, at, 6, half), NULL;
  return at + 6;
}

/* What a letter after a backslash stands for, 0 when nothing. */
static char unescaped(char letter)
{
  static const char meant[256] = {
    ['"'] = '"',  ['\\'] = '\\', ['/'] = '/',  ['b'] = '\b',
    ['f'] = '\f', ['n'] = '\n',  ['r'] = '\r', ['t'] = '\t',
  };

  return meant[(unsigned char)letter];
}

static const char *check_escape(cro_json_scan *self, const char *at)
{
  if (at + 1 < self->end && at[1] == 'u')
    return check_unit(self, at);
  if (at + 1 >= self->end || unescaped(at[1]) == 0)
    return fail_at(self, at + 1, "one of \" \\ / b f n r t u after a backslash"), NULL;
  return at + 2;
}

/* From a byte at `at` that stops a run to the closing quote, with all but the encoding
 * checked; NULL after an error. */
static const char *string_rest(cro_json_scan *self, const char *at, bool *beyond)
{
  while (at < self->end && *at == '\\') {
    at = check_escape(self, at);
    if (at == NULL)
      return NULL;
    at = run_end(at, self->end, beyond);
  }
  if (at == self->end)
    return fail_at(self, at, "a closing quote"), NULL;
  if (*at != '"')
    return fail_at(self, at, "control characters in strings as escapes"), NULL;
  return at;
}

static inline int take_string(cro_json_scan *self, cro_json_kind kind,
                              cro_json_token *out)
{
  const char *from = self->at + 1, *end;
  bool beyond = false;
  cro_bytes text;

  end = run_end(from, self->end, &beyond);
  out->escaped = end < self->end && *end == '\\';
  if (end == self->end || *end != '"')
    end = string_rest(self, end, &beyond);
  if (end == NULL)
    return self->code;
  text = (cro_bytes){ from, (size_t)(end - from) };
  if (beyond && !cro_utf8_ok(text))
    return fail_at(self, from + cro_utf8_prefix(text), "UTF-8 in strings");
  self->at = end + 1;
  self->state = state_more;
  out->kind = kind;
  out->text = text;
  return 0;
}

static size_t put_unit(cro_bytes text, size_t *at, char *out)
{
  const char *end = text.at + text.len, *from = text.at + *at;
  uint32_t point = (uint32_t)hex_value(from + 2, end);
  size_t len;

  *at += 6;
  if (is_high((int32_t)point)) {
    uint32_t low = (uint32_t)hex_value(from + 8, end);

    point = 0x10000 + ((point - 0xD800) << 10) + (low - 0xDC00);
    *at += 6;
  }
  len = cro_utf8_encode(point, out);
  cro_check(len > 0);
  return len;
}

/* Copies up to the next backslash, and says how much. The output is never ahead of the
 * input, so where eight bytes can be read there is room for them. */
static inline size_t copy_run(const char *from, const char *end, char *out)
{
  const char *at = from;
  uint64_t word;

  for (; end - at >= 8; at += 8, out += 8) {
    memcpy(&word, at, sizeof word);
    if (cro_word_is(word, '\\') != 0)
      break;
    memcpy(out, &word, sizeof word);
  }
  while (at < end && *at != '\\')
    *out++ = *at++;
  return (size_t)(at - from);
}

size_t cro_json_unescape(cro_bytes text, char *out)
{
  size_t len = 0, at = 0;

  while (at < text.len) {
    size_t run = copy_run(text.at + at, text.at + text.len, out + len);

    len += run;
    at += run;
    if (at == text.len)
      break;
    cro_check(at + 1 < text.len);
    if (text.at[at + 1] == 'u') {
      len += put_unit(text, &at, out + len);
      continue;
    }
    out[len++] = unescaped(text.at[at + 1]);
    at += 2;
  }
  return len;
}

/* --- numbers
 * ------------------------------------------------------------------------------ */

/* Behind the digits at `at`; NULL, after an error, when there are none. */
static const char *check_digits(cro_json_scan *self, const char *at,
                                const char *expected)
{
  if (!is_digit(self, at))
    return fail_at(self, at, expected), NULL;
  while (is_digit(self, at))
    at++;
  return at;
}

/* Behind a fraction and an exponent, when they are there; NULL after an error. */
static const char *check_rest(cro_json_scan *self, const char *at)
{
  if (*at == '.')
    at = check_digits(self, at + 1, "a digit after the decimal point");
  if (at == NULL || at == self->end || (*at != 'e' && *at != 'E'))
    return at;
  at++;
  if (at < self->end && (*at == '+' || *at == '-'))
    at++;
  return check_digits(self, at, "a digit of the exponent");
}

static int give_number(cro_json_scan *self, const char *at, double value,
                       cro_json_token *out)
{
  self->at = at;
  self->state = state_more;
  out->kind = CRO_JSON_NUMBER;
  out->number = value;
  return 0;
}

/* An exponent, many digits or a fault: the general reader rounds right. */
static int take_long_number(cro_json_scan *self, const char *at, cro_json_token *out)
{
  const char *end = at < self->end ? check_rest(self, at) : at;
  cro_bytes text = { self->at, 0 };
  double value;

  if (end == NULL)
    return self->code;
  text.len = (size_t)(end - self->at);
  cro_check(cro_number_parse(text, &value) == 0);
  if (isinf(value))
    return fail_span(self, text.at, text.len, "a number that a double can hold");
  return give_number(self, end, value, out);
}

/* Behind the digits at `at`, which are appended to *value. */
static inline const char *add_digits(const char *at, const char *end, uint64_t *value)
{
  for (; at < end && *at >= '0' && *at <= '9'; at++)
    *value = *value * 10 + (uint64_t)(*at - '0');
  return at;
}

/* Integers and short decimals are done here; `value` is right as long as it has not
 * more digits than fit. */
static int take_number(cro_json_scan *self, cro_json_token *out)
{
  const char *from = self->at, *end = self->end, *at, *point;
  bool negative = *from == '-';
  uint64_t value = 0;
  double number;

  from += negative ? 1 : 0;
  if (!is_digit(self, from))
    return fail_at(self, from, "a digit");
  if (*from == '0' && is_digit(self, from + 1))
    return fail_at(self, from + 1, "no digit after a leading zero");
  point = at = add_digits(from, end, &value);
  number = (double)value;
  if (at < end && *at == '.') {
    at = add_digits(at + 1, end, &value);
    if (at == point + 1 || !cro_number_scale(value, point + 1 - at, &number))
      return take_long_number(self, point, out);
  }
  if (at - from > exact_digits || (at < end && (*at == 'e' || *at == 'E')))
    return take_long_number(self, point, out);
  return give_number(self, at, negative ? -number : number, out);
}

/* --- structure
 * ---------------------------------------------------------------------------- */

static inline int take_literal(cro_json_scan *self, cro_bytes word, cro_json_kind kind,
                               const char *expected, cro_json_token *out)
{
  if ((size_t)(self->end - self->at) < word.len ||
      memcmp(self->at, word.at, word.len) != 0)
    return fail_word(self, expected);
  self->at += word.len;
  self->state = state_more;
  out->kind = kind;
  return 0;
}

static int open_level(cro_json_scan *self, char closer, cro_json_kind kind,
                      cro_json_token *out)
{
  if (self->depth == self->depth_max) {
    fail_at(self, self->at, NULL);
    return self->code = CRO_E_LIMIT;
  }
  self->closers[++self->depth] = closer;
  self->at++;
  self->state = state_first;
  out->kind = kind;
  return 0;
}

static int close_level(cro_json_scan *self, cro_json_token *out)
{
  bool array = self->closers[self->depth--] == ']';

  self->at++;
  self->state = state_more;
  out->kind = array ? CRO_JSON_ARRAY_END : CRO_JSON_OBJECT_END;
  return 0;
}

static int take_value(cro_json_scan *self, const char *expected, cro_json_token *out)
{
  if (self->at == self->end)
    return fail_at(self, self->at, expected);
  switch (*self->at) {
  case '"':
    return take_string(self, CRO_JSON_STRING, out);
  case '{':
    return open_level(self, '}', CRO_JSON_OBJECT, out);
  case '[':
    return open_level(self, ']', CRO_JSON_ARRAY, out);
  case 't':
    return take_literal(self, CRO_B("true"), CRO_JSON_TRUE, expected, out);
  case 'f':
    return take_literal(self, CRO_B("false"), CRO_JSON_FALSE, expected, out);
  case 'n':
    return take_literal(self, CRO_B("null"), CRO_JSON_NULL, expected, out);
  default:
    if (*self->at == '-' || is_digit(self, self->at))
      return take_number(self, out);
    return fail_word(self, expected);
  }
}

/* A key with its colon; the value is left for the next call. */
static int take_key(cro_json_scan *self, const char *expected, cro_json_token *out)
{
  if (self->at == self->end || *self->at != '"')
    return fail_word(self, expected);
  if (take_string(self, CRO_JSON_KEY, out) != 0)
    return self->code;
  skip_blanks(self);
  if (self->at == self->end || *self->at != ':')
    return fail_word(self, "':' after a key");
  self->at++;
  self->state = state_value;
  return 0;
}

static int take_first(cro_json_scan *self, cro_json_token *out)
{
  char closer = self->closers[self->depth];

  if (self->at < self->end && *self->at == closer)
    return close_level(self, out);
  return closer == ']' ? take_value(self, "a value or ']'", out)
                       : take_key(self, "a key in double quotes or '}'", out);
}

static int take_end(cro_json_scan *self, cro_json_token *out)
{
  if (self->at < self->end)
    return fail_word(self, "the end of the text");
  out->kind = CRO_JSON_END;
  return 0;
}

static int take_more(cro_json_scan *self, cro_json_token *out)
{
  char closer = self->closers[self->depth];

  if (self->depth == 0)
    return take_end(self, out);
  if (self->at < self->end && *self->at == closer)
    return close_level(self, out);
  if (self->at == self->end || *self->at != ',')
    return fail_word(self, closer == ']' ? "',' or ']'" : "',' or '}'");
  self->at++;
  skip_blanks(self);
  return closer == ']' ? take_value(self, "a value after ','", out)
                       : take_key(self, "a key in double quotes after ','", out);
}

void cro_json_scan_init(cro_json_scan *self, cro_bytes text, int depth)
{
  cro_check(depth >= 1 && depth <= CRO_JSON_DEPTH_MAX);
  self->from = self->at = text.len > 0 ? text.at : "";
  self->end = self->at + text.len;
  self->state = state_value;
  self->depth = 0;
  self->depth_max = depth;
  self->code = 0;
  self->found = (cro_bytes){ NULL, 0 };
  self->expected = NULL;
  self->closers[0] = '\0';
}

int cro_json_scan_next(cro_json_scan *self, cro_json_token *out)
{
  if (self->state == state_failed)
    return self->code;
  skip_blanks(self);
  switch (self->state) {
  case state_value:
    return take_value(self, "a value", out);
  case state_first:
    return take_first(self, out);
  default:
    return take_more(self, out);
  }
}

/* --- what was wrong
 * ----------------------------------------------------------------------- */

/* What is there, as one can print it. */
static int describe(cro_bytes found, char *out, size_t room)
{
  enum { shown = 24 };
  unsigned char c = found.len > 0 ? (unsigned char)*found.at : 0;

  if (found.len == 0)
    return snprintf(out, room, "the end");
  if (c < 0x20 || c >= 0x7F)
    return snprintf(out, room, "byte 0x%02X", c);
  return snprintf(out, room, "'%.*s%s'", (int)(found.len < shown ? found.len : shown),
                  found.at, found.len > shown ? "..." : "");
}

size_t cro_json_fault_text(const cro_json_scan *self, char out[CRO_JSON_FAULT_MAX])
{
  char found[64], levels[48];
  size_t at;
  int len;

  cro_check(self->state == state_failed);
  at = (size_t)(self->found.at - self->from) + 1;
  describe(self->found, found, sizeof found);
  snprintf(levels, sizeof levels, "at most %d levels of nesting", self->depth_max);
  len = snprintf(out, CRO_JSON_FAULT_MAX, "expected %s, found %s at byte %zu",
                 self->expected != NULL ? self->expected : levels, found, at);
  cro_check(len > 0 && len < CRO_JSON_FAULT_MAX);
  return (size_t)len;
}
