#include "controlplane/random.h"

#include <openssl/rand.h>
#include <stdlib.h>

#define N_KEPT 128

uint64_t random_number(void)
{
	static uint64_t kept[N_KEPT];
	static unsigned n;
	if (n == 0) {
		if (RAND_bytes((unsigned char *)kept, sizeof(kept)) != 1)
			abort();
		n = N_KEPT;
	}
	uint64_t number = kept[--n];
	kept[n] = 0;
	return number;
}
