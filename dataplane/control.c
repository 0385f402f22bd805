#include "dataplane/control.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "crypto/wipe.h"
#include "dataplane/clock.h"
#include "dataplane/inline_sa.h"
#include "dataplane/prompt.h"
#include "dataplane/request.h"

static void client_close(struct control *c, struct control_client *client)
{
	close(client->fd);
	client->fd = -1;
	if (client->owner) {
		struct control_owner *owner = &c->owner[client->owner];
		if (--owner->n_connections == 0 && c->orphans == CONFIG_ORPHANS_DELETE) {
			set_delete_all(&c->sets, client->owner);
			tunnel_delete_all(&c->sas->tunnels, client->owner);
			sa_release_all(c->sas, client->owner);
		}
	}
	client->owner = 0;
	client->reply_bytes = 0;
	client->lost_events = false;
}

/* False when the connection is over. */
static bool client_flush(struct control *c, struct control_client *client)
{
	if (!client->reply_bytes)
		return true;
	if (send(client->fd, client->reply, client->reply_bytes, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
		client->reply_bytes = 0;
	else if (errno != EAGAIN && errno != EINTR) {
		client_close(c, client);
		return false;
	}
	return true;
}

static void tell_due(struct control *c);

/* Messages handled for one client before the others get their turn. */
#define CLIENT_BATCH 32

static void client_read(struct control *c, struct control_client *client)
{
	for (unsigned i = 0; i < CLIENT_BATCH && !client->reply_bytes; i++) {
		/* MSG_TRUNC: the true length, so that a longer message is seen to be one. */
		ssize_t n =
			recv(client->fd, c->request, API_MESSAGE_BYTES, MSG_DONTWAIT | MSG_TRUNC);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n <= 0) {
			client_close(c, client);
			return;
		}
		client->reply_bytes =
			request_handle(c, client, c->request, (size_t)n, client->reply);
		/* It may have carried keys. */
		wipe(c->request, n < API_MESSAGE_BYTES ? (size_t)n : API_MESSAGE_BYTES);
		bool lives = client_flush(c, client);
		tell_due(c);
		if (!lives)
			return;
	}
}

/* Without descriptors or memory for one more, the listener stays readable: not looked at so long.
 */
#define ACCEPT_PAUSE_S 1

static void client_accept(struct control *c)
{
	int fd = accept4(c->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0) {
		if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
			c->accept_from_s = clock_s(c->start_tsc) + ACCEPT_PAUSE_S;
		return;
	}
	for (uint32_t i = 0; i < c->n_clients_max; i++) {
		if (c->client[i].fd < 0) {
			c->client[i].fd = fd;
			return;
		}
	}
	close(fd); /* the client sees the end of the connection: n_clients are served already */
}

#define EVENT_BYTES_MAX sizeof(struct api_tunnel_rebound) /* the largest entry of any event */

static void send_event(struct control *c, uint32_t owner, enum api_type type, const void *entry,
		       uint32_t entry_bytes)
{
	uint8_t message[sizeof(struct api_header) + EVENT_BYTES_MAX];
	struct api_header h = {
		.version = API_VERSION,
		.type = (uint16_t)type,
		.n_entries = 1,
		.length_bytes = (uint32_t)sizeof(h) + entry_bytes,
	};
	memcpy(message, &h, sizeof(h));
	memcpy(message + sizeof(h), entry, entry_bytes);
	for (uint32_t i = 0; i < c->n_clients_max; i++) {
		struct control_client *client = &c->client[i];
		if (client->fd >= 0 && client->owner == owner &&
		    (client->reply_bytes ||
		     send(client->fd, message, h.length_bytes, MSG_DONTWAIT | MSG_NOSIGNAL) < 0))
			client->lost_events = true;
	}
}

static void on_expired(void *arg, const struct set *set)
{
	struct api_set_id id = { .registration = set->registration };
	send_event(arg, set->owner, API_EVENT_EXPIRED, &id, sizeof(id));
}

static void tell_rebound(struct control *c, struct tunnel *tunnel)
{
	struct api_tunnel_rebound event;
	if (tunnel_report_take(&c->sas->tunnels, tunnel, &event))
		send_event(c, tunnel->owner, API_EVENT_REBOUND, &event, sizeof(event));
}

static void tell_sequence(struct control *c, uint32_t slot)
{
	const struct sa *sa = &c->sas->sa[slot];
	if (!sa_is_live(c->sas, slot) || !sa_is_half_used(sa))
		return;
	struct api_sa_id id = { .slot = slot, .spi = sa_spi(c->sas, slot) };
	send_event(c, sa->rest.owner, API_EVENT_SEQUENCE, &id, sizeof(id));
}

static void tell_due(struct control *c)
{
	while (c->n_due)
		tell_sequence(c, c->due[--c->n_due]);
}

/* Workers name an SA; what there is to say of it, it says itself. */
static void drain_events(struct control *c)
{
	void *entry;
	while (rte_ring_sc_dequeue(c->events, &entry) == 0) {
		const struct sa *sa = entry;
		uint32_t slot = (uint32_t)(sa - c->sas->sa);
		/* The slot may be another SA's by now. */
		if (sa_is_live(c->sas, slot) && sa->rest.tunnel)
			tell_rebound(c, sa->rest.tunnel);
		tell_sequence(c, slot);
	}
}

void control_turn(struct control *c, int timeout_ms)
{
	struct pollfd fds[CONTROL_MAX_CLIENTS + 2];
	bool accepts = clock_s(c->start_tsc) >= c->accept_from_s;
	fds[0] = (struct pollfd){ .fd = accepts ? c->listener : -1, .events = POLLIN };
	for (uint32_t i = 0; i < c->n_clients_max; i++) {
		struct control_client *client = &c->client[i];
		/* A client that does not take its reply is not read from. poll skips fd -1. */
		fds[i + 1] = (struct pollfd){ .fd = client->fd,
					      .events = client->reply_bytes ? POLLOUT : POLLIN };
	}
	nfds_t n_fds = c->n_clients_max + 1;
	struct pollfd *typed = &fds[n_fds];
	*typed = (struct pollfd){ .fd = -1, .events = POLLIN };
	if (c->prompt) {
		typed->fd = prompt_fd(c->prompt);
		n_fds++;
	}
	const struct timespec timeout = { timeout_ms / 1000, timeout_ms % 1000 * 1000000L };
	sigset_t none; /* the only place where signals are taken: privilege_hold_signals() */
	sigemptyset(&none);
	if (ppoll(fds, n_fds, &timeout, &none) > 0) {
		for (uint32_t i = 0; i < c->n_clients_max; i++) {
			struct control_client *client = &c->client[i];
			if (fds[i + 1].revents && client_flush(c, client))
				client_read(c, client);
		}
		if (fds[0].revents)
			client_accept(c);
	}
	if (c->prompt) {
		prompt_turn(c->prompt, typed->revents != 0);
		tell_due(c);
	}
	drain_events(c);
	set_tick(&c->sets, clock_s(c->start_tsc), on_expired, c);
	sa_reclaim(c->sas);
	if (c->sas->inlined)
		inline_turn(c->sas->inlined, rte_rdtsc());
	tunnel_reclaim(&c->sas->tunnels);
}

/* ---- the socket ---- */

/*
 * A socket file of an instance that is gone is replaced. What answers in any way, be it that it is
 * busy or of another type, is not ours to remove; bind() says so.
 */
static int replace_stale(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	bool stale = connect(fd, (const struct sockaddr *)address, sizeof(*address)) < 0 &&
		     errno == ECONNREFUSED;
	close(fd);
	struct stat st;
	if (stale && lstat(address->sun_path, &st) == 0 && S_ISSOCK(st.st_mode))
		unlink(address->sun_path);
	return 0;
}

static int listen_at(struct control *c, const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	memcpy(address.sun_path, path, strlen(path));
	int rc = replace_stale(&address);
	if (rc < 0)
		return rc;
	c->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (c->listener < 0)
		return -errno;
	/* Whoever may open it may install keys: the owner and the group. */
	mode_t mask = umask(0117);
	rc = bind(c->listener, (struct sockaddr *)&address, sizeof(address)) < 0 ? -errno : 0;
	umask(mask);
	if (rc < 0) { /* the file there is another's: control_close() must not remove it */
		close(c->listener);
		c->listener = -1;
		return rc;
	}
	return listen(c->listener, CONTROL_MAX_CLIENTS) < 0 ? -errno : 0;
}

int control_open(struct control *c, const struct config_dataplane *config, char *error,
		 size_t error_bytes)
{
	c->listener = -1;
	c->path = config->socket;
	c->orphans = config->sa.orphans;
	c->quotas = config->quotas;
	c->n_quotas = config->n_quotas;
	c->n_clients_max =
		config->n_clients < CONTROL_MAX_CLIENTS ? config->n_clients : CONTROL_MAX_CLIENTS;
	int rc = set_table_init(&c->sets, c->sas, config->n_zones, clock_s(c->start_tsc));
	if (rc == 0)
		rc = set_quarantine(&c->sets, config->sa.quarantine_s);
	c->request = malloc(API_MESSAGE_BYTES);
	if (!c->request)
		rc = -ENOMEM;
	for (uint32_t i = 0; i < c->n_clients_max; i++) {
		c->client[i].fd = -1;
		c->client[i].reply = malloc(API_MESSAGE_BYTES);
		if (!c->client[i].reply)
			rc = -ENOMEM;
	}
	if (rc == 0 && config->socket[0])
		rc = listen_at(c, config->socket);
	if (rc < 0)
		snprintf(error, error_bytes, "control socket %s: %s", config->socket,
			 strerror(-rc));
	return rc;
}

void control_close(struct control *c)
{
	for (uint32_t i = 0; i < c->n_clients_max; i++) {
		if (c->client[i].fd >= 0)
			close(c->client[i].fd);
		free(c->client[i].reply);
	}
	if (c->listener >= 0) {
		close(c->listener);
		unlink(c->path);
	}
	free(c->request);
	set_table_free(&c->sets);
}
