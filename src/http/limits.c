#include "http/limits.h"

#define CRO_VALUE(name, value, stops) .name = (value),

const cro_http_limits cro_http_limits_default = { CRO_HTTP_LIMITS(CRO_VALUE) };
const cro_h2_limits cro_h2_limits_default = { CRO_H2_LIMITS(CRO_VALUE) };
const cro_http_timeouts cro_http_timeouts_default = { CRO_HTTP_TIMEOUTS(CRO_VALUE) };

static uint64_t room_for_all(const cro_h2_limits *limits)
{
  uint64_t window = limits->max_streams * limits->stream_window;

  return window > CRO_H2_WINDOW_LEAST ? window : CRO_H2_WINDOW_LEAST;
}

int32_t cro_h2_connection_window(const cro_h2_limits *limits)
{
  uint64_t given = limits->connection_window;
  uint64_t window = given > 0 ? given : room_for_all(limits);

  return window < INT32_MAX ? (int32_t)window : INT32_MAX;
}
