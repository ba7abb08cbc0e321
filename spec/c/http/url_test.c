#include "http/url.h"

#include "base/alloc.h"
#include "base/err.h"
#include "support/test.h"

static void check_part(const char *text, const char *name, const char *want,
                       cro_bytes got)
{
  if ((want == NULL) != (got.at == NULL))
    test_fail(__FILE__, __LINE__, "%s: %s: want %s, got %s", text, name,
              want == NULL ? "none" : want, got.at == NULL ? "none" : "some");
  else if (want != NULL && !cro_bytes_eq(cro_bytes_of(want), got))
    test_fail(__FILE__, __LINE__, "%s: %s: want %s, got %.*s", text, name, want,
              (int)got.len, got.at);
}

typedef struct {
  const char *text, *scheme, *userinfo, *host;
  cro_host_kind kind;
  int port;
  const char *path, *query, *fragment;
} parse_row;

static const parse_row parse_rows[] = {
  { "http://example.com/a/b?c=d#e", "http", NULL, "example.com", CRO_HOST_NAME, -1,
    "/a/b", "c=d", "e" },
  { "https://u:p@h:8443", "https", "u:p", "h", CRO_HOST_NAME, 8443, "", NULL, NULL },
  { "http://h?", "http", NULL, "h", CRO_HOST_NAME, -1, "", "", NULL },
  { "http://h#", "http", NULL, "h", CRO_HOST_NAME, -1, "", NULL, "" },
  { "http://h:/", "http", NULL, "h", CRO_HOST_NAME, -1, "/", NULL, NULL },
  { "http://127.0.0.1:0/", "http", NULL, "127.0.0.1", CRO_HOST_IPV4, 0, "/", NULL,
    NULL },
  { "http://256.0.0.1/", "http", NULL, "256.0.0.1", CRO_HOST_NAME, -1, "/", NULL,
    NULL },
  { "http://01.0.0.1/", "http", NULL, "01.0.0.1", CRO_HOST_NAME, -1, "/", NULL, NULL },
  { "http://[::1]:80/", "http", NULL, "::1", CRO_HOST_IPV6, 80, "/", NULL, NULL },
  { "ldap://[2001:db8::7]/c=GB?objectClass?one", "ldap", NULL, "2001:db8::7",
    CRO_HOST_IPV6, -1, "/c=GB", "objectClass?one", NULL },
  { "http://[::ffff:192.0.2.1]", "http", NULL, "::ffff:192.0.2.1", CRO_HOST_IPV6, -1,
    "", NULL, NULL },
  { "http://[1:2:3:4:5:6:7:8]", "http", NULL, "1:2:3:4:5:6:7:8", CRO_HOST_IPV6, -1, "",
    NULL, NULL },
  { "http://[::]", "http", NULL, "::", CRO_HOST_IPV6, -1, "", NULL, NULL },
  { "http://[v1.fe80::a+en1]/", "http", NULL, "v1.fe80::a+en1", CRO_HOST_FUTURE, -1,
    "/", NULL, NULL },
  { "mailto:John.Doe@example.com", "mailto", NULL, "", CRO_HOST_NONE, -1,
    "John.Doe@example.com", NULL, NULL },
  { "urn:oasis:names:x:1.1", "urn", NULL, "", CRO_HOST_NONE, -1, "oasis:names:x:1.1",
    NULL, NULL },
  { "file:///etc/hosts", "file", NULL, "", CRO_HOST_NONE, -1, "/etc/hosts", NULL,
    NULL },
  { "/a/b?c", NULL, NULL, "", CRO_HOST_NONE, -1, "/a/b", "c", NULL },
  { "//h/p", NULL, NULL, "h", CRO_HOST_NAME, -1, "/p", NULL, NULL },
  { "a/b:c", NULL, NULL, "", CRO_HOST_NONE, -1, "a/b:c", NULL, NULL },
  { "?q", NULL, NULL, "", CRO_HOST_NONE, -1, "", "q", NULL },
  { "#f", NULL, NULL, "", CRO_HOST_NONE, -1, "", NULL, "f" },
  { "", NULL, NULL, "", CRO_HOST_NONE, -1, "", NULL, NULL },
  { "/a[1]{x}|\\^`\"<>", NULL, NULL, "", CRO_HOST_NONE, -1, "/a[1]{x}|\\^`\"<>", NULL,
    NULL },
  { "http://a%41b/%2F?%20#%7e", "http", NULL, "a%41b", CRO_HOST_NAME, -1, "/%2F", "%20",
    "%7e" },
  { "http://a@b@c/", NULL, NULL, NULL, CRO_HOST_NONE, 0, NULL, NULL, NULL },
};

