/* bind/answer.h - building a response from Lua values; shared by c and response.
 *
 * Every function raises: misuse as a string at the caller's line, a request that has
 * ended as { kind = "gone" }.
 */
#ifndef CRO_BIND_ANSWER_H
#define CRO_BIND_ANSWER_H

#include "bind/exchange.h"

/* Raises for rc < 0; `what` names the call. */
void lcro_answer_check(lua_State *L, int rc, const char *what);

/* The string at `index` becomes the complete body: short ones are copied, long ones are
 * anchored and not copied. */
void lcro_answer_body(lua_State *L, lcro_exchange *x, int index, const char *what);

/* Content-Type; text without a charset gets utf-8. */
void lcro_answer_type(lua_State *L, lcro_exchange *x, cro_bytes type, const char *what);

/* A status of 100 to 599; the number at `index`. */
void lcro_answer_status(lua_State *L, lcro_exchange *x, int index, const char *what);

/* set/append a field from the strings at index 2 and 3. */
void lcro_answer_header(lua_State *L, lcro_exchange *x, bool append, const char *what);

/* A trailer of the strings at index 2 and 3. A body that is complete goes out so that
 * it can have one. */
void lcro_answer_trailer(lua_State *L, lcro_exchange *x, const char *what);

#endif
