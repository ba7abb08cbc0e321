#include "http/h2_meter.h"

#include <nghttp2/nghttp2.h>

enum { head_bytes = 9, thousand = 1000 };

void cro_h2_tokens_init(cro_h2_tokens *tokens, uint64_t burst, uint64_t now)
{
  *tokens = (cro_h2_tokens){ .left = burst * thousand, .at = now };
}

bool cro_h2_tokens_take(cro_h2_tokens *tokens, uint64_t burst, uint64_t rate,
                        uint64_t now)
{
  uint64_t passed = now - tokens->at, room = burst * thousand - tokens->left;

  tokens->at = now;
  tokens->left += rate > 0 && passed > room / rate ? room : passed * rate;
  if (tokens->left < thousand)
    return false;
  tokens->left -= thousand;
  return true;
}

/* What ends a stream, moves data or windows, or answers us is worth something. */
static bool is_worthless(const unsigned char *head, uint32_t length)
{
  uint8_t type = head[3], flags = head[4];

  switch (type) {
  case NGHTTP2_DATA:
    return length == 0 && (flags & NGHTTP2_FLAG_END_STREAM) == 0;
  case NGHTTP2_HEADERS:
  case NGHTTP2_CONTINUATION:
    return length == 0;
  case NGHTTP2_SETTINGS:
  case NGHTTP2_PING:
    return (flags & NGHTTP2_FLAG_ACK) == 0;
  case NGHTTP2_RST_STREAM:
  case NGHTTP2_PUSH_PROMISE:
  case NGHTTP2_GOAWAY:
  case NGHTTP2_WINDOW_UPDATE:
    return false;
  default:
    return true;
  }
}

static void read_head(cro_h2_frame_meter *meter, const unsigned char *head)
{
  bool continues = head[3] == NGHTTP2_CONTINUATION;

  meter->left = (uint32_t)head[0] << 16 | (uint32_t)head[1] << 8 | head[2];
  meter->worthless += is_worthless(head, meter->left);
  meter->continuations = continues ? meter->continuations + 1 : 0;
  meter->flooded |= meter->continuations > CRO_H2_CONTINUATIONS_MAX;
}

/* The kept part of a head, when the rest of it has come. */
static cro_bytes complete_head(cro_h2_frame_meter *meter, cro_bytes *in)
{
  cro_bytes part = cro_bytes_take(in, (size_t)(head_bytes - meter->have));

  memcpy(meter->head + meter->have, part.at, part.len);
  meter->have = (uint8_t)(meter->have + part.len);
  if (meter->have < head_bytes)
    return (cro_bytes){ NULL, 0 };
  meter->have = 0;
  read_head(meter, meter->head);
  return (cro_bytes){ (const char *)meter->head, head_bytes };
}

cro_bytes cro_h2_meter_next(cro_h2_frame_meter *meter, cro_bytes *in)
{
  const char *from = in->at;
  cro_bytes part;

  if (in->len > 0 && meter->have > 0)
    return complete_head(meter, in);
  while (in->len > 0 && (meter->left > 0 || in->len >= head_bytes)) {
    if (meter->left > 0) {
      meter->left -= (uint32_t)cro_bytes_take(in, meter->left).len;
      continue;
    }
    read_head(meter, (const unsigned char *)in->at);
    cro_bytes_take(in, head_bytes);
  }
  part = (cro_bytes){ from, (size_t)(in->at - from) };
  if (in->len > 0) {
    memcpy(meter->head, in->at, in->len);
    meter->have = (uint8_t)in->len;
    *in = (cro_bytes){ NULL, 0 };
  }
  return part;
}
