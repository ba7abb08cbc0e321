#include "crypto/equal.h"

#include "support/test.h"

static void equal_is_equal(void)
{
  CHECK(cro_crypto_equal(CRO_B(""), CRO_B("")));
  CHECK(cro_crypto_equal((cro_bytes){ NULL, 0 }, CRO_B("")));
  CHECK(cro_crypto_equal(CRO_B("a\0\xff"), CRO_B("a\0\xff")));
}

static void one_bit_anywhere_makes_a_difference(void)
{
  char a[32], b[32];

  for (size_t i = 0; i < sizeof a; i++)
    for (int bit = 0; bit < 8; bit++) {
      memset(a, 'x', sizeof a);
      memset(b, 'x', sizeof b);
      b[i] = (char)(b[i] ^ (1 << bit));
      CHECK(!cro_crypto_equal((cro_bytes){ a, sizeof a }, (cro_bytes){ b, sizeof b }));
    }
}

static void lengths_count(void)
{
  CHECK(!cro_crypto_equal(CRO_B("token"), CRO_B("toke")));
  CHECK(!cro_crypto_equal(CRO_B(""), CRO_B("t")));
}

TEST_MAIN(CASE(equal_is_equal), CASE(one_bit_anywhere_makes_a_difference),
          CASE(lengths_count))
