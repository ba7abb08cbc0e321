#include "http/h1_scan.h"

#include "base/text.h"
#include "base/word.h"

enum {
  version_bytes = sizeof " HTTP/1.1\r\n" - 1,
  coding_bytes = sizeof "transfer-encoding" - 1
};

/* Where a scan is: everything it reads is checked against `end`. */
typedef struct cursor {
  const char *at, *end;
} cursor;

/* --- eight bytes at a time -----------------------------------------------------------
 */

/* Skips to the first byte below `limit`, to a DEL, or to one of the bytes above 0x7f
 * when `high` is CRO_WORD_HIGH (0: those pass). */
static inline void skip_to_stop(cursor *in, unsigned char limit, uint64_t high)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
  while (in->end - in->at >= 8) {
    uint64_t word, found;

    memcpy(&word, in->at, sizeof word);
    found = cro_word_below(word, limit) | cro_word_is(word, 0x7f) | (word & high);
    if (found != 0) {
      in->at += cro_word_first(found);
      return;
    }
    in->at += 8;
  }
#endif
  while (in->at < in->end && (unsigned char)*in->at >= limit && *in->at != 0x7f &&
         (((unsigned char)*in->at) & high & 0x80) == 0)
    in->at++;
}

/* --- the parts of a head -----------------------------------------------------------
 */

static void skip_token(cursor *in)
{
  while (in->at < in->end && cro_char_is(*in->at, CRO_CHAR_TOKEN))
    in->at++;
}

static bool takes(cursor *in, char c)
{
  if (in->at == in->end || *in->at != c)
    return false;
  in->at++;
  return true;
}

static bool take_method(cro_h1_parser *parser, cursor *in)
{
  const char *from = in->at;
  size_t len;

  skip_token(in);
  len = (size_t)(in->at - from);
  if (len == 0 || len > parser->limits->method_bytes || !takes(in, ' '))
    return false;
  parser->method_len = (uint32_t)len;
  parser->method = cro_method_find((cro_bytes){ from, len });
  return parser->method != CRO_METHOD_NONE && parser->method != CRO_CONNECT;
}

/* Origin form only: what starts with a slash and holds visible ASCII. */
static bool take_target(cro_h1_parser *parser, cursor *in)
{
  const char *from = in->at;
  size_t len;

  if (in->at == in->end || *in->at != '/')
    return false;
  skip_to_stop(in, 0x21, CRO_WORD_HIGH);
  len = (size_t)(in->at - from);
  parser->url = (cro_h1_span){ (uint32_t)(from - parser->view), (uint32_t)len };
  return len <= parser->limits->uri_bytes;
}

static bool take_version(cro_h1_parser *parser, cursor *in)
{
  if (in->end - in->at < version_bytes || memcmp(in->at, " HTTP/1.", 8) != 0 ||
      in->at[9] != '\r' || in->at[10] != '\n' || (in->at[8] != '0' && in->at[8] != '1'))
    return false;
  parser->minor = (uint8_t)(in->at[8] - '0');
  in->at += version_bytes;
  return true;
}

/* A blank inside a value is any HTAB; SP is no stop. */
static void skip_value(cursor *in)
{
  skip_to_stop(in, 0x20, 0);
  while (in->at < in->end && *in->at == '\t') {
    in->at++;
    skip_to_stop(in, 0x20, 0);
  }
}

/* One field line. Transfer-Encoding is declined: llhttp reads the chunks that follow.
 */
static bool take_field(cursor *in, cro_header *field)
{
  const char *from = in->at, *end;

  skip_token(in);
  field->name = (cro_bytes){ from, (size_t)(in->at - from) };
  if (field->name.len == 0 || field->name.len == coding_bytes || !takes(in, ':'))
    return false;
  while (in->at < in->end && cro_is_blank(*in->at))
    in->at++;
  from = in->at;
  skip_value(in);
  end = in->at;
  if (!takes(in, '\r') || !takes(in, '\n'))
    return false;
  while (end > from && cro_is_blank(end[-1]))
    end--;
  field->value = (cro_bytes){ from, (size_t)(end - from) };
  return true;
}

/* True at the blank line; `section` has room for one more field after each call. */
static bool take_fields(cro_h1_parser *parser, cursor *in)
{
  cro_headers *section = &parser->section;

  while (in->at < in->end && *in->at != '\r') {
    if (section->count == parser->limits->header_count ||
        (section->count == section->cap && cro_h1_more_slots(parser) != 0) ||
        !take_field(in, &section->at[section->count]))
      return false;
    section->count++;
  }
  return takes(in, '\r') && takes(in, '\n');
}

static bool take_head(cro_h1_parser *parser, cursor *in)
{
  if (!take_method(parser, in) || !take_target(parser, in) || !take_version(parser, in))
    return false;
  parser->fields_at = (uint32_t)(in->at - parser->view);
  if (!take_fields(parser, in))
    return false;
  parser->fields_seen = (uint32_t)(in->at - parser->view) - parser->fields_at;
  return parser->fields_seen <= parser->limits->header_bytes;
}

enum { head_most = 1 << 20 }; /* offsets have 32 bits; longer heads are llhttp's */

uint32_t cro_h1_scan_head(cro_h1_parser *parser, cro_bytes view)
{
  cursor in = { view.at, view.at + (view.len < head_most ? view.len : head_most) };

  parser->view = view.at;
  if (take_head(parser, &in)) {
    *parser->fields = parser->section;
    parser->method_done = true;
    return (uint32_t)(in.at - view.at);
  }
  parser->section.count = 0;
  parser->url = (cro_h1_span){ 0, 0 };
  parser->fields_at = parser->fields_seen = parser->method_len = 0;
  parser->minor = 0;
  parser->no_memory = false;
  return 0;
}
