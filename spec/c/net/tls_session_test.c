/* TLS sessions without a socket: every cut, every change on the way, every end. */
#include "net/tls_session.h"

#include "base/err.h"
#include "support/tls_ends.h"
#include "support/tls_rig.h"

#include <stdlib.h>

static cro_tls_context *server_context, *client_context;

/* Both without sessions to resume: every handshake is a full one. */
static void make_contexts(void)
{
  static const cro_tls_options plain = { .no_sessions = true };

  if (server_context != NULL)
    return;
  server_context = tls_ends_server(&plain);
  client_context = tls_ends_client(&plain);
}

static void drop_contexts(void)
{
  cro_tls_context_drop(server_context);
  cro_tls_context_drop(client_context);
  server_context = client_context = NULL;
}

static void begin(tls_rig *rig)
{
  make_contexts();
  CHECK(tls_rig_open(rig, server_context, client_context, "localhost"));
}

static void check_open(const tls_rig *rig)
{
  CHECK_INT(1, rig->server.over);
  CHECK_INT(0, rig->server.over_err);
  CHECK_INT(1, rig->client.over);
  CHECK_INT(0, rig->client.over_err);
}

static void begin_open(tls_rig *rig)
{
  begin(rig);
  tls_rig_run(rig, 100000);
  check_open(rig);
}

static void end(tls_rig *rig)
{
  tls_rig_close(rig);
  drop_contexts();
}

static void say(tls_side *side, cro_bytes text)
{
  CHECK_INT(0, probe_send(&side->probe, text));
}

static cro_bytes heard(const tls_side *side)
{
  return cro_buf_bytes(&side->probe.got);
}

static cro_bytes why(const tls_side *side)
{
  return cro_bytes_of(side->tls->why != NULL ? side->tls->why : "");
}

/* --- cuts ----------------------------------------------------------------------------
 */

static void talk_in_pieces(int version, size_t piece)
{
  tls_rig rig = { .server.echo = true, .version = version };

  begin(&rig);
  tls_rig_run(&rig, piece);
  check_open(&rig);
  CHECK_TEXT(version == 13 ? "TLSv1.3" : "TLSv1.2",
             cro_bytes_of(rig.client.conn.tls->version));
  say(&rig.client, CRO_B("one "));
  say(&rig.client, CRO_B("two "));
  tls_rig_run(&rig, piece);
  say(&rig.client, CRO_B("three"));
  tls_rig_run(&rig, piece);
  CHECK_BYTES(CRO_B("one two three"), heard(&rig.client));
  CHECK_INT(2, rig.server.probe.pushes); /* what was gathered is one record */
  tls_rig_close(&rig);
}

static void records_in_pieces_of_any_size_are_one_stream(void)
{
  static const size_t pieces[] = { 1, 2, 3, 5, 16, 100, 1000, 100000 };

  for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
    talk_in_pieces(12, pieces[i]);
    talk_in_pieces(13, pieces[i]);
  }
  drop_contexts();
}

/* `from` sends n bytes, then the connection breaks off. False: it sends no more than
 * that in all. */
static bool break_off(tls_rig *rig, tls_side *from, size_t n)
{
  tls_side *to = from == &rig->server ? &rig->client : &rig->server;

  begin(rig);
  do {
    size_t left = n - from->sent;

    tls_rig_turn(rig);
    if (from->wire.len > left) {
      (void)tls_rig_move(rig, from, left);
      tls_side_end(to);
      tls_rig_turn(rig);
      return true;
    }
  } while (tls_rig_move(rig, from, n) + tls_rig_move(rig, to, 100000) > 0);
  return false;
}

/* Whoever has not ended its handshake by then is told that it never will; the other one
 * that the stream is not whole. */
static size_t cut_everywhere(bool server, int version)
{
  size_t n = 0;
  bool more = true;

  for (; more; n++) {
    tls_rig rig = { .version = version };
    tls_side *from = server ? &rig.server : &rig.client;
    tls_side *to = server ? &rig.client : &rig.server;

    more = break_off(&rig, from, n);
    if (more && to->over_err != 0) {
      CHECK_INT(CRO_E_EOF, to->over_err);
      CHECK_TEXT("the peer closed the connection during the handshake", why(to));
    } else if (more) {
      CHECK_INT(1, to->probe.fails);
      CHECK_INT(CRO_E_EOF, to->probe.err);
    }
    CHECK_INT(1, to->over);
    tls_rig_close(&rig);
  }
  return n;
}

static void a_handshake_cut_at_any_byte_is_told_as_that(void)
{
  CHECK(cut_everywhere(true, 13) > 500);
  CHECK(cut_everywhere(false, 13) > 200);
  CHECK(cut_everywhere(true, 12) > 500);
  CHECK(cut_everywhere(false, 12) > 200);
  drop_contexts();
}

