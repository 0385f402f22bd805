#include "tools/lab.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define ATTACK_PACKETS    20
#define ATTACK_TIMEOUT_MS 10000 /* for imsgate-ue to send them, and for the counter to move */
#define SETTLING_MS       100   /* for what must not move */

/* What imsgate-ue can do, and the reason for which the data plane has to drop it. */
static const struct attack {
	const char *name;
	const char *counter;
	const char *what;
} attacks[] = {
	{ "replay", "esp_replayed", "a packet sent twice" },
	{ "bad-icv", "esp_bad_icv", "one bit of the ICV flipped" },
	{ "unknown-spi", "esp_unknown_spi", "an SPI that nobody has" },
	{ "wrong-port", "esp_wrong_port", "valid ICV, ports of another" },
	{ "clear-udp", "clear_udp_to_protected", "UDP in clear to a protected port" },
	{ "clear-tcp", "clear_tcp_to_protected", "TCP SYN in clear to a protected port" },
	{ "reflect", "esp_reflected", "the P-CSCF's own packet played back" },
	{ "late", "esp_late", "left of the replay window" },
	{ "truncated", "esp_truncated", "too short for header, trailer and ICV" },
	{ "bad-padding", "esp_bad_padding", "valid ICV, padding not 1, 2, 3 ..." },
};

static uint64_t count(const struct stats *stats, const char *name)
{
	for (unsigned i = 0; i < COUNT_N; i++)
		if (!strcmp(stats_name(i), name))
			return stats->n[i];
	return 0;
}

/* Waits until the counter has moved by n. Not moving in time is no error here: the verdict is. */
static int wait_for(struct lab *l, const char *counter, uint64_t from, uint64_t n)
{
	uint64_t deadline_ms = lab_now_ms() + ATTACK_TIMEOUT_MS;

	for (;;) {
		struct stats now;

		if (lab_stats(l, &now))
			return -1;
		if (count(&now, counter) - from >= n || lab_now_ms() > deadline_ms)
			return 0;
		if (lab_pause(l))
			return -1;
	}
}

static int settle(struct lab *l)
{
	uint64_t until_ms = lab_now_ms() + SETTLING_MS;

	while (lab_now_ms() < until_ms)
		if (lab_pause(l))
			return -1;
	return 0;
}

/* Drop counters that moved although they should not: {name: by how many}. */
static json_t *strays(const struct stats *before, const struct stats *after, const char *expected)
{
	json_t *moved = json_object();

	for (unsigned i = COUNTER_FIRST_DROP; i < COUNT_N; i++)
		if (after->n[i] != before->n[i] && strcmp(stats_name(i), expected))
			json_object_set_new(moved, stats_name(i),
					    json_integer((json_int_t)(after->n[i] - before->n[i])));
	return moved;
}

static int send_packets(struct lab *l, const struct attack *a, uint64_t *sent)
{
	char command[64];
	json_t *answer;

	snprintf(command, sizeof(command), "attack %s %d", a->name, ATTACK_PACKETS);
	if (lab_ue_ask(l, command, ATTACK_TIMEOUT_MS, &answer))
		return -1;
	*sent = (uint64_t)json_integer_value(json_object_get(answer, "sent"));
	json_decref(answer);
	return 0;
}

/* Sends, waits, and returns the row of the report; NULL after lab_fail(). */
static json_t *run_attack(struct lab *l, const struct attack *a)
{
	struct stats before, after;
	uint64_t sent, moved;
	json_t *others;
	bool held;

	if (lab_stats(l, &before) || send_packets(l, a, &sent) ||
	    wait_for(l, a->counter, count(&before, a->counter), sent) || settle(l) ||
	    lab_stats(l, &after))
		return NULL;
	moved = count(&after, a->counter) - count(&before, a->counter);
	others = strays(&before, &after, a->counter);
	held = sent == ATTACK_PACKETS && moved == sent && !json_object_size(others);
	if (!held)
		lab_fail(l,
			 "attack %s: %" PRIu64 " packets sent, %s moved by %" PRIu64
			 ", and %zu other drop counters moved",
			 a->name, sent, a->counter, moved, json_object_size(others));
	return json_pack("{s:s, s:s, s:I, s:s, s:I, s:o, s:b}", "name", a->name, "what", a->what,
			 "sent", (json_int_t)sent, "counter", a->counter, "moved",
			 (json_int_t)moved, "others", others, "held", held);
}

int lab_attack(struct lab *l)
{
	json_t *rows = json_array();

	json_object_set_new(l->report, "attacks", rows);
	for (unsigned i = 0; i < sizeof(attacks) / sizeof(*attacks); i++) {
		json_t *row = run_attack(l, &attacks[i]);

		if (!row)
			return -1;
		json_array_append_new(rows, row);
	}
	return 0;
}
