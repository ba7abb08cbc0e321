/* Open files: opening, reading, writing. All of it runs on threads
 * of the pool; reading and writing of streams in the loop too. */
#include "net/fs.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/random.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { random_tries = 100 };

/* --- small things --------------------------------------------------------------------
 */

/* Never blocks: a pipe without another end would keep a thread for ever. */
int fs_open(const char *path, int flags, int mode)
{
  int fd;

  do
    fd = open(path, flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, mode);
  while (fd < 0 && errno == EINTR);
  return fd < 0 ? -errno : fd;
}

/* Linux has let the descriptor go even when it says EINTR. */
int fs_close(int fd)
{
  return close(fd) == 0 || errno == EINTR ? 0 : -errno;
}

int fs_sync(int fd, bool data_only)
{
  int rc;

  do
    rc = data_only ? fdatasync(fd) : fsync(fd);
  while (rc != 0 && errno == EINTR);
  /* pipes, terminals and some file systems have nothing to bring to a disk */
  return rc == 0 || errno == EINVAL || errno == ENOTSUP ? 0 : -errno;
}

int fs_sync_folder(const char *path)
{
  char folder[fs_path_max];
  const char *slash = strrchr(path, '/');
  size_t len = slash == NULL ? 0 : (size_t)(slash - path);
  int fd, rc;

  if (len >= sizeof folder)
    return -ENAMETOOLONG;
  memcpy(folder, path, len);
  folder[len] = '\0';
  fd = fs_open(slash == NULL ? "."
               : len == 0    ? "/"
                             : folder,
               O_RDONLY | O_DIRECTORY, 0);
  if (fd < 0)
    return fd == -EACCES ? 0 : fd; /* it may be written to and not read */
  rc = fs_sync(fd, false);
  (void)fs_close(fd);
  return rc;
}

int fs_random_path(cro_fs *self, const char *before, const char *after)
{
  static const char letters[] = "abcdefghijklmnopqrstuvwxyz234567";
  unsigned char bytes[16];
  char name[sizeof bytes];

  if (cro_random(bytes, sizeof bytes) != 0)
    return -EIO;
  for (size_t i = 0; i < sizeof bytes; i++)
    name[i] = letters[bytes[i] & 31];
  self->data.len = 0;
  if (cro_buf_add(&self->data, cro_bytes_of(before)) != 0 ||
      cro_buf_add(&self->data, (cro_bytes){ name, sizeof name }) != 0 ||
      cro_buf_add(&self->data, cro_bytes_of(after)) != 0 ||
      cro_buf_add_byte(&self->data, '\0') != 0)
    return -ENOMEM;
  self->data.len--;
  return 0;
}

/* --- open ---------------------------------------------------------------------------
 */

static int flags_of(const cro_fs *self)
{
  int flags = fs_has(self, CRO_FS_F_WRITE)
                  ? fs_has(self, CRO_FS_F_READ) ? O_RDWR : O_WRONLY
                  : O_RDONLY;

  if (fs_has(self, CRO_FS_F_CREATE))
    flags |= O_CREAT;
  if (fs_has(self, CRO_FS_F_TRUNCATE))
    flags |= O_TRUNC;
  if (fs_has(self, CRO_FS_F_EXCLUSIVE))
    flags |= O_CREAT | O_EXCL;
  if (fs_has(self, CRO_FS_F_APPEND))
    flags |= O_APPEND;
  return flags;
}

