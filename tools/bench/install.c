#include "tools/bench/install.h"

#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <rte_cycles.h>

#include "dataplane/control.h"
#include "tools/bench/options.h"
#include "tools/bench/report.h"

enum {
	SETS_PER_MESSAGE = (API_MESSAGE_BYTES - sizeof(struct api_header)) / sizeof(struct api_set),
	SETS_PER_ROUND = 8 * SETS_PER_MESSAGE,
	FULL_PERCENT = 90,
	SOCKET_BYTES = 4 << 20,
};

/* One client of one control thread, and the numbers of the sets that it has installed. */
struct install_site {
	struct bench *bench;
	bool worker_elsewhere;
	struct control control;
	char directory[32], path[64];
	int fd;
	uint64_t oldest, next; /* registrations: sets [oldest, next) are installed */
	uint64_t random;
	uint8_t message[API_MESSAGE_BYTES];
};

static double thread_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static double cycles_of(double ns)
{
	return ns * (double)rte_get_tsc_hz() / 1e9;
}

/* xorshift64*: keys that differ, at the price of a few cycles. */
static uint64_t next_random(struct install_site *s)
{
	s->random ^= s->random >> 12;
	s->random ^= s->random << 25;
	s->random ^= s->random >> 27;
	return s->random * UINT64_C(0x2545f4914f6cdd1d);
}

/* A UE's two pairs at the ports of a P-CSCF: WIRE 7. */
static void make_set(struct install_site *s, struct api_set *set)
{
	static const uint8_t local[4] = { 192, 0, 2, 1 };
	uint32_t number = (uint32_t)s->next, peer_be = htobe32(0x0a000001u + number);
	*set = (struct api_set){
		.registration = s->next++,
		.family = API_IPV4,
		.mode = API_TRANSPORT,
		.integrity = API_HMAC_SHA1_96,
		.cipher = API_CIPHER_NULL,
		.auth_key_bytes = 20,
		.lifetime_s = 600000 + number % 1000,
		.sa = { { .direction = API_IN, .local_port = 5063, .peer_port = 40000 },
			{ .direction = API_OUT,
			  .spi = 0x10000 + 2 * number,
			  .local_port = 5063,
			  .peer_port = 40000 },
			{ .direction = API_OUT,
			  .spi = 0x10001 + 2 * number,
			  .local_port = 6000,
			  .peer_port = 40001 },
			{ .direction = API_IN, .local_port = 6000, .peer_port = 40001 } },
	};
	memcpy(set->local.bytes, local, sizeof(local));
	memcpy(set->peer.bytes, &peer_be, sizeof(peer_be));
	for (unsigned i = 0; i < 20; i += sizeof(uint32_t)) {
		uint32_t word = (uint32_t)(next_random(s) >> 32);
		memcpy(set->auth_key + i, &word, sizeof(word));
	}
}

static void make_installs(struct install_site *s, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		struct api_set set;
		make_set(s, &set);
		memcpy(s->message + sizeof(struct api_header) + i * sizeof(set), &set, sizeof(set));
	}
}

static void make_deletes(struct install_site *s, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		struct api_set_id id = { .registration = s->oldest++ };
		memcpy(s->message + sizeof(struct api_header) + i * sizeof(id), &id, sizeof(id));
	}
}

/* Sends the n entries of the message, lets control work, and looks at the answer. */
static int ask(struct install_site *s, enum api_type type, uint32_t n, size_t entry_bytes)
{
	struct api_header h = { .version = API_VERSION,
				.type = (uint16_t)type,
				.n_entries = (uint16_t)n,
				.length_bytes = (uint32_t)(sizeof(h) + n * entry_bytes),
				.cookie = 1 };
	memcpy(s->message, &h, sizeof(h));
	if (send(s->fd, s->message, h.length_bytes, 0) != (ssize_t)h.length_bytes)
		return -errno;
	control_turn(&s->control, 0);
	if (!s->worker_elsewhere) /* it is this thread, at rest */
		rte_rcu_qsbr_quiescent(s->bench->sas.rcu, 0);
	if (recv(s->fd, s->message, sizeof(s->message), 0) < (ssize_t)sizeof(h))
		return -EPROTO;
	memcpy(&h, s->message, sizeof(h));
	if (h.status)
		return h.status;
	for (uint32_t i = 0; type != API_HELLO && i < n; i++) {
		struct api_set_result result;
		memcpy(&result, s->message + sizeof(h) + i * sizeof(result), sizeof(result));
		if (result.status)
			return result.status;
	}
	return 0;
}

