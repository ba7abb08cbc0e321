#include "http/router.h"

#include "base/alloc.h"
#include "base/err.h"
#include "support/template.h"
#include "support/test.h"

#include <stdio.h>
#include <time.h>

static cro_router *router;

static void open_router(void)
{
  CHECK_INT(0, cro_router_create(&router));
}

static void add_as(cro_method method, const char *text, uint32_t route,
                   bool conditional)
{
  uint32_t clash;

  CHECK_INT(0, template_add(router, method, text, route, conditional, &clash));
}

static void add(const char *text, uint32_t route)
{
  add_as(CRO_GET, text, route, false);
}

static void close_router(void)
{
  cro_router_destroy(router);
  router = NULL;
}

/* "12 (1234)(99)" for a match, the answer's number for none. "-" is a missing one. */
static cro_bytes find_as(cro_method method, const char *path)
{
  static char out[512];
  cro_route_match match;
  uint64_t allowed = 0;
  int answer = cro_router_find(router, method, cro_bytes_of(path), &match, &allowed);
  size_t len;

  if (answer != CRO_ROUTE_FOUND) {
    len = (size_t)snprintf(out, sizeof out, "answer %d", answer);
    return (cro_bytes){ out, len };
  }
  len = (size_t)snprintf(out, sizeof out, "%u", match.route);
  for (uint32_t i = 0; i < match.count; i++) {
    cro_bytes text = match.captures[i].text;

    len += (size_t)snprintf(out + len, sizeof out - len, " (%.*s)",
                            text.at != NULL ? (int)text.len : 1,
                            text.at != NULL ? text.at : "-");
  }
  return (cro_bytes){ out, len };
}

static cro_bytes find(const char *path)
{
  return find_as(CRO_GET, path);
}

typedef struct {
  const char *path, *want;
} row;

static void check_rows(const row *rows, size_t count)
{
  for (size_t i = 0; i < count; i++) {
    cro_bytes got = find(rows[i].path);

    if (!cro_bytes_eq(got, cro_bytes_of(rows[i].want)))
      test_fail(__FILE__, __LINE__, "%s: want %s, got %.*s", rows[i].path, rows[i].want,
                (int)got.len, got.at);
  }
}

#define CHECK_ROWS(rows) check_rows((rows), sizeof(rows) / sizeof *(rows))

static void the_most_specific_route_wins_whatever_the_order(void)
{
  static const char *const templates[] = {
    "/",          "/a/{rest*}", "/a/{x?}",  "/a/{x}",   "/a/{x:alnum}",
    "/a/{x:int}", "/a/b",       "/a/{x}/c", "/a/b/{y}",
  };
  static const row rows[] = {
    { "/", "0" },          { "/a", "2 (-)" },     { "/a/b", "6" },
    { "/a/7", "5 (7)" },   { "/a/7x", "4 (7x)" }, { "/a/-_", "3 (-_)" },
    { "/a/b/c", "8 (c)" }, { "/a/x/c", "7 (x)" }, { "/a/x/d", "1 (x/d)" },
    { "/a/", "1 ()" },     { "/b", "answer 0" },
  };

  for (int backwards = 0; backwards < 2; backwards++) {
    open_router();
    for (uint32_t i = 0; i < 9; i++)
      add(templates[backwards ? 8 - i : i], backwards ? 8 - i : i);
    CHECK_ROWS(rows);
    close_router();
  }
}

static void a_dead_end_is_backed_out_of(void)
{
  static const row rows[] = {
    { "/a/b/c/d", "1 (b) (c)" }, { "/a/b/x/e", "0 (x)" }, { "/a/b/x/d", "1 (b) (x)" },
    { "/a/9/c/d", "1 (9) (c)" }, { "/a/9/c/f", "2 (9)" }, { "/a/9/c/g", "3 (9/c/g)" },
  };

  open_router();
  add("/a/b/{y}/e", 0);
  add("/a/{x}/{y}/d", 1);
  add("/a/{x:int}/c/f", 2);
  add("/a/{rest*}", 3);
  CHECK_ROWS(rows);
  close_router();
}

