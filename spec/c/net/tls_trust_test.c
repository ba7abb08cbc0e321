/* Whom clients and servers trust, and what becomes of the others. */
#include "net/tls_context.h"
#include "support/test.h"
#include "support/tls_certs.h"
#include "support/tls_pair.h"

#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static tls_cert ca, stranger;

static void setup(void)
{
  if (ca.x509 != NULL)
    return;
  ca = tls_cert_ca("Test CA");
  stranger = tls_cert_ca("Strange CA");
  (void)tls_certs_chain("ca.pem", &ca, NULL);
  (void)tls_certs_chain("stranger.pem", &stranger, NULL);
}

static cro_bytes path(const char *name)
{
  return cro_bytes_of(tls_certs_path(name));
}

/* --- clients ------------------------------------------------------------------------
 */

/* A server with this certificate, a client that trusts `ca_file` and wants `name`: ""
 * or why not. */
static const char *verified_by(const tls_cert_spec *spec, const tls_cert *also,
                               const char *ca_file, const char *name)
{
  static char out[128];
  tls_cert made = tls_cert_make(spec);
  cro_tls_context *server, *client;
  tls_pair pair;

  (void)tls_certs_chain("leaf.pem", &made, also, NULL);
  (void)tls_certs_key("leaf.key", &made, NULL);
  server = tls_pair_server(tls_certs_path("leaf.pem"), tls_certs_path("leaf.key"));
  client = tls_pair_client(tls_certs_path(ca_file));
  tls_pair_open(&pair, server, client, NULL);
  if (name[0] >= '0' && name[0] <= '9')
    CHECK_INT(1, X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(pair.client), name));
  else
    CHECK_INT(1, SSL_set1_host(pair.client, name));
  out[0] = '\0';
  if (!tls_pair_shake(&pair))
    (void)snprintf(out, sizeof out, "%s",
                   X509_verify_cert_error_string(SSL_get_verify_result(pair.client)));
  CHECK(pair.done == (out[0] == '\0'));
  tls_pair_close(&pair);
  cro_tls_context_drop(server);
  cro_tls_context_drop(client);
  tls_cert_free(&made);
  return out;
}

static void check_verified(const char *want, tls_cert_spec spec, const char *name)
{
  setup();
  if (spec.cn == NULL)
    spec.cn = "leaf";
  CHECK_TEXT(want, cro_bytes_of(verified_by(&spec, NULL, "ca.pem", name)));
}

static void a_certificate_of_the_authority_is_good_for_its_names(void)
{
  setup();
  check_verified("", (tls_cert_spec){ .names = "DNS:a.test", .issuer = &ca }, "a.test");
  check_verified("", (tls_cert_spec){ .names = "DNS:*.a.test", .issuer = &ca },
                 "x.a.test");
  check_verified("", (tls_cert_spec){ .names = "IP:127.0.0.1", .issuer = &ca },
                 "127.0.0.1");
}

static void another_name_is_refused(void)
{
  setup();
  check_verified("hostname mismatch",
                 (tls_cert_spec){ .names = "DNS:a.test", .issuer = &ca }, "b.test");
  check_verified("hostname mismatch",
                 (tls_cert_spec){ .names = "DNS:*.a.test", .issuer = &ca },
                 "x.y.a.test");
  check_verified("hostname mismatch",
                 (tls_cert_spec){ .names = "DNS:x*.a.test", .issuer = &ca },
                 "xy.a.test");
  check_verified("IP address mismatch",
                 (tls_cert_spec){ .names = "IP:127.0.0.1", .issuer = &ca },
                 "127.0.0.2");
  check_verified("IP address mismatch",
                 (tls_cert_spec){ .names = "DNS:127.0.0.1", .issuer = &ca },
                 "127.0.0.1");
}

static void a_name_in_the_subject_alone_does_not_count(void)
{
  setup();
  check_verified("hostname mismatch", (tls_cert_spec){ .cn = "a.test", .issuer = &ca },
                 "a.test");
}

static void what_is_out_of_date_is_refused(void)
{
  setup();
  check_verified("certificate has expired",
                 (tls_cert_spec){
                     .names = "DNS:a.test", .issuer = &ca, .from = -20, .until = -10 },
                 "a.test");
  check_verified(
      "certificate is not yet valid",
      (tls_cert_spec){
          .names = "DNS:a.test", .issuer = &ca, .from = 3600, .until = 7200 },
      "a.test");
}

static void who_is_not_trusted_is_refused(void)
{
  setup();
  check_verified("self-signed certificate", (tls_cert_spec){ .names = "DNS:a.test" },
                 "a.test");
  check_verified("unable to get local issuer certificate",
                 (tls_cert_spec){ .names = "DNS:a.test", .issuer = &stranger },
                 "a.test");
}

