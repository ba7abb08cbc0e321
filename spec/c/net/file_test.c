#include "net/file.h"

#include "base/alloc.h"
#include "base/check.h"
#include "base/err.h"
#include "net/fs.h"
#include "support/test.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What one request came to. */
typedef struct answer {
  int calls, err, system;
  char text[64];
  size_t len;
  uint64_t number;
  cro_file *file;
} answer;

static cro_loop *loop;
static char folder[64];

static void set_up(void)
{
  snprintf(folder, sizeof folder, "/tmp/cro-file-test-XXXXXX");
  cro_check(mkdtemp(folder) != NULL);
  cro_check(cro_loop_create(&loop) == 0);
}

static void tear_down(void)
{
  cro_loop_destroy(loop);
  CHECK_INT(0, rmdir(folder));
}

static const char *at(const char *name)
{
  static char paths[4][128];
  static unsigned next;
  char *path = paths[next++ % 4];

  snprintf(path, sizeof paths[0], "%s/%s", folder, name);
  return path;
}

static void on_done(void *arg, const cro_fs_out *out)
{
  answer *self = arg;

  self->calls++;
  self->err = out->err;
  self->system = out->system;
  self->number = out->number;
  self->file = out->file;
  self->len = out->data->len;
  if (self->len > 0 && self->len < sizeof self->text)
    memcpy(self->text, out->data->at, self->len);
}

static int ask(cro_fs **out, cro_file *file, cro_fs_op op, cro_fs_in in, answer *to)
{
  *to = (answer){ 0 };
  return cro_fs_start(out, loop, file, op, &in, on_done, to);
}

static cro_fs_in in_of(const char *path, unsigned flags)
{
  return (cro_fs_in){
    .path = cro_bytes_of(path), .flags = flags, .mode = 0600, .offset = -1
  };
}

static cro_fs_in data_in(const char *data)
{
  return (cro_fs_in){ .data = cro_bytes_of(data), .offset = -1 };
}

static cro_fs_in read_in(uint64_t length)
{
  return (cro_fs_in){ .length = length, .offset = -1 };
}

/* NULL when it could not be opened. */
static cro_file *open_file(const char *path, unsigned flags)
{
  answer got;

  if (ask(NULL, NULL, CRO_FS_OPEN, in_of(path, flags), &got) != 0)
    return NULL;
  cro_loop_run(loop);
  return got.file;
}

enum { both = CRO_FS_F_READ | CRO_FS_F_WRITE, fresh = both | CRO_FS_F_CREATE };

static void a_file_answers_in_the_order_it_was_asked(void)
{
  answer written, sought, read, closed, late;
  cro_file *file;

  set_up();
  file = open_file(at("f"), fresh);
  CHECK_INT(0, ask(NULL, file, CRO_FS_WRITE, data_in("hello"), &written));
  CHECK_INT(0, ask(NULL, file, CRO_FS_SEEK, (cro_fs_in){ .offset = 1 }, &sought));
  CHECK_INT(0, ask(NULL, file, CRO_FS_READ, read_in(10), &read));
  CHECK_INT(0, ask(NULL, file, CRO_FS_CLOSE, (cro_fs_in){ 0 }, &closed));
  CHECK_INT(CRO_E_CLOSED, ask(NULL, file, CRO_FS_READ, read_in(1), &late));
  CHECK(cro_file_is_closing(file));
  CHECK_TEXT(at("f"), cro_file_path(file));
  cro_loop_run(loop);
  CHECK_INT(5, written.number);
  CHECK_INT(1, sought.number);
  CHECK_BYTES(CRO_B("ello"), ((cro_bytes){ read.text, read.len }));
  CHECK(closed.calls == 1 && closed.err == 0 && late.calls == 0);
  cro_file_forget(file);
  CHECK_INT(0, unlink(at("f")));
  tear_down();
}

static void an_error_brings_its_errno(void)
{
  answer got;

  set_up();
  CHECK_INT(0, ask(NULL, NULL, CRO_FS_LOAD, in_of(at("nope"), 0), &got));
  cro_loop_run(loop);
  CHECK_INT(CRO_E_NOTFOUND, got.err);
  CHECK_TEXT("ENOENT", cro_bytes_of(cro_fs_errno_name(got.system)));
  tear_down();
}

static void operations_have_names(void)
{
  CHECK_INT(CRO_FS_READ, cro_fs_op_of(CRO_B("read")));
  CHECK_INT(CRO_FS_TRUNCATE, cro_fs_op_of(CRO_B("truncate")));
  CHECK_INT(CRO_E_INVAL, cro_fs_op_of(CRO_B("rea")));
  CHECK(cro_fs_op_is_of_file(CRO_FS_CLOSE) && !cro_fs_op_is_of_file(CRO_FS_OPEN));
}

