#include "pipe/stage.h"

#include "base/check.h"
#include "base/err.h"
#include "pipe/conn.h"
#include "pipe/trace.h"
#include "pipe/turn.h"

static void trace_bytes(const void *message, cro_buf *out)
{
  if (cro_buf_add(out, CRO_B("TCP Message\n")) == 0)
    (void)cro_trace_dump(*(const cro_bytes *)message, out);
}

const cro_type cro_type_bytes = { "Bytes", trace_bytes };

void cro_stage_init(cro_stage *stage, const cro_stage_ops *ops)
{
  *stage = (cro_stage){ .ops = ops };
  cro_list_init(&stage->ready);
}

int cro_stage_link(cro_stage *stage, cro_stage *next)
{
  cro_check(stage->next == NULL && next->prev == NULL);
  if (stage->ops->produces != next->ops->consumes || stage->ops->produces == NULL)
    return CRO_E_INVAL;
  stage->next = next;
  next->prev = stage;
  return 0;
}

void cro_pipeline_attach(cro_stage *first, cro_conn *conn)
{
  conn->first = first;
  for (cro_stage *stage = first; stage != NULL; stage = stage->next)
    stage->conn = conn;
}

void cro_pipeline_destroy(cro_stage *first)
{
  for (cro_stage *stage = first, *next; stage != NULL; stage = next) {
    next = stage->next;
    cro_list_remove(&stage->ready);
    stage->ops->destroy(stage);
  }
}

int cro_emit_finish(cro_stage *self)
{
  cro_stage *next = self->next;

  return next->ops->finish != NULL ? next->ops->finish(next) : cro_emit_finish(next);
}

void cro_emit_fail(cro_stage *self, int err)
{
  cro_stage *next = self->next;

  while (next != NULL && next->ops->fail == NULL)
    next = next->next;
  if (next != NULL)
    next->ops->fail(next, err);
}

void cro_stage_resume(cro_stage *self)
{
  cro_stage *prev = self->prev;

  while (prev != NULL && prev->ops->resume == NULL)
    prev = prev->prev;
  if (prev != NULL)
    cro_stage_ready(prev);
}

void cro_stage_ready(cro_stage *self)
{
  cro_turn *turn;

  cro_check(self->conn != NULL && self->ops->resume != NULL);
  if (!cro_list_empty(&self->ready))
    return;
  turn = self->conn->turn;
  cro_list_push(&turn->ready, &self->ready);
  turn->wake(turn);
}
