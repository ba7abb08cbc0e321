/* Whom a context trusts: certificates from a file, a folder or the system's. */
#include "net/openssl.h"
#include "net/tls_parts.h"

#include "base/alloc.h"
#include "base/err.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { folder_max = 8192 }; /* files looked at */

/* --- adding ----------------------------------------------------------------------- */

static bool add_name(STACK_OF(X509_NAME) * names, const X509 *one)
{
  X509_NAME *name = X509_get_subject_name(one), *copy;

  for (int i = 0; i < sk_X509_NAME_num(names); i++)
    if (X509_NAME_cmp(sk_X509_NAME_value(names, i), name) == 0)
      return true;
  copy = X509_NAME_dup(name);
  if (copy != NULL && sk_X509_NAME_push(names, copy) > 0)
    return true;
  X509_NAME_free(copy);
  return false;
}

static bool add_one(tls_trust *out, X509 *one)
{
  return X509_STORE_add_cert(out->store, one) == 1 &&
         (out->names == NULL || add_name(out->names, one));
}

/* How many certificates there were, or CRO_E_NOMEM, or CRO_E_SYNTAX for one that is
 * damaged, with why in OpenSSL's queue. */
static int add_all(tls_trust *out, const cro_buf *file)
{
  BIO *in = BIO_new_mem_buf(file->at, (int)file->len);
  int count = 0;
  X509 *one;

  if (in == NULL)
    return CRO_E_NOMEM;
  while (count >= 0 && (one = PEM_read_bio_X509_AUX(in, NULL, NULL, NULL)) != NULL) {
    count = add_one(out, one) ? count + 1 : CRO_E_NOMEM;
    X509_free(one);
  }
  BIO_free(in);
  if (count >= 0 && !tls_pem_end())
    return CRO_E_SYNTAX;
  ERR_clear_error();
  return count;
}

/* --- a file ----------------------------------------------------------------------- */

static int load_file(tls_trust *out, const char *path, tls_stamps *stamps,
                     cro_tls_fault *fault)
{
  char why[160];
  cro_buf file;
  int rc = tls_file_read(&file, stamps, "ca_file", path, fault);

  if (rc != 0)
    return rc;
  rc = add_all(out, &file);
  tls_file_free(&file);
  if (rc > 0)
    return 0;
  if (rc == 0)
    return tls_fault(fault, CRO_E_SYNTAX, "ca_file %s: no certificate in it", path);
  if (rc == CRO_E_NOMEM)
    return tls_nomem(fault);
  if (tls_silent_fault(fault) != 0)
    return CRO_E_NOMEM;
  net_tls_last_error(why, sizeof why);
  return tls_fault(fault, CRO_E_SYNTAX,
                   "ca_file %s: a certificate in it is damaged: %s", path, why);
}

/* --- a folder --------------------------------------------------------------------- */

/* All that is in it is read now: nothing has to be renamed after hashes, and no
 * handshake waits for a file. What holds no certificate is passed over; each is
 * watched: one that is written in its place leaves the folder as it was. */
static int load_entry(tls_trust *out, const char *folder, const char *name,
                      tls_stamps *stamps)
{
  cro_tls_fault ignored;
  char path[4096];
  cro_buf file;
  int rc;

  if (snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path)
    return 0;
  rc = tls_file_read(&file, stamps, "ca_path", path, &ignored);
  if (rc != 0)
    return rc == CRO_E_NOMEM ? rc : 0;
  rc = add_all(out, &file);
  tls_file_free(&file);
  if (rc == CRO_E_SYNTAX)
    rc = tls_out_of_memory() ? CRO_E_NOMEM : 0;
  ERR_clear_error();
  return rc;
}

static int load_entries(tls_trust *out, DIR *dir, const char *path, tls_stamps *stamps)
{
  const struct dirent *entry;
  int count = 0, seen = 0, rc;

  while ((entry = readdir(dir)) != NULL && seen++ < folder_max) {
    if (entry->d_name[0] == '.')
      continue;
    rc = load_entry(out, path, entry->d_name, stamps);
    if (rc < 0)
      return rc;
    count += rc;
  }
  return count;
}

static int load_folder(tls_trust *out, const char *path, tls_stamps *stamps,
                       cro_tls_fault *fault)
{
  int rc = tls_stamps_add(stamps, path, fault), err;
  DIR *dir;

  if (rc != 0)
    return rc;
  dir = opendir(path);
  if (dir == NULL) {
    err = cro_err_from_errno(errno);
    return tls_fault(fault, err, "ca_path %s: %s", path,
                     errno == ENOTDIR ? "is a file; ca_file is for that"
                                      : cro_err_text(err));
  }
  rc = load_entries(out, dir, path, stamps);
  (void)closedir(dir);
  if (rc < 0)
    return tls_nomem(fault);
  if (rc == 0)
    return tls_fault(fault, CRO_E_SYNTAX, "ca_path %s: no certificate in it", path);
  return 0;
}

/* --- the system's ----------------------------------------------------------------- */

/* Where systems keep theirs when OpenSSL was built for another place. */
static const char *const bundles[] = {
  "/etc/ssl/certs/ca-certificates.crt",                /* Debian, Alpine */
  "/etc/pki/tls/certs/ca-bundle.crt",                  /* Fedora */
  "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", /* RHEL */
  "/etc/ssl/ca-bundle.pem",                            /* openSUSE */
  "/etc/ssl/cert.pem",                                 /* BSD, macOS */
};

static bool is_there(const char *path)
{
  return access(path, R_OK) == 0;
}