/* n sets in messages of at most `batch`. */
static int install(struct install_site *s, uint32_t n, uint32_t batch)
{
	int rc = 0;
	for (uint32_t now; n && rc == 0; n -= now) {
		now = n < batch ? n : batch;
		make_installs(s, now);
		rc = ask(s, API_SET_INSTALL, now, sizeof(struct api_set));
	}
	return rc;
}

static int delete (struct install_site *s, uint32_t n)
{
	int rc = 0;
	for (uint32_t now; n && rc == 0; n -= now) {
		now = n < SETS_PER_MESSAGE ? n : SETS_PER_MESSAGE;
		make_deletes(s, now);
		rc = ask(s, API_SET_DELETE, now, sizeof(struct api_set_id));
	}
	return rc;
}

static int site_open(struct install_site *s, struct bench *b)
{
	s->bench = b;
	s->fd = s->control.listener = -1;
	s->oldest = s->next = 1;
	s->random = UINT64_C(0x853c49e6748fea9b);
	strcpy(s->directory, "/tmp/imsgate-bench.XXXXXX");
	if (!mkdtemp(s->directory))
		return -errno;
	snprintf(s->path, sizeof(s->path), "%s/socket", s->directory);
	struct config_dataplane config = { .socket = s->path, .n_clients = 1, .n_zones = 1 };
	config.sa.quarantine_s = 10;
	config.sa.orphans = CONFIG_ORPHANS_DELETE;
	s->control.sas = &b->sas;
	s->control.events = b->worker->events;
	s->control.start_tsc = b->worker->start_tsc;
	char error[256];
	int rc = control_open(&s->control, &config, error, sizeof(error));
	if (rc < 0)
		return rc;
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	strcpy(address.sun_path, s->path);
	int bytes = SOCKET_BYTES;
	s->fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	if (s->fd < 0 || setsockopt(s->fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes)) < 0 ||
	    connect(s->fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	control_turn(&s->control, 0);
	struct api_hello hello = { .name = "bench" };
	memcpy(s->message + sizeof(struct api_header), &hello, sizeof(hello));
	return ask(s, API_HELLO, 1, sizeof(hello));
}

void install_site_free(struct install_site *s)
{
	if (!s)
		return;
	if (s->fd >= 0) {
		close(s->fd);
		control_turn(&s->control, 0); /* its SAs go with it */
		bench_reclaim(s->bench);
	}
	control_close(&s->control);
	rmdir(s->directory);
	free(s);
}

struct install_site *install_site_new(struct bench *b, bool worker_elsewhere)
{
	struct install_site *s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	s->worker_elsewhere = worker_elsewhere;
	if (site_open(s, b) == 0)
		return s;
	install_site_free(s);
	return NULL;
}

int install_site_fill(struct install_site *s, uint32_t n_sets)
{
	return install(s, n_sets, SETS_PER_MESSAGE);
}

int install_site_turn(struct install_site *s)
{
	int rc = delete (s, SETS_PER_MESSAGE);
	if (rc == 0)
		rc = install(s, SETS_PER_MESSAGE, SETS_PER_MESSAGE);
	return rc < 0 ? rc : SETS_PER_MESSAGE;
}

/* The sets come and go, the oldest first, at one level. */
static int churn(struct install_site *s, uint32_t n_rounds, struct bench_install_result *r)
{
	double install_ns = 0, delete_ns = 0;
	for (uint32_t i = 0; i < n_rounds; i++) {
		double began = thread_ns();
		int rc = delete (s, SETS_PER_ROUND);
		control_turn(&s->control, 0); /* what was retired last is reclaimed */
		double deleted = thread_ns();
		if (rc == 0)
			rc = install(s, SETS_PER_ROUND, SETS_PER_MESSAGE);
		if (rc < 0)
			return rc;
		delete_ns += deleted - began;
		install_ns += thread_ns() - deleted;
	}
	double n = (double)n_rounds * SETS_PER_ROUND;
	r->install_cycles = cycles_of(install_ns) / n;
	r->delete_cycles = cycles_of(delete_ns) / n;
	return 0;
}

static int measure(struct install_site *s, uint32_t n_rounds, struct bench_install_result *r)
{
	r->capacity = s->bench->sas.capacity;
	r->n_sets = (uint32_t)((uint64_t)r->capacity * FULL_PERCENT / 100 / API_SET_SAS);
	double began = thread_ns();
	int rc = install(s, r->n_sets, SETS_PER_MESSAGE);
	r->fill_cycles = cycles_of(thread_ns() - began) / r->n_sets;
	if (rc == 0)
		rc = churn(s, n_rounds, r);
	if (rc < 0)
		return rc;

	rc = delete (s, SETS_PER_ROUND);
	control_turn(&s->control, 0);
	began = thread_ns();
	if (rc == 0)
		rc = install(s, SETS_PER_ROUND, 1);
	r->install_alone = cycles_of(thread_ns() - began) / SETS_PER_ROUND;

	began = thread_ns();
	for (uint32_t i = 0; i < n_rounds * 8; i++)
		make_installs(s, SETS_PER_MESSAGE);
	r->client_cycles = cycles_of(thread_ns() - began) / n_rounds / SETS_PER_ROUND;
	return rc;
}

int bench_install(struct bench *b, uint32_t n_rounds, struct bench_install_result *result)
{
	struct install_site *s = install_site_new(b, false);
	int rc = s ? measure(s, n_rounds, result) : -EIO;
	if (rc < 0)
		fprintf(stderr, "imsgate-bench: error: SA sets through the socket: %s\n",
			strerror(-rc));
	install_site_free(s);
	return rc;
}

static void tell(struct report *report, const char *what, double cycles)
{
	double sets_per_s = (double)rte_get_tsc_hz() / cycles;
	report_say(report, "%-38s %8.0f %10.0f %10.0f\n", what, cycles, sets_per_s,
		   sets_per_s * API_SET_SAS);
	report_row(report, "install",
		   json_pack("{s:s, s:f, s:f, s:f}", "what", what, "cycles_per_set", cycles,
			     "sets_per_s", sets_per_s, "sas_per_s", sets_per_s * API_SET_SAS));
}

int install_run(struct bench_run *run)
{
	struct bench_install_result r;
	report_progress("installing SA sets through the socket");
	int rc = bench_install(run->bench, run->options->n_rounds, &r);
	report_progress(NULL);
	if (rc < 0)
		return rc;
	report_say(run->report,
		   "\nSA sets of four SAs through the socket, a table for %u SAs, %u %% of it in "
		   "use;\ncontrol and client together on one core.\n\n%-38s %8s %10s %10s\n",
		   r.capacity, FULL_PERCENT, "", "cycles", "sets/s", "SAs/s");
	tell(run->report, "install, an empty table filled", r.fill_cycles);
	tell(run->report, "install, sets that come and go", r.install_cycles);
	tell(run->report, "delete, reclaim and wiping included", r.delete_cycles);
	tell(run->report, "install, one set a message", r.install_alone);
	tell(run->report, "of these, the client making a set", r.client_cycles);
	report_target(run->report, "SAs installed through the socket, batched",
		      (double)rte_get_tsc_hz() / r.install_cycles * API_SET_SAS, true, 500000,
		      "SAs/s");
	return 0;
}
