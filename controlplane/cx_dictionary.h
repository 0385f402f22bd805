/*
 * What TS 29.229 adds to the dictionary of freeDiameter: the application, its commands with the
 * AVPs that a request needs, and the AVPs. Requests that break these rules are answered by
 * freeDiameter itself (RFC 6733 7.1.5); answers have no rules here, so that a bad one reaches the
 * reader, which gives it to the asker as a failure at once.
 *
 * cx_dictionary_add() once, after fd_core_initialize(); the rest from any thread after it.
 */
#ifndef CONTROLPLANE_CX_DICTIONARY_H
#define CONTROLPLANE_CX_DICTIONARY_H

#include <stdbool.h>
#include <stdint.h>

#define CX_APPLICATION 16777216 /* TS 29.229 5 */
#define CX_VENDOR      10415    /* 3GPP */

struct dict_object;
struct dictionary;

/* The AVPs that are written or read; cx_dictionary.c has their codes and names. */
enum cx_avp {
	/* RFC 6733 */
	CX_AVP_USER_NAME,
	CX_AVP_AUTH_APPLICATION_ID,
	CX_AVP_VENDOR_SPECIFIC_APPLICATION_ID,
	CX_AVP_SESSION_ID,
	CX_AVP_ORIGIN_HOST,
	CX_AVP_VENDOR_ID,
	CX_AVP_RESULT_CODE,
	CX_AVP_AUTH_SESSION_STATE,
	CX_AVP_DESTINATION_REALM,
	CX_AVP_DESTINATION_HOST,
	CX_AVP_ORIGIN_REALM,
	CX_AVP_EXPERIMENTAL_RESULT,
	CX_AVP_EXPERIMENTAL_RESULT_CODE,
	/* TS 29.229 6.3 */
	CX_AVP_VISITED_NETWORK_IDENTIFIER,
	CX_AVP_PUBLIC_IDENTITY,
	CX_AVP_SERVER_NAME,
	CX_AVP_SERVER_CAPABILITIES,
	CX_AVP_MANDATORY_CAPABILITY,
	CX_AVP_OPTIONAL_CAPABILITY,
	CX_AVP_USER_DATA,
	CX_AVP_SIP_NUMBER_AUTH_ITEMS,
	CX_AVP_SIP_AUTHENTICATION_SCHEME,
	CX_AVP_SIP_AUTHENTICATE,
	CX_AVP_SIP_AUTHORIZATION,
	CX_AVP_SIP_AUTHENTICATION_CONTEXT,
	CX_AVP_SIP_AUTH_DATA_ITEM,
	CX_AVP_SIP_ITEM_NUMBER,
	CX_AVP_SERVER_ASSIGNMENT_TYPE,
	CX_AVP_DEREGISTRATION_REASON,
	CX_AVP_REASON_CODE,
	CX_AVP_REASON_INFO,
	CX_AVP_CHARGING_INFORMATION,
	CX_AVP_USER_AUTHORIZATION_TYPE,
	CX_AVP_USER_DATA_ALREADY_AVAILABLE,
	CX_AVP_CONFIDENTIALITY_KEY,
	CX_AVP_INTEGRITY_KEY,
	CX_AVP_SUPPORTED_FEATURES,
	CX_AVP_FEATURE_LIST_ID,
	CX_AVP_FEATURE_LIST,
	CX_AVP_ORIGINATING_REQUEST,
	CX_N_AVPS,
};

/* Returns 0 or -errno. */
int cx_dictionary_add(struct dictionary *dictionary);

struct dict_object *cx_dictionary_avp(enum cx_avp which);
struct dict_object *cx_dictionary_request(uint32_t command); /* NULL: none of Cx */
struct dict_object *cx_dictionary_application(void);
struct dict_object *cx_dictionary_vendor(void);

/* Which AVP has this code and vendor (0 = RFC 6733); CX_N_AVPS: none of these. */
enum cx_avp cx_dictionary_find(uint32_t vendor, uint32_t code);

#endif
