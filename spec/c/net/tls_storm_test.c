/* Many handshakes at once, sessions that go on, sessions inside of sessions. */
#include "base/alloc.h"
#include "base/err.h"
#include "net/net.h"
#include "support/tls_certs.h"
#include "support/tls_ends.h"
#include "support/tls_rig.h"

#include <stdlib.h>
#include <unistd.h>

/* --- a storm -------------------------------------------------------------------------
 */

/* Keeps the loop turning and counts. */
typedef struct {
  cro_stage stage;
  cro_conn conn;
  unsigned turns;
} metronome;

static void beat(cro_stage *stage)
{
  metronome *self = CRO_CONTAINER(stage, metronome, stage);

  self->turns++;
  cro_stage_ready(stage);
}

static const cro_stage_ops metronome_ops = { .name = "metronome", .resume = beat };

static void start_metronome(metronome *self, cro_loop *loop)
{
  cro_stage_init(&self->stage, &metronome_ops);
  self->conn = (cro_conn){ .turn = cro_loop_turn(loop) };
  self->stage.conn = &self->conn;
  cro_stage_ready(&self->stage);
}

enum { crowd = 60 };

static void begin_storm(tls_ends *healthy, tls_ends *storm)
{
  for (int i = 0; i < crowd; i++) {
    int fds[2];

    tls_sockets(fds);
    storm[i] = (tls_ends){ .loop = healthy->loop,
                           .server_context = healthy->server_context,
                           .client_context = healthy->client_context,
                           .name = "localhost",
                           .ms = 30000 };
    tls_end_adopt(&storm[i].server, healthy->loop, fds[0]);
    tls_end_adopt(&storm[i].client, healthy->loop, fds[1]);
    CHECK_INT(0, tls_ends_accept(&storm[i]));
    CHECK_INT(0, tls_ends_connect(&storm[i]));
  }
}

static int done_of(const tls_ends *storm)
{
  int done = 0;

  for (int i = 0; i < crowd; i++)
    done += storm[i].server.done + storm[i].client.done;
  return done;
}

/* One that has shaken hands before is answered within a few turns at any moment of it,
 * and everybody's turn comes. */
static void a_storm_of_handshakes_holds_nobody_else_up(void)
{
  static const cro_tls_options plain = { .no_sessions = true };
  static tls_ends storm[crowd];
  tls_ends e = { .server.echo = true };
  metronome clock = { .turns = 0 };
  unsigned start, most = 0, asked = 0;

  tls_ends_open(&e, tls_ends_server(&plain), tls_ends_client(&plain));
  tls_ends_shake(&e);
  CHECK_INT(0,
            cro_tcp_nodelay(e.client.tcp, true) + cro_tcp_nodelay(e.server.tcp, true));
  begin_storm(&e, storm);
  start_metronome(&clock, e.loop);
  while (done_of(storm) < 2 * crowd && asked < 100000) {
    size_t before = e.client.probe.got.len;

    CHECK_INT(0, probe_send(&e.client.probe, CRO_B("ping")));
    asked++;
    start = clock.turns;
    while (e.client.probe.got.len == before && clock.turns - start < 1000)
      uv_run(&e.loop->uv, UV_RUN_NOWAIT);
    if (clock.turns - start > most)
      most = clock.turns - start;
  }
  CHECK_INT(2 * crowd, done_of(storm));
  CHECK(clock.turns >= 3 * crowd / CRO_TURN_COSTLY);
  CHECK(asked >= 2 * crowd / CRO_TURN_COSTLY / 4);
  CHECK(most <= 8);
  cro_list_remove(&clock.stage.ready);
  tls_ends_close(&e);
}

/* --- sessions that go on -------------------------------------------------------------
 */

static void visit(cro_tls_context *server, cro_tls_context *client, int version,
                  const char *name, bool orderly, bool resumed)
{
  tls_rig rig = { .server.echo = true, .version = version };

  CHECK(tls_rig_open(&rig, server, client, name));
  tls_rig_run(&rig, 100000);
  CHECK_INT(0, rig.client.over_err);
  CHECK_INT(resumed, rig.client.conn.tls->resumed);
  CHECK_INT(resumed, rig.server.conn.tls->resumed);
  CHECK(rig.client.conn.tls->verified);
  CHECK_INT(0, probe_send(&rig.client.probe, CRO_B("hi")));
  tls_rig_run(&rig, 100000);
  CHECK_BYTES(CRO_B("hi"), cro_buf_bytes(&rig.client.probe.got));
  if (orderly)
    rig.client.conn.ops->close(&rig.client.conn);
  tls_rig_run(&rig, 100000);
  tls_rig_close(&rig);
}

