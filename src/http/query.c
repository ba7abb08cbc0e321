#include "http/query.h"

#include "base/err.h"
#include "base/text.h"

/* ASCII that stands for itself: all but NUL, '%' and '+'. */
static const bool plain[256] = { [0x01 ... 0x24] = true,
                                 [0x26 ... 0x2A] = true,
                                 [0x2C ... 0x7F] = true };

static bool is_plain(cro_bytes text)
{
  for (size_t i = 0; i < text.len; i++)
    if (!plain[(unsigned char)text.at[i]])
      return false;
  return true;
}

cro_query cro_query_of(cro_bytes text, uint64_t max)
{
  return (cro_query){ .rest = text, .left = max, .plain = is_plain(text) };
}

int cro_query_next(cro_query *query, cro_query_pair *out)
{
  while (query->rest.len > 0) {
    cro_bytes value = cro_bytes_take(&query->rest, cro_bytes_find(query->rest, '&'));

    (void)cro_bytes_take(&query->rest, 1); /* the '&' */
    if (value.len == 0)
      continue;
    if (query->left == 0)
      return CRO_E_LIMIT;
    query->left--;
    out->key = cro_bytes_take(&value, cro_bytes_find(value, '='));
    (void)cro_bytes_take(&value, 1);
    out->value = value;
    return 1;
  }
  return 0;
}

int cro_query_decode_part(cro_bytes part, char *room, cro_bytes *out)
{
  size_t len;
  int rc;

  if (is_plain(part)) {
    *out = part;
    return 0;
  }
  rc = cro_percent_decode(part, CRO_PERCENT_PLUS | CRO_PERCENT_TEXT, room, &len);
  if (rc == 0)
    *out = (cro_bytes){ room, len };
  return rc;
}

int cro_query_add(cro_buf *out, size_t start, cro_bytes key, cro_bytes value)
{
  size_t before = out->len;
  int rc = 0;

  if (before > start)
    rc = cro_buf_add_byte(out, '&');
  rc = rc == 0 ? cro_percent_encode(out, key, CRO_CHAR_UNRESERVED) : rc;
  rc = rc == 0 ? cro_buf_add_byte(out, '=') : rc;
  rc = rc == 0 ? cro_percent_encode(out, value, CRO_CHAR_UNRESERVED) : rc;
  if (rc != 0)
    out->len = before;
  return rc;
}
