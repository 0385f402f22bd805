/* Messages of the local Cx socket, in both directions. */
#include <stdlib.h>
#include <string.h>

#include "controlplane/cx_local.h"
#include "test/fuzz/fuzz.h"

/* What was found sound is what it says when packed again. */
static void check_request(const struct cx_local_message *m, size_t n)
{
	struct cx_local_message again;
	struct cx_request request;
	uint64_t id;

	if (cx_local_parse_request(m, n, &request, &id) != 0)
		return;
	if (!cx_request_is_sound(&request) || cx_local_pack_request(&request, id, &again) != n ||
	    memcmp(&again, m, n) != 0)
		abort();
}

static void check_answer(const struct cx_local_message *m, size_t n)
{
	struct cx_local_message again;
	struct cx_answer answer;
	uint64_t id;

	if (cx_local_parse_answer(m, n, &answer, &id) != 0)
		return;
	if (!cx_answer_is_sound(&answer) || cx_local_pack_answer(&answer, id, &again) != n ||
	    memcmp(&again, m, n) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* as recv() leaves it: what did not arrive is not initialised */
	struct cx_local_message *m = malloc(sizeof(*m));

	if (m == NULL || size > sizeof(*m)) {
		free(m);
		return 0;
	}
	memcpy(m, data, size);
	check_request(m, size);
	check_answer(m, size);
	free(m);
	return 0;
}
