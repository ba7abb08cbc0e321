#include "net/net.h"

#include "base/alloc.h"
#include "base/check.h"
#include "base/err.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
  default_backlog = 1024,
  batch_max = 64,           /* other sockets get their turn after so many accepts */
  rest_ms = 100,            /* without descriptors */
  tell_every_ms = 10000,    /* a flood of `starved` would help nobody */
  refused_max = 64,         /* refusals being written; beyond: closed at once */
  defer_accept_seconds = 5, /* a silent client reaches us after that */
};

/* --- the socket ------------------------------------------------------------------- */

static int set_flag(int fd, int level, int name, int value)
{
  return setsockopt(fd, level, name, &value, sizeof value) == 0
             ? 0
             : cro_err_from_errno(errno);
}

/* Accepted sockets inherit TCP_NODELAY and keep-alive: set here they cost no call per
 * connection. */
static int set_options(int fd, const net_address *address,
                       const cro_listen_options *options)
{
  int rc = set_flag(fd, SOL_SOCKET, SO_REUSEADDR, 1);

#ifdef SO_REUSEPORT
  if (rc == 0 && options->reuse_port)
    rc = set_flag(fd, SOL_SOCKET, SO_REUSEPORT, 1);
#endif
  if (rc == 0 && address->sa.sa_family == AF_INET6)
    rc = set_flag(fd, IPPROTO_IPV6, IPV6_V6ONLY, options->ipv6_only);
  if (rc == 0 && options->nodelay)
    rc = set_flag(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  if (rc == 0 && options->keep_alive > 0)
    rc = net_set_keep_alive(fd, options->keep_alive);
  return rc;
}

static void set_defer_accept(const cro_listener *listener)
{
#ifdef TCP_DEFER_ACCEPT
  if (listener->options.defer_accept)
    (void)set_flag(listener->fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, defer_accept_seconds);
#else
  (void)listener;
#endif
}

static int backlog_of(const cro_listen_options *options)
{
  return options->backlog > 0 ? options->backlog : default_backlog;
}

static int bind_and_listen(int fd, const net_address *address,
                           const cro_listen_options *options)
{
  int rc = set_options(fd, address, options);

  if (rc != 0)
    return rc;
  if (bind(fd, &address->sa, net_address_size(address)) != 0)
    return cro_err_from_errno(errno);
  return listen(fd, backlog_of(options)) == 0 ? 0 : cro_err_from_errno(errno);
}

static int open_socket(const net_address *address, const cro_listen_options *options,
                       int *out)
{
  int fd = socket(address->sa.sa_family, SOCK_STREAM, 0);
  int rc;

  if (fd < 0)
    return cro_err_from_errno(errno);
  (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
  rc = bind_and_listen(fd, address, options);
  if (rc != 0) {
    close(fd);
    return rc;
  }
  *out = fd;
  return 0;
}

static int open_found(cro_listener *listener, const net_address *found, size_t count)
{
  const cro_listen_options *options = &listener->options;
  const net_address *address = net_address_choose(found, count, options->ipv6_only);

  if (options->ipv6_only && address->sa.sa_family != AF_INET6)
    return CRO_E_ADDRNOTAVAIL;
  return open_socket(address, options, &listener->fd);
}

/* Every address of both families; of IPv4 alone where there is no IPv6. */
static int open_all(const cro_listen_options *options, int *out)
{
  net_address any = { 0 };
  int rc;

  any.v6.sin6_family = AF_INET6;
  any.v6.sin6_port = htons((uint16_t)options->port);
  rc = open_socket(&any, options, out);
  if ((rc != CRO_E_NOTSUP && rc != CRO_E_ADDRNOTAVAIL) || options->ipv6_only)
    return rc;
  any = (net_address){ 0 };
  any.v4.sin_family = AF_INET;
  any.v4.sin_port = htons((uint16_t)options->port);
  return open_socket(&any, options, out);
}

/* --- accepting -------------------------------------------------------------------- */

static int accept_socket(int listening, net_address *peer)
{
  socklen_t size = sizeof *peer;

#ifdef __linux__
  return accept4(listening, &peer->sa, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
#else
  int fd = accept(listening, &peer->sa, &size);

  if (fd >= 0) {
    (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
    (void)fcntl(fd, F_SETFL, O_NONBLOCK);
  }
  return fd;
#endif
}

static void on_ready(uv_poll_t *poll, int status, int events);

static void poll_as_due(cro_listener *listener)
{
  if (!listener->polled || listener->closed)
    return;
  if (listener->paused || listener->resting)
    uv_poll_stop(&listener->uv);
  else
    uv_poll_start(&listener->uv, UV_READABLE, on_ready);
}

static void on_rested(cro_timer *timer)
{
  cro_listener *listener = CRO_CONTAINER(timer, cro_listener, rest);

  listener->resting = false;
  poll_as_due(listener);
}

/* Gives one client a clear answer with the descriptor kept for it; the others wait in
 * the backlog for descriptors to come free. */
static void shed_one(cro_listener *listener)
{
  cro_loop *loop = listener->loop;
  net_address peer;
  int fd;

  if (loop->reserve >= 0) {
    close(loop->reserve);
    fd = accept_socket(listener->fd, &peer);
    if (fd >= 0)
      close(fd);
  }
  loop->reserve = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* The descriptor stays readable, so that polling on would spin. */
static void starve(cro_listener *listener, int err)
{
  uint64_t now = cro_loop_now(listener->loop);

  if (err == CRO_E_MFILE)
    shed_one(listener);
  listener->resting = true;
  poll_as_due(listener);
  cro_loop_arm(listener->loop, &listener->rest, now + rest_ms);
  if (listener->ops->starved == NULL || now < listener->tell_again)
    return;
  listener->tell_again = now + tell_every_ms;
  listener->ops->starved(listener->arg, err);
}

static bool reached(uint64_t count, uint64_t max, uint64_t more)
{
  return max > 0 && count >= max && count - max >= more;
}

/* The listener's own limit, or that of all of them; with so many more. */
static bool over_limit(const cro_listener *listener, uint64_t more)
{
  const cro_loop *loop = listener->loop;

  return reached(listener->live, listener->options.max_connections, more) ||
         reached(loop->accepted, loop->accepted_max, more);
}

/* False when it was closed at once. */
static bool may_refuse(const cro_listener *listener)
{
  return listener->ops->refused != NULL && !over_limit(listener, refused_max);
}

static void hand_out(cro_listener *listener, int fd, const net_address *peer)
{
  bool refuse = over_limit(listener, 0);
  cro_tcp *tcp;

  if ((refuse && !may_refuse(listener)) ||
      cro_tcp_create(&tcp, listener->loop, fd, peer) != 0) {
    close(fd);
    return;
  }
  tcp->listener = listener;
  listener->live++;
  listener->loop->accepted++;
  if (refuse)
    listener->ops->refused(listener->arg, tcp);
  else
    listener->ops->accepted(listener->arg, tcp);
}

/* It will fail again, of whatever connection: the descriptors are used up, or the
 * socket listens no more because somebody who shares it has shut it down. */
static bool is_lasting(int error)
{
  switch (error) {
  case EMFILE:
  case ENFILE:
  case ENOBUFS:
  case ENOMEM:
  case EINVAL:
  case EBADF:
  case ENOTSOCK:
    return true;
  default:
    return false;
  }
}

/* True when there may be one more. */
static bool accept_one(cro_listener *listener)
{
  net_address peer = { 0 };
  int fd = accept_socket(listener->fd, &peer);
  int error = errno;

  if (fd >= 0) {
    hand_out(listener, fd, &peer);
    return true;
  }
  if (error == EAGAIN || error == EWOULDBLOCK) {
    listener->batch = listener->batch > 1 ? listener->batch / 2 : 1;
    return false;
  }
  if (is_lasting(error)) {
    starve(listener, cro_err_from_errno(error));
    return false;
  }
  return true; /* ECONNABORTED and the like concern that one connection */
}

/* The batch follows the load: at rest one accept per event and none in vain, under
 * load many accepts per poll. */
static void on_ready(uv_poll_t *poll, int status, int events)
{
  cro_listener *listener = poll->data;
  unsigned batch = listener->batch;

  (void)events;
  if (status < 0) {
    starve(listener, cro_net_err(status));
    return;
  }
  for (unsigned i = 0; i < batch; i++) {
    if (!accept_one(listener))
      return;
    if (listener->closed || listener->paused)
      return;
  }
  if (listener->batch < batch_max)
    listener->batch *= 2;
}

/* --- life ------------------------------------------------------------------------- */

static void free_listener(cro_listener *listener)
{
  cro_free(listener->name);
  cro_free(listener);
}

static void free_if_gone(cro_listener *listener)
{
  if (listener->freed && listener->live == 0)
    free_listener(listener);
}

void cro_listener_left(cro_listener *listener)
{
  listener->live--;
  listener->loop->accepted--;
  free_if_gone(listener);
}

static void on_closed(uv_handle_t *handle)
{
  cro_listener *listener = handle->data;

  listener->freed = true;
  free_if_gone(listener);
}

static void note_address(cro_listener *listener)
{
  net_address address = { 0 };
  socklen_t size = sizeof address;

  (void)getsockname(listener->fd, &address.sa, &size);
  net_address_text(&address, &listener->address);
}

static int watch(cro_listener *listener)
{
  int rc = uv_poll_init(&listener->loop->uv, &listener->uv, listener->fd);

  if (rc != 0)
    return cro_net_err(rc);
  listener->uv.data = listener;
  listener->polled = true;
  set_defer_accept(listener);
  note_address(listener);
  cro_list_push(&listener->loop->listeners, &listener->node);
  listener->loop->listener_count++;
  poll_as_due(listener);
  return 0;
}

/* Ends cro_listen: `rc`, or what watching the socket gives. */
static void conclude(cro_listener *listener, int rc)
{
  void (*done)(void *, int, cro_listener *) = listener->done;
  void *arg = listener->arg;

  if (rc == 0)
    rc = watch(listener);
  if (rc != 0) {
    if (listener->name != NULL)
      net_unix_remove(listener->name);
    if (listener->fd >= 0)
      close(listener->fd);
    free_listener(listener);
    listener = NULL;
  }
  done(arg, rc, listener);
}

static void on_resolved(void *arg, int err, const net_address *found, size_t count)
{
  cro_listener *listener = arg;

  if (err == 0 && listener->loop->destroying)
    err = CRO_E_CANCELLED;
  if (err == 0)
    err = open_found(listener, found, count);
  conclude(listener, err);
}

static int check_handed_in(int fd)
{
  int listening = 0;
  socklen_t size = sizeof listening;

  if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) != 0)
    return errno == ENOTSOCK ? CRO_E_INVAL : cro_err_from_errno(errno);
  if (!listening)
    return CRO_E_INVAL;
  (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
  return 0;
}

static bool is_unix(int fd)
{
  net_address address = { 0 };
  socklen_t size = sizeof address;

  return getsockname(fd, &address.sa, &size) == 0 && address.sa.sa_family == AF_UNIX;
}

static int take_over(cro_listener *listener, int fd)
{
  int rc = check_handed_in(fd);

  if (rc != 0)
    return rc;
  if (is_unix(fd)) {
    listener->name = cro_alloc(sizeof *listener->name);
    if (listener->name == NULL)
      return CRO_E_NOMEM;
    net_unix_of(fd, listener->name); /* whoever made the file removes it */
  }
  listener->fd = fd;
  conclude(listener, 0);
  return 0;
}

static int open_path(cro_listener *listener, cro_bytes path)
{
  cro_listen_options options = listener->options;

  options.path = path;
  listener->name = cro_alloc_zero(sizeof *listener->name);
  if (listener->name == NULL)
    return CRO_E_NOMEM;
  conclude(listener, net_unix_listen(&options, backlog_of(&options), listener->name,
                                     &listener->fd));
  return 0;
}

static int begin(cro_listener *listener, const cro_listen_options *options)
{
  cro_bytes host = options->host;
  net_resolving *resolving;

  if (options->fd >= 0)
    return take_over(listener, options->fd);
  if (options->path.len > 0)
    return open_path(listener, options->path);
  if (listener->options.port < 0 || listener->options.port > 65535)
    return CRO_E_INVAL;
  if (host.len == 0) {
    conclude(listener, open_all(&listener->options, &listener->fd));
    return 0;
  }
  return net_resolve(&resolving, listener->loop, host, listener->options.port,
                     on_resolved, listener);
}

int cro_listen(cro_loop *loop, const cro_listen_options *options,
               const cro_listener_ops *ops, void *arg,
               void (*done)(void *arg, int err, cro_listener *listener))
{
  cro_listener *listener;
  int rc;

  if (loop->destroying)
    return CRO_E_CLOSED;
  listener = cro_alloc_zero(sizeof *listener);
  if (listener == NULL)
    return CRO_E_NOMEM;
  listener->loop = loop;
  listener->ops = ops;
  listener->arg = arg;
  listener->done = done;
  listener->options = *options;
  listener->options.host = listener->options.path = (cro_bytes){ 0 };
  listener->fd = -1;
  listener->batch = 1;
  cro_list_init(&listener->node);
  cro_timer_init(&listener->rest, on_rested);
  rc = begin(listener, options);
  if (rc != 0)
    free_listener(listener);
  return rc;
}

void cro_listener_pause(cro_listener *listener)
{
  listener->paused = true;
  poll_as_due(listener);
}

void cro_listener_resume(cro_listener *listener)
{
  listener->paused = false;
  poll_as_due(listener);
}

cro_bytes cro_listener_address(cro_listener *listener, int *port)
{
  *port = listener->address.port;
  if (listener->name != NULL)
    return cro_bytes_of(listener->name->text);
  return cro_bytes_of(listener->address.host);
}

void cro_listener_close(cro_listener *listener)
{
  if (listener->closed)
    return;
  listener->closed = true;
  cro_loop_disarm(listener->loop, &listener->rest);
  cro_list_remove(&listener->node);
  listener->loop->listener_count--;
  uv_close((uv_handle_t *)&listener->uv, on_closed);
  if (listener->name != NULL)
    net_unix_remove(listener->name); /* before: nobody shall find it refusing */
  close(listener->fd);
}
