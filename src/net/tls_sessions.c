/* Sessions that servers have offered to our clients, by "name:port". */
#include "net/openssl.h"
#include "net/tls_parts.h"

#include "base/alloc.h"
#include "base/check.h"
#include "base/err.h"

#include <string.h>
#include <time.h>

/* In the context's list, the latest first. */
typedef struct saved {
  cro_list node; /* first member */
  SSL_SESSION *session;
  char key[];
} saved;

static int key_index = -1; /* of the SSLs' keys */

/* --- the list --------------------------------------------------------------------- */

static void forget(tls_sessions *sessions, saved *one)
{
  cro_list_remove(&one->node);
  sessions->count--;
  SSL_SESSION_free(one->session);
  cro_free(one);
}

static saved *at_node(cro_list *node)
{
  return CRO_CONTAINER(node, saved, node);
}

/* It has a time to live of its own, by the real clock as OpenSSL sees it. */
static bool is_over(const saved *one)
{
  return !SSL_SESSION_is_resumable(one->session) ||
         (int64_t)SSL_SESSION_get_time(one->session) +
                 SSL_SESSION_get_timeout(one->session) <=
             (int64_t)time(NULL);
}

static bool is_single_use(const SSL_SESSION *session)
{
  return SSL_SESSION_get_protocol_version(session) >= TLS1_3_VERSION;
}

/* Room for one more under this key, and in all. */
static void make_room(tls_sessions *sessions, const char *key, size_t same_max)
{
  cro_list *node = sessions->recent.next, *next;
  size_t same = 0;

  for (; node != &sessions->recent; node = next) {
    next = node->next;
    if (strcmp(at_node(node)->key, key) == 0 && ++same >= same_max)
      forget(sessions, at_node(node));
  }
  if (sessions->count == net_tls_sessions_max)
    forget(sessions, at_node(sessions->recent.prev));
}

static void push_first(tls_sessions *sessions, saved *one)
{
  one->node.next = sessions->recent.next;
  one->node.prev = &sessions->recent;
  sessions->recent.next->prev = &one->node;
  sessions->recent.next = &one->node;
}

void net_tls_remember(cro_tls_context *context, const char *key, SSL_SESSION *session)
{
  tls_sessions *sessions = &context->sessions;
  size_t len = strlen(key);
  saved *one;

  if (context->settings->no_sessions || len > net_tls_key_max ||
      (one = cro_alloc(sizeof *one + len + 1)) == NULL) {
    SSL_SESSION_free(session);
    return;
  }
  make_room(sessions, key, is_single_use(session) ? net_tls_same_max : 1);
  one->session = session;
  memcpy(one->key, key, len + 1);
  push_first(sessions, one);
  sessions->count++;
}

static SSL_SESSION *take(tls_sessions *sessions, saved *one)
{
  SSL_SESSION *session = one->session;

  (void)SSL_SESSION_up_ref(session);
  if (is_single_use(session)) {
    forget(sessions, one);
    return session;
  }
  cro_list_remove(&one->node);
  push_first(sessions, one);
  return session;
}

SSL_SESSION *net_tls_recall(cro_tls_context *context, const char *key)
{
  tls_sessions *sessions = &context->sessions;
  cro_list *node = sessions->recent.next, *next;

  for (; node != &sessions->recent; node = next) {
    saved *one = at_node(node);

    next = node->next;
    if (strcmp(one->key, key) != 0)
      continue;
    if (!is_over(one))
      return take(sessions, one);
    forget(sessions, one);
  }
  return NULL;
}

void tls_sessions_init(tls_sessions *sessions)
{
  cro_list_init(&sessions->recent);
  sessions->count = 0;
}

void tls_sessions_clear(tls_sessions *sessions)
{
  while (!cro_list_empty(&sessions->recent))
    forget(sessions, at_node(sessions->recent.next));
}

/* --- the SSL's side --------------------------------------------------------------- */

static void free_key(void *parent, void *key, CRYPTO_EX_DATA *data, int index,
                     long argl, void *arg)
{
  (void)parent;
  (void)data;
  (void)index;
  (void)argl;
  (void)arg;
  cro_free(key);
}

/* 1: the reference is ours. A peer that is to be verified and was not leaves nothing
 * that could be resumed. */
static int on_new(SSL *ssl, SSL_SESSION *session)
{
  const char *key = SSL_get_ex_data(ssl, key_index);
  tls_generation *generation = tls_generation_of(ssl);

  if (key == NULL || generation != generation->context->now ||
      (SSL_get_verify_mode(ssl) != SSL_VERIFY_NONE &&
       SSL_get_verify_result(ssl) != X509_V_OK))
    return 0;
  net_tls_remember(generation->context, key, session);
  return 1;
}

int net_tls_resume_as(SSL *ssl, const char *key)
{
  cro_tls_context *context = tls_generation_of(ssl)->context;
  size_t len = strlen(key);
  SSL_SESSION *session;
  char *copy;

  if (context->settings->no_sessions)
    return 0;
  if (len > net_tls_key_max)
    return CRO_E_TOO_LONG;
  copy = cro_alloc(len + 1);
  if (copy == NULL)
    return CRO_E_NOMEM;
  memcpy(copy, key, len + 1);
  if (SSL_set_ex_data(ssl, key_index, copy) != 1) {
    cro_free(copy);
    return CRO_E_NOMEM;
  }
  session = net_tls_recall(context, key);
  if (session == NULL)
    return 0;
  if (SSL_set_session(ssl, session) != 1)
    ERR_clear_error(); /* it is of no use here: a full handshake */
  SSL_SESSION_free(session);
  return 0;
}

void tls_sessions_apply(SSL_CTX *ssl)
{
  if (key_index < 0)
    key_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, free_key);
  SSL_CTX_set_session_cache_mode(ssl,
                                 SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_set_timeout(ssl, tls_session_age);
  SSL_CTX_sess_set_new_cb(ssl, on_new);
}