static void a_certificate_for_clients_is_none_for_servers(void)
{
  setup();
  check_verified(
      "unsuitable certificate purpose",
      (tls_cert_spec){ .names = "DNS:a.test", .issuer = &ca, .usage = "clientAuth" },
      "a.test");
}

static void a_certificate_that_is_trusted_itself_is_good(void)
{
  tls_cert_spec spec = { .cn = "self", .names = "DNS:a.test" };
  tls_cert own = tls_cert_make(&spec);
  cro_tls_context *server = tls_pair_server(tls_certs_chain("own.pem", &own, NULL),
                                            tls_certs_key("own.key", &own, NULL));
  cro_tls_context *client = tls_pair_client(tls_certs_path("own.pem"));
  tls_pair pair;

  tls_pair_open(&pair, server, client, "a.test");
  CHECK(tls_pair_shake(&pair));
  tls_pair_close(&pair);
  cro_tls_context_drop(server);
  cro_tls_context_drop(client);
  tls_cert_free(&own);
}

static void an_intermediate_is_needed_and_may_be_trusted_by_itself(void)
{
  tls_cert middle;
  tls_cert_spec spec = { .cn = "leaf", .names = "DNS:a.test", .issuer = &middle };

  setup();
  middle = tls_cert_make(&(tls_cert_spec){ .cn = "Middle", .issuer = &ca, .ca = true });
  (void)tls_certs_chain("middle.pem", &middle, NULL);
  CHECK_TEXT("", cro_bytes_of(verified_by(&spec, &middle, "ca.pem", "a.test")));
  CHECK_TEXT("unable to get local issuer certificate",
             cro_bytes_of(verified_by(&spec, NULL, "ca.pem", "a.test")));
  CHECK_TEXT("", cro_bytes_of(verified_by(&spec, NULL, "middle.pem", "a.test")));
  tls_cert_free(&middle);
}

static void a_pkcs12_file_brings_its_chain_in_any_order(void)
{
  tls_cert middle, made;
  cro_tls_identity identity;
  cro_tls_context *server, *client;
  tls_pair pair;

  setup();
  middle = tls_cert_make(&(tls_cert_spec){ .cn = "Middle", .issuer = &ca, .ca = true });
  made = tls_cert_for(&middle, "DNS:a.test");
  identity = (cro_tls_identity){
    .pkcs12_file = cro_bytes_of(tls_certs_p12("chain.p12", &made, &middle, "x")),
    .password = CRO_B("x"),
  };
  server = tls_pair_context(&(cro_tls_options){
      .server = true, .identities = &identity, .identity_count = 1 });
  client = tls_pair_client(tls_certs_path("ca.pem"));
  tls_pair_open(&pair, server, client, "a.test");
  CHECK(tls_pair_shake(&pair));
  tls_pair_close(&pair);
  cro_tls_context_drop(server);
  cro_tls_context_drop(client);
  tls_cert_free(&made);
  tls_cert_free(&middle);
}

/* "" or the alert, with the system's authorities where the environment says. */
static const char *by_system(const char *file, const char *folder)
{
  static char out[64];
  tls_cert made = tls_cert_for(&ca, "DNS:a.test");
  cro_tls_context *server = tls_pair_server(tls_certs_chain("env.pem", &made, NULL),
                                            tls_certs_key("env.key", &made, NULL));
  cro_tls_context *client;
  tls_pair pair;

  (void)unsetenv("SSL_CERT_FILE");
  (void)unsetenv("SSL_CERT_DIR");
  if (file != NULL)
    (void)setenv("SSL_CERT_FILE", tls_certs_path(file), 1);
  if (folder != NULL)
    (void)setenv("SSL_CERT_DIR", tls_certs_path(folder), 1);
  client = tls_pair_context(&(cro_tls_options){ 0 });
  tls_pair_open(&pair, server, client, "a.test");
  (void)tls_pair_shake(&pair);
  (void)snprintf(out, sizeof out, "%s", pair.alert);
  tls_pair_close(&pair);
  cro_tls_context_drop(client);
  cro_tls_context_drop(server);
  tls_cert_free(&made);
  return out;
}

static void the_environment_names_the_systems_authorities(void)
{
  char name[64];

  setup();
  CHECK_TEXT("", cro_bytes_of(by_system("ca.pem", NULL)));
  CHECK_TEXT("unknown CA", cro_bytes_of(by_system("stranger.pem", NULL)));
  CHECK_TEXT("unknown CA", cro_bytes_of(by_system("none.pem", "none")));
  (void)mkdir(tls_certs_path("hashed"), 0700);
  (void)snprintf(name, sizeof name, "hashed/%08lx.0", X509_subject_name_hash(ca.x509));
  (void)tls_certs_chain(name, &ca, NULL);
  CHECK_TEXT("", cro_bytes_of(by_system(NULL, "hashed")));
  CHECK_TEXT("", cro_bytes_of(by_system("stranger.pem", "hashed")));
}

