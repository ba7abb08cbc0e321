/* base/err.h - every error the core can report, in one table.
 *
 * A function that can fail returns 0 or one of these negative codes; results go
 * through `out` parameters, untouched on failure. Names and texts are shared by
 * C, Lua and the documentation: nothing else spells them.
 *
 * The grade says what is still usable afterwards: the rest of the connection
 * (STREAM), the rest of the process (CONNECTION), or nothing (PROCESS).
 */
#ifndef CRO_BASE_ERR_H
#define CRO_BASE_ERR_H

/* X(NAME, number, "kind", "text", GRADE) */
#define CRO_ERRORS(X)                                                                  \
  X(NOMEM, -1, "no_memory", "not enough memory", STREAM)                               \
  X(INVAL, -2, "invalid", "invalid argument", STREAM)                                  \
  X(TOO_LONG, -3, "too_long", "longer than the limit allows", STREAM)                  \
  X(STATE, -4, "state", "not possible in this state", STREAM)                          \
  X(CANCELLED, -5, "cancelled", "cancelled", STREAM)                                   \
  X(TIMEOUT, -6, "timeout", "timed out", CONNECTION)                                   \
  X(EOF, -7, "eof", "the peer closed the connection early", CONNECTION)                \
  X(CLOSED, -8, "closed", "already closed", CONNECTION)                                \
  X(GONE, -9, "gone", "the request has ended", STREAM)                                 \
  X(RESET, -10, "reset", "connection reset by the peer", CONNECTION)                   \
  X(PIPE, -11, "broken_pipe", "the peer no longer reads", CONNECTION)                  \
  X(REFUSED, -12, "refused", "connection refused", CONNECTION)                         \
  X(UNREACHABLE, -13, "unreachable", "host or network is unreachable", CONNECTION)     \
  X(ADDRINUSE, -14, "address_in_use", "address already in use", STREAM)                \
  X(ADDRNOTAVAIL, -15, "address_not_available", "no such local address", STREAM)       \
  X(ACCESS, -16, "access", "permission denied", STREAM)                                \
  X(NOTFOUND, -17, "not_found", "no such file or directory", STREAM)                   \
  X(DNS, -18, "dns", "name does not resolve", STREAM)                                  \
  X(MFILE, -19, "too_many_files", "too many open files", STREAM)                       \
  X(AGAIN, -20, "again", "try again later", STREAM)                                    \
  X(IO, -21, "io", "input/output error", CONNECTION)                                   \
  X(NOTSUP, -22, "not_supported", "not supported here", STREAM)                        \
  X(SYNTAX, -23, "syntax", "malformed input", STREAM)                                  \
  X(LIMIT, -24, "limit", "over a configured limit", STREAM)                            \
  X(PROTOCOL, -25, "protocol", "the peer broke the protocol", CONNECTION)              \
  X(EXISTS, -26, "exists", "already exists", STREAM)                                   \
  X(HANDLER, -27, "handler", "a handler failed", STREAM)                               \
  X(DNS_TIMEOUT, -28, "dns_timeout", "the name did not resolve within 5 s", STREAM)    \
  X(ABORTED, -29, "aborted", "aborted on this side", CONNECTION)                       \
  X(DNS_NONE, -30, "dns_not_found", "no such host", STREAM)                            \
  X(DNS_AGAIN, -31, "dns_temporary", "no name server answers; later one may", STREAM)  \
  X(TOO_BIG, -32, "message_too_big", "longer than a datagram may be here", STREAM)     \
  X(TLS, -33, "tls", "the TLS handshake or a record failed", CONNECTION)               \
  X(CERT, -34, "certificate", "the certificate is not trusted", CONNECTION)            \
  X(ALPN, -35, "alpn", "no protocol in common (ALPN)", CONNECTION)                     \
  X(SHORT, -36, "too_short", "less than was announced", STREAM)                        \
  X(ISDIR, -40, "is_directory", "it is a directory", STREAM)                           \
  X(NOTDIR, -41, "not_directory", "a part of the path is not a directory", STREAM)     \
  X(NOSPC, -42, "no_space", "no space left", STREAM)                                   \
  X(FBIG, -43, "too_large", "larger than a file may be", STREAM)                       \
  X(LOOP, -44, "link_loop", "too many symbolic links in the path", STREAM)             \
  X(NOTEMPTY, -45, "not_empty", "the directory is not empty", STREAM)                  \
  X(XDEV, -46, "other_device", "the two paths are on different file systems", STREAM)  \
  X(BUSY, -47, "busy", "in use", STREAM)                                               \
  X(ROFS, -48, "read_only", "the file system is read-only", STREAM)                    \
  X(SPIPE, -49, "not_seekable", "it has no position", STREAM)

typedef enum cro_grade {
  CRO_GRADE_STREAM,
  CRO_GRADE_CONNECTION,
  CRO_GRADE_PROCESS
} cro_grade;

typedef enum cro_err {
  CRO_OK = 0,
#define CRO_ERR_ENUM(name, number, kind, text, grade) CRO_E_##name = (number),
  CRO_ERRORS(CRO_ERR_ENUM)
#undef CRO_ERR_ENUM
} cro_err;

/* "address_in_use"; "unknown" for a number that is no code. Static strings. */
const char *cro_err_kind(int code);

/* "address already in use"; static. */
const char *cro_err_text(int code);

/* What is lost with the error: see cro_grade. */
cro_grade cro_err_grade(int code);

/* The code for an errno value; CRO_E_IO when nothing fits better. */
int cro_err_from_errno(int error);

#endif
