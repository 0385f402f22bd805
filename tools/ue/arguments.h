/*
 * The command line of imsgate-ue. Called once, by main().
 */
#ifndef TOOLS_UE_ARGUMENTS_H
#define TOOLS_UE_ARGUMENTS_H

#include "tools/ue/fleet.h"

struct arguments {
	struct fleet_options fleet;
	const char *pcscf, *first_address, *alg, *ealg; /* as given */
	bool interactive, help;
};

/* Returns 0, or -EINVAL after one message on stderr. With `help` nothing else is filled in. */
int arguments_read(int argc, char **argv, struct arguments *a);

void arguments_help(void);

#endif
