#include "base/alloc.h"

#include "support/test.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static void counts_live_blocks(void)
{
  uint64_t before = cro_alloc_live();
  void *a = cro_alloc(1), *b = cro_alloc_zero(10), *c = cro_realloc(NULL, 5);

  CHECK_INT(before + 3, cro_alloc_live());
  c = cro_realloc(c, 5000);
  CHECK_INT(before + 3, cro_alloc_live());
  cro_free(a);
  cro_free(b);
  cro_free(c);
  cro_free(NULL);
  CHECK_INT(before, cro_alloc_live());
}

static void zeroed_memory_is_zero(void)
{
  char *at = cro_alloc_zero(1000);

  for (int i = 0; i < 1000; i++)
    CHECK_INT(0, at[i]);
  cro_free(at);
}

static void the_nth_call_fails_once_whatever_it_is(void)
{
  uint64_t before = cro_alloc_live();
  char *a, *b;

  cro_alloc_fail_at(2);
  a = cro_alloc(4);
  CHECK(a != NULL && cro_alloc_zero(4) == NULL);
  b = cro_alloc_zero(4);
  CHECK(b != NULL);
  cro_free(b);
  memcpy(a, "old", 4);
  cro_alloc_fail_at(1);
  CHECK(cro_realloc(a, 4000) == NULL);
  CHECK_TEXT("old", cro_bytes_of(a));
  cro_alloc_fail_at(1);
  CHECK(cro_realloc(NULL, 10) == NULL);
  cro_free(a);
  CHECK_INT(before, cro_alloc_live());
}

static void the_environment_can_ask_for_a_failure(void)
{
  void *block;

  setenv("CRO_FAIL_ALLOC", "1", 1);
  cro_alloc_init();
  CHECK(cro_alloc(1) == NULL);
  unsetenv("CRO_FAIL_ALLOC");
  cro_alloc_init();
  block = cro_alloc(1);
  CHECK(block != NULL);
  cro_free(block);
}

static void *churn(void *arg)
{
  for (int i = 0; i < 20000; i++)
    cro_free(cro_alloc(16));
  return arg;
}

static void counts_exactly_when_threads_allocate_at_once(void)
{
  uint64_t before = cro_alloc_live();
  pthread_t threads[4];

  for (int i = 0; i < 4; i++)
    CHECK_INT(0, pthread_create(&threads[i], NULL, churn, NULL));
  for (int i = 0; i < 4; i++)
    CHECK_INT(0, pthread_join(threads[i], NULL));
  CHECK_INT(before, cro_alloc_live());
}

static long resident_pages(void)
{
  long size = 0, resident = 0;
  FILE *file = fopen("/proc/self/statm", "r");

  if (file == NULL)
    return -1;
  if (fscanf(file, "%ld %ld", &size, &resident) != 2)
    resident = -1;
  fclose(file);
  return resident;
}

/* One block at the end keeps the C library from shrinking its heap by itself. */
static void trimming_gives_memory_back_to_the_system(void)
{
  enum { storm = 20000, size = 1000 };
  static void *blocks[storm];
  long full;
  void *last;

  for (int i = 0; i < storm; i++)
    memset(blocks[i] = cro_alloc(size), 1, size);
  last = cro_alloc(size);
  full = resident_pages();
  for (int i = 0; i < storm; i++)
    cro_free(blocks[i]);
  cro_alloc_trim();
#if !defined(CRO_SANITIZE) && defined(__GLIBC__)
  if (full > 0)
    CHECK(resident_pages() < full - storm * (long)size / 4096 / 2);
#endif
  (void)full;
  cro_free(last);
}

TEST_MAIN(CASE(counts_live_blocks), CASE(zeroed_memory_is_zero),
          CASE(the_nth_call_fails_once_whatever_it_is),
          CASE(the_environment_can_ask_for_a_failure),
          CASE(trimming_gives_memory_back_to_the_system),
          CASE(counts_exactly_when_threads_allocate_at_once))
