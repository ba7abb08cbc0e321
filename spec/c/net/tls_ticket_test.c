/* Sessions that go on: tickets and their keys, what a client remembers, and who may
 * not go on. */
#include "base/alloc.h"
#include "base/wall.h"
#include "net/tls_parts.h"
#include "support/test.h"
#include "support/tls_certs.h"
#include "support/tls_pair.h"

#include <stdio.h>
#include <time.h>

static tls_cert ca, leaf;

static void setup(void)
{
  if (ca.x509 != NULL)
    return;
  ca = tls_cert_ca("Test CA");
  leaf = tls_cert_for(&ca, "DNS:a.test,DNS:b.test");
  (void)tls_certs_chain("ca.pem", &ca, NULL);
  (void)tls_certs_chain("crt.pem", &leaf, NULL);
  (void)tls_certs_key("key.pem", &leaf, NULL);
}

static cro_tls_context *server_now(void)
{
  setup();
  return tls_pair_server(tls_certs_path("crt.pem"), tls_certs_path("key.pem"));
}

static cro_tls_context *client_now(void)
{
  setup();
  return tls_pair_client(tls_certs_path("ca.pem"));
}

/* "new", "resumed", or why not, of a connection that is remembered by `key`. */
static const char *connect_as(cro_tls_context *server, cro_tls_context *client,
                              const char *name, const char *key, int version)
{
  static char out[160];
  tls_pair pair;

  tls_pair_open(&pair, server, client, name);
  SSL_set_max_proto_version(pair.client, version);
  if (key != NULL)
    CHECK_INT(0, net_tls_resume_as(pair.client, key));
  if (tls_pair_shake(&pair)) {
    CHECK_INT(SSL_session_reused(pair.client), SSL_session_reused(pair.server));
    CHECK_TEXT(
        name, cro_bytes_of(SSL_get_servername(pair.server, TLSEXT_NAMETYPE_host_name)));
  }
  (void)snprintf(out, sizeof out, "%s",
                 !pair.done                        ? pair.why
                 : SSL_session_reused(pair.client) ? "resumed"
                                                   : "new");
  tls_pair_close(&pair);
  return out;
}

static void check_as(const char *want, cro_tls_context *server, cro_tls_context *client,
                     const char *name, const char *key)
{
  CHECK_TEXT(want, cro_bytes_of(connect_as(server, client, name, key, 0)));
}

static const char *name_of(int version)
{
  return version == TLS1_2_VERSION ? "a.test:12" : "a.test:13";
}

/* --- going on
 * ------------------------------------------------------------------------- */

static void a_session_goes_on_under_its_key(void)
{
  cro_tls_context *server = server_now(), *client = client_now();

  for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
    const char *key = name_of(version);

    CHECK_TEXT("new", cro_bytes_of(connect_as(server, client, "a.test", key, version)));
    for (int i = 0; i < 6; i++)
      CHECK_TEXT("resumed",
                 cro_bytes_of(connect_as(server, client, "a.test", key, version)));
  }
  check_as("new", server, client, "a.test", "a.test:444");
  check_as("new", server, client, "a.test", NULL);
  cro_tls_context_drop(server);
  cro_tls_context_drop(client);
}

static void tickets_of_tls_13_are_used_once(void)
{
  cro_tls_context *server = server_now(), *client = client_now();
  SSL_SESSION *one;

  check_as("new", server, client, "a.test", "k");
  one = net_tls_recall(client, "k");
  CHECK(one != NULL);
  CHECK(net_tls_recall(client, "k") == NULL);
  net_tls_remember(client, "k", one);
  check_as("resumed", server, client, "a.test", "k");
  cro_tls_context_drop(server);
  cro_tls_context_drop(client);
}

static void sessions_of_tls_12_are_used_many_times(void)
{
  cro_tls_context *server = server_now(), *client = client_now();
  SSL_SESSION *one, *other;

  (void)connect_as(server, client, "a.test", "k", TLS1_2_VERSION);
  one = net_tls_recall(client, "k");
  other = net_tls_recall(client, "k");
  CHECK(one != NULL && one == other);
  SSL_SESSION_free(one);
  SSL_SESSION_free(other);
  cro_tls_context_drop(server);
  cro_tls_context_drop(client);
}

