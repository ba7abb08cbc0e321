/* What a server does about malformed requests: RFC 9113 8. Each row is played in one
 * piece and byte by byte. */
#include "support/h2_rig.h"
#include "support/test.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

typedef struct rule {
  const char *name;
  const char *script;
  bool malformed; /* stream 1 is reset with PROTOCOL_ERROR; else it is answered */
} rule;

#define BAD true
#define GOOD false
#define GET "headers 1 es eh get "
#define POST "headers 1 eh post "
#define TRAILERS POST "; data 1 'x'; headers 1 es eh "

static const rule name_rules[] = {
  { "8.2.1 an ordinary field", GET "{x-y: z}", GOOD },
  { "8.2.1 an upper-case name", GET "{X-y: z}", BAD },
  { "8.2.1 a name with a space", GET "{x y: z}", BAD },
  { "8.2.1 a name with a colon", GET "{x:y: z}", BAD },
  { "8.2.1 a name with NUL", GET "x0001000161", BAD },
  { "8.2.1 an empty name", GET "x00000161", BAD },
  { "8.2.1 a name with 0x7f", GET "x00017f0161", BAD },
  { "8.2.1 a name with 0x80", GET "x0001800161", BAD },
  { "8.2.1 a value with NUL", GET "x0001780100", BAD },
  { "8.2.1 a value with CR", GET "x00017803610d62", BAD },
  { "8.2.1 a value with LF", GET "x00017803610a62", BAD },
  { "8.2.1 a value that begins with a space", GET "{x:  a}", BAD },
  { "8.2.1 a value that ends with a tab", GET "x000178026109", BAD },
  { "8.2.1 a value with 0x80", GET "x0001780180", GOOD },
  { "8.2.1 an empty value", GET "{x: }", GOOD },
  { "8.2.2 Connection", GET "{connection: keep-alive}", BAD },
  { "8.2.2 Proxy-Connection", GET "{proxy-connection: keep-alive}", BAD },
  { "8.2.2 Keep-Alive", GET "{keep-alive: timeout=1}", BAD },
  { "8.2.2 Transfer-Encoding", GET "{transfer-encoding: chunked}", BAD },
  { "8.2.2 Upgrade", GET "{upgrade: h2c}", BAD },
  { "8.2.2 TE: trailers", GET "{te: trailers}", GOOD },
  { "8.2.2 TE: gzip", GET "{te: gzip}", BAD },
  { "8.2.2 TE: trailers, deflate;q=0.5", GET "{te: trailers, deflate;q=0.5}", BAD },
  { "8.2.3 cookies in crumbs", GET "{cookie: a=b} {cookie: c=d}", GOOD },
};

#define FROM "{:scheme: https} {:authority: h} "

static const rule pseudo_rules[] = {
  { "8.3 a pseudo-field nobody knows", GET "{:x: y}", BAD },
  { "8.3 :status in a request", GET "{:status: 200}", BAD },
  { "8.3 a pseudo-field behind a field",
    "headers 1 es eh {:method: GET} {:scheme: https} {x: y} {:path: /}", BAD },
  { "8.3 :method twice", GET "{:method: GET}", BAD },
  { "8.3 :scheme twice", GET "{:scheme: https}", BAD },
  { "8.3 :path twice", GET "{:path: /}", BAD },
  { "8.3 :authority twice", GET "{:authority: h}", BAD },
  { "8.3.1 no :method", "headers 1 es eh " FROM "{:path: /}", BAD },
  { "8.3.1 no :scheme", "headers 1 es eh {:method: GET} {:path: /} {:authority: h}",
    BAD },
  { "8.3.1 no :path", "headers 1 es eh {:method: GET} " FROM, BAD },
  { "8.3.1 an empty :method", "headers 1 es eh {:method: } {:path: /} " FROM, BAD },
  { "8.3.1 an empty :path", "headers 1 es eh {:method: GET} {:path: } " FROM, BAD },
  { "8.3.1 a :path without a slash", "headers 1 es eh {:method: GET} {:path: x} " FROM,
    BAD },
  { "8.3.1 * for OPTIONS", "headers 1 es eh {:method: OPTIONS} {:path: *} " FROM,
    GOOD },
  { "8.3.1 * for GET", "headers 1 es eh {:method: GET} {:path: *} " FROM, BAD },
  { "8.3.1 Host instead of :authority",
    "headers 1 es eh {:method: GET} {:scheme: https} {:path: /} {host: h}", GOOD },
  { "8.3.1 Host that says the same", GET "{host: h}", GOOD },
  { "8.3.1 Host that says something else", GET "{host: i}", BAD },
  { "8.3.1 an :authority with a user",
    "headers 1 es eh {:method: GET} {:scheme: https} {:path: /} {:authority: u@h}",
    BAD },
  { "8.5 CONNECT with a :path",
    "headers 1 eh {:method: CONNECT} {:authority: h:1} {:path: /}", BAD },
  { "8.5 CONNECT with a :scheme",
    "headers 1 eh {:method: CONNECT} {:authority: h:1} {:scheme: https}", BAD },
  { "8.5 CONNECT without an :authority", "headers 1 eh {:method: CONNECT}", BAD },
  { "8441 4 :protocol that was not offered",
    "headers 1 eh {:method: CONNECT} {:path: /} {:protocol: websocket} " FROM, BAD },
  { "8441 4 :protocol of a GET",
    "headers 1 es eh {:method: GET} {:path: /} {:protocol: websocket} " FROM, BAD },
  { "no field at all", "headers 1 es eh", BAD },
};

