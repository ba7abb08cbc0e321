/* TLS sessions from their making to their end, and as layers of connections. */
#include "net/openssl.h"
#include "net/tls_session.h"

#include "base/alloc.h"
#include "base/err.h"
#include "net/net.h"
#include "pipe/trace.h"

/* --- failing ------------------------------------------------------------------------
 */

static void trace_failure(const net_tls *self)
{
  const char *why = self->why != NULL ? self->why : cro_err_text(self->layer.err);
  const char *label = net_tls_label(self);

  cro_trace_write(cro_bytes_of(label), cro_bytes_of("TLS Handshake"), "QUIT",
                  cro_bytes_of(why));
}

int net_tls_fail(net_tls *self, int err)
{
  if (self->failed)
    return self->layer.err;
  self->failed = true;
  self->layer.err = err;
  if (!self->established && cro_trace_on())
    trace_failure(self);
  net_tls_give_up(self);
  net_tls_calm(self);
  cro_buf_free(&self->held);
  (void)net_tls_send(self); /* the alert */
  cro_list_remove(&self->tick.ready);
  cro_stage_ready(&self->tick);
  return err;
}

int net_tls_fault(net_tls *self)
{
  int err = net_tls_say_error(self);

  net_tls_answer_in_clear(self);
  return net_tls_fail(self, err);
}

/* --- telling ------------------------------------------------------------------------
 */

static void tell_over(net_tls *self, int err)
{
  if (self->told)
    return;
  self->told = true;
  self->telling = true;
  if (self->over != NULL)
    self->over(self->arg, err);
  self->telling = false;
}

/* Who waits for the handshake is told, then the pipeline. */
static void layer_ended(cro_layer *layer)
{
  net_tls *self = net_tls_of(layer);

  if (!self->failed || self->ended)
    return;
  self->ended = true;
  self->told = self->told || layer->closing; /* its owner may be gone, too */
  tell_over(self, layer->err);
  if (self->reader.next != NULL && !self->finished && !self->dead)
    cro_emit_fail(&self->reader, layer->err);
}

/* The handshake is over, and was in order. */
static void open_up(net_tls *self)
{
  if (!self->told && self->layer.closing)
    self->told = true;
  tell_over(self, 0);
  if (self->failed || self->layer.closing)
    return;
  if (net_tls_send(self) < 0 || net_tls_write_on(self) < 0)
    return;
  if (self->started)
    net_tls_read_on(self);
  self->conn->ops->flush_later(self->conn);
}

/* The next step of a handshake; what is ready but was pushed at the wrong moment. */
static void tick_resume(cro_stage *stage)
{
  net_tls *self = CRO_CONTAINER(stage, net_tls, tick);

  if (self->failed) {
    layer_ended(&self->layer);
    self->conn->ops->close(self->conn);
  } else if (self->established) {
    open_up(self);
  } else {
    self->admitted = true;
    net_tls_read_on(self);
    self->admitted = false;
  }
}

static const cro_stage_ops tick_ops = {
  .name = "TLS",
  .resume = tick_resume,
};

static int layer_start(cro_layer *layer)
{
  net_tls *self = net_tls_of(layer);

  if (self->failed)
    return layer->err;
  if (!self->established || !self->told || self->started)
    return CRO_E_STATE;
  self->started = true;
  if (!self->telling)
    cro_stage_ready(&self->tick);
  return 0;
}

static const cro_layer_ops layer_ops = {
  .start = layer_start,
  .gather = net_tls_gather,
  .bye = net_tls_bye,
  .ended = layer_ended,
};

/* --- life ---------------------------------------------------------------------------
 */

