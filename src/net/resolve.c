/* Names to addresses. Each lookup has a thread of its own, which nobody waits for: a
 * thread inside getaddrinfo cannot be stopped, and libuv joins those of its pool when
 * the process ends. What thread and loop share is a `lookup`: the loop hears of its
 * end by a post, or has let it go, and then the thread frees it. */
#include "net/net.h"

#include "base/alloc.h"
#include "base/check.h"
#include "base/err.h"
#include "base/punycode.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

enum { name_max = 253 }; /* RFC 1035 */

net_look_up_fn *net_look_up = getaddrinfo;
uint64_t net_look_up_ms = 5000;

typedef struct lookup {
  cro_post post;
  cro_list node; /* loop->lookups_busy */
  pthread_mutex_t lock;
  cro_loop *loop; /* NULL: the loop has let it go; with `posted` guarded by lock */
  bool posted;    /* the thread is done with it */
  net_resolving *resolving; /* the loop's; NULL: nobody asks any more */
  struct addrinfo *info;
  int rc; /* of getaddrinfo */
  int error;
  char port[8];
  char name[name_max + 1];
} lookup;

struct net_resolving {
  cro_list node; /* loop->lookups_waiting until there is a thread */
  cro_loop *loop;
  cro_timer limit;
  net_resolved_fn *done;
  void *arg;
  lookup *lookup;
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

static int err_of(const lookup *self)
{
  switch (self->rc) {
  case 0:
    return 0;
  case EAI_MEMORY:
    return CRO_E_NOMEM;
  case EAI_AGAIN:
    return CRO_E_DNS_AGAIN;
  case EAI_NONAME:
#ifdef EAI_NODATA
  case EAI_NODATA:
#endif
#ifdef EAI_ADDRFAMILY
  case EAI_ADDRFAMILY:
#endif
    return CRO_E_DNS_NONE;
  case EAI_SYSTEM:
    return self->error == EMFILE ? CRO_E_MFILE : CRO_E_DNS;
  default:
    return CRO_E_DNS;
  }
}

static void free_lookup(lookup *self)
{
  if (self->info != NULL)
    freeaddrinfo(self->info);
  pthread_mutex_destroy(&self->lock);
  cro_free(self);
}

/* --- the thread ------------------------------------------------------------------- */

static void *look_up_main(void *arg)
{
  struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV };
  lookup *self = arg;
  bool left;

  self->rc = net_look_up(self->name, self->port, &hints, &self->info);
  self->error = errno;
  pthread_mutex_lock(&self->lock);
  left = self->loop == NULL;
  self->posted = !left;
  if (!left)
    cro_loop_post(self->loop, &self->post); /* from here on it is the loop's */
  pthread_mutex_unlock(&self->lock);
  if (left)
    free_lookup(self);
  return NULL;
}

/* Signals are for the thread of the loop. */
static int start_thread(lookup *self)
{
  pthread_attr_t attr;
  pthread_t thread;
  sigset_t all, before;
  int rc;

  if (pthread_attr_init(&attr) != 0)
    return CRO_E_NOMEM;
  (void)pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  rc = pthread_create(&thread, &attr, look_up_main, self);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  pthread_attr_destroy(&attr);
  return rc == 0 ? 0 : CRO_E_NOMEM;
}

/* --- the loop -----------------------------------------------------------------------
 */

/* Nobody waits for it any more; its thread may go on. */
static void leave(net_resolving *self)
{
  cro_loop_disarm(self->loop, &self->limit);
  cro_list_remove(&self->node);
  if (self->lookup != NULL)
    self->lookup->resolving = NULL;
  self->loop->resolve_count--;
  cro_loop_keep(self->loop, -1);
}

static void finish(net_resolving *self, int err, const net_address *found, size_t count)
{
  net_resolved_fn *done = self->done;
  void *arg = self->arg;

  leave(self);
  cro_free(self);
  done(arg, err, found, count);
}

static void start_waiting(cro_loop *loop);

/* The post comes while the thread may still be about to unlock. */
static void take_back(lookup *self)
{
  pthread_mutex_lock(&self->lock);
  pthread_mutex_unlock(&self->lock);
  cro_list_remove(&self->node);
  self->loop->lookups_running--;
}

static void on_looked_up(cro_post *post)
{
  lookup *self = CRO_CONTAINER(post, lookup, post);
  cro_loop *loop = self->loop;
  net_resolving *resolving = self->resolving;
  net_address found[net_addresses_max];
  size_t count = collect(self->info, found);
  int err = err_of(self);

  take_back(self);
  if (resolving != NULL)
    resolving->lookup = NULL;
  free_lookup(self);
  if (resolving != NULL)
    finish(resolving, err == 0 && count == 0 ? CRO_E_DNS_NONE : err, found, count);
  start_waiting(loop);
}

