#include "net/fs.h"

#include "base/alloc.h"
#include "base/check.h"
#include "base/err.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct {
  const char *name;
  fs_run *run;
} ops[] = {
#define FS_ROW(NAME, name) { #name, fs_op_##name },
  CRO_FS_FILE_OPS(FS_ROW) CRO_FS_PATH_OPS(FS_ROW)
#undef FS_ROW
};

int cro_fs_op_of(cro_bytes name)
{
  for (int op = 0; op < CRO_FS_OPS; op++)
    if (cro_bytes_eq(name, cro_bytes_of(ops[op].name)))
      return op;
  return CRO_E_INVAL;
}

bool cro_fs_op_is_of_file(cro_fs_op op)
{
  return op < CRO_FS_OPEN;
}

const char *cro_fs_errno_name(int system)
{
  return uv_err_name(-system);
}

const char *cro_fs_errno_text(int system)
{
  return uv_strerror(-system);
}

/* --- files ------------------------------------------------------------------------ */

static fs_kind kind_of(unsigned mode)
{
  if (S_ISREG(mode) || S_ISBLK(mode))
    return FS_SEEKABLE;
  return S_ISFIFO(mode) || S_ISSOCK(mode) || S_ISCHR(mode) ? FS_STREAM : FS_PLAIN;
}

int fs_file_create(cro_file **out, int fd, const char *path, unsigned mode, bool append)
{
  size_t size = strlen(path) + 1;
  cro_file *file = cro_alloc_zero(sizeof *file);
  char *copy = cro_alloc(size);

  if (file == NULL || copy == NULL) {
    cro_free(file);
    cro_free(copy);
    return -ENOMEM;
  }
  memcpy(copy, path, size);
  file->path = copy;
  file->fd = fd;
  file->kind = kind_of(mode);
  file->socket = S_ISSOCK(mode);
  file->append = append;
  cro_list_init(&file->node);
  cro_list_init(&file->queue);
  *out = file;
  return 0;
}

void fs_file_attach(cro_file *file, cro_loop *loop)
{
  file->loop = loop;
  cro_list_push(&loop->files, &file->node);
  loop->file_count += !file->standing;
}

/* The descriptor is closed. */
static void discount(cro_file *file)
{
  if (cro_list_empty(&file->node))
    return;
  cro_list_remove(&file->node);
  file->loop->file_count -= !file->standing;
}

cro_bytes cro_file_path(const cro_file *file)
{
  return cro_bytes_of(file->path);
}

int cro_file_descriptor(const cro_file *file)
{
  if (file->closing)
    return -1;
  if (file->kind == FS_SEEKABLE)
    (void)lseek(file->fd, (off_t)file->position, SEEK_SET);
  return file->fd;
}

bool cro_file_is_closing(const cro_file *file)
{
  return file->closing;
}

static void free_file(cro_file *file)
{
  fs_poll_close(file);
  if (file->fd >= 0 && !file->borrowed)
    (void)fs_close(file->fd);
  discount(file);
  cro_free(file->path);
  cro_free(file);
}

/* --- the end of a request ----------------------------------------------------------
 */

static void drop(cro_fs *self)
{
  cro_list_remove(&self->node);
  self->loop->fs_count--;
  self->loop->fs_bytes -= self->in.data.len;
  cro_buf_free(&self->data);
  cro_free(self);
}

/* Of a read nobody wants any more nothing is lost; what a write has done is done. */
static void move_position(const cro_fs *self)
{
  cro_file *file = self->file;

  if (file->kind != FS_SEEKABLE)
    return;
  if (self->op == CRO_FS_SEEK && self->out.err == 0)
    file->position = (int64_t)self->out.number;
  if (self->in.offset >= 0)
    return;
  if (self->op == CRO_FS_READ && self->done != NULL)
    file->position = self->at + (int64_t)self->data.len;
  if (self->op == CRO_FS_WRITE)
    file->position = file->append ? self->at : self->at + (int64_t)self->out.number;
}

