#include "support/h2_script.h"

#include "base/check.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

/* --- parts --------------------------------------------------------------------------
 */

void h2_put_frame(h2_text *out, uint8_t type, uint8_t flags, uint32_t stream,
                  cro_bytes payload)
{
  h2_text_uint(out, payload.len, 3);
  h2_text_uint(out, type, 1);
  h2_text_uint(out, flags, 1);
  h2_text_uint(out, stream, 4);
  h2_text_add(out, payload);
}

void h2_put_integer(h2_text *out, uint8_t first, int bits, uint64_t number)
{
  uint64_t most = (1u << bits) - 1;

  if (number < most) {
    h2_text_uint(out, first | number, 1);
    return;
  }
  h2_text_uint(out, first | most, 1);
  for (number -= most; number >= 128; number >>= 7)
    h2_text_uint(out, 0x80 | (number & 0x7f), 1);
  h2_text_uint(out, number, 1);
}

void h2_put_field(h2_text *out, uint8_t first, cro_bytes name, cro_bytes value)
{
  h2_text_uint(out, first, 1);
  h2_put_integer(out, 0, 7, name.len);
  h2_text_add(out, name);
  h2_put_integer(out, 0, 7, value.len);
  h2_text_add(out, value);
}

static unsigned nibble(char c)
{
  cro_check(isxdigit((unsigned char)c));
  return (unsigned)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
}

void h2_put_hex(h2_text *out, cro_bytes hex)
{
  for (size_t i = 0; i + 1 < hex.len; i++) {
    if (isspace((unsigned char)hex.at[i]))
      continue;
    h2_text_uint(out, nibble(hex.at[i]) << 4 | nibble(hex.at[i + 1]), 1);
    i++;
  }
}

/* --- words ---------------------------------------------------------------------------
 */

typedef struct frame {
  h2_text payload;
  uint32_t stream;
  uint8_t type, flags;
  int64_t length; /* announced; -1: the payload's */
} frame;

typedef struct name {
  const char *name;
  uint8_t number;
} name;

static const name types[] = { { "data", 0 }, { "headers", 1 },  { "priority", 2 },
                              { "rst", 3 },  { "settings", 4 }, { "push", 5 },
                              { "ping", 6 }, { "goaway", 7 },   { "window", 8 },
                              { "cont", 9 }, { "update", 16 } };
static const name flags[] = {
  { "es", 1 }, { "ack", 1 }, { "eh", 4 }, { "pad", 8 }, { "prio", 32 }
};

#define COUNT(array) (sizeof(array) / sizeof *(array))

static int find(const name *names, size_t count, cro_bytes word)
{
  for (size_t i = 0; i < count; i++)
    if (cro_bytes_eq(cro_bytes_of(names[i].name), word))
      return names[i].number;
  return -1;
}

static bool starts(cro_bytes word, const char *with)
{
  size_t len = strlen(with);

  return word.len >= len && memcmp(word.at, with, len) == 0;
}

static _Noreturn void unreadable(cro_bytes word)
{
  fprintf(stderr, "h2_script: what is \"%.*s\"?\n", (int)word.len, word.at);
  abort();
}

static uint64_t number_in(cro_bytes word)
{
  size_t colon = cro_bytes_find(word, ':');

  if (colon == word.len)
    unreadable(word);
  return strtoull(word.at + colon + 1, NULL, 0);
}

static void put_field_word(h2_text *out, cro_bytes word)
{
  bool indexed = word.len > 1 && word.at[1] == '+';
  cro_bytes in = { word.at + 1 + indexed, word.len - 2 - indexed };
  const char *colon = memmem(in.at + 1, in.len - 1, ": ", 2);
  cro_bytes key;

  if (colon == NULL)
    unreadable(word);
  key = cro_bytes_take(&in, (size_t)(colon - in.at));
  cro_bytes_take(&in, 2);
  h2_put_field(out, indexed ? 0x40 : 0, key, in);
}

static void put_request(h2_text *out, const char *method)
{
  h2_put_field(out, 0, CRO_B(":method"), cro_bytes_of(method));
  h2_put_field(out, 0, CRO_B(":scheme"), CRO_B("https"));
  h2_put_field(out, 0, CRO_B(":path"), CRO_B("/"));
  h2_put_field(out, 0, CRO_B(":authority"), CRO_B("h"));
}

