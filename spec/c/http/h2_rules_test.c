/* What a server does about every frame that breaks RFC 9113 or RFC 7541. Each row is
 * played in one piece, in two that are cut at each byte, and byte by byte. */
#include "support/h2_rig.h"
#include "support/test.h"

#include <stdio.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

typedef struct rule {
  const char *name;
  const char *script; /* behind the preface and SETTINGS of both sides */
  const char *want;   /* the last RST_STREAM, the last GOAWAY, the connection */
} rule;

#define BYE(last, code) "GOAWAY last=" last " " code ", close"
#define RESET(id, code) "RST_STREAM " id " " code ", open"
#define OPEN "open"
#define STREAM "headers 1 eh post;" /* open */
#define HALF "headers 1 es eh get;" /* half-closed (remote), being answered */
#define GONE "headers 1 eh post; rst 1 u32:8;" /* closed by the client */

/* --- frames ------------------------------------------------------------------------
 */

static const rule frame_rules[] = {
  { "4.1 a type nobody knows is passed over", "type:0x16 0 zeros:8; type:0xfa 1 'x'",
    OPEN },
  { "4.1 flags nobody knows are passed over", "ping 0 flags:0xfe zeros:8", OPEN },
  { "4.1 the reserved bit is passed over", "ping R0 zeros:8; headers R1 es eh get",
    OPEN },
  { "4.2 DATA of 2^14 bytes", STREAM "data 1 fill:16384", OPEN },
  { "4.2 DATA of more", STREAM "data 1 len:16385 'x'", BYE("1", "FRAME_SIZE_ERROR") },
  { "4.2 HEADERS of more", "headers 1 len:16385 'x'", BYE("0", "FRAME_SIZE_ERROR") },
  { "4.2 a type nobody knows of more", "type:0x16 0 len:16385 'x'",
    BYE("0", "FRAME_SIZE_ERROR") },
  { "4.2 SETTINGS of 2^24 - 1", "settings 0 len:0xffffff 'x'",
    BYE("0", "FRAME_SIZE_ERROR") },
  { "4.3 a block that cannot be decoded", "headers 1 es eh x00",
    BYE("1", "COMPRESSION_ERROR") },
  { "4.3 a block that ends inside a field", "headers 1 es eh get x0003",
    BYE("1", "COMPRESSION_ERROR") },
  { "4.3 PRIORITY inside a block", "headers 1 es; priority 1 u31:0 u8:1",
    BYE("1", "PROTOCOL_ERROR") },
  { "4.3 HEADERS of another stream inside a block", "headers 1 es; headers 3 es eh get",
    BYE("1", "PROTOCOL_ERROR") },
  { "4.3 CONTINUATION of another stream", "headers 1 es; cont 3 eh get",
    BYE("1", "PROTOCOL_ERROR") },
  { "5.5 a type nobody knows inside a block", "headers 1 es; type:0x16 0 'x'",
    BYE("1", "PROTOCOL_ERROR") },
  { "4.3 the connection's end inside a block is waited for", "headers 1 es; cont 1",
    OPEN },
};

static const rule data_rules[] = {
  { "6.1 DATA on stream 0", "data 0 'x'", BYE("0", "PROTOCOL_ERROR") },
  { "6.1 padding as long as DATA", STREAM "data 1 pad u8:3 zeros:2",
    BYE("1", "PROTOCOL_ERROR") },
  { "6.1 padding and nothing else", STREAM "data 1 es pad u8:3 zeros:3", OPEN },
  { "6.1 padded DATA without room for the length", STREAM "data 1 pad",
    BYE("1", "PROTOCOL_ERROR") },
  { "6.1 padding that is not zero is accepted", STREAM "data 1 es pad u8:2 'xab'",
    OPEN },
};

