/* The socket: who may be there, who owns what, and clients that do not behave. */
#include "dataplane/control.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "test/shim/test.h"
#include "test/unit/dataplane_fixture.h"
#include "test/unit/fixture_control.h"

struct scene {
	char directory[64];
	char path[96];
	struct fixture_control c;
	struct message request, reply;
};

static void open_directory(struct scene *s)
{
	snprintf(s->directory, sizeof(s->directory), "/tmp/control_test.XXXXXX");
	ASSERT_TRUE(mkdtemp(s->directory));
	snprintf(s->path, sizeof(s->path), "%s/socket", s->directory);
}

static void open_scene(struct scene *s, enum config_orphans orphans)
{
	const char *error;
	open_directory(s);
	ASSERT_EQ(fixture_control_open(&s->c, s->path, orphans, &error), 0);
}

static void close_scene(struct scene *s)
{
	fixture_control_close(&s->c);
	EXPECT_EQ(access(s->path, F_OK), -1); /* the socket went with it */
	EXPECT_EQ(rmdir(s->directory), 0);
}

static struct sockaddr_un address_of(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	return address;
}

static int client_connect(struct scene *s)
{
	struct sockaddr_un address = address_of(s->path);
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0);
	EXPECT_GE(fd, 0);
	EXPECT_EQ(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	control_turn(&s->c.control, 0);
	return fd;
}

/* The end of a connection, seen by the control. */
static void client_end(struct scene *s, int fd)
{
	close(fd);
	control_turn(&s->c.control, 0);
}

static ssize_t take(struct scene *s, int fd)
{
	return recv(fd, &s->reply, sizeof(s->reply), 0);
}

/* One request and its reply's status. */
static int ask(struct scene *s, int fd, enum api_type type, const void *entries, uint16_t n_entries,
	       size_t entry_bytes)
{
	message_make(&s->request, (uint16_t)type, entries, n_entries, entry_bytes);
	EXPECT_EQ(send(fd, &s->request, s->request.header.length_bytes, 0),
		  s->request.header.length_bytes);
	control_turn(&s->c.control, 0);
	ssize_t n_bytes = take(s, fd);
	EXPECT_EQ(n_bytes, s->reply.header.length_bytes);
	EXPECT_EQ(s->reply.header.cookie, s->request.header.cookie);
	EXPECT_EQ(s->reply.header.type, type);
	return s->reply.header.status;
}

#define ASK(s, fd, type, entry) ask(s, fd, type, &(entry), 1, sizeof(entry))

static int client_hello(struct scene *s, const char *name, struct api_hello *answer)
{
	struct api_hello h = { .name = "" };
	int fd = client_connect(s);
	snprintf(h.name, sizeof(h.name), "%s", name);
	EXPECT_EQ(ASK(s, fd, API_HELLO, h), 0);
	if (answer)
		memcpy(answer, s->reply.entries, sizeof(*answer));
	return fd;
}

static int32_t install(struct scene *s, int fd, uint32_t number, uint32_t lifetime_s)
{
	struct api_set set = set_two_pairs(number, CRYPTO_HMAC_SHA1_NULL, API_IPV4);
	struct api_set_result result;
	set.lifetime_s = lifetime_s;
	EXPECT_EQ(ASK(s, fd, API_SET_INSTALL, set), 0);
	memcpy(&result, s->reply.entries, sizeof(result));
	return result.status;
}

/* ---- the socket file ---- */

TEST(control, only_owner_and_group_may_open_the_socket)
{
	struct scene s;
	struct stat st;
	open_scene(&s, CONFIG_ORPHANS_KEEP);
	ASSERT_EQ(stat(s.path, &st), 0);
	EXPECT_TRUE(S_ISSOCK(st.st_mode));
	EXPECT_EQ(st.st_mode & 07777, 0660);
	close_scene(&s);
}

