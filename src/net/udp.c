#include "net/udp.h"

#include "base/alloc.h"
#include "base/check.h"
#include "base/err.h"
#include "net/udp_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { batch_max = 64, slab_bytes = cro_udp_batch_min * cro_udp_max_size };

/* What recvmmsg fills. Pages that only long datagrams reach are never touched. */
struct net_udp_slab {
  struct mmsghdr msgs[batch_max];
  struct iovec parts[batch_max];
  net_address from[batch_max];
  char control[batch_max][CMSG_SPACE(sizeof(uint32_t))];
  cro_datagram datagrams[batch_max];
  char bytes[slab_bytes];
};

net_udp_receive_fn *net_udp_receive = recvmmsg;

/* --- polling ---------------------------------------------------------------------- */

static void on_ready(uv_poll_t *poll, int status, int events);

void net_udp_poll(cro_udp *udp)
{
  int events = (udp->started ? UV_READABLE : 0) |
               (cro_list_empty(&udp->queue) ? 0 : UV_WRITABLE);

  if (udp->closed || events == udp->events)
    return;
  udp->events = events;
  if (events == 0)
    uv_poll_stop(&udp->uv);
  else
    uv_poll_start(&udp->uv, events, on_ready);
}

/* An error that the socket holds makes libuv stop polling; who sends or receives next
 * is told it. */
static void on_ready(uv_poll_t *poll, int status, int events)
{
  cro_udp *udp = poll->data;

  if (status < 0) {
    udp->events = 0;
    events = UV_READABLE | UV_WRITABLE;
  }
  net_stir(udp->loop);
  if (events & UV_WRITABLE)
    net_udp_flush(udp);
  if (events & UV_READABLE && udp->started && !udp->closed)
    udp->readable(udp->arg);
  net_udp_poll(udp);
}

void cro_udp_start(cro_udp *udp, void (*readable)(void *arg), void *arg)
{
  udp->readable = readable;
  udp->arg = arg;
  udp->started = true;
  net_udp_poll(udp);
}

void cro_udp_stop(cro_udp *udp)
{
  udp->started = false;
  net_udp_poll(udp);
}

/* --- receiving -------------------------------------------------------------------- */

static unsigned prepare(struct net_udp_slab *slab, size_t max_size)
{
  size_t count = slab_bytes / max_size;

  if (count > batch_max)
    count = batch_max;
  for (size_t i = 0; i < count; i++) {
    slab->parts[i] = (struct iovec){ slab->bytes + i * max_size, max_size };
    slab->msgs[i].msg_hdr = (struct msghdr){
      .msg_name = &slab->from[i],
      .msg_namelen = sizeof slab->from[i],
      .msg_iov = &slab->parts[i],
      .msg_iovlen = 1,
      .msg_control = slab->control[i],
      .msg_controllen = sizeof slab->control[i],
    };
  }
  return (unsigned)count;
}

/* The kernel says with a datagram how many it had dropped before that one. */
static void note_overflow(cro_udp *udp, struct msghdr *msg)
{
  uint32_t count = udp->overflow;

  for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c != NULL; c = CMSG_NXTHDR(msg, c))
    if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_RXQ_OVFL)
      memcpy(&count, CMSG_DATA(c), sizeof count);
  cro_udp_drop(udp, count - udp->overflow);
  udp->overflow = count;
}

static void read_one(struct net_udp_slab *slab, size_t i)
{
  const struct mmsghdr *msg = &slab->msgs[i];
  const net_address *from = &slab->from[i];
  bool v6 = from->sa.sa_family == AF_INET6;

  slab->datagrams[i] = (cro_datagram){
    .data = { slab->parts[i].iov_base, msg->msg_len },
    .from = from,
    .port = ntohs(v6 ? from->v6.sin6_port : from->v4.sin_port),
    .truncated = (msg->msg_hdr.msg_flags & MSG_TRUNC) != 0,
  };
}

int cro_udp_receive(cro_udp *udp, const cro_datagram **out)
{
  struct net_udp_slab *slab = udp->loop->udp_slab;
  unsigned count = prepare(slab, udp->max_size);
  int n;

  do
    n = net_udp_receive(udp->fd, slab->msgs, count, MSG_DONTWAIT, NULL);
  while (n < 0 && errno == EINTR);
  if (n < 0)
    return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : cro_err_from_errno(errno);
  for (int i = 0; i < n; i++)
    read_one(slab, (size_t)i);
  if (n > 0)
    note_overflow(udp, &slab->msgs[n - 1].msg_hdr);
  *out = slab->datagrams;
  return n;
}

