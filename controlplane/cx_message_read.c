/* Diameter messages of Cx from outside. */
#include "controlplane/cx_message.h"

#include <errno.h>
#include <freeDiameter/freeDiameter-host.h>
#include <freeDiameter/libfdcore.h>
#include <string.h>

#include "controlplane/cx_dictionary.h"
#include "controlplane/cx_user_data.h"
#include "crypto/wipe.h"

#define RAND_BYTES 16
#define AUTN_BYTES 16
#define AUTS_BYTES 14
#define KEY_BYTES  16

/* The AVPs of a message or a group, each where it was first seen, and how often. */
struct seen {
	struct avp_hdr *at[CX_N_AVPS];
	struct avp *avp[CX_N_AVPS];
	unsigned n[CX_N_AVPS];
};

/* Below a message or an AVP. Returns NULL at the end, and for whatever freeDiameter refuses. */
static struct avp *first_child(void *parent)
{
	msg_or_avp *child = NULL;

	return fd_msg_browse_internal(parent, MSG_BRW_FIRST_CHILD, &child, NULL) == 0 ? child
										      : NULL;
}

static struct avp *next(struct avp *avp)
{
	msg_or_avp *sibling = NULL;

	return fd_msg_browse_internal(avp, MSG_BRW_NEXT, &sibling, NULL) == 0 ? sibling : NULL;
}

static enum cx_avp which_is(const struct avp_hdr *h)
{
	return cx_dictionary_find(h->avp_flags & AVP_FLAG_VENDOR ? h->avp_vendor : 0, h->avp_code);
}

static void look(void *parent, struct seen *seen)
{
	struct avp_hdr *h;
	enum cx_avp which;

	memset(seen, 0, sizeof(*seen));
	for (struct avp *a = first_child(parent); a != NULL; a = next(a)) {
		if (fd_msg_avp_hdr(a, &h) != 0)
			continue;
		which = which_is(h);
		if (which == CX_N_AVPS)
			continue;
		if (seen->n[which]++ == 0) {
			seen->at[which] = h;
			seen->avp[which] = a;
		}
	}
}

/* --- single AVPs: each sets *result only when it was CX_SUCCESS --- */

static void refuse(enum cx_result *result, enum cx_result why)
{
	if (*result == CX_SUCCESS)
		*result = why;
}

/* The one AVP of its kind, which must have a value; NULL when it is not there or there is more. */
static const union avp_value *take(const struct seen *seen, enum cx_avp which, bool needed,
				   enum cx_result *result)
{
	if (seen->n[which] == 0) {
		if (needed)
			refuse(result, CX_MISSING_AVP);
		return NULL;
	}
	if (seen->n[which] > 1)
		refuse(result, CX_AVP_OCCURS_TOO_OFTEN);
	else if (seen->at[which]->avp_value == NULL)
		refuse(result, CX_INVALID_AVP_VALUE);
	else
		return seen->at[which]->avp_value;
	return NULL;
}

/* Text as cx.h holds it: of identities, which have no NUL and no line end within. */
static void copy_text(const union avp_value *value, char *out, size_t out_bytes,
		      enum cx_result *result)
{
	if (value == NULL)
		return;
	if (value->os.len == 0 || value->os.len >= out_bytes ||
	    !cx_is_plain(value->os.data, value->os.len)) {
		refuse(result, CX_INVALID_AVP_VALUE);
		return;
	}
	memcpy(out, value->os.data, value->os.len);
}

static void read_text(const struct seen *seen, enum cx_avp which, bool needed,
		      char out[static CX_IDENTITY_BYTES], enum cx_result *result)
{
	copy_text(take(seen, which, needed, result), out, CX_IDENTITY_BYTES, result);
}

static void read_number(const struct seen *seen, enum cx_avp which, bool needed, uint32_t *out,
			enum cx_result *result)
{
	const union avp_value *value = take(seen, which, needed, result);

	if (value != NULL)
		*out = value->u32;
}

