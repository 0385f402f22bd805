/*
 * Security-Client as any UE may send it: lines of a list, then the choice. What was accepted has
 * one canonical spelling, and only sane numbers are ever chosen.
 */
#include "test/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "controlplane/secagree.h"

#define ALGS                                                                                       \
	2, 2, { ALG_HMAC_SHA1_96, ALG_HMAC_MD5_96 },                                               \
	{                                                                                          \
		ALG_CIPHER_NULL, ALG_AES_CBC                                                       \
	}

static const struct secagree_policy policies[] = {
	{ SECAGREE_TRANSPORT, ALGS },
	{ SECAGREE_UDP_TUNNEL, ALGS },
};

static void check(const struct secagree_list *list)
{
	static struct secagree_list again;
	secagree_init(&again);
	if (secagree_add(&again, list->text) || strcmp(again.text, list->text) ||
	    again.n_offers != list->n_offers)
		abort();
	for (unsigned i = 0; i < 2; i++) {
		const struct secagree_offer *o = secagree_choose(list, &policies[i]);
		if (o && (o->spi_c < 256 || o->spi_s < 256 || o->spi_c == o->spi_s || !o->port_c ||
			  !o->port_s || o->port_c == o->port_s || o->mode != policies[i].mode))
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct secagree_list list;
	char *text = strndup((const char *)data, size);
	char *rest = text;
	int error = text ? 0 : -1;
	secagree_init(&list);
	while (!error && rest)
		error = secagree_add(&list, strsep(&rest, "\n"));
	if (!error)
		check(&list);
	free(text);
	return 0;
}
