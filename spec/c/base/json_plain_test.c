/* The verdicts again, by the scanner as it is built where there is no SSE2. */
#undef __SSE2__
#include "base/json_scan.c"
#include "base/json_verdict_test.c"
