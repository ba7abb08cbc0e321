#include "base/bytes.h"

static unsigned char lower(char c)
{
  return (unsigned char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

bool cro_bytes_ieq(cro_bytes a, cro_bytes b)
{
  if (a.len != b.len)
    return false;
  for (size_t i = 0; i < a.len; i++)
    if (a.at[i] != b.at[i] && lower(a.at[i]) != lower(b.at[i]))
      return false;
  return true;
}

cro_bytes cro_bytes_trim(cro_bytes in)
{
  while (in.len > 0 && cro_is_blank(in.at[0]))
    cro_bytes_take(&in, 1);
  while (in.len > 0 && cro_is_blank(in.at[in.len - 1]))
    in.len--;
  return in;
}
