/* Whole files: read, written, put in the place of another, copied. On threads of the
 * pool. */
#include "net/fs.h"

#include "base/alloc.h"
#include "base/err.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { default_mode = 0666, random_tries = 100 };

/* What is no regular file may take for ever: it is for streams to read. Mostly it is
 * not even opened: the other end of a pipe would take that for its end. */
static int open_regular(const char *path, int flags, int mode, struct stat *st)
{
  int fd;

  if (stat(path, st) == 0 && S_ISFIFO(st->st_mode) && (flags & O_EXCL) == 0)
    return -ESPIPE;
  fd = fs_open(path, flags, mode);
  if (fd < 0)
    return fd == -ENXIO ? -ESPIPE : fd;
  if (fstat(fd, st) == 0 && S_ISREG(st->st_mode))
    return fd;
  (void)fs_close(fd);
  return S_ISDIR(st->st_mode) ? -EISDIR : -ESPIPE;
}

int fs_op_load(cro_fs *self)
{
  struct stat st = { 0 };
  int rc;

  self->fd = open_regular(self->in.path.at, O_RDONLY, 0, &st);
  if (self->fd < 0)
    return self->fd;
  self->kind = FS_SEEKABLE;
  self->at = 0;
  self->in.length++; /* one byte more tells a file that is too large */
  rc = (uint64_t)st.st_size >= self->in.length ? fs_fail(self, CRO_E_LIMIT)
                                               : fs_read_full(self);
  if (self->data.len == self->in.length)
    rc = fs_fail(self, CRO_E_LIMIT);
  self->out.number = (uint64_t)st.st_size;
  (void)fs_close(self->fd);
  return rc;
}

static int finish_write(cro_fs *self, int fd, int rc)
{
  int closed;

  if (rc == 0 && fs_has(self, CRO_FS_F_SYNC))
    rc = fs_sync(fd, false);
  closed = fs_close(fd);
  return rc != 0 ? rc : closed;
}

static int save_in_place(cro_fs *self)
{
  int flags = O_WRONLY | O_CREAT | (fs_has(self, CRO_FS_F_APPEND) ? O_APPEND : O_TRUNC);
  int mode = self->in.mode < 0 ? default_mode : self->in.mode;
  struct stat st = { 0 };
  int fd;

  if (fs_has(self, CRO_FS_F_EXCLUSIVE))
    flags |= O_EXCL;
  fd = open_regular(self->in.path.at, flags, mode, &st);
  if (fd < 0)
    return fd;
  return finish_write(self, fd, fs_write_all(self, fd, self->in.data, -1));
}

/* --- atomic replacement --------------------------------------------------------------
 */

/* A link stays a link: what it points to is replaced. */
static int resolve_target(const char *path, char out[PATH_MAX])
{
  struct stat st;

  if (lstat(path, &st) == 0 && S_ISLNK(st.st_mode) && realpath(path, out) != NULL)
    return 0;
  if (strlen(path) >= PATH_MAX)
    return -ENAMETOOLONG;
  memcpy(out, path, strlen(path) + 1);
  return 0;
}

/* Owner and mode of what is replaced. The owner only where we may. */
static int dress(int fd, const struct stat *old)
{
  if (fchown(fd, old->st_uid, old->st_gid) != 0 && errno != EPERM)
    return -errno;
  return fchmod(fd, old->st_mode & 07777) == 0 ? 0 : -errno;
}

static int put_in_place(const cro_fs *self, const char *from, const char *to)
{
  int rc;

  if (!fs_has(self, CRO_FS_F_EXCLUSIVE))
    rc = rename(from, to) == 0 ? 0 : -errno;
  else if (link(from, to) != 0)
    rc = -errno;
  else
    rc = unlink(from) == 0 ? 0 : -errno;
  if (rc == 0 && fs_has(self, CRO_FS_F_SYNC))
    rc = fs_sync_folder(to);
  return rc;
}

/* The name is short and hidden whatever the target's is. */
static int open_beside(cro_fs *self, const char *target, int mode)
{
  char before[PATH_MAX + 8];
  const char *slash = strrchr(target, '/');
  size_t len = slash == NULL ? 0 : (size_t)(slash - target) + 1;
  int fd = -EEXIST;

  memcpy(before, target, len);
  memcpy(before + len, ".cro-", sizeof ".cro-");
  for (int i = 0; i < random_tries && fd == -EEXIST; i++) {
    int rc = fs_random_path(self, before, ".tmp");

    if (rc != 0)
      return rc;
    fd = fs_open(self->data.at, O_WRONLY | O_CREAT | O_EXCL, mode);
  }
  return fd;
}

