#include "net/udp.h"

#include "base/alloc.h"
#include "base/check.h"
#include "base/err.h"
#include "net/udp_socket.h"
#include "support/loopback.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* One socket and what happened to it. */
typedef struct {
  cro_udp *udp;
  int done, err;      /* of the opening */
  char got[8][16];    /* what came */
  int count, rc;      /* and how often; the last error */
  bool close_on_data; /* as a handler may */
} peer;

static cro_loop *loop;

static void on_open(void *arg, int err, cro_udp *udp)
{
  peer *self = arg;

  self->done++;
  self->err = err;
  self->udp = udp;
}

/* The data outlives the last socket, which whoever handles it may close. */
static void take_and_close(void *arg)
{
  const cro_datagram *all = NULL;
  peer *self = arg;

  CHECK_INT(1, cro_udp_receive(self->udp, &all));
  cro_udp_close(self->udp);
  memcpy(self->got[self->count++], all[0].data.at, all[0].data.len);
}

static void take(void *arg)
{
  const cro_datagram *all = NULL;
  peer *self = arg;
  int n = cro_udp_receive(self->udp, &all);

  if (n < 0) {
    self->rc = n;
    cro_udp_stop(self->udp);
  }
  for (int i = 0; i < n && self->count < 8; i++)
    memcpy(self->got[self->count++], all[i].data.at,
           all[i].data.len < 15 ? all[i].data.len : 15);
  if (self->close_on_data)
    cro_udp_close(self->udp);
}

static cro_udp_opening *open_peer(peer *self, const cro_udp_options *options)
{
  cro_udp_opening *opening = NULL;

  *self = (peer){ 0 };
  CHECK_INT(0, cro_udp_open(&opening, loop, options, on_open, self));
  return opening;
}

static int port_of(const peer *self)
{
  char host[64];
  int port = 0;

  CHECK(cro_udp_address(self->udp, false, host, &port));
  return port;
}

/* A bound socket that receives, and one that is connected to it. */
static void open_pair(peer *server, peer *client)
{
  cro_check(cro_loop_create(&loop) == 0);
  open_peer(server, &(cro_udp_options){ .host = CRO_B("127.0.0.1") });
  CHECK_INT(0, server->err);
  cro_udp_start(server->udp, take, server);
  open_peer(client, &(cro_udp_options){ .host = CRO_B("127.0.0.1"),
                                        .port = port_of(server),
                                        .connect = true });
  CHECK_INT(0, client->err);
}

static const cro_bytes nobody = { 0 };

static int send_to_peer(peer *self, const char *text)
{
  return cro_udp_send(self->udp, nobody, 0, cro_bytes_of(text));
}

/* --- a kernel that is full, or refuses ---------------------------------------------
 */

static int fail_with; /* errno of what follows; 0: works */
static int fails_left, interrupts;
static int calls;

static ssize_t fake_send(int fd, const void *at, size_t len, int flags,
                         const struct sockaddr *to, socklen_t size)
{
  calls++;
  if (interrupts > 0 && interrupts-- > 0) {
    errno = EINTR;
    return -1;
  }
  if (fail_with != 0 && fails_left != 0) {
    fails_left--;
    errno = fail_with;
    return -1;
  }
  return sendto(fd, at, len, flags, to, size);
}

static int fake_receive(int fd, struct mmsghdr *msgs, unsigned count, int flags,
                        struct timespec *timeout)
{
  if (interrupts > 0 && interrupts-- > 0) {
    errno = EINTR;
    return -1;
  }
  if (fail_with != 0 && fails_left != 0) {
    fails_left--;
    errno = fail_with;
    return -1;
  }
  return recvmmsg(fd, msgs, count, flags, timeout);
}

static void real_calls(void)
{
  net_udp_send = sendto;
  net_udp_receive = recvmmsg;
  fail_with = fails_left = interrupts = calls = 0;
}

static int told[8], tellings;

static void on_sent(void *arg, int err)
{
  (void)arg;
  if (tellings < 8)
    told[tellings++] = err;
}

static int send_later(peer *self, const char *text)
{
  return cro_udp_send_later(self->udp, nobody, 0, cro_bytes_of(text), on_sent, NULL);
}

