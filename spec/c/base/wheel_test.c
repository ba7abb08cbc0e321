#include "base/wheel.h"

#include "base/alloc.h"
#include "base/check.h"
#include "base/err.h"
#include "support/test.h"

#include <stdlib.h>

/* --- a naive model: an array searched for the earliest due, then earliest armed --- */

enum { timers = 64 };

typedef struct {
  cro_timer timer;
  int id;
  uint64_t armed_as;  /* counts up with each arming; 0: not armed */
  uint64_t effective; /* the tick it must fire in */
  bool late;
} entry;

static cro_wheel *wheel;
static entry entries[timers];
static uint64_t clock_now, armings, fired, seed;
static bool in_advance;
static uint64_t tick;          /* the tick being fired, as the model sees it */
static uint64_t advance_began; /* armings when the advance began */

static uint64_t draw(uint64_t below)
{
  seed ^= seed << 13;
  seed ^= seed >> 7;
  seed ^= seed << 17;
  return seed % below;
}

static void model_arm(entry *e, uint64_t due)
{
  uint64_t now = in_advance ? tick : clock_now;

  e->armed_as = ++armings;
  e->late = due <= now;
  e->effective = due;
  cro_wheel_arm(wheel, &e->timer, due);
}

static void model_disarm(entry *e)
{
  e->armed_as = 0;
  cro_wheel_disarm(wheel, &e->timer);
}

/* What must fire next while advancing to `target`: late ones from before the advance
 * in order of arming, then by due and order of arming; late ones armed meanwhile wait.
 */
static entry *model_next(uint64_t target)
{
  entry *best = NULL;

  for (int i = 0; i < timers; i++) {
    entry *e = &entries[i];

    if (e->armed_as == 0 || (e->late && e->armed_as > advance_began))
      continue;
    if (!e->late && e->effective > target)
      continue;
    if (best == NULL || (e->late && !best->late) ||
        (e->late == best->late && !e->late && e->effective < best->effective) ||
        (e->late == best->late && (e->late || e->effective == best->effective) &&
         e->armed_as < best->armed_as))
      best = e;
  }
  return best;
}

static uint64_t far_or_near(void)
{
  static const uint64_t spans[] = { 2, 5, 64, 65, 200, 4096, 5000, 262144, 20000000 };

  return draw(spans[draw(sizeof spans / sizeof *spans)]);
}

static void some_action(uint64_t now)
{
  entry *e = &entries[draw(timers)];

  if (draw(4) == 0)
    model_disarm(e);
  else
    model_arm(e, draw(20) == 0 && now > 10 ? now - draw(10) : now + far_or_near());
}

static uint64_t target;

static void on_fire(cro_timer *timer)
{
  entry *e = CRO_CONTAINER(timer, entry, timer);
  entry *want = model_next(target);

  CHECK(want == e);
  if (want != e)
    exit(1); /* the seed is printed by the caller; what follows would be noise */
  if (!e->late)
    tick = e->effective;
  CHECK(!cro_timer_armed(timer));
  e->armed_as = 0;
  fired++;
  for (uint64_t i = draw(3); i > 0; i--)
    some_action(tick);
}

static size_t model_count(void)
{
  size_t n = 0;

  for (int i = 0; i < timers; i++)
    n += entries[i].armed_as != 0;
  return n;
}

static void model_advance(uint64_t to)
{
  in_advance = true;
  tick = clock_now;
  target = to;
  advance_began = armings;
  cro_wheel_advance(wheel, to);
  CHECK(model_next(to) == NULL);
  in_advance = false;
  clock_now = to;
  /* armed for a tick that lay behind: late from now on in any case */
  for (int i = 0; i < timers; i++)
    CHECK_INT(entries[i].armed_as != 0, cro_timer_armed(&entries[i].timer));
  CHECK_INT(model_count(), cro_wheel_count(wheel));
}

/* next is never after the first due time, never in the past, and always progress. */
static void check_next(void)
{
  uint64_t next = cro_wheel_next(wheel), first = UINT64_MAX;
  bool late = false;

  for (int i = 0; i < timers; i++) {
    if (entries[i].armed_as == 0)
      continue;
    late = late || entries[i].late;
    first = entries[i].effective < first ? entries[i].effective : first;
  }
  if (late)
    CHECK_INT(clock_now, next);
  else if (first == UINT64_MAX)
    CHECK(next == UINT64_MAX);
  else if (first >> 6 == clock_now >> 6)
    CHECK_INT(first, next);
  else
    CHECK(next <= first && next > clock_now);
}

