/* TLS as a layer of real connections: handshakes, STARTTLS, ends, what is queued. */
#include "net/tls.h"

#include "base/err.h"
#include "net/net.h"
#include "support/tls_certs.h"
#include "support/tls_ends.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static void open_ends(tls_ends *e)
{
  static const cro_tls_options plain = { .no_sessions = true };

  tls_ends_open(e, tls_ends_server(&plain), tls_ends_client(&plain));
}

static char *pattern_of(size_t n)
{
  char *bytes = malloc(n);

  for (size_t i = 0; i < n; i++)
    bytes[i] = (char)('a' + i % 23);
  return bytes;
}

static void close_end(tls_end *end)
{
  tls_end_conn(end)->ops->close(tls_end_conn(end));
}

/* --- in order ------------------------------------------------------------------------
 */

static void bytes_come_back_from_an_echo(void)
{
  tls_ends e = { .server.echo = true };

  open_ends(&e);
  tls_ends_shake(&e);
  CHECK_TEXT("TLSv1.3", cro_bytes_of(tls_end_conn(&e.client)->tls->version));
  CHECK(tls_end_conn(&e.client)->secure && tls_end_conn(&e.server)->secure);
  CHECK(tls_end_conn(&e.client)->tls->verified);
  CHECK(!tls_end_conn(&e.server)->tls->verified);
  CHECK_TEXT("localhost", tls_end_conn(&e.server)->tls->server_name);
  CHECK_INT(0, probe_send(&e.client.probe, CRO_B("hello")));
  CHECK_INT(5, cro_tcp_queued(e.client.tcp));
  UNTIL(e.loop, e.client.probe.got.len == 5);
  CHECK_BYTES(CRO_B("hello"), cro_buf_bytes(&e.client.probe.got));
  CHECK_INT(0, cro_tcp_queued(e.client.tcp));
  close_end(&e.client);
  UNTIL(e.loop, e.client.closed == 1 && e.server.closed == 1);
  CHECK_INT(1, e.server.probe.finishes);
  CHECK_INT(0, e.server.probe.fails);
  CHECK_INT(0, e.server.closed_err);
  CHECK_INT(0, e.client.closed_err);
  CHECK_TEXT("", cro_bytes_of(e.server.why));
  tls_ends_close(&e);
}

static void ten_mebibytes_come_back_as_they_were(void)
{
  enum { n = 10 * 1024 * 1024 };
  tls_ends e = { .server.echo = true };
  char *bytes = pattern_of(n);

  open_ends(&e);
  tls_ends_shake(&e);
  CHECK(probe_send(&e.client.probe, (cro_bytes){ bytes, n }) >= 0);
  UNTIL(e.loop, e.client.probe.got.len == n);
  check_pattern(e.client.probe.got.at, e.client.probe.got.len);
  tls_ends_close(&e);
  free(bytes);
}

static void nothing_is_told_before_accept_and_connect_have_returned(void)
{
  tls_ends e = { 0 };

  open_ends(&e);
  CHECK_INT(0, tls_ends_connect(&e));
  spin(e.loop, 5); /* the ClientHello is there */
  CHECK_INT(0, tls_ends_accept(&e));
  CHECK_INT(0, e.server.done + e.client.done);
  UNTIL(e.loop, e.server.done == 1 && e.client.done == 1);
  CHECK_INT(CRO_E_STATE, tls_ends_accept(&e));
  CHECK_INT(CRO_E_STATE, cro_tcp_start(e.server.tcp, false)); /* it has been */
  tls_ends_close(&e);
}

static void a_context_of_the_wrong_side_is_refused(void)
{
  tls_ends e = { 0 };

  open_ends(&e);
  CHECK_INT(CRO_E_STATE, cro_tls_accept(e.server.tcp, e.client_context, 1000,
                                        tls_end_done, &e.server));
  CHECK_INT(CRO_E_STATE,
            cro_tls_connect(e.client.tcp, e.server_context, CRO_B("localhost"), 1000,
                            tls_end_done, &e.client));
  CHECK(cro_tcp_layer(e.server.tcp) == NULL);
  CHECK_TEXT("", cro_bytes_of(cro_tls_why(e.server.tcp)));
  close_end(&e.server);
  CHECK_INT(CRO_E_CLOSED, tls_ends_accept(&e));
  tls_ends_close(&e);
  CHECK_INT(0, e.server.done + e.client.done);
}

/* --- handshakes that fail ------------------------------------------------------------
 */

