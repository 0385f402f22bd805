/*
 * Messages of two clients into request_handle(), with time that passes.
 *
 * An input is a row of records: one byte that says whose and what, two bytes of length (low
 * first), the bytes. A record is a message as it is, or the entries of one whose header is made
 * right, so that what lies behind the header's checks is reached. Whatever they are: every slot of
 * the table is free, reserved, live or retired, and in the end all of it can be had back.
 */
#include "test/fuzz/fuzz.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "dataplane/reload.h"
#include "dataplane/request.h"
#include "test/unit/dataplane_fixture.h"
#include "test/unit/fixture_control.h"

enum {
	N_CLIENTS = 2,
	MAX_RECORDS = 64,
	/* bits of a record's first byte */
	CLIENT = 0x01,
	RAW = 0x02,
	TIME = 0x04,
	TYPE_SHIFT = 3,
};

static struct fixture_control c;
static struct control_client client[N_CLIENTS];
static struct message reply;

static void check(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "api_fuzz: %s\n", what);
	abort();
}

static void check_slots(void)
{
	uint32_t n_live = 0, n_owned = 0;
	for (uint32_t slot = 0; slot < c.sas.capacity; slot++)
		n_live += sa_is_live(&c.sas, slot);
	check(c.sas.n_free + c.sas.n_retired + n_live <= c.sas.capacity, "a slot counts twice");
	for (uint32_t owner = 1; owner <= CONTROL_MAX_CLIENTS; owner++)
		n_owned += set_count_sas(&c.control.sets, owner);
	check(n_owned == n_live, "an SA without a set");
}

/* The request lies in a block of its size; the reply must be one. */
static void handle(struct control_client *from, const void *request, size_t n_bytes)
{
	uint8_t *exact = malloc(n_bytes ? n_bytes : 1);
	if (!exact)
		abort();
	if (n_bytes)
		memcpy(exact, request, n_bytes);
	uint32_t n = request_handle(&c.control, from, exact, n_bytes, (uint8_t *)&reply);
	free(exact);
	check(n >= sizeof(reply.header) && n <= API_MESSAGE_BYTES && n == reply.header.length_bytes,
	      "a reply of another length than it says");
	check(reply.header.status <= 0, "a reply with a status above zero");
}

/* Sizes of the entries by type, so that a record's bytes become whole entries. */
static size_t entry_bytes(unsigned type)
{
	static const size_t bytes[] = {
		[API_HELLO] = sizeof(struct api_hello),
		[API_SET_INSTALL] = sizeof(struct api_set),
		[API_SET_UPDATE] = sizeof(struct api_set_update),
		[API_SET_DELETE] = sizeof(struct api_set_id),
		[API_SET_RESTORE] = sizeof(struct api_set_restore),
		[API_SA_LIST] = sizeof(struct api_cursor),
		[API_SA_EXPORT] = sizeof(struct api_sa_id),
		[API_SPI_RESERVE] = sizeof(struct api_spi_range),
		[API_SPI_RELEASE] = sizeof(struct api_spi_range),
		[API_TUNNEL_INSTALL] = sizeof(struct api_tunnel),
		[API_TUNNEL_UPDATE] = sizeof(struct api_tunnel_update),
		[API_TUNNEL_DELETE] = sizeof(struct api_tunnel_id),
		[API_TUNNEL_LIST] = sizeof(struct api_cursor),
		[API_OWNER_LIST] = sizeof(struct api_cursor),
		[API_SET_FREEZE] = sizeof(struct api_set_id),
		[API_SET_THAW] = sizeof(struct api_set_id),
		[API_SET_EXPORT] = sizeof(struct api_set_id),
		[API_RELOAD] = sizeof(struct api_reload),
	};
	return type < sizeof(bytes) / sizeof(bytes[0]) && bytes[type] ? bytes[type] : 8;
}

