/* support/test.h - the C test harness: cases are functions, checks print both sides.
 *
 *   static void a_line_cut_anywhere_is_one_line(void) { CHECK_INT(3, n); }
 *   TEST_MAIN(CASE(a_line_cut_anywhere_is_one_line))
 *
 * A program exits 0 when every case passed and no block of the core's allocator is
 * left; its last line is "N passed, M failed".
 */
#ifndef CRO_SPEC_SUPPORT_TEST_H
#define CRO_SPEC_SUPPORT_TEST_H

#include "base/bytes.h"

#include <stdint.h>

typedef struct test_case {
  const char *name;
  void (*run)(void);
} test_case;

void test_fail(const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void test_int(const char *file, int line, const char *what, int64_t want, int64_t got);
void test_bytes(const char *file, int line, const char *what, cro_bytes want,
                cro_bytes got);
/* Blocks of the core's allocator, once they are `want` or after 3 s: a thread that
 * looks a name up may still be about to free what is its own. */
uint64_t test_live(uint64_t want);
/* Checks that have failed so far, in all cases. */
int test_failures(void);
int test_run(const test_case *cases, size_t count);

#define CHECK(what)                                                                    \
  ((what) ? (void)0 : test_fail(__FILE__, __LINE__, "%s does not hold", #what))
#define CHECK_INT(want, got)                                                           \
  test_int(__FILE__, __LINE__, #got, (int64_t)(want), (int64_t)(got))
#define CHECK_BYTES(want, got) test_bytes(__FILE__, __LINE__, #got, (want), (got))
#define CHECK_TEXT(want, got)                                                          \
  test_bytes(__FILE__, __LINE__, #got, cro_bytes_of(want), (got))

#define CASE(name)                                                                     \
  {                                                                                    \
#name, name                                                                        \
  }
#define TEST_MAIN(...)                                                                 \
  int main(void)                                                                       \
  {                                                                                    \
    static const test_case cases[] = { __VA_ARGS__ };                                  \
    return test_run(cases, sizeof cases / sizeof *cases);                              \
  }

#endif
