/* Pipes, sockets and terminals: the loop waits for them, and only then are they read
 * or written. */
#include "net/fs.h"

#include "base/alloc.h"
#include "base/err.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

static _Thread_local volatile bool writing;

bool cro_file_is_writing(void)
{
  return writing;
}

ssize_t fs_write_stream(int fd, bool socket, const char *at, size_t len)
{
  ssize_t n;

  writing = true;
  do
    n = socket ? send(fd, at, len, MSG_DONTWAIT | MSG_NOSIGNAL) : write(fd, at, len);
  while (n < 0 && errno == EINTR);
  writing = false;
  return n;
}

ssize_t fs_read_stream(int fd, bool socket, char *at, size_t len)
{
  ssize_t n;

  do
    n = socket ? recv(fd, at, len, MSG_DONTWAIT) : read(fd, at, len);
  while (n < 0 && errno == EINTR);
  return n;
}

static void on_poll(uv_poll_t *uv, int status, int events)
{
  cro_file *file = ((fs_poll *)uv)->file;

  (void)status; /* an error shows when the descriptor is used */
  (void)events;
  uv_poll_stop(uv);
  if (file != NULL)
    fs_ready(file);
}

static void on_closed(uv_handle_t *handle)
{
  cro_free(handle->data);
}

/* libuv sets O_NONBLOCK, which all who share the descriptor would find set. */
static int init_poll(cro_file *file, fs_poll *poll)
{
  int flags = fcntl(file->fd, F_GETFL);
  int rc = uv_poll_init(&file->loop->uv, &poll->uv, file->fd);

  if (file->shared && flags >= 0 && (flags & O_NONBLOCK) == 0)
    (void)fcntl(file->fd, F_SETFL, flags);
  return rc;
}

static int create_poll(cro_file *file)
{
  fs_poll *poll = cro_alloc_zero(sizeof *poll);
  int rc;

  if (poll == NULL)
    return CRO_E_NOMEM;
  rc = init_poll(file, poll);
  if (rc != 0) {
    cro_free(poll);
    return rc == UV_EPERM ? CRO_E_NOTSUP : cro_net_err(rc);
  }
  poll->uv.data = poll;
  poll->file = file;
  file->poll = poll;
  return 0;
}

int fs_poll_start(cro_file *file, int events)
{
  int rc = file->poll == NULL ? create_poll(file) : 0;

  if (rc == 0)
    rc = cro_net_err(uv_poll_start(&file->poll->uv, events, on_poll));
  return rc;
}

void fs_poll_stop(cro_file *file)
{
  if (file->poll != NULL)
    uv_poll_stop(&file->poll->uv);
}

void fs_poll_close(cro_file *file)
{
  fs_poll *poll = file->poll;

  if (poll == NULL)
    return;
  file->poll = NULL;
  poll->file = NULL;
  uv_close((uv_handle_t *)&poll->uv, on_closed);
}
