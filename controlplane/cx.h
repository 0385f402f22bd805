/*
 * The Cx interface as the CSCFs see it: TS 29.228 in plain structs, so that the HSS may be in this
 * process (cx_direct.c), behind a local socket (cx_local.c), or behind Diameter, and no caller
 * knows.
 *
 * A CSCF fills a struct cx_request and calls cx_send(); the answer comes by callback, exactly once,
 * never from within cx_send(). Both structs are valid only during the call they are given to. No
 * answer in time and no connection read as CX_UNABLE_TO_DELIVER. Answers to MAR hold keys: who
 * copies them wipes his copy, the implementations wipe theirs.
 *
 * The other way, the HSS ends a registration (RTR) and changes a profile (PPR): an S-CSCF hears of
 * it by cx_listen().
 *
 * Called and calling back on the loop's thread only. A callback's owner must outlive its answer.
 */
#ifndef CONTROLPLANE_CX_H
#define CONTROLPLANE_CX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CX_IDENTITY_BYTES   256                /* IMPI, IMPU, server name, with the NUL */
#define CX_MAX_IMPUS        16                 /* of one implicit set, and named by one RTR */
#define CX_MAX_ITEMS        16                 /* vectors in one answer */
#define CX_MAX_CAPABILITIES 16                 /* of either kind */
#define CX_RES_BYTES        16                 /* RES is 4 … 16 bytes: TS 33.102 6.3.7 */
#define CX_SCHEME_AKA       "Digest-AKAv1-MD5" /* TS 29.229 6.3.9, whatever version SIP speaks */

/* The numbers are Diameter's command codes. */
enum cx_command {
	CX_UAR = 300, /* User-Authorization: who serves this IMPU? */
	CX_SAR = 301, /* Server-Assignment: this state, please; and the profile */
	CX_LIR = 302, /* Location-Info: where does a terminating request go? */
	CX_MAR = 303, /* Multimedia-Auth: vectors */
	CX_RTR = 304, /* Registration-Termination, from the HSS: it is over */
	CX_PPR = 305, /* Push-Profile, from the HSS: another profile */
};

/* Result-Code, or with CX_EXPERIMENTAL an Experimental-Result-Code: TS 29.229 6.2. */
#define CX_EXPERIMENTAL 0x10000
enum cx_result {
	CX_SUCCESS = 2001,
	CX_UNABLE_TO_DELIVER = 3002,
	CX_TOO_BUSY = 3004,
	CX_AVP_UNSUPPORTED = 5001,
	CX_AUTHORIZATION_REJECTED = 5003,
	CX_INVALID_AVP_VALUE = 5004,
	CX_MISSING_AVP = 5005,
	CX_AVP_OCCURS_TOO_OFTEN = 5009,
	CX_UNABLE_TO_COMPLY = 5012,

	CX_FIRST_REGISTRATION = CX_EXPERIMENTAL | 2001,
	CX_SUBSEQUENT_REGISTRATION = CX_EXPERIMENTAL | 2002,
	CX_UNREGISTERED_SERVICE = CX_EXPERIMENTAL | 2003,
	CX_SERVER_NAME_NOT_STORED = CX_EXPERIMENTAL | 2004,
	CX_USER_UNKNOWN = CX_EXPERIMENTAL | 5001,
	CX_IDENTITIES_DONT_MATCH = CX_EXPERIMENTAL | 5002,
	CX_IDENTITY_NOT_REGISTERED = CX_EXPERIMENTAL | 5003,
	CX_ROAMING_NOT_ALLOWED = CX_EXPERIMENTAL | 5004,
	CX_IDENTITY_ALREADY_REGISTERED = CX_EXPERIMENTAL | 5005,
	CX_AUTH_SCHEME_NOT_SUPPORTED = CX_EXPERIMENTAL | 5006,
	CX_ERROR_IN_ASSIGNMENT_TYPE = CX_EXPERIMENTAL | 5007,
};

/* User-Authorization-Type, TS 29.229 6.3.24. */
enum cx_authorization {
	CX_AUTHORIZE_REGISTRATION = 0,
	CX_AUTHORIZE_DEREGISTRATION = 1,
	CX_AUTHORIZE_CAPABILITIES = 2, /* the S-CSCF that is named does not answer */
};

/* Server-Assignment-Type, TS 29.229 6.3.15. */
enum cx_assignment {
	CX_NO_ASSIGNMENT = 0, /* the profile only */
	CX_REGISTRATION = 1,
	CX_RE_REGISTRATION = 2,
	CX_UNREGISTERED_USER = 3,
	CX_TIMEOUT_DEREGISTRATION = 4,
	CX_USER_DEREGISTRATION = 5,
	CX_TIMEOUT_DEREGISTRATION_STORE_SERVER_NAME = 6,
	CX_USER_DEREGISTRATION_STORE_SERVER_NAME = 7,
	CX_ADMINISTRATIVE_DEREGISTRATION = 8,
	CX_AUTHENTICATION_FAILURE = 9,
	CX_AUTHENTICATION_TIMEOUT = 10,
	CX_DEREGISTRATION_TOO_MUCH_DATA = 11,
	CX_RESTORATION = 14,
};

struct cx_uar {
	char impi[CX_IDENTITY_BYTES];
	char impu[CX_IDENTITY_BYTES];
	char visited_network[CX_IDENTITY_BYTES];
	uint32_t type; /* enum cx_authorization */
};

/* What an S-CSCF must be able to do, and should: TS 29.229 6.3.4 … 6.3.6. */
struct cx_capabilities {
	uint32_t n_mandatory, n_optional;
	uint32_t mandatory[CX_MAX_CAPABILITIES];
	uint32_t optional[CX_MAX_CAPABILITIES];
};

