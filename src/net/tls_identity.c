/* A certificate with its chain and key, from files. */
#include "net/openssl.h"
#include "net/tls_parts.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/wall.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { chain_max = 32 }; /* certificates in one file: more is no chain */

void tls_warn(char *warnings, const char *format, ...)
{
  size_t len = strlen(warnings);
  va_list args;

  if (len > 0 && len + 3 < tls_warning_room) {
    memcpy(warnings + len, "; ", 3);
    len += 2;
  }
  va_start(args, format);
  (void)vsnprintf(warnings + len, tls_warning_room - len, format, args);
  va_end(args);
}

/* "certificate_file crt.pem: ...", and not "out of memory". */
static bool begins_with_option(const char *text)
{
  size_t word = strcspn(text, " ");

  return word > 5 && memcmp(text + word - 5, "_file", 5) == 0;
}

void tls_place(char *text, size_t room, const tls_paths *paths)
{
  char place[tls_place_room];
  size_t len, end = strlen(text);

  if (paths->server_name[0] == '\0' || end == 0)
    return;
  (void)snprintf(place, sizeof place, "sni[\"%.*s\"]%s", tls_name_max,
                 paths->server_name, begins_with_option(text) ? "." : ": ");
  len = strlen(place);
  if (end + len + 1 > room)
    end = room - len - 1;
  memmove(text + len, text, end);
  text[len + end] = '\0';
  memcpy(text, place, len);
}

/* --- what was found instead ------------------------------------------------------- */

/* "(there is: PRIVATE KEY)", or that the file is binary, or nothing. */
static void say_content(cro_bytes in, char *out, size_t room)
{
  const char *begin = memmem(in.at, in.len, "-----BEGIN ", 11), *end;

  out[0] = '\0';
  if (in.len > 1 && in.at[0] == 0x30 && (in.at[1] & 0x80) != 0) {
    (void)snprintf(out, room, " (it is DER; PEM is needed)");
    return;
  }
  if (begin == NULL)
    return;
  begin += 11;
  end = memmem(begin, in.len - (size_t)(begin - in.at), "-----", 5);
  if (end != NULL && end - begin < 40)
    (void)snprintf(out, room, " (it begins with: %.*s)", (int)(end - begin), begin);
}

static BIO *reader(const cro_buf *file)
{
  return BIO_new_mem_buf(file->at, (int)file->len);
}

bool tls_pem_end(void)
{
  unsigned long error = ERR_peek_last_error();

  return ERR_GET_LIB(error) == ERR_LIB_PEM &&
         ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
}

/* --- certificates ----------------------------------------------------------------- */

static int bad_pem(const char *what, const char *path, const cro_buf *file,
                   cro_tls_fault *fault)
{
  char content[80], why[160];

  if (tls_silent_fault(fault) != 0)
    return CRO_E_NOMEM;
  if (tls_pem_end()) {
    ERR_clear_error();
    say_content(cro_buf_bytes(file), content, sizeof content);
    return tls_fault(fault, CRO_E_SYNTAX, "%s %s: no certificate in it%s", what, path,
                     content);
  }
  net_tls_last_error(why, sizeof why);
  return tls_fault(fault, CRO_E_SYNTAX, "%s %s: a certificate in it is damaged: %s",
                   what, path, why);
}

static int read_chain(tls_identity *out, BIO *in, const char *path, const cro_buf *file,
                      cro_tls_fault *fault)
{
  X509 *next;

  out->chain = sk_X509_new_null();
  if (out->chain == NULL)
    return tls_nomem(fault);
  while ((next = PEM_read_bio_X509(in, NULL, NULL, NULL)) != NULL) {
    if (sk_X509_num(out->chain) < chain_max && sk_X509_push(out->chain, next) > 0)
      continue;
    X509_free(next);
    return tls_fault(fault, CRO_E_LIMIT,
                     "certificate_file %s: more than %d certificates", path, chain_max);
  }
  if (!tls_pem_end())
    return bad_pem("certificate_file", path, file, fault);
  ERR_clear_error();
  return 0;
}

