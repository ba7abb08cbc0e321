#include "base/wall.h"

#include <stdbool.h>
#include <time.h>

enum { ns_per_s = 1000000000 };

static bool held;
static int64_t held_at;

int64_t cro_wall(void)
{
  struct timespec now = { 0 };

  if (held)
    return held_at;
  clock_gettime(CLOCK_REALTIME, &now);
  return (int64_t)now.tv_sec * ns_per_s + now.tv_nsec;
}

int64_t cro_wall_seconds(void)
{
  struct timespec now = { 0 };

  if (held)
    return held_at / ns_per_s;
  clock_gettime(CLOCK_REALTIME_COARSE, &now);
  return now.tv_sec;
}

void cro_wall_hold(int64_t ns)
{
  held = true;
  held_at = ns;
}

void cro_wall_let_go(void)
{
  held = false;
}
