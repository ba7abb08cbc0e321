/* Contexts that are read again while they are used; what is logged of keys; and what
 * is never spoken. */
#include "base/alloc.h"
#include "base/err.h"
#include "net/tls_context.h"
#include "support/test.h"
#include "support/tls_certs.h"
#include "support/tls_pair.h"

#include <openssl/err.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static tls_cert ca;

static void write_leaf(const char *cn)
{
  tls_cert leaf;

  if (ca.x509 == NULL) {
    ca = tls_cert_ca("Test CA");
    (void)tls_certs_chain("ca.pem", &ca, NULL);
  }
  leaf =
      tls_cert_make(&(tls_cert_spec){ .cn = cn, .names = "DNS:a.test", .issuer = &ca });
  (void)tls_certs_chain("crt.pem", &leaf, NULL);
  (void)tls_certs_key("key.pem", &leaf, NULL);
  tls_cert_free(&leaf);
}

static cro_tls_context *server_now(void)
{
  return tls_pair_server(tls_certs_path("crt.pem"), tls_certs_path("key.pem"));
}

static const char *seen_by(const tls_pair *pair)
{
  static char cn[64];

  (void)X509_NAME_get_text_by_NID(
      X509_get_subject_name(SSL_get0_peer_certificate(pair->client)), NID_commonName,
      cn, sizeof cn);
  return cn;
}

static const char *seen(cro_tls_context *server)
{
  cro_tls_context *client = tls_pair_client(tls_certs_path("ca.pem"));
  const char *cn = "nothing";
  tls_pair pair;

  tls_pair_open(&pair, server, client, "a.test");
  if (tls_pair_shake(&pair))
    cn = seen_by(&pair);
  tls_pair_close(&pair);
  cro_tls_context_drop(client);
  return cn;
}

/* --- reloading
 * ------------------------------------------------------------------------ */

static void what_is_read_again_is_shown_from_then_on(void)
{
  cro_tls_fault fault;
  cro_tls_context *server;

  write_leaf("one");
  server = server_now();
  CHECK(!cro_tls_context_changed(server));
  CHECK_TEXT("one", cro_bytes_of(seen(server)));
  write_leaf("two");
  CHECK(cro_tls_context_changed(server));
  CHECK_TEXT("one", cro_bytes_of(seen(server)));
  CHECK_INT(0, cro_tls_context_reload(server, &fault));
  CHECK_TEXT("", cro_bytes_of(fault.text));
  CHECK_TEXT("two", cro_bytes_of(seen(server)));
  CHECK(!cro_tls_context_changed(server));
  cro_tls_context_drop(server);
}

static void what_is_bad_changes_nothing_and_is_told_once(void)
{
  cro_tls_fault fault;
  cro_tls_context *server;

  write_leaf("one");
  server = server_now();
  (void)tls_certs_write("key.pem", "nothing");
  CHECK(cro_tls_context_changed(server));
  CHECK_INT(CRO_E_SYNTAX, cro_tls_context_reload(server, &fault));
  CHECK_INT(CRO_E_SYNTAX, fault.err);
  CHECK(strstr(fault.text, "key.pem: no private key in it") != NULL);
  CHECK_TEXT("one", cro_bytes_of(seen(server)));
  CHECK(!cro_tls_context_changed(server));
  (void)unlink(tls_certs_path("crt.pem"));
  CHECK(cro_tls_context_changed(server));
  CHECK_INT(CRO_E_NOTFOUND, cro_tls_context_reload(server, &fault));
  CHECK(!cro_tls_context_changed(server));
  write_leaf("two");
  CHECK(cro_tls_context_changed(server));
  CHECK_INT(0, cro_tls_context_reload(server, &fault));
  CHECK_TEXT("two", cro_bytes_of(seen(server)));
  cro_tls_context_drop(server);
}

/* Between the two files of a new pair the old one is served. */
static void half_of_a_new_pair_is_not_taken(void)
{
  cro_tls_fault fault;
  cro_tls_context *server;
  tls_cert next;

  write_leaf("one");
  server = server_now();
  next = tls_cert_make(
      &(tls_cert_spec){ .cn = "two", .names = "DNS:a.test", .issuer = &ca });
  (void)tls_certs_chain("crt.pem", &next, NULL);
  CHECK_INT(CRO_E_INVAL, cro_tls_context_reload(server, &fault));
  CHECK(strstr(fault.text, "does not belong to certificate_file") != NULL);
  CHECK_TEXT("one", cro_bytes_of(seen(server)));
  (void)tls_certs_key("key.pem", &next, NULL);
  CHECK(cro_tls_context_changed(server));
  CHECK_INT(0, cro_tls_context_reload(server, &fault));
  CHECK_TEXT("two", cro_bytes_of(seen(server)));
  tls_cert_free(&next);
  cro_tls_context_drop(server);
}

