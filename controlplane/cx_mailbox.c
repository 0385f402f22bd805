#include "controlplane/cx_mailbox.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/queue.h>
#include <unistd.h>

#include "controlplane/cx_message.h"

struct entry {
	STAILQ_ENTRY(entry) link;
	struct cx_mail mail;
};

struct cx_mailbox {
	pthread_mutex_t lock; // guards all below
	STAILQ_HEAD(, entry) entries;
	unsigned n;
	unsigned max;
	bool is_closed;
	int fd; // an eventfd: its count is 1 while something is there, or closed
};

/* With the lock held. */
static void show(struct cx_mailbox *box)
{
	uint64_t count = 1;

	/* Full it cannot be, and an interrupted write of an eventfd does not happen. */
	if (write(box->fd, &count, sizeof(count)) < 0)
		return;
}

static void hide(struct cx_mailbox *box)
{
	uint64_t count;

	if (read(box->fd, &count, sizeof(count)) < 0)
		return;
}

struct cx_mailbox *cx_mailbox_new(unsigned max)
{
	struct cx_mailbox *box = calloc(1, sizeof(*box));

	if (box == NULL)
		return NULL;
	box->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (box->fd < 0) {
		free(box);
		return NULL;
	}
	pthread_mutex_init(&box->lock, NULL);
	STAILQ_INIT(&box->entries);
	box->max = max;
	return box;
}

void cx_mailbox_free(struct cx_mailbox *box)
{
	struct cx_mail mail;

	if (box == NULL)
		return;
	while (cx_mailbox_take(box, &mail))
		cx_message_free(mail.message);
	pthread_mutex_destroy(&box->lock);
	close(box->fd);
	free(box);
}

int cx_mailbox_put(struct cx_mailbox *box, struct msg *message, uint64_t id)
{
	struct entry *e = malloc(sizeof(*e));
	int rc = 0;

	if (e == NULL)
		return -ENOMEM;
	e->mail = (struct cx_mail){ .message = message, .id = id };
	pthread_mutex_lock(&box->lock);
	if (box->is_closed)
		rc = -EPIPE;
	else if (box->n == box->max)
		rc = -ENOBUFS;
	if (rc == 0) {
		STAILQ_INSERT_TAIL(&box->entries, e, link);
		if (box->n++ == 0)
			show(box);
	}
	pthread_mutex_unlock(&box->lock);
	if (rc < 0)
		free(e);
	return rc;
}

bool cx_mailbox_take(struct cx_mailbox *box, struct cx_mail *out)
{
	struct entry *e;

	pthread_mutex_lock(&box->lock);
	e = STAILQ_FIRST(&box->entries);
	if (e != NULL) {
		STAILQ_REMOVE_HEAD(&box->entries, link);
		if (--box->n == 0 && !box->is_closed)
			hide(box);
	}
	pthread_mutex_unlock(&box->lock);
	if (e == NULL)
		return false;
	*out = e->mail;
	free(e);
	return true;
}

bool cx_mailbox_wait(struct cx_mailbox *box, struct cx_mail *out)
{
	struct pollfd wait = { .fd = box->fd, .events = POLLIN };
	bool is_closed;

	for (;;) {
		if (cx_mailbox_take(box, out))
			return true;
		pthread_mutex_lock(&box->lock);
		is_closed = box->is_closed;
		pthread_mutex_unlock(&box->lock);
		if (is_closed)
			return false;
		poll(&wait, 1, -1);
	}
}

void cx_mailbox_close(struct cx_mailbox *box)
{
	pthread_mutex_lock(&box->lock);
	if (!box->is_closed && box->n == 0)
		show(box);
	box->is_closed = true;
	pthread_mutex_unlock(&box->lock);
}

int cx_mailbox_fd(const struct cx_mailbox *box)
{
	return box->fd;
}
