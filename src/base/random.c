#include "base/random.h"

#include "base/err.h"

#include <sys/random.h>

/* getentropy(3) exists on Linux, the BSDs and macOS, is never interrupted, and gives
 * at most 256 bytes a call. */
enum { most = 256 };

int cro_random(void *out, size_t size)
{
  char *at = out;

  while (size > 0) {
    size_t part = size < most ? size : most;

    if (getentropy(at, part) != 0)
      return CRO_E_IO;
    at += part;
    size -= part;
  }
  return 0;
}
