#include "support/template.h"

static cro_segment capture(cro_bytes inside)
{
  cro_segment segment = { .kind = CRO_SEGMENT_ANY };
  cro_bytes name, type;

  if (inside.len > 0 && inside.at[inside.len - 1] == '*')
    return (cro_segment){ .kind = CRO_SEGMENT_SLURPY, .text = inside };
  if (inside.len > 0 && inside.at[inside.len - 1] == '?') {
    segment.optional = true;
    inside.len--;
  }
  name = cro_bytes_take(&inside, cro_bytes_find(inside, ':'));
  segment.text = name;
  if (inside.len == 0)
    return segment;
  cro_bytes_take(&inside, 1);
  type = inside;
  segment.type = cro_segment_type_find(type);
  segment.kind = segment.type != NULL ? CRO_SEGMENT_TYPED : CRO_SEGMENT_CUSTOM;
  return segment;
}

static cro_segment segment_of(cro_bytes text)
{
  if (text.len >= 2 && text.at[0] == '{')
    return capture((cro_bytes){ text.at + 1, text.len - 2 });
  return (cro_segment){ .kind = CRO_SEGMENT_LITERAL, .text = text };
}

size_t template_parse(const char *text, cro_segment *out, size_t room)
{
  cro_bytes rest = cro_bytes_of(text + 1);
  size_t count = 0;

  while (count < room && (rest.len > 0 || rest.at[-1] == '/')) {
    if (rest.len == 0 && count == 0)
      return 0; /* "/" */
    out[count++] = segment_of(cro_bytes_take(&rest, cro_bytes_find(rest, '/')));
    if (rest.len == 0)
      break;
    cro_bytes_take(&rest, 1);
  }
  return count;
}

int template_add(cro_router *router, cro_method method, const char *text,
                 uint32_t route, bool conditional, uint32_t *clash)
{
  cro_segment segments[CRO_ROUTE_SEGMENTS + 2];
  size_t count = template_parse(text, segments, sizeof segments / sizeof *segments);

  return cro_router_add(router, method, segments, count, route, conditional, clash);
}
