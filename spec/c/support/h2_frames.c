#include "support/h2_frames.h"

#include "base/check.h"
#include "support/test.h"

enum { head_bytes = 9 };

void h2_frames_init(h2_frames *frames)
{
  memset(frames, 0, sizeof *frames);
  cro_check(nghttp2_hd_inflate_new(&frames->inflater) == 0);
}

void h2_frames_free(h2_frames *frames)
{
  nghttp2_hd_inflate_del(frames->inflater);
  h2_text_free(&frames->in);
  h2_text_free(&frames->fields);
}

void h2_frames_add(h2_frames *frames, cro_bytes bytes)
{
  h2_text_add(&frames->in, bytes);
}

static uint32_t u32_at(const char *at)
{
  const unsigned char *b = (const unsigned char *)at;

  return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

static size_t length_at(const char *at)
{
  return u32_at(at) >> 8;
}

/* Takes padding and what `flags` say comes before off the payload. */
static void strip(h2_frame *frame)
{
  size_t pad = 0;

  if ((frame->flags & NGHTTP2_FLAG_PADDED) != 0) {
    pad = (unsigned char)frame->payload.at[0];
    cro_bytes_take(&frame->payload, 1);
  }
  CHECK(pad <= frame->payload.len);
  frame->payload.len -= pad;
  if (frame->type == NGHTTP2_HEADERS && (frame->flags & NGHTTP2_FLAG_PRIORITY) != 0)
    cro_bytes_take(&frame->payload, 5);
}

/* A date depends on the day: it is left out. */
static void add_field(h2_text *to, const nghttp2_nv *nv)
{
  cro_bytes name = { (const char *)nv->name, nv->namelen };

  if (cro_bytes_eq(name, CRO_B("date")))
    return;
  h2_text_add(to, CRO_B(" "));
  h2_text_add(to, name);
  h2_text_add(to, CRO_B("="));
  h2_text_add(to, (cro_bytes){ (const char *)nv->value, nv->valuelen });
}

static void inflate(h2_frames *frames, cro_bytes block, bool last)
{
  int seen = 0;

  while (block.len > 0 || (last && (seen & NGHTTP2_HD_INFLATE_FINAL) == 0)) {
    nghttp2_nv nv;
    ssize_t n = nghttp2_hd_inflate_hd2(frames->inflater, &nv, &seen,
                                       (const uint8_t *)block.at, block.len, last);

    CHECK(n >= 0);
    if (n < 0)
      return;
    cro_bytes_take(&block, (size_t)n);
    if ((seen & NGHTTP2_HD_INFLATE_EMIT) != 0) {
      add_field(&frames->fields, &nv);
    } else if (block.len == 0 && !last)
      return;
  }
  if (last)
    CHECK_INT(0, nghttp2_hd_inflate_end_headers(frames->inflater));
}

static bool has_block(const h2_frame *frame)
{
  return frame->type == NGHTTP2_HEADERS || frame->type == NGHTTP2_PUSH_PROMISE ||
         frame->type == NGHTTP2_CONTINUATION;
}

/* The frame at `at`; false when it has not come in full. */
static bool read_frame(const h2_frames *frames, size_t at, h2_frame *frame)
{
  const char *head = frames->in.at + at;
  size_t left = frames->in.len - at, length;

  if (left < head_bytes)
    return false;
  length = length_at(head);
  if (left < head_bytes + length)
    return false;
  *frame = (h2_frame){ .type = (uint8_t)head[3],
                       .flags = (uint8_t)head[4],
                       .stream = (int32_t)u32_at(head + 5),
                       .payload = { head + head_bytes, length },
                       .frames = 1 };
  return true;
}

/* How far the block that begins with `frame` goes; 0 when it is not complete. */
static size_t block_end(const h2_frames *frames, const h2_frame *frame)
{
  size_t at = head_bytes + frame->payload.len;
  h2_frame next = *frame;

  while ((next.flags & NGHTTP2_FLAG_END_HEADERS) == 0) {
    if (!read_frame(frames, at, &next))
      return 0;
    CHECK_INT(NGHTTP2_CONTINUATION, next.type);
    CHECK_INT(frame->stream, next.stream);
    at += head_bytes + next.payload.len;
  }
  return at;
}

static void read_block(h2_frames *frames, h2_frame *frame, size_t end)
{
  size_t at = head_bytes + frame->payload.len;

  strip(frame);
  if (frame->type == NGHTTP2_PUSH_PROMISE) {
    frame->other = (int32_t)(u32_at(frame->payload.at) & 0x7fffffff);
    cro_bytes_take(&frame->payload, 4);
  }
  inflate(frames, frame->payload, at == end);
  while (at < end) {
    h2_frame next;

    (void)read_frame(frames, at, &next);
    at += head_bytes + next.payload.len;
    inflate(frames, next.payload, at == end);
    frame->frames++;
  }
  frame->fields = h2_text_bytes(&frames->fields);
}

static void read_numbers(h2_frame *frame)
{
  switch (frame->type) {
  case NGHTTP2_RST_STREAM:
  case NGHTTP2_WINDOW_UPDATE:
    CHECK_INT(4, frame->payload.len);
    frame->code = u32_at(frame->payload.at);
    break;
  case NGHTTP2_GOAWAY:
    CHECK(frame->payload.len >= 8);
    frame->other = (int32_t)u32_at(frame->payload.at);
    frame->code = u32_at(frame->payload.at + 4);
    cro_bytes_take(&frame->payload, 8);
    break;
  case NGHTTP2_DATA:
    strip(frame);
    break;
  default:
    break;
  }
}

bool h2_frames_next(h2_frames *frames, h2_frame *frame)
{
  size_t end;

  h2_text_drop(&frames->in, frames->read);
  frames->read = 0;
  frames->fields.len = 0;
  if (!read_frame(frames, 0, frame))
    return false;
  end = has_block(frame) ? block_end(frames, frame) : head_bytes + frame->payload.len;
  if (end == 0)
    return false;
  if (has_block(frame))
    read_block(frames, frame, end);
  else
    read_numbers(frame);
  frames->read = end;
  return true;
}

/* --- as text -------------------------------------------------------------------------
 */

static void say_settings(const h2_frame *frame, h2_text *out)
{
  cro_bytes in = frame->payload;

  while (in.len >= 6) {
    cro_bytes entry = cro_bytes_take(&in, 6);

    h2_text_say(out, " %u=%u", (unsigned)(length_at(entry.at) >> 8),
                u32_at(entry.at + 2));
  }
}

static void say_data(const h2_frame *frame, h2_text *out)
{
  if (frame->payload.len > 64)
    h2_text_say(out, " %zu bytes", frame->payload.len);
  else
    h2_text_say(out, " '%.*s'", (int)frame->payload.len, frame->payload.at);
}

static void say_hex(cro_bytes in, h2_text *out)
{
  h2_text_say(out, " ");
  for (size_t i = 0; i < in.len; i++)
    h2_text_say(out, "%02x", (unsigned char)in.at[i]);
}

static const char *end_of(const h2_frame *frame)
{
  return (frame->flags & NGHTTP2_FLAG_END_STREAM) != 0 ? " es" : "";
}

static const char *ack_of(const h2_frame *frame)
{
  return (frame->flags & NGHTTP2_FLAG_ACK) != 0 ? " ack" : "";
}

void h2_frame_say(const h2_frame *frame, h2_text *out)
{
  switch (frame->type) {
  case NGHTTP2_DATA:
    h2_text_say(out, "DATA %d%s", frame->stream, end_of(frame));
    say_data(frame, out);
    break;
  case NGHTTP2_HEADERS:
    h2_text_say(out, "HEADERS %d%s", frame->stream, end_of(frame));
    h2_text_add(out, frame->fields);
    break;
  case NGHTTP2_PUSH_PROMISE:
    h2_text_say(out, "PUSH_PROMISE %d %d", frame->stream, frame->other);
    h2_text_add(out, frame->fields);
    break;
  case NGHTTP2_RST_STREAM:
    h2_text_say(out, "RST_STREAM %d %s", frame->stream,
                nghttp2_http2_strerror(frame->code));
    break;
  case NGHTTP2_SETTINGS:
    h2_text_say(out, "SETTINGS%s", ack_of(frame));
    say_settings(frame, out);
    break;
  case NGHTTP2_PING:
    h2_text_say(out, "PING%s", ack_of(frame));
    say_hex(frame->payload, out);
    break;
  case NGHTTP2_GOAWAY:
    h2_text_say(out, "GOAWAY last=%d %s", frame->other,
                nghttp2_http2_strerror(frame->code));
    break;
  case NGHTTP2_WINDOW_UPDATE:
    h2_text_say(out, "WINDOW_UPDATE %d %u", frame->stream, frame->code);
    break;
  default:
    h2_text_say(out, "TYPE %d on %d", frame->type, frame->stream);
    say_hex(frame->payload, out);
  }
}
