/* Everything that is made of the files of a context, at once or not at all. */
#include "net/openssl.h"
#include "net/tls_parts.h"

#include "base/alloc.h"
#include "base/err.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* --- one SSL_CTX ------------------------------------------------------------------ */

static void set_options(SSL_CTX *ssl, const tls_settings *settings)
{
  uint64_t options = SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                     SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA;

  if (settings->no_sessions)
    options |= SSL_OP_NO_TICKET;
  SSL_CTX_set_options(ssl, options);
  /* The system's configuration may have set these. */
  SSL_CTX_clear_options(ssl, SSL_OP_IGNORE_UNEXPECTED_EOF |
                                 SSL_OP_LEGACY_SERVER_CONNECT |
                                 SSL_OP_ALLOW_UNSAFE_LEGACY_RENEGOTIATION |
                                 SSL_OP_ALLOW_CLIENT_RENEGOTIATION);
  /* No chain is made up of whom clients are verified by. */
  SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                            SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                            SSL_MODE_NO_AUTO_CHAIN);
  SSL_CTX_set_max_early_data(ssl, 0);
}

static int set_protocol(SSL_CTX *ssl, const tls_settings *settings,
                        cro_tls_fault *fault)
{
  SSL_CTX_set_security_level(ssl, 2);
  if (SSL_CTX_set_min_proto_version(ssl, settings->min_version) != 1 ||
      SSL_CTX_set_max_proto_version(ssl, 0) != 1 ||
      SSL_CTX_set1_groups_list(ssl, "X25519:P-256:P-384") != 1)
    return tls_nomem(fault);
  return tls_ciphers_apply(ssl, settings, fault);
}

static void on_key(const SSL *ssl, const char *line)
{
  int fd = tls_generation_of(ssl)->context->key_log, error = errno;
  char text[512];
  size_t len = strlen(line);

  if (fd < 0 || len >= sizeof text)
    return;
  memcpy(text, line, len);
  text[len] = '\n';
  /* One call, so that lines of others are not cut; a full disk is no reason to stop. */
  if (write(fd, text, len + 1) < 0)
    errno = error;
  OPENSSL_cleanse(text, sizeof text);
}

static int set_role(SSL_CTX *ssl, const tls_settings *settings)
{
  if (settings->server)
    tls_hello_apply(ssl, settings);
  else if (settings->alpn_len > 0 &&
           SSL_CTX_set_alpn_protos(ssl, settings->alpn, (unsigned)settings->alpn_len) !=
               0)
    return CRO_E_NOMEM;
  if (settings->no_sessions) {
    SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(ssl, 0);
  } else if (settings->server) {
    tls_tickets_apply(ssl);
  } else {
    tls_sessions_apply(ssl);
  }
  if (settings->key_log[0] != '\0')
    SSL_CTX_set_keylog_callback(ssl, on_key);
  return 0;
}

/* OpenSSL's words for what is no good today, said plainly. */
static const char *plainly(int reason)
{
  switch (reason) {
  case SSL_R_EE_KEY_TOO_SMALL:
    return "its key is too small";
  case SSL_R_CA_KEY_TOO_SMALL:
    return "the key of one in its chain is too small";
  case SSL_R_CA_MD_TOO_WEAK:
    return "its signature, or one in its chain, is of a kind that is broken";
  default:
    return NULL;
  }
}

static int use_identity(SSL_CTX *ssl, const tls_identity *identity,
                        const tls_paths *paths, cro_tls_fault *fault)
{
  bool p12 = paths->pkcs12[0] != '\0';
  const char *plain;
  char why[160];
  int rc;

  if (SSL_CTX_use_cert_and_key(ssl, identity->leaf, identity->key, identity->chain,
                               1) == 1)
    return 0;
  plain = plainly(ERR_GET_REASON(ERR_peek_error()));
  net_tls_last_error(why, sizeof why);
  rc = tls_fault(fault, CRO_E_INVAL, "%s %s: %s",
                 p12 ? "pkcs12_file" : "certificate_file",
                 p12 ? paths->pkcs12 : paths->certificate, plain != NULL ? plain : why);
  tls_place(fault->text, sizeof fault->text, paths);
  return rc;
}

static int fill(SSL_CTX *ssl, tls_generation *generation, const size_t *identities,
                size_t count, cro_tls_fault *fault)
{
  const tls_settings *settings = generation->settings;
  int rc = set_protocol(ssl, settings, fault);

  set_options(ssl, settings);
  for (size_t i = 0; i < count && rc == 0; i++)
    rc = use_identity(ssl, &generation->identities[identities[i]],
                      &settings->identities[identities[i]], fault);
  if (rc != 0)
    return rc;
  if (tls_trust_apply(&generation->trust, settings, ssl) != 0 ||
      set_role(ssl, settings) != 0)
    return tls_nomem(fault);
  return 0;
}

int tls_ssl_make(SSL_CTX **out, tls_generation *generation, const size_t *identities,
                 size_t count, cro_tls_fault *fault)
{
  const SSL_METHOD *method =
      generation->settings->server ? TLS_server_method() : TLS_client_method();
  SSL_CTX *ssl = SSL_CTX_new(method);
  char why[160];
  int rc;

  if (ssl == NULL && tls_silent_fault(fault) != 0)
    return CRO_E_NOMEM;
  if (ssl == NULL) {
    net_tls_last_error(why, sizeof why);
    return tls_fault(fault, CRO_E_TLS, "OpenSSL: %s", why);
  }
  rc = fill(ssl, generation, identities, count, fault);
  if (rc != 0) {
    SSL_CTX_free(ssl);
    return rc;
  }
  *out = ssl;
  return 0;
}

/* --- the whole -------------------------------------------------------------------- */

static int load(tls_generation *generation, tls_stamps *stamps, cro_tls_fault *fault)
{
  const tls_settings *settings = generation->settings;
  int rc = 0;

  for (size_t i = 0; i < settings->identity_count && rc == 0; i++) {
    generation->identity_count = i + 1;
    rc = tls_identity_load(&generation->identities[i], &settings->identities[i],
                           settings->server, stamps, generation->warnings, fault);
  }
  if (rc == 0)
    rc = tls_trust_load(&generation->trust, settings, stamps, fault);
  if (rc == 0)
    rc = tls_answers_make(generation, fault);
  return rc;
}

int tls_generation_create(tls_generation **out, cro_tls_context *context,
                          tls_stamps *stamps, cro_tls_fault *fault)
{
  size_t count = context->settings->identity_count;
  tls_generation *generation = cro_alloc_zero(sizeof *generation);
  int rc;

  if (generation == NULL)
    return tls_nomem(fault);
  generation->holds = 1;
  generation->context = context;
  generation->settings = context->settings;
  generation->identities =
      cro_alloc_zero((count > 0 ? count : 1) * sizeof *generation->identities);
  rc = generation->identities != NULL ? load(generation, stamps, fault)
                                      : tls_nomem(fault);
  ERR_clear_error();
  if (rc != 0) {
    tls_generation_drop(generation);
    return rc;
  }
  *out = generation;
  return 0;
}

void tls_generation_drop(tls_generation *generation)
{
  if (generation == NULL || --generation->holds > 0)
    return;
  for (size_t i = 0; i < generation->made_count; i++)
    SSL_CTX_free(generation->made[i]);
  for (size_t i = 0; i < generation->identity_count; i++)
    tls_identity_free(&generation->identities[i]);
  tls_trust_free(&generation->trust);
  cro_free(generation->identities);
  cro_free(generation->answers);
  cro_free(generation->made);
  cro_free(generation);
}
