/* Certificates for development: an authority of one's own, and what it has signed. */
#include "net/openssl.h"
#include "net/tls_parts.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/random.h"
#include "base/wall.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
  path_max = 4096,
  names_max = 256,
  days_max = 825, /* browsers take no more, whoever has signed it */
  ca_days = 3650,
  clock_skew = 3600, /* seconds that others' clocks may be behind */
};

/* Certificate and key while they are made. */
typedef struct pair {
  X509 *x509;
  EVP_PKEY *key;
} pair;

static void free_pair(pair *self)
{
  X509_free(self->x509);
  EVP_PKEY_free(self->key);
  *self = (pair){ NULL, NULL };
}

static int openssl_fault(cro_tls_fault *fault)
{
  char why[160];

  net_tls_last_error(why, sizeof why);
  return tls_fault(fault, CRO_E_TLS, "OpenSSL: %s", why);
}

/* --- paths ------------------------------------------------------------------------ */

typedef struct places {
  char ca[path_max], ca_key[path_max], certificate[path_max], key[path_max];
} places;

static int copy_path(char out[path_max], const char *what, cro_bytes in,
                     cro_tls_fault *fault)
{
  if (in.len == 0 || in.len >= path_max - 16 || cro_bytes_find(in, '\0') < in.len)
    return tls_fault(fault, CRO_E_INVAL, "%s: is no name of a file", what);
  memcpy(out, in.at, in.len);
  out[in.len] = '\0';
  return 0;
}

static int copy_paths(places *out, const cro_tls_dev *what, cro_tls_fault *fault)
{
  int rc = copy_path(out->ca, "ca_file", what->ca_file, fault);

  if (rc == 0)
    rc = copy_path(out->ca_key, "ca_key_file", what->ca_key_file, fault);
  if (rc == 0)
    rc = copy_path(out->certificate, "certificate_file", what->certificate_file, fault);
  if (rc == 0)
    rc = copy_path(out->key, "private_key_file", what->private_key_file, fault);
  return rc;
}

/* --- writing ---------------------------------------------------------------------- */

static int write_whole(int fd, const char *at, size_t len)
{
  while (len > 0) {
    ssize_t put = write(fd, at, len);

    if (put < 0 && errno != EINTR)
      return cro_err_from_errno(errno);
    at += put > 0 ? put : 0;
    len -= put > 0 ? (size_t)put : 0;
  }
  return fsync(fd) == 0 ? 0 : cro_err_from_errno(errno);
}

/* Beside its place first; nobody but the owner may look at it until it has its mode. */
static int replace(const char *path, BIO *content, mode_t mode)
{
  char beside[path_max];
  char *at;
  size_t len = (size_t)BIO_get_mem_data(content, &at);
  int fd, rc;

  (void)snprintf(beside, sizeof beside, "%.*s.XXXXXX", path_max - 16, path);
  fd = mkostemp(beside, O_CLOEXEC);
  if (fd < 0)
    return cro_err_from_errno(errno);
  rc = write_whole(fd, at, len);
  if (rc == 0 && fchmod(fd, mode) != 0)
    rc = cro_err_from_errno(errno);
  if (close(fd) != 0 && rc == 0)
    rc = cro_err_from_errno(errno);
  if (rc == 0 && rename(beside, path) != 0)
    rc = cro_err_from_errno(errno);
  if (rc != 0)
    (void)unlink(beside);
  return rc;
}

static int save(const char *what, const char *path, X509 *x509, EVP_PKEY *key,
                cro_tls_fault *fault)
{
  BIO *out = BIO_new(BIO_s_secmem());
  int rc;

  if (out == NULL)
    return tls_nomem(fault);
  if (key != NULL)
    rc = PEM_write_bio_PrivateKey(out, key, NULL, NULL, 0, NULL, NULL);
  else
    rc = PEM_write_bio_X509(out, x509);
  if (rc == 1)
    rc = replace(path, out, key != NULL ? 0600 : 0644);
  else
    rc = CRO_E_NOMEM;
  BIO_free(out);
  return rc == 0 ? 0 : tls_fault(fault, rc, "%s %s: %s", what, path, cro_err_text(rc));
}

