/* http/h2_trace.h - the frames of an HTTP/2 session, as CRO_TRACE shows them.
 *
 * nghttp2 tells of a head's fields one by one: they are gathered here until their frame
 * is shown. A session calls these only when frames are to be shown at all.
 */
#ifndef CRO_HTTP_H2_TRACE_H
#define CRO_HTTP_H2_TRACE_H

#include "pipe/conn.h"

#include <nghttp2/nghttp2.h>

typedef struct cro_h2_trace {
  const cro_stage *stage; /* whose connection has the label */
  uint64_t most;          /* bytes of a head that are shown */
  uint64_t streams; /* MAX_CONCURRENT_STREAMS as it is written; 0: as nghttp2 says */
  cro_buf shown;    /* of the block that comes; to be freed with the session */
} cro_h2_trace;

/* One frame that came or was sent. */
void cro_h2_trace_frame(cro_h2_trace *trace, bool sent, const nghttp2_frame *frame);

/* One field of the block that comes. */
void cro_h2_trace_field(cro_h2_trace *trace, nghttp2_rcbuf *name, nghttp2_rcbuf *value);

/* A frame begins to come: what nghttp2 will not tell of is shown. */
void cro_h2_trace_begin(cro_h2_trace *trace, const nghttp2_frame_hd *hd);

/* A frame that nghttp2 has found a fault with. */
void cro_h2_trace_invalid(cro_h2_trace *trace, const nghttp2_frame *frame, int error);

#endif
