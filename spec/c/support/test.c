#include "support/test.h"

#include "base/alloc.h"
#include "base/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

static int failures;

void test_fail(const char *file, int line, const char *format, ...)
{
  va_list args;

  failures++;
  fprintf(stderr, "%s:%d: ", file, line);
  va_start(args, format);
  vfprintf(stderr, format, args);
  va_end(args);
  fputc('\n', stderr);
}

void test_int(const char *file, int line, const char *what, int64_t want, int64_t got)
{
  if (want != got)
    test_fail(file, line, "%s: want %lld, got %lld", what, (long long)want,
              (long long)got);
}

void test_bytes(const char *file, int line, const char *what, cro_bytes want,
                cro_bytes got)
{
  if (!cro_bytes_eq(want, got))
    test_fail(file, line, "%s: want \"%.*s\", got \"%.*s\"", what, (int)want.len,
              want.at, (int)got.len, got.at);
}

uint64_t test_live(uint64_t want)
{
  for (int i = 0; i < 3000 && cro_alloc_live() > want; i++)
    usleep(1000);
  return cro_alloc_live();
}

int test_failures(void)
{
  return failures;
}

static int run_case(const test_case *item)
{
  uint64_t live = cro_alloc_live();
  int before = failures;

  item->run();
  cro_arena_trim();
  if (test_live(live) > live)
    test_fail(item->name, 0, "leaks %llu blocks",
              (unsigned long long)(cro_alloc_live() - live));
  printf("%s %s\n", failures == before ? "ok  " : "FAIL", item->name);
  return failures == before ? 0 : 1;
}

int test_run(const test_case *cases, size_t count)
{
  size_t failed = 0;

  for (size_t i = 0; i < count; i++)
    failed += (size_t)run_case(&cases[i]);
  printf("%zu passed, %zu failed\n", count - failed, failed);
  return failed == 0 ? 0 : 1;
}
