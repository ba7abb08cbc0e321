/* Options of TCP sockets. */
#include "net/net.h"

#include "base/err.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

static int set_int(int fd, int level, int name, int value)
{
  return setsockopt(fd, level, name, &value, sizeof value) == 0
             ? 0
             : cro_err_from_errno(errno);
}

int cro_tcp_nodelay(cro_tcp *tcp, bool on)
{
  if (tcp->life == TCP_CLOSED)
    return CRO_E_CLOSED;
  if (tcp->kind != NET_INET)
    return CRO_E_NOTSUP;
  return set_int(tcp->fd, IPPROTO_TCP, TCP_NODELAY, on);
}

#if !defined TCP_KEEPIDLE && defined TCP_KEEPALIVE
#define TCP_KEEPIDLE TCP_KEEPALIVE /* macOS */
#endif

int net_set_keep_alive(int fd, unsigned seconds)
{
  enum { probes = 4, seconds_max = 32767 };
  int idle = (int)seconds, interval = (idle + probes - 1) / probes;
  int rc;

  if (seconds > seconds_max)
    return CRO_E_INVAL;
  rc = set_int(fd, SOL_SOCKET, SO_KEEPALIVE, seconds > 0);
  if (rc != 0 || seconds == 0)
    return rc;
  rc = set_int(fd, IPPROTO_TCP, TCP_KEEPIDLE, idle);
  if (rc == 0)
    rc = set_int(fd, IPPROTO_TCP, TCP_KEEPINTVL, interval);
  return rc == 0 ? set_int(fd, IPPROTO_TCP, TCP_KEEPCNT, probes) : rc;
}

int cro_tcp_keep_alive(cro_tcp *tcp, unsigned seconds)
{
  if (tcp->life == TCP_CLOSED)
    return CRO_E_CLOSED;
  return tcp->kind == NET_INET ? net_set_keep_alive(tcp->fd, seconds) : CRO_E_NOTSUP;
}
