/* Which heads an HTTP/2 server takes, and how it answers the others. */
#include "support/h2_rig.h"
#include "support/test.h"

#include <stdio.h>

typedef struct head_case {
  const char *fields, *want; /* what is sent for it */
} head_case;

/* Fields are sent with END_STREAM on stream 1; a good request follows on stream 3. */
static void check_case(const head_case *row)
{
  h2_text got = { 0 };
  char script[512];
  h2_rig rig;

  h2_rig_greet(&rig);
  (void)snprintf(script, sizeof script, "headers 1 es eh %s", row->fields);
  peer_play(&rig.peer, script);
  peer_say(&rig.peer, &got);
  test_bytes(__FILE__, __LINE__, row->fields, cro_bytes_of(row->want),
             h2_text_bytes(&got));
  peer_forget(&rig.peer);
  peer_play(&rig.peer, "headers 3 es eh get");
  CHECK_PEER("HEADERS 3 :status=200 content-length=2\nDATA 3 es 'hi'\n", &rig.peer);
  h2_rig_close(&rig);
  h2_text_free(&got);
}

#define MALFORMED "RST_STREAM 1 PROTOCOL_ERROR\n"
#define OK "HEADERS 1 :status=200 content-length=2\nDATA 1 es 'hi'\n"
#define REFUSED(status, length, text)                                                  \
  "HEADERS 1 :status=" status " content-type=text/plain content-length=" length        \
  "\nDATA 1 es '" text "'\n"
#define GET_AT "{:method: GET} {:scheme: https} "

static const head_case heads[] = {
  { "get", OK },
  { GET_AT "{:authority: h} {:path: /a?b=c}", OK },
  { GET_AT "{:path: /} {host: h}", OK },
  { GET_AT "{:path: /} {:authority: h} {host: h}", OK },
  { GET_AT "{:path: /} {:authority: [::1]:443}", OK },
  { "{:method: OPTIONS} {:scheme: https} {:authority: h} {:path: *}", OK },
  { GET_AT "{:authority: h} {:path: /} {te: trailers}", OK },
  /* pseudo fields */
  { GET_AT "{:path: /}", MALFORMED },
  { "{:scheme: https} {:authority: h} {:path: /}", MALFORMED },
  { "{:method: GET} {:authority: h} {:path: /}", MALFORMED },
  { GET_AT "{:authority: h}", MALFORMED },
  { GET_AT "{:authority: h} {:path: }", MALFORMED },
  { GET_AT "{:authority: h} {:path: a}", MALFORMED },
  { GET_AT "{:authority: h} {:path: *}", MALFORMED },
  { GET_AT "{:authority: h} {:path: https://h/}", MALFORMED },
  { GET_AT "{:authority: h} {:path: /} {:path: /}", MALFORMED },
  { GET_AT "{:authority: h} {:path: /} {:unknown: x}", MALFORMED },
  { GET_AT "{:authority: h} {:path: /} {:status: 200}", MALFORMED },
  { GET_AT "{:authority: h} {a: b} {:path: /}", MALFORMED },
  { "get {:protocol: websocket}", MALFORMED },
  /* who is asked */
  { GET_AT "{:path: /} {:authority: h} {host: other}", MALFORMED },
  { GET_AT "{:path: /} {host: a} {host: a}", MALFORMED },
  { GET_AT "{:path: /} {:authority: me@h}", MALFORMED },
  { GET_AT "{:path: /} {:authority: h:99999}", MALFORMED },
  { GET_AT "{:path: /} {:authority: h/x}", MALFORMED },
  { "{:method: GET} {:scheme: ftp} {:authority: h} {:path: /}",
    REFUSED("400", "11", "Bad Request") },
  /* CONNECT */
  { "{:method: CONNECT} {:authority: h:80}",
    "HEADERS 1 :status=200\nDATA 1 es 'hi'\n" },
  { "{:method: CONNECT} {:authority: h}", REFUSED("400", "11", "Bad Request") },
  { "{:method: CONNECT} {:authority: h:80} {:path: /}", MALFORMED },
  { "{:method: CONNECT}", MALFORMED },
  /* methods */
  { "{:method: BREW} {:scheme: https} {:authority: h} {:path: /}",
    REFUSED("501", "15", "Not Implemented") },
  { "{:method: A23456789B23456789C23456789D23456} {:scheme: https} {:authority: h} "
    "{:path: /}",
    REFUSED("400", "11", "Bad Request") },
  { "{:method: G T} {:scheme: https} {:authority: h} {:path: /}", MALFORMED },
  /* targets */
  { GET_AT "{:authority: h} {:path: /a#b}", REFUSED("400", "11", "Bad Request") },
  /* fields of a connection, and what cannot be a field */
  { "get {connection: close}", MALFORMED },
  { "get {keep-alive: 5}", MALFORMED },
  { "get {proxy-connection: x}", MALFORMED },
  { "get {transfer-encoding: chunked}", MALFORMED },
  { "get {upgrade: h2c}", MALFORMED },
  { "get {te: gzip}", MALFORMED },
  { "get {X-Upper: a}", MALFORMED },
  { "get {a b: c}", MALFORMED },
  { "get x00 x0161 x03 x610a62", MALFORMED },
  { "get x00 x0161 x03 x610d62", MALFORMED },
  { "get x00 x0161 x03 x610062", MALFORMED },
  { "get x00 x00 x0161", MALFORMED },
  /* lengths and expectations */
  { "get {content-length: 0}", OK },
  { "get {content-length: 1}", MALFORMED },
  { "get {content-length: x}", MALFORMED },
  { "get {content-length: 0} {content-length: 0}", MALFORMED },
  { "get {expect: 100-continue}", OK },
  { "get {expect: more}", REFUSED("417", "18", "Expectation Failed") },
};

