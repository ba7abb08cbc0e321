#include "base/err.h"
#include "support/h2_client_rig.h"
#include "support/test.h"

#define HEAD(id) "HEADERS " id " es :method=GET :scheme=https :path=/ :authority=h\n"
#define OPEN(id, method)                                                               \
  "HEADERS " id " :method=" method " :scheme=https :path=/ :authority=h"

/* --- requests and responses ----------------------------------------------------------
 */

static void a_connection_begins_with_preface_settings_and_a_window(void)
{
  CHECK(h2c_make());
  peer_call(&h2c.peer, cro_h2_client_reader(h2c.client),
            cro_h2_client_writer(h2c.client));
  cro_h2_client_start(h2c.client);
  peer_turn(&h2c.peer);
  CHECK_PEER("SETTINGS 2=0 3=100 4=65536 6=65536 9=1\nWINDOW_UPDATE 0 6488065\n",
             &h2c.peer);
  CHECK_INT(1, h2c.peer.writes);
  h2c_play("settings 0 u16:3 u32:7");
  CHECK_PEER("SETTINGS ack\n", &h2c.peer);
  h2c_close();
}

static void a_request_is_answered(void)
{
  h2c_open();
  CHECK_INT(0, h2c_get("/"));
  CHECK_PEER(HEAD("1"), &h2c.peer);
  h2c_play("headers 1 eh ok {x: y}; data 1 'ab'; data 1 es 'c'");
  CHECK_LOG("1: 200 x=y [abc]\n", &h2c.peer);
  CHECK_INT(1, h2c.peer.released);
  CHECK_INT(0, cro_h2_client_open(h2c.client));
  CHECK(cro_h2_client_ready(h2c.client));
  CHECK_PEER("", &h2c.peer);
  h2c_close();
}

static void many_requests_are_answered_in_any_order(void)
{
  h2c_open();
  for (int i = 0; i < 3; i++)
    CHECK_INT(0, h2c_get("/"));
  CHECK_PEER(HEAD("1") HEAD("3") HEAD("5"), &h2c.peer);
  h2c_play("headers 5 eh ok; headers 1 eh ok; data 5 'a'; data 1 es 'b'; "
           "headers 3 eh es ok; data 5 es 'c'");
  CHECK_LOG("5: 200 [ac]\n1: 200 [b]\n3: 200\n", &h2c.peer);
  CHECK_INT(3, h2c.peer.released);
  h2c_close();
}

static void requests_of_a_turn_are_one_write(void)
{
  cro_request *request;

  h2c_open();
  h2c.peer.writes = 0;
  for (int i = 0; i < 5; i++) {
    request = peer_request(&h2c.peer, CRO_GET, "/");
    CHECK_INT(0, cro_emit(&h2c.peer.caller, request));
    peer_drop(request);
  }
  peer_turn(&h2c.peer);
  CHECK_INT(1, h2c.peer.writes);
  h2c_close();
}

/* What the client makes of an answer to each method: log, and the frames it sends. */
typedef struct vector {
  const char *name;
  cro_method method;
  const char *in, *log, *out;
} vector;