/* The key first: a certificate without one is of no use, and a server that reads both
 * in between keeps what it has. */
static int save_pair(const char *whats[2], const char *path, const char *key_path,
                     const pair *made, cro_tls_fault *fault)
{
  int rc = save(whats[1], key_path, NULL, made->key, fault);

  return rc == 0 ? save(whats[0], path, made->x509, NULL, fault) : rc;
}

/* --- making ----------------------------------------------------------------------- */

/* 127 random bits: no two certificates are the same, and it is not negative. */
static bool set_serial(X509 *x509)
{
  uint8_t bytes[16];
  BIGNUM *number;
  bool good;

  if (cro_random(bytes, sizeof bytes) != 0)
    return false;
  bytes[0] = (uint8_t)((bytes[0] & 0x7f) | 0x40);
  number = BN_bin2bn(bytes, sizeof bytes, NULL);
  good =
      number != NULL && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(x509)) != NULL;
  BN_free(number);
  return good;
}

static bool set_times(X509 *x509, int days)
{
  time_t now = (time_t)cro_wall_seconds();

  return X509_time_adj_ex(X509_getm_notBefore(x509), 0, -clock_skew, &now) != NULL &&
         X509_time_adj_ex(X509_getm_notAfter(x509), days, -clock_skew, &now) != NULL;
}

static bool add_text(X509_NAME *name, const char *kind, const char *text)
{
  return X509_NAME_add_entry_by_txt(name, kind, MBSTRING_UTF8,
                                    (const unsigned char *)text, -1, -1, 0) == 1;
}

static bool extend(X509 *x509, X509 *issuer, int nid, const char *value)
{
  X509V3_CTX about;
  X509_EXTENSION *extension;
  bool good;

  X509V3_set_ctx(&about, issuer, x509, NULL, NULL, 0);
  extension = X509V3_EXT_conf_nid(NULL, &about, nid, value);
  good = extension != NULL && X509_add_ext(x509, extension, -1) == 1;
  X509_EXTENSION_free(extension);
  return good;
}

static bool begin_pair(pair *out, int days)
{
  *out = (pair){ .x509 = X509_new(), .key = EVP_EC_gen("P-256") };
  return out->x509 != NULL && out->key != NULL &&
         X509_set_version(out->x509, X509_VERSION_3) == 1 && set_serial(out->x509) &&
         set_times(out->x509, days) && X509_set_pubkey(out->x509, out->key) == 1;
}

/* Whose it is shows in lists of authorities: "crolua development CA (ann@box)". */
static bool name_authority(X509_NAME *name)
{
  const char *user = getenv("USER");
  char host[64] = "", text[64];

  (void)gethostname(host, sizeof host - 1);
  (void)snprintf(text, sizeof text, "crolua development CA (%.16s@%.16s)",
                 user != NULL ? user : "", host);
  return add_text(name, "O", "crolua development CA") && add_text(name, "CN", text);
}

static bool fill_authority(pair *out)
{
  return begin_pair(out, ca_days) && name_authority(X509_get_subject_name(out->x509)) &&
         X509_set_issuer_name(out->x509, X509_get_subject_name(out->x509)) == 1 &&
         extend(out->x509, out->x509, NID_basic_constraints,
                "critical,CA:TRUE,pathlen:0") &&
         extend(out->x509, out->x509, NID_key_usage, "critical,keyCertSign,cRLSign") &&
         extend(out->x509, out->x509, NID_subject_key_identifier, "hash") &&
         X509_sign(out->x509, out->key, EVP_sha256()) > 0;
}

/* --- the authority ---------------------------------------------------------------- */

static int check_authority(const pair *ca, const places *at, cro_tls_fault *fault)
{
  time_t now = (time_t)cro_wall_seconds();

  if (X509_check_ca(ca->x509) == 0)
    return tls_fault(fault, CRO_E_INVAL, "ca_file %s: is no authority's certificate",
                     at->ca);
  if (X509_cmp_time(X509_get0_notAfter(ca->x509), &now) < 0)
    return tls_fault(fault, CRO_E_INVAL,
                     "ca_file %s: has expired; remove it and ca_key_file for a new one",
                     at->ca);
  return 0;
}

