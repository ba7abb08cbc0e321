#include "base/word.h"

#include "support/test.h"

static uint64_t word_with(uint8_t around, int place, uint8_t byte)
{
  unsigned char bytes[8];
  uint64_t word;

  memset(bytes, around, sizeof bytes);
  bytes[place] = byte;
  memcpy(&word, bytes, sizeof word);
  return word;
}

static void no_mark_means_no_such_byte(void)
{
  for (int place = 0; place < 8; place++)
    for (int byte = 0; byte < 256; byte++) {
      uint64_t word = word_with('a', place, (uint8_t)byte);

      CHECK((cro_word_is(word, '"') != 0) == (byte == '"'));
      CHECK((cro_word_is(word, 0x7f) != 0) == (byte == 0x7f));
      CHECK((cro_word_below(word, 0x20) != 0) == (byte < 0x20));
      CHECK((cro_word_below(word, 0x21) != 0) == (byte < 0x21));
    }
}

/* What stands behind the first byte of the kind does not move its mark. */
static void the_first_mark_is_right(void)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
  static const uint8_t behind[] = { 0, 0x1f, 0x20, 0x21, '"', 0x7f, 0x80, 0xff };

  for (unsigned place = 0; place < 8; place++)
    for (size_t i = 0; i < sizeof behind; i++) {
      uint64_t clean = CRO_WORD_EACH('a'), low = ~(~UINT64_C(0) << (8 * place));
      uint64_t rest = CRO_WORD_EACH(behind[i]);
      uint64_t word = (clean & low) | (rest & ~low);

      word = (word & ~(UINT64_C(0xff) << (8 * place))) | (uint64_t)'"' << (8 * place);
      CHECK_INT(place, cro_word_first(cro_word_is(word, '"')));
      word &= ~(UINT64_C(0xff) << (8 * place));
      CHECK_INT(place, cro_word_first(cro_word_below(word, 0x20)));
    }
#endif
}

TEST_MAIN(CASE(no_mark_means_no_such_byte), CASE(the_first_mark_is_right))
