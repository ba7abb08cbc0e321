#include "base/check.h"
#include "base/err.h"
#include "http/h2_client_session.h"

/* --- beginnings ---------------------------------------------------------------------
 */

cro_h2_call *cro_h2_call_create(cro_h2_client *client, cro_request *request)
{
  cro_h2_call *call = cro_arena_alloc(request->arena, sizeof *call);

  if (call == NULL)
    return NULL;
  *call = (cro_h2_call){ .client = client, .request = request };
  cro_list_init(&call->todo);
  cro_list_init(&call->node);
  cro_list_push(&client->calls, &call->node);
  cro_arena_hold(request->arena);
  request->protocol = call;
  request->conn = client->writer.conn;
  request->major = 2;
  request->minor = 0;
  if (client->open++ == 0)
    client->heard_at = cro_h2_client_now(client);
  return call;
}

cro_h2_call *cro_h2_call_of(nghttp2_session *session, int32_t id)
{
  return nghttp2_session_get_stream_user_data(session, id);
}

/* --- credit -------------------------------------------------------------------------
 */

static void give_back(cro_h2_call *call, size_t n)
{
  cro_h2_client *client = call->client;

  call->owed -= n;
  if (n > 0 && !client->failing)
    cro_h2_client_must(client, nghttp2_session_consume(client->session, call->id, n));
}

void cro_h2_call_credit(cro_h2_call *call)
{
  const cro_body *body = call->request->response->incoming;
  size_t debt;

  if (call->over || body == NULL)
    return;
  debt = cro_body_debt(body, call->client->config->h2->stream_window);
  if (call->owed > debt)
    give_back(call, call->owed - debt);
}

void cro_h2_call_settle_debt(cro_h2_call *call)
{
  cro_h2_client *client = call->client;
  size_t n = call->owed;

  call->owed = 0;
  if (n > 0 && !client->failing)
    cro_h2_client_must(client, nghttp2_session_consume_connection(client->session, n));
}

/* --- endings -------------------------------------------------------------------------
 */

void cro_h2_call_end(cro_h2_call *call, int err)
{
  cro_h2_client *client = call->client;

  if (call->over)
    return;
  call->over = true;
  call->err = err;
  cro_h2_call_settle_debt(call);
  if (call->waits)
    client->queued--;
  call->waits = false;
  if (call->head_done && !call->emitted)
    return; /* the response goes first */
  cro_list_remove(&call->todo);
  cro_list_push(&client->over, &call->todo);
  cro_h2_client_flush_later(client);
}

void cro_h2_call_reset(cro_h2_call *call, uint32_t code, int err)
{
  cro_h2_client *client = call->client;

  if (call->over)
    return;
  call->code = code;
  if (call->has_stream && !client->failing)
    cro_h2_client_must(client, nghttp2_submit_rst_stream(
                                   client->session, NGHTTP2_FLAG_NONE, call->id, code));
  cro_h2_call_end(call, err);
}

void cro_h2_call_end_if_complete(cro_h2_call *call)
{
  if (call->received && call->sent)
    cro_h2_call_end(call, 0);
}

/* Nothing is left that could point to the call's struct but its arena's other holders.
 */
static void drop_if_done(cro_h2_call *call)
{
  if (!call->released || call->has_stream)
    return;
  cro_list_remove(&call->node);
  cro_arena_drop(call->request->arena);
}

void cro_h2_call_closed(cro_h2_call *call)
{
  cro_h2_client *client = call->client;

  if (!call->has_stream)
    return;
  call->has_stream = false;
  if (!call->promised)
    client->streams--;
  drop_if_done(call);
}

/* The request's body is let alone first: its maker hears by on_release. */
void cro_h2_call_release(cro_h2_call *call)
{
  cro_request *request = call->request;

  call->released = true;
  call->client->open--;
  cro_buf_free(&call->out);
  call->out_at = 0;
  request->body.on_change = NULL;
  request->body.reader = NULL;
  cro_request_release(request, call->err);
  drop_if_done(call);
}

void cro_h2_call_end_all(cro_h2_client *client, int err)
{
  cro_list *node, *next;

  for (node = client->calls.next; node != &client->calls; node = next) {
    cro_h2_call *call = CRO_CONTAINER(node, cro_h2_call, node);

    next = node->next;
    cro_h2_call_end(call, call->written || call->promised ? err : CRO_E_AGAIN);
  }
}

void cro_h2_call_forget_all(cro_h2_client *client)
{
  cro_list *node;

  while ((node = cro_list_shift(&client->calls)) != NULL) {
    cro_h2_call *call = CRO_CONTAINER(node, cro_h2_call, node);

    cro_check(call->released);
    call->client = NULL;
    cro_arena_drop(call->request->arena);
  }
}
