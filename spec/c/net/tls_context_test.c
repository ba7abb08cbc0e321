/* TLS contexts: what is read from files, and what is said when it is no good. */
#include "base/alloc.h"
#include "base/err.h"
#include "net/tls.h"
#include "support/test.h"
#include "support/tls_certs.h"
#include "support/tls_pair.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static tls_cert ca, leaf, other;

static void setup(void)
{
  if (ca.x509 != NULL)
    return;
  ca = tls_cert_ca("Test CA");
  leaf = tls_cert_for(&ca, "DNS:a.test");
  other = tls_cert_for(&ca, "DNS:b.test");
  (void)tls_certs_chain("ca.pem", &ca, NULL);
  (void)tls_certs_chain("crt.pem", &leaf, &ca, NULL);
  (void)tls_certs_key("key.pem", &leaf, NULL);
  (void)tls_certs_key("other.pem", &other, NULL);
}

static cro_bytes path(const char *name)
{
  return cro_bytes_of(tls_certs_path(name));
}

/* --- creating, and what it says -----------------------------------------------------
 */

static cro_tls_identity good_identity(void)
{
  setup();
  return (cro_tls_identity){ .certificate_file = path("crt.pem"),
                             .private_key_file = path("key.pem") };
}

static cro_tls_options server_of(const cro_tls_identity *identity)
{
  return (
      cro_tls_options){ .server = true, .identities = identity, .identity_count = 1 };
}

/* The text with the folder taken out of it. */
static const char *told(const char *text)
{
  static char out[1024];
  const char *folder = tls_certs_path(""), *hit;
  size_t len = 0, cut = strlen(folder);

  while ((hit = strstr(text, folder)) != NULL) {
    len +=
        (size_t)snprintf(out + len, sizeof out - len, "%.*s", (int)(hit - text), text);
    text = hit + cut;
  }
  (void)snprintf(out + len, sizeof out - len, "%s", text);
  return out;
}

static void refuse(const cro_tls_options *options, int err, const char *text)
{
  cro_tls_context *context = NULL;
  cro_tls_fault fault;

  CHECK_INT(err, cro_tls_context_create(&context, options, &fault));
  CHECK_INT(err, fault.err);
  CHECK_TEXT(text, cro_bytes_of(told(fault.text)));
  CHECK(context == NULL);
}

static void refuse_identity(cro_tls_identity identity, int err, const char *text)
{
  cro_tls_options options = server_of(&identity);

  refuse(&options, err, text);
}

static void refuse_files(const char *certificate, const char *key, int err,
                         const char *text)
{
  refuse_identity((cro_tls_identity){ .certificate_file = path(certificate),
                                      .private_key_file =
                                          key != NULL ? path(key) : (cro_bytes){ 0 } },
                  err, text);
}

static void accept(const cro_tls_options *options, const char *warning)
{
  cro_tls_context *context = NULL;
  cro_tls_fault fault;

  CHECK_INT(0, cro_tls_context_create(&context, options, &fault));
  if (context == NULL) {
    (void)printf("# %s\n", fault.text);
    return;
  }
  CHECK_TEXT(warning, cro_bytes_of(told(cro_tls_context_warning(context))));
  CHECK_INT(options->server, net_tls_is_server(context));
  cro_tls_context_drop(context);
}

static void accept_identity(cro_tls_identity identity, const char *warning)
{
  cro_tls_options options = server_of(&identity);

  accept(&options, warning);
}

/* --- PEM ----------------------------------------------------------------------------
 */

static void a_chain_and_its_key_are_a_server(void)
{
  accept_identity(good_identity(), "");
}

static void the_key_may_be_in_the_file_of_the_certificate(void)
{
  setup();
  (void)tls_certs_both("both.pem", &leaf);
  accept_identity((cro_tls_identity){ .certificate_file = path("both.pem") }, "");
}

