#include "http/router.h"

#include "support/test.h"

typedef struct {
  const char *type, *text;
  bool want;
} row;

static const row rows[] = {
  { "int", "0", true },
  { "int", "-5", true },
  { "int", "007", true },
  { "int", "9223372036854775807", true },
  { "int", "9223372036854775808", false },
  { "int", "+5", false },
  { "int", "5x", false },
  { "int", "", false },
  { "int", "-", false },
  { "int", " 5", false },
  { "int", "1.0", false },
  { "int", "1e3", false },
  { "int", "%35", true },
  { "int", "%2d5", true },
  { "int", "5%00", false },
  { "uint", "18446744073709551615", true },
  { "uint", "18446744073709551616", false },
  { "uint", "-0", false },
  { "int8", "-128", true },
  { "int8", "-129", false },
  { "int8", "127", true },
  { "int8", "128", false },
  { "uint8", "255", true },
  { "uint8", "256", false },
  { "int16", "-32768", true },
  { "int16", "32768", false },
  { "uint16", "65535", true },
  { "uint16", "65536", false },
  { "int32", "-2147483648", true },
  { "int32", "2147483648", false },
  { "uint32", "4294967295", true },
  { "uint32", "4294967296", false },
  { "int64", "-9223372036854775808", true },
  { "int64", "-9223372036854775809", false },
  { "uint64", "18446744073709551615", true },
  { "uint64", "99999999999999999999", false },
  { "number", "1.5", true },
  { "number", "-1.5e-3", true },
  { "number", "10", true },
  { "number", "1.", false },
  { "number", ".5", false },
  { "number", "1e", false },
  { "number", "1e999", false },
  { "number", "nan", false },
  { "number", "inf", false },
  { "number", "0x10", false },
  { "uuid", "f81d4fae-7dec-11d0-a765-00a0c91e6bf6", true },
  { "uuid", "F81D4FAE-7DEC-71D0-B765-00A0C91E6BF6", true },
  { "uuid", "f81d4fae-7dec-91d0-a765-00a0c91e6bf6", false },
  { "uuid", "f81d4fae-7dec-11d0-c765-00a0c91e6bf6", false },
  { "uuid", "f81d4fae07dec-11d0-a765-00a0c91e6bf6", false },
  { "uuid", "f81d4fae-7dec-11d0-a765-00a0c91e6bf", false },
  { "uuid", "g81d4fae-7dec-11d0-a765-00a0c91e6bf6", false },
  { "uuid", "00000000-0000-0000-0000-000000000000", false },
  { "uuid4", "f81d4fae-7dec-41d0-a765-00a0c91e6bf6", true },
  { "uuid4", "f81d4fae-7dec-11d0-a765-00a0c91e6bf6", false },
  { "uuid7", "f81d4fae-7dec-71d0-a765-00a0c91e6bf6", true },
  { "alpha", "abcXYZ", true },
  { "alpha", "abc1", false },
  { "alpha", "%61bc", true },
  { "alpha", "a%2Fc", false },
  { "alnum", "abc1", true },
  { "alnum", "abc_", false },
  { "alnum", "caf%C3%A9", false },
  { "hex", "00fFaA9", true },
  { "hex", "0g", false },
  { "date", "2024-02-29", true },
  { "date", "2023-02-29", false },
  { "date", "1900-02-29", false },
  { "date", "2000-02-29", true },
  { "date", "2024-13-01", false },
  { "date", "2024-00-01", false },
  { "date", "2024-04-31", false },
  { "date", "2024-4-1", false },
  { "date", "0000-01-01", false },
  { "date", "2024/01/01", false },
  { "bool", "true", true },
  { "bool", "false", true },
  { "bool", "1", false },
  { "bool", "True", false },
};

static void types_accept_what_they_say(void)
{
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    const cro_segment_type *type = cro_segment_type_find(cro_bytes_of(rows[i].type));

    CHECK(type != NULL);
    if (type == NULL)
      continue;
    if (cro_segment_type_check(type, cro_bytes_of(rows[i].text)) != rows[i].want)
      test_fail(__FILE__, __LINE__, "%s of \"%s\" should be %d", rows[i].type,
                rows[i].text, rows[i].want);
  }
}

static void every_type_is_found_by_its_name(void)
{
  size_t count = 0;

  for (; cro_segment_type_at(count) != NULL; count++) {
    const cro_segment_type *type = cro_segment_type_at(count);

    CHECK(cro_segment_type_find(cro_segment_type_name(type)) == type);
  }
  CHECK_INT(25, count);
  CHECK(cro_segment_type_find(CRO_B("integer")) == NULL);
  CHECK(cro_segment_type_find(CRO_B("")) == NULL);
}

static cro_segment_value value_of(const char *type, const char *text)
{
  return cro_segment_type_value(cro_segment_type_find(cro_bytes_of(type)),
                                cro_bytes_of(text));
}

static void values_are_converted(void)
{
  CHECK(value_of("int", "-42").number == -42);
  CHECK(value_of("int", "%34%32").number == 42);
  CHECK(value_of("uint8", "007").number == 7);
  CHECK(value_of("number", "1.25e2").number == 125);
  CHECK_INT(CRO_VALUE_NUMBER, value_of("int", "9007199254740991").kind);
  CHECK_INT(CRO_VALUE_BOOL, value_of("bool", "true").kind);
  CHECK(value_of("bool", "true").truth);
  CHECK(!value_of("bool", "false").truth);
  CHECK_INT(CRO_VALUE_TEXT, value_of("hex", "12").kind);
}

static void an_integer_that_a_double_can_not_hold_stays_text(void)
{
  CHECK_INT(CRO_VALUE_TEXT, value_of("uint64", "18446744073709551615").kind);
  CHECK_INT(CRO_VALUE_TEXT, value_of("int", "9007199254740993").kind);
  CHECK_INT(CRO_VALUE_TEXT, value_of("int", "-9007199254740993").kind);
  CHECK_INT(CRO_VALUE_NUMBER, value_of("number", "1e300").kind);
}

static void long_values_are_bounded_except_for_character_classes(void)
{
  char text[3 * 100];
  const cro_segment_type *hex = cro_segment_type_find(CRO_B("hex"));
  const cro_segment_type *integer = cro_segment_type_find(CRO_B("int"));

  memset(text, '0', sizeof text);
  CHECK(cro_segment_type_check(hex, (cro_bytes){ text, sizeof text }));
  CHECK(cro_segment_type_check(integer, (cro_bytes){ text, CRO_SEGMENT_TEXT_MAX }));
  CHECK(
      !cro_segment_type_check(integer, (cro_bytes){ text, CRO_SEGMENT_TEXT_MAX + 1 }));
  for (size_t i = 0; i < sizeof text; i += 3)
    memcpy(text + i, "%30", 3);
  CHECK(cro_segment_type_check(hex, (cro_bytes){ text, sizeof text }));
  CHECK(cro_segment_type_check(integer, (cro_bytes){ text, 3 * CRO_SEGMENT_TEXT_MAX }));
  CHECK(!cro_segment_type_check(integer, (cro_bytes){ text, sizeof text }));
}

TEST_MAIN(CASE(types_accept_what_they_say), CASE(every_type_is_found_by_its_name),
          CASE(values_are_converted),
          CASE(an_integer_that_a_double_can_not_hold_stays_text),
          CASE(long_values_are_bounded_except_for_character_classes))