static void without_an_environment_strangers_are_not_trusted(void)
{
  setup();
  CHECK_TEXT("unknown CA", cro_bytes_of(by_system(NULL, NULL)));
}

/* --- servers ------------------------------------------------------------------------
 */

typedef struct mutual {
  cro_tls_context *server, *client;
  tls_pair pair;
} mutual;

/* The client shows a certificate of this issuer, or none. */
static void open_mutual(mutual *self, cro_tls_verify verify, const tls_cert *issuer,
                        const char *usage)
{
  tls_cert own, made;
  cro_tls_identity identity, shown;
  cro_tls_options options = {
    .server = true, .identities = &identity, .identity_count = 1, .verify = verify
  };

  setup();
  own = tls_cert_for(&ca, "DNS:a.test");
  identity = (cro_tls_identity){ .certificate_file =
                                     cro_bytes_of(tls_certs_both("own.pem", &own)) };
  options.ca_file = path("ca.pem");
  self->server = tls_pair_context(&options);
  options = (cro_tls_options){ .identities = &shown, .ca_file = path("ca.pem") };
  if (issuer != NULL) {
    made = tls_cert_make(
        &(tls_cert_spec){ .cn = "alice", .issuer = issuer, .usage = usage });
    shown = (cro_tls_identity){ .certificate_file =
                                    cro_bytes_of(tls_certs_both("alice.pem", &made)) };
    tls_cert_free(&made);
    options.identity_count = 1;
  }
  self->client = tls_pair_context(&options);
  tls_cert_free(&own);
  tls_pair_open(&self->pair, self->server, self->client, "a.test");
}

static void close_mutual(mutual *self)
{
  tls_pair_close(&self->pair);
  cro_tls_context_drop(self->server);
  cro_tls_context_drop(self->client);
}

static void check_mutual(const char *alert, cro_tls_verify verify,
                         const tls_cert *issuer, const char *usage)
{
  mutual self;

  open_mutual(&self, verify, issuer, usage);
  (void)tls_pair_shake(&self.pair);
  CHECK_TEXT(alert, cro_bytes_of(self.pair.alert));
  close_mutual(&self);
}

static void clients_are_verified_as_asked(void)
{
  setup();
  check_mutual("", CRO_TLS_VERIFY_REQUIRE, &ca, "clientAuth");
  check_mutual("", CRO_TLS_VERIFY_REQUIRE, &ca, NULL);
  check_mutual("unknown", CRO_TLS_VERIFY_REQUIRE, NULL, NULL);
  check_mutual("unknown CA", CRO_TLS_VERIFY_REQUIRE, &stranger, "clientAuth");
  check_mutual("unsupported certificate", CRO_TLS_VERIFY_REQUIRE, &ca, "serverAuth");
  check_mutual("", CRO_TLS_VERIFY_OPTIONAL, NULL, NULL);
  check_mutual("unknown CA", CRO_TLS_VERIFY_OPTIONAL, &stranger, NULL);
  check_mutual("", CRO_TLS_VERIFY_NONE, &stranger, NULL);
}

static void clients_are_told_whom_the_server_trusts(void)
{
  const STACK_OF(X509_NAME) * names;
  mutual self;

  setup();
  open_mutual(&self, CRO_TLS_VERIFY_REQUIRE, &ca, NULL);
  CHECK(tls_pair_shake(&self.pair));
  names = SSL_get0_peer_CA_list(self.pair.client);
  CHECK_INT(1, sk_X509_NAME_num(names));
  CHECK_INT(
      0, X509_NAME_cmp(sk_X509_NAME_value(names, 0), X509_get_subject_name(ca.x509)));
  close_mutual(&self);
}

TEST_MAIN(CASE(a_certificate_of_the_authority_is_good_for_its_names),
          CASE(another_name_is_refused),
          CASE(a_name_in_the_subject_alone_does_not_count),
          CASE(what_is_out_of_date_is_refused), CASE(who_is_not_trusted_is_refused),
          CASE(a_certificate_for_clients_is_none_for_servers),
          CASE(a_certificate_that_is_trusted_itself_is_good),
          CASE(an_intermediate_is_needed_and_may_be_trusted_by_itself),
          CASE(a_pkcs12_file_brings_its_chain_in_any_order),
          CASE(the_environment_names_the_systems_authorities),
          CASE(without_an_environment_strangers_are_not_trusted),
          CASE(clients_are_verified_as_asked),
          CASE(clients_are_told_whom_the_server_trusts))
