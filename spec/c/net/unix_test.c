#include "base/alloc.h"
#include "base/err.h"
#include "net/net.h"
#include "support/loopback.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct {
  char folder[32], path[64];
  cro_loop *loop;
  cro_listener *listener;
  int err, accepted, done, connect_err;
  cro_tcp *server, *client;
  cro_connecting *connecting;
} place;

static void place_open(place *self)
{
  (void)snprintf(self->folder, sizeof self->folder, "/tmp/crolua-test-XXXXXX");
  CHECK(mkdtemp(self->folder) != NULL);
  (void)snprintf(self->path, sizeof self->path, "%s/s", self->folder);
  CHECK_INT(0, cro_loop_create(&self->loop));
}

static void place_close(place *self)
{
  cro_loop_destroy(self->loop);
  (void)unlink(self->path);
  CHECK_INT(0, rmdir(self->folder));
}

static void on_accepted(void *arg, cro_tcp *tcp)
{
  place *self = arg;

  self->accepted++;
  self->server = tcp;
}

static void on_listening(void *arg, int err, cro_listener *listener)
{
  place *self = arg;

  self->err = err;
  self->listener = listener;
}

static const cro_listener_ops ops = { .accepted = on_accepted };

static int listen_with(place *self, cro_listen_options options)
{
  int rc;

  self->listener = NULL;
  if (options.path.len == 0)
    options.path = cro_bytes_of(self->path);
  if (options.fd == 0)
    options.fd = -1;
  self->err = 1;
  rc = cro_listen(self->loop, &options, &ops, self, on_listening);
  return rc != 0 ? rc : self->err;
}

static void on_connected(void *arg, int err, cro_tcp *tcp)
{
  place *self = arg;

  self->done++;
  self->connect_err = err;
  self->client = tcp;
}

static int connect_to(place *self, uint64_t timeout)
{
  cro_connect_options to = { .path = cro_bytes_of(self->path), .timeout = timeout };

  self->done = 0;
  return cro_connect(&self->connecting, self->loop, &to, on_connected, self);
}

static bool is_there(const char *path)
{
  struct stat about;

  return lstat(path, &about) == 0;
}

/* --- names --------------------------------------------------------------------------
 */

static void a_name_fits_or_is_refused(void)
{
  char path[200];
  net_unix name;

  memset(path, 'x', sizeof path);
  for (size_t len = 1; len < sizeof path; len++) {
    int rc = net_unix_parse((cro_bytes){ path, len }, &name);

    CHECK_INT(len < sizeof name.at.sun_path ? 0 : CRO_E_TOO_LONG, rc);
    if (rc == 0)
      CHECK_BYTES(((cro_bytes){ path, len }), cro_bytes_of(name.text));
  }
  CHECK_INT(CRO_E_INVAL, net_unix_parse(CRO_B(""), &name));
  CHECK_INT(CRO_E_INVAL, net_unix_parse((cro_bytes){ "a\0b", 3 }, &name));
  CHECK_INT(CRO_E_INVAL, net_unix_parse(CRO_B("@"), &name));
}

static void the_longest_name_is_listened_at(void)
{
  place p = { 0 };
  char longest[sizeof((struct sockaddr_un){ 0 }.sun_path)];
  int port = 0;

  place_open(&p);
  memset(longest, 'n', sizeof longest);
  memcpy(longest, p.folder, strlen(p.folder));
  longest[strlen(p.folder)] = '/';
  longest[sizeof longest - 1] = '\0';
  CHECK_INT(0, listen_with(&p, (cro_listen_options){ .path = cro_bytes_of(longest) }));
  CHECK_BYTES(cro_bytes_of(longest), cro_listener_address(p.listener, &port));
  CHECK_INT(-1, port);
  CHECK(is_there(longest));
  cro_listener_close(p.listener);
  CHECK(!is_there(longest));
  place_close(&p);
}

/* --- files --------------------------------------------------------------------------
 */

static void the_file_has_the_mode_asked_for_whatever_the_umask(void)
{
  mode_t before = umask(077);

  for (int mode = 0; mode <= 0777; mode += 0111) {
    place p = { 0 };
    struct stat about;

    place_open(&p);
    CHECK_INT(0, listen_with(&p, (cro_listen_options){ .mode = mode }));
    CHECK_INT(0, lstat(p.path, &about));
    CHECK_INT(mode == 0 ? 0700 : mode, about.st_mode & 0777);
    place_close(&p);
  }
  umask(before);
}