static int read_certificates(tls_identity *out, const char *path, const cro_buf *file,
                             cro_tls_fault *fault)
{
  BIO *in = reader(file);
  int rc;

  if (in == NULL)
    return tls_nomem(fault);
  out->leaf = PEM_read_bio_X509_AUX(in, NULL, NULL, NULL);
  if (out->leaf == NULL)
    rc = bad_pem("certificate_file", path, file, fault);
  else
    rc = read_chain(out, in, path, file, fault);
  BIO_free(in);
  return rc;
}

/* --- keys ------------------------------------------------------------------------- */

typedef struct asking {
  const char *password;
  bool asked;
} asking;

static int on_password(char *out, int room, int writing, void *arg)
{
  asking *self = arg;
  size_t len = strlen(self->password);

  (void)writing;
  self->asked = true;
  if (len == 0 || len > (size_t)room)
    return -1;
  memcpy(out, self->password, len);
  return (int)len;
}

static int bad_key(const char *what, const char *path, const asking *asked,
                   const cro_buf *file, cro_tls_fault *fault)
{
  char content[80], why[160];

  if (tls_silent_fault(fault) != 0)
    return CRO_E_NOMEM;
  net_tls_last_error(why, sizeof why);
  if (asked->asked && asked->password[0] == '\0')
    return tls_fault(fault, CRO_E_INVAL,
                     "%s %s: is encrypted, and no password is given", what, path);
  if (asked->asked)
    return tls_fault(fault, CRO_E_INVAL, "%s %s: the password is wrong", what, path);
  say_content(cro_buf_bytes(file), content, sizeof content);
  if (memmem(file->at, file->len, "PRIVATE KEY-----", 16) == NULL)
    return tls_fault(fault, CRO_E_SYNTAX, "%s %s: no private key in it%s", what, path,
                     content);
  /* Whatever is no key at all is "unsupported" to OpenSSL. */
  if (strncmp(why, "unsupported", 11) == 0)
    return tls_fault(fault, CRO_E_SYNTAX,
                     "%s %s: the private key is damaged or of a kind that is not known",
                     what, path);
  return tls_fault(fault, CRO_E_SYNTAX, "%s %s: the private key is damaged: %s", what,
                   path, why);
}

static int read_key(tls_identity *out, const char *what, const char *path,
                    const char *password, const cro_buf *file, cro_tls_fault *fault)
{
  asking asked = { .password = password };
  BIO *in = reader(file);

  if (in == NULL)
    return tls_nomem(fault);
  out->key = PEM_read_bio_PrivateKey(in, NULL, on_password, &asked);
  BIO_free(in);
  return out->key != NULL ? 0 : bad_key(what, path, &asked, file, fault);
}

/* The key is another one's: whose, when it is in the file as well. */
static int mismatch(tls_identity *out, const tls_paths *paths, cro_tls_fault *fault)
{
  for (int i = 0; i < sk_X509_num(out->chain); i++)
    if (X509_check_private_key(sk_X509_value(out->chain, i), out->key) == 1)
      return tls_fault(fault, CRO_E_INVAL,
                       "certificate_file %s: number %d in it is the key's; it has to "
                       "be the first",
                       paths->certificate, i + 2);
  if (paths->private_key[0] == '\0')
    return tls_fault(
        fault, CRO_E_INVAL,
        "certificate_file %s: the private key in it does not belong to the "
        "certificate",
        paths->certificate);
  return tls_fault(fault, CRO_E_INVAL,
                   "private_key_file %s: does not belong to certificate_file %s",
                   paths->private_key, paths->certificate);
}

