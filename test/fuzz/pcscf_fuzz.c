/*
 * Whole messages through a P-CSCF with one registered UE, as datagrams and as a stream: from a
 * stranger in the clear, from the UE over its SAs, and from the core. Afterwards the P-CSCF still
 * serves: no transaction outlives its time, and the UE registers anew.
 *
 * The first byte says from where: 0 the clear, 1 port_uc, 2 the core, 3 a connection in the clear.
 * The rest is the message. What has no such byte, as the seeds, comes from each in turn.
 */
#include "test/fuzz/fuzz.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "test/shim/test.h"
#include "test/unit/pcscf_fixture.h"

#define MAX_BYTES    8192
#define N_ROUNDS     500    /* inputs to one P-CSCF; then it has to be as it was */
#define FORGOTTEN_MS 400000 /* longer than all transactions, temporary sets and timer C */

static struct ue_sim ue;
static unsigned n_inputs;

static void send_datagram(int fd, uint16_t port, const uint8_t *data, size_t size)
{
	struct sockaddr_in name = { .sin_family = AF_INET, .sin_port = htons(port) };
	inet_pton(AF_INET, "127.0.0.1", &name.sin_addr);
	sendto(fd, data, size, MSG_DONTWAIT, (struct sockaddr *)&name, sizeof(name));
	edge_turn();
}

static void send_stream(const uint8_t *data, size_t size)
{
	struct sockaddr_in name = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct linger reset = { .l_onoff = 1 }; /* no TIME_WAIT for each input */
	inet_pton(AF_INET, ue.host, &name.sin_addr);
	if (bind(fd, (struct sockaddr *)&name, sizeof(name)))
		abort();
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	name.sin_port = htons(port_clear);
	inet_pton(AF_INET, "127.0.0.1", &name.sin_addr);
	if (connect(fd, (struct sockaddr *)&name, sizeof(name)))
		abort();
	edge_turn();
	send(fd, data, size / 2, MSG_NOSIGNAL);
	edge_turn();
	send(fd, data + size / 2, size - size / 2, MSG_NOSIGNAL);
	edge_turn();
	close(fd);
	edge_turn();
}

/* What the P-CSCF sent is SIP, and without keys: both receivers check it, and stop at what is not.
 */
static void expect_sound(void)
{
	struct sip *s;
	while ((s = core_receive()))
		sip_free(s);
	while (ue_status(ue.clear) || ue_status(ue.us_fd) || ue_status(ue.uc_fd))
		;
	if (test_has_failed())
		abort();
}

static void begin(void)
{
	edge_start("two-pairs", "no");
	ue_open(&ue, 2, 14001, 14002);
	ue_attach(&ue);
	expect_sound();
}

/* Whatever came, time heals: nothing is left but the UE's own set, and it registers anew. */
static void end(void)
{
	edge_pass(FORGOTTEN_MS);
	expect_sound();
	if (edge_stat("txn") || edge_stat("tcp_connections") || edge_stat("sets_temporary") ||
	    edge_stat("ues") > 1)
		abort();
	ue_renew(&ue, 14003);
	ue_attach(&ue);
	expect_sound();
	edge_stop();
}

static void send_from(unsigned where, const uint8_t *data, size_t size)
{
	switch (where) {
	case 0:
		send_datagram(ue.clear, port_clear, data, size);
		break;
	case 1:
		send_datagram(ue.uc_fd, port_ps, data, size);
		break;
	case 2:
		core_send_bytes(data, size);
		break;
	default:
		send_stream(data, size);
	}
	expect_sound();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (n_inputs == 0)
		begin();
	/* Keys that the input itself brings are no secret, and come back with the headers they are
	 * in. */
	if (size > MAX_BYTES || memmem(data, size, IK, 32) || memmem(data, size, CK, 32))
		return 0;
	if (size && data[0] < 4)
		send_from(data[0], data + 1, size - 1);
	else
		send_from(n_inputs % 4, data, size);
	if (++n_inputs % N_ROUNDS == 0) {
		end();
		n_inputs = 0;
	}
	return 0;
}