void cro_datagram_host(const cro_datagram *datagram, char out[64])
{
  net_text text;

  net_address_text(datagram->from, &text);
  memcpy(out, text.host, sizeof text.host);
}

bool cro_datagram_same_host(const cro_datagram *a, const cro_datagram *b)
{
  const net_address *x = a->from, *y = b->from;

  if (x->sa.sa_family != y->sa.sa_family)
    return false;
  if (x->sa.sa_family == AF_INET)
    return x->v4.sin_addr.s_addr == y->v4.sin_addr.s_addr;
  return x->v6.sin6_scope_id == y->v6.sin6_scope_id &&
         memcmp(&x->v6.sin6_addr, &y->v6.sin6_addr, sizeof x->v6.sin6_addr) == 0;
}

void cro_udp_drop(cro_udp *udp, uint64_t count)
{
  udp->dropped += count;
  udp->loop->udp_dropped += count;
}

uint64_t cro_udp_dropped(const cro_udp *udp)
{
  return udp->dropped;
}

/* --- opening ---------------------------------------------------------------------- */

static int take_slab(cro_loop *loop)
{
  if (loop->udp_slab == NULL)
    loop->udp_slab = cro_alloc(sizeof *loop->udp_slab);
  return loop->udp_slab != NULL ? 0 : CRO_E_NOMEM;
}

/* Not while datagrams of it may be looked at: only from the loop. */
static void leave_slab(cro_loop *loop)
{
  if (loop->udp_count > 0)
    return;
  cro_free(loop->udp_slab);
  loop->udp_slab = NULL;
}

static int create(cro_udp **out, cro_loop *loop, int fd, int family,
                  const cro_udp_options *options)
{
  size_t max_size = options->max_size;
  cro_udp *udp = cro_alloc_zero(sizeof *udp);
  int rc = udp != NULL ? take_slab(loop) : CRO_E_NOMEM;

  if (rc == 0)
    rc = cro_net_err(uv_poll_init(&loop->uv, &udp->uv, fd));
  if (rc != 0) {
    cro_free(udp); /* a slab is for the next one, or goes with the loop */
    return rc;
  }
  udp->uv.data = udp;
  udp->loop = loop;
  udp->fd = fd;
  udp->family = family;
  udp->connected = options->connect;
  udp->max_size =
      max_size > 0 && max_size < cro_udp_max_size ? max_size : cro_udp_max_size;
  cro_list_init(&udp->queue);
  cro_list_init(&udp->naming);
  cro_list_push(&loop->udps, &udp->node);
  loop->udp_count++;
  *out = udp;
  return 0;
}

static int attach(int fd, const net_address *address, const cro_udp_options *options)
{
  int rc;

  if (options->connect)
    rc = connect(fd, &address->sa, net_address_size(address));
  else
    rc = bind(fd, &address->sa, net_address_size(address));
  return rc == 0 ? 0 : cro_err_from_errno(errno);
}

/* `address` NULL: neither bound nor connected. */
static int open_at(cro_udp **out, cro_loop *loop, int family,
                   const net_address *address, const cro_udp_options *options)
{
  int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  int rc;

  if (fd < 0)
    return cro_err_from_errno(errno);
  rc = net_udp_configure(fd, family, options);
  if (rc == 0 && address != NULL)
    rc = attach(fd, address, options);
  if (rc == 0)
    rc = create(out, loop, fd, family, options);
  if (rc != 0)
    close(fd);
  return rc;
}

static bool no_such_family(int rc)
{
  return rc == CRO_E_NOTSUP || rc == CRO_E_ADDRNOTAVAIL;
}

/* Both families on one socket; IPv4 alone where there is no IPv6. */
static int open_both(cro_udp **out, cro_loop *loop, const cro_udp_options *options,
                     bool bound)
{
  net_address any = { .v6 = { .sin6_family = AF_INET6,
                              .sin6_port = htons((uint16_t)options->port) } };
  int rc = open_at(out, loop, AF_INET6, bound ? &any : NULL, options);

  if (options->ipv6_only || !no_such_family(rc))
    return rc;
  any = (net_address){ .v4 = { .sin_family = AF_INET,
                               .sin_port = htons((uint16_t)options->port) } };
  return open_at(out, loop, AF_INET, bound ? &any : NULL, options);
}

