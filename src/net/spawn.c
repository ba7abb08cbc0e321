#include "net/spawn.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "base/err.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* What the child needs, made before it is born; and what it says back. */
typedef struct birth {
  const cro_spawn_options *options;
  cro_buf candidates; /* paths to try, each with its NUL, then an empty one */
  char **args;        /* args[0] is room for a shell, the command's own follow */
  char *const *env;
  sigset_t mask;
  volatile int error; /* errno; 0: it is the command now */
  volatile cro_spawn_step step;
} birth;

/* --- where the command may be ------------------------------------------------------
 */

static int add_candidate(cro_buf *out, cro_bytes folder, cro_bytes file)
{
  int rc = cro_buf_reserve(out, folder.len + file.len + 3);

  if (rc != 0)
    return rc;
  (void)cro_buf_add(out, folder);
  if (folder.len > 0)
    (void)cro_buf_add_byte(out, '/');
  (void)cro_buf_add(out, file);
  return cro_buf_add_byte(out, '\0');
}

static cro_bytes search_path(char *const *env)
{
  for (; *env != NULL; env++)
    if (strncmp(*env, "PATH=", 5) == 0)
      return cro_bytes_of(*env + 5);
  return cro_bytes_of("/bin:/usr/bin"); /* as execvp does */
}

/* Up to the next colon; an empty part is the working directory. */
static cro_bytes next_folder(cro_bytes *path)
{
  cro_bytes folder = cro_bytes_take(path, cro_bytes_find(*path, ':'));

  (void)cro_bytes_take(path, 1);
  return folder;
}

static int find_candidates(birth *self)
{
  cro_bytes file = cro_bytes_of(self->options->file);
  cro_bytes path = search_path(self->env);
  int rc = 0;

  if (file.len == 0 || cro_bytes_find(file, '/') < file.len)
    path.len = 0;
  else
    while (rc == 0 && path.len > 0)
      rc = add_candidate(&self->candidates, next_folder(&path), file);
  if (rc == 0 && self->candidates.len == 0)
    rc = add_candidate(&self->candidates, (cro_bytes){ 0 }, file);
  return rc != 0 ? rc : cro_buf_add_byte(&self->candidates, '\0');
}

static int copy_args(birth *self)
{
  size_t count = 0;

  while (self->options->args[count] != NULL)
    count++;
  self->args = cro_alloc((count + 3) * sizeof *self->args);
  if (self->args == NULL)
    return CRO_E_NOMEM;
  memcpy(self->args + 1, self->options->args, (count + 1) * sizeof *self->args);
  if (count == 0)
    self->args[2] = NULL; /* behind the path that a shell would be given */
  return 0;
}

/* --- the child: system calls only ----------------------------------------------------
 */

_Noreturn static void give_up(birth *self, cro_spawn_step step)
{
  self->step = step;
  self->error = errno != 0 ? errno : EIO;
  _exit(127);
}

/* A descriptor that stands where another is to be placed moves out of the way. */
static int source_of(const birth *self, int place)
{
  int fd = self->options->fds[place];

  if (fd < 0 || (fd == place && fcntl(fd, F_GETFD) < 0))
    fd = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (fd >= 0 && fd <= STDERR_FILENO && fd != place)
    fd = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
  return fd;
}

/* What is inherited may have been made non-blocking here; hardly any program can live
 * with that. */
static void make_blocking(int fd)
{
  int flags = fcntl(fd, F_GETFL);

  if (flags >= 0 && (flags & O_NONBLOCK) != 0)
    (void)fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
}

static void place_descriptors(birth *self)
{
  int from[3];

  for (int place = 0; place < 3; place++) {
    from[place] = source_of(self, place);
    if (from[place] < 0)
      give_up(self, CRO_SPAWN_START);
  }
  for (int place = 0; place < 3; place++) {
    int rc = from[place] == place ? fcntl(place, F_SETFD, 0) : dup2(from[place], place);

    if (rc < 0)
      give_up(self, CRO_SPAWN_START);
    make_blocking(place);
  }
}

static void close_others(void)
{
  long max;

#ifdef SYS_close_range
  if (syscall(SYS_close_range, 3U, ~0U, 0U) == 0)
    return;
#endif
  max = sysconf(_SC_OPEN_MAX);
  for (int fd = 3; fd < max; fd++)
    (void)close(fd);
}

static void join(birth *self)
{
  const cro_spawn_options *options = self->options;

  if (options->session && setsid() < 0)
    give_up(self, CRO_SPAWN_TERMINAL);
  if (options->group && !options->session && setpgid(0, 0) != 0)
    give_up(self, CRO_SPAWN_START);
  place_descriptors(self);
  if (options->terminal && ioctl(STDIN_FILENO, TIOCSCTTY, 0) != 0)
    give_up(self, CRO_SPAWN_TERMINAL);
}

