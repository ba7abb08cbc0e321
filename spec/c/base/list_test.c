#include "base/list.h"

#include "support/test.h"

static cro_list list, other, n[4];

static void begin(void)
{
  cro_list_init(&list);
  cro_list_init(&other);
  for (int i = 0; i < 4; i++)
    cro_list_init(&n[i]);
}

static void nodes_come_out_in_the_order_they_went_in(void)
{
  begin();
  for (int i = 0; i < 3; i++)
    cro_list_push(&list, &n[i]);
  for (int i = 0; i < 3; i++)
    CHECK(cro_list_shift(&list) == &n[i]);
  CHECK(cro_list_shift(&list) == NULL);
  CHECK(cro_list_empty(&n[1]));
}

static void removing_twice_is_harmless(void)
{
  begin();
  cro_list_push(&list, &n[0]);
  cro_list_push(&list, &n[1]);
  cro_list_remove(&n[0]);
  cro_list_remove(&n[0]);
  CHECK(cro_list_shift(&list) == &n[1]);
  CHECK(cro_list_empty(&list));
}

static void splicing_moves_all_to_the_end_and_empties_the_source(void)
{
  begin();
  cro_list_splice(&list, &other);
  CHECK(cro_list_empty(&list));
  cro_list_push(&list, &n[0]);
  cro_list_push(&other, &n[1]);
  cro_list_push(&other, &n[2]);
  cro_list_splice(&list, &other);
  CHECK(cro_list_empty(&other));
  cro_list_push(&other, &n[3]);
  for (int i = 0; i < 3; i++)
    CHECK(cro_list_shift(&list) == &n[i]);
  CHECK(cro_list_empty(&list) && !cro_list_empty(&other));
}

TEST_MAIN(CASE(nodes_come_out_in_the_order_they_went_in),
          CASE(removing_twice_is_harmless),
          CASE(splicing_moves_all_to_the_end_and_empties_the_source))
