/* Each bound of an HTTP/2 server one below it, at it, and one beyond. */
#include "base/err.h"
#include "support/h2_rig.h"
#include "support/test.h"

#include <stdio.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define CALM "ENHANCE_YOUR_CALM, close"

typedef struct bound {
  const char *name;
  unsigned limit;
  void (*set)(h2_rig *rig, unsigned limit);
  void (*play)(h2_rig *rig, unsigned n); /* n of what is bounded */
  const char *below, *at, *beyond;       /* parts of what comes of it */
} bound;

/* --- helpers -------------------------------------------------------------------------
 */

static void keep_all(h2_peer *peer, cro_request *request)
{
  peer->user = request;
}

static void play_each(h2_rig *rig, const char *script, unsigned n)
{
  char line[200];

  for (unsigned i = 0; i < n && peer_is_open(&rig->peer); i++) {
    (void)snprintf(line, sizeof line, script, 2 * i + 1, 2 * i + 1);
    peer_play(&rig->peer, line);
  }
}

/* `before`, n letters, `behind`. */
static void play_long(h2_rig *rig, const char *before, unsigned n, const char *behind)
{
  h2_text script = { 0 };

  h2_text_say(&script, "%s", before);
  for (unsigned i = 0; i < n; i++)
    h2_text_add(&script, CRO_B("a"));
  h2_text_say(&script, "%s", behind);
  h2_text_add(&script, (cro_bytes){ "", 1 });
  peer_play(&rig->peer, script.at);
  h2_text_free(&script);
}

static void play_often(h2_rig *rig, const char *before, const char *again, unsigned n,
                       const char *behind)
{
  h2_text script = { 0 };

  h2_text_say(&script, "%s", before);
  for (unsigned i = 0; i < n; i++)
    h2_text_say(&script, "%s", again);
  h2_text_say(&script, "%s", behind);
  h2_text_add(&script, (cro_bytes){ "", 1 });
  peer_play(&rig->peer, script.at);
  h2_text_free(&script);
}

/* --- streams and requests ------------------------------------------------------------
 */

static void set_streams(h2_rig *rig, unsigned limit)
{
  rig->h2_limits.max_streams = limit;
}

static void play_requests(h2_rig *rig, unsigned n)
{
  play_each(rig, "headers %u es eh get", n);
}

static void set_requests(h2_rig *rig, unsigned limit)
{
  rig->limits.requests_per_connection = limit;
}

static void play_answered(h2_rig *rig, unsigned n)
{
  rig->peer.handler = NULL;
  play_requests(rig, n);
}

/* Each GET of the scripts is 167 bytes as RFC 9113 6.5.2 counts: the limit moves. */
static void play_heads(h2_rig *rig, unsigned n)
{
  (void)n;
  play_requests(rig, 4);
}

static void set_nothing(h2_rig *rig, unsigned limit)
{
  (void)rig;
  (void)limit;
}

static void set_held_333(h2_rig *rig, unsigned limit)
{
  (void)limit;
  rig->h2_limits.held_headers = 333;
}

static void set_held_335(h2_rig *rig, unsigned limit)
{
  (void)limit;
  rig->h2_limits.held_headers = 335;
}

/* --- heads ---------------------------------------------------------------------------
 */

static void set_head_bytes(h2_rig *rig, unsigned limit)
{
  rig->limits.header_bytes = limit;
}

/* 167, and 33 with the field's name. */
static void play_head(h2_rig *rig, unsigned n)
{
  play_long(rig, "headers 1 es eh get {b: ", n - 200, "}");
}

static void set_quarter(h2_rig *rig, unsigned limit)
{
  rig->limits.header_bytes = (limit - 3) / 4;
}

static void play_trailers(h2_rig *rig, unsigned n)
{
  play_long(rig, "headers 1 eh post; headers 1 es eh {b: ", n - 201, "}");
}

static void set_fields(h2_rig *rig, unsigned limit)
{
  rig->limits.header_count = limit;
}

static void play_fields(h2_rig *rig, unsigned n)
{
  play_often(rig, "headers 1 es eh get ", "{a: b} ", n, "");
}

static void play_crumbs(h2_rig *rig, unsigned n)
{
  play_often(rig, "headers 1 es eh get ", "{a: b} ", n - 1,
             "{cookie: a} {cookie: b} {cookie: c}");
}

static void set_uri(h2_rig *rig, unsigned limit)
{
  rig->limits.uri_bytes = limit;
}