static void files_that_cannot_be_read_are_named(void)
{
  setup();
  (void)mkfifo(tls_certs_path("fifo"), 0600);
  refuse_files("none.pem", NULL, CRO_E_NOTFOUND,
               "certificate_file none.pem: no such file or directory");
  refuse_files("crt.pem", "none.pem", CRO_E_NOTFOUND,
               "private_key_file none.pem: no such file or directory");
  refuse_files("", NULL, CRO_E_ISDIR, "certificate_file : it is a directory");
  refuse_files("fifo", NULL, CRO_E_INVAL, "certificate_file fifo: is no file");
}

static void a_file_over_a_megabyte_is_refused(void)
{
  char *text = malloc(1024 * 1024 + 2);

  setup();
  memset(text, 'x', 1024 * 1024 + 1);
  text[1024 * 1024 + 1] = '\0';
  (void)tls_certs_write("long.pem", text);
  free(text);
  refuse_files("long.pem", NULL, CRO_E_TOO_LONG,
               "certificate_file long.pem: longer than 1024 KiB");
}

static void a_file_without_a_certificate_says_what_is_in_it(void)
{
  setup();
  (void)tls_certs_write("text.pem", "hello\n");
  (void)tls_certs_write("empty.pem", "");
  (void)tls_certs_der("crt.der", &leaf);
  refuse_files("text.pem", NULL, CRO_E_SYNTAX,
               "certificate_file text.pem: no certificate in it");
  refuse_files("empty.pem", NULL, CRO_E_SYNTAX,
               "certificate_file empty.pem: no certificate in it");
  refuse_files(
      "key.pem", NULL, CRO_E_SYNTAX,
      "certificate_file key.pem: no certificate in it (it begins with: PRIVATE "
      "KEY)");
  refuse_files("crt.der", NULL, CRO_E_SYNTAX,
               "certificate_file crt.der: no certificate in it (it is DER; PEM is "
               "needed)");
}

static void a_file_without_a_key_says_what_is_in_it(void)
{
  setup();
  refuse_files("crt.pem", NULL, CRO_E_SYNTAX,
               "certificate_file crt.pem: no private key in it (it begins with: "
               "CERTIFICATE)");
  refuse_files("crt.pem", "ca.pem", CRO_E_SYNTAX,
               "private_key_file ca.pem: no private key in it (it begins with: "
               "CERTIFICATE)");
}

static void damage_is_told_apart_from_absence(void)
{
  setup();
  (void)tls_certs_write("bad.pem", "-----BEGIN CERTIFICATE-----\nMIIB!!!!\n"
                                   "-----END CERTIFICATE-----\n");
  (void)tls_certs_write("badkey.pem", "-----BEGIN PRIVATE KEY-----\nMIIB\n"
                                      "-----END PRIVATE KEY-----\n");
  refuse_files("bad.pem", NULL, CRO_E_SYNTAX,
               "certificate_file bad.pem: a certificate in it is damaged: bad base64 "
               "decode");
  refuse_files("crt.pem", "badkey.pem", CRO_E_SYNTAX,
               "private_key_file badkey.pem: the private key is damaged or of a kind "
               "that is not known");
}

static void a_key_of_another_certificate_is_named(void)
{
  setup();
  (void)tls_certs_chain("turned.pem", &ca, &leaf, NULL);
  refuse_files("crt.pem", "other.pem", CRO_E_INVAL,
               "private_key_file other.pem: does not belong to certificate_file "
               "crt.pem");
  refuse_files("turned.pem", "key.pem", CRO_E_INVAL,
               "certificate_file turned.pem: number 2 in it is the key's; it has to be "
               "the first");
}

static void a_key_under_a_password_needs_the_right_one(void)
{
  cro_tls_identity identity = good_identity();

  (void)tls_certs_key("locked.pem", &leaf, "secret");
  identity.private_key_file = path("locked.pem");
  refuse_identity(
      identity, CRO_E_INVAL,
      "private_key_file locked.pem: is encrypted, and no password is given");
  identity.password = CRO_B("wrong");
  refuse_identity(identity, CRO_E_INVAL,
                  "private_key_file locked.pem: the password is wrong");
  identity.password = CRO_B("secret");
  accept_identity(identity, "");
}

