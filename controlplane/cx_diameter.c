/* The Diameter node of the process, as the loop's thread sees it. */
#include "controlplane/cx_diameter.h"

#include <assert.h>
#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "configs/config.h"
#include "controlplane/cx_diameter_impl.h"
#include "controlplane/cx_mailbox.h"
#include "controlplane/cx_message.h"
#include "controlplane/log.h"
#include "controlplane/loop.h"
#include "crypto/wipe.h"

/* Messages taken in one turn, so that a busy peer does not keep the loop from the SIP sockets. */
#define READ_BURST 64
/* Answers to what we ask have their place beside the requests of others. */
#define IN_MESSAGES  (CX_DIAMETER_OUTSTANDING + CX_DIAMETER_OPEN)
#define OUT_MESSAGES (CX_DIAMETER_OUTSTANDING + CX_DIAMETER_OPEN)

struct asked {
	TAILQ_ENTRY(asked) link;
	uint64_t id;
	uint64_t deadline_ms;
	const void *owner;
	enum cx_command command;
	cx_done *done;
	void *user;
};

TAILQ_HEAD(asked_list, asked);

/* Ids grow by one and all wait equally long, so the list is in order of deadline. */
static struct node {
	struct loop *loop;
	const struct config *config;
	struct cx_mailbox *in;
	struct cx_mailbox *out;
	struct event *readable;
	struct timer timeout;
	uint64_t next_id; /* from 1 */
	struct asked *at[CX_DIAMETER_OUTSTANDING];
	struct asked_list asked;
	bool is_started; /* and may ask */
	bool has_stack;  /* freeDiameter runs */
} * node;

/* --- what we ask --- */

static void finish(struct asked *a, const struct cx_answer *answer)
{
	TAILQ_REMOVE(&node->asked, a, link);
	node->at[a->id % CX_DIAMETER_OUTSTANDING] = NULL;
	a->done(a->user, answer);
	free(a);
}

static void fail(struct asked *a)
{
	struct cx_answer answer = { .command = a->command, .result = CX_UNABLE_TO_DELIVER };

	finish(a, &answer);
}

static void set_timeout(void)
{
	const struct asked *first = TAILQ_FIRST(&node->asked);
	uint64_t now_ms = loop_now_ms(node->loop);

	if (first == NULL) {
		timer_cancel(node->loop, &node->timeout);
		return;
	}
	if (timer_set(node->loop, &node->timeout,
		      first->deadline_ms > now_ms ? first->deadline_ms - now_ms : 0) < 0)
		log_error("cx: no timer is left; requests to the peers wait without a limit");
}

static void on_timeout(void *user)
{
	uint64_t now_ms = loop_now_ms(node->loop);
	struct asked *a;

	log_warn("cx: a peer does not answer");
	while ((a = TAILQ_FIRST(&node->asked)) != NULL && a->deadline_ms <= now_ms)
		fail(a);
	set_timeout();
}

int cx_diameter_ask(const void *owner, const struct cx_request *request, const char *host,
		    cx_done *done, void *user)
{
	const struct config_cx *cx = node->config->cx;
	const char *realm = cx->realm[0] ? cx->realm : node->config->controlplane->realm;
	struct msg *message;
	struct asked *a;
	int rc;

	if (!node->is_started)
		return -ENOTCONN;
	if (node->at[node->next_id % CX_DIAMETER_OUTSTANDING] != NULL)
		return -ENOBUFS;
	a = malloc(sizeof(*a));
	if (a == NULL)
		return -ENOMEM;
	rc = cx_message_request(request, realm, host, &message);
	if (rc == 0) {
		rc = cx_mailbox_put(node->out, message, node->next_id);
		if (rc < 0)
			cx_message_free(message);
	}
	if (rc < 0) {
		free(a);
		return rc == -ENOBUFS ? rc : -ENOMEM;
	}
	*a = (struct asked){ .id = node->next_id++,
			     .deadline_ms = loop_now_ms(node->loop) + cx->timeout_ms,
			     .owner = owner,
			     .command = request->command,
			     .done = done,
			     .user = user };
	node->at[a->id % CX_DIAMETER_OUTSTANDING] = a;
	TAILQ_INSERT_TAIL(&node->asked, a, link);
	if (!timer_is_set(&node->timeout))
		set_timeout();
	return 0;
}

