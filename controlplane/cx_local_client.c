/* The CSCFs' end of the local Cx socket. */
#include "controlplane/cx_local.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "controlplane/log.h"
#include "controlplane/loop.h"
#include "crypto/wipe.h"

/*
 * Datagrams that a turn reads, of up to CX_LOCAL_TOGETHER answers: a busy HSS is not to keep the
 * loop from the SIP sockets.
 */
#define BATCH 2

struct asked {
	TAILQ_ENTRY(asked) link;
	uint64_t id;
	uint64_t deadline_ms;
	cx_done *done;
	void *user;
	bool is_sent; /* and in that list */
	enum cx_command command;
	size_t bytes; /* of the packed message */
	uint8_t message[];
};

TAILQ_HEAD(asked_list, asked);

/* Ids grow by one, so both lists are in order of deadline and at[] finds an answer's request. */
struct client {
	struct cx cx;
	struct loop *loop;
	struct sockaddr_un peer;
	int fd; /* -1 = not connected */
	struct event *readable;
	struct event *writable;
	struct timer reconnect;
	struct timer timeout;
	struct turn_end send;
	uint64_t next_id;
	struct asked *at[CX_LOCAL_OUTSTANDING]; /* by id modulo */
	struct asked_list unsent;
	struct asked_list sent;
};

static void flush(void *user);

/* Takes a request out of its list and gives its answer. */
static void finish(struct client *c, struct asked *a, const struct cx_answer *answer)
{
	TAILQ_REMOVE(a->is_sent ? &c->sent : &c->unsent, a, link);
	c->at[a->id % CX_LOCAL_OUTSTANDING] = NULL;
	a->done(a->user, answer);
	free(a);
}

static void fail(struct client *c, struct asked *a)
{
	struct cx_answer answer = { .command = a->command, .result = CX_UNABLE_TO_DELIVER };

	finish(c, a, &answer);
}

static void disconnect(struct client *c)
{
	struct asked *a;

	if (c->readable != NULL)
		event_free(c->readable);
	if (c->writable != NULL)
		event_free(c->writable);
	c->readable = NULL;
	c->writable = NULL;
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	/* What a callback asks meanwhile is not sent before there is a new connection. */
	while ((a = TAILQ_FIRST(&c->sent)) != NULL)
		fail(c, a);
}

/* After a timer that cannot be set the connection is tried by the next request. */
static void retry_later(struct client *c)
{
	timer_set(c->loop, &c->reconnect, CX_LOCAL_RECONNECT_MS);
}

static void set_timeout(struct client *c)
{
	const struct asked *s = TAILQ_FIRST(&c->sent);
	const struct asked *u = TAILQ_FIRST(&c->unsent);
	uint64_t now_ms = loop_now_ms(c->loop);
	uint64_t at_ms;

	if (s == NULL && u == NULL) {
		timer_cancel(c->loop, &c->timeout);
		return;
	}
	/* What is sent is older than what is not. */
	at_ms = s != NULL ? s->deadline_ms : u->deadline_ms;
	if (timer_set(c->loop, &c->timeout, at_ms > now_ms ? at_ms - now_ms : 0) < 0)
		log_error("cx: no timer is left; requests to the HSS wait without a limit");
}

/* Returns how many there were. */
static unsigned fail_late(struct client *c, const struct asked_list *list)
{
	uint64_t now_ms = loop_now_ms(c->loop);
	struct asked *a;
	unsigned n = 0;

	for (; (a = TAILQ_FIRST(list)) != NULL && a->deadline_ms <= now_ms; n++)
		fail(c, a);
	return n;
}

/* An answer in time does not move the timer, so it is often too early, and set anew. */
static void on_timeout(void *user)
{
	struct client *c = user;
	unsigned n_late = fail_late(c, &c->sent);

	n_late += fail_late(c, &c->unsent);
	if (n_late > 0)
		log_warn("cx: the HSS does not answer");
	set_timeout(c);
}

