/* What goes wrong with TLS, in words that say what to do about it. */
#include "net/openssl.h"
#include "net/tls_session.h"

#include "base/alloc.h"
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>

enum { why_max = 512, alert_base = SSL_AD_REASON_OFFSET, alert_max = 255 };

void net_tls_say(net_tls *self, const char *format, ...)
{
  va_list args;

  if (self->why != NULL)
    return;
  self->why = cro_alloc(why_max);
  if (self->why == NULL)
    return;
  va_start(args, format);
  (void)vsnprintf(self->why, why_max, format, args);
  va_end(args);
}

/* --- certificates -------------------------------------------------------------------
 */

typedef struct words {
  char at[256];
  size_t len;
} words;

static void add(words *out, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void add(words *out, const char *format, ...)
{
  size_t room = sizeof out->at - out->len;
  va_list args;
  int n;

  va_start(args, format);
  n = vsnprintf(out->at + out->len, room, format, args);
  va_end(args);
  if (n > 0)
    out->len += (size_t)n < room ? (size_t)n : room - 1;
}

static void add_subject(words *out, X509 *cert)
{
  BIO *bio = BIO_new(BIO_s_mem());
  char *at;
  long len;

  if (bio == NULL)
    return;
  if (X509_NAME_print_ex(bio, X509_get_subject_name(cert), 0, XN_FLAG_RFC2253) >= 0 &&
      (len = BIO_get_mem_data(bio, &at)) > 0)
    add(out, ", %.*s", (int)len, at);
  BIO_free(bio);
}

static void add_address(words *out, const ASN1_OCTET_STRING *ip)
{
  const unsigned char *at = ASN1_STRING_get0_data(ip);
  int len = ASN1_STRING_length(ip);

  if (len == 4)
    add(out, "%d.%d.%d.%d", at[0], at[1], at[2], at[3]);
  for (int i = 0; len == 16 && i < len; i += 2)
    add(out, "%s%x", i > 0 ? ":" : "", at[i] << 8 | at[i + 1]);
}

/* The bytes are a stranger's: none of them ends a line or speaks to a terminal. */
static void add_text(words *out, const ASN1_STRING *text)
{
  const unsigned char *at = ASN1_STRING_get0_data(text);

  for (int i = 0, len = ASN1_STRING_length(text); i < len; i++)
    add(out, "%c", at[i] > ' ' && at[i] <= '~' ? at[i] : '?');
}

static bool add_name(words *out, const GENERAL_NAME *name)
{
  if (name->type != GEN_DNS && name->type != GEN_IPADD)
    return false;
  if (out->len > 0)
    add(out, ", ");
  if (name->type == GEN_DNS)
    add_text(out, name->d.dNSName);
  else
    add_address(out, name->d.iPAddress);
  return true;
}

/* The hosts a certificate is for, the first few of them. */
static void add_names(words *out, const X509 *cert)
{
  enum { shown_max = 4 };
  GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
  int shown = 0;

  for (int i = 0; i < sk_GENERAL_NAME_num(names) && shown < shown_max; i++)
    shown += add_name(out, sk_GENERAL_NAME_value(names, i));
  if (shown == shown_max && sk_GENERAL_NAME_num(names) > shown_max)
    add(out, ", ...");
  GENERAL_NAMES_free(names);
}

static void say_mismatch(net_tls *self, const X509 *cert)
{
  words names = { .len = 0 };

  if (cert != NULL)
    add_names(&names, cert);
  if (names.len > 0)
    net_tls_say(self, "the certificate is for %s, not for %s", names.at, self->name);
  else
    net_tls_say(self,
                "the certificate names no host (subjectAltName), and so is not "
                "for %s",
                self->name);
}

static bool is_untrusted(int err)
{
  return err == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY ||
         err == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT ||
         err == X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE;
}

static void say_verdict(net_tls *self, int err, int depth, X509 *cert)
{
  words whose = { .len = 0 };

  if (self->name != NULL &&
      (err == X509_V_ERR_HOSTNAME_MISMATCH || err == X509_V_ERR_IP_ADDRESS_MISMATCH)) {
    say_mismatch(self, cert);
    return;
  }
  add(&whose, "(depth %d", depth);
  if (cert != NULL)
    add_subject(&whose, cert);
  net_tls_say(self, "%s%s %s)", X509_verify_cert_error_string(err),
              is_untrusted(err) ? ": not signed by a CA that is trusted here" : "",
              whose.at);
}

int net_tls_verified(int ok, X509_STORE_CTX *store)
{
  SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
  net_tls *self = ssl != NULL ? SSL_get_app_data(ssl) : NULL;

  if (ok || self == NULL || SSL_get_verify_mode(ssl) == SSL_VERIFY_NONE)
    return ok;
  say_verdict(self, X509_STORE_CTX_get_error(store),
              X509_STORE_CTX_get_error_depth(store),
              X509_STORE_CTX_get_current_cert(store));
  return ok;
}

/* --- the rest -----------------------------------------------------------------------
 */

typedef struct known {
  int reason;
  int err;
  const char *text;
} known;

static const known reasons[] = {
  { SSL_R_CERTIFICATE_VERIFY_FAILED, CRO_E_CERT, "the certificate is not trusted" },
  { SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE, CRO_E_CERT,
    "the peer has shown no certificate" },
  { SSL_R_NO_APPLICATION_PROTOCOL, CRO_E_ALPN, "no protocol in common (ALPN)" },
  { SSL_R_BAD_EXTENSION, CRO_E_PROTOCOL,
    "the peer sent an extension that is not valid" },
  { SSL_R_NO_SHARED_CIPHER, CRO_E_TLS, "no cipher in common" },
  { SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM, CRO_E_TLS,
    "no signature algorithm in common" },
  { SSL_R_NO_SHARED_GROUPS, CRO_E_TLS, "no key exchange group in common" },
  { SSL_R_NO_SUITABLE_KEY_SHARE, CRO_E_TLS, "no key exchange group in common" },
  { SSL_R_NO_SUITABLE_GROUPS, CRO_E_TLS, "no key exchange group in common" },
  { SSL_R_UNSUPPORTED_PROTOCOL, CRO_E_TLS,
    "the peer speaks no version of TLS that is allowed here" },
  { SSL_R_VERSION_TOO_LOW, CRO_E_TLS,
    "the peer speaks only versions of TLS older than what is allowed here" },
  { SSL_R_VERSION_TOO_HIGH, CRO_E_TLS,
    "the peer speaks only versions of TLS newer than what is allowed here" },
  { SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC, CRO_E_TLS,
    "a record was changed on its way (bad record MAC)" },
  { SSL_R_HTTP_REQUEST, CRO_E_PROTOCOL, "the peer speaks plain HTTP" },
  { SSL_R_HTTPS_PROXY_REQUEST, CRO_E_PROTOCOL, "the peer speaks plain HTTP" },
};

static const known *find(int reason)
{
  for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
    if (reasons[i].reason == reason)
      return &reasons[i];
  return NULL;
}

/* OpenSSL has no words for those that came with TLS 1.3. */
static const char *alert_name(int alert)
{
  switch (alert) {
  case SSL_AD_MISSING_EXTENSION:
    return "missing extension";
  case SSL_AD_CERTIFICATE_REQUIRED:
    return "certificate required";
  default:
    return SSL_alert_desc_string_long(alert);
  }
}

static int say_alert(net_tls *self, int alert)
{
  if (alert == SSL_AD_UNRECOGNIZED_NAME && self->name != NULL)
    net_tls_say(self, "the peer sent alert: %s: it has no certificate for %s",
                alert_name(alert), self->name);
  net_tls_say(self, "the peer sent alert: %s", alert_name(alert));
  return alert == SSL_AD_NO_APPLICATION_PROTOCOL ? CRO_E_ALPN : CRO_E_TLS;
}

static bool starts_with(const net_tls *self, const char *text)
{
  size_t len = strlen(text);

  return self->first_len >= len && memcmp(self->first, text, len) == 0;
}

static bool is_http_request(const net_tls *self)
{
  static const char *const begins[] = { "GET ",    "POST ",  "HEAD ", "PUT ",
                                        "DELETE ", "OPTION", "PATCH", "CONNECT" };

  for (size_t i = 0; i < sizeof begins / sizeof *begins; i++)
    if (starts_with(self, begins[i]))
      return true;
  return false;
}

static bool is_http(const net_tls *self)
{
  return is_http_request(self) || starts_with(self, "HTTP/");
}

/* Every first byte of TLS is that of a handshake or an alert, then comes version 3. */
static bool is_tls(const net_tls *self)
{
  enum { alert = 0x15, handshake = 0x16, major = 3 };

  if (self->first_len == 0)
    return true;
  if (self->first[0] != alert && self->first[0] != handshake)
    return false;
  return self->first_len < 2 || self->first[1] == major;
}

static void say_foreign(net_tls *self)
{
  words begin = { .len = 0 };

  for (size_t i = 0; i < self->first_len; i++) {
    unsigned char byte = self->first[i];

    if (byte >= 0x20 && byte < 0x7f)
      add(&begin, "%c", byte);
    else
      add(&begin, "\\x%02x", byte);
  }
  net_tls_say(self, "the peer does not speak TLS: it began with \"%s\"", begin.at);
}

/* What was no TLS from its first byte on says more than what OpenSSL made of it. */
static int say_foreigner(net_tls *self)
{
  if (self->established || is_tls(self))
    return 0;
  if (is_http(self))
    net_tls_say(self, "the peer speaks plain HTTP");
  else
    say_foreign(self);
  return CRO_E_PROTOCOL;
}

static int say_reason(net_tls *self, unsigned long code)
{
  int reason = ERR_GET_REASON(code);
  bool ours = ERR_GET_LIB(code) == ERR_LIB_SSL;
  const known *found = ours ? find(reason) : NULL;
  char reported[256];

  if (ours && reason > alert_base && reason <= alert_base + alert_max)
    return say_alert(self, reason - alert_base);
  if (found != NULL) {
    net_tls_say(self, "%s", found->text);
    return found->err;
  }
  net_tls_last_error(reported, sizeof reported);
  net_tls_say(self, "%s", reported[0] != '\0' ? reported : cro_err_text(CRO_E_TLS));
  return ERR_GET_REASON(code) == ERR_R_MALLOC_FAILURE ? CRO_E_NOMEM : CRO_E_TLS;
}

int net_tls_say_error(net_tls *self)
{
  int err = say_foreigner(self);

  if (err == 0 && self->flooded) {
    net_tls_say(self, "the peer sends messages of TLS, but no data");
    err = CRO_E_PROTOCOL;
  }
  if (err == 0 && self->nomem)
    err = CRO_E_NOMEM;
  if (err == 0)
    err = say_reason(self, ERR_peek_error());
  ERR_clear_error();
  return err;
}

/* Of a static length, and closed behind: whoever has typed http:// for https:// reads
 * it. */
void net_tls_answer_in_clear(net_tls *self)
{
  static const char answer[] = "HTTP/1.1 400 Bad Request\r\n"
                               "Content-Type: text/plain; charset=utf-8\r\n"
                               "Content-Length: 50\r\n"
                               "Connection: close\r\n\r\n"
                               "This port speaks HTTPS: ask for https://, please.\n";

  if (!self->server || self->established || !is_http_request(self) ||
      !net_tls_takes_http(self->ssl))
    return;
  (void)cro_buf_add(&self->cipher, (cro_bytes){ answer, sizeof answer - 1 });
}
