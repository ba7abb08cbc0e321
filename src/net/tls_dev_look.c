/* What a certificate for development that is there already is good for. */
#include "net/openssl.h"
#include "net/tls_parts.h"

#include "base/alloc.h"
#include "base/err.h"

#include <strings.h>

/* The first certificate of a file. */
static int read_certificate(X509 **out, const char *what, cro_bytes path,
                            cro_tls_fault *fault)
{
  char name[4096];
  tls_stamps stamps = { 0 };
  cro_buf file = { 0 };
  BIO *bio = NULL;
  int rc;

  if (path.len == 0 || path.len >= sizeof name || cro_bytes_find(path, '\0') < path.len)
    return tls_fault(fault, CRO_E_INVAL, "%s: is no name of a file", what);
  memcpy(name, path.at, path.len);
  name[path.len] = '\0';
  rc = tls_file_read(&file, &stamps, what, name, fault);
  if (rc == 0 && (bio = BIO_new_mem_buf(file.at, (int)file.len)) == NULL)
    rc = tls_nomem(fault);
  if (rc == 0 && (*out = PEM_read_bio_X509(bio, NULL, NULL, NULL)) == NULL)
    rc = tls_fault(fault, CRO_E_TLS, "%s %s: no certificate in it", what, name);
  BIO_free(bio);
  tls_file_free(&file);
  tls_stamps_free(&stamps);
  ERR_clear_error();
  return rc;
}

static bool is_name(const GENERAL_NAME *one, const char *name,
                    const ASN1_OCTET_STRING *ip)
{
  if (ip != NULL)
    return one->type == GEN_IPADD && ASN1_OCTET_STRING_cmp(one->d.iPAddress, ip) == 0;
  return one->type == GEN_DNS &&
         (size_t)ASN1_STRING_length(one->d.dNSName) == strlen(name) &&
         strncasecmp((const char *)ASN1_STRING_get0_data(one->d.dNSName), name,
                     strlen(name)) == 0;
}

static bool is_for(const GENERAL_NAMES *all, cro_bytes name)
{
  char text[tls_name_max + 1];
  ASN1_OCTET_STRING *ip;
  bool found = false;

  if (name.len == 0 || name.len > tls_name_max)
    return false;
  memcpy(text, name.at, name.len);
  text[name.len] = '\0';
  ip = a2i_IPADDRESS(text);
  if (ip == NULL && tls_name_of(name, text) != 0)
    return false;
  for (int i = 0; i < sk_GENERAL_NAME_num(all) && !found; i++)
    found = is_name(sk_GENERAL_NAME_value(all, i), text, ip);
  ASN1_OCTET_STRING_free(ip);
  return found;
}

static bool is_for_all(const X509 *x509, const cro_bytes *names, size_t count)
{
  GENERAL_NAMES *all = X509_get_ext_d2i(x509, NID_subject_alt_name, NULL, NULL);
  bool covers = all != NULL;

  for (size_t i = 0; i < count && covers; i++)
    covers = is_for(all, names[i]);
  GENERAL_NAMES_free(all);
  return covers;
}

static int64_t seconds_of(const ASN1_TIME *time)
{
  ASN1_TIME *epoch = ASN1_TIME_set(NULL, 0);
  int days = 0, seconds = 0;

  if (epoch != NULL)
    (void)ASN1_TIME_diff(&days, &seconds, epoch, time);
  ASN1_TIME_free(epoch);
  return (int64_t)days * 86400 + seconds;
}

int cro_tls_dev_look(const cro_tls_dev *what, cro_tls_dev_seen *out,
                     cro_tls_fault *fault)
{
  X509 *x509 = NULL, *ca = NULL;
  int rc;

  *fault = (cro_tls_fault){ .err = 0 };
  fault->err = net_openssl_load(fault->text, sizeof fault->text);
  if (fault->err != 0)
    return fault->err;
  rc = read_certificate(&x509, "certificate_file", what->certificate_file, fault);
  if (rc == 0)
    rc = read_certificate(&ca, "ca_file", what->ca_file, fault);
  if (rc == 0) {
    out->covers = is_for_all(x509, what->names, what->name_count);
    out->ours = X509_verify(x509, X509_get0_pubkey(ca)) == 1;
    out->until = seconds_of(X509_get0_notAfter(x509));
  }
  X509_free(x509);
  X509_free(ca);
  ERR_clear_error();
  return rc;
}
