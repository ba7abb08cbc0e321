/* The handshake: begun, stepped, given up. A step that may cost a signature is one of
 * the few costly things of a turn; the others wait in line. */
#include "net/openssl.h"
#include "net/tls_session.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/punycode.h"
#include "pipe/trace.h"

#include <arpa/inet.h>
#include <stdio.h>

/* --- the name that is asked for -----------------------------------------------------
 */

enum { name_max = 253 };

static bool is_address(const char *name)
{
  unsigned char into[sizeof(struct in6_addr)];

  return inet_pton(AF_INET, name, into) == 1 || inet_pton(AF_INET6, name, into) == 1;
}

/* Without the dot of a name that is meant from the root, and without the scope of an
 * address: neither is in a certificate. */
static cro_bytes bare_name(cro_bytes name)
{
  size_t colon = cro_bytes_find(name, ':');

  if (colon < name.len)
    name.len = cro_bytes_find(name, '%');
  else if (name.len > 1 && name.at[name.len - 1] == '.')
    name.len--;
  return name;
}

/* As it stands in certificates: a name beyond ASCII in its xn-- form. */
static int set_name(net_tls *self, cro_bytes name)
{
  char ascii[name_max + 1];
  int rc = cro_punycode_host(name, ascii, sizeof ascii);
  size_t size = rc == 0 ? strlen(ascii) + 1 : 0;

  if (rc != 0)
    return CRO_E_INVAL;
  self->name = cro_alloc(size);
  if (self->name == NULL)
    return CRO_E_NOMEM;
  memcpy(self->name, ascii, size);
  return 0;
}

static int verify_address(net_tls *self)
{
  X509_VERIFY_PARAM *param = SSL_get0_param(self->ssl);

  return X509_VERIFY_PARAM_set1_ip_asc(param, self->name) == 1 ? 0 : CRO_E_NOMEM;
}

static int verify_host(net_tls *self)
{
  SSL_set_hostflags(self->ssl, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT |
                                   X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  if (SSL_set1_host(self->ssl, self->name) != 1 ||
      SSL_set_tlsext_host_name(self->ssl, self->name) != 1)
    return CRO_E_NOMEM;
  return 0;
}

/* Sessions go by name and port; one of a peer nobody verified is no good later. */
static void resume_as(net_tls *self, int port)
{
  char key[net_tls_key_max];

  if (SSL_get_verify_mode(self->ssl) == SSL_VERIFY_NONE)
    return;
  if (snprintf(key, sizeof key, "%s:%d", self->name, port) < (int)sizeof key)
    (void)net_tls_resume_as(self->ssl, key);
}

int net_tls_ask_for(net_tls *self, const net_tls_plan *plan)
{
  cro_bytes name = bare_name(plan->name);
  int rc;

  if (name.len > name_max || cro_bytes_find(name, '\0') < name.len)
    return CRO_E_INVAL;
  if (name.len == 0)
    return SSL_get_verify_mode(self->ssl) == SSL_VERIFY_NONE ? 0 : CRO_E_INVAL;
  rc = set_name(self, name);
  if (rc != 0)
    return rc;
  rc = is_address(self->name) ? verify_address(self) : verify_host(self);
  if (rc == 0)
    resume_as(self, plan->port);
  ERR_clear_error();
  return rc;
}

/* --- the deadline -------------------------------------------------------------------
 */

void net_tls_calm(net_tls *self)
{
  cro_conn *conn = self->conn;

  if (conn == NULL || !self->watched)
    return;
  self->watched = false;
  net_tls_over(conn->ops->now(conn));
  conn->ops->deadline(conn, CRO_WAIT_NOTHING, 0);
  conn->on_deadline = self->their_deadline;
  conn->deadline_arg = self->their_arg;
}

static void on_deadline(void *arg, cro_wait what)
{
  net_tls *self = arg;
  cro_conn *conn = self->conn;

  (void)what;
  if (self->failed)
    return;
  self->told = self->told || self->layer.closing;
  net_tls_say(self, "the handshake was not over after %g s", (double)self->ms / 1000);
  (void)net_tls_fail(self, CRO_E_TIMEOUT);
  self->layer.ops->ended(&self->layer);
  conn->ops->abort(conn);
}

static void watch(net_tls *self)
{
  cro_conn *conn = self->conn;

  self->watched = true;
  net_tls_begun();
  self->their_deadline = conn->on_deadline;
  self->their_arg = conn->deadline_arg;
  conn->on_deadline = on_deadline;
  conn->deadline_arg = self;
  conn->ops->deadline(conn, CRO_WAIT_HANDSHAKE, self->ms);
}

/* --- steps --------------------------------------------------------------------------
 */

static void trace(net_tls *self)
{
  const cro_tls_info *info = &self->info;
  const char *label = net_tls_label(self);
  char text[512];
  int n;

  n = snprintf(text, sizeof text, "%s %s%s%.*s%s%.*s%s", info->version, info->cipher,
               info->alpn.len > 0 ? " ALPN " : "", (int)info->alpn.len,
               info->alpn.len > 0 ? info->alpn.at : "",
               info->server_name.len > 0 ? " SNI " : "", (int)info->server_name.len,
               info->server_name.len > 0 ? info->server_name.at : "",
               info->resumed ? " resumed" : "");
  if (n > 0)
    cro_trace_write(cro_bytes_of(label), CRO_B("TLS Handshake"), "DONE",
                    (cro_bytes){ text, strlen(text) });
}

/* What is to be said last waits for `over`: gather says why. */
static void establish(net_tls *self)
{
  self->established = true;
  self->idle = 0;
  net_tls_calm(self);
  net_tls_fill_info(self);
  self->conn->secure = true;
  self->conn->tls = &self->info;
  if (cro_trace_on())
    trace(self);
  cro_stage_ready(&self->tick);
}

static int step(net_tls *self)
{
  int rc;

  ERR_clear_error();
  rc = SSL_do_handshake(self->ssl);
  if (rc == 1) {
    establish(self);
    return 0;
  }
  if (SSL_get_error(self->ssl, rc) != SSL_ERROR_WANT_READ)
    return net_tls_fault(self);
  rc = net_tls_send(self);
  return rc < 0 ? net_tls_fail(self, rc) : 0;
}

int net_tls_shake(net_tls *self)
{
  if (self->admitted || cro_turn_afford(self->conn->turn))
    return step(self);
  cro_stage_queue(&self->tick);
  return 0;
}

void net_tls_begin(net_tls *self)
{
  self->full = self->layer.below_full;
  self->tick.conn = self->conn;
  watch(self);
  if (!self->server)
    (void)net_tls_shake(self);
}
