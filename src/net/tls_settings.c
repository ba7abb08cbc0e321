/* The caller's options, checked and copied: a reload needs them again. */
#include "net/openssl.h"
#include "net/tls_parts.h"

#include "base/alloc.h"
#include "base/err.h"

#include <string.h>

/* AES with 128 bits first: as safe as is needed and a third faster. A client that
 * prefers ChaCha20, for want of AES in its processor, gets it. */
#define TLS13_SUITES                                                                   \
  "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"
#define TLS12_CIPHERS                                                                  \
  "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"                         \
  "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"                         \
  "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"

/* Where the copies go, in a block that is measured before. */
typedef struct copier {
  char *at;
  cro_tls_fault *fault;
  int rc;
} copier;

/* --- strings ---------------------------------------------------------------------- */

static const char *copy(copier *to, const char *what, cro_bytes in)
{
  char *out = to->at;

  if (in.len == 0)
    return "";
  if (cro_bytes_find(in, '\0') < in.len && to->rc == 0)
    to->rc = tls_fault(to->fault, CRO_E_INVAL, "%s: a NUL in it", what);
  memcpy(out, in.at, in.len);
  out[in.len] = '\0';
  to->at += in.len + 1;
  return out;
}

static const char *copy_name(copier *to, cro_bytes in)
{
  char *out = to->at;

  if (in.len == 0)
    return "";
  if (tls_name_of(in, out) != 0) {
    if (to->rc == 0)
      to->rc = tls_fault(to->fault, CRO_E_INVAL,
                         "server_name %.*s: neither a host name nor \"*.\" and one",
                         (int)(in.len < 255 ? in.len : 255), in.at);
    return "";
  }
  to->at += strlen(out) + 1;
  return out;
}

static size_t identity_room(const cro_tls_identity *in)
{
  return in->certificate_file.len + in->private_key_file.len + in->pkcs12_file.len +
         in->password.len + in->ocsp_file.len + 5 + tls_name_max + 1;
}

static size_t room_for(const cro_tls_options *options)
{
  size_t room = options->ca_file.len + options->ca_path.len +
                options->key_log_file.len + 3 + 2 * (options->ciphers.len + 2) +
                sizeof TLS12_CIPHERS + sizeof TLS13_SUITES + tls_alpn_max;

  for (size_t i = 0; i < options->identity_count; i++)
    room += identity_room(&options->identities[i]);
  return room;
}

/* --- identities ------------------------------------------------------------------- */

static int check_identity(const tls_paths *paths, cro_tls_fault *fault)
{
  bool pem = paths->certificate[0] != '\0', p12 = paths->pkcs12[0] != '\0';

  if (p12 && (pem || paths->private_key[0] != '\0'))
    return tls_fault(fault, CRO_E_INVAL,
                     "pkcs12_file %s: stands instead of certificate_file and "
                     "private_key_file, not beside them",
                     paths->pkcs12);
  if (!p12 && !pem)
    return tls_fault(fault, CRO_E_INVAL, "certificate_file is missing%s%s",
                     paths->server_name[0] != '\0' ? " for " : "", paths->server_name);
  return 0;
}

static void copy_identities(tls_settings *out, const cro_tls_options *options,
                            copier *to)
{
  for (size_t i = 0; i < options->identity_count && to->rc == 0; i++) {
    const cro_tls_identity *in = &options->identities[i];
    tls_paths *paths = &out->identities[i];

    paths->server_name = copy_name(to, in->server_name);
    paths->certificate = copy(to, "certificate_file", in->certificate_file);
    paths->private_key = copy(to, "private_key_file", in->private_key_file);
    paths->pkcs12 = copy(to, "pkcs12_file", in->pkcs12_file);
    paths->password = copy(to, "password", in->password);
    paths->ocsp = copy(to, "ocsp_file", in->ocsp_file);
    if (to->rc == 0)
      to->rc = check_identity(paths, to->fault);
  }
}

/* --- the rest --------------------------------------------------------------------- */

static void copy_alpn(tls_settings *out, const cro_tls_options *options, copier *to)
{
  uint8_t *at = out->alpn = (uint8_t *)to->at;

  for (size_t i = 0; i < options->alpn_count; i++) {
    cro_bytes name = options->alpn[i];

    if (name.len == 0 || name.len > 255 || out->alpn_len + name.len >= tls_alpn_max) {
      to->rc = tls_fault(to->fault, CRO_E_INVAL,
                         "alpn: a protocol has 1 to 255 bytes, all of them fewer than "
                         "%d",
                         tls_alpn_max);
      return;
    }
    *at++ = (uint8_t)name.len;
    memcpy(at, name.at, name.len);
    at += name.len;
    out->alpn_len += name.len + 1;
  }
  to->at = (char *)at;
}