static int load_pem(tls_identity *out, const tls_paths *paths, tls_stamps *stamps,
                    cro_tls_fault *fault)
{
  bool apart = paths->private_key[0] != '\0';
  cro_buf file, key;
  int rc = tls_file_read(&file, stamps, "certificate_file", paths->certificate, fault);

  if (rc != 0)
    return rc;
  rc = read_certificates(out, paths->certificate, &file, fault);
  if (rc == 0 && !apart)
    rc = read_key(out, "certificate_file", paths->certificate, paths->password, &file,
                  fault);
  tls_file_free(&file);
  if (rc != 0 || !apart)
    return rc;
  rc = tls_file_read(&key, stamps, "private_key_file", paths->private_key, fault);
  if (rc != 0)
    return rc;
  rc = read_key(out, "private_key_file", paths->private_key, paths->password, &key,
                fault);
  tls_file_free(&key);
  return rc;
}

/* --- what an owner should know ---------------------------------------------------- */

static void warn_times(const X509 *leaf, const char *path, char *warnings)
{
  time_t now = (time_t)cro_wall_seconds();
  struct tm when;
  char text[32];

  if (X509_cmp_time(X509_get0_notAfter(leaf), &now) < 0 &&
      ASN1_TIME_to_tm(X509_get0_notAfter(leaf), &when) == 1) {
    (void)strftime(text, sizeof text, "%Y-%m-%d %H:%M UTC", &when);
    tls_warn(warnings, "certificate_file %s: expired %s", path, text);
  }
  if (X509_cmp_time(X509_get0_notBefore(leaf), &now) > 0 &&
      ASN1_TIME_to_tm(X509_get0_notBefore(leaf), &when) == 1) {
    (void)strftime(text, sizeof text, "%Y-%m-%d %H:%M UTC", &when);
    tls_warn(warnings, "certificate_file %s: not valid before %s", path, text);
  }
}

static void warn_of(tls_identity *identity, const char *path, bool server,
                    char *warnings)
{
  int purpose = server ? X509_PURPOSE_SSL_SERVER : X509_PURPOSE_SSL_CLIENT;

  warn_times(identity->leaf, path, warnings);
  if (X509_check_purpose(identity->leaf, purpose, 0) != 1)
    tls_warn(warnings, "certificate_file %s: is not meant for %s (key usage)", path,
             server ? "servers" : "clients");
  ERR_clear_error();
}

/* --- entry points ----------------------------------------------------------------- */

static int load(tls_identity *out, const tls_paths *paths, tls_stamps *stamps,
                char *warnings, cro_tls_fault *fault)
{
  bool p12 = paths->pkcs12[0] != '\0';
  int rc = p12 ? tls_pkcs12_load(out, paths, stamps, fault)
               : load_pem(out, paths, stamps, fault);

  ERR_clear_error();
  if (rc == 0 && !p12 && X509_check_private_key(out->leaf, out->key) != 1)
    rc = mismatch(out, paths, fault);
  ERR_clear_error();
  if (rc == 0)
    rc = tls_names_load(out, paths, fault);
  if (rc == 0 && paths->ocsp[0] != '\0')
    rc = tls_ocsp_load(out, paths, stamps, warnings, fault);
  return rc;
}

int tls_identity_load(tls_identity *out, const tls_paths *paths, bool server,
                      tls_stamps *stamps, char *warnings, cro_tls_fault *fault)
{
  bool p12 = paths->pkcs12[0] != '\0';
  char own[tls_warning_room] = "";
  int rc = load(out, paths, stamps, own, fault);

  if (rc == 0)
    warn_of(out, p12 ? paths->pkcs12 : paths->certificate, server, own);
  else
    tls_place(fault->text, sizeof fault->text, paths);
  tls_place(own, sizeof own, paths);
  if (own[0] != '\0')
    tls_warn(warnings, "%s", own);
  return rc;
}

void tls_identity_free(tls_identity *identity)
{
  X509_free(identity->leaf);
  sk_X509_pop_free(identity->chain, X509_free);
  EVP_PKEY_free(identity->key);
  cro_buf_free(&identity->ocsp);
  for (size_t i = 0; i < identity->name_count; i++)
    cro_free(identity->names[i]);
  cro_free(identity->names);
  *identity = (tls_identity){ 0 };
}

int tls_identity_kind(const tls_identity *identity)
{
  return EVP_PKEY_get_base_id(identity->key);
}