static const vector vectors[] = {
  { "trailers", CRO_GET,
    "headers 1 eh ok; data 1 'ab'; headers 1 eh es {t: v} {host: h}",
    "1: 200 [ab] t=v\n", "" },
  { "1xx answers are passed over", CRO_GET,
    "headers 1 eh {:status: 103} {link: x}; headers 1 eh {:status: 102}; "
    "headers 1 eh es {:status: 204} {a: b}",
    "1: 204 a=b\n", "" },
  { "ten 1xx answers", CRO_GET,
    "headers 1 eh {:status: 102}; headers 1 eh {:status: 102}; headers 1 eh {:status: "
    "102};"
    "headers 1 eh {:status: 102}; headers 1 eh {:status: 102}; headers 1 eh {:status: "
    "102};"
    "headers 1 eh {:status: 102}; headers 1 eh {:status: 102}; headers 1 eh {:status: "
    "102};"
    "headers 1 eh {:status: 102}; headers 1 eh es ok",
    "1: 200\n", "" },
  { "eleven 1xx answers", CRO_GET,
    "headers 1 eh {:status: 102}; headers 1 eh {:status: 102}; headers 1 eh {:status: "
    "102};"
    "headers 1 eh {:status: 102}; headers 1 eh {:status: 102}; headers 1 eh {:status: "
    "102};"
    "headers 1 eh {:status: 102}; headers 1 eh {:status: 102}; headers 1 eh {:status: "
    "102};"
    "headers 1 eh {:status: 102}; headers 1 eh {:status: 102}; headers 1 eh es ok",
    "1: protocol\n", "RST_STREAM 1 ENHANCE_YOUR_CALM\n" },
  { "a length that is kept", CRO_GET,
    "headers 1 eh ok {content-length: 3}; data 1 es 'abc'",
    "1: 200 content-length=3 [abc]\n", "" },
  { "a length that is not reached", CRO_GET,
    "headers 1 eh ok {content-length: 3}; data 1 es 'ab'",
    "1: 200 content-length=3 [ab] broken: protocol\n1: protocol\n",
    "RST_STREAM 1 PROTOCOL_ERROR\n" },
  { "a length and no content", CRO_GET, "headers 1 eh es ok {content-length: 3}",
    "1: protocol\n", "RST_STREAM 1 PROTOCOL_ERROR\n" },
  { "HEAD with a length", CRO_HEAD, "headers 1 eh es ok {content-length: 3}",
    "1: 200 content-length=3\n", "" },
  { "HEAD with a length and an empty DATA", CRO_HEAD,
    "headers 1 eh ok {content-length: 3}; data 1 es", "1: 200 content-length=3\n", "" },
  { "HEAD with content", CRO_HEAD, "headers 1 eh ok; data 1 es 'a'",
    "1: 200 broken: protocol\n1: protocol\n", "RST_STREAM 1 PROTOCOL_ERROR\n" },
  { "204 with content", CRO_GET, "headers 1 eh {:status: 204}; data 1 es 'a'",
    "1: 204 broken: protocol\n1: protocol\n", "RST_STREAM 1 PROTOCOL_ERROR\n" },
  { "304 with a length", CRO_GET, "headers 1 eh es {:status: 304} {content-length: 3}",
    "1: 304 content-length=3\n", "" },
  { "a status of 600", CRO_GET, "headers 1 eh es {:status: 600}", "1: protocol\n",
    "RST_STREAM 1 PROTOCOL_ERROR\n" },
  { "a status of 99", CRO_GET, "headers 1 eh es {:status: 099}", "1: protocol\n",
    "RST_STREAM 1 PROTOCOL_ERROR\n" },
  { "101", CRO_GET, "headers 1 eh {:status: 101}", "1: protocol\n",
    "RST_STREAM 1 PROTOCOL_ERROR\n" },
  { "a reset", CRO_GET, "rst 1 u32:2", "1: reset\n", "" },
  { "a reset in the middle", CRO_GET, "headers 1 eh ok; data 1 'a'; rst 1 u32:8",
    "1: 200 [a] broken: reset\n1: reset\n", "" },
  { "refused before it was looked at", CRO_GET, "rst 1 u32:7", "1: again\n", "" },
  { "refused after an answer has begun", CRO_GET, "headers 1 eh ok; rst 1 u32:7",
    "1: 200 broken: reset\n1: reset\n", "" },
  { "HTTP/1.1 is wanted", CRO_GET, "rst 1 u32:13", "1: not_supported\n", "" },
  { "an empty last DATA", CRO_GET, "headers 1 eh ok; data 1 'a'; data 1 es",
    "1: 200 [a]\n", "" },
  { "padding", CRO_GET,
    "headers 1 eh pad u8:2 ok zeros:2; data 1 es pad u8:3 'ab' zeros:3",
    "1: 200 [ab]\n", "" },
  { "a head in pieces", CRO_GET,
    "headers 1 es ok; cont 1; cont 1 {a: b}; cont 1 eh {c: d}", "1: 200 a=b c=d\n",
    "" },
};

#define COUNT(array) (sizeof(array) / sizeof *(array))

