#include "serve/preface.h"

#include "base/alloc.h"
#include "base/err.h"
#include "http/h2.h"

static const cro_bytes preface = CRO_B_INIT(CRO_H2_PREFACE);

struct serve_preface {
  cro_stage stage; /* first */
  cro_stage_ops ops;
  int (*decided)(void *arg, bool is_h2);
  void *arg;
  size_t held; /* bytes of the preface that have come */
};

static serve_preface *of_stage(cro_stage *stage)
{
  return (serve_preface *)stage;
}

/* What was held back is the preface's beginning, whatever follows it. */
static int hand_on(serve_preface *self)
{
  cro_bytes held = { preface.at, self->held };

  return held.len > 0 ? cro_emit(&self->stage, &held) : 0;
}

/* Its work is done: the stages beside it are neighbours from here on. */
static void leave(serve_preface *self)
{
  cro_stage *prev = self->stage.prev, *next = self->stage.next;

  prev->next = next;
  next->prev = prev;
  cro_list_remove(&self->stage.ready);
  cro_free(self);
}

static int decide(serve_preface *self, bool is_h2, cro_bytes rest)
{
  int rc = self->decided(self->arg, is_h2);

  if (rc == 0)
    rc = hand_on(self);
  if (rc >= 0 && rest.len > 0)
    rc = cro_emit(&self->stage, &rest);
  if (rc >= 0)
    leave(self);
  return rc;
}

static int preface_push(cro_stage *stage, const void *message)
{
  serve_preface *self = of_stage(stage);
  cro_bytes in = *(const cro_bytes *)message;

  while (in.len > 0 && self->held < preface.len) {
    if (in.at[0] != preface.at[self->held])
      return decide(self, false, in);
    cro_bytes_take(&in, 1);
    self->held++;
  }
  return self->held < preface.len ? 0 : decide(self, true, in);
}

/* Half a preface is half a request line. */
static int preface_finish(cro_stage *stage)
{
  serve_preface *self = of_stage(stage);
  cro_stage *prev = stage->prev;
  int rc = decide(self, false, (cro_bytes){ NULL, 0 });

  return rc < 0 ? rc : cro_emit_finish(prev);
}

static void preface_destroy(cro_stage *stage)
{
  cro_free(of_stage(stage));
}

static const cro_stage_ops preface_ops = {
  .name = "HTTP preface",
  .consumes = &cro_type_bytes,
  .produces = &cro_type_bytes,
  .push = preface_push,
  .finish = preface_finish,
  .destroy = preface_destroy,
};

int serve_preface_create(serve_preface **out, const cro_type *produces,
                         int (*decided)(void *arg, bool is_h2), void *arg)
{
  serve_preface *self = cro_alloc_zero(sizeof *self);

  if (self == NULL)
    return CRO_E_NOMEM;
  self->ops = preface_ops;
  if (produces != NULL)
    self->ops.produces = produces;
  cro_stage_init(&self->stage, &self->ops);
  self->decided = decided;
  self->arg = arg;
  *out = self;
  return 0;
}

cro_stage *serve_preface_stage(serve_preface *self)
{
  return &self->stage;
}

bool serve_preface_untouched(const serve_preface *self)
{
  return self->held == 0;
}

static void too_late(void *arg, cro_wait what)
{
  serve_preface *self = arg;
  cro_conn *conn = self->stage.conn;

  if (self->held == 0)
    conn->ops->close(conn);
  else if (decide(self, false, (cro_bytes){ NULL, 0 }) < 0)
    conn->ops->abort(conn);
  else if (conn->on_deadline != NULL)
    conn->on_deadline(conn->deadline_arg, what);
}

void serve_preface_start(serve_preface *self, uint64_t ms)
{
  cro_conn *conn = self->stage.conn;

  conn->on_deadline = too_late;
  conn->deadline_arg = self;
  if (ms > 0)
    conn->ops->deadline(conn, CRO_WAIT_HEADER, ms);
}