static void without_sessions_nothing_goes_on(void)
{
  cro_tls_identity identity;
  cro_tls_context *server, *client;
  SSL_SESSION *none;

  setup();
  identity = (cro_tls_identity){
    .certificate_file = cro_bytes_of(tls_certs_path("crt.pem")),
    .private_key_file = cro_bytes_of(tls_certs_path("key.pem")),
  };
  server = tls_pair_context(&(cro_tls_options){ .server = true,
                                                .identities = &identity,
                                                .identity_count = 1,
                                                .no_sessions = true });
  client = client_now();
  for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
    CHECK_TEXT("new", cro_bytes_of(connect_as(server, client, "a.test", "k", version)));
    none = net_tls_recall(client, "k");
    CHECK(none == NULL || !SSL_SESSION_has_ticket(none));
    SSL_SESSION_free(none);
    CHECK_TEXT("new", cro_bytes_of(connect_as(server, client, "a.test", "k", version)));
  }
  cro_tls_context_drop(client);
  client = tls_pair_context(&(cro_tls_options){
      .ca_file = cro_bytes_of(tls_certs_path("ca.pem")), .no_sessions = true });
  cro_tls_context_drop(server);
  server = server_now();
  check_as("new", server, client, "a.test", "k");
  check_as("new", server, client, "a.test", "k");
  cro_tls_context_drop(server);
  cro_tls_context_drop(client);
}

/* --- the keys
 * ------------------------------------------------------------------------- */

static int64_t hours(int64_t n)
{
  return n * 3600 * 1000000000;
}

/* OpenSSL's own clock goes on as it does; only the keys' is held. */
static void keys_are_replaced_and_the_one_before_still_opens(void)
{
  cro_tls_context *server, *client;
  int64_t begin = cro_wall();
  SSL_SESSION *first, *second;

  cro_wall_hold(begin);
  server = server_now();
  client = client_now();
  check_as("new", server, client, "a.test", "k");
  first = net_tls_recall(client, "k");
  check_as("new", server, client, "a.test", "k");
  second = net_tls_recall(client, "k");
  cro_wall_hold(begin + hours(13));
  net_tls_remember(client, "k", first);
  check_as("resumed", server, client, "a.test", "k");
  CHECK_INT(2, server->tickets.count);
  cro_wall_hold(begin + hours(26));
  tls_sessions_clear(&client->sessions);
  net_tls_remember(client, "k", second);
  check_as("new", server, client, "a.test", "k");
  check_as("resumed", server, client, "a.test", "k");
  cro_wall_let_go();
  cro_tls_context_drop(server);
  cro_tls_context_drop(client);
}

static void after_a_long_silence_both_keys_are_gone(void)
{
  cro_tls_context *server, *client;
  int64_t begin = cro_wall();

  cro_wall_hold(begin);
  server = server_now();
  client = client_now();
  check_as("new", server, client, "a.test", "k");
  cro_wall_hold(begin + hours(100));
  check_as("new", server, client, "a.test", "k");
  CHECK_INT(1, server->tickets.count);
  cro_wall_hold(begin);
  check_as("resumed", server, client, "a.test", "k");
  cro_wall_let_go();
  cro_tls_context_drop(server);
  cro_tls_context_drop(client);
}

static void another_servers_ticket_means_nothing(void)
{
  cro_tls_context *server = server_now(), *other = server_now(), *client = client_now();

  check_as("new", server, client, "a.test", "k");
  check_as("new", other, client, "a.test", "k");
  cro_tls_context_drop(server);
  cro_tls_context_drop(other);
  cro_tls_context_drop(client);
}

/* --- who may not
 * ---------------------------------------------------------------------- */

static void a_session_does_not_go_on_under_another_name(void)
{
  cro_tls_context *server = server_now(), *client = client_now();

  for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
    const char *key = name_of(version);

    (void)connect_as(server, client, "a.test", key, version);
    CHECK_TEXT("new", cro_bytes_of(connect_as(server, client, "b.test", key, version)));
  }
  cro_tls_context_drop(server);
  cro_tls_context_drop(client);
}

static void a_peer_that_is_not_trusted_leaves_nothing(void)
{
  cro_tls_context *server = server_now(), *client = client_now();

  CHECK_TEXT("certificate verify failed",
             cro_bytes_of(connect_as(server, client, "c.test", "k", 0)));
  CHECK(net_tls_recall(client, "k") == NULL);
  cro_tls_context_drop(server);
  cro_tls_context_drop(client);
}

