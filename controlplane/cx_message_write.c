/* Requests and answers of Cx as Diameter messages: TS 29.229 6.1, in the order of its tables. */
#include "controlplane/cx_message.h"

#include <errno.h>
#include <freeDiameter/freeDiameter-host.h>
#include <freeDiameter/libfdcore.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/cx_dictionary.h"
#include "controlplane/cx_user_data.h"
#include "crypto/wipe.h"

#define NO_STATE_MAINTAINED 1 /* RFC 6733 8.11 */

/* Where AVPs are added; after a failure nothing is. */
struct writer {
	void *parent; /* a message, or the AVP of a group */
	int rc;       /* -errno */
};

static void add(struct writer *w, enum cx_avp which, union avp_value *value, struct avp **out)
{
	struct avp *avp = NULL;

	if (w->rc < 0)
		return;
	w->rc = -fd_msg_avp_new(cx_dictionary_avp(which), 0, &avp);
	if (w->rc == 0 && value != NULL)
		w->rc = -fd_msg_avp_setvalue(avp, value);
	if (w->rc == 0)
		w->rc = -fd_msg_avp_add(w->parent, MSG_BRW_LAST_CHILD, avp);
	if (w->rc < 0 && avp != NULL)
		fd_msg_free(avp);
	if (out != NULL)
		*out = w->rc == 0 ? avp : NULL;
}

static void put_bytes(struct writer *w, enum cx_avp which, const void *data, size_t n_bytes)
{
	union avp_value value = { .os = { .data = (uint8_t *)data, .len = n_bytes } };

	add(w, which, &value, NULL);
}

static void put_text(struct writer *w, enum cx_avp which, const char *text)
{
	put_bytes(w, which, text, strlen(text));
}

/* Unsigned32, and Enumerated, which is signed and never negative here. */
static void put_number(struct writer *w, enum cx_avp which, uint32_t number)
{
	union avp_value value = { .u32 = number };

	add(w, which, &value, NULL);
}

/* A group; what is put into the writer that is returned is its content. */
static struct writer begin_group(struct writer *w, enum cx_avp which)
{
	struct avp *group = NULL;

	add(w, which, NULL, &group);
	return (struct writer){ .parent = group, .rc = w->rc };
}

static void end_group(struct writer *w, const struct writer *group)
{
	if (w->rc == 0)
		w->rc = group->rc;
}

static void put_application(struct writer *w)
{
	struct writer group = begin_group(w, CX_AVP_VENDOR_SPECIFIC_APPLICATION_ID);

	put_number(&group, CX_AVP_VENDOR_ID, CX_VENDOR);
	put_number(&group, CX_AVP_AUTH_APPLICATION_ID, CX_APPLICATION);
	end_group(w, &group);
	put_number(w, CX_AVP_AUTH_SESSION_STATE, NO_STATE_MAINTAINED);
}

/* --- requests --- */

static void put_uar(struct writer *w, const struct cx_uar *r)
{
	put_text(w, CX_AVP_USER_NAME, r->impi);
	put_text(w, CX_AVP_PUBLIC_IDENTITY, r->impu);
	put_text(w, CX_AVP_VISITED_NETWORK_IDENTIFIER, r->visited_network);
	put_number(w, CX_AVP_USER_AUTHORIZATION_TYPE, r->type);
}

/* C-032: at a failure of synchronisation SIP-Authorization is RAND ‖ AUTS, TS 29.229 6.3.11. */
static void put_mar(struct writer *w, const struct cx_mar *r)
{
	uint8_t resync[sizeof(r->rand) + sizeof(r->auts)];
	struct writer item;

	put_text(w, CX_AVP_USER_NAME, r->impi);
	put_text(w, CX_AVP_PUBLIC_IDENTITY, r->impu);
	item = begin_group(w, CX_AVP_SIP_AUTH_DATA_ITEM);
	put_text(&item, CX_AVP_SIP_AUTHENTICATION_SCHEME, r->scheme);
	if (r->resync) {
		memcpy(resync, r->rand, sizeof(r->rand));
		memcpy(resync + sizeof(r->rand), r->auts, sizeof(r->auts));
		put_bytes(&item, CX_AVP_SIP_AUTHORIZATION, resync, sizeof(resync));
	}
	end_group(w, &item);
	put_number(w, CX_AVP_SIP_NUMBER_AUTH_ITEMS, r->n_items);
	put_text(w, CX_AVP_SERVER_NAME, r->server_name);
}

