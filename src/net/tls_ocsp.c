/* What a certificate's issuer says of it, to be shown with it (OCSP stapling). */
#include "net/openssl.h"
#include "net/tls_parts.h"

#include "base/err.h"
#include "base/wall.h"

#include <time.h>

static int64_t seconds_of(const ASN1_GENERALIZEDTIME *time)
{
  struct tm tm;

  return time != NULL && ASN1_TIME_to_tm(time, &tm) == 1 ? (int64_t)timegm(&tm)
                                                         : INT64_MAX;
}

/* The one that is of the leaf: the serial number tells, for all are of one issuer. */
static OCSP_SINGLERESP *find_single(OCSP_BASICRESP *basic, X509 *leaf)
{
  for (int i = 0; i < OCSP_resp_count(basic); i++) {
    OCSP_SINGLERESP *single = OCSP_resp_get0(basic, i);
    ASN1_INTEGER *serial = NULL;

    (void)OCSP_id_get0_info(NULL, NULL, NULL, &serial,
                            (OCSP_CERTID *)OCSP_SINGLERESP_get0_id(single));
    if (serial != NULL && ASN1_INTEGER_cmp(serial, X509_get0_serialNumber(leaf)) == 0)
      return single;
  }
  return NULL;
}

static int check_single(tls_identity *out, OCSP_BASICRESP *basic, const char *path,
                        char *warnings, cro_tls_fault *fault)
{
  OCSP_SINGLERESP *single = find_single(basic, out->leaf);
  ASN1_GENERALIZEDTIME *next = NULL;
  int status;

  if (single == NULL)
    return tls_fault(fault, CRO_E_INVAL, "ocsp_file %s: is of another certificate",
                     path);
  status = OCSP_single_get0_status(single, NULL, NULL, NULL, &next);
  if (status != V_OCSP_CERTSTATUS_GOOD)
    tls_warn(warnings, "ocsp_file %s: says that the certificate is %s", path,
             OCSP_cert_status_str(status));
  out->ocsp_until = seconds_of(next);
  if (out->ocsp_until < cro_wall_seconds())
    tls_warn(warnings, "ocsp_file %s: out of date, it is not shown", path);
  return 0;
}

static int check_response(tls_identity *out, OCSP_RESPONSE *response, const char *path,
                          char *warnings, cro_tls_fault *fault)
{
  int status = OCSP_response_status(response), rc;
  OCSP_BASICRESP *basic;

  if (status != OCSP_RESPONSE_STATUS_SUCCESSFUL)
    return tls_fault(fault, CRO_E_INVAL, "ocsp_file %s: is no answer but says \"%s\"",
                     path, OCSP_response_status_str(status));
  basic = OCSP_response_get1_basic(response);
  if (basic == NULL)
    return tls_fault(fault, CRO_E_SYNTAX, "ocsp_file %s: is no basic response", path);
  rc = check_single(out, basic, path, warnings, fault);
  OCSP_BASICRESP_free(basic);
  return rc;
}

int tls_ocsp_load(tls_identity *out, const tls_paths *paths, tls_stamps *stamps,
                  char *warnings, cro_tls_fault *fault)
{
  const unsigned char *at;
  OCSP_RESPONSE *response;
  int rc = tls_file_read(&out->ocsp, stamps, "ocsp_file", paths->ocsp, fault);

  if (rc != 0)
    return rc;
  at = (const unsigned char *)out->ocsp.at;
  response = d2i_OCSP_RESPONSE(NULL, &at, (long)out->ocsp.len);
  if (response != NULL)
    rc = check_response(out, response, paths->ocsp, warnings, fault);
  else
    rc = tls_fault(fault, CRO_E_SYNTAX, "ocsp_file %s: is no OCSP response in DER",
                   paths->ocsp);
  ERR_clear_error();
  OCSP_RESPONSE_free(response);
  return rc;
}
