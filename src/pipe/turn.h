/* pipe/turn.h - what one turn of the loop still has to do for pipelines.
 *
 * The loop owns one cro_turn. Stages put themselves on its ready list; the loop
 * resumes them between I/O events, each at most once per run. `wake` is the
 * loop's: it makes the loop come round although no event is due.
 */
#ifndef CRO_PIPE_TURN_H
#define CRO_PIPE_TURN_H

#include "pipe/stage.h"

typedef struct cro_turn cro_turn;
struct cro_turn {
  cro_list ready; /* of cro_stage.ready */
  void (*wake)(cro_turn *turn);
};

/* An empty turn; `wake` is called whenever a stage becomes ready. */
void cro_turn_init(cro_turn *turn, void (*wake)(cro_turn *turn));

/* Resumes what was ready when it began. True when more became ready meanwhile. */
bool cro_turn_run(cro_turn *turn);

#endif
