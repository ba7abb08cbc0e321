/* The writing half of a TLS session. Small pushes are gathered as plain text until the
 * queue of the socket is about to be written, so that many of them are one record; big
 * ones are encrypted where they are. Never more than a batch of cipher text ahead of a
 * socket that is full: the rest waits as plain text. */
#include "net/openssl.h"
#include "net/tls_session.h"

#include "base/err.h"

enum { big_push = net_tls_record };

static net_tls *of_writer(cro_stage *stage)
{
  return CRO_CONTAINER(stage, net_tls, writer);
}

static size_t gathered(const net_tls *self)
{
  return self->plain.len - self->plain_at;
}

/* --- below ------------------------------------------------------------------------ */

int net_tls_send(net_tls *self)
{
  cro_buf block = self->cipher;
  cro_bytes bytes = cro_buf_bytes(&block);
  int rc = 0;

  self->cipher = (cro_buf){ 0 };
  if (bytes.len > 0)
    rc = cro_emit(&self->writer, &bytes);
  net_tls_give_block(&block);
  if (rc == CRO_FULL)
    self->layer.below_full = true;
  return rc;
}

/* --- encrypting ------------------------------------------------------------------- */

static int encrypt(net_tls *self, cro_bytes bytes)
{
  size_t n;

  while (bytes.len > 0) { /* once, or once per record: as the context will have it */
    net_tls_forget_errors();
    if (!SSL_write_ex(self->ssl, bytes.at, bytes.len, &n))
      return net_tls_fault(self);
    (void)cro_bytes_take(&bytes, n);
  }
  return 0;
}

static cro_bytes take_gathered(net_tls *self, size_t most)
{
  cro_bytes rest = { self->plain.at + self->plain_at, gathered(self) };
  cro_bytes part = cro_bytes_take(&rest, most);

  self->plain_at += part.len;
  return part;
}

/* What was gathered, then what is being pushed: as much as makes a block. */
static int fill_block(net_tls *self, cro_bytes *more)
{
  cro_bytes part = { NULL, 0 };
  size_t room = net_tls_batch;
  int rc = 0;

  if (gathered(self) > 0)
    part = take_gathered(self, room);
  if (part.len > 0)
    rc = encrypt(self, part);
  room -= part.len;
  if (rc == 0 && room > 0 && more->len > 0) {
    part = cro_bytes_take(more, room);
    room -= part.len;
    rc = encrypt(self, part);
  }
  self->layer.passed += net_tls_batch - room;
  return rc;
}

static void shrink(net_tls *self)
{
  if (gathered(self) > 0)
    return;
  self->plain_at = 0;
  net_tls_give_gatherer(&self->plain);
}

/* As far as there is room below. 0, or a cro_err. */
static int encrypt_all(net_tls *self, cro_bytes *more)
{
  int rc = 0;

  while (rc >= 0 && !self->layer.below_full && gathered(self) + more->len > 0) {
    rc = fill_block(self, more);
    if (rc == 0)
      rc = net_tls_send(self);
  }
  shrink(self);
  return rc < 0 ? rc : 0;
}

static int gather(net_tls *self, cro_bytes bytes)
{
  if (self->plain.at == NULL)
    self->plain = net_tls_gatherer();
  if (self->plain_at > 0 && self->plain.len + bytes.len > self->plain.cap) {
    cro_buf_drop(&self->plain, self->plain_at);
    self->plain_at = 0;
  }
  return cro_buf_add(&self->plain, bytes);
}

/* --- above ------------------------------------------------------------------------ */

static bool can_encrypt(const net_tls *self)
{
  return self->established && self->told && !self->failed && !self->bye;
}

static bool is_full(const net_tls *self)
{
  return self->layer.below_full || gathered(self) > net_tls_high_mark;
}

static int count_over(net_tls *self, size_t len)
{
  if (!self->full)
    return 0;
  if (len > self->layer.over_max - self->over_count)
    return CRO_E_LIMIT;
  self->over_count += len;
  return 0;
}

static bool is_closed(const net_tls *self)
{
  if (self->bye)
    return true;
  return (self->layer.closing || self->layer.shut) && !self->layer.flushing;
}

