#include "tools/ue/command.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "tools/ue/arguments.h"

#define MAX_TRAFFIC_S     86400
#define MAX_MESSAGE_BYTES 4096 /* with its headers, less than SIP_BYTES */
#define MAX_STORM_S       3600

static void answer(struct command_run *c, json_t *object)
{
	c->answered(c->context, object);
}

static void refuse(struct command_run *c, const char *why)
{
	answer(c, json_pack("{s:s, s:s}", "command", c->name, "error", why));
}

/* ---- how a run of the fleet went ---- */

/* `percent` of the registrations took no longer; nearest rank. */
static double latency_ms(const struct fleet_result *r, unsigned percent)
{
	return r->n_ok ? r->latency_us[(r->n_ok - 1) * (uint64_t)percent / 100] / 1e3 : 0;
}

static json_t *failures(const struct fleet_result *r)
{
	json_t *object = json_object();

	for (unsigned i = 0; i < r->n_reasons; i++)
		json_object_set_new(object, r->reason[i].text, json_integer(r->reason[i].n));
	return object;
}

static void on_registered(void *context)
{
	struct command_run *c = context;
	const struct fleet_result *r = &c->fleet->result;
	const char *what = !strcmp(c->name, "deregister")  ? "deregistered"
			   : !strcmp(c->name, "subscribe") ? "subscribed"
							   : "registered";

	answer(c, json_pack("{s:s, s:I, s:I, s:I, s:f, s:f, s:{s:f, s:f}, s:I, s:o}", "command",
			    c->name, "ues", (json_int_t)r->n_ues, what, (json_int_t)r->n_ok,
			    "failed", (json_int_t)r->n_failed, "seconds", r->seconds,
			    "registrations_per_s", r->seconds > 0 ? r->n_ok / r->seconds : 0.0,
			    "latency_ms", "p50", latency_ms(r, 50), "p99", latency_ms(r, 99),
			    "repeated", (json_int_t)(c->fleet->n_repeated - c->n_repeated_before),
			    "failures", failures(r)));
}

static void on_traffic(void *context)
{
	struct command_run *c = context;
	const struct fleet_result *r = &c->fleet->result;
	const struct fleet_talk *now = &c->fleet->talk, *before = &c->talk_before;

	answer(c,
	       json_pack("{s:s, s:f, s:I, s:I, s:I, s:I, s:I, s:o}", "command", c->name, "seconds",
			 r->seconds, "options_sent",
			 (json_int_t)(now->n_options_sent - before->n_options_sent), "options_ok",
			 (json_int_t)(now->n_options_ok - before->n_options_ok), "messages_sent",
			 (json_int_t)(now->n_messages_sent - before->n_messages_sent),
			 "messages_ok", (json_int_t)(now->n_messages_ok - before->n_messages_ok),
			 "messages_received",
			 (json_int_t)(now->n_messages_received - before->n_messages_received),
			 "failures", failures(r)));
}

/* ---- the commands ---- */

static bool read_number(const char *text, unsigned max, unsigned *out)
{
	char *end;
	unsigned long n = text ? strtoul(text, &end, 10) : 0;

	if (!text || *text < '0' || *text > '9' || *end || !n || n > max)
		return false;
	*out = (unsigned)n;
	return true;
}

static void start_register(struct command_run *c, char *arguments)
{
	unsigned n = UINT_MAX;

	if (arguments && !read_number(arguments, UINT_MAX, &n))
		refuse(c, "expected: register [N]");
	else
		fleet_run_some(c->fleet, UE_REGISTER, n, on_registered, c);
}

static void start_reregister(struct command_run *c, char *arguments)
{
	fleet_run(c->fleet, UE_REREGISTER, on_registered, c);
}

static void start_deregister(struct command_run *c, char *arguments)
{
	fleet_run(c->fleet, UE_DEREGISTER, on_registered, c);
}

static void start_subscribe(struct command_run *c, char *arguments)
{
	fleet_run(c->fleet, UE_SUBSCRIBE, on_registered, c);
}

static void start_storm(struct command_run *c, char *arguments)
{
	unsigned seconds;

	if (!read_number(arguments, MAX_STORM_S, &seconds))
		refuse(c, "expected: storm SECONDS");
	else
		fleet_storm(c->fleet, seconds, on_registered, c);
}

static void start_traffic(struct command_run *c, char *arguments)
{
	unsigned seconds, bytes = FLEET_MESSAGE_BYTES;

	if (!read_number(strsep(&arguments, " "), MAX_TRAFFIC_S, &seconds) ||
	    (arguments && !read_number(arguments, MAX_MESSAGE_BYTES, &bytes))) {
		refuse(c, "expected: traffic SECONDS [BYTES]");
		return;
	}
	c->talk_before = c->fleet->talk;
	fleet_traffic(c->fleet, seconds, bytes, on_traffic, c);
}

static void on_called(void *context)
{
	struct command_run *c = context;
	const struct fleet_result *r = &c->fleet->result;

	answer(c, json_pack("{s:s, s:s, s:I, s:I, s:I, s:f, s:{s:f, s:f}, s:o}", "command", c->name,
			    "plan", call_plan_name(c->fleet->plan), "calls", (json_int_t)r->n_ues,
			    "ok", (json_int_t)r->n_ok, "failed", (json_int_t)r->n_failed, "seconds",
			    r->seconds, "latency_ms", "p50", latency_ms(r, 50), "p99",
			    latency_ms(r, 99), "failures", failures(r)));
}

static void start_call(struct command_run *c, char *arguments)
{
	unsigned plan = 0;

	while (arguments && call_plan_name(plan) && strcmp(call_plan_name(plan), arguments))
		plan++;
	if (!arguments || !call_plan_name(plan))
		refuse(c, "expected: call PLAN");
	else
		fleet_call(c->fleet, (enum call_plan)plan, on_called, c);
}

