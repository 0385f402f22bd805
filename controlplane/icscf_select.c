#include "controlplane/icscf_select.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "configs/config.h"
#include "controlplane/cx.h"

static const char *uri_of(const struct config_icscf *c, uint32_t i)
{
	return i == 0 ? c->scscf : c->scscfs[i - 1].uri;
}

static bool has(const struct config_icscf *c, uint32_t i, uint32_t capability)
{
	for (uint32_t j = 0; i > 0 && j < c->scscfs[i - 1].n_capabilities; j++)
		if (c->scscfs[i - 1].capabilities[j] == capability)
			return true;
	return false;
}

/* How many of the optional ones; −1: a mandatory one is missing. */
static int rate(const struct config_icscf *c, uint32_t i, const struct cx_capabilities *needed)
{
	int n = 0;

	for (uint32_t j = 0; j < needed->n_mandatory; j++)
		if (!has(c, i, needed->mandatory[j]))
			return -1;
	for (uint32_t j = 0; j < needed->n_optional; j++)
		n += has(c, i, needed->optional[j]);
	return n;
}

const char *icscf_select(const struct config_icscf *c, const struct cx_capabilities *needed,
			 icscf_tried *tried)
{
	uint32_t chosen = 0;
	int best = -1;

	for (uint32_t i = 0; i <= c->n_scscfs; i++) {
		int rating = *tried >> i & 1 ? -1 : rate(c, i, needed);

		if (rating > best) {
			best = rating;
			chosen = i;
		}
	}
	if (best < 0)
		return NULL;
	*tried |= UINT32_C(1) << chosen;
	return uri_of(c, chosen);
}

void icscf_mark_tried(const struct config_icscf *c, const char *uri, icscf_tried *tried)
{
	for (uint32_t i = 0; i <= c->n_scscfs; i++)
		if (strcmp(uri_of(c, i), uri) == 0)
			*tried |= UINT32_C(1) << i;
}
