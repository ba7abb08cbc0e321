#include "base/err.h"

#include "support/test.h"

#include <errno.h>

#define CODE(name, number, kind, text, grade) { CRO_E_##name, kind, text },
static const struct {
  int code;
  const char *kind, *text;
} rows[] = { CRO_ERRORS(CODE) };

enum { row_count = sizeof rows / sizeof *rows };

static void codes_are_negative_and_names_differ(void)
{
  for (int i = 0; i < row_count; i++) {
    CHECK(rows[i].code < 0);
    CHECK_TEXT(rows[i].kind, cro_bytes_of(cro_err_kind(rows[i].code)));
    CHECK_TEXT(rows[i].text, cro_bytes_of(cro_err_text(rows[i].code)));
    for (int k = 0; k < i; k++)
      CHECK(rows[i].code != rows[k].code && strcmp(rows[i].kind, rows[k].kind) != 0);
  }
}

static void what_is_no_code_is_unknown(void)
{
  CHECK_TEXT("unknown", cro_bytes_of(cro_err_kind(0)));
  CHECK_TEXT("unknown", cro_bytes_of(cro_err_kind(-9999)));
  CHECK_INT(CRO_GRADE_PROCESS, cro_err_grade(-9999));
}

static void grades_say_what_is_left(void)
{
  CHECK_INT(CRO_GRADE_CONNECTION, cro_err_grade(CRO_E_RESET));
  CHECK_INT(CRO_GRADE_STREAM, cro_err_grade(CRO_E_NOMEM));
}

static void errno_values_have_a_code(void)
{
  CHECK_INT(CRO_E_ADDRINUSE, cro_err_from_errno(EADDRINUSE));
  CHECK_INT(CRO_E_PIPE, cro_err_from_errno(EPIPE));
  CHECK_INT(CRO_E_AGAIN, cro_err_from_errno(EWOULDBLOCK));
  CHECK_INT(CRO_E_NOTDIR, cro_err_from_errno(ENOTDIR));
  CHECK_INT(CRO_E_NOSPC, cro_err_from_errno(EDQUOT));
  CHECK_INT(CRO_E_IO, cro_err_from_errno(EIO));
  CHECK_INT(CRO_E_IO, cro_err_from_errno(123456));
}

TEST_MAIN(CASE(codes_are_negative_and_names_differ), CASE(what_is_no_code_is_unknown),
          CASE(grades_say_what_is_left), CASE(errno_values_have_a_code))
