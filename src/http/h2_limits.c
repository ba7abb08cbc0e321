/* What a peer may do how often. Buckets hold a burst and fill again by so many a
 * second; an empty one ends the connection with ENHANCE_YOUR_CALM. */
#include "base/err.h"
#include "http/h2_session.h"

enum {
  tiny_update = 256, /* WINDOW_UPDATEs below cost something */
  free_per_data = 2, /* but so many for each DATA frame of ours */
  free_most = 1000,
  late_ms = 2000 /* after the end of a stream */
};

void cro_h2_charge_reset(cro_h2 *h2)
{
  const cro_h2_limits *limits = h2->config->h2;

  if (!cro_h2_tokens_take(&h2->resets, limits->reset_burst, limits->reset_rate,
                          cro_h2_now(h2)))
    cro_h2_terminate(h2, NGHTTP2_ENHANCE_YOUR_CALM, CRO_E_LIMIT, "too many resets");
}

void cro_h2_charge_glitch(cro_h2 *h2)
{
  const cro_h2_limits *limits = h2->config->h2;

  if (!cro_h2_tokens_take(&h2->glitches, limits->glitch_burst, limits->glitch_rate,
                          cro_h2_now(h2)))
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

static void count_continuations(cro_h2 *h2, const nghttp2_frame_hd *hd)
{
  h2->continuations = hd->type == NGHTTP2_CONTINUATION ? h2->continuations + 1 : 0;
  if (h2->continuations > CRO_H2_CONTINUATIONS_MAX)
    cro_h2_terminate(h2, NGHTTP2_ENHANCE_YOUR_CALM, CRO_E_LIMIT,
                     "too many CONTINUATION frames");
}

static int32_t next_of(const cro_h2 *h2)
{
  int32_t highest = h2->meter.highest;

  return highest == 0 ? 1 : highest < INT32_MAX - 2 ? highest + 2 : INT32_MAX;
}

/* Streams the peer left out when it opened a higher one. */
static void note_skipped(cro_h2 *h2, int32_t id)
{
  cro_h2_range *at = &h2->skipped[h2->skips++ % CRO_H2_SKIPS_KEPT];

  *at = (cro_h2_range){ h2->meter.highest + 1, id - 1 };
}

static bool was_skipped(const cro_h2 *h2, int32_t id)
{
  for (size_t i = 0; i < CRO_H2_SKIPS_KEPT; i++)
    if (id >= h2->skipped[i].from && id <= h2->skipped[i].to)
      return true;
  return false;
}

/* RFC 9113 5.1 and 5.1.1, as far back as is remembered: nghttp2 passes over what comes
 * on a stream that it has forgotten. What we have reset ourselves is not remembered:
 * that may be on its way still. */
static void judge_turn(cro_h2 *h2, const nghttp2_frame_hd *hd)
{
  int32_t id = hd->stream_id;
  bool skipped;

  if (hd->type == NGHTTP2_HEADERS && id > next_of(h2))
    note_skipped(h2, id);
  if (id == 0 || id > h2->meter.highest ||
      nghttp2_session_find_stream(h2->session, id) != NULL)
    return;
  skipped = was_skipped(h2, id);
  if (skipped && hd->type == NGHTTP2_HEADERS)
    cro_h2_terminate(h2, NGHTTP2_PROTOCOL_ERROR, CRO_E_PROTOCOL,
                     "a stream below one that was opened");
  else if (skipped || cro_h2_meter_was_ended(&h2->meter, id))
    cro_h2_terminate(h2, NGHTTP2_STREAM_CLOSED, CRO_E_PROTOCOL,
                     "a frame on a stream that has ended");
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

/* nghttp2 passes over some frames without a word; here each one is seen. */
static void judge(void *arg, const nghttp2_frame_hd *hd, const uint8_t *payload)
{
  cro_h2 *h2 = arg;

  if (h2->state != CRO_H2_OPEN)
    return;
  if (h2->config->trace)
    cro_h2_trace_begin(&h2->trace, hd);
  count_continuations(h2, hd);
  if (hd->type == NGHTTP2_DATA || hd->type == NGHTTP2_HEADERS)
    judge_turn(h2, hd);
  if (cro_h2_is_bad_priority(hd, payload))
    cro_h2_terminate(h2, NGHTTP2_PROTOCOL_ERROR, CRO_E_PROTOCOL,
                     "PRIORITY of no stream, or below itself");
  judge_frame(h2, hd);
}

void cro_h2_limits_init(cro_h2 *h2)
{
  const cro_h2_limits *limits = h2->config->h2;
  uint64_t now = cro_h2_now(h2);

  h2->meter = (cro_h2_meter){ .on_frame = judge, .arg = h2 };
  h2->meter.left = sizeof CRO_H2_PREFACE - 1;
  cro_h2_tokens_init(&h2->resets, limits->reset_burst, now);
  cro_h2_tokens_init(&h2->glitches, limits->glitch_burst, now);
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

void cro_h2_judge_data(cro_h2 *h2)
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
