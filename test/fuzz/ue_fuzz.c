/*
 * What a UE takes from the network, as datagrams and out of a stream. The first byte of an input
 * says what the rest is: 0 a SIP answer in the clear while the UE registers, 1 an answer out of an
 * SA, 2 anything out of an SA while it is registered, 'c' and 'd' anything for the caller or the
 * called UE of a call whose Call-ID is 1, others an IP packet with ESP. So that inputs get past
 * what cannot be guessed, "@BRANCH@" in SIP stands for the branch of the UE's request, and in ESP
 * every SPI is taken for that of the UE's SA and every ICV for good.
 */
#include "test/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "test/unit/ue_fixture.h"

#define FIRST_CALL 'c'

static struct ue_fixture x;

static size_t copy_sip(const struct ue *u, const uint8_t *data, size_t size, char *out)
{
	static const char mark[] = "@BRANCH@";
	const uint8_t *at = memmem(data, size, mark, sizeof(mark) - 1);
	size_t before = at ? (size_t)(at - data) : size, used = before;
	size_t branch = at ? strlen(u->request.branch) : 0;
	size_t after = at ? size - before - (sizeof(mark) - 1) : 0;

	if (before + branch + after > SIP_BYTES)
		return 0;
	memcpy(out, data, before);
	memcpy(out + used, u->request.branch, branch);
	used += branch;
	memcpy(out + used, data + size - after, after);
	return used + after;
}

static void on_call_done(void *context)
{
}

static void give_sip(uint8_t kind, const uint8_t *data, size_t size)
{
	struct ue *u = &x.fleet.ues[0];
	char bytes[SIP_BYTES];
	size_t n;

	if (sip_length((const char *)data, size) > (ssize_t)size)
		abort();

	ue_fixture_run(&x, UE_REGISTER);
	if (kind == 2 && !(ue_fixture_take(&x, x.clear) && ue_fixture_register(&x, 0)))
		return;
	n = copy_sip(u, data, size, bytes);
	if (n)
		ue_receive(u, bytes, n, kind != 0, NULL);
}

/* To the caller (0) or to who is called (1), in the middle of a call. */
static void give_call(unsigned to, const uint8_t *data, size_t size)
{
	struct ue *ues = x.fleet.ues;
	char bytes[SIP_BYTES];
	size_t n;

	ue_fixture_run(&x, UE_REGISTER);
	if (!ue_fixture_register(&x, 0) || !ue_fixture_register(&x, 1))
		return;
	fleet_call(&x.fleet, (enum call_plan)(size % CALL_N_PLANS), on_call_done, NULL);
	ue_fixture_step(&x);
	if (!ues[0].call)
		return;
	memcpy(ues[0].request.branch, ues[0].call->invite.branch, sizeof(ues[0].request.branch));
	strcpy(ues[0].call->call_id, "1");
	strcpy(ues[1].call->call_id, "1");
	n = copy_sip(&ues[0], data, size, bytes);
	if (n)
		ue_receive(&ues[to], bytes, n, true, NULL);
}

static void give_esp(const uint8_t *data, size_t size)
{
	static struct packet p;
	const struct address any = { .family = AF_INET };
	struct sa_table *sas = x.fleet.bump.sas;
	uint8_t auth_key[32] = { 0 }, cipher_key[32] = { 0 };
	struct sa_plan plan = {
		.spi_uc = sa_spi_take(sas),
		.spi_us = sa_spi_take(sas),
		.suite = (enum crypto_suite)(size % CRYPTO_N_SUITES),
		.auth_key = auth_key,
		.cipher_key = cipher_key,
		.salt = auth_key,
		.in_udp = size / CRYPTO_N_SUITES % 2,
	};
	struct sa_set *set = sa_set_install(sas, x.fleet.bump.crypto, &plan);
	uint32_t spi_be = __builtin_bswap32(plan.spi_us);
	struct esp_job job;

	if (size > PACKET_BYTES)
		return;
	memcpy(packet_room(&p), data, size);
	if (packet_parse(&p, packet_room(&p), size))
		return;
	p.in_udp = plan.in_udp;
	if (p.bytes - p.l4 >= 4)
		memcpy(p.ip + p.l4, &spi_be, sizeof(spi_be));
	if (esp_open(&job, &p, sas))
		return;
	job.job.status = CRYPTO_DONE;
	esp_finish(&job, &any, &any);
	sa_set_delete(sas, set);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	bool is_call = size && (data[0] == FIRST_CALL || data[0] == FIRST_CALL + 1);

	if (!size || size > SIP_BYTES || !ue_fixture_open(&x, 1 + is_call, UE_HONEST))
		return 0;
	if (data[0] <= 2)
		give_sip(data[0], data + 1, size - 1);
	else if (is_call)
		give_call(data[0] - FIRST_CALL, data + 1, size - 1);
	else
		give_esp(data + 1, size - 1);
	ue_fixture_close(&x);
	return 0;
}