static void a_key_that_is_too_small_is_refused(void)
{
  tls_cert small = tls_cert_make(&(tls_cert_spec){
      .cn = "small", .names = "DNS:a.test", .rsa = true, .rsa_bits = 1024 });

  (void)tls_certs_both("small.pem", &small);
  refuse_files("small.pem", NULL, CRO_E_INVAL,
               "certificate_file small.pem: its key is too small");
  tls_cert_free(&small);
}

/* --- PKCS12 -------------------------------------------------------------------------
 */

static void pkcs12_has_it_all_in_one(void)
{
  cro_tls_identity identity;

  setup();
  (void)tls_certs_p12("all.p12", &leaf, &ca, "secret");
  (void)tls_certs_p12("open.p12", &leaf, &ca, "");
  identity = (cro_tls_identity){ .pkcs12_file = path("all.p12") };
  refuse_identity(identity, CRO_E_INVAL,
                  "pkcs12_file all.p12: is encrypted, and no password is given");
  identity.password = CRO_B("wrong");
  refuse_identity(identity, CRO_E_INVAL, "pkcs12_file all.p12: the password is wrong");
  identity.password = CRO_B("secret");
  accept_identity(identity, "");
  accept_identity((cro_tls_identity){ .pkcs12_file = path("open.p12") }, "");
}

static void what_is_no_pkcs12_is_told(void)
{
  cro_tls_identity identity;

  setup();
  (void)tls_certs_write("text.p12", "hello");
  identity = (cro_tls_identity){ .pkcs12_file = path("text.p12") };
  refuse_identity(identity, CRO_E_SYNTAX, "pkcs12_file text.p12: is no PKCS12 file");
  identity.pkcs12_file = path("crt.pem");
  refuse_identity(
      identity, CRO_E_SYNTAX,
      "pkcs12_file crt.pem: is no PKCS12 file, but PEM: certificate_file is "
      "for that");
  identity.certificate_file = path("crt.pem");
  refuse_identity(identity, CRO_E_INVAL,
                  "pkcs12_file crt.pem: stands instead of certificate_file and "
                  "private_key_file, not beside them");
}

/* --- warnings -----------------------------------------------------------------------
 */

static void accept_with(tls_cert_spec spec, const char *begins, const char *ends)
{
  tls_cert made = tls_cert_make(&spec);
  cro_tls_identity identity;
  cro_tls_options options;
  cro_tls_context *context;
  const char *warning;

  (void)tls_certs_both("odd.pem", &made);
  identity = (cro_tls_identity){ .certificate_file = path("odd.pem") };
  options = server_of(&identity);
  context = tls_pair_context(&options);
  warning = told(cro_tls_context_warning(context));
  CHECK(strncmp(warning, begins, strlen(begins)) == 0);
  CHECK(strlen(warning) > strlen(ends) &&
        strcmp(warning + strlen(warning) - strlen(ends), ends) == 0);
  cro_tls_context_drop(context);
  tls_cert_free(&made);
}

static void an_odd_certificate_is_served_with_a_warning(void)
{
  accept_with((tls_cert_spec){ .cn = "old", .from = -7200, .until = -3600 },
              "certificate_file odd.pem: expired 20", " UTC");
  accept_with((tls_cert_spec){ .cn = "new", .from = 3600, .until = 7200 },
              "certificate_file odd.pem: not valid before 20", " UTC");
  accept_with((tls_cert_spec){ .cn = "client", .usage = "clientAuth" },
              "certificate_file odd.pem: ", "is not meant for servers (key usage)");
}

/* --- the other options --------------------------------------------------------------
 */

static void a_server_needs_a_certificate(void)
{
  cro_tls_identity nameless = { .server_name = CRO_B("a.test") };

  refuse(&(cro_tls_options){ .server = true }, CRO_E_INVAL,
         "certificate_file is missing: a server has a certificate");
  refuse_identity(nameless, CRO_E_INVAL, "certificate_file is missing for a.test");
}

