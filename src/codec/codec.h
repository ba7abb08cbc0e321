/* codec/codec.h - content codings as steps over slices, without a message or a socket.
 *
 * A codec takes a slice and appends to a buffer, at most `room` bytes a step, so that a
 * small input cannot become a large output before its caller has looked at the limits.
 * It owns its state and nothing else; slices are read during the call only.
 *
 * This folder holds the seam and the coding that changes nothing. gzip, deflate, br and
 * zstd join it as one file each, the only ones to include their library.
 */
#ifndef CRO_CODEC_CODEC_H
#define CRO_CODEC_CODEC_H

#include "base/buf.h"

typedef struct cro_codec cro_codec;

enum { CRO_CODEC_MORE = 1 }; /* there is more to come of what was given */

typedef struct cro_codec_ops {
  /* As in Content-Encoding. */
  const char *name;
  /* Cuts what it has read off `in` and appends what came of it. 0: all of `in` is read
   * and nothing is held back; CRO_CODEC_MORE: `room` bytes were made, call again before
   * more comes; < 0: the input is damaged (CRO_E_SYNTAX) or memory is out, and the
   * codec is dead. */
  int (*step)(cro_codec *self, cro_bytes *in, cro_buf *out, size_t room);
  /* After the last input: appends what is left, by the same answers. CRO_E_EOF when
   * decoding and the input has broken off. */
  int (*finish)(cro_codec *self, cro_buf *out, size_t room);
  void (*destroy)(cro_codec *self);
} cro_codec_ops;

struct cro_codec {
  const cro_codec_ops *ops;
};

/* A codec for a coding's name in any case. 0; CRO_E_INVAL when there is none of that
 * name; CRO_E_NOMEM. `*out` is destroyed by its ops, once. */
int cro_codec_encoder(cro_codec **out, cro_bytes name);
int cro_codec_decoder(cro_codec **out, cro_bytes name);

#endif