static void check_vector(const vector *row, size_t step)
{
  h2_text in = { 0 }, out = { 0 };
  cro_request *request;

  h2c_open();
  request = h2c_ask(row->method, 0);
  peer_forget(&h2c.peer);
  h2_script(&in, row->in);
  peer_feed(&h2c.peer, h2_text_bytes(&in), step);
  peer_say(&h2c.peer, &out);
  if (!cro_bytes_eq(cro_bytes_of(row->log), h2_text_bytes(&h2c.peer.log)) ||
      !cro_bytes_eq(cro_bytes_of(row->out), h2_text_bytes(&out)) ||
      h2c.peer.released != 1)
    test_fail(row->name, (int)step, "logged %.*s\nsent %.*s\nreleased %u",
              (int)h2c.peer.log.len, h2c.peer.log.at, (int)out.len, out.at,
              h2c.peer.released);
  CHECK(peer_is_open(&h2c.peer));
  CHECK(cro_h2_client_ready(h2c.client));
  peer_drop(request);
  h2c_close();
  h2_text_free(&in);
  h2_text_free(&out);
}

static void each_answer_is_understood_however_it_is_cut(void)
{
  for (size_t i = 0; i < COUNT(vectors); i++)
    for (size_t step = 0; step < 12; step++)
      check_vector(&vectors[i], step);
}

static void an_answer_longer_than_announced_is_broken(void)
{
  cro_request *request;

  h2c_open();
  request = h2c_ask(CRO_GET, 0);
  peer_forget(&h2c.peer);
  h2c_play("headers 1 eh ok {content-length: 3}; data 1 'abc'");
  CHECK_INT(3, request->response->incoming->length);
  h2c_play("data 1 'd'");
  CHECK_LOG("1: 200 content-length=3 [abc] broken: protocol\n1: protocol\n", &h2c.peer);
  CHECK_PEER("RST_STREAM 1 PROTOCOL_ERROR\n", &h2c.peer);
  peer_drop(request);
  h2c_close();
}

/* --- request heads -------------------------------------------------------------------
 */

static void names_are_lower_case_and_host_is_the_authority(void)
{
  cro_request *request;

  h2c_open();
  request = peer_request(&h2c.peer, CRO_GET, "/a?b");
  (void)cro_headers_add(&request->headers, request->arena, CRO_B("Accept"),
                        CRO_B("*/*"));
  (void)cro_headers_add(&request->headers, request->arena, CRO_B("Host"), CRO_B("i:1"));
  (void)cro_headers_add(&request->headers, request->arena, CRO_B("TE"),
                        CRO_B("trailers"));
  CHECK_INT(0, peer_ask(&h2c.peer, request));
  CHECK_PEER("HEADERS 1 es :method=GET :scheme=https :path=/a?b :authority=i:1 "
             "accept=*/* te=trailers\n",
             &h2c.peer);
  peer_drop(request);
  h2c_close();
}

static void the_scheme_is_the_connections_when_none_is_given(void)
{
  cro_request *request;

  h2c_open();
  request = peer_request(&h2c.peer, CRO_GET, "/");
  request->scheme = CRO_B("");
  CHECK_INT(0, peer_ask(&h2c.peer, request));
  CHECK_PEER("HEADERS 1 es :method=GET :scheme=http :path=/ :authority=h\n", &h2c.peer);
  peer_drop(request);
  h2c_close();
}

static int ask_with(const char *name, const char *value)
{
  cro_request *request = peer_request(&h2c.peer, CRO_GET, "/");
  int rc;

  (void)cro_headers_add(&request->headers, request->arena, cro_bytes_of(name),
                        cro_bytes_of(value));
  rc = peer_ask(&h2c.peer, request);
  peer_drop(request);
  return rc;
}