static void run_model(uint64_t start, uint64_t with_seed)
{
  seed = with_seed;
  clock_now = start;
  armings = fired = 0;
  CHECK_INT(0, cro_wheel_create(&wheel, start));
  for (int i = 0; i < timers; i++) {
    entries[i] = (entry){ .id = i };
    cro_timer_init(&entries[i].timer, on_fire);
  }
  for (int round = 0; round < 2000; round++) {
    for (uint64_t i = draw(6); i > 0; i--)
      some_action(clock_now);
    check_next();
    model_advance(clock_now + (draw(3) == 0 ? far_or_near() : draw(4)));
  }
  CHECK(fired > 500);
  cro_wheel_destroy(wheel);
}

static void agrees_with_a_naive_model_for_any_sequence(void)
{
  for (uint64_t i = 1; i <= 60; i++)
    run_model(i * 977 % 5000, i * 0x9E3779B97F4A7C15u);
}

static void agrees_with_the_model_near_the_end_of_time_and_at_digit_borders(void)
{
  static const uint64_t starts[] = {
    0, 63, 64, 4095, 262143, (1ull << 36) - 3, (1ull << 60) - 5, UINT64_MAX >> 1
  };

  for (size_t i = 0; i < sizeof starts / sizeof *starts; i++)
    run_model(starts[i], (i + 1) * 0xD1B54A32D192ED03u);
}

/* --- single behaviours -------------------------------------------------------- */

static int order[16], ordered;

typedef struct {
  cro_timer timer;
  int id;
  uint64_t again; /* re-arms itself for this when not 0 */
} noter;

static void note(cro_timer *timer)
{
  noter *n = CRO_CONTAINER(timer, noter, timer);

  if (ordered < 16)
    order[ordered++] = n->id;
  if (n->again != 0)
    cro_wheel_arm(wheel, timer, n->again);
}

static void begin(noter *at, int count, uint64_t now)
{
  ordered = 0;
  CHECK_INT(0, cro_wheel_create(&wheel, now));
  for (int i = 0; i < count; i++) {
    at[i] = (noter){ .id = i };
    cro_timer_init(&at[i].timer, note);
  }
}

static void a_tick_fires_in_the_order_of_arming_across_cascades(void)
{
  noter n[4];

  begin(n, 4, 0);
  cro_wheel_arm(wheel, &n[0].timer, 300000); /* level 3 */
  cro_wheel_advance(wheel, 262144);
  cro_wheel_arm(wheel, &n[1].timer, 300000); /* level 2 */
  cro_wheel_advance(wheel, 299009);
  cro_wheel_arm(wheel, &n[2].timer, 300000); /* level 1 */
  cro_wheel_advance(wheel, 299999);
  cro_wheel_arm(wheel, &n[3].timer, 300000); /* level 0 */
  cro_wheel_advance(wheel, 299999);
  CHECK_INT(0, ordered);
  cro_wheel_advance(wheel, 300000);
  CHECK_INT(4, ordered);
  for (int i = 0; i < 4; i++)
    CHECK_INT(i, order[i]);
  cro_wheel_destroy(wheel);
}

static void a_timer_for_the_present_waits_for_the_next_advance(void)
{
  noter n[1];

  begin(n, 1, 100);
  n[0].again = 100;
  cro_wheel_arm(wheel, &n[0].timer, 50);
  CHECK_INT(100, cro_wheel_next(wheel));
  CHECK(cro_wheel_next_later(wheel) == UINT64_MAX);
  cro_wheel_advance(wheel, 100);
  CHECK_INT(1, ordered);
  CHECK(cro_timer_armed(&n[0].timer));
  cro_wheel_advance(wheel, 100);
  CHECK_INT(2, ordered);
  cro_wheel_destroy(wheel);
  CHECK(!cro_timer_armed(&n[0].timer));
}

static void far_and_near(noter *n)
{
  cro_wheel_arm(wheel, &n[0].timer, UINT64_MAX);
  cro_wheel_arm(wheel, &n[1].timer, UINT64_MAX - 1);
  cro_wheel_arm(wheel, &n[2].timer, 1);
}

