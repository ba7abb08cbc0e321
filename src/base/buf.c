#include "base/buf.h"

#include "base/alloc.h"
#include "base/check.h"
#include "base/err.h"

enum { first_cap = 256 };

int cro_buf_reserve(cro_buf *buf, size_t more)
{
  size_t need, cap;
  char *at;

  if (more <= buf->cap - buf->len)
    return 0;
  if (more > SIZE_MAX / 2 - buf->len)
    return CRO_E_NOMEM;
  need = buf->len + more;
  cap = buf->cap > 0 ? buf->cap : first_cap;
  while (cap < need)
    cap *= 2;
  at = cro_realloc(buf->at, cap);
  if (at == NULL)
    return CRO_E_NOMEM;
  buf->at = at;
  buf->cap = cap;
  return 0;
}

int cro_buf_add(cro_buf *buf, cro_bytes bytes)
{
  int rc;

  if (bytes.len == 0)
    return 0;
  rc = cro_buf_reserve(buf, bytes.len);
  if (rc != 0)
    return rc;
  memcpy(buf->at + buf->len, bytes.at, bytes.len);
  buf->len += bytes.len;
  return 0;
}

int cro_buf_add_byte(cro_buf *buf, char byte)
{
  return cro_buf_add(buf, (cro_bytes){ &byte, 1 });
}

int cro_buf_add_u64(cro_buf *buf, uint64_t number)
{
  char digits[20];
  size_t at = sizeof digits;

  do {
    digits[--at] = (char)('0' + number % 10);
    number /= 10;
  } while (number > 0);
  return cro_buf_add(buf, (cro_bytes){ digits + at, sizeof digits - at });
}

void cro_buf_drop(cro_buf *buf, size_t n)
{
  cro_check(n <= buf->len);
  buf->len -= n;
  if (buf->len > 0 && n > 0)
    memmove(buf->at, buf->at + n, buf->len);
}

void cro_buf_free(cro_buf *buf)
{
  cro_free(buf->at);
  *buf = (cro_buf){ 0 };
}