static int open_temp(cro_fs *self)
{
  int fd = -EEXIST;

  for (int i = 0; i < random_tries && fd == -EEXIST; i++) {
    int rc = fs_random_path(self, self->in.path.at, self->in.to.at);

    if (rc != 0)
      return rc;
    fd = fs_open(self->data.at, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
  }
  self->out.made = fd >= 0;
  return fd;
}

static int adopt(cro_fs *self, int fd, const char *path)
{
  struct stat st;

  if (fstat(fd, &st) != 0)
    return -errno;
  if (S_ISDIR(st.st_mode))
    return -EISDIR;
  return fs_file_create(&self->out.file, fd, path, st.st_mode,
                        fs_has(self, CRO_FS_F_APPEND));
}

/* A pipe that nobody reads yet cannot be opened to write without blocking. */
static bool lacks_reader(const char *path, int fd)
{
  struct stat st;

  return fd == -ENXIO && stat(path, &st) == 0 && S_ISFIFO(st.st_mode);
}

int fs_op_open(cro_fs *self)
{
  bool temp = fs_has(self, CRO_FS_F_TEMP);
  int fd =
      temp ? open_temp(self) : fs_open(self->in.path.at, flags_of(self), self->in.mode);
  int rc;

  if (fd < 0)
    return lacks_reader(self->in.path.at, fd) ? -EAGAIN : fd;
  rc = adopt(self, fd, temp ? self->data.at : self->in.path.at);
  if (rc == 0)
    return 0;
  (void)fs_close(fd);
  if (temp)
    (void)unlink(self->data.at);
  self->out.made = false;
  return rc;
}

int fs_op_close(cro_fs *self)
{
  return fs_close(self->fd);
}

/* --- read ---------------------------------------------------------------------------
 */

static uint64_t left_to_read(const cro_fs *self)
{
  return self->in.length - self->data.len;
}

/* One call; 0 at the end of the file, else bytes or a negative errno. */
ssize_t fs_read_some(cro_fs *self, size_t room)
{
  ssize_t n;
  char *into;

  if (room > left_to_read(self))
    room = (size_t)left_to_read(self);
  if (cro_buf_reserve(&self->data, room) != 0)
    return -ENOMEM;
  into = self->data.at + self->data.len;
  if (self->kind != FS_SEEKABLE)
    n = fs_read_stream(self->fd, self->socket, into, room);
  else
    do
      n = pread(self->fd, into, room, self->at + (off_t)self->data.len);
    while (n < 0 && errno == EINTR);
  if (n < 0)
    return -errno;
  self->data.len += (size_t)n;
  return n;
}

/* What is known to be there, or a chunk: some files say they have no size, and a script
 * may ask for more than there is. */
static size_t room_for(const cro_fs *self)
{
  struct stat st;
  int64_t rest;

  if (self->kind != FS_SEEKABLE || fstat(self->fd, &st) != 0)
    return fs_chunk;
  rest = st.st_size - self->at;
  return rest > fs_chunk ? (size_t)rest : fs_chunk;
}

int fs_read_full(cro_fs *self)
{
  size_t room = room_for(self);

  while (left_to_read(self) > 0 && !fs_cancelled(self)) {
    ssize_t n = fs_read_some(self, room > fs_big_chunk ? fs_big_chunk : room);

    if (n < 0)
      return (int)n;
    self->out.eof = n == 0;
    if (n == 0)
      return 0;
  }
  return 0;
}

/* A stream that is not ours alone blocks: one read after the loop has seen that there
 * is something. */
int fs_op_read(cro_fs *self)
{
  ssize_t n;

  self->again = false;
  if (self->in.length == 0)
    return 0;
  if (self->kind != FS_STREAM)
    return fs_read_full(self);
  n = fs_read_some(self, fs_chunk);
  self->again = n == -EAGAIN || n == -EWOULDBLOCK;
  self->out.eof = n == 0;
  return self->again || n > 0 ? 0 : (int)n;
}

/* --- write --------------------------------------------------------------------------
 */

static ssize_t write_some(int fd, const char *at, size_t len, int64_t offset)
{
  ssize_t n;

  do
    n = offset < 0 ? write(fd, at, len) : pwrite(fd, at, len, offset);
  while (n < 0 && errno == EINTR);
  return n < 0 ? -errno : n;
}

/* at -1: at the kernel's position. Counts in out.number. */
int fs_write_all(cro_fs *self, int fd, cro_bytes data, int64_t at)
{
  while (data.len > 0 && !fs_cancelled(self)) {
    size_t part = data.len > fs_big_chunk ? fs_big_chunk : data.len;
    ssize_t n = write_some(fd, data.at, part, at);

    if (n < 0)
      return (int)n;
    cro_bytes_take(&data, (size_t)n);
    self->out.number += (uint64_t)n;
    at = at < 0 ? at : at + n;
  }
  return data.len > 0 ? -ECANCELED : 0;
}

static int write_stream(cro_fs *self)
{
  for (;;) {
    cro_bytes rest = self->in.data;
    ssize_t n;

    cro_bytes_take(&rest, (size_t)self->out.number);
    if (rest.len == 0)
      return 0;
    if (self->shared && rest.len > fs_atomic_pipe)
      rest.len = fs_atomic_pipe;
    n = fs_write_stream(self->fd, self->socket, rest.at, rest.len);
    self->again = n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
    if (n < 0)
      return self->again ? 0 : -errno;
    self->out.number += (uint64_t)n;
    self->again = self->shared && self->out.number < self->in.data.len;
    if (self->again)
      return 0;
  }
}

int fs_op_write(cro_fs *self)
{
  int rc;

  self->again = false;
  if (self->kind == FS_STREAM)
    return write_stream(self);
  if (self->kind == FS_PLAIN || self->append)
    rc = fs_write_all(self, self->fd, self->in.data, -1);
  else
    rc = fs_write_all(self, self->fd, self->in.data, self->at);
  if (self->append && self->kind == FS_SEEKABLE)
    self->at = lseek(self->fd, 0, SEEK_CUR);
  return rc;
}

/* --- the rest of an open file --------------------------------------------------------
 */

int fs_op_seek(cro_fs *self)
{
  struct stat st;
  int64_t base = 0;

  if (self->kind != FS_SEEKABLE)
    return -ESPIPE;
  if (self->in.mode == SEEK_CUR)
    base = self->at;
  if (self->in.mode == SEEK_END) {
    if (fstat(self->fd, &st) != 0)
      return -errno;
    base = st.st_size;
  }
  if (self->in.offset > INT64_MAX - base)
    return -EOVERFLOW;
  if (base + self->in.offset < 0)
    return -EINVAL;
  self->out.number = (uint64_t)(base + self->in.offset);
  return 0;
}

int fs_op_sync(cro_fs *self)
{
  return fs_sync(self->fd, fs_has(self, CRO_FS_F_DATA_ONLY));
}

int fs_op_ftruncate(cro_fs *self)
{
  int rc;

  do
    rc = ftruncate(self->fd, (off_t)self->in.length);
  while (rc != 0 && errno == EINTR);
  return rc == 0 ? 0 : -errno;
}

int fs_op_lock(cro_fs *self)
{
  int how = fs_has(self, CRO_FS_F_UNLOCK)   ? LOCK_UN
            : fs_has(self, CRO_FS_F_SHARED) ? LOCK_SH
                                            : LOCK_EX;

  return flock(self->fd, how | LOCK_NB) == 0 ? 0 : -errno;
}