/* --- cancelling ------------------------------------------------------------------- */

static void what_is_cancelled_answers_nobody_wherever_it_was(void)
{
  cro_fs *requests[40];
  answer answers[40], last;

  set_up();
  for (int i = 0; i < 40; i++) /* more than the threads: some run, some wait */
    CHECK_INT(0, ask(&requests[i], NULL, CRO_FS_STAT, in_of("/", 0), &answers[i]));
  CHECK_INT(0, ask(NULL, NULL, CRO_FS_STAT, in_of("/", 0), &last));
  for (int i = 39; i >= 0; i--)
    cro_fs_cancel(requests[i]);
  cro_loop_run(loop);
  for (int i = 0; i < 40; i++)
    CHECK_INT(0, answers[i].calls);
  CHECK_INT(1, last.calls);
  tear_down();
}

static void a_cancelled_opening_leaves_nothing_open_and_nothing_temporary(void)
{
  cro_fs_in in = in_of(at("t-"), CRO_FS_F_READ | CRO_FS_F_WRITE | CRO_FS_F_TEMP);
  cro_loop_stats stats;

  set_up();
  for (int i = 0; i < 20; i++) {
    cro_fs *opening;
    answer got;

    in.path = cro_bytes_of(at("t-"));
    CHECK_INT(0, ask(&opening, NULL, i % 2 ? CRO_FS_OPEN : CRO_FS_TEMP_DIR, in, &got));
    if (i > 9)
      usleep(2000); /* a thread has done it, the loop does not know yet */
    cro_fs_cancel(opening);
    cro_loop_run(loop);
  }
  cro_loop_stats_get(loop, &stats);
  CHECK_INT(0, stats.files);
  CHECK_INT(0, stats.file_requests);
  tear_down(); /* which finds the folder empty */
}

static void a_read_that_waits_for_a_pipe_gives_way_to_the_next(void)
{
  answer first, second;
  cro_fs *waiting;
  cro_file *file;
  int writer;

  set_up();
  CHECK_INT(0, mkfifo(at("p"), 0600));
  file = open_file(at("p"), CRO_FS_F_READ);
  CHECK_INT(0, ask(&waiting, file, CRO_FS_READ, read_in(10), &first));
  CHECK_INT(0, ask(NULL, file, CRO_FS_READ, read_in(10), &second));
  cro_fs_cancel(waiting);
  writer = open(at("p"), O_WRONLY);
  CHECK_INT(3, write(writer, "abc", 3));
  cro_loop_run(loop);
  CHECK_INT(0, first.calls);
  CHECK_BYTES(CRO_B("abc"), ((cro_bytes){ second.text, second.len }));
  close(writer);
  cro_file_forget(file);
  CHECK_INT(0, unlink(at("p")));
  tear_down();
}

static void a_forgotten_file_does_first_what_was_asked(void)
{
  answer written;
  struct stat st;
  cro_file *file;

  set_up();
  file = open_file(at("f"), fresh);
  CHECK_INT(0, ask(NULL, file, CRO_FS_WRITE, data_in("hello"), &written));
  CHECK_INT(0, ask(NULL, file, CRO_FS_WRITE, data_in("hello"), &written));
  cro_file_forget(file);
  cro_loop_run(loop);
  CHECK_INT(0, stat(at("f"), &st));
  CHECK_INT(10, st.st_size);
  CHECK_INT(0, unlink(at("f")));
  tear_down();
}

/* --- the end and the limits ---------------------------------------------------------
 */

static void the_end_of_the_loop_writes_what_was_accepted(void)
{
  answer got[30], reading;
  cro_file *file, *pipe;
  struct stat st;
  char name[16];

  set_up();
  CHECK_INT(0, mkfifo(at("p"), 0600));
  pipe = open_file(at("p"), CRO_FS_F_READ);
  file = open_file(at("f"), fresh);
  CHECK_INT(0, ask(NULL, pipe, CRO_FS_READ, read_in(1), &reading));
  CHECK_INT(0, ask(NULL, file, CRO_FS_WRITE, data_in("hello"), &got[0]));
  for (int i = 1; i < 30; i++) {
    cro_fs_in in;

    snprintf(name, sizeof name, "f%d", i);
    in = in_of(at(name), 0);
    in.data = CRO_B("x");
    CHECK_INT(0, ask(NULL, NULL, CRO_FS_SAVE, in, &got[i]));
  }
  cro_loop_destroy(loop);
  CHECK(reading.calls == 1 && reading.err == CRO_E_CANCELLED);
  for (int i = 1; i < 30; i++) {
    snprintf(name, sizeof name, "f%d", i);
    CHECK(stat(at(name), &st) == 0 && st.st_size == 1);
    CHECK(got[i].calls == 1);
    (void)unlink(at(name));
  }
  CHECK(stat(at("f"), &st) == 0 && st.st_size == 5);
  (void)unlink(at("f"));
  (void)unlink(at("p"));
  CHECK_INT(0, rmdir(folder));
}