static void a_full_kernel_is_waited_for_and_the_order_is_kept(void)
{
  peer server, client;

  open_pair(&server, &client);
  tellings = 0;
  net_udp_send = fake_send;
  fail_with = EAGAIN;
  fails_left = 3;
  CHECK_INT(CRO_E_AGAIN, send_to_peer(&client, "one"));
  CHECK_INT(0, send_later(&client, "one"));
  CHECK_INT(CRO_E_AGAIN, send_to_peer(&client, "two")); /* behind the one that waits */
  CHECK_INT(0, send_later(&client, "two"));
  CHECK_INT(2, cro_udp_queued(client.udp));
  UNTIL(loop, server.count == 2);
  CHECK_TEXT("one", cro_bytes_of(server.got[0]));
  CHECK_TEXT("two", cro_bytes_of(server.got[1]));
  CHECK_INT(2, tellings);
  CHECK_INT(0, told[0]);
  CHECK_INT(0, cro_udp_queued(client.udp));
  real_calls();
  CHECK_INT(0, send_to_peer(&client, "three"));
  cro_loop_destroy(loop);
}

static void what_waits_hears_of_its_own_error_and_the_rest_goes_on(void)
{
  peer server, client;

  open_pair(&server, &client);
  tellings = 0;
  net_udp_send = fake_send;
  CHECK_INT(0, send_later(&client, "refused"));
  CHECK_INT(0, send_later(&client, "sent"));
  fail_with = EPERM;
  fails_left = 1;
  UNTIL(loop, server.count == 1);
  CHECK_TEXT("sent", cro_bytes_of(server.got[0]));
  CHECK_INT(CRO_E_ACCESS, told[0]);
  CHECK_INT(0, told[1]);
  real_calls();
  cro_loop_destroy(loop);
}

static void errors_of_a_send_have_names(void)
{
  static const int errors[][2] = {
    { EMSGSIZE, CRO_E_TOO_BIG },     { EACCES, CRO_E_ACCESS },
    { ECONNREFUSED, CRO_E_REFUSED }, { ENETUNREACH, CRO_E_UNREACHABLE },
    { ENOBUFS, CRO_E_NOMEM },        { EAGAIN, CRO_E_AGAIN },
  };
  static const char long_text[cro_udp_max_size];
  peer server, client;

  open_pair(&server, &client);
  net_udp_send = fake_send;
  for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
    fail_with = errors[i][0];
    fails_left = 1;
    CHECK_INT(errors[i][1], send_to_peer(&client, "x"));
  }
  interrupts = 3;
  fail_with = 0;
  CHECK_INT(0, send_to_peer(&client, "x"));
  CHECK_INT(CRO_E_INVAL, cro_udp_send(client.udp, nobody, 70000, CRO_B("x")));
  calls = 0;
  CHECK_INT(CRO_E_TOO_BIG, cro_udp_send(client.udp, nobody, 0,
                                        (cro_bytes){ long_text, sizeof long_text }));
  CHECK_INT(0, calls);
  real_calls();
  cro_loop_destroy(loop);
}

static void no_more_than_a_bounded_number_waits(void)
{
  static const char big[60000];
  peer server, client;
  int rc = 0, count = 0;

  open_pair(&server, &client);
  net_udp_send = fake_send;
  fail_with = EAGAIN;
  fails_left = -1;
  tellings = 0;
  while ((rc = send_later(&client, "x")) == 0)
    count++;
  CHECK_INT(CRO_E_LIMIT, rc);
  CHECK_INT(cro_udp_queue_max, count);
  real_calls();
  UNTIL(loop, cro_udp_queued(client.udp) == 0);
  net_udp_send = fake_send;
  fail_with = EAGAIN;
  fails_left = -1;
  count = 0;
  while ((rc = cro_udp_send_later(client.udp, nobody, 0, (cro_bytes){ big, sizeof big },
                                  on_sent, NULL)) == 0)
    count++;
  CHECK_INT(CRO_E_LIMIT, rc);
  CHECK_INT(cro_udp_queue_bytes / (int)sizeof big, count);
  tellings = 0;
  cro_udp_close(client.udp);
  CHECK_INT(8, tellings);
  CHECK_INT(CRO_E_CLOSED, told[0]);
  real_calls();
  cro_loop_destroy(loop);
}

