#include "tools/lab.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/lab_config.h"
#include "tools/lab_net.h"

static int set_value(struct lab *l, const char *key, const char *value)
{
	int error = lab_config_set(&l->config_text, key, value);

	if (error == -ENOENT || error == -EEXIST)
		return lab_fail(l, "%s: the key \"%s\" must stand there exactly once",
				l->options->config, key);
	return error ? lab_fail(l, "%s", strerror(-error)) : 0;
}

static int set_option(struct lab *l, const char *option)
{
	char key[64];
	size_t bytes = strcspn(option, "=");

	if (!option[bytes] || bytes >= sizeof(key))
		return lab_fail(l, "--set %s: expected KEY=VALUE", option);
	snprintf(key, sizeof(key), "%.*s", (int)bytes, option);
	return set_value(l, key, option + bytes + 1);
}

/*
 * Of the CPUs that this process may use, the first is the control thread's and the workers have
 * the next ones; the last of as many workers as there are CPUs shares the first, which is well as
 * long as idle workers sleep.
 */
static int set_cores(struct lab *l)
{
	unsigned cores[LAB_MAX_WORKERS + 1], n = 0, n_workers = l->options->n_workers;
	char value[8 * LAB_MAX_WORKERS];
	cpu_set_t allowed;
	int bytes;

	if (sched_getaffinity(0, sizeof(allowed), &allowed))
		return lab_fail(l, "CPU affinity: %s", strerror(errno));
	for (unsigned i = 0; i < CPU_SETSIZE && n <= n_workers; i++)
		if (CPU_ISSET(i, &allowed))
			cores[n++] = i;
	if (n < 2 || n < n_workers)
		return lab_fail(l, "the lab needs two CPUs, and one for each worker");
	snprintf(value, sizeof(value), "%u", cores[0]);
	if (set_value(l, "control_core", value))
		return -1;
	bytes = snprintf(value, sizeof(value), "[%u", cores[1]);
	for (unsigned i = 1; i < n_workers; i++)
		bytes += snprintf(value + bytes, sizeof(value) - (size_t)bytes, ", %u",
				  cores[(i + 1) % n]);
	snprintf(value + bytes, sizeof(value) - (size_t)bytes, "]");
	return set_value(l, "worker_cores", value);
}

/* What the run needs of the configuration beyond what every deployment does. */
static int check(struct lab *l)
{
	const struct config *c = l->config;
	unsigned n_sas = l->options->n_ues * lab_sas_per_ue(l);

	if (!c->dataplane || !c->controlplane || !c->pcscf || !c->icscf || !c->scscf || !c->hss)
		return lab_fail(l, "%s: the lab needs the data plane and all four roles",
				l->options->config);
	if (n_sas > c->dataplane->sa.capacity)
		return lab_fail(l, "%u UEs need %u SAs: --set capacity=N, a power of two above it",
				l->options->n_ues, n_sas);
	return 0;
}

/*
 * A node's file: that of the lab, its certificate, and with a peer who it is on Diameter; "" waits
 * for the peer.
 */
static int write_node(struct lab *l, const char *path, const char *name, const char *address,
		      const char *peer, const char *peer_address)
{
	const struct lab_options *o = l->options;
	char tls[256] = "", cx[1024] = "", *text;
	int error;

	if (o->tls)
		snprintf(tls, sizeof(tls),
			 "\ntls: {certificate: %1$s/%2$s.pem, key: %1$s/%2$s.key, authorities: "
			 "%1$s/authority.pem}\n",
			 LAB_DIRECTORY, name);
	if (o->diameter && peer) {
		const char *realm = l->config->controlplane->realm;

		snprintf(cx, sizeof(cx),
			 "\ncx: {transport: diameter, security: %s, identity: %s.%s, address: %s,\n"
			 "  peers: [{identity: %s.%s, address: \"%s\"}]}\n",
			 o->tls ? "tls" : "protected", name, realm, address, peer, realm,
			 peer_address);
	}
	if (asprintf(&text, "%s%s%s", l->config_text, tls, cx) < 0)
		return lab_fail(l, "no memory");
	error = lab_config_write(path, text);
	free(text);
	return error ? lab_fail(l, "%s: %s", path, strerror(-error)) : 0;
}

/* The HSS waits for the CSCFs. */
static int write_nodes(struct lab *l)
{
	if (l->options->diameter && l->config->cx)
		return lab_fail(l, "--diameter: %s has a section cx", l->options->config);
	if (write_node(l, LAB_HSS_CONFIG, "hss", LAB_NET_HSS, "cscf", ""))
		return -1;
	return write_node(l, LAB_CSCF_CONFIG, "cscf", LAB_NET_CSCF, "hss", LAB_NET_HSS);
}

/* The variant of the configuration that the options ask for. Everything else is as the file says.
 */
int lab_configure(struct lab *l)
{
	const struct lab_options *o = l->options;
	char error[512], value[64];

	if (set_value(l, "sa_profile", o->single_pair ? "single-pair" : "two-pairs"))
		return -1;
	snprintf(value, sizeof(value), "[\"%s\"]", o->alg);
	if (set_value(l, "integrity", value))
		return -1;
	snprintf(value, sizeof(value), "[\"%s\"]", o->ealg);
	if (set_value(l, "encryption", value))
		return -1;
	if (o->nat && (set_value(l, "nat", "UDP-enc-tun") || set_value(l, "reauth_every", "1")))
		return -1;
	if (set_cores(l))
		return -1;
	for (unsigned i = 0; i < o->n_sets; i++)
		if (set_option(l, o->set[i]))
			return -1;
	if (o->tls && set_value(l, "core_security", "tls"))
		return -1;
	if (write_node(l, LAB_CONFIG, "pcscf", NULL, NULL, NULL))
		return -1;
	if (config_load(LAB_CONFIG, &l->config, error, sizeof(error)))
		return lab_fail(l, "%s", error);
	if (o->tls && lab_certificates(l, l->config->controlplane->realm))
		return -1;
	return check(l) ? -1 : write_nodes(l);
}
