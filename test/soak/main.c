#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "test/soak/soak.h"

enum {
	PACKETS_A_STEP = 96,
	CHECKPOINT_S = 5,
	STEPS_A_CHECKPOINT = 8000, /* what the ledger has room for, and some */
	SETTLE_S = 10, /* what is slow, as fragments that time out, is counted by then */
	CLOSING_S = 30,
	MAX_GROWTH_KB = 4096, /* what the allocators keep is not the same each time */
};

static struct {
	const char *interface[WIRE_SIDES], *socket, *file_prefix;
	uint32_t n_subjects, seconds;
	uint64_t seed;
	long pid;
	bool with_devices;
} options = { .n_subjects = 1000, .seconds = 10 };

double soak_now_s(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

uint32_t soak_below(struct soak *s, uint32_t n)
{
	return (uint32_t)test_rng_below(&s->rng, n);
}

void soak_require(bool done, const char *what)
{
	if (done)
		return;
	fprintf(stderr, "soak: %s\n", what);
	exit(2);
}

/* ---- what the data plane says of itself ---- */

static json_t *ask(struct soak *s, const char *command)
{
	json_t *answer;
	soak_require(telemetry_get(&s->telemetry, command, &answer) == 0, s->telemetry.error);
	return answer;
}

static void read_counters(struct soak *s, uint64_t counted[COUNT_N])
{
	json_t *stats = ask(s, "/imsgate/stats");
	for (enum counter c = 0; c < COUNT_N; c++)
		counted[c] = (uint64_t)json_integer_value(json_object_get(stats, counter_name[c]));
	json_decref(stats);
}

/* What must come back to the same. */
struct holdings {
	int64_t n_free_sas, n_free_buffers;
	long resident_kb;
};

static int64_t number_of(struct soak *s, const char *command, const char *name)
{
	json_t *answer = ask(s, command), *value = json_object_get(answer, name);
	soak_require(json_is_integer(value), name);
	int64_t n = json_integer_value(value);
	json_decref(answer);
	return n;
}

static long resident_kb(void)
{
	char path[64], line[256];
	long kb = -1;
	snprintf(path, sizeof(path), "/proc/%ld/status", options.pid);
	FILE *file = fopen(path, "r");
	soak_require(file != NULL, path);
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "VmRSS: %ld", &kb) == 1)
			break;
	fclose(file);
	return kb;
}

static struct holdings hold(struct soak *s)
{
	return (struct holdings){
		.n_free_sas = number_of(s, "/imsgate/sa", "free"),
		.n_free_buffers = number_of(s, "/imsgate/buffers", "packets_free") +
				  number_of(s, "/imsgate/buffers", "datagrams_free"),
		.resident_kb = resident_kb(),
	};
}

/* ---- the way of it ---- */

static void step(struct soak *s)
{
	s->step++;
	life_choose(s);
	for (uint32_t i = 0; i < PACKETS_A_STEP; i++)
		traffic_send(s, &s->subject[soak_below(s, s->n_subjects)]);
	life_change(s);
	traffic_drain(s);
}

/* Everything sent is accounted for; false: it is not, and was told. */
static bool checkpoint(struct soak *s)
{
	uint64_t counted[COUNT_N];
	double end_s = soak_now_s() + SETTLE_S;
	bool good;
	do {
		traffic_drain(s);
		read_counters(s, counted);
		good = s->ledger.n_due == 0 &&
		       counted[COUNT_network_rx] + counted[COUNT_kernel_rx] >=
			       s->ledger.expected[COUNT_network_rx] +
				       s->ledger.expected[COUNT_kernel_rx];
		usleep(20000);
	} while (!good && soak_now_s() < end_s);
	ledger_settle(&s->ledger);
	do {
		read_counters(s, counted);
		good = ledger_is_counted(&s->ledger, counted, false);
		usleep(good ? 0 : 20000);
	} while (!good && soak_now_s() < end_s);
	if (!good)
		ledger_is_counted(&s->ledger, counted, true);
	life_check_list(s);
	return s->ledger.n_failed == 0;
}

static bool run(struct soak *s, uint32_t seconds)
{
	double end_s = soak_now_s() + seconds;
	while (soak_now_s() < end_s) {
		double next_s = soak_now_s() + CHECKPOINT_S;
		for (uint32_t i = 0;
		     i < STEPS_A_CHECKPOINT && soak_now_s() < next_s && soak_now_s() < end_s; i++)
			step(s);
		if (!checkpoint(s))
			return false;
	}
	return true;
}

/* Nobody comes any more; all end in their way. */
static bool close_down(struct soak *s)
{
	double end_s = soak_now_s() + CLOSING_S;
	bool any = true;
	s->closing = true;
	while (any && soak_now_s() < end_s) {
		step(s);
		usleep(10000);
		any = false;
		for (uint32_t i = 0; i < s->n_subjects; i++)
			any |= s->subject[i].state == SUBJECT_ENDING ||
			       (s->subject[i].state == SUBJECT_ALIVE && s->subject[i].until_s > 0);
	}
	bool good = checkpoint(s);
	life_end(s);
	return good;
}

static void claim(bool holds, const char *what)
{
	printf("%s %s\n", holds ? "ok" : "FAILED", what);
}

