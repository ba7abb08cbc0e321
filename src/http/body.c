#include "http/body.h"

#include "base/err.h"

void cro_body_init(cro_body *body)
{
  *body = (cro_body){ .limit = UINT64_MAX, .window = CRO_BODY_WINDOW };
}

void cro_body_free(cro_body *body)
{
  cro_buf_free(&body->held);
}

static void changed(cro_body *body)
{
  if (body->on_change != NULL)
    body->on_change(body);
}

static int broken(cro_body *body, int err)
{
  cro_body_fail(body, err);
  return err;
}

int cro_body_put(cro_body *body, cro_bytes part)
{
  int rc;

  if (body->state != CRO_BODY_OPEN)
    return body->err != 0 ? body->err : CRO_E_STATE;
  if (part.len > body->limit - body->received)
    return broken(body, CRO_E_LIMIT);
  rc = cro_buf_add(&body->held, part);
  if (rc != 0)
    return broken(body, rc);
  body->received += part.len;
  if (part.len > 0)
    changed(body);
  if (body->held.len < body->window)
    return 0;
  body->full = true;
  return CRO_FULL;
}

void cro_body_end(cro_body *body)
{
  if (body->state != CRO_BODY_OPEN)
    return;
  body->state = CRO_BODY_ENDED;
  body->full = false;
  changed(body);
}

void cro_body_fail(cro_body *body, int err)
{
  if (body->state != CRO_BODY_OPEN)
    return;
  body->state = CRO_BODY_FAILED;
  body->err = err;
  body->full = false;
  changed(body);
}

static void go_on(cro_body *body)
{
  if (body->state != CRO_BODY_OPEN)
    return;
  if (body->held.len < body->window)
    body->full = false;
  if (body->more != NULL)
    body->more(body);
}

int cro_body_want(cro_body *body, uint64_t limit, size_t window)
{
  if (body->received > limit || (body->length > 0 && (uint64_t)body->length > limit))
    return CRO_E_LIMIT;
  body->limit = limit;
  body->window = window > 0 ? window : 1;
  body->wanted = true;
  go_on(body);
  return 0;
}

void cro_body_take(cro_body *body, cro_buf *out)
{
  cro_buf_free(out);
  *out = body->held;
  body->held = (cro_buf){ 0 };
  go_on(body);
}

size_t cro_body_debt(const cro_body *body, uint64_t window)
{
  uint64_t room = body->window > window ? body->window - window : 0;

  if (body->wanted && body->window > body->limit)
    return 0;
  return body->held.len > room ? (size_t)(body->held.len - room) : 0;
}
