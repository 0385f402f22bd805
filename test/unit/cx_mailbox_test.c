/* The queue between the loop and freeDiameter's threads. Its messages are numbers here: NULL ones.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "controlplane/cx_mailbox.h"
#include "test/shim/test.h"

static bool is_readable(struct cx_mailbox *box)
{
	struct pollfd wait = { .fd = cx_mailbox_fd(box), .events = POLLIN };

	return poll(&wait, 1, 0) == 1;
}

TEST(cx_mailbox, is_bounded_in_order_and_readable_while_something_is_there)
{
	struct cx_mailbox *box = cx_mailbox_new(3);
	struct cx_mail mail;

	ASSERT_TRUE(box != NULL);
	EXPECT_FALSE(is_readable(box));
	EXPECT_FALSE(cx_mailbox_take(box, &mail));
	for (int turn = 0; turn < 3; turn++) {
		for (uint64_t id = 1; id <= 3; id++)
			EXPECT_EQ(cx_mailbox_put(box, NULL, id), 0);
		EXPECT_EQ(cx_mailbox_put(box, NULL, 4), -ENOBUFS);
		for (uint64_t id = 1; id <= 3; id++) {
			EXPECT_TRUE(is_readable(box));
			ASSERT_TRUE(cx_mailbox_take(box, &mail));
			EXPECT_EQ(mail.id, id);
		}
		EXPECT_FALSE(is_readable(box));
	}
	cx_mailbox_free(box);
}

TEST(cx_mailbox, closed_gives_what_it_has_and_takes_no_more)
{
	struct cx_mailbox *box = cx_mailbox_new(3);
	struct cx_mail mail;

	ASSERT_TRUE(box != NULL);
	EXPECT_EQ(cx_mailbox_put(box, NULL, 1), 0);
	cx_mailbox_close(box);
	cx_mailbox_close(box);
	EXPECT_EQ(cx_mailbox_put(box, NULL, 2), -EPIPE);
	EXPECT_TRUE(cx_mailbox_wait(box, &mail));
	EXPECT_EQ(mail.id, 1);
	EXPECT_FALSE(cx_mailbox_wait(box, &mail));
	cx_mailbox_free(box);
}

#define N_PUTTERS 3
#define N_MAILS   20000

struct race {
	struct cx_mailbox *box;
	atomic_uint next; /* putter */
};

/* Ids are putter * N_MAILS + number. */
static void *put_all(void *arg)
{
	struct race *r = arg;
	unsigned putter = atomic_fetch_add_explicit(&r->next, 1, memory_order_relaxed);

	for (uint64_t i = 0; i < N_MAILS;) {
		if (cx_mailbox_put(r->box, NULL, putter * N_MAILS + i) == 0)
			i++;
		else
			usleep(10);
	}
	return NULL;
}

static void *close_after(void *arg)
{
	struct race *r = arg;
	pthread_t putters[N_PUTTERS];

	for (int i = 0; i < N_PUTTERS; i++)
		pthread_create(&putters[i], NULL, put_all, r);
	for (int i = 0; i < N_PUTTERS; i++)
		pthread_join(putters[i], NULL);
	cx_mailbox_close(r->box);
	return NULL;
}

/* A taker that waits is always woken: a lost wake-up ends in the test's timeout. */
TEST(cx_mailbox, nothing_is_lost_between_threads)
{
	struct race race = { .box = cx_mailbox_new(8) };
	uint64_t expected[N_PUTTERS] = { 0 };
	struct cx_mail mail;
	pthread_t closer;
	unsigned n = 0;

	ASSERT_TRUE(race.box != NULL);
	ASSERT_EQ(pthread_create(&closer, NULL, close_after, &race), 0);
	while (cx_mailbox_wait(race.box, &mail)) {
		if (expected[mail.id / N_MAILS]++ != mail.id % N_MAILS)
			TEST_MESSAGE("mail %lu is out of order", (unsigned long)mail.id);
		n++;
	}
	pthread_join(closer, NULL);
	EXPECT_EQ(n, N_PUTTERS * N_MAILS);
	cx_mailbox_free(race.box);
}