static void references_come_apart(void)
{
  for (size_t i = 0; i < sizeof parse_rows / sizeof *parse_rows; i++) {
    const parse_row *row = &parse_rows[i];
    cro_url url;
    int rc = cro_url_parse(cro_bytes_of(row->text), &url, NULL);

    if (row->path == NULL) {
      CHECK_INT(CRO_E_SYNTAX, rc);
      continue;
    }
    if (rc != 0) {
      test_fail(__FILE__, __LINE__, "%s does not parse", row->text);
      continue;
    }
    check_part(row->text, "scheme", row->scheme, url.scheme);
    check_part(row->text, "userinfo", row->userinfo, url.parts.userinfo);
    check_part(row->text, "host", row->host,
               url.parts.host.at != NULL ? url.parts.host : (cro_bytes){ "", 0 });
    check_part(row->text, "path", row->path, url.path);
    check_part(row->text, "query", row->query, url.query);
    check_part(row->text, "fragment", row->fragment, url.fragment);
    CHECK_INT(row->kind, url.parts.kind);
    CHECK_INT(row->port, url.parts.port);
  }
}

static const struct {
  const char *text, *reason;
  size_t at;
} bad[] = {
  { "1http://h", "Malformed scheme", 0 },
  { ":x", "Malformed scheme", 0 },
  { "ht tp://h", "Malformed scheme", 2 },
  { "h_t:x", "Malformed scheme", 1 },
  { "http://a b/", "Malformed host", 8 },
  { "http://h<>/", "Malformed host", 8 },
  { "http://b\xC3\xBC"
    "cher.example/",
    "Host beyond ASCII: write it in its xn-- form (punycode)", 8 },
  { "http://%zz/", "Malformed host", 7 },
  { "http://[::1/", "Missing ] after an IP address", 11 },
  { "http://[1:2]/", "Malformed IP address", 8 },
  { "http://[1::2::3]/", "Malformed IP address", 8 },
  { "http://[:::]/", "Malformed IP address", 8 },
  { "http://[1:2:3:4:5:6:7:8:9]/", "Malformed IP address", 8 },
  { "http://[1:2:3:4:5:6:7:8::]/", "Malformed IP address", 8 },
  { "http://[12345::]/", "Malformed IP address", 8 },
  { "http://[::1.2.3]/", "Malformed IP address", 8 },
  { "http://[1.2.3.4::]/", "Malformed IP address", 8 },
  { "http://[::1%25eth0]/", "Malformed IP address", 8 },
  { "http://[v.x]/", "Malformed IP address", 8 },
  { "http://[::1]x/", "Malformed host", 12 },
  { "http://h:8a/", "Malformed port", 9 },
  { "http://h:65536/", "Port above 65535", 9 },
  { "http://h:-1/", "Malformed port", 9 },
  { "http://u[@h/", "Malformed user information", 8 },
  { "/a b", "Malformed path", 2 },
  { "/a\x01", "Malformed path", 2 },
  { "/caf\xC3\xA9", "Malformed path", 4 },
  { "/a?b c", "Malformed query", 4 },
  { "/a#b c", "Malformed fragment", 4 },
  { "/a#b#c", "Malformed fragment", 4 },
  { "/a%4", "Malformed percent-encoding", 2 },
  { "/%", "Malformed percent-encoding", 1 },
  { "/a?%g0", "Malformed percent-encoding", 3 },
};