/* Octets of a fixed length. */
static const uint8_t *read_bytes(const struct seen *seen, enum cx_avp which, size_t min, size_t max,
				 size_t *n_bytes, enum cx_result *result)
{
	const union avp_value *value = take(seen, which, true, result);

	if (value == NULL)
		return NULL;
	if (value->os.len < min || value->os.len > max) {
		refuse(result, CX_INVALID_AVP_VALUE);
		return NULL;
	}
	*n_bytes = value->os.len;
	return value->os.data;
}

static void read_impu(const struct avp_hdr *h, char out[static CX_IDENTITY_BYTES],
		      enum cx_result *result)
{
	if (h->avp_value == NULL)
		refuse(result, CX_INVALID_AVP_VALUE);
	else
		copy_text(h->avp_value, out, CX_IDENTITY_BYTES, result);
}

/* The first Public-Identity; those of an implicit set may follow it. */
static void read_first_impu(const struct seen *seen, char out[static CX_IDENTITY_BYTES],
			    enum cx_result *result)
{
	const struct avp_hdr *h = seen->at[CX_AVP_PUBLIC_IDENTITY];

	if (h == NULL)
		refuse(result, CX_MISSING_AVP);
	else
		read_impu(h, out, result);
}

/* Every Public-Identity: they may be of several implicit sets. */
static void read_impus(const struct seen *seen, struct cx_rtr *r, enum cx_result *result)
{
	struct avp_hdr *h;

	if (seen->n[CX_AVP_PUBLIC_IDENTITY] > CX_MAX_IMPUS) {
		refuse(result, CX_AVP_OCCURS_TOO_OFTEN);
		return;
	}
	for (struct avp *a = seen->avp[CX_AVP_PUBLIC_IDENTITY]; a != NULL; a = next(a)) {
		if (fd_msg_avp_hdr(a, &h) == 0 && which_is(h) == CX_AVP_PUBLIC_IDENTITY)
			read_impu(h, r->impus[r->n_impus++], result);
	}
}

static void read_profile(const struct seen *seen, bool needed, struct cx_saa *out,
			 enum cx_result *result)
{
	const union avp_value *value = take(seen, CX_AVP_USER_DATA, needed, result);

	if (value != NULL && cx_user_data_read(value->os.data, value->os.len, out) < 0)
		refuse(result, CX_INVALID_AVP_VALUE);
}

/* --- requests --- */

static void read_uar(const struct seen *seen, struct cx_uar *r, enum cx_result *result)
{
	read_text(seen, CX_AVP_USER_NAME, true, r->impi, result);
	read_text(seen, CX_AVP_PUBLIC_IDENTITY, true, r->impu, result);
	read_text(seen, CX_AVP_VISITED_NETWORK_IDENTIFIER, true, r->visited_network, result);
	read_number(seen, CX_AVP_USER_AUTHORIZATION_TYPE, false, &r->type, result);
}

static void read_asked_item(const struct seen *item, struct cx_mar *r, enum cx_result *result)
{
	const uint8_t *resync;
	size_t n_bytes;

	copy_text(take(item, CX_AVP_SIP_AUTHENTICATION_SCHEME, true, result), r->scheme,
		  sizeof(r->scheme), result);
	if (item->n[CX_AVP_SIP_AUTHORIZATION] == 0)
		return;
	resync = read_bytes(item, CX_AVP_SIP_AUTHORIZATION, RAND_BYTES + AUTS_BYTES,
			    RAND_BYTES + AUTS_BYTES, &n_bytes, result);
	if (resync == NULL)
		return;
	r->resync = 1;
	memcpy(r->rand, resync, RAND_BYTES);
	memcpy(r->auts, resync + RAND_BYTES, AUTS_BYTES);
}