static const rule headers_rules[] = {
  { "6.2 HEADERS on stream 0", "headers 0 es eh get", BYE("0", "PROTOCOL_ERROR") },
  { "6.2 padding longer than HEADERS", "headers 1 es eh pad u8:200 get",
    BYE("0", "PROTOCOL_ERROR") },
  { "6.2 padded HEADERS without room for the length", "headers 1 es eh pad",
    BYE("0", "PROTOCOL_ERROR") },
  { "6.2 a priority that is cut off", "headers 1 es eh prio u32:0",
    BYE("0", "FRAME_SIZE_ERROR") },
  { "6.2 padding and priority", "headers 1 es eh pad prio u8:1 u31:0 u8:9 get zeros:1",
    OPEN },
  { "5.3.1 HEADERS that depend on their own stream",
    "headers 1 es eh prio u31:1 u8:9 get", BYE("0", "PROTOCOL_ERROR") },
  { "6.3 PRIORITY on stream 0", "priority 0 u31:1 u8:9", BYE("0", "PROTOCOL_ERROR") },
  { "6.3 PRIORITY of 4 bytes", HALF "priority 1 u31:0", BYE("1", "FRAME_SIZE_ERROR") },
  { "6.3 PRIORITY of 6 bytes", HALF "priority 1 u31:0 u16:9",
    BYE("1", "FRAME_SIZE_ERROR") },
  { "6.3 PRIORITY of an idle stream", "priority 9 u31:0 u8:9", OPEN },
  { "5.3.1 PRIORITY that depends on its own stream", "priority 1 u31:1 u8:9",
    BYE("0", "PROTOCOL_ERROR") },
  { "6.10 HEADERS in nine pieces",
    "headers 1 es; cont 1; cont 1; cont 1; cont 1; cont 1; cont 1; cont 1; cont 1 eh "
    "get",
    OPEN },
  { "6.10 CONTINUATION on stream 0", "headers 1 es; cont 0 eh get",
    BYE("1", "PROTOCOL_ERROR") },
  { "6.10 CONTINUATION behind HEADERS that are complete", HALF "cont 1 eh",
    BYE("1", "PROTOCOL_ERROR") },
  { "6.10 CONTINUATION behind one that was the last",
    "headers 1 es get; cont 1 eh; cont 1 eh", BYE("1", "PROTOCOL_ERROR") },
  { "6.10 CONTINUATION behind DATA", STREAM "data 1 'x'; cont 1 eh",
    BYE("1", "PROTOCOL_ERROR") },
  { "6.10 CONTINUATION as the first frame", "cont 1 eh get",
    BYE("0", "PROTOCOL_ERROR") },
};

static const rule control_rules[] = {
  { "6.4 RST_STREAM on stream 0", "rst 0 u32:8", BYE("0", "PROTOCOL_ERROR") },
  { "6.4 RST_STREAM of an idle stream", "rst 1 u32:8", BYE("0", "PROTOCOL_ERROR") },
  { "6.4 RST_STREAM of 3 bytes", HALF "rst 1 u24:8", BYE("1", "FRAME_SIZE_ERROR") },
  { "6.4 RST_STREAM of 5 bytes", HALF "rst 1 u32:8 u8:0",
    BYE("1", "FRAME_SIZE_ERROR") },
  { "7 RST_STREAM with a code nobody knows", STREAM "rst 1 u32:255", OPEN },
  { "6.5 an acknowledgement with content", "settings 0 ack u16:3 u32:1",
    BYE("0", "FRAME_SIZE_ERROR") },
  { "6.5 an acknowledgement of nothing", "settings 0 ack", BYE("0", "PROTOCOL_ERROR") },
  { "6.5 SETTINGS on a stream", "settings 1 u16:3 u32:1", BYE("0", "PROTOCOL_ERROR") },
  { "6.5 SETTINGS of 3 bytes", "settings 0 zeros:3", BYE("0", "FRAME_SIZE_ERROR") },
  { "6.5.2 ENABLE_PUSH of 2", "settings 0 u16:2 u32:2", BYE("0", "PROTOCOL_ERROR") },
  { "6.5.2 INITIAL_WINDOW_SIZE of 2^31", "settings 0 u16:4 u32:0x80000000",
    BYE("0", "FLOW_CONTROL_ERROR") },
  { "6.5.2 INITIAL_WINDOW_SIZE of 2^31 - 1", "settings 0 u16:4 u32:0x7fffffff", OPEN },
  { "6.5.2 MAX_FRAME_SIZE of 2^14 - 1", "settings 0 u16:5 u32:16383",
    BYE("0", "PROTOCOL_ERROR") },
  { "6.5.2 MAX_FRAME_SIZE of 2^24", "settings 0 u16:5 u32:16777216",
    BYE("0", "PROTOCOL_ERROR") },
  { "6.5.2 MAX_FRAME_SIZE of 2^24 - 1", "settings 0 u16:5 u32:16777215", OPEN },
  { "6.5.2 a setting nobody knows", "settings 0 u16:255 u32:1", OPEN },
  { "8441 3 ENABLE_CONNECT_PROTOCOL of 2", "settings 0 u16:8 u32:2",
    BYE("0", "PROTOCOL_ERROR") },
  { "9218 2.1 NO_RFC7540_PRIORITIES of 2", "settings 0 u16:9 u32:2",
    BYE("0", "PROTOCOL_ERROR") },
  { "9218 2.1 NO_RFC7540_PRIORITIES that changes", "settings 0 u16:9 u32:1",
    BYE("0", "PROTOCOL_ERROR") },
  { "10.5 SETTINGS of 32 entries", "settings 0 zeros:192", OPEN },
  { "10.5 SETTINGS of 33 entries", "settings 0 zeros:198",
    BYE("0", "ENHANCE_YOUR_CALM") },
  { "6.6, 8.4 PUSH_PROMISE of a client", HALF "push 1 eh u31:2 get",
    BYE("1", "PROTOCOL_ERROR") },
  { "6.6 PUSH_PROMISE of 3 bytes", HALF "push 1 eh u24:2",
    BYE("1", "FRAME_SIZE_ERROR") },
  { "6.7 PING on a stream", "ping 1 zeros:8", BYE("0", "PROTOCOL_ERROR") },
  { "6.7 PING of 7 bytes", "ping 0 zeros:7", BYE("0", "FRAME_SIZE_ERROR") },
  { "6.7 PING of 9 bytes", "ping 0 zeros:9", BYE("0", "FRAME_SIZE_ERROR") },
  { "6.8 GOAWAY on a stream", "goaway 1 u31:0 u32:0", BYE("0", "PROTOCOL_ERROR") },
  { "6.8 GOAWAY of 7 bytes", "goaway 0 zeros:7", BYE("0", "FRAME_SIZE_ERROR") },
  { "6.8 GOAWAY with a stream of the client", HALF "goaway 0 u31:1 u32:0",
    BYE("1", "PROTOCOL_ERROR") },
};

