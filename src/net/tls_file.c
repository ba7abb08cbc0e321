/* Files of certificates and keys: read whole, small, and forgotten. */
#include "net/openssl.h"
#include "net/tls_parts.h"

#include "base/alloc.h"
#include "base/err.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What fails without a word has had no memory for one. */
int tls_silent_fault(cro_tls_fault *fault)
{
  return ERR_peek_error() == 0 ? tls_nomem(fault) : 0;
}

bool tls_out_of_memory(void)
{
  return ERR_GET_REASON(ERR_peek_error()) == ERR_R_MALLOC_FAILURE ||
         ERR_GET_REASON(ERR_peek_last_error()) == ERR_R_MALLOC_FAILURE;
}

int tls_fault(cro_tls_fault *fault, int err, const char *format, ...)
{
  va_list args;

  if (err != CRO_E_NOMEM && tls_out_of_memory())
    return tls_nomem(fault);
  fault->err = err;
  va_start(args, format);
  (void)vsnprintf(fault->text, sizeof fault->text, format, args);
  va_end(args);
  return err;
}

int tls_nomem(cro_tls_fault *fault)
{
  ERR_clear_error();
  return tls_fault(fault, CRO_E_NOMEM, "%s", cro_err_text(CRO_E_NOMEM));
}

/* --- stamps ----------------------------------------------------------------------- */

/* Whose path is still to be set. */
static tls_stamp stamp_of(const struct stat *about)
{
  return (tls_stamp){ .there = true,
                      .device = about->st_dev,
                      .inode = about->st_ino,
                      .size = about->st_size,
                      .modified = (int64_t)about->st_mtim.tv_sec * 1000000000 +
                                  about->st_mtim.tv_nsec };
}

static tls_stamp look_at(const char *path)
{
  struct stat about;

  return stat(path, &about) == 0 ? stamp_of(&about) : (tls_stamp){ .there = false };
}

static bool is_same(const tls_stamp *a, const tls_stamp *b)
{
  if (!a->there || !b->there)
    return a->there == b->there;
  return a->device == b->device && a->inode == b->inode && a->size == b->size &&
         a->modified == b->modified;
}

static char *copy_of(const char *path)
{
  size_t size = strlen(path) + 1;
  char *copy = cro_alloc(size);

  if (copy != NULL)
    memcpy(copy, path, size);
  return copy;
}

static int keep(tls_stamps *stamps, const char *path, tls_stamp stamp,
                cro_tls_fault *fault)
{
  if (stamps->count == stamps->room) {
    size_t room = stamps->room == 0 ? 8 : stamps->room * 2;
    tls_stamp *at = cro_realloc(stamps->at, room * sizeof *at);

    if (at == NULL)
      return tls_nomem(fault);
    stamps->at = at;
    stamps->room = room;
  }
  stamp.path = copy_of(path);
  if (stamp.path == NULL)
    return tls_nomem(fault);
  stamps->at[stamps->count++] = stamp;
  return 0;
}

int tls_stamps_add(tls_stamps *stamps, const char *path, cro_tls_fault *fault)
{
  return keep(stamps, path, look_at(path), fault);
}

bool tls_stamps_changed(const tls_stamps *stamps)
{
  for (size_t i = 0; i < stamps->count; i++) {
    tls_stamp now = look_at(stamps->at[i].path);

    if (!is_same(&now, &stamps->at[i]))
      return true;
  }
  return false;
}

void tls_stamps_free(tls_stamps *stamps)
{
  for (size_t i = 0; i < stamps->count; i++)
    cro_free(stamps->at[i].path);
  cro_free(stamps->at);
  *stamps = (tls_stamps){ 0 };
}

/* --- reading ---------------------------------------------------------------------- */

static int system_fault(cro_tls_fault *fault, const char *what, const char *path,
                        int error)
{
  int err = cro_err_from_errno(error);

  return tls_fault(fault, err, "%s %s: %s", what, path, cro_err_text(err));
}

static int check_kind(const struct stat *about, const char *what, const char *path,
                      cro_tls_fault *fault)
{
  if (S_ISDIR(about->st_mode))
    return system_fault(fault, what, path, EISDIR);
  if (!S_ISREG(about->st_mode))
    return tls_fault(fault, CRO_E_INVAL, "%s %s: is no file", what, path);
  if (about->st_size > tls_file_max)
    return tls_fault(fault, CRO_E_TOO_LONG, "%s %s: longer than %d KiB", what, path,
                     tls_file_max / 1024);
  return 0;
}

/* It may grow while it is read: never more than tls_file_max and one byte. */
static int read_all(int fd, cro_buf *out, const char *what, const char *path,
                    cro_tls_fault *fault)
{
  ssize_t got;

  do {
    if (out->len > tls_file_max)
      return tls_fault(fault, CRO_E_TOO_LONG, "%s %s: longer than %d KiB", what, path,
                       tls_file_max / 1024);
    got = read(fd, out->at + out->len, out->cap - out->len);
    if (got < 0 && errno != EINTR)
      return system_fault(fault, what, path, errno);
    out->len += got > 0 ? (size_t)got : 0;
    if (out->len == out->cap && cro_buf_reserve(out, out->cap) != 0)
      return tls_nomem(fault);
  } while (got != 0);
  return 0;
}

static int read_open(int fd, cro_buf *out, tls_stamps *stamps, const char *what,
                     const char *path, cro_tls_fault *fault)
{
  struct stat about;
  int rc;

  if (fstat(fd, &about) != 0)
    return system_fault(fault, what, path, errno);
  rc = keep(stamps, path, stamp_of(&about), fault);
  if (rc == 0)
    rc = check_kind(&about, what, path, fault);
  if (rc == 0 && cro_buf_reserve(out, (size_t)about.st_size + 1) != 0)
    rc = tls_nomem(fault);
  return rc == 0 ? read_all(fd, out, what, path, fault) : rc;
}

int tls_file_read(cro_buf *out, tls_stamps *stamps, const char *what, const char *path,
                  cro_tls_fault *fault)
{
  /* Non-blocking: opening a named pipe would wait for who writes to it. */
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), rc, error = errno;

  *out = (cro_buf){ 0 };
  if (fd < 0) {
    rc = tls_stamps_add(stamps, path, fault);
    return rc == 0 ? system_fault(fault, what, path, error) : rc;
  }
  rc = read_open(fd, out, stamps, what, path, fault);
  (void)close(fd);
  if (rc != 0)
    tls_file_free(out);
  return rc;
}

void tls_file_free(cro_buf *file)
{
  if (file->at != NULL)
    OPENSSL_cleanse(file->at, file->cap);
  cro_buf_free(file);
}
