#include "controlplane/cx_status.h"

int cx_register_status(enum cx_result result)
{
	switch (result) {
	case CX_USER_UNKNOWN:
	case CX_IDENTITIES_DONT_MATCH:
	case CX_IDENTITY_NOT_REGISTERED:
	case CX_ROAMING_NOT_ALLOWED:
	case CX_AUTHORIZATION_REJECTED:
	case CX_AUTH_SCHEME_NOT_SUPPORTED:
		return 403;
	case CX_UNABLE_TO_DELIVER:
		return 504;
	default:
		return 500;
	}
}

int cx_unregistered_status(enum cx_result result)
{
	switch (result) {
	case CX_ERROR_IN_ASSIGNMENT_TYPE:
	case CX_IDENTITY_ALREADY_REGISTERED:
		return 480;
	default:
		return cx_locate_status(result);
	}
}

int cx_restoration_status(enum cx_result result)
{
	switch (result) {
	case CX_ERROR_IN_ASSIGNMENT_TYPE:
	case CX_IDENTITY_ALREADY_REGISTERED:
		return 403;
	default:
		return cx_register_status(result);
	}
}

int cx_locate_status(enum cx_result result)
{
	switch (result) {
	case CX_USER_UNKNOWN:
		return 404;
	case CX_IDENTITY_NOT_REGISTERED:
		return 480;
	case CX_UNABLE_TO_DELIVER:
		return 504;
	default:
		return 500;
	}
}
