/* One text. The verdict is that of a second reader, written the plain way: recursive, a
 * byte at a time, strings decoded to code points. What is accepted is written out again
 * and must then give the same tokens; what is refused has its place inside of the text
 * and is refused again. */
#include "base/json_scan.h"

#include "base/buf.h"
#include "base/check.h"
#include "base/err.h"
#include "base/number.h"
#include "base/utf8.h"

#include <math.h>
#include <stdlib.h>

enum { depth_max = 40 };

/* --- the second reader: each function takes what it knows, or says no
 * ------------------------------- */

typedef struct {
  const unsigned char *at, *end;
} reader;

static bool read_value(reader *in, int depth);

static int peek(const reader *in)
{
  return in->at < in->end ? *in->at : -1;
}

static bool take(reader *in, int c)
{
  if (peek(in) != c)
    return false;
  in->at++;
  return true;
}

static void blanks(reader *in)
{
  while (peek(in) == ' ' || peek(in) == '\t' || peek(in) == '\n' || peek(in) == '\r')
    in->at++;
}

static bool read_word(reader *in, const char *word)
{
  while (*word != '\0')
    if (!take(in, *word++))
      return false;
  return true;
}

static int digits(reader *in)
{
  int count = 0;

  for (; peek(in) >= '0' && peek(in) <= '9'; in->at++)
    count++;
  return count;
}

static bool in_range(const unsigned char *from, const unsigned char *end)
{
  size_t len = (size_t)(end - from);
  char *copy = malloc(len + 1);
  bool fits;

  cro_check(copy != NULL);
  memcpy(copy, from, len);
  copy[len] = '\0';
  fits = isfinite(strtod(copy, NULL));
  free(copy);
  return fits;
}

static bool read_number(reader *in)
{
  const unsigned char *from = in->at;

  take(in, '-');
  if (!take(in, '0') && digits(in) == 0)
    return false;
  if (take(in, '.') && digits(in) == 0)
    return false;
  if (take(in, 'e') || take(in, 'E')) {
    if (!take(in, '+'))
      take(in, '-');
    if (digits(in) == 0)
      return false;
  }
  return in_range(from, in->at);
}

/* A UTF-16 unit, or -1. */
static long read_unit(reader *in)
{
  static const char hex[] = "0123456789abcdef";
  long unit = 0;

  for (int i = 0; i < 4; i++, in->at++) {
    int c = peek(in) >= 'A' && peek(in) <= 'F' ? peek(in) + 32 : peek(in);
    const char *digit = c > 0 ? strchr(hex, c) : NULL;

    if (digit == NULL)
      return -1;
    unit = unit * 16 + (digit - hex);
  }
  return unit;
}

static bool read_escape(reader *in)
{
  long unit;

  if (peek(in) > 0 && strchr("\"\\/bfnrt", peek(in)) != NULL)
    return in->at++, true;
  if (!take(in, 'u'))
    return false;
  unit = read_unit(in);
  if (unit < 0xD800 || unit > 0xDFFF)
    return unit >= 0;
  if (unit > 0xDBFF || !take(in, '\\') || !take(in, 'u'))
    return false;
  unit = read_unit(in);
  return unit >= 0xDC00 && unit <= 0xDFFF;
}

static bool read_character(reader *in)
{
  static const long least[] = { 0, 0x80, 0x800, 0x10000 };
  int first = *in->at++;
  int more = first < 0x80 ? 0 : first < 0xE0 ? 1 : first < 0xF0 ? 2 : 3;
  long point = more == 0 ? first : first & (0x3F >> more);

  if (first == '\\')
    return read_escape(in);
  if (first < 0x20 || (first >= 0x80 && first < 0xC0) || first >= 0xF8)
    return false;
  for (int i = 0; i < more; i++, in->at++) {
    if (peek(in) < 0x80 || peek(in) > 0xBF)
      return false;
    point = point * 64 + (peek(in) & 0x3F);
  }
  return point >= least[more] && point <= 0x10FFFF &&
         (point < 0xD800 || point > 0xDFFF);
}

static bool read_string(reader *in)
{
  if (!take(in, '"'))
    return false;
  while (peek(in) >= 0 && peek(in) != '"')
    if (!read_character(in))
      return false;
  return take(in, '"');
}

static bool read_member(reader *in, int depth)
{
  blanks(in);
  if (!read_string(in))
    return false;
  blanks(in);
  return take(in, ':') && read_value(in, depth);
}

static bool read_level(reader *in, int depth, bool object)
{
  int closer = object ? '}' : ']';

  if (depth == depth_max)
    return false;
  blanks(in);
  if (take(in, closer))
    return true;
  do
    if (object ? !read_member(in, depth + 1) : !read_value(in, depth + 1))
      return false;
  while (take(in, ','));
  return take(in, closer);
}