static void names_are_names(void)
{
  cro_tls_identity identity = good_identity();

  identity.server_name = CRO_B("a b");
  refuse_identity(identity, CRO_E_INVAL,
                  "server_name a b: neither a host name nor \"*.\" and one");
  identity.server_name = CRO_B("a.*.test");
  refuse_identity(identity, CRO_E_INVAL,
                  "server_name a.*.test: neither a host name nor \"*.\" and one");
  identity.server_name = CRO_B("*");
  refuse_identity(identity, CRO_E_INVAL,
                  "server_name *: neither a host name nor \"*.\" and one");
  identity.server_name = CRO_B("*.Test.");
  accept_identity(identity, "");
  identity.server_name = CRO_B("b\xc3\xbc"
                               "cher.test");
  accept_identity(identity, "");
}

static void a_nul_in_a_name_is_refused(void)
{
  refuse_identity((cro_tls_identity){ .certificate_file = CRO_B("a\0b") }, CRO_E_INVAL,
                  "certificate_file: a NUL in it");
}

static void versions_are_two(void)
{
  cro_tls_identity identity = good_identity();
  cro_tls_options options = server_of(&identity);

  options.min_version = 11;
  refuse(&options, CRO_E_INVAL, "min_version: 12 or 13, not 11");
  options.min_version = 13;
  accept(&options, "");
}

static void verification_fails_closed(void)
{
  cro_tls_identity identity = good_identity();
  cro_tls_options options = server_of(&identity);

  options.verify = CRO_TLS_VERIFY_REQUIRE;
  refuse(&options, CRO_E_INVAL,
         "ca_file is missing: certificates of clients are verified, and nobody is said "
         "to be trusted");
  options.ca_file = path("key.pem");
  refuse(&options, CRO_E_SYNTAX, "ca_file key.pem: no certificate in it");
  options.ca_file = path("bad.pem");
  refuse(&options, CRO_E_SYNTAX,
         "ca_file bad.pem: a certificate in it is damaged: bad base64 decode");
  options.ca_file = path("ca.pem");
  accept(&options, "");
  refuse(&(cro_tls_options){ .verify = CRO_TLS_VERIFY_OPTIONAL }, CRO_E_INVAL,
         "verify: \"optional\" is for servers; a client requires or not");
}

static void a_folder_of_authorities_has_one_at_least(void)
{
  cro_tls_options options = { .ca_path = path("folder") };

  refuse(&options, CRO_E_NOTFOUND, "ca_path folder: no such file or directory");
  (void)mkdir(tls_certs_path("folder"), 0700);
  (void)tls_certs_write("folder/README", "hello");
  refuse(&options, CRO_E_SYNTAX, "ca_path folder: no certificate in it");
  options.ca_path = path("folder/README");
  refuse(&options, CRO_E_NOTDIR,
         "ca_path folder/README: is a file; ca_file is for that");
  setup();
  (void)tls_certs_chain("folder/any.crt", &ca, NULL);
  options.ca_path = path("folder");
  accept(&options, "");
}

static void clients_trust_the_system_unless_told(void)
{
  accept(&(cro_tls_options){ 0 }, "");
  accept(&(cro_tls_options){ .verify = CRO_TLS_VERIFY_NONE }, "");
}

static void protocols_have_names(void)
{
  cro_tls_identity identity = good_identity();
  cro_tls_options options = server_of(&identity);
  cro_bytes empty[] = { CRO_B("h2"), CRO_B("") };

  options.alpn = empty;
  options.alpn_count = 2;
  refuse(&options, CRO_E_INVAL,
         "alpn: a protocol has 1 to 255 bytes, all of them fewer than 1024");
  options.alpn_count = 1;
  accept(&options, "");
}

static void the_key_log_is_opened_or_told(void)
{
  cro_tls_options options = { .key_log_file = path("none/keys") };
  struct stat about;

  refuse(&options, CRO_E_NOTFOUND, "key_log_file none/keys: no such file or directory");
  options.key_log_file = path("keys");
  accept(&options, "");
  CHECK_INT(0, stat(tls_certs_path("keys"), &about));
  CHECK_INT(0600, about.st_mode & 0777);
}