static void what_cannot_be_said_is_refused_and_does_no_harm(void)
{
  static const char *const ours[] = { "Content-Length",
                                      "Transfer-Encoding",
                                      "Connection",
                                      "Keep-Alive",
                                      "Upgrade",
                                      "Expect",
                                      "Trailer",
                                      "Proxy-Connection",
                                      "a b",
                                      ":path",
                                      "" };

  h2c_open();
  for (size_t i = 0; i < COUNT(ours); i++)
    CHECK_INT(CRO_E_INVAL, ask_with(ours[i], "1"));
  CHECK_INT(CRO_E_INVAL, ask_with("a", "b\nc"));
  CHECK_INT(CRO_E_INVAL, ask_with("te", "gzip"));
  CHECK_INT(CRO_E_INVAL, h2c_get("a"));
  CHECK_INT(CRO_E_INVAL, h2c_get("/a b"));
  CHECK_INT(CRO_E_INVAL, h2c_get(""));
  CHECK_PEER("", &h2c.peer);
  CHECK_INT(0, h2c.peer.released);
  CHECK_INT(0, h2c_get("/"));
  CHECK_PEER(HEAD("1"), &h2c.peer);
  h2c_close();
}

static void a_head_longer_than_the_server_takes_is_not_sent(void)
{
  h2c_open();
  h2c_play("settings 0 u16:6 u32:200");
  peer_forget(&h2c.peer);
  CHECK_INT(0, ask_with("a", "0123456789012345678901234567890123456789"));
  CHECK_LOG("0: too_long\n", &h2c.peer);
  CHECK_PEER("", &h2c.peer);
  CHECK_INT(0, h2c_get("/"));
  CHECK_PEER(HEAD("1"), &h2c.peer);
  h2c_close();
}

/* --- request bodies ------------------------------------------------------------------
 */

static void a_body_of_known_length_is_sent(void)
{
  cro_request *request;

  h2c_open();
  request = h2c_ask(CRO_PUT, 5);
  CHECK_PEER(OPEN("1", "PUT") " content-length=5\n", &h2c.peer);
  CHECK_INT(0, cro_body_put(&request->body, CRO_B("he")));
  peer_turn(&h2c.peer);
  CHECK_PEER("DATA 1 'he'\n", &h2c.peer);
  CHECK_INT(0, cro_body_put(&request->body, CRO_B("llo")));
  cro_body_end(&request->body);
  peer_turn(&h2c.peer);
  CHECK_PEER("DATA 1 es 'llo'\n", &h2c.peer);
  h2c_play("headers 1 eh es ok");
  CHECK_LOG("1: 200\n", &h2c.peer);
  CHECK_INT(1, h2c.peer.released);
  peer_drop(request);
  h2c_close();
}

static void a_body_of_unknown_length_ends_with_its_trailers(void)
{
  cro_request *request;

  h2c_open();
  request = h2c_ask(CRO_POST, -1);
  CHECK_INT(0, cro_body_put(&request->body, CRO_B("x")));
  (void)cro_headers_add(&request->trailers, request->arena, CRO_B("T"), CRO_B("v"));
  (void)cro_headers_add(&request->trailers, request->arena, CRO_B("Host"), CRO_B("v"));
  cro_body_end(&request->body);
  peer_turn(&h2c.peer);
  CHECK_PEER(OPEN("1", "POST") "\nDATA 1 'x'\nHEADERS 1 es t=v\n", &h2c.peer);
  peer_drop(request);
  h2c_close();
}

static void an_empty_body_ends_at_once(void)
{
  cro_request *request;

  h2c_open();
  request = h2c_ask(CRO_POST, 0);
  CHECK_PEER("HEADERS 1 es :method=POST :scheme=https :path=/ :authority=h "
             "content-length=0\n",
             &h2c.peer);
  peer_drop(request);
  request = h2c_ask(CRO_POST, -1);
  cro_body_end(&request->body);
  peer_turn(&h2c.peer);
  CHECK_PEER(OPEN("3", "POST") "\nDATA 3 es ''\n", &h2c.peer);
  peer_drop(request);
  h2c_close();
}

static void a_body_that_disagrees_with_its_length_resets_its_stream(void)
{
  cro_request *request;

  h2c_open();
  request = h2c_ask(CRO_PUT, 3);
  peer_forget(&h2c.peer);
  (void)cro_body_put(&request->body, CRO_B("toolong"));
  peer_turn(&h2c.peer);
  CHECK_PEER("RST_STREAM 1 CANCEL\n", &h2c.peer);
  CHECK_LOG("1: too_long\n", &h2c.peer);
  peer_drop(request);
  request = h2c_ask(CRO_PUT, 3);
  (void)cro_body_put(&request->body, CRO_B("ab"));
  cro_body_end(&request->body);
  CHECK_LOG("3: eof\n", &h2c.peer);
  peer_drop(request);
  request = h2c_ask(CRO_PUT, 3);
  cro_body_fail(&request->body, CRO_E_IO);
  CHECK_LOG("5: io\n", &h2c.peer);
  peer_turn(&h2c.peer);
  CHECK(peer_is_open(&h2c.peer));
  peer_drop(request);
  h2c_close();
}

