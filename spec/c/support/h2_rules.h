/* support/h2_rules.h - what a server of HTTP/2 must do about what a client sends, as
 * scripts (support/h2_script.h) that follow the preface and SETTINGS of both sides. The
 * specs play them to a session, and a program over sockets (spec/conformance).
 */
#ifndef CRO_SPEC_SUPPORT_H2_RULES_H
#define CRO_SPEC_SUPPORT_H2_RULES_H

#include <stdbool.h>
#include <stddef.h>

typedef struct h2_rule {
  const char *name; /* with the section of RFC 9113, or another */
  const char *script;
  const char *want; /* the last RST_STREAM, the last GOAWAY, the connection */
} h2_rule;

typedef struct h2_rule_group {
  const char *title;
  const h2_rule *rules;
  size_t count;
  bool answered; /* requests are answered at once; else they are kept waiting */
} h2_rule_group;

/* Ends with one without a title. */
extern const h2_rule_group h2_rule_groups[];

#endif
