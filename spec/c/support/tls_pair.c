/* Two TLS sessions in memory; see the header. */
#include "support/tls_pair.h"

#include "support/test.h"

#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>

cro_tls_context *tls_pair_context(const cro_tls_options *options)
{
  cro_tls_context *context;
  cro_tls_fault fault;

  if (cro_tls_context_create(&context, options, &fault) == 0)
    return context;
  (void)fprintf(stderr, "tls_pair: %s\n", fault.text);
  abort();
}

cro_tls_context *tls_pair_server(const char *certificate, const char *key)
{
  cro_tls_identity identity = { .certificate_file = cro_bytes_of(certificate),
                                .private_key_file = cro_bytes_of(key) };

  return tls_pair_context(&(cro_tls_options){
      .server = true, .identities = &identity, .identity_count = 1 });
}

cro_tls_context *tls_pair_client(const char *ca)
{
  return tls_pair_context(&(cro_tls_options){ .ca_file = cro_bytes_of(ca) });
}

/* The app data is that of sessions of ours, which these are not. */
static int pair_index(void)
{
  static int index = -1;

  if (index < 0)
    index = SSL_get_ex_new_index(0, NULL, NULL, NULL, NULL);
  return index;
}

static void on_info(const SSL *ssl, int where, int what)
{
  tls_pair *pair = SSL_get_ex_data(ssl, pair_index());

  if ((where & SSL_CB_ALERT) != 0 && (where & SSL_CB_WRITE) != 0)
    (void)snprintf(pair->alert, sizeof pair->alert, "%s",
                   SSL_alert_desc_string_long(what));
}

void tls_pair_open(tls_pair *pair, cro_tls_context *server, cro_tls_context *client,
                   const char *name)
{
  BIO *one, *other;

  *pair = (tls_pair){ .server = net_tls_session(server),
                      .client = net_tls_session(client) };
  CHECK(pair->server != NULL && pair->client != NULL);
  CHECK_INT(1, BIO_new_bio_pair(&one, 64 * 1024, &other, 64 * 1024));
  SSL_set_bio(pair->server, one, one);
  SSL_set_bio(pair->client, other, other);
  SSL_set_ex_data(pair->server, pair_index(), pair);
  SSL_set_ex_data(pair->client, pair_index(), pair);
  SSL_set_info_callback(pair->server, on_info);
  SSL_set_info_callback(pair->client, on_info);
  if (name == NULL)
    return;
  CHECK_INT(1, SSL_set_tlsext_host_name(pair->client, name));
  CHECK_INT(1, SSL_set1_host(pair->client, name));
}

/* False when it has failed. */
static bool step(tls_pair *pair, SSL *ssl)
{
  int rc = SSL_do_handshake(ssl), error = SSL_get_error(ssl, rc);

  if (rc == 1 || error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE)
    return true;
  if (pair->why[0] == '\0')
    net_tls_last_error(pair->why, sizeof pair->why);
  ERR_clear_error();
  return false;
}

static void take_tickets(tls_pair *pair)
{
  char byte;

  CHECK(SSL_read(pair->client, &byte, 1) <= 0);
  ERR_clear_error();
}

bool tls_pair_shake(tls_pair *pair)
{
  bool good = true;

  for (int i = 0; i < 20 && good; i++) {
    good = step(pair, pair->client);
    good = step(pair, pair->server) && good;
  }
  pair->done =
      good && SSL_is_init_finished(pair->server) && SSL_is_init_finished(pair->client);
  if (pair->done)
    take_tickets(pair);
  return pair->done;
}

void tls_pair_close(tls_pair *pair)
{
  /* Without this the session would count as broken, and not be resumed. */
  SSL_set_shutdown(pair->client, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
  SSL_set_shutdown(pair->server, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
  SSL_free(pair->client);
  SSL_free(pair->server);
  ERR_clear_error();
}