/* The C library's own functions would change every thread of the process whose memory
 * this is. */
#ifdef __linux__
#ifdef SYS_setuid32
enum { set_groups = SYS_setgroups32, set_gid = SYS_setgid32, set_uid = SYS_setuid32 };
#else
enum { set_groups = SYS_setgroups, set_gid = SYS_setgid, set_uid = SYS_setuid };
#endif
static long drop_groups(void)
{
  return syscall(set_groups, 0, NULL);
}
static long become_group(gid_t gid)
{
  return syscall(set_gid, gid);
}
static long become_user(uid_t uid)
{
  return syscall(set_uid, uid);
}
#else
static long drop_groups(void)
{
  return setgroups(0, NULL);
}
static long become_group(gid_t gid)
{
  return setgid(gid);
}
static long become_user(uid_t uid)
{
  return setuid(uid);
}
#endif

/* Without privilege the other groups cannot be dropped, nor is anything gained. */
static void change_ids(birth *self)
{
  const cro_spawn_options *options = self->options;

  if (options->uid < 0 && options->gid < 0)
    return;
  if (drop_groups() != 0 && errno != EPERM)
    give_up(self, CRO_SPAWN_IDS);
  if (options->gid >= 0 && become_group((gid_t)options->gid) != 0)
    give_up(self, CRO_SPAWN_IDS);
  if (options->uid >= 0 && become_user((uid_t)options->uid) != 0)
    give_up(self, CRO_SPAWN_IDS);
}

/* Handlers are of this process and must not run in the child. What is ignored stays so
 * (nohup), but for what the loop ignores. */
static void reset_signals(birth *self)
{
  struct sigaction plain = { .sa_handler = SIG_DFL }, now;

  for (int number = 1; number < NSIG; number++) {
    if (sigaction(number, NULL, &now) != 0)
      continue;
    if (number == SIGPIPE || number == SIGXFSZ ||
        (now.sa_handler != SIG_DFL && now.sa_handler != SIG_IGN))
      (void)sigaction(number, &plain, NULL);
  }
  (void)pthread_sigmask(SIG_SETMASK, &self->mask, NULL);
}

/* Errors after which the next folder of the path is tried. */
static bool is_elsewhere(int error)
{
  return error == ENOENT || error == ENOTDIR || error == EACCES || error == ESTALE ||
         error == ENODEV || error == ETIMEDOUT;
}

/* A script that does not say who reads it is read by the shell, as from a shell. */
static void run(const birth *self, const char *path)
{
  execve(path, self->args + 1, self->env);
  if (errno != ENOEXEC)
    return;
  self->args[0] = (char *)(uintptr_t) "/bin/sh";
  self->args[1] = (char *)(uintptr_t)path;
  execve(self->args[0], self->args, self->env);
}

_Noreturn static void become(birth *self)
{
  int error = ENOENT;

  for (const char *path = self->candidates.at;; path += strlen(path) + 1) {
    if (*path == '\0' && path != self->candidates.at)
      break;
    run(self, path);
    if (!is_elsewhere(errno)) {
      error = errno;
      break;
    }
    if (errno == EACCES)
      error = EACCES;
  }
  errno = error;
  give_up(self, CRO_SPAWN_EXEC);
}

_Noreturn static void live(birth *self)
{
  const char *cwd = self->options->cwd;

  errno = 0;
  join(self);
  if (cwd != NULL && chdir(cwd) != 0)
    give_up(self, CRO_SPAWN_CWD);
  change_ids(self);
  close_others();
  reset_signals(self);
  become(self);
}

/* --- the parent ----------------------------------------------------------------------
 */

/* Of its own, so that nothing of the caller's frame is shared with the child. */
__attribute__((noinline)) static pid_t split(birth *self)
{
  pid_t pid = vfork();

  if (pid == 0)
    live(self);
  return pid;
}

/* No handler may run in the child, whose memory is ours. */
static int give_birth(birth *self, pid_t *out)
{
  sigset_t all;
  pid_t pid;
  int error;

  sigfillset(&all);
  (void)pthread_sigmask(SIG_SETMASK, &all, &self->mask);
  pid = split(self);
  error = pid < 0 ? errno : self->error;
  (void)pthread_sigmask(SIG_SETMASK, &self->mask, NULL);
  if (error == 0) {
    *out = pid;
    return 0;
  }
  while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
    continue;
  return cro_err_from_errno(error);
}

int net_spawn(pid_t *out, const cro_spawn_options *options, cro_spawn_step *step)
{
  birth self = { .options = options, .step = CRO_SPAWN_START };
  int rc;

  self.env = options->env != NULL ? options->env : environ;
  rc = find_candidates(&self);
  if (rc == 0)
    rc = copy_args(&self);
  if (rc == 0)
    rc = give_birth(&self, out);
  *step = self.step;
  cro_buf_free(&self.candidates);
  cro_free(self.args);
  return rc;
}
