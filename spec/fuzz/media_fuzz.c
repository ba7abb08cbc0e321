/* A media type: what is read lies in order inside of the text, what is read and written
 * again is the same type, and any value without control bytes survives its quotes.
 *
 * The first byte is the limit of parameters, the rest the text. */
#include "http/media.h"

#include "base/check.h"
#include "base/err.h"
#include "base/text.h"
#include "stretch.h"

#include <stdlib.h>

enum { most = 4096 };

typedef struct type {
  cro_media media;
  cro_media_parameter parameters[most];
  size_t count;
  int rc; /* of the last one read */
} type;

static void check_inside(cro_bytes text, const char *after, cro_bytes part)
{
  cro_check(part.at >= after && part.at + part.len <= text.at + text.len);
}

static bool read(cro_bytes text, uint64_t max, type *out)
{
  const char *reason = NULL;

  out->count = 0;
  out->rc = cro_media_parse(text, max, &out->media, &reason);
  cro_check((out->rc == 0) == (reason == NULL));
  if (out->rc != 0)
    return false;
  check_inside(text, text.at, out->media.type);
  check_inside(text, out->media.type.at + out->media.type.len, out->media.subtype);
  while ((out->rc = cro_media_next(&out->media, &out->parameters[out->count])) == 1)
    out->count++;
  if (out->rc != 0)
    cro_check(cro_media_next(&out->media, &out->parameters[out->count]) < 0);
  return true;
}

/* The value as it is meant; the caller frees it. */
static cro_bytes unescaped(const cro_media_parameter *parameter)
{
  char *room = malloc(parameter->value.len + 1);
  cro_bytes value = { room, parameter->value.len };

  if (parameter->escaped)
    value.len = cro_media_unescape(parameter->value, room);
  else if (value.len > 0)
    memcpy(room, parameter->value.at, value.len);
  cro_check(value.len <= parameter->value.len);
  cro_check(cro_text_all(value, CRO_CHAR_VALUE));
  return value;
}

static void write(const type *from, cro_buf *out)
{
  cro_check(cro_buf_add(out, from->media.type) == 0);
  cro_check(cro_buf_add(out, CRO_B("/")) == 0);
  cro_check(cro_buf_add(out, from->media.subtype) == 0);
  for (size_t i = 0; i < from->count; i++) {
    cro_bytes value = unescaped(&from->parameters[i]);

    cro_check(cro_buf_add(out, CRO_B("; ")) == 0);
    cro_check(cro_buf_add(out, from->parameters[i].name) == 0);
    cro_check(cro_buf_add(out, CRO_B("=")) == 0);
    cro_check(cro_media_quote(out, value) == 0);
    free((void *)(uintptr_t)value.at);
  }
}

static void check_same(const type *a, const type *b)
{
  cro_check(cro_bytes_eq(a->media.type, b->media.type));
  cro_check(cro_bytes_eq(a->media.subtype, b->media.subtype));
  cro_check(a->count == b->count && b->rc == 0);
  for (size_t i = 0; i < a->count; i++) {
    cro_bytes left = unescaped(&a->parameters[i]), right = unescaped(&b->parameters[i]);

    cro_check(cro_bytes_eq(a->parameters[i].name, b->parameters[i].name));
    cro_check(cro_bytes_eq(left, right));
    free((void *)(uintptr_t)left.at);
    free((void *)(uintptr_t)right.at);
  }
}

/* Any bytes as a value: refused, or back again. */
static void check_quoted(cro_bytes value)
{
  static type back;
  cro_buf out = { 0 };
  int rc;

  cro_check(cro_buf_add(&out, CRO_B("a/b;c=")) == 0);
  rc = cro_media_quote(&out, value);
  cro_check((rc == 0) == cro_text_all(value, CRO_CHAR_VALUE));
  cro_check(out.len <= 6 + 2 * value.len + 2);
  if (rc == 0) {
    cro_bytes again;

    cro_check(read(cro_buf_bytes(&out), 1, &back) && back.count == 1 && back.rc == 0);
    again = unescaped(&back.parameters[0]);
    cro_check(cro_bytes_eq(value, again));
    free((void *)(uintptr_t)again.at);
  }
  cro_buf_free(&out);
}

static void check_limit(cro_bytes text, uint64_t max, const type *whole)
{
  static type part;

  cro_check(read(text, max, &part));
  cro_check(part.count == (whole->count < max ? whole->count : max));
  if (whole->count > max)
    cro_check(part.rc == CRO_E_LIMIT);
}

/* Many times the same parameters are many times as many. */
static void check_stretched(const type *whole, cro_bytes parameters)
{
  cro_buf in = { 0 };
  size_t seen = 0, times;
  cro_media media;
  cro_media_parameter found;
  const char *reason;
  clock_t begun;
  int rc;

  cro_check(cro_buf_add(&in, CRO_B("a/b")) == 0);
  times = stretch(&in, parameters, CRO_B(";"));
  begun = clock();
  cro_check(cro_media_parse(cro_buf_bytes(&in), UINT64_MAX, &media, &reason) == 0);
  while ((rc = cro_media_next(&media, &found)) == 1)
    seen++;
  stretch_check(begun);
  if (whole->rc == 0)
    cro_check(rc == 0 && seen == times * whole->count);
  cro_buf_free(&in);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  static type whole, again;
  cro_buf out = { 0 };
  cro_bytes text;

  if (size < 1)
    return 0;
  text = (cro_bytes){ (const char *)data + 1, size - 1 };
  check_quoted(text);
  if (!read(text, most - 1, &whole))
    return 0;
  check_limit(text, data[0] % 8, &whole);
  if (stretch_due(data, size))
    check_stretched(&whole, (cro_bytes){ text.at + cro_bytes_find(text, ';'),
                                         text.len - cro_bytes_find(text, ';') });
  write(&whole, &out); /* what was read before a fault, if there is one */
  cro_check(read(cro_buf_bytes(&out), most - 1, &again));
  check_same(&whole, &again);
  cro_buf_free(&out);
  return 0;
}
