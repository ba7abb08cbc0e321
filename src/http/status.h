/* http/status.h - status lines, ready to send.
 *
 * Static text for every status that has a registered phrase.
 */
#ifndef CRO_HTTP_STATUS_H
#define CRO_HTTP_STATUS_H

#include "base/bytes.h"

/* "HTTP/1.1 404 Not Found\r\n", or an empty slice for a status without a phrase. */
cro_bytes cro_status_line(int status);

#endif
