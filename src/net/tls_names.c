/* Which certificate a name is answered with, and which names a certificate is for.
 *
 * A name that the settings give a certificate goes before one that only stands in a
 * certificate, and the whole name before a wildcard, which stands for one label.
 * Certificates of one name with keys of different kinds are one answer: OpenSSL takes
 * what the client can. */
#include "net/openssl.h"
#include "net/tls_parts.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/punycode.h"
#include "base/text.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

enum {
  names_max = 1024, /* of one certificate */
  covering = X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS,
};

/* --- names ------------------------------------------------------------------------ */

static bool is_label_char(char c)
{
  return cro_char_is(c, CRO_CHAR_ALPHA | CRO_CHAR_DIGIT) || c == '-' || c == '_';
}

/* Labels of letters, digits, '-' and '_'; the first may be "*". */
static bool is_name(const char *name)
{
  size_t label = 0;

  if (name[0] == '*' && name[1] == '.')
    name += 2;
  for (; *name != '\0'; name++) {
    if (*name == '.' ? label == 0 : !is_label_char(*name))
      return false;
    label = *name == '.' ? 0 : label + 1;
  }
  return label > 0;
}

int tls_name_of(cro_bytes in, char out[tls_name_max + 1])
{
  if (in.len > 0 && in.at[in.len - 1] == '.')
    in.len--;
  if (cro_punycode_host(in, out, tls_name_max + 1) != 0 || !is_name(out))
    return CRO_E_INVAL;
  for (; *out != '\0'; out++)
    if (*out >= 'A' && *out <= 'Z')
      *out = (char)(*out | 0x20);
  return 0;
}

/* --- names of a certificate ------------------------------------------------------- */

static int add_name(tls_identity *out, const char *text, size_t len)
{
  char *name;

  if (len == 0 || len > tls_name_max || memchr(text, '\0', len) != NULL ||
      out->name_count == names_max)
    return 0;
  name = cro_alloc(len + 1);
  if (name == NULL)
    return CRO_E_NOMEM;
  for (size_t i = 0; i < len; i++)
    name[i] = text[i] >= 'A' && text[i] <= 'Z' ? (char)(text[i] | 0x20) : text[i];
  name[len] = '\0';
  out->names[out->name_count++] = name;
  return 0;
}

static int add_common_name(tls_identity *out)
{
  X509_NAME *subject = X509_get_subject_name(out->leaf);
  int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  const ASN1_STRING *name;

  if (at < 0)
    return 0;
  name = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at));
  return add_name(out, (const char *)ASN1_STRING_get0_data(name),
                  (size_t)ASN1_STRING_length(name));
}

static int add_alternatives(tls_identity *out, const GENERAL_NAMES *names)
{
  int rc = 0;

  for (int i = 0; i < sk_GENERAL_NAME_num(names) && rc == 0; i++) {
    int kind;
    const ASN1_STRING *name =
        GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names, i), &kind);

    if (kind == GEN_DNS)
      rc = add_name(out, (const char *)ASN1_STRING_get0_data(name),
                    (size_t)ASN1_STRING_length(name));
  }
  return rc;
}

static int names_of_leaf(tls_identity *out)
{
  GENERAL_NAMES *names = X509_get_ext_d2i(out->leaf, NID_subject_alt_name, NULL, NULL);
  size_t room = (size_t)(names != NULL ? sk_GENERAL_NAME_num(names) : 0) + 1;
  int rc;

  out->names = cro_alloc((room < names_max ? room : names_max) * sizeof *out->names);
  if (out->names == NULL)
    rc = CRO_E_NOMEM;
  else
    rc = names != NULL ? add_alternatives(out, names) : add_common_name(out);
  GENERAL_NAMES_free(names);
  return rc;
}

int tls_names_load(tls_identity *out, const tls_paths *paths, cro_tls_fault *fault)
{
  int rc = 0;

  out->named = paths->server_name[0] != '\0';
  if (!out->named)
    return names_of_leaf(out) == 0 ? 0 : tls_nomem(fault);
  out->names = cro_alloc(sizeof *out->names);
  if (out->names != NULL)
    rc = add_name(out, paths->server_name, strlen(paths->server_name));
  return out->names != NULL && rc == 0 ? 0 : tls_nomem(fault);
}

/* --- the table of names ----------------------------------------------------------- */

