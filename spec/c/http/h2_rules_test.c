/* What a server does about every frame and message that breaks RFC 9113. Each row is
 * played in one piece, in two that are cut at each byte, and byte by byte. */
#include "support/h2_rig.h"
#include "support/h2_rules.h"
#include "support/test.h"

#include <stdio.h>

#define BYE(last, code) "GOAWAY last=" last " " code ", close"
#define OPEN "open"

/* --- how they are played ------------------------------------------------------------
 */

static void keep_all(h2_peer *peer, cro_request *request)
{
  (void)peer;
  (void)request;
}

/* The next request is served. */
static void check_others(h2_rig *rig)
{
  peer_forget(&rig->peer);
  peer_play(&rig->peer, "headers 3 es eh get");
  CHECK_LOG("GET / @h host=h\n", &rig->peer);
}

static void check_cut(const h2_rule *row, cro_bytes in, size_t first, size_t step,
                      bool answered)
{
  cro_bytes head = cro_bytes_take(&in, first);
  h2_text got = { 0 };
  h2_rig rig;

  h2_rig_greet(&rig);
  rig.peer.handler = answered ? NULL : keep_all;
  peer_feed(&rig.peer, head, 0);
  peer_feed(&rig.peer, in, step);
  peer_verdict(&rig.peer, &got);
  if (!cro_bytes_eq(cro_bytes_of(row->want), h2_text_bytes(&got)))
    test_fail(row->name, (int)first, "want %s, got %.*s", row->want, (int)got.len,
              got.at);
  if (answered) {
    CHECK_INT(rig.peer.messages, rig.peer.released);
    CHECK(rig.peer.messages == 1 || strcmp(row->want, OPEN) != 0);
    check_others(&rig);
  }
  h2_text_free(&got);
  h2_rig_close(&rig);
}

static void check_rule(const h2_rule *row, bool answered)
{
  h2_text in = { 0 };

  h2_script(&in, row->script);
  for (size_t first = 0; first < in.len && first < 200; first++)
    check_cut(row, h2_text_bytes(&in), first, 0, answered);
  check_cut(row, h2_text_bytes(&in), 0, 1, answered);
  h2_text_free(&in);
}

static void check_group(const char *title)
{
  const h2_rule_group *group = h2_rule_groups;

  while (strcmp(group->title, title) != 0)
    group++;
  for (size_t i = 0; i < group->count; i++)
    check_rule(&group->rules[i], group->answered);
}

#define GROUP(name, title)                                                             \
  static void name(void)                                                               \
  {                                                                                    \
    check_group(title);                                                                \
  }

GROUP(frames_are_what_section_4_says, "frames are what section 4 says")
GROUP(data_is_what_section_6_1_says, "DATA is what section 6.1 says")
GROUP(heads_are_what_sections_6_2_6_3_and_6_10_say,
      "heads are what sections 6.2, 6.3 and 6.10 say")
GROUP(other_frames_are_what_sections_6_4_to_6_8_say,
      "other frames are what sections 6.4 to 6.8 say")
GROUP(windows_are_what_section_6_9_says, "windows are what section 6.9 says")
GROUP(streams_are_in_the_states_of_section_5_1,
      "streams are in the states of section 5.1")
GROUP(blocks_are_what_rfc_7541_says, "blocks are what RFC 7541 says")
GROUP(fields_are_what_section_8_2_says, "fields are what section 8.2 says")
GROUP(pseudo_fields_are_what_section_8_3_says,
      "pseudo-fields are what section 8.3 says")
GROUP(messages_are_what_section_8_1_says, "messages are what section 8.1 says")

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
          CASE(blocks_are_what_rfc_7541_says), CASE(fields_are_what_section_8_2_says),
          CASE(pseudo_fields_are_what_section_8_3_says),
          CASE(messages_are_what_section_8_1_says), CASE(closed_streams_take_no_more),
          CASE(what_comes_late_for_a_stream_the_server_has_reset_is_passed_over),
          CASE(too_many_streams_are_refused),
          CASE(a_connection_begins_as_section_3_4_says))
