/* Contexts when OpenSSL itself runs out of memory: each of its allocations fails once.
 * Nothing is said of files then that are in order. */
#include "base/err.h"
#include "net/tls.h"
#include "support/test.h"
#include "support/tls_certs.h"

#include <openssl/crypto.h>
#include <stdlib.h>

static unsigned long calls, fail_at; /* 0: none */

static void *give(size_t size, const char *file, int line)
{
  (void)file;
  (void)line;
  return ++calls == fail_at ? NULL : malloc(size);
}

static void *give_again(void *block, size_t size, const char *file, int line)
{
  (void)file;
  (void)line;
  return ++calls == fail_at ? NULL : realloc(block, size);
}

static void take_back(void *block, const char *file, int line)
{
  (void)file;
  (void)line;
  free(block);
}

/* Before OpenSSL has allocated anything. */
__attribute__((constructor)) static void stand_between(void)
{
  (void)CRYPTO_set_mem_functions(give, give_again, take_back);
}

static cro_tls_identity both[2];
static const char *ca_file;

static void make_files(void)
{
  tls_cert ca = tls_cert_ca("Test CA"), leaf = tls_cert_for(&ca, "DNS:a.test");

  ca_file = tls_certs_chain("ca.pem", &ca, NULL);
  both[0].certificate_file = cro_bytes_of(tls_certs_chain("crt.pem", &leaf, &ca, NULL));
  both[0].private_key_file = cro_bytes_of(tls_certs_key("key.pem", &leaf, NULL));
  both[1] = both[0];
  both[1].server_name = CRO_B("b.test");
  tls_cert_free(&leaf);
  tls_cert_free(&ca);
}

static cro_tls_fault fault;

/* What is called when nothing fails. */
static int create(unsigned long n)
{
  cro_tls_options options = { .server = true,
                              .identities = both,
                              .identity_count = 2,
                              .ca_file = cro_bytes_of(ca_file),
                              .verify = CRO_TLS_VERIFY_REQUIRE };
  cro_tls_context *context = NULL;
  int rc;

  fault = (cro_tls_fault){ 0 };
  calls = 0;
  fail_at = n;
  rc = cro_tls_context_create(&context, &options, &fault);
  fail_at = 0;
  CHECK_INT(rc, fault.err);
  cro_tls_context_drop(context);
  return rc;
}

static bool ends_with(const char *text, const char *end)
{
  return strlen(text) >= strlen(end) &&
         strcmp(text + strlen(text) - strlen(end), end) == 0;
}

/* Where OpenSSL says so, that is. Some of its functions keep silent about it. */
static void files_are_not_blamed_for_memory_that_is_short(void)
{
  enum { stride = 23 };
  unsigned long most;
  unsigned short_of_it = 0;

  make_files();
  CHECK_INT(0, create(0));
  CHECK_INT(0, create(0));
  most = calls;
  for (unsigned long n = 1; n <= most; n += stride) {
    int rc = create(n);

    if (rc == CRO_E_NOMEM) {
      CHECK(ends_with(fault.text, cro_err_text(CRO_E_NOMEM)));
      short_of_it++;
    }
    CHECK(strstr(fault.text, "malloc") == NULL);
    CHECK(!ends_with(fault.text, ": "));
  }
  CHECK(short_of_it > 10);
  CHECK_INT(0, create(0));
}

TEST_MAIN(CASE(files_are_not_blamed_for_memory_that_is_short))
