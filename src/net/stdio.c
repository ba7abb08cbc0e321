/* The standard streams as files. Their descriptors, and with them O_NONBLOCK, are
 * shared with whoever started us: a shell whose terminal no longer blocks is a broken
 * one. Where the system lets us open the same pipe or terminal once more, flags of our
 * own are set on that; where not, streams are read and written blocking, on the pool,
 * after the loop has seen that they are ready. */
#include "net/fs.h"

#include "base/err.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

static const char *const names[] = { "stdin", "stdout", "stderr" };

/* The wrong way round: reading and writing say EBADF, as of a closed descriptor. */
void cro_stdio_guard(void)
{
  for (int fd = 0; fd <= 2; fd++)
    if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
      (void)open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY);
}

static bool usable(int fd)
{
  int flags = fcntl(fd, F_GETFL);
  int way = flags & O_ACCMODE;

  return flags >= 0 && (way == O_RDWR || way == (fd == 0 ? O_RDONLY : O_WRONLY));
}

/* The same pipe or terminal with flags of its own, or -1. */
static int reopen(int fd, const struct stat *st)
{
#ifdef __linux__
  char path[32];
  struct stat again;
  int own;

  if (!S_ISFIFO(st->st_mode) && !S_ISCHR(st->st_mode))
    return -1;
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  own = fs_open(path, fd == 0 ? O_RDONLY : O_WRONLY, 0);
  if (own < 0)
    return -1;
  if (fstat(own, &again) == 0 && again.st_ino == st->st_ino &&
      again.st_dev == st->st_dev)
    return own;
  (void)fs_close(own);
#else
  (void)fd;
  (void)st;
#endif
  return -1;
}

/* A redirected file's position is everybody's. */
static void dress(cro_file *file, int own)
{
  file->borrowed = own < 0;
  if (file->kind == FS_SEEKABLE)
    file->kind = FS_PLAIN;
  file->shared = file->kind == FS_STREAM && own < 0 && !file->socket;
}

int cro_stdio_open(cro_file **out, cro_loop *loop, int fd)
{
  struct stat st;
  int own, rc;

  if (loop->destroying)
    return CRO_E_CANCELLED;
  if (!usable(fd) || fstat(fd, &st) != 0)
    return CRO_E_CLOSED;
  own = reopen(fd, &st);
  rc = fs_file_create(out, own >= 0 ? own : fd, names[fd], st.st_mode, false);
  if (rc != 0) {
    if (own >= 0)
      (void)fs_close(own);
    return CRO_E_NOMEM;
  }
  dress(*out, own);
  (*out)->standing = fd != 0;
  fs_file_attach(*out, loop);
  return 0;
}

bool cro_stdio_is_terminal(int fd)
{
  return isatty(fd) == 1;
}

int cro_stdio_size(int fd, int *columns, int *rows)
{
  struct winsize size;

  if (ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
    return CRO_E_NOTSUP;
  *columns = size.ws_col;
  *rows = size.ws_row;
  return 0;
}