static void only_so_much_may_wait(void)
{
  static answer got[cro_fs_requests_max + 1];
  static char large[1024 * 1024];
  cro_fs_in in;
  cro_file *file;
  int taken = 0;

  set_up();
  for (int i = 0; i < cro_fs_requests_max; i++)
    CHECK_INT(0, ask(NULL, NULL, CRO_FS_STAT, in_of("/", 0), &got[i]));
  CHECK_INT(CRO_E_LIMIT,
            ask(NULL, NULL, CRO_FS_STAT, in_of("/", 0), &got[cro_fs_requests_max]));
  CHECK(loop->fs_running <= loop->fs_threads && loop->fs_threads < net_pool_threads);
  cro_loop_run(loop);
  CHECK_INT(1, got[cro_fs_requests_max - 1].calls);

  file = open_file(at("f"), fresh);
  in = (cro_fs_in){ .data = { large, sizeof large }, .offset = 0 };
  while (taken < 1000 && ask(NULL, file, CRO_FS_WRITE, in, &got[taken]) == 0)
    taken++;
  CHECK_INT(cro_fs_bytes_max / (1024 * 1024), taken);
  cro_loop_run(loop);
  CHECK_INT(sizeof large, got[taken - 1].number);
  cro_file_forget(file);
  cro_loop_run(loop);
  CHECK_INT(0, unlink(at("f")));
  tear_down();
}

/* --- memory -------------------------------------------------------------------------
 */

/* Everything once; what cannot be done for lack of memory says so. */
static int session(void)
{
  answer got;
  int failures = 0;
  cro_file *file = open_file(at("f"), fresh);
  cro_fs_in in = in_of(at("g"), CRO_FS_F_ATOMIC);

  if (file == NULL)
    return 1;
  failures += ask(NULL, file, CRO_FS_WRITE, data_in("hello"), &got) != 0;
  cro_loop_run(loop);
  failures += got.err != 0;
  failures += ask(NULL, file, CRO_FS_READ, (cro_fs_in){ .length = 5 }, &got) != 0;
  cro_loop_run(loop);
  failures += got.err != 0 || got.len != 5;
  cro_file_forget(file);
  in.data = CRO_B("text");
  failures += ask(NULL, NULL, CRO_FS_SAVE, in, &got) != 0;
  cro_loop_run(loop);
  failures += got.err != 0;
  failures += ask(NULL, NULL, CRO_FS_LIST, in_of(folder, 0), &got) != 0;
  cro_loop_run(loop);
  failures += got.err != 0;
  return failures;
}

static void memory_may_run_out_anywhere(void)
{
  int clean = 0;

  set_up();
  for (uint64_t n = 1; n < 200 && clean == 0; n++) {
    cro_alloc_fail_at(n);
    clean = session() == 0 && n > 10;
    cro_alloc_fail_at(0);
    cro_loop_run(loop);
    (void)unlink(at("f"));
    (void)unlink(at("g"));
  }
  CHECK(clean);
  tear_down();
}

/* --- the edges ---------------------------------------------------------------------
 */

/* Opening and closing a pipe would tell its other end that this is all. */
static void a_pipe_is_not_touched_by_what_is_for_whole_files(void)
{
  cro_fs_in save = in_of("", 0), copy = in_of("", 0);
  struct pollfd reader = { .events = POLLIN };
  answer saved, loaded, copied;

  set_up();
  cro_check(mkfifo(at("pipe"), 0600) == 0);
  reader.fd = open(at("pipe"), O_RDONLY | O_NONBLOCK);
  save.path = cro_bytes_of(at("pipe"));
  save.data = CRO_B("text");
  copy.path = CRO_B("/etc/passwd");
  copy.to = cro_bytes_of(at("pipe"));
  CHECK_INT(0, ask(NULL, NULL, CRO_FS_SAVE, save, &saved));
  CHECK_INT(0, ask(NULL, NULL, CRO_FS_LOAD, in_of(at("pipe"), 0), &loaded));
  CHECK_INT(0, ask(NULL, NULL, CRO_FS_COPY, copy, &copied));
  cro_loop_run(loop);
  CHECK_TEXT("ESPIPE", cro_bytes_of(cro_fs_errno_name(saved.system)));
  CHECK_TEXT("ESPIPE", cro_bytes_of(cro_fs_errno_name(loaded.system)));
  CHECK_TEXT("ESPIPE", cro_bytes_of(cro_fs_errno_name(copied.system)));
  CHECK_INT(0, poll(&reader, 1, 0)); /* POLLHUP: somebody has come and gone */
  close(reader.fd);
  CHECK_INT(0, unlink(at("pipe")));
  tear_down();
}