static const rule body_rules[] = {
  { "8.1 a body", POST "; data 1 'x'; data 1 es", GOOD },
  { "8.1 trailers", TRAILERS "{t: v}", GOOD },
  { "8.1 trailers without END_STREAM", POST "; data 1 'x'; headers 1 eh {t: v}", BAD },
  { "8.1 trailers with a pseudo-field", TRAILERS "{:path: /}", BAD },
  { "8.1 trailers with an upper-case name", TRAILERS "{T: v}", BAD },
  { "8.1 trailers with Connection", TRAILERS "{connection: x}", BAD },
  { "8.1 no trailers, but a block for them", TRAILERS, GOOD },
  { "8.1 a request twice", POST "; headers 1 es eh get", BAD },
  { "8.1.1 a length that is kept",
    POST "{content-length: 3}; data 1 'a'; data 1 es 'bc'", GOOD },
  { "8.1.1 a length that is not reached", POST "{content-length: 3}; data 1 es 'ab'",
    BAD },
  { "8.1.1 a length that is passed", POST "{content-length: 3}; data 1 es 'abcd'",
    BAD },
  { "8.1.1 a length that is passed in pieces",
    POST "{content-length: 3}; data 1 'ab'; data 1 es 'cd'", BAD },
  { "8.1.1 a length that trailers cut short",
    POST "{content-length: 3}; data 1 'ab'; headers 1 es eh {t: v}", BAD },
  { "8.1.1 padding does not count",
    POST "{content-length: 3}; data 1 es pad u8:9 'abc' zeros:9", GOOD },
  { "8.1.1 a length and no content", "headers 1 es eh post {content-length: 3}", BAD },
  { "8.1.1 a length of 0 and no content", "headers 1 es eh post {content-length: 0}",
    GOOD },
  { "8.1.1 a length of 0 and content", POST "{content-length: 0}; data 1 es 'a'", BAD },
  { "8.1.1 two lengths", POST "{content-length: 1} {content-length: 1}; data 1 es 'a'",
    BAD },
  { "8.1.1 a length that is no number", POST "{content-length: 1a}; data 1 es 'a'",
    BAD },
  { "8.1.1 a length below 0", POST "{content-length: -1}; data 1 es 'a'", BAD },
  { "8.1.1 a length beyond all numbers",
    POST "{content-length: 99999999999999999999}; data 1 es 'a'", BAD },
};

static void check_rule(const rule *row, size_t step)
{
  const char *want = row->malformed ? "RST_STREAM 1 PROTOCOL_ERROR, open" : "open";
  h2_text in = { 0 }, got = { 0 };
  h2_rig rig;

  h2_rig_greet(&rig);
  h2_script(&in, row->script);
  peer_feed(&rig.peer, h2_text_bytes(&in), step);
  peer_verdict(&rig.peer, &got);
  if (!cro_bytes_eq(cro_bytes_of(want), h2_text_bytes(&got)) ||
      rig.peer.released != rig.peer.messages ||
      (!row->malformed && rig.peer.messages != 1))
    test_fail(row->name, (int)step, "want %s, got %.*s (%u requests, %u released)",
              want, (int)got.len, got.at, rig.peer.messages, rig.peer.released);
  peer_forget(&rig.peer);
  peer_play(&rig.peer, "headers 3 es eh get"); /* the others are served */
  CHECK_LOG("GET / @h host=h\n", &rig.peer);
  h2_text_free(&in);
  h2_text_free(&got);
  h2_rig_close(&rig);
}

#define CHECK_RULES(rules)                                                             \
  for (size_t i = 0; i < COUNT(rules); i++)                                            \
    for (size_t step = 0; step < 2; step++)                                            \
  check_rule(&(rules)[i], step)

static void fields_are_what_section_8_2_says(void)
{
  CHECK_RULES(name_rules);
}

static void pseudo_fields_are_what_section_8_3_says(void)
{
  CHECK_RULES(pseudo_rules);
}

static void messages_are_what_section_8_1_says(void)
{
  CHECK_RULES(body_rules);
}

TEST_MAIN(CASE(fields_are_what_section_8_2_says),
          CASE(pseudo_fields_are_what_section_8_3_says),
          CASE(messages_are_what_section_8_1_says))
