#include "base/alloc.h"
#include "base/err.h"
#include "support/h1_client_rig.h"
#include "support/test.h"

/* --- answers
 * -------------------------------------------------------------------------- */

/* What a client must make of each answer: its log, then the connection's end and why
 * the exchange ended. */
typedef struct vector {
  const char *name;
  cro_method method;
  const char *in;
  bool eof;
  const char *want;
} vector;

#define OK "HTTP/1.1 200 OK\r\n"

static const vector vectors[] = {
  { "a length", CRO_GET, OK "X: y\r\nContent-Length: 3\r\n\r\nabc", false,
    "200 OK X=y Content-Length=3 [abc] open in full" },
  { "a length of 0", CRO_GET, OK "Content-Length: 0\r\n\r\n", false,
    "200 OK Content-Length=0 [] open in full" },
  { "chunks and trailers", CRO_GET,
    OK "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\nX-T: v\r\n\r\n",
    false, "200 OK Transfer-Encoding=chunked [abcde] X-T=v open in full" },
  { "until close", CRO_GET, OK "\r\nall of it", true,
    "200 OK [all of it] close in full" },
  { "an empty reason", CRO_GET, "HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n", false,
    "200  Content-Length=0 [] open in full" },
  { "no reason", CRO_GET, "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", false,
    "200  Content-Length=0 [] open in full" },
  { "HEAD with a length", CRO_HEAD, OK "Content-Length: 3\r\n\r\n", false,
    "200 OK Content-Length=3 [] open in full" },
  { "HEAD announcing chunks", CRO_HEAD, OK "Transfer-Encoding: chunked\r\n\r\n", false,
    "200 OK Transfer-Encoding=chunked [] open in full" },
  { "204", CRO_GET, "HTTP/1.1 204 No Content\r\n\r\n", false,
    "204 No Content [] open in full" },
  { "304 with a length", CRO_GET,
    "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", false,
    "304 Not Modified Content-Length=9 [] open in full" },
  { "1xx answers are passed over", CRO_GET,
    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" OK
    "Content-Length: 1\r\n\r\na",
    false, "200 OK Content-Length=1 [a] open in full" },
  { "Connection: close", CRO_GET, OK "Connection: close\r\nContent-Length: 1\r\n\r\na",
    false, "200 OK Connection=close Content-Length=1 [a] close in full" },
  { "HTTP/1.0", CRO_GET, "HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\na", false,
    "200 OK Content-Length=1 [a] close in full" },
  { "HTTP/1.0 keep-alive", CRO_GET,
    "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\na", false,
    "200 OK Connection=keep-alive Content-Length=1 [a] open in full" },
  { "EOF before an answer", CRO_GET, "", true, " abort eof" },
  { "EOF inside a head", CRO_GET, "HTTP/1.1 20", true, " abort eof" },
  { "EOF inside a body", CRO_GET, OK "Content-Length: 3\r\n\r\nab", true,
    "200 OK Content-Length=3 [ab] broken abort eof" },
  { "EOF inside a chunk", CRO_GET, OK "Transfer-Encoding: chunked\r\n\r\n3\r\nab", true,
    "200 OK Transfer-Encoding=chunked [ab] broken abort eof" },
  { "both framings", CRO_GET,
    OK "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\nabc", false,
    " abort protocol" },
  { "two lengths", CRO_GET, OK "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
    false, " abort protocol" },
  { "an unknown coding", CRO_GET, OK "Transfer-Encoding: gzip, chunked\r\n\r\n", false,
    " abort protocol" },
  { "a folded field", CRO_GET, OK "X: a\r\n b\r\nContent-Length: 0\r\n\r\n", false,
    " abort protocol" },
  { "an empty name", CRO_GET, OK ": a\r\nContent-Length: 0\r\n\r\n", false,
    " abort protocol" },
  { "bare LF", CRO_GET, "HTTP/1.1 200 OK\nContent-Length: 0\n\n", false,
    " abort protocol" },
  { "HTTP/2.0", CRO_GET, "HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n", false,
    " abort protocol" },
  { "a status of two digits", CRO_GET, "HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n",
    false, " abort protocol" },
  { "a status of 600", CRO_GET, "HTTP/1.1 600 OK\r\nContent-Length: 0\r\n\r\n", false,
    " abort protocol" },
  { "not HTTP", CRO_GET, "SSH-2.0-x\r\n", false, " abort protocol" },
  { "eleven 1xx answers", CRO_GET,
    "HTTP/1.1 102 P\r\n\r\nHTTP/1.1 102 P\r\n\r\nHTTP/1.1 102 P\r\n\r\n"
    "HTTP/1.1 102 P\r\n\r\nHTTP/1.1 102 P\r\n\r\nHTTP/1.1 102 P\r\n\r\n"
    "HTTP/1.1 102 P\r\n\r\nHTTP/1.1 102 P\r\n\r\nHTTP/1.1 102 P\r\n\r\n"
    "HTTP/1.1 102 P\r\n\r\nHTTP/1.1 102 P\r\n\r\n",
    false, " abort protocol" },
};

