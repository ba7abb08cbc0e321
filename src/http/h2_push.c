/* Promises (RFC 9113 8.4). */
#include "base/err.h"
#include "http/h2_session.h"

static int push(cro_request *request, cro_bytes path, const cro_headers *headers)
{
  (void)request;
  (void)path;
  (void)headers;
  return CRO_E_NOTSUP;
}

const cro_request_ops cro_h2_request_ops = { .push = push };
