#include "net/process.h"

#include "base/alloc.h"
#include "base/check.h"
#include "base/err.h"
#include "support/loopback.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct child {
  cro_loop *loop;
  cro_process *process;
  cro_spawn_step step;
  int ends, code, number;
} child;

static void on_exited(void *arg, int code, int number)
{
  child *self = arg;

  self->process = NULL;
  self->ends++;
  self->code = code;
  self->number = number;
}

static cro_spawn_options plain(char *const *args)
{
  return (cro_spawn_options){ .file = args[0],
                              .args = args,
                              .fds = { CRO_SPAWN_NULL, CRO_SPAWN_NULL, CRO_SPAWN_NULL },
                              .uid = -1,
                              .gid = -1 };
}

static int start(child *self, const cro_spawn_options *options)
{
  self->ends = 0;
  return cro_spawn(&self->process, self->loop, options, &self->step, on_exited, self);
}

/* The shell runs `script`; `more` may change the options. */
static int shell(child *self, const char *script, void (*more)(cro_spawn_options *))
{
  char *args[] = { (char *)(uintptr_t) "sh", (char *)(uintptr_t) "-c",
                   (char *)(uintptr_t)script, NULL };
  cro_spawn_options options = plain(args);

  if (more != NULL)
    more(&options);
  return start(self, &options);
}

static void run_to_end(child *self, const char *script)
{
  CHECK_INT(0, shell(self, script, NULL));
  UNTIL(self->loop, self->ends > 0);
  CHECK_INT(1, self->ends);
}

static size_t processes(const child *self)
{
  cro_loop_stats stats;

  cro_loop_stats_get(self->loop, &stats);
  return stats.processes;
}

static void open_loop(child *self)
{
  *self = (child){ 0 };
  CHECK_INT(0, cro_loop_create(&self->loop));
}

static void an_end_is_a_code_or_a_signal(void)
{
  child self;

  open_loop(&self);
  run_to_end(&self, "exit 0");
  CHECK_INT(0, self.code);
  run_to_end(&self, "exit 255");
  CHECK_INT(255, self.code);
  CHECK_INT(0, self.number);
  run_to_end(&self, "kill -TERM $$");
  CHECK_INT(-1, self.code);
  CHECK_INT(SIGTERM, self.number);
  CHECK_INT(0, processes(&self));
  cro_loop_destroy(self.loop);
}

static void nowhere(cro_spawn_options *options)
{
  options->cwd = "/nowhere/at/all";
}

static void missing(cro_spawn_options *options)
{
  options->file = "no-such-command-anywhere";
}

static void empty(cro_spawn_options *options)
{
  options->file = "";
}

static void forbidden(cro_spawn_options *options)
{
  options->file = "/etc/passwd";
}

static void closed(cro_spawn_options *options)
{
  options->fds[1] = 1000;
}

static void what_cannot_be_started_says_where_it_failed(void)
{
  static const struct {
    void (*change)(cro_spawn_options *);
    int rc;
    cro_spawn_step step;
  } rows[] = {
    { nowhere, CRO_E_NOTFOUND, CRO_SPAWN_CWD },
    { missing, CRO_E_NOTFOUND, CRO_SPAWN_EXEC },
    { empty, CRO_E_NOTFOUND, CRO_SPAWN_EXEC },
    { forbidden, CRO_E_ACCESS, CRO_SPAWN_EXEC },
    { closed, CRO_E_CLOSED, CRO_SPAWN_START },
  };
  child self;

  open_loop(&self);
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    CHECK_INT(rows[i].rc, shell(&self, "exit 0", rows[i].change));
    CHECK_INT(rows[i].step, self.step);
    CHECK_INT(0, processes(&self));
  }
  spin(self.loop, 5);
  CHECK_INT(0, self.ends);
  CHECK(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD); /* nobody is left */
  cro_loop_destroy(self.loop);
}

static int given[3];

static void give(cro_spawn_options *options)
{
  memcpy(options->fds, given, sizeof given);
}

