#include "base/wall.h"

#include "support/test.h"

#include <time.h>

static void it_is_the_time_of_day(void)
{
  int64_t now = time(NULL);

  CHECK(cro_wall() / 1000000000 - now <= 1 && cro_wall() / 1000000000 >= now);
  CHECK(cro_wall_seconds() - now <= 1 && cro_wall_seconds() >= now - 1);
}

static void it_says_what_it_was_told_until_it_is_let_go(void)
{
  cro_wall_hold(INT64_C(1700000000123456789));
  CHECK_INT(INT64_C(1700000000123456789), cro_wall());
  CHECK_INT(1700000000, cro_wall_seconds());
  cro_wall_hold(INT64_C(1800000000000000000));
  CHECK_INT(1800000000, cro_wall_seconds());
  cro_wall_let_go();
  cro_wall_let_go();
  it_is_the_time_of_day();
}

TEST_MAIN(CASE(it_is_the_time_of_day),
          CASE(it_says_what_it_was_told_until_it_is_let_go))
