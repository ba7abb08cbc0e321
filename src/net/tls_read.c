/* The reading half of a TLS session: cipher text in, plain bytes out. What cannot go on
 * is kept as it came, encrypted. */
#include "net/tls_session.h"

#include "base/err.h"

static net_tls *of_reader(cro_stage *stage)
{
  return CRO_CONTAINER(stage, net_tls, reader);
}

/* --- what is held ----------------------------------------------------------------- */

/* There is a pipeline that plain bytes may be pushed into. */
static bool is_open(const net_tls *self)
{
  return self->established && self->told && self->started;
}

/* Nothing can be worked off now: it is kept, and whoever pushed told to wait. */
static bool has_to_wait(const net_tls *self)
{
  if (self->held.len > 0 || !cro_list_empty(&self->tick.ready))
    return true;
  return self->established && (!is_open(self) || self->layer.above_full);
}

static int hold(net_tls *self, cro_bytes bytes)
{
  if (bytes.len > net_tls_held_max - self->held.len)
    return net_tls_fail(self, CRO_E_LIMIT);
  if (cro_buf_add(&self->held, bytes) != 0)
    return net_tls_fail(self, CRO_E_NOMEM);
  self->in_full = true;
  return CRO_FULL;
}

/* Of what was worked on, the rest. */
static int hold_rest(net_tls *self)
{
  cro_bytes rest = self->in;

  self->in = (cro_bytes){ NULL, 0 };
  if (rest.len > 0 && !self->layer.eof)
    return hold(self, rest);
  self->in_full = self->layer.above_full && self->established;
  return self->in_full ? CRO_FULL : 0;
}

/* --- plain bytes ------------------------------------------------------------------ */

static bool is_for_nobody(const net_tls *self)
{
  return self->layer.closing || self->dead || self->layer.eof;
}

static bool has_more(const net_tls *self)
{
  return self->in.len > 0 || SSL_pending(self->ssl) > 0;
}

/* What an SSL_read that gave nothing means. */
static int why_nothing(net_tls *self)
{
  switch (SSL_get_error(self->ssl, 0)) {
  case SSL_ERROR_WANT_READ:
    return 0;
  case SSL_ERROR_ZERO_RETURN:
    self->layer.eof = true;
    return 0;
  default:
    return net_tls_fault(self);
  }
}

/* As many records as there are and have room, whole. */
static int decrypt(net_tls *self, cro_buf *out)
{
  while (has_more(self) && out->cap - out->len >= net_tls_record) {
    size_t n = 0;

    net_tls_forget_errors();
    if (!SSL_read_ex(self->ssl, out->at + out->len, out->cap - out->len, &n))
      return why_nothing(self);
    out->len += n;
    self->idle = 0;
  }
  return 0;
}

static int deliver(net_tls *self, cro_bytes bytes)
{
  int rc = cro_emit(&self->reader, &bytes);

  if (rc == CRO_FULL)
    self->layer.above_full = true;
  if (rc >= 0)
    return 0;
  self->dead = true;
  if (self->layer.err == 0)
    self->layer.err = rc;
  return rc;
}

/* One block of it. What was good before a fault is still delivered. */
static int pump_block(net_tls *self, cro_buf *block)
{
  int fault, rc = 0;

  block->len = 0;
  fault = decrypt(self, block);
  if (block->len > 0)
    rc = deliver(self, cro_buf_bytes(block));
  if (self->cipher.len > 0 && !self->failed)
    (void)net_tls_send(self);
  return fault != 0 ? fault : rc;
}

static int pump(net_tls *self)
{
  cro_buf block;
  int rc = 0;

  if (!has_more(self))
    return 0;
  block = net_tls_block();
  if (block.at == NULL)
    return net_tls_fail(self, CRO_E_NOMEM);
  while (rc == 0 && has_more(self) && !self->layer.above_full && !is_for_nobody(self))
    rc = pump_block(self, &block);
  net_tls_give_block(&block);
  return rc;
}

/* --- the end of input ------------------------------------------------------------- */

static int cut_off(net_tls *self)
{
  net_tls_say(self, "%s",
              self->established
                  ? "the peer closed the connection without a close_notify"
                  : "the peer closed the connection during the handshake");
  return net_tls_fail(self, CRO_E_EOF);
}

