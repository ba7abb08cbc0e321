/* The load of the TLS rows that no other generator makes:
 *
 *   tls rush PORT CONNECTIONS SECONDS   a connection, a full handshake and one request
 *                                       each, so many at once; prints "answers seconds
 *                                       busy", busy being the share of a core used here
 *   tls hold PORT CONNECTIONS           opens them all, one request each, prints
 *                                       "ready", and holds them until stdin ends
 *
 * TLS 1.3 only. Nothing is resumed: no session is kept, and a handshake that was
 * abbreviated all the same ends the program. Certificates are not verified. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

typedef struct {
  SSL *ssl;
  int fd;
  int asked; /* the request is out */
} peer;

static const char *request;
static SSL_CTX *context;
static int poller, port;
static uint64_t answers;

static void die(const char *what)
{
  perror(what);
  exit(1);
}

static void die_ssl(const char *what)
{
  fprintf(stderr, "%s: ", what);
  ERR_print_errors_fp(stderr);
  fputc('\n', stderr);
  exit(1);
}

static double now(void)
{
  struct timespec at;

  clock_gettime(CLOCK_MONOTONIC, &at);
  return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

static double busy_seconds(void)
{
  struct rusage used;

  getrusage(RUSAGE_SELF, &used);
  return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
         (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

static void open_peer(peer *self)
{
  struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
  struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLET,
                               .data.ptr = self };
  int on = 1;

  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  self->asked = 0;
  self->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  if (self->fd < 0)
    die("socket");
  setsockopt(self->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (connect(self->fd, (struct sockaddr *)&at, sizeof at) != 0 && errno != EINPROGRESS)
    die("connect");
  self->ssl = SSL_new(context);
  if (self->ssl == NULL || SSL_set_fd(self->ssl, self->fd) != 1 ||
      SSL_set_tlsext_host_name(self->ssl, "localhost") != 1)
    die_ssl("SSL_new");
  SSL_set_connect_state(self->ssl);
  if (epoll_ctl(poller, EPOLL_CTL_ADD, self->fd, &event) != 0)
    die("epoll_ctl");
}

/* A reset, so that no port stays behind in TIME_WAIT. */
static void close_peer(peer *self)
{
  struct linger at_once = { .l_onoff = 1 };

  SSL_free(self->ssl);
  setsockopt(self->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  close(self->fd);
}

/* True when the operation is to be tried again later. */
static int waits(peer *self, int rc, const char *what)
{
  int why = SSL_get_error(self->ssl, rc);

  if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE)
    return 1;
  die_ssl(what);
  return 0;
}

static int ask(peer *self)
{
  int rc = SSL_do_handshake(self->ssl);

  if (rc != 1)
    return !waits(self, rc, "handshake");
  if (SSL_session_reused(self->ssl)) {
    fprintf(stderr, "the session was resumed\n");
    exit(1);
  }
  rc = SSL_write(self->ssl, request, (int)strlen(request));
  if (rc <= 0)
    return !waits(self, rc, "write");
  self->asked = 1;
  return 1;
}

/* 1 when the answer is there. */
static int step(peer *self)
{
  char in[4096];
  int rc;

  if (!self->asked && !ask(self))
    return 0;
  rc = SSL_read(self->ssl, in, sizeof in);
  if (rc <= 0)
    return !waits(self, rc, "read");
  if (rc < 12 || memcmp(in, "HTTP/1.1 200", 12) != 0) {
    fprintf(stderr, "answered %.*s\n", rc, in);
    exit(1);
  }
  answers++;
  return 1;
}

static void rush(int count, double seconds)
{
  peer *peers = calloc((size_t)count, sizeof *peers);
  struct epoll_event events[256];
  double busy, began, end;

  request = "GET /plaintext HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
  for (int i = 0; i < count; i++)
    open_peer(&peers[i]);
  answers = 0;
  busy = busy_seconds();
  began = now();
  while (now() < began + seconds) {
    int n = epoll_wait(poller, events, 256, 100);

    for (int i = 0; i < n; i++) {
      if (!step(events[i].data.ptr))
        continue;
      close_peer(events[i].data.ptr);
      open_peer(events[i].data.ptr);
    }
  }
  end = now() - began;
  printf("%llu %.6f %.3f\n", (unsigned long long)answers, end,
         (busy_seconds() - busy) / end);
}

/* In batches, so that no queue of connections overflows. */
static void hold(int count)
{
  peer *peers = calloc((size_t)count, sizeof *peers);
  struct epoll_event events[256];
  int opened = 0;

  request = "GET /plaintext HTTP/1.1\r\nHost: localhost\r\n\r\n";
  while (answers < (uint64_t)count) {
    while (opened < count && (uint64_t)opened < answers + 64)
      open_peer(&peers[opened++]);
    int n = epoll_wait(poller, events, 256, 10000);

    if (n <= 0)
      die("no answer for 10 s");
    for (int i = 0; i < n; i++) {
      peer *self = events[i].data.ptr;

      if (step(self))
        epoll_ctl(poller, EPOLL_CTL_DEL, self->fd, NULL);
    }
  }
  puts("ready");
  fflush(stdout);
  while (getchar() != EOF)
    continue;
}

int main(int argc, char **argv)
{
  if (argc < 4 || (strcmp(argv[1], "rush") == 0) != (argc == 5)) {
    fprintf(stderr, "usage: tls rush PORT CONNECTIONS SECONDS, tls hold PORT "
                    "CONNECTIONS\n");
    return 2;
  }
  port = atoi(argv[2]);
  context = SSL_CTX_new(TLS_client_method());
  if (context == NULL || SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) != 1)
    die_ssl("SSL_CTX_new");
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
  poller = epoll_create1(0);
  if (poller < 0)
    die("epoll_create1");
  if (argc == 5)
    rush(atoi(argv[3]), atof(argv[4]));
  else
    hold(atoi(argv[3]));
  return 0;
}
