/* http/h1_put.h - formatting heads and chunks: what both directions write.
 *
 * cro_put and its kin write to memory that the caller has measured, and return the
 * place behind what they wrote.
 */
#ifndef CRO_HTTP_H1_PUT_H
#define CRO_HTTP_H1_PUT_H

#include "http/h1.h"

/* The bytes as they are. */
static inline char *cro_put(char *to, cro_bytes bytes)
{
  memcpy(to, bytes.at, bytes.len);
  return to + bytes.len;
}

/* Decimal digits (at most 20); lower-case hexadecimal ones (at most 16). */
char *cro_put_u64(char *to, uint64_t number);
char *cro_put_hex(char *to, uint64_t number);

/* "Name: value\r\n"; all of them; and the bytes that all of them take. */
char *cro_put_field(char *to, cro_bytes name, cro_bytes value);
char *cro_put_fields(char *to, const cro_headers *fields);
size_t cro_fields_size(const cro_headers *fields);

/* One chunk (RFC 9112 7.1) down from the session's writer; `part` is not empty. The
 * push's answer. */
int cro_h1_send_chunk(cro_h1 *h1, cro_bytes part);

#endif