static void apply(cro_fs *self)
{
  if (self->op == CRO_FS_CLOSE) {
    self->file->fd = -1;
    discount(self->file);
    return;
  }
  move_position(self);
}

void cro_fs_discard(cro_loop *loop, const cro_fs_out *out)
{
  cro_fs_in in = { .flags = CRO_FS_F_MISSING_OK };

  if (out->file != NULL)
    cro_file_forget(out->file);
  if (!out->made)
    return;
  in.path = cro_buf_bytes(out->data);
  if (cro_fs_start(NULL, loop, NULL, CRO_FS_REMOVE, &in, NULL, NULL) != 0)
    (void)remove(in.path.at); /* at the loop's end, or without memory: now */
}

static void tell(cro_fs *self)
{
  cro_fs_out *out = &self->out;

  if (out->file != NULL)
    fs_file_attach(out->file, self->loop);
  out->data = &self->data;
  if (self->done != NULL) {
    out->path = self->file != NULL ? cro_bytes_of(self->file->path) : self->in.path;
    out->to = self->in.to;
    self->done(self->arg, out);
    return;
  }
  cro_fs_discard(self->loop, out);
}

static void pump(cro_file *file);

/* rc: 0 or a negative errno. The answer of the one before is told before the next
 * begins. */
static void finish(cro_fs *self, int rc)
{
  cro_file *file = self->file;

  self->phase = FS_RUNNING;
  if (rc < 0) {
    self->out.err = cro_net_err(rc);
    self->out.system = -rc;
  }
  if (file != NULL)
    apply(self);
  tell(self);
  drop(self);
  if (file == NULL)
    return;
  file->running = NULL;
  pump(file);
}

/* --- the pool -----------------------------------------------------------------------
 */

static void start_waiting(cro_loop *loop);
static void begin(cro_fs *self);

static void on_work(uv_work_t *work)
{
  cro_fs *self = CRO_CONTAINER(work, cro_fs, work);

  if (!fs_cancelled(self) || self->op == CRO_FS_CLOSE)
    self->rc = ops[self->op].run(self);
  else
    self->rc = -ECANCELED;
}

static void on_worked(uv_work_t *work, int status)
{
  cro_fs *self = CRO_CONTAINER(work, cro_fs, work);
  cro_loop *loop = self->loop;
  int rc = status < 0 ? status : self->rc;

  loop->fs_running--;
  if (rc >= 0 && self->again && self->done != NULL)
    begin(self);
  else
    finish(self, rc);
  start_waiting(loop);
}

static void submit(cro_fs *self)
{
  cro_loop *loop = self->loop;

  self->phase = FS_RUNNING;
  cro_list_push(&loop->fs_busy, &self->node);
  loop->fs_running++;
  cro_check(uv_queue_work(&loop->uv, &self->work, on_work, on_worked) == 0);
}

static void start_waiting(cro_loop *loop)
{
  while (loop->fs_running < loop->fs_threads) {
    cro_list *node = cro_list_shift(&loop->fs_waiting);

    if (node == NULL)
      return;
    submit(CRO_CONTAINER(node, cro_fs, node));
  }
}

static void ready(cro_fs *self)
{
  self->phase = FS_WAITING;
  cro_list_remove(&self->node);
  cro_list_push(&self->loop->fs_waiting, &self->node);
  start_waiting(self->loop);
}

/* --- streams ------------------------------------------------------------------------
 */

static bool is_transfer(const cro_fs *self)
{
  return self->op == CRO_FS_READ || self->op == CRO_FS_WRITE;
}

static void wait_for_stream(cro_fs *self)
{
  int events = self->op == CRO_FS_READ ? UV_READABLE | UV_DISCONNECT : UV_WRITABLE;
  bool late = self->op == CRO_FS_READ && self->file->closing; /* see fail_readers */
  int rc = late ? CRO_E_CLOSED : fs_poll_start(self->file, events);

  if (rc == 0) {
    self->phase = FS_POLLING;
    cro_list_remove(&self->node);
    cro_list_push(&self->loop->fs_busy, &self->node);
    return;
  }
  if (rc != CRO_E_NOTSUP) {
    self->out.err = rc;
    finish(self, 0);
    return;
  }
  self->file->kind = self->kind = FS_PLAIN; /* /dev/zero and its like never block */
  ready(self);
}

