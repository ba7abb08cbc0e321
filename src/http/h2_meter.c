#include "http/h2_meter.h"

enum { head_bytes = 9, priority_bytes = 5, thousand = 1000 };

/* --- tokens --------------------------------------------------------------------------
 */

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

bool cro_h2_is_worthless(const nghttp2_frame_hd *hd)
{
  switch (hd->type) {
  case NGHTTP2_DATA:
    return hd->length == 0 && (hd->flags & NGHTTP2_FLAG_END_STREAM) == 0;
  case NGHTTP2_HEADERS:
  case NGHTTP2_CONTINUATION:
    return hd->length == 0;
  case NGHTTP2_SETTINGS:
  case NGHTTP2_PING:
    return (hd->flags & NGHTTP2_FLAG_ACK) == 0;
  case NGHTTP2_RST_STREAM:
  case NGHTTP2_PUSH_PROMISE:
  case NGHTTP2_GOAWAY:
  case NGHTTP2_WINDOW_UPDATE:
    return false;
  default:
    return true;
  }
}

bool cro_h2_is_bad_priority(const nghttp2_frame_hd *hd, const uint8_t *payload)
{
  int32_t parent = payload == NULL ? 0
                                   : (payload[0] & 0x7f) << 24 | payload[1] << 16 |
                                         payload[2] << 8 | payload[3];

  return hd->type == NGHTTP2_PRIORITY &&
         (hd->stream_id == 0 || parent == hd->stream_id);
}

void cro_h2_meter_note_end(cro_h2_meter *meter, int32_t id)
{
  meter->ended[meter->ends++ % CRO_H2_ENDS_KEPT] = id;
}

bool cro_h2_meter_was_ended(const cro_h2_meter *meter, int32_t id)
{
  for (size_t i = 0; i < CRO_H2_ENDS_KEPT; i++)
    if (meter->ended[i] == id)
      return true;
  return false;
}

/* --- frames --------------------------------------------------------------------------
 */

static nghttp2_frame_hd unpack(const uint8_t *at)
{
  return (nghttp2_frame_hd){
    .length = (size_t)at[0] << 16 | (size_t)at[1] << 8 | at[2],
    .type = at[3],
    .flags = at[4],
    .stream_id = (at[5] & 0x7f) << 24 | at[6] << 16 | at[7] << 8 | at[8],
  };
}

static bool is_priority(const nghttp2_frame_hd *hd)
{
  return hd->type == NGHTTP2_PRIORITY && hd->length == priority_bytes;
}

/* What has to be there of the frame whose first nine bytes these are. */
static size_t bytes_needed(const uint8_t *at)
{
  nghttp2_frame_hd hd = unpack(at);

  return is_priority(&hd) ? head_bytes + priority_bytes : head_bytes;
}

/* What the frame means depends on what became of its stream. */
static bool has_turn(const cro_h2_meter *meter, const uint8_t *at)
{
  nghttp2_frame_hd hd = unpack(at);

  return (hd.type == NGHTTP2_DATA || hd.type == NGHTTP2_HEADERS) &&
         hd.stream_id <= meter->highest;
}

static void begin_frame(cro_h2_meter *meter, const uint8_t *at)
{
  nghttp2_frame_hd hd = unpack(at);
  size_t needed = bytes_needed(at);

  meter->left = (uint32_t)(hd.length - (needed - head_bytes));
  meter->on_frame(meter->arg, &hd, needed > head_bytes ? at + head_bytes : NULL);
  if (hd.type == NGHTTP2_HEADERS && hd.stream_id > meter->highest)
    meter->highest = hd.stream_id;
}

static void keep(cro_h2_meter *meter, cro_bytes part)
{
  memcpy(meter->head + meter->have, part.at, part.len);
  meter->have = (uint8_t)(meter->have + part.len);
}

/* The kept part of a head, when the rest of it has come. */
static cro_bytes complete(cro_h2_meter *meter, cro_bytes *in)
{
  size_t needed;

  if (meter->have < head_bytes)
    keep(meter, cro_bytes_take(in, (size_t)(head_bytes - meter->have)));
  if (meter->have < head_bytes)
    return (cro_bytes){ NULL, 0 };
  needed = bytes_needed(meter->head);
  keep(meter, cro_bytes_take(in, needed - meter->have));
  if (meter->have < needed)
    return (cro_bytes){ NULL, 0 };
  meter->have = 0;
  begin_frame(meter, meter->head);
  return (cro_bytes){ (const char *)meter->head, needed };
}

/* Goes over the frame at the beginning of `in`. False when it is not to be, or cannot
 * be, part of what began at `from`. */
static bool pass(cro_h2_meter *meter, cro_bytes *in, const char *from)
{
  const uint8_t *at = (const uint8_t *)in->at;

  if (meter->left > 0) {
    meter->left -= (uint32_t)cro_bytes_take(in, meter->left).len;
    return true;
  }
  if (in->len < head_bytes || in->len < bytes_needed(at) ||
      (in->at > from && has_turn(meter, at)))
    return false;
  begin_frame(meter, at);
  cro_bytes_take(in, bytes_needed(at));
  return true;
}

cro_bytes cro_h2_meter_next(cro_h2_meter *meter, cro_bytes *in)
{
  const char *from = in->at;
  cro_bytes part;

  if (meter->have > 0)
    return complete(meter, in);
  while (in->len > 0 && pass(meter, in, from))
    continue;
  part = (cro_bytes){ from, (size_t)(in->at - from) };
  if (in->len > 0 && in->len < sizeof meter->head && meter->left == 0 &&
      (in->len < head_bytes || in->len < bytes_needed((const uint8_t *)in->at)))
    keep(meter, cro_bytes_take(in, in->len));
  return part;
}