/* --- changes on the way --------------------------------------------------------------
 */

static unsigned dice(unsigned *state)
{
  *state = *state * 1103515245u + 12345u;
  return *state >> 16;
}

/* A conversation of which one byte is changed, or dropped, or sent twice. */
static void move_changed(tls_rig *rig, tls_side *from, size_t at, unsigned *state)
{
  cro_buf *wire = &from->wire;
  size_t i = at - from->sent;

  if (at < from->sent || i >= wire->len)
    return;
  switch (dice(state) % 3) {
  case 0:
    wire->at[i] = (char)(wire->at[i] ^ (1 << dice(state) % 8));
    break;
  case 1:
    memmove(wire->at + i, wire->at + i + 1, wire->len - i - 1);
    wire->len--;
    break;
  default:
    (void)cro_buf_add_byte(wire, 'x');
    memmove(wire->at + i + 1, wire->at + i, wire->len - i - 1);
  }
  (void)tls_rig_move(rig, from, 100000);
}

static void talk(tls_rig *rig, bool server, size_t at, unsigned *state)
{
  static const char text[] = "what is sent arrives, or nothing does";
  tls_side *from = server ? &rig->server : &rig->client;

  for (int step = 0; step < 20; step++) {
    tls_rig_turn(rig);
    move_changed(rig, from, at, state);
    (void)tls_rig_move(rig, step % 2 == 0 ? &rig->client : &rig->server, 100000);
    if (step == 10 && rig->client.over == 1 && rig->client.over_err == 0)
      (void)probe_send(&rig->client.probe, (cro_bytes){ text, sizeof text });
  }
  CHECK(memcmp(heard(&rig->client).at ? heard(&rig->client).at : "", text,
               heard(&rig->client).len) == 0);
  CHECK(memcmp(heard(&rig->server).at ? heard(&rig->server).at : "", text,
               heard(&rig->server).len) == 0);
}

static void a_changed_byte_ends_the_connection_and_delivers_nothing_wrong(void)
{
  unsigned state = 20211123;
  size_t noticed = 0, rounds = 400;

  for (size_t i = 0; i < rounds; i++) {
    tls_rig rig = { .server.echo = true, .version = i % 2 == 0 ? 12 : 13 };

    begin(&rig);
    talk(&rig, i % 4 < 2, dice(&state) % 500, &state);
    noticed +=
        rig.server.tls->failed || rig.client.tls->failed || heard(&rig.client).len == 0;
    tls_rig_close(&rig);
  }
  CHECK(noticed > rounds / 2); /* the others changed what was never sent */
  drop_contexts();
}

static void a_changed_record_is_told_to_both(void)
{
  tls_rig rig = { 0 };

  begin_open(&rig);
  say(&rig.client, CRO_B("hello"));
  tls_rig_turn(&rig);
  rig.client.wire.at[rig.client.wire.len - 1] ^= 1;
  tls_rig_run(&rig, 100000);
  CHECK_INT(0, rig.server.probe.pushes);
  CHECK_INT(1, rig.server.probe.fails);
  CHECK_INT(CRO_E_TLS, rig.server.probe.err);
  CHECK_INT(CRO_E_TLS, rig.server.err);
  CHECK_TEXT("a record was changed on its way (bad record MAC)", why(&rig.server));
  CHECK_INT(CRO_E_TLS, rig.client.probe.err);
  CHECK_TEXT("the peer sent alert: bad record mac", why(&rig.client));
  end(&rig);
}

/* --- ends ----------------------------------------------------------------------------
 */

static void close_notify_is_the_end_of_a_whole_stream(void)
{
  tls_rig rig = { .server.echo = true };

  begin_open(&rig);
  say(&rig.client, CRO_B("last words"));
  CHECK_INT(0, cro_emit_finish(&rig.client.probe.stage));
  tls_rig_run(&rig, 7);
  CHECK_BYTES(CRO_B("last words"), heard(&rig.client));
  CHECK_INT(1, rig.server.probe.finishes);
  CHECK_INT(1, rig.client.probe.finishes);
  CHECK_INT(0, rig.server.probe.fails + rig.client.probe.fails);
  CHECK_INT(0, rig.server.err + rig.client.err);
  CHECK(rig.server.tls->layer.eof && rig.client.tls->layer.eof);
  end(&rig);
}

static void one_side_may_finish_and_hear_the_other_out(void)
{
  for (int version = 12; version <= 13; version++) {
    tls_rig rig = { .version = version };

    begin_open(&rig);
    CHECK_INT(0, cro_emit_finish(&rig.client.probe.stage));
    tls_rig_run(&rig, 100000);
    CHECK_INT(1, rig.server.probe.finishes);
    CHECK_INT(CRO_E_CLOSED, probe_send(&rig.client.probe, CRO_B("too late")));
    say(&rig.server, CRO_B("still here"));
    tls_rig_run(&rig, 100000);
    CHECK_BYTES(CRO_B("still here"), heard(&rig.client));
    end(&rig);
  }
}

