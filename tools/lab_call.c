#include "tools/lab.h"

/* imsgate-ue's plans; what each is, as the report says it. */
static const struct {
	const char *plan, *what;
} plans[] = {
	{ "answered", "180, 200, ACK; the caller hangs up" },
	{ "reliable", "183, PRACK, UPDATE, 180, 200, re-INVITE; the callee hangs up" },
	{ "cancelled", "180, CANCEL, 487" },
	{ "refused", "180, 486" },
	{ "nobody", "404" },
};

static json_int_t number(const json_t *object, const char *name)
{
	return json_integer_value(json_object_get(object, name));
}

static int call_all(struct lab *l, const char *plan, const char *what)
{
	unsigned n_calls = l->options->n_ues / 2;
	unsigned timeout_ms = 60000 + l->options->n_ues * 100;
	char command[32];
	json_t *answer;

	snprintf(command, sizeof(command), "call %s", plan);
	if (lab_ue_ask(l, command, timeout_ms, &answer))
		return -1;
	json_object_set_new(answer, "what", json_string(what));
	json_array_append_new(json_object_get(l->report, "calls"), answer);
	if (number(answer, "ok") != n_calls || number(answer, "failed"))
		lab_fail(l, "%lld of %u calls went as planned: %s", (long long)number(answer, "ok"),
			 n_calls, plan);
	return 0;
}

int lab_call(struct lab *l)
{
	json_object_set_new(l->report, "calls", json_array());
	if (l->options->n_ues < 2)
		return 0;
	lab_say("calling");
	for (size_t i = 0; i < sizeof(plans) / sizeof(*plans); i++)
		if (call_all(l, plans[i].plan, plans[i].what))
			return -1;
	return 0;
}
