/* base/buf.h - a growable byte buffer that owns its memory.
 *
 * An all-zero cro_buf is empty and valid. Pointers into a buffer live until it
 * next grows, is taken from or is freed. Appending is all or nothing.
 */
#ifndef CRO_BASE_BUF_H
#define CRO_BASE_BUF_H

#include "base/bytes.h"

#include <stdint.h>

typedef struct cro_buf {
  char *at;
  size_t len;
  size_t cap;
} cro_buf;

/* Makes room for `more` bytes after len. 0 or CRO_E_NOMEM. */
int cro_buf_reserve(cro_buf *buf, size_t more);

/* 0 or CRO_E_NOMEM with the buffer unchanged. `bytes` may not point into `buf`. */
int cro_buf_add(cro_buf *buf, cro_bytes bytes);
int cro_buf_add_byte(cro_buf *buf, char byte);

/* Appends the decimal digits of `number`. 0 or CRO_E_NOMEM with the buffer unchanged.
 */
int cro_buf_add_u64(cro_buf *buf, uint64_t number);

/* Drops the first `n` bytes and moves the rest down. */
void cro_buf_drop(cro_buf *buf, size_t n);

/* Gives the memory back; the buffer is empty and usable afterwards. */
void cro_buf_free(cro_buf *buf);

/* What is held; lives until the buffer next changes. */
static inline cro_bytes cro_buf_bytes(const cro_buf *buf)
{
  return (cro_bytes){ buf->at, buf->len };
}

#endif
