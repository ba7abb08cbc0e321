/* RFC 7541: the examples of its appendix C, and every way to break it. */
#include "support/h2_client_rig.h"
#include "support/h2_rig.h"
#include "support/test.h"

#include <stdio.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* --- requests: C.2, C.3, C.4 ---------------------------------------------------------
 */

typedef struct block {
  const char *hex, *want; /* behind a GET where the example is no request */
} block;

static const block fields[] = {
  { "400a637573746f6d2d6b65790d637573746f6d2d686561646572",
    "GET / @h host=h custom-key=custom-header\n" }, /* C.2.1 */
  { "100870617373776f726406736563726574",
    "GET / @h host=h password=secret\n" },                /* C.2.3 */
  { "be", "GET / @h host=h custom-key=custom-header\n" }, /* what C.2.1 has added */
};

static const block plain[] = {
  { "828684410f7777772e6578616d706c652e636f6d",
    "GET / @www.example.com host=www.example.com\n" },
  { "828684be58086e6f2d6361636865",
    "GET / @www.example.com host=www.example.com cache-control=no-cache\n" },
  { "828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565",
    "GET /index.html @www.example.com host=www.example.com custom-key=custom-value\n" },
};

static const block huffman[] = {
  { "828684418cf1e3c2e5f23a6ba0ab90f4ff",
    "GET / @www.example.com host=www.example.com\n" },
  { "828684be5886a8eb10649cbf",
    "GET / @www.example.com host=www.example.com cache-control=no-cache\n" },
  { "828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf",
    "GET /index.html @www.example.com host=www.example.com custom-key=custom-value\n" },
};

/* A block as one frame, or as HEADERS of `first` bytes and a CONTINUATION. */
static void put_block(h2_text *out, uint32_t stream, cro_bytes all, size_t first)
{
  cro_bytes head = cro_bytes_take(&all, first);
  bool whole = all.len == 0;

  h2_put_frame(out, NGHTTP2_HEADERS, whole ? 5 : 1, stream, head);
  if (!whole)
    h2_put_frame(out, NGHTTP2_CONTINUATION, 4, stream, all);
}

static void feed_block(h2_peer *peer, uint32_t stream, const char *before,
                       const char *hex, size_t first)
{
  h2_text all = { 0 }, frame = { 0 };

  h2_put_hex(&all, cro_bytes_of(before));
  h2_put_hex(&all, cro_bytes_of(hex));
  put_block(&frame, stream, h2_text_bytes(&all), first < all.len ? first : all.len);
  peer_feed(peer, h2_text_bytes(&frame), first % 7);
  h2_text_free(&all);
  h2_text_free(&frame);
}

static void check_requests(const block *blocks, size_t count, const char *before)
{
  for (size_t first = 0; first < 40; first++) {
    h2_rig rig;

    h2_rig_greet(&rig);
    for (size_t i = 0; i < count; i++) {
      feed_block(&rig.peer, (uint32_t)(2 * i + 1), before, blocks[i].hex, first);
      CHECK_LOG(blocks[i].want, &rig.peer);
    }
    CHECK(peer_is_open(&rig.peer));
    h2_rig_close(&rig);
  }
}

static void single_fields_are_read(void)
{
  check_requests(fields, COUNT(fields), "828784 01 01 68");
}

static void a_path_without_an_index_is_read(void) /* C.2.2, C.2.4 */
{
  static const block path = { "82 87 040c2f73616d706c652f70617468 010168",
                              "GET /sample/path @h host=h\n" };

  check_requests(&path, 1, "");
}

static void requests_are_read(void)
{
  check_requests(plain, COUNT(plain), "");
}

static void requests_in_huffman_code_are_read(void)
{
  check_requests(huffman, COUNT(huffman), "");
}

/* --- responses: C.5, C.6 -------------------------------------------------------------
 */

static const char first_want[] =
    "1: 302 cache-control=private date=Mon, 21 Oct 2013 20:13:21 GMT "
    "location=https://www.example.com\n";
static const char second_want[] =
    "3: 307 cache-control=private date=Mon, 21 Oct 2013 20:13:21 GMT "
    "location=https://www.example.com\n";
static const char third_want[] =
    "5: 200 cache-control=private date=Mon, 21 Oct 2013 20:13:22 GMT "
    "location=https://www.example.com content-encoding=gzip "
    "set-cookie=foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1\n";