static size_t read_until_end(int fd, char *into, size_t size)
{
  size_t got = 0;
  ssize_t n;

  while (got < size && (n = read(fd, into + got, size - got)) > 0)
    got += (size_t)n;
  return got;
}

/* Two pipes whose write ends are `out` and `err`, at whatever numbers. */
static void check_outputs(child *self, int out, int err, int from_out, int from_err)
{
  char text[16];

  given[0] = CRO_SPAWN_NULL;
  given[1] = out;
  given[2] = err;
  CHECK_INT(0, shell(self, "cat; echo out; echo err >&2", give));
  cro_fd_close(out);
  cro_fd_close(err);
  CHECK_BYTES(CRO_B("out\n"),
              ((cro_bytes){ text, read_until_end(from_out, text, sizeof text) }));
  CHECK_BYTES(CRO_B("err\n"),
              ((cro_bytes){ text, read_until_end(from_err, text, sizeof text) }));
  cro_fd_close(from_out);
  cro_fd_close(from_err);
  UNTIL(self->loop, self->ends == 1);
}

static void descriptors_come_to_their_places(void)
{
  child self;
  int a[2], b[2];

  open_loop(&self);
  CHECK_INT(0, cro_pipe_open(a));
  CHECK_INT(0, cro_pipe_open(b));
  check_outputs(&self, a[1], b[1], a[0], b[0]);
  cro_loop_destroy(self.loop);
}

/* With the standard ones of this process as the child's, exchanged. */
static void standard_descriptors_may_change_places(void)
{
  int kept[3], a[2], b[2];
  child self;

  open_loop(&self);
  for (int fd = 0; fd < 3; fd++)
    kept[fd] = fcntl(fd, F_DUPFD_CLOEXEC, 10);
  CHECK_INT(0, cro_pipe_open(a));
  CHECK_INT(0, cro_pipe_open(b));
  (void)dup2(a[1], 2);
  (void)dup2(b[1], 1);
  cro_fd_close(a[1]);
  cro_fd_close(b[1]);
  check_outputs(&self, 2, 1, a[0], b[0]);
  for (int fd = 0; fd < 3; fd++) {
    (void)dup2(kept[fd], fd);
    close(kept[fd]);
  }
  cro_loop_destroy(self.loop);
}

static void nothing_else_is_handed_down(void)
{
  int fd = open("/dev/null", O_RDONLY); /* not close-on-exec, on purpose */
  char script[64];
  child self;

  open_loop(&self);
  (void)snprintf(script, sizeof script, "test ! -e /proc/self/fd/%d", fd);
  run_to_end(&self, script);
  CHECK_INT(0, self.code);
  close(fd);
  cro_loop_destroy(self.loop);
}

static char *const small_env[] = { (char *)(uintptr_t) "A=1", NULL };

static void with_small_env(cro_spawn_options *options)
{
  options->env = small_env;
}

static void the_environment_is_what_is_given(void)
{
  child self;

  open_loop(&self);
  CHECK_INT(0, shell(&self, "test \"$A\" = 1 && test -z \"$HOME\"", with_small_env));
  UNTIL(self.loop, self.ends == 1);
  CHECK_INT(0, self.code);
  cro_loop_destroy(self.loop);
}

/* Runs a script until it has written something. */
static void run_until_ready(child *self, const char *script)
{
  char ready;
  int ends[2];

  CHECK_INT(0, cro_pipe_open(ends));
  given[0] = given[2] = CRO_SPAWN_NULL;
  given[1] = ends[1];
  CHECK_INT(0, shell(self, script, give));
  cro_fd_close(ends[1]);
  CHECK_INT(1, read(ends[0], &ready, 1));
  cro_fd_close(ends[0]);
}

static void stop_kills_what_does_not_heed(void)
{
  child self;

  open_loop(&self);
  run_until_ready(&self, "trap '' TERM; echo; while :; do sleep 0.01; done");
  cro_process_stop(self.process, SIGTERM, 30);
  cro_process_stop(self.process, SIGTERM, 60000); /* does not put it off */
  UNTIL(self.loop, self.ends == 1);
  CHECK_INT(SIGKILL, self.number);
  cro_loop_destroy(self.loop);
}

