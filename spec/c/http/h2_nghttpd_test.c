/* Our client against a server that is not ours: nghttpd, over a socket. Passed over
 * where it is not installed. */
#include "base/check.h"
#include "base/err.h"
#include "http/h2_client.h"
#include "net/tcp.h"
#include "support/loopback.h"
#include "support/test.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { big_bytes = 1 << 20, requests = 12 };

/* --- the server ----------------------------------------------------------------------
 */

static char folder[64];
static pid_t server;
static int server_port;

static const char *path_of(const char *name)
{
  static char path[128];

  snprintf(path, sizeof path, "%s/%s", folder, name);
  return path;
}

static void write_file(const char *name, size_t bytes)
{
  FILE *file = fopen(path_of(name), "wb");

  cro_check(file != NULL);
  for (size_t i = 0; i < bytes; i++)
    fputc('a' + (int)(i % 23), file);
  fclose(file);
}

static int free_port(void)
{
  int port = 0;

  close(plain_listener("127.0.0.1", &port, 1));
  return port;
}

static void run_server(void)
{
  char port[16];
  int null = open("/dev/null", O_RDWR);

  snprintf(port, sizeof port, "%d", server_port);
  dup2(null, 1);
  dup2(null, 2);
  execlp("nghttpd", "nghttpd", "--no-tls", "--echo-upload", "-a", "127.0.0.1", "-m",
         "5", "-p/page=/small", "--trailer=t: v", "-d", folder, port, (char *)NULL);
  _exit(127);
}

