/* Messages of the local Cx socket, in both directions. */
#include <stdlib.h>
#include <string.h>

#include "controlplane/cx_local.h"
#include "test/fuzz/fuzz.h"

/* What was found sound is what it says when packed again. */
static void check_request(const uint8_t *m, size_t n)
{
	uint8_t again[CX_LOCAL_MESSAGE_BYTES];
	struct cx_request request;
	uint64_t id;

	if (cx_local_parse_request(m, n, &request, &id) != 0)
		return;
	if (!cx_request_is_sound(&request) || cx_local_pack_request(&request, id, again) != n ||
	    memcmp(again, m, n) != 0)
		abort();
}

static void check_answer(const uint8_t *m, size_t n)
{
	uint8_t again[CX_LOCAL_MESSAGE_BYTES];
	struct cx_answer answer;
	uint64_t id;

	if (cx_local_parse_answer(m, n, &answer, &id) != 0)
		return;
	if (!cx_answer_is_sound(&answer) || cx_local_pack_answer(&answer, id, again) != n ||
	    memcmp(again, m, n) != 0)
		abort();
}

static int take(void *user, bool is_answer, const uint8_t *message, size_t n_bytes)
{
	size_t *left = user;

	if (n_bytes > *left)
		abort();
	*left -= n_bytes;
	if (is_answer)
		check_answer(message, n_bytes);
	else
		check_request(message, n_bytes);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* as recv() leaves it: of the size that arrived, and no byte more is ours */
	size_t kept = size < CX_LOCAL_DATAGRAM_BYTES ? size : CX_LOCAL_DATAGRAM_BYTES;
	size_t left = size;
	uint8_t *datagram = malloc(kept > 0 ? kept : 1);

	if (datagram == NULL)
		return 0;
	memcpy(datagram, data, kept);
	if (cx_local_take_all(datagram, size, take, &left) >= 0 && left != 0)
		abort();
	free(datagram);
	return 0;
}