static bool read_bare(reader *in, int depth)
{
  switch (peek(in)) {
  case '"':
    return read_string(in);
  case 't':
    return read_word(in, "true");
  case 'f':
    return read_word(in, "false");
  case 'n':
    return read_word(in, "null");
  case '[':
  case '{':
    return read_level(in, depth, *in->at++ == '{');
  default:
    return read_number(in);
  }
}

/* With the blanks around it. */
static bool read_value(reader *in, int depth)
{
  bool ok;

  blanks(in);
  ok = read_bare(in, depth);
  blanks(in);
  return ok;
}

static bool is_json(cro_bytes text)
{
  reader in = { (const unsigned char *)text.at, NULL };

  in.end = in.at + text.len;
  return read_value(&in, 0) && in.at == in.end;
}

/* --- tokens written out
 * ------------------------------------------------------------------------------ */

static void put(cro_buf *out, cro_bytes bytes)
{
  cro_check(cro_buf_add(out, bytes) == 0);
}

/* Every byte that may be escaped is, and nothing else. */
static void put_string(cro_buf *out, const cro_json_token *token)
{
  static const char hex[] = "0123456789abcdef";
  cro_buf text = { 0 };

  cro_check(cro_buf_reserve(&text, token->text.len + 1) == 0);
  text.len = cro_json_unescape(token->text, text.at);
  cro_check(text.len <= token->text.len && cro_utf8_ok(cro_buf_bytes(&text)));
  cro_check(token->escaped || cro_bytes_eq(cro_buf_bytes(&text), token->text));
  put(out, CRO_B("\""));
  for (size_t i = 0; i < text.len; i++) {
    unsigned char c = (unsigned char)text.at[i];
    char escape[] = { '\\', 'u', '0', '0', hex[c >> 4], hex[c & 15] };

    put(out, c < 0x80 ? (cro_bytes){ escape, sizeof escape }
                      : (cro_bytes){ text.at + i, 1 });
  }
  put(out, CRO_B("\""));
  cro_buf_free(&text);
}

static void put_number(cro_buf *out, double number)
{
  char text[CRO_NUMBER_MAX];

  cro_check(isfinite(number));
  put(out, (cro_bytes){ text, cro_number_format(number, text) });
}

static void put_token(cro_buf *out, const cro_json_token *token)
{
  static const char *const names[] = { "null", "false", "true", "",  "", "",
                                       "[",    "]",     "{",    "}", "" };

  if (token->kind == CRO_JSON_NUMBER)
    put_number(out, token->number);
  else if (token->kind == CRO_JSON_STRING || token->kind == CRO_JSON_KEY)
    put_string(out, token);
  else
    put(out, cro_bytes_of(names[token->kind]));
}

static bool opens(cro_json_kind kind)
{
  return kind == CRO_JSON_ARRAY || kind == CRO_JSON_OBJECT || kind == CRO_JSON_KEY;
}

static bool closes(cro_json_kind kind)
{
  return kind == CRO_JSON_ARRAY_END || kind == CRO_JSON_OBJECT_END ||
         kind == CRO_JSON_END;
}

/* The whole text as tokens, written without blanks; the scanner's answer. */
static int write_again(cro_bytes text, cro_buf *out)
{
  cro_json_scan scan;
  cro_json_token token = { .kind = CRO_JSON_ARRAY };
  char told[CRO_JSON_FAULT_MAX];
  int rc = 0;

  cro_json_scan_init(&scan, text, depth_max);
  while (token.kind != CRO_JSON_END) {
    cro_json_kind before = token.kind;

    rc = cro_json_scan_next(&scan, &token);
    if (rc != 0)
      break;
    if (!opens(before) && !closes(token.kind))
      put(out, CRO_B(","));
    put_token(out, &token);
    if (token.kind == CRO_JSON_KEY)
      put(out, CRO_B(":"));
  }
  if (rc != 0) {
    cro_check(rc == CRO_E_SYNTAX || rc == CRO_E_LIMIT);
    cro_check(scan.found.at >= scan.from);
    cro_check(scan.found.at + scan.found.len <= scan.from + text.len);
    cro_check(cro_json_fault_text(&scan, told) > 0);
  }
  cro_check(cro_json_scan_next(&scan, &token) == rc);
  return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  cro_bytes text = { (const char *)data, size };
  cro_buf once = { 0 }, twice = { 0 };
  int rc = write_again(text, &once);

  cro_check((rc == 0) == is_json(text));
  if (rc == 0) {
    cro_check(write_again(cro_buf_bytes(&once), &twice) == 0);
    cro_check(cro_bytes_eq(cro_buf_bytes(&once), cro_buf_bytes(&twice)));
  }
  cro_buf_free(&once);
  cro_buf_free(&twice);
  return 0;
}
