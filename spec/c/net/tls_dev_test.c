/* Certificates for development: what is made is good, and what is there is kept. */
#include "base/alloc.h"
#include "base/err.h"
#include "net/tls.h"
#include "support/test.h"
#include "support/tls_certs.h"
#include "support/tls_pair.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static const cro_bytes usual[] = { CRO_B_INIT("localhost"), CRO_B_INIT("*.dev.test"),
                                   CRO_B_INIT("127.0.0.1"), CRO_B_INIT("[::1]") };

static cro_tls_dev dev_of(const cro_bytes *names, size_t count)
{
  return (cro_tls_dev){
    .ca_file = cro_bytes_of(tls_certs_path("dev-ca.pem")),
    .ca_key_file = cro_bytes_of(tls_certs_path("dev-ca.key")),
    .certificate_file = cro_bytes_of(tls_certs_path("dev.pem")),
    .private_key_file = cro_bytes_of(tls_certs_path("dev.key")),
    .names = names,
    .name_count = count,
  };
}

static void forget(void)
{
  (void)unlink(tls_certs_path("dev-ca.pem"));
  (void)unlink(tls_certs_path("dev-ca.key"));
  (void)unlink(tls_certs_path("dev.pem"));
  (void)unlink(tls_certs_path("dev.key"));
}

static bool make(const cro_tls_dev *what)
{
  cro_tls_fault fault;
  bool made = false;
  int rc = cro_tls_dev_certificate(what, &made, &fault);

  CHECK_INT(0, rc);
  CHECK_TEXT("", cro_bytes_of(fault.text));
  return made;
}

static void refuse(const cro_tls_dev *what, int err, const char *text)
{
  cro_tls_fault fault;

  CHECK_INT(err, cro_tls_dev_certificate(what, NULL, &fault));
  CHECK(strstr(fault.text, text) != NULL);
}

static X509 *load(const char *name)
{
  FILE *in = fopen(tls_certs_path(name), "rb");
  X509 *x509 = in != NULL ? PEM_read_X509(in, NULL, NULL, NULL) : NULL;

  CHECK(x509 != NULL);
  if (in != NULL)
    (void)fclose(in);
  return x509;
}

static int mode_of(const char *name)
{
  struct stat about = { 0 };

  CHECK_INT(0, stat(tls_certs_path(name), &about));
  return (int)(about.st_mode & 0777);
}

static bool serves(const char *name)
{
  cro_tls_context *server =
      tls_pair_server(tls_certs_path("dev.pem"), tls_certs_path("dev.key"));
  cro_tls_context *client = tls_pair_client(tls_certs_path("dev-ca.pem"));
  tls_pair pair;
  bool good;

  CHECK_TEXT("", cro_bytes_of(cro_tls_context_warning(server)));
  tls_pair_open(&pair, server, client, NULL);
  if (name[0] == ':' || (name[0] >= '0' && name[0] <= '9'))
    CHECK_INT(1, X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(pair.client), name));
  else
    CHECK_INT(1, SSL_set1_host(pair.client, name));
  good = tls_pair_shake(&pair);
  tls_pair_close(&pair);
  cro_tls_context_drop(server);
  cro_tls_context_drop(client);
  return good;
}

static void what_is_made_is_good_for_its_names(void)
{
  cro_tls_dev dev = dev_of(usual, 4);

  forget();
  CHECK(make(&dev));
  CHECK(serves("localhost"));
  CHECK(serves("x.dev.test"));
  CHECK(serves("127.0.0.1"));
  CHECK(serves("::1"));
  CHECK(!serves("other.test"));
}

static void keys_are_their_owners(void)
{
  cro_tls_dev dev = dev_of(usual, 4);

  forget();
  CHECK(make(&dev));
  CHECK_INT(0600, mode_of("dev.key"));
  CHECK_INT(0600, mode_of("dev-ca.key"));
  CHECK_INT(0644, mode_of("dev.pem"));
  CHECK_INT(0644, mode_of("dev-ca.pem"));
}

static void the_authority_is_used_again(void)
{
  cro_tls_dev dev = dev_of(usual, 4);
  cro_bytes name = CRO_B("b\xc3\xbc"
                         "cher.test");
  X509 *first, *second;

  forget();
  CHECK(make(&dev));
  first = load("dev-ca.pem");
  dev.names = &name;
  dev.name_count = 1;
  CHECK(!make(&dev));
  second = load("dev-ca.pem");
  CHECK_INT(0, X509_cmp(first, second));
  CHECK(serves("xn--bcher-kva.test"));
  CHECK(!serves("localhost"));
  X509_free(first);
  X509_free(second);
}

