/* support/h2_script.h - HTTP/2 frames written by hand.
 *
 * A script is frames, divided by ';' or line ends. A frame is its type, its stream and
 * what is in it:
 *
 *   headers 1 es eh get            data 1 es 'abc'
 *   settings 0 u16:4 u32:65535     rst 3 u32:8
 *   data 1 pad u8:3 'abc' zeros:3  padding is written out
 *   type:22 0 'x'                  a type nobody knows; data R1: the reserved bit
 *   ping 0 len:9 'abcdefgh'        announces another length than it has
 *   preface                        how a client begins; "raw" has only what follows
 *
 * Types: data headers priority rst settings push ping goaway window cont. Flags: es eh
 * pad prio ack, or flags:0xff. Content: 'text', x0aff, u8: u16: u24: u31: u32: numbers,
 * zeros:N, fill:N letters, {name: value} a field as HPACK literal without an index,
 * {+name: value} with one; "get" is the four fields of GET https://h/, "post" and
 * "head" likewise, "ok" is {:status: 200}.
 */
#ifndef CRO_SPEC_SUPPORT_H2_SCRIPT_H
#define CRO_SPEC_SUPPORT_H2_SCRIPT_H

#include "support/h2_text.h"

/* Appends the bytes; a script that cannot be read is a fault of the test. */
void h2_script(h2_text *out, const char *script);

/* One frame: its header as told, whatever follows. */
void h2_put_frame(h2_text *out, uint8_t type, uint8_t flags, uint32_t stream,
                  cro_bytes payload);

/* A field as HPACK literal: first byte 0x00 never indexed into the table, 0x40 is. */
void h2_put_field(h2_text *out, uint8_t first, cro_bytes name, cro_bytes value);

/* An HPACK integer with `bits` of the first byte, whose others are `first`. */
void h2_put_integer(h2_text *out, uint8_t first, int bits, uint64_t number);

/* The bytes of "0a ff ..." (blanks are passed over). */
void h2_put_hex(h2_text *out, cro_bytes hex);

#endif
