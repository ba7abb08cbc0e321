#include "codec/codec.h"

#include "base/err.h"

/* --- identity (RFC 9110 8.4.1): what comes goes ----------------------------------- */

static int identity_step(cro_codec *self, cro_bytes *in, cro_buf *out, size_t room)
{
  cro_bytes part = { in->at, in->len < room ? in->len : room };
  int rc = cro_buf_add(out, part);

  (void)self;
  if (rc != 0)
    return rc;
  cro_bytes_take(in, part.len);
  return in->len > 0 ? CRO_CODEC_MORE : 0;
}

static int identity_finish(cro_codec *self, cro_buf *out, size_t room)
{
  (void)self;
  (void)out;
  (void)room;
  return 0;
}

static void identity_destroy(cro_codec *self)
{
  (void)self; /* it has no state: there is one for all */
}

static const cro_codec_ops identity_ops = {
  .name = "identity",
  .step = identity_step,
  .finish = identity_finish,
  .destroy = identity_destroy,
};

static cro_codec identity = { &identity_ops };

/* --- by name -------------------------------------------------------------------------
 */

static int find(cro_codec **out, cro_bytes name)
{
  if (!cro_bytes_ieq(name, cro_bytes_of(identity_ops.name)))
    return CRO_E_INVAL;
  *out = &identity;
  return 0;
}

int cro_codec_encoder(cro_codec **out, cro_bytes name)
{
  return find(out, name);
}

int cro_codec_decoder(cro_codec **out, cro_bytes name)
{
  return find(out, name);
}
