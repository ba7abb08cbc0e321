/* What a server answers to a hello: certificates by name, protocols, staples. */
#include "net/tls_context.h"
#include "support/test.h"
#include "support/tls_certs.h"
#include "support/tls_pair.h"

#include <openssl/ocsp.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>

static tls_cert ca;

/* Files of a certificate for `names` with a CN of its own. */
static cro_tls_identity identity_of(const char *cn, const char *names, bool rsa)
{
  tls_cert made;
  char file[64];

  if (ca.x509 == NULL) {
    ca = tls_cert_ca("Test CA");
    (void)tls_certs_chain("ca.pem", &ca, NULL);
  }
  made = tls_cert_make(
      &(tls_cert_spec){ .cn = cn, .names = names, .issuer = &ca, .rsa = rsa });
  (void)snprintf(file, sizeof file, "%s.pem", cn);
  (void)tls_certs_both(file, &made);
  tls_cert_free(&made);
  return (cro_tls_identity){ .certificate_file = cro_bytes_of(tls_certs_path(file)) };
}

static cro_tls_context *server_of(const cro_tls_identity *identities, size_t count,
                                  bool strict)
{
  return tls_pair_context(&(cro_tls_options){ .server = true,
                                              .identities = identities,
                                              .identity_count = count,
                                              .sni_strict = strict });
}

/* A client that takes any certificate and says which it saw: its CN; or the alert. */
static const char *seen_with(cro_tls_context *server, const char *name,
                             const char *signatures)
{
  static char out[64];
  cro_tls_context *client =
      tls_pair_context(&(cro_tls_options){ .verify = CRO_TLS_VERIFY_NONE });
  tls_pair pair;

  tls_pair_open(&pair, server, client, NULL);
  if (name != NULL)
    CHECK_INT(1, SSL_set_tlsext_host_name(pair.client, name));
  if (signatures != NULL)
    CHECK_INT(1, SSL_set1_sigalgs_list(pair.client, signatures));
  if (tls_pair_shake(&pair))
    (void)X509_NAME_get_text_by_NID(
        X509_get_subject_name(SSL_get0_peer_certificate(pair.client)), NID_commonName,
        out, sizeof out);
  else
    (void)snprintf(out, sizeof out, "%s", pair.alert);
  tls_pair_close(&pair);
  cro_tls_context_drop(client);
  return out;
}

static void check_seen(const char *want, cro_tls_context *server, const char *name)
{
  CHECK_TEXT(want, cro_bytes_of(seen_with(server, name, NULL)));
}

/* --- names --------------------------------------------------------------------------
 */

static void a_name_chooses_its_certificate(void)
{
  cro_tls_identity all[] = {
    identity_of("first", "DNS:first.test", false),
    identity_of("second", "DNS:second.test,DNS:*.wild.test", false),
    identity_of("third", "DNS:third.wild.test", false),
  };
  cro_tls_context *server = server_of(all, 3, false);

  check_seen("first", server, "first.test");
  check_seen("second", server, "second.test");
  check_seen("second", server, "SECOND.test");
  check_seen("second", server, "a.wild.test");
  check_seen("third", server, "third.wild.test");
  cro_tls_context_drop(server);
}

static void an_unknown_name_is_answered_with_the_first(void)
{
  cro_tls_identity all[] = {
    identity_of("first", "DNS:first.test", false),
    identity_of("second", "DNS:*.wild.test", false),
  };
  cro_tls_context *server = server_of(all, 2, false);

  check_seen("first", server, "none.test");
  check_seen("first", server, "wild.test");
  check_seen("first", server, "a.b.wild.test");
  check_seen("first", server, NULL);
  cro_tls_context_drop(server);
}

static void strictly_an_unknown_name_is_refused(void)
{
  cro_tls_identity all[] = {
    identity_of("first", "DNS:first.test", false),
    identity_of("second", "DNS:second.test", false),
  };
  cro_tls_context *server = server_of(all, 2, true);

  check_seen("unrecognized name", server, "none.test");
  check_seen("second", server, "second.test");
  check_seen("first", server, NULL);
  cro_tls_context_drop(server);
}

static void the_name_of_the_options_goes_before_those_in_certificates(void)
{
  cro_tls_identity all[] = {
    identity_of("first", "DNS:a.test,DNS:b.test", false),
    identity_of("second", "DNS:x.test", false),
    identity_of("third", "DNS:x.test", false),
  };
  cro_tls_context *server;

  all[1].server_name = CRO_B("A.test");
  all[2].server_name = CRO_B("*.test");
  server = server_of(all, 3, false);
  check_seen("second", server, "a.test");
  check_seen("first", server, "b.test");
  check_seen("third", server, "x.test");
  cro_tls_context_drop(server);
}

