/* http/h2_meter.h - each frame of a connection, seen before nghttp2 reads it.
 *
 * nghttp2 passes over some frames without a word, so a session looks at their heads
 * itself. It also counts each piece in which the head of a CONTINUATION comes as a
 * frame (1.52): a meter hands it whole heads only, and keeps what has come of one.
 *
 * And a bucket of tokens that fills again, for what a peer may do so often.
 */
#ifndef CRO_HTTP_H2_METER_H
#define CRO_HTTP_H2_METER_H

#include "base/bytes.h"

#include <nghttp2/nghttp2.h>

/* CONTINUATIONs in a row (CVE-2024-27316, CVE-2024-28182); and what nghttp2, which
 * counts more than frames, is told instead. */
enum { CRO_H2_CONTINUATIONS_MAX = 8, CRO_H2_CONTINUATIONS_TOLD = 32 };

/* How many streams are remembered that the peer has ended. */
enum { CRO_H2_ENDS_KEPT = 32 };

typedef struct cro_h2_meter {
  /* A frame begins; everything before it was read, unless it is of a kind whose turn
   * does not matter. `payload` is that of a PRIORITY of five bytes, else NULL. */
  void (*on_frame)(void *arg, const nghttp2_frame_hd *hd, const uint8_t *payload);
  void *arg;
  uint32_t left;   /* of the payload, or of the preface */
  int32_t highest; /* stream of a HEADERS so far */
  uint8_t have;    /* of the head that has come in part */
  uint8_t head[14];
  unsigned ends; /* so far */
  int32_t ended[CRO_H2_ENDS_KEPT];
} cro_h2_meter;

/* Cuts off the beginning of `in` what nghttp2 may read now: call it and feed nghttp2
 * until nothing is left of `in`. Empty when only part of a head has come. */
cro_bytes cro_h2_meter_next(cro_h2_meter *meter, cro_bytes *in);

/* The peer has ended the stream, which nghttp2 forgets now; and whether it has: what it
 * sends on it from then on is a fault (RFC 9113 5.1). A stream that we have reset is
 * not to be noted: that may be on its way still. */
void cro_h2_meter_note_end(cro_h2_meter *meter, int32_t id);
bool cro_h2_meter_was_ended(const cro_h2_meter *meter, int32_t id);

/* True when the frame carries nothing: PING, SETTINGS and their like, types nobody
 * knows, and no content that ends nothing. */
bool cro_h2_is_worthless(const nghttp2_frame_hd *hd);

/* RFC 9113 6.3, and what is left of RFC 7540 5.3.1: nghttp2 passes over such a frame
 * where nobody wants those priorities. `payload` as on_frame has it. */
bool cro_h2_is_bad_priority(const nghttp2_frame_hd *hd, const uint8_t *payload);

/* Tokens in thousandths, as of `at` ms. */
typedef struct cro_h2_tokens {
  uint64_t left, at;
} cro_h2_tokens;

/* Full. */
void cro_h2_tokens_init(cro_h2_tokens *tokens, uint64_t burst, uint64_t now);

/* Takes one. False when there was none. */
bool cro_h2_tokens_take(cro_h2_tokens *tokens, uint64_t burst, uint64_t rate,
                        uint64_t now);

#endif
