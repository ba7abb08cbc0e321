/* The peer that plays the other end of HTTP/2 sessions writes and reads frames. */
#include "support/h2_peer.h"
#include "support/test.h"

static void check_bytes(const char *hex, const char *script)
{
  h2_text want = { 0 }, got = { 0 };

  h2_put_hex(&want, cro_bytes_of(hex));
  h2_script(&got, script);
  CHECK_BYTES(h2_text_bytes(&want), h2_text_bytes(&got));
  h2_text_free(&want);
  h2_text_free(&got);
}

static void a_script_is_frames(void)
{
  check_bytes("000003 00 01 00000001 616263", "data 1 es 'abc'");
  check_bytes("000005 00 08 00000001 02 6162 0000", "data 1 pad u8:2 'ab' zeros:2");
  check_bytes("000006 04 00 00000000 0004 0000ffff", "settings 0 u16:4 u32:65535");
  check_bytes("000000 04 01 00000000", "settings 0 ack");
  check_bytes("000004 03 00 80000003 00000008", "rst R3 u32:8");
  check_bytes("000009 06 00 00000000 6162", "ping 0 len:9 'ab'");
  check_bytes("000001 16 ff 00000000 78", "type:22 0 flags:255 'x'");
  check_bytes("000000 09 04 00000001 000000 09 00 00000001", "cont 1 eh; cont 1");
}

static void fields_are_hpack_literals(void)
{
  check_bytes("000007 01 04 00000001 00 0161 0362 6364", "headers 1 eh {a: bcd}");
  check_bytes("000005 01 00 00000001 40 023a61 00", "headers 1 {+:a: }");
  check_bytes("00000e 01 00 00000001 00073a737461747573 03323030 82",
              "headers 1 ok x82");
}

static void an_integer_takes_the_bytes_it_needs(void)
{
  h2_text out = { 0 };

  h2_put_integer(&out, 0xe0, 5, 10); /* RFC 7541 C.1 */
  h2_put_integer(&out, 0x00, 5, 1337);
  h2_put_integer(&out, 0x00, 8, 42);
  CHECK_BYTES(CRO_B("\xea\x1f\x9a\x0a\x2a"), h2_text_bytes(&out));
  h2_text_free(&out);
}

static void check_said(const char *want, const char *script)
{
  h2_text bytes = { 0 }, said = { 0 };
  h2_frames frames;
  h2_frame frame;

  h2_script(&bytes, script);
  h2_frames_init(&frames);
  for (size_t i = 0; i < bytes.len; i++) { /* as they come */
    h2_frames_add(&frames, (cro_bytes){ bytes.at + i, 1 });
    while (h2_frames_next(&frames, &frame)) {
      h2_frame_say(&frame, &said);
      h2_text_add(&said, CRO_B("\n"));
    }
  }
  CHECK_TEXT(want, h2_text_bytes(&said));
  h2_frames_free(&frames);
  h2_text_free(&bytes);
  h2_text_free(&said);
}

static void frames_are_read_back(void)
{
  check_said("DATA 1 es 'ab'\n", "data 1 es pad u8:2 'ab' zeros:2");
  check_said("DATA 3 100 bytes\n", "data 3 fill:100");
  check_said("RST_STREAM 3 CANCEL\n", "rst 3 u32:8");
  check_said("SETTINGS 3=100 4=65535\nSETTINGS ack\n",
             "settings 0 u16:3 u32:100 u16:4 u32:65535; settings 0 ack");
  check_said("PING ack 6162636465666768\n", "ping 0 ack 'abcdefgh'");
  check_said("GOAWAY last=5 PROTOCOL_ERROR\n", "goaway 0 u31:5 u32:1 'why'");
  check_said("WINDOW_UPDATE 1 9\n", "window 1 u31:9");
  check_said("TYPE 22 on 1 78\n", "type:22 1 'x'");
}

static void header_blocks_are_read_with_all_their_pieces(void)
{
  check_said("HEADERS 1 es :status=200 a=b\nHEADERS 3 a=b\n",
             "headers 1 es ok; cont 1; cont 1 eh {+a: b}; headers 3 eh xbe");
  check_said("HEADERS 1 a=b\n", "headers 1 eh pad prio u8:1 u31:0 u8:9 {a: b} zeros:1");
  check_said("PUSH_PROMISE 1 2 a=b\n", "push 1 eh u31:2 {a: b}");
}

TEST_MAIN(CASE(a_script_is_frames), CASE(fields_are_hpack_literals),
          CASE(an_integer_takes_the_bytes_it_needs), CASE(frames_are_read_back),
          CASE(header_blocks_are_read_with_all_their_pieces))
