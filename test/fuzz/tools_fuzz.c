/*
 * What other processes answer to the commands of imsgate. The first byte says who answers: the data
 * plane's socket with messages of two length bytes each (to a list or a reload), or a status socket
 * or telemetry with text.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "test/fuzz/fuzz.h"
#include "tools/dataplane.h"
#include "tools/ports.h"
#include "tools/reload_reply.h"
#include "tools/stats.h"
#include "tools/status.h"
#include "tools/table.h"

/* A peer whose answers are all there before the first question, and then the end. */
static void answer(int fd, const uint8_t *data, size_t size)
{
	while (size >= 2) {
		size_t n = data[0] << 8 | data[1];

		n = n < size - 2 ? n : size - 2;
		if (n == 0 || send(fd, data + 2, n, MSG_DONTWAIT) < 0)
			break;
		data += 2 + n;
		size -= 2 + n;
	}
	shutdown(fd, SHUT_WR);
}

static int add_row(const struct api_sa_info *sa, void *user)
{
	*(uint64_t *)user += sa->n_pkts;
	return 0;
}

static void reload(struct dataplane *d)
{
	const struct api_reload request = { 0 };
	struct dataplane_reply reply;
	struct reload_reply r;

	if (dataplane_request(d, API_RELOAD, &request, sizeof(request), 1, &reply) ||
	    reload_reply_parse(&r, &reply))
		return;
	for (unsigned i = 0; i < r.n_lines; i++)
		if (strlen(reload_reply_line(&r, i)) >= API_LINE_BYTES)
			abort();
}

static void ask(uint8_t what, const uint8_t *data, size_t size)
{
	struct dataplane d = { .message = malloc(API_MESSAGE_BYTES) };
	uint64_t sum = 0;
	int fds[2];

	if (!d.message || socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds))
		abort();
	answer(fds[1], data, size);
	d.fd = fds[0];
	if (what == 'm')
		dataplane_list(&d, 0, add_row, &sum);
	else
		reload(&d);
	dataplane_close(&d);
	close(fds[1]);
}

static void print(json_t *reply)
{
	static FILE *nowhere;
	struct stats stats;
	json_t *rows = ports_rows(reply);

	if (!nowhere)
		nowhere = fopen("/dev/null", "w");
	stats_parse(reply, &stats);
	table_print(nowhere, rows);
	table_print(nowhere, reply);
	json_decref(rows);
	json_decref(reply);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	json_t *reply;

	if (size == 0)
		return 0;
	if (data[0] == 'm' || data[0] == 'r')
		ask(data[0], data + 1, size - 1);
	else if (status_parse((const char *)data + 1, size - 1, &reply) == 0)
		print(reply);
	return 0;
}
