#include "http/router_trie.h"

#include "base/date.h"
#include "base/number.h"
#include "base/text.h"

#include <math.h>

typedef bool check_fn(const cro_segment_type *type, cro_bytes text);

struct cro_segment_type {
  cro_bytes name;
  check_fn *check;  /* of decoded text; NULL when `classes` say all */
  unsigned classes; /* every byte is in one of them; 0: see check */
  int64_t low;      /* integers: least value; uuid: version or 0 */
  uint64_t high;    /* integers: greatest value */
  cro_value_kind is;
};

static bool is_unsigned(const cro_segment_type *type, cro_bytes text)
{
  uint64_t value;

  return cro_text_u64(text, &value) == 0 && value <= type->high;
}

static bool is_signed(const cro_segment_type *type, cro_bytes text)
{
  int64_t value;

  return cro_text_i64(text, &value) == 0 && value >= type->low &&
         value <= (int64_t)type->high;
}

static size_t digits(cro_bytes text, size_t at)
{
  size_t from = at;

  while (at < text.len && cro_char_is(text.at[at], CRO_CHAR_DIGIT))
    at++;
  return at - from;
}

/* -?digits(.digits)?([eE][+-]?digits)? up to the end. */
static bool number_grammar(cro_bytes text)
{
  size_t at = text.at[0] == '-' ? 1 : 0;
  size_t n = digits(text, at);

  if (n == 0)
    return false;
  at += n;
  if (at < text.len && text.at[at] == '.') {
    n = digits(text, at + 1);
    if (n == 0)
      return false;
    at += 1 + n;
  }
  if (at < text.len && (text.at[at] | 0x20) == 'e') {
    at++;
    if (at < text.len && (text.at[at] == '+' || text.at[at] == '-'))
      at++;
    n = digits(text, at);
    if (n == 0)
      return false;
    at += n;
  }
  return at == text.len;
}

static bool is_number(const cro_segment_type *type, cro_bytes text)
{
  double value;

  (void)type;
  return number_grammar(text) && cro_number_parse(text, &value) == 0 && isfinite(value);
}

static bool is_uuid(const cro_segment_type *type, cro_bytes text)
{
  if (text.len != 36)
    return false;
  for (size_t i = 0; i < text.len; i++) {
    bool dash = i == 8 || i == 13 || i == 18 || i == 23;

    if (dash ? text.at[i] != '-' : !cro_char_is(text.at[i], CRO_CHAR_HEX))
      return false;
  }
  if (memchr("89abAB", text.at[19], 6) == NULL)
    return false; /* another variant: no version to look at */
  if (type->low != 0)
    return text.at[14] == (char)('0' + type->low);
  return text.at[14] >= '1' && text.at[14] <= '8';
}

static int two_digits(const char *at)
{
  return (at[0] - '0') * 10 + (at[1] - '0');
}

static bool is_date(const cro_segment_type *type, cro_bytes text)
{
  cro_civil date, back;

  (void)type;
  if (text.len != 10 || text.at[4] != '-' || text.at[7] != '-')
    return false;
  if (digits(text, 0) != 4 || digits(text, 5) != 2 || digits(text, 8) != 2)
    return false;
  date.year = two_digits(text.at) * 100 + two_digits(text.at + 2);
  date.month = two_digits(text.at + 5);
  date.day = two_digits(text.at + 8);
  if (date.year < 1 || date.month < 1 || date.month > 12 || date.day < 1)
    return false;
  back = cro_civil_from_days(cro_days_from_civil(date));
  return back.month == date.month && back.day == date.day;
}

static bool is_bool(const cro_segment_type *type, cro_bytes text)
{
  (void)type;
  return cro_bytes_eq(text, CRO_B("true")) || cro_bytes_eq(text, CRO_B("false"));
}

#define TYPE(text, fn, cls, least, most, kind)                                         \
  {                                                                                    \
    { text, sizeof text - 1 }, fn, cls, least, most, CRO_VALUE_##kind                  \
  }

