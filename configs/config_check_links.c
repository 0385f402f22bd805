#include "configs/config_check.h"

#include "configs/config.h"
#include "configs/config_document.h"

static int check_tcp(struct config_document *d, const struct config_tcp *tcp)
{
	if (tcp->n_of_stranger <= tcp->n_strangers)
		return 0;
	return document_refuse(d, document_find(d, "controlplane.tcp.n_of_stranger"),
			       "found %u for n_of_stranger, expected at most n_strangers, %u",
			       tcp->n_of_stranger, tcp->n_strangers);
}

int check_links(struct config_document *d, const struct config *c)
{
	return c->controlplane ? check_tcp(d, &c->controlplane->tcp) : 0;
}
