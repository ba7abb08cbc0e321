/* base/word.h - eight bytes looked at in one word: which of them is of a kind.
 *
 * The kinds set the high bit of each byte they mean. In memory order the first mark is
 * always right; bytes behind it may be marked wrongly, for a borrow. So a result is
 * zero exactly when no byte is of the kind, and the lowest mark says where the first
 * one is (on little-endian machines, see cro_word_first).
 */
#ifndef CRO_BASE_WORD_H
#define CRO_BASE_WORD_H

#include <stdint.h>

/* The same byte eight times. */
#define CRO_WORD_EACH(byte) (UINT64_C(0x0101010101010101) * (byte))
/* The high bit of every byte. */
#define CRO_WORD_HIGH CRO_WORD_EACH(0x80)

/* Bytes that are `byte`. */
static inline uint64_t cro_word_is(uint64_t word, uint8_t byte)
{
  uint64_t rest = word ^ CRO_WORD_EACH(byte);

  return (rest - CRO_WORD_EACH(1)) & ~rest & CRO_WORD_HIGH;
}

/* Bytes below `limit`, which is at most 0x80. */
static inline uint64_t cro_word_below(uint64_t word, uint8_t limit)
{
  return (word - CRO_WORD_EACH(limit)) & ~word & CRO_WORD_HIGH;
}

/* The place of the first byte marked in `marks`, which are not zero. */
static inline unsigned cro_word_first(uint64_t marks)
{
  return (unsigned)__builtin_ctzll(marks) / 8;
}

#endif
