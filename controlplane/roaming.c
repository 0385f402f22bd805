#include "controlplane/roaming.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static int compare(const void *a, const void *b)
{
	return strcasecmp(*(const char *const *)a, *(const char *const *)b);
}

int roaming_init(struct roaming *r, char *const *networks, uint32_t n_networks)
{
	*r = (struct roaming){ 0 };
	if (n_networks == 0)
		return 0;
	r->networks = malloc(n_networks * sizeof(*r->networks));
	if (r->networks == NULL)
		return -ENOMEM;
	memcpy(r->networks, networks, n_networks * sizeof(*r->networks));
	r->n_networks = n_networks;
	qsort(r->networks, n_networks, sizeof(*r->networks), compare);
	return 0;
}

void roaming_clear(struct roaming *r)
{
	free(r->networks);
	*r = (struct roaming){ 0 };
}

bool roaming_allows(const struct roaming *r, const char *network)
{
	return r->networks == NULL ||
	       bsearch(&network, r->networks, r->n_networks, sizeof(*r->networks), compare) != NULL;
}
