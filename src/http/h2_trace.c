/* Frames as CRO_TRACE shows them: name, stream, flags, length, and what is in them.
 *
 *   [TRACE(label)] HTTP/2 RECV HEADERS stream 1 flags END_STREAM, END_HEADERS length 14
 *     :method: GET
 *
 * DATA is shown by the stages that carry bytes. */
#include "http/h2_trace.h"

#include "pipe/trace.h"

#include <stdio.h>

static const char *const names[] = { "DATA",        "HEADERS",  "PRIORITY",
                                     "RST_STREAM",  "SETTINGS", "PUSH_PROMISE",
                                     "PING",        "GOAWAY",   "WINDOW_UPDATE",
                                     "CONTINUATION" };

static const char *const settings[] = { "HEADER_TABLE_SIZE",
                                        "ENABLE_PUSH",
                                        "MAX_CONCURRENT_STREAMS",
                                        "INITIAL_WINDOW_SIZE",
                                        "MAX_FRAME_SIZE",
                                        "MAX_HEADER_LIST_SIZE",
                                        "",
                                        "ENABLE_CONNECT_PROTOCOL",
                                        "NO_RFC7540_PRIORITIES" };

/* What does not fit into memory is left out. */
static void say(cro_buf *out, const char *text)
{
  (void)cro_buf_add(out, cro_bytes_of(text));
}

static void say_number(cro_buf *out, const char *before, uint64_t number)
{
  say(out, before);
  (void)cro_buf_add_u64(out, number);
}

static void say_name(cro_buf *out, uint8_t type)
{
  if (type < sizeof names / sizeof *names)
    say(out, names[type]);
  else if (type == NGHTTP2_PRIORITY_UPDATE)
    say(out, "PRIORITY_UPDATE");
  else
    say_number(out, "frame of type ", type);
}

static void say_flag(cro_buf *out, const nghttp2_frame_hd *hd, uint8_t flag,
                     const char *name, bool *any)
{
  if ((hd->flags & flag) == 0)
    return;
  say(out, *any ? ", " : " flags ");
  say(out, name);
  *any = true;
}

static void say_flags(cro_buf *out, const nghttp2_frame_hd *hd)
{
  bool any = false;

  switch (hd->type) {
  case NGHTTP2_SETTINGS:
  case NGHTTP2_PING:
    say_flag(out, hd, NGHTTP2_FLAG_ACK, "ACK", &any);
    break;
  case NGHTTP2_DATA:
  case NGHTTP2_HEADERS:
    say_flag(out, hd, NGHTTP2_FLAG_END_STREAM, "END_STREAM", &any);
    say_flag(out, hd, NGHTTP2_FLAG_END_HEADERS, "END_HEADERS", &any);
    say_flag(out, hd, NGHTTP2_FLAG_PADDED, "PADDED", &any);
    say_flag(out, hd, NGHTTP2_FLAG_PRIORITY, "PRIORITY", &any);
    break;
  case NGHTTP2_PUSH_PROMISE:
  case NGHTTP2_CONTINUATION:
    say_flag(out, hd, NGHTTP2_FLAG_END_HEADERS, "END_HEADERS", &any);
    say_flag(out, hd, NGHTTP2_FLAG_PADDED, "PADDED", &any);
    break;
  default:
    break;
  }
}

static void say_head(cro_buf *out, const nghttp2_frame_hd *hd)
{
  say_name(out, hd->type);
  say_number(out, " stream ", (uint64_t)hd->stream_id);
  say_flags(out, hd);
  say_number(out, " length ", hd->length);
}

static void say_line(cro_buf *out, cro_bytes name, const char *between, cro_bytes value)
{
  say(out, "\n  ");
  (void)cro_buf_add(out, name);
  say(out, between);
  (void)cro_buf_add(out, value);
}

static void say_fields(cro_buf *out, const nghttp2_nv *fields, size_t count)
{
  for (size_t i = 0; i < count; i++)
    say_line(out, (cro_bytes){ (const char *)fields[i].name, fields[i].namelen }, ": ",
             (cro_bytes){ (const char *)fields[i].value, fields[i].valuelen });
}

