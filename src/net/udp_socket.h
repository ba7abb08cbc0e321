/* net/udp_socket.h - what the files of UDP share; nobody else includes it. */
#ifndef CRO_NET_UDP_SOCKET_H
#define CRO_NET_UDP_SOCKET_H

#include "net/net.h"
#include "net/udp.h"

struct cro_udp {
  uv_poll_t uv;
  cro_list node; /* loop->udps */
  cro_loop *loop;
  void (*readable)(void *arg);
  void *arg;
  cro_list queue;  /* of net_sending that wait for the kernel */
  cro_list naming; /* of net_sending whose host is being looked up */
  size_t queued, queued_bytes;
  uint64_t dropped;
  uint32_t overflow; /* as the kernel has counted it */
  size_t max_size;
  int fd;
  int family;
  int events; /* libuv polls for */
  bool connected;
  bool started;
  bool closed;
};

/* Has libuv poll for what is waited for. */
void net_udp_poll(cro_udp *udp);

/* Sends what waits, as far as the kernel takes it. */
void net_udp_flush(cro_udp *udp);

/* Every datagram that waits hears of the error. */
void net_udp_give_up(cro_udp *udp, int err);

/* Options of a socket that was just made. */
int net_udp_configure(int fd, int family, const cro_udp_options *options);

/* The system calls, unless a test puts others in their place. */
typedef int net_udp_receive_fn(int fd, struct mmsghdr *msgs, unsigned count, int flags,
                               struct timespec *timeout);
typedef ssize_t net_udp_send_fn(int fd, const void *at, size_t len, int flags,
                                const struct sockaddr *to, socklen_t size);
extern net_udp_receive_fn *net_udp_receive;
extern net_udp_send_fn *net_udp_send;

#endif
