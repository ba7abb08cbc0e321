/* Header lists against a model: what is added is found, in order, without regard to
 * case; removing removes all; and what a response accepts never ends a line. */
#include "base/check.h"
#include "base/err.h"
#include "http/message.h"

static cro_bytes next(cro_bytes *in, char end)
{
  cro_bytes part = cro_bytes_take(in, cro_bytes_find(*in, end));

  cro_bytes_take(in, 1);
  return part;
}

static uint32_t count_of(const cro_headers *headers, cro_bytes name)
{
  uint32_t from = 0, n = 0;

  while (cro_headers_next(headers, name, &from) != NULL)
    n++;
  return n;
}

static void check_no_split(cro_bytes text)
{
  cro_check(cro_bytes_find(text, '\r') == text.len);
  cro_check(cro_bytes_find(text, '\n') == text.len);
  cro_check(cro_bytes_find(text, '\0') == text.len);
}

static void try_field(cro_response *response, cro_bytes name, cro_bytes value, bool set)
{
  cro_headers *headers = &response->headers;
  uint32_t before = headers->count, named = count_of(headers, name);
  int rc = set ? cro_response_set(response, name, value)
               : cro_response_add(response, name, value);

  if (rc != 0) {
    cro_check(headers->count == before);
    return;
  }
  check_no_split(name);
  check_no_split(value);
  if (cro_bytes_ieq(name, CRO_B("content-type"))) {
    cro_check(cro_bytes_eq(response->type, value));
    return;
  }
  cro_check(headers->count == (set ? before - named + 1 : before + 1));
  cro_check(cro_bytes_eq(headers->at[headers->count - 1].value, value));
  cro_check(cro_headers_find(headers, name) != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  cro_bytes in = { (const char *)data, size };
  cro_request *request = cro_request_create(NULL);
  uint32_t named;

  cro_check(request != NULL);
  while (in.len > 0) {
    char how = *cro_bytes_take(&in, 1).at;
    cro_bytes name = next(&in, ':'), value = next(&in, '\n');

    if ((how & 3) == 3) {
      named = count_of(&request->response->headers, name);
      cro_check(cro_headers_remove(&request->response->headers, name) == named);
      cro_check(cro_headers_find(&request->response->headers, name) == NULL);
    } else if ((how & 3) == 2) {
      if (cro_response_trailer(request->response, name, value) == 0)
        check_no_split(value);
    } else {
      try_field(request->response, name, value, (how & 1) != 0);
    }
  }
  cro_request_release(request, 0);
  return 0;
}
