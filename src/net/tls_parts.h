/* net/tls_parts.h - what a TLS context consists of; for the files that make it.
 *
 * settings (the caller's options, copied) --read--> files --make--> generation: the
 * identities, the table of names, the trust and one SSL_CTX for each set of
 * certificates that some name is answered with. A generation is whole or it is not
 * there; it is never changed, and lives as long as the context has it or an SSL of it.
 *
 * Functions that read or make things answer 0 or a cro_err with the fault filled.
 */
#ifndef CRO_NET_TLS_PARTS_H
#define CRO_NET_TLS_PARTS_H

#include "base/buf.h"
#include "base/list.h"
#include "net/openssl.h"
#include "net/tls_context.h"

#include <sys/types.h>

enum {
  tls_file_max = 1024 * 1024, /* of one file of certificates or keys */
  tls_alpn_max = 1024,        /* of all protocols, as they go over the wire */
  tls_name_max = 255,         /* of a host name */
  tls_ticket_age = 12 * 3600, /* seconds until a ticket key is replaced */
  tls_session_age = 2 * 3600, /* seconds a session can be resumed */
  tls_depth = 9,              /* of a chain of certificates */
  tls_warning_room = 512,
};

/* --- faults and files (tls_file.c) ------------------------------------------------ */

/* OpenSSL's queue says so: then nothing else it says is to be believed. */
bool tls_out_of_memory(void);
/* Answers `err`, with the text in the fault; or, when it was OpenSSL that has run out
 * of memory, that. */
