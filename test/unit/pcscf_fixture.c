#include "test/unit/pcscf_fixture.h"

#include <arpa/inet.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "configs/config.h"
#include "controlplane/loop.h"
#include "controlplane/pcscf.h"
#include "test/shim/scarce.h"
#include "test/shim/test.h"
#include "test/unit/pcscf_fixture_impl.h"
#include "test/unit/state_copy.h"

#define N_PC 4

/* Where tests take their ports, and how many each; those of other programs may be among them. */
#define FIRST_PORT 20000
#define N_PORTS    20
#define N_PLACES   1500

uint64_t now_ms;
uint16_t port_clear, port_ps, port_pc_first, port_icscf;

static struct loop *loop;
static struct config *config;
static void *pcscf;
static char directory[64];
static bool keep_next, keeps_state;
bool edge_clock_stands;

/* --- the P-CSCF --- */

/* Loopback delivers at once: three quiet rounds mean that nothing is on its way. */
void edge_turn(void)
{
	for (unsigned quiet = 0; quiet < 3; quiet++) {
		now_ms += keeps_state && !edge_clock_stands ? 2 : 0; /* the file's turn */
		scarce_on(); /* the P-CSCF's own memory, not the test's */
		if (loop_turn(loop))
			quiet = 0;
		scarce_off();
		if (played_dataplane_serve())
			quiet = 0;
	}
}

void edge_pass(uint64_t ms)
{
	uint64_t end_ms = now_ms + ms;
	while (now_ms < end_ms) {
		now_ms = now_ms + 1000 < end_ms ? now_ms + 1000 : end_ms;
		loop_fire(loop);
	}
	edge_turn();
}

static void start_role(void)
{
	int error;
	pcscf = NULL;
	loop = loop_new(10000, &now_ms);
	error = pcscf_role.start(loop, config, &pcscf);
	EXPECT_EQ(error, 0);
	if (error)
		test_give_up(); /* no claim about a P-CSCF holds without one */
	edge_turn();
}

static void stop_role(void)
{
	if (pcscf)
		pcscf_role.stop(pcscf);
	pcscf = NULL;
	loop_free(loop);
}

/* --- ports --- */

static bool is_free(int type, uint16_t port)
{
	struct sockaddr_in name = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, type, 0), reuse = 1;
	name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	/* TCP's of a test before may be in TIME_WAIT, which the P-CSCF does not mind either */
	bool is = fd >= 0 &&
		  (type == SOCK_DGRAM ||
		   setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &reuse, sizeof(reuse)) == 0) &&
		  bind(fd, (struct sockaddr *)&name, sizeof(name)) == 0;
	close(fd);
	return is;
}

/* The first of N_PORTS that nobody has, this process's own place first: tests run side by side. */
static uint16_t free_ports(void)
{
	for (unsigned place = 0; place < N_PLACES; place++) {
		unsigned base = FIRST_PORT + ((unsigned)getpid() + place) % N_PLACES * N_PORTS;
		unsigned n = 0;
		while (n < N_PORTS && is_free(SOCK_DGRAM, (uint16_t)(base + n)) &&
		       is_free(SOCK_STREAM, (uint16_t)(base + n)))
			n++;
		if (n == N_PORTS)
			return (uint16_t)base;
	}
	TEST_MESSAGE("other programs have the ports of all %d places", N_PLACES);
	test_give_up();
}

static const char template[] =
	"dataplane:\n  socket: %s/dp.sock\n  file_prefix: t\n  memory_mb: 64\n  control_core: 0\n"
	"  worker_cores: [1]\n"
	"  sa:\n    capacity: 1024\n"
	"  zones:\n    - name: access\n      network_port: net_null0\n      kernel_port: "
	"net_null1\n"
	"      mtu_bytes: 1500\n      port_ps: %u\n      port_pc_first: %u\n      n_port_pc: %u\n"
	"      port_encap: 4500\n"
	"controlplane:\n  realm: " REALM "\n  run_dir: %s\n  cx_socket: %s/cx.sock\n"
	"  state_dir: \"%s\"\n  tcp: {above_bytes: 1300}\n"
	"pcscf:\n  zone: access\n  addresses: [127.0.0.1]\n  port: %u\n"
	"  core_address: 127.0.0.1\n  core_port: %u\n  icscf: sip:127.0.0.1:%u\n"
	"  visited_network: visited.example\n  sa_profile: %s\n  indicator: \"%s\"\n"
	"  reg_event: %s\n"
	"  integrity: [hmac-sha-1-96, hmac-md5-96]\n  encryption: [\"null\"]\n%s";