static void put_many(h2_text *out, char byte, uint64_t times)
{
  while (times-- > 0)
    h2_text_add(out, (cro_bytes){ &byte, 1 });
}

static bool put_known(h2_text *out, cro_bytes word)
{
  if (cro_bytes_eq(word, CRO_B("get")))
    put_request(out, "GET");
  else if (cro_bytes_eq(word, CRO_B("post")))
    put_request(out, "POST");
  else if (cro_bytes_eq(word, CRO_B("head")))
    put_request(out, "HEAD");
  else if (cro_bytes_eq(word, CRO_B("ok")))
    h2_put_field(out, 0, CRO_B(":status"), CRO_B("200"));
  else
    return false;
  return true;
}

static bool put_number(h2_text *out, cro_bytes word)
{
  int bits = word.at[0] == 'u' ? atoi(word.at + 1) : 0;

  if (bits == 0)
    return false;
  h2_text_uint(out, number_in(word), (bits + 7) / 8);
  return true;
}

static void read_word(frame *self, cro_bytes word)
{
  int flag = find(flags, COUNT(flags), word);

  if (flag >= 0)
    self->flags |= (uint8_t)flag;
  else if (starts(word, "flags:"))
    self->flags = (uint8_t)number_in(word);
  else if (starts(word, "len:"))
    self->length = (int64_t)number_in(word);
  else if (word.at[0] == '\'')
    h2_text_add(&self->payload, (cro_bytes){ word.at + 1, word.len - 2 });
  else if (word.at[0] == '{')
    put_field_word(&self->payload, word);
  else if (word.at[0] == 'x')
    h2_put_hex(&self->payload, (cro_bytes){ word.at + 1, word.len - 1 });
  else if (starts(word, "zeros:"))
    put_many(&self->payload, 0, number_in(word));
  else if (starts(word, "fill:"))
    put_many(&self->payload, 'a', number_in(word));
  else if (!put_known(&self->payload, word) && !put_number(&self->payload, word))
    unreadable(word);
}

/* The next word of a frame; empty at its end. */
static cro_bytes next_word(const char **at)
{
  char close = 0;
  const char *from;

  while (**at == ' ')
    (*at)++;
  from = *at;
  if (*from == '\'' || *from == '{')
    close = *from == '{' ? '}' : '\'';
  if (close != 0) {
    const char *end = strchr(from + 1, close);

    cro_check(end != NULL);
    *at = end + 1;
  } else
    *at += strcspn(from, " ;\n");
  return (cro_bytes){ from, (size_t)(*at - from) };
}

static void read_head(frame *self, cro_bytes type, const char **at)
{
  cro_bytes stream = next_word(at);
  int known = find(types, COUNT(types), type);

  if (known < 0 && !starts(type, "type:"))
    unreadable(type);
  self->type = (uint8_t)(known >= 0 ? (uint64_t)known : number_in(type));
  if (stream.len == 0)
    unreadable(type);
  if (stream.at[0] == 'R') {
    self->stream = 0x80000000u;
    cro_bytes_take(&stream, 1);
  }
  self->stream |= (uint32_t)strtoul(stream.at, NULL, 0);
}

static void put_script_frame(h2_text *out, const frame *self)
{
  h2_text_uint(out, self->length >= 0 ? (uint64_t)self->length : self->payload.len, 3);
  h2_text_uint(out, self->type, 1);
  h2_text_uint(out, self->flags, 1);
  h2_text_uint(out, self->stream, 4);
  h2_text_add(out, h2_text_bytes(&self->payload));
}

static void read_frame(h2_text *out, cro_bytes type, const char **at)
{
  bool raw = cro_bytes_eq(type, CRO_B("raw"));
  frame self = { .length = -1 };
  cro_bytes word;

  if (!raw)
    read_head(&self, type, at);
  while ((word = next_word(at)).len > 0)
    read_word(&self, word);
  if (raw)
    h2_text_add(out, h2_text_bytes(&self.payload));
  else
    put_script_frame(out, &self);
  h2_text_free(&self.payload);
}

void h2_script(h2_text *out, const char *script)
{
  while (*script != 0) {
    cro_bytes type = next_word(&script);

    if (cro_bytes_eq(type, CRO_B("preface")))
      h2_text_add(out, CRO_B("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"));
    else if (type.len > 0)
      read_frame(out, type, &script);
    script += *script == ';' || *script == '\n';
  }
}
