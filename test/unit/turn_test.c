/*
 * What the end of a turn is for: datagrams that leave together, and those that stay on the loop.
 * sendmmsg() is wrapped by the linker, so that the kernel can be made to take less than it is
 * given.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "controlplane/loop.h"
#include "controlplane/transport.h"
#include "test/shim/test.h"

static uint64_t now_ms;
static struct loop *loop;
static struct transport *transport;
static struct endpoint *endpoint;
static int peers[2];
static struct address peer_address[2];

/* --- the kernel --- */

static struct {
	unsigned n_calls;
	unsigned takes;   /* datagrams, of the next call; 0: all */
	unsigned refuses; /* so many calls after that, with EAGAIN */
} kernel;

int __real_sendmmsg(int fd, struct mmsghdr *headers, unsigned n, int flags);
int __wrap_sendmmsg(int fd, struct mmsghdr *headers, unsigned n, int flags);

int __wrap_sendmmsg(int fd, struct mmsghdr *headers, unsigned n, int flags)
{
	kernel.n_calls++;
	unsigned takes = kernel.takes;
	kernel.takes = 0;
	if (!takes && kernel.refuses) {
		kernel.refuses--;
		errno = EAGAIN;
		return -1;
	}
	return __real_sendmmsg(fd, headers, takes && takes < n ? takes : n, flags);
}

/* --- a transport, and two plain sockets --- */

static struct {
	char bytes[64];
	struct path from;
	unsigned n;
} got;

static void take(void *user, const struct path *from, const char *bytes, size_t n_bytes)
{
	got.n++;
	got.from = *from;
	snprintf(got.bytes, sizeof(got.bytes), "%.*s", (int)n_bytes, bytes);
}