static int run(net_resolving *self)
{
  int rc = start_thread(self->lookup);

  if (rc != 0)
    return rc;
  self->loop->lookups_running++;
  cro_list_push(&self->loop->lookups_busy, &self->lookup->node);
  return 0;
}

static void drop_unstarted(net_resolving *self, int err)
{
  free_lookup(self->lookup);
  self->lookup = NULL;
  finish(self, err, NULL, 0);
}

static void start_waiting(cro_loop *loop)
{
  while (loop->lookups_running < net_lookups_max) {
    cro_list *node = cro_list_shift(&loop->lookups_waiting);
    net_resolving *self;
    int rc;

    if (node == NULL)
      return;
    self = CRO_CONTAINER(node, net_resolving, node);
    rc = run(self);
    if (rc != 0)
      drop_unstarted(self, rc);
  }
}

static bool is_waiting(const net_resolving *self)
{
  return self->node.next != &self->node;
}

static void give_up(net_resolving *self, int err)
{
  if (is_waiting(self))
    drop_unstarted(self, err);
  else
    finish(self, err, NULL, 0);
}

static void on_limit(cro_timer *timer)
{
  give_up(CRO_CONTAINER(timer, net_resolving, limit), CRO_E_DNS_TIMEOUT);
}

static int lookup_create(lookup **out, cro_loop *loop, cro_bytes host, int port)
{
  lookup *self = cro_alloc_zero(sizeof *self);
  int rc;

  if (self == NULL)
    return CRO_E_NOMEM;
  rc = cro_punycode_host(host, self->name, sizeof self->name);
  if (rc != 0 || pthread_mutex_init(&self->lock, NULL) != 0) {
    cro_free(self);
    return rc != 0 ? rc : CRO_E_NOMEM;
  }
  snprintf(self->port, sizeof self->port, "%d", port);
  self->post.fn = on_looked_up;
  self->loop = loop;
  cro_list_init(&self->node);
  *out = self;
  return 0;
}

static int begin(net_resolving *self)
{
  cro_loop *loop = self->loop;
  int rc = 0;

  if (loop->lookups_running < net_lookups_max)
    rc = run(self);
  else
    cro_list_push(&loop->lookups_waiting, &self->node);
  if (rc != 0)
    return rc;
  loop->resolve_count++;
  cro_loop_keep(loop, +1);
  cro_loop_arm(loop, &self->limit, cro_loop_now(loop) + net_look_up_ms);
  return 0;
}

static int look_up(net_resolving **out, cro_loop *loop, cro_bytes host, int port,
                   net_resolved_fn *done, void *arg)
{
  net_resolving *self;
  int rc;

  if (loop->destroying)
    return CRO_E_CANCELLED;
  self = cro_alloc_zero(sizeof *self);
  if (self == NULL)
    return CRO_E_NOMEM;
  self->loop = loop;
  self->done = done;
  self->arg = arg;
  cro_list_init(&self->node);
  cro_timer_init(&self->limit, on_limit);
  rc = lookup_create(&self->lookup, loop, host, port);
  if (rc == 0) {
    self->lookup->resolving = self;
    rc = begin(self);
    if (rc != 0)
      free_lookup(self->lookup);
  }
  if (rc != 0) {
    cro_free(self);
    return rc;
  }
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

void net_resolve_cancel(net_resolving *self)
{
  if (is_waiting(self)) {
    free_lookup(self->lookup);
    self->lookup = NULL;
  }
  leave(self);
  cro_free(self);
}

/* What it is told may ask for more, which then waits or runs: until there is none. */
void net_resolve_cancel_all(cro_loop *loop)
{
  cro_list *node;

  while ((node = cro_list_shift(&loop->lookups_waiting)) != NULL)
    drop_unstarted(CRO_CONTAINER(node, net_resolving, node), CRO_E_CANCELLED);
  for (node = loop->lookups_busy.next; node != &loop->lookups_busy;) {
    net_resolving *self = CRO_CONTAINER(node, lookup, node)->resolving;

    node = node->next;
    if (self == NULL)
      continue;
    finish(self, CRO_E_CANCELLED, NULL, 0);
    node = loop->lookups_busy.next;
  }
}

/* True when its end is on its way to the loop and will be taken there. */
static bool let_go(lookup *self)
{
  bool posted;

  pthread_mutex_lock(&self->lock);
  posted = self->posted;
  if (!posted)
    self->loop = NULL;
  pthread_mutex_unlock(&self->lock);
  return posted;
}

void net_resolve_let_go(cro_loop *loop)
{
  cro_list posted, *node;

  cro_list_init(&posted);
  while ((node = cro_list_shift(&loop->lookups_busy)) != NULL)
    if (let_go(CRO_CONTAINER(node, lookup, node)))
      cro_list_push(&posted, node);
  cro_list_splice(&loop->lookups_busy, &posted);
}
