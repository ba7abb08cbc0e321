/* The writing half of a cro_tcp: gathers in `out`, gives the kernel what it takes, and
 * leaves the rest to libuv, one write request at a time. */
#include "net/net.h"

#include "base/alloc.h"
#include "base/check.h"
#include "base/err.h"

#include <errno.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>

struct net_writing {
  uv_write_t req;
  cro_tcp *tcp;
  cro_buf buf;
};

typedef struct net_flush {
  cro_list node;
  uint64_t above; /* when the layer has passed so many bytes on, the mark is set */
  uint64_t mark;  /* due when so many bytes have been sent */
  bool marked;
  void (*fn)(void *arg, int err);
  void *arg;
} net_flush;

static cro_tcp *of_sink(cro_stage *stage)
{
  return CRO_CONTAINER(stage, cro_tcp, sink);
}

void cro_tcp_mark_dirty(cro_tcp *tcp)
{
  if (tcp->life == TCP_CLOSED || !cro_list_empty(&tcp->dirty))
    return;
  cro_list_push(&tcp->loop->dirty, &tcp->dirty);
  cro_loop_again(tcp->loop);
}

/* What waits at the socket. */
static size_t queued_below(const cro_tcp *tcp)
{
  size_t queued = tcp->out.len;

  if (tcp->life == TCP_OPEN && tcp->writing != NULL)
    queued += uv_stream_get_write_queue_size(&tcp->uv.stream);
  return queued;
}

size_t cro_tcp_queued(const cro_tcp *tcp)
{
  size_t queued = queued_below(tcp);

  if (tcp->layer != NULL && tcp->life != TCP_CLOSED)
    queued += (size_t)(tcp->layer->taken - tcp->layer->passed);
  return queued;
}

/* --- to libuv --------------------------------------------------------------------- */

/* What the peer has not taken: what libuv waits to write, and what the kernel has that
 * was not acknowledged. */
static uint64_t untaken(const cro_tcp *tcp)
{
  int sent = 0;

  if (tcp->kind != NET_INET || ioctl(tcp->fd, SIOCOUTQ, &sent) != 0 || sent < 0)
    sent = 0;
  return uv_stream_get_write_queue_size(&tcp->uv.stream) + (uint64_t)sent;
}

static void arm_stall(cro_tcp *tcp)
{
  tcp->stalled_at = untaken(tcp);
  if (tcp->write_idle > 0)
    cro_loop_arm(tcp->loop, &tcp->stall, cro_loop_now(tcp->loop) + tcp->write_idle);
}

/* The peer took nothing for write_idle, or a few drops: it is gone, or it plays slow
 * reader. */
void cro_tcp_stalled(cro_timer *timer)
{
  cro_tcp *tcp = CRO_CONTAINER(timer, cro_tcp, stall);
  uint64_t left, least = tcp->write_rate * tcp->write_idle / 1000;

  if (tcp->life != TCP_OPEN || tcp->writing == NULL)
    return;
  left = untaken(tcp);
  if (left < tcp->stalled_at && tcp->stalled_at - left >= least)
    arm_stall(tcp);
  else
    cro_tcp_end(tcp, CRO_E_TIMEOUT, true, true);
}

static void on_written(uv_write_t *req, int status)
{
  net_writing *writing = CRO_CONTAINER(req, net_writing, req);
  cro_tcp *tcp = writing->tcp;
  size_t len = writing->buf.len;

  tcp->writing = NULL;
  tcp->loop->write_count--;
  net_stir(tcp->loop);
  cro_loop_give_buf(tcp->loop, &writing->buf);
  cro_free(writing);
  if (tcp->life == TCP_CLOSED)
    return;
  cro_loop_disarm(tcp->loop, &tcp->stall);
  if (status != 0) {
    cro_tcp_end(tcp, cro_net_err(status), true, false);
    return;
  }
  tcp->sent += len;
  cro_tcp_flush(tcp);
}