static void what_comes_behind_a_close_notify_is_ignored(void)
{
  cro_bytes more = CRO_B("more of it");
  tls_rig rig = { 0 };

  begin_open(&rig);
  CHECK_INT(0, cro_emit_finish(&rig.client.probe.stage));
  tls_rig_turn(&rig);
  (void)cro_buf_add(&rig.client.wire, CRO_B("\x17\x03\x03 garbage"));
  tls_rig_run(&rig, 100000);
  CHECK_INT(1, rig.server.probe.finishes);
  CHECK_INT(0, cro_emit(&rig.server.source, &more));
  CHECK_INT(0, rig.server.probe.fails + rig.server.probe.pushes);
  end(&rig);
}

static void an_end_without_close_notify_is_no_end_but_a_cut(void)
{
  tls_rig rig = { 0 };

  begin_open(&rig);
  say(&rig.client, CRO_B("half a"));
  tls_rig_run(&rig, 100000);
  tls_side_end(&rig.server);
  tls_rig_turn(&rig);
  CHECK_BYTES(CRO_B("half a"), heard(&rig.server));
  CHECK_INT(0, rig.server.probe.finishes);
  CHECK_INT(CRO_E_EOF, rig.server.probe.err);
  CHECK_INT(CRO_E_EOF, rig.server.err);
  CHECK_TEXT("the peer closed the connection without a close_notify", why(&rig.server));
  end(&rig);
}

static void a_close_says_close_notify_and_nothing_after_it(void)
{
  tls_rig rig = { 0 };

  begin_open(&rig);
  say(&rig.client, CRO_B("bye"));
  rig.client.conn.ops->close(&rig.client.conn);
  CHECK_INT(CRO_E_CLOSED, probe_send(&rig.client.probe, CRO_B("more")));
  tls_rig_run(&rig, 100000);
  CHECK_BYTES(CRO_B("bye"), heard(&rig.server));
  CHECK_INT(1, rig.server.probe.finishes);
  CHECK_INT(0, rig.client.probe.finishes); /* closed: nobody listens */
  end(&rig);
}

/* Between the fault and the turn in which it would have been told. */
static void who_has_closed_is_not_told_of_a_handshake_that_failed(bool abort)
{
  tls_rig rig = { 0 };

  begin(&rig);
  CHECK(tls_side_feed(&rig.server, CRO_B("GET / HTTP/1.1\r\n\r\n")) < 0);
  if (abort)
    rig.server.conn.ops->abort(&rig.server.conn);
  else
    rig.server.conn.ops->close(&rig.server.conn);
  tls_rig_turn(&rig);
  CHECK_INT(0, rig.server.over);
  end(&rig);
}

static void a_failure_is_not_told_to_who_has_given_up(void)
{
  who_has_closed_is_not_told_of_a_handshake_that_failed(true);
  who_has_closed_is_not_told_of_a_handshake_that_failed(false);
}

static void a_pipeline_that_fails_sends_no_close_notify(void)
{
  tls_rig rig = { 0 };

  begin_open(&rig);
  cro_emit_fail(&rig.client.probe.stage, CRO_E_HANDLER);
  CHECK(rig.client.aborted);
  CHECK_INT(CRO_E_HANDLER, rig.client.err);
  tls_rig_turn(&rig);
  CHECK_INT(0, rig.client.wire.len);
  end(&rig);
}

static void a_reset_is_passed_on(void)
{
  tls_rig rig = { 0 };

  begin_open(&rig);
  tls_side_break(&rig.server, CRO_E_RESET);
  CHECK_INT(CRO_E_RESET, rig.server.probe.err);
  CHECK_INT(1, rig.server.probe.fails);
  end(&rig);
}

TEST_MAIN(CASE(records_in_pieces_of_any_size_are_one_stream),
          CASE(a_handshake_cut_at_any_byte_is_told_as_that),
          CASE(a_changed_byte_ends_the_connection_and_delivers_nothing_wrong),
          CASE(a_changed_record_is_told_to_both),
          CASE(close_notify_is_the_end_of_a_whole_stream),
          CASE(one_side_may_finish_and_hear_the_other_out),
          CASE(what_comes_behind_a_close_notify_is_ignored),
          CASE(an_end_without_close_notify_is_no_end_but_a_cut),
          CASE(a_close_says_close_notify_and_nothing_after_it),
          CASE(a_failure_is_not_told_to_who_has_given_up),
          CASE(a_pipeline_that_fails_sends_no_close_notify), CASE(a_reset_is_passed_on))