static peer *closing;

static void close_when_sent(void *arg, int err)
{
  on_sent(arg, err);
  if (closing != NULL)
    cro_udp_close(closing->udp);
  closing = NULL;
}

static void it_may_be_closed_by_whom_it_tells(void)
{
  peer server, client;

  open_pair(&server, &client);
  tellings = 0;
  closing = &client;
  for (int i = 0; i < 3; i++)
    CHECK_INT(0, cro_udp_send_later(client.udp, nobody, 0, CRO_B("x"), close_when_sent,
                                    NULL));
  server.close_on_data = true;
  UNTIL(loop, server.count == 1 && tellings == 3);
  CHECK_INT(0, told[0]);
  CHECK_INT(CRO_E_CLOSED, told[1]);
  CHECK_INT(CRO_E_CLOSED, told[2]);
  cro_loop_destroy(loop);
}

static void receiving_survives_interruptions_and_names_errors(void)
{
  peer server, client;

  open_pair(&server, &client);
  net_udp_receive = fake_receive;
  interrupts = 5;
  CHECK_INT(0, send_to_peer(&client, "one"));
  UNTIL(loop, server.count == 1);
  fail_with = EAGAIN;
  fails_left = 2;
  CHECK_INT(0, send_to_peer(&client, "two"));
  UNTIL(loop, server.count == 2);
  fail_with = ENOMEM;
  fails_left = 1;
  CHECK_INT(0, send_to_peer(&client, "three"));
  UNTIL(loop, server.rc == CRO_E_NOMEM);
  cro_udp_start(server.udp, take, &server);
  UNTIL(loop, server.count == 3);
  real_calls();
  cro_loop_destroy(loop);
}

static void a_refused_datagram_is_told_to_who_receives(void)
{
  peer server, client;

  open_pair(&server, &client);
  cro_udp_close(server.udp);
  cro_udp_start(client.udp, take, &client);
  CHECK_INT(0, send_to_peer(&client, "x"));
  UNTIL(loop, client.rc == CRO_E_REFUSED);
  CHECK_INT(0, send_to_peer(&client, "x")); /* told once for each */
  cro_loop_destroy(loop);
}

/* --- opening ------------------------------------------------------------------------
 */

static void options_that_cannot_be_are_refused(void)
{
  static const struct {
    cro_udp_options options;
    int rc, err;
  } cases[] = {
    { { .host = CRO_B("127.0.0.1"), .port = -1 }, CRO_E_INVAL, 0 },
    { { .host = CRO_B("127.0.0.1"), .port = 65536 }, CRO_E_INVAL, 0 },
    { { .connect = true, .port = 5 }, CRO_E_INVAL, 0 },
    { { .connect = true, .host = CRO_B("127.0.0.1") }, CRO_E_INVAL, 0 },
    { { .host = CRO_B("192.0.2.1") }, 0, CRO_E_ADDRNOTAVAIL },
    { { .host = CRO_B("127.0.0.1"), .ipv6_only = true }, 0, CRO_E_ADDRNOTAVAIL },
  };

  cro_check(cro_loop_create(&loop) == 0);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    cro_udp_opening *opening = NULL;
    peer one = { 0 };

    CHECK_INT(cases[i].rc,
              cro_udp_open(&opening, loop, &cases[i].options, on_open, &one));
    CHECK_INT(cases[i].err, one.err);
    CHECK_INT(cases[i].rc == 0, one.done);
    CHECK(one.udp == NULL && opening == NULL);
  }
  cro_loop_destroy(loop);
}

static void an_opening_that_is_cancelled_tells_so_at_once(void)
{
  cro_udp_opening *opening;
  peer one, other;

  cro_check(cro_loop_create(&loop) == 0);
  opening = open_peer(&one, &(cro_udp_options){ .host = CRO_B("localhost") });
  CHECK(opening != NULL);
  cro_udp_open_cancel(opening);
  CHECK_INT(1, one.done);
  CHECK_INT(CRO_E_CANCELLED, one.err);
  open_peer(&other, &(cro_udp_options){ .host = CRO_B("localhost") });
  cro_loop_destroy(loop); /* the end of the loop cancels too */
  CHECK_INT(1, other.done);
  CHECK_INT(CRO_E_CANCELLED, other.err);
}