static void put_sar(struct writer *w, const struct cx_sar *r)
{
	if (r->impi[0] != '\0')
		put_text(w, CX_AVP_USER_NAME, r->impi);
	put_text(w, CX_AVP_PUBLIC_IDENTITY, r->impu);
	put_text(w, CX_AVP_SERVER_NAME, r->server_name);
	put_number(w, CX_AVP_SERVER_ASSIGNMENT_TYPE, r->type);
	put_number(w, CX_AVP_USER_DATA_ALREADY_AVAILABLE, 0);
}

static void put_profile(struct writer *w, const char *impi, const struct cx_saa *profile)
{
	char *text;
	size_t n_bytes;

	if (w->rc == 0)
		w->rc = cx_user_data_write(impi, profile, &text, &n_bytes);
	if (w->rc == 0) {
		put_bytes(w, CX_AVP_USER_DATA, text, n_bytes);
		free(text);
	}
}

static void put_rtr(struct writer *w, const struct cx_rtr *r)
{
	struct writer reason;

	put_text(w, CX_AVP_USER_NAME, r->impi);
	for (uint32_t i = 0; i < r->n_impus; i++)
		put_text(w, CX_AVP_PUBLIC_IDENTITY, r->impus[i]);
	reason = begin_group(w, CX_AVP_DEREGISTRATION_REASON);
	put_number(&reason, CX_AVP_REASON_CODE, r->reason);
	end_group(w, &reason);
}

static void put_request(struct writer *w, const struct cx_request *r)
{
	switch (r->command) {
	case CX_UAR:
		put_uar(w, &r->uar);
		return;
	case CX_MAR:
		put_mar(w, &r->mar);
		return;
	case CX_SAR:
		put_sar(w, &r->sar);
		return;
	case CX_LIR:
		put_text(w, CX_AVP_PUBLIC_IDENTITY, r->lir.impu);
		return;
	case CX_RTR:
		put_rtr(w, &r->rtr);
		return;
	case CX_PPR:
		put_text(w, CX_AVP_USER_NAME, r->ppr.impi);
		put_profile(w, r->ppr.impi, &r->ppr.profile);
		return;
	}
	w->rc = -EINVAL;
}

int cx_message_request(const struct cx_request *request, const char *realm, const char *host,
		       struct msg **out)
{
	struct dict_object *model = cx_dictionary_request(request->command);
	struct writer w = { 0 };
	struct msg *message = NULL;

	w.rc = model != NULL ? -fd_msg_new(model, MSGFL_ALLOC_ETEID, &message) : -EINVAL;
	w.parent = message;
	if (w.rc == 0)
		w.rc = -fd_msg_new_session(message, (os0_t) "cx", 2);
	put_application(&w);
	if (w.rc == 0)
		w.rc = -fd_msg_add_origin(message, 0);
	put_text(&w, CX_AVP_DESTINATION_REALM, realm);
	if (host != NULL)
		put_text(&w, CX_AVP_DESTINATION_HOST, host);
	put_request(&w, request);
	if (w.rc < 0) {
		cx_message_free(message);
		return w.rc;
	}
	*out = message;
	return 0;
}

/* --- answers --- */

static void put_result(struct writer *w, enum cx_result result)
{
	uint32_t code = (uint32_t)result & ~(uint32_t)CX_EXPERIMENTAL;
	struct writer group;

	if (!(result & CX_EXPERIMENTAL)) {
		put_number(w, CX_AVP_RESULT_CODE, code);
		return;
	}
	group = begin_group(w, CX_AVP_EXPERIMENTAL_RESULT);
	put_number(&group, CX_AVP_VENDOR_ID, CX_VENDOR);
	put_number(&group, CX_AVP_EXPERIMENTAL_RESULT_CODE, code);
	end_group(w, &group);
}