static void slashes_are_significant(void)
{
  static const row rows[] = {
    { "/catalogue", "0" },
    { "/catalogue/", "answer 0" },
    { "//catalogue", "answer 0" },
    { "/opt", "1 (-)" },
    { "/opt/", "answer 0" },
    { "/opt/x", "1 (x)" },
    { "/opt/x/", "answer 0" },
    { "/tree", "2 (-)" },
    { "/tree/", "2 ()" },
    { "/tree//a", "2 (/a)" },
    { "/tree/a/b/", "2 (a/b/)" },
    { "/dir/", "3" },
    { "/dir", "answer 0" },
    { "catalogue", "answer 0" },
    { "", "answer 0" },
    { "*", "answer 0" },
  };

  open_router();
  add("/catalogue", 0);
  add("/opt/{a?}", 1);
  add("/tree/{path*}", 2);
  add("/dir/", 3);
  CHECK_ROWS(rows);
  close_router();
}

static void optional_segments_go_missing_from_the_right(void)
{
  static const row rows[] = {
    { "/p", "0 (-) (-)" },   { "/p/1", "0 (1) (-)" },       { "/p/1/x", "0 (1) (x)" },
    { "/p/x", "answer 0" },  { "/p/1/x/y", "answer 0" },    { "/q", "1 (-) (-)" },
    { "/q/a", "1 (a) (-)" }, { "/q/a/b/c", "1 (a) (b/c)" },
  };

  open_router();
  add("/p/{n:int?}/{tab?}", 0);
  add("/q/{x?}/{rest*}", 1);
  CHECK_ROWS(rows);
  close_router();
}

static void literals_are_compared_decoded(void)
{
  static const row rows[] = {
    { "/%63atalogue", "0" },
    { "/catalogu%65", "0" },
    { "/encoded%2Fslash", "1" },
    { "/encoded%2fslash", "1" },
    { "/encoded/slash", "2 (slash)" },
    { "/encoded/a%2Fb", "2 (a%2Fb)" },
    { "/a%2Bplus", "3" },
    { "/a+plus", "3" },
    { "/Catalogue", "answer 0" },
    { "/a-rather-long-literal-%69ndeed", "4" },
    { "/n/%31%32", "5 (%31%32)" },
    { "/n/%3A", "answer 0" },
  };

  open_router();
  add("/catalogue", 0);
  {
    const cro_segment slash = { .kind = CRO_SEGMENT_LITERAL,
                                .text = CRO_B("encoded/slash") };
    uint32_t clash;

    CHECK_INT(0, cro_router_add(router, CRO_GET, &slash, 1, 1, false, &clash));
  }
  add("/encoded/{x}", 2);
  add("/a+plus", 3);
  add("/a-rather-long-literal-indeed", 4);
  add("/n/{n:uint8}", 5);
  CHECK_ROWS(rows);
  close_router();
}

static void a_bad_escape_anywhere_is_told(void)
{
  static const char *const bad[] = { "/a/%",        "/a/%4",  "/a/%zz",     "/%g0/b",
                                     "/nowhere/%%", "/a/%00", "/a/b%00.txt" };

  open_router();
  add("/a/{x}", 0);
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    CHECK_TEXT("answer -2", find(bad[i]));
  CHECK_TEXT("0 (%41)", find("/a/%41"));
  CHECK_TEXT("0 (%01%10)", find("/a/%01%10"));
  close_router();
}

static void many_literals_at_one_place_are_all_found(void)
{
  char text[40];

  open_router();
  for (uint32_t i = 0; i < 500; i++) {
    snprintf(text, sizeof text, "/a-common-start-%u-and-a-common-end", i);
    add(text, i);
  }
  for (uint32_t i = 0; i < 500; i++) {
    char want[8];

    snprintf(text, sizeof text, "/a-common-start-%u-and-a-common-end", i);
    snprintf(want, sizeof want, "%u", i);
    CHECK_TEXT(want, find(text));
  }
  CHECK_TEXT("answer 0", find("/a-common-start-500-and-a-common-end"));
  close_router();
}

static void literals_of_every_length_differ_in_any_byte(void)
{
  char text[80];

  open_router();
  for (uint32_t len = 1; len < 70; len++) {
    memset(text, 'x', sizeof text);
    text[0] = '/';
    text[len + 1] = '\0';
    add(text, len);
  }
  for (uint32_t len = 1; len < 70; len++)
    for (uint32_t at = 0; at < len; at++) {
      memset(text, 'x', sizeof text);
      text[0] = '/';
      text[at + 1] = 'y';
      text[len + 1] = '\0';
      CHECK_TEXT("answer 0", find(text));
    }
  close_router();
}

/* Whole paths are found in one step; where that is not the answer, the search goes on.
 */