static int load_authority(pair *out, const places *at, cro_tls_fault *fault)
{
  tls_paths paths = { .server_name = "authority",
                      .certificate = at->ca,
                      .private_key = at->ca_key,
                      .pkcs12 = "",
                      .password = "",
                      .ocsp = "" };
  char warnings[tls_warning_room] = "";
  tls_identity identity = { 0 };
  tls_stamps stamps = { 0 };
  int rc = tls_identity_load(&identity, &paths, true, &stamps, warnings, fault);

  if (rc == 0) {
    *out = (pair){ .x509 = identity.leaf, .key = identity.key };
    (void)X509_up_ref(out->x509);
    (void)EVP_PKEY_up_ref(out->key);
    rc = check_authority(out, at, fault);
  }
  tls_identity_free(&identity);
  tls_stamps_free(&stamps);
  return rc;
}

/* One of the two without the other is somebody's: nothing is written over it. */
static int find_authority(pair *out, const places *at, bool *made, cro_tls_fault *fault)
{
  const char *whats[2] = { "ca_file", "ca_key_file" };
  bool ca = access(at->ca, F_OK) == 0, key = access(at->ca_key, F_OK) == 0;

  *made = !ca && !key;
  if (ca != key)
    return tls_fault(fault, CRO_E_NOTFOUND, "%s %s: is missing, and %s %s is there",
                     ca ? "ca_key_file" : "ca_file", ca ? at->ca_key : at->ca,
                     ca ? "ca_file" : "ca_key_file", ca ? at->ca : at->ca_key);
  if (ca)
    return load_authority(out, at, fault);
  if (!fill_authority(out))
    return openssl_fault(fault);
  return save_pair(whats, at->ca, at->ca_key, out, fault);
}

/* --- the certificate -------------------------------------------------------------- */

static GENERAL_NAME *alternative(cro_bytes in)
{
  GENERAL_NAME *name = GENERAL_NAME_new();
  char text[tls_name_max + 1] = "";
  ASN1_OCTET_STRING *address = NULL;
  ASN1_IA5STRING *host;

  if (name == NULL)
    return NULL;
  if (in.len > 2 && in.at[0] == '[' && in.at[in.len - 1] == ']')
    in = (cro_bytes){ in.at + 1, in.len - 2 };
  if (in.len <= tls_name_max && cro_bytes_find(in, '\0') == in.len) {
    memcpy(text, in.at, in.len);
    address = a2i_IPADDRESS(text);
  }
  if (address != NULL) {
    GENERAL_NAME_set0_value(name, GEN_IPADD, address);
    return name;
  }
  host = tls_name_of(in, text) == 0 ? ASN1_IA5STRING_new() : NULL;
  if (host == NULL || ASN1_STRING_set(host, text, -1) != 1) {
    ASN1_IA5STRING_free(host);
    GENERAL_NAME_free(name);
    return NULL;
  }
  GENERAL_NAME_set0_value(name, GEN_DNS, host);
  return name;
}

static int add_names(X509 *x509, const cro_tls_dev *what, cro_tls_fault *fault)
{
  GENERAL_NAMES *names = sk_GENERAL_NAME_new_null();
  int rc = names != NULL ? 0 : tls_nomem(fault);

  for (size_t i = 0; i < what->name_count && rc == 0; i++) {
    GENERAL_NAME *one = alternative(what->names[i]);

    if (one != NULL && sk_GENERAL_NAME_push(names, one) > 0)
      continue;
    GENERAL_NAME_free(one);
    rc = tls_fault(fault, CRO_E_INVAL, "names: %.*s is no host name and no address",
                   (int)(what->names[i].len < 255 ? what->names[i].len : 255),
                   what->names[i].at);
  }
  if (rc == 0 && X509_add1_ext_i2d(x509, NID_subject_alt_name, names, 0, 0) != 1)
    rc = openssl_fault(fault);
  GENERAL_NAMES_free(names);
  return rc;
}

/* The first name is the common one, too, where that has room: for people, and for
 * servers that tell clients apart by it. */