static void a_refusal_arrives_as_an_alert_at_the_other_end(void)
{
  tls_ends e = { .name = "somebody.else" };

  open_ends(&e);
  CHECK_INT(0, tls_ends_accept(&e));
  CHECK_INT(0, tls_ends_connect(&e));
  UNTIL(e.loop, e.server.closed == 1 && e.client.closed == 1);
  CHECK_INT(1, e.server.done);
  CHECK_INT(1, e.client.done);
  CHECK_INT(CRO_E_CERT, e.client.done_err);
  CHECK_INT(CRO_E_CERT, e.client.closed_err);
  CHECK_TEXT("the certificate is for localhost, 127.0.0.1, not for somebody.else",
             cro_bytes_of(e.client.why));
  CHECK_INT(CRO_E_TLS, e.server.done_err);
  CHECK_INT(CRO_E_TLS, e.server.closed_err);
  CHECK_TEXT("the peer sent alert: bad certificate", cro_bytes_of(e.server.why));
  tls_ends_close(&e);
}

static void be_deaf_when_done(void *arg, cro_tcp *tcp, int err)
{
  tls_end_done(arg, tcp, err);
  cro_tcp_stop_reading(tcp);
}

/* A client of TLS 1.3 is done before its certificate was looked at, and talks on. Had
 * the socket been closed behind the alert, its words would be answered by a reset. */
static void an_alert_arrives_although_the_peer_talks_on(void)
{
  cro_tls_options mutual = { .verify = CRO_TLS_VERIFY_REQUIRE, .min_version = 13 };
  tls_ends e = { 0 };
  cro_tls_context *client = tls_ends_client(NULL);

  mutual.ca_file = cro_bytes_of(tls_certs_path("ends-ca.pem"));
  tls_ends_open(&e, tls_ends_server(&mutual), client);
  CHECK_INT(0, tls_ends_accept(&e));
  CHECK_INT(0, cro_tls_connect(e.client.tcp, client, CRO_B("localhost"), 5000,
                               be_deaf_when_done, &e.client));
  UNTIL(e.loop, e.client.done == 1 && e.server.closed == 1);
  CHECK_INT(CRO_E_CERT, e.server.closed_err);
  for (int i = 0; i < 3 && e.client.tcp != NULL; i++) {
    CHECK_INT(0, probe_send(&e.client.probe, CRO_B("more")));
    spin(e.loop, 10);
  }
  if (e.client.tcp != NULL)
    e.client.tcp->source.ops->resume(&e.client.tcp->source);
  UNTIL(e.loop, e.client.closed == 1);
  CHECK_INT(CRO_E_TLS, e.client.closed_err);
  CHECK_TEXT("the peer sent alert: certificate required", cro_bytes_of(e.client.why));
  tls_ends_close(&e);
}

static void who_closes_before_the_end_is_not_told(void)
{
  for (int how = 0; how < 4; how++) {
    tls_ends e = { 0 };
    tls_end *end = how < 2 ? &e.server : &e.client;

    open_ends(&e);
    CHECK_INT(0, tls_ends_accept(&e));
    CHECK_INT(0, tls_ends_connect(&e));
    if (how % 2 == 0)
      close_end(end);
    else
      tls_end_conn(end)->ops->abort(tls_end_conn(end));
    UNTIL(e.loop, e.server.closed == 1 && e.client.closed == 1);
    CHECK_INT(0, end->done);
    CHECK_INT(1, e.server.done + e.client.done);
    CHECK(e.server.done_err + e.client.done_err != 0);
    tls_ends_close(&e);
  }
}

static void who_is_told_may_close_there(void)
{
  tls_ends e = { .server.close_in_done = true, .client.abort_in_done = true };

  open_ends(&e);
  CHECK_INT(0, tls_ends_accept(&e));
  CHECK_INT(0, tls_ends_connect(&e));
  UNTIL(e.loop, e.server.closed == 1 && e.client.closed == 1);
  CHECK_INT(1, e.client.done);
  tls_ends_close(&e);
}

static void silence_ends_with_the_deadline(void)
{
  tls_ends e = { .ms = 40 };

  open_ends(&e);
  CHECK_INT(0, tls_ends_accept(&e));
  UNTIL(e.loop, e.server.closed == 1);
  CHECK_INT(1, e.server.done);
  CHECK_INT(CRO_E_TIMEOUT, e.server.done_err);
  CHECK_INT(CRO_E_TIMEOUT, e.server.closed_err);
  CHECK_TEXT("the handshake was not over after 0.04 s", cro_bytes_of(e.server.why));
  tls_ends_close(&e);
}

