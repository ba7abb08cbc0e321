/* Connections that are closed while the peer may still send: had the kernel unread
 * input then, or got some later, it would answer with a reset, and what the peer had
 * not read of our last bytes would be lost. So the closing end says FIN, throws away
 * what comes for a while, and closes then. A peer that goes on sending is not read any
 * more, but not reset either before the time is over: its window closes, and it may
 * look at what we have said. The cro_tcp does not wait for it: the descriptor is all
 * that lives on. */
#include "net/net.h"

#include "base/alloc.h"
#include "base/check.h"
#include "base/err.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
  linger_bytes = 256 * 1024, /* what is on its way when the peer is told */
  linger_ms = 2000,          /* a round trip and then some */
  lingers_max = 1024         /* descriptors that clients who never close may hold so */
};

typedef struct net_lingering {
  uv_poll_t uv;
  cro_list node; /* loop->lingers */
  cro_timer limit;
  cro_loop *loop;
  size_t left; /* bytes that will still be thrown away */
  int fd;
} net_lingering;

typedef enum drained {
  DRAIN_EMPTY,
  DRAIN_ENOUGH, /* `left` is 0 */
  DRAIN_END     /* FIN, or the connection is broken */
} drained;

/* Throws away what is there. */
static drained drain(cro_loop *loop, int fd, size_t *left)
{
  while (*left > 0) {
    size_t most = *left < net_read_bytes ? *left : net_read_bytes;
    ssize_t n = recv(fd, loop->shared, most, MSG_DONTWAIT);

    if (n == 0)
      return DRAIN_END;
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return errno == EAGAIN || errno == EWOULDBLOCK ? DRAIN_EMPTY : DRAIN_END;
    *left -= (size_t)n;
  }
  return DRAIN_ENOUGH;
}

static void on_closed(uv_handle_t *handle)
{
  cro_free(handle->data);
}

static void stop(net_lingering *self)
{
  net_stir(self->loop);
  cro_loop_disarm(self->loop, &self->limit);
  cro_list_remove(&self->node);
  self->loop->linger_count--;
  uv_close((uv_handle_t *)&self->uv, on_closed);
  close(self->fd);
}

static void on_limit(cro_timer *timer)
{
  stop(CRO_CONTAINER(timer, net_lingering, limit));
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
  net_lingering *self = poll->data;
  drained how = status < 0 ? DRAIN_END : drain(self->loop, self->fd, &self->left);

  (void)events;
  if (how == DRAIN_END)
    stop(self);
  else if (how == DRAIN_ENOUGH)
    uv_poll_stop(&self->uv); /* until the limit */
}

static int watch(cro_loop *loop, int fd, size_t left)
{
  net_lingering *self = cro_alloc_zero(sizeof *self);
  int rc;

  if (self == NULL)
    return CRO_E_NOMEM;
  rc = uv_poll_init(&loop->uv, &self->uv, fd);
  if (rc != 0) {
    cro_free(self);
    return cro_net_err(rc);
  }
  self->uv.data = self;
  self->loop = loop;
  self->fd = fd;
  self->left = left;
  cro_timer_init(&self->limit, on_limit);
  cro_list_push(&loop->lingers, &self->node);
  loop->linger_count++;
  cro_loop_arm(loop, &self->limit, cro_loop_now(loop) + linger_ms);
  if (left > 0)
    uv_poll_start(&self->uv, UV_READABLE, on_readable);
  if (loop->linger_count > lingers_max)
    stop(CRO_CONTAINER(loop->lingers.next, net_lingering, node));
  return 0;
}

/* Whoever has failed has answered at once what the peer has yet to finish saying: a
 * client of TLS 1.3 sends its first request along with the certificate it is refused
 * for. */
static bool expects_more(const cro_tcp *tcp)
{
  return tcp->patient || (tcp->layer != NULL && tcp->layer->err != 0);
}

/* True when the peer may be in the middle of sending. */
static bool is_needed(cro_tcp *tcp, size_t *left)
{
  if (!tcp->lingers || tcp->eof || tcp->loop->destroying)
    return false;
  return drain(tcp->loop, tcp->fd, left) != DRAIN_END &&
         (expects_more(tcp) || *left < linger_bytes);
}

/* libuv will close its descriptor: a second one keeps the connection. */
void net_linger(cro_tcp *tcp)
{
  size_t left = linger_bytes;
  int fd;

  if (!is_needed(tcp, &left) || shutdown(tcp->fd, SHUT_WR) != 0)
    return;
  fd = fcntl(tcp->fd, F_DUPFD_CLOEXEC, 0);
  if (fd >= 0 && watch(tcp->loop, fd, left) != 0)
    close(fd);
}

void net_lingers_close(cro_loop *loop)
{
  while (!cro_list_empty(&loop->lingers))
    stop(CRO_CONTAINER(loop->lingers.next, net_lingering, node));
}
