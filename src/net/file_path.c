/* Operations on paths that are one system call, or nearly. On threads of the pool. */
#include "net/fs.h"

#include "base/err.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static int result(int rc)
{
  return rc == 0 ? 0 : -errno;
}

/* --- stat ---------------------------------------------------------------------------
 */

static double seconds(uv_timespec_t time)
{
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void fill_stat(cro_fs_stat *out, const uv_stat_t *st)
{
  *out = (cro_fs_stat){
    .dev = st->st_dev,
    .ino = st->st_ino,
    .size = st->st_size,
    .blocks = st->st_blocks,
    .nlink = st->st_nlink,
    .uid = st->st_uid,
    .gid = st->st_gid,
    .blksize = st->st_blksize,
    .atime = seconds(st->st_atim),
    .mtime = seconds(st->st_mtim),
    .ctime = seconds(st->st_ctim),
    .birthtime = seconds(st->st_birthtim),
    .mode = (unsigned)st->st_mode,
  };
}

/* libuv knows how each system tells the time of birth. Without a callback it runs here
 * and needs no loop. */
static int finish_stat(cro_fs *self, uv_fs_t *request, int rc)
{
  if (rc == 0)
    fill_stat(&self->out.stat, &request->statbuf);
  uv_fs_req_cleanup(request);
  return rc;
}

int fs_op_stat(cro_fs *self)
{
  uv_fs_t request;
  int rc = fs_has(self, CRO_FS_F_NOFOLLOW)
               ? uv_fs_lstat(NULL, &request, self->in.path.at, NULL)
               : uv_fs_stat(NULL, &request, self->in.path.at, NULL);

  return finish_stat(self, &request, rc);
}

int fs_op_fstat(cro_fs *self)
{
  uv_fs_t request;

  return finish_stat(self, &request, uv_fs_fstat(NULL, &request, self->fd, NULL));
}

/* --- names --------------------------------------------------------------------------
 */

static int rename_to_new(const char *from, const char *to)
{
#ifdef RENAME_NOREPLACE
  if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
    return 0;
  if (errno != ENOSYS && errno != EINVAL)
    return -errno;
#endif
  if (link(from, to) != 0)
    return -errno;
  return result(unlink(from));
}

int fs_op_rename(cro_fs *self)
{
  if (fs_has(self, CRO_FS_F_EXCLUSIVE))
    return rename_to_new(self->in.path.at, self->in.to.at);
  return result(rename(self->in.path.at, self->in.to.at));
}

int fs_op_link(cro_fs *self)
{
  return result(link(self->in.path.at, self->in.to.at));
}

int fs_op_symlink(cro_fs *self)
{
  return result(symlink(self->in.path.at, self->in.to.at));
}

static int answer(cro_fs *self, cro_bytes text)
{
  return cro_buf_add(&self->data, text) == 0 ? 0 : -ENOMEM;
}

int fs_op_readlink(cro_fs *self)
{
  char target[PATH_MAX];
  ssize_t n = readlink(self->in.path.at, target, sizeof target);

  if (n < 0)
    return -errno;
  return answer(self, (cro_bytes){ target, (size_t)n });
}

int fs_op_realpath(cro_fs *self)
{
  char found[PATH_MAX];

  if (realpath(self->in.path.at, found) == NULL)
    return -errno;
  return answer(self, cro_bytes_of(found));
}

/* --- what a file says of itself
 * --------------------------------------------------------
 */

int fs_op_chmod(cro_fs *self)
{
  return result(chmod(self->in.path.at, (mode_t)self->in.mode));
}

int fs_op_chown(cro_fs *self)
{
  int flags = fs_has(self, CRO_FS_F_NOFOLLOW) ? AT_SYMLINK_NOFOLLOW : 0;

  return result(fchownat(AT_FDCWD, self->in.path.at, (uid_t)self->in.uid,
                         (gid_t)self->in.gid, flags));
}

static struct timespec time_of(double seconds)
{
  double whole = floor(seconds);
  struct timespec time = { .tv_sec = (time_t)whole,
                           .tv_nsec = (long)((seconds - whole) * 1e9) };

  if (time.tv_nsec > 999999999) /* -1e-20 is -1 and a fraction that rounds to 1 */
    time.tv_nsec = 999999999;
  return time;
}

int fs_op_utime(cro_fs *self)
{
  int flags = fs_has(self, CRO_FS_F_NOFOLLOW) ? AT_SYMLINK_NOFOLLOW : 0;
  struct timespec times[2] = { time_of(self->in.atime), time_of(self->in.mtime) };

  return result(utimensat(AT_FDCWD, self->in.path.at, times, flags));
}

int fs_op_truncate(cro_fs *self)
{
  int rc;

  do
    rc = truncate(self->in.path.at, (off_t)self->in.length);
  while (rc != 0 && errno == EINTR);
  return result(rc);
}

/* --- folders ------------------------------------------------------------------------
 */

static bool is_folder(const char *path)
{
  struct stat st;

  return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* Makes every missing folder of the path, which is changed and put back meanwhile. */
static int make_parents(char *path, mode_t mode)
{
  for (char *at = path + 1; *at != '\0'; at++) {
    int error;

    if (*at != '/' || at[-1] == '/')
      continue;
    *at = '\0';
    error = mkdir(path, mode) == 0 || errno == EEXIST ? 0 : errno;
    if (error != 0 && is_folder(path))
      error = 0; /* one that may not be written to, and need not be */
    *at = '/';
    if (error != 0)
      return -error;
  }
  return 0;
}

int fs_op_mkdir(cro_fs *self)
{
  char *path = (char *)(uintptr_t)self->in.path.at; /* in our own block */
  bool parents = fs_has(self, CRO_FS_F_PARENTS);
  mode_t mode = (mode_t)self->in.mode;
  int rc;

  if (mkdir(path, mode) == 0)
    return 0;
  if (!parents || (errno != ENOENT && errno != EEXIST))
    return -errno;
  if (errno == EEXIST)
    return is_folder(path) ? 0 : -EEXIST;
  rc = make_parents(path, 0777);
  if (rc != 0 || mkdir(path, mode) == 0)
    return rc;
  return errno == EEXIST && is_folder(path) ? 0 : -errno;
}

int fs_op_temp_dir(cro_fs *self)
{
  enum { tries = 100 };

  for (int i = 0; i < tries; i++) {
    int rc = fs_random_path(self, self->in.path.at, self->in.to.at);

    if (rc != 0)
      return rc;
    self->out.made = mkdir(self->data.at, 0700) == 0;
    if (self->out.made)
      return 0;
    if (errno != EEXIST)
      return -errno;
  }
  return -EEXIST;
}
