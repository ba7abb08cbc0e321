/* What is said when a handshake fails, on both sides; who is asked for; what is known
 * of the peer. */
#include "net/tls_session.h"

#include "base/err.h"
#include "support/tls_certs.h"
#include "support/tls_ends.h"
#include "support/tls_pair.h"
#include "support/tls_rig.h"

static tls_cert ca, stranger;

typedef struct verdict {
  tls_cert_spec leaf;
  bool self_signed, strange_ca;
  const char *name;  /* asked for */
  const char *why;   /* the client's */
  const char *alert; /* as the server hears of it */
} verdict;

static const verdict verdicts[] = {
  { .leaf = { .cn = "old.example",
              .names = "DNS:localhost",
              .from = -7200,
              .until = -3600 },
    .why = "certificate has expired (depth 0, CN=old.example)",
    .alert = "the peer sent alert: certificate expired" },
  { .leaf = { .cn = "new.example",
              .names = "DNS:localhost",
              .from = 3600,
              .until = 7200 },
    .why = "certificate is not yet valid (depth 0, CN=new.example)",
    .alert = "the peer sent alert: bad certificate" },
  { .leaf = { .cn = "me", .names = "DNS:localhost" },
    .self_signed = true,
    .why = "self-signed certificate (depth 0, CN=me)",
    .alert = "the peer sent alert: unknown CA" },
  { .leaf = { .cn = "a.example", .names = "DNS:a.example" },
    .name = "b.example",
    .why = "the certificate is for a.example, not for b.example",
    .alert = "the peer sent alert: bad certificate" },
  { .leaf = { .cn = "a.example",
              .names = "DNS:a.example,DNS:b.example,IP:127.0.0.1,DNS:c.example,DNS:d."
                       "example" },
    .name = "e.example",
    .why =
        "the certificate is for a.example, b.example, 127.0.0.1, c.example, ..., not "
        "for e.example",
    .alert = "the peer sent alert: bad certificate" },
  { .leaf = { .cn = "a.example", .names = "DNS:a.example,IP:::1" },
    .name = "127.0.0.1",
    .why = "the certificate is for a.example, 0:0:0:0:0:0:0:1, not for 127.0.0.1",
    .alert = "the peer sent alert: bad certificate" },
  { .leaf = { .cn = "localhost" },
    .why =
        "the certificate names no host (subjectAltName), and so is not for localhost",
    .alert = "the peer sent alert: bad certificate" },
  { .leaf = { .cn = "x", .names = "DNS:localhost" },
    .strange_ca = true,
    .why = "unable to get local issuer certificate: not signed by a CA that is trusted "
           "here (depth 0, CN=x)",
    .alert = "the peer sent alert: unknown CA" },
  { .leaf = { .cn = "w*.example", .names = "DNS:w*.example" },
    .name = "www.example",
    .why = "the certificate is for w*.example, not for www.example",
    .alert = "the peer sent alert: bad certificate" },
  { .leaf = { .cn = "mail", .names = "DNS:localhost", .usage = "clientAuth" },
    .why = "unsuitable certificate purpose (depth 0, CN=mail)",
    .alert = "the peer sent alert: unsupported certificate" },
};

static cro_bytes why(const tls_side *side)
{
  return cro_bytes_of(side->tls->why != NULL ? side->tls->why : "");
}

/* The server's identity is a certificate of `spec`. */
static cro_tls_context *server_of(const tls_cert_spec *spec,
                                  const cro_tls_options *more)
{
  cro_tls_options options = more != NULL ? *more : (cro_tls_options){ 0 };
  tls_cert leaf = tls_cert_make(spec);
  cro_tls_identity me = { .certificate_file =
                              cro_bytes_of(tls_certs_both("leaf.pem", &leaf)) };

  options.identities = &me;
  options.identity_count = 1;
  tls_cert_free(&leaf);
  return tls_ends_server(&options);
}

static cro_tls_context *client_of(cro_tls_verify verify)
{
  cro_tls_options options = { .ca_file =
                                  cro_bytes_of(tls_certs_chain("ca.pem", &ca, NULL)),
                              .verify = verify };

  return tls_ends_client(&options);
}

