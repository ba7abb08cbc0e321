/* pipe/stage.h - the idea of the project: stages that push typed messages on.
 *
 * A pipeline is a chain of stages linked once. A message is passed by pointer
 * and lives until the push returns; a stage that needs it longer copies it.
 *
 * push     consumes all it is given and answers
 *            0         go on,
 *            CRO_FULL  taken, but send nothing more until `resume`,
 *            < 0       a cro_err: this stage is dead; only destroy may follow.
 *          A stage that makes many messages of one push may stop in the middle
 *          and keep the rest itself, at most 64 KiB of it.
 * finish   no more input will come. Called once, never after fail; same answers.
 * fail     the upstream broke with `err`: no more input, and what is open ends in
 *          error. NULL passes it on.
 * resume   the downstream can take more. It is called by the loop, never from
 *          inside a push of the same pipeline. NULL passes it on upstream.
 * destroy  at any time, once. Frees the stage; calls no other stage.
 *
 * One push per turn is on the C stack at a time (cro_turn): that is what makes
 * one shared read buffer safe.
 */
#ifndef CRO_PIPE_STAGE_H
#define CRO_PIPE_STAGE_H

#include "base/buf.h"
#include "base/list.h"

#include <stdint.h>

enum { CRO_FULL = 1 };

/* What a message is: identity is the address. `trace` appends a description
 * (may be NULL: the name stands for it). */
typedef struct cro_type {
  const char *name;
  void (*trace)(const void *message, cro_buf *out);
} cro_type;

/* Messages are `const cro_bytes *`. */
extern const cro_type cro_type_bytes;

typedef struct cro_conn cro_conn;
typedef struct cro_stage cro_stage;

typedef struct cro_stage_ops {
  const char *name;
  const cro_type *consumes; /* NULL at the head */
  const cro_type *produces; /* NULL at the tail */
  int (*push)(cro_stage *self, const void *message);
  int (*finish)(cro_stage *self);
  void (*fail)(cro_stage *self, int err);
  void (*resume)(cro_stage *self);
  void (*destroy)(cro_stage *self);
} cro_stage_ops;

/* Embedded first in every stage. */
struct cro_stage {
  const cro_stage_ops *ops;
  cro_stage *prev, *next;
  cro_conn *conn; /* set at link; may be NULL in tests */
  cro_list ready; /* in the turn's list while a resume is due */
};

/* A stage that is linked to nothing. `ops` outlives it. */
void cro_stage_init(cro_stage *stage, const cro_stage_ops *ops);

/* Appends `next` to `stage`. CRO_E_INVAL when the types differ. */
int cro_stage_link(cro_stage *stage, cro_stage *next);

/* Gives every stage from `first` on its connection. */
void cro_pipeline_attach(cro_stage *first, cro_conn *conn);

/* Destroys every stage from `first` on, and takes them off the ready list. */
void cro_pipeline_destroy(cro_stage *first);

/* To the next stage. */
static inline int cro_emit(cro_stage *self, const void *message)
{
  return self->next->ops->push(self->next, message);
}

/* Ends the next stage's input, in order or in error. */
int cro_emit_finish(cro_stage *self);
void cro_emit_fail(cro_stage *self, int err);

/* Says that `self` can take more: the stage before it is resumed by the loop. */
void cro_stage_resume(cro_stage *self);

/* Has self->ops->resume called by the loop, outside of any push. */
void cro_stage_ready(cro_stage *self);

#endif