static void heads_are_judged(void)
{
  for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
    check_case(&heads[i]);
}

static void what_is_seen_of_a_head(void)
{
  h2_rig rig;

  h2_rig_greet(&rig);
  peer_play(&rig.peer,
            "headers 1 es eh {:method: GET} {:scheme: http} {:path: /} {host: a.b} "
            "{cookie: a=1} {x-a: 1} {cookie: b=2} {x-a: 2} {cookie: c=3}");
  CHECK_LOG("GET / @a.b host=a.b cookie=a=1; b=2; c=3 x-a=1 x-a=2\n", &rig.peer);
  h2_rig_close(&rig);
}

static void check_request(h2_peer *peer, cro_request *request)
{
  CHECK_INT(2, request->major);
  CHECK_INT(0, request->minor);
  CHECK_INT(1, request->stream);
  CHECK(request->keep_alive && !request->upgrade && !request->pushed);
  CHECK_TEXT("http", request->scheme);
  CHECK_TEXT("/a", request->path);
  CHECK_TEXT("b=c?d", request->query);
  CHECK_INT(4, request->body.length);
  CHECK(request->ops != NULL);
  peer_collect(peer, request);
}

static void what_a_request_is(void)
{
  h2_rig rig;

  h2_rig_greet(&rig);
  rig.peer.handler = check_request;
  peer_play(&rig.peer, "headers 1 eh {:method: PUT} {:scheme: http} {:authority: h} "
                       "{:path: /a?b=c?d} {content-length: 4}; data 1 es 'abcd'");
  CHECK_LOG("PUT /a?b=c?d @h host=h content-length=4 [abcd]\n", &rig.peer);
  h2_rig_close(&rig);
}

/* --- sizes --------------------------------------------------------------------------
 */

static void answers_to(h2_rig *rig, const char *fields, const char *want)
{
  char script[512];

  h2_rig_open(rig);
  rig->limits.header_bytes = 1000;
  rig->limits.header_count = 5;
  rig->limits.uri_bytes = 100;
  (void)h2_rig_start(rig);
  peer_play(&rig->peer, "preface; settings 0; settings 0 ack");
  peer_forget(&rig->peer);
  (void)snprintf(script, sizeof script, "headers 1 %s", fields);
  peer_play(&rig->peer, script);
  CHECK_PEER(want, &rig->peer);
  h2_rig_close(rig);
}

/* A name and a value count 32 bytes more than they have; the four of `get` are 167. */
static void a_head_may_be_so_large(void)
{
  h2_rig rig;

  answers_to(&rig, "es eh get x00 x0161 x7f x8005 fill:767 {b: }", OK);
  answers_to(&rig, "es eh get x00 x0161 x7f x8105 fill:768 {b: }",
             REFUSED("431", "31", "Request Header Fields Too Large"));
  CHECK_INT(431, rig.refused);
  answers_to(&rig, "es eh get {a: } {b: } {c: } {d: } {e: }", OK);
  answers_to(&rig, "es eh get {a: } {b: } {c: } {d: } {e: } {f: }",
             REFUSED("431", "31", "Request Header Fields Too Large"));
  answers_to(&rig,
             "es eh get {cookie: a} {cookie: b} {cookie: c} {cookie: d} "
             "{cookie: e} {cookie: f}",
             OK);
  answers_to(&rig, "es eh get x00 x0161 x7f x811f fill:4096",
             "RST_STREAM 1 ENHANCE_YOUR_CALM\n");
}