static void bad_staples_are_told(void)
{
  cro_tls_identity identity = good_identity();

  (void)tls_certs_ocsp("other.ocsp", &other, &ca, 3600);
  (void)tls_certs_ocsp("old.ocsp", &leaf, &ca, -60);
  (void)tls_certs_write("text.ocsp", "hello");
  /* SEQUENCE { ENUMERATED 3 }: tryLater */
  (void)tls_certs_write("later.ocsp", "\x30\x03\x0a\x01\x03");
  identity.ocsp_file = path("text.ocsp");
  refuse_identity(identity, CRO_E_SYNTAX,
                  "ocsp_file text.ocsp: is no OCSP response in DER");
  identity.ocsp_file = path("later.ocsp");
  refuse_identity(identity, CRO_E_INVAL,
                  "ocsp_file later.ocsp: is no answer but says \"trylater\"");
  identity.ocsp_file = path("other.ocsp");
  refuse_identity(identity, CRO_E_INVAL,
                  "ocsp_file other.ocsp: is of another certificate");
  identity.ocsp_file = path("old.ocsp");
  accept_identity(identity, "ocsp_file old.ocsp: out of date, it is not shown");
}

/* --- ciphers ------------------------------------------------------------------------
 */

static void refuse_ciphers(const char *list, const char *text)
{
  cro_tls_identity identity = good_identity();
  cro_tls_options options = server_of(&identity);

  options.ciphers = cro_bytes_of(list);
  refuse(&options, CRO_E_INVAL, text);
}

static void ciphers_that_are_not_there_are_named(void)
{
  refuse_ciphers("ECDHE-RSA-AES128-GCM-SHA256:FOO", "ciphers: no cipher is called FOO");
  refuse_ciphers("TLS_NONE", "ciphers: no such cipher in TLS_NONE");
  refuse_ciphers(
      "AES128-SHA:DHE-RSA-AES128-GCM-SHA256",
      "ciphers: nothing in AES128-SHA:DHE-RSA-AES128-GCM-SHA256 is ECDHE with "
      "AEAD, and nothing else is spoken with TLS 1.2");
}

static int ciphers_of(const char *list, const char *first)
{
  cro_tls_identity identity = good_identity();
  cro_tls_options options = server_of(&identity);
  cro_tls_context *context;
  STACK_OF(SSL_CIPHER) * ciphers;
  SSL *ssl;
  int count = 0, shaky = 0;

  options.ciphers = cro_bytes_of(list);
  context = tls_pair_context(&options);
  ssl = net_tls_session(context);
  ciphers = SSL_get_ciphers(ssl);
  for (int i = 0; i < sk_SSL_CIPHER_num(ciphers); i++) {
    const SSL_CIPHER *one = sk_SSL_CIPHER_value(ciphers, i);
    bool modern = strncmp(SSL_CIPHER_get_name(one), "TLS_", 4) == 0;

    if (!modern && count++ == 0)
      CHECK_TEXT(first, cro_bytes_of(SSL_CIPHER_get_name(one)));
    shaky += !SSL_CIPHER_is_aead(one);
  }
  CHECK_INT(0, shaky);
  SSL_free(ssl);
  cro_tls_context_drop(context);
  return count;
}

static void only_what_is_ecdhe_with_aead_is_ever_spoken(void)
{
  CHECK_INT(6, ciphers_of("", "ECDHE-ECDSA-AES128-GCM-SHA256"));
  CHECK(ciphers_of("ALL:!RC4:!aNULL", "ECDHE-ECDSA-AES256-GCM-SHA384") > 6);
  CHECK_INT(1, ciphers_of("ECDHE-RSA-AES256-GCM-SHA384, AES128-SHA",
                          "ECDHE-RSA-AES256-GCM-SHA384"));
  CHECK_INT(6, ciphers_of("TLS_AES_256_GCM_SHA384", "ECDHE-ECDSA-AES128-GCM-SHA256"));
}

