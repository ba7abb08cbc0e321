#include "pipe/turn.h"

#include "base/check.h"

void cro_turn_init(cro_turn *turn, void (*wake)(cro_turn *turn))
{
  cro_list_init(&turn->ready);
  turn->wake = wake;
}

bool cro_turn_run(cro_turn *turn)
{
  cro_list now;
  cro_list *node;

  cro_list_init(&now);
  cro_list_splice(&now, &turn->ready);
  while ((node = cro_list_shift(&now)) != NULL) {
    cro_stage *stage = CRO_CONTAINER(node, cro_stage, ready);

    stage->ops->resume(stage);
  }
  return !cro_list_empty(&turn->ready);
}
