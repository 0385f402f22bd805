#include "controlplane/cx_dictionary.h"

#include <errno.h>
#include <freeDiameter/freeDiameter-host.h>
#include <freeDiameter/libfdproto.h>
#include <stddef.h>

#include "controlplane/cx.h"

#define N_COMMANDS 6
#define ANY        (-1)

/* Those of the vendor are added, the others are there. TS 29.229 table 6.3.1. */
static const struct {
	uint32_t code;
	uint32_t vendor;
	enum dict_avp_basetype type;
	const char *name;
} avps[CX_N_AVPS] = {
	[CX_AVP_USER_NAME] = { 1 },
	[CX_AVP_AUTH_APPLICATION_ID] = { 258 },
	[CX_AVP_VENDOR_SPECIFIC_APPLICATION_ID] = { 260 },
	[CX_AVP_SESSION_ID] = { 263 },
	[CX_AVP_ORIGIN_HOST] = { 264 },
	[CX_AVP_VENDOR_ID] = { 266 },
	[CX_AVP_RESULT_CODE] = { 268 },
	[CX_AVP_AUTH_SESSION_STATE] = { 277 },
	[CX_AVP_DESTINATION_REALM] = { 283 },
	[CX_AVP_DESTINATION_HOST] = { 293 },
	[CX_AVP_ORIGIN_REALM] = { 296 },
	[CX_AVP_EXPERIMENTAL_RESULT] = { 297 },
	[CX_AVP_EXPERIMENTAL_RESULT_CODE] = { 298 },
#define CX_VENDOR_AVP(name, code, type, text) [name] = { code, CX_VENDOR, AVP_TYPE_##type, text }
	CX_VENDOR_AVP(CX_AVP_VISITED_NETWORK_IDENTIFIER, 600, OCTETSTRING,
		      "Visited-Network-Identifier"),
	CX_VENDOR_AVP(CX_AVP_PUBLIC_IDENTITY, 601, OCTETSTRING, "Public-Identity"),
	CX_VENDOR_AVP(CX_AVP_SERVER_NAME, 602, OCTETSTRING, "Server-Name"),
	CX_VENDOR_AVP(CX_AVP_SERVER_CAPABILITIES, 603, GROUPED, "Server-Capabilities"),
	CX_VENDOR_AVP(CX_AVP_MANDATORY_CAPABILITY, 604, UNSIGNED32, "Mandatory-Capability"),
	CX_VENDOR_AVP(CX_AVP_OPTIONAL_CAPABILITY, 605, UNSIGNED32, "Optional-Capability"),
	CX_VENDOR_AVP(CX_AVP_USER_DATA, 606, OCTETSTRING, "User-Data"),
	CX_VENDOR_AVP(CX_AVP_SIP_NUMBER_AUTH_ITEMS, 607, UNSIGNED32, "SIP-Number-Auth-Items"),
	CX_VENDOR_AVP(CX_AVP_SIP_AUTHENTICATION_SCHEME, 608, OCTETSTRING,
		      "SIP-Authentication-Scheme"),
	CX_VENDOR_AVP(CX_AVP_SIP_AUTHENTICATE, 609, OCTETSTRING, "SIP-Authenticate"),
	CX_VENDOR_AVP(CX_AVP_SIP_AUTHORIZATION, 610, OCTETSTRING, "SIP-Authorization"),
	CX_VENDOR_AVP(CX_AVP_SIP_AUTHENTICATION_CONTEXT, 611, OCTETSTRING,
		      "SIP-Authentication-Context"),
	CX_VENDOR_AVP(CX_AVP_SIP_AUTH_DATA_ITEM, 612, GROUPED, "SIP-Auth-Data-Item"),
	CX_VENDOR_AVP(CX_AVP_SIP_ITEM_NUMBER, 613, UNSIGNED32, "SIP-Item-Number"),
	CX_VENDOR_AVP(CX_AVP_SERVER_ASSIGNMENT_TYPE, 614, INTEGER32, "Server-Assignment-Type"),
	CX_VENDOR_AVP(CX_AVP_DEREGISTRATION_REASON, 615, GROUPED, "Deregistration-Reason"),
	CX_VENDOR_AVP(CX_AVP_REASON_CODE, 616, INTEGER32, "Reason-Code"),
	CX_VENDOR_AVP(CX_AVP_REASON_INFO, 617, OCTETSTRING, "Reason-Info"),
	CX_VENDOR_AVP(CX_AVP_CHARGING_INFORMATION, 618, GROUPED, "Charging-Information"),
	CX_VENDOR_AVP(CX_AVP_USER_AUTHORIZATION_TYPE, 623, INTEGER32, "User-Authorization-Type"),
	CX_VENDOR_AVP(CX_AVP_USER_DATA_ALREADY_AVAILABLE, 624, INTEGER32,
		      "User-Data-Already-Available"),
	CX_VENDOR_AVP(CX_AVP_CONFIDENTIALITY_KEY, 625, OCTETSTRING, "Confidentiality-Key"),
	CX_VENDOR_AVP(CX_AVP_INTEGRITY_KEY, 626, OCTETSTRING, "Integrity-Key"),
	CX_VENDOR_AVP(CX_AVP_SUPPORTED_FEATURES, 628, GROUPED, "Supported-Features"),
	CX_VENDOR_AVP(CX_AVP_FEATURE_LIST_ID, 629, UNSIGNED32, "Feature-List-ID"),
	CX_VENDOR_AVP(CX_AVP_FEATURE_LIST, 630, UNSIGNED32, "Feature-List"),
	CX_VENDOR_AVP(CX_AVP_ORIGINATING_REQUEST, 633, INTEGER32, "Originating-Request"),
};