static void the_second_visit_resumes_the_session_of_the_first(void)
{
  for (int version = 12; version <= 13; version++) {
    cro_tls_context *server = tls_ends_server(NULL), *client = tls_ends_client(NULL);

    visit(server, client, version, "localhost", true, false);
    for (int i = 0; i < 5; i++)
      visit(server, client, version, "localhost", true, true);
    visit(server, client, version, "localhost", false, true);
    visit(server, client, version, "localhost", true, true);
    visit(server, client, version, "127.0.0.1", true, false); /* another name */
    cro_tls_context_drop(server);
    server = tls_ends_server(NULL); /* other keys of tickets */
    visit(server, client, version, "localhost", true, false);
    cro_tls_context_drop(server);
    cro_tls_context_drop(client);
  }
}

/* --- in between ----------------------------------------------------------------------
 */

typedef struct {
  net_tls *tls;
  probe probe;
  int over, over_err;
} inner;

static void inner_over(void *arg, int err)
{
  inner *self = arg;

  self->over++;
  self->over_err = err;
  probe_init(&self->probe);
  self->probe.echo = self->tls->server;
  CHECK_INT(0, cro_stage_link(&self->tls->reader, &self->probe.stage));
  CHECK_INT(0, cro_stage_link(&self->probe.stage, &self->tls->writer));
  self->probe.stage.conn = self->tls->conn;
  CHECK_INT(0, self->tls->layer.ops->start(&self->tls->layer));
}

static void put_inside(inner *self, tls_side *side, cro_tls_context *context)
{
  net_tls_plan plan = { .context = context,
                        .name = CRO_B("localhost"),
                        .ms = 1000,
                        .over = inner_over,
                        .arg = self };

  CHECK_INT(0, net_tls_create(&self->tls, &plan));
  CHECK_INT(0, cro_stage_link(&side->tls->reader, &self->tls->reader));
  CHECK_INT(0, cro_stage_link(&self->tls->writer, &side->tls->writer));
  self->tls->conn = self->tls->reader.conn = self->tls->writer.conn = &side->conn;
  CHECK_INT(0, side->tls->layer.ops->start(&side->tls->layer));
  net_tls_begin(self->tls);
}

static void run_both(tls_rig *rig, inner *server, inner *client)
{
  for (int i = 0; i < 100; i++) {
    (void)server->tls->layer.ops->gather(&server->tls->layer);
    (void)client->tls->layer.ops->gather(&client->tls->layer);
    tls_rig_run(rig, 50000);
  }
}

/* The same blocks serve both, one inside of the other. */
static void tls_goes_through_tls(void)
{
  enum { n = 500000 };
  cro_tls_context *server = tls_ends_server(NULL), *client = tls_ends_client(NULL);
  tls_rig rig = { .server.lazy = true, .client.lazy = true };
  inner at_server = { 0 }, at_client = { 0 };
  char *bytes = malloc(n);

  for (size_t i = 0; i < n; i++)
    bytes[i] = (char)('a' + i % 23);
  CHECK(tls_rig_open(&rig, server, client, "localhost"));
  tls_rig_run(&rig, 100000);
  put_inside(&at_server, &rig.server, server);
  put_inside(&at_client, &rig.client, client);
  run_both(&rig, &at_server, &at_client);
  CHECK_INT(1, at_server.over);
  CHECK_INT(0, at_server.over_err + at_client.over_err);
  (void)probe_send(&at_client.probe, (cro_bytes){ bytes, n });
  run_both(&rig, &at_server, &at_client);
  CHECK_INT(n, at_client.probe.got.len);
  check_pattern(at_client.probe.got.at, at_client.probe.got.len);
  rig.client.probe.stage.ops = rig.server.probe.stage.ops = at_client.probe.stage.ops;
  tls_rig_close(&rig);
  cro_tls_context_drop(server);
  cro_tls_context_drop(client);
  free(bytes);
}

/* --- who is there --------------------------------------------------------------------
 */