/* A callback may ask anew, but not for the owner that goes. */
void cx_diameter_forget(const void *owner)
{
	struct asked *a, *following;

	if (node == NULL)
		return;
	for (a = TAILQ_FIRST(&node->asked); a != NULL; a = following) {
		following = TAILQ_NEXT(a, link);
		if (a->owner == owner)
			fail(a);
	}
}

/* --- what arrives --- */

static void take_answer(struct msg *message, uint64_t id)
{
	struct asked *a = node->at[id % CX_DIAMETER_OUTSTANDING];
	struct cx_answer answer;

	/* An answer that comes after its timeout meets nobody: no error. */
	if (a == NULL || a->id != id) {
		cx_message_free(message);
		return;
	}
	if (message == NULL) {
		fail(a);
		return;
	}
	cx_message_read_answer(message, a->command, &answer);
	cx_message_free(message);
	finish(a, &answer);
	wipe(&answer, sizeof(answer));
}

static void take_request(struct msg *message)
{
	struct cx_request request;
	struct cx_answer answer = { 0 };

	answer.result = cx_message_read_request(message, &request);
	answer.command = request.command;
	if (answer.result == CX_SUCCESS &&
	    (request.command == CX_RTR || request.command == CX_PPR)) {
		answer.result = cx_diameter_heard(&request);
	} else if (answer.result == CX_SUCCESS) {
		cx_diameter_served(message, &request);
		return;
	}
	cx_diameter_reply(message, &request, &answer);
}

void cx_diameter_reply(struct msg *message, const struct cx_request *request,
		       const struct cx_answer *answer)
{
	int rc = cx_message_answer(&message, request, answer);

	if (rc == 0) {
		rc = cx_mailbox_put(node->out, message, 0);
		if (rc < 0)
			cx_message_free(message);
	}
	if (rc < 0)
		log_warn("cx: an answer could not be sent");
}

static void on_readable(evutil_socket_t fd, short what, void *user)
{
	struct cx_mail mail;

	for (unsigned i = 0; i < READ_BURST && cx_mailbox_take(node->in, &mail); i++) {
		if (mail.id != 0)
			take_answer(mail.message, mail.id);
		else
			take_request(mail.message);
	}
	set_timeout();
}

/* --- life --- */

int cx_diameter_new(struct loop *loop, const struct config *config)
{
	if (config->cx == NULL || config->cx->transport != CONFIG_CX_DIAMETER)
		return 0;
	assert(node == NULL);
	node = calloc(1, sizeof(*node));
	if (node == NULL)
		return -ENOMEM;
	node->loop = loop;
	node->config = config;
	node->next_id = 1;
	TAILQ_INIT(&node->asked);
	timer_init(&node->timeout, on_timeout, NULL);
	node->in = cx_mailbox_new(IN_MESSAGES);
	node->out = cx_mailbox_new(OUT_MESSAGES);
	if (node->in != NULL && node->out != NULL)
		node->readable = event_new(loop_base(loop), cx_mailbox_fd(node->in),
					   EV_READ | EV_PERSIST, on_readable, NULL);
	if (node->readable == NULL || event_add(node->readable, NULL) < 0) {
		cx_diameter_free();
		return -ENOMEM;
	}
	return 0;
}

int cx_diameter_start(void)
{
	int rc;

	if (node == NULL)
		return 0;
	rc = cx_stack_start(
		&(struct cx_stack){ .config = node->config, .in = node->in, .out = node->out });
	node->is_started = rc == 0;
	node->has_stack = rc == 0;
	return rc;
}

unsigned cx_diameter_n_peers(void)
{
	return node != NULL && node->is_started ? cx_stack_n_peers() : 0;
}

void cx_diameter_stop(void)
{
	struct cx_mail mail;

	if (node == NULL)
		return;
	node->is_started = false;
	if (node->in != NULL)
		cx_mailbox_close(node->in);
	while (node->in != NULL && cx_mailbox_take(node->in, &mail))
		cx_message_free(mail.message);
}

void cx_diameter_free(void)
{
	if (node == NULL)
		return;
	cx_diameter_stop();
	if (node->out != NULL)
		cx_mailbox_close(node->out);
	if (node->has_stack)
		cx_stack_stop();
	timer_cancel(node->loop, &node->timeout);
	if (node->readable != NULL)
		event_free(node->readable);
	cx_mailbox_free(node->in);
	cx_mailbox_free(node->out);
	free(node);
	node = NULL;
}
