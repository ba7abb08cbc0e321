#include "http/h1_put.h"

#include "base/err.h"
#include "http/h1_session.h"

enum { small_part = 4096 }; /* a chunk up to this is copied beside its size */

char *cro_put_u64(char *to, uint64_t number)
{
  char digits[20];
  size_t at = sizeof digits;

  do {
    digits[--at] = (char)('0' + number % 10);
    number /= 10;
  } while (number > 0);
  return cro_put(to, (cro_bytes){ digits + at, sizeof digits - at });
}

char *cro_put_hex(char *to, uint64_t number)
{
  char digits[16];
  size_t at = sizeof digits;

  do {
    digits[--at] = "0123456789abcdef"[number & 15];
    number >>= 4;
  } while (number > 0);
  return cro_put(to, (cro_bytes){ digits + at, sizeof digits - at });
}

char *cro_put_field(char *to, cro_bytes name, cro_bytes value)
{
  to = cro_put(to, name);
  to = cro_put(to, CRO_B(": "));
  if (value.len > 0)
    to = cro_put(to, value);
  return cro_put(to, CRO_B("\r\n"));
}

size_t cro_fields_size(const cro_headers *fields)
{
  size_t size = 0;

  for (uint32_t i = 0; i < fields->count; i++)
    size += fields->at[i].name.len + fields->at[i].value.len + 4;
  return size;
}

char *cro_put_fields(char *to, const cro_headers *fields)
{
  for (uint32_t i = 0; i < fields->count; i++)
    to = cro_put_field(to, fields->at[i].name, fields->at[i].value);
  return to;
}

int cro_h1_send(cro_h1 *h1, cro_bytes bytes)
{
  int rc = h1->state != CRO_H1_DEAD ? cro_emit(&h1->writer, &bytes) : CRO_E_CLOSED;

  if (rc == CRO_FULL)
    h1->out_full = true;
  if (rc < 0)
    h1->state = CRO_H1_DEAD;
  return rc;
}

int cro_h1_send_chunk(cro_h1 *h1, cro_bytes part)
{
  char scratch[small_part + 32], *to = cro_put_hex(scratch, part.len);
  int rc;

  to = cro_put(to, CRO_B("\r\n"));
  if (part.len <= small_part) {
    to = cro_put(to, part);
    to = cro_put(to, CRO_B("\r\n"));
    return cro_h1_send(h1, (cro_bytes){ scratch, (size_t)(to - scratch) });
  }
  rc = cro_h1_send(h1, (cro_bytes){ scratch, (size_t)(to - scratch) });
  if (rc >= 0)
    rc = cro_h1_send(h1, part);
  return rc < 0 ? rc : cro_h1_send(h1, CRO_B("\r\n"));
}