static void the_peers_certificate_is_read(void)
{
  tls_cert ca = tls_cert_ca("Clients"), me;
  tls_cert_spec spec = { .cn = "ali\x01\\ce",
                         .names = "email:a@a.example,DNS:b.example,URI:x:y,IP:::1",
                         .issuer = &ca };
  cro_tls_identity who = { 0 };
  cro_tls_options shows = { .identities = &who, .identity_count = 1 };
  cro_tls_options wants = { .verify = CRO_TLS_VERIFY_REQUIRE };
  cro_tls_context *server, *client;
  cro_tls_peer peer, again;
  tls_rig rig = { 0 };

  me = tls_cert_make(&spec);
  who.certificate_file = cro_bytes_of(tls_certs_both("alice.pem", &me));
  wants.ca_file = cro_bytes_of(tls_certs_chain("clients.pem", &ca, NULL));
  server = tls_ends_server(&wants);
  client = tls_ends_client(&shows);
  CHECK(tls_rig_open(&rig, server, client, "localhost"));
  CHECK_INT(CRO_E_STATE, net_tls_peer(rig.server.tls, &peer));
  tls_rig_run(&rig, 100000);
  CHECK_INT(0, rig.server.over_err);
  CHECK(rig.server.conn.tls->verified);
  CHECK_INT(0, net_tls_peer(rig.server.tls, &peer));
  CHECK_TEXT("CN=ali\\01\\\\ce", peer.subject);
  CHECK_TEXT("CN=Clients", peer.issuer);
  CHECK_TEXT("ali\\01\\\\ce", peer.common_name);
  CHECK(cro_bytes_eq(CRO_B("email:a@a.example\0DNS:b.example\0URI:x:y\0IP:::1\0"),
                     peer.names));
  CHECK_INT(64, peer.fingerprint.len);
  CHECK(peer.serial.len > 0);
  CHECK(peer.not_before < peer.not_after && peer.not_before > 1000000000);
  CHECK(memcmp(peer.pem.at, "-----BEGIN CERTIFICATE-----\n", 28) == 0);
  CHECK(rig.server.conn.tls->covers(&rig.server.conn, CRO_B("localhost")));
  CHECK(!rig.server.conn.tls->covers(&rig.server.conn, CRO_B("elsewhere")));
  CHECK(rig.client.conn.tls->covers == NULL);
  CHECK_INT(0, net_tls_peer(rig.server.tls, &again));
  CHECK(again.pem.at == peer.pem.at);
  CHECK_INT(0, net_tls_peer(rig.client.tls, &peer));
  tls_rig_close(&rig);
  cro_tls_context_drop(server);
  cro_tls_context_drop(client);
  tls_cert_free(&me);
  tls_cert_free(&ca);
}

/* --- memory --------------------------------------------------------------------------
 */

static int talk(cro_tls_context *server, cro_tls_context *client, uint64_t n)
{
  static char bytes[200000];
  tls_rig rig = { .server.echo = true };
  cro_tls_peer peer;
  int good = 0;

  for (size_t i = 0; i < sizeof bytes; i++)
    bytes[i] = (char)('a' + i % 23);
  cro_alloc_fail_at(n);
  if (!tls_rig_open(&rig, server, client, "localhost")) {
    cro_alloc_fail_at(0);
    return 0;
  }
  tls_rig_run(&rig, 5000);
  if (rig.client.over == 1 && rig.client.over_err == 0) {
    (void)net_tls_peer(rig.client.tls, &peer);
    (void)probe_send(&rig.client.probe, (cro_bytes){ bytes, 100 });
    (void)probe_send(&rig.client.probe, (cro_bytes){ bytes + 100, sizeof bytes - 100 });
    for (int i = 0; i < 20 && rig.client.probe.got.len < sizeof bytes; i++)
      tls_rig_run(&rig, 70000);
  }
  check_pattern(rig.client.probe.got.at, rig.client.probe.got.len);
  good = rig.client.probe.got.len == sizeof bytes;
  cro_alloc_fail_at(0);
  CHECK_INT(1, rig.client.over);
  if (!good)
    CHECK(rig.client.tls->failed || rig.server.tls->failed || rig.client.err != 0 ||
          rig.server.err != 0 || rig.client.wire.len > 0);
  tls_rig_close(&rig);
  return good;
}

static void a_conversation_survives_every_allocation_that_fails(void)
{
  cro_tls_context *server = tls_ends_server(NULL), *client = tls_ends_client(NULL);
  int good = 0, bad = 0;

  CHECK_INT(1, talk(server, client, 0));
  for (uint64_t n = 1; n < 120; n++) {
    int rc = talk(server, client, n);

    good += rc;
    bad += !rc;
  }
  CHECK(good > 10);
  CHECK(bad > 10);
  cro_tls_context_drop(server);
  cro_tls_context_drop(client);
}

TEST_MAIN(CASE(a_storm_of_handshakes_holds_nobody_else_up),
          CASE(the_second_visit_resumes_the_session_of_the_first),
          CASE(tls_goes_through_tls), CASE(the_peers_certificate_is_read),
          CASE(a_conversation_survives_every_allocation_that_fails))
