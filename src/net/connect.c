#include "net/net.h"

#include "base/alloc.h"
#include "base/check.h"
#include "base/err.h"

#include <string.h>

enum {
  default_timeout = 10000,
  stagger_ms = 250, /* RFC 8305, section 5 */
};

typedef struct net_attempt {
  uv_connect_t req;
  cro_list node;
  cro_connecting *owner; /* NULL once somebody else won */
  cro_tcp *tcp;
  size_t address; /* of owner->found */
} net_attempt;

/* Drops an attempt; its request comes back cancelled and frees it. */
static void drop(net_attempt *attempt, int err)
{
  attempt->owner->errs[attempt->address] = err;
  attempt->owner = NULL;
  cro_list_remove(&attempt->node);
  cro_tcp_end(attempt->tcp, CRO_E_CANCELLED, false, false);
}

void net_connect_finish(cro_connecting *self, int err, cro_tcp *tcp)
{
  while (!cro_list_empty(&self->attempts))
    drop(CRO_CONTAINER(self->attempts.next, net_attempt, node), err);
  if (self->resolving != NULL)
    net_resolve_cancel(self->resolving);
  cro_loop_disarm(self->loop, &self->limit);
  cro_loop_disarm(self->loop, &self->stagger);
  cro_list_remove(&self->node);
  self->loop->connecting_count--;
  if (tcp != NULL && self->nodelay)
    (void)cro_tcp_nodelay(tcp, true);
  if (tcp != NULL && self->keep_alive > 0)
    (void)cro_tcp_keep_alive(tcp, self->keep_alive);
  self->done(self->arg, err, tcp);
  cro_free(self);
}

bool cro_connect_tried(const cro_connecting *self, size_t i, cro_tried *out)
{
  net_text text;

  for (size_t at = 0; at < self->count; at++) {
    if (self->errs[at] == 0 || i-- > 0)
      continue;
    net_address_text(&self->found[at], &text);
    memcpy(out->host, text.host, sizeof out->host);
    out->err = self->errs[at];
    return true;
  }
  return false;
}

/* "Refused" says more than "unreachable", which the family that is not routed here
 * always answers. */
static void note(cro_connecting *self, size_t address, int err)
{
  self->errs[address] = err;
  if (self->err == 0 || self->err == CRO_E_UNREACHABLE)
    self->err = err;
}

static void go_on(cro_connecting *self);

static int learn_fd(cro_tcp *tcp)
{
  uv_os_fd_t fd;
  int rc = uv_fileno(&tcp->uv.handle, &fd);

  tcp->fd = rc == 0 ? fd : -1;
  return rc;
}

static void on_connected(uv_connect_t *req, int status)
{
  net_attempt *attempt = CRO_CONTAINER(req, net_attempt, req);
  cro_connecting *self = attempt->owner;
  cro_tcp *tcp = attempt->tcp;

  size_t address = attempt->address;

  cro_list_remove(&attempt->node);
  cro_free(attempt);
  if (self == NULL)
    return;
  if (status == 0)
    status = learn_fd(tcp);
  if (status == 0) {
    net_connect_finish(self, 0, tcp);
    return;
  }
  cro_tcp_end(tcp, cro_net_err(status), false, false);
  note(self, address, cro_net_err(status));
  go_on(self);
}

static int attempt_create(net_attempt **out, cro_connecting *self, size_t address)
{
  net_attempt *attempt = cro_alloc_zero(sizeof *attempt);
  int rc;

  if (attempt == NULL)
    return CRO_E_NOMEM;
  rc = cro_tcp_create(&attempt->tcp, self->loop, -1, &self->found[address]);
  if (rc != 0) {
    cro_free(attempt);
    return rc;
  }
  attempt->owner = self;
  attempt->address = address;
  *out = attempt;
  return 0;
}

/* A socket has a local address of the family it connects in. */
static int bind_local(const cro_connecting *self, cro_tcp *tcp, int family)
{
  net_address local = self->local;

  if (local.sa.sa_family == AF_UNSPEC && self->local_port == 0)
    return 0;
  if (local.sa.sa_family == AF_UNSPEC) {
    local.sa.sa_family = (sa_family_t)family;
    if (family == AF_INET)
      local.v4.sin_port = htons(self->local_port);
    else
      local.v6.sin6_port = htons(self->local_port);
  }
  if (local.sa.sa_family != family)
    return CRO_E_ADDRNOTAVAIL;
  return cro_net_err(uv_tcp_bind(&tcp->uv.tcp, &local.sa, 0));
}

