/* base/date.h - dates as HTTP writes them: always UTC, always English.
 *
 * Formats the one form RFC 9110 lets us send; reads the three it makes us accept:
 *   Sun, 06 Nov 1994 08:49:37 GMT    IMF-fixdate
 *   Sunday, 06-Nov-94 08:49:37 GMT   RFC 850
 *   Sun Nov  6 08:49:37 1994         asctime
 * Seconds count from 1970-01-01 00:00:00 UTC, without leap seconds. No clock is read
 * and no locale or time zone of the system matters.
 */
#ifndef CRO_BASE_DATE_H
#define CRO_BASE_DATE_H

#include "base/bytes.h"

#include <stdint.h>

enum { CRO_DATE_LENGTH = 29 };

/* Writes exactly CRO_DATE_LENGTH bytes, no NUL. Times outside of the years 0000 to
 * 9999 become the nearest time inside. */
void cro_date_format(int64_t seconds, char out[CRO_DATE_LENGTH]);

/* CRO_E_SYNTAX for anything that is none of the three forms or no real day; the name
 * of the weekday must be one but need not fit. A second of 60 counts as 59. The two
 * digits of an RFC 850 year are read as the century that is not more than 50 years
 * after `now`. */
int cro_date_parse(cro_bytes in, int64_t now, int64_t *out);

/* A day of the proleptic Gregorian calendar. */
typedef struct cro_civil {
  int64_t year;
  int month; /* 1 to 12 */
  int day;   /* 1 to 31 */
} cro_civil;

/* The date of a day counted from 1970-01-01 (negative: before), and back; a date that
 * does not exist is not looked for. */
cro_civil cro_civil_from_days(int64_t days);
int64_t cro_days_from_civil(cro_civil date);

#endif