static void faults_say_what_and_where(void)
{
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    cro_url url;
    cro_url_fault fault = { "none", 99 };

    CHECK_INT(CRO_E_SYNTAX, cro_url_parse(cro_bytes_of(bad[i].text), &url, &fault));
    if (strcmp(bad[i].reason, fault.reason) != 0 || bad[i].at != fault.at)
      test_fail(__FILE__, __LINE__, "%s: want %s at %zu, got %s at %zu", bad[i].text,
                bad[i].reason, bad[i].at, fault.reason, fault.at);
  }
}

typedef int transform(const cro_url *url, cro_buf *out);

static void check_transform(transform *change, const char *text, const char *want)
{
  cro_url url;
  cro_buf out = { 0 };

  CHECK_INT(0, cro_url_parse(cro_bytes_of(text), &url, NULL));
  CHECK_INT(0, change(&url, &out));
  if (!cro_bytes_eq(cro_bytes_of(want), cro_buf_bytes(&out)))
    test_fail(__FILE__, __LINE__, "%s: want %s, got %.*s", text, want, (int)out.len,
              out.at);
  cro_buf_free(&out);
}

static void a_reference_is_written_as_it_was_read(void)
{
  for (size_t i = 0; i < sizeof parse_rows / sizeof *parse_rows; i++)
    if (parse_rows[i].path != NULL)
      check_transform(cro_url_write, parse_rows[i].text, parse_rows[i].text);
}

static void check_resolved(const char *base, const char *reference, const char *want)
{
  cro_url a, b;
  cro_buf out = { 0 };

  CHECK_INT(0, cro_url_parse(cro_bytes_of(base), &a, NULL));
  CHECK_INT(0, cro_url_parse(cro_bytes_of(reference), &b, NULL));
  CHECK_INT(0, cro_url_resolve(&a, &b, &out));
  if (!cro_bytes_eq(cro_bytes_of(want), cro_buf_bytes(&out)))
    test_fail(__FILE__, __LINE__, "%s in %s: want %s, got %.*s", reference, base, want,
              (int)out.len, out.at);
  cro_buf_free(&out);
}

/* RFC 3986 5.4.1 and 5.4.2, all of them. */
static const struct {
  const char *reference, *want;
} rfc_rows[] = {
  { "g:h", "g:h" },
  { "g", "http://a/b/c/g" },
  { "./g", "http://a/b/c/g" },
  { "g/", "http://a/b/c/g/" },
  { "/g", "http://a/g" },
  { "//g", "http://g" },
  { "?y", "http://a/b/c/d;p?y" },
  { "g?y", "http://a/b/c/g?y" },
  { "#s", "http://a/b/c/d;p?q#s" },
  { "g#s", "http://a/b/c/g#s" },
  { "g?y#s", "http://a/b/c/g?y#s" },
  { ";x", "http://a/b/c/;x" },
  { "g;x", "http://a/b/c/g;x" },
  { "g;x?y#s", "http://a/b/c/g;x?y#s" },
  { "", "http://a/b/c/d;p?q" },
  { ".", "http://a/b/c/" },
  { "./", "http://a/b/c/" },
  { "..", "http://a/b/" },
  { "../", "http://a/b/" },
  { "../g", "http://a/b/g" },
  { "../..", "http://a/" },
  { "../../", "http://a/" },
  { "../../g", "http://a/g" },
  { "../../../g", "http://a/g" },
  { "../../../../g", "http://a/g" },
  { "/./g", "http://a/g" },
  { "/../g", "http://a/g" },
  { "g.", "http://a/b/c/g." },
  { ".g", "http://a/b/c/.g" },
  { "g..", "http://a/b/c/g.." },
  { "..g", "http://a/b/c/..g" },
  { "./../g", "http://a/b/g" },
  { "./g/.", "http://a/b/c/g/" },
  { "g/./h", "http://a/b/c/g/h" },
  { "g/../h", "http://a/b/c/h" },
  { "g;x=1/./y", "http://a/b/c/g;x=1/y" },
  { "g;x=1/../y", "http://a/b/c/y" },
  { "g?y/./x", "http://a/b/c/g?y/./x" },
  { "g?y/../x", "http://a/b/c/g?y/../x" },
  { "g#s/./x", "http://a/b/c/g#s/./x" },
  { "g#s/../x", "http://a/b/c/g#s/../x" },
  { "http:g", "http:g" },
};

