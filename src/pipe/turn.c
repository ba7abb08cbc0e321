#include "pipe/turn.h"

#include "base/check.h"
#include "pipe/conn.h"

void cro_turn_init(cro_turn *turn, void (*wake)(cro_turn *turn))
{
  cro_list_init(&turn->ready);
  cro_list_init(&turn->costly);
  turn->spent = 0;
  turn->wake = wake;
}

bool cro_turn_idle(const cro_turn *turn)
{
  return cro_list_empty(&turn->ready) && cro_list_empty(&turn->costly);
}

bool cro_turn_afford(cro_turn *turn)
{
  if (turn->spent >= CRO_TURN_COSTLY || !cro_list_empty(&turn->costly))
    return false;
  turn->spent++;
  return true;
}

void cro_stage_queue(cro_stage *stage)
{
  cro_turn *turn;

  cro_check(stage->conn != NULL && stage->ops->resume != NULL);
  if (!cro_list_empty(&stage->ready))
    return;
  turn = stage->conn->turn;
  cro_list_push(&turn->costly, &stage->ready);
  turn->wake(turn);
}

/* Those who have waited come before what this turn brings. */
static void admit(cro_turn *turn, cro_list *now)
{
  cro_list *node;

  turn->spent = 0;
  while (turn->spent < CRO_TURN_COSTLY &&
         (node = cro_list_shift(&turn->costly)) != NULL) {
    cro_list_push(now, node);
    turn->spent++;
  }
}

bool cro_turn_run(cro_turn *turn)
{
  cro_list now;
  cro_list *node;

  cro_list_init(&now);
  cro_list_splice(&now, &turn->ready);
  admit(turn, &now);
  while ((node = cro_list_shift(&now)) != NULL) {
    cro_stage *stage = CRO_CONTAINER(node, cro_stage, ready);

    stage->ops->resume(stage);
  }
  return !cro_turn_idle(turn);
}