/* What the kernel did not take: libuv waits for the socket and owns the bytes. */
static int hand_over(cro_tcp *tcp)
{
  net_writing *writing;
  uv_buf_t buf;
  int rc = cro_tcp_open(tcp);

  if (rc != 0)
    return rc;
  writing = cro_alloc(sizeof *writing);
  if (writing == NULL)
    return CRO_E_NOMEM;
  writing->tcp = tcp;
  writing->buf = tcp->out;
  tcp->out = (cro_buf){ 0 };
  buf = uv_buf_init(writing->buf.at, (unsigned)writing->buf.len);
  rc = uv_write(&writing->req, &tcp->uv.stream, &buf, 1, on_written);
  if (rc != 0) {
    cro_loop_give_buf(tcp->loop, &writing->buf);
    cro_free(writing);
    return cro_net_err(rc);
  }
  tcp->writing = writing;
  tcp->loop->write_count++;
  arm_stall(tcp);
  return 0;
}

/* --- to the kernel ------------------------------------------------------------------
 */

/* One part, as nearly always, spares the kernel the copies of msghdr and iovec. */
static ssize_t send_parts(int fd, struct iovec *parts, size_t count)
{
  struct msghdr msg = { .msg_iov = parts, .msg_iovlen = count };

  if (count == 1)
    return send(fd, parts->iov_base, parts->iov_len, MSG_NOSIGNAL);
  return sendmsg(fd, &msg, MSG_NOSIGNAL);
}

static ssize_t write_parts(const cro_tcp *tcp, struct iovec *parts, size_t count)
{
  if (tcp->kind <= NET_UNIX)
    return send_parts(tcp->fd, parts, count);
  return writev(tcp->fd, parts, (int)count);
}

/* 0 with *taken, or a cro_err. A full socket takes 0 bytes. */
static int write_some(cro_tcp *tcp, struct iovec *parts, size_t count, size_t *taken)
{
  ssize_t n;

  net_stir(tcp->loop);
  do
    n = write_parts(tcp, parts, count);
  while (n < 0 && errno == EINTR);
  if (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != ENOBUFS)
    return cro_err_from_errno(errno);
  *taken = n > 0 ? (size_t)n : 0;
  tcp->sent += *taken;
  return 0;
}

static int write_gathered(cro_tcp *tcp)
{
  struct iovec part = { tcp->out.at, tcp->out.len };
  size_t taken = 0;
  int rc = write_some(tcp, &part, 1, &taken);

  if (rc != 0)
    return rc;
  if (taken == tcp->out.len) {
    cro_loop_give_buf(tcp->loop, &tcp->out);
    return 0;
  }
  cro_buf_drop(&tcp->out, taken);
  return hand_over(tcp);
}

static int gather(cro_tcp *tcp, cro_bytes bytes)
{
  if (tcp->out.at == NULL)
    tcp->out = cro_loop_take_buf(tcp->loop);
  return cro_buf_add(&tcp->out, bytes);
}

/* What is queued and a big push in one call, and no copy of what the kernel takes. */
static int write_through(cro_tcp *tcp, cro_bytes bytes)
{
  struct iovec parts[2] = { { tcp->out.at, tcp->out.len },
                            { (void *)(uintptr_t)bytes.at, bytes.len } };
  size_t queued = tcp->out.len, taken = 0, first = queued == 0;
  int rc = write_some(tcp, parts + first, 2 - first, &taken);

  if (rc != 0)
    return rc;
  if (taken < queued) {
    cro_buf_drop(&tcp->out, taken);
  } else {
    tcp->out.len = 0;
    cro_bytes_take(&bytes, taken - queued);
  }
  if (bytes.len > 0) {
    rc = gather(tcp, bytes);
    return rc != 0 ? rc : hand_over(tcp);
  }
  cro_loop_give_buf(tcp->loop, &tcp->out);
  return 0;
}

/* --- flushing --------------------------------------------------------------------- */

/* What is waited for has left the layer: now the socket has to send all it holds. */
static void mark_flushes(cro_tcp *tcp)
{
  while (tcp->unmarked != NULL) {
    net_flush *flush = CRO_CONTAINER(tcp->unmarked, net_flush, node);

    if (flush->above > tcp->layer->passed)
      return;
    flush->mark = tcp->pushed;
    flush->marked = true;
    tcp->unmarked = flush->node.next != &tcp->flushes ? flush->node.next : NULL;
  }
}