static void handshakes_go_on_with_what_they_began_with(void)
{
  cro_tls_context *server, *client;
  cro_tls_fault fault;
  tls_pair early, late;

  write_leaf("one");
  server = server_now();
  client = tls_pair_client(tls_certs_path("ca.pem"));
  tls_pair_open(&early, server, client, "a.test");
  CHECK(SSL_do_handshake(early.client) < 0);
  ERR_clear_error();
  write_leaf("two");
  CHECK_INT(0, cro_tls_context_reload(server, &fault));
  tls_pair_open(&late, server, client, "a.test");
  cro_tls_context_drop(server);
  cro_tls_context_drop(client);
  CHECK(tls_pair_shake(&late));
  CHECK_TEXT("two", cro_bytes_of(seen_by(&late)));
  CHECK(tls_pair_shake(&early));
  CHECK_TEXT("one", cro_bytes_of(seen_by(&early)));
  tls_pair_close(&early);
  tls_pair_close(&late);
}

static void a_folder_that_has_changed_is_noticed(void)
{
  cro_tls_context *client;

  (void)mkdir(tls_certs_path("folder"), 0700);
  write_leaf("one");
  (void)tls_certs_chain("folder/one.pem", &ca, NULL);
  client = tls_pair_context(
      &(cro_tls_options){ .ca_path = cro_bytes_of(tls_certs_path("folder")) });
  CHECK(!cro_tls_context_changed(client));
  (void)tls_certs_chain("folder/two.pem", &ca, NULL);
  CHECK(cro_tls_context_changed(client));
  cro_tls_context_drop(client);
}

/* Written in its place, which the folder does not show. */
static void a_file_of_a_folder_that_has_changed_is_noticed(void)
{
  tls_cert other = tls_cert_ca("Another CA with a longer name");
  cro_tls_context *client;
  cro_tls_fault fault;

  (void)mkdir(tls_certs_path("folder"), 0700);
  write_leaf("one");
  (void)tls_certs_chain("folder/one.pem", &ca, NULL);
  (void)tls_certs_write("folder/README", "no certificate");
  client = tls_pair_context(
      &(cro_tls_options){ .ca_path = cro_bytes_of(tls_certs_path("folder")) });
  CHECK(!cro_tls_context_changed(client));
  (void)tls_certs_chain("folder/one.pem", &other, NULL);
  CHECK(cro_tls_context_changed(client));
  CHECK_INT(0, cro_tls_context_reload(client, &fault));
  CHECK(!cro_tls_context_changed(client));
  (void)tls_certs_chain("folder/README", &ca, NULL);
  CHECK(cro_tls_context_changed(client));
  cro_tls_context_drop(client);
  tls_cert_free(&other);
}

static void a_client_trusts_whom_it_trusts_now(void)
{
  tls_cert stranger = tls_cert_ca("Strange CA");
  cro_tls_context *server, *client;
  cro_tls_fault fault;
  tls_pair pair;

  write_leaf("one");
  (void)tls_certs_chain("trusted.pem", &ca, NULL);
  server = server_now();
  client = tls_pair_client(tls_certs_path("trusted.pem"));
  tls_pair_open(&pair, server, client, "a.test");
  CHECK_INT(0, net_tls_resume_as(pair.client, "a.test:443"));
  CHECK(tls_pair_shake(&pair));
  tls_pair_close(&pair);
  (void)tls_certs_chain("trusted.pem", &stranger, NULL);
  CHECK_INT(0, cro_tls_context_reload(client, &fault));
  tls_pair_open(&pair, server, client, "a.test");
  CHECK_INT(0, net_tls_resume_as(pair.client, "a.test:443"));
  CHECK(!tls_pair_shake(&pair));
  tls_pair_close(&pair);
  cro_tls_context_drop(server);
  cro_tls_context_drop(client);
  tls_cert_free(&stranger);
}

static void reading_again_without_memory_keeps_the_old(void)
{
  cro_tls_context *server;
  cro_tls_fault fault;
  uint64_t live, n = 0;
  int rc;

  write_leaf("one");
  server = server_now();
  live = cro_alloc_live();
  write_leaf("two");
  do {
    CHECK_TEXT("one", cro_bytes_of(seen(server)));
    CHECK(cro_tls_context_changed(server));
    cro_alloc_fail_at(++n);
    rc = cro_tls_context_reload(server, &fault);
    CHECK(rc == 0 || rc == CRO_E_NOMEM);
    CHECK_INT(live, cro_alloc_live());
  } while (rc != 0 && n < 100);
  cro_alloc_fail_at(0);
  CHECK(n > 5);
  CHECK_TEXT("two", cro_bytes_of(seen(server)));
  cro_tls_context_drop(server);
}

/* --- keys in a file
 * ------------------------------------------------------------------- */

static size_t lines_of(const char *name, const char *word)
{
  FILE *in = fopen(tls_certs_path(name), "rb");
  char line[512];
  size_t count = 0;

  CHECK(in != NULL);
  while (in != NULL && fgets(line, sizeof line, in) != NULL)
    count += strncmp(line, word, strlen(word)) == 0 && line[strlen(line) - 1] == '\n';
  if (in != NULL)
    (void)fclose(in);
  return count;
}

