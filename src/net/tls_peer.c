/* Who is at the other end, and what was agreed on. */
#include "net/openssl.h"
#include "net/tls_session.h"

#include "base/alloc.h"
#include "base/err.h"

#include <arpa/inet.h>
#include <time.h>

static net_tls *of_conn(const cro_conn *conn)
{
  return CRO_CONTAINER(conn->tls, net_tls, info);
}

static bool covers(const cro_conn *conn, cro_bytes host)
{
  return net_tls_covers(of_conn(conn)->ssl, host);
}

static cro_bytes server_name(const net_tls *self)
{
  const char *name = SSL_get_servername(self->ssl, TLSEXT_NAMETYPE_host_name);

  return name != NULL ? cro_bytes_of(name) : (cro_bytes){ NULL, 0 };
}

void net_tls_fill_info(net_tls *self)
{
  const unsigned char *alpn;
  unsigned alpn_len;

  SSL_get0_alpn_selected(self->ssl, &alpn, &alpn_len);
  self->info = (cro_tls_info){
    .version = SSL_get_version(self->ssl),
    .cipher = SSL_get_cipher_name(self->ssl),
    .alpn = { (const char *)alpn, alpn_len },
    .server_name = server_name(self),
    .resumed = SSL_session_reused(self->ssl) == 1,
    .verified = SSL_get0_peer_certificate(self->ssl) != NULL &&
                SSL_get_verify_result(self->ssl) == X509_V_OK,
    .covers = self->server ? covers : NULL,
  };
}

/* --- the certificate ----------------------------------------------------------------
 */

enum { part_count = 7 };

/* All texts in one memory BIO, one behind the other; ends[i] is where the i-th does. */
typedef struct parts {
  BIO *bio;
  size_t ends[part_count];
  size_t count;
  bool cut; /* something did not fit into memory */
} parts;

static void end_part(parts *out)
{
  char *at;

  out->ends[out->count++] = (size_t)BIO_get_mem_data(out->bio, &at);
}

static void put(parts *out, const void *bytes, int len)
{
  if (len > 0 && BIO_write(out->bio, bytes, len) != len)
    out->cut = true;
}

static void add_name(parts *out, const X509_NAME *name)
{
  X509_NAME_print_ex(out->bio, name, 0, XN_FLAG_RFC2253);
  end_part(out);
}

static void add_common_name(parts *out, const X509_NAME *name)
{
  int at = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
  const X509_NAME_ENTRY *entry = at >= 0 ? X509_NAME_get_entry(name, at) : NULL;

  if (entry != NULL)
    ASN1_STRING_print_ex(out->bio, X509_NAME_ENTRY_get_data(entry),
                         ASN1_STRFLGS_UTF8_CONVERT | ASN1_STRFLGS_ESC_CTRL);
  end_part(out);
}

static void add_hex(parts *out, const unsigned char *bytes, size_t len)
{
  for (size_t i = 0; i < len; i++)
    BIO_printf(out->bio, "%02x", bytes[i]);
  end_part(out);
}

static void add_fingerprint(parts *out, const X509 *cert)
{
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned len = 0;

  if (X509_digest(cert, EVP_sha256(), digest, &len) != 1)
    len = 0;
  add_hex(out, digest, len);
}

/* --- subjectAltName: what is in it is anybody's bytes, so that none of them may look
 * as the end of an entry
 * ------------------------------------------------------------------
 */

/* "\00" for what belongs in no name, as in RFC 4514. */
static void put_escaped(parts *out, const ASN1_STRING *text)
{
  static const char digits[] = "0123456789ABCDEF";
  const unsigned char *at = ASN1_STRING_get0_data(text);

  for (int i = 0, len = ASN1_STRING_length(text); i < len; i++) {
    char escaped[3] = { '\\', digits[at[i] >> 4], digits[at[i] & 15] };

    if (at[i] == '\\')
      put(out, "\\\\", 2);
    else if (at[i] < 0x20 || at[i] >= 0x7f)
      put(out, escaped, sizeof escaped);
    else
      put(out, at + i, 1);
  }
}

static bool is_address(const ASN1_STRING *bytes)
{
  return ASN1_STRING_length(bytes) == 4 || ASN1_STRING_length(bytes) == 16;
}

static void put_address(parts *out, const ASN1_STRING *bytes)
{
  int family = ASN1_STRING_length(bytes) == 4 ? AF_INET : AF_INET6;
  char text[INET6_ADDRSTRLEN];

  if (inet_ntop(family, ASN1_STRING_get0_data(bytes), text, sizeof text) != NULL)
    put(out, text, (int)strlen(text));
}

static const char *kind_of(const GENERAL_NAME *name)
{
  switch (name->type) {
  case GEN_DNS:
    return "DNS:";
  case GEN_EMAIL:
    return "email:";
  case GEN_URI:
    return "URI:";
  case GEN_IPADD:
    return is_address(name->d.iPAddress) ? "IP:" : NULL;
  default:
    return NULL;
  }
}