static const block plain_answers[] = {
  { "4803333032580770726976617465611d4d6f6e2c203231204f63742032303133"
    "2032303a31333a323120474d546e1768747470733a2f2f7777772e6578616d70"
    "6c652e636f6d",
    first_want },
  { "4803333037c1c0bf", second_want },
  { "88c1611d4d6f6e2c203231204f637420323031332032303a31333a323220474d"
    "54c05a04677a69707738666f6f3d4153444a4b48514b425a584f5157454f5049"
    "5541585157454f49553b206d61782d6167653d333630303b2076657273696f6e"
    "3d31",
    third_want },
};

static const block huffman_answers[] = {
  { "488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a6"
    "2d1bff6e919d29ad171863c78f0b97c8e9ae82ae43d3",
    first_want },
  { "4883640effc1c0bf", second_want },
  { "88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab"
    "77ad94e7821dd7f2e6c7b335dfdfcd5b3960d5af27087f3672c1ab270fb5291f"
    "9587316065c003ed4ee5b1063d5007",
    third_want },
};

/* With a table of 256 bytes, as the examples have it: entries are evicted. */
static void check_answers(const block *blocks)
{
  for (size_t first = 0; first < 60; first += 3) {
    h2c_open();
    for (size_t i = 0; i < 3; i++) {
      CHECK_INT(0, h2c_get("/"));
      feed_block(&h2c.peer, (uint32_t)(2 * i + 1), i == 0 ? "3fe101" : "",
                 blocks[i].hex, first);
      CHECK_LOG(blocks[i].want, &h2c.peer);
    }
    CHECK(peer_is_open(&h2c.peer));
    h2c_close();
  }
}

static void responses_are_read_with_evictions(void)
{
  check_answers(plain_answers);
}

static void responses_in_huffman_code_are_read_with_evictions(void)
{
  check_answers(huffman_answers);
}

/* What was evicted is gone: in a table of 256 bytes the first response's :status is,
 * when the second one's has come. */
static void what_was_evicted_cannot_be_named(void)
{
  h2_text got = { 0 };

  h2c_open();
  for (int i = 0; i < 3; i++)
    CHECK_INT(0, h2c_get("/"));
  feed_block(&h2c.peer, 1, "3fe101", plain_answers[0].hex, 200);
  feed_block(&h2c.peer, 3, "", plain_answers[1].hex, 200);
  peer_forget(&h2c.peer);
  feed_block(&h2c.peer, 5, "", "c2", 200); /* a fifth entry */
  peer_verdict(&h2c.peer, &got);
  CHECK_TEXT("GOAWAY last=0 COMPRESSION_ERROR, close", h2_text_bytes(&got));
  h2_text_free(&got);
  h2c_close();
}

/* --- what breaks it ------------------------------------------------------------------
 */

typedef struct rule {
  const char *name, *hex; /* behind a GET of no dynamic entries */
  bool broken;
} rule;

static const rule rules[] = {
  { "2.3.3 an index of the empty dynamic table", "be", true },
  { "2.3.3 an index far beyond", "ff8080808001", true },
  { "2.3.3 a name's index beyond", "7f20 0161", true },
  { "2.3.3 a name's index beyond, not to be indexed", "0f80 01 0161", true },
  { "6.1 index 0", "80", true },
  { "4.2 the table's size at the end", "20", true },
  { "4.2 the table's size between fields", "20 000178 0179", true },
  { "5.1 an integer of six bytes", "7f ffffffff ff0f 0161", true },
  { "5.1 an integer with many zeros behind", "7f 8080808080808080 00 0161", true },
  { "5.1 an integer with few zeros behind", "0f8000 0161", false },
  { "5.2 a string longer than the block", "000178 0561", true },
  { "5.2 a name longer than the block", "000561", true },
  { "5.2 a string of 2^28 bytes", "000178 7f81ffff7f 61", true },
  { "5.2 Huffman code", "000178 811f", false },
  { "5.2 padding of zeros", "000178 8118", true },
  { "5.2 padding of eight bits", "000178 821fff", true },
  { "5.2 the end of string", "000178 84ffffffff", true },
  { "5.2 the end of string inside", "000178 851fffffffff", true },
  { "5.2 a code that is cut off", "000178 81fe", true },
  { "6.2.2 a literal without an index", "000178 0179", false },
  { "6.2.3 a literal never to be indexed", "100178 0179", false },
};