static bool is_up(void)
{
  struct sockaddr_in to = { .sin_family = AF_INET,
                            .sin_port = htons((uint16_t)server_port),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  bool up = connect(fd, (struct sockaddr *)&to, sizeof to) == 0;

  close(fd);
  return up;
}

/* False where there is no such program. */
static bool start_server(void)
{
  snprintf(folder, sizeof folder, "/tmp/cro-nghttpd-XXXXXX");
  cro_check(mkdtemp(folder) != NULL);
  write_file("small", 10);
  write_file("page", 100);
  write_file("big", big_bytes);
  server_port = free_port();
  server = fork();
  if (server == 0)
    run_server();
  for (int i = 0; i < 500 && !is_up(); i++) {
    if (waitpid(server, NULL, WNOHANG) == server) {
      server = 0;
      return false;
    }
    usleep(10000);
  }
  return true;
}

static void stop_server(void)
{
  if (server > 0) {
    kill(server, SIGTERM);
    waitpid(server, NULL, 0);
  }
  unlink(path_of("small"));
  unlink(path_of("page"));
  unlink(path_of("big"));
  rmdir(folder);
}

/* --- the client ----------------------------------------------------------------------
 */

static cro_loop *loop;
static cro_tcp *tcp;
static cro_stage caller, last;
static cro_h2_limits h2;
static cro_h2_client_config config;
static cro_h2_client *client;
static unsigned in_full, failed, pushed;
static bool same, trailed, closed;
static size_t received;

static void destroy(cro_stage *stage)
{
  (void)stage;
}

static void resume(cro_stage *stage)
{
  (void)stage;
}

static void take(cro_body *body)
{
  cro_buf part = { 0 };
  size_t at;

  if (body->held.len > 0) {
    at = (size_t)body->received - body->held.len;
    cro_body_take(body, &part);
    for (size_t i = 0; i < part.len; i++)
      same = same && part.at[i] == (char)('a' + (at + i) % 23);
    received += part.len;
    cro_buf_free(&part);
  }
}

static int last_push(cro_stage *stage, const void *message)
{
  cro_response *response = (cro_response *)(uintptr_t)message;

  (void)stage;
  CHECK_INT(200, response->status);
  response->incoming->on_change = take;
  take(response->incoming);
  return 0;
}

static int last_finish(cro_stage *stage)
{
  (void)stage;
  return 0;
}

static const cro_stage_ops caller_ops = {
  .name = "caller", .produces = &cro_type_request, .resume = resume, .destroy = destroy
};
static const cro_stage_ops last_ops = { .name = "last",
                                        .consumes = &cro_type_response,
                                        .push = last_push,
                                        .finish = last_finish,
                                        .destroy = destroy };

static void on_release(cro_request *request, int err)
{
  in_full += err == 0;
  failed += err != 0;
  trailed = request->response->trailers.count == 1;
}

static bool on_push(void *arg, cro_request *promised, cro_request *asked)
{
  (void)arg;
  (void)asked;
  promised->on_release = on_release;
  pushed++;
  return true;
}

static void on_closed(void *arg, cro_tcp *self, int err)
{
  (void)arg;
  (void)self;
  (void)err;
  closed = true;
}

static void connect_client(void)
{
  in_full = failed = pushed = 0;
  received = 0;
  same = true;
  trailed = closed = false;
  h2 = cro_h2_limits_default;
  config = (cro_h2_client_config){ .limits = &cro_http_limits_default,
                                   .h2 = &h2,
                                   .timeouts = &cro_http_timeouts_default,
                                   .waiting = 100,
                                   .on_push = on_push };
  cro_check(cro_loop_create(&loop) == 0);
  cro_check(cro_stream_adopt(&tcp, loop, plain_connect(server_port), 0) == 0);
  cro_tcp_on_closed(tcp, on_closed, NULL);
  cro_check(cro_h2_client_create(&client, &config) == 0);
  cro_stage_init(&caller, &caller_ops);
  cro_stage_init(&last, &last_ops);
  cro_check(cro_stage_link(cro_tcp_source(tcp), cro_h2_client_reader(client)) == 0);
  cro_check(cro_stage_link(cro_h2_client_reader(client), &last) == 0);
  cro_check(cro_stage_link(&caller, cro_h2_client_writer(client)) == 0);
  cro_check(cro_stage_link(cro_h2_client_writer(client), cro_tcp_sink(tcp)) == 0);
  cro_pipeline_attach(&caller, cro_tcp_conn(tcp));
  cro_pipeline_attach(cro_tcp_source(tcp), cro_tcp_conn(tcp));
  cro_h2_client_start(client);
  cro_check(cro_tcp_start(tcp, false) == 0);
}

static void disconnect_client(void)
{
  if (!closed)
    cro_h2_client_end(client);
  UNTIL(loop, closed);
  cro_loop_destroy(loop);
}

static cro_request *ask(cro_method method, const char *path)
{
  cro_request *request = cro_request_create(NULL);

  cro_check(request != NULL);
  request->method = method;
  request->target = cro_bytes_of(path);
  request->authority = CRO_B("127.0.0.1");
  request->on_release = on_release;
  return request;
}

static void push_request(cro_request *request)
{
  CHECK(cro_emit(&caller, request) >= 0);
  cro_arena_drop(request->arena);
}

/* --- cases ---------------------------------------------------------------------------
 */

static void many_large_answers_come_through_the_windows(void)
{
  if (server == 0)
    return;
  connect_client();
  push_request(ask(CRO_GET, "/big"));
  UNTIL(loop,
        in_full == 1); /* by now it is known that the server takes five at a time */
  for (int i = 1; i < requests; i++)
    push_request(ask(CRO_GET, "/big"));
  UNTIL(loop, in_full + failed == requests);
  CHECK_INT(requests, in_full);
  CHECK_INT((size_t)requests * big_bytes, received);
  CHECK(same);
  CHECK(trailed);
  disconnect_client();
}

static void an_upload_comes_back(void)
{
  char part[8192];
  cro_request *request;
  size_t put = 0;

  if (server == 0)
    return;
  connect_client();
  request = ask(CRO_POST, "/echo");
  request->body.length = -1;
  cro_arena_hold(request->arena);
  push_request(request);
  while (put < big_bytes) {
    for (size_t i = 0; i < sizeof part; i++)
      part[i] = (char)('a' + (put + i) % 23);
    CHECK(cro_body_put(&request->body, (cro_bytes){ part, sizeof part }) >= 0);
    put += sizeof part;
    UNTIL(loop, !request->body.full);
  }
  cro_body_end(&request->body);
  UNTIL(loop, in_full + failed == 1);
  CHECK_INT(1, in_full);
  CHECK_INT(big_bytes, received);
  CHECK(same);
  cro_arena_drop(request->arena);
  disconnect_client();
}

static void what_is_pushed_comes_too(void)
{
  if (server == 0)
    return;
  connect_client();
  push_request(ask(CRO_GET, "/page"));
  UNTIL(loop, in_full + failed == 2);
  CHECK_INT(1, pushed);
  CHECK_INT(2, in_full);
  CHECK_INT(110, received);
  disconnect_client();
}

static void a_head_has_no_body(void)
{
  if (server == 0)
    return;
  connect_client();
  push_request(ask(CRO_HEAD, "/big"));
  UNTIL(loop, in_full + failed == 1);
  CHECK_INT(1, in_full);
  CHECK_INT(0, received);
  disconnect_client();
}

static void a_server_that_dies_ends_what_runs(void)
{
  if (server == 0)
    return;
  connect_client();
  for (int i = 0; i < 3; i++)
    push_request(ask(CRO_GET, "/big"));
  kill(server, SIGKILL);
  waitpid(server, NULL, 0);
  UNTIL(loop, in_full + failed == 3);
  server = 0;
  disconnect_client();
}

int main(void)
{
  static const test_case cases[] = {
    CASE(many_large_answers_come_through_the_windows),
    CASE(an_upload_comes_back),
    CASE(what_is_pushed_comes_too),
    CASE(a_head_has_no_body),
    CASE(a_server_that_dies_ends_what_runs),
  };
  int rc;

  signal(SIGPIPE, SIG_IGN);
  if (!start_server())
    printf("nghttpd is not installed: nothing is tried\n");
  rc = test_run(cases, sizeof cases / sizeof *cases);
  stop_server();
  return rc;
}