static void refuse(const verdict *it, int version)
{
  tls_cert_spec leaf = it->leaf;
  cro_tls_context *server, *client = client_of(CRO_TLS_VERIFY_DEFAULT);
  tls_rig rig = { .version = version };

  leaf.issuer = it->self_signed ? NULL : it->strange_ca ? &stranger : &ca;
  server = server_of(&leaf, NULL);
  CHECK(tls_rig_open(&rig, server, client, it->name != NULL ? it->name : "localhost"));
  tls_rig_run(&rig, 100000);
  CHECK_INT(CRO_E_CERT, rig.client.over_err);
  CHECK_TEXT(it->why, why(&rig.client));
  CHECK_TEXT(it->alert, why(&rig.server));
  CHECK(rig.server.over_err == CRO_E_TLS || rig.server.probe.err == CRO_E_TLS);
  CHECK(rig.client.conn.tls == NULL);
  tls_rig_close(&rig);
  cro_tls_context_drop(server);
  cro_tls_context_drop(client);
}

static void make_cas(void)
{
  if (ca.x509 != NULL)
    return;
  ca = tls_cert_ca("Test CA");
  stranger = tls_cert_ca("Stranger");
}

static void a_certificate_that_will_not_do_is_refused_with_the_reason(void)
{
  make_cas();
  for (size_t i = 0; i < sizeof verdicts / sizeof *verdicts; i++)
    for (int version = 12; version <= 13; version++)
      refuse(&verdicts[i], version);
}

/* The same certificates, and a client that does not care: it knows all the same. */
static void who_verifies_nobody_is_told_that_nobody_is_verified(void)
{
  make_cas();
  for (size_t i = 0; i < sizeof verdicts / sizeof *verdicts; i++) {
    tls_cert_spec leaf = verdicts[i].leaf;
    cro_tls_context *server, *client = client_of(CRO_TLS_VERIFY_NONE);
    tls_rig rig = { 0 };

    leaf.issuer = verdicts[i].strange_ca ? &stranger : &ca;
    if (verdicts[i].self_signed)
      leaf.issuer = NULL;
    server = server_of(&leaf, NULL);
    CHECK(tls_rig_open(&rig, server, client,
                       verdicts[i].name != NULL ? verdicts[i].name : "localhost"));
    tls_rig_run(&rig, 100000);
    CHECK_INT(0, rig.client.over_err);
    CHECK(!rig.client.conn.tls->verified);
    CHECK_TEXT("", why(&rig.client));
    tls_rig_close(&rig);
    cro_tls_context_drop(server);
    cro_tls_context_drop(client);
  }
}

/* --- names ---------------------------------------------------------------------------
 */

static void ask(const char *names, const char *name, const char *sni)
{
  tls_cert_spec leaf = { .cn = "x", .names = names, .issuer = &ca };
  cro_tls_context *server = server_of(&leaf, NULL);
  cro_tls_context *client = client_of(CRO_TLS_VERIFY_DEFAULT);
  tls_rig rig = { 0 };

  CHECK(tls_rig_open(&rig, server, client, name));
  tls_rig_run(&rig, 100000);
  CHECK_INT(0, rig.client.over_err);
  CHECK_TEXT("", why(&rig.client));
  if (rig.server.conn.tls != NULL)
    CHECK_TEXT(sni, rig.server.conn.tls->server_name);
  CHECK(rig.client.conn.tls != NULL && rig.client.conn.tls->verified);
  tls_rig_close(&rig);
  cro_tls_context_drop(server);
  cro_tls_context_drop(client);
}

static void names_are_asked_for_and_addresses_only_verified(void)
{
  make_cas();
  ask("DNS:a.example", "a.example", "a.example");
  ask("DNS:a.example", "A.Example.", "A.Example");
  ask("DNS:*.a.example", "any.a.example", "any.a.example");
  ask("DNS:xn--bcher-kva.example",
      "b\xc3\xbc"
      "cher.example",
      "xn--bcher-kva.example");
  ask("IP:127.0.0.1", "127.0.0.1", "");
  ask("IP:::1", "::1", "");
  ask("IP:fe80::1", "fe80::1%lo", "");
}