static void check_broken(const char *name, const char *before, const char *hex,
                         bool broken)
{
  for (size_t first = 0; first < 24; first++) {
    h2_text got = { 0 };
    h2_rig rig;

    h2_rig_greet(&rig);
    feed_block(&rig.peer, 1, before, hex, first == 0 ? 1000 : first);
    peer_verdict(&rig.peer, &got);
    if (broken != (memmem(got.at, got.len, "COMPRESSION_ERROR, close", 24) != NULL))
      test_fail(name, (int)first, "got %.*s", (int)got.len, got.at);
    CHECK_INT(broken ? 0 : 1, rig.peer.messages);
    h2_text_free(&got);
    h2_rig_close(&rig);
  }
}

static void a_block_that_breaks_hpack_ends_the_connection(void)
{
  for (size_t i = 0; i < COUNT(rules); i++)
    check_broken(rules[i].name, "828784 010168", rules[i].hex, rules[i].broken);
}

static void the_table_changes_its_size_only_as_far_as_was_allowed(void)
{
  check_broken("6.3 as large as was allowed", "3fe11f", "828784 010168", false);
  check_broken("6.3 one byte more", "3fe21f", "828784 010168", true);
  check_broken("6.3 none", "20", "828784 010168", false);
  check_broken("6.3 none, then all", "203fe11f", "828784 010168", false);
  check_broken("4.3 an emptied table has no entries", "40016101 6220",
               "82878401 0168be", true);
}

static void an_entry_larger_than_the_table_empties_it(void)
{
  h2_rig rig;

  h2_rig_greet(&rig);
  /* A table of 64 bytes: x=y fits (34), then one of 65 does not. */
  peer_play(&rig.peer, "headers 1 es eh x3f21 get {+x: y}; headers 3 es eh get xbe");
  CHECK_LOG("GET / @h host=h x=y\nGET / @h host=h x=y\n", &rig.peer);
  peer_play(&rig.peer, "headers 5 es eh get {+aaaaaaaaaaaaaaaa: bbbbbbbbbbbbbbbbb}");
  CHECK_LOG("GET / @h host=h aaaaaaaaaaaaaaaa=bbbbbbbbbbbbbbbbb\n", &rig.peer);
  peer_forget(&rig.peer);
  peer_play(&rig.peer, "headers 7 es eh get xbe");
  CHECK_PEER("GOAWAY last=7 COMPRESSION_ERROR\n", &rig.peer);
  h2_rig_close(&rig);
}

/* --- what we write -------------------------------------------------------------------
 */

/* 4.2: the other side's table may be smaller than ours, or become so. */
static void the_peers_table_is_respected(void)
{
  h2_rig rig;

  h2_rig_greet(&rig);
  peer_play(&rig.peer, "headers 1 es eh get");
  peer_play(&rig.peer, "settings 0 u16:1 u32:0");
  peer_forget(&rig.peer);
  CHECK_INT(0, nghttp2_hd_inflate_change_table_size(rig.peer.sent.inflater, 0));
  for (int i = 3; i < 9; i += 2) {
    h2_frame frame;
    char line[40];

    snprintf(line, sizeof line, "headers %d es eh get", i);
    peer_play(&rig.peer, line);
    CHECK(peer_next(&rig.peer, &frame));
    CHECK(memmem(frame.fields.at, frame.fields.len, ":status=200", 11) != NULL);
    peer_forget(&rig.peer);
  }
  h2_rig_close(&rig);
}

/* 7.1.3: authorization is entry 23 of the static table, named as one never to index. */
static void secrets_are_never_indexed(void)
{
  cro_request *request;
  h2_frame frame;

  h2c_open();
  for (int i = 0; i < 2; i++) {
    request = peer_request(&h2c.peer, CRO_GET, "/");
    (void)cro_headers_add(&request->headers, request->arena, CRO_B("Authorization"),
                          CRO_B("Basic c2VjcmV0"));
    CHECK_INT(0, peer_ask(&h2c.peer, request));
    CHECK(peer_next(&h2c.peer, &frame));
    CHECK(memmem(frame.payload.at, frame.payload.len, "\x1f\x08", 2) != NULL);
    peer_drop(request);
    peer_forget(&h2c.peer);
  }
  h2c_close();
}

TEST_MAIN(CASE(single_fields_are_read), CASE(a_path_without_an_index_is_read),
          CASE(requests_are_read), CASE(requests_in_huffman_code_are_read),
          CASE(responses_are_read_with_evictions),
          CASE(responses_in_huffman_code_are_read_with_evictions),
          CASE(what_was_evicted_cannot_be_named),
          CASE(a_block_that_breaks_hpack_ends_the_connection),
          CASE(the_table_changes_its_size_only_as_far_as_was_allowed),
          CASE(an_entry_larger_than_the_table_empties_it),
          CASE(the_peers_table_is_respected), CASE(secrets_are_never_indexed))
