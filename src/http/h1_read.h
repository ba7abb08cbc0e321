/* http/h1_read.h - turns the bytes of HTTP/1 messages into heads and body parts.
 *
 * llhttp (strict) reads the syntax; what it lets through is caught by accounting:
 * once a head is complete, every byte of it must be a byte of a method, a target, a
 * name, a value or exactly the separator that belongs between them. A fold, a bare
 * LF, a second space or an empty name leaves a byte that nobody accounts for.
 *
 * The parser never copies. A head (and a trailer section) is parsed from one view that
 * starts at its first byte and grows from call to call; each byte is shown to llhttp
 * once. Slices point into the view of the call that completed the head. Body parts
 * point into the input.
 *
 * A whole and plain request head takes a shorter way, h1_scan.h, to the same result.
 *
 * Verdicts and limits depend on the bytes only, never on how they were cut.
 */
#ifndef CRO_HTTP_H1_READ_H
#define CRO_HTTP_H1_READ_H

#include "http/limits.h"
#include "http/message.h"

#include <stdalign.h>

typedef enum cro_h1_framing {
  CRO_H1_NO_BODY,
  CRO_H1_LENGTH,
  CRO_H1_CHUNKED,
  CRO_H1_UNTIL_CLOSE /* responses only, and both ways after an upgrade */
} cro_h1_framing;

/* What the fields say about the message itself. */
typedef struct cro_h1_facts {
  cro_bytes host, length, coding, expect;
  uint32_t hosts, lengths, codings, expects;
  bool close, keep_alive, upgrade_option, upgrade;
} cro_h1_facts;

typedef struct cro_h1_span {
  uint32_t at, len;
} cro_h1_span;

enum { CRO_H1_ENGINE_BYTES = 104 };

typedef struct cro_h1_parser {
  alignas(8) unsigned char engine[CRO_H1_ENGINE_BYTES]; /* llhttp's, first member */
  const cro_http_limits *limits;
  bool response;
  /* From here on: of the message being read. */
  cro_arena *arena;
  cro_headers *fields; /* where the section goes once it is complete */
  cro_headers section; /* being read: its slots are spans until then */
  const char *view;    /* of the call that runs */
  uint32_t fed;        /* bytes of the view llhttp has seen */
  uint32_t method_len;
  cro_h1_span url;
  uint32_t fields_at;   /* where the field section starts; 0: not seen yet */
  uint32_t fields_seen; /* bytes of the head's field section, against header_bytes */
  uint8_t minor;
  bool begun; /* its first bytes have been looked at */
  bool method_done;
  bool in_value;  /* the last span was of a value */
  bool folded;    /* a value came in two places */
  bool too_many;  /* fields */
  bool no_memory; /* inside a callback */
  bool tunnel;    /* the method was CONNECT */
  bool headless;  /* the response answers a HEAD: no body whatever it announces */
  cro_method method;
  int status; /* of a response */
  cro_bytes reason;
  cro_h1_facts facts;
  cro_h1_framing framing;
  uint64_t left;      /* of the body or the chunk */
  uint64_t body_seen; /* chunked: content so far */
  uint64_t overhead;  /* chunked: everything else so far */
  cro_bytes part;
  uint8_t digits; /* of the chunk size being read */
  uint8_t skip;   /* the CRLF after a chunk's data, not digits */
  bool digits_open;
  bool size_read; /* llhttp has announced a chunk */
  bool in_trailers;
  bool complete;
} cro_h1_parser;

/* `response`: reads responses instead of requests. The limits live as long. */
void cro_h1_parser_init(cro_h1_parser *parser, const cro_http_limits *limits,
                        bool response);

/* A new message, whose fields go into `fields` in `arena`. */
void cro_h1_parser_begin(cro_h1_parser *parser, cro_arena *arena, cro_headers *fields);

enum { CRO_H1_MORE = 0, CRO_H1_DATA = 1, CRO_H1_END = 2 };

/* Reads the head from `view`, which starts at the head's first byte and never gets
 * shorter between calls. The length of the head when it is complete, CRO_H1_MORE, or
 * minus the status that refuses it (503: no memory). */
int cro_h1_read_head(cro_h1_parser *parser, cro_bytes view);

/* Fills the request's method, target, flags and framing from a complete head.
 * 0 or minus the status that refuses it. */
int cro_h1_settle_request(cro_h1_parser *parser, cro_request *request);

/* Decides the framing of a response. 0 or minus a status, as above. */
int cro_h1_settle_response(cro_h1_parser *parser);

/* Cuts what it understands off `in`: CRO_H1_DATA with a part, CRO_H1_END (the message
 * is complete), CRO_H1_MORE, or minus a status. What is left in `in` after CRO_H1_MORE
 * must come again, in front of what arrives next. Trailers go to `trailers`, copied
 * into the arena. */
int cro_h1_read_body(cro_h1_parser *parser, cro_bytes *in, cro_bytes *part,
                     cro_headers *trailers);

/* --- between h1_read.c, h1_head.c and h1_scan.c
 * --------------------------------------------- */

/* A field while it is being read: offsets into the view. It becomes a cro_header in
 * the same place when its section is complete. */
typedef union cro_h1_slot {
  cro_header header;
  struct {
    cro_h1_span name, value;
  } span;
} cro_h1_slot;

/* Room for more fields in parser->section. 0, or < 0 with no_memory set. */
int cro_h1_more_slots(cro_h1_parser *parser);

/* Accounts for every byte from the section's start `at` to its end, turns spans into
 * slices of `view` and hands the section over to `fields`. 0 or -400. */
int cro_h1_account_fields(cro_h1_parser *parser, cro_bytes view, uint32_t at);

/* The same for the line before the fields; sets minor and fields_at. 0, -400, -505. */
int cro_h1_account_line(cro_h1_parser *parser, cro_bytes view);

/* 1: a method we route; else minus the status for that name. */
int cro_h1_method_verdict(cro_bytes name, cro_method *method);

#endif
