#include "controlplane/core_link.h"

#include <errno.h>
#include <string.h>

#include "configs/config.h"
#include "controlplane/log.h"
#include "controlplane/proxy.h"
#include "controlplane/tls.h"

static void set_limits(struct transport *t, const struct config_tcp *c,
		       const struct config_tls *tls)
{
	struct transport_limits limits = {
		.n_handshakes = tls ? tls->n_handshakes : 0,
		.handshake_ms = tls ? tls->handshake_s * 1000 : 0,
		.n_connections = c->n_connections,
		.n_strangers = c->n_strangers,
		.n_of_stranger = c->n_of_stranger,
		.n_halves = c->n_unfinished,
		.queue_bytes = (uint64_t)c->queue_mb << 20,
		.connect_ms = c->connect_s * 1000,
		.message_ms = c->message_s * 1000,
		.stranger_idle_ms = c->stranger_idle_s * 1000,
		.idle_ms = c->idle_s * 1000,
		.above_bytes = c->above_bytes,
	};
	transport_set_limits(t, &limits);
	const struct transport_limits *possible = transport_limits(t);
	if (possible->n_connections < c->n_connections)
		log_info("descriptors allow %u connections, and %u of strangers",
			 possible->n_connections, possible->n_strangers);
}

/* C-132. What the kernel or a gateway encrypts nobody here can see, so the operator has to say. */
static void warn(const char *role, const struct config_controlplane *c, const struct address *own)
{
	if ((!c || c->core_security == CONFIG_SECURITY_NONE) && !address_is_loopback(own))
		log_warn(
			"%s: CK and IK go to other CSCFs over SIP that nothing protects; TS 33.210 "
			"wants TLS or IPsec there (controlplane.core_security)",
			role);
}

int core_link_open(struct proxy *p, const struct config *config, const char *role,
		   const char *address, uint32_t port, struct endpoint **out)
{
	struct transport *t = proxy_transport(p);
	const struct config_controlplane *c = config->controlplane;
	enum endpoint_tcp tcp = ENDPOINT_TCP_BOTH_WAYS;
	struct address own;
	/* A configuration that was not read from a file may lack the section. */
	if (c && c->tcp.n_connections)
		set_limits(t, &c->tcp, config->tls);
	if (c && c->core_security == CONFIG_SECURITY_TLS) {
		struct tls *tls = tls_new(config->tls);
		if (!tls)
			return -EINVAL;
		transport_set_tls(t, tls);
		tcp = ENDPOINT_TLS;
	}
	int error = address_parse(address, (uint16_t)port, &own);
	if (!error)
		error = transport_listen(t, ENDPOINT_CORE, ZONE_CORE, &own, "", tcp, out);
	if (error)
		log_error("%s: cannot listen on %s port %u: %s", role, address, port,
			  strerror(-error));
	else
		warn(role, c, &own);
	return error;
}
