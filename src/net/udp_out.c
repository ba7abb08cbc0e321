/* Datagrams on their way out. Nearly all go to the kernel at once; those that cannot
 * wait in a queue, in order, and those whose host is a name join it once it is known.
 */
#include "net/udp_socket.h"

#include "base/alloc.h"
#include "base/check.h"
#include "base/err.h"

#include <errno.h>
#include <string.h>

net_udp_send_fn *net_udp_send = sendto;

typedef struct net_sending {
  cro_list node; /* udp->queue or udp->naming */
  cro_udp *udp;
  net_resolving *resolving;
  void (*done)(void *arg, int err);
  void *arg;
  net_address to; /* family 0: the peer of a connected socket */
  size_t len;
  char data[];
} net_sending;

/* On a socket of both families an IPv4 address is written as one of IPv6. */
static net_address fitting(const cro_udp *udp, const net_address *to)
{
  net_address mapped = { .v6 = { .sin6_family = AF_INET6 } };
  unsigned char *bytes = mapped.v6.sin6_addr.s6_addr;

  if (udp->family != AF_INET6 || to->sa.sa_family != AF_INET)
    return *to;
  bytes[10] = bytes[11] = 0xff;
  memcpy(bytes + 12, &to->v4.sin_addr, 4);
  mapped.v6.sin6_port = to->v4.sin_port;
  return mapped;
}

/* 0 or a cro_err; CRO_E_AGAIN when the kernel is full. */
static int give(cro_udp *udp, const net_address *to, const char *at, size_t len)
{
  bool peer = to->sa.sa_family == 0;
  net_address address = fitting(udp, to);
  ssize_t n;

  net_stir(udp->loop);
  do
    n = net_udp_send(udp->fd, at, len, MSG_DONTWAIT | MSG_NOSIGNAL,
                     peer ? NULL : &address.sa, peer ? 0 : net_address_size(&address));
  while (n < 0 && errno == EINTR);
  if (n >= 0)
    return 0;
  return cro_err_from_errno(errno);
}

int cro_udp_send(cro_udp *udp, cro_bytes host, int port, cro_bytes data)
{
  net_address to = { 0 };

  if (port < 0 || port > 65535)
    return CRO_E_INVAL;
  if (data.len >= cro_udp_max_size)
    return CRO_E_TOO_BIG;
  if (host.len > 0 && net_address_parse(host, port, &to) != 0)
    return CRO_E_AGAIN;
  if (!cro_list_empty(&udp->queue))
    return CRO_E_AGAIN;
  return give(udp, &to, data.at, data.len);
}

/* --- what waits ------------------------------------------------------------------- */

static void finish(net_sending *self, int err)
{
  void (*done)(void *arg, int err) = self->done;
  void *arg = self->arg;

  cro_list_remove(&self->node);
  self->udp->queued--;
  self->udp->queued_bytes -= self->len;
  if (self->resolving != NULL)
    net_resolve_cancel(self->resolving);
  cro_free(self);
  done(arg, err);
}

/* `done` may close the socket, which empties the queue. */
void net_udp_flush(cro_udp *udp)
{
  while (!cro_list_empty(&udp->queue)) {
    net_sending *first = CRO_CONTAINER(udp->queue.next, net_sending, node);
    int rc = give(udp, &first->to, first->data, first->len);

    if (rc == CRO_E_AGAIN)
      break;
    finish(first, rc);
  }
  net_udp_poll(udp);
}

static void give_up_all(cro_list *list, int err)
{
  while (!cro_list_empty(list))
    finish(CRO_CONTAINER(list->next, net_sending, node), err);
}

void net_udp_give_up(cro_udp *udp, int err)
{
  give_up_all(&udp->queue, err);
  give_up_all(&udp->naming, err);
}

/* Of a name the first address that this socket reaches. */
static const net_address *reached(const cro_udp *udp, const net_address *found,
                                  size_t count)
{
  for (size_t i = 0; i < count; i++)
    if (udp->family == AF_INET6 || found[i].sa.sa_family == AF_INET)
      return &found[i];
  return NULL;
}

static void join_queue(net_sending *self, const net_address *to)
{
  cro_udp *udp = self->udp;

  self->to = *to;
  cro_list_remove(&self->node);
  cro_list_push(&udp->queue, &self->node);
  net_udp_poll(udp);
}

static void on_resolved(void *arg, int err, const net_address *found, size_t count)
{
  net_sending *self = arg;
  const net_address *to;

  self->resolving = NULL;
  to = err == 0 ? reached(self->udp, found, count) : NULL;
  if (to == NULL)
    finish(self, err != 0 ? err : CRO_E_UNREACHABLE);
  else
    join_queue(self, to);
}

static bool is_full(const cro_udp *udp, size_t len)
{
  return udp->queued >= cro_udp_queue_max ||
         udp->queued_bytes + len > cro_udp_queue_bytes;
}

static int look_up(net_sending *self, cro_bytes host, int port)
{
  cro_udp *udp = self->udp;
  int rc;

  cro_list_push(&udp->naming, &self->node);
  rc = net_resolve(&self->resolving, udp->loop, host, port, on_resolved, self);
  if (rc == 0)
    return 0;
  cro_list_remove(&self->node);
  return rc;
}

int cro_udp_send_later(cro_udp *udp, cro_bytes host, int port, cro_bytes data,
                       void (*done)(void *arg, int err), void *arg)
{
  net_address to = { 0 };
  net_sending *self;
  int rc = 0;

  if (is_full(udp, data.len))
    return CRO_E_LIMIT;
  self = cro_alloc_zero(sizeof *self + data.len);
  if (self == NULL)
    return CRO_E_NOMEM;
  self->udp = udp;
  self->done = done;
  self->arg = arg;
  self->len = data.len;
  if (data.len > 0)
    memcpy(self->data, data.at, data.len);
  cro_list_init(&self->node);
  if (host.len > 0 && net_address_parse(host, port, &to) != 0)
    rc = look_up(self, host, port);
  else
    join_queue(self, &to);
  if (rc != 0) {
    cro_free(self);
    return rc;
  }
  udp->queued++;
  udp->queued_bytes += data.len;
  return 0;
}

size_t cro_udp_queued(const cro_udp *udp)
{
  return udp->queued;
}