static void say_settings(cro_buf *out, const nghttp2_settings *frame, uint64_t streams)
{
  for (size_t i = 0; i < frame->niv; i++) {
    uint32_t id = (uint32_t)frame->iv[i].settings_id;
    bool ours = streams > 0 && id == NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS;

    say(out, "\n  ");
    if (id > 0 && id <= sizeof settings / sizeof *settings)
      say(out, settings[id - 1]);
    else
      say_number(out, "setting ", id);
    say_number(out, ": ", ours ? streams : frame->iv[i].value);
  }
}

static void say_code(cro_buf *out, uint32_t code)
{
  say(out, "\n  ");
  say(out, nghttp2_http2_strerror(code));
}

static void say_goaway(cro_buf *out, const nghttp2_goaway *frame)
{
  say_code(out, frame->error_code);
  say_number(out, "\n  last stream ", (uint64_t)frame->last_stream_id);
  if (frame->opaque_data_len > 0)
    say_line(out, CRO_B("text"), ": ",
             (cro_bytes){ (const char *)frame->opaque_data, frame->opaque_data_len });
}

static void say_content(const cro_h2_trace *trace, cro_buf *out, bool sent,
                        const nghttp2_frame *frame)
{
  switch (frame->hd.type) {
  case NGHTTP2_HEADERS:
    if (sent)
      say_fields(out, frame->headers.nva, frame->headers.nvlen);
    else
      (void)cro_buf_add(out, cro_buf_bytes(&trace->shown));
    break;
  case NGHTTP2_PUSH_PROMISE:
    say_number(out, "\n  promised stream ",
               (uint64_t)frame->push_promise.promised_stream_id);
    if (sent)
      say_fields(out, frame->push_promise.nva, frame->push_promise.nvlen);
    else
      (void)cro_buf_add(out, cro_buf_bytes(&trace->shown));
    break;
  case NGHTTP2_SETTINGS:
    say_settings(out, &frame->settings, sent ? trace->streams : 0);
    break;
  case NGHTTP2_RST_STREAM:
    say_code(out, frame->rst_stream.error_code);
    break;
  case NGHTTP2_GOAWAY:
    say_goaway(out, &frame->goaway);
    break;
  case NGHTTP2_WINDOW_UPDATE:
    say_number(out, "\n  increment ",
               (uint64_t)frame->window_update.window_size_increment);
    break;
  default:
    break;
  }
}

static void show(const cro_h2_trace *trace, const char *event, cro_buf *text)
{
  const char *label = trace->stage->conn->label;

  cro_trace_write(cro_bytes_of(label != NULL ? label : "anon"), CRO_B("HTTP/2"), event,
                  cro_buf_bytes(text));
  cro_buf_free(text);
}

void cro_h2_trace_frame(cro_h2_trace *trace, bool sent, const nghttp2_frame *frame)
{
  cro_buf text = { 0 };

  say_head(&text, &frame->hd);
  say_content(trace, &text, sent, frame);
  show(trace, sent ? "SEND" : "RECV", &text);
  if (!sent &&
      (frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_PUSH_PROMISE))
    cro_buf_free(&trace->shown);
}

void cro_h2_trace_field(cro_h2_trace *trace, nghttp2_rcbuf *name, nghttp2_rcbuf *value)
{
  nghttp2_vec n = nghttp2_rcbuf_get_buf(name), v = nghttp2_rcbuf_get_buf(value);

  if (trace->shown.len < trace->most)
    say_line(&trace->shown, (cro_bytes){ (const char *)n.base, n.len }, ": ",
             (cro_bytes){ (const char *)v.base, v.len });
}

/* Of frames that nghttp2 passes over or finds faults with nothing else is shown. */
void cro_h2_trace_begin(cro_h2_trace *trace, const nghttp2_frame_hd *hd)
{
  cro_buf text = { 0 };

  if (hd->type == NGHTTP2_HEADERS || hd->type == NGHTTP2_PUSH_PROMISE)
    cro_buf_free(&trace->shown);
  if (hd->type < NGHTTP2_CONTINUATION || hd->type == NGHTTP2_PRIORITY_UPDATE)
    return;
  say_head(&text, hd);
  show(trace, "RECV", &text);
}

void cro_h2_trace_invalid(cro_h2_trace *trace, const nghttp2_frame *frame, int error)
{
  cro_buf text = { 0 };

  say_head(&text, &frame->hd);
  say(&text, "\n  ");
  say(&text, nghttp2_strerror(error));
  show(trace, "REFUSE", &text);
}
