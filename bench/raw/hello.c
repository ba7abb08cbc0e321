/* bench/raw/hello.c - what src/net alone costs: a fixed answer per blank line.
 *
 * No parser, no router, no Lua. Compare it with nginx's `return 200` for the price of
 * the socket layer, and with crolua for the price of everything above it.
 *
 *   hello [port] [close]     close: one request per connection
 */
#include "base/alloc.h"
#include "base/err.h"
#include "net/tcp.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static const char keep_answer[] = "HTTP/1.1 200 OK\r\nServer: cro\r\n"
                                  "Date: Mon, 01 Jan 2024 00:00:00 GMT\r\n"
                                  "Content-Type: text/plain\r\nContent-Length: 15\r\n"
                                  "\r\nHello from Cro\n";
static const char close_answer[] = "HTTP/1.1 200 OK\r\nServer: cro\r\n"
                                   "Date: Mon, 01 Jan 2024 00:00:00 GMT\r\n"
                                   "Content-Type: text/plain\r\nContent-Length: 15\r\n"
                                   "Connection: close\r\n\r\nHello from Cro\n";
static bool one_each;

typedef struct {
  cro_stage stage;
  unsigned matched; /* bytes of CRLF CRLF seen */
} hello;

/* Blank lines in `in`, which may begin or end in the middle of one. */
static unsigned count_heads(hello *self, cro_bytes in)
{
  static const char end[] = "\r\n\r\n";
  unsigned heads = 0;

  for (size_t i = 0; i < in.len; i++) {
    self->matched = in.at[i] == end[self->matched] ? self->matched + 1
                    : in.at[i] == '\r'             ? 1
                                                   : 0;
    if (self->matched == 4) {
      heads++;
      self->matched = 0;
    }
  }
  return heads;
}

static int hello_push(cro_stage *stage, const void *message)
{
  cro_bytes answer = cro_bytes_of(one_each ? close_answer : keep_answer);
  unsigned heads = count_heads((hello *)stage, *(const cro_bytes *)message);
  int rc = 0;

  while (rc >= 0 && heads-- > 0)
    rc = cro_emit(stage, &answer);
  if (one_each && rc >= 0)
    stage->conn->ops->close(stage->conn);
  return rc;
}

static void hello_destroy(cro_stage *stage)
{
  cro_free(stage);
}

static const cro_stage_ops hello_ops = {
  .name = "hello",
  .consumes = &cro_type_bytes,
  .produces = &cro_type_bytes,
  .push = hello_push,
  .destroy = hello_destroy,
};

static void accepted(void *arg, cro_tcp *tcp)
{
  cro_conn *conn = cro_tcp_conn(tcp);
  hello *self = cro_alloc_zero(sizeof *self);

  (void)arg;
  if (self == NULL) {
    conn->ops->abort(conn);
    return;
  }
  cro_stage_init(&self->stage, &hello_ops);
  cro_stage_link(cro_tcp_source(tcp), &self->stage);
  cro_stage_link(&self->stage, cro_tcp_sink(tcp));
  cro_pipeline_attach(cro_tcp_source(tcp), conn);
  cro_tcp_start(tcp, true);
}

static void starved(void *arg, int err)
{
  (void)arg;
  fprintf(stderr, "accept: %s\n", cro_err_text(err));
}

static void listening(void *arg, int err, cro_listener *listener)
{
  cro_listener **out = arg;

  if (err != 0) {
    fprintf(stderr, "listen: %s\n", cro_err_text(err));
    exit(1);
  }
  *out = listener;
}

static void on_signal(void *arg, int number)
{
  (void)number;
  cro_loop_stop(arg);
}

int main(int argc, char **argv)
{
  static const cro_listener_ops ops = { .accepted = accepted, .starved = starved };
  cro_listen_options options = { .host = CRO_B("127.0.0.1"), .port = 8080, .fd = -1 };
  cro_listener *listener;
  cro_signal *sig;
  cro_loop *loop;

  if (argc > 1)
    options.port = atoi(argv[1]);
  one_each = argc > 2;
  options.nodelay = true;
  options.defer_accept = true;
  if (cro_loop_create(&loop) != 0 ||
      cro_signal_open(&sig, loop, SIGTERM, on_signal, loop) != 0 ||
      cro_listen(loop, &options, &ops, &listener, listening) != 0)
    return 1;
  cro_loop_run(loop);
  cro_loop_destroy(loop);
  return 0;
}
