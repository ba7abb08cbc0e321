#include "base/alloc.h"
#include "support/h1_rig.h"
#include "support/test.h"

#include <stdio.h>

/* What a server must make of each input: the requests whose bodies were complete, the
 * statuses it wrote, what it did to the connection. The same whatever the cuts. */
typedef struct vector {
  const char *name, *in, *log, *end;
} vector;

#define OK "GET / HTTP/1.1\r\nHost: h\r\n\r\n"
#define OK_LOG "GET / @h\n"
#define HEAD(line) line "\r\nHost: h\r\n"
#define GET(fields) "GET / HTTP/1.1\r\nHost: h\r\n" fields "\r\n"
#define POST(fields, body) "POST / HTTP/1.1\r\nHost: h\r\n" fields "\r\n" body
#define CHUNKED(body) POST("Transfer-Encoding: chunked\r\n", body)
#define REFUSED(status) "", status " linger"

static const vector vectors[] = {
  /* what is right */
  { "one request", OK, OK_LOG, "200 open" },
  { "three pipelined ones", OK OK OK, OK_LOG OK_LOG OK_LOG, "200 200 200 open" },
  { "blanks around values are not part of them", GET("X-A: \t b c \t\r\nX-E:\r\n"),
    "GET / @h X-A=b c X-E=\n", "200 open" },
  { "obs-text in a value", GET("X-A: \xc3\xa9\r\n"), "GET / @h X-A=\xc3\xa9\n",
    "200 open" },
  { "a query", "GET /a/b?x=1&y HTTP/1.1\r\nHost: h\r\n\r\n", "GET /a/b ?x=1&y @h\n",
    "200 open" },
  { "HTTP/1.0 without Host closes", "GET / HTTP/1.0\r\n\r\n", "GET / @\n",
    "200 close" },
  { "HTTP/1.0 keep-alive is honoured",
    "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" OK, "GET / @\n" OK_LOG,
    "200 200 open" },
  { "Connection: close", GET("Connection: close\r\n"), OK_LOG, "200 close" },
  { "close among other options", GET("Connection: foo, CLOSE\r\n"), OK_LOG,
    "200 close" },
  { "a body of known length", POST("Content-Length: 5\r\n", "hello") OK,
    "POST / @h [hello]\n" OK_LOG, "200 200 open" },
  { "Content-Length: 0", POST("Content-Length: 0\r\n", "") OK, "POST / @h\n" OK_LOG,
    "200 200 open" },
  { "a GET with a body", GET("Content-Length: 2\r\n") "ab" OK, "GET / @h [ab]\n" OK_LOG,
    "200 200 open" },
  { "a chunked body", CHUNKED("3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n") OK,
    "POST / @h [abc0123456789]\n" OK_LOG, "200 200 open" },
  { "chunk extensions are ignored", CHUNKED("3;a;b=\"c\"\r\nabc\r\n0;last\r\n\r\n") OK,
    "POST / @h [abc]\n" OK_LOG, "200 200 open" },
  { "trailers are kept apart", CHUNKED("0\r\nX-T: v\r\nX-U:\r\n\r\n") OK,
    "POST / @h X-T=v X-U=\n" OK_LOG, "200 200 open" },
  { "two empty lines before a request", "\r\n\r\n" OK "\r\n" OK, OK_LOG OK_LOG,
    "200 200 open" },
  { "absolute-form wins over Host", "GET http://a:80/p?q HTTP/1.1\r\nHost: h\r\n\r\n",
    "GET /p ?q @a:80\n", "200 open" },
  { "absolute-form without a path", "GET HTTPS://a HTTP/1.1\r\nHost: h\r\n\r\n",
    "GET / @a\n", "200 open" },
  { "OPTIONS *", "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", "OPTIONS * @h\n",
    "200 open" },
  { "OPTIONS of an absolute server", "OPTIONS http://a HTTP/1.1\r\nHost: h\r\n\r\n",
    "OPTIONS * @a\n", "200 open" },
  { "Host with a port and an IPv6 address",
    "GET / HTTP/1.1\r\nHost: [2001:db8::1]:8080\r\n\r\n", "GET / @[2001:db8::1]:8080\n",
    "200 open" },
  { "Host with an encoded byte", "GET / HTTP/1.1\r\nHost: a%41b\r\n\r\n",
    "GET / @a%41b\n", "200 open" },
  { "a Host with a broken encoding", "GET / HTTP/1.1\r\nHost: a%4\r\n\r\n",
    REFUSED("400") },
  { "a Host with half an address", "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n",
    REFUSED("400") },
  { "a Host with an address that is none", "GET / HTTP/1.1\r\nHost: [x]\r\n\r\n",
    REFUSED("400") },
  { "twenty fields",
    GET("A: 1\r\nA: 2\r\nA: 3\r\nA: 4\r\nA: 5\r\nA: 6\r\nA: 7\r\nA: 8\r\nA: 9\r\n"
        "A: 10\r\nA: 11\r\nA: 12\r\nA: 13\r\nA: 14\r\nA: 15\r\nA: 16\r\nA: 17\r\n"
        "A: 18\r\nX-L: 19\r\n"),
    "GET / @h X-L=19\n", "200 open" },
  { "an empty Host", "GET / HTTP/1.1\r\nHost:\r\n\r\n", "GET / @\n", "200 open" },
  { "Upgrade is only a flag", GET("Upgrade: h2c\r\nConnection: Upgrade\r\n") OK,
    OK_LOG OK_LOG, "200 200 open" },
  { "Expect is nothing to HTTP/1.0", "GET / HTTP/1.0\r\nExpect: tea\r\n\r\n",
    "GET / @\n", "200 close" },
  { "CONNECT never leaves the connection open",
    "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", "CONNECT / @a:443\n",
    "200 ? linger" },

  /* what llhttp lets through */
  { "CVE-2024-27982: a folded header", GET("X-A: b\r\n c\r\n"), REFUSED("400") },
  { "CVE-2024-27982: Content-Length glued on by a space",
    GET("X-A: b\r\n Content-Length: 3\r\n") "abc", REFUSED("400") },
  { "a fold after an empty value", GET("X-A:\r\n\tc\r\n"), REFUSED("400") },
  { "a fold of the first header", "GET / HTTP/1.1\r\n Host: h\r\n\r\n",
    REFUSED("400") },
  { "an empty field name", GET(": a\r\n"), REFUSED("400") },
  { "no Host", "GET / HTTP/1.1\r\n\r\n", REFUSED("400") },
  { "two Hosts", GET("Host: h\r\n"), REFUSED("400") },
  { "a Host with a space", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", REFUSED("400") },
  { "a Host with a slash", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", REFUSED("400") },
  { "a Host with userinfo", "GET / HTTP/1.1\r\nHost: u@h\r\n\r\n", REFUSED("400") },
  { "a Host with a bad port", "GET / HTTP/1.1\r\nHost: h:65536\r\n\r\n",
    REFUSED("400") },
  { "a proper Host, then another of its length",
    "GET / HTTP/1.1\r\nHost: a.b\r\n\r\nGET / HTTP/1.1\r\nHost: a/b\r\n\r\n",
    "GET / @a.b\n", "200 400 linger" },
  { "a Host list", "GET / HTTP/1.1\r\nHost: a,b:c\r\n\r\n", REFUSED("400") },
  { "two Hosts on HTTP/1.0", "GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n",
    REFUSED("400") },
  { "HTTP/0.9", "GET /\r\n\r\n", REFUSED("400") },
  { "HTTP/0.9 as it was sent", "GET /\r\n", REFUSED("400") },
  { "HTTP/0.9 spelled out", "GET / HTTP/0.9\r\nHost: h\r\n\r\n", REFUSED("400") },
  { "HTTP/2.0 as text", HEAD("GET / HTTP/2.0") "\r\n", REFUSED("505") },
  { "the HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", REFUSED("505") },
  { "HTTP/1.2", HEAD("GET / HTTP/1.2") "\r\n", REFUSED("505") },
  { "HTTP/9.9", HEAD("GET / HTTP/9.9") "\r\n", REFUSED("505") },
  { "HTTP/x.1", HEAD("GET / HTTP/x.1") "\r\n", REFUSED("400") },
  { "http/1.1 in small letters", HEAD("GET / http/1.1") "\r\n", REFUSED("400") },
  { "RTSP", HEAD("GET / RTSP/1.0") "\r\n", REFUSED("400") },
  { "ICE", HEAD("SOURCE / ICE/1.0") "\r\n", REFUSED("400") },
  { "an RTSP method", HEAD("DESCRIBE / HTTP/1.1") "\r\n", REFUSED("400") },
  { "Transfer-Encoding on HTTP/1.0",
    "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", REFUSED("400") },
  { "an empty Transfer-Encoding beside Content-Length",
    POST("Transfer-Encoding:\r\nContent-Length: 3\r\n", "abc"), REFUSED("400") },
  { "an empty Transfer-Encoding", POST("Transfer-Encoding:\r\n", ""), REFUSED("400") },
  { "identity, chunked", POST("Transfer-Encoding: identity, chunked\r\n", "0\r\n\r\n"),
    REFUSED("501") },
  { "gzip, chunked", POST("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"),
    REFUSED("501") },
  { "gzip", POST("Transfer-Encoding: gzip\r\n", ""), REFUSED("501") },
  { "two spaces before the target", HEAD("GET  / HTTP/1.1") "\r\n", REFUSED("400") },
  { "two spaces after the target", HEAD("GET /  HTTP/1.1") "\r\n", REFUSED("400") },
  { "a space after the version", HEAD("GET / HTTP/1.1 ") "\r\n", REFUSED("400") },
  { "CRLF LF ends no head", "GET / HTTP/1.1\r\nHost: h\r\n\n" OK, REFUSED("400") },
  { "trailers that frame or identify are dropped",
    CHUNKED("0\r\nHost: x\r\nContent-Type: y\r\nAuthorization: z\r\nCookie: c\r\nX-T: "
            "v\r\n\r\n"),
    "POST / @h X-T=v\n", "200 open" },
  { "a folded trailer", CHUNKED("0\r\nX-T: v\r\n w\r\n\r\n"), REFUSED("400") },
  { "a trailer without a name", CHUNKED("0\r\n: v\r\n\r\n"), REFUSED("400") },
  { "CRLF LF ends no trailers", CHUNKED("0\r\nX-T: v\r\n\n"), REFUSED("400") },
  { "a Content-Length trailer changes nothing",
    CHUNKED("0\r\nContent-Length: 5\r\n\r\n") OK, "POST / @h\n" OK_LOG,
    "200 200 open" },

  /* smuggling */
  { "CVE-2022-32213: Content-Length, then Transfer-Encoding",
    POST("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
    REFUSED("400") },
  { "CVE-2022-32214: Transfer-Encoding, then Content-Length",
    POST("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n", "0\r\n\r\n"),
    REFUSED("400") },
  { "CVE-2022-32215: two Transfer-Encodings",
    POST("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", "0\r\n\r\n"),
    REFUSED("400") },
  { "chunked twice", POST("Transfer-Encoding: chunked, chunked\r\n", "0\r\n\r\n"),
    REFUSED("400") },
  { "chunked not last", POST("Transfer-Encoding: chunked, gzip\r\n", "0\r\n\r\n"),
    REFUSED("400") },
  { "CVE-2018-7159: a Content-Length with a space in it",
    POST("Content-Length: 1 2\r\n", "abc"), REFUSED("400") },
  { "CVE-2023-38697: a signed Content-Length", POST("Content-Length: +3\r\n", "abc"),
    REFUSED("400") },
  { "a negative Content-Length", POST("Content-Length: -3\r\n", "abc"),
    REFUSED("400") },
  { "a hexadecimal Content-Length", POST("Content-Length: 0x3\r\n", "abc"),
    REFUSED("400") },
  { "an empty Content-Length", POST("Content-Length:\r\n", ""), REFUSED("400") },
  { "Content-Length as a list", POST("Content-Length: 3, 3\r\n", "abc"),
    REFUSED("400") },
  { "two equal Content-Lengths",
    POST("Content-Length: 3\r\nContent-Length: 3\r\n", "abc"), REFUSED("400") },
  { "a Content-Length of 2^63", POST("Content-Length: 9223372036854775808\r\n", ""),
    REFUSED("400") },
  { "a Content-Length of 2^64", POST("Content-Length: 18446744073709551616\r\n", ""),
    REFUSED("400") },
  { "CVE-2023-30589: a bare CR before Transfer-Encoding",
    POST("X-A:\rTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), REFUSED("400") },
  { "CVE-2023-30589: a bare CR in a value", GET("X-A: a\rb\r\n"), REFUSED("400") },
  { "bare LF line ends", "GET / HTTP/1.1\nHost: h\n\n", REFUSED("400") },
  { "a bare LF in a value", GET("X-A: a\nX-B: b\r\n"), REFUSED("400") },
  { "CVE-2021-22959: a space before the colon", GET("X-A : b\r\n"), REFUSED("400") },
  { "a space before the colon of Content-Length", POST("Content-Length : 3\r\n", "abc"),
    REFUSED("400") },
  { "a tab in a name", GET("X\tA: b\r\n"), REFUSED("400") },
  { "a control byte in a value", GET("X-A: a\x01z\r\n"), REFUSED("400") },
  { "DEL in a value", GET("X-A: a\x7fz\r\n"), REFUSED("400") },
  { "a line that is no field", GET("nonsense\r\n"), REFUSED("400") },

  /* chunks */
  { "CVE-2025-22871: a chunk size line ended by LF", CHUNKED("3\nabc\r\n0\r\n\r\n"),
    REFUSED("400") },
  { "CVE-2025-55315: LF in a chunk extension", CHUNKED("3;a\nb\r\nabc\r\n0\r\n\r\n"),
    REFUSED("400") },
  { "a bare CR in a chunk extension", CHUNKED("3;a\rb\r\nabc\r\n0\r\n\r\n"),
    REFUSED("400") },
  { "a CR and junk after a chunk size", CHUNKED("3\rXabc\r\n0\r\n\r\n"),
    REFUSED("400") },
  { "chunk data without its CRLF", CHUNKED("3\r\nabcXX0\r\n\r\n"), REFUSED("400") },
  { "chunk data longer than its size", CHUNKED("3\r\nabcd\r\n0\r\n\r\n"),
    REFUSED("400") },
  { "an empty chunk size", CHUNKED("\r\nabc\r\n0\r\n\r\n"), REFUSED("400") },
  { "a chunk size with 0x", CHUNKED("0x3\r\nabc\r\n0\r\n\r\n"), REFUSED("400") },
  { "a chunk size with a sign", CHUNKED("+3\r\nabc\r\n0\r\n\r\n"), REFUSED("400") },
  { "a chunk size with a space before it", CHUNKED(" 3\r\nabc\r\n0\r\n\r\n"),
    REFUSED("400") },
  { "a chunk size of 16 digits", CHUNKED("0000000000000003\r\nabc\r\n0\r\n\r\n"),
    "POST / @h [abc]\n", "200 open" },
  { "a chunk size of 17 digits", CHUNKED("00000000000000003\r\nabc\r\n0\r\n\r\n"),
    REFUSED("400") },
  { "a chunk size of 17 digits after a chunk",
    CHUNKED("1\r\na\r\n00000000000000003\r\nabc\r\n0\r\n\r\n"), REFUSED("400") },
  { "a chunk size over 64 bits", CHUNKED("FFFFFFFFFFFFFFFF0\r\nabc"), REFUSED("400") },

  /* the line */
  { "an unknown method", HEAD("BREW / HTTP/1.1") "\r\n", REFUSED("501") },
  { "a method in small letters", HEAD("get / HTTP/1.1") "\r\n", REFUSED("501") },
  { "a method llhttp knows and we do not", HEAD("M-SEARCH / HTTP/1.1") "\r\n",
    REFUSED("501") },
  { "a method that is no token", HEAD("G@T / HTTP/1.1") "\r\n", REFUSED("400") },
  { "no method", " / HTTP/1.1\r\nHost: h\r\n\r\n", REFUSED("400") },
  { "a TLS client hello", "\x16\x03\x01\x02\x00\x01\x00", REFUSED("400") },
  { "a method of 33 bytes", HEAD("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA / HTTP/1.1") "\r\n",
    REFUSED("400") },
  { "three empty lines", "\r\n\r\n\r\n" OK, REFUSED("400") },
  { "an empty line ended by LF", "\n" OK, REFUSED("400") },
  { "a target with a fragment", HEAD("GET /a#b HTTP/1.1") "\r\n", REFUSED("400") },
  { "a target without a slash", HEAD("GET a HTTP/1.1") "\r\n", REFUSED("400") },
  { "a target of another scheme", HEAD("GET ftp://a/ HTTP/1.1") "\r\n",
    REFUSED("400") },
  { "an absolute target with userinfo", HEAD("GET http://u@a/ HTTP/1.1") "\r\n",
    REFUSED("400") },
  { "an absolute target without a host", HEAD("GET http:///a HTTP/1.1") "\r\n",
    REFUSED("400") },
  { "* with GET", HEAD("GET * HTTP/1.1") "\r\n", REFUSED("400") },
  { "a byte over 0x7f in the target", HEAD("GET /\xff HTTP/1.1") "\r\n",
    REFUSED("400") },
  { "a tab in the target", HEAD("GET /a\tb HTTP/1.1") "\r\n", REFUSED("400") },
  { "CONNECT without a port", HEAD("CONNECT a HTTP/1.1") "\r\n", REFUSED("400") },
  { "another expectation", GET("Expect: tea\r\n"), REFUSED("417") },
  { "good, bad, good: nothing after the bad one", OK "BAD\r\n\r\n" OK, OK_LOG,
    "200 400 linger" },
};

static void check(const h1_rig *rig, const vector *row, size_t step, const char *how)
{
  cro_buf summary = { 0 };

  h1_rig_summary(rig, &summary);
  if (!cro_bytes_eq(cro_bytes_of(row->log), cro_buf_bytes(&rig->log)) ||
      !cro_bytes_eq(cro_bytes_of(row->end), cro_buf_bytes(&summary)))
    test_fail(row->name, (int)step, "%s: want %s and\n%s got %.*s and\n%.*s", how,
              row->end, row->log, (int)summary.len, summary.at, (int)rig->log.len,
              rig->log.len > 0 ? rig->log.at : "");
  cro_buf_free(&summary);
}

static size_t length_of(const vector *row)
{
  return row->in[0] == 0x16 ? 7 : strlen(row->in);
}

static void feed_whole_and_in_steps(const vector *row, size_t step)
{
  h1_rig rig;

  CHECK(h1_rig_open(&rig) && h1_rig_start(&rig));
  h1_rig_feed(&rig, (cro_bytes){ row->in, length_of(row) }, step);
  check(&rig, row, step, "in steps");
  h1_rig_close(&rig);
}

static void feed_in_two(const vector *row, size_t at)
{
  cro_bytes in = { row->in, length_of(row) };
  h1_rig rig;

  CHECK(h1_rig_open(&rig) && h1_rig_start(&rig));
  h1_rig_feed(&rig, cro_bytes_take(&in, at), 0);
  h1_rig_feed(&rig, in, 0);
  check(&rig, row, at, "cut");
  h1_rig_close(&rig);
}

#define EACH(row)                                                                      \
  for (const vector *row = vectors; row < vectors + sizeof vectors / sizeof *vectors;  \
       row++)

static void each_request_gets_its_verdict(void)
{
  EACH(row)
  feed_whole_and_in_steps(row, 0);
}

static void the_verdict_is_the_same_byte_by_byte(void)
{
  EACH(row)
  {
    feed_whole_and_in_steps(row, 1);
    feed_whole_and_in_steps(row, 2);
    feed_whole_and_in_steps(row, 7);
  }
}

static void the_verdict_is_the_same_cut_at_every_byte(void)
{
  EACH(row)
  for (size_t at = 1; at < length_of(row); at++)
    feed_in_two(row, at);
}

/* Every allocation of every exchange fails once: no crash, no leak, never a wrong
 * answer. */
static void a_failed_allocation_never_does_harm(void)
{
  EACH(row)
  {
    uint64_t live = cro_alloc_live();

    for (uint64_t n = 1; n < 40; n++) {
      h1_rig rig;

      cro_arena_trim();
      cro_alloc_fail_at(n);
      if (h1_rig_open(&rig) && h1_rig_start(&rig)) {
        h1_rig_feed(&rig, (cro_bytes){ row->in, length_of(row) }, n % 3);
        h1_rig_close(&rig);
      }
      cro_alloc_fail_at(0);
    }
    cro_arena_trim();
    if (cro_alloc_live() != live)
      test_fail(row->name, 0, "leaks");
  }
}

TEST_MAIN(CASE(each_request_gets_its_verdict),
          CASE(the_verdict_is_the_same_byte_by_byte),
          CASE(the_verdict_is_the_same_cut_at_every_byte),
          CASE(a_failed_allocation_never_does_harm))