static void the_list_of_the_rfc_resolves(void)
{
  for (size_t i = 0; i < sizeof rfc_rows / sizeof *rfc_rows; i++)
    check_resolved("http://a/b/c/d;p?q", rfc_rows[i].reference, rfc_rows[i].want);
}

static void odd_bases_resolve(void)
{
  check_resolved("http://h", "x", "http://h/x");
  check_resolved("http://h?q", "", "http://h?q");
  check_resolved("http://h/a/b#f", "", "http://h/a/b");
  check_resolved("http://h/a//b", "../c", "http://h/a/c");
  check_resolved("/a/b", "c", "/a/c");
  check_resolved("a/b", "../../c", "c");
  check_resolved("mailto:a", "b", "mailto:b");
  check_resolved("x:a/b", "..//c", "x:.//c");   /* an empty segment, no root */
  check_resolved("x:/a/b", "..//c", "x:/.//c"); /* not an authority */
  check_resolved("/", ".//c", "/.//c");
  check_resolved("/a", "//h/../b", "//h/b");
  check_resolved("a", "./b:c", "./b:c"); /* not a scheme */
}

static void normal_forms(void)
{
  check_transform(cro_url_normalise, "HTTP://EXAMPLE.com:80", "http://example.com/");
  check_transform(cro_url_normalise, "https://h:443/a/../b/./c", "https://h/b/c");
  check_transform(cro_url_normalise, "https://h:80/", "https://h:80/");
  check_transform(cro_url_normalise, "http://h:/%7ea%2fb%c3", "http://h/~a%2Fb%C3");
  check_transform(cro_url_normalise, "http://h/%2e%2E/x", "http://h/x");
  check_transform(cro_url_normalise, "http://U%41@H%41/", "http://UA@ha/");
  check_transform(cro_url_normalise, "http://[2001:DB8::A]:8080/",
                  "http://[2001:db8::a]:8080/");
  check_transform(cro_url_normalise, "/a[1]|{b}?x=<y>#\"",
                  "/a%5B1%5D%7C%7Bb%7D?x=%3Cy%3E#%22");
  check_transform(cro_url_normalise, "ftp://h", "ftp://h");
  check_transform(cro_url_normalise, "../a/./b", "../a/./b");
  check_transform(cro_url_normalise, "x:/.//y", "x:/.//y");
  check_transform(cro_url_normalise, "", "");
}

static void check_iri(const char *iri, const char *want)
{
  cro_buf out = { 0 };

  CHECK_INT(0, cro_url_from_iri(cro_bytes_of(iri), &out, NULL));
  CHECK_TEXT(want, cro_buf_bytes(&out));
  cro_buf_free(&out);
}

#define NEEDS_XN "Host beyond ASCII: write it in its xn-- form (punycode)"

static const struct {
  const char *text, *reason;
  size_t at;
} bad_iris[] = {
  { "/\xC3", "Not UTF-8", 1 },
  { "/a\nb", "Control character", 2 },
  { "/a\x7F", "Control character", 2 },
  { "http://r\xC3\xA9sum\xC3\xA9.example/", NEEDS_XN, 8 },
  { "http://\xC3\xA9@a\xC3\xA9:80", NEEDS_XN, 11 },
  { "//\xE2\x82\xAC", NEEDS_XN, 2 },
};