static void log_end(void)
{
  client_log(" ");
  client_log(client.end);
  client_log(" ");
  client_log(client.released == 1 ? "in full" : cro_err_kind(client.released));
}

static void try_vector(const vector *row, size_t step)
{
  CHECK(client_open());
  CHECK(client_make(row->method) != NULL);
  CHECK_INT(0, client_send());
  client_feed_bytes(cro_bytes_of(row->in), step);
  if (row->eof)
    client_eof();
  log_end();
  if (!cro_bytes_eq(cro_bytes_of(row->want), cro_buf_bytes(&client.log)))
    test_fail(row->name, (int)step, "want %s, got %.*s", row->want, (int)client.log.len,
              client.log.at);
  client_close();
}

#define EACH(row)                                                                      \
  for (const vector *row = vectors; row < vectors + sizeof vectors / sizeof *vectors;  \
       row++)

static void each_answer_is_understood_however_it_is_cut(void)
{
  EACH(row)
  for (size_t step = 0; step < 9; step++)
    try_vector(row, step);
}

static void a_failed_allocation_never_does_harm(void)
{
  EACH(row)
  for (uint64_t n = 1; n < 30; n++) {
    cro_arena_trim();
    cro_alloc_fail_at(n);
    if (client_open()) {
      client.mute = true;
      if (client_make(row->method) != NULL && client_send() == 0)
        client_feed_bytes(cro_bytes_of(row->in), n % 4);
      client_close();
    }
    cro_alloc_fail_at(0);
  }
}

/* --- requests
 * ---------------------------------------------------------------------------- */

static void check_out(const char *want)
{
  CHECK_TEXT(want, cro_buf_bytes(&client.out));
  cro_buf_free(&client.out);
}

static void a_request_is_written_with_host_and_fields(void)
{
  CHECK(client_open());
  client_make(CRO_GET);
  CHECK_INT(0, cro_headers_add(&client.request->headers, client.request->arena,
                               CRO_B("Accept"), CRO_B("*/*")));
  CHECK_INT(0, client_send());
  check_out("GET /p?q HTTP/1.1\r\nHost: h:1\r\nAccept: */*\r\n\r\n");
  CHECK(!cro_h1_client_ready(client.h1));
  client_close();
  CHECK_INT(CRO_E_CLOSED, client.released);
}