static void play_path(h2_rig *rig, unsigned n)
{
  play_long(rig,
            "headers 1 es eh {:method: GET} {:scheme: https} {:authority: h} {:path: /",
            n - 1, "}");
}

static void set_method(h2_rig *rig, unsigned limit)
{
  rig->limits.method_bytes = limit;
}

static void play_method(h2_rig *rig, unsigned n)
{
  play_long(rig,
            "headers 1 es eh {:scheme: https} {:authority: h} {:path: /} {:method: ", n,
            "}");
}

static void play_continuations(h2_rig *rig, unsigned n)
{
  play_often(rig, "headers 1 es get; ", "cont 1; ", n - 1, "cont 1 eh");
}

/* --- frames --------------------------------------------------------------------------
 */

static void play_settings(h2_rig *rig, unsigned n)
{
  play_often(rig, "settings 0 ", "u16:3 u32:100 ", n, "");
}

static void play_data(h2_rig *rig, unsigned n)
{
  play_long(rig, "headers 1 eh post; data 1 '", n, "'");
}

static void set_resets(h2_rig *rig, unsigned limit)
{
  rig->h2_limits.reset_burst = limit;
  rig->h2_limits.reset_rate = 0;
}

static void play_resets(h2_rig *rig, unsigned n)
{
  play_each(rig, "headers %u es eh get; rst %u u32:8", n);
}

static void play_malformed(h2_rig *rig, unsigned n)
{
  play_each(rig, "headers %u es eh {a: b}", n);
}

static void set_glitches(h2_rig *rig, unsigned limit)
{
  rig->h2_limits.glitch_burst = limit;
  rig->h2_limits.glitch_rate = 0;
}

/* The client's first SETTINGS are one. */
static void play_pings(h2_rig *rig, unsigned n)
{
  play_each(rig, "ping 0 zeros:8", n - 1);
}

static void set_acks(h2_rig *rig, unsigned limit)
{
  rig->h2_limits.queued_acks = limit;
}

/* The first one's answer is what fills the sink. */
static void play_unread(h2_rig *rig, unsigned n)
{
  rig->peer.sink_full = true;
  play_each(rig, "ping 0 zeros:8", n + 1);
  rig->peer.sink_full = false;
  peer_drain(&rig->peer);
}

/* --- windows and bodies --------------------------------------------------------------
 */

static void set_stream_window(h2_rig *rig, unsigned limit)
{
  rig->h2_limits.stream_window = limit;
}

static void set_connection_window(h2_rig *rig, unsigned limit)
{
  rig->h2_limits.connection_window = limit;
}

static void play_two_bodies(h2_rig *rig, unsigned n)
{
  play_often(rig, "headers 1 eh post; headers 3 eh post; ", "data 1 fill:16384; ", 4,
             "");
  play_long(rig, "data 3 '", n - 65536, "'");
}

static void want_ten(h2_peer *peer, cro_request *request)
{
  (void)cro_body_want(&request->body, 10, 100);
  peer->user = request;
}

static void play_collected(h2_rig *rig, unsigned n)
{
  const cro_request *request;

  rig->peer.handler = want_ten;
  peer_play(&rig->peer, "headers 1 eh post");
  play_long(rig, "data 1 '", n, "'");
  request = rig->peer.user;
  CHECK_INT(n > 10 ? CRO_BODY_FAILED : CRO_BODY_OPEN, request->body.state);
  CHECK_INT(n > 10 ? CRO_E_LIMIT : 0, request->body.err);
}

static void set_write_buffer(h2_rig *rig, unsigned limit)
{
  rig->limits.write_buffer = limit;
}

/* Beyond 64 KiB the writer is told to wait, and goes on. */
static void play_written(h2_rig *rig, unsigned n)
{
  static char block[100000];
  cro_response *response;

  peer_play(&rig->peer, "settings 0 u16:4 u32:0; headers 1 es eh get");
  response = ((cro_request *)rig->peer.user)->response;
  response->streams = true;
  response->length = -1;
  CHECK_INT(0, peer_answer(&rig->peer, rig->peer.user));
  memset(block, 'x', sizeof block);
  CHECK_INT(CRO_FULL, response->ops->write(response, (cro_bytes){ block, 65536 }));
  CHECK_INT(n > rig->limits.write_buffer ? CRO_E_LIMIT : CRO_FULL,
            response->ops->write(response, (cro_bytes){ block, n }));
  peer_turn(&rig->peer);
}