static void one_name_with_two_certificates_of_a_kind_is_a_mistake(void)
{
  cro_tls_identity all[] = { identity_of("first", "DNS:a.test", false),
                             identity_of("second", "DNS:b.test", false) };
  cro_tls_options options = { .server = true, .identities = all, .identity_count = 2 };
  cro_tls_context *server;
  cro_tls_fault fault;

  all[0].server_name = all[1].server_name = CRO_B("c.test");
  CHECK(cro_tls_context_create(&server, &options, &fault) != 0);
  CHECK_TEXT("server_name c.test: has two certificates whose keys are of one kind",
             cro_bytes_of(fault.text));
}

static void a_certificate_without_names_goes_by_its_common_name(void)
{
  cro_tls_identity all[] = { identity_of("first", "DNS:first.test", false),
                             identity_of("cn.test", NULL, false) };
  cro_tls_context *server = server_of(all, 2, false);

  check_seen("cn.test", server, "cn.test");
  cro_tls_context_drop(server);
}

static void keys_of_two_kinds_serve_one_name(void)
{
  cro_tls_identity all[] = { identity_of("ec", "DNS:a.test", false),
                             identity_of("rsa", "DNS:a.test,DNS:b.test", true),
                             identity_of("ec2", "DNS:b.test", false) };
  cro_tls_context *server = server_of(all, 3, false);
  const char *rsa = "rsa_pss_rsae_sha256", *ec = "ecdsa_secp256r1_sha256";

  CHECK_TEXT("ec", cro_bytes_of(seen_with(server, "a.test", ec)));
  CHECK_TEXT("rsa", cro_bytes_of(seen_with(server, "a.test", rsa)));
  CHECK_TEXT("rsa", cro_bytes_of(seen_with(server, "b.test", rsa)));
  CHECK_TEXT("ec2", cro_bytes_of(seen_with(server, "b.test", ec)));
  CHECK_TEXT("ec", cro_bytes_of(seen_with(server, NULL, ec)));
  CHECK_TEXT("rsa", cro_bytes_of(seen_with(server, NULL, rsa)));
  cro_tls_context_drop(server);
}

static void many_names_are_found_as_few_are(void)
{
  cro_tls_identity all[40];
  char names[40][32], cns[40][8];
  cro_tls_context *server;

  for (int i = 0; i < 40; i++) {
    (void)snprintf(names[i], sizeof names[i], "n%d.test", i);
    (void)snprintf(cns[i], sizeof cns[i], "m%d", i);
    all[i] = identity_of(cns[i], "DNS:x.test", false);
    all[i].server_name = cro_bytes_of(names[i]);
  }
  server = server_of(all, 40, false);
  for (int i = 0; i < 40; i += 13)
    check_seen(cns[i], server, names[i]);
  check_seen("m0", server, "x.test");
  cro_tls_context_drop(server);
}

/* --- what a connection is for
 * --------------------------------------------------------- */

static bool covers(cro_tls_context *server, const char *name, const char *host)
{
  cro_tls_context *client =
      tls_pair_context(&(cro_tls_options){ .verify = CRO_TLS_VERIFY_NONE });
  tls_pair pair;
  bool good;

  tls_pair_open(&pair, server, client, NULL);
  if (name != NULL)
    CHECK_INT(1, SSL_set_tlsext_host_name(pair.client, name));
  CHECK(tls_pair_shake(&pair));
  good = net_tls_covers(pair.server, cro_bytes_of(host));
  tls_pair_close(&pair);
  cro_tls_context_drop(client);
  return good;
}

static void requests_for_other_hosts_are_known(void)
{
  cro_tls_identity all[] = {
    identity_of("first", "DNS:a.test,DNS:*.b.test,IP:10.0.0.1,IP:::1", false),
    identity_of("second", "DNS:c.test", false),
  };
  cro_tls_context *server = server_of(all, 2, false);

  CHECK(covers(server, "a.test", "a.test"));
  CHECK(covers(server, "a.test", "A.TEST."));
  CHECK(covers(server, "a.test", "x.b.test"));
  CHECK(covers(server, "a.test", "10.0.0.1"));
  CHECK(covers(server, "a.test", "[::1]"));
  CHECK(!covers(server, "a.test", "c.test"));
  CHECK(!covers(server, "a.test", "x.y.b.test"));
  CHECK(!covers(server, "a.test", "10.0.0.2"));
  CHECK(!covers(server, "c.test", "a.test"));
  CHECK(!covers(server, "a.test", ""));
  CHECK(!covers(server, "a.test", "first"));
  cro_tls_context_drop(server);
}

static void what_the_client_asked_for_is_never_another_host(void)
{
  cro_tls_identity one = identity_of("first", "DNS:a.test", false);
  cro_tls_context *server = server_of(&one, 1, false);

  CHECK(covers(server, "dev.test", "dev.test"));
  CHECK(!covers(server, "dev.test", "other.test"));
  CHECK(covers(server, NULL, "127.0.0.1"));
  CHECK(covers(server, NULL, "a.test"));
  CHECK(!covers(server, NULL, "other.test"));
  cro_tls_context_drop(server);
}

/* --- protocols
 * ------------------------------------------------------------------------ */