static int take(net_tls *self, cro_bytes bytes)
{
  bool big = bytes.len >= big_push || gathered(self) + bytes.len > net_tls_high_mark;
  int rc = 0;

  if (big && can_encrypt(self))
    rc = encrypt_all(self, &bytes);
  if (rc == 0 && bytes.len > 0)
    rc = gather(self, bytes);
  return rc;
}

/* What cannot be kept or encrypted cannot be left out either. */
static int give_in(net_tls *self, int err)
{
  bool closing = self->layer.closing;

  if (self->failed)
    return err;
  (void)net_tls_fail(self, err);
  self->conn->ops->abort(self->conn);
  self->layer.closing = closing; /* not the owner's doing, who is to be told */
  return err;
}

static int writer_push(cro_stage *stage, const void *message)
{
  net_tls *self = of_writer(stage);
  const cro_bytes *bytes = message;
  int rc;

  if (self->failed)
    return self->layer.err;
  if (is_closed(self))
    return CRO_E_CLOSED;
  if (bytes->len == 0)
    return self->full ? CRO_FULL : 0;
  self->layer.taken += bytes->len;
  rc = count_over(self, bytes->len);
  if (rc == 0)
    rc = take(self, *bytes);
  if (rc < 0)
    return give_in(self, rc);
  if (gathered(self) > 0)
    self->conn->ops->flush_later(self->conn);
  self->full = self->full || is_full(self);
  return self->full ? CRO_FULL : 0;
}

static void ask_for_more(net_tls *self)
{
  if (!self->full || is_full(self))
    return;
  self->full = false;
  self->over_count = 0;
  cro_stage_resume(&self->writer);
}

int net_tls_write_on(net_tls *self)
{
  cro_bytes none = { NULL, 0 };
  int rc = 0;

  if (can_encrypt(self))
    rc = encrypt_all(self, &none);
  if (rc < 0)
    return give_in(self, rc);
  ask_for_more(self);
  return 0;
}

void net_tls_give_up(net_tls *self)
{
  self->layer.passed = self->layer.taken;
  self->plain.len = self->plain_at = 0;
  net_tls_give_gatherer(&self->plain);
}

/* --- the layer -------------------------------------------------------------------- */

/* Between the end of a handshake and `over` all waits: tickets and the first answer
 * make one write. */
int net_tls_gather(cro_layer *layer)
{
  net_tls *self = net_tls_of(layer);
  int rc;

  if (self->failed)
    return 0;
  if (!can_encrypt(self))
    return layer->closing || self->bye ? 0 : CRO_FULL;
  rc = net_tls_write_on(self);
  if (rc < 0)
    return rc;
  return gathered(self) > 0 ? CRO_FULL : 0;
}

int net_tls_bye(cro_layer *layer)
{
  net_tls *self = net_tls_of(layer);

  net_tls_give_up(self);
  if (self->bye || self->failed)
    return 0;
  self->bye = true;
  if (!self->established)
    return 0;
  (void)SSL_shutdown(self->ssl);
  ERR_clear_error();
  return net_tls_send(self);
}

/* --- the stage -------------------------------------------------------------------- */

/* Half an answer must not look like a whole one: no close_notify, and a reset, unless
 * it is our own failure that comes round, whose alert is to arrive. */
static void writer_fail(cro_stage *stage, int err)
{
  net_tls *self = of_writer(stage);

  if (!self->failed)
    cro_emit_fail(stage, err);
}

static void writer_resume(cro_stage *stage)
{
  net_tls *self = of_writer(stage);

  self->layer.below_full = false;
  (void)net_tls_write_on(self);
}

static void writer_destroy(cro_stage *stage)
{
  net_tls_destroy(of_writer(stage));
}

/* `finish` is the socket's: it has the layer say its last word before FIN. */
const cro_stage_ops net_tls_writer_ops = {
  .name = "TLS Encrypt",
  .consumes = &cro_type_bytes,
  .produces = &cro_type_bytes,
  .push = writer_push,
  .fail = writer_fail,
  .resume = writer_resume,
  .destroy = writer_destroy,
};
