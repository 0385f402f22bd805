#include "crypto/gcm_lanes.h"

#include <cpuid.h>

bool gcm_lanes_has_vector_aes(void)
{
	enum {
		CPU_VAES = 1 << 9, /* of leaf 7, in ECX: clang 14 has no names for them */
		CPU_VPCLMULQDQ = 1 << 10,
	};
	unsigned a, b, c = 0, d;
	if (!__get_cpuid_count(7, 0, &a, &b, &c, &d))
		return false;
	return (c & CPU_VAES) && (c & CPU_VPCLMULQDQ);
}

const struct gcm_lanes *gcm_lanes(void)
{
	if (gcm_x4.is_available())
		return &gcm_x4;
	return gcm_x2.is_available() ? &gcm_x2 : NULL;
}