static void iris_become_uris(void)
{
  cro_buf out = { 0 };

  check_iri("http://h/caf\xC3\xA9?\xE2\x82\xAC=1#\xF0\x9F\x90\xAB",
            "http://h/caf%C3%A9?%E2%82%AC=1#%F0%9F%90%AB");
  check_iri("http://\xC3\xA9@h/\xC3\xA9", "http://%C3%A9@h/%C3%A9");
  check_iri("//h:80?\xC3\xA9@h", "//h:80?%C3%A9@h");
  check_iri("\xC3\xA9/x:y//z", "%C3%A9/x:y//z");
  check_iri("/a b%20{c}", "/a%20b%20%7Bc%7D");
  check_iri("", "");
  CHECK_INT(0, cro_buf_add(&out, CRO_B("kept")));
  for (size_t i = 0; i < sizeof bad_iris / sizeof *bad_iris; i++) {
    cro_bytes iri = cro_bytes_of(bad_iris[i].text);
    cro_url_fault fault = { "", 0 };

    CHECK_INT(CRO_E_SYNTAX, cro_url_from_iri(iri, &out, NULL));
    CHECK_INT(CRO_E_SYNTAX, cro_url_from_iri(iri, &out, &fault));
    CHECK_TEXT(bad_iris[i].reason, cro_bytes_of(fault.reason));
    CHECK_INT(bad_iris[i].at, fault.at);
  }
  CHECK_TEXT("kept", cro_buf_bytes(&out));
  cro_buf_free(&out);
}

static size_t join_segments(cro_path path, char *out)
{
  cro_bytes segment;
  size_t len = 0;

  while (cro_path_next(&path, &segment)) {
    out[len++] = '(';
    memcpy(out + len, segment.at, segment.len);
    len += segment.len;
    out[len++] = ')';
  }
  return len;
}

static void paths_have_segments(void)
{
  static const struct {
    const char *path, *want;
  } rows[] = { { "/", "" },      { "", "" },          { "*", "" },
               { "/a", "(a)" },  { "/a/", "(a)()" },  { "//a", "()(a)" },
               { "//", "()()" }, { "a/b", "(a)(b)" }, { "/a%2Fb/c", "(a%2Fb)(c)" } };
  char out[64];

  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    size_t len = join_segments(cro_path_of(cro_bytes_of(rows[i].path)), out);

    CHECK_TEXT(rows[i].want, ((cro_bytes){ out, len }));
  }
  CHECK_INT(0, join_segments(cro_path_of_rest((cro_bytes){ NULL, 0 }), out));
  CHECK_INT(2, join_segments(cro_path_of_rest((cro_bytes){ "", 0 }), out));
  CHECK_INT(6, join_segments(cro_path_of_rest(CRO_B("a/b")), out));
}

static void targets_have_four_forms(void)
{
  cro_target target;

  CHECK_INT(0, cro_target_parse(CRO_B("/a/b?c=d"), &target));
  CHECK_INT(CRO_TARGET_ORIGIN, target.form);
  CHECK_TEXT("/a/b", target.path);
  CHECK_TEXT("c=d", target.query);
  CHECK(target.authority.at == NULL && target.scheme.at == NULL);
  CHECK_INT(0, cro_target_parse(CRO_B("//double"), &target));
  CHECK_TEXT("//double", target.path);
  CHECK(target.query.at == NULL);
  CHECK_INT(0, cro_target_parse(CRO_B("HTTP://h:8080?x"), &target));
  CHECK_INT(CRO_TARGET_ABSOLUTE, target.form);
  CHECK_TEXT("HTTP", target.scheme);
  CHECK_TEXT("h:8080", target.authority);
  CHECK_TEXT("/", target.path);
  CHECK_TEXT("x", target.query);
  CHECK_INT(0, cro_target_parse(CRO_B("https://[::1]/p"), &target));
  CHECK_TEXT("[::1]", target.authority);
  CHECK_TEXT("/p", target.path);
  CHECK_INT(0, cro_target_parse(CRO_B("example.com:443"), &target));
  CHECK_INT(CRO_TARGET_AUTHORITY, target.form);
  CHECK_TEXT("example.com:443", target.authority);
  CHECK_INT(0, target.path.len);
  CHECK_INT(0, cro_target_parse(CRO_B("*"), &target));
  CHECK_INT(CRO_TARGET_ASTERISK, target.form);
  CHECK_TEXT("*", target.path);
}

