#include "support/loopback.h"

#include "base/check.h"
#include "base/err.h"
#include "net/net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* --- probe ------------------------------------------------------------------------ */

static int probe_push(cro_stage *stage, const void *message)
{
  probe *self = CRO_CONTAINER(stage, probe, stage);
  const cro_bytes *bytes = message;
  int rc = self->answer;

  self->pushes++;
  if (cro_buf_add(&self->got, *bytes) != 0)
    return CRO_E_NOMEM;
  if (self->echo)
    rc = cro_emit(stage, message);
  if (self->close_now)
    stage->conn->ops->close(stage->conn);
  return rc;
}

static int probe_finish(cro_stage *stage)
{
  probe *self = CRO_CONTAINER(stage, probe, stage);
  cro_bytes bye = CRO_B("bye");

  self->finishes++;
  if (self->say_bye)
    (void)cro_emit(stage, &bye);
  return self->echo || self->say_bye ? cro_emit_finish(stage) : 0;
}

static void probe_fail(cro_stage *stage, int err)
{
  probe *self = CRO_CONTAINER(stage, probe, stage);

  self->fails++;
  self->err = err;
  cro_emit_fail(stage, err);
}

static void probe_resume(cro_stage *stage)
{
  CRO_CONTAINER(stage, probe, stage)->resumes++;
  cro_stage_resume(stage);
}

static void probe_destroy(cro_stage *stage)
{
  probe *self = CRO_CONTAINER(stage, probe, stage);

  self->destroys++;
  cro_buf_free(&self->got);
}

static const cro_stage_ops probe_ops = {
  .name = "probe",
  .consumes = &cro_type_bytes,
  .produces = &cro_type_bytes,
  .push = probe_push,
  .finish = probe_finish,
  .fail = probe_fail,
  .resume = probe_resume,
  .destroy = probe_destroy,
};

void probe_init(probe *self)
{
  cro_stage_init(&self->stage, &probe_ops);
}

int probe_send(probe *self, cro_bytes bytes)
{
  return cro_emit(&self->stage, &bytes);
}

/* --- the end under test -------------------------------------------------------------
 */

static void on_closed(void *arg, cro_tcp *tcp, int err)
{
  loopback *self = arg;

  self->closed++;
  self->closed_err = err;
  if (self->tcp == tcp)
    self->tcp = NULL;
}

static void greet(loopback *self)
{
  char *bytes = calloc(1, self->greeting);

  CHECK(probe_send(&self->probe, (cro_bytes){ bytes, self->greeting }) >= 0);
  free(bytes);
}

static void take_over(loopback *self, cro_tcp *tcp)
{
  cro_conn *conn = cro_tcp_conn(tcp);

  self->tcp = tcp;
  self->probe.stage = (cro_stage){ 0 };
  probe_init(&self->probe);
  CHECK_INT(0, cro_stage_link(cro_tcp_source(tcp), &self->probe.stage));
  CHECK_INT(0, cro_stage_link(&self->probe.stage, cro_tcp_sink(tcp)));
  cro_pipeline_attach(cro_tcp_source(tcp), conn);
  cro_tcp_on_closed(tcp, on_closed, self);
  CHECK_INT(0, cro_tcp_start(tcp, self->at_once));
  if (self->greeting > 0)
    greet(self);
}

static void on_accepted(void *arg, cro_tcp *tcp)
{
  loopback *self = arg;

  self->accepted++;
  take_over(self, tcp);
}

int loopback_adopt(loopback *self, int fd, int how)
{
  cro_tcp *tcp;
  int rc = cro_stream_adopt(&tcp, self->loop, fd, how);

  if (rc == 0)
    take_over(self, tcp);
  return rc;
}

static void on_listening(void *arg, int err, cro_listener *listener)
{
  loopback *self = arg;

  self->listen_err = err;
  self->listener = listener;
}

void loopback_open(loopback *self)
{
  static const cro_listener_ops ops = { .accepted = on_accepted };
  cro_listen_options options = { .host = CRO_B("127.0.0.1"), .fd = -1 };

  cro_check(cro_loop_create(&self->loop) == 0);
  cro_check(cro_listen(self->loop, &options, &ops, self, on_listening) == 0);
  cro_check(self->listen_err == 0);
  (void)cro_listener_address(self->listener, &self->port);
}

void loopback_close(loopback *self)
{
  cro_loop_destroy(self->loop);
}

int loopback_client(loopback *self)
{
  int before = self->accepted;
  int fd = plain_connect(self->port);

  UNTIL(self->loop, self->accepted == before + 1);
  return fd;
}

/* --- plain sockets ------------------------------------------------------------------
 */

