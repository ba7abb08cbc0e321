/* net/udp.h - datagram sockets: bound, connected, or for sending only.
 *
 * A cro_udp owns one socket and the datagrams that wait to be sent by it: because the
 * kernel's queue is full, or their host is a name. It keeps nothing that came: the
 * owner hears that something is there and takes it, a batch at a time. What nobody
 * takes stays in the kernel's buffer, which drops what does not fit; those are counted.
 *
 * Datagrams that were received lie in a slab that all sockets of a loop share; they
 * live until the next cro_udp_receive of any of them, or the loop's next turn.
 */
#ifndef CRO_NET_UDP_H
#define CRO_NET_UDP_H

#include "net/loop.h"

typedef struct cro_udp cro_udp;
typedef struct cro_udp_opening cro_udp_opening;

enum {
  cro_udp_batch_min = 16,            /* datagrams taken at once, when they are there */
  cro_udp_max_size = 65536,          /* no datagram is longer */
  cro_udp_queue_bytes = 1024 * 1024, /* that may wait to be sent; ... */
  cro_udp_queue_max = 1024,          /* ... and how many: a script that does not wait */
};

typedef struct cro_udp_options {
  cro_bytes host; /* bind: empty is all addresses; connect: the peer */
  int port;       /* bind: 0 is chosen by the system */
  bool connect;   /* host and port are the peer's */
  bool reuse_address, reuse_port, ipv6_only, broadcast;
  int ttl;                      /* 0: as the system has it */
  int recv_buffer, send_buffer; /* bytes the kernel keeps; 0: as the system has it */
  size_t max_size;              /* bytes kept of a datagram; 0: cro_udp_max_size */
} cro_udp_options;

/* Looks the host up (numeric ones at once) and opens; done(arg, err, udp) is called
 * once, possibly before this returns (*out is NULL then). Negative: done will not be
 * called. */
int cro_udp_open(cro_udp_opening **out, cro_loop *loop, const cro_udp_options *options,
                 void (*done)(void *arg, int err, cro_udp *udp), void *arg);
/* done comes with CRO_E_CANCELLED, at once. */
void cro_udp_open_cancel(cro_udp_opening *opening);

/* A socket for sending, to IPv4 and where there is IPv6 to both; it gets a port when it
 * first sends. host and port are not looked at. */
int cro_udp_socket(cro_udp **out, cro_loop *loop, const cro_udp_options *options);

/* Datagrams that wait to be sent are told CRO_E_CLOSED. Frees; nothing is called any
 * more when it returns. */
void cro_udp_close(cro_udp *udp);

/* --- receiving ------------------------------------------------------------------ */

typedef struct cro_datagram {
  cro_bytes data;
  const void *from; /* see cro_datagram_host */
  int port;
  bool truncated; /* it was longer than max_size */
} cro_datagram;

/* readable(arg) is called in the loop while datagrams or an error are there, until
 * cro_udp_stop. An open socket that was not started does not keep the loop running. */
void cro_udp_start(cro_udp *udp, void (*readable)(void *arg), void *arg);
void cro_udp_stop(cro_udp *udp);

/* Takes what is there, up to a batch: how many, 0 when there is nothing (any more), or
 * the error that one of the datagrams sent before has met (CRO_E_REFUSED: nobody has
 * that port; connected sockets only). */
int cro_udp_receive(cro_udp *udp, const cro_datagram **out);

/* The sender's numeric address; `same`: do two have the same? Both spare work in a
 * batch, which is mostly from one sender. */
void cro_datagram_host(const cro_datagram *datagram, char out[64]);
bool cro_datagram_same_host(const cro_datagram *a, const cro_datagram *b);

/* Counts datagrams that the owner threw away; and all that were, the kernel's
 * included as far as it has said. */
void cro_udp_drop(cro_udp *udp, uint64_t count);
uint64_t cro_udp_dropped(const cro_udp *udp);

/* --- sending -------------------------------------------------------------------- */

/* Gives a datagram to the kernel: 0; CRO_E_AGAIN when it would have to wait (the kernel
 * is full, others wait, the host is a name): see cro_udp_send_later. CRO_E_TOO_BIG,
 * CRO_E_ACCESS (broadcast without the option), CRO_E_REFUSED (of an earlier one), ...
 * An empty host: to the peer of a connected socket. */
int cro_udp_send(cro_udp *udp, cro_bytes host, int port, cro_bytes data);

/* Copies it, waits; done(arg, err) is called once by the loop, when the kernel has it
 * or will not. CRO_E_LIMIT when too much waits already. Negative: done is not called.
 */
int cro_udp_send_later(cro_udp *udp, cro_bytes host, int port, cro_bytes data,
                       void (*done)(void *arg, int err), void *arg);

/* Datagrams that wait. */
size_t cro_udp_queued(const cro_udp *udp);

/* --- settings --------------------------------------------------------------------- */

/* Numeric address and port of this side, or of the peer; false when it has none. */
bool cro_udp_address(const cro_udp *udp, bool peer, char host[64], int *port);

typedef enum cro_udp_setting {
  CRO_UDP_BROADCAST,      /* 0 or 1 */
  CRO_UDP_TTL,            /* 1 to 255 */
  CRO_UDP_MULTICAST_TTL,  /* 0 to 255 */
  CRO_UDP_MULTICAST_LOOP, /* 0 or 1 */
} cro_udp_setting;
/* 0 or what the system says. */
int cro_udp_set(cro_udp *udp, cro_udp_setting setting, int value);

/* Joins or leaves a multicast group, a numeric address. `interface` is a name, a
 * numeric address of IPv4, or empty: the system's choice. CRO_E_INVAL: no multicast
 * address; CRO_E_ADDRNOTAVAIL: no such interface, or not a member. */
int cro_udp_member(cro_udp *udp, cro_bytes group, cro_bytes interface, bool join);

/* Where multicast goes out; as above. */
int cro_udp_multicast_interface(cro_udp *udp, cro_bytes interface);

#endif
