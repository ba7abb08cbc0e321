/* support/tls_certs.h - certificates made while a test runs, and files of them.
 *
 * Keys are of EC P-256 unless asked otherwise; those of RSA are one and the same, for
 * they take long to find. Files are in a folder of the program's own, which is removed
 * when it exits. Whatever fails here ends the program: it is no matter of the test.
 */
#ifndef CRO_SPEC_SUPPORT_TLS_CERTS_H
#define CRO_SPEC_SUPPORT_TLS_CERTS_H

#include <openssl/x509.h>
#include <stdbool.h>

typedef struct tls_cert {
  X509 *x509;
  EVP_PKEY *key;
} tls_cert;

typedef struct tls_cert_spec {
  const char *cn;         /* of the subject */
  const char *names;      /* "DNS:a.test,IP:127.0.0.1"; NULL: no subjectAltName */
  const tls_cert *issuer; /* NULL: signed by itself */
  const char *usage;      /* "serverAuth"; NULL: not said */
  long from, until;       /* seconds from now; both 0: an hour ago, a day ahead */
  bool ca, rsa, ed25519;
  int rsa_bits; /* 0: 2048 */
} tls_cert_spec;

tls_cert tls_cert_make(const tls_cert_spec *spec);
void tls_cert_free(tls_cert *cert);

/* A CA, and a server certificate of it for names. */
tls_cert tls_cert_ca(const char *cn);
tls_cert tls_cert_for(const tls_cert *ca, const char *names);

/* The whole path of a file in the folder; lives as long as the program. */
const char *tls_certs_path(const char *name);

/* All write the file anew and answer its path. The lists end with NULL. */
const char *tls_certs_write(const char *name, const char *text);
const char *tls_certs_chain(const char *name, ...); /* const tls_cert * */
const char *tls_certs_key(const char *name, const tls_cert *cert, const char *password);
/* Certificate and key in one file. */
const char *tls_certs_both(const char *name, const tls_cert *cert);
const char *tls_certs_p12(const char *name, const tls_cert *cert, const tls_cert *ca,
                          const char *password);
const char *tls_certs_der(const char *name, const tls_cert *cert);
/* A response that says good, until so many seconds from now. */
const char *tls_certs_ocsp(const char *name, const tls_cert *cert, const tls_cert *ca,
                           long until);

#endif
