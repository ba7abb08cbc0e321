/* Certificates for tests; see the header. */
#include "support/tls_certs.h"

#include <ftw.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void need(bool good, const char *what)
{
  if (good)
    return;
  (void)fprintf(stderr, "tls_certs: %s\n", what);
  ERR_print_errors_fp(stderr);
  abort();
}

/* --- certificates ----------------------------------------------------------------- */

static EVP_PKEY *rsa_key(int bits)
{
  static EVP_PKEY *usual;
  EVP_PKEY *key;

  if (bits != 0)
    return EVP_RSA_gen((unsigned)bits);
  if (usual == NULL)
    usual = EVP_RSA_gen(2048);
  key = usual;
  EVP_PKEY_up_ref(key);
  return key;
}

static EVP_PKEY *make_key(const tls_cert_spec *spec)
{
  if (spec->rsa)
    return rsa_key(spec->rsa_bits);
  return spec->ed25519 ? EVP_PKEY_Q_keygen(NULL, NULL, "ED25519") : EVP_EC_gen("P-256");
}

static void extend(X509 *x509, X509 *issuer, int nid, const char *value)
{
  X509V3_CTX ctx;
  X509_EXTENSION *extension;

  X509V3_set_ctx(&ctx, issuer, x509, NULL, NULL, 0);
  extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
  need(extension != NULL && X509_add_ext(x509, extension, -1) == 1, value);
  X509_EXTENSION_free(extension);
}

static void set_subject(X509 *x509, const tls_cert_spec *spec)
{
  X509_NAME *name = X509_get_subject_name(x509);

  need(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                                  (const unsigned char *)spec->cn, -1, -1, 0) == 1,
       "subject");
}

static void set_extensions(X509 *x509, X509 *issuer, const tls_cert_spec *spec)
{
  if (spec->ca) {
    extend(x509, issuer, NID_basic_constraints, "critical,CA:TRUE");
    extend(x509, issuer, NID_key_usage, "critical,keyCertSign,cRLSign");
  } else {
    extend(x509, issuer, NID_basic_constraints, "CA:FALSE");
  }
  extend(x509, issuer, NID_subject_key_identifier, "hash");
  if (issuer != x509)
    extend(x509, issuer, NID_authority_key_identifier, "keyid");
  if (spec->names != NULL)
    extend(x509, issuer, NID_subject_alt_name, spec->names);
  if (spec->usage != NULL)
    extend(x509, issuer, NID_ext_key_usage, spec->usage);
}

tls_cert tls_cert_make(const tls_cert_spec *spec)
{
  static long serial = 1000;
  tls_cert made = { .x509 = X509_new(), .key = make_key(spec) };
  const tls_cert *issuer = spec->issuer != NULL ? spec->issuer : &made;
  bool usual = spec->from == 0 && spec->until == 0;

  need(made.x509 != NULL && made.key != NULL, "key");
  X509_set_version(made.x509, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(made.x509), serial++);
  X509_gmtime_adj(X509_getm_notBefore(made.x509), usual ? -3600 : spec->from);
  X509_gmtime_adj(X509_getm_notAfter(made.x509), usual ? 86400 : spec->until);
  X509_set_pubkey(made.x509, made.key);
  set_subject(made.x509, spec);
  X509_set_issuer_name(made.x509, X509_get_subject_name(issuer->x509));
  set_extensions(made.x509, issuer->x509, spec);
  need(X509_sign(made.x509, issuer->key,
                 EVP_PKEY_get_base_id(issuer->key) == EVP_PKEY_ED25519
                     ? NULL
                     : EVP_sha256()) > 0,
       "signature");
  return made;
}

void tls_cert_free(tls_cert *cert)
{
  X509_free(cert->x509);
  EVP_PKEY_free(cert->key);
  *cert = (tls_cert){ 0 };
}

tls_cert tls_cert_ca(const char *cn)
{
  return tls_cert_make(&(tls_cert_spec){ .cn = cn, .ca = true });
}

tls_cert tls_cert_for(const tls_cert *ca, const char *names)
{
  return tls_cert_make(&(tls_cert_spec){
      .cn = "leaf", .names = names, .issuer = ca, .usage = "serverAuth" });
}

/* --- files ------------------------------------------------------------------------ */

static char folder[64];
static char *paths[256];

static int remove_one(const char *path, const struct stat *about, int kind,
                      struct FTW *at)
{
  (void)about;
  (void)kind;
  (void)at;
  return remove(path);
}

static void remove_folder(void)
{
  (void)nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
  for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
    free(paths[i]);
}