/* Slots are free again after a grace period of the workers. */
static struct holdings hold_again(struct soak *s, const struct holdings *before)
{
	double end_s = soak_now_s() + SETTLE_S;
	struct holdings h;
	do {
		usleep(50000);
		h = hold(s);
	} while ((h.n_free_sas != before->n_free_sas ||
		  h.n_free_buffers != before->n_free_buffers) &&
		 soak_now_s() < end_s);
	return h;
}

static void tell(struct soak *s)
{
	uint64_t counted[COUNT_N];
	read_counters(s, counted);
	printf("%lu packets, %lu of them came out, in %u steps; %lu were in crypto devices\n",
	       s->ledger.n_sent, s->ledger.n_seen, s->step, counted[COUNT_crypto_device]);
	for (enum life_change c = 0; c < LIFE_CHANGES; c++)
		printf("%s %u%s", life_name[c], s->n_changes[c],
		       c + 1 < LIFE_CHANGES ? ", " : "\n");
	for (enum counter c = COUNTER_FIRST_DROP; c < COUNT_N; c++)
		if (counted[c])
			printf("%s %lu\n", counter_name[c], counted[c]);
	if (options.with_devices)
		claim(counted[COUNT_crypto_device] > 0, "soak: crypto devices had their part");
}

static int soak(struct soak *s)
{
	struct holdings before = hold(s);
	/* Warm: every slot and buffer has been used. Then memory stays. */
	bool good = run(s, options.seconds / 3 + 1);
	long warm_kb = resident_kb();
	good = good && run(s, options.seconds - options.seconds / 3);
	long end_kb = resident_kb();
	good = close_down(s) && good;
	struct holdings after = hold_again(s, &before);
	tell(s);
	printf("resident: %ld kB before, %ld warm, %ld in the end\n", before.resident_kb, warm_kb,
	       end_kb);
	printf("free SAs %ld and %ld, packet buffers %ld and %ld\n", before.n_free_sas,
	       after.n_free_sas, before.n_free_buffers, after.n_free_buffers);
	claim(good && s->ledger.n_failed == 0, "soak: every packet is accounted for");
	claim(after.n_free_sas == before.n_free_sas, "soak: every SA is free again");
	claim(after.n_free_buffers == before.n_free_buffers,
	      "soak: every packet buffer is free again");
	claim(end_kb <= warm_kb + MAX_GROWTH_KB, "soak: memory does not grow");
	return s->ledger.n_failed || !good;
}

static bool parse_options(int argc, char **argv)
{
	static const struct option known[] = {
		{ "network", 1, NULL, 'n' }, { "kernel", 1, NULL, 'k' },
		{ "socket", 1, NULL, 's' },  { "file-prefix", 1, NULL, 'f' },
		{ "pid", 1, NULL, 'p' },     { "subjects", 1, NULL, 'u' },
		{ "seconds", 1, NULL, 't' }, { "seed", 1, NULL, 'r' },
		{ "devices", 0, NULL, 'd' }, { 0 },
	};
	for (int option; (option = getopt_long(argc, argv, "", known, NULL)) != -1;) {
		switch (option) {
		case 'n':
			options.interface[WIRE_NETWORK] = optarg;
			break;
		case 'k':
			options.interface[WIRE_KERNEL] = optarg;
			break;
		case 's':
			options.socket = optarg;
			break;
		case 'f':
			options.file_prefix = optarg;
			break;
		case 'p':
			options.pid = atol(optarg);
			break;
		case 'u':
			options.n_subjects = (uint32_t)atol(optarg);
			break;
		case 't':
			options.seconds = (uint32_t)atol(optarg);
			break;
		case 'r':
			options.seed = strtoull(optarg, NULL, 0);
			break;
		case 'd':
			options.with_devices = true;
			break;
		default:
			return false;
		}
	}
	return options.interface[0] && options.interface[1] && options.socket &&
	       options.file_prefix && options.pid && options.n_subjects;
}

int main(int argc, char **argv)
{
	static struct soak s;
	setvbuf(stdout, NULL, _IOLBF, 0);
	soak_require(parse_options(argc, argv),
		     "--network NETNS/NAME --kernel NETNS/NAME --socket PATH --file-prefix NAME "
		     "--pid N [--subjects N] [--seconds N] [--seed N] [--devices]");
	s.rng.state = options.seed;
	s.n_subjects = options.n_subjects;
	s.subject = calloc(s.n_subjects, sizeof(*s.subject));
	soak_require(s.subject != NULL, "no memory");
	for (uint32_t i = 0; i < s.n_subjects; i++)
		subject_init(&s.subject[i], i);
	ledger_open(&s.ledger);
	wire_open(&s.wire, options.interface);
	soak_require(dataplane_open(&s.dataplane, options.socket, "soak") == 0, s.dataplane.error);
	soak_require(telemetry_open(&s.telemetry, options.file_prefix) == 0, s.telemetry.error);
	int rc = soak(&s);
	telemetry_close(&s.telemetry);
	dataplane_close(&s.dataplane);
	wire_close(&s.wire);
	ledger_close(&s.ledger);
	free(s.subject);
	return rc;
}