/* --- clients that are verified
 * ---------------------------------------------------------- */

static cro_tls_context *verifying(const char *trusted)
{
  cro_tls_identity identity;

  setup();
  identity = (cro_tls_identity){
    .certificate_file = cro_bytes_of(tls_certs_path("crt.pem")),
    .private_key_file = cro_bytes_of(tls_certs_path("key.pem")),
  };
  return tls_pair_context(
      &(cro_tls_options){ .server = true,
                          .identities = &identity,
                          .identity_count = 1,
                          .verify = CRO_TLS_VERIFY_REQUIRE,
                          .ca_file = cro_bytes_of(tls_certs_path(trusted)) });
}

static cro_tls_context *alice_until(long until)
{
  cro_tls_identity identity;
  tls_cert alice;

  setup();
  alice = tls_cert_make(
      &(tls_cert_spec){ .cn = "alice", .issuer = &ca, .from = -60, .until = until });
  identity = (cro_tls_identity){ .certificate_file = cro_bytes_of(
                                     tls_certs_both("alice.pem", &alice)) };
  tls_cert_free(&alice);
  return tls_pair_context(
      &(cro_tls_options){ .identities = &identity,
                          .identity_count = 1,
                          .ca_file = cro_bytes_of(tls_certs_path("ca.pem")) });
}

static void who_went_on_is_who_was_verified(void)
{
  cro_tls_context *server = verifying("ca.pem"), *client = alice_until(3600);
  char cn[32] = "";
  tls_pair pair;

  for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
    const char *key = name_of(version);

    CHECK_TEXT("new", cro_bytes_of(connect_as(server, client, "a.test", key, version)));
    tls_pair_open(&pair, server, client, "a.test");
    SSL_set_max_proto_version(pair.client, version);
    CHECK_INT(0, net_tls_resume_as(pair.client, key));
    CHECK(tls_pair_shake(&pair));
    CHECK_INT(1, SSL_session_reused(pair.server));
    CHECK_INT(X509_V_OK, SSL_get_verify_result(pair.server));
    (void)X509_NAME_get_text_by_NID(
        X509_get_subject_name(SSL_get0_peer_certificate(pair.server)), NID_commonName,
        cn, sizeof cn);
    CHECK_TEXT("alice", cro_bytes_of(cn));
    tls_pair_close(&pair);
  }
  cro_tls_context_drop(server);
  cro_tls_context_drop(client);
}

static void who_has_meanwhile_expired_is_asked_again(void)
{
  cro_tls_context *server = verifying("ca.pem"), *client = alice_until(3600);

  check_as("new", server, client, "a.test", "k");
  cro_wall_hold(cro_wall() + hours(2));
  check_as("new", server, client, "a.test", "k");
  cro_wall_let_go();
  cro_tls_context_drop(server);
  cro_tls_context_drop(client);
}

static void when_others_are_trusted_all_are_asked_again(void)
{
  tls_cert stranger = tls_cert_ca("Strange CA");
  cro_tls_context *server, *client;
  cro_tls_fault fault;

  setup();
  (void)tls_certs_chain("trusted.pem", &ca, NULL);
  server = verifying("trusted.pem");
  client = alice_until(3600);
  check_as("new", server, client, "a.test", "k");
  CHECK_INT(0, cro_tls_context_reload(server, &fault));
  check_as("resumed", server, client, "a.test", "k");
  (void)tls_certs_chain("trusted.pem", &stranger, NULL);
  CHECK_INT(0, cro_tls_context_reload(server, &fault));
  /* With TLS 1.3 a client learns of it when it reads: its own handshake is over. */
  CHECK_TEXT("certificate verify failed",
             cro_bytes_of(connect_as(server, client, "a.test", "k", 0)));
  cro_tls_context_drop(server);
  cro_tls_context_drop(client);
  tls_cert_free(&stranger);
}

/* --- what a client keeps
 * ---------------------------------------------------------------- */

static SSL_SESSION *any_session(void)
{
  cro_tls_context *server = server_now(), *client = client_now();
  SSL_SESSION *session;

  (void)connect_as(server, client, "a.test", "k", 0);
  session = net_tls_recall(client, "k");
  CHECK(session != NULL);
  cro_tls_context_drop(server);
  cro_tls_context_drop(client);
  return session;
}

