/* http/cookie.h - cookies (RFC 6265): the Cookie fields of a request, and Set-Cookie.
 *
 * Lenient in: a bad cookie of a request is skipped and the rest counts; of a Set-Cookie
 * what is unknown or malformed behind the value is passed over. Strict out: nothing is
 * written that a browser would refuse or a header could be split with.
 *
 * Reading copies and allocates nothing: slices point into the field and live as long
 * as it does. No cookie is stored, matched or expired here, and no clock is read.
 */
#ifndef CRO_HTTP_COOKIE_H
#define CRO_HTTP_COOKIE_H

#include "base/buf.h"
#include "http/headers.h"

typedef struct cro_cookie {
  cro_bytes name;
  cro_bytes value; /* without surrounding quotes; a '=' in it belongs to it */
} cro_cookie;

/* --- of a request ------------------------------------------------------------------
 */

/* The next cookie of a Cookie field, cut off the front of *field; false when there is
 * none left. Names are tokens; values visible ASCII without '"', ',' ';' and '\'. */
bool cro_cookie_next(cro_bytes *field, cro_cookie *out);

/* All Cookie fields of a request. */
typedef struct cro_cookies {
  const cro_headers *headers;
  uint32_t from;
  cro_bytes field; /* not yet read of the field at hand */
  uint64_t left;   /* cookies that may still come */
} cro_cookies;

/* Refuses more than `max` cookies: each becomes a key of somebody's table. The list may
 * not change while it is read. */
cro_cookies cro_cookies_of(const cro_headers *headers, uint64_t max);

/* 1 with the next cookie, 0 at the end, CRO_E_LIMIT for one more than `max`; *out is
 * untouched by the last two. */
int cro_cookies_next(cro_cookies *cookies, cro_cookie *out);

/* --- Set-Cookie --------------------------------------------------------------------
 */

typedef enum cro_same_site {
  CRO_SAME_SITE_UNSET,
  CRO_SAME_SITE_STRICT,
  CRO_SAME_SITE_LAX,
  CRO_SAME_SITE_NONE
} cro_same_site;

typedef struct cro_set_cookie {
  cro_bytes name, value;
  cro_bytes domain, path; /* empty: not given */
  cro_same_site same_site;
  bool has_expires, has_max_age, secure, http_only;
  int64_t expires;      /* seconds since 1970 */
  int64_t max_age;      /* seconds; zero or less: it goes at once */
  cro_bytes attributes; /* read: all behind the first ';', for cro_cookie_attribute */
} cro_set_cookie;

/* "strict", "lax" or "none" in any case; UNSET for all else. */
cro_same_site cro_same_site_of(cro_bytes text);

/* Why it must not be sent, as a static sentence for who wrote it; NULL when it may. */
const char *cro_set_cookie_fault(const cro_set_cookie *cookie);

/* Appends the field's value; attributes in the order Expires, Max-Age, Domain, Path,
 * Secure, HttpOnly, SameSite. 0; CRO_E_INVAL when it has a fault, CRO_E_NOMEM: `out` is
 * unchanged then. */
int cro_set_cookie_write(const cro_set_cookie *cookie, cro_buf *out);

/* A Set-Cookie field. Junk behind the value, attributes that are unknown or make no
 * sense and a Path that is none are passed over; of repeated attributes the last
 * counts; a dot in front of Domain goes. `now` (seconds since 1970) tells the century
 * of two-digit years. CRO_E_SYNTAX with *out untouched when there is no cookie in it.
 * Says nothing about whether to believe it: see cro_set_cookie_fault. */
int cro_set_cookie_parse(cro_bytes field, int64_t now, cro_set_cookie *out);

/* The next attribute, known or not, cut off the front of *attributes; without '=' its
 * value is empty. False when there is none left. */
bool cro_cookie_attribute(cro_bytes *attributes, cro_bytes *name, cro_bytes *value);

#endif