static void a_path_without_captures_goes_before_all_that_capture(void)
{
  static const row rows[] = {
    { "/", "0" },
    { "//", "3" },
    { "/a", "1" },
    { "/a/", "2" },
    { "/a/b", "4" },
    { "/a/c", "5 (c)" },
    { "/post", "6 (post)" },
    { "/a//", "answer 0" },
    { "/a%2Fb", "6 (a%2Fb)" },
    { "/%61", "1" },
    { "a", "answer 0" },
  };

  open_router();
  add("/{x}", 6);
  add("/a/{x}", 5);
  add("/", 0);
  add("/a", 1);
  add("/a/", 2);
  add("//", 3);
  add("/a/b", 4);
  add_as(CRO_POST, "/post", 7, false);
  CHECK_ROWS(rows);
  CHECK_TEXT("7", find_as(CRO_POST, "/post"));
  CHECK_TEXT("4", find_as(CRO_HEAD, "/a/b"));
  close_router();
}

static void a_literal_with_a_slash_or_a_percent_is_not_the_path_that_reads_so(void)
{
  static const cro_segment odd[] = {
    { .kind = CRO_SEGMENT_LITERAL, .text = CRO_B_INIT("x/y") },
    { .kind = CRO_SEGMENT_LITERAL, .text = CRO_B_INIT("%41") },
    { .kind = CRO_SEGMENT_LITERAL, .text = CRO_B_INIT("") },
  };
  uint32_t clash;

  open_router();
  for (uint32_t i = 0; i < 3; i++)
    CHECK_INT(0, cro_router_add(router, CRO_GET, &odd[i], 1, i, false, &clash));
  CHECK_TEXT("answer 0", find("/x/y"));
  CHECK_TEXT("0", find("/x%2Fy"));
  CHECK_TEXT("answer 0", find("/%41"));
  CHECK_TEXT("1", find("/%2541"));
  CHECK_TEXT("answer 0", find("/"));
  close_router();
}

static uint64_t bit(cro_method method)
{
  return UINT64_C(1) << method;
}

static void a_method_that_is_missing_is_told_with_those_that_are_not(void)
{
  cro_route_match match;
  uint64_t allowed = 0;
  char room[CRO_ALLOW_MAX];

  open_router();
  add("/a/{x}", 0);
  add_as(CRO_POST, "/a/b", 1, false);
  add_as(CRO_PUT, "/a/{rest*}", 2, false);
  CHECK_INT(CRO_ROUTE_METHOD,
            cro_router_find(router, CRO_DELETE, CRO_B("/a/b"), &match, &allowed));
  CHECK_INT(bit(CRO_GET) | bit(CRO_HEAD) | bit(CRO_POST) | bit(CRO_PUT) |
                bit(CRO_OPTIONS),
            allowed);
  CHECK_TEXT("GET, HEAD, POST, PUT, OPTIONS", cro_router_allow_text(allowed, room));
  CHECK_INT(bit(CRO_PUT) | bit(CRO_OPTIONS),
            cro_router_allowed(router, CRO_B("/a/b/c")));
  CHECK_INT(0, cro_router_allowed(router, CRO_B("/b")));
  CHECK_INT(allowed, cro_router_methods(router));
  CHECK_TEXT("0 (b)", find_as(CRO_GET, "/a/b")); /* a less specific path has it */
  CHECK_TEXT("2 (b)", find_as(CRO_PUT, "/a/b"));
  close_router();
}

static void every_method_fits_the_allow_text(void)
{
  char room[CRO_ALLOW_MAX];
  cro_bytes all = cro_router_allow_text((bit(CRO_METHOD_COUNT) - 1), room);

  CHECK(all.len > 200 && all.len <= CRO_ALLOW_MAX);
  CHECK_INT(0, cro_router_allow_text(0, room).len);
}

static void head_falls_back_to_get_at_each_place(void)
{
  open_router();
  add("/a", 0);
  add_as(CRO_HEAD, "/{x}", 1, false);
  add_as(CRO_HEAD, "/b", 2, false);
  add("/b", 3);
  add_as(CRO_POST, "/c", 4, false);
  CHECK_TEXT("0", find_as(CRO_HEAD, "/a"));
  CHECK_TEXT("2", find_as(CRO_HEAD, "/b"));
  CHECK_TEXT("1 (c)", find_as(CRO_HEAD, "/c"));
  close_router();
}