static void a_refusal_does_not_wait_for_the_body(void)
{
  h2_rig rig;

  answers_to(&rig, "eh post {a: } {b: } {c: } {d: } {e: } {f: }",
             REFUSED("431", "31", "Request Header Fields Too Large"));
}

static void a_target_may_be_so_long(void)
{
  h2_rig rig;

  answers_to(&rig, "es eh " GET_AT "{:authority: h} x00 x053a70617468 x64 x2f fill:99",
             OK);
  answers_to(&rig, "es eh " GET_AT "{:authority: h} x00 x053a70617468 x65 x2f fill:100",
             REFUSED("414", "12", "URI Too Long"));
}

static void trailers_count_too(void)
{
  h2_rig rig;

  answers_to(&rig,
             "eh post; data 1 'a'; headers 1 es eh {a: } {b: } {c: } {d: } {e: } "
             "{f: }",
             REFUSED("431", "31", "Request Header Fields Too Large"));
}

static void bad_trailers_are_malformed(void)
{
  static const char *const bad[] = { "{:path: /}", "{connection: close}", "{A: b}" };

  for (size_t i = 0; i < 3; i++) {
    char script[512];
    h2_rig rig;

    (void)snprintf(script, sizeof script, "eh post; data 1 'a'; headers 1 es eh %s",
                   bad[i]);
    answers_to(&rig, script, MALFORMED);
  }
}

/* --- the right host
 * -------------------------------------------------------------------
 */

static bool covers(const cro_conn *conn, cro_bytes host)
{
  (void)conn;
  return cro_bytes_ieq(host, CRO_B("other.test")) || cro_bytes_eq(host, CRO_B("::1"));
}

/* Of requests for `authority`, on a connection for which `name` was asked. */
static void asked_for(const char *name, const char *authority, const char *want)
{
  cro_tls_info tls = { .server_name = cro_bytes_of(name), .covers = covers };
  char script[256];
  h2_rig rig;

  h2_rig_greet(&rig);
  rig.peer.conn.tls = &tls;
  (void)snprintf(script, sizeof script,
                 "headers 1 es eh " GET_AT "{:authority: %s} {:path: /}", authority);
  peer_play(&rig.peer, script);
  CHECK_PEER(want, &rig.peer);
  h2_rig_close(&rig);
}

static void a_request_for_somebody_elses_host_is_misdirected(void)
{
  const char *refused = REFUSED("421", "19", "Misdirected Request");

  asked_for("h.test", "h.test", OK);
  asked_for("h.test", "H.TEST.:8443", OK);
  asked_for("h.test", "other.test:1", OK);
  asked_for("h.test", "[::1]:443", OK);
  asked_for("h.test", "elsewhere.test", refused);
  asked_for("h.test", "[::2]", refused);
  asked_for("h.test", "h.test.evil.test", refused);
  asked_for("", "elsewhere.test", OK);
}

static void connect_names_no_host_of_ours(void)
{
  cro_tls_info tls = { .server_name = CRO_B("h.test") };
  h2_rig rig;

  h2_rig_greet(&rig);
  rig.peer.conn.tls = &tls;
  peer_play(&rig.peer, "headers 1 es eh {:method: CONNECT} {:authority: far.test:22}");
  CHECK_PEER("HEADERS 1 :status=200\nDATA 1 es 'hi'\n", &rig.peer);
  h2_rig_close(&rig);
}

TEST_MAIN(CASE(heads_are_judged), CASE(what_is_seen_of_a_head), CASE(what_a_request_is),
          CASE(a_head_may_be_so_large), CASE(a_refusal_does_not_wait_for_the_body),
          CASE(a_target_may_be_so_long), CASE(trailers_count_too),
          CASE(bad_trailers_are_malformed),
          CASE(a_request_for_somebody_elses_host_is_misdirected),
          CASE(connect_names_no_host_of_ours))
