#include "pipe/stage.h"

#include "base/alloc.h"
#include "base/err.h"
#include "pipe/conn.h"
#include "pipe/turn.h"
#include "support/test.h"

/* A stage that notes what happens to it and answers as it is told. */
typedef struct {
  cro_stage stage;
  char name;
  int answer;
  cro_stage *kill; /* resume destroys the pipeline that starts here */
} probe;

static char seen[256];
static cro_turn turn;
static cro_conn conn;
static int wakes;

static void note(const char *what, char name)
{
  size_t n = strlen(seen);

  seen[n] = name;
  strcpy(seen + n + 1, what);
  strcat(seen, " ");
}

static int probe_push(cro_stage *stage, const void *message)
{
  probe *self = (probe *)stage;
  const cro_bytes *in = message;

  note("+", self->name);
  strncat(seen, in->at, in->len);
  strcat(seen, " ");
  if (stage->next == NULL)
    return self->answer;
  return cro_emit(stage, message);
}

static int probe_finish(cro_stage *stage)
{
  note(".", ((probe *)stage)->name);
  return stage->next != NULL ? cro_emit_finish(stage) : ((probe *)stage)->answer;
}

static void probe_fail(cro_stage *stage, int err)
{
  note(err == CRO_E_RESET ? "!reset" : "!", ((probe *)stage)->name);
  cro_emit_fail(stage, err);
}

static void probe_resume(cro_stage *stage)
{
  probe *self = (probe *)stage;

  note("r", self->name);
  if (self->kill != NULL)
    cro_pipeline_destroy(self->kill);
  else if (self->answer == CRO_FULL)
    cro_stage_ready(stage); /* still not done: the next run again */
}

static void probe_destroy(cro_stage *stage)
{
  note("x", ((probe *)stage)->name);
  cro_free(stage);
}

static const cro_type other = { "Other", NULL };

static const cro_stage_ops middle_ops = {
  .name = "middle",
  .consumes = &cro_type_bytes,
  .produces = &cro_type_bytes,
  .push = probe_push,
  .finish = probe_finish,
  .fail = probe_fail,
  .resume = probe_resume,
  .destroy = probe_destroy,
};

/* Leaves finish, fail and resume out: they must pass it by. */
static const cro_stage_ops bare_ops = {
  .name = "bare",
  .consumes = &cro_type_bytes,
  .produces = &cro_type_bytes,
  .push = probe_push,
  .destroy = probe_destroy,
};

static const cro_stage_ops tail_ops = {
  .name = "tail",
  .consumes = &cro_type_bytes,
  .push = probe_push,
  .finish = probe_finish,
  .fail = probe_fail,
  .destroy = probe_destroy,
};

static const cro_stage_ops other_ops = {
  .name = "other",
  .consumes = &other,
  .push = probe_push,
  .destroy = probe_destroy,
};

static probe *make(char name, const cro_stage_ops *ops)
{
  probe *self = cro_alloc_zero(sizeof *self);

  self->name = name;
  cro_stage_init(&self->stage, ops);
  return self;
}

static void count_wake(cro_turn *which)
{
  CHECK(which == &turn);
  wakes++;
}

/* a (middle), b (bare), c (tail) */
static void begin(probe *at[3])
{
  seen[0] = '\0';
  wakes = 0;
  cro_turn_init(&turn, count_wake);
  conn = (cro_conn){ .turn = &turn };
  at[0] = make('a', &middle_ops);
  at[1] = make('b', &bare_ops);
  at[2] = make('c', &tail_ops);
  CHECK_INT(0, cro_stage_link(&at[0]->stage, &at[1]->stage));
  CHECK_INT(0, cro_stage_link(&at[1]->stage, &at[2]->stage));
  cro_pipeline_attach(&at[0]->stage, &conn);
}

static void a_push_goes_down_and_its_answer_comes_back(void)
{
  probe *at[3];
  cro_bytes message = CRO_B("hi");

  begin(at);
  CHECK_INT(0, at[0]->stage.ops->push(&at[0]->stage, &message));
  at[2]->answer = CRO_FULL;
  CHECK_INT(CRO_FULL, at[0]->stage.ops->push(&at[0]->stage, &message));
  at[2]->answer = CRO_E_RESET;
  CHECK_INT(CRO_E_RESET, at[0]->stage.ops->push(&at[0]->stage, &message));
  CHECK_TEXT("a+ hi b+ hi c+ hi a+ hi b+ hi c+ hi a+ hi b+ hi c+ hi ",
             cro_bytes_of(seen));
  cro_pipeline_destroy(&at[0]->stage);
}

static void the_end_and_a_failure_pass_by_stages_that_do_not_care(void)
{
  probe *at[3];

  begin(at);
  CHECK_INT(0, at[0]->stage.ops->finish(&at[0]->stage));
  at[0]->stage.ops->fail(&at[0]->stage, CRO_E_RESET);
  cro_emit_fail(&at[2]->stage, CRO_E_RESET); /* nobody below: nothing */
  CHECK_TEXT("a. c. a!reset c!reset ", cro_bytes_of(seen));
  cro_pipeline_destroy(&at[0]->stage);
}

