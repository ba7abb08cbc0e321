/* Sockets of the unix family: their names, the files that come and go with them. */
#include "net/net.h"

#include "base/err.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { retry_ms = 10 }; /* a backlog that is full tells nobody when it is not */

/* --- names ------------------------------------------------------------------------ */

static bool is_abstract(const net_unix *name)
{
  return name->text[0] == '@';
}

int net_unix_parse(cro_bytes path, net_unix *out)
{
  *out = (net_unix){ .at.sun_family = AF_UNIX };
  if (path.len == 0 || memchr(path.at, '\0', path.len) != NULL)
    return CRO_E_INVAL;
  if (path.len >= sizeof out->at.sun_path)
    return CRO_E_TOO_LONG;
  memcpy(out->text, path.at, path.len);
  memcpy(out->at.sun_path, path.at, path.len);
  out->size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + path.len + 1);
  if (!is_abstract(out))
    return 0;
#ifdef __linux__
  out->at.sun_path[0] = '\0';
  out->size--; /* a name, not a text: the zero behind it would be part of it */
  return path.len > 1 ? 0 : CRO_E_INVAL;
#else
  return CRO_E_NOTSUP;
#endif
}

void net_unix_of(int fd, net_unix *out)
{
  socklen_t size = sizeof out->at;

  *out = (net_unix){ .size = 0 };
  if (getsockname(fd, (struct sockaddr *)&out->at, &size) != 0 ||
      out->at.sun_family != AF_UNIX || size <= offsetof(struct sockaddr_un, sun_path))
    return;
  out->size = size;
  size -= (socklen_t)offsetof(struct sockaddr_un, sun_path);
  memcpy(out->text, out->at.sun_path, size);
  if (out->text[0] == '\0')
    out->text[0] = '@';
}

static int open_socket(int *out)
{
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);

  if (fd < 0)
    return cro_err_from_errno(errno);
  (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
  net_set_blocking(fd, false);
  *out = fd;
  return 0;
}

/* --- listening -------------------------------------------------------------------- */

static bool same_file(const net_unix *name, const struct stat *about)
{
  return name->device == (uint64_t)about->st_dev &&
         name->inode == (uint64_t)about->st_ino;
}

static void note_file(net_unix *name, const struct stat *about)
{
  name->device = (uint64_t)about->st_dev;
  name->inode = (uint64_t)about->st_ino;
}

/* 0 when nobody listens there, or nothing is there any more. */
static int ask(const net_unix *name)
{
  int fd = -1, rc = open_socket(&fd);

  if (rc != 0)
    return rc;
  if (connect(fd, (const struct sockaddr *)&name->at, name->size) == 0)
    rc = CRO_E_ADDRINUSE;
  else if (errno == EAGAIN || errno == EINPROGRESS || errno == EPROTOTYPE)
    rc = CRO_E_ADDRINUSE;
  else if (errno != ECONNREFUSED && errno != ENOENT)
    rc = cro_err_from_errno(errno);
  close(fd);
  return rc;
}

/* Removes the file of a listener that has gone without. Looked at twice: somebody else
 * may have replaced it while we asked. */
static int remove_stale(net_unix *name)
{
  struct stat about;
  int rc;

  if (lstat(name->text, &about) != 0)
    return errno == ENOENT ? 0 : cro_err_from_errno(errno);
  if (!S_ISSOCK(about.st_mode))
    return CRO_E_EXISTS;
  note_file(name, &about);
  rc = ask(name);
  if (rc != 0)
    return rc;
  if (lstat(name->text, &about) != 0)
    return errno == ENOENT ? 0 : cro_err_from_errno(errno);
  if (!same_file(name, &about))
    return CRO_E_ADDRINUSE;
  return unlink(name->text) == 0 || errno == ENOENT ? 0 : cro_err_from_errno(errno);
}

static int bind_name(int fd, net_unix *name, bool replace)
{
  const struct sockaddr *at = (const struct sockaddr *)&name->at;
  int rc;

  if (bind(fd, at, name->size) == 0)
    return 0;
  if (errno != EADDRINUSE || !replace || is_abstract(name))
    return cro_err_from_errno(errno);
  rc = remove_stale(name);
  if (rc != 0)
    return rc;
  return bind(fd, at, name->size) == 0 ? 0 : cro_err_from_errno(errno);
}

/* The mode is set before too, where the system heeds that: at no time may more get in
 * than in the end. */
static int make_file(int fd, net_unix *name, const cro_listen_options *options)
{
  mode_t mode = (mode_t)options->mode & 0777;
  struct stat about;
  int rc;

  if (mode != 0)
    (void)fchmod(fd, mode);
  rc = bind_name(fd, name, options->replace);
  if (rc != 0 || is_abstract(name))
    return rc;
  if (lstat(name->text, &about) == 0) {
    note_file(name, &about);
    name->made = true;
  }
  return mode == 0 || chmod(name->text, mode) == 0 ? 0 : cro_err_from_errno(errno);
}

int net_unix_listen(const cro_listen_options *options, int backlog, net_unix *name,
                    int *out)
{
  int fd = -1, rc = net_unix_parse(options->path, name);

  if (rc == 0)
    rc = open_socket(&fd);
  if (rc != 0)
    return rc;
  rc = make_file(fd, name, options);
  if (rc == 0 && listen(fd, backlog) != 0)
    rc = cro_err_from_errno(errno);
  if (rc != 0) {
    net_unix_remove(name);
    close(fd);
    return rc;
  }
  *out = fd;
  return 0;
}

void net_unix_remove(net_unix *name)
{
  struct stat about;

  if (name->made && lstat(name->text, &about) == 0 && same_file(name, &about))
    (void)unlink(name->text);
  name->made = false;
}

/* --- connecting ------------------------------------------------------------------- */

static int connected(cro_connecting *self, int fd)
{
  const net_address peer = { .sa.sa_family = AF_UNIX };
  cro_tcp *tcp;
  int rc = cro_tcp_create(&tcp, self->loop, fd, &peer);

  if (rc == 0)
    net_connect_finish(self, 0, tcp);
  return rc;
}

void net_unix_try(cro_connecting *self)
{
  int fd = -1, rc = open_socket(&fd);

  if (rc != 0) {
    net_connect_finish(self, rc, NULL);
    return;
  }
  if (connect(fd, (const struct sockaddr *)&self->name.at, self->name.size) != 0)
    rc = cro_err_from_errno(errno);
  else
    rc = connected(self, fd);
  if (rc == 0)
    return;
  close(fd);
  if (rc == CRO_E_AGAIN)
    cro_loop_arm(self->loop, &self->stagger, cro_loop_now(self->loop) + retry_ms);
  else
    net_connect_finish(self, rc, NULL);
}

/* --- who is at the other end ------------------------------------------------------ */

int cro_tcp_peer_user(cro_tcp *tcp, cro_user *out)
{
#ifdef SO_PEERCRED
  struct ucred user;
  socklen_t size = sizeof user;

  if (tcp->kind != NET_UNIX)
    return CRO_E_NOTSUP;
  if (tcp->life == TCP_CLOSED)
    return CRO_E_CLOSED;
  if (getsockopt(tcp->fd, SOL_SOCKET, SO_PEERCRED, &user, &size) != 0)
    return cro_err_from_errno(errno);
  *out = (cro_user){ .pid = user.pid, .uid = user.uid, .gid = user.gid };
  return 0;
#else
  (void)tcp;
  (void)out;
  return CRO_E_NOTSUP;
#endif
}
