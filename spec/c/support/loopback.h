/* support/loopback.h - both ends of a TCP connection in one thread.
 *
 * The end under test is a cro_tcp with a probe between source and sink; the other end
 * is a plain socket that the test writes to and reads from by hand between two looks
 * at the loop. Everything lives in the test's own frame.
 */
#ifndef CRO_SPEC_SUPPORT_LOOPBACK_H
#define CRO_SPEC_SUPPORT_LOOPBACK_H

#include "net/tcp.h"
#include "support/test.h"

/* A stage that notes what happens to it. */
typedef struct probe {
  cro_stage stage;
  cro_buf got;
  int answer;     /* of every push */
  bool echo;      /* passes on what it gets, and the answer to that */
  bool say_bye;   /* answers FIN with "bye" before passing it on */
  bool close_now; /* closes inside the push */
  int pushes, finishes, fails, resumes, destroys;
  int err;
} probe;

void probe_init(probe *self);
/* Pushes into the sink from outside of any read, as a handler that waited does. */
int probe_send(probe *self, cro_bytes bytes);

/* A loop, a listener on 127.0.0.1 and the connection accepted last. */
typedef struct loopback {
  cro_loop *loop;
  cro_listener *listener;
  int listen_err;
  int port;
  cro_tcp *tcp; /* NULL once closed */
  int accepted, closed, closed_err;
  bool at_once;
  size_t greeting; /* bytes pushed as soon as it has been accepted and started */
  probe probe;
} loopback;

void loopback_open(loopback *self);
void loopback_close(loopback *self);
/* Makes the connection under test of `fd`, linked with the probe and started; what
 * cro_stream_adopt answered. */
int loopback_adopt(loopback *self, int fd, int how);
/* A connected blocking client, accepted and started at the other end. */
int loopback_client(loopback *self);

/* The connection under test. */
cro_conn *conn_of(loopback *self);
/* Pushes more than the kernel takes, in pieces of `piece` bytes of a pattern; returns
 * how much was pushed when the sink first answered CRO_FULL. */
size_t fill(loopback *self, size_t piece);
void check_pattern(const char *bytes, size_t len);
/* So that the kernel takes little and every write is a partial one. */
void shrink_buffers(loopback *self, int fd);
/* Reads at the client until FIN, `want` bytes or a time-out, letting the loop run. */
size_t drain(loopback *self, int fd, char *into, size_t want);

/* Plain sockets. */
int plain_connect(int port);
void plain_send(int fd, cro_bytes bytes);
/* What is there now, at most `size`; -1 with errno; 0 at FIN. Does not wait. */
long plain_read(int fd, char *into, size_t size);
/* The errno of a read there now; 0 when it would bring something. */
int last_errno(int fd);
void plain_reset(int fd);
/* A listening socket that nobody accepts on; *port is chosen. */
int plain_listener(const char *host, int *port, int backlog);

/* Lets the loop run for `ms`. */
void spin(cro_loop *loop, uint64_t ms);

/* Until it holds, or 3 s have passed. */
#define UNTIL(loop, what)                                                              \
  do {                                                                                 \
    for (int until_ = 0; until_ < 3000 && !(what); until_++)                           \
      spin((loop), 1);                                                                 \
    CHECK(what);                                                                       \
  } while (0)

#endif