static bool is_watching;

void edge_watch(bool watches)
{
	is_watching = watches;
}

void edge_start(const char *profile, const char *indicator)
{
	edge_start_with(profile, indicator, "");
}

void edge_start_with(const char *profile, const char *indicator, const char *lines)
{
	char text[4096], reason[256] = "", state[96] = "", path[96];
	edge_stop();
	uint16_t base = free_ports();
	sip_init();
	memset(&asked, 0, sizeof(asked));
	now_ms = 1000000;
	port_clear = base;
	port_ps = (uint16_t)(base + 1);
	port_icscf = (uint16_t)(base + 3);
	port_pc_first = (uint16_t)(base + 4);
	strcpy(directory, "/tmp/pcscf-test-XXXXXX");
	ASSERT_TRUE(mkdtemp(directory) != NULL);
	keeps_state = keep_next;
	keep_next = edge_clock_stands = false;
	if (keeps_state)
		snprintf(state, sizeof(state), "%s/state", directory);
	snprintf(text, sizeof(text), template, directory, port_ps, port_pc_first, N_PC, directory,
		 directory, state, port_clear, base + 2, port_icscf, profile, indicator,
		 is_watching ? "subscribe" : "none", lines);
	int error = config_parse("test", text, strlen(text), &config, reason, sizeof(reason));
	EXPECT_STREQ(reason, "");
	ASSERT_EQ(error, 0);
	played_sip_open((uint16_t)(base + 2));
	snprintf(path, sizeof(path), "%s/dp.sock", directory);
	played_dataplane_start(path);
	start_role();
	EXPECT_EQ(edge_stat("dataplane_ready"), 1);
}

void edge_restart(void)
{
	stop_role();
	start_role();
}

/* --- the state file --- */

static struct state_copy remembered;

static const char *state_directory(void)
{
	static char path[96];
	snprintf(path, sizeof(path), "%s/state", directory);
	return path;
}

void edge_keep_state(void)
{
	keep_next = true;
}

void edge_remember(void)
{
	state_copy_take(&remembered, state_directory(), "pcscf");
}

bool edge_file_has(const void *bytes, size_t n_bytes)
{
	edge_remember();
	bool has = state_copy_has(&remembered, bytes, n_bytes);
	state_copy_forget(&remembered);
	return has;
}

/* It is stopped in order, but its file is not what it leaves. */
static void crash(uint64_t ms)
{
	unsigned n_deletes = asked.n_deletes;
	stop_role();
	EXPECT_EQ(asked.n_deletes, n_deletes);
	state_copy_put(&remembered, state_directory(), "pcscf");
	now_ms += ms;
	start_role();
}

void edge_crash(uint64_t ms)
{
	if (!remembered.bytes[0])
		edge_remember();
	crash(ms);
}

void edge_lose_file(void)
{
	state_copy_forget(&remembered);
	crash(0);
}

void edge_stop(void)
{
	char path[128];
	if (!config)
		return;
	stop_role();
	config_free(config);
	config = NULL;
	played_sip_close();
	played_dataplane_stop();
	snprintf(path, sizeof(path), "%s/dp.sock", directory);
	unlink(path);
	snprintf(path, sizeof(path), "%s/pcscf.key", directory);
	unlink(path);
	if (keeps_state) {
		snprintf(path, sizeof(path), "rm -r %s", state_directory());
		EXPECT_EQ(system(path), 0);
		state_copy_forget(&remembered);
	}
	rmdir(directory);
}

long long edge_stat(const char *name)
{
	json_t *stats = pcscf_role.stats(pcscf);
	json_t *value = json_object_get(stats, name);
	EXPECT_TRUE(json_is_integer(value));
	long long number = json_integer_value(value);
	json_decref(stats);
	return number;
}
