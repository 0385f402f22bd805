#include "tools/lab.h"

#include <string.h>

#include "tools/lab_nat.h"
#include "tools/status.h"

/* A number out of the P-CSCF's /stats; -1 after lab_fail(). */
static json_int_t pcscf_stat(struct lab *l, const char *name)
{
	char error[256];
	json_int_t value;
	json_t *stats;

	if (status_get(l->config->controlplane->run_dir, "pcscf", "/stats", &stats, error,
		       sizeof(error))) {
		lab_fail(l, "%s", error);
		return -1;
	}
	value = json_integer_value(json_object_get(stats, name));
	json_decref(stats);
	return value;
}

/* One of the P-CSCF's counters has moved by `least` at least, since it was at `before`. */
static int expect(struct lab *l, const char *name, json_int_t before, json_int_t least)
{
	json_int_t now = pcscf_stat(l, name);

	if (now < 0)
		return -1;
	json_object_set_new(json_object_get(l->report, "rebind"), name, json_integer(now - before));
	if (now - before < least)
		lab_fail(l, "%s moved by %lld, expected %lld", name, (long long)(now - before),
			 (long long)least);
	return 0;
}

static int forget(struct lab *l)
{
	int error = lab_nat_forget("nat");

	lab_say("the NAT forgets every flow");
	return error ? lab_fail(l, "the NAT does not forget: %s", strerror(-error)) : 0;
}

static int reregister(struct lab *l)
{
	unsigned timeout_ms = 30000 + l->options->n_ues * 100;
	json_int_t registered;
	json_t *answer;

	lab_say("registering again, over the SAs");
	if (lab_ue_ask(l, "reregister", timeout_ms, &answer))
		return -1;
	registered = json_integer_value(json_object_get(answer, "registered"));
	json_object_set_new(l->report, "reregister", answer);
	if (registered != l->options->n_ues)
		lab_fail(l, "%lld of %u UEs registered again", (long long)registered,
			 l->options->n_ues);
	return 0;
}

int lab_rebind(struct lab *l)
{
	json_int_t n = l->options->n_ues, rebound;

	json_object_set_new(l->report, "rebind", json_object());
	/* Ports are random: nobody keeps the one that the P-CSCF took for the most likely. */
	if (expect(l, "nat_detected", 0, n) || expect(l, "nat_learned", 0, n))
		return -1;
	rebound = pcscf_stat(l, "nat_rebound");
	if (rebound < 0 || forget(l) || lab_traffic(l, "traffic_rebound") ||
	    expect(l, "nat_rebound", rebound, n))
		return -1;
	/* The first message of a new authentication tells where the new set's packets have to go.
	 */
	if (forget(l) || reregister(l) || lab_traffic(l, "traffic_reregistered"))
		return -1;
	return expect(l, "nat_rebound", rebound, 2 * n);
}