/* RTR or PPR. Returns 0 or -errno: then the HSS learns by the end of the connection. */
static int answer_push(struct client *c, const uint8_t *message, size_t n_bytes)
{
	struct cx_answer answer = { .result = CX_UNABLE_TO_COMPLY };
	uint8_t out[CX_LOCAL_MESSAGE_BYTES];
	struct cx_request request;
	uint64_t id;
	int rc = cx_local_parse_request(message, n_bytes, &request, &id);

	if (rc < 0)
		return rc;
	answer.command = request.command;
	if (request.command != CX_RTR && request.command != CX_PPR)
		return -EPROTO;
	if (c->cx.heard != NULL)
		answer.result = c->cx.heard(c->cx.heard_user, &request);
	n_bytes = cx_local_pack_answer(&answer, id, out);
	return send(c->fd, out, n_bytes, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -EPIPE : 0;
}

/* Returns 0, or -errno: disconnect. */
static int take_message(void *user, bool is_answer, const uint8_t *message, size_t n_bytes)
{
	struct client *c = user;
	struct cx_answer answer;
	struct asked *a;
	uint64_t id;
	int rc;

	if (!is_answer)
		return answer_push(c, message, n_bytes);
	rc = cx_local_parse_answer(message, n_bytes, &answer, &id);
	if (rc < 0)
		return rc;
	a = c->at[id % CX_LOCAL_OUTSTANDING];
	/* An answer that comes after its timeout meets nobody: no error. */
	if (a != NULL && a->id == id && a->is_sent && a->command == answer.command)
		finish(c, a, &answer);
	cx_answer_wipe(&answer);
	return 0;
}

/* Returns 0 also when there was nothing to read, or -errno: disconnect. */
static int read_batch(struct client *c)
{
	uint8_t datagrams[BATCH][CX_LOCAL_DATAGRAM_BYTES];
	struct mmsghdr headers[BATCH];
	struct iovec pieces[BATCH];
	int rc = 0;
	int n;

	for (int i = 0; i < BATCH; i++) {
		pieces[i] = (struct iovec){ datagrams[i], sizeof(datagrams[i]) };
		headers[i].msg_hdr = (struct msghdr){ .msg_iov = &pieces[i], .msg_iovlen = 1 };
	}
	n = recvmmsg(c->fd, headers, BATCH, MSG_DONTWAIT | MSG_TRUNC, NULL);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	for (int i = 0; i < n; i++) {
		size_t bytes = headers[i].msg_len;

		/* What comes after a bad one is not believed. */
		if (rc >= 0)
			rc = cx_local_take_all(datagrams[i], bytes, take_message, c);
		wipe(datagrams[i], bytes < sizeof(datagrams[i]) ? bytes : sizeof(datagrams[i]));
	}
	return rc < 0 ? rc : 0;
}

static void on_readable(evutil_socket_t fd, short what, void *user)
{
	struct client *c = user;
	int rc = read_batch(c);

	if (rc < 0) {
		log_warn("cx: connection to the HSS lost: %s", strerror(-rc));
		disconnect(c);
		retry_later(c);
	}
	if (rc < 0 || !timer_is_set(&c->timeout))
		set_timeout(c);
}

static void on_writable(evutil_socket_t fd, short what, void *user)
{
	flush(user);
}

static int connect_now(struct client *c)
{
	int rc;

	c->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		return -errno;
	if (connect(c->fd, (const struct sockaddr *)&c->peer, sizeof(c->peer)) < 0) {
		rc = -errno;
		disconnect(c);
		return rc;
	}
	c->readable = event_new(loop_base(c->loop), c->fd, EV_READ | EV_PERSIST, on_readable, c);
	c->writable = event_new(loop_base(c->loop), c->fd, EV_WRITE, on_writable, c);
	if (c->readable == NULL || c->writable == NULL || event_add(c->readable, NULL) < 0) {
		disconnect(c);
		return -ENOMEM;
	}
	return 0;
}

static void on_reconnect(void *user)
{
	struct client *c = user;
	int rc = c->fd >= 0 ? 0 : connect_now(c);

	if (rc < 0) {
		log_warn("cx: cannot reach the HSS at %s: %s", c->peer.sun_path, strerror(-rc));
		retry_later(c);
		return;
	}
	flush(c);
}

static void mark_sent(struct client *c, int n)
{
	struct asked *a;

	for (; n > 0; n--) {
		a = TAILQ_FIRST(&c->unsent);
		TAILQ_REMOVE(&c->unsent, a, link);
		TAILQ_INSERT_TAIL(&c->sent, a, link);
		a->is_sent = true;
	}
}

/* One datagram of what waits. Returns how many messages that were, or -errno. */
static int send_datagram(struct client *c)
{
	struct cx_local_datagram d = { 0 };
	struct asked *a;

	TAILQ_FOREACH (a, &c->unsent, link) {
		if (!cx_local_put(&d, a->message, a->bytes))
			break;
	}
	return cx_local_send(c->fd, &d);
}

/* Sends what waits until the socket is full. */
static void flush(void *user)
{
	struct client *c = user;
	int n;

	while (c->fd >= 0 && !TAILQ_EMPTY(&c->unsent)) {
		n = send_datagram(c);
		if (n >= 0) {
			mark_sent(c, n);
		} else {
			/* The read side sees the end too, and settles what was sent. */
			if (n == -EAGAIN || n == -ENOBUFS)
				event_add(c->writable, NULL);
			return;
		}
	}
}

static int send_local(struct cx *cx, const struct cx_request *request, cx_done *done, void *user)
{
	struct client *c = (struct client *)cx;
	uint8_t message[CX_LOCAL_MESSAGE_BYTES];
	struct asked *a;
	size_t n_bytes;

	if (c->at[c->next_id % CX_LOCAL_OUTSTANDING] != NULL)
		return -ENOBUFS;
	n_bytes = cx_local_pack_request(request, c->next_id, message);
	a = malloc(sizeof(*a) + n_bytes);
	if (a == NULL)
		return -ENOMEM;
	*a = (struct asked){ .id = c->next_id++,
			     .deadline_ms = loop_now_ms(c->loop) + CX_LOCAL_TIMEOUT_MS,
			     .done = done,
			     .user = user,
			     .command = request->command,
			     .bytes = n_bytes };
	memcpy(a->message, message, n_bytes);
	c->at[a->id % CX_LOCAL_OUTSTANDING] = a;
	TAILQ_INSERT_TAIL(&c->unsent, a, link);
	if (c->fd < 0 && !timer_is_set(&c->reconnect))
		timer_set(c->loop, &c->reconnect, 0);
	turn_end_set(c->loop, &c->send);
	if (!timer_is_set(&c->timeout))
		set_timeout(c);
	return 0;
}

static void free_local(struct cx *cx)
{
	struct client *c = (struct client *)cx;
	struct asked *a;

	disconnect(c);
	while ((a = TAILQ_FIRST(&c->unsent)) != NULL)
		fail(c, a);
	timer_cancel(c->loop, &c->reconnect);
	timer_cancel(c->loop, &c->timeout);
	turn_end_cancel(c->loop, &c->send);
	free(c);
}

struct cx *cx_local_client_new(struct loop *loop, const char *path)
{
	struct client *c = calloc(1, sizeof(*c));

	if (c == NULL || strlen(path) >= sizeof(c->peer.sun_path)) {
		free(c);
		return NULL;
	}
	c->cx = (struct cx){ .send = send_local, .free = free_local };
	c->loop = loop;
	c->fd = -1;
	c->peer.sun_family = AF_UNIX;
	strcpy(c->peer.sun_path, path);
	TAILQ_INIT(&c->unsent);
	TAILQ_INIT(&c->sent);
	turn_end_init(&c->send, flush, c);
	timer_init(&c->reconnect, on_reconnect, c);
	timer_init(&c->timeout, on_timeout, c);
	timer_set(loop, &c->reconnect, 0);
	return &c->cx;
}
