/* What a client does about every frame of a server that breaks RFC 9113. A request is
 * under way on stream 1. Each row is played in one piece, cut in two, byte by byte. */
#include "support/h2_client_rig.h"
#include "support/test.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

typedef struct rule {
  const char *name;
  const char *script;
  const char *want; /* the last RST_STREAM, the last GOAWAY, the connection */
} rule;

#define BYE(code) "GOAWAY last=0 " code ", close"
#define RESET(code) "RST_STREAM 1 " code ", open"
#define BAD RESET("PROTOCOL_ERROR")
#define OPEN "open"
#define OK "headers 1 eh ok;"
#define DONE "headers 1 es eh ok;"

static const rule frame_rules[] = {
  { "4.1 a type nobody knows", "type:0x16 0 zeros:8", OPEN },
  { "4.1 flags nobody knows", "ping 0 flags:0xfe zeros:8", OPEN },
  { "4.1 the reserved bit", "ping R0 zeros:8; headers R1 es eh ok", OPEN },
  { "4.2 DATA of 2^14 bytes", OK "data 1 fill:16384", OPEN },
  { "4.2 DATA of more", OK "data 1 len:16385 'x'", BYE("FRAME_SIZE_ERROR") },
  { "4.3 a block that cannot be decoded", "headers 1 es eh x00",
    BYE("COMPRESSION_ERROR") },
  { "4.2 HEADERS of more", "headers 1 len:16385 'x'", BYE("FRAME_SIZE_ERROR") },
  { "4.3 a block that ends inside a field", "headers 1 es eh x40",
    BYE("COMPRESSION_ERROR") },
  { "4.3 PRIORITY inside a block", "headers 1 es; priority 1 u31:0 u8:1",
    BYE("PROTOCOL_ERROR") },
  { "4.3 HEADERS of another stream inside a block", "headers 1 es; headers 3 es eh ok",
    BYE("PROTOCOL_ERROR") },
  { "4.3 CONTINUATION of another stream", "headers 1 es; cont 3 eh ok",
    BYE("PROTOCOL_ERROR") },
  { "5.5 a type nobody knows inside a block", "headers 1 es; type:0x16 0 'x'",
    BYE("PROTOCOL_ERROR") },
  { "6.1 DATA on stream 0", "data 0 'x'", BYE("PROTOCOL_ERROR") },
  { "6.1 padding as long as DATA", OK "data 1 pad u8:3 zeros:2",
    BYE("PROTOCOL_ERROR") },
  { "6.1 padding longer than DATA", OK "data 1 es pad u8:6 'Test'",
    BYE("PROTOCOL_ERROR") },
  { "6.2 HEADERS on stream 0", "headers 0 es eh ok", BYE("PROTOCOL_ERROR") },
  { "6.2 padding longer than HEADERS", "headers 1 es eh pad u8:200 ok",
    BYE("PROTOCOL_ERROR") },
  { "6.3 PRIORITY on stream 0", "priority 0 u31:1 u8:9", BYE("PROTOCOL_ERROR") },
  { "5.3.1 PRIORITY that depends on its own stream", "priority 1 u31:1 u8:9",
    BYE("PROTOCOL_ERROR") },
  { "6.3 PRIORITY of 4 bytes", "priority 1 u31:0", BYE("FRAME_SIZE_ERROR") },
  { "6.4 RST_STREAM on stream 0", "rst 0 u32:8", BYE("PROTOCOL_ERROR") },
  { "6.4 RST_STREAM of an idle stream", "rst 3 u32:8", BYE("PROTOCOL_ERROR") },
  { "6.4 RST_STREAM of 3 bytes", "rst 1 u24:8", BYE("FRAME_SIZE_ERROR") },
  { "6.5 an acknowledgement with content", "settings 0 ack u16:3 u32:1",
    BYE("FRAME_SIZE_ERROR") },
  { "6.5 an acknowledgement of nothing", "settings 0 ack", BYE("PROTOCOL_ERROR") },
  { "6.5 SETTINGS on a stream", "settings 1 u16:3 u32:1", BYE("PROTOCOL_ERROR") },
  { "6.5 SETTINGS of 3 bytes", "settings 0 zeros:3", BYE("FRAME_SIZE_ERROR") },
  { "6.5.2 ENABLE_PUSH of 1 by a server", "settings 0 u16:2 u32:1",
    BYE("PROTOCOL_ERROR") },
  { "6.5.2 ENABLE_PUSH of 0 by a server", "settings 0 u16:2 u32:0", OPEN },
  { "6.5.2 INITIAL_WINDOW_SIZE of 2^31", "settings 0 u16:4 u32:0x80000000",
    BYE("FLOW_CONTROL_ERROR") },
  { "6.5.2 MAX_FRAME_SIZE of 2^14 - 1", "settings 0 u16:5 u32:16383",
    BYE("PROTOCOL_ERROR") },
  { "6.5.2 MAX_FRAME_SIZE of 2^24", "settings 0 u16:5 u32:16777216",
    BYE("PROTOCOL_ERROR") },
  { "6.5.2 a setting nobody knows", "settings 0 u16:255 u32:1", OPEN },
  { "8441 3 ENABLE_CONNECT_PROTOCOL that is taken back",
    "settings 0 u16:8 u32:1; settings 0 u16:8 u32:0", BYE("PROTOCOL_ERROR") },
  { "6.6 PUSH_PROMISE that was not allowed", "push 1 eh u31:2 get",
    BYE("PROTOCOL_ERROR") },
  { "6.7 PING on a stream", "ping 1 zeros:8", BYE("PROTOCOL_ERROR") },
  { "6.7 PING of 7 bytes", "ping 0 zeros:7", BYE("FRAME_SIZE_ERROR") },
  { "6.8 GOAWAY on a stream", "goaway 1 u31:0 u32:0", BYE("PROTOCOL_ERROR") },
  { "6.8 GOAWAY of 7 bytes", "goaway 0 zeros:7", BYE("FRAME_SIZE_ERROR") },
  { "6.8 GOAWAY with a stream of the server", "goaway 0 u31:2 u32:0",
    BYE("PROTOCOL_ERROR") },
  { "6.8 GOAWAY that goes up", "goaway 0 u31:1 u32:0; goaway 0 u31:3 u32:0",
    BYE("PROTOCOL_ERROR") },
  { "6.9 WINDOW_UPDATE of 3 bytes", "window 0 u24:1", BYE("FRAME_SIZE_ERROR") },
  { "6.9 WINDOW_UPDATE of 0 on the connection", "window 0 u31:0",
    BYE("PROTOCOL_ERROR") },
  { "6.9 WINDOW_UPDATE of an idle stream", "window 3 u31:1", BYE("PROTOCOL_ERROR") },
  { "6.9.1 the connection's window beyond 2^31 - 1", "window 0 u31:0x7fffffff",
    BYE("FLOW_CONTROL_ERROR") },
  { "6.9.1 a stream's window beyond 2^31 - 1", "window 1 u31:0x7fffffff",
    RESET("FLOW_CONTROL_ERROR") },
  { "6.10 CONTINUATION on stream 0", "headers 1 es; cont 0 eh ok",
    BYE("PROTOCOL_ERROR") },
  { "6.10 HEADERS in three pieces", "headers 1 es ok; cont 1 {x: y}; cont 1 eh {z: z}",
    OPEN },
  { "6.10 DATA behind CONTINUATION", "headers 1 ok; cont 1 {x: y}; data 1 es 'test'",
    BYE("PROTOCOL_ERROR") },
  { "6.10 DATA inside a block", "headers 1 ok; data 1 es 'test'; cont 1 eh",
    BYE("PROTOCOL_ERROR") },
  { "6.10 CONTINUATION without HEADERS", "cont 1 eh ok", BYE("PROTOCOL_ERROR") },
  { "6.10 CONTINUATION behind another that was the last",
    "headers 1 es ok; cont 1 eh; cont 1 eh", BYE("PROTOCOL_ERROR") },
  { "6.10 CONTINUATION behind one that was the last", OK "cont 1 eh",
    BYE("PROTOCOL_ERROR") },
};

