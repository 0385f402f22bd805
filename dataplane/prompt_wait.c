/* `wait …`: makes what a script does depend on what has happened, not on when. */
#include <string.h>

#include <rte_cycles.h>
#include <rte_ethdev.h>

#include "dataplane/prompt_impl.h"

#define TIME_MAX_MS 3600000

static void begin(struct prompt *p, enum prompt_wait wait, uint64_t time_ms)
{
	if (time_ms > TIME_MAX_MS) {
		prompt_fail(p, "%d ms at most", TIME_MAX_MS);
		return;
	}
	p->wait = wait;
	p->wait_end_tsc = rte_rdtsc() + rte_get_tsc_hz() / 1000 * time_ms;
}

void prompt_wait_time(struct prompt *p, uint64_t time_ms)
{
	begin(p, PROMPT_WAIT_TIME, time_ms);
}

void prompt_wait_counter(struct prompt *p, const char *name, uint64_t n, uint64_t within_ms)
{
	for (enum counter i = 0; i < COUNT_N; i++) {
		if (strcmp(counter_name[i], name) == 0)
			p->wait_counter = i;
	}
	p->wait_n = n;
	begin(p, PROMPT_WAIT_COUNTER, within_ms);
}

void prompt_wait_link(struct prompt *p, bool is_up, uint64_t within_ms)
{
	p->wait_is_up = is_up;
	begin(p, PROMPT_WAIT_LINK, within_ms);
}

void prompt_wait_idle(struct prompt *p, uint64_t within_ms)
{
	begin(p, PROMPT_WAIT_IDLE, within_ms);
}

static bool all_links_are_up(const struct zones *z)
{
	for (uint32_t i = 0; i < z->n_ports; i++) {
		struct rte_eth_link link = { 0 };
		if (rte_eth_link_get_nowait(z->port[i].port, &link) < 0 || !link.link_status)
			return false;
	}
	return true;
}

static bool is_there(const struct prompt *p)
{
	switch (p->wait) {
	case PROMPT_WAIT_COUNTER:
		return prompt_count(p, p->wait_counter) >= p->wait_n;
	case PROMPT_WAIT_LINK:
		return all_links_are_up(p->parts.report.zones) == p->wait_is_up;
	case PROMPT_WAIT_IDLE:
		return generator_is_idle(&p->generator);
	default:
		return false;
	}
}

bool prompt_wait_is_over(struct prompt *p)
{
	if (is_there(p))
		return true;
	if (rte_rdtsc() < p->wait_end_tsc)
		return false;
	if (p->wait == PROMPT_WAIT_COUNTER)
		prompt_fail(p, "%s is %" PRIu64 ", not %" PRIu64, counter_name[p->wait_counter],
			    prompt_count(p, p->wait_counter), p->wait_n);
	else if (p->wait == PROMPT_WAIT_LINK)
		prompt_fail(p, "%s", p->wait_is_up ? "not all links are up" : "all links are up");
	else if (p->wait == PROMPT_WAIT_IDLE)
		prompt_fail(p, "packets are still being generated");
	return true;
}
