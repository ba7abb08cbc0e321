#include "base/siphash.h"

typedef struct {
  uint64_t a, b, c, d;
} sip_state;

/* Little-endian whatever the machine, so that the published vectors hold. */
static uint64_t load(const unsigned char *at, size_t n)
{
  uint64_t word = 0;

  while (n-- > 0)
    word = word << 8 | at[n];
  return word;
}

static uint64_t turn_left(uint64_t word, int bits)
{
  return word << bits | word >> (64 - bits);
}

static void sip_round(sip_state *s)
{
  s->a += s->b;
  s->b = turn_left(s->b, 13) ^ s->a;
  s->a = turn_left(s->a, 32);
  s->c += s->d;
  s->d = turn_left(s->d, 16) ^ s->c;
  s->a += s->d;
  s->d = turn_left(s->d, 21) ^ s->a;
  s->c += s->b;
  s->b = turn_left(s->b, 17) ^ s->c;
  s->c = turn_left(s->c, 32);
}

static void mix(sip_state *s, uint64_t word)
{
  s->d ^= word;
  sip_round(s);
  s->a ^= word;
}

uint64_t cro_siphash(const uint8_t key[16], cro_bytes in)
{
  uint64_t k0 = load(key, 8);
  uint64_t k1 = load(key + 8, 8);
  uint64_t last = (uint64_t)in.len << 56;
  sip_state s = { k0 ^ UINT64_C(0x736f6d6570736575), k1 ^ UINT64_C(0x646f72616e646f6d),
                  k0 ^ UINT64_C(0x6c7967656e657261),
                  k1 ^ UINT64_C(0x7465646279746573) };

  while (in.len >= 8)
    mix(&s, load((const unsigned char *)cro_bytes_take(&in, 8).at, 8));
  mix(&s, last | load((const unsigned char *)in.at, in.len));
  s.c ^= 0xFF;
  for (int i = 0; i < 3; i++)
    sip_round(&s);
  return s.a ^ s.b ^ s.c ^ s.d;
}