struct cx_uaa {
	char server_name[CX_IDENTITY_BYTES]; /* "": the I-CSCF selects, by these */
	struct cx_capabilities capabilities;
};

struct cx_mar {
	char impi[CX_IDENTITY_BYTES];
	char impu[CX_IDENTITY_BYTES];
	char server_name[CX_IDENTITY_BYTES];
	char scheme[32];
	uint32_t n_items; /* SIP-Number-Auth-Items: the m of Cx-AV-Req, seed 6.1.1 */
	uint32_t resync;  /* 1: rand and auts are SIP-Authorization, TS 29.229 6.3.11 */
	uint8_t rand[16];
	uint8_t auts[14];
	uint8_t reserved[2];
};

/* SIP-Auth-Data-Item, TS 29.229 6.3.13. */
struct cx_item {
	uint32_t number; /* SIP-Item-Number: the order in which to use them */
	uint32_t res_bytes;
	uint8_t rand[16];
	uint8_t autn[16];
	uint8_t xres[CX_RES_BYTES];
	uint8_t ck[16];
	uint8_t ik[16];
};

struct cx_maa {
	uint32_t n_items; /* may differ from what was asked for */
	struct cx_item items[CX_MAX_ITEMS];
};

struct cx_sar {
	char impi[CX_IDENTITY_BYTES]; /* "": not known; of types 3 and 14 alone */
	char impu[CX_IDENTITY_BYTES];
	char server_name[CX_IDENTITY_BYTES];
	uint32_t type; /* enum cx_assignment */
};

/* What we need of User-Data: the implicit registration set, default identity first. */
struct cx_saa {
	uint32_t n_impus;
	struct cx_impu {
		char impu[CX_IDENTITY_BYTES];
		uint32_t barred; /* 1: may not be used for anything but to be registered */
	} impus[CX_MAX_IMPUS];
	char impi[CX_IDENTITY_BYTES]; /* whose they are, in an SAA; "": not said */
};

struct cx_lir {
	char impu[CX_IDENTITY_BYTES];
};

struct cx_lia {
	char server_name[CX_IDENTITY_BYTES]; /* "": the I-CSCF selects, by these */
	struct cx_capabilities capabilities;
};

/* Reason-Code, TS 29.229 6.3.17. */
enum cx_reason {
	CX_PERMANENT_TERMINATION = 0,
	CX_NEW_SERVER_ASSIGNED = 1,
	CX_SERVER_CHANGE = 2,
	CX_REMOVE_SCSCF = 3,
};

struct cx_rtr {
	char impi[CX_IDENTITY_BYTES];
	uint32_t reason;  /* enum cx_reason */
	uint32_t n_impus; /* whose sets end, each as a whole; 0: all of the IMPI */
	char impus[CX_MAX_IMPUS][CX_IDENTITY_BYTES];
};

struct cx_ppr {
	char impi[CX_IDENTITY_BYTES];
	struct cx_saa profile; /* of one set; takes the place of the old one */
};

struct cx_request {
	enum cx_command command;
	union {
		struct cx_uar uar;
		struct cx_mar mar;
		struct cx_sar sar;
		struct cx_lir lir;
		struct cx_rtr rtr;
		struct cx_ppr ppr;
	};
};

struct cx_answer {
	enum cx_command command;
	enum cx_result result; /* the union's content counts only with a 2xxx */
	union {
		struct cx_uaa uaa;
		struct cx_maa maa;
		struct cx_saa saa;
		struct cx_lia lia;
	};
};

typedef void cx_done(void *user, const struct cx_answer *answer);

/* What the HSS is told of an RTR or PPR. The request is valid during the call. */
typedef enum cx_result cx_heard(void *user, const struct cx_request *request);

/* An implementation: its own struct begins with this one. */
struct cx {
	int (*send)(struct cx *cx, const struct cx_request *request, cx_done *done, void *user);
	void (*free)(struct cx *cx); /* answers still owed are given as CX_UNABLE_TO_DELIVER */
	cx_heard *heard;             /* NULL: this one does not listen */
	void *heard_user;
};

/*
 * 0: `done` will be called. It will not after -ENOMEM, -ENOBUFS (too many are outstanding) and
 * -ENOTCONN (no HSS).
 */
int cx_send(struct cx *cx, const struct cx_request *request, cx_done *done, void *user);
void cx_free(struct cx *cx);

/* From now on `heard` answers what the HSS sends by itself. */
void cx_listen(struct cx *cx, cx_heard *heard, void *user);

/* Success of any kind: 2xxx, experimental or not. */
bool cx_succeeded(enum cx_result result);
/* Into a field of the above. Returns 0, or -EMSGSIZE: it belongs to no subscriber of ours. */
int cx_identity(char out[static CX_IDENTITY_BYTES], const char *text);
/* Whether it may come to stand in a SIP header: no control character, so no line end. */
bool cx_is_plain(const void *text, size_t n_bytes);

/*
 * Whether a struct that came from outside may be used: strings terminated, counts in their bounds,
 * flags 0 or 1, reserved bytes 0. Types and results out of their enums pass: the roles answer them.
 */
bool cx_request_is_sound(const struct cx_request *request);
bool cx_answer_is_sound(const struct cx_answer *answer);

/* Bytes of the union's member that a command's request uses; 0 = no such command. */
size_t cx_request_bytes(enum cx_command command);

/* An answer that says nothing yet: empty texts and lists. */
void cx_answer_init(struct cx_answer *answer, enum cx_command command);
void cx_answer_wipe(struct cx_answer *answer); /* the keys in it, before it is forgotten */

#endif