static const struct {
	uint32_t code;
	const char *request;
	const char *answer;
} commands[N_COMMANDS] = {
	{ CX_UAR, "User-Authorization-Request", "User-Authorization-Answer" },
	{ CX_SAR, "Server-Assignment-Request", "Server-Assignment-Answer" },
	{ CX_LIR, "Location-Info-Request", "Location-Info-Answer" },
	{ CX_MAR, "Multimedia-Auth-Request", "Multimedia-Auth-Answer" },
	{ CX_RTR, "Registration-Termination-Request", "Registration-Termination-Answer" },
	{ CX_PPR, "Push-Profile-Request", "Push-Profile-Answer" },
};

/* What every request has, TS 29.229 6.1; the least is 1 where it must be there. */
static const struct rule {
	uint32_t command; /* 0: of all */
	enum cx_avp avp;
	int min, max;
} rules[] = {
	{ 0, CX_AVP_VENDOR_SPECIFIC_APPLICATION_ID, 1, 1 },
	{ 0, CX_AVP_AUTH_SESSION_STATE, 1, 1 },
	{ 0, CX_AVP_ORIGIN_HOST, 1, 1 },
	{ 0, CX_AVP_ORIGIN_REALM, 1, 1 },
	{ 0, CX_AVP_DESTINATION_REALM, 1, 1 },
	{ CX_UAR, CX_AVP_USER_NAME, 1, 1 },
	{ CX_UAR, CX_AVP_PUBLIC_IDENTITY, 1, 1 },
	{ CX_UAR, CX_AVP_VISITED_NETWORK_IDENTIFIER, 1, 1 },
	{ CX_UAR, CX_AVP_USER_AUTHORIZATION_TYPE, 0, 1 },
	{ CX_SAR, CX_AVP_USER_NAME, 0, 1 },
	{ CX_SAR, CX_AVP_PUBLIC_IDENTITY, 0, ANY },
	{ CX_SAR, CX_AVP_SERVER_NAME, 1, 1 },
	{ CX_SAR, CX_AVP_SERVER_ASSIGNMENT_TYPE, 1, 1 },
	{ CX_SAR, CX_AVP_USER_DATA_ALREADY_AVAILABLE, 1, 1 },
	{ CX_LIR, CX_AVP_PUBLIC_IDENTITY, 1, 1 },
	{ CX_MAR, CX_AVP_USER_NAME, 1, 1 },
	{ CX_MAR, CX_AVP_PUBLIC_IDENTITY, 1, 1 },
	{ CX_MAR, CX_AVP_SIP_AUTH_DATA_ITEM, 1, 1 },
	{ CX_MAR, CX_AVP_SIP_NUMBER_AUTH_ITEMS, 1, 1 },
	{ CX_MAR, CX_AVP_SERVER_NAME, 1, 1 },
	{ CX_RTR, CX_AVP_DESTINATION_HOST, 1, 1 },
	{ CX_RTR, CX_AVP_USER_NAME, 1, 1 },
	{ CX_RTR, CX_AVP_PUBLIC_IDENTITY, 0, ANY },
	{ CX_RTR, CX_AVP_DEREGISTRATION_REASON, 1, 1 },
	{ CX_PPR, CX_AVP_DESTINATION_HOST, 1, 1 },
	{ CX_PPR, CX_AVP_USER_NAME, 1, 1 },
	{ CX_PPR, CX_AVP_USER_DATA, 0, 1 },
};