static void read_mar(const struct seen *seen, struct cx_mar *r, enum cx_result *result)
{
	struct seen item;

	read_text(seen, CX_AVP_USER_NAME, true, r->impi, result);
	read_text(seen, CX_AVP_PUBLIC_IDENTITY, true, r->impu, result);
	read_text(seen, CX_AVP_SERVER_NAME, true, r->server_name, result);
	read_number(seen, CX_AVP_SIP_NUMBER_AUTH_ITEMS, true, &r->n_items, result);
	if (seen->n[CX_AVP_SIP_AUTH_DATA_ITEM] != 1) {
		refuse(result, seen->n[CX_AVP_SIP_AUTH_DATA_ITEM] ? CX_AVP_OCCURS_TOO_OFTEN
								  : CX_MISSING_AVP);
		return;
	}
	look(seen->avp[CX_AVP_SIP_AUTH_DATA_ITEM], &item);
	read_asked_item(&item, r, result);
}

static void read_sar(const struct seen *seen, struct cx_sar *r, enum cx_result *result)
{
	read_text(seen, CX_AVP_USER_NAME, false, r->impi, result);
	read_first_impu(seen, r->impu, result);
	read_text(seen, CX_AVP_SERVER_NAME, true, r->server_name, result);
	read_number(seen, CX_AVP_SERVER_ASSIGNMENT_TYPE, true, &r->type, result);
}

static void read_rtr(const struct seen *seen, struct cx_rtr *r, enum cx_result *result)
{
	struct seen reason;

	read_text(seen, CX_AVP_USER_NAME, true, r->impi, result);
	read_impus(seen, r, result);
	if (seen->n[CX_AVP_DEREGISTRATION_REASON] != 1) {
		refuse(result, CX_MISSING_AVP);
		return;
	}
	look(seen->avp[CX_AVP_DEREGISTRATION_REASON], &reason);
	read_number(&reason, CX_AVP_REASON_CODE, true, &r->reason, result);
}

enum cx_result cx_message_read_request(struct msg *message, struct cx_request *out)
{
	enum cx_result result = CX_SUCCESS;
	struct msg_hdr *header;
	struct seen seen;

	memset(out, 0, sizeof(*out));
	if (fd_msg_hdr(message, &header) != 0)
		return CX_UNABLE_TO_COMPLY;
	look(message, &seen);
	out->command = (enum cx_command)header->msg_code;
	switch (out->command) {
	case CX_UAR:
		read_uar(&seen, &out->uar, &result);
		break;
	case CX_MAR:
		read_mar(&seen, &out->mar, &result);
		break;
	case CX_SAR:
		read_sar(&seen, &out->sar, &result);
		break;
	case CX_LIR:
		read_text(&seen, CX_AVP_PUBLIC_IDENTITY, true, out->lir.impu, &result);
		break;
	case CX_RTR:
		read_rtr(&seen, &out->rtr, &result);
		break;
	case CX_PPR:
		read_text(&seen, CX_AVP_USER_NAME, true, out->ppr.impi, &result);
		read_profile(&seen, true, &out->ppr.profile, &result);
		break;
	default:
		return CX_UNABLE_TO_COMPLY;
	}
	return result;
}

/* --- answers --- */

/* Result-Code or Experimental-Result, one of them: TS 29.229 6.1. 0: neither, or both. */
static uint32_t read_result(const struct seen *seen)
{
	enum cx_result problem = CX_SUCCESS;
	uint32_t code = 0, vendor = 0;
	struct seen group;

	if (seen->n[CX_AVP_RESULT_CODE] + seen->n[CX_AVP_EXPERIMENTAL_RESULT] != 1)
		return 0;
	if (seen->n[CX_AVP_RESULT_CODE]) {
		read_number(seen, CX_AVP_RESULT_CODE, true, &code, &problem);
		return problem == CX_SUCCESS && code < CX_EXPERIMENTAL ? code : 0;
	}
	look(seen->avp[CX_AVP_EXPERIMENTAL_RESULT], &group);
	read_number(&group, CX_AVP_VENDOR_ID, true, &vendor, &problem);
	read_number(&group, CX_AVP_EXPERIMENTAL_RESULT_CODE, true, &code, &problem);
	if (problem != CX_SUCCESS || vendor != CX_VENDOR || code >= CX_EXPERIMENTAL)
		return 0;
	return code | CX_EXPERIMENTAL;
}

