#include "http/headers.h"

#include "base/err.h"
#include "base/text.h"

enum { first_cap = 16 };

static int grow(cro_headers *headers, cro_arena *arena)
{
  uint32_t cap = headers->cap > 0 ? headers->cap * 2 : first_cap;
  cro_header *at;

  if (cap < headers->cap)
    return CRO_E_NOMEM;
  at = cro_arena_alloc(arena, cap * sizeof *at);
  if (at == NULL)
    return CRO_E_NOMEM;
  if (headers->count > 0)
    memcpy(at, headers->at, headers->count * sizeof *at);
  headers->at = at;
  headers->cap = cap;
  return 0;
}

int cro_headers_add(cro_headers *headers, cro_arena *arena, cro_bytes name,
                    cro_bytes value)
{
  int rc = headers->count < headers->cap ? 0 : grow(headers, arena);

  if (rc == 0)
    headers->at[headers->count++] = (cro_header){ name, value };
  return rc;
}

const cro_header *cro_headers_next(const cro_headers *headers, cro_bytes name,
                                   uint32_t *from)
{
  while (*from < headers->count) {
    const cro_header *header = &headers->at[(*from)++];

    if (cro_bytes_ieq(header->name, name))
      return header;
  }
  return NULL;
}

const cro_header *cro_headers_find(const cro_headers *headers, cro_bytes name)
{
  uint32_t from = 0;

  return cro_headers_next(headers, name, &from);
}

uint32_t cro_headers_remove(cro_headers *headers, cro_bytes name)
{
  uint32_t kept = 0, before = headers->count;

  for (uint32_t i = 0; i < before; i++)
    if (!cro_bytes_ieq(headers->at[i].name, name))
      headers->at[kept++] = headers->at[i];
  headers->count = kept;
  return before - kept;
}

void cro_bytes_move(cro_bytes *slice, cro_bytes from, const char *to)
{
  size_t at = (size_t)((uintptr_t)slice->at - (uintptr_t)from.at);

  if (slice->at != NULL && at <= from.len && slice->len <= from.len - at)
    slice->at = to + at;
}

void cro_headers_move(cro_headers *headers, cro_bytes from, const char *to)
{
  for (uint32_t i = 0; i < headers->count; i++) {
    cro_bytes_move(&headers->at[i].name, from, to);
    cro_bytes_move(&headers->at[i].value, from, to);
  }
}

bool cro_header_name_ok(cro_bytes name)
{
  return cro_text_is_token(name);
}

bool cro_header_value_ok(cro_bytes value)
{
  return cro_text_is_value(value);
}

bool cro_trailer_name_ok(cro_bytes name)
{
  static const cro_bytes never[] = {
    /* framing and connection */
    CRO_B_INIT("content-length"),
    CRO_B_INIT("transfer-encoding"),
    CRO_B_INIT("connection"),
    CRO_B_INIT("keep-alive"),
    CRO_B_INIT("te"),
    CRO_B_INIT("trailer"),
    CRO_B_INIT("upgrade"),
    /* routing and control of the request */
    CRO_B_INIT("host"),
    CRO_B_INIT("cache-control"),
    CRO_B_INIT("expect"),
    CRO_B_INIT("max-forwards"),
    CRO_B_INIT("pragma"),
    CRO_B_INIT("range"),
    CRO_B_INIT("if-match"),
    CRO_B_INIT("if-none-match"),
    CRO_B_INIT("if-modified-since"),
    CRO_B_INIT("if-unmodified-since"),
    CRO_B_INIT("if-range"),
    /* who asks */
    CRO_B_INIT("authorization"),
    CRO_B_INIT("proxy-authorization"),
    CRO_B_INIT("proxy-authenticate"),
    CRO_B_INIT("www-authenticate"),
    CRO_B_INIT("cookie"),
    CRO_B_INIT("set-cookie"),
    CRO_B_INIT("forwarded"),
    CRO_B_INIT("x-forwarded-for"),
    CRO_B_INIT("x-forwarded-host"),
    CRO_B_INIT("x-forwarded-proto"),
    /* what the content is */
    CRO_B_INIT("content-encoding"),
    CRO_B_INIT("content-type"),
    CRO_B_INIT("content-range"),
    CRO_B_INIT("location"),
    CRO_B_INIT("retry-after"),
    CRO_B_INIT("vary"),
    CRO_B_INIT("age"),
    CRO_B_INIT("date"),
    CRO_B_INIT("expires"),
  };

  for (size_t i = 0; i < sizeof never / sizeof *never; i++)
    if (cro_bytes_ieq(name, never[i]))
      return false;
  return cro_header_name_ok(name);
}
