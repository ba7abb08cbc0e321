/* bench/micro/h1.c - nanoseconds of CPU per request parsed and answered, no socket.
 *
 *   cc -O2 ... bench/micro/h1.c libcro.a -o h1 && ./h1 [rounds]
 *
 * One session, a handler that answers from static bytes, a sink that copies into one
 * buffer, as a connection's does. Prints the median and the best of 7 runs.
 */
#include "http/h1.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { runs = 7, out_bytes = 1 << 20 };

static char out[out_bytes];
static size_t out_len;

static void conn_deadline(cro_conn *conn, cro_wait what, uint64_t ms)
{
  (void)conn;
  (void)what;
  (void)ms;
}

static uint64_t conn_now(const cro_conn *conn)
{
  return conn->id;
}

static void conn_end(cro_conn *conn)
{
  (void)conn;
  fprintf(stderr, "the connection ended\n");
  exit(1);
}

static const cro_conn_ops conn_ops = {
  .deadline = conn_deadline,
  .now = conn_now,
  .close = conn_end,
  .shutdown = conn_end,
  .abort = conn_end,
};

static void destroy(cro_stage *stage)
{
  (void)stage;
}

static int sink_push(cro_stage *stage, const void *message)
{
  const cro_bytes *in = message;

  (void)stage;
  if (in->len > out_bytes - out_len)
    out_len = 0;
  memcpy(out + out_len, in->at, in->len);
  out_len += in->len;
  return 0;
}

static int app_push(cro_stage *stage, const void *message)
{
  cro_response *response = ((const cro_request *)message)->response;

  response->type = CRO_B("text/plain");
  response->body = CRO_B("Hello, World!");
  return cro_emit(stage, response);
}

static const cro_stage_ops source_ops = { .produces = &cro_type_bytes,
                                          .destroy = destroy };
static const cro_stage_ops app_ops = { .consumes = &cro_type_request,
                                       .produces = &cro_type_response,
                                       .push = app_push,
                                       .destroy = destroy };
static const cro_stage_ops sink_ops = { .consumes = &cro_type_bytes,
                                        .push = sink_push,
                                        .destroy = destroy };

static void wake(cro_turn *turn)
{
  (void)turn;
}

static double cpu_ns(void)
{
  struct timespec now;

  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
  double x = *(const double *)a, y = *(const double *)b;

  return (x > y) - (x < y);
}

static void measure(const char *name, cro_bytes one, size_t depth, size_t rounds)
{
  cro_h1_config config = { .limits = &cro_http_limits_default,
                           .timeouts = &cro_http_timeouts_default,
                           .server = CRO_B("crolua") };
  cro_http_limits limits = cro_http_limits_default;
  cro_stage source, app, sink;
  cro_turn turn;
  cro_conn conn = { .ops = &conn_ops, .turn = &turn, .id = 1 };
  cro_h1 *h1;
  double ns[runs];
  cro_buf in = { 0 };
  cro_bytes bytes;

  limits.requests_per_connection = UINT64_MAX;
  config.limits = &limits;
  cro_turn_init(&turn, wake);
  cro_stage_init(&source, &source_ops);
  cro_stage_init(&app, &app_ops);
  cro_stage_init(&sink, &sink_ops);
  if (cro_h1_server_create(&h1, &config) != 0)
    exit(1);
  if (cro_stage_link(&source, cro_h1_reader(h1)) != 0 ||
      cro_stage_link(cro_h1_reader(h1), &app) != 0 ||
      cro_stage_link(&app, cro_h1_writer(h1)) != 0 ||
      cro_stage_link(cro_h1_writer(h1), &sink) != 0)
    exit(1);
  cro_pipeline_attach(&source, &conn);
  cro_h1_start(h1);
  for (size_t i = 0; i < depth; i++)
    if (cro_buf_add(&in, one) != 0)
      exit(1);
  bytes = cro_buf_bytes(&in);
  for (int run = 0; run < runs; run++) {
    double from = cpu_ns();

    for (size_t i = 0; i < rounds / depth; i++)
      if (cro_emit(&source, &bytes) != 0)
        exit(1);
    ns[run] = (cpu_ns() - from) / (double)(rounds / depth * depth);
  }
  qsort(ns, runs, sizeof *ns, by_value);
  printf("%-28s depth %2zu: median %4.0f ns, best %4.0f ns\n", name, depth,
         ns[runs / 2], ns[0]);
  cro_buf_free(&in);
  cro_pipeline_destroy(&source);
}

#define SMALL "GET /plaintext HTTP/1.1\r\nHost: localhost:8080\r\n\r\n"
#define USUAL                                                                          \
  "GET /api/v1/users/1234?full=1 HTTP/1.1\r\nHost: example.com\r\n"                    \
  "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:109.0) Gecko/20100101\r\n"           \
  "Accept: text/html,application/xhtml+xml;q=0.9,*/*;q=0.8\r\n"                        \
  "Accept-Language: en-US,en;q=0.5\r\nAccept-Encoding: gzip, deflate, br\r\n"          \
  "Connection: keep-alive\r\nCookie: session=0123456789abcdef0123456789abcdef\r\n\r\n"
#define BODY                                                                           \
  "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"       \
  "Content-Length: 27\r\n\r\n{\"message\":\"Hello, World!\"}"
#define CHUNKS                                                                         \
  "POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"       \
  "d\r\nHello, World!\r\nd\r\nHello, World!\r\n0\r\n\r\n"

int main(int argc, char **argv)
{
  size_t rounds = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000000;

  measure("GET, Host only", CRO_B(SMALL), 1, rounds);
  measure("GET, Host only", CRO_B(SMALL), 16, rounds);
  measure("GET, 7 fields of a browser", CRO_B(USUAL), 1, rounds);
  measure("GET, 7 fields of a browser", CRO_B(USUAL), 16, rounds);
  measure("POST, 27 bytes", CRO_B(BODY), 1, rounds);
  measure("POST, two chunks", CRO_B(CHUNKS), 1, rounds);
  return 0;
}