static void resume_comes_from_the_turn_not_from_the_call(void)
{
  probe *at[3];

  begin(at);
  cro_stage_resume(&at[2]->stage); /* passes by b, which has no resume */
  cro_stage_resume(&at[2]->stage);
  CHECK_TEXT("", cro_bytes_of(seen));
  CHECK_INT(1, wakes);
  CHECK(!cro_turn_run(&turn));
  CHECK_TEXT("ar ", cro_bytes_of(seen));
  cro_stage_resume(&at[0]->stage); /* nothing above */
  CHECK_INT(1, wakes);
  cro_pipeline_destroy(&at[0]->stage);
}

static void a_stage_is_resumed_once_per_run_even_if_it_asks_again(void)
{
  probe *at[3];

  begin(at);
  at[0]->answer = CRO_FULL;
  cro_stage_ready(&at[0]->stage);
  CHECK(cro_turn_run(&turn));
  CHECK_TEXT("ar ", cro_bytes_of(seen));
  at[0]->answer = 0;
  CHECK(!cro_turn_run(&turn));
  CHECK_TEXT("ar ar ", cro_bytes_of(seen));
  cro_pipeline_destroy(&at[0]->stage);
}

static void a_resume_may_destroy_its_own_and_other_ready_pipelines(void)
{
  probe *at[3], *more[3];

  begin(more);
  begin(at);
  cro_pipeline_attach(&more[0]->stage, &conn);
  at[0]->kill = &at[0]->stage;
  cro_stage_ready(&at[0]->stage);
  cro_stage_ready(&more[0]->stage);
  CHECK(!cro_turn_run(&turn));
  CHECK_TEXT("ar ax bx cx ar ", cro_bytes_of(seen));
  seen[0] = '\0';
  begin(at);
  cro_pipeline_attach(&more[0]->stage, &conn);
  at[0]->kill = &more[0]->stage;
  cro_stage_ready(&at[0]->stage);
  cro_stage_ready(&more[0]->stage);
  CHECK(!cro_turn_run(&turn));
  CHECK_TEXT("ar ax bx cx ", cro_bytes_of(seen)); /* more's resume never comes */
  at[0]->kill = NULL;
  cro_pipeline_destroy(&at[0]->stage);
}

static void what_is_costly_is_done_for_a_few_per_turn_first_come_first_served(void)
{
  probe *at[6];

  begin(at);
  cro_pipeline_destroy(&at[0]->stage);
  seen[0] = '\0';
  for (int i = 0; i < CRO_TURN_COSTLY; i++)
    CHECK(cro_turn_afford(&turn));
  CHECK(!cro_turn_afford(&turn)); /* wait in line */
  for (int i = 0; i < 6; i++) {
    at[i] = make((char)('a' + i), &middle_ops);
    at[i]->stage.conn = &conn;
    cro_stage_queue(&at[i]->stage);
    cro_stage_queue(&at[i]->stage); /* once is enough */
  }
  CHECK(cro_turn_run(&turn));
  CHECK_TEXT("ar br cr dr ", cro_bytes_of(seen));
  CHECK(!cro_turn_afford(&turn));
  CHECK(!cro_turn_run(&turn));
  CHECK_TEXT("ar br cr dr er fr ", cro_bytes_of(seen));
  CHECK(cro_turn_afford(&turn)); /* two of four are left */
  CHECK(cro_turn_afford(&turn));
  CHECK(!cro_turn_afford(&turn));
  for (int i = 0; i < 6; i++)
    cro_pipeline_destroy(&at[i]->stage);
}

static void who_waits_in_line_may_go(void)
{
  probe *at[3];

  begin(at);
  cro_stage_queue(&at[0]->stage);
  CHECK(!cro_turn_idle(&turn));
  cro_pipeline_destroy(&at[0]->stage);
  CHECK(cro_turn_idle(&turn));
  CHECK(!cro_turn_run(&turn));
}

static void stages_of_different_types_do_not_link(void)
{
  probe *a = make('a', &middle_ops), *b = make('b', &other_ops),
        *c = make('c', &tail_ops), *d = make('d', &tail_ops);

  seen[0] = '\0';
  CHECK_INT(CRO_E_INVAL, cro_stage_link(&a->stage, &b->stage));
  CHECK_INT(CRO_E_INVAL, cro_stage_link(&c->stage, &d->stage)); /* after a tail */
  CHECK(a->stage.next == NULL && b->stage.prev == NULL);
  cro_pipeline_destroy(&a->stage);
  cro_pipeline_destroy(&b->stage);
  cro_pipeline_destroy(&c->stage);
  cro_pipeline_destroy(&d->stage);
  CHECK_TEXT("ax bx cx dx ", cro_bytes_of(seen));
}

TEST_MAIN(CASE(a_push_goes_down_and_its_answer_comes_back),
          CASE(the_end_and_a_failure_pass_by_stages_that_do_not_care),
          CASE(resume_comes_from_the_turn_not_from_the_call),
          CASE(a_stage_is_resumed_once_per_run_even_if_it_asks_again),
          CASE(a_resume_may_destroy_its_own_and_other_ready_pipelines),
          CASE(what_is_costly_is_done_for_a_few_per_turn_first_come_first_served),
          CASE(who_waits_in_line_may_go), CASE(stages_of_different_types_do_not_link))