static void add_entry(parts *out, const GENERAL_NAME *name)
{
  const char *kind = kind_of(name);

  if (kind == NULL)
    return;
  put(out, kind, (int)strlen(kind));
  if (name->type == GEN_IPADD)
    put_address(out, name->d.iPAddress);
  else
    put_escaped(out, name->d.ia5);
  put(out, "", 1);
}

static void add_names(parts *out, const X509 *cert)
{
  GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);

  for (int i = 0; i < sk_GENERAL_NAME_num(names); i++)
    add_entry(out, sk_GENERAL_NAME_value(names, i));
  GENERAL_NAMES_free(names);
  end_part(out);
}

static void add_all(parts *out, X509 *cert)
{
  const ASN1_INTEGER *serial = X509_get0_serialNumber(cert);

  add_name(out, X509_get_subject_name(cert));
  add_name(out, X509_get_issuer_name(cert));
  add_common_name(out, X509_get_subject_name(cert));
  add_hex(out, ASN1_STRING_get0_data(serial), (size_t)ASN1_STRING_length(serial));
  add_fingerprint(out, cert);
  add_names(out, cert);
  PEM_write_bio_X509(out->bio, cert);
  end_part(out);
}

static int64_t seconds_of(const ASN1_TIME *time)
{
  struct tm fields = { 0 };

  return ASN1_TIME_to_tm(time, &fields) == 1 ? (int64_t)timegm(&fields) : 0;
}

/* The struct and its texts are one block. */
static cro_tls_peer *block_of(const parts *all, const X509 *cert)
{
  size_t len = all->ends[part_count - 1], from = 0;
  cro_tls_peer *peer = cro_alloc(sizeof *peer + len + 1);
  char *texts, *at;

  if (peer == NULL)
    return NULL;
  texts = (char *)(peer + 1);
  (void)BIO_get_mem_data(all->bio, &at);
  if (len > 0)
    memcpy(texts, at, len);
  *peer = (cro_tls_peer){ .not_before = seconds_of(X509_get0_notBefore(cert)),
                          .not_after = seconds_of(X509_get0_notAfter(cert)) };
  cro_bytes *const slices[part_count] = { &peer->subject,     &peer->issuer,
                                          &peer->common_name, &peer->serial,
                                          &peer->fingerprint, &peer->names,
                                          &peer->pem };
  for (size_t i = 0; i < part_count; from = all->ends[i++])
    *slices[i] = (cro_bytes){ texts + from, all->ends[i] - from };
  return peer;
}

/* Read once, when it is asked for. */
static int read_peer(cro_tls_peer **kept, X509 *cert, cro_tls_peer *out)
{
  parts all = { .count = 0 };

  if (cert == NULL)
    return CRO_E_NOTFOUND;
  if (*kept == NULL) {
    all.bio = BIO_new(BIO_s_mem());
    if (all.bio == NULL)
      return CRO_E_NOMEM;
    add_all(&all, cert);
    *kept = all.cut ? NULL : block_of(&all, cert);
    BIO_free(all.bio);
    ERR_clear_error();
  }
  if (*kept == NULL)
    return CRO_E_NOMEM;
  *out = **kept;
  return 0;
}

int net_tls_peer(net_tls *self, cro_tls_peer *out)
{
  if (!self->established)
    return CRO_E_STATE;
  return read_peer(&self->peer, SSL_get0_peer_certificate(self->ssl), out);
}

/* --- what outlives the connection ---------------------------------------------------
 */

struct cro_tls_memory {
  cro_tls_info info; /* texts of the peer's are behind the struct */
  cro_tls_peer *peer;
  X509 *cert;
};

static cro_bytes copy(char *to, cro_bytes from)
{
  if (from.len > 0)
    memcpy(to, from.at, from.len);
  return (cro_bytes){ to, from.len };
}

cro_tls_memory *cro_tls_remember(cro_tcp *tcp)
{
  cro_layer *layer = cro_tcp_layer(tcp);
  const net_tls *self = layer != NULL ? net_tls_of(layer) : NULL;
  cro_tls_memory *memory;
  char *texts;

  if (self == NULL || !self->established)
    return NULL;
  memory =
      cro_alloc(sizeof *memory + self->info.alpn.len + self->info.server_name.len + 1);
  if (memory == NULL)
    return NULL;
  texts = (char *)(memory + 1);
  *memory = (cro_tls_memory){ .info = self->info,
                              .cert = SSL_get1_peer_certificate(self->ssl) };
  memory->info.alpn = copy(texts, self->info.alpn);
  memory->info.server_name = copy(texts + self->info.alpn.len, self->info.server_name);
  memory->info.covers = NULL;
  return memory;
}

void cro_tls_forget(cro_tls_memory *memory)
{
  if (memory == NULL)
    return;
  X509_free(memory->cert);
  cro_free(memory->peer);
  cro_free(memory);
}

const cro_tls_info *cro_tls_memory_info(const cro_tls_memory *memory)
{
  return &memory->info;
}

int cro_tls_memory_peer(cro_tls_memory *memory, cro_tls_peer *out)
{
  return read_peer(&memory->peer, memory->cert, out);
}