/* The descriptor does not block: no thread is needed. */
static void transfer(cro_fs *self)
{
  int rc = ops[self->op].run(self);

  if (rc >= 0 && self->again)
    wait_for_stream(self);
  else
    finish(self, rc);
}

void fs_ready(cro_file *file)
{
  cro_fs *self = file->running;

  if (self == NULL || self->phase != FS_POLLING)
    return;
  if (self->shared)
    ready(self);
  else
    transfer(self);
}

/* A pipe that nobody writes to yet looks like its end to who reads at once. */
static void begin(cro_fs *self)
{
  cro_file *file = self->file;

  self->fd = file->fd;
  self->kind = file->kind;
  self->append = file->append;
  self->socket = file->socket;
  self->shared = file->shared;
  self->at = self->op != CRO_FS_SEEK && self->in.offset >= 0 ? self->in.offset
                                                             : file->position;
  if (self->op == CRO_FS_CLOSE)
    fs_poll_close(file);
  if (self->op == CRO_FS_CLOSE && file->borrowed)
    finish(self, 0);
  else if (file->kind != FS_STREAM || !is_transfer(self))
    ready(self);
  else if (self->op == CRO_FS_WRITE && !self->shared)
    transfer(self);
  else
    wait_for_stream(self);
}

/* Not recursive: what finishes at once comes back here. */
static void pump(cro_file *file)
{
  if (file->pumping)
    return;
  file->pumping = true;
  while (file->running == NULL) {
    cro_list *node = cro_list_shift(&file->queue);

    if (node == NULL)
      break;
    file->running = CRO_CONTAINER(node, cro_fs, node);
    if (file->fd < 0 || file->running->closed) {
      file->running->out.err = CRO_E_CLOSED;
      finish(file->running, 0);
    } else {
      begin(file->running);
    }
  }
  file->pumping = false;
  if (file->orphan && file->running == NULL)
    free_file(file);
}

/* --- requests -----------------------------------------------------------------------
 */

static int refuse(const cro_loop *loop, const cro_file *file, cro_fs_op op,
                  const cro_fs_in *in)
{
  if (file != NULL && (file->closing || file->fd < 0))
    return CRO_E_CLOSED;
  if (op == CRO_FS_CLOSE)
    return 0;
  if (loop->destroying)
    return CRO_E_CANCELLED;
  if (loop->fs_count >= cro_fs_requests_max)
    return CRO_E_LIMIT;
  if (loop->fs_bytes > 0 && loop->fs_bytes + in->data.len > cro_fs_bytes_max)
    return CRO_E_LIMIT;
  return 0;
}

static char *keep(char *into, cro_bytes *bytes)
{
  if (bytes->len > 0)
    memcpy(into, bytes->at, bytes->len);
  into[bytes->len] = '\0';
  bytes->at = into;
  return into + bytes->len + 1;
}

static cro_fs *create(cro_loop *loop, cro_file *file, cro_fs_op op, const cro_fs_in *in)
{
  size_t size = in->path.len + in->to.len + in->data.len + 3;
  cro_fs *self = cro_alloc(sizeof *self + size);
  char *into;

  if (self == NULL)
    return NULL;
  memset(self, 0, sizeof *self);
  self->loop = loop;
  self->file = file;
  self->op = op;
  self->in = *in;
  into = keep(self->text, &self->in.path);
  into = keep(into, &self->in.to);
  (void)keep(into, &self->in.data);
  cro_list_init(&self->node);
  atomic_init(&self->cancelled, false);
  return self;
}

/* A pipe that is being closed may never bring what its readers wait for. */
static void fail_readers(cro_file *file)
{
  cro_list *node, *next;

  for (node = file->queue.next; node != &file->queue; node = next) {
    cro_fs *self = CRO_CONTAINER(node, cro_fs, node);

    next = node->next;
    if (self->op != CRO_FS_READ)
      continue;
    self->closed = true;
  }
  if (file->running == NULL || file->running->op != CRO_FS_READ ||
      file->running->phase != FS_POLLING)
    return;
  fs_poll_stop(file);
  file->running->out.err = CRO_E_CLOSED;
  finish(file->running, 0);
}

