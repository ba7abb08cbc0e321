/* pipe/turn.h - what one turn of the loop still has to do for pipelines.
 *
 * The loop owns one cro_turn. Stages put themselves on its ready list; the loop
 * resumes them between I/O events, each at most once per run. `wake` is the
 * loop's: it makes the loop come round although no event is due.
 *
 * What costs a good part of a millisecond (a TLS handshake) is done for a few stages
 * per turn only; the others wait in line, so that a thousand of them hold nobody else
 * up.
 */
#ifndef CRO_PIPE_TURN_H
#define CRO_PIPE_TURN_H

#include "pipe/stage.h"

enum { CRO_TURN_COSTLY = 4 };

typedef struct cro_turn cro_turn;
struct cro_turn {
  cro_list ready;  /* of cro_stage.ready */
  cro_list costly; /* the same, in line for something costly */
  unsigned spent;  /* costly things since the turn began */
  void (*wake)(cro_turn *turn);
};

/* An empty turn; `wake` is called whenever a stage becomes ready. */
void cro_turn_init(cro_turn *turn, void (*wake)(cro_turn *turn));

/* Resumes what was ready when it began, and the first few in line. True when there is
 * more. */
bool cro_turn_run(cro_turn *turn);

/* Whether nothing is left to resume. */
bool cro_turn_idle(const cro_turn *turn);

/* True, and counted, when something costly may be done right now; otherwise get in line
 * with cro_stage_queue and do it when resumed. */
bool cro_turn_afford(cro_turn *turn);

/* Has stage->ops->resume called by the loop, outside of any push, when its turn for
 * something costly has come. */
void cro_stage_queue(cro_stage *stage);

#endif
