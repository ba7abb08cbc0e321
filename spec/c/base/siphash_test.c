#include "base/siphash.h"

#include "base/random.h"
#include "support/test.h"

static uint64_t hash_counting(size_t n)
{
  uint8_t key[16];
  char in[64];

  for (size_t i = 0; i < 16; i++)
    key[i] = (uint8_t)i;
  for (size_t i = 0; i < n; i++)
    in[i] = (char)i;
  return cro_siphash(key, (cro_bytes){ in, n });
}

/* Key 00..0f, input of n bytes 00, 01, ...: values of another implementation. */
static void agrees_with_known_values(void)
{
  static const struct {
    size_t n;
    uint64_t want;
  } rows[] = {
    { 0, UINT64_C(0xabac0158050fc4dc) },  { 1, UINT64_C(0xc9f49bf37d57ca93) },
    { 7, UINT64_C(0xd3927d989bb11140) },  { 8, UINT64_C(0x369095118d299a8e) },
    { 9, UINT64_C(0x25a48eb36c063de4) },  { 15, UINT64_C(0xd320d86d2a519956) },
    { 16, UINT64_C(0xcc4fdd1a7d908b66) }, { 63, UINT64_C(0x9d199062b7bbb3a8) }
  };

  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    CHECK_INT(rows[i].want, hash_counting(rows[i].n));
}

static void every_bit_of_key_and_input_matters(void)
{
  uint8_t key[16] = { 0 };
  char in[16] = { 0 };
  uint64_t plain = cro_siphash(key, (cro_bytes){ in, 16 });

  for (int bit = 0; bit < 128; bit++) {
    key[bit / 8] ^= (uint8_t)(1 << bit % 8);
    CHECK(cro_siphash(key, (cro_bytes){ in, 16 }) != plain);
    key[bit / 8] ^= (uint8_t)(1 << bit % 8);
    in[bit / 8] = (char)(1 << bit % 8);
    CHECK(cro_siphash(key, (cro_bytes){ in, 16 }) != plain);
    in[bit / 8] = 0;
  }
}

static void length_alone_changes_the_hash(void)
{
  CHECK(hash_counting(0) != cro_siphash((uint8_t[16]){ 0 }, CRO_B("")));
  for (size_t n = 0; n < 8; n++)
    CHECK(cro_siphash((uint8_t[16]){ 0 }, (cro_bytes){ "\0\0\0\0\0\0\0\0", n }) !=
          cro_siphash((uint8_t[16]){ 0 }, (cro_bytes){ "\0\0\0\0\0\0\0\0", n + 1 }));
}

static void random_bytes_fill_any_size_and_differ(void)
{
  unsigned char a[1000] = { 0 }, b[1000] = { 0 };
  int zeros = 0;

  CHECK_INT(0, cro_random(a, 0));
  CHECK_INT(0, cro_random(a, sizeof a - 1));
  CHECK_INT(0, cro_random(b, sizeof b - 1));
  CHECK_INT(0, a[sizeof a - 1]); /* not a byte more */
  CHECK(memcmp(a, b, sizeof a) != 0);
  for (size_t i = 0; i < sizeof a - 1; i++)
    zeros += a[i] == 0;
  CHECK(zeros < 40); /* 4 expected; 40 is beyond chance */
}

TEST_MAIN(CASE(agrees_with_known_values), CASE(every_bit_of_key_and_input_matters),
          CASE(length_alone_changes_the_hash),
          CASE(random_bytes_fill_any_size_and_differ))