int cro_fs_start(cro_fs **out, cro_loop *loop, cro_file *file, cro_fs_op op,
                 const cro_fs_in *in, cro_fs_done *done, void *arg)
{
  cro_fs *self;
  int rc = refuse(loop, file, op, in);

  cro_check(cro_fs_op_is_of_file(op) == (file != NULL));
  if (rc != 0)
    return rc;
  self = create(loop, file, op, in);
  if (self == NULL)
    return CRO_E_NOMEM;
  self->done = done;
  self->arg = arg;
  loop->fs_count++;
  loop->fs_bytes += in->data.len;
  if (out != NULL)
    *out = self;
  if (file == NULL) {
    ready(self);
    return 0;
  }
  file->closing = op == CRO_FS_CLOSE;
  self->phase = FS_QUEUED;
  cro_list_push(&file->queue, &self->node);
  if (file->closing && file->kind == FS_STREAM)
    fail_readers(file);
  pump(file);
  return 0;
}

/* The next one of its file may begin. */
static void abandon(cro_fs *self)
{
  cro_file *file = self->file;

  if (self->phase == FS_POLLING)
    fs_poll_stop(file);
  if (file != NULL && file->running == self)
    file->running = NULL;
  drop(self);
  if (file != NULL)
    pump(file);
}

void cro_fs_cancel(cro_fs *self)
{
  self->done = NULL;
  if (self->op == CRO_FS_CLOSE)
    return;
  atomic_store_explicit(&self->cancelled, true, memory_order_relaxed);
  if (self->phase == FS_RUNNING)
    (void)uv_cancel((uv_req_t *)&self->work);
  else
    abandon(self);
}

void cro_fs_let_go(cro_fs *self)
{
  self->done = NULL;
}

void cro_file_forget(cro_file *file)
{
  file->orphan = true;
  if (!file->closing && file->fd >= 0 && !file->borrowed)
    (void)cro_fs_start(NULL, file->loop, file, CRO_FS_CLOSE, &(cro_fs_in){ 0 }, NULL,
                       NULL);
  pump(file);
}

/* --- the loop's end ------------------------------------------------------------------
 */

static void give_up(cro_fs *self)
{
  cro_fs_done *done = self->done;
  cro_fs_out out = { .err = CRO_E_CANCELLED,
                     .path = self->in.path,
                     .data = &self->data };

  if (done == NULL)
    return;
  self->done = NULL;
  done(self->arg, &out);
}

static void give_up_all(cro_list *list)
{
  cro_list *node, *next;

  for (node = list->next; node != list; node = next) {
    cro_fs *self = CRO_CONTAINER(node, cro_fs, node);

    next = node->next;
    give_up(self);
    if (self->phase == FS_POLLING) {
      fs_poll_stop(self->file);
      self->file->running = NULL;
      drop(self);
    }
  }
}

/* What waits for a thread gets one still, so that a write that was accepted is made;
 * what waits for a pipe is given up. */
void net_files_close(cro_loop *loop)
{
  cro_list *node, *next;

  give_up_all(&loop->fs_busy);
  give_up_all(&loop->fs_waiting);
  for (node = loop->files.next; node != &loop->files; node = next) {
    cro_file *file = CRO_CONTAINER(node, cro_file, node);

    next = node->next;
    give_up_all(&file->queue);
    if (!file->orphan && !file->closing && !file->borrowed)
      cro_file_forget(file);
    else
      pump(file);
  }
}

void net_files_init(cro_loop *loop)
{
  const char *text = getenv("UV_THREADPOOL_SIZE");
  int threads = text != NULL ? atoi(text) : net_pool_threads;

  loop->fs_threads = threads < 2 ? 1 : (unsigned)(threads - (threads + 3) / 4);
}
