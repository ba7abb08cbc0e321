/* TLS sessions whose pipeline or socket is full, floods, what is in between. */
#include "net/tls_session.h"

#include "base/err.h"
#include "support/tls_ends.h"
#include "support/tls_rig.h"

#include <openssl/err.h>
#include <openssl/x509.h>
#include <stdlib.h>

static cro_tls_context *server_context, *client_context;
static char *pattern;
enum { pattern_bytes = 4 * 1024 * 1024 };

static void begin(tls_rig *rig)
{
  static const cro_tls_options plain = { .no_sessions = true };

  server_context = tls_ends_server(&plain);
  client_context = tls_ends_client(&plain);
  CHECK(tls_rig_open(rig, server_context, client_context, "localhost"));
  tls_rig_run(rig, 100000);
  CHECK_INT(0, rig->server.over_err);
  CHECK_INT(1, rig->server.over + rig->client.over - 1);
  pattern = malloc(pattern_bytes);
  for (size_t i = 0; i < pattern_bytes; i++)
    pattern[i] = (char)('a' + i % 23);
}

static void end(tls_rig *rig)
{
  tls_rig_close(rig);
  cro_tls_context_drop(server_context);
  cro_tls_context_drop(client_context);
  free(pattern);
}

static uint64_t queued(const tls_side *side)
{
  return side->tls->layer.taken - side->tls->layer.passed;
}

/* --- in ------------------------------------------------------------------------------
 */

static void a_full_pipeline_is_left_alone_until_it_resumes(void)
{
  tls_rig rig = { 0 };
  size_t before;

  begin(&rig);
  rig.server.probe.answer = CRO_FULL;
  (void)probe_send(&rig.client.probe, (cro_bytes){ pattern, 300000 });
  tls_rig_run(&rig, 65536);
  CHECK_INT(1, rig.server.probe.pushes);
  CHECK(rig.server.in_full);
  CHECK(rig.server.tls->held.len <= 64 * 1024);
  for (int i = 2; rig.server.probe.got.len < 300000 && i < 100; i++) {
    cro_stage_resume(&rig.server.probe.stage);
    before = rig.server.probe.got.len;
    tls_rig_run(&rig, 65536);
    CHECK_INT(i, rig.server.probe.pushes);
    CHECK(rig.server.probe.got.len - before <= net_tls_block_bytes);
  }
  CHECK_INT(300000, rig.server.probe.got.len);
  check_pattern(rig.server.probe.got.at, rig.server.probe.got.len);
  end(&rig);
}

/* As a call of OpenSSL leaves one that nobody has asked about. */
static void leave_an_error(void)
{
  ERR_raise(ERR_LIB_X509, X509_R_CERT_ALREADY_IN_HASH_TABLE);
}

static void errors_of_others_are_not_its_own(void)
{
  tls_rig rig = { 0 };

  begin(&rig);
  (void)probe_send(&rig.client.probe, (cro_bytes){ pattern, 50000 });
  tls_rig_turn(&rig);
  for (size_t moved = 1; moved > 0; tls_rig_turn(&rig)) {
    leave_an_error();
    moved = tls_rig_move(&rig, &rig.client, 777);
  }
  CHECK_INT(50000, rig.server.probe.got.len);
  CHECK(!rig.server.tls->failed);
  leave_an_error();
  (void)probe_send(&rig.server.probe, (cro_bytes){ pattern, 50000 });
  tls_rig_run(&rig, 777);
  CHECK_INT(50000, rig.client.probe.got.len);
  ERR_clear_error();
  end(&rig);
}

static void an_end_waits_behind_what_is_held(void)
{
  tls_rig rig = { 0 };

  begin(&rig);
  rig.server.probe.answer = CRO_FULL;
  (void)probe_send(&rig.client.probe, (cro_bytes){ pattern, 100000 });
  CHECK_INT(0, cro_emit_finish(&rig.client.probe.stage));
  for (int i = 0; i < 20; i++) {
    tls_rig_run(&rig, 65536);
    if (rig.server.probe.got.len < 100000)
      CHECK_INT(0, rig.server.probe.finishes);
    cro_stage_resume(&rig.server.probe.stage);
  }
  CHECK_INT(100000, rig.server.probe.got.len);
  CHECK_INT(1, rig.server.probe.finishes);
  end(&rig);
}