/* All input was read: what has ended it, if anything has. */
static int end_input(net_tls *self)
{
  int rc;

  if (self->finished || self->dead || self->layer.closing || self->layer.above_full)
    return 0;
  if (!self->layer.eof)
    return self->cut ? cut_off(self) : 0;
  self->finished = true;
  rc = cro_emit_finish(&self->reader);
  if (rc >= 0)
    return 0;
  self->dead = true;
  if (self->layer.err == 0)
    self->layer.err = rc;
  return rc;
}

/* --- the stage -------------------------------------------------------------------- */

/* A step of the handshake, or plain bytes. */
static int work(net_tls *self)
{
  int rc = 0;

  if (!self->established)
    return net_tls_shake(self);
  if (!is_open(self))
    return 0;
  rc = pump(self);
  return rc == 0 && !has_more(self) ? end_input(self) : rc;
}

static int reader_push(cro_stage *stage, const void *message)
{
  net_tls *self = of_reader(stage);
  const cro_bytes *bytes = message;
  int rc;

  if (self->failed)
    return self->layer.err;
  if (is_for_nobody(self) || self->finished)
    return 0;
  if (has_to_wait(self))
    return hold(self, *bytes);
  self->in = *bytes;
  rc = work(self);
  if (rc == 0)
    return hold_rest(self);
  self->in = (cro_bytes){ NULL, 0 };
  return rc;
}

/* The pipeline is dead or the session is, and nobody called who could be told. */
static void close_for(net_tls *self)
{
  if (self->failed)
    return; /* the tick does */
  self->conn->ops->close(self->conn);
}

static void ask_for_more(net_tls *self)
{
  if (!self->in_full || self->held.len > 0 || self->layer.above_full)
    return;
  self->in_full = false;
  cro_stage_resume(&self->reader);
}

static void keep_rest(net_tls *self, cro_buf *held)
{
  size_t done = held->len - self->in.len;

  self->in = (cro_bytes){ NULL, 0 };
  if (done == held->len || self->failed || is_for_nobody(self)) {
    cro_buf_free(held);
    return;
  }
  cro_buf_drop(held, done);
  self->held = *held;
}

void net_tls_read_on(net_tls *self)
{
  cro_buf held = self->held;
  int rc;

  if (self->failed || self->layer.closing || self->dead)
    return;
  if (self->established && self->layer.above_full)
    return;
  self->held = (cro_buf){ 0 };
  self->in = cro_buf_bytes(&held);
  rc = work(self);
  if (rc == 0 && self->cut && !self->established && self->in.len == 0)
    rc = cut_off(self);
  keep_rest(self, &held);
  if (rc < 0)
    close_for(self);
  else
    ask_for_more(self);
}

/* FIN. In order only behind a close_notify. */
static int reader_finish(cro_stage *stage)
{
  net_tls *self = of_reader(stage);

  if (self->failed)
    return self->layer.err;
  self->cut = true;
  if (self->held.len > 0 || (self->established && !is_open(self)))
    return 0;
  if (!self->established)
    return cut_off(self);
  return has_more(self) ? 0 : end_input(self);
}

/* The connection broke; or its owner has given it up, who need not be told. */
static void reader_fail(cro_stage *stage, int err)
{
  net_tls *self = of_reader(stage);

  if (self->failed)
    return;
  self->told = self->told || self->layer.closing;
  if (!self->established)
    net_tls_say(self, "%s during the handshake", cro_err_text(err));
  (void)net_tls_fail(self, err);
  self->layer.ops->ended(&self->layer);
}

static void reader_resume(cro_stage *stage)
{
  net_tls *self = of_reader(stage);

  self->layer.above_full = false;
  if (is_open(self))
    net_tls_read_on(self);
}

static void reader_destroy(cro_stage *stage)
{
  net_tls_destroy(of_reader(stage));
}

const cro_stage_ops net_tls_reader_ops = {
  .name = "TLS Decrypt",
  .consumes = &cro_type_bytes,
  .produces = &cro_type_bytes,
  .push = reader_push,
  .finish = reader_finish,
  .fail = reader_fail,
  .resume = reader_resume,
  .destroy = reader_destroy,
};
