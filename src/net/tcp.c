#include "net/net.h"

#include "base/alloc.h"
#include "base/check.h"
#include "base/err.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

enum { default_write_idle = 30000, default_write_over = 1024 * 1024 };

static cro_tcp *of_conn(const cro_conn *conn)
{
  return CRO_CONTAINER(conn, cro_tcp, conn);
}

/* --- reading -------------------------------------------------------------------- */

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
  cro_tcp *tcp = handle->data;

  (void)suggested;
  *buf = uv_buf_init(tcp->loop->shared, net_read_bytes);
}

void cro_tcp_stop_reading(cro_tcp *tcp)
{
  if (tcp->reading)
    uv_read_stop(&tcp->uv.stream);
  tcp->reading = false;
}

/* Closes when all that is queued has gone. */
static void close_behind(cro_tcp *tcp)
{
  if (tcp->closing || tcp->life == TCP_CLOSED)
    return;
  tcp->closing = true;
  cro_tcp_stop_reading(tcp);
  cro_tcp_mark_dirty(tcp);
}

/* What a stage answered. What it had queued before it failed (a 400) is still sent. */
static void took(cro_tcp *tcp, int rc)
{
  if (rc < 0) {
    tcp->ended = true;
    if (tcp->err == 0)
      tcp->err = rc;
    close_behind(tcp);
  } else if (rc == CRO_FULL) {
    tcp->paused = true;
    cro_tcp_stop_reading(tcp);
  }
}

/* A pipeline below which a layer was put meanwhile has answered for itself, not for the
 * layer. */
static int pushed(cro_tcp *tcp, const cro_layer *before, int rc)
{
  if (tcp->layer == before || rc != CRO_FULL)
    return rc;
  tcp->layer->above_full = true;
  return 0;
}

static void push(cro_tcp *tcp, size_t len)
{
  cro_loop *loop = tcp->loop;
  cro_layer *layer = tcp->layer;
  cro_bytes bytes = { loop->shared, len };

  if (tcp->closing || tcp->ended)
    return; /* came after close: nobody wants it */
  cro_check(!loop->pushing);
  loop->pushing = true;
  took(tcp, pushed(tcp, layer, cro_emit(&tcp->source, &bytes)));
  loop->pushing = false;
}

static void at_eof(cro_tcp *tcp)
{
  cro_tcp_stop_reading(tcp);
  tcp->eof = true;
  if (tcp->ended || tcp->closing)
    return;
  tcp->ended = true;
  took(tcp, cro_emit_finish(&tcp->source));
}

/* A terminal whose other side has gone takes nothing more either. */
static void hang_up(cro_tcp *tcp)
{
  if (tcp->kind == NET_TERMINAL)
    cro_tcp_end(tcp, 0, false, false);
}

/* One read event: `nread` bytes are in the shared buffer, 0 is FIN, < 0 a cro_err. */
static void read_event(cro_tcp *tcp, ssize_t nread)
{
  net_stir(tcp->loop);
  if (nread > 0) {
    push(tcp, (size_t)nread);
  } else if (nread == 0 || (nread == CRO_E_IO && tcp->kind == NET_TERMINAL)) {
    at_eof(tcp);
    hang_up(tcp);
  } else {
    cro_tcp_end(tcp, (int)nread, true, false);
  }
  cro_tcp_flush(tcp);
}

static void try_read(cro_tcp *tcp)
{
  ssize_t nread;

  do
    nread = read(tcp->fd, tcp->loop->shared, net_read_bytes);
  while (nread < 0 && errno == EINTR);
  if (nread >= 0 || (errno != EAGAIN && errno != EWOULDBLOCK))
    read_event(tcp, nread >= 0 ? nread : cro_err_from_errno(errno));
}

static void on_read(uv_stream_t *stream, ssize_t nread, const uv_buf_t *buf);

static int start_reading(cro_tcp *tcp)
{
  int rc;

  if (tcp->reading || tcp->paused || tcp->eof || tcp->closing)
    return 0;
  rc = cro_tcp_open(tcp);
  if (rc == 0)
    rc = cro_net_err(uv_read_start(&tcp->uv.stream, on_alloc, on_read));
  tcp->reading = rc == 0;
  return rc;
}

static void read_on(cro_tcp *tcp)
{
  int rc = tcp->life != TCP_CLOSED ? start_reading(tcp) : 0;

  if (rc != 0)
    cro_tcp_end(tcp, rc, true, true);
}

/* When the other side has gone, libuv takes a read that did not fill the buffer for the
 * last one. A terminal hands out 4 KiB at a time however much there is; its end is EIO.
 */
static void read_rest(cro_tcp *tcp)
{
  tcp->reading = false;
  try_read(tcp);
  read_on(tcp);
}

