#include "pipe/conn.h"

#include "base/check.h"
#include "base/err.h"

const char *cro_wait_name(cro_wait what)
{
  static const char *const names[] = {
    [CRO_WAIT_NOTHING] = "nothing",     [CRO_WAIT_HEADER] = "header",
    [CRO_WAIT_BODY] = "body",           [CRO_WAIT_REQUEST] = "request",
    [CRO_WAIT_KEEPALIVE] = "keepalive", [CRO_WAIT_LINGER] = "linger",
    [CRO_WAIT_HANDLER] = "handler",     [CRO_WAIT_HANDSHAKE] = "handshake",
  };

  return names[what];
}

static int find(const cro_conn *conn, const void *key)
{
  for (int i = 0; i < CRO_CONN_SLOTS; i++)
    if (conn->slots[i].key == key)
      return i;
  return -1;
}

static void clear_slot(cro_conn *conn, int i)
{
  void (*destroy)(void *value) = conn->slots[i].destroy;
  void *value = conn->slots[i].value;

  /* Emptied first: destroy may look at the connection's slots. */
  conn->slots[i].key = NULL;
  conn->slots[i].value = NULL;
  conn->slots[i].destroy = NULL;
  if (destroy != NULL)
    destroy(value);
}

int cro_conn_set(cro_conn *conn, const void *key, void *value,
                 void (*destroy)(void *value))
{
  int i = find(conn, key);

  cro_check(key != NULL);
  if (i >= 0 && conn->slots[i].value != value)
    clear_slot(conn, i);
  if (i < 0)
    i = find(conn, NULL);
  if (i < 0)
    return CRO_E_LIMIT;
  conn->slots[i].key = key;
  conn->slots[i].value = value;
  conn->slots[i].destroy = destroy;
  return 0;
}

void *cro_conn_get(const cro_conn *conn, const void *key)
{
  int i = find(conn, key);

  return i >= 0 ? conn->slots[i].value : NULL;
}

void cro_conn_clear(cro_conn *conn)
{
  for (int i = 0; i < CRO_CONN_SLOTS; i++)
    if (conn->slots[i].key != NULL)
      clear_slot(conn, i);
}
