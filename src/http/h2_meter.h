/* http/h2_meter.h - how often a peer may do what costs it nothing.
 *
 * A bucket of tokens that fills again, and a look at the frames of a connection by
 * their headers alone: nghttp2 does not tell of those it passes over.
 */
#ifndef CRO_HTTP_H2_METER_H
#define CRO_HTTP_H2_METER_H

#include "base/bytes.h"

#include <stdint.h>

/* Tokens in thousandths, as of `at` ms. */
typedef struct cro_h2_tokens {
  uint64_t left, at;
} cro_h2_tokens;

/* Full. */
void cro_h2_tokens_init(cro_h2_tokens *tokens, uint64_t burst, uint64_t now);

/* Takes one. False when there was none. */
bool cro_h2_tokens_take(cro_h2_tokens *tokens, uint64_t burst, uint64_t rate,
                        uint64_t now);

enum { CRO_H2_CONTINUATIONS_MAX = 8 }; /* CVE-2024-27316, CVE-2024-28182 */

/* Zero at the begin of a connection (behind the preface). */
typedef struct cro_h2_frame_meter {
  unsigned char head[9]; /* of a frame whose head has come in part */
  uint8_t have;          /* of it */
  bool flooded;          /* more than so many CONTINUATIONs in a row have come */
  unsigned continuations;
  uint32_t left;      /* of the payload */
  unsigned worthless; /* frames that carry nothing: PING, SETTINGS and their like,
                         types nobody knows, and no content that ends nothing */
} cro_h2_frame_meter;

/* Cuts off the beginning of `in` what nghttp2 may read: it never gets less than the
 * whole head of a frame, for it counts the pieces of a CONTINUATION's head as so many
 * frames. Empty when nothing is left but part of a head, which the meter keeps. */
cro_bytes cro_h2_meter_next(cro_h2_frame_meter *meter, cro_bytes *in);

#endif
