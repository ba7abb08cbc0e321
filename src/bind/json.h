/* bind/json.h - JSON text from a Lua value, straight into a buffer, and back.
 *
 * Numbers are written exactly: integers below 2^53 without a fraction, others in the
 * fewest digits that read back the same. Strings must be UTF-8. A table with
 * consecutive keys from 1 is an array, any other an object with string keys; an empty
 * table is {} unless it is marked by cro.json.array. The null sentinel is the light
 * userdata NULL.
 */
#ifndef CRO_BIND_JSON_H
#define CRO_BIND_JSON_H

#include "bind/lua_api.h"

/* Appends the value at `index`. 0, CRO_E_NOMEM, or CRO_E_INVAL with a static *reason
 * (a type JSON has not, NaN or infinity, no UTF-8, nesting beyond 128, which a cycle
 * is too). Raises nothing but what lua_next may. */
int lcro_json_encode(lua_State *L, int index, cro_buf *out, const char **reason);

/* For a C function whose first argument keeps `text` in its place: what is above that
 * argument makes way for the value, or nil and what was wrong where; how many. Every
 * array is marked as cro.json.array does it, null is the sentinel, of a repeated key
 * the last value counts. Raises when memory is out. */
int lcro_json_decode(lua_State *L, cro_bytes text, int depth);

/* Adds core.json_decode to the table at the top. */
void lcro_open_json_decode(lua_State *L);

/* Pushes the metatable that marks arrays. */
void lcro_json_push_mark(lua_State *L);

#endif
