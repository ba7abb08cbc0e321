/* http/media.h - media types (RFC 9110 8.3.1): taken apart and written.
 *
 * Reading copies and allocates nothing: every slice points into the text and lives as
 * long as it does, in the case it was written in (names mean the same in any case,
 * values do not). Parameters are read one by one and checked as they are read; a stray
 * ';' does no harm. What a type or a parameter is for, and choosing among types, is
 * not known here.
 */
#ifndef CRO_HTTP_MEDIA_H
#define CRO_HTTP_MEDIA_H

#include "base/buf.h"

typedef struct cro_media {
  cro_bytes type, subtype;
  cro_bytes rest; /* the parameters not yet read, from a ';' on */
  uint64_t left;  /* how many of them may still come */
} cro_media;

typedef struct cro_media_parameter {
  cro_bytes name;
  cro_bytes value; /* without quotes */
  bool escaped;    /* was quoted and has backslashes: see cro_media_unescape */
} cro_media_parameter;

/* The type and the subtype; more than `max` parameters will be refused, for each
 * becomes a key of somebody's table. 0, or CRO_E_SYNTAX with *out untouched and
 * *reason (a static sentence) saying why. */
int cro_media_parse(cro_bytes text, uint64_t max, cro_media *out, const char **reason);

/* 1 with the next parameter, 0 at the end; CRO_E_SYNTAX for a malformed one and
 * CRO_E_LIMIT for one too many: then *out is untouched and there is no next. */
int cro_media_next(cro_media *media, cro_media_parameter *out);

/* The value of an escaped parameter into `room`, which holds value.len bytes (it may be
 * value.at itself); returns its length. */
size_t cro_media_unescape(cro_bytes value, char *room);

/* Appends a parameter's value, in quotes only where it must be. 0; CRO_E_SYNTAX for a
 * control byte, which no quotes can hold, or CRO_E_NOMEM, with `out` unchanged. */
int cro_media_quote(cro_buf *out, cro_bytes value);

#endif
