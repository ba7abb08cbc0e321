/* PKCS12 files: certificate, chain and key in one, under one password. */
#include "net/openssl.h"
#include "net/tls_parts.h"

#include "base/err.h"

#include <string.h>

/* Its certificates come in any order: from the leaf up, each the issuer of the one
 * before, as TLS wants them; the rest is left out. */
static STACK_OF(X509) * in_order(X509 *leaf, STACK_OF(X509) * loose)
{
  STACK_OF(X509) *chain = sk_X509_new_null();
  X509 *last = leaf;

  for (int i = 0; chain != NULL && i < sk_X509_num(loose);) {
    X509 *next = sk_X509_value(loose, i++);

    if (last == next || X509_check_issued(last, last) == X509_V_OK ||
        X509_check_issued(next, last) != X509_V_OK)
      continue;
    if (sk_X509_push(chain, next) <= 0) {
      sk_X509_free(chain);
      return NULL;
    }
    X509_up_ref(next);
    last = next;
    i = 0;
    if (sk_X509_num(chain) == sk_X509_num(loose))
      break; /* two that have issued each other */
  }
  return chain;
}

static bool is_unsupported(void)
{
  unsigned long error = ERR_peek_error();

  return ERR_GET_REASON(error) == ERR_R_UNSUPPORTED ||
         ERR_GET_REASON(error) == EVP_R_UNSUPPORTED_ALGORITHM;
}

static int bad_content(const char *path, cro_tls_fault *fault)
{
  char why[160];
  bool old = is_unsupported();

  net_tls_last_error(why, sizeof why);
  return tls_fault(fault, CRO_E_SYNTAX, "pkcs12_file %s: %s%s", path,
                   old ? "its encryption is out of date, export it again: " : "", why);
}

/* An empty password may be an empty text or none at all. */
static bool opens(PKCS12 *p12, const char *password)
{
  if (PKCS12_verify_mac(p12, password, -1) == 1)
    return true;
  return password[0] == '\0' && PKCS12_verify_mac(p12, NULL, 0) == 1;
}

static int unpack(tls_identity *out, PKCS12 *p12, const tls_paths *paths,
                  cro_tls_fault *fault)
{
  STACK_OF(X509) *loose = NULL;

  if (PKCS12_mac_present(p12) && !opens(p12, paths->password)) {
    if (is_unsupported())
      return bad_content(paths->pkcs12, fault);
    return tls_fault(fault, CRO_E_INVAL, "pkcs12_file %s: %s", paths->pkcs12,
                     paths->password[0] == '\0'
                         ? "is encrypted, and no password is given"
                         : "the password is wrong");
  }
  ERR_clear_error();
  if (PKCS12_parse(p12, paths->password, &out->key, &out->leaf, &loose) != 1)
    return bad_content(paths->pkcs12, fault);
  if (out->key == NULL || out->leaf == NULL) {
    sk_X509_pop_free(loose, X509_free);
    return tls_fault(fault, CRO_E_SYNTAX, "pkcs12_file %s: no %s in it", paths->pkcs12,
                     out->key == NULL ? "private key" : "certificate of its key");
  }
  out->chain = in_order(out->leaf, loose);
  sk_X509_pop_free(loose, X509_free);
  return out->chain != NULL ? 0 : tls_nomem(fault);
}

int tls_pkcs12_load(tls_identity *out, const tls_paths *paths, tls_stamps *stamps,
                    cro_tls_fault *fault)
{
  cro_buf file;
  const unsigned char *at;
  PKCS12 *p12;
  int rc = tls_file_read(&file, stamps, "pkcs12_file", paths->pkcs12, fault);

  if (rc != 0)
    return rc;
  at = (const unsigned char *)file.at;
  p12 = d2i_PKCS12(NULL, &at, (long)file.len);
  if (p12 != NULL)
    rc = unpack(out, p12, paths, fault);
  else
    rc = tls_fault(fault, CRO_E_SYNTAX, "pkcs12_file %s: is no PKCS12 file%s",
                   paths->pkcs12,
                   memmem(file.at, file.len, "-----BEGIN ", 11) != NULL
                       ? ", but PEM: certificate_file is for that"
                       : "");
  ERR_clear_error();
  PKCS12_free(p12);
  tls_file_free(&file);
  return rc;
}