/* A bound socket file whose socket is gone. */
static void leave_file(const place *p)
{
  net_unix name;
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);

  CHECK_INT(0, net_unix_parse(cro_bytes_of(p->path), &name));
  CHECK_INT(0, bind(fd, (struct sockaddr *)&name.at, name.size));
  close(fd);
}

static void a_file_left_behind_is_replaced_when_asked_for(void)
{
  place p = { 0 };

  place_open(&p);
  leave_file(&p);
  CHECK_INT(CRO_E_ADDRINUSE, listen_with(&p, (cro_listen_options){ .mode = 0600 }));
  CHECK(is_there(p.path));
  CHECK_INT(0, listen_with(&p, (cro_listen_options){ .replace = true }));
  CHECK_INT(0, connect_to(&p, 0));
  UNTIL(p.loop, p.done == 1 && p.accepted == 1);
  CHECK_INT(0, p.connect_err);
  place_close(&p);
}

static void a_live_one_and_any_other_file_are_not_replaced(void)
{
  place p = { 0 }, other = { 0 };
  FILE *file;

  place_open(&p);
  CHECK_INT(0, listen_with(&p, (cro_listen_options){ .backlog = 4 }));
  other = p;
  CHECK_INT(CRO_E_ADDRINUSE,
            listen_with(&other, (cro_listen_options){ .replace = true }));
  CHECK(is_there(p.path));
  cro_listener_close(p.listener);
  file = fopen(p.path, "w");
  CHECK(file != NULL);
  (void)fclose(file);
  CHECK_INT(CRO_E_EXISTS, listen_with(&p, (cro_listen_options){ .replace = true }));
  CHECK(is_there(p.path));
  place_close(&p);
}

static void a_datagram_socket_there_is_in_use_or_left_behind(void)
{
  place p = { 0 };
  net_unix name;
  int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

  place_open(&p);
  CHECK_INT(0, net_unix_parse(cro_bytes_of(p.path), &name));
  CHECK_INT(0, bind(fd, (struct sockaddr *)&name.at, name.size));
  CHECK_INT(CRO_E_ADDRINUSE, listen_with(&p, (cro_listen_options){ .replace = true }));
  close(fd);
  CHECK_INT(0, listen_with(&p, (cro_listen_options){ .replace = true }));
  place_close(&p);
}

static void the_file_goes_with_the_listener_and_only_its_own(void)
{
  place p = { 0 };

  place_open(&p);
  CHECK_INT(0, listen_with(&p, (cro_listen_options){ .backlog = 1 }));
  CHECK_INT(0, unlink(p.path));
  leave_file(&p); /* another one */
  cro_listener_close(p.listener);
  CHECK(is_there(p.path));
  CHECK_INT(0, unlink(p.path));
  CHECK_INT(0, listen_with(&p, (cro_listen_options){ .backlog = 1 }));
  CHECK(is_there(p.path));
  cro_loop_destroy(p.loop); /* closes it */
  CHECK(!is_there(p.path));
  CHECK_INT(0, cro_loop_create(&p.loop));
  place_close(&p);
}

static void a_descriptor_handed_in_keeps_its_file(void)
{
  place p = { 0 };
  net_unix name;
  int port, fd = socket(AF_UNIX, SOCK_STREAM, 0);

  place_open(&p);
  CHECK_INT(0, net_unix_parse(cro_bytes_of(p.path), &name));
  CHECK_INT(0, bind(fd, (struct sockaddr *)&name.at, name.size));
  CHECK_INT(CRO_E_INVAL, listen_with(&p, (cro_listen_options){ .fd = fd }));
  CHECK_INT(0, listen(fd, 1));
  CHECK_INT(0, listen_with(&p, (cro_listen_options){ .fd = fd }));
  CHECK_BYTES(cro_bytes_of(p.path), cro_listener_address(p.listener, &port));
  cro_listener_close(p.listener);
  CHECK(is_there(p.path));
  place_close(&p);
}

#ifdef __linux__
static void a_name_without_a_file_carries_connections(void)
{
  place p = { 0 };
  int port;

  place_open(&p);
  (void)snprintf(p.path, sizeof p.path, "@crolua-test-%d", (int)getpid());
  CHECK_INT(0, listen_with(&p, (cro_listen_options){ .mode = 0600 }));
  CHECK_BYTES(cro_bytes_of(p.path), cro_listener_address(p.listener, &port));
  CHECK_INT(0, connect_to(&p, 0));
  UNTIL(p.loop, p.done == 1 && p.accepted == 1);
  CHECK_INT(0, p.connect_err);
  place_close(&p);
}
#endif