const char *tls_certs_path(const char *name)
{
  char path[256];
  size_t i = 0;

  if (folder[0] == '\0') {
    (void)snprintf(folder, sizeof folder, "/tmp/cro-certs-XXXXXX");
    need(mkdtemp(folder) != NULL, "folder");
    (void)atexit(remove_folder);
  }
  (void)snprintf(path, sizeof path, "%s/%s", folder, name);
  while (i < sizeof paths / sizeof *paths - 1 && paths[i] != NULL &&
         strcmp(paths[i], path) != 0)
    i++;
  if (paths[i] == NULL)
    paths[i] = strdup(path);
  need(paths[i] != NULL && strcmp(paths[i], path) == 0, "too many files");
  return paths[i];
}

/* A new file, so that whoever looks at times and numbers of files sees it. */
static FILE *open_new(const char *name)
{
  const char *path = tls_certs_path(name);
  FILE *out;

  (void)unlink(path);
  out = fopen(path, "wb");
  need(out != NULL, path);
  return out;
}

const char *tls_certs_write(const char *name, const char *text)
{
  FILE *out = open_new(name);

  need(fputs(text, out) >= 0, name);
  (void)fclose(out);
  return tls_certs_path(name);
}

const char *tls_certs_chain(const char *name, ...)
{
  FILE *out = open_new(name);
  const tls_cert *cert;
  va_list args;

  va_start(args, name);
  while ((cert = va_arg(args, const tls_cert *)) != NULL)
    need(PEM_write_X509(out, cert->x509) == 1, name);
  va_end(args);
  (void)fclose(out);
  return tls_certs_path(name);
}

static void write_key(FILE *out, const tls_cert *cert, const char *password)
{
  const EVP_CIPHER *cipher = password != NULL ? EVP_aes_128_cbc() : NULL;

  need(PEM_write_PKCS8PrivateKey(out, cert->key, cipher, password,
                                 password != NULL ? (int)strlen(password) : 0, NULL,
                                 NULL) == 1,
       "key file");
}

const char *tls_certs_key(const char *name, const tls_cert *cert, const char *password)
{
  FILE *out = open_new(name);

  write_key(out, cert, password);
  (void)fclose(out);
  return tls_certs_path(name);
}

const char *tls_certs_both(const char *name, const tls_cert *cert)
{
  FILE *out = open_new(name);

  need(PEM_write_X509(out, cert->x509) == 1, name);
  write_key(out, cert, NULL);
  (void)fclose(out);
  return tls_certs_path(name);
}

const char *tls_certs_p12(const char *name, const tls_cert *cert, const tls_cert *ca,
                          const char *password)
{
  STACK_OF(X509) *others = sk_X509_new_null();
  FILE *out = open_new(name);
  PKCS12 *p12;

  if (ca != NULL)
    (void)sk_X509_push(others, ca->x509);
  p12 = PKCS12_create(password, "test", cert->key, cert->x509, others, 0, 0, 1000, 1000,
                      0);
  need(p12 != NULL && i2d_PKCS12_fp(out, p12) == 1, name);
  PKCS12_free(p12);
  sk_X509_free(others);
  (void)fclose(out);
  return tls_certs_path(name);
}

const char *tls_certs_der(const char *name, const tls_cert *cert)
{
  FILE *out = open_new(name);

  need(i2d_X509_fp(out, cert->x509) == 1, name);
  (void)fclose(out);
  return tls_certs_path(name);
}

const char *tls_certs_ocsp(const char *name, const tls_cert *cert, const tls_cert *ca,
                           long until)
{
  OCSP_BASICRESP *basic = OCSP_BASICRESP_new();
  OCSP_CERTID *id = OCSP_cert_to_id(NULL, cert->x509, ca->x509);
  ASN1_TIME *from = X509_gmtime_adj(NULL, -7200), *to = X509_gmtime_adj(NULL, until);
  FILE *out = open_new(name);
  OCSP_RESPONSE *response;
  unsigned char *der = NULL;
  int len;

  need(OCSP_basic_add1_status(basic, id, V_OCSP_CERTSTATUS_GOOD, 0, NULL, from, to) !=
               NULL &&
           OCSP_basic_sign(basic, ca->x509, ca->key, EVP_sha256(), NULL, 0) == 1,
       "OCSP");
  response = OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic);
  len = i2d_OCSP_RESPONSE(response, &der);
  need(len > 0 && fwrite(der, 1, (size_t)len, out) == (size_t)len, name);
  OPENSSL_free(der);
  OCSP_RESPONSE_free(response);
  OCSP_BASICRESP_free(basic);
  OCSP_CERTID_free(id);
  ASN1_TIME_free(from);
  ASN1_TIME_free(to);
  (void)fclose(out);
  return tls_certs_path(name);
}