static void fire_flushes(cro_tcp *tcp)
{
  while (!cro_list_empty(&tcp->flushes)) {
    net_flush *flush = CRO_CONTAINER(tcp->flushes.next, net_flush, node);
    net_flush due = *flush;

    if (!flush->marked || flush->mark > tcp->sent)
      return;
    cro_list_remove(&flush->node);
    cro_free(flush);
    due.fn(due.arg, 0);
  }
}

void cro_tcp_flushes_fail(cro_tcp *tcp, int err)
{
  cro_list *node;

  tcp->unmarked = NULL;
  while ((node = cro_list_shift(&tcp->flushes)) != NULL) {
    net_flush *flush = CRO_CONTAINER(node, net_flush, node);
    net_flush due = *flush;

    cro_free(flush);
    due.fn(due.arg, err);
  }
}

int cro_tcp_on_flushed(cro_tcp *tcp, void (*fn)(void *arg, int err), void *arg)
{
  net_flush *flush;

  if (tcp->life == TCP_CLOSED)
    return tcp->err != 0 ? tcp->err : CRO_E_CLOSED;
  flush = cro_alloc(sizeof *flush);
  if (flush == NULL)
    return CRO_E_NOMEM;
  *flush = (net_flush){ .mark = tcp->pushed, .marked = true, .fn = fn, .arg = arg };
  if (tcp->layer != NULL) {
    flush->above = tcp->layer->taken;
    flush->marked = false;
  }
  cro_list_push(&tcp->flushes, &flush->node);
  if (!flush->marked && tcp->unmarked == NULL)
    tcp->unmarked = &flush->node;
  cro_tcp_mark_dirty(tcp);
  return 0;
}

static void send_fin(cro_tcp *tcp)
{
  tcp->fin_out = true;
  if (tcp->kind > NET_UNIX)
    return; /* closing is all that a pipe can say */
  net_stir(tcp->loop);
  if (shutdown(tcp->fd, SHUT_WR) != 0 && errno != ENOTCONN)
    cro_tcp_end(tcp, cro_err_from_errno(errno), true, true);
}

/* Nothing more will be queued but by the layer, which has said its last word. */
static bool is_over(const cro_tcp *tcp, bool asked)
{
  return asked && (tcp->layer == NULL || tcp->bye);
}

/* Both sides have said their last word. What the peer sends behind it is for nobody,
 * but may not reset what it has yet to read. */
static void end_both(cro_tcp *tcp)
{
  if (tcp->layer != NULL && tcp->layer->eof)
    net_linger(tcp);
  cro_tcp_end(tcp, 0, false, false);
}

static bool is_at_end(const cro_tcp *tcp)
{
  return tcp->eof || tcp->unread || (tcp->layer != NULL && tcp->layer->eof);
}

/* What was waiting for the queue to be written. */
static void settle(cro_tcp *tcp)
{
  if (tcp->full && queued_below(tcp) <= net_high_mark) {
    tcp->full = false;
    tcp->over = 0;
    cro_stage_resume(&tcp->sink);
  }
  fire_flushes(tcp);
  if (tcp->life == TCP_CLOSED || tcp->out.len > 0 || tcp->writing != NULL)
    return;
  if (is_over(tcp, tcp->closing)) {
    net_linger(tcp);
    cro_tcp_end(tcp, 0, false, false);
    return;
  }
  if (is_over(tcp, tcp->fin) && !tcp->fin_out)
    send_fin(tcp);
  if (tcp->fin_out && is_at_end(tcp))
    end_both(tcp);
}

/* What the layer has, and its last word when nothing can follow. */
static int gather_layer(cro_tcp *tcp, cro_layer *layer)
{
  int rc;

  layer->flushing = false;
  if (tcp->life == TCP_CLOSED)
    return 0;
  rc = layer->ops->gather(layer);
  if (rc == 0 && !tcp->bye && (tcp->closing || tcp->fin)) {
    tcp->bye = true;
    rc = layer->ops->bye(layer);
  }
  mark_flushes(tcp);
  return rc;
}