static void on_read(uv_stream_t *stream, ssize_t nread, const uv_buf_t *buf)
{
  cro_tcp *tcp = stream->data;

  (void)buf;
  if (nread == 0)
    return; /* EAGAIN */
  if (nread == UV_EOF && tcp->kind == NET_TERMINAL) {
    read_rest(tcp);
    return;
  }
  if (nread == UV_EOF)
    nread = 0;
  else if (nread < 0)
    nread = cro_net_err((int)nread);
  read_event(tcp, nread);
}

static void source_resume(cro_stage *stage)
{
  cro_tcp *tcp = CRO_CONTAINER(stage, cro_tcp, source);

  tcp->paused = false;
  if (tcp->started)
    read_on(tcp);
}

static void source_destroy(cro_stage *stage)
{
  (void)stage; /* part of its cro_tcp */
}

static const cro_stage_ops source_ops = {
  .name = "tcp source",
  .produces = &cro_type_bytes,
  .resume = source_resume,
  .destroy = source_destroy,
};

void cro_tcp_first_read(cro_tcp *tcp)
{
  if (tcp->unread)
    read_event(tcp, 0);
  else if (tcp->life == TCP_RAW && !tcp->paused && !tcp->closing)
    try_read(tcp); /* else output that did not fit has handed it to libuv already */
  read_on(tcp);    /* unless the whole exchange is over, without libuv */
}

int cro_tcp_start(cro_tcp *tcp, bool at_once)
{
  if (tcp->layer == NULL)
    return cro_tcp_start_socket(tcp, at_once);
  return tcp->life == TCP_CLOSED ? CRO_E_CLOSED : tcp->layer->ops->start(tcp->layer);
}

int cro_tcp_start_socket(cro_tcp *tcp, bool at_once)
{
  if (tcp->life == TCP_CLOSED)
    return CRO_E_CLOSED;
  if (tcp->started)
    return CRO_E_STATE;
  tcp->started = true;
  if (!tcp->unread && (!at_once || tcp->life != TCP_RAW))
    return start_reading(tcp);
  cro_list_push(&tcp->loop->fresh, &tcp->fresh);
  cro_loop_again(tcp->loop);
  return 0;
}

/* --- the connection context ------------------------------------------------------- */

static void on_deadline(cro_timer *timer)
{
  cro_tcp *tcp = CRO_CONTAINER(timer, cro_tcp, deadline);
  cro_wait what = tcp->waits_for;

  tcp->waits_for = CRO_WAIT_NOTHING;
  if (tcp->life == TCP_CLOSED)
    return;
  if (tcp->conn.on_deadline != NULL)
    tcp->conn.on_deadline(tcp->conn.deadline_arg, what);
  else
    cro_tcp_end(tcp, CRO_E_TIMEOUT, true, true);
}

static void conn_deadline(cro_conn *conn, cro_wait what, uint64_t ms)
{
  cro_tcp *tcp = of_conn(conn);

  tcp->waits_for = what;
  if (what == CRO_WAIT_NOTHING || tcp->life == TCP_CLOSED)
    cro_loop_disarm(tcp->loop, &tcp->deadline);
  else
    cro_loop_arm(tcp->loop, &tcp->deadline, cro_loop_now(tcp->loop) + ms);
}

static uint64_t conn_now(const cro_conn *conn)
{
  return cro_loop_now(of_conn(conn)->loop);
}

static void conn_flush_later(cro_conn *conn)
{
  cro_tcp_mark_dirty(of_conn(conn));
}

static void conn_close(cro_conn *conn)
{
  cro_tcp *tcp = of_conn(conn);

  if (tcp->layer != NULL)
    tcp->layer->closing = true;
  close_behind(tcp);
}

static void conn_shutdown(cro_conn *conn)
{
  cro_tcp *tcp = of_conn(conn);

  if (tcp->fin || tcp->life == TCP_CLOSED)
    return;
  tcp->fin = true;
  if (tcp->layer != NULL)
    tcp->layer->shut = true;
  cro_tcp_mark_dirty(tcp);
}

static void conn_abort(cro_conn *conn)
{
  cro_tcp *tcp = of_conn(conn);

  if (tcp->layer != NULL)
    tcp->layer->closing = true;
  cro_tcp_end(tcp, CRO_E_ABORTED, false, true);
}

/* The local address has to be asked for while the socket is open. */
static net_text *texts(cro_tcp *tcp)
{
  net_address local = { 0 };
  socklen_t size = sizeof local;

  if (tcp->texts != NULL)
    return tcp->texts;
  tcp->texts = cro_alloc_zero(2 * sizeof *tcp->texts);
  if (tcp->texts == NULL)
    return NULL;
  if (tcp->life != TCP_CLOSED)
    (void)getsockname(tcp->fd, &local.sa, &size);
  net_address_text(&tcp->peer, &tcp->texts[0]);
  net_address_text(&local, &tcp->texts[1]);
  return tcp->texts;
}

