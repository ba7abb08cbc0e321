/* What a peer may do how often. Buckets hold a burst and fill again by so many a
 * second; an empty one ends the connection with ENHANCE_YOUR_CALM. */
#include "base/err.h"
#include "http/h2_session.h"

enum {
  token = 1000,      /* buckets count in thousandths */
  tiny_update = 256, /* WINDOW_UPDATEs below cost something */
  free_per_data = 2, /* but so many for each DATA frame of ours */
  free_most = 1000,
  late_ms = 2000 /* after the end of a stream */
};

static void fill(cro_h2_bucket *bucket, uint64_t burst, uint64_t rate, uint64_t now)
{
  uint64_t ms = now - bucket->at, most = burst * token;

  bucket->at = now;
  if (rate > 0 && ms >= most / rate) /* a token a second is one thousandth a ms */
    bucket->tokens = most;
  else
    bucket->tokens += ms * rate;
  if (bucket->tokens > most)
    bucket->tokens = most;
}

static bool take(cro_h2_bucket *bucket)
{
  if (bucket->tokens < token)
    return false;
  bucket->tokens -= token;
  return true;
}

void cro_h2_limits_init(cro_h2 *h2)
{
  const cro_h2_limits *limits = h2->config->h2;
  uint64_t now = cro_h2_now(h2);

  h2->skip = sizeof CRO_H2_PREFACE - 1;
  h2->resets = (cro_h2_bucket){ limits->reset_burst * token, now };
  h2->glitches = (cro_h2_bucket){ limits->glitch_burst * token, now };
}

void cro_h2_charge_reset(cro_h2 *h2)
{
  const cro_h2_limits *limits = h2->config->h2;

  fill(&h2->resets, limits->reset_burst, limits->reset_rate, cro_h2_now(h2));
  if (!take(&h2->resets))
    cro_h2_terminate(h2, NGHTTP2_ENHANCE_YOUR_CALM, CRO_E_LIMIT, "too many resets");
}

void cro_h2_charge_glitch(cro_h2 *h2)
{
  const cro_h2_limits *limits = h2->config->h2;

  fill(&h2->glitches, limits->glitch_burst, limits->glitch_rate, cro_h2_now(h2));
  if (!take(&h2->glitches))
    cro_h2_terminate(h2, NGHTTP2_ENHANCE_YOUR_CALM, CRO_E_LIMIT,
                     "too many frames worth nothing");
}

/* What is still on its way when a stream ends is no fault; later it is. */
static bool is_stale(const cro_h2 *h2, int32_t id)
{
  return id > 0 && id <= nghttp2_session_get_last_proc_stream_id(h2->session) &&
         nghttp2_session_find_stream(h2->session, id) == NULL &&
         cro_h2_now(h2) - h2->closed_at > late_ms;
}

/* A block that begins must end in time: nothing else can come before it has. */
static void watch_block(cro_h2 *h2, const nghttp2_frame_hd *hd)
{
  bool ends = (hd->flags & NGHTTP2_FLAG_END_HEADERS) != 0;

  if (hd->type == NGHTTP2_CONTINUATION || ends) {
    h2->in_block = !ends;
    return;
  }
  h2->in_block = true;
  h2->block_at = cro_h2_now(h2);
  cro_h2_wait(h2, CRO_WAIT_HEADER, h2->config->timeouts->header);
}

static void judge_frame(cro_h2 *h2, const nghttp2_frame_hd *hd)
{
  switch (hd->type) {
  case NGHTTP2_DATA:
    if ((hd->length == 0 && (hd->flags & NGHTTP2_FLAG_END_STREAM) == 0) ||
        is_stale(h2, hd->stream_id))
      cro_h2_charge_glitch(h2);
    break;
  case NGHTTP2_HEADERS:
  case NGHTTP2_CONTINUATION:
    watch_block(h2, hd);
    if (hd->length == 0)
      cro_h2_charge_glitch(h2);
    break;
  case NGHTTP2_WINDOW_UPDATE:
    if (is_stale(h2, hd->stream_id))
      cro_h2_charge_glitch(h2);
    break; /* else judged by what it says */
  case NGHTTP2_RST_STREAM:
    break;
  case NGHTTP2_SETTINGS:
  case NGHTTP2_PING:
    if ((hd->flags & NGHTTP2_FLAG_ACK) == 0) {
      h2->acks++;
      cro_h2_charge_glitch(h2);
    } else if (h2->pings_due == 0 && hd->type == NGHTTP2_PING) {
      cro_h2_charge_glitch(h2);
    }
    break;
  default: /* PRIORITY, PRIORITY_UPDATE, PUSH_PROMISE, and what nobody knows */
    cro_h2_charge_glitch(h2);
    break;
  }
}

static void judge_head(cro_h2 *h2)
{
  const uint8_t *at = h2->head;
  nghttp2_frame_hd hd = { .length = (size_t)at[0] << 16 | (size_t)at[1] << 8 | at[2],
                          .type = at[3],
                          .flags = at[4],
                          .stream_id =
                              (at[5] & 0x7f) << 24 | at[6] << 16 | at[7] << 8 | at[8] };

  h2->skip = (uint32_t)hd.length;
  h2->head_len = 0;
  if (h2->config->trace)
    cro_h2_trace_begin(h2, &hd);
  judge_frame(h2, &hd);
}

/* nghttp2 passes over some frames without a word; here each one is seen. */
void cro_h2_judge(cro_h2 *h2, cro_bytes in)
{
  while (in.len > 0 && h2->state == CRO_H2_OPEN) {
    cro_bytes part = cro_bytes_take(&in, h2->skip);

    h2->skip -= (uint32_t)part.len;
    part = cro_bytes_take(&in, h2->skip == 0 ? sizeof h2->head - h2->head_len : 0);
    memcpy(h2->head + h2->head_len, part.at, part.len);
    h2->head_len = (uint8_t)(h2->head_len + part.len);
    if (h2->head_len == sizeof h2->head)
      judge_head(h2);
  }
}

void cro_h2_judge_update(cro_h2 *h2, uint32_t increment)
{
  if (increment >= tiny_update)
    return;
  if (h2->free_updates > 0)
    h2->free_updates--;
  else
    cro_h2_charge_glitch(h2);
}

void cro_h2_data_sent(cro_h2 *h2)
{
  if (h2->free_updates < free_most)
    h2->free_updates += free_per_data;
}

/* The peer does not read our answers to what it sends. */
void cro_h2_judge_acks(cro_h2 *h2)
{
  uint64_t most = h2->config->h2->queued_acks;

  if (h2->acks <= most)
    return;
  cro_h2_flush(h2);
  if (h2->acks > most)
    cro_h2_terminate(h2, NGHTTP2_ENHANCE_YOUR_CALM, CRO_E_LIMIT,
                     "too many answers not read");
}