static void plain_peer(cro_bytes says, bool resets, int err, const char *why)
{
  tls_ends e = { 0 };
  int fds[2];

  tls_sockets(fds);
  e.server_context = tls_ends_server(NULL);
  CHECK_INT(0, cro_loop_create(&e.loop));
  e.ms = 3000;
  tls_end_adopt(&e.server, e.loop, fds[0]);
  CHECK_INT(0, tls_ends_accept(&e));
  plain_send(fds[1], says);
  spin(e.loop, 5);
  if (resets)
    plain_reset(fds[1]);
  else
    (void)shutdown(fds[1], SHUT_WR);
  UNTIL(e.loop, e.server.closed == 1);
  CHECK_INT(1, e.server.done);
  CHECK_INT(err, e.server.done_err);
  CHECK_INT(err, e.server.closed_err);
  CHECK_TEXT(why, cro_bytes_of(e.server.why));
  tls_ends_close(&e);
  if (!resets)
    close(fds[1]);
}

static void who_goes_away_in_the_handshake_is_told_apart(void)
{
  plain_peer(CRO_B("\x16\x03\x01"), false, CRO_E_EOF,
             "the peer closed the connection during the handshake");
  plain_peer(CRO_B("\x16\x03\x01"), true, CRO_E_RESET,
             "connection reset by the peer during the handshake");
  plain_peer(CRO_B("GET / HTTP/1.1\r\n\r\n"), false, CRO_E_PROTOCOL,
             "the peer speaks plain HTTP");
}

static void a_loop_that_ends_tells_who_is_in_a_handshake(void)
{
  tls_ends e = { 0 };

  open_ends(&e);
  CHECK_INT(0, tls_ends_accept(&e));
  tls_ends_close(&e);
  CHECK_INT(1, e.server.done);
  CHECK_INT(CRO_E_CANCELLED, e.server.done_err);
  CHECK_INT(1, e.server.closed);
}

/* --- STARTTLS ------------------------------------------------------------------------
 */

static void link_plain(tls_end *end)
{
  cro_tcp *tcp = end->tcp;

  end->lazy = true; /* linked already */
  probe_init(&end->probe);
  end->probe.echo = end->echo;
  CHECK_INT(0, cro_stage_link(cro_tcp_source(tcp), &end->probe.stage));
  CHECK_INT(0, cro_stage_link(&end->probe.stage, cro_tcp_sink(tcp)));
  cro_pipeline_attach(cro_tcp_source(tcp), cro_tcp_conn(tcp));
  CHECK_INT(0, cro_tcp_start(tcp, false));
}

static void a_plain_connection_goes_on_encrypted(void)
{
  tls_ends e = { 0 };

  open_ends(&e);
  link_plain(&e.server);
  link_plain(&e.client);
  CHECK_INT(0, probe_send(&e.client.probe, CRO_B("STARTTLS\r\n")));
  UNTIL(e.loop, e.server.probe.got.len == 10);
  CHECK_INT(0, probe_send(&e.server.probe, CRO_B("220 go ahead\r\n")));
  CHECK_INT(0, tls_ends_accept(&e));
  CHECK_INT(0, probe_send(&e.server.probe, CRO_B("secret")));
  UNTIL(e.loop, e.client.probe.got.len == 14);
  spin(e.loop, 5);
  CHECK_INT(14, e.client.probe.got.len); /* what is secret waits for the handshake */
  CHECK_INT(0, tls_ends_connect(&e));
  CHECK_INT(0, probe_send(&e.client.probe, CRO_B("EHLO\r\n")));
  UNTIL(e.loop, e.client.probe.got.len == 20 && e.server.probe.got.len == 16);
  CHECK_BYTES(CRO_B("220 go ahead\r\nsecret"), cro_buf_bytes(&e.client.probe.got));
  CHECK_BYTES(CRO_B("STARTTLS\r\nEHLO\r\n"), cro_buf_bytes(&e.server.probe.got));
  CHECK_INT(1, e.server.done);
  CHECK_INT(1, e.client.done);
  CHECK_INT(CRO_E_STATE, cro_tcp_start(e.client.tcp, false));
  tls_ends_close(&e);
}