/* FIN that overtakes what is held still cuts only behind it. */
static void a_cut_waits_behind_what_is_held(void)
{
  tls_rig rig = { 0 };

  begin(&rig);
  rig.server.probe.answer = CRO_FULL;
  (void)probe_send(&rig.client.probe, (cro_bytes){ pattern, 60000 });
  tls_rig_turn(&rig);
  CHECK_INT(CRO_FULL, tls_side_feed(&rig.server, cro_buf_bytes(&rig.client.wire)));
  CHECK_INT(CRO_FULL, tls_side_feed(&rig.server, CRO_B("\x17\x03\x03")));
  tls_side_end(&rig.server);
  CHECK_INT(0, rig.server.probe.fails);
  rig.client.wire.len = 0;
  for (int i = 0; i < 5; i++) {
    cro_stage_resume(&rig.server.probe.stage);
    tls_rig_turn(&rig);
  }
  CHECK_INT(60000, rig.server.probe.got.len);
  CHECK_INT(1, rig.server.probe.fails);
  CHECK_INT(CRO_E_EOF, rig.server.probe.err);
  end(&rig);
}

static void a_push_that_fails_closes_behind_what_is_queued(void)
{
  tls_rig rig = { 0 };

  begin(&rig);
  rig.server.probe.answer = CRO_E_SYNTAX;
  CHECK_INT(0, probe_send(&rig.server.probe, CRO_B("no")));
  CHECK_INT(0, probe_send(&rig.client.probe, CRO_B("what?")));
  tls_rig_run(&rig, 65536);
  CHECK_INT(CRO_E_SYNTAX, rig.server.err);
  CHECK_INT(0, rig.server.probe.fails);
  CHECK_BYTES(CRO_B("no"), cro_buf_bytes(&rig.client.probe.got));
  CHECK_INT(1, rig.client.probe.finishes);
  end(&rig);
}

static void what_came_before_the_pipeline_was_linked_waits_for_it(void)
{
  tls_rig rig = { .server.lazy = true };

  begin(&rig);
  (void)probe_send(&rig.client.probe, (cro_bytes){ pattern, 200000 });
  tls_rig_run(&rig, 1000);
  CHECK(rig.server.in_full);
  CHECK(rig.server.tls->held.len <= 64 * 1024);
  tls_side_start(&rig.server);
  CHECK_INT(0, rig.server.probe.pushes); /* not from inside of start */
  tls_rig_run(&rig, 1000);
  CHECK_INT(200000, rig.server.probe.got.len);
  check_pattern(rig.server.probe.got.at, rig.server.probe.got.len);
  CHECK_INT(CRO_E_STATE, rig.server.tls->layer.ops->start(&rig.server.tls->layer));
  end(&rig);
}

/* --- out -----------------------------------------------------------------------------
 */

static void a_full_wire_stops_the_pipeline_and_bounds_what_is_encrypted(void)
{
  tls_rig rig = { 0 };
  size_t pushed = 0;
  int rc = 0;

  begin(&rig);
  while (rc == 0 && pushed < pattern_bytes) {
    rc = probe_send(&rig.client.probe, (cro_bytes){ pattern + pushed, 1150 });
    pushed += 1150;
    if (pushed % 11500 == 0)
      tls_rig_turn(&rig);
  }
  CHECK_INT(CRO_FULL, rc);
  CHECK(pushed > 64 * 1024);
  CHECK(pushed <= 160 * 1024);
  CHECK(rig.client.wire.len <= 130 * 1024);
  tls_rig_run(&rig, 3000);
  CHECK_INT(1, rig.client.probe.resumes);
  CHECK_INT(pushed, rig.server.probe.got.len);
  check_pattern(rig.server.probe.got.at, rig.server.probe.got.len);
  CHECK_INT(0, queued(&rig.client));
  end(&rig);
}

static void a_big_push_waits_as_plain_text_and_is_never_more_than_a_batch_ahead(void)
{
  tls_rig rig = { 0 };
  size_t most = 0;

  begin(&rig);
  CHECK_INT(CRO_FULL,
            probe_send(&rig.client.probe, (cro_bytes){ pattern, pattern_bytes }));
  do {
    if (rig.client.wire.len > most)
      most = rig.client.wire.len;
    tls_rig_turn(&rig);
  } while (tls_rig_move(&rig, &rig.client, 20000) > 0);
  CHECK(most <= 64 * 1024 + net_tls_block_bytes);
  CHECK_INT(pattern_bytes, rig.server.probe.got.len);
  check_pattern(rig.server.probe.got.at, rig.server.probe.got.len);
  CHECK_INT(1, rig.client.probe.resumes);
  end(&rig);
}

static void an_orderly_close_sends_all_that_was_taken_before(void)
{
  tls_rig rig = { 0 };

  begin(&rig);
  (void)probe_send(&rig.client.probe, (cro_bytes){ pattern, 1000000 });
  rig.client.conn.ops->close(&rig.client.conn);
  tls_rig_run(&rig, 10000);
  CHECK_INT(1000000, rig.server.probe.got.len);
  CHECK_INT(1, rig.server.probe.finishes);
  end(&rig);
}

