#include "base/wheel.h"

#include "base/alloc.h"
#include "base/check.h"
#include "base/err.h"

/* Time is read as a number of 6-bit digits. A timer waits at the level of the
 * highest digit in which its due time and now differ, in the slot that digit names.
 * So every timer of level L fires before any timer of level L + 1, a slot is only
 * ever behind the digit of now for as long as it takes to empty it, and the level
 * of an armed timer can be computed at any moment.
 *
 * When now reaches the first millisecond of a slot, its timers move down before
 * anything else can be armed: that keeps timers of one tick in the order of arming. */
enum {
  digit_bits = 6,
  slots = 1 << digit_bits,
  levels = (64 + digit_bits - 1) / digit_bits /* any uint64_t fits: no overflow list */
};

struct cro_wheel {
  uint64_t now;
  size_t count;
  bool advancing;
  cro_list late;   /* armed for a time that had passed: the next advance fires them */
  cro_list firing; /* due at now, in the order they will be called */
  uint64_t used[levels]; /* bit s: slot[level][s] is not empty */
  cro_list slot[levels][slots];
};

static int level_of(uint64_t now, uint64_t due)
{
  return (63 - __builtin_clzll(now ^ due)) / digit_bits;
}

static int digit_of(uint64_t time, int level)
{
  return (int)(time >> (level * digit_bits)) & (slots - 1);
}

/* The first millisecond of a slot, given that all higher digits are those of now. */
static uint64_t slot_start(uint64_t now, int level, int digit)
{
  int shift = level * digit_bits;
  int above = shift + digit_bits;
  uint64_t high = above < 64 ? now >> above << above : 0;

  return high | (uint64_t)digit << shift;
}

/* The first slot in time that holds a timer; false when none does. */
static bool first_slot(const cro_wheel *wheel, int *level, int *digit)
{
  for (int i = 0; i < levels; i++) {
    if (wheel->used[i] == 0)
      continue;
    *level = i;
    *digit = __builtin_ctzll(wheel->used[i]);
    return true;
  }
  return false;
}

/* due must be after now. */
static void place(cro_wheel *wheel, cro_timer *timer)
{
  int level = level_of(wheel->now, timer->due);
  int digit = digit_of(timer->due, level);

  cro_list_push(&wheel->slot[level][digit], &timer->node);
  wheel->used[level] |= UINT64_C(1) << digit;
}

/* A slot that became empty must not be found by first_slot. */
static void forget_if_empty(cro_wheel *wheel, uint64_t due)
{
  int level, digit;

  if (due <= wheel->now)
    return; /* it was late or firing */
  level = level_of(wheel->now, due);
  digit = digit_of(due, level);
  if (cro_list_empty(&wheel->slot[level][digit]))
    wheel->used[level] &= ~(UINT64_C(1) << digit);
}

/* Goes to the start of a slot and moves its timers to where they belong now. */
static void enter_slot(cro_wheel *wheel, int level, int digit)
{
  cro_list moved;
  cro_list *node;

  cro_list_init(&moved);
  cro_list_splice(&moved, &wheel->slot[level][digit]);
  wheel->used[level] &= ~(UINT64_C(1) << digit);
  wheel->now = slot_start(wheel->now, level, digit);
  while ((node = cro_list_shift(&moved)) != NULL) {
    cro_timer *timer = CRO_CONTAINER(node, cro_timer, node);

    if (timer->due == wheel->now)
      cro_list_push(&wheel->firing, node);
    else
      place(wheel, timer);
  }
}

static void fire(cro_wheel *wheel)
{
  cro_list *node;

  while ((node = cro_list_shift(&wheel->firing)) != NULL) {
    cro_timer *timer = CRO_CONTAINER(node, cro_timer, node);

    wheel->count--;
    timer->fn(timer);
  }
}

static void disarm_all(cro_list *list)
{
  while (cro_list_shift(list) != NULL)
    ;
}

int cro_wheel_create(cro_wheel **out, uint64_t now)
{
  cro_wheel *wheel = cro_alloc_zero(sizeof *wheel);

  if (wheel == NULL)
    return CRO_E_NOMEM;
  wheel->now = now;
  cro_list_init(&wheel->late);
  cro_list_init(&wheel->firing);
  for (int level = 0; level < levels; level++)
    for (int digit = 0; digit < slots; digit++)
      cro_list_init(&wheel->slot[level][digit]);
  *out = wheel;
  return 0;
}

void cro_wheel_destroy(cro_wheel *wheel)
{
  if (wheel == NULL)
    return;
  cro_check(!wheel->advancing);
  disarm_all(&wheel->late);
  for (int level = 0; level < levels; level++)
    for (int digit = 0; digit < slots; digit++)
      disarm_all(&wheel->slot[level][digit]);
  cro_free(wheel);
}

void cro_timer_init(cro_timer *timer, void (*fn)(cro_timer *timer))
{
  cro_list_init(&timer->node);
  timer->due = 0;
  timer->fn = fn;
}

void cro_wheel_arm(cro_wheel *wheel, cro_timer *timer, uint64_t due)
{
  cro_wheel_disarm(wheel, timer);
  timer->due = due;
  wheel->count++;
  if (due <= wheel->now)
    cro_list_push(&wheel->late, &timer->node);
  else
    place(wheel, timer);
}

void cro_wheel_disarm(cro_wheel *wheel, cro_timer *timer)
{
  if (!cro_timer_armed(timer))
    return;
  cro_list_remove(&timer->node);
  wheel->count--;
  forget_if_empty(wheel, timer->due);
}

void cro_wheel_advance(cro_wheel *wheel, uint64_t now)
{
  int level, digit;

  cro_check(!wheel->advancing);
  wheel->advancing = true;
  cro_list_splice(&wheel->firing, &wheel->late);
  fire(wheel);
  while (first_slot(wheel, &level, &digit) &&
         slot_start(wheel->now, level, digit) <= now) {
    enter_slot(wheel, level, digit);
    fire(wheel);
  }
  if (now > wheel->now)
    wheel->now = now;
  wheel->advancing = false;
}

uint64_t cro_wheel_next_later(const cro_wheel *wheel)
{
  int level, digit;

  if (!first_slot(wheel, &level, &digit))
    return UINT64_MAX;
  return slot_start(wheel->now, level, digit);
}

uint64_t cro_wheel_next(const cro_wheel *wheel)
{
  return cro_list_empty(&wheel->late) ? cro_wheel_next_later(wheel) : wheel->now;
}

size_t cro_wheel_count(const cro_wheel *wheel)
{
  return wheel->count;
}