static bool name_leaf(X509_NAME *name, cro_bytes first)
{
  char text[ub_common_name + 1] = "";

  if (!add_text(name, "O", "crolua development certificate"))
    return false;
  if (first.len > ub_common_name)
    return true;
  memcpy(text, first.at, first.len);
  return add_text(name, "CN", text);
}

static bool fill_leaf(pair *out, const pair *ca, const cro_tls_dev *what)
{
  const char *usage = what->client ? "serverAuth,clientAuth" : "serverAuth";

  return X509_set_issuer_name(out->x509, X509_get_subject_name(ca->x509)) == 1 &&
         name_leaf(X509_get_subject_name(out->x509), what->names[0]) &&
         extend(out->x509, ca->x509, NID_basic_constraints, "critical,CA:FALSE") &&
         extend(out->x509, ca->x509, NID_key_usage, "critical,digitalSignature") &&
         extend(out->x509, ca->x509, NID_ext_key_usage, usage) &&
         extend(out->x509, ca->x509, NID_subject_key_identifier, "hash") &&
         extend(out->x509, ca->x509, NID_authority_key_identifier, "keyid");
}

/* It does not outlive the authority. */
static bool cut_times(X509 *x509, const X509 *ca)
{
  const ASN1_TIME *end = X509_get0_notAfter(ca);

  return ASN1_TIME_compare(X509_get0_notAfter(x509), end) <= 0 ||
         X509_set1_notAfter(x509, end) == 1;
}

static int make_leaf(pair *out, const pair *ca, const cro_tls_dev *what,
                     cro_tls_fault *fault)
{
  int days = what->days == 0 ? days_max : what->days, rc;
  const EVP_MD *digest =
      EVP_PKEY_get_base_id(ca->key) == EVP_PKEY_ED25519 ? NULL : EVP_sha256();

  if (!begin_pair(out, days))
    return openssl_fault(fault);
  rc = add_names(out->x509, what, fault); /* first, for what is no name at all */
  if (rc == 0 && (!fill_leaf(out, ca, what) || !cut_times(out->x509, ca->x509)))
    rc = openssl_fault(fault);
  if (rc == 0 && X509_sign(out->x509, ca->key, digest) <= 0)
    rc = openssl_fault(fault);
  return rc;
}

static int check_what(const cro_tls_dev *what, cro_tls_fault *fault)
{
  if (what->name_count == 0 || what->name_count > names_max)
    return tls_fault(fault, CRO_E_INVAL, "names: 1 to %d of them", names_max);
  if (what->days < 0 || what->days > days_max)
    return tls_fault(fault, CRO_E_INVAL, "days: 1 to %d, not %d", days_max, what->days);
  return 0;
}

static int make_files(const cro_tls_dev *what, const places *at, bool *made,
                      cro_tls_fault *fault)
{
  const char *whats[2] = { "certificate_file", "private_key_file" };
  pair ca = { NULL, NULL }, leaf = { NULL, NULL };
  int rc = find_authority(&ca, at, made, fault);

  if (rc == 0)
    rc = make_leaf(&leaf, &ca, what, fault);
  if (rc == 0)
    rc = save_pair(whats, at->certificate, at->key, &leaf, fault);
  free_pair(&ca);
  free_pair(&leaf);
  ERR_clear_error();
  return rc;
}

int cro_tls_dev_certificate(const cro_tls_dev *what, bool *made_ca,
                            cro_tls_fault *fault)
{
  bool made = false;
  places *at;
  int rc;

  *fault = (cro_tls_fault){ .err = 0 };
  fault->err = net_openssl_load(fault->text, sizeof fault->text);
  if (fault->err != 0)
    return fault->err;
  at = cro_alloc(sizeof *at);
  if (at == NULL)
    return tls_nomem(fault);
  rc = check_what(what, fault);
  if (rc == 0)
    rc = copy_paths(at, what, fault);
  if (rc == 0)
    rc = make_files(what, at, &made, fault);
  cro_free(at);
  if (rc == 0 && made_ca != NULL)
    *made_ca = made;
  return rc;
}