static void who_does_not_wait_loses_the_connection(void)
{
  tls_rig rig = { 0 };
  int rc = 0;

  begin(&rig);
  rig.client.tls->layer.over_max = 100000;
  CHECK_INT(CRO_FULL, probe_send(&rig.client.probe, (cro_bytes){ pattern, 200000 }));
  for (int i = 0; i < 11 && rc >= 0; i++) {
    CHECK(queued(&rig.client) <= 300000);
    rc = probe_send(&rig.client.probe, (cro_bytes){ pattern, 10000 });
  }
  CHECK_INT(CRO_E_LIMIT, rc);
  CHECK(rig.client.aborted);
  tls_rig_turn(&rig);
  CHECK_INT(CRO_E_LIMIT, rig.client.probe.err);
  CHECK_INT(CRO_E_LIMIT, rig.client.tls->layer.err);
  end(&rig);
}

/* --- floods --------------------------------------------------------------------------
 */

static void update_keys(tls_side *side, int times)
{
  for (int i = 0; i < times; i++) {
    CHECK_INT(1, SSL_key_update(side->tls->ssl, SSL_KEY_UPDATE_REQUESTED));
    CHECK_INT(1, SSL_do_handshake(side->tls->ssl));
    (void)net_tls_send(side->tls);
  }
}

static void keys_may_be_updated_between_data(void)
{
  tls_rig rig = { .server.echo = true };

  begin(&rig);
  for (int i = 0; i < 100; i++) {
    update_keys(&rig.client, 1);
    CHECK_INT(0, probe_send(&rig.client.probe, CRO_B("x")));
    tls_rig_run(&rig, 11);
  }
  CHECK_INT(100, rig.client.probe.got.len);
  update_keys(&rig.server, 1);
  CHECK_INT(0, probe_send(&rig.server.probe, CRO_B("y")));
  tls_rig_run(&rig, 11);
  CHECK_INT(101, rig.client.probe.got.len);
  CHECK(!rig.server.tls->failed && !rig.client.tls->failed);
  end(&rig);
}

static void a_few_updates_in_a_row_are_harmless_and_a_flood_is_not(void)
{
  tls_rig rig = { .server.echo = true };

  begin(&rig);
  update_keys(&rig.client, 10);
  tls_rig_run(&rig, 100000);
  CHECK(!rig.server.tls->failed);
  rig.client.wire_max = 1000000;
  update_keys(&rig.client, 1000);
  tls_rig_run(&rig, 100000);
  CHECK_INT(CRO_E_PROTOCOL, rig.server.probe.err);
  CHECK_INT(CRO_E_PROTOCOL, rig.server.err);
  CHECK_TEXT("the peer sends messages of TLS, but no data",
             cro_bytes_of(rig.server.tls->why));
  end(&rig);
}

/* The client gives up at the warning; to the server it was nothing. */
static void renegotiation_is_refused(void)
{
  tls_rig rig = { .version = 12 };

  begin(&rig);
  SSL_clear_options(rig.client.tls->ssl, SSL_OP_NO_RENEGOTIATION);
  CHECK_INT(1, SSL_renegotiate(rig.client.tls->ssl));
  (void)SSL_do_handshake(rig.client.tls->ssl);
  (void)net_tls_send(rig.client.tls);
  CHECK(rig.client.wire.len > 0);
  (void)tls_rig_move(&rig, &rig.client, 100000);
  tls_rig_turn(&rig);
  CHECK(!rig.server.tls->failed);
  CHECK(rig.server.wire.len > 0);
  CHECK_INT(0, rig.server.probe.pushes + rig.server.probe.fails);
  tls_rig_run(&rig, 100000);
  CHECK_INT(CRO_E_TLS, rig.client.probe.err);
  CHECK_TEXT("no renegotiation", cro_bytes_of(rig.client.tls->why));
  end(&rig);
}

TEST_MAIN(CASE(a_full_pipeline_is_left_alone_until_it_resumes),
          CASE(errors_of_others_are_not_its_own),
          CASE(an_end_waits_behind_what_is_held), CASE(a_cut_waits_behind_what_is_held),
          CASE(a_push_that_fails_closes_behind_what_is_queued),
          CASE(what_came_before_the_pipeline_was_linked_waits_for_it),
          CASE(a_full_wire_stops_the_pipeline_and_bounds_what_is_encrypted),
          CASE(a_big_push_waits_as_plain_text_and_is_never_more_than_a_batch_ahead),
          CASE(an_orderly_close_sends_all_that_was_taken_before),
          CASE(who_does_not_wait_loses_the_connection),
          CASE(keys_may_be_updated_between_data),
          CASE(a_few_updates_in_a_row_are_harmless_and_a_flood_is_not),
          CASE(renegotiation_is_refused))
