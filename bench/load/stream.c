/* The load of bench/echo: stream PORT CONNECTIONS MESSAGE_BYTES DEPTH SECONDS
 *
 * Each connection keeps up to DEPTH messages under way: what has come back makes room
 * for as much again. What comes back is compared with what was sent. Prints "messages
 * bytes seconds busy", busy being the share of a core this program used. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { period = 251, room = 256 * 1024, compared = 1024 * 1024 };

typedef struct {
  int fd;
  uint64_t sent, got;
  int polls_out;
} peer;

static char pattern[room + period];
static char in[room];
static size_t size, window;
static int poller;

static void die(const char *what)
{
  perror(what);
  exit(1);
}

static double now(void)
{
  struct timespec at;

  clock_gettime(CLOCK_MONOTONIC, &at);
  return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

static void poll_for(peer *self, int out)
{
  struct epoll_event event = { .events = EPOLLIN | (out ? EPOLLOUT : 0),
                               .data.ptr = self };

  if (self->polls_out == out)
    return;
  self->polls_out = out;
  if (epoll_ctl(poller, EPOLL_CTL_MOD, self->fd, &event) != 0)
    die("epoll_ctl");
}

/* Whole messages only, but for what the socket left of one. */
static size_t sendable(const peer *self)
{
  size_t partial = self->sent % size, under_way = self->sent - self->got;
  size_t free = window > under_way ? window - under_way : 0;
  size_t begun = partial > 0 ? size - partial : 0;

  return begun + (free > begun ? (free - begun) / size * size : 0);
}

static void fill(peer *self)
{
  size_t left;

  while ((left = sendable(self)) > 0) {
    size_t len = left < room ? left : room;
    ssize_t n = send(self->fd, pattern + self->sent % period, len, MSG_NOSIGNAL);

    if (n < 0 && errno != EAGAIN)
      die("send");
    if (n > 0)
      self->sent += (uint64_t)n;
    if (n < (ssize_t)len) {
      poll_for(self, 1);
      return;
    }
  }
  poll_for(self, 0);
}

static void take(peer *self)
{
  ssize_t n = recv(self->fd, in, room, 0);

  if (n < 0 && errno == EAGAIN)
    return;
  if (n <= 0)
    die("recv");
  if (self->got < compared &&
      memcmp(in, pattern + self->got % period, (size_t)n) != 0) {
    fprintf(stderr, "what came back is not what was sent\n");
    exit(1);
  }
  self->got += (uint64_t)n;
}

static void open_peer(peer *self, int port)
{
  struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
  struct epoll_event event = { .events = EPOLLIN, .data.ptr = self };
  int on = 1;

  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  self->fd = socket(AF_INET, SOCK_STREAM, 0);
  if (self->fd < 0 || connect(self->fd, (struct sockaddr *)&at, sizeof at) != 0)
    die("connect");
  setsockopt(self->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  fcntl(self->fd, F_SETFL, O_NONBLOCK);
  if (epoll_ctl(poller, EPOLL_CTL_ADD, self->fd, &event) != 0)
    die("epoll_ctl");
}

static double busy_seconds(void)
{
  struct rusage used;

  getrusage(RUSAGE_SELF, &used);
  return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
         (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

int main(int argc, char **argv)
{
  struct epoll_event events[256];
  uint64_t bytes = 0;
  double began, end, busy;
  int count;
  peer *peers;

  if (argc != 6) {
    fprintf(stderr, "usage: stream PORT CONNECTIONS MESSAGE_BYTES DEPTH SECONDS\n");
    return 2;
  }
  count = atoi(argv[2]);
  size = (size_t)atol(argv[3]);
  window = size * (size_t)atol(argv[4]);
  for (size_t i = 0; i < sizeof pattern; i++)
    pattern[i] = (char)(i % period);
  poller = epoll_create1(0);
  peers = calloc((size_t)count, sizeof *peers);
  for (int i = 0; i < count; i++)
    open_peer(&peers[i], atoi(argv[1]));
  busy = busy_seconds();
  began = now();
  end = began + atof(argv[5]);
  for (int i = 0; i < count; i++)
    fill(&peers[i]);
  while (now() < end) {
    int n = epoll_wait(poller, events, 256, 100);

    for (int i = 0; i < n; i++) {
      if (events[i].events & ~(uint32_t)EPOLLOUT)
        take(events[i].data.ptr);
      fill(events[i].data.ptr);
    }
  }
  for (int i = 0; i < count; i++)
    bytes += peers[i].got;
  end = now() - began;
  printf("%llu %llu %.6f %.3f\n", (unsigned long long)(bytes / size),
         (unsigned long long)bytes, end, (busy_seconds() - busy) / end);
  return 0;
}
