#include "controlplane/cx_local.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

/* The members of a union lie at one address: a command's struct is copied by its length. */
#define REQUEST_BODY offsetof(struct cx_request, uar)
#define ANSWER_BODY  offsetof(struct cx_answer, uaa)

static size_t pack(struct cx_local_message *out, const void *body, size_t body_bytes)
{
	assert(body_bytes <= sizeof(out->body));
	out->header.version = CX_LOCAL_VERSION;
	out->header.length_bytes = (uint32_t)(sizeof(out->header) + body_bytes);
	memcpy(out->body, body, body_bytes);
	return sizeof(out->header) + body_bytes;
}

/* Of an answer's member what says something. */
static size_t used_bytes(const struct cx_answer *answer)
{
	switch (answer->command) {
	case CX_MAR:
		return offsetof(struct cx_maa, items) +
		       answer->maa.n_items * sizeof(answer->maa.items[0]);
	case CX_SAR:
		return offsetof(struct cx_saa, impus) +
		       answer->saa.n_impus * sizeof(answer->saa.impus[0]);
	default:
		return cx_answer_bytes(answer->command);
	}
}

size_t cx_local_answer_bytes(const struct cx_answer *answer)
{
	return sizeof(struct cx_local_header) + used_bytes(answer);
}

size_t cx_local_pack_request(const struct cx_request *request, uint64_t id,
			     struct cx_local_message *out)
{
	memset(&out->header, 0, sizeof(out->header));
	out->header.command = request->command;
	out->header.id = id;
	return pack(out, (const uint8_t *)request + REQUEST_BODY,
		    cx_request_bytes(request->command));
}

size_t cx_local_pack_answer(const struct cx_answer *answer, uint64_t id,
			    struct cx_local_message *out)
{
	memset(&out->header, 0, sizeof(out->header));
	out->header.command = answer->command;
	out->header.is_answer = 1;
	out->header.result = answer->result;
	out->header.id = id;
	return pack(out, (const uint8_t *)answer + ANSWER_BODY, used_bytes(answer));
}

static bool is_ours(const struct cx_local_header *h, size_t n_bytes, bool is_answer)
{
	return n_bytes >= sizeof(*h) && h->version == CX_LOCAL_VERSION &&
	       h->is_answer == is_answer && h->length_bytes == n_bytes;
}

int cx_local_parse_request(const struct cx_local_message *message, size_t n_bytes,
			   struct cx_request *out, uint64_t *id)
{
	const struct cx_local_header *h = &message->header;
	size_t body_bytes;

	if (!is_ours(h, n_bytes, false) || h->result != 0)
		return -EPROTO;
	body_bytes = cx_request_bytes((enum cx_command)h->command);
	if (body_bytes == 0 || n_bytes != sizeof(*h) + body_bytes)
		return -EPROTO;
	out->command = (enum cx_command)h->command;
	memcpy((uint8_t *)out + REQUEST_BODY, message->body, body_bytes);
	*id = h->id;
	return cx_request_is_sound(out) ? 0 : -EPROTO;
}

int cx_local_parse_answer(const struct cx_local_message *message, size_t n_bytes,
			  struct cx_answer *out, uint64_t *id)
{
	const struct cx_local_header *h = &message->header;
	size_t body_bytes;

	if (!is_ours(h, n_bytes, true))
		return -EPROTO;
	/* Every command has a request; some answers are a result and nothing else. */
	body_bytes = n_bytes - sizeof(*h);
	if (cx_request_bytes((enum cx_command)h->command) == 0 ||
	    body_bytes > cx_answer_bytes((enum cx_command)h->command))
		return -EPROTO;
	out->command = (enum cx_command)h->command;
	out->result = (enum cx_result)h->result;
	memcpy((uint8_t *)out + ANSWER_BODY, message->body, body_bytes);
	memset((uint8_t *)out + ANSWER_BODY + body_bytes, 0,
	       cx_answer_bytes(out->command) - body_bytes);
	*id = h->id;
	return cx_answer_is_sound(out) && body_bytes == used_bytes(out) ? 0 : -EPROTO;
}
