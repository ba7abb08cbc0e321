#include "base/err.h"

#include <errno.h>
#include <stddef.h>

typedef struct {
  int code;
  cro_grade grade;
  const char *kind;
  const char *text;
} err_row;

static const err_row rows[] = {
#define ERR_ROW(name, number, kind, text, grade)                                       \
  { (number), CRO_GRADE_##grade, kind, text },
  CRO_ERRORS(ERR_ROW)
#undef ERR_ROW
};

static const struct {
  int error;
  int code;
} errnos[] = {
  { ENOMEM, CRO_E_NOMEM },
  { EINVAL, CRO_E_INVAL },
  { ENOBUFS, CRO_E_NOMEM },
  { ECANCELED, CRO_E_CANCELLED },
  { ETIMEDOUT, CRO_E_TIMEOUT },
  { EBADF, CRO_E_CLOSED },
  { ENOTCONN, CRO_E_CLOSED },
  { ECONNRESET, CRO_E_RESET },
  { ECONNABORTED, CRO_E_RESET },
  { EPIPE, CRO_E_PIPE },
  { ESHUTDOWN, CRO_E_PIPE },
  { ECONNREFUSED, CRO_E_REFUSED },
  { EHOSTUNREACH, CRO_E_UNREACHABLE },
  { ENETUNREACH, CRO_E_UNREACHABLE },
  { EHOSTDOWN, CRO_E_UNREACHABLE },
  { ENETDOWN, CRO_E_UNREACHABLE },
  { EADDRINUSE, CRO_E_ADDRINUSE },
  { EADDRNOTAVAIL, CRO_E_ADDRNOTAVAIL },
  { EACCES, CRO_E_ACCESS },
  { EPERM, CRO_E_ACCESS },
  { EROFS, CRO_E_ROFS },
  { ENOENT, CRO_E_NOTFOUND },
  { ENOTDIR, CRO_E_NOTDIR },
  { EISDIR, CRO_E_ISDIR },
  { ENOSPC, CRO_E_NOSPC },
  { EDQUOT, CRO_E_NOSPC },
  { EFBIG, CRO_E_FBIG },
  { ELOOP, CRO_E_LOOP },
  { ENOTEMPTY, CRO_E_NOTEMPTY },
  { EXDEV, CRO_E_XDEV },
  { EBUSY, CRO_E_BUSY },
  { ETXTBSY, CRO_E_BUSY },
  { ESPIPE, CRO_E_SPIPE },
  { EMFILE, CRO_E_MFILE },
  { ENFILE, CRO_E_MFILE },
  { EAGAIN, CRO_E_AGAIN },
  { EINTR, CRO_E_AGAIN },
  { EEXIST, CRO_E_EXISTS },
  { EISCONN, CRO_E_STATE },
  { EALREADY, CRO_E_STATE },
  { EINPROGRESS, CRO_E_STATE },
  { EAFNOSUPPORT, CRO_E_NOTSUP },
  { ENOTSUP, CRO_E_NOTSUP },
  { ENOSYS, CRO_E_NOTSUP },
  { EPROTONOSUPPORT, CRO_E_NOTSUP },
  { EPROTO, CRO_E_PROTOCOL },
  { EMSGSIZE, CRO_E_TOO_BIG },
  { ENODEV, CRO_E_ADDRNOTAVAIL },
  { ENXIO, CRO_E_ADDRNOTAVAIL },
  { ENOPROTOOPT, CRO_E_NOTSUP },
  { ENAMETOOLONG, CRO_E_TOO_LONG },
  { E2BIG, CRO_E_TOO_LONG },
};

static const err_row *find(int code)
{
  static const err_row unknown = { 0, CRO_GRADE_PROCESS, "unknown", "unknown error" };

  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    if (rows[i].code == code)
      return &rows[i];
  return &unknown;
}

const char *cro_err_kind(int code)
{
  return find(code)->kind;
}

const char *cro_err_text(int code)
{
  return find(code)->text;
}

cro_grade cro_err_grade(int code)
{
  return find(code)->grade;
}

int cro_err_from_errno(int error)
{
  for (size_t i = 0; i < sizeof errnos / sizeof *errnos; i++)
    if (errnos[i].error == error)
      return errnos[i].code;
  return CRO_E_IO;
}
