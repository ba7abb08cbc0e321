/* The echo server of plain C over libuv: one read buffer for all, written back at once
 * when the kernel takes it, else copied and reading stopped until it has gone. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

typedef struct {
  uv_write_t req; /* first */
  uv_stream_t *stream;
  char bytes[];
} pending;

static char shared[64 * 1024];

static void on_closed(uv_handle_t *handle)
{
  free(handle);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
  (void)handle;
  (void)suggested;
  *buf = uv_buf_init(shared, sizeof shared);
}

static void on_read(uv_stream_t *stream, ssize_t nread, const uv_buf_t *buf);

static void on_written(uv_write_t *req, int status)
{
  pending *self = (pending *)req;

  if (status == 0)
    uv_read_start(self->stream, on_alloc, on_read);
  else if (!uv_is_closing((uv_handle_t *)self->stream))
    uv_close((uv_handle_t *)self->stream, on_closed);
  free(self);
}

static void write_rest(uv_stream_t *stream, const char *at, size_t len)
{
  pending *self = malloc(sizeof *self + len);
  uv_buf_t buf;

  if (self == NULL)
    abort();
  memcpy(self->bytes, at, len);
  self->stream = stream;
  buf = uv_buf_init(self->bytes, (unsigned)len);
  uv_read_stop(stream);
  uv_write(&self->req, stream, &buf, 1, on_written);
}

static void on_read(uv_stream_t *stream, ssize_t nread, const uv_buf_t *buf)
{
  uv_buf_t out;
  int taken;

  if (nread == 0)
    return;
  if (nread < 0) {
    uv_close((uv_handle_t *)stream, on_closed);
    return;
  }
  out = uv_buf_init(buf->base, (unsigned)nread);
  taken = uv_try_write(stream, &out, 1);
  if (taken < 0)
    taken = 0; /* the write that follows says why */
  if (taken < nread)
    write_rest(stream, buf->base + taken, (size_t)(nread - taken));
}

static void on_connection(uv_stream_t *listener, int status)
{
  uv_tcp_t *tcp = malloc(sizeof *tcp);

  if (status != 0 || tcp == NULL)
    abort();
  uv_tcp_init(listener->loop, tcp);
  if (uv_accept(listener, (uv_stream_t *)tcp) == 0)
    uv_read_start((uv_stream_t *)tcp, on_alloc, on_read);
  else
    uv_close((uv_handle_t *)tcp, on_closed);
}

int main(void)
{
  uv_loop_t *loop = uv_default_loop();
  const char *port = getenv("PORT");
  struct sockaddr_in at;
  uv_tcp_t listener;

  signal(SIGPIPE, SIG_IGN);
  uv_ip4_addr("127.0.0.1", port != NULL ? atoi(port) : 8081, &at);
  uv_tcp_init(loop, &listener);
  uv_tcp_bind(&listener, (const struct sockaddr *)&at, 0);
  if (uv_listen((uv_stream_t *)&listener, 1024, on_connection) != 0)
    return 1;
  return uv_run(loop, UV_RUN_DEFAULT);
}
