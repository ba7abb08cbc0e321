/* http/url.h - URI references (RFC 3986): taken apart, resolved, normalised, written.
 *
 * Nothing is decoded or copied while parsing: the parts are slices of the input and
 * live as long as it does. A part that is absent has at == NULL, one that is empty
 * has not ("http://h?" has an empty query, "http://h" none).
 *
 * Strict about structure (scheme, authority, escapes, control bytes), lenient about
 * characters that RFC 3986 leaves out but people send: " < > [ \ ] ^ ` { | } are taken
 * in path, query and fragment and written as %XX by cro_url_normalise.
 */
#ifndef CRO_HTTP_URL_H
#define CRO_HTTP_URL_H

#include "base/buf.h"

#include <stdint.h>

typedef enum cro_host_kind {
  CRO_HOST_NONE, /* no authority, or an empty host ("file:///x") */
  CRO_HOST_NAME,
  CRO_HOST_IPV4,
  CRO_HOST_IPV6,
  CRO_HOST_FUTURE /* [v1.x], RFC 3986's door for later */
} cro_host_kind;

typedef struct cro_authority {
  cro_bytes userinfo; /* before '@', absent when there is none */
  cro_bytes host;     /* without the brackets of an IP literal; may be empty */
  cro_host_kind kind;
  int32_t port; /* 0 to 65535; -1 for none, also when only the ':' is there */
} cro_authority;

typedef struct cro_url {
  cro_bytes scheme;
  cro_bytes authority; /* as written, without "//"; absent or not */
  cro_authority parts; /* of the authority */
  cro_bytes path;      /* may be empty, never absent */
  cro_bytes query;     /* without '?' */
  cro_bytes fragment;  /* without '#' */
} cro_url;

/* What a parser did not like. `reason` is a static sentence for people, in the style
 * of "Malformed port"; `at` is the offset of the first byte that cannot be right. */
typedef struct cro_url_fault {
  const char *reason;
  size_t at;
} cro_url_fault;

/* A URI or a relative reference. 0, or CRO_E_SYNTAX with *fault (which may be NULL)
 * filled and *out untouched. */
int cro_url_parse(cro_bytes text, cro_url *out, cro_url_fault *fault);

/* An authority alone: of a URI, a Host header, a CONNECT target. Same results. */
int cro_authority_parse(cro_bytes text, cro_authority *out, cro_url_fault *fault);

/* Appends the reference as it was written. 0 or CRO_E_NOMEM with `out` unchanged. */
int cro_url_write(const cro_url *url, cro_buf *out);

/* Appends what `reference` means when it stands in `base` (RFC 3986 5.2, strict: the
 * same scheme given again is no relative reference). A base without scheme gives a
 * result without one. 0 or CRO_E_NOMEM. */
int cro_url_resolve(const cro_url *base, const cro_url *reference, cro_buf *out);

/* Appends the normal form (RFC 3986 6.2.2 and 6.2.3): lower-case scheme and host,
 * upper-case escapes, unreserved characters unescaped, forbidden ones escaped, no
 * dot segments where the path is absolute, no default port, "/" for an empty path of
 * http, https, ws and wss. Two references with equal normal forms mean the same.
 * 0 or CRO_E_NOMEM. */
int cro_url_normalise(const cro_url *url, cro_buf *out);

/* Appends an IRI (RFC 3987) as a URI: every non-ASCII character as its UTF-8 escapes,
 * blanks and the forbidden characters likewise. CRO_E_SYNTAX, with *fault (which may be
 * NULL) filled, when it is no UTF-8, has control characters or a host beyond ASCII: no
 * resolver knows such a name by its escapes, and its xn-- form is not made here.
 * CRO_E_NOMEM. The result is not parsed. */
int cro_url_from_iri(cro_bytes iri, cro_buf *out, cro_url_fault *fault);

/* Finds the host of an IRI as far as it has one, and refuses it as above. */
int cro_url_check_iri_host(cro_bytes iri, cro_url_fault *fault);

/* 80 for http and ws, 443 for https and wss (any case), else -1. */
int32_t cro_url_default_port(cro_bytes scheme);

/* A walk over the segments of a path; both fields are private. */
typedef struct cro_path {
  cro_bytes rest;
  bool more;
} cro_path;

/* The segments of a path, encoded: "/a//b/" has "a", "", "b" and ""; "/", "" and "*"
 * have none. They are slices of `path`. */
cro_path cro_path_of(cro_bytes path);

/* The same for what a slurpy captured, which has no slash in front and is absent (at
 * == NULL) when there is no segment at all. */
cro_path cro_path_of_rest(cro_bytes rest);

/* False when there is none left; *segment is then untouched. */
bool cro_path_next(cro_path *path, cro_bytes *segment);

/* --- request targets (RFC 9112 3.2) ------------------------------------------- */

typedef enum cro_target_form {
  CRO_TARGET_ORIGIN,    /* /path?query */
  CRO_TARGET_ABSOLUTE,  /* http://host/path?query */
  CRO_TARGET_AUTHORITY, /* host:port, for CONNECT alone: the caller checks */
  CRO_TARGET_ASTERISK   /* *, for OPTIONS alone: the caller checks */
} cro_target_form;

typedef struct cro_target {
  cro_target_form form;
  cro_bytes scheme;    /* ABSOLUTE: http or https, as written; else absent */
  cro_bytes authority; /* ABSOLUTE and AUTHORITY; else absent */
  cro_bytes path;      /* "/" at least, "*" for ASTERISK, empty for AUTHORITY */
  cro_bytes query;     /* absent when there is no '?' */
} cro_target;

/* 0, or CRO_E_SYNTAX with *out untouched: a control byte, a blank, a byte above 0x7E,
 * '#', another scheme, user information, or no form at all. Escapes are not looked
 * at: the router and the query iterator do that. */
int cro_target_parse(cro_bytes text, cro_target *out);

#endif
