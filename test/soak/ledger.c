#include "test/soak/ledger.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct ledger_entry {
	struct ledger_packet packet;
	bool seen;
};

/* Reasons of an SA that ends under its packets, by the side that they came from. */
static const struct end {
	enum counter reason;
	enum wire_side side;
} ends[] = {
	{ COUNT_esp_expired, WIRE_NETWORK },  { COUNT_esp_unknown_spi, WIRE_NETWORK },
	{ COUNT_out_expired, WIRE_KERNEL },   { COUNT_out_no_sa, WIRE_KERNEL },
	{ COUNT_out_no_tunnel, WIRE_KERNEL },
};
#define N_ENDS (sizeof(ends) / sizeof(ends[0]))

/* Numbers carry their epoch, so that a packet is not taken for one after the next checkpoint. */
#define NUMBER_BITS 20

void ledger_open(struct ledger *l)
{
	memset(l, 0, sizeof(*l));
	l->entry = calloc(LEDGER_MAX, sizeof(*l->entry));
	if (!l->entry)
		abort();
}

void ledger_close(struct ledger *l)
{
	free(l->entry);
}

void ledger_fail(struct ledger *l, const char *format, ...)
{
	va_list arguments;
	if (l->n_failed++ >= 20) /* the first ones tell */
		return;
	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	printf("\n");
}

static void count_frames(struct ledger *l, enum wire_side side, uint32_t n_frames)
{
	l->expected[side == WIRE_NETWORK ? COUNT_network_rx : COUNT_kernel_rx] += n_frames;
	if (n_frames == 1)
		return;
	l->expected[COUNT_fragment_rx] += n_frames;
	l->expected[COUNT_fragment_whole]++;
}

uint32_t ledger_enter(struct ledger *l, const struct ledger_packet *packet)
{
	if (l->n == LEDGER_MAX)
		abort();
	l->entry[l->n] = (struct ledger_entry){ .packet = *packet };
	count_frames(l, packet->side, packet->n_frames);
	if (packet->fate == FATE_DROPPED)
		l->expected[packet->reason]++;
	if (packet->fate == FATE_DELIVERED)
		l->n_due++;
	l->n_sent++;
	return l->epoch << NUMBER_BITS | l->n++;
}

void ledger_enter_drop(struct ledger *l, enum wire_side side, enum counter reason)
{
	count_frames(l, side, 1);
	l->expected[reason]++;
	l->n_sent++;
}

void ledger_see(struct ledger *l, enum wire_side side, uint32_t number)
{
	uint32_t i = number & (LEDGER_MAX - 1);
	struct ledger_entry *e = &l->entry[i];
	if (i >= l->n || (number ^ l->epoch << NUMBER_BITS) >> NUMBER_BITS ||
	    e->packet.side == side) {
		ledger_fail(l, "a packet with number %x came out, which was not sent", number);
		return;
	}
	if (e->packet.fate == FATE_DROPPED || e->seen) {
		ledger_fail(l, "%s of subject %u came out%s", e->packet.kind, e->packet.subject,
			    e->seen ? " twice" : "");
		return;
	}
	e->seen = true;
	l->n_due -= e->packet.fate == FATE_DELIVERED;
	l->n_seen++;
	l->expected[side == WIRE_NETWORK ? COUNT_network_tx : COUNT_kernel_tx]++;
	l->expected[e->packet.passed]++;
	if (e->packet.passed == COUNT_esp_rx)
		l->expected[COUNT_esp_rx_bytes] += e->packet.carried_bytes;
	if (e->packet.passed == COUNT_esp_tx)
		l->expected[COUNT_esp_tx_bytes] += e->packet.carried_bytes;
}

void ledger_settle(struct ledger *l)
{
	for (uint32_t i = 0; i < l->n; i++) {
		const struct ledger_entry *e = &l->entry[i];
		if (e->seen || e->packet.fate == FATE_DROPPED)
			continue;
		if (e->packet.fate == FATE_EITHER)
			l->n_either_lost[e->packet.side]++;
		else
			ledger_fail(l, "%s of subject %u is lost", e->packet.kind,
				    e->packet.subject);
	}
	l->n = 0;
	l->n_due = 0;
	l->epoch++;
}

/* What was counted beyond `expected`; less than that is told at once. */
static uint64_t beyond(struct ledger *l, const uint64_t counted[COUNT_N], enum counter c, bool tell,
		       bool *good)
{
	if (counted[c] >= l->expected[c])
		return counted[c] - l->expected[c];
	*good = false;
	if (tell)
		ledger_fail(l, "%s is %lu, %lu at least were sent for it", counter_name[c],
			    counted[c], l->expected[c]);
	return 0;
}

static bool is_either(enum counter c)
{
	for (unsigned i = 0; i < N_ENDS; i++)
		if (c == ends[i].reason)
			return true;
	/* Both sides'; and how often devices were asked is theirs. The bytes of what a device lost
	 * were counted when it began. */
	return c == COUNT_crypto_sa_gone || c == COUNT_crypto_device || c == COUNT_esp_tx_bytes;
}

bool ledger_is_counted(struct ledger *l, const uint64_t counted[COUNT_N], bool tell)
{
	bool good = true;
	uint64_t n_lost[WIRE_SIDES] = { 0 };
	for (enum counter c = 0; c < COUNT_N; c++) {
		if (is_either(c) || counted[c] == l->expected[c])
			continue;
		good = false;
		if (tell)
			ledger_fail(l, "%s is %lu, but %lu were sent for it", counter_name[c],
				    counted[c], l->expected[c]);
	}
	for (unsigned i = 0; i < N_ENDS; i++)
		n_lost[ends[i].side] += beyond(l, counted, ends[i].reason, tell, &good);
	uint64_t in_device = counted[COUNT_crypto_sa_gone];
	uint64_t n_either = l->n_either_lost[WIRE_NETWORK] + l->n_either_lost[WIRE_KERNEL];
	bool fits = n_lost[WIRE_NETWORK] <= l->n_either_lost[WIRE_NETWORK] &&
		    n_lost[WIRE_KERNEL] <= l->n_either_lost[WIRE_KERNEL] &&
		    n_lost[WIRE_NETWORK] + n_lost[WIRE_KERNEL] + in_device == n_either;
	if (!fits && tell)
		ledger_fail(l,
			    "of packets whose SA ended, %lu in and %lu out are missing; %lu, %lu "
			    "and %lu in devices were counted",
			    l->n_either_lost[WIRE_NETWORK], l->n_either_lost[WIRE_KERNEL],
			    n_lost[WIRE_NETWORK], n_lost[WIRE_KERNEL], in_device);
	return good && fits;
}