static void remember(cro_tls_context *client, const char *key, SSL_SESSION *session)
{
  (void)SSL_SESSION_up_ref(session);
  net_tls_remember(client, key, session);
}

static int take_all(cro_tls_context *client, const char *key)
{
  SSL_SESSION *session;
  int count = 0;

  while ((session = net_tls_recall(client, key)) != NULL) {
    SSL_SESSION_free(session);
    count++;
  }
  return count;
}

static void a_client_keeps_a_few_of_a_key_and_not_too_many_in_all(void)
{
  SSL_SESSION *session = any_session();
  cro_tls_context *client = client_now();
  char key[16];

  for (int i = 0; i < 10; i++)
    remember(client, "k", session);
  CHECK_INT(4, client->sessions.count);
  for (int i = 0; i < 300; i++) {
    (void)snprintf(key, sizeof key, "k%d", i);
    remember(client, key, session);
  }
  CHECK_INT(256, client->sessions.count);
  CHECK_INT(0, take_all(client, "k43"));
  CHECK_INT(1, take_all(client, "k44"));
  CHECK_INT(1, take_all(client, "k299"));
  CHECK_INT(254, client->sessions.count);
  SSL_SESSION_free(session);
  cro_tls_context_drop(client);
}

static void a_session_that_is_over_is_not_offered(void)
{
  SSL_SESSION *session = any_session();
  cro_tls_context *client = client_now();

  (void)SSL_SESSION_set_time(session, (long)time(NULL) - 100000);
  remember(client, "k", session);
  CHECK_INT(0, take_all(client, "k"));
  CHECK_INT(0, client->sessions.count);
  SSL_SESSION_free(session);
  cro_tls_context_drop(client);
}

static void a_key_that_is_too_long_is_not_kept(void)
{
  SSL_SESSION *session = any_session();
  cro_tls_context *client = client_now();
  char key[400];
  SSL *ssl = net_tls_session(client);

  memset(key, 'k', sizeof key - 1);
  key[sizeof key - 1] = '\0';
  remember(client, key, session);
  CHECK_INT(0, client->sessions.count);
  CHECK(net_tls_resume_as(ssl, key) != 0);
  SSL_free(ssl);
  SSL_SESSION_free(session);
  cro_tls_context_drop(client);
}

static void without_memory_a_session_is_new(void)
{
  cro_tls_context *server = server_now(), *client = client_now();
  tls_pair pair;

  check_as("new", server, client, "a.test", "k");
  tls_pair_open(&pair, server, client, "a.test");
  cro_alloc_fail_at(1);
  CHECK(net_tls_resume_as(pair.client, "k") != 0);
  CHECK(tls_pair_shake(&pair));
  CHECK(!SSL_session_reused(pair.client));
  tls_pair_close(&pair);
  CHECK_INT(1, take_all(client, "k"));
  tls_pair_open(&pair, server, client, "a.test");
  CHECK_INT(0, net_tls_resume_as(pair.client, "k"));
  cro_alloc_fail_at(1);
  CHECK(tls_pair_shake(&pair));
  tls_pair_close(&pair);
  CHECK_INT(0, take_all(client, "k"));
  cro_tls_context_drop(server);
  cro_tls_context_drop(client);
}

TEST_MAIN(CASE(a_session_goes_on_under_its_key), CASE(tickets_of_tls_13_are_used_once),
          CASE(sessions_of_tls_12_are_used_many_times),
          CASE(without_sessions_nothing_goes_on),
          CASE(keys_are_replaced_and_the_one_before_still_opens),
          CASE(after_a_long_silence_both_keys_are_gone),
          CASE(another_servers_ticket_means_nothing),
          CASE(a_session_does_not_go_on_under_another_name),
          CASE(a_peer_that_is_not_trusted_leaves_nothing),
          CASE(who_went_on_is_who_was_verified),
          CASE(who_has_meanwhile_expired_is_asked_again),
          CASE(when_others_are_trusted_all_are_asked_again),
          CASE(a_client_keeps_a_few_of_a_key_and_not_too_many_in_all),
          CASE(a_session_that_is_over_is_not_offered),
          CASE(a_key_that_is_too_long_is_not_kept),
          CASE(without_memory_a_session_is_new))
