/* net/spawn.h - the moment of birth: from one process two.
 *
 * Owns nothing when it has returned. The child shares this process's memory until it
 * has become the command (vfork), so that starting one costs the same however large
 * this process is, and its errors need no pipe. Until then it makes system calls only.
 */
#ifndef CRO_NET_SPAWN_H
#define CRO_NET_SPAWN_H

#include "net/process.h"

#include <sys/types.h>

/* 0 with the process id; the child runs the command by then. Else a cro_err and where
 * it failed; no child is left. */
int net_spawn(pid_t *out, const cro_spawn_options *options, cro_spawn_step *step);

#endif