static void do_record(uint8_t what, const uint8_t *data, size_t n_bytes)
{
	struct control_client *from = &client[what & CLIENT];
	if (what & TIME) {
		fixture_control_pass(&c, (uint32_t)n_bytes);
		fixture_quiesce(&c.sas);
		control_turn(&c.control, 0);
	} else if (what & RAW) {
		handle(from, data, n_bytes);
	} else {
		static struct message m;
		unsigned type = what >> TYPE_SHIFT;
		/* An entry that is cut short is filled up with zeros. */
		size_t one = entry_bytes(type), n = (n_bytes + one - 1) / one;
		static uint8_t entries[API_MESSAGE_BYTES];
		if (n == 0)
			n = 1;
		if (n * one > sizeof(m.entries))
			n = sizeof(m.entries) / one;
		memset(entries, 0, n * one);
		memcpy(entries, data, n_bytes < n * one ? n_bytes : n * one);
		message_make(&m, (uint16_t)type, entries, (uint16_t)n, one);
		handle(from, &m, m.header.length_bytes);
	}
	check_slots();
}

/* The file is one that needs a restart, so that every request has lines in its reply. */
static void open_reload(void)
{
	static const char was[] = "dataplane: {worker_cores: [1], zones: "
				  "[{name: a, network_port: net_null0, kernel_port: net_null1}]}\n";
	static const char is[] = "dataplane: {worker_cores: [2], n_mbufs: 1024, zones: "
				 "[{name: b, network_port: net_null0, kernel_port: net_null1}]}\n";
	static struct reload reload = { .control = &c.control };
	static char path[32], error[256];
	int fd = memfd_create("file", MFD_CLOEXEC);
	check(fd >= 0 && write(fd, is, sizeof(is) - 1) == sizeof(is) - 1, "no file");
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	check(config_parse("was", was, sizeof(was) - 1, &reload.started, error, sizeof(error)) == 0,
	      error);
	reload.path = path;
	reload.config = reload.started;
	c.control.reload = &reload;
}

static void start(void)
{
	static bool started;
	const char *error = NULL;
	if (!started) {
		check(fixture_control_open(&c, "", CONFIG_ORPHANS_KEEP, &error) == 0, error);
		open_reload();
		started = true;
	}
	for (unsigned i = 0; i < N_CLIENTS; i++)
		client[i] = (struct control_client){ .fd = -1 };
	/* The first says hello by itself, the second only if the input says so. */
	struct api_hello hello = { .name = "fuzz" };
	struct message m;
	message_make(&m, API_HELLO, &hello, 1, sizeof(hello));
	handle(&client[0], &m, m.header.length_bytes);
}

static void end(void)
{
	for (uint32_t owner = 1; owner <= CONTROL_MAX_CLIENTS; owner++) {
		set_delete_all(&c.control.sets, owner);
		sa_release_all(&c.sas, owner);
	}
	fixture_quiesce(&c.sas);
	sa_reclaim(&c.sas);
	check(c.sas.n_free == c.sas.capacity, "a slot is lost");
	check(c.sas.n_wide_free == c.sas.n_wide, "a wide window is lost");
	for (uint32_t i = 0; i < LOCAL_MAX; i++)
		check(c.sas.locals->n_sas[i] == 0, "a local address is held by nobody");
	for (uint32_t owner = 1; owner <= CONTROL_MAX_CLIENTS; owner++)
		check(!set_count_sas(&c.control.sets, owner) && !sa_n_reserved(&c.sas, owner),
		      "an owner has what is not there");
	memset(c.control.owner, 0, sizeof(c.control.owner));
	c.control.start_tsc = rte_rdtsc();
	c.control.sets.ticked_s = 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	start();
	for (unsigned n = 0; n < MAX_RECORDS && size >= 3; n++) {
		uint8_t what = data[0];
		size_t n_bytes = data[1] | (size_t)data[2] << 8;
		data += 3;
		size -= 3;
		if (n_bytes > size)
			n_bytes = size;
		do_record(what, data, n_bytes);
		data += what & TIME ? 0 : n_bytes;
		size -= what & TIME ? 0 : n_bytes;
	}
	end();
	return 0;
}
