/* net/process.h - child processes: started, signalled, reaped; pipes and terminals for
 * them.
 *
 * Owns every process it has started until that has ended and been reaped, which it
 * learns of by SIGCHLD through the loop. Never waits for a process of somebody else
 * (system, popen), never kills one that is reaped already, and never owns the
 * descriptors a child is given: they are read while cro_spawn runs, and the caller
 * closes its copies. A child gets descriptors 0, 1 and 2 and no others, whatever this
 * process has open.
 */
#ifndef CRO_NET_PROCESS_H
#define CRO_NET_PROCESS_H

#include "net/tcp.h"

typedef struct cro_process cro_process;

enum { CRO_SPAWN_NULL = -1 }; /* a descriptor of /dev/null */

/* What was being done when a process could not be started. */
typedef enum cro_spawn_step {
  CRO_SPAWN_START,    /* no memory, no more processes, no more descriptors */
  CRO_SPAWN_TERMINAL, /* a session of its own, and its terminal */
  CRO_SPAWN_CWD,      /* its working directory */
  CRO_SPAWN_IDS,      /* its user and group */
  CRO_SPAWN_EXEC,     /* the command itself */
} cro_spawn_step;

/* All strings end with NUL and are read while cro_spawn runs only. */
typedef struct cro_spawn_options {
  const char *file;  /* with a slash: as it is; else looked for in its PATH */
  char *const *args; /* args[0] is the name it sees; ends with NULL */
  char *const *env;  /* "NAME=value", ends with NULL; NULL: that of this process */
  const char *cwd;   /* NULL: that of this process */
  int fds[3];       /* what becomes 0, 1 and 2: open ones, or CRO_SPAWN_NULL. A standard
                     * one in its own place that is closed here is null too */
  bool session;     /* leads a session of its own, without a terminal */
  bool terminal;    /* with `session`: fds[0] becomes its controlling terminal */
  bool group;       /* leads a process group, which signals go to */
  bool detached;    /* outlives this process: cro_processes_end leaves it alone */
  int64_t uid, gid; /* negative: unchanged */
} cro_spawn_options;

/* Starts a process. When it could not be started the answer is negative, `*step` says
 * where it failed and `exited` is never called. Else exited(arg, code, signal) is
 * called once, by the loop, when it has been reaped: code >= 0, or -1 with the signal
 * that ended it (0: somebody else has reaped it); the cro_process ends with that call.
 */
int cro_spawn(cro_process **out, cro_loop *loop, const cro_spawn_options *options,
              cro_spawn_step *step, void (*exited)(void *arg, int code, int number),
              void *arg);

/* Also when it has ended, until `exited` is called. */
int cro_process_pid(const cro_process *process);

/* Sends a signal to it, or to its group when it leads one. 0 or CRO_E_ACCESS, ... */
int cro_process_kill(cro_process *process, int number);

/* Sends a signal, and SIGKILL if it is still there after so many ms. The second call
 * and every later one sends the signal only, or brings SIGKILL nearer. */
void cro_process_stop(cro_process *process, int number, uint64_t ms);

/* `exited` is not called any more; the process goes on, and is reaped still. */
void cro_process_forget(cro_process *process);

/* The end of the program: has every process that is not detached stop, by `number`.
 * How many there are. */
size_t cro_processes_end(cro_loop *loop, int number);

/* --- what connects them ------------------------------------------------------------
 */

/* A pipe: fds[0] is read, fds[1] written. Blocking, as children expect; close-on-exec.
 * 0 or CRO_E_MFILE, ... */
int cro_pipe_open(int fds[2]);

/* A pseudo-terminal of that size: the program's side and the child's side.
 * Close-on-exec, not the terminal of this process. 0 or a cro_err. */
int cro_pty_open(int *master, int *slave, int cols, int rows);

/* Another size for the terminal whose master the connection carries; its foreground
 * processes get SIGWINCH. CRO_E_CLOSED, or CRO_E_NOTSUP when it is no terminal. */
int cro_pty_resize(cro_tcp *master, int cols, int rows);

/* Closes a descriptor that nobody has taken over; a negative one is ignored. */
void cro_fd_close(int fd);

#endif
