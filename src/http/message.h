/* http/message.h - requests and responses as C structs in one arena per exchange.
 *
 * The protocol reader makes a request, its arena and its (empty) response
 * together. Names, values and targets are slices: into the read buffer while the
 * first push runs, into the arena after cro_request_keep. A header or body that
 * a handler adds is copied into the arena.
 *
 * After the protocol has let go (response sent or peer gone) `gone` is set:
 * writes answer CRO_E_GONE, reads still work until the arena goes.
 */
#ifndef CRO_HTTP_MESSAGE_H
#define CRO_HTTP_MESSAGE_H

#include "base/arena.h"
#include "http/body.h"
#include "http/headers.h"
#include "pipe/conn.h"

typedef struct cro_request cro_request;
typedef struct cro_response cro_response;

/* Messages are `cro_request *` and `cro_response *`. */
extern const cro_type cro_type_request;
extern const cro_type cro_type_response;

/* The methods llhttp knows that a server may route, in the order of CRO_METHODS. */
/* clang-format off */
#define CRO_METHODS(X)                                                             \
  X(GET) X(HEAD) X(POST) X(PUT) X(DELETE) X(PATCH) X(OPTIONS) X(TRACE) X(CONNECT)  \
  X(PROPFIND) X(PROPPATCH) X(MKCOL) X(COPY) X(MOVE) X(LOCK) X(UNLOCK) X(SEARCH)    \
  X(BIND) X(REBIND) X(UNBIND) X(ACL) X(REPORT) X(MKACTIVITY) X(CHECKOUT) X(MERGE)  \
  X(NOTIFY) X(SUBSCRIBE) X(UNSUBSCRIBE) X(PURGE) X(MKCALENDAR) X(LINK) X(UNLINK)
/* clang-format on */

typedef enum cro_method {
#define CRO_METHOD_ENUM(name) CRO_##name,
  CRO_METHODS(CRO_METHOD_ENUM)
#undef CRO_METHOD_ENUM
      CRO_METHOD_COUNT,
  CRO_METHOD_NONE = -1
} cro_method;

/* "GET"; static. */
cro_bytes cro_method_name(cro_method method);
/* CRO_METHOD_NONE for a name that is none of them. Case matters. */
cro_method cro_method_find(cro_bytes name);

/* What the protocol that made the request can do for it; NULL: it cannot. */
typedef struct cro_request_ops {
  /* Promises the answer to GET `path` ahead of being asked (RFC 9113 8.4), and hands
   * the promised request on as if it had come. Fields are copied. 0; CRO_E_NOTSUP when
   * the peer wants none, CRO_E_INVAL, CRO_E_STATE once the answer is complete,
   * CRO_E_GONE, CRO_E_LIMIT, CRO_E_NOMEM. */
  int (*push)(cro_request *request, cro_bytes path, const cro_headers *headers);
  /* Sends an interim answer (1xx, but not 101) before the answer: status and headers of
   * `interim`, which is not the request's own response and goes past whatever stands
   * between application and writer. HTTP/1.0 gets none. 0; CRO_E_STATE once the answer
   * has begun, CRO_E_NOTSUP in a pipeline that writes no answers, CRO_E_GONE,
   * CRO_E_NOMEM. */
  int (*inform)(cro_request *request, const cro_response *interim);
} cro_request_ops;

struct cro_request {
  cro_arena *arena;
  cro_conn *conn;         /* NULL once gone, and for requests a script made */
  cro_response *response; /* the answer being built; same arena */
  cro_method method;
  uint8_t major, minor; /* of HTTP: 1.0, 1.1, 2.0 */
  bool keep_alive;      /* the peer wants (and framing allows) another request */
  bool expect_continue;
  bool upgrade;
  bool gone;
  bool pushed;                /* nobody asked for it: a promise of this side */
  int32_t stream;             /* HTTP/2; else 0 */
  const cro_request_ops *ops; /* NULL: released, or nobody's */
  void *protocol;             /* the protocol's own, until it is released */
  cro_bytes scheme;           /* HTTP/2's :scheme; static "http" or "https" */
  cro_bytes protocol_name;    /* of an extended CONNECT (RFC 8441); else empty */
  cro_bytes target;           /* as sent */
  cro_bytes path;             /* of the target, percent-encoded, "/" at least, or "*" */
  cro_bytes query;            /* after '?', without it; len 0 when none */
  cro_bytes authority;        /* absolute-form's, else Host's value, else empty */
  cro_headers headers;
  cro_headers trailers; /* complete when the body has ended */
  cro_body body;
  void *user; /* the upper floor's, per request */
  /* The upper floor's, may be NULL: called once by cro_request_release, last before
   * the protocol's hold is dropped. err 0: answered; else why the peer is gone. */
  void (*on_release)(cro_request *request, int err);
};