static void a_pipeline_that_was_full_before_is_full_after(void)
{
  tls_ends e = { 0 };

  open_ends(&e);
  link_plain(&e.server);
  link_plain(&e.client);
  e.server.probe.answer = CRO_FULL;
  CHECK_INT(0, probe_send(&e.client.probe, CRO_B("STARTTLS\r\n")));
  UNTIL(e.loop, e.server.probe.got.len == 10);
  CHECK_INT(0, tls_ends_accept(&e));
  CHECK_INT(0, tls_ends_connect(&e));
  CHECK_INT(0, probe_send(&e.client.probe, CRO_B("EHLO\r\n")));
  UNTIL(e.loop, e.server.done == 1 && e.client.done == 1);
  spin(e.loop, 5);
  CHECK_INT(10, e.server.probe.got.len);
  cro_stage_resume(&e.server.probe.stage);
  UNTIL(e.loop, e.server.probe.got.len == 16);
  tls_ends_close(&e);
}

static void the_pipeline_of_a_starttls_that_fails_is_told(void)
{
  tls_ends e = { .name = "other" };

  open_ends(&e);
  link_plain(&e.server);
  link_plain(&e.client);
  CHECK_INT(0, tls_ends_accept(&e));
  CHECK_INT(0, tls_ends_connect(&e));
  UNTIL(e.loop, e.server.closed == 1 && e.client.closed == 1);
  CHECK_INT(1, e.client.done);
  CHECK_INT(CRO_E_CERT, e.client.done_err);
  CHECK_INT(CRO_E_CERT, e.client.probe.err);
  CHECK_INT(CRO_E_CERT, e.client.closed_err);
  CHECK_INT(CRO_E_TLS, e.server.probe.err);
  tls_ends_close(&e);
}

/* --- output --------------------------------------------------------------------------
 */

static void count_flush(void *arg, int err)
{
  int *seen = arg;

  seen[0]++;
  seen[1] = err;
}

static void shrink(tls_ends *e)
{
  int sends = 4096, receives = 65536;

  (void)setsockopt(e->server.tcp->fd, SOL_SOCKET, SO_SNDBUF, &sends, sizeof sends);
  (void)setsockopt(e->client.tcp->fd, SOL_SOCKET, SO_RCVBUF, &receives,
                   sizeof receives);
}

static void flush_callbacks_wait_for_all_that_was_pushed_before(void)
{
  enum { n = 2 * 1024 * 1024 };
  tls_ends e = { 0 };
  int first[2] = { 0 }, last[2] = { 0 };
  char *bytes = pattern_of(n);

  open_ends(&e);
  tls_ends_shake(&e);
  shrink(&e);
  e.client.probe.answer = CRO_FULL; /* reads no more */
  CHECK_INT(0, probe_send(&e.server.probe, CRO_B("a")));
  CHECK_INT(0, cro_tcp_on_flushed(e.server.tcp, count_flush, first));
  CHECK_INT(0, first[0]);
  UNTIL(e.loop, first[0] == 1);
  CHECK_INT(CRO_FULL, probe_send(&e.server.probe, (cro_bytes){ bytes, n }));
  CHECK(cro_tcp_queued(e.server.tcp) > n / 2);
  CHECK_INT(0, cro_tcp_on_flushed(e.server.tcp, count_flush, last));
  spin(e.loop, 10);
  CHECK_INT(0, last[0]);
  e.client.probe.answer = 0;
  cro_stage_resume(&e.client.probe.stage);
  UNTIL(e.loop, last[0] == 1);
  CHECK_INT(0, last[1]);
  CHECK_INT(0, cro_tcp_queued(e.server.tcp));
  UNTIL(e.loop, e.client.probe.got.len == n + 1);
  check_pattern(e.client.probe.got.at + 1, n);
  CHECK_INT(1, e.server.probe.resumes);
  tls_ends_close(&e);
  free(bytes);
}

static void a_flush_callback_of_a_connection_that_breaks_hears_it(void)
{
  enum { n = 2 * 1024 * 1024 };
  tls_ends e = { 0 };
  int flush[2] = { 0 };
  char *bytes = pattern_of(n);

  open_ends(&e);
  tls_ends_shake(&e);
  shrink(&e);
  e.client.probe.answer = CRO_FULL;
  CHECK_INT(CRO_FULL, probe_send(&e.server.probe, (cro_bytes){ bytes, n }));
  CHECK_INT(0, cro_tcp_on_flushed(e.server.tcp, count_flush, flush));
  tls_end_conn(&e.client)->ops->abort(tls_end_conn(&e.client));
  UNTIL(e.loop, e.server.closed == 1);
  CHECK_INT(1, flush[0]);
  CHECK(flush[1] < 0);
  CHECK_INT(1, e.server.probe.fails);
  tls_ends_close(&e);
  free(bytes);
}

