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
	int rc = c->controlplane ? check_tcp(d, &c->controlplane->tcp) : 0;

	if (!rc && !c->tls && c->controlplane &&
	    c->controlplane->core_security == CONFIG_SECURITY_TLS)
		rc = document_refuse(
			d, document_find(d, "controlplane.core_security"),
			"found tls without the section tls, expected its certificates");
	if (!rc && !c->tls && c->cx && c->cx->security == CONFIG_SECURITY_TLS)
		rc = document_refuse(
			d, document_find(d, "cx.security"),
			"found tls without the section tls, expected its certificates");
	return rc;
}
