/* support/template.h - "/users/{id:int}/{tab?}/{rest*}" as segments, for tests of the
 * router; a type that is not built in is a custom one. The text must outlive them. */
#ifndef CRO_SPEC_SUPPORT_TEMPLATE_H
#define CRO_SPEC_SUPPORT_TEMPLATE_H

#include "http/router.h"

/* Fills `out` and returns how many; at most `room`. */
size_t template_parse(const char *text, cro_segment *out, size_t room);

/* Adds a route by its template. */
int template_add(cro_router *router, cro_method method, const char *text,
                 uint32_t route, bool conditional, uint32_t *clash);

#endif