static void append(char *list, cro_bytes word)
{
  size_t len = strlen(list);

  if (len > 0)
    list[len++] = ':';
  memcpy(list + len, word.at, word.len);
  list[len + word.len] = '\0';
}

/* Names of TLS 1.3 begin with TLS_ and are set apart. */
static void copy_ciphers(tls_settings *out, cro_bytes in, copier *to)
{
  out->ciphers = to->at;
  to->at += (in.len > sizeof TLS12_CIPHERS ? in.len : sizeof TLS12_CIPHERS) + 1;
  out->ciphersuites = to->at;
  to->at += (in.len > sizeof TLS13_SUITES ? in.len : sizeof TLS13_SUITES) + 1;
  out->ciphers[0] = out->ciphersuites[0] = '\0';
  if (cro_bytes_find(in, '\0') < in.len)
    to->rc = tls_fault(to->fault, CRO_E_INVAL, "ciphers: a NUL in it");
  while (in.len > 0) {
    size_t end = 0;
    cro_bytes word;

    while (end < in.len && strchr(":, ;", in.at[end]) == NULL)
      end++;
    word = cro_bytes_take(&in, end);
    (void)cro_bytes_take(&in, 1);
    if (word.len > 0)
      append(word.len > 4 && memcmp(word.at, "TLS_", 4) == 0 ? out->ciphersuites
                                                             : out->ciphers,
             word);
  }
  if (out->ciphers[0] == '\0')
    memcpy(out->ciphers, TLS12_CIPHERS, sizeof TLS12_CIPHERS);
  if (out->ciphersuites[0] == '\0')
    memcpy(out->ciphersuites, TLS13_SUITES, sizeof TLS13_SUITES);
}

static int check_verify(tls_settings *settings, cro_tls_fault *fault)
{
  bool anchored = settings->ca_file[0] != '\0' || settings->ca_path[0] != '\0';

  if (settings->verify == CRO_TLS_VERIFY_DEFAULT)
    settings->verify = settings->server ? CRO_TLS_VERIFY_NONE : CRO_TLS_VERIFY_REQUIRE;
  if (!settings->server && settings->verify == CRO_TLS_VERIFY_OPTIONAL)
    return tls_fault(fault, CRO_E_INVAL,
                     "verify: \"optional\" is for servers; a client requires or not");
  if (settings->server && settings->verify != CRO_TLS_VERIFY_NONE && !anchored)
    return tls_fault(fault, CRO_E_INVAL,
                     "ca_file is missing: certificates of clients are verified, and "
                     "nobody is said to be trusted");
  return 0;
}

static int check_rest(tls_settings *settings, const cro_tls_options *options,
                      cro_tls_fault *fault)
{
  if (settings->server && settings->identity_count == 0)
    return tls_fault(fault, CRO_E_INVAL,
                     "certificate_file is missing: a server has a certificate");
  if (options->min_version != 0 && options->min_version != 12 &&
      options->min_version != 13)
    return tls_fault(fault, CRO_E_INVAL, "min_version: 12 or 13, not %d",
                     options->min_version);
  settings->min_version = options->min_version == 13 ? TLS1_3_VERSION : TLS1_2_VERSION;
  return check_verify(settings, fault);
}

/* --- entry points ----------------------------------------------------------------- */

static int copy_all(tls_settings *out, const cro_tls_options *options,
                    cro_tls_fault *fault)
{
  copier to = { .at = out->text, .fault = fault };

  copy_identities(out, options, &to);
  out->ca_file = copy(&to, "ca_file", options->ca_file);
  out->ca_path = copy(&to, "ca_path", options->ca_path);
  out->key_log = copy(&to, "key_log_file", options->key_log_file);
  if (to.rc == 0)
    copy_alpn(out, options, &to);
  if (to.rc == 0)
    copy_ciphers(out, options->ciphers, &to);
  return to.rc != 0 ? to.rc : check_rest(out, options, fault);
}

