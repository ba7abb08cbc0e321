#include "base/date.h"

#include "base/wall.h"
#include "http/h1.h"

_Static_assert(CRO_DATE_LINE_LENGTH == sizeof "Date: \r\n" - 1 + CRO_DATE_LENGTH,
               "the field line around a date");

/* One line per second: formatting a date for each answer would cost more than the rest
 * of its head. */
const char *cro_http_date_line(void)
{
  static char line[CRO_DATE_LINE_LENGTH + 1] =
      "Date: .............................\r\n";
  static int64_t written = INT64_MIN;
  int64_t now = cro_wall_seconds();

  if (now != written) {
    written = now;
    cro_date_format(written, line + sizeof "Date: " - 1);
  }
  return line;
}
