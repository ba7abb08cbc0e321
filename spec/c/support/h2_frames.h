/* support/h2_frames.h - what a session has sent, frame by frame.
 *
 * Bytes are added as they come; a header block is decoded when it is complete, with the
 * CONTINUATION frames that belong to it, as one frame. A frame as text is one line:
 *
 *   HEADERS 1 es :status=200 server=x     DATA 1 es 'abc'  (long: DATA 1 16384 bytes)
 *   RST_STREAM 3 FLOW_CONTROL_ERROR       GOAWAY last=1 NO_ERROR
 *   SETTINGS 3=100 4=65535                SETTINGS ack
 *   PUSH_PROMISE 1 2 :method=GET ...      WINDOW_UPDATE 0 65535
 *   PING 6162636465666768                 PING ack 6162636465666768
 */
#ifndef CRO_SPEC_SUPPORT_H2_FRAMES_H
#define CRO_SPEC_SUPPORT_H2_FRAMES_H

#include "support/h2_text.h"

#include <nghttp2/nghttp2.h>

typedef struct h2_frame {
  uint8_t type, flags;
  int32_t stream;
  uint32_t code;     /* of RST_STREAM and GOAWAY; WINDOW_UPDATE: how much */
  int32_t other;     /* GOAWAY: the last stream; PUSH_PROMISE: the promised one */
  cro_bytes payload; /* DATA without its padding, GOAWAY's text, else all of it */
  cro_bytes fields;  /* " name=value name=value", of header blocks */
  int frames;        /* with its CONTINUATIONs */
} h2_frame;

typedef struct h2_frames {
  h2_text in;     /* not yet read */
  h2_text fields; /* of the frame read last */
  size_t read;    /* of `in`, by the frame read last */
  nghttp2_hd_inflater *inflater;
} h2_frames;

void h2_frames_init(h2_frames *frames);
void h2_frames_free(h2_frames *frames);
void h2_frames_add(h2_frames *frames, cro_bytes bytes);

/* False when no whole frame is there. Slices are good until the next call. What is no
 * HTTP/2 fails the test. */
bool h2_frames_next(h2_frames *frames, h2_frame *frame);

/* Appends the frame as a line, without its end. */
void h2_frame_say(const h2_frame *frame, h2_text *out);

#endif