static void a_position_that_no_file_has_is_refused(void)
{
  cro_fs_in far = { .offset = INT64_MAX, .mode = SEEK_CUR };
  answer first, again, before;
  cro_file *file;

  set_up();
  file = open_file(at("f"), fresh);
  CHECK_INT(0, ask(NULL, file, CRO_FS_SEEK, far, &first));
  CHECK_INT(0, ask(NULL, file, CRO_FS_SEEK, far, &again));
  CHECK_INT(0, ask(NULL, file, CRO_FS_SEEK,
                   (cro_fs_in){ .offset = -1, .mode = SEEK_SET }, &before));
  cro_loop_run(loop);
  CHECK(first.err == 0 && first.number == INT64_MAX);
  CHECK_TEXT("EOVERFLOW", cro_bytes_of(cro_fs_errno_name(again.system)));
  CHECK_TEXT("EINVAL", cro_bytes_of(cro_fs_errno_name(before.system)));
  cro_file_forget(file);
  CHECK_INT(0, unlink(at("f")));
  tear_down();
}

static void a_time_just_before_a_second_is_a_time(void)
{
  cro_fs_in times;
  answer got;

  set_up();
  cro_file_forget(open_file(at("f"), fresh));
  times = in_of(at("f"), 0);
  times.atime = times.mtime = -1e-20;
  CHECK_INT(0, ask(NULL, NULL, CRO_FS_UTIME, times, &got));
  cro_loop_run(loop);
  CHECK_INT(0, got.err);
  CHECK_INT(0, unlink(at("f")));
  tear_down();
}

/* Another process takes what was there to be read, and the file is closed: the read
 * does not wait for more. */
static void a_read_of_what_others_share_ends_when_it_is_closed_meanwhile(void)
{
  int ends[2];
  unsigned threads;
  answer got, closed;
  cro_file *file;
  char byte;

  set_up();
  cro_check(pipe2(ends, O_NONBLOCK) == 0);
  cro_check(fs_file_create(&file, ends[0], "stdin", S_IFIFO, false) == 0);
  file->shared = file->borrowed = true; /* as without /proc */
  fs_file_attach(file, loop);
  CHECK_INT(0, ask(NULL, file, CRO_FS_READ, read_in(10), &got));
  cro_check(write(ends[1], "x", 1) == 1);
  threads = loop->fs_threads;
  loop->fs_threads = 0; /* the read waits for one */
  uv_run(&loop->uv, UV_RUN_NOWAIT);
  uv_run(&loop->uv, UV_RUN_NOWAIT);
  cro_check(read(ends[0], &byte, 1) == 1);
  CHECK_INT(0, ask(NULL, file, CRO_FS_CLOSE, (cro_fs_in){ 0 }, &closed));
  CHECK(got.calls == 0 && closed.calls == 0);
  loop->fs_threads = threads;
  CHECK_INT(0, cro_fs_start(NULL, loop, NULL, CRO_FS_STAT,
                            &(cro_fs_in){ .path = CRO_B("/") }, NULL, NULL));
  cro_loop_run(loop);
  CHECK_INT(CRO_E_CLOSED, got.err);
  CHECK_INT(1, closed.calls);
  cro_file_forget(file);
  close(ends[0]);
  close(ends[1]);
  tear_down();
}

TEST_MAIN(CASE(a_file_answers_in_the_order_it_was_asked),
          CASE(an_error_brings_its_errno), CASE(operations_have_names),
          CASE(what_is_cancelled_answers_nobody_wherever_it_was),
          CASE(a_cancelled_opening_leaves_nothing_open_and_nothing_temporary),
          CASE(a_read_that_waits_for_a_pipe_gives_way_to_the_next),
          CASE(a_forgotten_file_does_first_what_was_asked),
          CASE(the_end_of_the_loop_writes_what_was_accepted),
          CASE(a_pipe_is_not_touched_by_what_is_for_whole_files),
          CASE(a_position_that_no_file_has_is_refused),
          CASE(a_time_just_before_a_second_is_a_time),
          CASE(a_read_of_what_others_share_ends_when_it_is_closed_meanwhile),
          CASE(only_so_much_may_wait), CASE(memory_may_run_out_anywhere))