int tls_fault(cro_tls_fault *fault, int err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* CRO_E_NOMEM in words. */
int tls_nomem(cro_tls_fault *fault);
/* The same, of something that has failed without a word in OpenSSL's queue; else 0. */
int tls_silent_fault(cro_tls_fault *fault);

/* What a file was when it was read. */
typedef struct tls_stamp {
  char *path;
  bool there;
  dev_t device;
  ino_t inode;
  off_t size;
  int64_t modified; /* ns */
} tls_stamp;

typedef struct tls_stamps {
  tls_stamp *at;
  size_t count, room;
} tls_stamps;

/* Gives the memory back; an empty one is fine. */
void tls_stamps_free(tls_stamps *stamps);
/* A file is no longer what it was. */
bool tls_stamps_changed(const tls_stamps *stamps);
/* Notes what a file or folder is now, be it there or not. */
int tls_stamps_add(tls_stamps *stamps, const char *path, cro_tls_fault *fault);

/* Reads a whole file that the option `what` names and notes what it is. What is read
 * may be secret: tls_file_free forgets it. */
int tls_file_read(cro_buf *out, tls_stamps *stamps, const char *what, const char *path,
                  cro_tls_fault *fault);
void tls_file_free(cro_buf *file);

/* --- settings (tls_settings.c) ---------------------------------------------------- */

/* As cro_tls_identity; "" for what is not given. */
typedef struct tls_paths {
  const char *server_name, *certificate, *private_key, *pkcs12, *password, *ocsp;
} tls_paths;

typedef struct tls_settings {
  bool server, sni_strict, no_sessions;
  cro_tls_verify verify; /* never DEFAULT */
  int min_version;       /* OpenSSL's number */
  tls_paths *identities;
  size_t identity_count;
  const char *ca_file, *ca_path, *key_log;
  char *ciphers;      /* of TLS 1.2 */
  char *ciphersuites; /* of TLS 1.3 */
  uint8_t *alpn;      /* each name behind its length */
  size_t alpn_len;
  char *text; /* where all the strings are */
  size_t text_len;
} tls_settings;

/* Copies and checks whatever can be checked without a file. */
int tls_settings_create(tls_settings **out, const cro_tls_options *options,
                        cro_tls_fault *fault);
/* Forgets the passwords, too. NULL is harmless. */
void tls_settings_destroy(tls_settings *settings);

/* Sets the ciphers of TLS 1.2 that the list names and that are ECDHE with AEAD, and
 * those of TLS 1.3. */
int tls_ciphers_apply(SSL_CTX *ssl, const tls_settings *settings, cro_tls_fault *fault);

/* --- identities (tls_identity.c, tls_pkcs12.c) ------------------------------------ */

typedef struct tls_identity {
  X509 *leaf;
  STACK_OF(X509) * chain; /* NULL: the leaf alone */
  EVP_PKEY *key;
  cro_buf ocsp;       /* DER; empty: none */
  int64_t ocsp_until; /* seconds since 1970; INT64_MAX when it does not say */
  bool named;         /* the settings say the name, not the certificate */
  char **names;       /* lower case, "*.example.org" */
  size_t name_count;
} tls_identity;

enum { tls_place_room = tls_name_max + 16 };
/* Of one that a name is given for, says before the text where it stands, as a script
 * writes it: sni["a.test"].certificate_file crt.pem: ... */
void tls_place(char *text, size_t room, const tls_paths *paths);

/* `warnings`: room for tls_warning_room, added to. */
int tls_identity_load(tls_identity *out, const tls_paths *paths, bool server,
                      tls_stamps *stamps, char *warnings, cro_tls_fault *fault);
void tls_identity_free(tls_identity *identity);
/* EVP_PKEY_RSA and so on. */
int tls_identity_kind(const tls_identity *identity);
/* Adds a sentence to what an owner should know. */
void tls_warn(char *warnings, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The last error says no more than that a PEM file has come to its end. */
bool tls_pem_end(void);

/* The parts of tls_identity_load. */
int tls_pkcs12_load(tls_identity *out, const tls_paths *paths, tls_stamps *stamps,
                    cro_tls_fault *fault);
/* A host name, or one behind "*.", as it is compared: lower case, xn--, no dot at the
 * end. CRO_E_INVAL for what is none. */
int tls_name_of(cro_bytes in, char out[tls_name_max + 1]);
int tls_names_load(tls_identity *out, const tls_paths *paths, cro_tls_fault *fault);
int tls_ocsp_load(tls_identity *out, const tls_paths *paths, tls_stamps *stamps,
                  char *warnings, cro_tls_fault *fault);

/* --- trust (tls_trust.c) ---------------------------------------------------------- */

typedef struct tls_trust {
  X509_STORE *store;           /* NULL: nobody is verified */
  STACK_OF(X509_NAME) * names; /* told to clients; NULL: none */
  uint8_t digest[32];          /* of who is trusted and how it is verified */
} tls_trust;

/* Into an all-zero one; tls_trust_free is due also when it fails. */
int tls_trust_load(tls_trust *out, const tls_settings *settings, tls_stamps *stamps,
                   cro_tls_fault *fault);
/* An empty one is fine. */
void tls_trust_free(tls_trust *trust);
/* Verification of peers as the settings ask for it. 0 or CRO_E_NOMEM. */
int tls_trust_apply(const tls_trust *trust, const tls_settings *settings, SSL_CTX *ssl);

/* --- ticket keys (tls_ticket.c) --------------------------------------------------- */

typedef struct tls_ticket_key {
  uint8_t name[16], cipher[32], mac[32];
  int64_t made; /* seconds since 1970 */
} tls_ticket_key;

/* The first one encrypts, both decrypt. */
typedef struct tls_tickets {
  tls_ticket_key keys[2];
  unsigned count;
  EVP_CIPHER *aes;
} tls_tickets;

/* The first key. 0, CRO_E_NOMEM or CRO_E_IO; tls_tickets_free is due in any case. */
int tls_tickets_init(tls_tickets *tickets);
/* Forgets the keys. */
void tls_tickets_free(tls_tickets *tickets);
/* Servers: tickets are sealed with the keys of the SSL's context. */
void tls_tickets_apply(SSL_CTX *ssl);

/* --- sessions of clients (tls_sessions.c) ----------------------------------------- */

typedef struct tls_sessions {
  cro_list recent; /* of saved sessions, the latest first */
  size_t count;
} tls_sessions;

/* Empty. */
void tls_sessions_init(tls_sessions *sessions);
/* Lets go of all. */
void tls_sessions_clear(tls_sessions *sessions);
/* Clients: what servers offer is remembered for SSLs that have a key. */
void tls_sessions_apply(SSL_CTX *ssl);

/* --- names and generations (tls_names.c, tls_generation.c, tls_hello.c)
 * ------------------------ */

/* What a name is answered with. */
typedef struct tls_answer {
  const char *name; /* an identity's */
  SSL_CTX *ssl;     /* the generation's */
} tls_answer;

typedef struct tls_generation {
  unsigned holds;
  cro_tls_context *context; /* not held; who holds this by an SSL holds that too */
  tls_settings *settings;   /* the context's */
  tls_identity *identities;
  size_t identity_count;
  tls_trust trust;
  tls_answer *answers; /* sorted by name */
  size_t answer_count;
  SSL_CTX **made; /* the first is for clients that ask for nothing we know */
  size_t made_count;
  char warnings[tls_warning_room];
} tls_generation;

/* One hold. `stamps`: of all files that were looked at, also when it fails. */
int tls_generation_create(tls_generation **out, cro_tls_context *context,
                          tls_stamps *stamps, cro_tls_fault *fault);
void tls_generation_drop(tls_generation *generation); /* NULL is harmless */
/* An SSL_CTX with these of the generation's identities, `count` of them. */
int tls_ssl_make(SSL_CTX **out, tls_generation *generation, const size_t *identities,
                 size_t count, cro_tls_fault *fault);
/* The table of names and the SSL_CTX of each set of identities. */
int tls_answers_make(tls_generation *generation, cro_tls_fault *fault);
/* For the name in lower case; NULL when there is none. */
SSL_CTX *tls_answer_for(const tls_generation *generation, cro_bytes name);

/* Servers: SNI, ALPN and stapling. */
void tls_hello_apply(SSL_CTX *ssl, const tls_settings *settings);

/* --- contexts (tls_context.c) ----------------------------------------------------- */

struct cro_tls_context {
  unsigned holds;
  tls_settings *settings;
  tls_generation *now;
  tls_stamps stamps; /* of the last attempt to read them */
  tls_tickets tickets;
  tls_sessions sessions;
  int key_log; /* descriptor, or -1 */
};

/* The one an SSL was made of. */
tls_generation *tls_generation_of(const SSL *ssl);

#endif