typedef enum cro_response_state {
  CRO_RESPONSE_OPEN,      /* being built: everything may change */
  CRO_RESPONSE_STREAMING, /* head taken by the writer, body parts follow */
  CRO_RESPONSE_ENDED      /* complete, or abandoned */
} cro_response_state;

/* Installed by the protocol writer when it takes a streaming response. All
 * answer like a push: 0, CRO_FULL or a cro_err. */
typedef struct cro_response_ops {
  int (*write)(cro_response *response, cro_bytes part);
  int (*end)(cro_response *response);    /* trailers: response->trailers */
  void (*abort)(cro_response *response); /* the body can't be completed */
} cro_response_ops;

struct cro_response {
  cro_arena *arena;
  cro_request *request; /* the one it answers */
  cro_response_state state;
  int status;          /* 0: none set yet */
  bool streams;        /* body by write/end instead of `body` */
  bool no_length;      /* HTTP/1: chunked although `body` is complete */
  cro_bytes reason;    /* empty: the standard phrase */
  cro_bytes type;      /* Content-Type; empty: none */
  cro_bytes body;      /* complete body; lives as long as the arena */
  int64_t length;      /* Content-Length of a streamed body, or -1: chunked */
  cro_headers headers; /* without Content-Type, Content-Length, Date, Connection */
  cro_headers trailers;
  uint64_t written;            /* body bytes given to the writer */
  const cro_response_ops *ops; /* NULL until a writer took it */
  void *writer;                /* the ops' own */
  /* Called by the loop when a write that answered CRO_FULL can go on, or a writer has
   * taken the head of a streaming response that somebody waits for already, or (err <
   * 0) when the peer is gone. NULL: nobody waits. */
  void (*on_drain)(cro_response *response, int err);
  void *drain_arg;
  /* Client direction: the body that comes with the answer; NULL on a server. */
  cro_body *incoming;
};

/* A request with its arena and response; one hold, the caller's (the protocol's).
 * NULL when memory is out. */
cro_request *cro_request_create(cro_conn *conn);

/* Moves every slice of the request that points into [head.at, head.at+head.len)
 * into the arena. 0, or CRO_E_NOMEM: then the request has lost its head (empty target,
 * no headers) and must be refused. */
int cro_request_keep(cro_request *request, cro_bytes head);

/* The protocol lets go: gone is set, conn NULL, the body ended in error if open (with
 * err, CRO_E_GONE when that is 0), the response abandoned if not ended; then on_drain
 * (only with err < 0) and on_release are told, and its hold is dropped. */
void cro_request_release(cro_request *request, int err);

/* Sets or appends a response header, copied into the arena. CRO_E_INVAL for a name
 * that is no token or a value with control bytes (response splitting), CRO_E_STATE
 * for one the protocol writes itself (Content-Length, Transfer-Encoding, Connection,
 * Keep-Alive, Date, TE, Trailer, Upgrade outside 101) or after the head is sent,
 * CRO_E_GONE, CRO_E_NOMEM. Content-Type goes to `type`. */
int cro_response_set(cro_response *response, cro_bytes name, cro_bytes value);
int cro_response_add(cro_response *response, cro_bytes name, cro_bytes value);

/* Appends a trailer, copied; it is sent when the body goes out chunked. CRO_E_INVAL
 * also for a name that may not come after the content, CRO_E_STATE once ended. */
int cro_response_trailer(cro_response *response, cro_bytes name, cro_bytes value);

/* Sets the complete body, copied; and the same without a copy for bytes that live
 * as long as the arena. CRO_E_STATE after the head is sent. */
int cro_response_body(cro_response *response, cro_bytes body);
int cro_response_body_ref(cro_response *response, cro_bytes body);

/* The standard phrase, "Unknown" when there is none; static. */
cro_bytes cro_status_phrase(int status);

#endif