static void open_peer(int i, const char *host)
{
	struct sockaddr_storage name;
	struct address any;
	ASSERT_EQ(address_parse(host, 0, &any), 0);
	socklen_t n = address_to_sockaddr(&any, &name);
	peers[i] = socket(name.ss_family, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	ASSERT_EQ(bind(peers[i], (struct sockaddr *)&name, n), 0);
	n = sizeof(name);
	ASSERT_EQ(getsockname(peers[i], (struct sockaddr *)&name, &n), 0);
	ASSERT_EQ(address_from_sockaddr(&name, &peer_address[i]), 0);
}

static struct endpoint *listen_on(struct transport *t, enum endpoint_side side, const char *host)
{
	struct endpoint *e = NULL;
	struct address local;
	int error = -EADDRINUSE;
	for (unsigned i = 0; error == -EADDRINUSE && i < 100; i++) {
		address_parse(host, (uint16_t)(20000 + rand() % 30000), &local);
		error = transport_listen(t, side, ZONE_CORE, &local, "", ENDPOINT_NO_TCP, &e);
	}
	EXPECT_EQ(error, 0);
	return e;
}

static void begin_by(const uint64_t *clock, const char *host)
{
	memset(&kernel, 0, sizeof(kernel));
	memset(&got, 0, sizeof(got));
	now_ms = 1000000;
	loop = loop_new(16, clock);
	transport = transport_new(loop, (struct transport_user){ .receive = take });
	endpoint = listen_on(transport, ENDPOINT_CORE, host);
	open_peer(0, host);
	open_peer(1, host);
}

static void begin(const char *host)
{
	begin_by(&now_ms, host);
}

static void end(void)
{
	transport_free(transport);
	loop_free(loop);
	close(peers[0]);
	close(peers[1]);
}

static int say(struct endpoint *from, const struct address *to, const char *bytes, size_t n_bytes)
{
	struct path path = { .endpoint = from, .peer = *to };
	return transport_send(&path, bytes, n_bytes);
}

static int say_to_peer(int i, const char *text)
{
	return say(endpoint, &peer_address[i], text, strlen(text));
}

/* All that has come to a peer since the last call, one after the other. */
static const char *heard(int i)
{
	static char all[4096];
	size_t n = 0;
	ssize_t more;
	while (n < sizeof(all) - 1 && (more = recv(peers[i], all + n, sizeof(all) - 1 - n, 0)) >= 0)
		n += (size_t)more;
	all[n] = '\0';
	return all;
}

/* Runs `work` as part of a turn. */
static void in_turn(void (*work)(void *user), void *user)
{
	struct timer timer;
	timer_init(&timer, work, user);
	ASSERT_EQ(timer_set(loop, &timer, 0), 0);
	EXPECT_EQ(loop_turn(loop), 1);
}

/* --- turns --- */

static unsigned n_ends;

static void count_end(void *user)
{
	n_ends++;
}

static void set_twice(void *user)
{
	turn_end_set(loop, user);
	turn_end_set(loop, user);
	EXPECT_EQ(n_ends, 0);
}

TEST(turn, its_end_runs_once_and_outside_of_it_at_once)
{
	struct turn_end e;
	begin("127.0.0.1");
	n_ends = 0;
	turn_end_init(&e, count_end, NULL);
	in_turn(set_twice, &e);
	EXPECT_EQ(n_ends, 1);
	loop_turn(loop);
	EXPECT_EQ(n_ends, 1);
	EXPECT_FALSE(loop_is_in_turn(loop));
	turn_end_set(loop, &e);
	EXPECT_EQ(n_ends, 2);
	end();
}

static void set_and_cancel(void *user)
{
	turn_end_set(loop, user);
	turn_end_cancel(loop, user);
}

TEST(turn, an_end_that_is_cancelled_does_not_run)
{
	struct turn_end e;
	begin("127.0.0.1");
	n_ends = 0;
	turn_end_init(&e, count_end, NULL);
	in_turn(set_and_cancel, &e);
	EXPECT_EQ(n_ends, 0);
	end();
}

/* Three timers of one turn of a loop that runs: the first is taken back, the second sets the last.
 */
struct three {
	struct loop *loop;
	struct timer timers[3];
	bool has_fired[3];
};

static void set_last(void *user)
{
	struct three *t = user;
	t->has_fired[1] = true;
	timer_set(t->loop, &t->timers[0], 0);
	timer_set(t->loop, &t->timers[2], 1);
	timer_cancel(t->loop, &t->timers[0]);
}

static void fire_never(void *user)
{
	struct three *t = user;
	t->has_fired[0] = true;
}

static void fire_last(void *user)
{
	struct three *t = user;
	t->has_fired[2] = true;
	loop_stop(t->loop);
}

TEST(turn, a_timer_set_in_a_turn_wakes_the_loop_that_waits_after_it)
{
	struct three t = { .loop = loop_new(8, NULL) };
	ASSERT_TRUE(t.loop != NULL);
	timer_init(&t.timers[0], fire_never, &t);
	timer_init(&t.timers[1], set_last, &t);
	timer_init(&t.timers[2], fire_last, &t);
	EXPECT_EQ(timer_set(t.loop, &t.timers[1], 1), 0);
	alarm(10); /* the loop would wait for ever */
	EXPECT_EQ(loop_run(t.loop), 0);
	alarm(0);
	EXPECT_FALSE(t.has_fired[0]);
	EXPECT_TRUE(t.has_fired[1] && t.has_fired[2]);
	loop_free(t.loop);
}

/* --- UDP --- */

static void say_five(void *user)
{
	EXPECT_EQ(say_to_peer(0, "a"), 0);
	EXPECT_EQ(say_to_peer(1, "1"), 0);
	EXPECT_EQ(say_to_peer(0, "b"), 0);
	EXPECT_EQ(say_to_peer(1, "2"), 0);
	EXPECT_EQ(say_to_peer(0, "c"), 0);
	EXPECT_STREQ(heard(0), "");
	EXPECT_STREQ(heard(1), "");
}

static void check_five(const char *host)
{
	begin(host);
	in_turn(say_five, NULL);
	EXPECT_EQ(kernel.n_calls, 1);
	EXPECT_STREQ(heard(0), "abc");
	EXPECT_STREQ(heard(1), "12");
	EXPECT_EQ(transport_counters(transport)->tx, 5);
	end();
}

TEST(udp, datagrams_of_a_turn_leave_at_its_end_in_their_order)
{
	check_five("127.0.0.1");
	check_five("::1");
}

TEST(udp, outside_of_a_turn_they_leave_at_once)
{
	begin("127.0.0.1");
	EXPECT_EQ(say_to_peer(0, "now"), 0);
	EXPECT_STREQ(heard(0), "now");
	end();
}

static struct timer later;

static void hear_and_stop(void *user)
{
	EXPECT_STREQ(heard(0), "abc");
	EXPECT_STREQ(heard(1), "12");
	EXPECT_EQ(say_to_peer(0, "d"), 0);
	loop_stop(loop);
}

static void say_slowly(void *user)
{
	uint64_t begun_ms = loop_now_ms(loop);
	usleep(3000);
	EXPECT_EQ(loop_now_ms(loop), begun_ms);
	say_five(NULL);
	timer_init(&later, hear_and_stop, NULL);
	EXPECT_EQ(timer_set(loop, &later, 1), 0);
}

/* By the machine's clock, which stands still in a turn; the last turn has an end, too. */
TEST(udp, the_running_loop_sends_at_the_end_of_each_turn)
{
	struct timer timer;
	begin_by(NULL, "127.0.0.1");
	timer_init(&timer, say_slowly, NULL);
	ASSERT_EQ(timer_set(loop, &timer, 0), 0);
	EXPECT_EQ(loop_run(loop), 0);
	EXPECT_STREQ(heard(0), "d");
	end();
}

static void say_a_hundred(void *user)
{
	for (unsigned i = 0; i < 100; i++)
		EXPECT_EQ(say_to_peer(0, "."), 0);
	EXPECT_EQ(kernel.n_calls, 3); /* of 32 */
}

TEST(udp, what_fills_a_call_does_not_wait_for_the_end_of_a_long_turn)
{
	begin("127.0.0.1");
	in_turn(say_a_hundred, NULL);
	EXPECT_EQ(kernel.n_calls, 4);
	EXPECT_EQ(strlen(heard(0)), 100);
	end();
}

static void say_a_hundred_to_a_full_socket(void *user)
{
	kernel.refuses = 1;
	for (unsigned i = 0; i < 100; i++)
		EXPECT_EQ(say_to_peer(0, "."), 0);
	EXPECT_EQ(kernel.n_calls, 1);
}

TEST(udp, more_than_a_call_takes_need_more_calls)
{
	begin("127.0.0.1");
	in_turn(say_a_hundred_to_a_full_socket, NULL);
	EXPECT_STREQ(heard(0), "");
	loop_turn(loop);
	EXPECT_EQ(kernel.n_calls, 5);
	EXPECT_EQ(strlen(heard(0)), 100);
	end();
}

static char too_long[66000];

static void say_too_long(void *user)
{
	EXPECT_EQ(say_to_peer(0, "a"), 0);
	EXPECT_EQ(say(endpoint, &peer_address[0], too_long, sizeof(too_long)), 0);
	EXPECT_EQ(say_to_peer(0, "b"), 0);
	EXPECT_EQ(say(endpoint, &peer_address[0], too_long, sizeof(too_long)), 0);
	EXPECT_EQ(say(endpoint, &peer_address[0], too_long, sizeof(too_long)), 0);
	EXPECT_EQ(say_to_peer(1, "c"), 0);
}

/* EMSGSIZE, of one in the middle; so is what a firewall refuses. */
TEST(udp, one_that_the_kernel_refuses_does_not_lose_the_others)
{
	begin("127.0.0.1");
	in_turn(say_too_long, NULL);
	EXPECT_STREQ(heard(0), "ab");
	EXPECT_STREQ(heard(1), "c");
	EXPECT_EQ(transport_counters(transport)->tx, 3);
	EXPECT_EQ(transport_counters(transport)->tx_failed, 3);
	end();
}

static void say_five_of_which_two_fit(void *user)
{
	kernel.takes = 2;
	say_five(user);
}

TEST(udp, what_the_kernel_leaves_of_a_call_is_sent_by_the_next)
{
	begin("127.0.0.1");
	in_turn(say_five_of_which_two_fit, NULL);
	EXPECT_EQ(kernel.n_calls, 2);
	EXPECT_STREQ(heard(0), "abc");
	EXPECT_STREQ(heard(1), "12");
	end();
}

static void say_d(void *user)
{
	EXPECT_EQ(say_to_peer(0, "d"), 0);
}

/* EAGAIN in the middle: the first two have gone. What comes later does not overtake. */
TEST(udp, a_full_socket_keeps_what_waits_until_there_is_room)
{
	begin("127.0.0.1");
	kernel.refuses = 1;
	in_turn(say_five_of_which_two_fit, NULL);
	EXPECT_STREQ(heard(0), "a");
	EXPECT_STREQ(heard(1), "1");
	kernel.refuses = 1;
	in_turn(say_d, NULL);
	EXPECT_EQ(kernel.refuses, 0); /* there was room, and then none again */
	EXPECT_STREQ(heard(0), "");
	loop_turn(loop);
	EXPECT_STREQ(heard(0), "bcd");
	EXPECT_STREQ(heard(1), "2");
	EXPECT_EQ(transport_counters(transport)->tx, 6);
	EXPECT_EQ(transport_counters(transport)->tx_failed, 0);
	end();
}

TEST(udp, what_waits_is_bounded)
{
	static char message[60000];
	unsigned n = 0;
	begin("127.0.0.1");
	kernel.refuses = 1;
	EXPECT_EQ(say_to_peer(0, "a"), 0);
	while (n < 1000 && say(endpoint, &peer_address[0], message, sizeof(message)) == 0)
		n++;
	EXPECT_EQ(n, (4 << 20) / sizeof(message));
	EXPECT_EQ(say(endpoint, &peer_address[0], message, sizeof(message)), -ENOBUFS);
	EXPECT_EQ(transport_counters(transport)->tx_failed, 2);
	end();
}

TEST(udp, what_waits_is_sent_when_the_transport_ends)
{
	begin("127.0.0.1");
	kernel.refuses = 1;
	EXPECT_EQ(say_to_peer(0, "last"), 0);
	EXPECT_STREQ(heard(0), "");
	transport_free(transport);
	EXPECT_STREQ(heard(0), "last");
	transport = NULL;
	end();
}

/* --- on one loop --- */

static struct transport *other;
static struct endpoint *neighbour;

static void begin_two(const char *host, enum endpoint_side side)
{
	begin(host);
	other = transport_new(loop, (struct transport_user){ .receive = take });
	neighbour = listen_on(other, side, host);
}

static void end_two(void)
{
	transport_free(other);
	end();
}

static void say_to_neighbour(void *user)
{
	EXPECT_EQ(say(endpoint, &neighbour->local, "here", 4), 0);
	EXPECT_EQ(got.n, 0);
}

static void check_neighbour(const char *host)
{
	begin_two(host, ENDPOINT_CORE);
	in_turn(say_to_neighbour, NULL);
	EXPECT_EQ(got.n, 1);
	EXPECT_STREQ(got.bytes, "here");
	EXPECT_TRUE(got.from.endpoint == neighbour);
	EXPECT_TRUE(address_equal(&got.from.peer, &endpoint->local));
	EXPECT_FALSE(got.from.tcp);
	EXPECT_EQ(kernel.n_calls, 0);
	EXPECT_EQ(transport_counters(transport)->tx, 1);
	EXPECT_EQ(transport_counters(other)->rx, 1);
	end_two();
}

TEST(own, what_goes_to_a_neighbour_meets_no_kernel)
{
	check_neighbour("127.0.0.1");
	check_neighbour("::1");
}

/* Whoever is behind an SA is known by it alone. */
TEST(own, what_goes_to_gm_does)
{
	begin_two("127.0.0.1", ENDPOINT_GM_CLEAR);
	in_turn(say_to_neighbour, NULL);
	EXPECT_EQ(kernel.n_calls, 1);
	loop_turn(loop);
	EXPECT_STREQ(got.bytes, "here");
	end_two();
}

TEST(own, a_neighbour_that_is_gone_gets_nothing)
{
	begin_two("127.0.0.1", ENDPOINT_CORE);
	struct address was = neighbour->local;
	transport_free(other);
	other = NULL;
	neighbour = &(struct endpoint){ .local = was };
	in_turn(say_to_neighbour, NULL);
	EXPECT_EQ(kernel.n_calls, 1);
	EXPECT_EQ(got.n, 0);
	end_two();
}

static void answer(void *user, const struct path *from, const char *bytes, size_t n_bytes)
{
	struct path back = *from;
	take(user, from, bytes, n_bytes);
	EXPECT_EQ(transport_send(&back, bytes, n_bytes), 0);
}

/* Two that answer each other forever leave the loop its other work. */
TEST(own, a_turn_ends_whoever_has_more_to_say)
{
	begin("127.0.0.1");
	transport_free(transport);
	transport = transport_new(loop, (struct transport_user){ .receive = answer });
	other = transport_new(loop, (struct transport_user){ .receive = answer });
	endpoint = listen_on(transport, ENDPOINT_CORE, "127.0.0.1");
	neighbour = listen_on(other, ENDPOINT_CORE, "127.0.0.1");
	in_turn(say_to_neighbour, NULL);
	EXPECT_EQ(got.n, 64);
	loop_turn(loop);
	EXPECT_EQ(got.n, 128);
	end_two();
}

static void say_too_much(void *user)
{
	static char message[60000];
	for (unsigned i = 0; i < 100; i++)
		EXPECT_EQ(say(endpoint, &neighbour->local, message, sizeof(message)), 0);
}

TEST(own, what_a_neighbour_has_no_room_for_is_lost)
{
	begin_two("127.0.0.1", ENDPOINT_CORE);
	in_turn(say_too_much, NULL);
	EXPECT_EQ(got.n, (4 << 20) / 60000);
	EXPECT_EQ(kernel.n_calls, 0);
	end_two();
}