/* One name of one identity. */
typedef struct claim {
  const char *name;
  size_t identity;
  bool named;
} claim;

static int by_name(const void *a, const void *b)
{
  const claim *x = a, *y = b;
  int order = strcmp(x->name, y->name);

  if (order != 0)
    return order;
  if (x->named != y->named)
    return x->named ? -1 : 1;
  return x->identity < y->identity ? -1 : x->identity > y->identity;
}

/* The identities that answer together, first come first, one for each kind of key. */
enum { kinds_max = 4 }; /* RSA, EC, Ed25519, RSA-PSS */

typedef struct answering {
  size_t at[kinds_max];
  size_t count;
} answering;

static bool has_kind(const tls_generation *generation, const answering *set, int kind)
{
  for (size_t i = 0; i < set->count; i++)
    if (tls_identity_kind(&generation->identities[set->at[i]]) == kind)
      return true;
  return false;
}

static void join(const tls_generation *generation, answering *set, size_t identity)
{
  int kind = tls_identity_kind(&generation->identities[identity]);

  if (set->count < kinds_max && !has_kind(generation, set, kind))
    set->at[set->count++] = identity;
}

/* The claims of one name, `count` of them: those of the settings or else all. */
static answering settle(const tls_generation *generation, const claim *claims,
                        size_t count)
{
  answering set = { .count = 0 };

  for (size_t i = 0; i < count; i++)
    if (claims[i].named == claims[0].named)
      join(generation, &set, claims[i].identity);
  return set;
}

static bool shares_name(const tls_identity *a, const tls_identity *b)
{
  if (a->name_count == 0 && b->name_count == 0)
    return true;
  for (size_t i = 0; i < a->name_count; i++)
    for (size_t k = 0; k < b->name_count; k++)
      if (strcmp(a->names[i], b->names[k]) == 0)
        return true;
  return false;
}

/* For clients that ask for nothing we know; all that a client context has. */
static answering settle_default(const tls_generation *generation)
{
  answering set = { .count = 0 };
  const tls_identity *all = generation->identities;

  for (size_t i = 0; i < generation->identity_count; i++)
    if (i == 0 || !generation->settings->server || shares_name(&all[0], &all[i]))
      join(generation, &set, i);
  return set;
}

/* --- making it -------------------------------------------------------------------- */

/* The SSL_CTX that has been made for a set, by its place in `made`. */
typedef struct maker {
  tls_generation *generation;
  answering *sets; /* beside generation->made */
  claim *claims;
  size_t claim_count;
} maker;

static size_t find_set(const maker *self, const answering *set)
{
  size_t i = 0;

  while (i < self->generation->made_count &&
         (self->sets[i].count != set->count ||
          memcmp(self->sets[i].at, set->at, set->count * sizeof set->at[0]) != 0))
    i++;
  return i;
}

static int make_for(maker *self, const answering *set, SSL_CTX **out,
                    cro_tls_fault *fault)
{
  tls_generation *generation = self->generation;
  size_t at = find_set(self, set);
  int rc = 0;

  if (at == generation->made_count) {
    rc = tls_ssl_make(&generation->made[at], generation, set->at, set->count, fault);
    self->sets[at] = *set;
    generation->made_count += rc == 0;
  }
  if (rc == 0 && out != NULL)
    *out = generation->made[at];
  return rc;
}

static size_t claims_of(const maker *self, size_t from)
{
  size_t end = from;

  while (end < self->claim_count &&
         strcmp(self->claims[end].name, self->claims[from].name) == 0)
    end++;
  return end - from;
}

/* Two certificates of one kind that the settings give the same name: one would never
 * be seen. */
static int check_claims(const maker *self, const claim *claims, size_t count,
                        cro_tls_fault *fault)
{
  const tls_identity *all = self->generation->identities;

  for (size_t i = 1; i < count && claims[i].named; i++)
    for (size_t k = 0; k < i; k++)
      if (tls_identity_kind(&all[claims[i].identity]) ==
          tls_identity_kind(&all[claims[k].identity]))
        return tls_fault(fault, CRO_E_INVAL,
                         "server_name %s: has two certificates whose keys are of one "
                         "kind",
                         claims[i].name);
  return 0;
}

