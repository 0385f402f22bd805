/*
 * The rows of `imsgate show ports`: two for each zone, network and kernel, out of what the data
 * plane's telemetry says of a zone, where every key of a side begins with its name.
 */
#ifndef TOOLS_PORTS_H
#define TOOLS_PORTS_H

#include <jansson.h>

/* `zones` is what /imsgate/ports tells of each zone, by number. Returns an array; new reference. */
json_t *ports_rows(json_t *zones);

#endif
