/* User-Data: the profile that an HSS sends in XML. */
#include <stdlib.h>
#include <string.h>

#include "controlplane/cx.h"
#include "controlplane/cx_user_data.h"
#include "test/fuzz/fuzz.h"

/* What was found good is the same when written and read again. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cx_saa *profile = malloc(2 * sizeof(*profile));
	size_t n_bytes;
	char *text;

	if (profile == NULL)
		abort();
	if (cx_user_data_read(data, size, &profile[0]) == 0) {
		if (profile[0].n_impus == 0 || profile[0].n_impus > CX_MAX_IMPUS ||
		    cx_user_data_write("a@b", &profile[0], &text, &n_bytes) != 0 ||
		    cx_user_data_read(text, n_bytes, &profile[1]) != 0 ||
		    memcmp(&profile[0], &profile[1], sizeof(profile[0])) != 0)
			abort();
		free(text);
	}
	free(profile);
	return 0;
}
