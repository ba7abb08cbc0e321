#include "net/process.h"

#include "base/alloc.h"
#include "base/check.h"
#include "base/err.h"
#include "net/net.h"
#include "net/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

struct cro_process {
  cro_list node; /* loop->processes, until reaped */
  cro_loop *loop;
  pid_t pid;
  cro_timer deadline; /* SIGKILL */
  uint64_t due;       /* of the deadline; 0: none */
  void (*exited)(void *arg, int code, int number);
  void *arg;
  int status; /* what waitpid said */
  bool group; /* signals go to the process group it leads */
  bool detached;
};

/* --- reaping -------------------------------------------------------------------------
 */

/* True when it is gone. ECHILD: somebody else has waited for it. */
static bool reap(cro_process *process)
{
  pid_t pid;

  do
    pid = waitpid(process->pid, &process->status, WNOHANG);
  while (pid < 0 && errno == EINTR);
  if (pid < 0)
    process->status = -1;
  return pid != 0;
}

static void tell(const cro_process *process)
{
  int status = process->status;

  if (process->exited == NULL)
    return;
  if (status == -1)
    process->exited(process->arg, -1, 0);
  else if (WIFEXITED(status))
    process->exited(process->arg, WEXITSTATUS(status), 0);
  else
    process->exited(process->arg, -1, WTERMSIG(status));
}

/* SIGCHLD is watched while there are processes, and keeps the loop running then. */
static void unwatch(cro_loop *loop)
{
  if (cro_list_empty(&loop->processes))
    uv_signal_stop(&loop->child);
}

static void end(cro_process *process)
{
  cro_loop *loop = process->loop;

  cro_loop_disarm(loop, &process->deadline);
  loop->process_count--;
  unwatch(loop);
  tell(process);
  cro_free(process);
}

/* One signal may stand for many, so all are asked; told when all were, since what is
 * told may start others. */
static void reap_all(cro_loop *loop)
{
  cro_list gone, *node, *next;

  cro_list_init(&gone);
  for (node = loop->processes.next; node != &loop->processes; node = next) {
    next = node->next;
    if (!reap(CRO_CONTAINER(node, cro_process, node)))
      continue;
    cro_list_remove(node);
    cro_list_push(&gone, node);
  }
  while ((node = cro_list_shift(&gone)) != NULL)
    end(CRO_CONTAINER(node, cro_process, node));
}

static void on_child(uv_signal_t *child, int number)
{
  (void)number;
  reap_all(child->data);
}

static int watch(cro_loop *loop)
{
  int rc = 0;

  if (!loop->child_known)
    rc = uv_signal_init(&loop->uv, &loop->child);
  if (rc != 0)
    return cro_net_err(rc);
  loop->child_known = true;
  loop->child.data = loop;
  return cro_net_err(uv_signal_start(&loop->child, on_child, SIGCHLD));
}

/* --- signals -------------------------------------------------------------------------
 */

int cro_process_kill(cro_process *process, int number)
{
  pid_t to = process->group ? -process->pid : process->pid;

  return kill(to, number) == 0 ? 0 : cro_err_from_errno(errno);
}

static void on_deadline(cro_timer *timer)
{
  cro_process *process = CRO_CONTAINER(timer, cro_process, deadline);

  (void)cro_process_kill(process, SIGKILL);
}

void cro_process_stop(cro_process *process, int number, uint64_t ms)
{
  uint64_t due = cro_loop_now(process->loop) + ms;

  (void)cro_process_kill(process, number);
  if (process->due != 0 && process->due <= due)
    return;
  process->due = due;
  cro_loop_arm(process->loop, &process->deadline, due);
}

size_t cro_processes_end(cro_loop *loop, int number)
{
  size_t count = 0;

  for (cro_list *node = loop->processes.next; node != &loop->processes;
       node = node->next) {
    cro_process *process = CRO_CONTAINER(node, cro_process, node);

    if (process->detached)
      continue;
    if (number != 0)
      (void)cro_process_kill(process, number);
    count++;
  }
  return count;
}

/* --- life ----------------------------------------------------------------------------
 */

int cro_process_pid(const cro_process *process)
{
  return (int)process->pid;
}

void cro_process_forget(cro_process *process)
{
  process->exited = NULL;
}

static cro_process *create(cro_loop *loop, const cro_spawn_options *options)
{
  cro_process *process = cro_alloc_zero(sizeof *process);

  if (process == NULL)
    return NULL;
  cro_list_init(&process->node);
  cro_timer_init(&process->deadline, on_deadline);
  process->loop = loop;
  process->group = options->group || options->session;
  process->detached = options->detached;
  return process;
}

int cro_spawn(cro_process **out, cro_loop *loop, const cro_spawn_options *options,
              cro_spawn_step *step, void (*exited)(void *arg, int code, int number),
              void *arg)
{
  cro_process *process;
  int rc;

  *step = CRO_SPAWN_START;
  if (loop->destroying)
    return CRO_E_CLOSED;
  process = create(loop, options);
  if (process == NULL)
    return CRO_E_NOMEM;
  rc = watch(loop);
  if (rc == 0)
    rc = net_spawn(&process->pid, options, step);
  if (rc != 0) {
    if (loop->child_known)
      unwatch(loop);
    cro_free(process);
    return rc;
  }
  process->exited = exited;
  process->arg = arg;
  cro_list_push(&loop->processes, &process->node);
  loop->process_count++;
  *out = process;
  return 0;
}

/* Who has been killed is gone soon, unless the kernel itself hangs. */
static void wait_for_killed(cro_loop *loop)
{
  enum { naps = 1000 };
  static const struct timespec nap = { .tv_nsec = 1000000 };

  for (int i = 0; i < naps && cro_processes_end(loop, SIGKILL) > 0; i++) {
    reap_all(loop);
    if (cro_processes_end(loop, 0) > 0)
      (void)nanosleep(&nap, NULL);
  }
}

void net_processes_close(cro_loop *loop)
{
  wait_for_killed(loop);
  while (!cro_list_empty(&loop->processes)) {
    cro_process *process = CRO_CONTAINER(loop->processes.next, cro_process, node);

    cro_list_remove(&process->node);
    process->exited = NULL;
    end(process);
  }
  if (loop->child_known)
    uv_close((uv_handle_t *)&loop->child, NULL);
  loop->child_known = false;
}

/* --- pipes
 * ---------------------------------------------------------------------------- */

int cro_pipe_open(int fds[2])
{
  return pipe2(fds, O_CLOEXEC) == 0 ? 0 : cro_err_from_errno(errno);
}

void cro_fd_close(int fd)
{
  if (fd >= 0)
    close(fd);
}