static void equal_routes_clash_unless_they_have_conditions(void)
{
  uint32_t clash = 99;

  open_router();
  add("/a/{x:int}/{y?}", 7);
  CHECK_INT(CRO_E_EXISTS,
            template_add(router, CRO_GET, "/a/{other:int}/{z?}", 8, false, &clash));
  CHECK_INT(7, clash);
  CHECK_INT(0, template_add(router, CRO_POST, "/a/{x:int}/{y?}", 9, false, &clash));
  CHECK_INT(0, template_add(router, CRO_GET, "/a/{x:uint}/{y?}", 10, false, &clash));
  CHECK_INT(0, template_add(router, CRO_GET, "/a/{x:int}/{y?}", 11, true, &clash));
  add("/s/{rest*}", 12);
  CHECK_INT(CRO_E_EXISTS,
            template_add(router, CRO_GET, "/s/{rest*}", 13, false, &clash));
  CHECK_INT(12, clash);
  close_router();
}

static void templates_that_make_no_sense_are_refused(void)
{
  static const struct {
    const char *text;
    int want;
  } bad[] = {
    { "/{rest*}/a", CRO_E_INVAL },
    { "/{x?}/a", CRO_E_INVAL },
    { "/{x?}/{y}", CRO_E_INVAL },
    { "/{a}/{a}/{a}/{a}/{a}/{a}/{a}/{a}/{a}/{a}/{a}/{a}/{a}/{a}/{a}/{a}/{a}",
      CRO_E_LIMIT },
    { "/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a"
      "/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a",
      CRO_E_LIMIT },
  };
  char longest[CRO_ROUTE_LITERAL_MAX + 3];
  uint32_t clash;

  open_router();
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    CHECK_INT(bad[i].want,
              template_add(router, CRO_GET, bad[i].text, 1, false, &clash));
  memset(longest, 'l', sizeof longest);
  longest[0] = '/';
  longest[sizeof longest - 1] = '\0';
  CHECK_INT(CRO_E_LIMIT, template_add(router, CRO_GET, longest, 1, false, &clash));
  longest[sizeof longest - 2] = '\0';
  CHECK_INT(0, template_add(router, CRO_GET, longest, 1, false, &clash));
  CHECK_TEXT("1", find(longest));
  CHECK_INT(CRO_E_INVAL,
            cro_router_add(router, CRO_METHOD_NONE, NULL, 0, 1, false, &clash));
  close_router();
}

typedef struct {
  char text[128];
  size_t len, stop_after, count;
} walked;

static bool note(void *arg, cro_method method, bool conditional,
                 const cro_route_match *match)
{
  walked *self = arg;
  cro_bytes name = { method == CRO_GET ? "get" : "other",
                     method == CRO_GET ? (size_t)3 : (size_t)5 };

  self->len += (size_t)snprintf(self->text + self->len, sizeof self->text - self->len,
                                "%.*s %u%s/%u ", (int)name.len, name.at, match->route,
                                conditional ? "?" : "", match->count);
  return ++self->count == self->stop_after;
}

static void a_walk_visits_all_that_fit_in_order(void)
{
  walked seen = { .stop_after = 0 };

  open_router();
  add("/{rest*}", 0);
  add("/a/{x}", 1);
  add_as(CRO_GET, "/a/{x:int}", 2, false);
  add_as(CRO_GET, "/a/{x:int}", 3, true);
  add_as(CRO_GET, "/a/{x:int}", 4, true);
  add_as(CRO_POST, "/a/{x:int}", 5, true);
  add_as(CRO_GET, "/a/{x:even}", 6, true);
  CHECK(cro_router_walk(router, CRO_B("/a/5"), note, &seen));
  CHECK_TEXT("get 6?/1 get 3?/1 get 4?/1 other 5?/1 get 2/1 get 1/1 get 0/1 ",
             ((cro_bytes){ seen.text, seen.len }));
  seen = (walked){ .stop_after = 2 };
  CHECK(cro_router_walk(router, CRO_B("/a/5"), note, &seen));
  CHECK_INT(2, seen.count);
  seen = (walked){ .stop_after = 0 };
  CHECK(!cro_router_walk(router, CRO_B("/a/%5"), note, &seen));
  CHECK_INT(0, seen.count);
  close_router();
}

