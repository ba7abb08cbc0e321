#include "http/h2_session.h"
void cro_h2_trace_frame(cro_h2 *h2, bool sent, const nghttp2_frame *frame)
{
  (void)h2;
  (void)sent;
  (void)frame;
}
void cro_h2_trace_field(cro_h2 *h2, nghttp2_rcbuf *name, nghttp2_rcbuf *value)
{
  (void)h2;
  (void)name;
  (void)value;
}
void cro_h2_trace_begin(cro_h2 *h2, const nghttp2_frame_hd *hd)
{
  (void)h2;
  (void)hd;
}
