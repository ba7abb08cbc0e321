/* One inotify descriptor, polled. libuv's own events of files would do elsewhere, but
 * they lose what the kernel's queue cannot hold without a word, and do not say whether
 * a name came or went: until there is something better, other systems refuse. */
#include "net/watch.h"

#include "net/net.h"

#include "base/alloc.h"
#include "base/check.h"
#include "base/err.h"

#ifdef CRO_WATCH_INOTIFY

#include <errno.h>
#include <sys/inotify.h>
#include <unistd.h>

enum {
  watch_bytes = 16 * 1024,
  watch_mask = IN_ATTRIB | IN_MODIFY | IN_CREATE | IN_DELETE | IN_DELETE_SELF |
               IN_MOVE_SELF | IN_MOVED_FROM | IN_MOVED_TO | IN_EXCL_UNLINK,
};

struct cro_watch {
  uv_poll_t uv;
  cro_list node; /* loop->watches */
  cro_loop *loop;
  void (*readable)(void *arg);
  void *arg;
  size_t ids;
  size_t at, len; /* what of the buffer is not taken yet */
  int fd;
  _Alignas(struct inotify_event) char buffer[watch_bytes];
};

static void on_poll(uv_poll_t *uv, int status, int events)
{
  cro_watch *watch = uv->data;

  (void)status;
  (void)events;
  uv_poll_stop(uv);
  watch->readable(watch->arg);
}

static void on_closed(uv_handle_t *handle)
{
  cro_free(handle->data);
}

static int open_poll(cro_watch *watch)
{
  int rc = uv_poll_init(&watch->loop->uv, &watch->uv, watch->fd);

  watch->uv.data = watch;
  return cro_net_err(rc);
}

int cro_watch_open(cro_watch **out, cro_loop *loop, void (*readable)(void *arg),
                   void *arg, int *system)
{
  cro_watch *watch;
  int rc;

  *system = 0;
  if (loop->destroying)
    return CRO_E_CANCELLED;
  watch = cro_alloc_zero(sizeof *watch);
  if (watch == NULL)
    return CRO_E_NOMEM;
  watch->loop = loop;
  watch->readable = readable;
  watch->arg = arg;
  watch->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  *system = watch->fd < 0 ? errno : 0;
  rc = watch->fd < 0 ? CRO_E_MFILE : open_poll(watch);
  if (rc != 0) {
    if (watch->fd >= 0)
      close(watch->fd);
    cro_free(watch);
    return rc;
  }
  cro_list_push(&loop->watches, &watch->node);
  (void)uv_poll_start(&watch->uv, UV_READABLE, on_poll);
  *out = watch;
  return 0;
}

/* Says apart a file that is watched already from a new one, which counts. */
int cro_watch_add(cro_watch *watch, cro_bytes path, unsigned how, int *system)
{
  uint32_t mask = watch_mask;
  int id;

  if ((how & CRO_WATCH_ONLY_FOLDER) != 0)
    mask |= IN_ONLYDIR;
  if ((how & CRO_WATCH_NO_LINK) != 0)
    mask |= IN_DONT_FOLLOW;
  id = inotify_add_watch(watch->fd, path.at, mask | IN_MASK_CREATE);
  if (id >= 0) {
    watch->ids++;
    watch->loop->watch_count++;
    return id;
  }
  if (errno == EEXIST)
    id = inotify_add_watch(watch->fd, path.at, mask);
  if (id >= 0)
    return id;
  *system = errno;
  return errno == ENOSPC ? CRO_E_LIMIT : cro_err_from_errno(errno);
}

void cro_watch_remove(cro_watch *watch, int id)
{
  (void)inotify_rm_watch(watch->fd, id); /* IN_IGNORED follows */
}

static unsigned what_of(uint32_t mask)
{
  static const struct {
    uint32_t mask;
    unsigned what;
  } rows[] = {
    { IN_Q_OVERFLOW, CRO_WATCH_OVERFLOW },
    { IN_IGNORED, CRO_WATCH_ENDED },
    { IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT, CRO_WATCH_SELF_GONE },
    { IN_CREATE | IN_MOVED_TO, CRO_WATCH_APPEARED },
    { IN_DELETE | IN_MOVED_FROM, CRO_WATCH_GONE },
    { IN_MODIFY | IN_ATTRIB, CRO_WATCH_CHANGED },
    { IN_ISDIR, CRO_WATCH_FOLDER },
  };
  unsigned what = 0;

  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    if ((mask & rows[i].mask) != 0)
      what |= rows[i].what;
  return what;
}

static bool fill(cro_watch *watch)
{
  ssize_t n;

  do
    n = read(watch->fd, watch->buffer, sizeof watch->buffer);
  while (n < 0 && errno == EINTR);
  watch->at = 0;
  watch->len = n > 0 ? (size_t)n : 0;
  return n > 0;
}

static void uncount(cro_watch *watch)
{
  watch->ids--;
  watch->loop->watch_count--;
}

int cro_watch_take(cro_watch *watch, cro_watch_event *out)
{
  const struct inotify_event *event;

  if (watch->at == watch->len && !fill(watch)) {
    (void)uv_poll_start(&watch->uv, UV_READABLE, on_poll);
    return 0;
  }
  event = (const void *)(watch->buffer + watch->at);
  watch->at += sizeof *event + event->len;
  out->id = event->wd;
  out->what = what_of(event->mask);
  out->name = (cro_bytes){ event->name, event->len > 0 ? strlen(event->name) : 0 };
  if ((out->what & CRO_WATCH_ENDED) != 0)
    uncount(watch);
  return 1;
}

void cro_watch_close(cro_watch *watch)
{
  if (watch == NULL)
    return;
  cro_list_remove(&watch->node);
  watch->loop->watch_count -= watch->ids;
  uv_poll_stop(&watch->uv);
  uv_close((uv_handle_t *)&watch->uv, on_closed);
  close(watch->fd);
}

/* Whoever has one open still does not use it any more. */
void net_watches_close(cro_loop *loop)
{
  while (!cro_list_empty(&loop->watches))
    cro_watch_close(CRO_CONTAINER(loop->watches.next, cro_watch, node));
}

#else

int cro_watch_open(cro_watch **out, cro_loop *loop, void (*readable)(void *arg),
                   void *arg, int *system)
{
  (void)out;
  (void)loop;
  (void)readable;
  (void)arg;
  *system = 0;
  return CRO_E_NOTSUP;
}

int cro_watch_add(cro_watch *watch, cro_bytes path, unsigned how, int *system)
{
  (void)watch;
  (void)path;
  (void)how;
  *system = 0;
  return CRO_E_NOTSUP;
}

void cro_watch_remove(cro_watch *watch, int id)
{
  (void)watch;
  (void)id;
}

int cro_watch_take(cro_watch *watch, cro_watch_event *out)
{
  (void)watch;
  (void)out;
  return 0;
}

void cro_watch_close(cro_watch *watch)
{
  (void)watch;
}

void net_watches_close(cro_loop *loop)
{
  (void)loop;
}

#endif
