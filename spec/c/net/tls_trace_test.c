/* What CRO_TRACE shows of a connection with TLS. */
#include "net/tls.h"

#include "base/check.h"
#include "base/err.h"
#include "pipe/trace.h"
#include "support/tls_ends.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int kept_stderr;
static FILE *file;

static void begin_capture(void)
{
  file = tmpfile();
  cro_check(file != NULL);
  fflush(stderr);
  kept_stderr = dup(STDERR_FILENO);
  cro_check(dup2(fileno(file), STDERR_FILENO) >= 0);
}

static cro_bytes end_capture(void)
{
  static char text[65536];
  size_t len;

  fflush(stderr);
  (void)dup2(kept_stderr, STDERR_FILENO);
  close(kept_stderr);
  rewind(file);
  len = fread(text, 1, sizeof text - 1, file);
  fclose(file);
  text[len] = '\0';
  return (cro_bytes){ text, len };
}

/* How often it is in there. */
static int count(cro_bytes text, const char *what)
{
  const char *at = text.at;
  int n = 0;

  for (; (at = strstr(at, what)) != NULL; at++)
    n++;
  return n;
}

static void both_sides_of_the_layer_and_the_handshake_are_shown(void)
{
  static const cro_bytes h2 = CRO_B_INIT("h2");
  cro_tls_options speaks = { .alpn = &h2, .alpn_count = 1 };
  tls_ends e = { .server.echo = true };
  cro_bytes text;

  tls_ends_open(&e, tls_ends_server(&speaks), tls_ends_client(&speaks));
  tls_end_conn(&e.server)->label = "shop";
  (void)setenv("CRO_TRACE", "1", 1);
  begin_capture();
  tls_ends_shake(&e);
  CHECK_INT(0, cro_trace_insert(cro_tcp_source(e.server.tcp)));
  CHECK_INT(0, probe_send(&e.client.probe, CRO_B("hello")));
  UNTIL(e.loop, e.client.probe.got.len == 5);
  tls_end_conn(&e.client)->ops->close(tls_end_conn(&e.client));
  UNTIL(e.loop, e.server.closed == 1);
  text = end_capture();
  (void)unsetenv("CRO_TRACE");
  CHECK_INT(1, count(text, "[TRACE(shop)] TLS Handshake DONE TLSv1.3 TLS_AES_128_GCM_"
                           "SHA256 ALPN h2 SNI localhost\n"));
  CHECK_INT(1, count(text, "[TRACE(TLS Connector)] TLS Handshake DONE"));
  CHECK(count(text, "[TRACE(shop)] tcp source EMIT TCP Message\n  17 03 03 ") >= 1);
  CHECK_INT(1, count(text, "[TRACE(shop)] TLS Decrypt EMIT TCP Message\n  68 65 6c 6c "
                           "6f "));
  CHECK_INT(1, count(text, "[TRACE(shop)] probe EMIT TCP Message\n  68 65 6c 6c 6f "));
  CHECK(count(text, "[TRACE(shop)] TLS Encrypt EMIT TCP Message\n  17 03 03 ") >= 1);
  CHECK_INT(1, count(text, "[TRACE(shop)] TLS Decrypt DONE\n"));
  tls_ends_close(&e);
}

static void a_handshake_that_fails_says_why(void)
{
  tls_ends e = { .name = "elsewhere" };
  cro_bytes text;

  tls_ends_open(&e, tls_ends_server(NULL), tls_ends_client(NULL));
  (void)setenv("CRO_TRACE", "1", 1);
  begin_capture();
  CHECK_INT(0, tls_ends_accept(&e));
  CHECK_INT(0, tls_ends_connect(&e));
  UNTIL(e.loop, e.server.closed == 1 && e.client.closed == 1);
  text = end_capture();
  (void)unsetenv("CRO_TRACE");
  CHECK_INT(1, count(text,
                     "[TRACE(TLS Connector)] TLS Handshake QUIT the certificate is for "
                     "localhost, 127.0.0.1, not for elsewhere\n"));
  CHECK_INT(1,
            count(text, "TLS Handshake QUIT the peer sent alert: bad certificate\n"));
  tls_ends_close(&e);
}

TEST_MAIN(CASE(both_sides_of_the_layer_and_the_handshake_are_shown),
          CASE(a_handshake_that_fails_says_why))
