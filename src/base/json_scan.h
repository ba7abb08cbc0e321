/* base/json_scan.h - JSON text (RFC 8259) as tokens, and nothing that is not JSON.
 *
 * A scanner reads one complete slice. It owns nothing and allocates nothing; slices in
 * tokens point into the text and live as long as that. It does not recurse: a level of
 * nesting costs a byte of the scanner.
 *
 * What a token says has been checked: strings are UTF-8 without control characters,
 * their escapes are whole, and a surrogate is half of a pair. A surrogate alone is
 * refused: no UTF-8 stands for it, and a replacement would make two keys one. Numbers
 * are the nearest double; one beyond the greatest is refused, one too small is zero.
 *
 * Commas and colons are not tokens. Repeated keys are not noticed.
 */
#ifndef CRO_BASE_JSON_SCAN_H
#define CRO_BASE_JSON_SCAN_H

#include "base/bytes.h"

/* Deeper is refused whatever the caller allows: deep nesting is cheap to send and
 * costs whoever builds values stack or memory per level. */
enum { CRO_JSON_DEPTH_MAX = 1000, CRO_JSON_FAULT_MAX = 192 };

typedef enum cro_json_kind {
  CRO_JSON_NULL,
  CRO_JSON_FALSE,
  CRO_JSON_TRUE,
  CRO_JSON_NUMBER,
  CRO_JSON_STRING,
  CRO_JSON_KEY, /* its value is next */
  CRO_JSON_ARRAY,
  CRO_JSON_ARRAY_END,
  CRO_JSON_OBJECT,
  CRO_JSON_OBJECT_END,
  CRO_JSON_END /* of the text: nothing is left; and again when asked again */
} cro_json_kind;

typedef struct cro_json_token {
  cro_json_kind kind;
  bool escaped;   /* STRING, KEY: `text` has escapes, see cro_json_unescape */
  cro_bytes text; /* STRING, KEY: what is between the quotes */
  double number;  /* NUMBER */
} cro_json_token;

typedef struct cro_json_scan {
  const char *at, *end;                 /* not yet read */
  const char *from;                     /* the text */
  int state;                            /* private */
  int depth, depth_max;                 /* levels open now; and allowed */
  int code;                             /* the error, once there is one */
  cro_bytes found;                      /* where it is; empty at the end of the text */
  const char *expected;                 /* static; NULL: less nesting */
  char closers[CRO_JSON_DEPTH_MAX + 1]; /* what ends each open level */
} cro_json_scan;

/* `depth`: levels of arrays and objects, 1 to CRO_JSON_DEPTH_MAX. */
void cro_json_scan_init(cro_json_scan *self, cro_bytes text, int depth);

/* 0, CRO_E_SYNTAX, or CRO_E_LIMIT when nested too deep; *out says nothing then, and
 * the error stays. */
int cro_json_scan_next(cro_json_scan *self, cro_json_token *out);

/* The string that a token's text stands for; never longer than the text, so `out` has
 * room for that. Returns its length. */
size_t cro_json_unescape(cro_bytes text, char *out);

/* "expected ',' or ']', found '}' at byte 7" after an error, counted from 1. Returns
 * the length; no NUL. */
size_t cro_json_fault_text(const cro_json_scan *self, char out[CRO_JSON_FAULT_MAX]);

#endif
