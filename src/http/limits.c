#include "http/limits.h"

#define CRO_VALUE(name, value, stops) .name = (value),

const cro_http_limits cro_http_limits_default = { CRO_HTTP_LIMITS(CRO_VALUE) };
const cro_h2_limits cro_h2_limits_default = { CRO_H2_LIMITS(CRO_VALUE) };
const cro_http_timeouts cro_http_timeouts_default = { CRO_HTTP_TIMEOUTS(CRO_VALUE) };
