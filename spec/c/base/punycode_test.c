#include "base/punycode.h"

#include "base/err.h"
#include "support/test.h"

#include <string.h>

static void check(const char *host, const char *want)
{
  char out[254];

  CHECK_INT(0, cro_punycode_host(cro_bytes_of(host), out, sizeof out));
  CHECK_TEXT(want, cro_bytes_of(out));
}

static void ascii_names_stay_as_they_are(void)
{
  check("example.com", "example.com");
  check("EXAMPLE.com.", "EXAMPLE.com.");
  check("a..b", "a..b");
  check("", "");
}

/* What `idn2` and Python's "punycode" codec answer. */
static void other_labels_are_encoded_one_by_one(void)
{
  check("b\xC3\xBC"
        "cher.example",
        "xn--bcher-kva.example");
  check("m\xC3\xBCnchen.de", "xn--mnchen-3ya.de");
  check("\xE4\xBE\x8B\xE3\x81\x88.\xE3\x83\x86\xE3\x82\xB9\xE3\x83\x88",
        "xn--r8jz45g.xn--zckzah");
  check("\xF0\x9F\x92\xA9.la", "xn--ls8h.la");
  check("fa\xC3\x9F.de", "xn--fa-hia.de");
}

static void what_is_not_utf8_is_refused(void)
{
  char out[16];

  CHECK_INT(CRO_E_INVAL, cro_punycode_host(CRO_B("a\xC3.b"), out, sizeof out));
  CHECK_INT(CRO_E_INVAL, cro_punycode_host(CRO_B("\xED\xA0\x80"), out, sizeof out));
}

static void what_does_not_fit_is_too_long(void)
{
  char name[200], out[300];

  CHECK_INT(0, cro_punycode_host(CRO_B("abc"), out, 4));
  CHECK_INT(CRO_E_TOO_LONG, cro_punycode_host(CRO_B("abc"), out, 3));
  CHECK_INT(CRO_E_TOO_LONG, cro_punycode_host(CRO_B("abc"), out, 0));
  for (size_t room = 1; room < 14; room++)
    CHECK_INT(CRO_E_TOO_LONG, cro_punycode_host(CRO_B("b\xC3\xBC"
                                                      "cher"),
                                                out, room));
  for (size_t i = 0; i < sizeof name; i += 2)
    memcpy(name + i, "\xC3\xBC", 2);
  CHECK_INT(CRO_E_TOO_LONG,
            cro_punycode_host((cro_bytes){ name, sizeof name }, out, sizeof out));
}

TEST_MAIN(CASE(ascii_names_stay_as_they_are), CASE(other_labels_are_encoded_one_by_one),
          CASE(what_is_not_utf8_is_refused), CASE(what_does_not_fit_is_too_long))
