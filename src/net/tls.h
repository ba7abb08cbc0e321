/* net/tls.h - TLS 1.2 and 1.3 (OpenSSL 3) as a layer of a stream connection.
 *
 * A context holds what is said in every handshake: certificates, keys, trust,
 * protocols, ticket keys. It is read from files once, checked whole, shared by any
 * number of connections, and can be read again while it is used (reload): handshakes
 * that have begun go on with what they began with. It is counted; who keeps it holds
 * it.
 *
 * cro_tls_accept and cro_tls_connect put a layer on a connection that is not started,
 * start it, shake hands under a deadline and tell. From then on the connection is as
 * any other: link the pipeline between cro_tcp_source and cro_tcp_sink, attach, and
 * cro_tcp_start. Output is gathered and encrypted once per flush, up to 16 KiB a
 * record. The peer's close_notify is `finish`; an end without one is `fail` with
 * CRO_E_EOF, so that a truncated stream is not taken for a whole one. An orderly close
 * and a FIN send close_notify first.
 *
 * Only TLS 1.2 with ECDHE and AEAD and TLS 1.3; no compression, no renegotiation, no
 * early data. A failed handshake sends the alert, closes that connection and harms no
 * other. Nothing of OpenSSL is touched before the first context, which costs 3 ms and
 * 3.3 MiB.
 */
#ifndef CRO_NET_TLS_H
#define CRO_NET_TLS_H

#include "net/tcp.h"

typedef struct cro_tls_context cro_tls_context;

/* A certificate with its chain and key: PEM files, or one PKCS12 file. */
typedef struct cro_tls_identity {
  cro_bytes server_name;      /* "example.org", "*.example.org"; empty: what the
                               * certificate says, and the first is the default */
  cro_bytes certificate_file; /* PEM, the leaf first */
  cro_bytes private_key_file; /* PEM; empty: in certificate_file */
  cro_bytes pkcs12_file;      /* instead of both */
  cro_bytes password;         /* of the key or the PKCS12 file */
  cro_bytes ocsp_file;        /* a response in DER, stapled; empty: none */
} cro_tls_identity;

typedef enum cro_tls_verify {
  CRO_TLS_VERIFY_DEFAULT,  /* servers: none; clients: require */
  CRO_TLS_VERIFY_NONE,     /* clients: anybody may be at the other end */
  CRO_TLS_VERIFY_OPTIONAL, /* servers: a certificate that is shown must be trusted */
  CRO_TLS_VERIFY_REQUIRE
} cro_tls_verify;

typedef struct cro_tls_options {
  bool server;
  const cro_tls_identity *identities; /* servers: one at least */
  size_t identity_count;
  cro_bytes ca_file,
      ca_path; /* whom to trust; both empty: clients trust the system's */
  cro_tls_verify verify;
  const cro_bytes *alpn; /* in order of preference; servers refuse a client that speaks
                          * ALPN and none of these */
  size_t alpn_count;
  int min_version;        /* 12 or 13; 0: 12 */
  cro_bytes ciphers;      /* of TLS 1.2, OpenSSL's names; empty: ECDHE with AEAD */
  cro_bytes key_log_file; /* NSS format, appended, for Wireshark; empty: none */
  bool sni_strict;        /* a name that no certificate is for: unrecognized_name */
  bool no_sessions;       /* neither tickets nor resumption */
} cro_tls_options;

/* Why there is no context: "certificate_file server.pem: no certificate in it (PEM
 * lib: no start line)". */
typedef struct cro_tls_fault {
  int err;
  char text[512];
} cro_tls_fault;

/* Reads and checks everything that is named. Options are copied. 0 with one hold, or a
 * cro_err with *fault filled. */
int cro_tls_context_create(cro_tls_context **out, const cro_tls_options *options,
                           cro_tls_fault *fault);
cro_tls_context *cro_tls_context_hold(cro_tls_context *context);
void cro_tls_context_drop(cro_tls_context *context); /* NULL is harmless */

/* Reads all files again; only when everything is good does it take the place of what
 * was there. A server still resumes sessions of before when it trusts whom it trusted
 * then; a client begins anew. A failed attempt counts as read: it is tried again when a
 * file changes once more. */
int cro_tls_context_reload(cro_tls_context *context, cro_tls_fault *fault);

/* Whether a file has another time or size than when it was read: a stat each. */
bool cro_tls_context_changed(cro_tls_context *context);

/* What an owner should know although it is served: "certificate_file crt.pem: expired
 * 2024-05-01 00:00 UTC"; several with "; " between. "" for nothing. Until the next
 * reload. */
const char *cro_tls_context_warning(const cro_tls_context *context);

/* --- certificates for development ------------------------------------------------ */

