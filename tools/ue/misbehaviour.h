/*
 * The ways in which a UE can be wrong: one at a time, asked for by name, with ue_does() where it
 * makes a difference. What each does is said in misbehaviour.c. Any thread.
 */
#ifndef TOOLS_UE_MISBEHAVIOUR_H
#define TOOLS_UE_MISBEHAVIOUR_H

enum ue_misbehaviour {
	UE_HONEST,
	UE_WRONG_RES,
	UE_WRONG_MAC,
	UE_OUT_OF_RANGE_SQN,
	UE_SILENT,
	UE_WRONG_IK,
	UE_CLEAR_RESPONSE,
	UE_CHANGED_VERIFY,
	UE_NO_REACTION,
	UE_NO_AGREEMENT,
	UE_TWO_VIAS,
	UE_FOREIGN_CONTACT,
	UE_FOREIGN_VIA,
	UE_FOREIGN_IMPU,
	UE_CLEAR_REQUEST,
	UE_EARLY_REQUEST,
	UE_CHANGED_PARAMETER,
	UE_OLDER_NONCE,
	UE_FOREIGN_IDENTITY,
	UE_FOREIGN_ROUTE,
	UE_ENDLESS_AUTS,
	UE_SAME_PORT,
	UE_REORDERED_VERIFY,
	UE_CHANGED_CLIENT,
	UE_FORGED_INDICATOR,
	UE_MERELY_SUPPORTED,
	UE_CHANGED_ROUTE,
	UE_N_MISBEHAVIOURS,
};

/* The one of that name. Returns it, or -EINVAL. */
int misbehaviour_find(const char *name);

/* Of all of them, from 0 on; NULL: there are no more. */
const char *misbehaviour_name(unsigned i);
const char *misbehaviour_help(unsigned i);

#endif
