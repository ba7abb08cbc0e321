#include "bind/loose.h"

#include "base/alloc.h"
#include "base/check.h"

#include <stddef.h>

struct lcro_loose {
  cro_conn conn; /* first */
  lcro_app *app;
  lcro_tcp *tcp;    /* NULL: none, or gone */
  cro_tls_info tls; /* of the real one, if it has any */
  cro_timer flush;
  bool closing;
  cro_list chains; /* of lcro_loose_link.node */
};

static cro_conn *real(const lcro_loose *loose)
{
  return loose->tcp != NULL && loose->tcp->tcp != NULL ? cro_tcp_conn(loose->tcp->tcp)
                                                       : NULL;
}

/* --- its operations
 * -------------------------------------------------------------------
 */

static void forward_deadline(void *arg, cro_wait what)
{
  lcro_loose *loose = arg;

  if (loose->conn.on_deadline != NULL)
    loose->conn.on_deadline(loose->conn.deadline_arg, what);
}

static void loose_deadline(cro_conn *conn, cro_wait what, uint64_t ms)
{
  cro_conn *socket = real((lcro_loose *)conn);

  if (socket == NULL)
    return;
  socket->on_deadline = forward_deadline;
  socket->deadline_arg = conn;
  socket->ops->deadline(socket, what, ms);
}

static uint64_t loose_now(const cro_conn *conn)
{
  return cro_loop_now(((const lcro_loose *)conn)->app->loop);
}

/* Lua hears of it from the loop, not in here: it may close chains of the list, or let
 * go of them all, while a stage of theirs is what called us. */
static void end_chains(cro_conn *conn, int err)
{
  lcro_loose *loose = (lcro_loose *)conn;
  cro_list *node = loose->chains.next;

  loose->app->depth++;
  for (; node != &loose->chains; node = node->next)
    lcro_outlet_end(*CRO_CONTAINER(node, lcro_loose_link, node)->outlet, err);
  loose->app->depth--;
}

/* Behind what has been gathered and is to come out yet. */
static void loose_close(cro_conn *conn)
{
  lcro_loose *loose = (lcro_loose *)conn;

  if (conn->on_flush == NULL) {
    end_chains(conn, 0);
    return;
  }
  loose->closing = true;
  cro_loop_arm(loose->app->loop, &loose->flush, 0);
}

static void loose_abort(cro_conn *conn)
{
  end_chains(conn, CRO_E_RESET);
}

static cro_bytes loose_peer(cro_conn *conn, int *port)
{
  const lcro_tcp *tcp = ((lcro_loose *)conn)->tcp;

  *port = tcp != NULL ? tcp->port : -1;
  return tcp != NULL ? cro_bytes_of(tcp->host) : CRO_B("");
}

static cro_bytes loose_local(cro_conn *conn, int *port)
{
  const lcro_tcp *tcp = ((lcro_loose *)conn)->tcp;

  *port = tcp != NULL ? tcp->local_port : -1;
  return tcp != NULL ? cro_bytes_of(tcp->local_host) : CRO_B("");
}

static bool loose_covers(const cro_conn *conn, cro_bytes host)
{
  const cro_conn *socket = real((const lcro_loose *)conn);

  return socket != NULL && socket->tls->covers != NULL &&
         socket->tls->covers(socket, host);
}

/* What was gathered goes out by the loop, outside of any push. */
static void flush_due(cro_timer *timer)
{
  lcro_loose *loose = CRO_CONTAINER(timer, lcro_loose, flush);

  if (loose->conn.on_flush != NULL) /* its chain may have gone since */
    loose->conn.on_flush(loose->conn.flush_arg);
  if (!loose->closing)
    return;
  loose->closing = false;
  end_chains(&loose->conn, 0);
}

static void loose_flush_later(cro_conn *conn)
{
  lcro_loose *loose = (lcro_loose *)conn;

  if (conn->on_flush != NULL && !cro_timer_armed(&loose->flush))
    cro_loop_arm(loose->app->loop, &loose->flush, 0);
}

static const cro_conn_ops loose_ops = {
  .deadline = loose_deadline,
  .now = loose_now,
  .flush_later = loose_flush_later,
  .close = loose_close,
  .shutdown = loose_close,
  .abort = loose_abort,
  .peer = loose_peer,
  .local = loose_local,
};

/* --- life
 * -----------------------------------------------------------------------------
 */

static void take_tls(lcro_loose *loose)
{
  const cro_conn *socket = real(loose);

  if (socket == NULL)
    return;
  loose->conn.secure = socket->secure;
  loose->conn.label = socket->label;
  if (socket->tls == NULL)
    return;
  loose->tls = *socket->tls;
  if (loose->tls.covers != NULL)
    loose->tls.covers = loose_covers;
  loose->conn.tls = &loose->tls;
}

static lcro_loose *loose_of(lcro_app *app, lcro_tcp *tcp)
{
  lcro_loose *loose;

  if (tcp != NULL && tcp->loose != NULL)
    return tcp->loose;
  loose = cro_alloc_zero(sizeof *loose);
  if (loose == NULL)
    return NULL;
  loose->conn.ops = &loose_ops;
  loose->conn.turn = cro_loop_turn(app->loop);
  loose->app = app;
  loose->tcp = tcp;
  cro_list_init(&loose->chains);
  cro_timer_init(&loose->flush, flush_due);
  take_tls(loose);
  if (tcp != NULL)
    tcp->loose = loose;
  return loose;
}

int lcro_loose_join(lcro_loose_link *link, lcro_app *app, lcro_tcp *tcp,
                    const lcro_loose_link *beside, lcro_outlet **outlet)
{
  bool shares = tcp == NULL && beside != NULL && beside->loose != NULL;

  link->loose = shares ? beside->loose : loose_of(app, tcp);
  if (link->loose == NULL)
    return CRO_E_NOMEM;
  link->outlet = outlet;
  cro_list_init(&link->node);
  cro_list_push(&link->loose->chains, &link->node);
  return 0;
}

void lcro_loose_leave(lcro_loose_link *link)
{
  lcro_loose *loose = link->loose;

  if (loose == NULL)
    return;
  link->loose = NULL;
  cro_list_remove(&link->node);
  if (!cro_list_empty(&loose->chains))
    return;
  if (loose->tcp != NULL) {
    loose_deadline(&loose->conn, CRO_WAIT_NOTHING, 0);
    loose->tcp->loose = NULL;
  }
  cro_loop_disarm(loose->app->loop, &loose->flush);
  cro_conn_clear(&loose->conn);
  cro_free(loose);
}

void lcro_loose_forget(lcro_loose *loose)
{
  loose->tcp = NULL;
}

cro_conn *lcro_loose_conn(lcro_loose *loose)
{
  return &loose->conn;
}

cro_conn *lcro_real_conn(cro_conn *conn)
{
  if (conn == NULL || conn->ops != &loose_ops)
    return conn;
  return real((lcro_loose *)conn);
}