static void names_are_for_sending_and_opening(void)
{
  peer server, client;

  cro_check(cro_loop_create(&loop) == 0);
  open_peer(&server, &(cro_udp_options){ .host = CRO_B("localhost") });
  UNTIL(loop, server.done == 1);
  CHECK_INT(0, server.err);
  cro_udp_start(server.udp, take, &server);
  CHECK_INT(0, cro_udp_socket(&client.udp, loop, &(cro_udp_options){ 0 }));
  tellings = 0;
  CHECK_INT(CRO_E_AGAIN,
            cro_udp_send(client.udp, CRO_B("localhost"), port_of(&server), CRO_B("x")));
  CHECK_INT(0, cro_udp_send_later(client.udp, CRO_B("localhost"), port_of(&server),
                                  CRO_B("by name"), on_sent, NULL));
  CHECK_INT(CRO_E_INVAL, cro_udp_send_later(client.udp, CRO_B("a\0b"), 9, CRO_B("x"),
                                            on_sent, NULL));
  UNTIL(loop, server.count == 1);
  CHECK_INT(1, tellings);
  CHECK_INT(0, cro_udp_send_later(client.udp, CRO_B("localhost"), 9, CRO_B("x"),
                                  on_sent, NULL));
  cro_udp_close(client.udp); /* while the name is looked up */
  CHECK_INT(2, tellings);
  CHECK_INT(CRO_E_CLOSED, told[1]);
  cro_loop_destroy(loop);
}

static int descriptors(void)
{
  int count = 0;

  for (int fd = 0; fd < 64; fd++)
    count += fcntl(fd, F_GETFD) >= 0;
  return count;
}

/* Every allocation on the way fails once. */
static void what_came_outlives_its_socket_for_a_moment(void)
{
  peer server, client;

  open_pair(&server, &client);
  CHECK_INT(0, send_to_peer(&client, "late"));
  cro_udp_close(client.udp);
  cro_udp_start(server.udp, take_and_close, &server);
  cro_loop_run(loop);
  CHECK_INT(1, server.count);
  CHECK_TEXT("late", cro_bytes_of(server.got[0]));
  CHECK(loop->udp_slab == NULL);
  cro_loop_destroy(loop);
}

static void without_memory_nothing_is_left_behind(void)
{
  for (uint64_t n = 1; n < 12; n++) {
    cro_udp_opening *opening = NULL;
    peer one = { 0 };
    int before, rc;

    cro_check(cro_loop_create(&loop) == 0);
    before = descriptors();
    cro_alloc_fail_at(n);
    rc = cro_udp_open(&opening, loop, &(cro_udp_options){ .host = CRO_B("127.0.0.1") },
                      on_open, &one);
    if (rc == 0 && one.err == 0) {
      CHECK(n > 3);
      cro_udp_start(one.udp, take, &one);
      if (cro_udp_send_later(one.udp, CRO_B("localhost"), 9, CRO_B("x"), on_sent,
                             NULL) != 0)
        CHECK_INT(0, cro_udp_queued(one.udp));
      cro_udp_close(one.udp);
    } else {
      CHECK_INT(CRO_E_NOMEM, rc != 0 ? rc : one.err);
      CHECK_INT(before, descriptors());
    }
    cro_alloc_fail_at(0);
    cro_loop_destroy(loop);
  }
}

TEST_MAIN(CASE(a_full_kernel_is_waited_for_and_the_order_is_kept),
          CASE(what_waits_hears_of_its_own_error_and_the_rest_goes_on),
          CASE(errors_of_a_send_have_names), CASE(no_more_than_a_bounded_number_waits),
          CASE(it_may_be_closed_by_whom_it_tells),
          CASE(receiving_survives_interruptions_and_names_errors),
          CASE(a_refused_datagram_is_told_to_who_receives),
          CASE(options_that_cannot_be_are_refused),
          CASE(an_opening_that_is_cancelled_tells_so_at_once),
          CASE(names_are_for_sending_and_opening),
          CASE(what_came_outlives_its_socket_for_a_moment),
          CASE(without_memory_nothing_is_left_behind))