/* Narrowest first: that is the order in which they are tried. */
static const cro_segment_type types[] = {
  TYPE("bool", is_bool, 0, 0, 0, BOOL),
  TYPE("date", is_date, 0, 0, 0, TEXT),
  TYPE("uuid1", is_uuid, 0, 1, 0, TEXT),
  TYPE("uuid2", is_uuid, 0, 2, 0, TEXT),
  TYPE("uuid3", is_uuid, 0, 3, 0, TEXT),
  TYPE("uuid4", is_uuid, 0, 4, 0, TEXT),
  TYPE("uuid5", is_uuid, 0, 5, 0, TEXT),
  TYPE("uuid6", is_uuid, 0, 6, 0, TEXT),
  TYPE("uuid7", is_uuid, 0, 7, 0, TEXT),
  TYPE("uuid8", is_uuid, 0, 8, 0, TEXT),
  TYPE("uuid", is_uuid, 0, 0, 0, TEXT),
  TYPE("uint8", is_unsigned, 0, 0, UINT8_MAX, NUMBER),
  TYPE("int8", is_signed, 0, INT8_MIN, INT8_MAX, NUMBER),
  TYPE("uint16", is_unsigned, 0, 0, UINT16_MAX, NUMBER),
  TYPE("int16", is_signed, 0, INT16_MIN, INT16_MAX, NUMBER),
  TYPE("uint32", is_unsigned, 0, 0, UINT32_MAX, NUMBER),
  TYPE("int32", is_signed, 0, INT32_MIN, INT32_MAX, NUMBER),
  TYPE("uint64", is_unsigned, 0, 0, UINT64_MAX, NUMBER),
  TYPE("uint", is_unsigned, 0, 0, UINT64_MAX, NUMBER),
  TYPE("int64", is_signed, 0, INT64_MIN, INT64_MAX, NUMBER),
  TYPE("int", is_signed, 0, INT64_MIN, INT64_MAX, NUMBER),
  TYPE("number", is_number, 0, 0, 0, NUMBER),
  TYPE("hex", NULL, CRO_CHAR_HEX, 0, 0, TEXT),
  TYPE("alpha", NULL, CRO_CHAR_ALPHA, 0, 0, TEXT),
  TYPE("alnum", NULL, CRO_CHAR_ALPHA | CRO_CHAR_DIGIT, 0, 0, TEXT),
};

enum { type_count = sizeof types / sizeof *types };

const cro_segment_type *cro_segment_type_find(cro_bytes name)
{
  for (size_t i = 0; i < type_count; i++)
    if (cro_bytes_eq(types[i].name, name))
      return &types[i];
  return NULL;
}

cro_bytes cro_segment_type_name(const cro_segment_type *type)
{
  return type->name;
}

const cro_segment_type *cro_segment_type_at(size_t index)
{
  return index < type_count ? &types[index] : NULL;
}

static bool check_plain(const cro_segment_type *type, cro_bytes text)
{
  if (text.len == 0)
    return false;
  if (type->classes != 0)
    return cro_text_all(text, type->classes);
  return text.len <= CRO_SEGMENT_TEXT_MAX && type->check(type, text);
}

/* Any length, without memory: byte by byte. */
static bool check_classes(const cro_segment_type *type, cro_bytes text)
{
  while (text.len > 0) {
    bool escaped = text.at[0] == '%' && text.len >= 3;
    cro_bytes one = cro_bytes_take(&text, escaped ? 3 : 1);
    char byte = one.at[0];
    size_t len;

    if (escaped && cro_percent_decode(one, 0, &byte, &len) != 0)
      return false;
    if (!cro_char_is(byte, type->classes))
      return false;
  }
  return true;
}

static bool decode(cro_bytes in, char room[3 * CRO_SEGMENT_TEXT_MAX], cro_bytes *out)
{
  size_t len;

  if (in.len > (size_t)3 * CRO_SEGMENT_TEXT_MAX ||
      cro_percent_decode(in, 0, room, &len) != 0)
    return false;
  *out = (cro_bytes){ room, len };
  return true;
}

bool cro_segment_type_fits(const cro_segment_type *type, cro_bytes text, bool encoded)
{
  char room[3 * CRO_SEGMENT_TEXT_MAX];

  if (!encoded)
    return check_plain(type, text);
  if (type->classes != 0)
    return check_classes(type, text);
  return decode(text, room, &text) && check_plain(type, text);
}

bool cro_segment_type_check(const cro_segment_type *type, cro_bytes encoded)
{
  return cro_segment_type_fits(type, encoded, cro_percent_needed(encoded, 0));
}

/* Integers that a double can't tell from their neighbours stay text. */
static cro_segment_value number_value(const cro_segment_type *type, cro_bytes text)
{
  const double exact = 9007199254740992.0; /* 2^53 */
  cro_segment_value value = { CRO_VALUE_NUMBER, 0, false };

  if (cro_number_parse(text, &value.number) != 0)
    value.kind = CRO_VALUE_TEXT;
  else if (type->check != is_number && fabs(value.number) >= exact)
    value.kind = CRO_VALUE_TEXT;
  value.number += 0.0; /* "-0" is 0 */
  return value;
}

cro_segment_value cro_segment_type_value(const cro_segment_type *type,
                                         cro_bytes encoded)
{
  char room[3 * CRO_SEGMENT_TEXT_MAX];
  cro_segment_value value = { CRO_VALUE_TEXT, 0, false };
  cro_bytes text;

  if (type == NULL || type->is == CRO_VALUE_TEXT || !decode(encoded, room, &text))
    return value;
  if (type->is == CRO_VALUE_NUMBER)
    return number_value(type, text);
  value.kind = CRO_VALUE_BOOL;
  value.truth = cro_bytes_eq(text, CRO_B("true"));
  return value;
}
