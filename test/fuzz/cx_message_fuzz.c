/* Diameter messages from a peer: freeDiameter's parser, and what reads its messages. */
#include <stdlib.h>
#include <string.h>

#include "controlplane/cx_message.h"
#include "test/fuzz/fuzz.h"
#include "test/unit/wire_diameter.h"

static void check_answer(struct msg *message, enum cx_command command)
{
	struct cx_answer *answer = malloc(sizeof(*answer));

	if (answer == NULL)
		return;
	cx_message_read_answer(message, command, answer);
	if (!cx_answer_is_sound(answer) || answer->command != command || answer->result == 0)
		abort();
	free(answer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cx_request *request = malloc(sizeof(*request));
	struct wire w = { .bytes = malloc(size + 1), .n = size };
	char origin[CX_IDENTITY_BYTES];
	struct msg *message;

	wire_setup();
	if (request == NULL || w.bytes == NULL)
		abort();
	memcpy(w.bytes, data, size);
	message = wire_parse(&w);
	if (message != NULL) {
		if (cx_message_read_request(message, request) == CX_SUCCESS &&
		    !cx_request_is_sound(request))
			abort();
		for (enum cx_command c = CX_UAR; c <= CX_PPR; c++)
			check_answer(message, c);
		cx_message_origin(message, origin);
		cx_message_free(message);
	}
	free(request);
	return 0;
}