static const rule state_rules[] = {
  { "5.1 HEADERS on an idle stream", "headers 3 es eh ok", BYE("PROTOCOL_ERROR") },
  { "5.1 HEADERS on an idle stream of the server", "headers 2 es eh ok",
    BYE("PROTOCOL_ERROR") },
  { "5.1.1 HEADERS on a stream far away", "headers 101 es eh ok",
    BYE("PROTOCOL_ERROR") },
  { "5.1 RST_STREAM of an idle stream of the server", "rst 2 u32:8",
    BYE("PROTOCOL_ERROR") },
  { "5.1 WINDOW_UPDATE of an idle stream of the server", "window 2 u31:100",
    BYE("PROTOCOL_ERROR") },
  { "5.1 CONTINUATION of an idle stream of the server", "cont 2 eh ok",
    BYE("PROTOCOL_ERROR") },
  { "5.1 DATA on an idle stream", "data 3 'x'", BYE("PROTOCOL_ERROR") },
  { "5.1 DATA on an idle stream of the server", "data 2 'x'", BYE("PROTOCOL_ERROR") },
  { "5.1 PRIORITY on an idle stream", "priority 3 u31:0 u8:1", OPEN },
  { "5.1 DATA behind RST_STREAM", OK "rst 1 u32:8; data 1 'x'", BYE("STREAM_CLOSED") },
  { "5.1 HEADERS behind RST_STREAM", OK "rst 1 u32:8; headers 1 es eh ok",
    BYE("STREAM_CLOSED") },
  { "5.1 CONTINUATION behind RST_STREAM", OK "rst 1 u32:8; cont 1 eh {x: y}",
    BYE("PROTOCOL_ERROR") },
  { "5.1 DATA behind END_STREAM", DONE "data 1 es 'test'", BYE("STREAM_CLOSED") },
  { "5.1 CONTINUATION behind END_STREAM", DONE "cont 1 eh {x: y}",
    BYE("PROTOCOL_ERROR") },
  { "5.1 HEADERS behind END_STREAM", DONE "headers 1 es eh ok", BYE("STREAM_CLOSED") },
  { "5.1 RST_STREAM behind END_STREAM", DONE "rst 1 u32:0", OPEN },
  { "5.1 WINDOW_UPDATE behind END_STREAM", DONE "window 1 u31:1000", OPEN },
};

