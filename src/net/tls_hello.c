/* What a server answers to a client's hello: which certificate, which protocol, what
 * is stapled; and which sessions it may resume. */
#include "net/openssl.h"
#include "net/tls_parts.h"
#include "net/tls_session.h"

#include "base/err.h"
#include "base/wall.h"

#include <string.h>

/* --- the name --------------------------------------------------------------------- */

static size_t number_at(const uint8_t *at)
{
  return ((size_t)at[0] << 8) | at[1];
}

/* The host name of the hello (RFC 6066 3) in lower case, without a dot at its end; its
 * length, 0 for none. What is malformed OpenSSL refuses, right after this. */
static size_t name_of(SSL *ssl, char out[tls_name_max])
{
  const uint8_t *at;
  size_t left, len;

  if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &at, &left) != 1 ||
      left < 5 || number_at(at) != left - 2 || at[2] != TLSEXT_NAMETYPE_host_name)
    return 0;
  len = number_at(at + 3);
  if (len > left - 5 || len > tls_name_max)
    return 0;
  for (size_t i = 0; i < len; i++)
    out[i] =
        (char)(at[5 + i] >= 'A' && at[5 + i] <= 'Z' ? at[5 + i] | 0x20 : at[5 + i]);
  return len > 0 && out[len - 1] == '.' ? len - 1 : len;
}

/* A session goes on only where it began: under the same name, with the same people
 * trusted. RFC 6066 asks for the first, client certificates for the second. */
static bool set_id_context(SSL *ssl, const tls_generation *generation, const char *name,
                           size_t len)
{
  uint8_t about[sizeof generation->trust.digest + tls_name_max], id[EVP_MAX_MD_SIZE];
  size_t fixed = sizeof generation->trust.digest;
  unsigned id_len = 0;

  memcpy(about, generation->trust.digest, fixed);
  memcpy(about + fixed, name, len);
  return EVP_Digest(about, fixed + len, id, &id_len, EVP_sha256(), NULL) == 1 &&
         SSL_set_session_id_context(ssl, id, id_len) == 1;
}

/* What a peer sends is shown only where it can be a name: it ends in logs. */
static void say_unknown(SSL *ssl, const char *name, size_t len)
{
  static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789-._*";
  net_tls *self = SSL_get_app_data(ssl);
  size_t shown = 0;

  if (self == NULL)
    return;
  while (shown < len && memchr(letters, name[shown], sizeof letters - 1) != NULL)
    shown++;
  if (shown == len)
    net_tls_say(self, "the peer asked for %.*s, which no certificate is for", (int)len,
                name);
  else
    net_tls_say(self, "the peer asked for a name that no certificate is for");
}

/* Before sessions are looked for, unlike OpenSSL's callback for server names. */
static int on_hello(SSL *ssl, int *alert, void *arg)
{
  const tls_generation *generation = tls_generation_of(ssl);
  char name[tls_name_max];
  size_t len = name_of(ssl, name);
  SSL_CTX *found = tls_answer_for(generation, (cro_bytes){ name, len });

  (void)arg;
  if (len > 0 && found == NULL && generation->settings->sni_strict) {
    *alert = SSL_AD_UNRECOGNIZED_NAME;
    say_unknown(ssl, name, len);
    return SSL_CLIENT_HELLO_ERROR;
  }
  if (set_id_context(ssl, generation, name, len) &&
      SSL_set_SSL_CTX(ssl, found != NULL ? found : generation->made[0]) != NULL)
    return SSL_CLIENT_HELLO_SUCCESS;
  *alert = SSL_AD_INTERNAL_ERROR;
  return SSL_CLIENT_HELLO_ERROR;
}

/* The name is acknowledged, and stays with the session. */
static int on_name(SSL *ssl, int *alert, void *arg)
{
  (void)alert;
  (void)arg;
  return SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name) != NULL
             ? SSL_TLSEXT_ERR_OK
             : SSL_TLSEXT_ERR_NOACK;
}

/* --- the protocol ----------------------------------------------------------------- */

static bool offers(const uint8_t *list, size_t len, const uint8_t *name)
{
  for (size_t i = 0; i < len; i += (size_t)list[i] + 1)
    if (i + list[i] < len && list[i] == name[0] &&
        memcmp(list + i + 1, name + 1, name[0]) == 0)
      return true;
  return false;
}

/* Ours in our order. Nothing in common ends the handshake: what speaks another protocol
 * must not be taken for this one (ALPACA). */
static int on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                   const unsigned char *in, unsigned in_len, void *arg)
{
  const tls_settings *settings = tls_generation_of(ssl)->settings;
  const uint8_t *own = settings->alpn;

  (void)arg;
  for (size_t i = 0; i < settings->alpn_len; i += (size_t)own[i] + 1)
    if (offers(in, in_len, own + i)) {
      *out = own + i + 1;
      *out_len = own[i];
      return SSL_TLSEXT_ERR_OK;
    }
  return SSL_TLSEXT_ERR_ALERT_FATAL;
}

bool net_tls_takes_http(const SSL *ssl)
{
  static const uint8_t names[] = "\x08http/1.1\x02h2";
  const tls_settings *settings = tls_generation_of(ssl)->settings;

  return offers(settings->alpn, settings->alpn_len, names) ||
         offers(settings->alpn, settings->alpn_len, names + 1 + names[0]);
}

/* --- stapling --------------------------------------------------------------------- */

static const tls_identity *shown(const SSL *ssl)
{
  const tls_generation *generation = tls_generation_of(ssl);
  X509 *leaf = SSL_get_certificate(ssl);

  for (size_t i = 0; i < generation->identity_count; i++)
    if (generation->identities[i].leaf == leaf)
      return &generation->identities[i];
  return NULL;
}

/* What is out of date would have the certificate refused; without it, it is not. */
static int on_status(SSL *ssl, void *arg)
{
  const tls_identity *identity = shown(ssl);
  void *copy;

  (void)arg;
  if (identity == NULL || identity->ocsp.len == 0 ||
      identity->ocsp_until < cro_wall_seconds())
    return SSL_TLSEXT_ERR_NOACK;
  copy = OPENSSL_memdup(identity->ocsp.at, identity->ocsp.len);
  if (copy == NULL)
    return SSL_TLSEXT_ERR_NOACK;
  if (SSL_set_tlsext_status_ocsp_resp(ssl, copy, (long)identity->ocsp.len) == 1)
    return SSL_TLSEXT_ERR_OK;
  OPENSSL_free(copy);
  return SSL_TLSEXT_ERR_NOACK;
}

void tls_hello_apply(SSL_CTX *ssl, const tls_settings *settings)
{
  SSL_CTX_set_client_hello_cb(ssl, on_hello, NULL);
  SSL_CTX_set_tlsext_servername_callback(ssl, on_name);
  SSL_CTX_set_tlsext_status_cb(ssl, on_status);
  if (settings->alpn_len > 0)
    SSL_CTX_set_alpn_select_cb(ssl, on_alpn, NULL);
}