static void fill(cro_request *request, size_t bytes)
{
  char block[1024];

  memset(block, 'a', sizeof block);
  for (; bytes > 0; bytes -= bytes < sizeof block ? bytes : sizeof block)
    (void)cro_body_put(
        &request->body,
        (cro_bytes){ block, bytes < sizeof block ? bytes : sizeof block });
}

static void a_body_goes_as_far_as_the_servers_window(void)
{
  cro_request *request;

  h2c_open();
  request = h2c_ask(CRO_POST, -1);
  peer_forget(&h2c.peer);
  fill(request, 70000);
  cro_body_end(&request->body);
  peer_turn(&h2c.peer);
  CHECK_PEER("DATA 1 16384 bytes\nDATA 1 16384 bytes\nDATA 1 16384 bytes\n"
             "DATA 1 16383 bytes\n",
             &h2c.peer);
  h2c_play("window 1 u31:10000");
  CHECK_PEER("", &h2c.peer);
  h2c_play("window 0 u31:100");
  CHECK_PEER("DATA 1 100 bytes\n", &h2c.peer);
  h2c_play("window 0 u31:10000");
  CHECK_PEER("DATA 1 es 4365 bytes\n", &h2c.peer);
  peer_drop(request);
  h2c_close();
}

static void a_window_may_shrink_below_nothing(void)
{
  cro_request *request;

  h2c_open();
  request = h2c_ask(CRO_POST, -1);
  peer_forget(&h2c.peer);
  fill(request, 1000);
  peer_turn(&h2c.peer);
  CHECK_PEER("DATA 1 1000 bytes\n", &h2c.peer);
  h2c_play("settings 0 u16:4 u32:500"); /* 500 - 1000 are left */
  CHECK_PEER("SETTINGS ack\n", &h2c.peer);
  fill(request, 100);
  peer_turn(&h2c.peer);
  CHECK_PEER("", &h2c.peer);
  h2c_play("window 1 u31:500");
  CHECK_PEER("", &h2c.peer);
  h2c_play("window 1 u31:70");
  CHECK_PEER("DATA 1 70 bytes\n", &h2c.peer);
  h2c_play("settings 0 u16:4 u32:530");
  CHECK_PEER("SETTINGS ack\nDATA 1 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'\n", &h2c.peer);
  peer_drop(request);
  h2c_close();
}

static void a_maker_hears_when_there_is_room(void)
{
  cro_request *request;

  h2c_open();
  h2c_play("settings 0 u16:4 u32:0");
  request = h2c_ask(CRO_POST, -1);
  fill(request, 65536);
  peer_turn(&h2c.peer);
  CHECK_INT(65536, request->body.held.len);
  CHECK(request->body.full);
  h2c_play("window 1 u31:1");
  CHECK_INT(0, request->body.held.len);
  CHECK(!request->body.full);
  peer_drop(request);
  h2c_close();
}

static void a_full_sink_stops_what_is_sent(void)
{
  cro_request *request;

  h2c_open();
  request = h2c_ask(CRO_POST, -1);
  peer_forget(&h2c.peer);
  h2c.peer.sink_full = true;
  fill(request, 10);
  peer_turn(&h2c.peer);
  CHECK_PEER("DATA 1 'aaaaaaaaaa'\n", &h2c.peer);
  fill(request, 70);
  peer_turn(&h2c.peer);
  CHECK_PEER("", &h2c.peer);
  peer_drain(&h2c.peer);
  CHECK_PEER("DATA 1 70 bytes\n", &h2c.peer);
  peer_drop(request);
  h2c_close();
}