static void put_item(struct writer *w, const struct cx_item *i)
{
	uint8_t authenticate[sizeof(i->rand) + sizeof(i->autn)];
	struct writer item = begin_group(w, CX_AVP_SIP_AUTH_DATA_ITEM);

	memcpy(authenticate, i->rand, sizeof(i->rand));
	memcpy(authenticate + sizeof(i->rand), i->autn, sizeof(i->autn));
	put_number(&item, CX_AVP_SIP_ITEM_NUMBER, i->number);
	put_text(&item, CX_AVP_SIP_AUTHENTICATION_SCHEME, CX_SCHEME_AKA);
	put_bytes(&item, CX_AVP_SIP_AUTHENTICATE, authenticate, sizeof(authenticate));
	put_bytes(&item, CX_AVP_SIP_AUTHORIZATION, i->xres, i->res_bytes);
	put_bytes(&item, CX_AVP_CONFIDENTIALITY_KEY, i->ck, sizeof(i->ck));
	put_bytes(&item, CX_AVP_INTEGRITY_KEY, i->ik, sizeof(i->ik));
	end_group(w, &item);
}

static void put_maa(struct writer *w, const struct cx_mar *r, const struct cx_maa *a)
{
	put_text(w, CX_AVP_USER_NAME, r->impi);
	put_text(w, CX_AVP_PUBLIC_IDENTITY, r->impu);
	put_number(w, CX_AVP_SIP_NUMBER_AUTH_ITEMS, a->n_items);
	for (uint32_t i = 0; i < a->n_items; i++)
		put_item(w, &a->items[i]);
}

/* Without a name and without capabilities any S-CSCF will do (TS 29.228 6.1.1.1). */
static void put_server(struct writer *w, const char *server_name)
{
	if (server_name[0] != '\0')
		put_text(w, CX_AVP_SERVER_NAME, server_name);
}

static void put_capabilities(struct writer *w, const struct cx_capabilities *c)
{
	struct writer group;

	if (c->n_mandatory + c->n_optional == 0)
		return;
	group = begin_group(w, CX_AVP_SERVER_CAPABILITIES);
	for (uint32_t i = 0; i < c->n_mandatory; i++)
		put_number(&group, CX_AVP_MANDATORY_CAPABILITY, c->mandatory[i]);
	for (uint32_t i = 0; i < c->n_optional; i++)
		put_number(&group, CX_AVP_OPTIONAL_CAPABILITY, c->optional[i]);
	end_group(w, &group);
}

/* The user is named, also to who has not named him: TS 29.228 6.1.2. */
static void put_saa(struct writer *w, const char *asked, const struct cx_saa *a)
{
	const char *impi = a->impi[0] != '\0' ? a->impi : asked;

	if (impi[0] != '\0')
		put_text(w, CX_AVP_USER_NAME, impi);
	if (a->n_impus > 0)
		put_profile(w, impi, a);
}

static void put_answer(struct writer *w, const struct cx_request *r, const struct cx_answer *a)
{
	switch (a->command) {
	case CX_UAR:
		put_server(w, a->uaa.server_name);
		put_capabilities(w, &a->uaa.capabilities);
		return;
	case CX_MAR:
		put_maa(w, &r->mar, &a->maa);
		return;
	case CX_SAR:
		put_saa(w, r->sar.impi, &a->saa);
		return;
	case CX_LIR:
		put_server(w, a->lia.server_name);
		put_capabilities(w, &a->lia.capabilities);
		return;
	case CX_RTR:
	case CX_PPR:
		return;
	}
}

/* RFC 6733 7.1.3: protocol errors have the E bit, and none of the command's AVPs. */
static void set_error_bit(struct writer *w)
{
	struct msg_hdr *header;

	if (w->rc == 0)
		w->rc = -fd_msg_hdr(w->parent, &header);
	if (w->rc == 0)
		header->msg_flags |= CMD_FLAG_ERROR;
}

int cx_message_answer(struct msg **message, const struct cx_request *request,
		      const struct cx_answer *answer)
{
	struct writer w = { 0 };

	w.rc = -fd_msg_new_answer_from_req(fd_g_config->cnf_dict, message, 0);
	w.parent = *message;
	put_application(&w);
	put_result(&w, answer->result);
	if (w.rc == 0)
		w.rc = -fd_msg_add_origin(*message, 0);
	if ((uint32_t)answer->result / 1000 == 3)
		set_error_bit(&w);
	if (cx_succeeded(answer->result))
		put_answer(&w, request, answer);
	if (w.rc < 0) {
		cx_message_free(*message);
		*message = NULL;
	}
	return w.rc;
}
