#include "base/base64.h"

#include "base/err.h"
#include "support/test.h"

static const struct {
  const char *plain, *standard, *url;
} rows[] = {
  { "", "", "" },
  { "f", "Zg==", "Zg" },
  { "fo", "Zm8=", "Zm8" },
  { "foo", "Zm9v", "Zm9v" },
  { "foob", "Zm9vYg==", "Zm9vYg" },
  { "fooba", "Zm9vYmE=", "Zm9vYmE" },
  { "foobar", "Zm9vYmFy", "Zm9vYmFy" },
  { "\xFB\xFF\xBF", "+/+/", "-_-_" },
};

static void check(const char *plain, const char *text, cro_base64 alphabet)
{
  char out[64];
  size_t len = 99;

  CHECK_INT(strlen(text), cro_base64_length(strlen(plain), alphabet));
  len = cro_base64_encode(cro_bytes_of(plain), alphabet, out);
  CHECK_TEXT(text, ((cro_bytes){ out, len }));
  CHECK_INT(0, cro_base64_decode(cro_bytes_of(text), alphabet, out, &len));
  CHECK_TEXT(plain, ((cro_bytes){ out, len }));
}

static void the_published_examples_go_there_and_back(void)
{
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    check(rows[i].plain, rows[i].standard, CRO_BASE64_STANDARD);
    check(rows[i].plain, rows[i].url, CRO_BASE64_URL);
  }
}

static void any_bytes_of_any_length_go_there_and_back(void)
{
  char in[300], text[404], back[304];

  for (size_t i = 0; i < sizeof in; i++)
    in[i] = (char)(i * 167 + i / 7);
  for (size_t n = 0; n <= sizeof in; n++)
    for (int a = 0; a < 2; a++) {
      size_t len = cro_base64_encode((cro_bytes){ in, n }, (cro_base64)a, text), got;

      CHECK_INT(0,
                cro_base64_decode((cro_bytes){ text, len }, (cro_base64)a, back, &got));
      CHECK_BYTES(((cro_bytes){ in, n }), ((cro_bytes){ back, got }));
    }
}

static void refuse(cro_bytes in, cro_base64 alphabet)
{
  char out[64];
  size_t len = 99;

  if (cro_base64_decode(in, alphabet, out, &len) != CRO_E_SYNTAX || len != 99)
    test_fail(__FILE__, __LINE__, "accepts \"%.*s\"", (int)in.len, in.at);
}

static void nothing_but_what_encoding_makes_is_read(void)
{
  static const char *const standard[] = {
    "Zg",   "Zg=",  "Zg===", "Z===",  "Z",      "====", "=",     "Zg==Zg==",
    "Zh==", "Zm9=", "Zm9v ", " Zm9v", "Zm\n9v", "Zm-v", "Zm9v=", "Zg=a"
  };
  static const char *const url[] = { "Zg==", "Zm8=",  "Zh",   "Zm9",
                                     "Z",    "Zm9vY", "a+bb", "a/bb" };

  for (size_t i = 0; i < sizeof standard / sizeof *standard; i++)
    refuse(cro_bytes_of(standard[i]), CRO_BASE64_STANDARD);
  for (size_t i = 0; i < sizeof url / sizeof *url; i++)
    refuse(cro_bytes_of(url[i]), CRO_BASE64_URL);
  refuse(CRO_B("Zm9\0"), CRO_BASE64_STANDARD);
}

static void exactly_64_bytes_are_digits(void)
{
  for (int a = 0; a < 2; a++) {
    int good = 0;

    for (int i = 0; i < 256; i++) {
      char text[4] = { (char)i, 'A', 'A', 'A' }, out[5];
      size_t len;

      good += cro_base64_decode((cro_bytes){ text, 4 }, (cro_base64)a, out, &len) == 0;
    }
    CHECK_INT(64, good);
  }
}

TEST_MAIN(CASE(the_published_examples_go_there_and_back),
          CASE(any_bytes_of_any_length_go_there_and_back),
          CASE(nothing_but_what_encoding_makes_is_read),
          CASE(exactly_64_bytes_are_digits))