static void a_name_that_cannot_be_one_is_refused_at_once(void)
{
  cro_tls_context *client, *careless;
  char name[300];
  net_tls *out = NULL;

  make_cas();
  client = client_of(CRO_TLS_VERIFY_DEFAULT);
  careless = client_of(CRO_TLS_VERIFY_NONE);
  memset(name, 'a', sizeof name);
  CHECK_INT(CRO_E_INVAL, net_tls_create(&out, &(net_tls_plan){ .context = client }));
  CHECK_INT(CRO_E_INVAL,
            net_tls_create(&out, &(net_tls_plan){ .context = client,
                                                  .name = { name, sizeof name } }));
  CHECK_INT(CRO_E_INVAL,
            net_tls_create(
                &out, &(net_tls_plan){ .context = client, .name = { "a\0b", 3 } }));
  CHECK_INT(CRO_E_INVAL,
            net_tls_create(
                &out, &(net_tls_plan){ .context = client, .name = CRO_B("\xff") }));
  CHECK(out == NULL);
  CHECK_INT(0, net_tls_create(&out, &(net_tls_plan){ .context = careless }));
  net_tls_destroy(out);
  net_tls_destroy(out); /* once per stage */
  cro_tls_context_drop(client);
  cro_tls_context_drop(careless);
}

/* --- other faults --------------------------------------------------------------------
 */

static void fail_with(const cro_tls_options *of_server,
                      const cro_tls_options *of_client, int version, int server_err,
                      const char *server_why, int client_err, const char *client_why)
{
  cro_tls_context *server = tls_ends_server(of_server);
  cro_tls_context *client = tls_ends_client(of_client);
  tls_rig rig = { .version = version };

  CHECK(tls_rig_open(&rig, server, client, "localhost"));
  tls_rig_run(&rig, 100000);
  CHECK_INT(server_err, rig.server.over_err);
  CHECK_TEXT(server_why, why(&rig.server));
  CHECK_INT(client_err,
            rig.client.over_err != 0 ? rig.client.over_err : rig.client.probe.err);
  CHECK_TEXT(client_why, why(&rig.client));
  tls_rig_close(&rig);
  cro_tls_context_drop(server);
  cro_tls_context_drop(client);
}

static void what_the_sides_do_not_have_in_common_is_named(void)
{
  static const cro_bytes h2 = CRO_B_INIT("h2"), http = CRO_B_INIT("http/1.1");
  cro_tls_options speaks_h2 = { .alpn = &h2, .alpn_count = 1 };
  cro_tls_options speaks_http = { .alpn = &http, .alpn_count = 1 };
  cro_tls_options only_13 = { .min_version = 13 };
  cro_tls_options aes_128 = { .ciphers = CRO_B("ECDHE-ECDSA-AES128-GCM-SHA256") };
  cro_tls_options aes_256 = { .ciphers = CRO_B("ECDHE-ECDSA-AES256-GCM-SHA384") };
  cro_tls_options mutual = { .verify = CRO_TLS_VERIFY_REQUIRE };
  cro_tls_identity other = { .server_name = CRO_B("a.example") };
  cro_tls_options strict = { .identities = &other,
                             .identity_count = 1,
                             .sni_strict = true };
  tls_cert leaf;

  make_cas();
  mutual.ca_file = cro_bytes_of(tls_certs_chain("ca.pem", &ca, NULL));
  fail_with(&speaks_h2, &speaks_http, 13, CRO_E_ALPN, "no protocol in common (ALPN)",
            CRO_E_ALPN, "the peer sent alert: no application protocol");
  fail_with(&only_13, NULL, 12, CRO_E_TLS,
            "the peer speaks no version of TLS that is allowed here", CRO_E_TLS,
            "the peer sent alert: protocol version");
  fail_with(&aes_128, &aes_256, 12, CRO_E_TLS, "no cipher in common", CRO_E_TLS,
            "the peer sent alert: handshake failure");
  fail_with(&mutual, NULL, 13, CRO_E_CERT, "the peer has shown no certificate",
            CRO_E_TLS, "the peer sent alert: certificate required");
  fail_with(&mutual, NULL, 12, CRO_E_CERT, "the peer has shown no certificate",
            CRO_E_TLS, "the peer sent alert: handshake failure");
  leaf = tls_cert_for(&ca, "DNS:a.example");
  other.certificate_file = cro_bytes_of(tls_certs_both("leaf.pem", &leaf));
  for (int version = 12; version <= 13; version++)
    fail_with(&strict, NULL, version, CRO_E_TLS,
              "the peer asked for localhost, which no certificate is for", CRO_E_TLS,
              "the peer sent alert: unrecognized name: it has no certificate for "
              "localhost");
  tls_cert_free(&leaf);
}