static cro_bytes address_of(cro_conn *conn, int which, int *port)
{
  net_text *both = texts(of_conn(conn));

  *port = both != NULL ? both[which].port : -1;
  return both != NULL ? cro_bytes_of(both[which].host) : (cro_bytes){ 0 };
}

static cro_bytes conn_peer(cro_conn *conn, int *port)
{
  return address_of(conn, 0, port);
}

static cro_bytes conn_local(cro_conn *conn, int *port)
{
  return address_of(conn, 1, port);
}

static const cro_conn_ops conn_ops = {
  .deadline = conn_deadline,
  .now = conn_now,
  .flush_later = conn_flush_later,
  .close = conn_close,
  .shutdown = conn_shutdown,
  .abort = conn_abort,
  .peer = conn_peer,
  .local = conn_local,
};

/* --- accessors -------------------------------------------------------------------- */

cro_conn *cro_tcp_conn(cro_tcp *tcp)
{
  return &tcp->conn;
}

cro_tcp *cro_tcp_of(cro_conn *conn)
{
  return conn->ops == &conn_ops ? of_conn(conn) : NULL;
}

cro_stage *cro_tcp_source(cro_tcp *tcp)
{
  return tcp->layer != NULL ? tcp->layer->source : &tcp->source;
}

cro_stage *cro_tcp_sink(cro_tcp *tcp)
{
  return tcp->layer != NULL ? tcp->layer->sink : &tcp->sink;
}

void cro_tcp_on_closed(cro_tcp *tcp, void (*fn)(void *arg, cro_tcp *tcp, int err),
                       void *arg)
{
  tcp->closed = fn;
  tcp->closed_arg = arg;
}

int cro_tcp_fd(const cro_tcp *tcp)
{
  return tcp->life == TCP_CLOSED ? -1 : tcp->fd;
}

int cro_tcp_err(const cro_tcp *tcp)
{
  if (tcp->life != TCP_CLOSED)
    return 0;
  return tcp->err != 0 ? tcp->err : CRO_E_CLOSED;
}

void cro_tcp_patient(cro_tcp *tcp, bool on)
{
  tcp->patient = on;
}

void cro_tcp_write_over(cro_tcp *tcp, uint64_t bytes)
{
  tcp->over_max = bytes;
  if (tcp->layer != NULL)
    tcp->layer->over_max = bytes;
}

void cro_tcp_write_idle(cro_tcp *tcp, uint64_t ms)
{
  tcp->write_idle = ms;
  if (ms == 0)
    cro_loop_disarm(tcp->loop, &tcp->stall);
  else if (tcp->writing != NULL)
    cro_loop_arm(tcp->loop, &tcp->stall, cro_loop_now(tcp->loop) + ms);
}

void cro_tcp_write_rate(cro_tcp *tcp, uint64_t bytes)
{
  tcp->write_rate = bytes;
}

/* --- life ------------------------------------------------------------------------- */

void cro_tcp_is(cro_tcp *tcp, net_kind kind)
{
  tcp->loop->kinds[tcp->kind]--;
  tcp->kind = kind;
  tcp->loop->kinds[kind]++;
}

int cro_tcp_create(cro_tcp **out, cro_loop *loop, int fd, const net_address *peer)
{
  static uint64_t ids;
  cro_tcp *tcp = cro_alloc_zero(sizeof *tcp);

  if (tcp == NULL)
    return CRO_E_NOMEM;
  tcp->conn.ops = &conn_ops;
  tcp->conn.turn = &loop->turn;
  tcp->conn.id = ++ids;
  tcp->loop = loop;
  tcp->fd = fd;
  tcp->ours = fd >= 0;
  tcp->peer = *peer;
  tcp->lingers = true;
  tcp->write_idle = default_write_idle;
  tcp->over_max = default_write_over;
  cro_stage_init(&tcp->source, &source_ops);
  cro_stage_init(&tcp->sink, &cro_tcp_sink_ops);
  tcp->source.conn = tcp->sink.conn = &tcp->conn;
  tcp->conn.first = &tcp->source;
  cro_list_init(&tcp->dirty);
  cro_list_init(&tcp->fresh);
  cro_list_init(&tcp->flushes);
  cro_timer_init(&tcp->deadline, on_deadline);
  cro_timer_init(&tcp->stall, cro_tcp_stalled);
  cro_list_push(&loop->tcps, &tcp->node);
  loop->tcp_count++;
  loop->kinds[NET_INET]++;
  if (peer->sa.sa_family == AF_UNIX)
    cro_tcp_is(tcp, NET_UNIX);
  if (loop->tcp_count > loop->tcp_peak)
    loop->tcp_peak = loop->tcp_count;
  *out = tcp;
  return 0;
}

