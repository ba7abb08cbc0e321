/* A base, a newline, a reference. What parses is written back byte for byte; what is
 * resolved or normalised parses again, and normalising twice changes nothing. The same
 * bytes are tried as an IRI and as a request target, whose parts lie inside of it. */
#include "http/url.h"

#include "base/check.h"
#include "base/err.h"

static void check_written(const cro_url *url, cro_bytes text)
{
  cro_buf out = { 0 };

  cro_check(cro_url_write(url, &out) == 0);
  cro_check(cro_bytes_eq(cro_buf_bytes(&out), text));
  cro_buf_free(&out);
}

static void check_normal(const cro_url *url)
{
  cro_buf once = { 0 }, twice = { 0 };
  cro_url again;

  cro_check(cro_url_normalise(url, &once) == 0);
  cro_check(cro_url_parse(cro_buf_bytes(&once), &again, NULL) == 0);
  cro_check((again.authority.at != NULL) == (url->authority.at != NULL));
  cro_check((again.scheme.at != NULL) == (url->scheme.at != NULL));
  cro_check(cro_url_normalise(&again, &twice) == 0);
  cro_check(cro_bytes_eq(cro_buf_bytes(&once), cro_buf_bytes(&twice)));
  cro_buf_free(&once);
  cro_buf_free(&twice);
}

static void check_resolved(const cro_url *base, const cro_url *reference)
{
  cro_buf out = { 0 };
  cro_url url;

  cro_check(cro_url_resolve(base, reference, &out) == 0);
  cro_check(cro_url_parse(cro_buf_bytes(&out), &url, NULL) == 0);
  if (reference->scheme.at == NULL && reference->authority.at == NULL)
    cro_check((url.authority.at != NULL) == (base->authority.at != NULL));
  cro_buf_free(&out);
}

static void check_target(cro_bytes text)
{
  cro_target target;
  cro_path path;
  cro_bytes segment;
  size_t total = 0;

  if (cro_target_parse(text, &target) != 0)
    return;
  cro_check(target.path.len + target.query.len + target.authority.len <= text.len + 1);
  path = cro_path_of(target.path);
  while (cro_path_next(&path, &segment))
    total += segment.len + 1;
  cro_check(total <= target.path.len + 1);
}

/* What an IRI becomes is ASCII, needs no second round, and is a URI wherever the IRI is
 * one but for characters that had to be escaped. */
static void check_iri(cro_bytes iri)
{
  cro_buf once = { 0 }, twice = { 0 };
  cro_url_fault fault = { NULL, 0 };
  cro_url url;
  int rc = cro_url_from_iri(iri, &once, &fault);

  if (rc != 0) {
    cro_check(once.len == 0 && fault.reason != NULL && fault.at < iri.len);
    cro_buf_free(&once);
    return;
  }
  for (size_t i = 0; i < once.len; i++)
    cro_check(once.at[i] > ' ' && once.at[i] < 0x7F);
  cro_check(once.len <= 3 * iri.len);
  cro_check(cro_url_from_iri(cro_buf_bytes(&once), &twice, NULL) == 0);
  cro_check(cro_bytes_eq(cro_buf_bytes(&once), cro_buf_bytes(&twice)));
  if (cro_url_parse(iri, &url, NULL) == 0)
    cro_check(cro_url_parse(cro_buf_bytes(&once), &url, NULL) == 0);
  cro_buf_free(&once);
  cro_buf_free(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  cro_bytes in = { (const char *)data, size };
  cro_bytes first = cro_bytes_take(&in, cro_bytes_find(in, '\n'));
  cro_url base, reference;
  cro_url_fault fault;

  cro_bytes_take(&in, 1);
  check_target(first);
  check_iri(first);
  if (cro_url_parse(first, &base, &fault) != 0) {
    cro_check(fault.at <= first.len && fault.reason != NULL);
    return 0;
  }
  check_written(&base, first);
  check_normal(&base);
  if (cro_url_parse(in, &reference, NULL) == 0)
    check_resolved(&base, &reference);
  return 0;
}