static void who_pushes_on_although_full_is_stopped_where_it_was_said(void)
{
  tls_ends e = { 0 };
  char *bytes = pattern_of(1000000);
  int rc = 0;

  open_ends(&e);
  tls_ends_shake(&e);
  shrink(&e);
  cro_tcp_write_over(e.server.tcp, 300000);
  e.client.probe.answer = CRO_FULL;
  CHECK_INT(CRO_FULL, probe_send(&e.server.probe, (cro_bytes){ bytes, 1000000 }));
  for (int i = 0; i < 4 && rc >= 0; i++)
    rc = probe_send(&e.server.probe, (cro_bytes){ bytes, 100000 });
  CHECK_INT(CRO_E_LIMIT, rc);
  UNTIL(e.loop, e.server.closed == 1);
  CHECK_INT(CRO_E_LIMIT, e.server.closed_err);
  CHECK_INT(CRO_E_LIMIT, e.server.probe.err);
  tls_ends_close(&e);
  free(bytes);
}

typedef struct {
  tls_ends *ends;
  int left;
} gatherer;

static void push_frames(void *arg)
{
  gatherer *self = arg;

  for (; self->left > 0; self->left--)
    CHECK_INT(0, probe_send(&self->ends->server.probe, CRO_B("frame ")));
}

static void what_is_gathered_above_is_sent_with_a_close_behind_it(void)
{
  tls_ends e = { 0 };
  gatherer frames = { .ends = &e, .left = 3 };

  open_ends(&e);
  tls_ends_shake(&e);
  tls_end_conn(&e.server)->on_flush = push_frames;
  tls_end_conn(&e.server)->flush_arg = &frames;
  close_end(&e.server);
  CHECK_INT(CRO_E_CLOSED, probe_send(&e.server.probe, CRO_B("too late")));
  UNTIL(e.loop, e.client.probe.finishes == 1);
  CHECK_BYTES(CRO_B("frame frame frame "), cro_buf_bytes(&e.client.probe.got));
  CHECK_INT(1, e.client.probe.pushes);
  tls_ends_close(&e);
}

static void both_sides_finished_is_the_end_of_the_connection(void)
{
  tls_ends e = { .server.echo = true };

  open_ends(&e);
  tls_ends_shake(&e);
  CHECK_INT(0, probe_send(&e.client.probe, CRO_B("hello")));
  CHECK_INT(0, cro_emit_finish(&e.client.probe.stage));
  UNTIL(e.loop, e.client.closed == 1 && e.server.closed == 1);
  CHECK_INT(1, e.client.probe.pushes); /* the bytes have gone with it */
  CHECK_INT(0, e.server.closed_err + e.client.closed_err);
  CHECK_INT(1, e.client.probe.finishes);
  tls_ends_close(&e);
}

static void an_abort_is_no_whole_stream(void)
{
  tls_ends e = { 0 };

  open_ends(&e);
  tls_ends_shake(&e);
  tls_end_conn(&e.client)->ops->abort(tls_end_conn(&e.client));
  UNTIL(e.loop, e.server.closed == 1);
  CHECK_INT(0, e.server.probe.finishes);
  CHECK_INT(CRO_E_RESET, e.server.probe.err);
  tls_ends_close(&e);
}

TEST_MAIN(CASE(bytes_come_back_from_an_echo),
          CASE(ten_mebibytes_come_back_as_they_were),
          CASE(nothing_is_told_before_accept_and_connect_have_returned),
          CASE(a_context_of_the_wrong_side_is_refused),
          CASE(a_refusal_arrives_as_an_alert_at_the_other_end),
          CASE(an_alert_arrives_although_the_peer_talks_on),
          CASE(who_closes_before_the_end_is_not_told),
          CASE(who_is_told_may_close_there), CASE(silence_ends_with_the_deadline),
          CASE(who_goes_away_in_the_handshake_is_told_apart),
          CASE(a_loop_that_ends_tells_who_is_in_a_handshake),
          CASE(a_plain_connection_goes_on_encrypted),
          CASE(a_pipeline_that_was_full_before_is_full_after),
          CASE(the_pipeline_of_a_starttls_that_fails_is_told),
          CASE(flush_callbacks_wait_for_all_that_was_pushed_before),
          CASE(a_flush_callback_of_a_connection_that_breaks_hears_it),
          CASE(who_pushes_on_although_full_is_stopped_where_it_was_said),
          CASE(what_is_gathered_above_is_sent_with_a_close_behind_it),
          CASE(both_sides_finished_is_the_end_of_the_connection),
          CASE(an_abort_is_no_whole_stream))
