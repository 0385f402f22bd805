/*
 * Connections that peers open: SIP over TCP and TLS.
 */
#include <errno.h>
#include <event2/event.h>
#include <sys/socket.h>
#include <unistd.h>

#include "controlplane/log.h"
#include "controlplane/transport_impl.h"

#define BACKLOG 1024
#define ACCEPTS 64 /* per wake-up */

/* Without a descriptor to spare the listeners would wake us again and again. */
static void pause_all(struct transport *t)
{
	log_warn("no descriptors left for SIP over TCP");
	for (unsigned i = 0; i < t->n_endpoints; i++)
		if (t->endpoints[i]->acceptable)
			event_del(t->endpoints[i]->acceptable);
	t->is_paused = true;
	if (!timer_is_set(&t->tick))
		timer_set(t->loop, &t->tick, 1000);
}

static void take_connection(struct endpoint *e, int fd, const struct sockaddr_storage *name)
{
	struct transport *t = e->transport;
	struct address peer;
	if (address_from_sockaddr(name, &peer) || !stream_make_room(e, &peer, true)) {
		close(fd);
		return;
	}
	t->counters.tcp_accepted += stream_new(e, &peer, fd, true) != NULL;
}

static void on_acceptable(evutil_socket_t listener, short what, void *user)
{
	struct endpoint *e = user;
	for (unsigned i = 0; i < ACCEPTS; i++) {
		struct sockaddr_storage name;
		socklen_t n = sizeof(name);
		int fd = accept4(listener, (struct sockaddr *)&name, &n,
				 SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd >= 0) {
			take_connection(e, fd, &name);
		} else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM) {
			if (!stream_crowd_out(e->transport))
				pause_all(e->transport);
			return;
		} else if (errno != ECONNABORTED && errno != EINTR) {
			return;
		}
	}
}

int stream_listen(struct endpoint *e)
{
	struct sockaddr_storage name;
	socklen_t n_name = address_to_sockaddr(&e->local, &name);
	e->tcp_fd = socket(name.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (e->tcp_fd < 0)
		return -errno;
	int error = transport_prepare_socket(e, e->tcp_fd);
	if (error)
		return error;
	if (bind(e->tcp_fd, (struct sockaddr *)&name, n_name) < 0 || listen(e->tcp_fd, BACKLOG) < 0)
		return -errno;
	e->acceptable = event_new(loop_base(e->transport->loop), e->tcp_fd, EV_READ | EV_PERSIST,
				  on_acceptable, e);
	return e->acceptable && !event_add(e->acceptable, NULL) ? 0 : -ENOMEM;
}