static int save_atomic(cro_fs *self)
{
  char target[PATH_MAX];
  struct stat old;
  int rc = resolve_target(self->in.path.at, target);
  bool is_there = rc == 0 && stat(target, &old) == 0;
  int mode = self->in.mode < 0 ? default_mode : self->in.mode;
  int fd;

  if (rc != 0)
    return rc;
  if (is_there && fs_has(self, CRO_FS_F_EXCLUSIVE))
    return -EEXIST;
  if (is_there && !S_ISREG(old.st_mode))
    return S_ISDIR(old.st_mode) ? -EISDIR : -ESPIPE;
  fd = open_beside(self, target, is_there ? 0600 : mode);
  if (fd < 0)
    return fd;
  rc = is_there ? dress(fd, &old) : 0;
  if (rc == 0)
    rc = fs_write_all(self, fd, self->in.data, -1);
  rc = finish_write(self, fd, rc);
  if (rc == 0)
    rc = put_in_place(self, self->data.at, target);
  if (rc != 0)
    (void)unlink(self->data.at);
  return rc;
}

int fs_op_save(cro_fs *self)
{
  return fs_has(self, CRO_FS_F_ATOMIC) ? save_atomic(self) : save_in_place(self);
}

/* The file that was written beside: it gets the mode of what it replaces. */
int fs_op_replace(cro_fs *self)
{
  char target[PATH_MAX];
  struct stat old;
  int rc = resolve_target(self->in.to.at, target);
  int fd;

  if (rc == 0 && stat(target, &old) == 0) {
    fd = fs_open(self->in.path.at, O_WRONLY, 0);
    if (fd < 0)
      return fd;
    rc = S_ISDIR(old.st_mode) ? -EISDIR : dress(fd, &old);
    (void)fs_close(fd);
  }
  return rc != 0 ? rc : put_in_place(self, self->in.path.at, target);
}

/* --- copy ---------------------------------------------------------------------------
 */

static bool kernel_cannot(int error)
{
  return error == ENOSYS || error == EXDEV || error == EINVAL || error == EOPNOTSUPP ||
         error == EPERM || error == EBADF;
}

static int copy_by_hand(cro_fs *self, int from, int to)
{
  self->fd = from;
  self->kind = FS_PLAIN;
  self->in.length = fs_big_chunk;
  for (;;) {
    ssize_t n;
    int rc;

    self->data.len = 0;
    n = fs_read_some(self, fs_big_chunk);
    if (n <= 0)
      return (int)n;
    rc = fs_write_all(self, to, cro_buf_bytes(&self->data), -1);
    if (rc != 0)
      return rc;
  }
}

static ssize_t copy_in_kernel(int from, int to)
{
#ifdef __linux__
  return copy_file_range(from, NULL, to, NULL, 16 * fs_big_chunk, 0);
#else
  (void)from;
  (void)to;
  errno = ENOSYS;
  return -1;
#endif
}

/* Some file systems say 0 although there is more (those whose files have no size). */
static int copy_bytes(cro_fs *self, int from, int to)
{
  while (!fs_cancelled(self)) {
    ssize_t n = copy_in_kernel(from, to);

    if (n > 0) {
      self->out.number += (uint64_t)n;
      continue;
    }
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0 && !kernel_cannot(errno))
      return -errno;
    if (n < 0 || self->out.number == 0)
      return copy_by_hand(self, from, to);
    return 0;
  }
  return -ECANCELED;
}

static bool same_file(const struct stat *a, const struct stat *b)
{
  return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* Truncated only when it is known not to be the source itself. */
static int open_copy(cro_fs *self, const struct stat *from, bool *made)
{
  struct stat st = { 0 };
  int fd = fs_open(self->in.to.at, O_WRONLY | O_CREAT | O_EXCL, from->st_mode & 0777);
  int rc;

  *made = fd >= 0;
  if (fd != -EEXIST || fs_has(self, CRO_FS_F_EXCLUSIVE))
    return fd;
  fd = open_regular(self->in.to.at, O_WRONLY, 0, &st);
  if (fd < 0)
    return fd;
  if (same_file(from, &st)) {
    (void)fs_close(fd);
    return -EEXIST;
  }
  if (ftruncate(fd, 0) == 0)
    return fd;
  rc = -errno;
  (void)fs_close(fd);
  return rc;
}

/* What could not be copied whole is not left behind, if it was not there before. */
int fs_op_copy(cro_fs *self)
{
  struct stat st = { 0 };
  bool made;
  int from = open_regular(self->in.path.at, O_RDONLY, 0, &st);
  int to, rc;

  if (from < 0)
    return from;
  to = open_copy(self, &st, &made);
  if (to < 0) {
    (void)fs_close(from);
    return to;
  }
  rc = finish_write(self, to, copy_bytes(self, from, to));
  (void)fs_close(from);
  if (rc != 0 && made)
    (void)unlink(self->in.to.at);
  cro_buf_free(&self->data);
  return rc;
}
