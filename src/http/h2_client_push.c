#include "base/err.h"
#include "http/h2_client_session.h"

int cro_h2_promise_begin(cro_h2_client *client, const nghttp2_push_promise *frame)
{
  cro_request *request = cro_request_create(client->writer.conn);
  cro_h2_call *call;

  if (request == NULL || (call = cro_h2_call_create(client, request)) == NULL) {
    if (request != NULL)
      cro_arena_drop(request->arena);
    client->err = CRO_E_NOMEM;
    return NGHTTP2_ERR_CALLBACK_FAILURE;
  }
  call->id = request->stream = frame->promised_stream_id;
  call->has_stream = call->promised = call->sent = true;
  request->pushed = request->keep_alive = true;
  cro_body_end(&request->body);
  (void)nghttp2_session_set_stream_user_data(client->session, call->id, call);
  return 0;
}

int cro_h2_promise_field(cro_h2_call *call, cro_bytes name, cro_bytes value)
{
  cro_request *request = call->request;
  int rc = cro_arena_copy(request->arena, value, &value);

  if (rc != 0)
    return rc;
  if (cro_bytes_eq(name, CRO_B(":method")))
    request->method = cro_method_find(value);
  else if (cro_bytes_eq(name, CRO_B(":path")))
    request->target = value;
  else if (cro_bytes_eq(name, CRO_B(":scheme")))
    request->scheme = value;
  else if (cro_bytes_eq(name, CRO_B(":authority")))
    request->authority = value;
  else if ((rc = cro_arena_copy(request->arena, name, &name)) == 0)
    rc = cro_headers_add(&request->headers, request->arena, name, value);
  return rc;
}

/* RFC 9113 8.4: safe, cacheable, without content, and of an authority that is the
 * server's to speak for: what was asked for by us is, of others nobody has told. */
static bool is_acceptable(const cro_request *promised, const cro_h2_call *asked)
{
  const cro_header *length =
      cro_headers_find(&promised->headers, CRO_B("content-length"));

  if (promised->method != CRO_GET && promised->method != CRO_HEAD)
    return false;
  return (length == NULL || cro_bytes_eq(length->value, CRO_B("0"))) &&
         cro_bytes_ieq(promised->scheme, asked->scheme) &&
         cro_bytes_ieq(promised->authority, asked->authority);
}

static void split_target(cro_request *request)
{
  size_t mark = cro_bytes_find(request->target, '?');

  request->path = (cro_bytes){ request->target.at, mark };
  if (mark < request->target.len)
    request->query =
        (cro_bytes){ request->target.at + mark + 1, request->target.len - mark - 1 };
}

void cro_h2_promise_made(cro_h2_client *client, const nghttp2_push_promise *frame)
{
  cro_h2_call *call = cro_h2_call_of(client->session, frame->promised_stream_id);
  cro_h2_call *asker = cro_h2_call_of(client->session, frame->hd.stream_id);

  if (call == NULL || call->over)
    return;
  if (asker == NULL || asker->over) {
    cro_h2_call_reset(call, NGHTTP2_CANCEL, CRO_E_CANCELLED);
    return;
  }
  if (!is_acceptable(call->request, asker)) {
    cro_h2_call_reset(call, NGHTTP2_PROTOCOL_ERROR, CRO_E_PROTOCOL);
    cro_h2_client_charge_reset(client);
    return;
  }
  split_target(call->request);
  if (client->config->on_push(client->config->arg, call->request, asker->request))
    return;
  cro_h2_call_reset(call, NGHTTP2_REFUSED_STREAM, CRO_E_CANCELLED);
  cro_h2_client_charge(client, 1);
}