static int make_all(maker *self, cro_tls_fault *fault)
{
  tls_generation *generation = self->generation;
  answering first = settle_default(generation);
  int rc = make_for(self, &first, NULL, fault);
  size_t count;

  for (size_t i = 0; i < self->claim_count && rc == 0; i += count) {
    tls_answer *answer = &generation->answers[generation->answer_count++];
    answering set;

    count = claims_of(self, i);
    set = settle(generation, &self->claims[i], count);
    answer->name = self->claims[i].name;
    rc = check_claims(self, &self->claims[i], count, fault);
    if (rc == 0)
      rc = make_for(self, &set, &answer->ssl, fault);
  }
  return rc;
}

static void collect(maker *self)
{
  tls_generation *generation = self->generation;

  for (size_t i = 0; i < generation->identity_count; i++) {
    tls_identity *identity = &generation->identities[i];

    for (size_t k = 0; k < identity->name_count; k++)
      self->claims[self->claim_count++] =
          (claim){ identity->names[k], i, identity->named };
  }
  if (self->claim_count > 0)
    qsort(self->claims, self->claim_count, sizeof *self->claims, by_name);
}

int tls_answers_make(tls_generation *generation, cro_tls_fault *fault)
{
  maker self = { .generation = generation };
  size_t names = 1;
  int rc = CRO_E_NOMEM;

  if (generation->settings->server)
    for (size_t i = 0; i < generation->identity_count; i++)
      names += generation->identities[i].name_count;
  generation->answers = cro_alloc_zero(names * sizeof *generation->answers);
  /* One for each name and the default is the most there can be. */
  generation->made = cro_alloc_zero((names + 1) * sizeof(SSL_CTX *));
  self.sets = cro_alloc_zero((names + 1) * sizeof *self.sets);
  self.claims = cro_alloc_zero(names * sizeof *self.claims);
  if (generation->answers == NULL || generation->made == NULL || self.sets == NULL ||
      self.claims == NULL) {
    rc = tls_nomem(fault);
  } else {
    if (generation->settings->server)
      collect(&self);
    rc = make_all(&self, fault);
  }
  cro_free(self.sets);
  cro_free(self.claims);
  return rc;
}

/* --- asking ----------------------------------------------------------------------- */

static int find_answer(const void *key, const void *answer)
{
  return strcmp(key, ((const tls_answer *)answer)->name);
}

static SSL_CTX *look_up(const tls_generation *generation, const char *name)
{
  const tls_answer *found = bsearch(name, generation->answers, generation->answer_count,
                                    sizeof *generation->answers, find_answer);

  return found != NULL ? found->ssl : NULL;
}

SSL_CTX *tls_answer_for(const tls_generation *generation, cro_bytes name)
{
  char text[tls_name_max + 1];
  size_t dot = cro_bytes_find(name, '.');
  SSL_CTX *found;

  if (name.len == 0 || name.len > tls_name_max || generation->answer_count == 0)
    return NULL;
  memcpy(text, name.at, name.len);
  text[name.len] = '\0';
  found = look_up(generation, text);
  if (found != NULL || dot == 0 || dot == name.len)
    return found;
  text[dot - 1] = '*';
  return look_up(generation, text + dot - 1);
}

/* --- covering --------------------------------------------------------------------- */

static bool is_address(const char *host)
{
  char address[16];

  return inet_pton(AF_INET, host, address) == 1 ||
         inet_pton(AF_INET6, host, address) == 1;
}

static bool is_for(const SSL *ssl, const char *host)
{
  X509 *leaf = SSL_get_certificate(ssl);

  if (leaf == NULL)
    return false;
  if (is_address(host))
    return X509_check_ip_asc(leaf, host, 0) == 1;
  return X509_check_host(leaf, host, 0, covering, NULL) == 1;
}

bool net_tls_covers(const SSL *ssl, cro_bytes host)
{
  const char *asked = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  char text[tls_name_max + 1];

  if (host.len > 2 && host.at[0] == '[' && host.at[host.len - 1] == ']')
    host = (cro_bytes){ host.at + 1, host.len - 2 };
  if (host.len > 0 && host.at[host.len - 1] == '.')
    host.len--;
  if (host.len == 0 || host.len > tls_name_max || cro_bytes_find(host, '\0') < host.len)
    return false;
  memcpy(text, host.at, host.len);
  text[host.len] = '\0';
  if (asked == NULL)
    return is_address(text) || is_for(ssl, text);
  return cro_bytes_ieq(cro_bytes_of(asked), host) || is_for(ssl, text);
}