static void targets_that_are_none_are_refused(void)
{
  static const char *const rows[] = {
    "",
    "a",
    "/a b",
    "/a#f",
    "/\x7F",
    "/caf\xC3\xA9",
    "/a\t",
    "ftp://h/",
    "http://",
    "http:///x",
    "http:/x",
    "**",
    "h:",
    "h:99999",
    "http://u@h/",
    "http://h:x/",
    "u@h:80",
    ":80",
    "example[1].jpg",
  };

  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    cro_target target = { .form = CRO_TARGET_ASTERISK };

    if (cro_target_parse(cro_bytes_of(rows[i]), &target) != CRO_E_SYNTAX)
      test_fail(__FILE__, __LINE__, "\"%s\" is taken", rows[i]);
    CHECK_INT(CRO_TARGET_ASTERISK, target.form);
  }
  CHECK_INT(CRO_E_SYNTAX,
            cro_target_parse((cro_bytes){ "/a\0b", 4 }, &(cro_target){ 0 }));
}

static void authorities_stand_alone(void)
{
  cro_authority parts;
  cro_url_fault fault;

  CHECK_INT(0, cro_authority_parse(CRO_B("[::1]:8080"), &parts, NULL));
  CHECK_INT(8080, parts.port);
  CHECK_TEXT("::1", parts.host);
  CHECK_INT(0, cro_authority_parse((cro_bytes){ NULL, 0 }, &parts, NULL));
  CHECK_INT(CRO_HOST_NONE, parts.kind);
  CHECK_INT(CRO_E_SYNTAX, cro_authority_parse(CRO_B("a/b"), &parts, &fault));
  CHECK_INT(1, fault.at);
}

static void each_failing_allocation_leaves_the_buffer_alone(void)
{
  cro_url base, reference;
  int rc;
  uint64_t n = 0;

  CHECK_INT(0, cro_url_parse(CRO_B("http://a/b/c/d;p?q"), &base, NULL));
  CHECK_INT(0, cro_url_parse(CRO_B("..//g?y#s"), &reference, NULL));
  do {
    cro_buf out = { 0 };

    n++;
    for (int i = 0; i < 60; i++)
      CHECK_INT(0, cro_buf_add(&out, CRO_B("1234")));
    cro_alloc_fail_at(n);
    rc = cro_url_resolve(&base, &reference, &out);
    rc = rc == 0 ? cro_url_normalise(&base, &out) : rc;
    rc = rc == 0 ? cro_url_from_iri(CRO_B("/\xC3\xA9"), &out, NULL) : rc;
    cro_alloc_fail_at(0);
    CHECK(rc == 0 || rc == CRO_E_NOMEM);
    if (rc != 0 && n == 1)
      CHECK_INT(240, out.len);
    cro_buf_free(&out);
  } while (rc != 0 && n < 100);
  CHECK(n > 1 && n < 100);
}

TEST_MAIN(CASE(references_come_apart), CASE(faults_say_what_and_where),
          CASE(a_reference_is_written_as_it_was_read),
          CASE(the_list_of_the_rfc_resolves), CASE(odd_bases_resolve),
          CASE(normal_forms), CASE(iris_become_uris), CASE(paths_have_segments),
          CASE(targets_have_four_forms), CASE(targets_that_are_none_are_refused),
          CASE(authorities_stand_alone),
          CASE(each_failing_allocation_leaves_the_buffer_alone))