static const char *chosen(const char *own, const char *offered)
{
  static char out[256];
  cro_tls_identity one = identity_of("first", "DNS:a.test", false);
  cro_bytes list[4];
  cro_tls_options options = {
    .server = true, .identities = &one, .identity_count = 1, .alpn = list
  };
  cro_tls_context *server, *client;
  const unsigned char *got;
  unsigned len;
  tls_pair pair;

  for (cro_bytes left = cro_bytes_of(own); left.len > 0; (void)cro_bytes_take(&left, 1))
    list[options.alpn_count++] = cro_bytes_take(&left, cro_bytes_find(left, ' '));
  server = tls_pair_context(&options);
  options = (cro_tls_options){ .verify = CRO_TLS_VERIFY_NONE, .alpn = list };
  for (cro_bytes left = cro_bytes_of(offered); left.len > 0;
       (void)cro_bytes_take(&left, 1))
    list[options.alpn_count++] = cro_bytes_take(&left, cro_bytes_find(left, ' '));
  client = tls_pair_context(&options);
  tls_pair_open(&pair, server, client, NULL);
  if (tls_pair_shake(&pair)) {
    SSL_get0_alpn_selected(pair.client, &got, &len);
    (void)snprintf(out, sizeof out, "%.*s", (int)len, (const char *)got);
  } else {
    (void)snprintf(out, sizeof out, "%s; %s", pair.alert, pair.why);
  }
  tls_pair_close(&pair);
  cro_tls_context_drop(client);
  cro_tls_context_drop(server);
  return out;
}

static void the_servers_order_of_protocols_counts(void)
{
  CHECK_TEXT("h2", cro_bytes_of(chosen("h2 http/1.1", "http/1.1 h2")));
  CHECK_TEXT("http/1.1", cro_bytes_of(chosen("h2 http/1.1", "http/1.1 spdy")));
}

static void no_protocol_in_common_is_the_end(void)
{
  CHECK_TEXT("no application protocol; no application protocol",
             cro_bytes_of(chosen("h2 http/1.1", "smtp h")));
}

static void who_speaks_no_alpn_is_served(void)
{
  CHECK_TEXT("", cro_bytes_of(chosen("h2", "")));
  CHECK_TEXT("", cro_bytes_of(chosen("", "h2")));
}

/* --- staples
 * -------------------------------------------------------------------------- */

static long stapled(cro_tls_context *server, const char *name)
{
  cro_tls_context *client =
      tls_pair_context(&(cro_tls_options){ .verify = CRO_TLS_VERIFY_NONE });
  const unsigned char *response;
  tls_pair pair;
  long len;

  tls_pair_open(&pair, server, client, NULL);
  CHECK_INT(1, SSL_set_tlsext_host_name(pair.client, name));
  SSL_set_tlsext_status_type(pair.client, TLSEXT_STATUSTYPE_ocsp);
  CHECK(tls_pair_shake(&pair));
  len = SSL_get_tlsext_status_ocsp_resp(pair.client, &response);
  tls_pair_close(&pair);
  cro_tls_context_drop(client);
  return len;
}

static void a_response_is_stapled_to_its_certificate_only(void)
{
  cro_tls_identity all[2] = { identity_of("unused", "DNS:unused.test", false) };
  tls_cert good = tls_cert_for(&ca, "DNS:good.test");
  tls_cert bare = tls_cert_for(&ca, "DNS:bare.test");
  cro_tls_context *server;

  all[0] = (cro_tls_identity){
    .certificate_file = cro_bytes_of(tls_certs_both("good.pem", &good)),
    .ocsp_file = cro_bytes_of(tls_certs_ocsp("good.ocsp", &good, &ca, 3600)),
  };
  all[1] = (cro_tls_identity){
    .certificate_file = cro_bytes_of(tls_certs_both("bare.pem", &bare)),
  };
  server = server_of(all, 2, false);
  CHECK(stapled(server, "good.test") > 100);
  CHECK_INT(-1, stapled(server, "bare.test"));
  cro_tls_context_drop(server);
  all[0].ocsp_file = cro_bytes_of(tls_certs_ocsp("good.ocsp", &good, &ca, -60));
  server = server_of(all, 2, false);
  CHECK_INT(-1, stapled(server, "good.test"));
  cro_tls_context_drop(server);
  tls_cert_free(&good);
  tls_cert_free(&bare);
}

TEST_MAIN(CASE(a_name_chooses_its_certificate),
          CASE(an_unknown_name_is_answered_with_the_first),
          CASE(strictly_an_unknown_name_is_refused),
          CASE(the_name_of_the_options_goes_before_those_in_certificates),
          CASE(one_name_with_two_certificates_of_a_kind_is_a_mistake),
          CASE(a_certificate_without_names_goes_by_its_common_name),
          CASE(keys_of_two_kinds_serve_one_name), CASE(many_names_are_found_as_few_are),
          CASE(requests_for_other_hosts_are_known),
          CASE(what_the_client_asked_for_is_never_another_host),
          CASE(the_servers_order_of_protocols_counts),
          CASE(no_protocol_in_common_is_the_end), CASE(who_speaks_no_alpn_is_served),
          CASE(a_response_is_stapled_to_its_certificate_only))
