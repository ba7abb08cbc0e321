#include "codec/codec.h"

#include "base/alloc.h"
#include "base/err.h"
#include "support/test.h"

static cro_codec *named(cro_bytes name)
{
  cro_codec *codec = NULL;

  CHECK_INT(0, cro_codec_decoder(&codec, name));
  return codec;
}

static void identity_gives_what_it_gets_however_it_is_cut(void)
{
  cro_codec *codec = named(CRO_B("Identity"));
  cro_buf out = { 0 };

  for (size_t cut = 0; cut <= 5; cut++) {
    cro_bytes in = CRO_B("bytes"), head = cro_bytes_take(&in, cut);

    CHECK_INT(0, codec->ops->step(codec, &head, &out, 100));
    CHECK_INT(0, codec->ops->step(codec, &in, &out, 100));
    CHECK_INT(0, codec->ops->finish(codec, &out, 100));
    CHECK_TEXT("bytes", cro_buf_bytes(&out));
    out.len = 0;
  }
  cro_buf_free(&out);
  codec->ops->destroy(codec);
}

static void a_step_makes_no_more_than_its_room(void)
{
  cro_codec *codec = named(CRO_B("identity"));
  cro_bytes in = CRO_B("bytes");
  cro_buf out = { 0 };

  CHECK_INT(CRO_CODEC_MORE, codec->ops->step(codec, &in, &out, 3));
  CHECK_TEXT("byt", cro_buf_bytes(&out));
  CHECK_TEXT("es", in);
  CHECK_INT(0, codec->ops->step(codec, &in, &out, 3));
  CHECK_TEXT("bytes", cro_buf_bytes(&out));
  cro_buf_free(&out);
}

static void out_of_memory_leaves_the_input_unread(void)
{
  cro_codec *codec = named(CRO_B("identity"));
  cro_bytes in = CRO_B("bytes");
  cro_buf out = { 0 };

  cro_alloc_fail_at(1);
  CHECK_INT(CRO_E_NOMEM, codec->ops->step(codec, &in, &out, 3));
  cro_alloc_fail_at(0);
  CHECK_INT(5, in.len);
}

static void a_coding_nobody_knows_is_refused(void)
{
  cro_codec *codec = NULL;

  CHECK_INT(CRO_E_INVAL, cro_codec_decoder(&codec, CRO_B("x-rot13")));
  CHECK_INT(CRO_E_INVAL, cro_codec_encoder(&codec, CRO_B("")));
  CHECK(codec == NULL);
}

TEST_MAIN(CASE(identity_gives_what_it_gets_however_it_is_cut),
          CASE(a_step_makes_no_more_than_its_room),
          CASE(out_of_memory_leaves_the_input_unread),
          CASE(a_coding_nobody_knows_is_refused))