/* --- memory -------------------------------------------------------------------------
 */

static void every_allocation_may_fail(void)
{
  cro_tls_identity identities[2] = { good_identity(), good_identity() };
  cro_bytes alpn = CRO_B("h2");
  cro_tls_options options = server_of(identities);
  cro_tls_context *context = NULL;
  cro_tls_fault fault;
  uint64_t live = cro_alloc_live(), n = 0;
  int rc;

  (void)tls_certs_ocsp("good.ocsp", &leaf, &ca, 3600);
  identities[0].ocsp_file = path("good.ocsp");
  identities[1].server_name = CRO_B("*.test");
  options.identity_count = 2;
  options.alpn = &alpn;
  options.alpn_count = 1;
  options.verify = CRO_TLS_VERIFY_REQUIRE;
  options.ca_file = path("ca.pem");
  options.ca_path = path("folder");
  do {
    cro_alloc_fail_at(++n);
    rc = cro_tls_context_create(&context, &options, &fault);
    CHECK(rc == 0 || rc == CRO_E_NOMEM);
    CHECK_INT(rc, fault.err);
    if (rc != 0)
      CHECK_INT(live, cro_alloc_live());
  } while (rc != 0 && n < 200);
  cro_alloc_fail_at(0);
  CHECK(n > 15);
  cro_tls_context_drop(context);
  CHECK_INT(live, cro_alloc_live());
}

/* Beside a good one that is shown to everybody else. */
static void refuse_beside(cro_tls_identity second, int err, const char *text)
{
  cro_tls_identity both[2] = { good_identity(), second };
  cro_tls_options options = server_of(both);

  options.identity_count = 2;
  refuse(&options, err, text);
}

static void a_certificate_of_a_name_is_told_with_the_name(void)
{
  cro_tls_identity one = { .server_name = CRO_B("*.app.test") };

  setup();
  one.certificate_file = path("none.pem");
  refuse_beside(one, CRO_E_NOTFOUND,
                "sni[\"*.app.test\"].certificate_file none.pem: no such file or "
                "directory");
  one.certificate_file = path("crt.pem");
  one.private_key_file = path("other.pem");
  refuse_beside(one, CRO_E_INVAL,
                "sni[\"*.app.test\"].private_key_file other.pem: does not belong to "
                "certificate_file crt.pem");
  one.private_key_file = path("key.pem");
  one.ocsp_file = path("crt.pem");
  refuse_beside(one, CRO_E_SYNTAX,
                "sni[\"*.app.test\"].ocsp_file crt.pem: is no OCSP response in DER");
}

TEST_MAIN(
    CASE(a_chain_and_its_key_are_a_server),
    CASE(the_key_may_be_in_the_file_of_the_certificate),
    CASE(files_that_cannot_be_read_are_named), CASE(a_file_over_a_megabyte_is_refused),
    CASE(a_file_without_a_certificate_says_what_is_in_it),
    CASE(a_file_without_a_key_says_what_is_in_it),
    CASE(damage_is_told_apart_from_absence),
    CASE(a_key_of_another_certificate_is_named),
    CASE(a_key_under_a_password_needs_the_right_one),
    CASE(a_key_that_is_too_small_is_refused), CASE(pkcs12_has_it_all_in_one),
    CASE(what_is_no_pkcs12_is_told), CASE(an_odd_certificate_is_served_with_a_warning),
    CASE(a_server_needs_a_certificate), CASE(names_are_names),
    CASE(a_nul_in_a_name_is_refused), CASE(versions_are_two),
    CASE(verification_fails_closed), CASE(a_folder_of_authorities_has_one_at_least),
    CASE(clients_trust_the_system_unless_told), CASE(protocols_have_names),
    CASE(the_key_log_is_opened_or_told), CASE(bad_staples_are_told),
    CASE(ciphers_that_are_not_there_are_named),
    CASE(only_what_is_ecdhe_with_aead_is_ever_spoken), CASE(every_allocation_may_fail),
    CASE(a_certificate_of_a_name_is_told_with_the_name))