static void on_attacked(void *context)
{
	struct command_run *c = context;
	const struct attack *a = &c->attack;
	json_t *object = json_pack("{s:s, s:s, s:I}", "command", c->name, "name", c->attack_name,
				   "sent", (json_int_t)a->n_sent);

	if (a->problem)
		json_object_set_new(object, "error", json_string(a->problem));
	answer(c, object);
}

static void start_attack(struct command_run *c, char *arguments)
{
	const char *name = strsep(&arguments, " ");
	unsigned n_pkts;

	if (!name || !read_number(strsep(&arguments, " "), ATTACK_MAX_PKTS, &n_pkts) || arguments) {
		refuse(c, "expected: attack NAME COUNT");
		return;
	}
	snprintf(c->attack_name, sizeof(c->attack_name), "%s", name);
	attack_start(&c->attack, c->fleet, name, n_pkts, on_attacked, c);
}

static void start_misbehave(struct command_run *c, char *arguments)
{
	const char *name = strsep(&arguments, " ");
	int how = misbehaviour_find(name ? name : "");
	unsigned n = 0;

	if (how < 0 || (arguments && !read_number(arguments, UINT_MAX, &n))) {
		refuse(c, "expected: misbehave HOW [N]");
		return;
	}
	c->fleet->options.misbehaviour = (enum ue_misbehaviour)how;
	c->fleet->options.n_misbehaving = n;
	answer(c, json_pack("{s:s, s:s}", "command", c->name, "how", name));
}

static json_t *esp_report(const struct bump *b)
{
	static const char *const name[ESP_N_VERDICTS] = {
		[ESP_MALFORMED] = "malformed",     [ESP_UNKNOWN_SPI] = "unknown_spi",
		[ESP_REPLAYED] = "replayed",       [ESP_BAD_ICV] = "bad_icv",
		[ESP_BAD_PADDING] = "bad_padding", [ESP_BAD_SELECTOR] = "bad_selector",
		[ESP_EXHAUSTED] = "exhausted",     [ESP_TOO_BIG] = "too_big",
		[ESP_FAILED] = "crypto_failed",
	};
	json_t *dropped = json_object();

	for (unsigned i = ESP_OK + 1; i < ESP_N_VERDICTS; i++)
		json_object_set_new(dropped, name[i], json_integer((json_int_t)b->n_refused[i]));
	json_object_set_new(dropped, "no_sa", json_integer((json_int_t)b->n_no_sa));
	json_object_set_new(dropped, "kernel_refused", json_integer((json_int_t)b->n_lost));
	return json_pack("{s:I, s:I, s:I, s:I, s:o}", "sent", (json_int_t)b->n_sealed, "received",
			 (json_int_t)b->n_opened, "passed_clear", (json_int_t)b->n_clear,
			 "keepalives", (json_int_t)b->n_keepalives, "dropped", dropped);
}

static json_t *own_report(const struct fleet_own *own)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "notified", (json_int_t)own->n_notified,
			 "shortened", (json_int_t)own->n_shortened, "reregistered",
			 (json_int_t)own->n_reregistered, "ended", (json_int_t)own->n_ended,
			 "registered", (json_int_t)own->n_registered, "failed",
			 (json_int_t)own->n_failed);
}

static void start_report(struct command_run *c, char *arguments)
{
	const struct fleet *f = c->fleet;

	answer(c, json_pack("{s:s, s:I, s:I, s:o, s:o, s:I, s:I, s:I}", "command", c->name, "ues",
			    (json_int_t)f->n_ues, "registered",
			    (json_int_t)fleet_count_registered(f), "network", own_report(&f->own),
			    "esp", esp_report(&f->bump), "sip_repeated", (json_int_t)f->n_repeated,
			    "sip_not_understood", (json_int_t)f->n_not_understood, "sip_unexpected",
			    (json_int_t)f->n_unexpected));
}

/* What each of them knows of its registration; `sure`: its last REGISTER was answered well. */
static void start_list(struct command_run *c, char *arguments)
{
	const struct fleet *f = c->fleet;
	json_t *list = json_array();

	for (uint32_t i = 0; i < f->n_ues; i++) {
		const struct ue *u = &f->ues[i];

		json_array_append_new(list, json_pack("{s:s, s:b, s:b}", "impi",
						      u->subscriber->impi, "registered",
						      u->current != NULL, "sure", !u->unsure));
	}
	answer(c, json_pack("{s:s, s:o}", "command", c->name, "ues", list));
}

static const struct {
	const char *name;
	void (*start)(struct command_run *c, char *arguments);
	bool has_arguments;
} commands[] = {
	{ "register", start_register, true },
	{ "reregister", start_reregister, false },
	{ "deregister", start_deregister, false },
	{ "subscribe", start_subscribe, false },
	{ "storm", start_storm, true },
	{ "traffic", start_traffic, true },
	{ "call", start_call, true },
	{ "attack", start_attack, true },
	{ "misbehave", start_misbehave, true },
	{ "report", start_report, false },
	{ "list", start_list, false },
};

void command_start(struct command_run *c, char *line)
{
	const char *name = strsep(&line, " ");

	snprintf(c->name, sizeof(c->name), "%s", name);
	c->n_repeated_before = c->fleet->n_repeated;
	for (unsigned i = 0; i < sizeof(commands) / sizeof(*commands); i++) {
		if (strcmp(name, commands[i].name))
			continue;
		if (line && !commands[i].has_arguments)
			refuse(c, "takes no argument");
		else
			commands[i].start(c, line);
		return;
	}
	refuse(c, "unknown command");
}