static void another_request_follows_when_the_first_is_over(void)
{
  CHECK(client_open());
  client_make(CRO_GET);
  CHECK_INT(0, client_send());
  CHECK_INT(CRO_E_STATE, client_send());
  CHECK(!cro_h1_client_heard(client.h1));
  client_feed("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\na");
  CHECK(cro_h1_client_heard(client.h1));
  CHECK_INT(CRO_E_STATE, client_send());
  client_feed("b");
  CHECK(cro_h1_client_ready(client.h1));
  client_make(CRO_GET);
  CHECK_INT(0, client_send());
  client_feed("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  CHECK_INT(1, client.released);
  client_close();
}

static void methods_that_mean_content_say_that_there_is_none(void)
{
  CHECK(client_open());
  client_make(CRO_POST);
  CHECK_INT(0, client_send());
  check_out("POST /p?q HTTP/1.1\r\nHost: h:1\r\nContent-Length: 0\r\n\r\n");
  client_close();
}

static void a_body_of_known_length_is_sent(void)
{
  CHECK(client_open());
  client_make(CRO_PUT);
  client.request->body.length = 5;
  CHECK_INT(0, cro_body_put(&client.request->body, CRO_B("he")));
  CHECK_INT(0, client_send());
  CHECK_INT(0, cro_body_put(&client.request->body, CRO_B("llo")));
  cro_body_end(&client.request->body);
  check_out("PUT /p?q HTTP/1.1\r\nHost: h:1\r\nContent-Length: 5\r\n\r\nhello");
  client_feed("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  CHECK(cro_h1_client_ready(client.h1));
  client_close();
}

static void a_body_of_unknown_length_is_chunked(void)
{
  CHECK(client_open());
  client_make(CRO_POST);
  client.request->body.length = -1;
  CHECK_INT(0, client_send());
  CHECK_INT(0, cro_body_put(&client.request->body, CRO_B("hello")));
  cro_body_end(&client.request->body);
  check_out("POST /p?q HTTP/1.1\r\nHost: h:1\r\nTransfer-Encoding: chunked\r\n\r\n"
            "5\r\nhello\r\n0\r\n\r\n");
  client_close();
}

static void a_body_that_disagrees_with_its_length_ends_the_connection(void)
{
  CHECK(client_open());
  client_make(CRO_PUT);
  client.request->body.length = 3;
  CHECK_INT(0, client_send());
  (void)cro_body_put(&client.request->body, CRO_B("toolong"));
  CHECK_INT(CRO_E_TOO_LONG, client.released);
  CHECK(strcmp(client.end, "abort") == 0);
  client_close();
  CHECK(client_open());
  client_make(CRO_PUT);
  client.request->body.length = 3;
  CHECK_INT(0, client_send());
  (void)cro_body_put(&client.request->body, CRO_B("ab"));
  cro_body_end(&client.request->body);
  CHECK_INT(CRO_E_EOF, client.released);
  client_close();
}

static void a_body_waits_for_a_full_sink(void)
{
  CHECK(client_open());
  client_make(CRO_POST);
  client.request->body.length = 6;
  client.sink_full = true;
  CHECK_INT(CRO_FULL, client_send());
  cro_buf_free(&client.out);
  CHECK_INT(0, cro_body_put(&client.request->body, CRO_B("abc")));
  CHECK_INT(0, client.out.len);
  client.sink_full = false;
  cro_stage_resume(&client.sink);
  client_turn();
  check_out("abc");
  client_close();
}

static void expect_holds_the_body_back_until_100(void)
{
  CHECK(client_open());
  client_make(CRO_POST);
  client.request->body.length = 3;
  client.request->expect_continue = true;
  CHECK_INT(0, cro_body_put(&client.request->body, CRO_B("abc")));
  cro_body_end(&client.request->body);
  CHECK_INT(0, client_send());
  check_out("POST /p?q HTTP/1.1\r\nHost: h:1\r\nContent-Length: 3\r\n"
            "Expect: 100-continue\r\n\r\n");
  client_feed("HTTP/1.1 100 Continue\r\n\r\n");
  check_out("abc");
  client_feed("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  CHECK(cro_h1_client_ready(client.h1));
  client_close();
}

static void the_caller_may_stop_waiting_for_100(void)
{
  CHECK(client_open());
  client_make(CRO_POST);
  client.request->body.length = 3;
  client.request->expect_continue = true;
  CHECK_INT(0, client_send());
  cro_buf_free(&client.out);
  CHECK_INT(0, cro_body_put(&client.request->body, CRO_B("abc")));
  cro_h1_client_continue(client.h1);
  check_out("abc");
  client_close();
}

static void a_refusal_instead_of_100_ends_the_connection(void)
{
  CHECK(client_open());
  client_make(CRO_POST);
  client.request->body.length = 3;
  client.request->expect_continue = true;
  CHECK_INT(0, client_send());
  client_feed("HTTP/1.1 413 No\r\nContent-Length: 0\r\n\r\n");
  CHECK_INT(1, client.released);
  CHECK(strcmp(client.end, "close") == 0);
  client_close();
}

static void an_answer_nobody_asked_for_ends_the_connection(void)
{
  CHECK(client_open());
  client_feed("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  CHECK(strcmp(client.end, "abort") == 0);
  CHECK_INT(CRO_E_PROTOCOL, client.failed);
  client_close();
  CHECK(client_open());
  client_make(CRO_GET);
  CHECK_INT(0, client_send());
  client_feed("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\naHTTP/1.1 200 OK\r\n");
  CHECK_INT(1, client.released);
  CHECK(strcmp(client.end, "close") == 0);
  client_close();
}

static void a_request_that_would_split_is_refused(void)
{
  CHECK(client_open());
  client_make(CRO_GET);
  client.request->target = CRO_B("/a b");
  CHECK_INT(CRO_E_INVAL, client_send());
  client.request->target = CRO_B("/a\r\nX: y");
  CHECK_INT(CRO_E_INVAL, client_send());
  client.request->target = CRO_B("/a");
  client.request->authority = CRO_B("h\r\nX: y");
  CHECK_INT(CRO_E_INVAL, client_send());
  client.request->authority = CRO_B("h");
  CHECK_INT(0, cro_headers_add(&client.request->headers, client.request->arena,
                               CRO_B("A"), CRO_B("b\nc")));
  CHECK_INT(CRO_E_INVAL, client_send());
  client.request->headers.at[0] = (cro_header){ CRO_B("Content-Length"), CRO_B("3") };
  CHECK_INT(CRO_E_INVAL, client_send());
  client.request->headers.at[0] = (cro_header){ CRO_B("Host"), CRO_B("other") };
  CHECK_INT(0, client_send());
  check_out("GET /a HTTP/1.1\r\nHost: other\r\n\r\n");
  client_close();
}

static void a_full_answer_body_stops_the_reading(void)
{
  cro_buf taken = { 0 };
  cro_body *body;

  CHECK(client_open());
  client.mute = true;
  client_make(CRO_GET);
  CHECK_INT(0, client_send());
  client_feed("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n");
  body = client.request->response->incoming;
  CHECK_INT(9, body->length);
  CHECK_INT(0, cro_body_want(body, 100, 4));
  client_feed("abcd");
  CHECK(client.source_full);
  cro_body_take(body, &taken);
  client_turn();
  CHECK(!client.source_full);
  CHECK_TEXT("abcd", cro_buf_bytes(&taken));
  client_feed("efghi");
  CHECK_INT(CRO_BODY_ENDED, body->state);
  cro_buf_free(&taken);
  client_close();
}

static void an_answer_over_its_readers_limit_fails(void)
{
  CHECK(client_open());
  client.mute = true;
  client_make(CRO_GET);
  CHECK_INT(0, client_send());
  client_feed("HTTP/1.1 200 OK\r\n\r\n");
  CHECK_INT(0, cro_body_want(client.request->response->incoming, 3, 100));
  client_feed("abcd");
  CHECK_INT(CRO_E_LIMIT, client.released);
  CHECK(strcmp(client.end, "abort") == 0);
  client_close();
}

static void after_101_both_bodies_carry_bytes(void)
{
  cro_body *in;

  CHECK(client_open());
  client.mute = true;
  client_make(CRO_GET);
  client.request->upgrade = true;
  client.request->body.length = -1;
  CHECK_INT(0, cro_headers_add(&client.request->headers, client.request->arena,
                               CRO_B("Upgrade"), CRO_B("x")));
  CHECK_INT(0, client_send());
  check_out(
      "GET /p?q HTTP/1.1\r\nHost: h:1\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n");
  CHECK_INT(0, cro_body_put(&client.request->body, CRO_B("early")));
  CHECK_INT(0, client.out.len);
  client_feed("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\nraw");
  check_out("early");
  in = client.request->response->incoming;
  CHECK_TEXT("raw", cro_buf_bytes(&in->held));
  CHECK_INT(0, cro_body_put(&client.request->body, CRO_B("later")));
  check_out("later");
  client_eof();
  CHECK_INT(CRO_BODY_ENDED, in->state);
  CHECK_INT(0, client.released);
  cro_body_end(&client.request->body);
  CHECK_INT(1, client.released);
  CHECK(strcmp(client.end, "close") == 0);
  client_close();
}

TEST_MAIN(CASE(each_answer_is_understood_however_it_is_cut),
          CASE(a_failed_allocation_never_does_harm),
          CASE(a_request_is_written_with_host_and_fields),
          CASE(another_request_follows_when_the_first_is_over),
          CASE(methods_that_mean_content_say_that_there_is_none),
          CASE(a_body_of_known_length_is_sent),
          CASE(a_body_of_unknown_length_is_chunked),
          CASE(a_body_that_disagrees_with_its_length_ends_the_connection),
          CASE(a_body_waits_for_a_full_sink),
          CASE(expect_holds_the_body_back_until_100),
          CASE(the_caller_may_stop_waiting_for_100),
          CASE(a_refusal_instead_of_100_ends_the_connection),
          CASE(an_answer_nobody_asked_for_ends_the_connection),
          CASE(a_request_that_would_split_is_refused),
          CASE(a_full_answer_body_stops_the_reading),
          CASE(an_answer_over_its_readers_limit_fails),
          CASE(after_101_both_bodies_carry_bytes))
