#include "base/check.h"

#include <stdio.h>
#include <stdlib.h>

_Noreturn void cro_check_failed(const char *what, const char *file, int line)
{
  fprintf(stderr, "crolua: internal check failed: %s (%s:%d)\n", what, file, line);
  fflush(stderr);
  abort();
}
