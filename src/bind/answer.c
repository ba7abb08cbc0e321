#include "bind/answer.h"

enum { body_copy_max = 8192 }; /* longer strings are anchored instead */

void lcro_answer_check(lua_State *L, int rc, const char *what)
{
  if (rc >= 0)
    return;
  if (rc == CRO_E_GONE || rc == CRO_E_NOMEM) {
    lcro_push_error(L, rc, what, (cro_bytes){ NULL, 0 });
    lua_error(L);
  }
  if (rc == CRO_E_STATE)
    luaL_error(L, "%s: the answer has been sent; change it before", what);
  luaL_error(L, "%s: %s", what, cro_err_text(rc));
}

static void check_open(lua_State *L, lcro_exchange *x, const char *what)
{
  if (x->released)
    lcro_answer_check(L, CRO_E_GONE, what);
  if (x->response->state != CRO_RESPONSE_OPEN)
    lcro_answer_check(L, CRO_E_STATE, what);
}

void lcro_answer_body(lua_State *L, lcro_exchange *x, int index, const char *what)
{
  cro_bytes body = lcro_checkbytes(L, index);

  check_open(L, x, what);
  if (body.len <= body_copy_max) {
    lcro_answer_check(L, cro_response_body(x->response, body), what);
    return;
  }
  lcro_release(L, &x->body_ref);
  x->body_ref = lcro_anchor(L, index);
  lcro_answer_check(L, cro_response_body_ref(x->response, body), what);
}

/* The text types everybody sends, complete; they need no copy. */
static bool common_type(cro_bytes type, cro_bytes *out)
{
  if (cro_bytes_eq(type, CRO_B("text/plain")))
    *out = CRO_B("text/plain; charset=utf-8");
  else if (cro_bytes_eq(type, CRO_B("text/html")))
    *out = CRO_B("text/html; charset=utf-8");
  else if (cro_bytes_eq(type, CRO_B("application/json")))
    *out = CRO_B("application/json");
  else
    return false;
  return true;
}

static bool wants_charset(cro_bytes type)
{
  cro_bytes head = { type.at, 5 };

  return type.len > 5 && cro_bytes_ieq(head, CRO_B("text/")) &&
         cro_bytes_find(type, ';') == type.len;
}

void lcro_answer_type(lua_State *L, lcro_exchange *x, cro_bytes type, const char *what)
{
  cro_response *response = x->response;
  char *at;

  check_open(L, x, what);
  if (common_type(type, &response->type))
    return;
  if (!wants_charset(type)) {
    int rc = cro_response_set(response, CRO_B("Content-Type"), type);

    if (rc == CRO_E_INVAL)
      luaL_error(L, "%s: '%s' is no media type: control characters", what, type.at);
    lcro_answer_check(L, rc, what);
    return;
  }
  if (!cro_header_value_ok(type))
    luaL_error(L, "%s: '%s' is no media type: control characters", what, type.at);
  at = cro_arena_alloc(response->arena, type.len + 15);
  if (at == NULL)
    lcro_answer_check(L, CRO_E_NOMEM, what);
  memcpy(at, type.at, type.len);
  memcpy(at + type.len, "; charset=utf-8", 15);
  response->type = (cro_bytes){ at, type.len + 15 };
}

void lcro_answer_status(lua_State *L, lcro_exchange *x, int index, const char *what)
{
  lua_Number status = luaL_checknumber(L, index);

  check_open(L, x, what);
  if (!(status >= 100 && status <= 599) || status != (int)status)
    luaL_error(L, "%s: a status from 100 to 599 expected, got %s", what,
               lua_tostring(L, index));
  x->response->status = (int)status;
}

static const char *header_fault(cro_bytes name)
{
  return cro_header_name_ok(name) ? "the value has control characters or outer blanks"
                                  : "the name is no token (letters, digits, -_.~ ...)";
}

void lcro_answer_header(lua_State *L, lcro_exchange *x, bool append, const char *what)
{
  cro_bytes name = lcro_checkbytes(L, 2), value = lcro_checkbytes(L, 3);
  int rc;

  check_open(L, x, what);
  rc = append ? cro_response_add(x->response, name, value)
              : cro_response_set(x->response, name, value);
  if (rc == CRO_E_INVAL)
    luaL_error(L, "%s: malformed header '%s': %s", what, name.at, header_fault(name));
  if (rc == CRO_E_STATE)
    luaL_error(L, "%s: '%s' is written by the server itself and can't be set", what,
               name.at);
  lcro_answer_check(L, rc, what);
}

void lcro_answer_trailer(lua_State *L, lcro_exchange *x, const char *what)
{
  cro_bytes name = lcro_checkbytes(L, 2), value = lcro_checkbytes(L, 3);
  cro_response *response = x->response;
  int rc = cro_response_trailer(response, name, value);

  if (rc == CRO_E_INVAL && !cro_trailer_name_ok(name) && cro_header_name_ok(name))
    luaL_error(L, "%s: '%s' may not come after the body; set it as a header", what,
               name.at);
  if (rc == CRO_E_INVAL)
    luaL_error(L, "%s: malformed trailer '%s': %s", what, name.at, header_fault(name));
  lcro_answer_check(L, rc, what);
  if (response->state == CRO_RESPONSE_OPEN)
    response->no_length = true;
}