int cro_udp_socket(cro_udp **out, cro_loop *loop, const cro_udp_options *options)
{
  if (loop->destroying)
    return CRO_E_CLOSED;
  return open_both(out, loop, options, false);
}

struct cro_udp_opening {
  cro_list node; /* loop->udp_openings */
  cro_loop *loop;
  net_resolving *resolving;
  cro_udp_options options;
  void (*done)(void *arg, int err, cro_udp *udp);
  void *arg;
};

static void conclude(cro_udp_opening *self, int err, cro_udp *udp)
{
  void (*done)(void *arg, int err, cro_udp *udp) = self->done;
  void *arg = self->arg;

  if (self->resolving != NULL)
    net_resolve_cancel(self->resolving);
  cro_list_remove(&self->node);
  cro_free(self);
  done(arg, err, udp);
}

/* The addresses of a peer are tried in turn, those of one's own by preference. */
static int open_found(cro_udp_opening *self, const net_address *found, size_t count,
                      cro_udp **out)
{
  const cro_udp_options *options = &self->options;
  int rc = CRO_E_DNS;

  if (!options->connect) {
    found = net_address_choose(found, count, options->ipv6_only);
    count = 1;
  }
  for (size_t i = 0; i < count && rc != 0; i++)
    rc = open_at(out, self->loop, found[i].sa.sa_family, &found[i], options);
  return rc;
}

static void on_resolved(void *arg, int err, const net_address *found, size_t count)
{
  cro_udp_opening *self = arg;
  cro_udp *udp = NULL;

  self->resolving = NULL;
  if (err == 0 && self->loop->destroying)
    err = CRO_E_CANCELLED;
  if (err == 0)
    err = open_found(self, found, count, &udp);
  conclude(self, err, udp);
}

static int begin(cro_udp_opening *self, bool *over)
{
  const cro_udp_options *options = &self->options;
  net_resolving *resolving = NULL;
  cro_udp *udp = NULL;
  int rc;

  *over = options->host.len == 0;
  if (*over) {
    rc = open_both(&udp, self->loop, options, true);
    conclude(self, rc, udp);
    return 0;
  }
  rc = net_resolve(&resolving, self->loop, options->host, options->port, on_resolved,
                   self);
  *over = rc == 0 && resolving == NULL; /* `self` has gone */
  if (resolving != NULL)
    self->resolving = resolving;
  return rc;
}

int cro_udp_open(cro_udp_opening **out, cro_loop *loop, const cro_udp_options *options,
                 void (*done)(void *arg, int err, cro_udp *udp), void *arg)
{
  cro_udp_opening *self;
  bool over;
  int rc;

  if (loop->destroying)
    return CRO_E_CLOSED;
  if (options->port < 0 || options->port > 65535 ||
      (options->connect && (options->host.len == 0 || options->port == 0)))
    return CRO_E_INVAL;
  self = cro_alloc_zero(sizeof *self);
  if (self == NULL)
    return CRO_E_NOMEM;
  self->loop = loop;
  self->options = *options;
  self->done = done;
  self->arg = arg;
  cro_list_init(&self->node);
  cro_list_push(&loop->udp_openings, &self->node);
  *out = NULL;
  rc = begin(self, &over);
  if (rc == 0) {
    if (!over)
      *out = self;
    return 0;
  }
  cro_list_remove(&self->node);
  cro_free(self);
  return rc;
}

void cro_udp_open_cancel(cro_udp_opening *self)
{
  conclude(self, CRO_E_CANCELLED, NULL);
}

/* --- closing ---------------------------------------------------------------------- */

static void on_closed(uv_handle_t *handle)
{
  cro_udp *udp = handle->data;

  leave_slab(udp->loop);
  cro_free(udp);
}

void cro_udp_close(cro_udp *udp)
{
  if (udp->closed)
    return;
  udp->closed = true;
  udp->started = false;
  cro_list_remove(&udp->node);
  udp->loop->udp_count--;
  uv_close((uv_handle_t *)&udp->uv, on_closed);
  close(udp->fd);
  net_stir(udp->loop);
  net_udp_give_up(udp, CRO_E_CLOSED);
}

void net_udps_close(cro_loop *loop)
{
  while (!cro_list_empty(&loop->udp_openings))
    cro_udp_open_cancel(CRO_CONTAINER(loop->udp_openings.next, cro_udp_opening, node));
  while (!cro_list_empty(&loop->udps))
    cro_udp_close(CRO_CONTAINER(loop->udps.next, cro_udp, node));
  leave_slab(loop);
}
