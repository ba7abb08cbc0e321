/* The keys that session tickets are sealed with: random, in memory only, replaced
 * every twelve hours; the one before opens what it has sealed for as long again. */
#include "net/openssl.h"
#include "net/tls_parts.h"

#include "base/err.h"
#include "base/random.h"
#include "base/wall.h"

#include <string.h>

/* --- keys ------------------------------------------------------------------------- */

static int make_key(tls_ticket_key *out, int64_t now)
{
  uint8_t secret[sizeof out->name + sizeof out->cipher + sizeof out->mac];

  if (cro_random(secret, sizeof secret) != 0)
    return CRO_E_IO;
  memcpy(out->name, secret, sizeof out->name);
  memcpy(out->cipher, secret + sizeof out->name, sizeof out->cipher);
  memcpy(out->mac, secret + sizeof out->name + sizeof out->cipher, sizeof out->mac);
  OPENSSL_cleanse(secret, sizeof secret);
  out->made = now;
  return 0;
}

static void forget(tls_ticket_key *key)
{
  OPENSSL_cleanse(key, sizeof *key);
}

/* Seconds since it was made. A clock that was set back has it begin again. */
static int64_t age_of(tls_ticket_key *key, int64_t now)
{
  if (now < key->made)
    key->made = now;
  return now - key->made;
}

static void rotate(tls_tickets *tickets)
{
  int64_t now = cro_wall_seconds();
  tls_ticket_key fresh;

  if (tickets->count == 2 && age_of(&tickets->keys[1], now) >= 2 * tls_ticket_age) {
    forget(&tickets->keys[1]);
    tickets->count = 1;
  }
  if (age_of(&tickets->keys[0], now) < tls_ticket_age || make_key(&fresh, now) != 0)
    return;
  if (age_of(&tickets->keys[0], now) < 2 * tls_ticket_age) {
    tickets->keys[1] = tickets->keys[0];
    tickets->count = 2;
  } else {
    tickets->count = 1;
  }
  tickets->keys[0] = fresh;
  forget(&fresh);
}

int tls_tickets_init(tls_tickets *tickets)
{
  *tickets = (tls_tickets){ .count = 1 };
  tickets->aes = EVP_CIPHER_fetch(NULL, "AES-256-CBC", NULL);
  if (tickets->aes == NULL)
    return CRO_E_NOMEM;
  return make_key(&tickets->keys[0], cro_wall_seconds());
}

void tls_tickets_free(tls_tickets *tickets)
{
  EVP_CIPHER_free(tickets->aes);
  OPENSSL_cleanse(tickets, sizeof *tickets);
}

/* --- sealing and opening ---------------------------------------------------------- */

static bool set_mac(EVP_MAC_CTX *mac, tls_ticket_key *key)
{
  char digest[] = "SHA256";
  OSSL_PARAM params[] = {
    OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key->mac, sizeof key->mac),
    OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
    OSSL_PARAM_construct_end(),
  };

  return EVP_MAC_CTX_set_params(mac, params) == 1;
}

/* 1: sealed. 0: there is no ticket then, and nothing else is lost. */
static int seal(tls_tickets *tickets, uint8_t *name, uint8_t *iv,
                EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac)
{
  tls_ticket_key *key = &tickets->keys[0];

  if (cro_random(iv, (size_t)EVP_CIPHER_get_iv_length(tickets->aes)) != 0)
    return 0;
  memcpy(name, key->name, sizeof key->name);
  return EVP_EncryptInit_ex2(cipher, tickets->aes, key->cipher, iv, NULL) == 1 &&
         set_mac(mac, key);
}

/* 1, 2 when a new ticket is to replace it, 0 when it is nobody's. */
static int unseal(tls_tickets *tickets, bool used_up, const uint8_t *name,
                  const uint8_t *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac)
{
  for (unsigned i = 0; i < tickets->count; i++) {
    tls_ticket_key *key = &tickets->keys[i];

    if (memcmp(name, key->name, sizeof key->name) != 0)
      continue;
    if (EVP_DecryptInit_ex2(cipher, tickets->aes, key->cipher, iv, NULL) != 1 ||
        !set_mac(mac, key))
      return 0;
    return i == 0 && !used_up ? 1 : 2;
  }
  return 0;
}

static int on_ticket(SSL *ssl, unsigned char *name, unsigned char *iv,
                     EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int sealing)
{
  tls_tickets *tickets = &tls_generation_of(ssl)->context->tickets;
  bool once = SSL_version(ssl) >= TLS1_3_VERSION; /* tickets are used then */

  rotate(tickets);
  return sealing == 1 ? seal(tickets, name, iv, cipher, mac)
                      : unseal(tickets, once, name, iv, cipher, mac);
}

/* --- what may be resumed ---------------------------------------------------------- */

/* A client whose certificate has meanwhile expired shows it again, and is refused. */
static bool is_still_good(SSL_SESSION *session)
{
  X509 *peer = SSL_SESSION_get0_peer(session);
  time_t now = (time_t)cro_wall_seconds();

  return peer == NULL || X509_cmp_time(X509_get0_notAfter(peer), &now) > 0;
}

static SSL_TICKET_RETURN on_opened(SSL *ssl, SSL_SESSION *session,
                                   const unsigned char *name, size_t name_len,
                                   SSL_TICKET_STATUS status, void *arg)
{
  (void)ssl;
  (void)name;
  (void)name_len;
  (void)arg;
  if (status != SSL_TICKET_SUCCESS && status != SSL_TICKET_SUCCESS_RENEW)
    return SSL_TICKET_RETURN_IGNORE_RENEW;
  if (!is_still_good(session))
    return SSL_TICKET_RETURN_IGNORE_RENEW;
  return status == SSL_TICKET_SUCCESS ? SSL_TICKET_RETURN_USE
                                      : SSL_TICKET_RETURN_USE_RENEW;
}

/* Tickets only: a server keeps nothing for clients that may never come back. One each:
 * a second one would be a tenth of a handshake's work, for the few that connect twice
 * at once before they have connected twice. */
void tls_tickets_apply(SSL_CTX *ssl)
{
  SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_timeout(ssl, tls_session_age);
  SSL_CTX_set_num_tickets(ssl, 1);
  SSL_CTX_set_tlsext_ticket_key_evp_cb(ssl, on_ticket);
  SSL_CTX_set_session_ticket_cb(ssl, NULL, on_opened, NULL);
}
