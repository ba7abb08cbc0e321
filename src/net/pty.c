#include "base/err.h"
#include "net/net.h"
#include "net/process.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

static int set_size(int fd, int cols, int rows)
{
  struct winsize size = { .ws_col = (unsigned short)cols,
                          .ws_row = (unsigned short)rows };

  return ioctl(fd, TIOCSWINSZ, &size) == 0 ? 0 : cro_err_from_errno(errno);
}

/* The other side of a master, or -1. Never the terminal of this process. */
static int open_slave(int master)
{
  char name[128];

  if (grantpt(master) != 0 || unlockpt(master) != 0 ||
      ptsname_r(master, name, sizeof name) != 0)
    return -1;
  return open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
}

int cro_pty_open(int *master, int *slave, int cols, int rows)
{
  int fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  int other = fd >= 0 ? open_slave(fd) : -1;
  int rc = other < 0 ? cro_err_from_errno(errno) : set_size(fd, cols, rows);

  if (rc != 0) {
    cro_fd_close(other);
    cro_fd_close(fd);
    return rc;
  }
  *master = fd;
  *slave = other;
  return 0;
}

int cro_pty_resize(cro_tcp *master, int cols, int rows)
{
  if (master->life == TCP_CLOSED)
    return CRO_E_CLOSED;
  return isatty(master->fd) == 1 ? set_size(master->fd, cols, rows) : CRO_E_NOTSUP;
}
