/* TLS contexts: what outlives a reload, and the SSLs that are made of them. */
#include "net/openssl.h"
#include "net/tls_parts.h"

#include "base/alloc.h"
#include "base/err.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int hold_index = -1; /* of the SSLs' generations */

/* --- words ------------------------------------------------------------------------ */

void net_tls_last_error(char *out, size_t room)
{
  const char *data = NULL, *reason;
  unsigned long error;
  bool told;
  int flags = 0;

  if (tls_out_of_memory()) {
    (void)snprintf(out, room, "%s", cro_err_text(CRO_E_NOMEM));
    return;
  }
  error = ERR_get_error_all(NULL, NULL, NULL, &data, &flags);
  told = data != NULL && (flags & ERR_TXT_STRING) != 0 && data[0] != '\0';
  out[0] = '\0';
  if (error == 0)
    return;
  reason = ERR_SYSTEM_ERROR(error) ? strerror(ERR_GET_REASON(error))
                                   : ERR_reason_error_string(error);
  if (reason == NULL)
    reason = "an error without a name";
  (void)snprintf(out, room, told ? "%s (%s)" : "%s", reason, told ? data : "");
  ERR_clear_error();
}

/* --- sessions --------------------------------------------------------------------- */

tls_generation *tls_generation_of(const SSL *ssl)
{
  return SSL_get_ex_data(ssl, hold_index);
}

static void let_go(void *parent, void *held, CRYPTO_EX_DATA *data, int index, long argl,
                   void *arg)
{
  tls_generation *generation = held;
  cro_tls_context *context;

  (void)parent;
  (void)data;
  (void)index;
  (void)argl;
  (void)arg;
  if (generation == NULL)
    return;
  context = generation->context;
  tls_generation_drop(generation);
  cro_tls_context_drop(context);
}

SSL *net_tls_session(cro_tls_context *context)
{
  tls_generation *generation = context->now;
  SSL *ssl = SSL_new(generation->made[0]);

  if (ssl == NULL || SSL_set_ex_data(ssl, hold_index, generation) != 1) {
    ERR_clear_error();
    SSL_free(ssl);
    return NULL;
  }
  generation->holds++;
  context->holds++;
  if (context->settings->server)
    SSL_set_accept_state(ssl);
  else
    SSL_set_connect_state(ssl);
  return ssl;
}

bool net_tls_is_server(const cro_tls_context *context)
{
  return context->settings->server;
}

/* --- making and reading again ----------------------------------------------------- */

static int open_key_log(cro_tls_context *context, cro_tls_fault *fault)
{
  const char *path = context->settings->key_log;

  if (path[0] == '\0')
    return 0;
  context->key_log = open(
      path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0600);
  if (context->key_log >= 0)
    return 0;
  return tls_fault(fault, cro_err_from_errno(errno), "key_log_file %s: %s", path,
                   cro_err_text(cro_err_from_errno(errno)));
}

/* Nothing of OpenSSL is touched before the first context. */
static int begin(cro_tls_context *context, const cro_tls_options *options,
                 cro_tls_fault *fault)
{
  int rc = tls_settings_create(&context->settings, options, fault);

  if (rc != 0)
    return rc;
  if (hold_index < 0)
    hold_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, let_go);
  rc = tls_tickets_init(&context->tickets);
  if (hold_index < 0 || rc == CRO_E_NOMEM)
    return tls_nomem(fault);
  if (rc != 0)
    return tls_fault(fault, rc, "the system has no random bytes");
  rc = tls_generation_create(&context->now, context, &context->stamps, fault);
  return rc == 0 ? open_key_log(context, fault) : rc;
}

int cro_tls_context_create(cro_tls_context **out, const cro_tls_options *options,
                           cro_tls_fault *fault)
{
  cro_tls_context *context;
  int rc;

  *fault = (cro_tls_fault){ .err = 0 };
  fault->err = net_openssl_load(fault->text, sizeof fault->text);
  if (fault->err != 0)
    return fault->err;
  context = cro_alloc_zero(sizeof *context);
  if (context == NULL)
    return tls_nomem(fault);
  context->holds = 1;
  context->key_log = -1;
  tls_sessions_init(&context->sessions);
  rc = begin(context, options, fault);
  if (rc != 0) {
    cro_tls_context_drop(context);
    return rc;
  }
  *out = context;
  return 0;
}

cro_tls_context *cro_tls_context_hold(cro_tls_context *context)
{
  context->holds++;
  return context;
}

void cro_tls_context_drop(cro_tls_context *context)
{
  if (context == NULL || --context->holds > 0)
    return;
  tls_sessions_clear(&context->sessions);
  tls_generation_drop(context->now);
  tls_stamps_free(&context->stamps);
  tls_tickets_free(&context->tickets);
  tls_settings_destroy(context->settings);
  if (context->key_log >= 0)
    (void)close(context->key_log);
  cro_free(context);
}

/* What could not be used is not tried again before it changes: the stamps are those of
 * the last attempt. */
int cro_tls_context_reload(cro_tls_context *context, cro_tls_fault *fault)
{
  tls_stamps stamps = { 0 };
  tls_generation *next;
  int rc;

  *fault = (cro_tls_fault){ .err = 0 };
  rc = tls_generation_create(&next, context, &stamps, fault);
  if (rc == CRO_E_NOMEM) {
    tls_stamps_free(&stamps);
    return rc;
  }
  tls_stamps_free(&context->stamps);
  context->stamps = stamps;
  if (rc != 0)
    return rc;
  tls_generation_drop(context->now);
  context->now = next;
  /* A client's sessions were made with whom it trusted before. */
  tls_sessions_clear(&context->sessions);
  return 0;
}

bool cro_tls_context_changed(cro_tls_context *context)
{
  return tls_stamps_changed(&context->stamps);
}

const char *cro_tls_context_warning(const cro_tls_context *context)
{
  return context->now->warnings;
}