static void a_conditional_route_asks_for_a_walk(void)
{
  cro_route_match match;
  uint64_t allowed;

  open_router();
  add("/a", 0);
  add_as(CRO_GET, "/a", 1, true);
  CHECK_INT(CRO_ROUTE_CONDITIONAL,
            cro_router_find(router, CRO_GET, CRO_B("/a"), &match, &allowed));
  CHECK_INT(1, match.route);
  close_router();
}

static void an_empty_router_matches_nothing(void)
{
  open_router();
  CHECK_TEXT("answer 0", find("/"));
  CHECK_TEXT("answer 0", find("/a/b"));
  close_router();
  cro_router_destroy(NULL);
}

static int build(void)
{
  static const char *const templates[] = { "/",  "/a/b",      "/a/c", "/d/{x:int}/{y?}",
                                           "/e", "/f",        "/g",   "/h",
                                           "/i", "/j/{rest*}" };
  uint32_t clash;
  int rc = cro_router_create(&router);

  for (uint32_t i = 0; rc == 0 && i < 10; i++)
    rc = template_add(router, CRO_GET, templates[i], i, false, &clash);
  return rc;
}

static void each_failing_allocation_is_answered(void)
{
  uint64_t live = cro_alloc_live(), n = 0;
  int rc;

  do {
    router = NULL;
    cro_alloc_fail_at(++n);
    rc = build();
    cro_alloc_fail_at(0);
    CHECK(rc == 0 || rc == CRO_E_NOMEM);
    if (rc == CRO_E_NOMEM && router != NULL)
      CHECK_TEXT("answer 0", find("/zz")); /* still searchable */
    close_router();
    CHECK_INT(live, cro_alloc_live());
  } while (rc != 0 && n < 1000);
  CHECK(n > 20 && n < 1000);
}

static double seconds(void)
{
  struct timespec now;

  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* At every depth the literal, the typed and the untyped child all fit and all lead on;
 * no route ends where the path does. */
static void add_bushes(int depth)
{
  static const char *const kinds[] = { "/1", "/{x:int}", "/{x:hex}", "/{x}" };
  char text[256];
  unsigned shapes = 1;

  for (int i = 0; i < depth; i++)
    shapes *= 4;
  for (unsigned shape = 0; shape < shapes; shape++) {
    size_t len = 0;

    for (int i = 0; i < depth; i++)
      len += (size_t)snprintf(text + len, sizeof text - len, "%s",
                              kinds[shape >> (2 * i) & 3]);
    snprintf(text + len, sizeof text - len, "/end");
    add(text, shape);
  }
}

static void no_path_makes_a_match_slower_than_the_trie_is_large(void)
{
  char path[8193] = "/1/1/1/1/1/miss";
  double before;

  open_router();
  add_bushes(5);
  before = seconds();
  for (int i = 0; i < 1000; i++)
    CHECK_TEXT("answer 0", find(path));
  CHECK(seconds() - before < 5); /* 1,365 nodes each: microseconds, not minutes */
  memset(path, '/', sizeof path - 1);
  CHECK_TEXT("answer 0", find(path));
  for (size_t i = 1; i < sizeof path - 1; i += 2)
    path[i] = '1';
  before = seconds();
  for (int i = 0; i < 1000; i++)
    CHECK_TEXT("answer 0", find(path));
  CHECK(seconds() - before < 5);
  close_router();
}

TEST_MAIN(CASE(the_most_specific_route_wins_whatever_the_order),
          CASE(a_dead_end_is_backed_out_of), CASE(slashes_are_significant),
          CASE(optional_segments_go_missing_from_the_right),
          CASE(literals_are_compared_decoded), CASE(a_bad_escape_anywhere_is_told),
          CASE(a_path_without_captures_goes_before_all_that_capture),
          CASE(a_literal_with_a_slash_or_a_percent_is_not_the_path_that_reads_so),
          CASE(many_literals_at_one_place_are_all_found),
          CASE(literals_of_every_length_differ_in_any_byte),
          CASE(a_method_that_is_missing_is_told_with_those_that_are_not),
          CASE(every_method_fits_the_allow_text),
          CASE(head_falls_back_to_get_at_each_place),
          CASE(equal_routes_clash_unless_they_have_conditions),
          CASE(templates_that_make_no_sense_are_refused),
          CASE(a_walk_visits_all_that_fit_in_order),
          CASE(a_conditional_route_asks_for_a_walk),
          CASE(an_empty_router_matches_nothing),
          CASE(each_failing_allocation_is_answered),
          CASE(no_path_makes_a_match_slower_than_the_trie_is_large))