static void read_item(struct avp *avp, uint32_t position, struct cx_item *out,
		      enum cx_result *result)
{
	const uint8_t *authenticate, *xres, *ck, *ik;
	size_t n_bytes, res_bytes = 0;
	struct seen item;

	look(avp, &item);
	/* Without a number their order is that of the message: TS 29.229 6.3.14. */
	out->number = position + 1;
	read_number(&item, CX_AVP_SIP_ITEM_NUMBER, false, &out->number, result);
	authenticate = read_bytes(&item, CX_AVP_SIP_AUTHENTICATE, RAND_BYTES + AUTN_BYTES,
				  RAND_BYTES + AUTN_BYTES, &n_bytes, result);
	/* TS 33.102 6.3.7: RES has 32 … 128 bits */
	xres = read_bytes(&item, CX_AVP_SIP_AUTHORIZATION, 4, CX_RES_BYTES, &res_bytes, result);
	ck = read_bytes(&item, CX_AVP_CONFIDENTIALITY_KEY, KEY_BYTES, KEY_BYTES, &n_bytes, result);
	ik = read_bytes(&item, CX_AVP_INTEGRITY_KEY, KEY_BYTES, KEY_BYTES, &n_bytes, result);
	if (*result != CX_SUCCESS)
		return;
	out->res_bytes = (uint32_t)res_bytes;
	memcpy(out->rand, authenticate, RAND_BYTES);
	memcpy(out->autn, authenticate + RAND_BYTES, AUTN_BYTES);
	memcpy(out->xres, xres, res_bytes);
	memcpy(out->ck, ck, KEY_BYTES);
	memcpy(out->ik, ik, KEY_BYTES);
}

/* As many as we have room for: an answer may have more than were asked for (C-007). */
static void read_maa(struct msg *message, struct cx_maa *out, enum cx_result *result)
{
	struct avp_hdr *h;

	for (struct avp *a = first_child(message); a != NULL; a = next(a)) {
		if (fd_msg_avp_hdr(a, &h) != 0 || which_is(h) != CX_AVP_SIP_AUTH_DATA_ITEM)
			continue;
		if (out->n_items == CX_MAX_ITEMS)
			return;
		read_item(a, out->n_items, &out->items[out->n_items], result);
		out->n_items++;
	}
	if (out->n_items == 0)
		refuse(result, CX_MISSING_AVP);
}

static void add_capability(const struct avp_hdr *h, uint32_t list[], uint32_t *n,
			   enum cx_result *result)
{
	if (h->avp_value == NULL)
		refuse(result, CX_INVALID_AVP_VALUE);
	else if (*n == CX_MAX_CAPABILITIES)
		refuse(result, CX_AVP_OCCURS_TOO_OFTEN);
	else
		list[(*n)++] = h->avp_value->u32;
}

/* Names of S-CSCFs in the group (TS 29.229 6.3.4) are passed over: they are configured here. */
static void read_capabilities(const struct seen *seen, struct cx_capabilities *out,
			      enum cx_result *result)
{
	struct avp_hdr *h;

	if (seen->n[CX_AVP_SERVER_CAPABILITIES] == 0)
		return;
	if (seen->n[CX_AVP_SERVER_CAPABILITIES] > 1)
		refuse(result, CX_AVP_OCCURS_TOO_OFTEN);
	for (struct avp *a = first_child(seen->avp[CX_AVP_SERVER_CAPABILITIES]); a != NULL;
	     a = next(a)) {
		if (fd_msg_avp_hdr(a, &h) != 0)
			continue;
		if (which_is(h) == CX_AVP_MANDATORY_CAPABILITY)
			add_capability(h, out->mandatory, &out->n_mandatory, result);
		else if (which_is(h) == CX_AVP_OPTIONAL_CAPABILITY)
			add_capability(h, out->optional, &out->n_optional, result);
	}
}