static struct sockaddr_in loopback_address(int port)
{
  return (struct sockaddr_in){ .sin_family = AF_INET,
                               .sin_port = htons((uint16_t)port),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
}

int plain_connect(int port)
{
  struct sockaddr_in to = loopback_address(port);
  int fd = socket(AF_INET, SOCK_STREAM, 0);

  cro_check(fd >= 0);
  cro_check(connect(fd, (struct sockaddr *)&to, sizeof to) == 0);
  return fd;
}

void plain_send(int fd, cro_bytes bytes)
{
  CHECK_INT(bytes.len, send(fd, bytes.at, bytes.len, MSG_NOSIGNAL));
}

long plain_read(int fd, char *into, size_t size)
{
  return recv(fd, into, size, MSG_DONTWAIT);
}

void plain_reset(int fd)
{
  struct linger none = { .l_onoff = 1, .l_linger = 0 };

  (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
  close(fd);
}

static int listen_v6(int *port, int backlog)
{
  struct sockaddr_in6 at = { .sin6_family = AF_INET6,
                             .sin6_port = htons((uint16_t)*port),
                             .sin6_addr = IN6ADDR_LOOPBACK_INIT };
  socklen_t size = sizeof at;
  int one = 1, fd = socket(AF_INET6, SOCK_STREAM, 0);

  if (fd < 0)
    return -1;
  (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
  if (bind(fd, (struct sockaddr *)&at, sizeof at) != 0 || listen(fd, backlog) != 0) {
    close(fd);
    return -1;
  }
  (void)getsockname(fd, (struct sockaddr *)&at, &size);
  *port = ntohs(at.sin6_port);
  return fd;
}

int plain_listener(const char *host, int *port, int backlog)
{
  struct sockaddr_in at = loopback_address(*port);
  socklen_t size = sizeof at;
  int fd;

  if (strcmp(host, "::1") == 0)
    return listen_v6(port, backlog);
  fd = socket(AF_INET, SOCK_STREAM, 0);
  cro_check(fd >= 0);
  cro_check(bind(fd, (struct sockaddr *)&at, sizeof at) == 0);
  cro_check(listen(fd, backlog) == 0);
  (void)getsockname(fd, (struct sockaddr *)&at, &size);
  *port = ntohs(at.sin_port);
  return fd;
}

/* --- the peer that is slow to read, and its other end ------------------------------
 */

size_t drain(loopback *lb, int fd, char *into, size_t want)
{
  size_t got = 0;

  for (int i = 0; i < 3000 && got < want; i++) {
    long n = plain_read(fd, into + got, want - got);

    if (n == 0 || (n < 0 && errno != EAGAIN))
      break;
    if (n > 0)
      got += (size_t)n;
    else
      spin(lb->loop, 1);
  }
  return got;
}

int last_errno(int fd)
{
  char byte;

  return plain_read(fd, &byte, 1) < 0 ? errno : 0;
}

size_t fill(loopback *lb, size_t piece)
{
  char *bytes = malloc(piece);
  size_t pushed = 0;
  int rc = 0;

  while (rc == 0 && pushed < 64u * 1024 * 1024) {
    for (size_t i = 0; i < piece; i++)
      bytes[i] = (char)('a' + (pushed + i) % 23);
    rc = probe_send(&lb->probe, (cro_bytes){ bytes, piece });
    pushed += piece;
    spin(lb->loop, 0);
  }
  CHECK_INT(CRO_FULL, rc);
  free(bytes);
  return pushed;
}

void shrink_buffers(loopback *lb, int fd)
{
  int sends = 4096, receives = 65536;

  (void)setsockopt(lb->tcp->fd, SOL_SOCKET, SO_SNDBUF, &sends, sizeof sends);
  (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receives, sizeof receives);
}

void check_pattern(const char *bytes, size_t len)
{
  size_t wrong = 0;

  for (size_t i = 0; i < len; i++)
    wrong += bytes[i] != (char)('a' + i % 23);
  CHECK_INT(0, wrong);
}

cro_conn *conn_of(loopback *lb)
{
  return cro_tcp_conn(lb->tcp);
}

/* --- time ---------------------------------------------------------------------------
 */

typedef struct {
  cro_timer timer;
  cro_loop *loop;
} stopper;

static void on_stop(cro_timer *timer)
{
  cro_loop_stop(CRO_CONTAINER(timer, stopper, timer)->loop);
}

void spin(cro_loop *loop, uint64_t ms)
{
  stopper stop = { .loop = loop };

  cro_timer_init(&stop.timer, on_stop);
  cro_loop_arm(loop, &stop.timer, cro_loop_now(loop) + ms);
  cro_loop_run(loop);
  cro_loop_disarm(loop, &stop.timer);
}
