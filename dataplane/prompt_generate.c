/* `generate …` and what its words mean. */
#include <errno.h>
#include <string.h>

#include <rte_ether.h>

#include "dataplane/number.h"
#include "dataplane/prompt_impl.h"

#define DEFAULT_IP_BYTES 128
#define DEFAULT_RATE_PPS 1000
#define STOP_MS          1000 /* a thousand turns of a worker that sleeps */

/* A station that is nobody's: locally administered. */
static const uint8_t nobody[6] = { 0x02, 0, 0, 0, 0, 0x01 };

static bool take_rate(const char *value, uint64_t *rate_pps)
{
	if (strcmp(value, "max") == 0) {
		*rate_pps = 0;
		return true;
	}
	return number_read(value, 1, 1000000000, rate_pps);
}

static bool take_mac(const char *value, uint8_t to[6])
{
	struct rte_ether_addr address;
	if (rte_ether_unformat_addr(value, &address) != 0)
		return false;
	memcpy(to, address.addr_bytes, 6);
	return true;
}

/* False: no such word, or not such a value. */
static bool take(const char *name, const char *value, struct generate_order *o)
{
	uint64_t number = 0;
	if (strcmp(name, "size") == 0) {
		bool good = number_read(value, 1, UINT16_MAX, &number);
		o->ip_bytes = (uint32_t)number;
		return good;
	}
	if (strcmp(name, "count") == 0)
		return number_read(value, 1, UINT64_MAX, &o->n_pkts);
	if (strcmp(name, "rate") == 0)
		return take_rate(value, &o->rate_pps);
	return strcmp(name, "to") == 0 && take_mac(value, o->to);
}

/* A word and what is left, or NULL. */
static char *next_word(char **rest)
{
	char *word;
	do
		word = strsep(rest, " \t\n");
	while (word && !*word);
	return word;
}

int prompt_generate_parse(char *words, struct generate_order *order, char *error,
			  size_t error_bytes)
{
	*order = (struct generate_order){ .slot = GENERATE_EVERY_SA,
					  .ip_bytes = DEFAULT_IP_BYTES,
					  .rate_pps = DEFAULT_RATE_PPS };
	memcpy(order->to, nobody, sizeof(nobody));
	char *which = next_word(&words);
	if (which && strcmp(which, "slot") == 0) {
		char *value = next_word(&words);
		uint64_t slot;
		if (!value || !number_read(value, 0, UINT32_MAX - 1, &slot)) {
			snprintf(error, error_bytes, "slot expects the number of an outbound SA");
			return -EINVAL;
		}
		order->slot = (uint32_t)slot;
	} else if (!which || strcmp(which, "all") != 0) {
		snprintf(error, error_bytes, "expected all, slot or stop");
		return -EINVAL;
	}
	for (char *name; (name = next_word(&words));) {
		char *value = next_word(&words);
		if (value && take(name, value, order))
			continue;
		snprintf(error, error_bytes,
			 "expected size BYTES, count PACKETS, rate PPS|max or to MAC");
		return -EINVAL;
	}
	return 0;
}

void prompt_generate(struct prompt *p, char *words)
{
	struct generate_order order;
	char error[128];
	uint32_t n_sas;
	if (prompt_generate_parse(words, &order, error, sizeof(error)) < 0 ||
	    generator_start(&p->generator, &order, &n_sas, error, sizeof(error)) < 0)
		prompt_fail(p, "%s", error);
	else
		fprintf(p->out, "generating for %u SA%s%s\n", n_sas, n_sas == 1 ? "" : "s",
			p->is_paused ? ", from `start` on" : "");
}

void prompt_generate_stop(struct prompt *p)
{
	generator_stop(&p->generator);
	prompt_wait_idle(p, STOP_MS);
}
