#include "net/net.h"

#include "base/alloc.h"
#include "base/check.h"
#include "base/err.h"

#include <stdio.h>
#include <string.h>

/* A longer name is no name (RFC 1035), and libuv before 1.48 cuts it short and looks
 * up what is left (CVE-2024-24806). */
enum { name_max = 253 };

struct net_resolving {
  uv_getaddrinfo_t req;
  cro_list node; /* loop->lookups_waiting, then loop->lookups_busy */
  cro_loop *loop;
  net_resolved_fn *done; /* NULL once cancelled */
  void *arg;
  bool running;
  char port[8];
  char name[name_max + 1];
};

static size_t collect(const struct addrinfo *info, net_address *found)
{
  size_t count = 0;

  for (; info != NULL && count < net_addresses_max; info = info->ai_next) {
    if (info->ai_family != AF_INET && info->ai_family != AF_INET6)
      continue;
    found[count] = (net_address){ 0 };
    memcpy(&found[count++], info->ai_addr, info->ai_addrlen);
  }
  return count;
}

static void start_waiting(cro_loop *loop);

static void finish(net_resolving *self, int err, const net_address *found, size_t count)
{
  cro_loop *loop = self->loop;
  net_resolved_fn *done = self->done;
  void *arg = self->arg;

  cro_free(self);
  loop->resolve_count--;
  if (done != NULL)
    done(arg, err, found, count);
}

static void on_resolved(uv_getaddrinfo_t *req, int status, struct addrinfo *info)
{
  net_resolving *self = req->data;
  cro_loop *loop = self->loop;
  net_address found[net_addresses_max];
  size_t count = collect(info, found);
  int err = cro_net_err(status);

  uv_freeaddrinfo(info);
  loop->lookups_running--;
  cro_list_remove(&self->node);
  if (err == 0 && count == 0)
    err = CRO_E_DNS;
  finish(self, err, found, count);
  start_waiting(loop);
}

static int run(net_resolving *self)
{
  struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV };
  int rc;

  self->req.data = self;
  rc = uv_getaddrinfo(&self->loop->uv, &self->req, on_resolved, self->name, self->port,
                      &hints);
  if (rc != 0)
    return cro_net_err(rc);
  self->running = true;
  self->loop->lookups_running++;
  cro_list_push(&self->loop->lookups_busy, &self->node);
  return 0;
}

static void start_waiting(cro_loop *loop)
{
  while (loop->lookups_running < loop->lookups_max) {
    cro_list *node = cro_list_shift(&loop->lookups_waiting);
    net_resolving *self;
    int rc;

    if (node == NULL)
      return;
    self = CRO_CONTAINER(node, net_resolving, node);
    rc = run(self);
    if (rc != 0)
      finish(self, rc, NULL, 0);
  }
}

static int look_up(net_resolving **out, cro_loop *loop, cro_bytes host, int port,
                   net_resolved_fn *done, void *arg)
{
  net_resolving *self;
  int rc = 0;

  if (loop->destroying)
    return CRO_E_CANCELLED;
  self = cro_alloc_zero(sizeof *self);
  if (self == NULL)
    return CRO_E_NOMEM;
  self->loop = loop;
  self->done = done;
  self->arg = arg;
  cro_list_init(&self->node);
  memcpy(self->name, host.at, host.len);
  snprintf(self->port, sizeof self->port, "%d", port);
  if (loop->lookups_running < loop->lookups_max)
    rc = run(self);
  else
    cro_list_push(&loop->lookups_waiting, &self->node);
  if (rc != 0) {
    cro_free(self);
    return rc;
  }
  loop->resolve_count++;
  *out = self;
  return 0;
}

int net_resolve(net_resolving **out, cro_loop *loop, cro_bytes host, int port,
                net_resolved_fn *done, void *arg)
{
  net_address address;

  if (port < 0 || port > 65535)
    return CRO_E_INVAL;
  if (net_address_parse(host, port, &address) == 0) {
    *out = NULL;
    done(arg, 0, &address, 1);
    return 0;
  }
  if (host.len == 0 || memchr(host.at, '\0', host.len) != NULL)
    return CRO_E_INVAL;
  if (host.len > name_max)
    return CRO_E_TOO_LONG;
  return look_up(out, loop, host, port, done, arg);
}

/* A lookup that a thread is at goes on by itself and ends in nothing. */
void net_resolve_cancel(net_resolving *self)
{
  self->done = NULL;
  if (self->running) {
    uv_cancel((uv_req_t *)&self->req);
    return;
  }
  cro_list_remove(&self->node);
  finish(self, CRO_E_CANCELLED, NULL, 0);
}

void net_resolve_cancel_all(cro_loop *loop)
{
  cro_list *node;

  while ((node = cro_list_shift(&loop->lookups_waiting)) != NULL)
    finish(CRO_CONTAINER(node, net_resolving, node), CRO_E_CANCELLED, NULL, 0);
  for (node = loop->lookups_busy.next; node != &loop->lookups_busy; node = node->next)
    uv_cancel((uv_req_t *)&CRO_CONTAINER(node, net_resolving, node)->req);
}
