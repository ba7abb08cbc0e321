/* h2_frames_of.h - a driver's input read as a program: what the peer sends, well-formed
 * or not, and what happens between.
 *
 * An operation is a byte and its operands; what is missing at the end counts as zero.
 */
#ifndef CRO_SPEC_FUZZ_H2_FRAMES_OF_H
#define CRO_SPEC_FUZZ_H2_FRAMES_OF_H

#include "support/h2_script.h"

#include <nghttp2/nghttp2.h>

typedef struct program {
  cro_bytes rest;
  bool reset;    /* a RST_STREAM was among the frames */
  size_t volume; /* bytes of DATA */
} program;

static inline uint8_t next_byte(program *self)
{
  cro_bytes one = cro_bytes_take(&self->rest, 1);

  return one.len > 0 ? (uint8_t)one.at[0] : 0;
}

static inline cro_bytes next_bytes(program *self)
{
  return cro_bytes_take(&self->rest, next_byte(self));
}

/* Mostly the numbers something depends on. */
static inline uint32_t next_number(program *self)
{
  static const uint32_t numbers[] = { 0,          1,        2,         255,
                                      256,        16383,    16384,     16385,
                                      65535,      65536,    1048576,   1u << 30,
                                      0x7fffffff, 1u << 31, 0xffffffff };
  uint8_t b = next_byte(self);

  return b >= 16 ? b : numbers[b % 15];
}

/* Fields a peer may send, good and bad. */
static inline void put_choice(h2_text *out, uint8_t choice)
{
  static const char *const fields[][2] = {
    { "x", "y" },
    { "content-length", "3" },
    { "content-length", "0" },
    { "content-length", "12" },
    { "cookie", "a=b" },
    { "te", "trailers" },
    { "host", "h" },
    { "expect", "100-continue" },
    { "connection", "close" },
    { "X", "y" },
    { ":path", "/again" },
    { ":status", "204" },
    { "trailer", "t" },
    { "priority", "u=1, i" },
    { "x", "a\nb" },
    { "transfer-encoding", "chunked" },
  };
  const char *const *field = fields[choice % 16];

  h2_put_field(out, (choice & 0x40) != 0 ? 0x40 : 0, cro_bytes_of(field[0]),
               cro_bytes_of(field[1]));
}

static inline void put_choices(h2_text *out, program *self)
{
  for (uint8_t n = next_byte(self) % 8; n > 0; n--)
    put_choice(out, next_byte(self));
}

static inline void put_fill(h2_text *out, size_t bytes)
{
  for (size_t i = 0; i < bytes; i++)
    h2_text_uint(out, 'a' + i % 23, 1);
}

static inline void put_data(h2_text *out, program *self, uint32_t stream, uint8_t flags)
{
  h2_text payload = { 0 };
  uint32_t length = next_number(self);

  length = length > 16384 ? 16384 : length;
  self->volume += length;
  put_fill(&payload, length);
  if (length > 0 && (flags & NGHTTP2_FLAG_PADDED) != 0)
    payload.at[0] = (char)(next_byte(self) % 8);
  h2_put_frame(out, NGHTTP2_DATA, flags, stream, h2_text_bytes(&payload));
  h2_text_free(&payload);
}

static inline void put_numbers(h2_text *out, uint8_t type, uint8_t flags,
                               uint32_t stream, uint64_t number, int bytes)
{
  h2_text payload = { 0 };

  h2_text_uint(&payload, number, bytes);
  h2_put_frame(out, type, flags, stream, h2_text_bytes(&payload));
  h2_text_free(&payload);
}

static inline void put_setting(h2_text *out, program *self)
{
  h2_text payload = { 0 };

  for (uint8_t n = next_byte(self) % 4; n > 0; n--) {
    h2_text_uint(&payload, next_byte(self) % 12, 2);
    h2_text_uint(&payload, next_number(self), 4);
  }
  h2_put_frame(out, NGHTTP2_SETTINGS, 0, 0, h2_text_bytes(&payload));
  h2_text_free(&payload);
}

/* One of the frames both sides may send. */
static inline void put_any(h2_text *out, program *self, uint32_t stream)
{
  uint8_t kind = next_byte(self), flags = next_byte(self);

  switch (kind % 10) {
  case 0:
    put_data(out, self, stream, flags & 9);
    break;
  case 1: /* whatever it means */
    h2_put_frame(out, NGHTTP2_HEADERS, flags, stream, next_bytes(self));
    break;
  case 2:
    self->reset = true;
    put_numbers(out, NGHTTP2_RST_STREAM, 0, stream, next_byte(self), 4);
    break;
  case 3:
    put_setting(out, self);
    break;
  case 4:
    h2_put_frame(out, NGHTTP2_SETTINGS, NGHTTP2_FLAG_ACK, 0, CRO_B(""));
    break;
  case 5:
    put_numbers(out, NGHTTP2_PING, flags & 1, 0, next_byte(self), 8);
    break;
  case 6:
    put_numbers(out, NGHTTP2_WINDOW_UPDATE, 0, flags & 1 ? stream : 0,
                next_number(self), 4);
    break;
  case 7:
    h2_put_frame(out, NGHTTP2_CONTINUATION, flags & 4, stream, next_bytes(self));
    break;
  case 8:
    h2_text_add(out, next_bytes(self));
    self->reset = true; /* who knows */
    break;
  default:
    self->reset = true;
    h2_put_frame(out, next_byte(self), flags, stream, next_bytes(self));
  }
}

#endif