static const rule window_rules[] = {
  { "6.9 WINDOW_UPDATE of 3 bytes", "window 0 u24:1", BYE("0", "FRAME_SIZE_ERROR") },
  { "6.9 WINDOW_UPDATE of 5 bytes", STREAM "window 1 u32:1 u8:0",
    BYE("1", "FRAME_SIZE_ERROR") },
  { "6.9 WINDOW_UPDATE of 0 on the connection", "window 0 u31:0",
    BYE("0", "PROTOCOL_ERROR") },
  { "6.9 WINDOW_UPDATE of 0 on a stream", STREAM "window 1 u31:0",
    BYE("1", "PROTOCOL_ERROR") },
  { "6.9 WINDOW_UPDATE of an idle stream", "window 1 u31:1",
    BYE("0", "PROTOCOL_ERROR") },
  { "6.9.1 the connection's window beyond 2^31 - 1", "window 0 u31:0x7fffffff",
    BYE("0", "FLOW_CONTROL_ERROR") },
  { "6.9.1 a stream's window beyond 2^31 - 1", STREAM "window 1 u31:0x7fffffff",
    RESET("1", "FLOW_CONTROL_ERROR") },
  { "6.9.1 both up to 2^31 - 1",
    STREAM "window 0 u31:0x7fff0000; window 1 u31:0x7fff0000", OPEN },
  { "6.9.2 a window that a setting moves beyond 2^31 - 1",
    STREAM "window 1 u31:0x7fff0000; settings 0 u16:4 u32:0x7fffffff",
    RESET("1", "FLOW_CONTROL_ERROR") },
  { "6.9.2 a window that a setting moves below 0",
    STREAM "settings 0 u16:4 u32:0; settings 0 u16:4 u32:5", OPEN },
};

/* --- states of streams -------------------------------------------------------------
 */