static void feed_a_side(bool server, cro_bytes bytes, int err, const char *text)
{
  cro_tls_context *contexts[2] = { tls_ends_server(NULL), tls_ends_client(NULL) };
  tls_rig rig = { 0 };
  tls_side *side = server ? &rig.server : &rig.client;

  CHECK(tls_rig_open(&rig, contexts[0], contexts[1], "localhost"));
  tls_rig_turn(&rig);
  for (size_t i = 0; i < bytes.len && side->over == 0; i++)
    (void)tls_side_feed(side, (cro_bytes){ bytes.at + i, 1 });
  tls_rig_turn(&rig);
  CHECK_INT(1, side->over);
  CHECK_INT(err, side->over_err);
  CHECK_TEXT(text, why(side));
  tls_rig_close(&rig);
  cro_tls_context_drop(contexts[0]);
  cro_tls_context_drop(contexts[1]);
}

static void who_does_not_speak_tls_is_told_by_its_first_bytes(void)
{
  feed_a_side(true, CRO_B("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), CRO_E_PROTOCOL,
              "the peer speaks plain HTTP");
  feed_a_side(true, CRO_B("POST / HTTP/1.1\r\nHost: a\r\n\r\n"), CRO_E_PROTOCOL,
              "the peer speaks plain HTTP");
  feed_a_side(false, CRO_B("HTTP/1.1 400 Bad Request\r\n\r\n"), CRO_E_PROTOCOL,
              "the peer speaks plain HTTP");
  feed_a_side(false, CRO_B("SSH-2.0-OpenSSH_9.2p1\r\n"), CRO_E_PROTOCOL,
              "the peer does not speak TLS: it began with \"SSH-2.0-\"");
  feed_a_side(
      true, CRO_B("\x00\x01\x02\x03\x04 garbage and more"), CRO_E_PROTOCOL,
      "the peer does not speak TLS: it began with \"\\x00\\x01\\x02\\x03\\x04 ga\"");
}

static void a_handshake_that_takes_too_long_is_given_up(void)
{
  cro_tls_context *server = tls_ends_server(NULL), *client = tls_ends_client(NULL);
  tls_rig rig = { 0 };

  CHECK(tls_rig_open(&rig, server, client, "localhost"));
  tls_rig_turn(&rig);
  (void)tls_rig_move(&rig, &rig.client, 50);
  rig.server.now = 9999;
  tls_rig_turn(&rig);
  CHECK_INT(0, rig.server.over);
  rig.server.now = 10000;
  tls_rig_turn(&rig);
  CHECK_INT(1, rig.server.over);
  CHECK_INT(CRO_E_TIMEOUT, rig.server.over_err);
  CHECK_TEXT("the handshake was not over after 10 s", why(&rig.server));
  CHECK(rig.server.aborted);
  CHECK_INT(0, rig.client.over);
  tls_rig_close(&rig);
  cro_tls_context_drop(server);
  cro_tls_context_drop(client);
}

static void the_deadline_is_the_pipelines_again_after_the_handshake(void)
{
  cro_tls_context *server = tls_ends_server(NULL), *client = tls_ends_client(NULL);
  tls_rig rig = { 0 };

  CHECK(tls_rig_open(&rig, server, client, "localhost"));
  CHECK_INT(10000, rig.server.deadline);
  tls_rig_run(&rig, 100000);
  CHECK_INT(0, rig.server.deadline + rig.client.deadline);
  CHECK(rig.server.conn.on_deadline == NULL);
  tls_rig_close(&rig);
  cro_tls_context_drop(server);
  cro_tls_context_drop(client);
}

TEST_MAIN(CASE(a_certificate_that_will_not_do_is_refused_with_the_reason),
          CASE(who_verifies_nobody_is_told_that_nobody_is_verified),
          CASE(names_are_asked_for_and_addresses_only_verified),
          CASE(a_name_that_cannot_be_one_is_refused_at_once),
          CASE(what_the_sides_do_not_have_in_common_is_named),
          CASE(who_does_not_speak_tls_is_told_by_its_first_bytes),
          CASE(a_handshake_that_takes_too_long_is_given_up),
          CASE(the_deadline_is_the_pipelines_again_after_the_handshake))
