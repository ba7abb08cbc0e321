#include "net/loop.h"

#include <sys/resource.h>

/* Of a file limit that says "none". */
enum { plenty = 1 << 30 };

static uint64_t count_of(rlim_t limit)
{
  return limit == RLIM_INFINITY || limit > plenty ? plenty : (uint64_t)limit;
}

uint64_t cro_net_files(uint64_t wanted)
{
  struct rlimit limit;

  if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
    return plenty;
  if (count_of(limit.rlim_cur) >= wanted || limit.rlim_cur == limit.rlim_max)
    return count_of(limit.rlim_cur);
  limit.rlim_cur = limit.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
    (void)getrlimit(RLIMIT_NOFILE, &limit);
  return count_of(limit.rlim_cur);
}
