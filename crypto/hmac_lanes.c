#include "crypto/hmac_lanes.h"

#include <stddef.h>

const struct hmac_lanes *hmac_lanes(void)
{
	if (hmac_x16.is_available())
		return &hmac_x16;
	if (hmac_ni.is_available())
		return &hmac_ni;
	return hmac_x8.is_available() ? &hmac_x8 : NULL;
}