/* A socket of this type at the path, served unless it is a datagram socket. */
static int foreign_socket(const char *path, int type)
{
	struct sockaddr_un address = address_of(path);
	int fd = socket(AF_UNIX, type, 0);
	EXPECT_EQ(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	if (type != SOCK_DGRAM)
		EXPECT_EQ(listen(fd, 1), 0);
	return fd;
}

TEST(control, a_socket_that_nobody_serves_is_replaced)
{
	static const int type[] = { SOCK_SEQPACKET, SOCK_STREAM, SOCK_DGRAM };
	for (size_t i = 0; i < 3; i++) {
		struct scene s;
		const char *error;
		open_directory(&s);
		close(foreign_socket(s.path, type[i]));
		EXPECT_EQ(fixture_control_open(&s.c, s.path, CONFIG_ORPHANS_KEEP, &error), 0);
		close(client_hello(&s, "pcscf", NULL));
		close_scene(&s);
	}
}

TEST(control, a_socket_that_somebody_serves_is_left_alone)
{
	static const int type[] = { SOCK_SEQPACKET, SOCK_STREAM, SOCK_DGRAM };
	for (size_t i = 0; i < 3; i++) {
		struct scene s;
		const char *error;
		open_directory(&s);
		int fd = foreign_socket(s.path, type[i]);
		test_context("socket type %d", type[i]);
		EXPECT_LT(fixture_control_open(&s.c, s.path, CONFIG_ORPHANS_KEEP, &error), 0);
		EXPECT_TRUE(strstr(error, s.path));
		fixture_control_close(&s.c);
		EXPECT_EQ(access(s.path, F_OK), 0);
		close(fd);
		unlink(s.path);
		EXPECT_EQ(rmdir(s.directory), 0);
	}
}

TEST(control, a_file_that_is_no_socket_is_left_alone)
{
	struct scene s;
	const char *error;
	open_directory(&s);
	close(open(s.path, O_CREAT | O_WRONLY, 0600));
	EXPECT_LT(fixture_control_open(&s.c, s.path, CONFIG_ORPHANS_KEEP, &error), 0);
	fixture_control_close(&s.c);
	EXPECT_EQ(unlink(s.path), 0);
	EXPECT_EQ(rmdir(s.directory), 0);
}

TEST(control, a_path_that_cannot_be_is_refused_with_its_name)
{
	char path[200];
	struct fixture_control c;
	const char *error;
	memset(path, 'x', sizeof(path) - 1);
	path[sizeof(path) - 1] = 0;
	EXPECT_EQ(fixture_control_open(&c, path, CONFIG_ORPHANS_KEEP, &error), -ENAMETOOLONG);
	EXPECT_TRUE(strstr(error, path));
	fixture_control_close(&c);
	EXPECT_EQ(fixture_control_open(&c, "/no/such/directory", CONFIG_ORPHANS_KEEP, &error),
		  -ENOENT);
	EXPECT_TRUE(strstr(error, "/no/such/directory"));
	fixture_control_close(&c);
}

/* ---- clients ---- */

TEST(control, many_requests_on_their_way_are_answered_in_order)
{
	struct scene s;
	open_scene(&s, CONFIG_ORPHANS_KEEP);
	int fd = client_hello(&s, "pcscf", NULL);
	struct api_cursor cursor = { 0 };
	message_make(&s.request, API_SA_LIST, &cursor, 1, sizeof(cursor));
	for (uint64_t cookie = 1; cookie <= 100; cookie++) {
		s.request.header.cookie = cookie;
		ASSERT_GT(send(fd, &s.request, s.request.header.length_bytes, 0), 0);
	}
	for (unsigned turn = 0; turn < 10; turn++)
		control_turn(&s.c.control, 0);
	for (uint64_t cookie = 1; cookie <= 100; cookie++) {
		ASSERT_GT(take(&s, fd), 0);
		EXPECT_EQ(s.reply.header.cookie, cookie);
	}
	EXPECT_EQ(take(&s, fd), -1);
	client_end(&s, fd);
	close_scene(&s);
}

TEST(control, a_client_that_never_reads_is_not_read_from_and_stops_nobody)
{
	struct scene s;
	open_scene(&s, CONFIG_ORPHANS_KEEP);
	int deaf = client_hello(&s, "deaf", NULL), other = client_hello(&s, "other", NULL);
	for (uint32_t i = 0; i < 12; i++)
		ASSERT_EQ(install(&s, other, i, 0), 0);
	struct api_cursor cursor = { 0 };
	uint64_t n_sent = 0;
	for (unsigned idle = 0; idle < 3;) {
		message_make(&s.request, API_SA_LIST, &cursor, 1, sizeof(cursor));
		s.request.header.cookie = n_sent + 1;
		bool sent = send(deaf, &s.request, s.request.header.length_bytes, 0) > 0;
		n_sent += sent;
		idle = sent ? 0 : idle + 1;
		ASSERT_LT(n_sent, 100000);
		control_turn(&s.c.control, 0);
	}
	/* The other one is served meanwhile, and quickly. */
	for (unsigned i = 0; i < 10; i++)
		EXPECT_EQ(ASK(&s, other, API_SA_LIST, cursor), 0);
	/* Once it reads, nothing is missing. */
	for (uint64_t cookie = 1; cookie <= n_sent; cookie++) {
		while (take(&s, deaf) < 0) {
			ASSERT_EQ(errno, EAGAIN);
			control_turn(&s.c.control, 0);
		}
		ASSERT_EQ(s.reply.header.cookie, cookie);
	}
	client_end(&s, deaf);
	client_end(&s, other);
	close_scene(&s);
}

TEST(control, a_client_that_hangs_up_without_reading_is_gone)
{
	struct scene s;
	open_scene(&s, CONFIG_ORPHANS_KEEP);
	for (unsigned round = 0; round < 20; round++) {
		int fd = client_hello(&s, "deaf", NULL);
		struct api_cursor cursor = { 0 };
		message_make(&s.request, API_SA_LIST, &cursor, 1, sizeof(cursor));
		for (unsigned i = 0; i < 50; i++)
			send(fd, &s.request, s.request.header.length_bytes, 0);
		client_end(&s, fd);
		control_turn(&s.c.control, 0);
		for (uint32_t i = 0; i < s.c.control.n_clients_max; i++)
			EXPECT_LT(s.c.control.client[i].fd, 0);
	}
	close_scene(&s);
}

TEST(control, one_client_too_many_sees_the_end_and_the_place_is_given_again)
{
	struct scene s;
	int fd[5];
	open_scene(&s, CONFIG_ORPHANS_KEEP);
	for (unsigned i = 0; i < 4; i++)
		fd[i] = client_hello(&s, "same", NULL);
	fd[4] = client_connect(&s);
	EXPECT_EQ(take(&s, fd[4]), 0);
	close(fd[4]);
	client_end(&s, fd[2]);
	fd[2] = client_hello(&s, "same", NULL);
	for (unsigned i = 0; i < 4; i++)
		client_end(&s, fd[i]);
	close_scene(&s);
}

TEST(control, c074a_an_sa_that_comes_half_used_is_told_of_after_the_reply)
{
	struct scene s;
	struct api_sa_id told;
	open_scene(&s, CONFIG_ORPHANS_KEEP);
	int fd = client_hello(&s, "pcscf", NULL);
	struct api_set set = set_two_pairs(1, CRYPTO_HMAC_SHA1_NULL, API_IPV4);
	set.sa[SET_PC_TO_US].sequence = SA_SEQUENCE_EVENT;
	EXPECT_EQ(ASK(&s, fd, API_SET_INSTALL, set), 0);
	EXPECT_GT(take(&s, fd), 0);
	EXPECT_EQ(s.reply.header.type, API_EVENT_SEQUENCE);
	EXPECT_EQ(s.reply.header.cookie, 0);
	memcpy(&told, s.reply.entries, sizeof(told));
	EXPECT_EQ(told.spi, set.sa[SET_PC_TO_US].spi);
	EXPECT_EQ(sa_spi(&s.c.sas, told.slot), told.spi);
	EXPECT_LT(take(&s, fd), 0); /* once */
	client_end(&s, fd);
	close_scene(&s);
}

/* The listener stays readable, and the thread has other things to do than to look at it. */
TEST(control, a_process_without_descriptors_does_not_spin)
{
	struct scene s;
	struct rlimit before, none;
	open_scene(&s, CONFIG_ORPHANS_KEEP);
	struct sockaddr_un address = address_of(s.path);
	int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	ASSERT_EQ(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	getrlimit(RLIMIT_NOFILE, &before);
	s.c.control.n_clients_max = 0; /* poll() itself refuses more entries than the limit */
	none = (struct rlimit){ .rlim_cur = 1, .rlim_max = before.rlim_max };
	setrlimit(RLIMIT_NOFILE, &none);
	control_turn(&s.c.control, 0);
	struct timespec began, ended;
	clock_gettime(CLOCK_MONOTONIC, &began);
	control_turn(&s.c.control, 100);
	clock_gettime(CLOCK_MONOTONIC, &ended);
	setrlimit(RLIMIT_NOFILE, &before);
	EXPECT_GE((ended.tv_sec - began.tv_sec) * 1000 + (ended.tv_nsec - began.tv_nsec) / 1000000,
		  99);
	/* It is served as soon as there are some again. */
	s.c.control.n_clients_max = 4;
	fixture_control_pass(&s.c, 2);
	control_turn(&s.c.control, 0);
	EXPECT_GE(s.c.control.client[0].fd, 0);
	client_end(&s, fd);
	close_scene(&s);
}

TEST(control, a_message_longer_than_any_is_answered_as_such_and_wiped)
{
	static struct {
		struct message m;
		uint8_t more[100];
	} longer;
	struct scene s;
	open_scene(&s, CONFIG_ORPHANS_KEEP);
	int fd = client_hello(&s, "pcscf", NULL), size = 1 << 20;
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	memset(&longer, 0xab, sizeof(longer));
	message_make(&longer.m, API_SET_INSTALL, NULL, 0, 0);
	longer.m.header.n_entries = 1;
	longer.m.header.length_bytes = sizeof(longer);
	ASSERT_EQ(send(fd, &longer, sizeof(longer), 0), sizeof(longer));
	control_turn(&s.c.control, 0);
	ASSERT_GT(take(&s, fd), 0);
	EXPECT_EQ(s.reply.header.status, -EMSGSIZE);
	EXPECT_EQ(s.reply.header.type, API_SET_INSTALL);
	EXPECT_EQ(s.reply.header.cookie, longer.m.header.cookie);
	/* C-094: it may have carried keys. */
	for (uint32_t i = 0; i < API_MESSAGE_BYTES; i++)
		ASSERT_EQ(s.c.control.request[i], 0);
	client_end(&s, fd);
	close_scene(&s);
}

TEST(control, c094_keys_do_not_stay_in_the_buffers_of_the_socket)
{
	struct scene s;
	/* Unequal bytes: malloc may be told to fill memory with any one. */
	static const uint8_t key[4] = { 0xab, 0x12, 0xcd, 0x34 };
	open_scene(&s, CONFIG_ORPHANS_KEEP);
	int fd = client_hello(&s, "pcscf", NULL);
	struct api_set set = set_two_pairs(1, CRYPTO_HMAC_SHA1_AES_CBC, API_IPV4);
	for (size_t i = 0; i < 20; i++)
		set.auth_key[i] = key[i % sizeof(key)];
	for (size_t i = 0; i < 16; i++)
		set.cipher_key[i] = key[i % sizeof(key)];
	EXPECT_EQ(ASK(&s, fd, API_SET_INSTALL, set), 0);
	EXPECT_FALSE(memmem(s.c.control.request, API_MESSAGE_BYTES, key, sizeof(key)));
	for (uint32_t i = 0; i < s.c.control.n_clients_max; i++)
		EXPECT_FALSE(
			memmem(s.c.control.client[i].reply, API_MESSAGE_BYTES, key, sizeof(key)));
	client_end(&s, fd);
	close_scene(&s);
}

/* ---- ownership over time ---- */

TEST(control, c093_orphans_are_kept_and_adopted)
{
	struct scene s;
	struct api_hello first, again, other;
	open_scene(&s, CONFIG_ORPHANS_KEEP);
	int fd = client_hello(&s, "pcscf", &first);
	EXPECT_EQ(install(&s, fd, 1, 0), 0);
	EXPECT_EQ(install(&s, fd, 2, 100), 0);
	client_end(&s, fd);
	EXPECT_EQ(s.c.sas.n_free, fixture_table.capacity - 8);
	int stranger = client_hello(&s, "other", &other);
	EXPECT_EQ(other.n_adopted, 0);
	EXPECT_NE(other.owner, first.owner);
	fd = client_hello(&s, "pcscf", &again);
	EXPECT_EQ(again.owner, first.owner);
	EXPECT_EQ(again.n_adopted, 8);
	EXPECT_EQ(install(&s, fd, 1, 0), -EEXIST);
	client_end(&s, fd);
	/* They still end when their time is over. */
	fixture_control_pass(&s.c, 101);
	control_turn(&s.c.control, 0);
	fixture_quiesce(&s.c.sas);
	control_turn(&s.c.control, 0);
	EXPECT_EQ(s.c.sas.n_free, fixture_table.capacity - 4);
	client_end(&s, stranger);
	close_scene(&s);
}

TEST(control, orphans_are_deleted_when_the_last_connection_of_the_name_ends)
{
	struct scene s;
	struct api_spi_range range = { .n_spis = 3 };
	open_scene(&s, CONFIG_ORPHANS_DELETE);
	int fd = client_hello(&s, "pcscf", NULL), second = client_hello(&s, "pcscf", NULL);
	int other = client_hello(&s, "other", NULL);
	EXPECT_EQ(install(&s, fd, 1, 0), 0);
	EXPECT_EQ(install(&s, other, 2, 0), 0);
	EXPECT_EQ(ASK(&s, fd, API_SPI_RESERVE, range), 0);
	EXPECT_EQ(s.c.sas.n_free, fixture_table.capacity - 11);
	client_end(&s, fd);
	EXPECT_EQ(s.c.sas.n_free, fixture_table.capacity - 11);
	client_end(&s, second);
	fixture_quiesce(&s.c.sas);
	control_turn(&s.c.control, 0);
	EXPECT_EQ(s.c.sas.n_free, fixture_table.capacity - 4);
	client_end(&s, other);
	close_scene(&s);
}

/* ---- events ---- */

TEST(control, an_expired_set_is_told_to_its_owner_alone)
{
	struct scene s;
	open_scene(&s, CONFIG_ORPHANS_KEEP);
	int fd = client_hello(&s, "pcscf", NULL), other = client_hello(&s, "other", NULL);
	EXPECT_EQ(install(&s, fd, 1, 10), 0);
	fixture_control_pass(&s.c, 9);
	control_turn(&s.c.control, 0);
	EXPECT_EQ(take(&s, fd), -1);
	fixture_control_pass(&s.c, 1);
	control_turn(&s.c.control, 0);
	struct api_set_id id;
	ASSERT_EQ(take(&s, fd), sizeof(s.reply.header) + sizeof(id));
	EXPECT_EQ(s.reply.header.type, API_EVENT_EXPIRED);
	EXPECT_EQ(s.reply.header.cookie, 0);
	EXPECT_EQ(s.reply.header.n_entries, 1);
	EXPECT_EQ(s.reply.header.length_bytes, sizeof(s.reply.header) + sizeof(id));
	memcpy(&id, s.reply.entries, sizeof(id));
	EXPECT_EQ(id.registration, 2);
	EXPECT_EQ(take(&s, fd), -1);
	EXPECT_EQ(take(&s, other), -1);
	/* It is deleted already. */
	struct api_set_result result;
	EXPECT_EQ(ASK(&s, fd, API_SET_DELETE, id), 0);
	memcpy(&result, s.reply.entries, sizeof(result));
	EXPECT_EQ(result.status, -ENOENT);
	client_end(&s, fd);
	client_end(&s, other);
	close_scene(&s);
}

TEST(control, a_sequence_event_names_the_sa_and_none_when_it_is_gone)
{
	struct scene s;
	open_scene(&s, CONFIG_ORPHANS_KEEP);
	int fd = client_hello(&s, "pcscf", NULL);
	EXPECT_EQ(install(&s, fd, 1, 0), 0);
	struct api_set_result result;
	memcpy(&result, s.reply.entries, sizeof(result));
	struct sa *sa = NULL;
	for (uint32_t slot = 0; slot < s.c.sas.capacity; slot++) {
		if (sa_is_live(&s.c.sas, slot) &&
		    sa_spi(&s.c.sas, slot) == result.spi[SET_PC_TO_US])
			sa = &s.c.sas.sa[slot];
	}
	ASSERT_TRUE(sa);
	sa->run.replay.top = SA_SEQUENCE_EVENT;
	rte_ring_enqueue(s.c.control.events, sa);
	control_turn(&s.c.control, 0);
	struct api_sa_id id;
	ASSERT_EQ(take(&s, fd), sizeof(s.reply.header) + sizeof(id));
	memcpy(&id, s.reply.entries, sizeof(id));
	EXPECT_EQ(s.reply.header.type, API_EVENT_SEQUENCE);
	EXPECT_EQ(id.spi, result.spi[SET_PC_TO_US]);
	EXPECT_EQ(id.slot, sa - s.c.sas.sa);
	/* Dead by the time the control hears of it. */
	rte_ring_enqueue(s.c.control.events, sa);
	struct api_set_id set = { .registration = result.registration };
	EXPECT_EQ(ASK(&s, fd, API_SET_DELETE, set), 0);
	EXPECT_EQ(take(&s, fd), -1);
	client_end(&s, fd);
	close_scene(&s);
}

TEST(control, events_lost_are_told_with_the_next_reply)
{
	struct scene s;
	open_scene(&s, CONFIG_ORPHANS_KEEP);
	int deaf = client_hello(&s, "deaf", NULL);
	for (uint32_t i = 0; i < 12; i++)
		ASSERT_EQ(install(&s, deaf, i, 10), 0);
	struct api_cursor cursor = { 0 };
	message_make(&s.request, API_SA_LIST, &cursor, 1, sizeof(cursor));
	uint64_t n_sent = 0;
	while (send(deaf, &s.request, s.request.header.length_bytes, 0) > 0 && n_sent++ < 100000)
		control_turn(&s.c.control, 0);
	fixture_control_pass(&s.c, 10);
	control_turn(&s.c.control, 0);
	unsigned n_expired = 0, n_flagged = 0;
	for (uint64_t n = 0; n < n_sent;) {
		if (take(&s, deaf) < 0) {
			ASSERT_EQ(errno, EAGAIN);
			control_turn(&s.c.control, 0);
			continue;
		}
		n_expired += s.reply.header.type == API_EVENT_EXPIRED;
		n += s.reply.header.type == API_SA_LIST;
		n_flagged += (s.reply.header.flags & API_LOST_EVENTS) != 0;
	}
	EXPECT_LT(n_expired, 12);
	EXPECT_EQ(n_flagged, 1);
	client_end(&s, deaf);
	close_scene(&s);
}