static void a_forgotten_one_is_reaped(void)
{
  child self;
  int pid;

  open_loop(&self);
  CHECK_INT(0, shell(&self, "exit 0", NULL));
  pid = cro_process_pid(self.process);
  cro_process_forget(self.process);
  UNTIL(self.loop, processes(&self) == 0);
  CHECK_INT(0, self.ends);
  CHECK(kill(pid, 0) < 0 && errno == ESRCH);
  cro_loop_destroy(self.loop);
}

static void the_end_of_the_loop_ends_them(void)
{
  child self;
  int pid;

  open_loop(&self);
  run_until_ready(&self, "trap '' TERM HUP; echo; while :; do sleep 0.01; done");
  pid = cro_process_pid(self.process);
  CHECK_INT(1, cro_processes_end(self.loop, 0));
  cro_loop_destroy(self.loop);
  CHECK_INT(1, self.ends);
  CHECK_INT(SIGKILL, self.number);
  CHECK(kill(pid, 0) < 0 && errno == ESRCH);
}

static void detach(cro_spawn_options *options)
{
  options->detached = options->session = true;
}

static void the_end_of_the_loop_leaves_a_detached_one_alone(void)
{
  child self;
  int pid;

  open_loop(&self);
  CHECK_INT(0, shell(&self, "sleep 20", detach));
  pid = cro_process_pid(self.process);
  CHECK_INT(0, cro_processes_end(self.loop, SIGTERM));
  cro_loop_destroy(self.loop);
  CHECK_INT(0, self.ends);
  CHECK_INT(0, kill(pid, 0));
  CHECK_INT(pid, getpgid(pid));
  (void)kill(-pid, SIGKILL);
  CHECK_INT(pid, waitpid(pid, NULL, 0));
}

static void somebody_elses_child_is_theirs(void)
{
  child self;
  int status = 0;
  pid_t pid;

  open_loop(&self);
  pid = fork();
  if (pid == 0)
    _exit(7);
  run_to_end(&self, "exit 0");
  spin(self.loop, 5);
  CHECK_INT(pid, waitpid(pid, &status, 0));
  CHECK_INT(7, WEXITSTATUS(status));
  cro_loop_destroy(self.loop);
}

static void one_that_somebody_else_reaps_ends_without_a_code(void)
{
  child self;
  int pid;

  open_loop(&self);
  CHECK_INT(0, shell(&self, "exit 3", NULL));
  pid = cro_process_pid(self.process);
  CHECK_INT(pid, waitpid(pid, NULL, 0));
  UNTIL(self.loop, self.ends == 1);
  CHECK_INT(-1, self.code);
  CHECK_INT(0, self.number);
  cro_loop_destroy(self.loop);
}

static void many_end_at_once(void)
{
  enum { many = 100 };
  static child all[many];
  cro_loop *loop;
  int ended = 0;

  CHECK_INT(0, cro_loop_create(&loop));
  for (int i = 0; i < many; i++) {
    all[i] = (child){ .loop = loop };
    CHECK_INT(0, shell(&all[i], "read x; exit 5", NULL));
  }
  CHECK(processes(&all[0]) > 0);
  UNTIL(loop, processes(&all[0]) == 0);
  for (int i = 0; i < many; i++)
    ended += all[i].ends == 1 && all[i].code == 5;
  CHECK_INT(many, ended);
  cro_loop_destroy(loop);
}

static void without_memory_nothing_is_started(void)
{
  child self;

  open_loop(&self);
  run_to_end(&self, "exit 0"); /* what the loop makes once is made */
  for (uint64_t n = 1; n <= 3; n++) {
    cro_alloc_fail_at(n);
    CHECK_INT(CRO_E_NOMEM, shell(&self, "exit 0", NULL));
    CHECK_INT(CRO_SPAWN_START, self.step);
    CHECK_INT(0, processes(&self));
  }
  cro_alloc_fail_at(0);
  run_to_end(&self, "exit 0");
  cro_loop_destroy(self.loop);
}