static void the_whole_range_of_time_fits(void)
{
  noter n[3];

  begin(n, 3, 0);
  far_and_near(n);
  cro_wheel_advance(wheel, UINT64_MAX - 2);
  CHECK_INT(1, ordered);
  cro_wheel_advance(wheel, UINT64_MAX);
  CHECK_INT(3, ordered);
  CHECK_INT(1, order[1]);
  CHECK_INT(0, cro_wheel_count(wheel));
  cro_wheel_destroy(wheel);
}

static void advancing_by_next_alone_fires_each_timer_at_its_due(void)
{
  noter n[1];
  int steps = 0;

  begin(n, 1, 12345);
  cro_wheel_arm(wheel, &n[0].timer, 12345 + 86400000);
  while (ordered == 0) {
    uint64_t next = cro_wheel_next(wheel);

    CHECK(next <= n[0].timer.due);
    cro_wheel_advance(wheel, next);
    steps++;
  }
  CHECK(steps <= 6); /* one per level at most: an idle loop hardly wakes */
  cro_wheel_destroy(wheel);
}

static noter *victim;

static void disarm_victim(cro_timer *timer)
{
  note(timer);
  cro_wheel_disarm(wheel, &victim->timer);
}

static void a_timer_may_disarm_another_of_the_same_tick(void)
{
  noter n[3];

  begin(n, 3, 0);
  victim = &n[1];
  n[0].timer.fn = disarm_victim;
  for (int i = 0; i < 3; i++)
    cro_wheel_arm(wheel, &n[i].timer, 10);
  cro_wheel_advance(wheel, 10);
  CHECK_INT(2, ordered);
  CHECK_INT(2, order[1]);
  CHECK_INT(0, cro_wheel_count(wheel));
  cro_wheel_destroy(wheel);
}

static void free_itself(cro_timer *timer)
{
  ordered++;
  cro_free(CRO_CONTAINER(timer, noter, timer));
}

static void a_timer_may_free_itself(void)
{
  noter *n = cro_alloc(sizeof *n);

  begin(n, 1, 0);
  n->timer.fn = free_itself;
  cro_wheel_arm(wheel, &n->timer, 5);
  cro_wheel_advance(wheel, 7);
  CHECK_INT(1, ordered);
  cro_wheel_destroy(wheel);
}

static void an_interval_fires_at_every_step_of_one_long_advance(void)
{
  noter n[2];

  begin(n, 2, 0);
  cro_wheel_arm(wheel, &n[0].timer, 100);
  n[0].again = 200; /* the second time it asks for the tick it is in: it must wait */
  cro_wheel_advance(wheel, 1000);
  CHECK_INT(2, ordered);
  CHECK(cro_timer_armed(&n[0].timer));
  n[0].again = 0;
  cro_wheel_advance(wheel, 1000);
  CHECK_INT(3, ordered);
  cro_wheel_destroy(wheel);
}

static void time_that_goes_back_changes_nothing(void)
{
  noter n[1];

  begin(n, 1, 1000);
  cro_wheel_arm(wheel, &n[0].timer, 1010);
  cro_wheel_advance(wheel, 500);
  CHECK_INT(0, ordered);
  CHECK_INT(1010, cro_wheel_next(wheel));
  CHECK_INT(1010, cro_wheel_next_later(wheel));
  cro_wheel_advance(wheel, 1010);
  CHECK_INT(1, ordered);
  cro_wheel_destroy(wheel);
}

static void without_memory_there_is_no_wheel(void)
{
  cro_wheel *none = NULL;

  cro_alloc_fail_at(1);
  CHECK_INT(CRO_E_NOMEM, cro_wheel_create(&none, 0));
  CHECK(none == NULL);
  cro_wheel_destroy(NULL);
}

TEST_MAIN(CASE(agrees_with_a_naive_model_for_any_sequence),
          CASE(agrees_with_the_model_near_the_end_of_time_and_at_digit_borders),
          CASE(a_tick_fires_in_the_order_of_arming_across_cascades),
          CASE(a_timer_for_the_present_waits_for_the_next_advance),
          CASE(the_whole_range_of_time_fits),
          CASE(advancing_by_next_alone_fires_each_timer_at_its_due),
          CASE(a_timer_may_disarm_another_of_the_same_tick),
          CASE(a_timer_may_free_itself),
          CASE(an_interval_fires_at_every_step_of_one_long_advance),
          CASE(time_that_goes_back_changes_nothing),
          CASE(without_memory_there_is_no_wheel))