static void read_content(struct msg *message, const struct seen *seen, struct cx_answer *out,
			 enum cx_result *result)
{
	switch (out->command) {
	case CX_UAR:
		read_text(seen, CX_AVP_SERVER_NAME, false, out->uaa.server_name, result);
		read_capabilities(seen, &out->uaa.capabilities, result);
		return;
	case CX_MAR:
		read_maa(message, &out->maa, result);
		return;
	case CX_SAR:
		read_profile(seen, false, &out->saa, result);
		read_text(seen, CX_AVP_USER_NAME, false, out->saa.impi, result);
		return;
	case CX_LIR:
		read_text(seen, CX_AVP_SERVER_NAME, false, out->lia.server_name, result);
		read_capabilities(seen, &out->lia.capabilities, result);
		return;
	case CX_RTR:
	case CX_PPR:
		return;
	}
}

void cx_message_read_answer(struct msg *message, enum cx_command command, struct cx_answer *out)
{
	enum cx_result problem = CX_SUCCESS;
	struct msg_hdr *header;
	struct seen seen;
	uint32_t result;

	memset(out, 0, sizeof(*out));
	out->command = command;
	look(message, &seen);
	result = read_result(&seen);
	if (fd_msg_hdr(message, &header) != 0 || header->msg_code != (uint32_t)command)
		result = 0;
	out->result = result != 0 ? (enum cx_result)result : CX_UNABLE_TO_DELIVER;
	if (!cx_succeeded(out->result))
		return;
	read_content(message, &seen, out, &problem);
	if (problem != CX_SUCCESS) {
		wipe(out, sizeof(*out));
		out->command = command;
		out->result = CX_UNABLE_TO_DELIVER;
	}
}

int cx_message_origin(struct msg *message, char out[static CX_IDENTITY_BYTES])
{
	enum cx_result result = CX_SUCCESS;
	struct seen seen;

	memset(out, 0, CX_IDENTITY_BYTES);
	look(message, &seen);
	read_text(&seen, CX_AVP_ORIGIN_HOST, true, out, &result);
	return result == CX_SUCCESS ? 0 : result == CX_MISSING_AVP ? -ENOENT : -EMSGSIZE;
}

/* --- the end of a message --- */

static void wipe_value(enum cx_avp which, const struct avp_hdr *h)
{
	bool is_secret = which == CX_AVP_SIP_AUTHENTICATE || which == CX_AVP_SIP_AUTHORIZATION ||
			 which == CX_AVP_CONFIDENTIALITY_KEY || which == CX_AVP_INTEGRITY_KEY;

	if (is_secret && h->avp_value != NULL)
		wipe(h->avp_value->os.data, h->avp_value->os.len);
}

static void wipe_item(struct avp *item)
{
	struct avp_hdr *h;

	for (struct avp *a = first_child(item); a != NULL; a = next(a)) {
		if (fd_msg_avp_hdr(a, &h) == 0)
			wipe_value(which_is(h), h);
	}
}

static void wipe_items(struct msg *message)
{
	struct avp_hdr *h;

	for (struct avp *a = first_child(message); a != NULL; a = next(a)) {
		if (fd_msg_avp_hdr(a, &h) == 0 && which_is(h) == CX_AVP_SIP_AUTH_DATA_ITEM)
			wipe_item(a);
	}
}

void cx_message_wipe_answer(struct msg *message)
{
	struct msg_hdr *header;

	if (message != NULL && fd_msg_hdr(message, &header) == 0 &&
	    header->msg_appl == CX_APPLICATION && !(header->msg_flags & CMD_FLAG_REQUEST))
		wipe_items(message);
}

void cx_message_free(struct msg *message)
{
	if (message == NULL)
		return;
	wipe_items(message);
	fd_msg_free(message);
}