static const rule state_rules[] = {
  { "5.1 DATA on an idle stream", "data 1 'x'", BYE("0", "PROTOCOL_ERROR") },
  { "5.1 DATA on an idle stream of the server", "data 2 'x'",
    BYE("0", "PROTOCOL_ERROR") },
  { "5.1 WINDOW_UPDATE on an idle stream of the server", "window 2 u31:1",
    BYE("0", "PROTOCOL_ERROR") },
  { "5.1 RST_STREAM of an idle stream of the server", "rst 2 u32:8",
    BYE("0", "PROTOCOL_ERROR") },
  { "5.1 DATA behind END_STREAM", HALF "data 1 'x'", BYE("1", "STREAM_CLOSED") },
  { "5.1 HEADERS behind END_STREAM", HALF "headers 1 es eh {a: b}",
    BYE("1", "STREAM_CLOSED") },
  { "5.1 WINDOW_UPDATE behind END_STREAM", HALF "window 1 u31:500", OPEN },
  { "5.1 PRIORITY behind END_STREAM", HALF "priority 1 u31:0 u8:9", OPEN },
  { "5.1 RST_STREAM behind END_STREAM", HALF "rst 1 u32:8", OPEN },
  { "5.1 DATA behind RST_STREAM", GONE "data 1 'x'", BYE("1", "STREAM_CLOSED") },
  { "5.1 HEADERS behind RST_STREAM", GONE "headers 1 es eh {a: b}",
    BYE("1", "STREAM_CLOSED") },
  { "5.1 CONTINUATION behind RST_STREAM", GONE "cont 1 eh",
    BYE("1", "PROTOCOL_ERROR") },
  { "5.1 WINDOW_UPDATE behind RST_STREAM", GONE "window 1 u31:500", OPEN },
  { "5.1 PRIORITY behind RST_STREAM", GONE "priority 1 u31:0 u8:9", OPEN },
  { "5.1 RST_STREAM twice", GONE "rst 1 u32:8", OPEN },
  { "5.1.1 an even stream", "headers 2 es eh get", BYE("0", "PROTOCOL_ERROR") },
  { "5.1.1 a stream below one that was opened",
    "headers 5 es eh get; headers 3 es eh get", BYE("5", "PROTOCOL_ERROR") },
  { "5.1.1 streams that are left out", "headers 5 es eh get; headers 9 es eh get",
    OPEN },
  { "5.1.1 the highest stream", "headers 0x7fffffff es eh get", OPEN },
};

/* --- how they are played ------------------------------------------------------------
 */

static void keep_all(h2_peer *peer, cro_request *request)
{
  (void)peer;
  (void)request;
}

static void check_cut(const rule *row, cro_bytes in, size_t first, size_t step)
{
  cro_bytes head = cro_bytes_take(&in, first);
  h2_text got = { 0 };
  h2_rig rig;

  h2_rig_greet(&rig);
  rig.peer.handler = keep_all;
  peer_feed(&rig.peer, head, 0);
  peer_feed(&rig.peer, in, step);
  peer_verdict(&rig.peer, &got);
  if (!cro_bytes_eq(cro_bytes_of(row->want), h2_text_bytes(&got)))
    test_fail(row->name, (int)first, "want %s, got %.*s", row->want, (int)got.len,
              got.at);
  h2_text_free(&got);
  h2_rig_close(&rig);
}

static void check_rule(const rule *row)
{
  h2_text in = { 0 };

  h2_script(&in, row->script);
  for (size_t first = 0; first < in.len && first < 200; first++)
    check_cut(row, h2_text_bytes(&in), first, 0);
  check_cut(row, h2_text_bytes(&in), 0, 1);
  h2_text_free(&in);
}

#define CHECK_RULES(rules)                                                             \
  for (size_t i = 0; i < COUNT(rules); i++)                                            \
  check_rule(&(rules)[i])

static void frames_are_what_section_4_says(void)
{
  CHECK_RULES(frame_rules);
}

static void data_is_what_section_6_1_says(void)
{
  CHECK_RULES(data_rules);
}

static void heads_are_what_sections_6_2_6_3_and_6_10_say(void)
{
  CHECK_RULES(headers_rules);
}

static void other_frames_are_what_sections_6_4_to_6_8_say(void)
{
  CHECK_RULES(control_rules);
}

static void windows_are_what_section_6_9_says(void)
{
  CHECK_RULES(window_rules);
}

static void streams_are_in_the_states_of_section_5_1(void)
{
  CHECK_RULES(state_rules);
}

/* --- streams that were answered ------------------------------------------------------
 */

static void check_answered(const char *name, const char *script, const char *want)
{
  h2_text got = { 0 };
  h2_rig rig;

  h2_rig_greet(&rig);
  peer_play(&rig.peer, "headers 1 es eh get");
  CHECK_INT(1, rig.peer.released);
  peer_play(&rig.peer, script);
  peer_verdict(&rig.peer, &got);
  if (!cro_bytes_eq(cro_bytes_of(want), h2_text_bytes(&got)))
    test_fail(name, 0, "want %s, got %.*s", want, (int)got.len, got.at);
  h2_text_free(&got);
  h2_rig_close(&rig);
}