/* --- terminals ----------------------------------------------------------------------
 */

/* What a terminal shows, also when it is gone. */
typedef struct screen {
  cro_stage stage;
  child child;
  char text[32768];
  size_t len;
  int master, finishes;
} screen;

static int screen_push(cro_stage *stage, const void *message)
{
  screen *self = CRO_CONTAINER(stage, screen, stage);
  const cro_bytes *bytes = message;

  CHECK(bytes->len <= sizeof self->text - self->len);
  memcpy(self->text + self->len, bytes->at, bytes->len);
  self->len += bytes->len;
  return 0;
}

static int screen_finish(cro_stage *stage)
{
  CRO_CONTAINER(stage, screen, stage)->finishes++;
  return 0;
}

static void screen_destroy(cro_stage *stage)
{
  (void)stage;
}

static const cro_stage_ops screen_ops = {
  .name = "screen",
  .consumes = &cro_type_bytes,
  .push = screen_push,
  .finish = screen_finish,
  .destroy = screen_destroy,
};

static int slave;

static void on_terminal(cro_spawn_options *options)
{
  for (int place = 0; place < 3; place++)
    options->fds[place] = slave;
  options->session = options->terminal = true;
}

/* Runs the script on a terminal; `late` ms until the loop looks at what came. */
static void show(screen *self, const char *script, unsigned late)
{
  cro_tcp *tcp;

  *self = (screen){ 0 };
  open_loop(&self->child);
  cro_stage_init(&self->stage, &screen_ops);
  CHECK_INT(0, cro_pty_open(&self->master, &slave, 81, 25));
  CHECK_INT(0, cro_stream_adopt(&tcp, self->child.loop, self->master, 0));
  CHECK_INT(0, cro_stage_link(cro_tcp_source(tcp), &self->stage));
  CHECK_INT(0, cro_tcp_start(tcp, false));
  CHECK_INT(0, cro_pty_resize(tcp, 132, 50));
  CHECK_INT(0, shell(&self->child, script, on_terminal));
  cro_fd_close(slave);
  (void)usleep(late * 1000);
  UNTIL(self->child.loop, self->finishes == 1);
  UNTIL(self->child.loop, self->child.ends == 1);
  cro_loop_destroy(self->child.loop);
}

/* More than one read brings is there when the other side has gone already. */
static void a_terminal_gives_all_it_has(void)
{
  static const char script[] = "stty -opost; i=0; while [ $i -lt 160 ]; do "
                               "printf '%0100d' $i; i=$((i + 1)); done";
  screen self;

  for (unsigned late = 0; late <= 200; late += 100) {
    show(&self, script, late);
    CHECK_INT(16000, self.len);
    CHECK_INT(0, self.child.code);
  }
}

static void a_terminal_has_a_size_and_is_controlled(void)
{
  screen self;

  show(&self, "stty size; echo mine >/dev/tty", 0);
  CHECK_BYTES(CRO_B("50 132\r\nmine\r\n"), ((cro_bytes){ self.text, self.len }));
}

TEST_MAIN(CASE(an_end_is_a_code_or_a_signal),
          CASE(what_cannot_be_started_says_where_it_failed),
          CASE(descriptors_come_to_their_places),
          CASE(standard_descriptors_may_change_places),
          CASE(nothing_else_is_handed_down), CASE(the_environment_is_what_is_given),
          CASE(stop_kills_what_does_not_heed), CASE(a_forgotten_one_is_reaped),
          CASE(the_end_of_the_loop_ends_them),
          CASE(the_end_of_the_loop_leaves_a_detached_one_alone),
          CASE(somebody_elses_child_is_theirs),
          CASE(one_that_somebody_else_reaps_ends_without_a_code),
          CASE(many_end_at_once), CASE(without_memory_nothing_is_started),
          CASE(a_terminal_gives_all_it_has),
          CASE(a_terminal_has_a_size_and_is_controlled))