static int try_address(cro_connecting *self, size_t at)
{
  const net_address *address = &self->found[at];
  net_attempt *attempt;
  int rc = attempt_create(&attempt, self, at);

  if (rc != 0)
    return rc;
  rc = cro_tcp_open(attempt->tcp);
  if (rc == 0)
    rc = bind_local(self, attempt->tcp, address->sa.sa_family);
  if (rc == 0)
    rc = cro_net_err(uv_tcp_connect(&attempt->req, &attempt->tcp->uv.tcp, &address->sa,
                                    on_connected));
  if (rc != 0) {
    cro_tcp_end(attempt->tcp, rc, false, false);
    cro_free(attempt);
    return rc;
  }
  cro_list_push(&self->attempts, &attempt->node);
  net_stir(self->loop);
  return 0;
}

/* Starts the next attempt that can be started; ends when there is none and none is
 * running. */
static void go_on(cro_connecting *self)
{
  while (self->next < self->count) {
    size_t at = self->next++;
    int rc = try_address(self, at);

    if (rc == 0) {
      cro_loop_arm(self->loop, &self->stagger, cro_loop_now(self->loop) + stagger_ms);
      return;
    }
    note(self, at, rc);
  }
  cro_loop_disarm(self->loop, &self->stagger);
  if (cro_list_empty(&self->attempts))
    net_connect_finish(self, self->err != 0 ? self->err : CRO_E_DNS, NULL);
}

static void on_stagger(cro_timer *timer)
{
  cro_connecting *self = CRO_CONTAINER(timer, cro_connecting, stagger);

  if (self->name.size > 0)
    net_unix_try(self);
  else
    go_on(self);
}

static void on_limit(cro_timer *timer)
{
  net_connect_finish(CRO_CONTAINER(timer, cro_connecting, limit), CRO_E_TIMEOUT, NULL);
}

/* Families alternate, the resolver's favourite first (RFC 8305, section 4). */
static void interleave(cro_connecting *self, const net_address *found, size_t count)
{
  bool used[net_addresses_max] = { false };
  int family = count > 0 ? found[0].sa.sa_family : 0;

  while (self->count < count) {
    size_t i = 0;

    while (i < count && (used[i] || found[i].sa.sa_family != family))
      i++;
    family = family == AF_INET ? AF_INET6 : AF_INET;
    if (i == count)
      continue; /* that family is used up */
    used[i] = true;
    self->found[self->count++] = found[i];
  }
}

/* Attempts begin in the turn, also when the address was numeric: done must not be
 * called before cro_connect has returned. */
static void on_resolved(void *arg, int err, const net_address *found, size_t count)
{
  cro_connecting *self = arg;

  self->resolving = NULL;
  self->err = err;
  if (err == 0)
    interleave(self, found, count);
  cro_loop_arm(self->loop, &self->stagger, 0);
}

static int read_local(cro_connecting *self, const cro_connect_options *options)
{
  if (options->local_port < 0 || options->local_port > 65535)
    return CRO_E_INVAL;
  self->local_port = (uint16_t)options->local_port;
  if (options->local_host.len == 0)
    return 0;
  return net_address_parse(options->local_host, options->local_port, &self->local);
}

/* Where to: a path is at hand, a host has to be looked up. */
static int aim(cro_connecting *self, const cro_connect_options *options)
{
  int rc;

  if (options->path.len > 0) {
    rc = net_unix_parse(options->path, &self->name);
    if (rc == 0)
      cro_loop_arm(self->loop, &self->stagger, 0);
    return rc;
  }
  rc = read_local(self, options);
  if (rc == 0 && options->port <= 0)
    rc = CRO_E_INVAL;
  return rc != 0 ? rc
                 : net_resolve(&self->resolving, self->loop, options->host,
                               options->port, on_resolved, self);
}

int cro_connect(cro_connecting **out, cro_loop *loop,
                const cro_connect_options *options,
                void (*done)(void *arg, int err, cro_tcp *tcp), void *arg)
{
  uint64_t timeout = options->timeout > 0 ? options->timeout : default_timeout;
  cro_connecting *self;
  int rc;

  if (loop->destroying)
    return CRO_E_CLOSED;
  self = cro_alloc_zero(sizeof *self);
  if (self == NULL)
    return CRO_E_NOMEM;
  self->loop = loop;
  self->done = done;
  self->arg = arg;
  self->nodelay = options->nodelay;
  self->keep_alive = options->keep_alive;
  cro_list_init(&self->attempts);
  cro_timer_init(&self->limit, on_limit);
  cro_timer_init(&self->stagger, on_stagger);
  rc = aim(self, options);
  if (rc != 0) {
    cro_free(self);
    return rc;
  }
  cro_list_push(&loop->connectings, &self->node);
  loop->connecting_count++;
  cro_loop_arm(loop, &self->limit, cro_loop_now(loop) + timeout);
  *out = self;
  return 0;
}

void cro_connect_cancel(cro_connecting *self)
{
  net_connect_finish(self, CRO_E_CANCELLED, NULL);
}
