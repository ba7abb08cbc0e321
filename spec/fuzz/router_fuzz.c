/* Lines of templates, then a line with the path. The trie must visit exactly the
 * routes that a comparison one by one finds, and find must agree with the walk. */
#include "http/router.h"

#include "base/check.h"
#include "base/text.h"
#include "support/template.h"

#include <stdlib.h>

enum { routes_max = 40 };

typedef struct {
  cro_segment segments[CRO_ROUTE_SEGMENTS + 2];
  size_t count;
} template;

static template templates[routes_max];
static char texts[routes_max][300];

static bool same_decoded(cro_bytes encoded, cro_bytes text)
{
  char *room = malloc(encoded.len + 1);
  size_t len = 0;
  bool same = cro_percent_decode(encoded, 0, room, &len) == 0 &&
              cro_bytes_eq((cro_bytes){ room, len }, text);

  free(room);
  return same;
}

static bool segment_fits(const cro_segment *segment, cro_bytes text)
{
  if (segment->kind == CRO_SEGMENT_LITERAL)
    return same_decoded(text, segment->text);
  if (segment->kind == CRO_SEGMENT_TYPED)
    return cro_segment_type_check(segment->type, text);
  return text.len > 0;
}

static bool naive_fits(const template *route, cro_bytes path)
{
  bool more = path.len > 1;

  if (path.len == 0 || path.at[0] != '/')
    return false;
  cro_bytes_take(&path, 1);
  for (size_t i = 0; i < route->count; i++) {
    size_t len = cro_bytes_find(path, '/');

    if (route->segments[i].kind == CRO_SEGMENT_SLURPY)
      return true;
    if (!more) {
      if (!route->segments[i].optional)
        return false;
      continue;
    }
    if (!segment_fits(&route->segments[i], cro_bytes_take(&path, len)))
      return false;
    more = path.len > 0;
    cro_bytes_take(&path, 1);
  }
  return !more;
}

typedef struct {
  cro_bytes path;
  unsigned visits, first;
} seen;

static bool visit(void *arg, cro_method method, bool conditional,
                  const cro_route_match *match)
{
  seen *self = arg;

  cro_check(method == CRO_GET && !conditional);
  cro_check(naive_fits(&templates[match->route], self->path));
  for (uint32_t i = 0; i < match->count; i++) {
    cro_bytes text = match->captures[i].text;

    cro_check(text.at == NULL ||
              (text.at >= self->path.at &&
               text.at + text.len <= self->path.at + self->path.len));
    if (text.at != NULL)
      cro_segment_type_value(match->captures[i].type, text);
  }
  if (self->visits++ == 0)
    self->first = match->route;
  return false;
}

static void check(const cro_router *router, const bool *added, uint32_t count,
                  cro_bytes path)
{
  seen walked = { .path = path };
  cro_route_match match;
  uint64_t allowed = 0;
  unsigned fitting = 0;
  int answer = cro_router_find(router, CRO_GET, path, &match, &allowed);

  if (!cro_router_walk(router, path, visit, &walked)) {
    cro_check(answer == CRO_ROUTE_BAD_PATH && walked.visits == 0);
    return;
  }
  for (uint32_t i = 0; i < count; i++)
    fitting += added[i] && naive_fits(&templates[i], path);
  cro_check(walked.visits == fitting);
  cro_check((answer == CRO_ROUTE_FOUND) == (fitting > 0));
  cro_check(fitting == 0 || match.route == walked.first);
  cro_check((cro_router_allowed(router, path) != 0) == (fitting > 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  cro_bytes in = { (const char *)data, size };
  cro_router *router;
  uint32_t count = 0, clash;
  bool added[routes_max] = { false };

  if (cro_router_create(&router) != 0)
    return 0;
  while (in.len > 0 && count < routes_max) {
    cro_bytes line = cro_bytes_take(&in, cro_bytes_find(in, '\n'));
    template *route = &templates[count];

    if (in.len == 0) {
      check(router, added, count, line);
      break;
    }
    cro_bytes_take(&in, 1);
    if (line.len == 0 || line.len >= sizeof texts[0] || line.at[0] != '/' ||
        memchr(line.at, '\0', line.len) != NULL)
      continue;
    memcpy(texts[count], line.at, line.len);
    texts[count][line.len] = '\0';
    route->count =
        template_parse(texts[count], route->segments, CRO_ROUTE_SEGMENTS + 2);
    added[count] = cro_router_add(router, CRO_GET, route->segments, route->count, count,
                                  false, &clash) == 0;
    count++;
  }
  cro_router_destroy(router);
  return 0;
}