/* Those who gather have their say, the upper one first. */
static int gather_above(cro_tcp *tcp)
{
  cro_layer *layer = tcp->layer;

  if (layer != NULL)
    layer->flushing = true;
  if (tcp->conn.on_flush != NULL)
    tcp->conn.on_flush(tcp->conn.flush_arg);
  return layer != NULL ? gather_layer(tcp, layer) : 0;
}

void cro_tcp_flush(cro_tcp *tcp)
{
  int rc = 0;

  if (tcp->life == TCP_CLOSED)
    return;
  cro_list_remove(&tcp->dirty);
  tcp->held_until = 0;
  if (tcp->conn.on_flush != NULL || tcp->layer != NULL) {
    tcp->flushing = true;
    rc = gather_above(tcp);
    tcp->flushing = false;
    if (tcp->life == TCP_CLOSED)
      return;
    cro_list_remove(&tcp->dirty); /* by what was pushed */
  }
  if (rc >= 0 && tcp->out.len > 0 && tcp->writing == NULL)
    rc = write_gathered(tcp);
  if (rc < 0)
    cro_tcp_end(tcp, rc, true, true);
  else
    settle(tcp);
}

/* --- the stage -------------------------------------------------------------------- */

static int take(cro_tcp *tcp, cro_bytes bytes)
{
  int rc;

  if (tcp->writing != NULL)
    return gather(tcp, bytes);
  if (bytes.len >= net_big_push)
    return write_through(tcp, bytes);
  rc = gather(tcp, bytes);
  if (rc == 0 && tcp->out.len >= net_high_mark)
    rc = write_gathered(tcp); /* the kernel may take it: not full before it is */
  return rc;
}

/* Who was told to wait and does not is heard for so long: nothing queues without end. A
 * layer waits. */
static int count_over(cro_tcp *tcp, size_t len)
{
  if (!tcp->full || tcp->layer != NULL)
    return 0;
  if (len > tcp->over_max - tcp->over)
    return CRO_E_LIMIT;
  tcp->over += len;
  return 0;
}

/* What was pushed before it closed may be with the layer still. */
static bool takes(const cro_tcp *tcp)
{
  if (tcp->flushing || (tcp->layer != NULL && !tcp->bye))
    return true;
  return !tcp->closing && !tcp->fin;
}

static int sink_push(cro_stage *stage, const void *message)
{
  cro_tcp *tcp = of_sink(stage);
  const cro_bytes *bytes = message;
  int rc;

  if (tcp->life == TCP_CLOSED)
    return tcp->err != 0 ? tcp->err : CRO_E_CLOSED;
  if (!takes(tcp))
    return CRO_E_CLOSED;
  if (bytes->len == 0)
    return tcp->full ? CRO_FULL : 0;
  tcp->pushed += bytes->len;
  rc = count_over(tcp, bytes->len);
  if (rc == 0)
    rc = take(tcp, *bytes);
  if (rc != 0) {
    cro_tcp_end(tcp, rc, true, true);
    return rc;
  }
  cro_tcp_mark_dirty(tcp);
  tcp->full = tcp->full || queued_below(tcp) > net_high_mark;
  return tcp->full ? CRO_FULL : 0;
}

static int sink_finish(cro_stage *stage)
{
  cro_tcp *tcp = of_sink(stage);

  tcp->conn.ops->shutdown(&tcp->conn);
  return 0;
}

/* Half an answer must not look like a whole one. */
static void sink_fail(cro_stage *stage, int err)
{
  cro_tcp_end(of_sink(stage), err, false, true);
}

static void sink_destroy(cro_stage *stage)
{
  (void)stage; /* part of its cro_tcp */
}

const cro_stage_ops cro_tcp_sink_ops = {
  .name = "tcp sink",
  .consumes = &cro_type_bytes,
  .push = sink_push,
  .finish = sink_finish,
  .fail = sink_fail,
  .destroy = sink_destroy,
};
