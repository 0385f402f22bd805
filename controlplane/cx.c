#include "controlplane/cx.h"

#include <errno.h>
#include <string.h>

#include "crypto/wipe.h"

int cx_send(struct cx *cx, const struct cx_request *request, cx_done *done, void *user)
{
	return cx->send(cx, request, done, user);
}

void cx_free(struct cx *cx)
{
	if (cx != NULL)
		cx->free(cx);
}

void cx_listen(struct cx *cx, cx_heard *heard, void *user)
{
	cx->heard = heard;
	cx->heard_user = user;
}

bool cx_succeeded(enum cx_result result)
{
	return ((unsigned)result & ~(unsigned)CX_EXPERIMENTAL) / 1000 == 2;
}

void cx_answer_init(struct cx_answer *answer, enum cx_command command)
{
	answer->command = command;
	answer->result = 0;
	switch (command) {
	case CX_UAR:
		answer->uaa = (struct cx_uaa){ 0 };
		return;
	case CX_MAR:
		answer->maa.n_items = 0;
		return;
	case CX_SAR:
		answer->saa.n_impus = 0;
		answer->saa.impi[0] = '\0';
		return;
	case CX_LIR:
		answer->lia = (struct cx_lia){ 0 };
		return;
	case CX_RTR:
	case CX_PPR:
		return;
	}
}

void cx_answer_wipe(struct cx_answer *answer)
{
	if (answer->command == CX_MAR)
		wipe(answer->maa.items, answer->maa.n_items * sizeof(answer->maa.items[0]));
}

int cx_identity(char out[static CX_IDENTITY_BYTES], const char *text)
{
	size_t bytes = strlen(text);

	if (bytes >= CX_IDENTITY_BYTES)
		return -EMSGSIZE;
	memset(out, 0, CX_IDENTITY_BYTES); /* nothing of what was there may be read again */
	memcpy(out, text, bytes);
	return 0;
}

bool cx_is_plain(const void *text, size_t n_bytes)
{
	const unsigned char *c = text;

	for (size_t i = 0; i < n_bytes; i++) {
		if (c[i] < ' ' || c[i] == 0x7f)
			return false;
	}
	return true;
}

static bool is_text(const char *field, size_t bytes)
{
	return memchr(field, '\0', bytes) != NULL;
}

static bool is_identity(const char field[static CX_IDENTITY_BYTES])
{
	return is_text(field, CX_IDENTITY_BYTES);
}

static bool saa_is_sound(const struct cx_saa *saa)
{
	if (saa->n_impus > CX_MAX_IMPUS || !is_identity(saa->impi))
		return false;
	for (uint32_t i = 0; i < saa->n_impus; i++) {
		if (!is_identity(saa->impus[i].impu) || saa->impus[i].barred > 1)
			return false;
	}
	return true;
}

static bool rtr_is_sound(const struct cx_rtr *rtr)
{
	if (!is_identity(rtr->impi) || rtr->n_impus > CX_MAX_IMPUS)
		return false;
	for (uint32_t i = 0; i < rtr->n_impus; i++) {
		if (!is_identity(rtr->impus[i]))
			return false;
	}
	return true;
}

bool cx_request_is_sound(const struct cx_request *request)
{
	const struct cx_mar *mar = &request->mar;

	switch (request->command) {
	case CX_UAR:
		return is_identity(request->uar.impi) && is_identity(request->uar.impu) &&
		       is_identity(request->uar.visited_network);
	case CX_MAR:
		return is_identity(mar->impi) && is_identity(mar->impu) &&
		       is_identity(mar->server_name) && is_text(mar->scheme, sizeof(mar->scheme)) &&
		       mar->resync <= 1 && mar->reserved[0] == 0 && mar->reserved[1] == 0;
	case CX_SAR:
		return is_identity(request->sar.impi) && is_identity(request->sar.impu) &&
		       is_identity(request->sar.server_name);
	case CX_LIR:
		return is_identity(request->lir.impu);
	case CX_RTR:
		return rtr_is_sound(&request->rtr);
	case CX_PPR:
		return is_identity(request->ppr.impi) && saa_is_sound(&request->ppr.profile);
	}
	return false;
}

static bool capabilities_are_sound(const struct cx_capabilities *c)
{
	return c->n_mandatory <= CX_MAX_CAPABILITIES && c->n_optional <= CX_MAX_CAPABILITIES;
}

static bool maa_is_sound(const struct cx_maa *maa)
{
	if (maa->n_items > CX_MAX_ITEMS)
		return false;
	for (uint32_t i = 0; i < maa->n_items; i++) {
		/* TS 33.102 6.3.7: RES has 32 … 128 bits */
		if (maa->items[i].res_bytes < 4 || maa->items[i].res_bytes > CX_RES_BYTES)
			return false;
	}
	return true;
}

bool cx_answer_is_sound(const struct cx_answer *answer)
{
	switch (answer->command) {
	case CX_UAR:
		return is_identity(answer->uaa.server_name) &&
		       capabilities_are_sound(&answer->uaa.capabilities);
	case CX_MAR:
		return maa_is_sound(&answer->maa);
	case CX_SAR:
		return saa_is_sound(&answer->saa);
	case CX_LIR:
		return is_identity(answer->lia.server_name) &&
		       capabilities_are_sound(&answer->lia.capabilities);
	case CX_RTR:
	case CX_PPR:
		return true; /* nothing but a result */
	}
	return false;
}

size_t cx_request_bytes(enum cx_command command)
{
	switch (command) {
	case CX_UAR:
		return sizeof(struct cx_uar);
	case CX_MAR:
		return sizeof(struct cx_mar);
	case CX_SAR:
		return sizeof(struct cx_sar);
	case CX_LIR:
		return sizeof(struct cx_lir);
	case CX_RTR:
		return sizeof(struct cx_rtr);
	case CX_PPR:
		return sizeof(struct cx_ppr);
	}
	return 0;
}
