#include "base/date.h"

#include "http/h1.h"

#include <time.h>

/* One string per second: formatting a date for each answer would cost more than the
 * rest of its head. */
cro_bytes cro_http_date_now(void)
{
  static char text[CRO_DATE_LENGTH];
  static int64_t written = INT64_MIN;
  struct timespec now = { 0 };

  clock_gettime(CLOCK_REALTIME_COARSE, &now);
  if (now.tv_sec != written) {
    written = now.tv_sec;
    cro_date_format(written, text);
  }
  return (cro_bytes){ text, sizeof text };
}
