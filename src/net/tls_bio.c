/* Where OpenSSL reads and writes: what is being pushed, and the block that will be. */
#include "net/openssl.h"
#include "net/tls_session.h"

static void keep_first(net_tls *self)
{
  size_t room = net_tls_first - self->first_len;
  size_t n = self->in.len < room ? self->in.len : room;

  memcpy(self->first + self->first_len, self->in.at, n);
  self->first_len = (unsigned char)(self->first_len + n);
}

static int bio_read(BIO *bio, char *out, size_t room, size_t *taken)
{
  net_tls *self = BIO_get_data(bio);
  cro_bytes part;

  BIO_clear_retry_flags(bio);
  *taken = 0;
  if (self->flooded)
    return -1;
  if (self->in.len == 0) {
    BIO_set_retry_read(bio);
    return -1;
  }
  if (self->first_len < net_tls_first)
    keep_first(self);
  part = cro_bytes_take(&self->in, room);
  memcpy(out, part.at, part.len);
  *taken = part.len;
  return 1;
}

/* Never refuses but for lack of memory: there is no state in which OpenSSL waits to
 * write. */
static int bio_write(BIO *bio, const char *from, size_t len, size_t *taken)
{
  net_tls *self = BIO_get_data(bio);

  BIO_clear_retry_flags(bio);
  *taken = 0;
  if (self->cipher.at == NULL)
    self->cipher = net_tls_block();
  if (cro_buf_add(&self->cipher, (cro_bytes){ from, len }) != 0) {
    self->nomem = true;
    return -1;
  }
  *taken = len;
  return 1;
}

static long bio_ctrl(BIO *bio, int what, long number, void *pointer)
{
  const net_tls *self = BIO_get_data(bio);

  (void)number;
  (void)pointer;
  switch (what) {
  case BIO_CTRL_FLUSH:
    return 1;
  case BIO_CTRL_PENDING:
    return self != NULL ? (long)self->in.len : 0;
  default:
    return 0;
  }
}

static int bio_create(BIO *bio)
{
  BIO_set_init(bio, 1);
  return 1;
}

/* Made once; a handful of pointers that stay. */
static BIO_METHOD *method(void)
{
  static BIO_METHOD *made;
  BIO_METHOD *fresh;

  if (made != NULL)
    return made;
  fresh = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "cro");
  if (fresh == NULL)
    return NULL;
  BIO_meth_set_read_ex(fresh, bio_read);
  BIO_meth_set_write_ex(fresh, bio_write);
  BIO_meth_set_ctrl(fresh, bio_ctrl);
  BIO_meth_set_create(fresh, bio_create);
  made = fresh;
  return made;
}

BIO *net_tls_bio(net_tls *self)
{
  BIO_METHOD *how = method();
  BIO *bio = how != NULL ? BIO_new(how) : NULL;

  if (bio != NULL)
    BIO_set_data(bio, self);
  return bio;
}
