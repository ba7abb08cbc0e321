#include "base/arena.h"

#include "base/alloc.h"
#include "base/err.h"
#include "support/test.h"

static char log_text[64];

static void note(void *arg)
{
  strcat(log_text, arg);
}

static void pieces_of_every_size_are_aligned_and_their_own(void)
{
  static const size_t sizes[] = { 1, 15, 16, 17, 100, 2048, 8192, 8193, 16384, 100000 };
  cro_arena *arena = cro_arena_create();
  unsigned char *at[200];

  for (size_t i = 0; i < 200; i++) {
    size_t size = sizes[i % 10];

    at[i] = cro_arena_alloc(arena, size);
    CHECK_INT(0, (uintptr_t)at[i] % 16);
    memset(at[i], (int)i, size);
  }
  for (size_t i = 0; i < 200; i++)
    for (size_t k = 0; k < sizes[i % 10]; k++)
      if (at[i][k] != (unsigned char)i)
        test_fail(__FILE__, __LINE__, "piece %zu was overwritten", i);
  cro_arena_drop(arena);
}

static void clean_ups_run_last_first_when_the_last_hold_goes(void)
{
  cro_arena *arena = cro_arena_create();

  log_text[0] = '\0';
  CHECK_INT(0, cro_arena_defer(arena, note, "a"));
  CHECK_INT(0, cro_arena_defer(arena, note, "b"));
  cro_arena_hold(arena);
  cro_arena_drop(arena);
  CHECK_TEXT("", cro_bytes_of(log_text));
  CHECK_INT(0, cro_arena_defer(arena, note, "c"));
  cro_arena_drop(arena);
  CHECK_TEXT("cba", cro_bytes_of(log_text));
}

static void defer_more(void *arg)
{
  strcat(log_text, "1");
  CHECK_INT(0, cro_arena_defer(arg, note, "2"));
  CHECK(cro_arena_alloc(arg, 5000) != NULL);
}

static void a_clean_up_may_use_the_arena_and_tie_more_to_it(void)
{
  cro_arena *arena = cro_arena_create();

  log_text[0] = '\0';
  CHECK_INT(0, cro_arena_defer(arena, defer_more, arena));
  cro_arena_drop(arena);
  CHECK_TEXT("12", cro_bytes_of(log_text));
}

static void copies_outlive_what_they_were_copied_from(void)
{
  cro_arena *arena = cro_arena_create();
  char text[] = "abc";
  cro_bytes copy = { 0 }, empty = { 0 };

  CHECK_INT(0, cro_arena_copy(arena, (cro_bytes){ text, 3 }, &copy));
  CHECK_INT(0, cro_arena_copy(arena, (cro_bytes){ NULL, 0 }, &empty));
  memset(text, 'x', 3);
  CHECK_TEXT("abc", copy);
  CHECK(empty.at != NULL && empty.len == 0);
  cro_arena_drop(arena);
}

static void size_counts_blocks_and_a_fresh_arena_starts_over(void)
{
  cro_arena *arena = cro_arena_create();
  size_t small = cro_arena_size(arena);

  CHECK(cro_arena_alloc(arena, 50000) != NULL);
  CHECK(cro_arena_size(arena) >= small + 50000);
  cro_arena_drop(arena);
  arena = cro_arena_create();
  CHECK_INT(small, cro_arena_size(arena));
  cro_arena_drop(arena);
}

static void a_piece_of_its_own_leaves_the_current_block_in_use(void)
{
  cro_arena *arena = cro_arena_create();
  size_t size;

  CHECK(cro_arena_alloc(arena, 100) != NULL);
  CHECK(cro_arena_alloc(arena, 20000) != NULL);
  size = cro_arena_size(arena);
  CHECK(cro_arena_alloc(arena, 1000) != NULL);
  CHECK_INT(size, cro_arena_size(arena));
  cro_arena_drop(arena);
}

static void impossible_sizes_are_refused(void)
{
  cro_arena *arena = cro_arena_create();

  CHECK(cro_arena_alloc(arena, SIZE_MAX) == NULL);
  CHECK(cro_arena_alloc(arena, SIZE_MAX - 64) == NULL);
  CHECK(cro_arena_alloc(arena, SIZE_MAX / 2) == NULL);
  CHECK(cro_arena_alloc(arena, 0) != NULL);
  cro_arena_drop(arena);
}

/* Everything an arena does, with the n-th allocation failing; 0 when none did. */
static int exchange(uint64_t n)
{
  cro_bytes out = CRO_B("untouched");
  char big[3000] = { 0 };
  cro_arena *arena;
  int rc = 0;

  cro_arena_trim();
  cro_alloc_fail_at(n);
  arena = cro_arena_create();
  if (arena == NULL)
    return CRO_E_NOMEM;
  log_text[0] = '\0';
  for (int i = 0; i < 5 && rc == 0; i++) {
    out = CRO_B("untouched");
    rc = cro_arena_copy(arena, (cro_bytes){ big, sizeof big }, &out);
    if (rc == 0)
      rc = cro_arena_defer(arena, note, "x");
  }
  if (rc != 0)
    CHECK(out.at == big || out.len == 3000 || cro_bytes_eq(out, CRO_B("untouched")));
  if (rc == 0 && cro_arena_alloc(arena, 100000) == NULL)
    rc = CRO_E_NOMEM;
  cro_arena_drop(arena);
  return rc;
}

static void survives_the_failure_of_any_allocation(void)
{
  uint64_t n = 1;

  while (exchange(n) == CRO_E_NOMEM)
    n++;
  CHECK(n >= 4);
  cro_alloc_fail_at(0);
}

TEST_MAIN(CASE(pieces_of_every_size_are_aligned_and_their_own),
          CASE(clean_ups_run_last_first_when_the_last_hold_goes),
          CASE(a_clean_up_may_use_the_arena_and_tie_more_to_it),
          CASE(copies_outlive_what_they_were_copied_from),
          CASE(size_counts_blocks_and_a_fresh_arena_starts_over),
          CASE(a_piece_of_its_own_leaves_the_current_block_in_use),
          CASE(impossible_sizes_are_refused),
          CASE(survives_the_failure_of_any_allocation))