/* --- the table -----------------------------------------------------------------------
 */

#define FINE "open, 1 requests"
#define REFUSED(status) "open, 0 requests, " status

static const bound bounds[] = {
  { "max_streams", 5, set_streams, play_requests, "open, 4", "open, 5",
    "RST_STREAM 11 REFUSED_STREAM, open, 5 requests" },
  { "requests_per_connection", 3, set_requests, play_answered, "open, 2",
    "GOAWAY last=2147483647 NO_ERROR, open, 3",
    "GOAWAY last=2147483647 NO_ERROR, open, 4" },
  { "held_headers, reached by two", 3, set_held_333, play_heads,
    "RST_STREAM 7 REFUSED_STREAM, open, 2", "open, 2", "open, 2" },
  { "held_headers, reached by three", 3, set_held_335, play_heads,
    "RST_STREAM 7 REFUSED_STREAM, open, 3", "open, 3", "open, 3" },
  { "header_bytes", 300, set_head_bytes, play_head, FINE, FINE, REFUSED("431") },
  { "header_bytes by far", 1203, set_quarter, play_head, REFUSED("431"), REFUSED("431"),
    "RST_STREAM 1 ENHANCE_YOUR_CALM, open, 0 requests" },
  { "header_bytes with trailers", 300, set_head_bytes, play_trailers, FINE, FINE,
    REFUSED("431") },
  { "header_count", 5, set_fields, play_fields, FINE, FINE, REFUSED("431") },
  { "header_count, cookies in crumbs", 5, set_fields, play_crumbs, FINE, FINE,
    REFUSED("431") },
  { "uri_bytes", 20, set_uri, play_path, FINE, FINE, REFUSED("414") },
  { "method_bytes", 10, set_method, play_method, REFUSED("501"), REFUSED("501"),
    REFUSED("400") },
  { "CONTINUATION frames", 8, set_nothing, play_continuations, FINE, FINE, CALM },
  { "settings in a frame", 32, set_nothing, play_settings, "open, 0", "open, 0", CALM },
  { "bytes of a frame", 16384, set_nothing, play_data, FINE, FINE,
    "FRAME_SIZE_ERROR, close" },
  { "reset_burst, by the client", 5, set_resets, play_resets, "open", "open", CALM },
  { "reset_burst, by us", 5, set_resets, play_malformed, "open", "open", CALM },
  { "glitch_burst", 10, set_glitches, play_pings, "open", "open", CALM },
  { "queued_acks", 5, set_acks, play_unread, "open", "open", CALM },
  { "stream_window", 2000, set_stream_window, play_data, FINE, FINE,
    "RST_STREAM 1 FLOW_CONTROL_ERROR, open" },
  { "connection_window", 70000, set_connection_window, play_two_bodies, "open, 2",
    "open, 2", "FLOW_CONTROL_ERROR, close" },
  { "a body its reader bounds", 10, set_nothing, play_collected, FINE, FINE, FINE },
  { "write_buffer", 1000, set_write_buffer, play_written, FINE, FINE,
    "RST_STREAM 1 INTERNAL_ERROR, open" },
};

static void check_bound(const bound *row, unsigned n, const char *want)
{
  h2_text got = { 0 };
  h2_rig rig;

  h2_rig_open(&rig);
  row->set(&rig, row->limit);
  CHECK(h2_rig_start(&rig));
  rig.peer.handler = keep_all;
  peer_play(&rig.peer, "preface; settings 0; settings 0 ack");
  peer_forget(&rig.peer);
  row->play(&rig, n);
  peer_verdict(&rig.peer, &got);
  h2_text_say(&got, ", %u requests, %d", rig.peer.messages, rig.refused);
  if (memmem(got.at, got.len, want, strlen(want)) == NULL)
    test_fail(row->name, (int)n, "want %s, got %.*s", want, (int)got.len, got.at);
  h2_text_free(&got);
  h2_rig_close(&rig);
}

static void each_bound_is_where_it_is_said_to_be(void)
{
  for (size_t i = 0; i < COUNT(bounds); i++) {
    check_bound(&bounds[i], bounds[i].limit - 1, bounds[i].below);
    check_bound(&bounds[i], bounds[i].limit, bounds[i].at);
    check_bound(&bounds[i], bounds[i].limit + 1, bounds[i].beyond);
  }
}

TEST_MAIN(CASE(each_bound_is_where_it_is_said_to_be))