static void keys_are_appended_for_whoever_looks_at_packets(void)
{
  cro_tls_context *server, *client;
  tls_pair pair;

  write_leaf("one");
  (void)tls_certs_write("keys", "# mine\n");
  server = server_now();
  client = tls_pair_context(
      &(cro_tls_options){ .ca_file = cro_bytes_of(tls_certs_path("ca.pem")),
                          .key_log_file = cro_bytes_of(tls_certs_path("keys")) });
  tls_pair_open(&pair, server, client, "a.test");
  CHECK(tls_pair_shake(&pair));
  tls_pair_close(&pair);
  CHECK_INT(1, lines_of("keys", "# mine"));
  CHECK_INT(1, lines_of("keys", "CLIENT_TRAFFIC_SECRET_0 "));
  CHECK_INT(1, lines_of("keys", "SERVER_HANDSHAKE_TRAFFIC_SECRET "));
  cro_tls_context_drop(server);
  cro_tls_context_drop(client);
}

static void a_full_disk_does_not_end_a_handshake(void)
{
  cro_tls_context *server, *client;
  tls_pair pair;

  write_leaf("one");
  server = server_now();
  client = tls_pair_context(
      &(cro_tls_options){ .ca_file = cro_bytes_of(tls_certs_path("ca.pem")),
                          .key_log_file = CRO_B("/dev/full") });
  tls_pair_open(&pair, server, client, "a.test");
  CHECK(tls_pair_shake(&pair));
  tls_pair_close(&pair);
  cro_tls_context_drop(server);
  cro_tls_context_drop(client);
}

/* --- what is spoken
 * ------------------------------------------------------------------- */

/* The protocol and cipher of a handshake with a client that knows only these. */
static const char *spoken(int version, const char *ciphers)
{
  static char out[96];
  cro_tls_context *server, *client;
  tls_pair pair;

  write_leaf("one");
  server = server_now();
  client = tls_pair_client(tls_certs_path("ca.pem"));
  tls_pair_open(&pair, server, client, "a.test");
  SSL_set_security_level(pair.client, 0);
  SSL_set_min_proto_version(pair.client, version);
  SSL_set_max_proto_version(pair.client, version);
  if (ciphers != NULL)
    CHECK_INT(1, SSL_set_cipher_list(pair.client, ciphers));
  if (tls_pair_shake(&pair))
    (void)snprintf(out, sizeof out, "%s %s", SSL_get_version(pair.client),
                   SSL_get_cipher_name(pair.client));
  else
    (void)snprintf(out, sizeof out, "%s", pair.alert);
  tls_pair_close(&pair);
  cro_tls_context_drop(server);
  cro_tls_context_drop(client);
  return out;
}

static void nothing_below_tls_12_with_ecdhe_and_aead_is_spoken(void)
{
  const char *all = "ALL:@SECLEVEL=0";

  CHECK_TEXT("TLSv1.3 TLS_AES_128_GCM_SHA256",
             cro_bytes_of(spoken(TLS1_3_VERSION, NULL)));
  CHECK_TEXT("TLSv1.2 ECDHE-ECDSA-AES128-GCM-SHA256",
             cro_bytes_of(spoken(TLS1_2_VERSION, all)));
  CHECK_TEXT("handshake failure",
             cro_bytes_of(spoken(TLS1_2_VERSION, "ECDHE-ECDSA-AES128-SHA")));
  CHECK_TEXT("handshake failure",
             cro_bytes_of(spoken(TLS1_2_VERSION, "DHE-RSA-AES128-GCM-SHA256")));
  CHECK_TEXT("handshake failure", cro_bytes_of(spoken(TLS1_2_VERSION, "AES128-SHA")));
  CHECK_TEXT("protocol version", cro_bytes_of(spoken(TLS1_1_VERSION, all)));
  CHECK_TEXT("protocol version", cro_bytes_of(spoken(TLS1_VERSION, all)));
}

static void who_cannot_do_aes_fast_gets_chacha(void)
{
  CHECK_TEXT("TLSv1.2 ECDHE-ECDSA-CHACHA20-POLY1305",
             cro_bytes_of(spoken(TLS1_2_VERSION,
                                 "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES128-GCM-"
                                 "SHA256")));
}

TEST_MAIN(CASE(what_is_read_again_is_shown_from_then_on),
          CASE(what_is_bad_changes_nothing_and_is_told_once),
          CASE(half_of_a_new_pair_is_not_taken),
          CASE(handshakes_go_on_with_what_they_began_with),
          CASE(a_folder_that_has_changed_is_noticed),
          CASE(a_file_of_a_folder_that_has_changed_is_noticed),
          CASE(a_client_trusts_whom_it_trusts_now),
          CASE(reading_again_without_memory_keeps_the_old),
          CASE(keys_are_appended_for_whoever_looks_at_packets),
          CASE(a_full_disk_does_not_end_a_handshake),
          CASE(nothing_below_tls_12_with_ecdhe_and_aead_is_spoken),
          CASE(who_cannot_do_aes_fast_gets_chacha))