/* "4042bcee.0": a file found by the hash of its subject. */
static bool is_hash(const char *name)
{
  return strlen(name) > 9 && strspn(name, "0123456789abcdef") == 8 && name[8] == '.' &&
         name[9] >= '0' && name[9] <= '9';
}

static bool is_hashed(const char *path)
{
  DIR *dir = opendir(path);
  const struct dirent *entry;
  bool found = false;

  if (dir == NULL)
    return false;
  while (!found && (entry = readdir(dir)) != NULL)
    found = is_hash(entry->d_name);
  (void)closedir(dir);
  return found;
}

static void load_bundle(tls_trust *out)
{
  const char *usual = X509_get_default_cert_file();

  if (is_there(usual) && X509_STORE_load_file(out->store, usual) == 1)
    return;
  for (size_t i = 0; i < sizeof bundles / sizeof *bundles; i++)
    if (is_there(bundles[i]) && X509_STORE_load_file(out->store, bundles[i]) == 1)
      return;
}

/* SSL_CERT_FILE and SSL_CERT_DIR go before. A folder with hashes is enough by itself:
 * of it only the authorities that are asked for are read, where a file of all of them
 * takes 20 ms. */
static int load_system(tls_trust *out, cro_tls_fault *fault)
{
  const char *file = getenv(X509_get_default_cert_file_env());
  const char *folder = getenv(X509_get_default_cert_dir_env());

  if (folder == NULL)
    folder = X509_get_default_cert_dir();
  if (X509_STORE_load_path(out->store, folder) != 1)
    return tls_nomem(fault);
  if (file != NULL)
    (void)X509_STORE_load_file(out->store, file);
  else if (!is_hashed(folder))
    load_bundle(out);
  ERR_clear_error();
  return 0;
}

/* --- entry points ----------------------------------------------------------------- */

/* A session that was verified by others is not resumed: its id context is made of
 * this. The store keeps each certificate once, in no order that would matter. */
static int digest_of(tls_trust *trust, const tls_settings *settings)
{
  STACK_OF(X509_OBJECT) *all =
      trust->store != NULL ? X509_STORE_get0_objects(trust->store) : NULL;
  uint8_t one[EVP_MAX_MD_SIZE];
  unsigned len = 0;

  for (int i = 0; i < sk_X509_OBJECT_num(all); i++) {
    X509 *certificate = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(all, i));

    if (certificate == NULL)
      continue;
    if (X509_digest(certificate, EVP_sha256(), one, &len) != 1)
      return CRO_E_NOMEM;
    for (size_t k = 0; k < sizeof trust->digest; k++)
      trust->digest[k] ^= one[k];
  }
  trust->digest[0] = (uint8_t)(trust->digest[0] + (unsigned)settings->verify);
  return 0;
}

static int load_given(tls_trust *out, const tls_settings *settings, tls_stamps *stamps,
                      cro_tls_fault *fault)
{
  int rc = 0;

  if (settings->ca_file[0] != '\0')
    rc = load_file(out, settings->ca_file, stamps, fault);
  if (rc == 0 && settings->ca_path[0] != '\0')
    rc = load_folder(out, settings->ca_path, stamps, fault);
  if (rc == 0 && settings->ca_file[0] == '\0' && settings->ca_path[0] == '\0')
    rc = load_system(out, fault);
  return rc;
}

int tls_trust_load(tls_trust *out, const tls_settings *settings, tls_stamps *stamps,
                   cro_tls_fault *fault)
{
  int rc = 0;

  if (settings->verify != CRO_TLS_VERIFY_NONE) {
    out->store = X509_STORE_new();
    out->names = settings->server ? sk_X509_NAME_new_null() : NULL;
    if (out->store == NULL || (settings->server && out->names == NULL))
      return tls_nomem(fault);
    rc = load_given(out, settings, stamps, fault);
  }
  if (rc == 0 && digest_of(out, settings) != 0)
    rc = tls_nomem(fault);
  return rc;
}

void tls_trust_free(tls_trust *trust)
{
  X509_STORE_free(trust->store);
  sk_X509_NAME_pop_free(trust->names, X509_NAME_free);
  *trust = (tls_trust){ 0 };
}

static int mode_of(cro_tls_verify verify)
{
  if (verify == CRO_TLS_VERIFY_NONE)
    return SSL_VERIFY_NONE;
  return verify == CRO_TLS_VERIFY_REQUIRE
             ? SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT
             : SSL_VERIFY_PEER;
}

/* A certificate that is given to be trusted is trusted, be it a root or not. A name is
 * looked for where it belongs, never in the subject. */
static bool apply_parameters(SSL_CTX *ssl, bool server)
{
  X509_VERIFY_PARAM *param = SSL_CTX_get0_param(ssl);

  X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS |
                                             X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
  X509_VERIFY_PARAM_set_depth(param, tls_depth);
  return X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN) == 1 &&
         X509_VERIFY_PARAM_set_purpose(param, server ? X509_PURPOSE_SSL_CLIENT
                                                     : X509_PURPOSE_SSL_SERVER) == 1;
}

int tls_trust_apply(const tls_trust *trust, const tls_settings *settings, SSL_CTX *ssl)
{
  STACK_OF(X509_NAME) * names;

  SSL_CTX_set_verify(ssl, mode_of(settings->verify), NULL);
  if (!apply_parameters(ssl, settings->server))
    return CRO_E_NOMEM;
  if (trust->store != NULL)
    SSL_CTX_set1_cert_store(ssl, trust->store);
  if (trust->names == NULL)
    return 0;
  names = SSL_dup_CA_list(trust->names);
  if (names == NULL)
    return CRO_E_NOMEM;
  SSL_CTX_set_client_CA_list(ssl, names);
  return 0;
}
