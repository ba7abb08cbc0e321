#include "net/tls.h"

#include "base/err.h"
#include "support/tls_ends.h"

#include <stdlib.h>
static void bytes_come_back_from_an_echo(void)
{
  tls_ends e = { .server.echo = true };

  tls_ends_open(&e, tls_ends_server(NULL), tls_ends_client(NULL));
  tls_ends_shake(&e);
  CHECK_TEXT("TLSv1.3", cro_bytes_of(tls_end_conn(&e.client)->tls->version));
  CHECK(tls_end_conn(&e.client)->tls->verified);
  CHECK_TEXT("localhost", tls_end_conn(&e.server)->tls->server_name);
  CHECK_INT(0, probe_send(&e.client.probe, CRO_B("hello")));
  CHECK_INT(5, cro_tcp_queued(e.client.tcp));
  UNTIL(e.loop, e.client.probe.got.len == 5);
  CHECK_BYTES(CRO_B("hello"), cro_buf_bytes(&e.client.probe.got));
  CHECK_INT(0, cro_tcp_queued(e.client.tcp));
  tls_end_conn(&e.client)->ops->close(tls_end_conn(&e.client));
  UNTIL(e.loop, e.client.closed == 1 && e.server.closed == 1);
  CHECK_INT(1, e.server.probe.finishes);
  CHECK_INT(0, e.server.probe.fails);
  CHECK_INT(0, e.server.closed_err);
  CHECK_INT(0, e.client.closed_err);
  tls_ends_close(&e);
}

static void ten_mebibytes_come_back_as_they_were(void)
{
  enum { n = 10 * 1024 * 1024 };
  tls_ends e = { .server.echo = true };
  char *bytes = malloc(n);

  for (size_t i = 0; i < n; i++)
    bytes[i] = (char)('a' + i % 23);
  tls_ends_open(&e, tls_ends_server(NULL), tls_ends_client(NULL));
  tls_ends_shake(&e);
  CHECK(probe_send(&e.client.probe, (cro_bytes){ bytes, n }) >= 0);
  UNTIL(e.loop, e.client.probe.got.len == n);
  check_pattern(e.client.probe.got.at, e.client.probe.got.len);
  tls_ends_close(&e);
  free(bytes);
}

TEST_MAIN(CASE(bytes_come_back_from_an_echo),
          CASE(ten_mebibytes_come_back_as_they_were))