static void closed_streams_take_no_more(void)
{
  check_answered("5.1 DATA", "data 1 es 'x'", BYE("1", "STREAM_CLOSED"));
  check_answered("5.1 HEADERS", "headers 1 es eh get", BYE("1", "STREAM_CLOSED"));
  check_answered("5.1 CONTINUATION", "cont 1 eh get", BYE("1", "PROTOCOL_ERROR"));
  check_answered("5.1 WINDOW_UPDATE", "window 1 u31:1000", OPEN);
  check_answered("5.1 PRIORITY", "priority 1 u31:0 u8:1", OPEN);
  check_answered("5.1 RST_STREAM", "rst 1 u32:8", OPEN);
}

/* What was on its way when the server has reset a stream is no fault of the client. */
static void what_comes_late_for_a_stream_the_server_has_reset_is_passed_over(void)
{
  h2_text got = { 0 };
  h2_rig rig;

  h2_rig_greet(&rig);
  peer_play(&rig.peer, "headers 1 eh post {content-length: 1}; data 1 'ab'");
  CHECK_PEER("RST_STREAM 1 PROTOCOL_ERROR\n", &rig.peer);
  peer_play(&rig.peer, "data 1 'cd'; headers 1 es eh {t: v}; window 1 u31:1000; "
                       "headers 3 es eh get");
  peer_verdict(&rig.peer, &got);
  CHECK_TEXT(OPEN, h2_text_bytes(&got));
  CHECK_INT(2, rig.peer.messages);
  h2_text_free(&got);
  h2_rig_close(&rig);
}

static void too_many_streams_are_refused(void)
{
  char line[64];
  h2_rig rig;

  h2_rig_greet(&rig);
  rig.peer.handler = keep_all;
  for (int i = 0; i < 101; i++) {
    snprintf(line, sizeof line, "headers %d es eh get", 2 * i + 1);
    peer_play(&rig.peer, line);
  }
  CHECK_PEER("RST_STREAM 201 REFUSED_STREAM\n", &rig.peer);
  CHECK(peer_is_open(&rig.peer));
  h2_rig_close(&rig);
}

/* --- the preface ---------------------------------------------------------------------
 */

static void check_preface(const char *script, const char *want)
{
  h2_text in = { 0 };

  h2_script(&in, script);
  for (size_t step = 0; step < 30; step++) {
    h2_text got = { 0 };
    h2_rig rig;

    h2_rig_open(&rig);
    CHECK(h2_rig_start(&rig));
    peer_feed(&rig.peer, h2_text_bytes(&in), step);
    peer_verdict(&rig.peer, &got);
    if (!cro_bytes_eq(cro_bytes_of(want), h2_text_bytes(&got)))
      test_fail(script, (int)step, "want %s, got %.*s", want, (int)got.len, got.at);
    h2_text_free(&got);
    h2_rig_close(&rig);
  }
  h2_text_free(&in);
}

static void a_connection_begins_as_section_3_4_says(void)
{
  check_preface("preface; settings 0", OPEN);
  check_preface("preface; settings 0 u16:3 u32:7; settings 0 ack", OPEN);
  check_preface("raw 'INVALID CONNECTION PREFACE'", BYE("0", "PROTOCOL_ERROR"));
  check_preface("raw 'PRI * HTTP/2.0' x0d0a0d0a 'SX'", BYE("0", "PROTOCOL_ERROR"));
  check_preface("preface; ping 0 zeros:8", BYE("0", "PROTOCOL_ERROR"));
  check_preface("preface; settings 0 ack", BYE("0", "PROTOCOL_ERROR"));
  check_preface("preface; headers 1 es eh get", BYE("0", "PROTOCOL_ERROR"));
}

TEST_MAIN(CASE(frames_are_what_section_4_says), CASE(data_is_what_section_6_1_says),
          CASE(heads_are_what_sections_6_2_6_3_and_6_10_say),
          CASE(other_frames_are_what_sections_6_4_to_6_8_say),
          CASE(windows_are_what_section_6_9_says),
          CASE(streams_are_in_the_states_of_section_5_1),
          CASE(closed_streams_take_no_more),
          CASE(what_comes_late_for_a_stream_the_server_has_reset_is_passed_over),
          CASE(too_many_streams_are_refused),
          CASE(a_connection_begins_as_section_3_4_says))
