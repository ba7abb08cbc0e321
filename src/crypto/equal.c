#include "crypto/equal.h"

bool cro_crypto_equal(cro_bytes a, cro_bytes b)
{
  volatile unsigned char differ = 0; /* volatile: no early way out may be found */

  if (a.len != b.len)
    return false;
  for (size_t i = 0; i < a.len; i++)
    differ =
        (unsigned char)(differ | ((unsigned char)a.at[i] ^ (unsigned char)b.at[i]));
  return differ == 0;
}
