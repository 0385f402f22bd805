/* The CSV file of subscribers. */
#include <stdlib.h>
#include <string.h>

#include "test/fuzz/fuzz.h"
#include "tools/subscriber_csv.h"

static int check(void *arg, const struct subscriber_row *row, char *reason, size_t reason_bytes)
{
	if (row->n_impus == 0 || row->n_impus > SUBSCRIBER_MAX_IMPUS ||
	    strchr(row->impi, '@') == NULL || row->sqn >> 48 != 0)
		abort();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char error[256] = "";
	FILE *in;
	int rc;

	if (size == 0)
		return 0;
	in = fmemopen((void *)data, size, "r");
	if (in == NULL)
		return 0;
	rc = subscriber_csv_read(in, "input", check, NULL, error, sizeof(error));
	fclose(in);
	if (rc < 0 && strncmp(error, "input:", 6) != 0)
		abort();
	return 0;
}
