#include "tools/ue/fleet.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <event2/event.h>

#include "tools/ue/datagram.h"
#include "tools/ue/keylog.h"
#include "tools/ue/stream.h"

/* ---- sockets ---- */

/* A turn of the loop takes so many datagrams from a socket, then the others have theirs. */
#define DATAGRAMS_PER_TURN 64

static void receive(struct fleet *f, int fd, bool is_protected)
{
	char bytes[SIP_BYTES];
	struct datagram d;

	for (unsigned i = 0; i < DATAGRAMS_PER_TURN; i++) {
		int error = datagram_receive(fd, bytes, sizeof(bytes), &d);
		int64_t ue;

		if (error == -EAGAIN)
			return;
		ue = error ? -1 : bump_ue_of(&f->bump, &d.ue);
		if (ue < 0 || ue >= f->n_ues || !address_equal(&d.peer, &f->options.pcscf))
			f->n_not_understood++;
		else
			ue_receive(&f->ues[ue], bytes, d.bytes, is_protected, NULL);
	}
}

static void on_clear(evutil_socket_t fd, short what, void *context)
{
	receive(context, fd, false);
}

static void on_protected(evutil_socket_t fd, short what, void *context)
{
	receive(context, fd, true);
}

static int open_socket(struct fleet *f, unsigned i, uint16_t port, bool is_protected, int *fd)
{
	const struct fleet_options *o = &f->options;
	const char *device = is_protected ? o->tun : o->wire;

	*fd = datagram_open_udp(o->pcscf.family, port, device, is_protected);
	if (*fd < 0) {
		fprintf(stderr, "imsgate-ue: UDP port %u on %s: %s\n", port, device,
			strerror(-*fd));
		return *fd;
	}
	f->socket_event[i] = event_new(f->base, *fd, EV_READ | EV_PERSIST,
				       is_protected ? on_protected : on_clear, f);
	return f->socket_event[i] && !event_add(f->socket_event[i], NULL) ? 0 : -ENOMEM;
}

static int open_sockets(struct fleet *f)
{
	int error = open_socket(f, 0, UE_PORT_CLEAR, false, &f->clear_fd);

	if (!error)
		error = open_socket(f, 1, UE_PORT_US, true, &f->us_fd);
	for (unsigned i = 0; !error && i < UE_N_PORT_UC; i++)
		error = open_socket(f, 2 + i, (uint16_t)(UE_PORT_UC_FIRST + i), true, &f->uc_fd[i]);
	return error;
}

/* A UE is reached over TCP too, whatever it uses itself: RFC 3261 18. A single pair cannot. */
static int open_listener(struct fleet *f)
{
	int error = f->options.single_pair || f->options.no_tcp ? 0 : stream_listen(f);

	if (error)
		fprintf(stderr, "imsgate-ue: TCP port %u on %s: %s\n", UE_PORT_US, f->options.tun,
			strerror(-error));
	return error;
}

/* Each UE has up to three connections. */
static void allow_descriptors(void)
{
	struct rlimit files;

	if (!getrlimit(RLIMIT_NOFILE, &files)) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
}

/* ---- opening ---- */

static int read_subscribers(struct fleet *f)
{
	const struct fleet_options *o = &f->options;
	FILE *file = fopen(o->subscribers, "re");
	char error[256];
	int result;

	if (!file) {
		result = -errno;
		snprintf(error, sizeof(error), "%s: %s", o->subscribers, strerror(errno));
	} else {
		result = subscriber_read(file, o->subscribers, o->n_ues, &f->subscribers, error,
					 sizeof(error));
		fclose(file);
	}
	if (!result && f->subscribers.n < o->n_ues) {
		result = -EINVAL;
		snprintf(error, sizeof(error), "%s: %u subscribers, but %u UEs are wanted",
			 o->subscribers, f->subscribers.n, o->n_ues);
	}
	if (result)
		fprintf(stderr, "imsgate-ue: %s\n", error);
	return result;
}

static int open_keylog(struct fleet *f)
{
	if (!f->options.keylog)
		return 0;
	f->keylog = keylog_open(f->options.keylog);
	if (f->keylog)
		return 0;
	fprintf(stderr, "imsgate-ue: %s: %s\n", f->options.keylog, strerror(errno));
	return -EIO;
}

static int open_ues(struct fleet *f)
{
	uint32_t n = f->options.n_ues;

	f->milenage = milenage_new();
	f->tick = evtimer_new(f->base, run_tick, f);
	f->result.latency_us = calloc(n, sizeof(*f->result.latency_us));
	f->ues = calloc(n, sizeof(*f->ues));
	if (!f->milenage || !f->tick || !f->result.latency_us || !f->ues) {
		fprintf(stderr, "imsgate-ue: %s\n", strerror(ENOMEM));
		return -ENOMEM;
	}
	for (; f->n_ues < n; f->n_ues++)
		ue_open(&f->ues[f->n_ues], f, f->n_ues, &f->subscribers.at[f->n_ues]);
	return 0;
}

int fleet_open(struct fleet *f, const struct fleet_options *options, struct event_base *base)
{
	const struct bump_options bump = {
		.tun = options->tun,
		.wire = options->wire,
		.pcscf = options->pcscf,
		.first_ue = options->first_ue,
		.n_ues = options->n_ues,
		.nat = options->nat,
	};
	int error;

	memset(f, 0, sizeof(*f));
	f->options = *options;
	f->base = base;
	f->clear_fd = f->us_fd = f->us_listener = -1;
	f->bump.tun = f->bump.esp = f->bump.wire = f->bump.udp = -1;
	memset(f->uc_fd, -1, sizeof(f->uc_fd));
	allow_descriptors();
	error = read_subscribers(f);
	if (!error)
		error = open_keylog(f);
	if (!error)
		error = bump_open(&f->bump, &bump, base);
	if (!error)
		error = open_sockets(f);
	if (!error)
		error = open_listener(f);
	if (!error)
		error = open_ues(f);
	if (error)
		fleet_close(f);
	return error;
}

static void close_socket(struct event *event, int fd)
{
	if (event)
		event_free(event);
	if (fd >= 0)
		close(fd);
}

void fleet_close(struct fleet *f)
{
	while (f->n_ues)
		ue_close(&f->ues[--f->n_ues]);
	free(f->ues);
	free(f->result.latency_us);
	if (f->tick)
		event_free(f->tick);
	milenage_free(f->milenage);
	close_socket(f->socket_event[0], f->clear_fd);
	close_socket(f->socket_event[1], f->us_fd);
	for (unsigned i = 0; i < UE_N_PORT_UC; i++)
		close_socket(f->socket_event[2 + i], f->uc_fd[i]);
	stream_unlisten(f);
	bump_close(&f->bump);
	if (f->keylog)
		fclose(f->keylog);
	subscriber_free(&f->subscribers);
}