static void the_authority_signs_servers_and_no_authorities(void)
{
  cro_tls_dev dev = dev_of(usual, 4);
  X509 *ca, *leaf;

  forget();
  dev.client = true;
  CHECK(make(&dev));
  ca = load("dev-ca.pem");
  leaf = load("dev.pem");
  CHECK_INT(0, X509_get_pathlen(ca));
  CHECK(X509_check_ca(ca) == 1);
  CHECK(X509_check_ca(leaf) == 0);
  CHECK_INT(1, X509_check_purpose(leaf, X509_PURPOSE_SSL_SERVER, 0));
  CHECK_INT(1, X509_check_purpose(leaf, X509_PURPOSE_SSL_CLIENT, 0));
  CHECK(ASN1_INTEGER_cmp(X509_get0_serialNumber(ca), X509_get0_serialNumber(leaf)) !=
        0);
  X509_free(ca);
  X509_free(leaf);
}

static int days_of(int asked)
{
  cro_tls_dev dev = dev_of(usual, 1);
  int days, seconds;
  X509 *leaf;

  dev.days = asked;
  (void)make(&dev);
  leaf = load("dev.pem");
  CHECK_INT(1, ASN1_TIME_diff(&days, &seconds, X509_get0_notBefore(leaf),
                              X509_get0_notAfter(leaf)));
  X509_free(leaf);
  return days;
}

static void it_is_good_for_as_many_days_as_asked(void)
{
  CHECK_INT(825, days_of(0));
  CHECK_INT(30, days_of(30));
}

static void half_an_authority_is_not_replaced(void)
{
  cro_tls_dev dev = dev_of(usual, 1);

  forget();
  CHECK(make(&dev));
  (void)unlink(tls_certs_path("dev-ca.key"));
  refuse(&dev, CRO_E_NOTFOUND, "dev-ca.key: is missing, and ca_file ");
  CHECK_INT(0, access(tls_certs_path("dev-ca.pem"), F_OK));
}

static void an_authority_that_is_none_is_refused(void)
{
  cro_tls_dev dev = dev_of(usual, 1);
  tls_cert plain = tls_cert_make(&(tls_cert_spec){ .cn = "plain" });
  tls_cert old = tls_cert_make(
      &(tls_cert_spec){ .cn = "old", .ca = true, .from = -7200, .until = -3600 });

  forget();
  (void)tls_certs_chain("dev-ca.pem", &plain, NULL);
  (void)tls_certs_key("dev-ca.key", &plain, NULL);
  refuse(&dev, CRO_E_INVAL, "dev-ca.pem: is no authority's certificate");
  (void)tls_certs_chain("dev-ca.pem", &old, NULL);
  refuse(&dev, CRO_E_INVAL, "dev-ca.key: does not belong to certificate_file ");
  (void)tls_certs_key("dev-ca.key", &old, NULL);
  refuse(&dev, CRO_E_INVAL, "dev-ca.pem: has expired; remove it and ca_key_file");
  CHECK(access(tls_certs_path("dev.pem"), F_OK) != 0);
  tls_cert_free(&plain);
  tls_cert_free(&old);
  forget();
}

static void what_cannot_be_is_told(void)
{
  cro_bytes odd = CRO_B("a b");
  cro_tls_dev dev = dev_of(&odd, 1);

  refuse(&dev, CRO_E_INVAL, "names: a b is no host name and no address");
  dev.name_count = 0;
  refuse(&dev, CRO_E_INVAL, "names: 1 to 256 of them");
  dev = dev_of(usual, 1);
  dev.days = 826;
  refuse(&dev, CRO_E_INVAL, "days: 1 to 825, not 826");
  dev = dev_of(usual, 1);
  dev.private_key_file = (cro_bytes){ 0 };
  refuse(&dev, CRO_E_INVAL, "private_key_file: is no name of a file");
  dev.private_key_file = cro_bytes_of(tls_certs_path("none/dev.key"));
  refuse(&dev, CRO_E_NOTFOUND, "none/dev.key: no such file or directory");
}

static void every_allocation_may_fail(void)
{
  cro_tls_dev dev = dev_of(usual, 4);
  uint64_t live = cro_alloc_live(), n = 0;
  cro_tls_fault fault;
  int rc;

  forget();
  CHECK(make(&dev));
  do {
    cro_alloc_fail_at(++n);
    rc = cro_tls_dev_certificate(&dev, NULL, &fault);
    CHECK(rc == 0 || rc == CRO_E_NOMEM);
    CHECK_INT(live, cro_alloc_live());
  } while (rc != 0 && n < 50);
  cro_alloc_fail_at(0);
  CHECK(n > 3);
}

TEST_MAIN(CASE(what_is_made_is_good_for_its_names), CASE(keys_are_their_owners),
          CASE(the_authority_is_used_again),
          CASE(the_authority_signs_servers_and_no_authorities),
          CASE(it_is_good_for_as_many_days_as_asked),
          CASE(half_an_authority_is_not_replaced),
          CASE(an_authority_that_is_none_is_refused), CASE(what_cannot_be_is_told),
          CASE(every_allocation_may_fail))
