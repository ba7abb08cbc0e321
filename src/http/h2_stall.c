/* Windows the peer does not open: dribble is as bad as silence (CVE-2019-9511, -9517).
 * Only time during which something waits counts, so a stream with nothing to say may be
 * silent for ever. */
#include "base/check.h"
#include "http/h2_session.h"

/* Bytes a second, or thousandths of one a millisecond, which is what is owed. Without a
 * floor each byte pays for all. */
static uint64_t rate_of(const cro_h2 *h2)
{
  uint64_t rate = h2->config->limits->write_min_rate;

  return rate > 0 ? rate : 1;
}

/* What a peer may owe; 0: it may take for ever. */
static uint64_t most_owed(const cro_h2 *h2)
{
  return rate_of(h2) * h2->config->timeouts->write_idle;
}

static uint64_t owed(const cro_h2 *h2, const cro_h2_stall *stall)
{
  uint64_t ms = stall->since > 0 ? cro_h2_now(h2) + 1 - stall->since : 0;
  uint64_t sum = stall->owed + ms * rate_of(h2), most = most_owed(h2);

  return sum < most ? sum : most;
}

uint64_t cro_h2_stall_left(const cro_h2 *h2, const cro_h2_stall *stall)
{
  uint64_t most = most_owed(h2);

  if (stall->since == 0 || most == 0)
    return UINT64_MAX;
  return (most - owed(h2, stall) + rate_of(h2) - 1) / rate_of(h2);
}

static void look(cro_h2 *h2, cro_h2_stall *stall, bool shut)
{
  if (shut == (stall->since > 0) || h2->failing)
    return;
  if (!shut) {
    stall->owed = owed(h2, stall);
    stall->since = 0;
    return;
  }
  stall->since = cro_h2_now(h2) + 1;
  if (most_owed(h2) > 0) {
    uint64_t left = cro_h2_stall_left(h2, stall);

    cro_h2_wait(h2, CRO_WAIT_HANDLER, left > 0 ? left : 1);
  }
}

void cro_h2_stall_look(cro_h2_stream *stream)
{
  cro_h2 *h2 = stream->h2;

  look(h2, &stream->stall,
       stream->waiting &&
           nghttp2_session_get_stream_remote_window_size(h2->session, stream->id) <= 0);
}

void cro_h2_stall_look_below(cro_h2 *h2)
{
  look(h2, &h2->stall,
       h2->waiting > 0 && nghttp2_session_get_remote_window_size(h2->session) <= 0);
}

void cro_h2_stall_look_everywhere(cro_h2 *h2)
{
  for (cro_list *node = h2->streams.next; node != &h2->streams; node = node->next) {
    cro_h2_stream *stream = CRO_CONTAINER(node, cro_h2_stream, node);

    if (!stream->closed)
      cro_h2_stall_look(stream);
  }
}

static void pay(const cro_h2 *h2, cro_h2_stall *stall, size_t length)
{
  uint64_t paid = (uint64_t)length * 1000;
  bool settled = h2->config->limits->write_min_rate == 0 || paid >= stall->owed;

  stall->owed = settled ? 0 : stall->owed - paid;
}

void cro_h2_stall_sent(cro_h2_stream *stream, size_t length)
{
  cro_h2 *h2 = stream->h2;

  if (length > 0) {
    pay(h2, &stream->stall, length);
    pay(h2, &h2->stall, length);
  }
  cro_h2_stall_look(stream);
  cro_h2_stall_look_below(h2);
}