/* A certificate for names of one's own and the authority that has signed it, which is
 * made when it is not there and used again when it is: whoever trusts its ca_file
 * trusts all of them. Keys are of EC P-256 and readable by their owner only. */
typedef struct cro_tls_dev {
  cro_bytes ca_file, ca_key_file; /* the authority; both are there, or neither */
  cro_bytes certificate_file, private_key_file; /* replaced */
  const cro_bytes *names; /* host names, "*.example.test", addresses; one at least */
  size_t name_count;
  int days;    /* it is good for, 1 to 825; 0: 825 */
  bool client; /* to be shown by clients, too */
} cro_tls_dev;

/* Each file is written beside its place first; what was there stays whole until then.
 * 0, or a cro_err with *fault filled. `made_ca` (may be NULL): the authority is new. */
int cro_tls_dev_certificate(const cro_tls_dev *what, bool *made_ca,
                            cro_tls_fault *fault);

/* What the certificate that is there is good for. */
typedef struct cro_tls_dev_seen {
  bool covers;   /* it is for all the names */
  bool ours;     /* the authority of ca_file has signed it */
  int64_t until; /* seconds since 1970 */
} cro_tls_dev_seen;

/* Looks at certificate_file and ca_file: 0, or a cro_err with *fault filled, among them
 * CRO_E_NOTFOUND. */
int cro_tls_dev_look(const cro_tls_dev *what, cro_tls_dev_seen *out,
                     cro_tls_fault *fault);

/* --- connections ----------------------------------------------------------------- */

/* err 0: the handshake is over, conn->tls is filled, link and start. Else the
 * connection ends by itself and cro_tls_why says more. Called once, by the loop; not
 * when the owner has closed or aborted the connection before. */
typedef void cro_tls_done_fn(void *arg, cro_tcp *tcp, int err);

/* The server's side. `ms`: for the whole handshake. CRO_E_NOMEM, CRO_E_STATE (it has a
 * layer, or the context is of the other side), CRO_E_CLOSED: done is never called and
 * the connection is as it was.
 *
 * STARTTLS: on a connection that is started the layer is put below the pipeline it has,
 * in the middle of a push too. What was pushed into the sink before goes out plain;
 * what was read before was delivered, and is plain however much of it there was: who
 * means to go on with TLS throws it away. Everything that comes from now on is TLS;
 * what is pushed from now on waits for the handshake. The pipeline goes on by itself
 * when done has returned, and hears of a failure as of any other (`fail`). */
int cro_tls_accept(cro_tcp *tcp, cro_tls_context *context, uint64_t ms,
                   cro_tls_done_fn *done, void *arg);

/* The client's side; `name`, a host name or a numeric address, is asked for (SNI, names
 * only; beyond ASCII in its xn-- form) and the certificate must be for it. Sessions are
 * resumed per name and port. Also CRO_E_INVAL: no name, unless anybody may be at the
 * other end, or one that is too long.
 */
int cro_tls_connect(cro_tcp *tcp, cro_tls_context *context, cro_bytes name, uint64_t ms,
                    cro_tls_done_fn *done, void *arg);

/* Why the handshake or the connection failed, in words: "certificate has expired (depth
 * 0, CN=example.org)". Lives as long as the connection; "" when there is nothing. */
const char *cro_tls_why(cro_tcp *tcp);

/* What the peer's certificate says. Slices live until the connection is gone. */
typedef struct cro_tls_peer {
  cro_bytes subject, issuer; /* RFC 2253: "CN=alice,O=Example" */
  cro_bytes common_name;     /* control characters as "\\00" */
  cro_bytes serial;          /* hexadecimal */
  cro_bytes fingerprint;     /* SHA-256, hexadecimal */
  cro_bytes names;           /* subjectAltName: "DNS:a.example", "IP:127.0.0.1",
                              * "email:", "URI:", each ended by a NUL, which is in none:
                              * other bytes than printable ASCII stand there as "\\00" */
  cro_bytes pem;
  int64_t not_before, not_after; /* seconds since 1970 */
} cro_tls_peer;

/* 0; CRO_E_NOTFOUND when the peer has shown none, CRO_E_STATE before the handshake is
 * over or without TLS, CRO_E_NOMEM. */
int cro_tls_peer_of(cro_tcp *tcp, cro_tls_peer *out);

/* The same for who asks later: what was agreed on, without the connection. Its own from
 * the call on; slices live as long as it does. NULL before the handshake is over,
 * without TLS, and without memory. */
typedef struct cro_tls_memory cro_tls_memory;
cro_tls_memory *cro_tls_remember(cro_tcp *tcp);
void cro_tls_forget(cro_tls_memory *memory); /* NULL is harmless */
const cro_tls_info *cro_tls_memory_info(const cro_tls_memory *memory);
int cro_tls_memory_peer(cro_tls_memory *memory, cro_tls_peer *out);

#endif