static struct {
	struct dict_object *vendor;
	struct dict_object *application;
	struct dict_object *avps[CX_N_AVPS];
	struct dict_object *requests[N_COMMANDS];
} added;

static int add_application(struct dictionary *d)
{
	struct dict_vendor_data vendor = { CX_VENDOR, (char *)"3GPP" };
	struct dict_application_data application = { CX_APPLICATION, (char *)"Cx" };
	int rc = fd_dict_search(d, DICT_VENDOR, VENDOR_BY_ID, &vendor.vendor_id, &added.vendor,
				ENOENT);

	if (rc == ENOENT)
		rc = fd_dict_new(d, DICT_VENDOR, &vendor, NULL, &added.vendor);
	if (rc == 0)
		rc = fd_dict_new(d, DICT_APPLICATION, &application, added.vendor,
				 &added.application);
	return -rc;
}

/* The bit M is set in what we send, and not asked of what we get: peers differ in it. */
static int add_avp(struct dictionary *d, enum cx_avp which)
{
	struct dict_avp_data data = {
		.avp_code = avps[which].code,
		.avp_vendor = avps[which].vendor,
		.avp_name = (char *)avps[which].name,
		.avp_flag_mask = AVP_FLAG_VENDOR,
		.avp_flag_val = AVP_FLAG_VENDOR | AVP_FLAG_MANDATORY,
		.avp_basetype = avps[which].type,
	};

	if (avps[which].vendor == 0)
		return -fd_dict_search(d, DICT_AVP, AVP_BY_CODE, &avps[which].code,
				       &added.avps[which], ENOENT);
	return -fd_dict_new(d, DICT_AVP, &data, NULL, &added.avps[which]);
}

static int add_rule(struct dictionary *d, struct dict_object *request, enum cx_avp which,
		    enum rule_position position, int min, int max)
{
	struct dict_rule_data data = {
		.rule_avp = added.avps[which],
		.rule_position = position,
		.rule_order = position == RULE_FIXED_HEAD,
		.rule_min = min,
		.rule_max = max,
	};

	return -fd_dict_new(d, DICT_RULE, &data, request, NULL);
}

static int add_command(struct dictionary *d, unsigned i)
{
	struct dict_cmd_data request = { commands[i].code, (char *)commands[i].request,
					 CMD_FLAG_REQUEST, CMD_FLAG_REQUEST | CMD_FLAG_PROXIABLE };
	struct dict_cmd_data answer = { commands[i].code, (char *)commands[i].answer,
					CMD_FLAG_REQUEST, CMD_FLAG_PROXIABLE };
	int rc = -fd_dict_new(d, DICT_COMMAND, &request, added.application, &added.requests[i]);

	if (rc == 0)
		rc = -fd_dict_new(d, DICT_COMMAND, &answer, added.application, NULL);
	if (rc == 0)
		rc = add_rule(d, added.requests[i], CX_AVP_SESSION_ID, RULE_FIXED_HEAD, 1, 1);
	for (size_t j = 0; rc == 0 && j < sizeof(rules) / sizeof(rules[0]); j++) {
		if (rules[j].command == 0 || rules[j].command == commands[i].code)
			rc = add_rule(d, added.requests[i], rules[j].avp,
				      rules[j].min ? RULE_REQUIRED : RULE_OPTIONAL, rules[j].min,
				      rules[j].max);
	}
	return rc;
}

int cx_dictionary_add(struct dictionary *d)
{
	int rc = add_application(d);

	for (unsigned i = 0; rc == 0 && i < CX_N_AVPS; i++)
		rc = add_avp(d, (enum cx_avp)i);
	for (unsigned i = 0; rc == 0 && i < N_COMMANDS; i++)
		rc = add_command(d, i);
	return rc;
}

struct dict_object *cx_dictionary_avp(enum cx_avp which)
{
	return added.avps[which];
}

struct dict_object *cx_dictionary_request(uint32_t command)
{
	for (unsigned i = 0; i < N_COMMANDS; i++) {
		if (commands[i].code == command)
			return added.requests[i];
	}
	return NULL;
}

struct dict_object *cx_dictionary_application(void)
{
	return added.application;
}

struct dict_object *cx_dictionary_vendor(void)
{
	return added.vendor;
}

enum cx_avp cx_dictionary_find(uint32_t vendor, uint32_t code)
{
	unsigned i = 0;

	while (i < CX_N_AVPS && (avps[i].code != code || avps[i].vendor != vendor))
		i++;
	return (enum cx_avp)i;
}
