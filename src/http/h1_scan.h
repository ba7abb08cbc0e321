/* http/h1_scan.h - the short way through a request head that is plain and whole.
 *
 * Most heads arrive in one piece and hold nothing unusual. Those are read here in one
 * pass, at a few instructions per byte. Whatever is not such a head, for any reason, is
 * declined before anything of the parser has changed, and llhttp judges it from its
 * first byte: so it is llhttp and the accounting that decide every refusal, and what is
 * accepted here they would accept as well, with the same fields.
 * spec/fuzz/h1_request_fuzz.c holds the two against each other.
 *
 * Nothing is copied; slices point into `view`. Slots come from the parser's arena.
 */
#ifndef CRO_HTTP_H1_SCAN_H
#define CRO_HTTP_H1_SCAN_H

#include "http/h1_read.h"

/* The length of the head `view` starts with, read as cro_h1_read_head would have; 0:
 * declined. Only before the first byte of a request was given to llhttp. */
uint32_t cro_h1_scan_head(cro_h1_parser *parser, cro_bytes view);

#endif