int tls_settings_create(tls_settings **out, const cro_tls_options *options,
                        cro_tls_fault *fault)
{
  size_t count = options->identity_count;
  tls_settings *settings = cro_alloc_zero(sizeof *settings);
  int rc;

  if (settings == NULL)
    return tls_nomem(fault);
  *settings = (tls_settings){ .server = options->server,
                              .sni_strict = options->sni_strict,
                              .no_sessions = options->no_sessions,
                              .verify = options->verify,
                              .identity_count = count,
                              .text_len = room_for(options) };
  settings->text = cro_alloc_zero(settings->text_len);
  settings->identities =
      cro_alloc_zero((count > 0 ? count : 1) * sizeof *settings->identities);
  if (settings->text == NULL || settings->identities == NULL)
    rc = tls_nomem(fault);
  else
    rc = copy_all(settings, options, fault);
  if (rc != 0) {
    tls_settings_destroy(settings);
    return rc;
  }
  *out = settings;
  return 0;
}

void tls_settings_destroy(tls_settings *settings)
{
  if (settings == NULL)
    return;
  if (settings->text != NULL)
    OPENSSL_cleanse(settings->text, settings->text_len); /* passwords */
  cro_free(settings->text);
  cro_free(settings->identities);
  cro_free(settings);
}

/* --- ciphers ---------------------------------------------------------------------- */

static bool is_spoken(const SSL_CIPHER *cipher)
{
  int auth = SSL_CIPHER_get_auth_nid(cipher);

  return SSL_CIPHER_get_kx_nid(cipher) == NID_kx_ecdhe &&
         SSL_CIPHER_is_aead(cipher) == 1 &&
         (auth == NID_auth_rsa || auth == NID_auth_ecdsa);
}

/* A word that chooses nothing is a mistake; those that take away may name what this
 * OpenSSL does not have. */
static int check_words(SSL_CTX *ssl, const char *list, cro_tls_fault *fault)
{
  while (*list != '\0') {
    size_t len = strcspn(list, ":");
    char word[128];

    if (len >= sizeof word)
      return tls_fault(fault, CRO_E_INVAL, "ciphers: no cipher is called %.*s",
                       (int)len, list);
    memcpy(word, list, len);
    word[len] = '\0';
    if (strchr("!-+@", word[0]) == NULL && SSL_CTX_set_cipher_list(ssl, word) != 1)
      return tls_fault(fault, CRO_E_INVAL, "ciphers: no cipher is called %s", word);
    list += len + (list[len] == ':');
  }
  return 0;
}

/* Of what the list chose, what is ECDHE with AEAD, in its order. */
static int keep_spoken(SSL_CTX *ssl, const char *list, cro_tls_fault *fault)
{
  STACK_OF(SSL_CIPHER) *chosen = SSL_CTX_get_ciphers(ssl);
  cro_buf names = { 0 };
  int rc = 0;

  for (int i = 0; i < sk_SSL_CIPHER_num(chosen) && rc == 0; i++) {
    const SSL_CIPHER *cipher = sk_SSL_CIPHER_value(chosen, i);

    if (!is_spoken(cipher))
      continue;
    if (names.len > 0)
      rc = cro_buf_add_byte(&names, ':');
    if (rc == 0)
      rc = cro_buf_add(&names, cro_bytes_of(SSL_CIPHER_get_name(cipher)));
  }
  if (rc == 0)
    rc = cro_buf_add_byte(&names, '\0');
  if (rc != 0)
    rc = tls_nomem(fault);
  else if (names.len == 1)
    rc = tls_fault(fault, CRO_E_INVAL,
                   "ciphers: nothing in %s is ECDHE with AEAD, and nothing else is "
                   "spoken with TLS 1.2",
                   list);
  else if (SSL_CTX_set_cipher_list(ssl, names.at) != 1)
    rc = tls_nomem(fault);
  cro_buf_free(&names);
  return rc;
}

int tls_ciphers_apply(SSL_CTX *ssl, const tls_settings *settings, cro_tls_fault *fault)
{
  char why[128];
  int rc;

  if (SSL_CTX_set_ciphersuites(ssl, settings->ciphersuites) != 1)
    return tls_fault(fault, CRO_E_INVAL, "ciphers: no such cipher in %s",
                     settings->ciphersuites);
  if (strcmp(settings->ciphers, TLS12_CIPHERS) == 0)
    rc = 0;
  else
    rc = check_words(ssl, settings->ciphers, fault);
  if (rc != 0)
    return rc;
  if (SSL_CTX_set_cipher_list(ssl, settings->ciphers) == 1)
    return keep_spoken(ssl, settings->ciphers, fault);
  net_tls_last_error(why, sizeof why);
  return tls_fault(fault, CRO_E_INVAL, "ciphers %s: %s", settings->ciphers, why);
}