static void free_all(net_tls *self)
{
  net_tls_calm(self);
  cro_list_remove(&self->tick.ready);
  if (self->conn != NULL && self->conn->tls == &self->info)
    self->conn->tls = NULL;
  if (self->ssl != NULL && self->established && !self->failed)
    SSL_set_shutdown(self->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
  SSL_free(self->ssl);
  cro_buf_free(&self->held);
  cro_buf_free(&self->plain);
  net_tls_give_block(&self->cipher);
  cro_free(self->peer);
  cro_free(self->why);
  cro_free(self->name);
  cro_free(self);
  net_tls_pool_drop();
}

void net_tls_destroy(net_tls *self)
{
  if (--self->refs == 0)
    free_all(self);
}

/* Messages of TLS itself, from the end of the handshake on. Each costs the peer next to
 * nothing, and us a key (KeyUpdate), an answer (renegotiation) or memory (tickets). */
static void on_info(const SSL *ssl, int where, int value)
{
  net_tls *self = SSL_get_app_data(ssl);

  (void)value;
  if (!self->established || (where & (SSL_CB_LOOP | SSL_CB_ALERT)) == 0)
    return;
  self->flooded = ++self->idle > net_tls_idle_max;
}

static int set_up(net_tls *self, const net_tls_plan *plan)
{
  BIO *bio;

  self->ssl = net_tls_session(plan->context);
  bio = self->ssl != NULL ? net_tls_bio(self) : NULL;
  if (bio == NULL)
    return CRO_E_NOMEM;
  SSL_set_bio(self->ssl, bio, bio);
  SSL_set_app_data(self->ssl, self);
  SSL_set_info_callback(self->ssl, on_info);
  SSL_set_mode(self->ssl,
               SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_set_verify(self->ssl, SSL_get_verify_mode(self->ssl), net_tls_verified);
  if (self->server)
    SSL_set_accept_state(self->ssl);
  else
    SSL_set_connect_state(self->ssl);
  return self->server ? 0 : net_tls_ask_for(self, plan);
}

int net_tls_create(net_tls **out, const net_tls_plan *plan)
{
  net_tls *self = cro_alloc_zero(sizeof *self);
  int rc;

  if (self == NULL)
    return CRO_E_NOMEM;
  cro_stage_init(&self->reader, &net_tls_reader_ops);
  cro_stage_init(&self->writer, &net_tls_writer_ops);
  cro_stage_init(&self->tick, &tick_ops);
  self->layer = (cro_layer){ .ops = &layer_ops,
                             .source = &self->reader,
                             .sink = &self->writer,
                             .over_max = UINT64_MAX };
  self->server = net_tls_is_server(plan->context);
  self->ms = plan->ms;
  self->over = plan->over;
  self->arg = plan->arg;
  self->refs = 1;
  net_tls_pool_hold();
  rc = set_up(self, plan);
  if (rc != 0) {
    net_tls_destroy(self);
    return rc;
  }
  self->refs = 2; /* one per stage */
  *out = self;
  return 0;
}

/* --- over a cro_tcp -----------------------------------------------------------------
 */

static void tell_done(void *arg, int err)
{
  net_tls *self = arg;

  self->done(self->done_arg, cro_tcp_of(self->conn), err);
}

static int layer_on(cro_tcp *tcp, net_tls *self)
{
  bool linked = tcp->source.next != NULL && tcp->started;
  int rc = cro_tcp_put_layer(tcp, &self->layer);

  if (rc != 0) {
    free_all(self);
    return rc;
  }
  self->started = linked;
  self->conn = &tcp->conn;
  net_tls_begin(self);
  rc = tcp->started ? 0 : cro_tcp_start_socket(tcp, self->server);
  if (rc != 0)
    cro_tcp_end(tcp, rc, true, true);
  return 0;
}

static int check(const cro_tcp *tcp, const cro_tls_context *context, bool server)
{
  if (tcp->life == TCP_CLOSED || tcp->closing || tcp->fin || tcp->eof)
    return CRO_E_CLOSED;
  if (tcp->layer != NULL || net_tls_is_server(context) != server)
    return CRO_E_STATE;
  return 0;
}

static int shake_hands(cro_tcp *tcp, net_tls_plan *plan, cro_tls_done_fn *done,
                       void *arg)
{
  net_tls *self;
  int rc;

  plan->over = tell_done;
  rc = net_tls_create(&self, plan);
  if (rc != 0)
    return rc;
  self->arg = self;
  self->done = done;
  self->done_arg = arg;
  return layer_on(tcp, self);
}

int cro_tls_accept(cro_tcp *tcp, cro_tls_context *context, uint64_t ms,
                   cro_tls_done_fn *done, void *arg)
{
  net_tls_plan plan = { .context = context, .ms = ms };
  int rc = check(tcp, context, true);

  return rc == 0 ? shake_hands(tcp, &plan, done, arg) : rc;
}

int cro_tls_connect(cro_tcp *tcp, cro_tls_context *context, cro_bytes name, uint64_t ms,
                    cro_tls_done_fn *done, void *arg)
{
  net_tls_plan plan = { .context = context, .name = name, .ms = ms };
  int rc = check(tcp, context, false);

  (void)tcp->conn.ops->peer(&tcp->conn, &plan.port);
  return rc == 0 ? shake_hands(tcp, &plan, done, arg) : rc;
}

const char *cro_tls_why(cro_tcp *tcp)
{
  const net_tls *self = tcp->layer != NULL ? net_tls_of(tcp->layer) : NULL;

  if (self == NULL || (self->why == NULL && self->layer.err == 0))
    return "";
  return self->why != NULL ? self->why : cro_err_text(self->layer.err);
}

int cro_tls_peer_of(cro_tcp *tcp, cro_tls_peer *out)
{
  return tcp->layer != NULL ? net_tls_peer(net_tls_of(tcp->layer), out) : CRO_E_STATE;
}
