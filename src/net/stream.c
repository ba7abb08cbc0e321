/* Connections over descriptors that somebody else has opened. */
#include "net/net.h"

#include "base/check.h"
#include "base/err.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

void net_set_blocking(int fd, bool on)
{
  int flags = fcntl(fd, F_GETFL);
  int wanted = on ? flags & ~O_NONBLOCK : flags | O_NONBLOCK;

  if (flags >= 0 && wanted != flags)
    (void)fcntl(fd, F_SETFL, wanted);
}

static bool listens(int fd)
{
  int listening = 0;
  socklen_t size = sizeof listening;

  return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) == 0 && listening;
}

/* Files, directories, datagram sockets and the like cannot be waited for, or are no
 * streams: polling one would be the end of the loop. */
static int kind_of(int fd, net_kind *out)
{
  struct stat about;

  switch (uv_guess_handle(fd)) {
  case UV_TCP:
    *out = NET_INET;
    break;
  case UV_NAMED_PIPE:
    *out = fstat(fd, &about) == 0 && S_ISFIFO(about.st_mode) ? NET_PIPE : NET_UNIX;
    break;
  case UV_TTY:
    *out = NET_TERMINAL;
    return 0;
  default:
    return CRO_E_INVAL;
  }
  return listens(fd) ? CRO_E_INVAL : 0;
}

static int peer_of(int fd, net_kind kind, net_address *out)
{
  socklen_t size = sizeof *out;

  *out = (net_address){ 0 };
  if (kind == NET_UNIX)
    out->sa.sa_family = AF_UNIX;
  if (kind != NET_INET)
    return 0;
  return getpeername(fd, &out->sa, &size) == 0 ? 0 : cro_err_from_errno(errno);
}

/* A descriptor that libuv polls twice would stop the process. */
static bool is_open_here(const cro_loop *loop, int fd)
{
  for (const cro_list *node = loop->tcps.next; node != &loop->tcps; node = node->next) {
    const cro_tcp *tcp = CRO_CONTAINER(node, cro_tcp, node);

    if (tcp->fd == fd && tcp->life != TCP_CLOSED)
      return true;
  }
  return false;
}

static void set_directions(cro_tcp *tcp, int flags)
{
  int mode = flags & O_ACCMODE;

  tcp->unread = mode == O_WRONLY;
  if (mode == O_RDONLY)
    tcp->fin = tcp->fin_out = true;
}

static int check(const cro_loop *loop, int fd, int how, net_kind *kind)
{
  if (loop->destroying)
    return CRO_E_CLOSED;
  if ((how & CRO_STREAM_SHARED) != 0 && is_open_here(loop, fd))
    return CRO_E_EXISTS;
  return kind_of(fd, kind);
}

int cro_stream_adopt(cro_tcp **out, cro_loop *loop, int fd, int how)
{
  net_address peer;
  net_kind kind = NET_INET;
  cro_tcp *tcp;
  int flags = fcntl(fd, F_GETFL);
  int rc = flags >= 0 ? check(loop, fd, how, &kind) : cro_err_from_errno(errno);

  if (rc == 0)
    rc = peer_of(fd, kind, &peer);
  if (rc == 0)
    rc = cro_tcp_create(&tcp, loop, fd, &peer);
  if (rc != 0)
    return rc;
  cro_tcp_is(tcp, kind);
  tcp->lingers = kind == NET_INET;
  tcp->shared = (how & CRO_STREAM_SHARED) != 0 && (flags & O_NONBLOCK) == 0;
  set_directions(tcp, flags);
  if (kind != NET_INET)
    cro_tcp_write_idle(tcp, 0);
  if ((how & CRO_STREAM_SHARED) == 0)
    (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
  net_set_blocking(fd, false);
  *out = tcp;
  return 0;
}