static void expect_holds_the_body_back_until_100(void)
{
  cro_request *request;

  h2c_open();
  request = peer_request(&h2c.peer, CRO_POST, "/");
  request->body.length = 3;
  request->expect_continue = true;
  CHECK_INT(0, cro_body_put(&request->body, CRO_B("abc")));
  cro_body_end(&request->body);
  CHECK_INT(0, peer_ask(&h2c.peer, request));
  CHECK_PEER(OPEN("1", "POST") " content-length=3 expect=100-continue\n", &h2c.peer);
  h2c_play("headers 1 eh {:status: 103}");
  CHECK_PEER("", &h2c.peer);
  h2c_play("headers 1 eh {:status: 100}");
  CHECK_PEER("DATA 1 es 'abc'\n", &h2c.peer);
  peer_drop(request);
  h2c_close();
}

static void the_caller_may_stop_waiting_for_100(void)
{
  cro_request *request;

  h2c_open();
  request = peer_request(&h2c.peer, CRO_POST, "/");
  request->body.length = 3;
  request->expect_continue = true;
  CHECK_INT(0, peer_ask(&h2c.peer, request));
  peer_forget(&h2c.peer);
  CHECK_INT(0, cro_body_put(&request->body, CRO_B("abc")));
  peer_turn(&h2c.peer);
  CHECK_PEER("", &h2c.peer);
  cro_h2_client_continue(request);
  peer_turn(&h2c.peer);
  CHECK_PEER("DATA 1 'abc'\n", &h2c.peer);
  peer_drop(request);
  h2c_close();
}

static void an_answer_instead_of_100_is_all_there_is(void)
{
  cro_request *request;

  h2c_open();
  request = peer_request(&h2c.peer, CRO_POST, "/");
  request->body.length = 3;
  request->expect_continue = true;
  CHECK_INT(0, peer_ask(&h2c.peer, request));
  peer_forget(&h2c.peer);
  h2c_play("headers 1 eh {:status: 413}; data 1 es 'no'");
  CHECK_LOG("1: 413 [no]\n", &h2c.peer);
  CHECK_PEER("RST_STREAM 1 NO_ERROR\n", &h2c.peer);
  CHECK_INT(1, h2c.peer.released);
  CHECK(cro_h2_client_ready(h2c.client));
  peer_drop(request);
  h2c_close();
}

static void the_server_may_do_without_the_rest_of_a_body(void)
{
  cro_request *request;

  h2c_open();
  request = h2c_ask(CRO_POST, -1);
  CHECK_INT(0, cro_body_put(&request->body, CRO_B("abc")));
  h2c_play("headers 1 eh es {:status: 403}");
  CHECK_INT(0, h2c.peer.released);
  CHECK_LOG("1: 403\n", &h2c.peer);
  h2c_play("rst 1 u32:0");
  CHECK_INT(1, h2c.peer.released);
  CHECK_LOG("", &h2c.peer);
  peer_drop(request);
  h2c_close();
}

TEST_MAIN(CASE(a_connection_begins_with_preface_settings_and_a_window),
          CASE(a_request_is_answered), CASE(many_requests_are_answered_in_any_order),
          CASE(requests_of_a_turn_are_one_write),
          CASE(each_answer_is_understood_however_it_is_cut),
          CASE(an_answer_longer_than_announced_is_broken),
          CASE(names_are_lower_case_and_host_is_the_authority),
          CASE(the_scheme_is_the_connections_when_none_is_given),
          CASE(what_cannot_be_said_is_refused_and_does_no_harm),
          CASE(a_head_longer_than_the_server_takes_is_not_sent),
          CASE(a_body_of_known_length_is_sent),
          CASE(a_body_of_unknown_length_ends_with_its_trailers),
          CASE(an_empty_body_ends_at_once),
          CASE(a_body_that_disagrees_with_its_length_resets_its_stream),
          CASE(a_body_goes_as_far_as_the_servers_window),
          CASE(a_window_may_shrink_below_nothing),
          CASE(a_maker_hears_when_there_is_room), CASE(a_full_sink_stops_what_is_sent),
          CASE(expect_holds_the_body_back_until_100),
          CASE(the_caller_may_stop_waiting_for_100),
          CASE(an_answer_instead_of_100_is_all_there_is),
          CASE(the_server_may_do_without_the_rest_of_a_body))