static const rule message_rules[] = {
  { "8.1 DATA before HEADERS", "data 1 'x'", BYE("PROTOCOL_ERROR") },
  { "8.1 trailers", OK "headers 1 es eh {t: v}", OPEN },
  { "8.1 trailers without END_STREAM", OK "headers 1 eh {t: v}", BAD },
  { "8.1 trailers with a pseudo-field", OK "headers 1 es eh ok", BAD },
  { "8.1 an interim answer that ends", "headers 1 es eh {:status: 103}", BAD },
  { "8.1 DATA behind an interim answer", "headers 1 eh {:status: 103}; data 1 es 'x'",
    BAD },
  { "8.2.1 an upper-case name", "headers 1 es eh ok {X: y}", BAD },
  { "8.2.1 a name with a space", "headers 1 es eh ok {x y: z}", BAD },
  { "8.2.1 an empty name", "headers 1 es eh ok x00000161", BAD },
  { "8.2.1 a value with LF", "headers 1 es eh ok x00017803610a62", BAD },
  { "8.2.1 a value with NUL", "headers 1 es eh ok x0001780100", BAD },
  { "8.2.2 Connection", "headers 1 es eh ok {connection: close}", BAD },
  { "8.2.2 Transfer-Encoding", "headers 1 es eh ok {transfer-encoding: chunked}", BAD },
  { "8.3 a pseudo-field nobody knows", "headers 1 es eh ok {:x: y}", BAD },
  { "8.3 :path in an answer", "headers 1 es eh ok {:path: /}", BAD },
  { "8.3 a pseudo-field behind a field", "headers 1 es eh {x: y} ok", BAD },
  { "8.3.2 :status twice", "headers 1 es eh ok ok", BAD },
  { "8.3.2 no :status", "headers 1 es eh {x: y}", BAD },
  { "8.3.2 a :status of two digits", "headers 1 es eh {:status: 20}", BAD },
  { "8.3.2 a :status that is no number", "headers 1 es eh {:status: 2xx}", BAD },
  { "8.1.1 two lengths", "headers 1 eh ok {content-length: 1} {content-length: 1}",
    BAD },
};

static void check_cut(const rule *row, cro_bytes in, size_t first, size_t step)
{
  cro_bytes head = cro_bytes_take(&in, first);
  h2_text got = { 0 };

  h2c_open();
  CHECK_INT(0, h2c_get("/"));
  peer_forget(&h2c.peer);
  peer_feed(&h2c.peer, head, 0);
  peer_feed(&h2c.peer, in, step);
  peer_verdict(&h2c.peer, &got);
  if (!cro_bytes_eq(cro_bytes_of(row->want), h2_text_bytes(&got)))
    test_fail(row->name, (int)first, "want %s, got %.*s", row->want, (int)got.len,
              got.at);
  if (got.len > 5)
    CHECK_INT(1, h2c.peer.released);
  h2_text_free(&got);
  h2c_close();
}

static void check_rule(const rule *row)
{
  h2_text in = { 0 };

  h2_script(&in, row->script);
  for (size_t first = 0; first < in.len && first < 100; first++)
    check_cut(row, h2_text_bytes(&in), first, 0);
  check_cut(row, h2_text_bytes(&in), 0, 1);
  h2_text_free(&in);
}

#define CHECK_RULES(rules)                                                             \
  for (size_t i = 0; i < COUNT(rules); i++)                                            \
  check_rule(&(rules)[i])

static void frames_are_what_sections_4_to_6_say(void)
{
  CHECK_RULES(frame_rules);
}

static void streams_are_in_the_states_of_section_5_1(void)
{
  CHECK_RULES(state_rules);
}

static void answers_are_what_section_8_says(void)
{
  CHECK_RULES(message_rules);
}

/* A stream's own windows are wrong, its exchange is; the others go on. */
static void a_zero_update_on_a_stream_is_an_error(void)
{
  h2_text got = { 0 };

  h2c_open();
  CHECK_INT(0, h2c_get("/"));
  h2c_play("window 1 u31:0");
  peer_verdict(&h2c.peer, &got);
  CHECK_TEXT(BYE("PROTOCOL_ERROR"), h2_text_bytes(&got));
  h2_text_free(&got);
  h2c_close();
}

TEST_MAIN(CASE(frames_are_what_sections_4_to_6_say),
          CASE(streams_are_in_the_states_of_section_5_1),
          CASE(answers_are_what_section_8_says),
          CASE(a_zero_update_on_a_stream_is_an_error))