/* --- connecting ---------------------------------------------------------------------
 */

static void both_ends_know_each_other(void)
{
  place p = { 0 };
  cro_user user = { 0 };
  cro_loop_stats stats;

  place_open(&p);
  CHECK_INT(0, listen_with(&p, (cro_listen_options){ .backlog = 1 }));
  CHECK_INT(0, connect_to(&p, 0));
  CHECK_INT(0, p.done); /* never before it has returned */
  UNTIL(p.loop, p.done == 1 && p.accepted == 1);
  CHECK_INT(0, cro_tcp_peer_user(p.server, &user));
  CHECK_INT(getpid(), user.pid);
  CHECK_INT(getuid(), user.uid);
  CHECK_INT(CRO_E_NOTSUP, cro_tcp_keep_alive(p.client, 5));
  CHECK(cro_tcp_fd(p.client) >= 0);
  cro_loop_stats_get(p.loop, &stats);
  CHECK_INT(2, stats.unix_sockets);
  place_close(&p);
}

static void what_is_not_there_is_said(void)
{
  place p = { 0 };

  place_open(&p);
  CHECK_INT(0, connect_to(&p, 0));
  UNTIL(p.loop, p.done == 1);
  CHECK_INT(CRO_E_NOTFOUND, p.connect_err);
  leave_file(&p);
  CHECK_INT(0, connect_to(&p, 0));
  UNTIL(p.loop, p.done == 1);
  CHECK_INT(CRO_E_REFUSED, p.connect_err);
  place_close(&p);
}

static void a_listener_that_is_behind_is_waited_for(void)
{
  place p = { 0 };
  int clients = 0, fds[8];

  place_open(&p);
  CHECK_INT(0, listen_with(&p, (cro_listen_options){ .backlog = 1 }));
  cro_listener_pause(p.listener);
  for (; clients < 8; clients++) { /* until its queue is full */
    net_unix name;

    CHECK_INT(0, net_unix_parse(cro_bytes_of(p.path), &name));
    fds[clients] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (connect(fds[clients], (struct sockaddr *)&name.at, name.size) != 0)
      break;
  }
  CHECK(clients < 8);
  CHECK_INT(0, connect_to(&p, 40));
  UNTIL(p.loop, p.done == 1);
  CHECK_INT(CRO_E_TIMEOUT, p.connect_err);
  CHECK_INT(0, connect_to(&p, 0));
  spin(p.loop, 30);
  CHECK_INT(0, p.done);
  cro_listener_resume(p.listener);
  UNTIL(p.loop, p.done == 1);
  CHECK_INT(0, p.connect_err);
  CHECK_INT(0, connect_to(&p, 0));
  cro_connect_cancel(p.connecting);
  CHECK_INT(CRO_E_CANCELLED, p.connect_err);
  place_close(&p);
  while (clients >= 0)
    close(fds[clients--]);
}

/* --- without memory -----------------------------------------------------------------
 */

static void every_allocation_that_fails_is_said_and_leaves_nothing(void)
{
  for (uint64_t n = 1; n < 12; n++) {
    place p = { 0 };

    place_open(&p);
    cro_alloc_fail_at(n);
    if (listen_with(&p, (cro_listen_options){ .backlog = 1 }) == 0 &&
        connect_to(&p, 500) == 0)
      UNTIL(p.loop, p.done == 1);
    else
      CHECK(!is_there(p.path) || p.listener != NULL);
    cro_alloc_fail_at(0);
    cro_loop_destroy(p.loop);
    CHECK(!is_there(p.path));
    CHECK_INT(0, cro_loop_create(&p.loop));
    place_close(&p);
  }
}

TEST_MAIN(CASE(a_name_fits_or_is_refused), CASE(the_longest_name_is_listened_at),
          CASE(the_file_has_the_mode_asked_for_whatever_the_umask),
          CASE(a_file_left_behind_is_replaced_when_asked_for),
          CASE(a_live_one_and_any_other_file_are_not_replaced),
          CASE(a_datagram_socket_there_is_in_use_or_left_behind),
          CASE(the_file_goes_with_the_listener_and_only_its_own),
          CASE(a_descriptor_handed_in_keeps_its_file),
#ifdef __linux__
          CASE(a_name_without_a_file_carries_connections),
#endif
          CASE(both_ends_know_each_other), CASE(what_is_not_there_is_said),
          CASE(a_listener_that_is_behind_is_waited_for),
          CASE(every_allocation_that_fails_is_said_and_leaves_nothing))