static int init_handle(cro_tcp *tcp)
{
  if (tcp->kind == NET_INET)
    return uv_tcp_init(&tcp->loop->uv, &tcp->uv.tcp);
  return uv_pipe_init(&tcp->loop->uv, &tcp->uv.pipe, 0);
}

int cro_tcp_open(cro_tcp *tcp)
{
  int rc;

  if (tcp->life == TCP_OPEN)
    return 0;
  if (tcp->life == TCP_CLOSED)
    return CRO_E_CLOSED;
  rc = init_handle(tcp);
  if (rc != 0)
    return cro_net_err(rc);
  tcp->uv.handle.data = tcp;
  tcp->life = TCP_OPEN;
  if (tcp->fd < 0)
    return 0;
  rc = tcp->kind == NET_INET ? uv_tcp_open(&tcp->uv.tcp, tcp->fd)
                             : uv_pipe_open(&tcp->uv.pipe, tcp->fd);
  tcp->ours = rc != 0;
  return cro_net_err(rc);
}

static void on_uv_closed(uv_handle_t *handle)
{
  cro_tcp_finalise(handle->data);
}

static void reset_on_close(const cro_tcp *tcp)
{
  struct linger none = { .l_onoff = 1, .l_linger = 0 };

  if (tcp->fd >= 0 && tcp->kind == NET_INET)
    (void)setsockopt(tcp->fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
}

/* The standard descriptors stay open, as with libuv: the next file opened would pass
 * for one of them. */
static void release_fd(const cro_tcp *tcp)
{
  if (tcp->shared)
    net_set_blocking(tcp->fd, true);
  if (tcp->ours && tcp->fd > STDERR_FILENO)
    close(tcp->fd);
}

void cro_tcp_end(cro_tcp *tcp, int err, bool broken, bool reset)
{
  tcp_life was = tcp->life;

  if (was == TCP_CLOSED)
    return;
  tcp->life = TCP_CLOSED;
  tcp->reading = false;
  if (tcp->err == 0)
    tcp->err = tcp->layer != NULL && tcp->layer->err != 0 ? tcp->layer->err : err;
  tcp->broken = broken;
  cro_list_remove(&tcp->dirty);
  cro_list_remove(&tcp->fresh);
  cro_loop_disarm(tcp->loop, &tcp->deadline);
  cro_loop_disarm(tcp->loop, &tcp->stall);
  if (reset)
    reset_on_close(tcp);
  net_stir(tcp->loop);
  release_fd(tcp);
  if (was == TCP_OPEN) {
    uv_close(&tcp->uv.handle, on_uv_closed);
    return;
  }
  cro_list_push(&tcp->loop->ending, &tcp->dirty);
  cro_loop_again(tcp->loop);
}

/* After a crowd has left its memory goes back; the allocator alone keeps it. */
static void give_back(cro_loop *loop)
{
  enum { crowd = 1024 };

  if (loop->tcp_peak < crowd || loop->tcp_count > loop->tcp_peak / 8)
    return;
  loop->tcp_peak = loop->tcp_count;
  cro_alloc_trim();
}

/* The socket may be the head of one chain and the tail of another. */
static void destroy_stages(cro_tcp *tcp)
{
  cro_stage *first = &tcp->sink;

  while (first->prev != NULL)
    first = first->prev;
  cro_pipeline_destroy(&tcp->source);
  if (first != &tcp->source)
    cro_pipeline_destroy(first);
}

void cro_tcp_finalise(cro_tcp *tcp)
{
  cro_loop *loop = tcp->loop;

  cro_check(!loop->pushing);
  if (tcp->broken && !tcp->ended && tcp->source.next != NULL)
    cro_emit_fail(&tcp->source, tcp->err);
  tcp->ended = true;
  if (tcp->layer != NULL)
    tcp->layer->ops->ended(tcp->layer);
  cro_tcp_flushes_fail(tcp, tcp->err != 0 ? tcp->err : CRO_E_CLOSED);
  if (tcp->closed != NULL)
    tcp->closed(tcp->closed_arg, tcp, tcp->err);
  destroy_stages(tcp);
  cro_conn_clear(&tcp->conn);
  if (tcp->listener != NULL)
    cro_listener_left(tcp->listener);
  cro_loop_give_buf(loop, &tcp->out);
  cro_free(tcp->texts);
  cro_list_remove(&tcp->node);
  loop->tcp_count--;
  loop->kinds[tcp->kind]--;
  give_back(loop);
  cro_free(tcp);
}
