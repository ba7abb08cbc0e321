/* base/number.h - doubles to decimal text and back, exactly.
 *
 * What is written is read back as the same double; what is read is the double
 * nearest to the text. Short texts take a fast exact path, the rest the C library
 * under its "C" locale, whatever locale the process has.
 */
#ifndef CRO_BASE_NUMBER_H
#define CRO_BASE_NUMBER_H

#include "base/bytes.h"

#include <stdint.h>

enum { CRO_NUMBER_MAX = 32 }; /* bytes that cro_number_format may write */

/* Writes a finite number and returns the length; no NUL. Integers below 2^53 have
 * all their digits, others the fewest of 15 to 17 digits that read back equal, without
 * trailing zeros. */
size_t cro_number_format(double number, char out[CRO_NUMBER_MAX]);

/* digits * 10^power, when that takes a single rounding: true, or false and *out as it
 * was. */
bool cro_number_scale(uint64_t digits, int64_t power, double *out);

/* Reads -?digits(.digits)?([eE][+-]?digits)? at the start of `in` and returns its
 * length, 0 when there is none. Takes leading zeros. *out may be infinite. */
size_t cro_number_scan(cro_bytes in, double *out);

/* The same for all of `in`: 0 or CRO_E_SYNTAX. */
int cro_number_parse(cro_bytes in, double *out);

#endif
