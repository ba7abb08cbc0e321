#include "pipe/conn.h"

#include "base/err.h"
#include "support/test.h"

static const int keys[CRO_CONN_SLOTS + 1];
static char destroyed[32];
static cro_conn conn;

static void note(void *value)
{
  strcat(destroyed, value);
}

static void look_again(void *value)
{
  note(value);
  CHECK(cro_conn_get(&conn, &keys[0]) == NULL);
}

static void begin(void)
{
  conn = (cro_conn){ 0 };
  destroyed[0] = '\0';
}

static void a_value_is_found_under_its_key_and_destroyed_once(void)
{
  begin();
  CHECK_INT(0, cro_conn_set(&conn, &keys[0], "a", note));
  CHECK_INT(0, cro_conn_set(&conn, &keys[1], "b", NULL));
  CHECK_TEXT("a", cro_bytes_of(cro_conn_get(&conn, &keys[0])));
  CHECK_TEXT("b", cro_bytes_of(cro_conn_get(&conn, &keys[1])));
  CHECK(cro_conn_get(&conn, &keys[2]) == NULL);
  cro_conn_clear(&conn);
  cro_conn_clear(&conn);
  CHECK_TEXT("a", cro_bytes_of(destroyed));
  CHECK(cro_conn_get(&conn, &keys[0]) == NULL);
}

static void another_value_replaces_and_the_same_one_stays(void)
{
  static char value[] = "a";

  begin();
  CHECK_INT(0, cro_conn_set(&conn, &keys[0], value, look_again));
  CHECK_INT(0, cro_conn_set(&conn, &keys[0], value, look_again));
  CHECK_TEXT("", cro_bytes_of(destroyed));
  CHECK_INT(0, cro_conn_set(&conn, &keys[0], "b", note));
  CHECK_TEXT("a", cro_bytes_of(destroyed));
  CHECK_TEXT("b", cro_bytes_of(cro_conn_get(&conn, &keys[0])));
  cro_conn_clear(&conn);
  CHECK_TEXT("ab", cro_bytes_of(destroyed));
}

static void a_full_connection_leaves_the_value_with_the_caller(void)
{
  begin();
  for (int i = 0; i < CRO_CONN_SLOTS; i++)
    CHECK_INT(0, cro_conn_set(&conn, &keys[i], "x", note));
  CHECK_INT(CRO_E_LIMIT, cro_conn_set(&conn, &keys[CRO_CONN_SLOTS], "y", note));
  CHECK_TEXT("", cro_bytes_of(destroyed));
  CHECK_INT(0, cro_conn_set(&conn, &keys[1], "z", note)); /* replacing still works */
  cro_conn_clear(&conn);
  CHECK_TEXT("xxzxx", cro_bytes_of(destroyed));
}

static void every_wait_has_a_name(void)
{
  CHECK_TEXT("nothing", cro_bytes_of(cro_wait_name(CRO_WAIT_NOTHING)));
  CHECK_TEXT("handshake", cro_bytes_of(cro_wait_name(CRO_WAIT_HANDSHAKE)));
  for (int i = CRO_WAIT_NOTHING; i <= CRO_WAIT_HANDSHAKE; i++)
    CHECK(cro_wait_name((cro_wait)i) != NULL);
}

TEST_MAIN(CASE(a_value_is_found_under_its_key_and_destroyed_once),
          CASE(another_value_replaces_and_the_same_one_stays),
          CASE(a_full_connection_leaves_the_value_with_the_caller),
          CASE(every_wait_has_a_name))
