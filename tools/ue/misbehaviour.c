#include "tools/ue/misbehaviour.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

static const struct {
	const char *name, *help;
} ways[UE_N_MISBEHAVIOURS] = {
	[UE_HONEST] = { "none", "behaves" },
	[UE_WRONG_RES] = { "wrong-res",
			   "answers with a RES that is wrong in one bit, over the right SAs" },
	[UE_WRONG_MAC] = { "wrong-mac", "takes the first MAC for wrong" },
	[UE_OUT_OF_RANGE_SQN] = { "out-of-range-sqn",
				  "has seen later numbers than the HSS has made" },
	[UE_SILENT] = { "silent", "never answers a challenge" },
	[UE_WRONG_IK] = { "wrong-ik", "answers over SAs of an IK that is wrong in one bit" },
	[UE_CLEAR_RESPONSE] = { "clear-response", "answers outside of all SAs" },
	[UE_CHANGED_VERIFY] = { "changed-verify",
				"says that the P-CSCF had offered less than it did: bidding down" },
	[UE_NO_REACTION] = { "no-reaction", "answers NOTIFY, and does nothing about it" },
	[UE_NO_AGREEMENT] = { "no-agreement",
			      "offers no security agreement; in an emergency it does without" },
	[UE_TWO_VIAS] = { "two-vias", "says that somebody sent its REGISTER before" },
	[UE_FOREIGN_CONTACT] = { "foreign-contact",
				 "is to be reached at an address that is not its own" },
	[UE_FOREIGN_VIA] = { "foreign-via",
			     "says that its REGISTER comes from an address that is not its own" },
	[UE_FOREIGN_IMPU] = { "foreign-impu", "registers the next UE's identity over its own SAs" },
	[UE_CLEAR_REQUEST] = { "clear-request", "talks outside of all SAs" },
	[UE_EARLY_REQUEST] = { "early-request",
			       "talks over the SAs of a challenge instead of answering it" },
	[UE_CHANGED_PARAMETER] = { "changed-parameter",
				   "repeats the P-CSCF's list with one value changed" },
	[UE_OLDER_NONCE] = { "older-nonce",
			     "answers the challenge before, over the SAs of the one after it" },
	[UE_FOREIGN_IDENTITY] = { "foreign-identity",
				  "says that it is the next UE, and that the network says so" },
	[UE_FOREIGN_ROUTE] = { "foreign-route", "asks by way of nobody instead of its S-CSCF" },
	[UE_ENDLESS_AUTS] = { "endless-auts",
			      "has always seen later numbers than those of the last challenge" },
	[UE_SAME_PORT] = { "same-port", "offers the first port_uc again and again" },
	[UE_REORDERED_VERIFY] = { "reordered-verify",
				  "repeats the P-CSCF's list with the last one first" },
	[UE_CHANGED_CLIENT] = { "changed-client",
				"answers with another SPI in its own list than it has offered" },
	[UE_FORGED_INDICATOR] = { "forged-indicator",
				  "answers outside of all SAs, and says that it was inside" },
	[UE_MERELY_SUPPORTED] = { "merely-supported",
				  "says that it knows of agreements, not that it wants one" },
	[UE_CHANGED_ROUTE] = { "changed-route",
			       "asks inside a call by way of nobody, with the P-CSCF's true seal" },
};

const char *misbehaviour_name(unsigned i)
{
	return i < UE_N_MISBEHAVIOURS ? ways[i].name : NULL;
}

const char *misbehaviour_help(unsigned i)
{
	return i < UE_N_MISBEHAVIOURS ? ways[i].help : NULL;
}

int misbehaviour_find(const char *name)
{
	for (int i = 0; i < UE_N_MISBEHAVIOURS; i++)
		if (!strcmp(ways[i].name, name))
			return i;
	return -EINVAL;
}
