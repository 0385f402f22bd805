#include "controlplane/store_records.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "controlplane/database.h"

enum {
	LOCK_STEP_MS = 1,    /* between looks at a lock that another process has */
	LOOK_RECORDS = 1024, /* read at a time by store_records_each() */
	/*
	 * Room is made so many records at a time, and page by page: the kernel keeps what is
	 * written in one piece as one, and goes through all of it when 64 bytes of it change (31 us
	 * instead of 1.7 with pieces of a megabyte).
	 */
	ROOM_RECORDS = 1024,
	PAGE_BYTES = 4096,
};

/* As it lies in the file, in the machine's byte order. Ids begin at 1; in place 0 is the head. */
struct stored {
	struct store_record record;
	uint8_t spare[16];
	uint64_t check; /* of all before it */
};
_Static_assert(sizeof(struct stored) == STORE_RECORD_BYTES, "sectors have whole records");

struct head {
	char magic[8];
	uint8_t proof[STORE_RECORDS_PROOF];
	uint64_t check;
};
_Static_assert(sizeof(struct head) == STORE_RECORD_BYTES, "the head is in the place of a record");

static const char magic[8] = "imsgate1";

struct change {
	int64_t id;
	struct store_record record;
};

struct store_records {
	int fd;
	const struct stored *map; /* the file, to be read; others' changes show in it */
	off_t room;               /* so long it is mapped, and it never gets shorter */
	bool is_locked;
	struct change *changes; /* that wait for the commit, one of an id */
	unsigned n_changes, max_changes;
	unsigned *by_id;    /* positions in changes[] + 1, a hash table of twice as many */
	struct change last; /* read under this lock; id 0: none */
};

/* FNV-1a. Against damage, not against forgery: who can write here can write the keys' rows, too. */
static uint64_t checksum(const void *bytes, size_t n_bytes)
{
	const uint8_t *b = bytes;
	uint64_t sum = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < n_bytes; i++)
		sum = (sum ^ b[i]) * UINT64_C(0x100000001b3);
	return sum;
}

static off_t place(int64_t id)
{
	return (off_t)id * STORE_RECORD_BYTES;
}

/* --- the changes that wait --- */

static unsigned *slot(const struct store_records *r, int64_t id)
{
	unsigned mask = 2 * r->max_changes - 1;
	unsigned i = (unsigned)((uint64_t)id * UINT64_C(0x9e3779b97f4a7c15) >> 32) & mask;

	while (r->by_id[i] != 0 && r->changes[r->by_id[i] - 1].id != id)
		i = (i + 1) & mask;
	return &r->by_id[i];
}

static struct change *find_change(const struct store_records *r, int64_t id)
{
	unsigned at = r->n_changes > 0 ? *slot(r, id) : 0;

	return at != 0 ? &r->changes[at - 1] : NULL;
}

static void forget_changes(struct store_records *r)
{
	if (r->n_changes > 0)
		memset(r->by_id, 0, 2 * r->max_changes * sizeof(*r->by_id));
	r->n_changes = 0;
	r->last.id = 0;
}

static int grow(struct store_records *r)
{
	unsigned max = r->max_changes > 0 ? 2 * r->max_changes : 64;
	struct change *changes = realloc(r->changes, max * sizeof(*changes));
	unsigned *by_id;

	if (changes == NULL)
		return -ENOMEM;
	r->changes = changes;
	by_id = calloc(2 * (size_t)max, sizeof(*by_id));
	if (by_id == NULL)
		return -ENOMEM;
	free(r->by_id);
	r->by_id = by_id;
	r->max_changes = max;
	for (unsigned i = 0; i < r->n_changes; i++)
		*slot(r, r->changes[i].id) = i + 1;
	return 0;
}

/* --- the file --- */

static int write_at(int fd, int64_t id, const void *record)
{
	ssize_t n = pwrite(fd, record, STORE_RECORD_BYTES, place(id));

	if (n < 0)
		return -errno;
	return n == STORE_RECORD_BYTES ? 0 : -ENOSPC;
}

static bool is_empty(const struct stored *s)
{
	return s->record.stamp == 0 && s->check == 0;
}

static bool is_whole(const struct stored *s)
{
	return s->check == checksum(s, offsetof(struct stored, check));
}

/*
 * A new file in place of what may be there, not in it: another process may have that mapped.
 * Returns a descriptor or -errno.
 */
static int make(const char *path, const struct head *head)
{
	int fd, rc;

	if (unlink(path) < 0 && errno != ENOENT)
		return -errno;
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	rc = write_at(fd, 0, head);
	if (rc == 0 && fsync(fd) < 0)
		rc = -errno;
	if (rc == 0)
		rc = database_sync_directory(path);
	if (rc == 0)
		return fd;
	close(fd);
	return rc;
}

/* Returns a descriptor or -errno. */
static int open_file(const char *path, const struct head *head, bool is_new)
{
	struct head found;
	int fd, rc = 0;

	if (is_new)
		return make(path, head);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (pread(fd, &found, sizeof(found), 0) != sizeof(found) ||
	    memcmp(&found, head, sizeof(found)) != 0)
		rc = -EKEYREJECTED;
	if (rc == 0)
		return fd;
	close(fd);
	return rc;
}

/*
 * Maps what the file has grown by. What is changed goes by pwrite(): a page that is changed in
 * place after each flush is a fault each time, dearer than the call. -EUCLEAN: the file is shorter
 * than it was; numbers that it had would be used again.
 */
static int look_at_size(struct store_records *r)
{
	struct stat st;
	void *map;

	if (fstat(r->fd, &st) < 0)
		return -errno;
	if (st.st_size == r->room)
		return 0;
	if (st.st_size < r->room)
		return -EUCLEAN;
	map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, r->fd, 0);
	if (map == MAP_FAILED)
		return -errno;
	/* What is read stays in small pieces, too; a hint, and no loss where it is not taken. */
	madvise(map, (size_t)st.st_size, MADV_RANDOM);
	if (r->map != NULL)
		munmap((void *)r->map, (size_t)r->room);
	r->map = map;
	r->room = st.st_size;
	return 0;
}

/*
 * A page that the disk does not give, or that somebody has cut off, is a SIGBUS to who reads it.
 * Where that is; in the thread that reads.
 */
static _Thread_local sigjmp_buf *volatile reading;

static void on_bus_error(int signal_number)
{
	if (reading != NULL)
		siglongjmp(*reading, 1);
	signal(signal_number, SIG_DFL); /* not ours: it comes again, and ends us */
}

static int catch_bus_errors(void)
{
	/* Nothing is masked meanwhile, so there is nothing to take back after the jump. */
	struct sigaction action = { .sa_handler = on_bus_error, .sa_flags = SA_NODEFER };

	return sigaction(SIGBUS, &action, NULL) < 0 ? -errno : 0;
}

/* `n` records from that of `id` on, all within the room. Returns 0 or -EIO. */
static int read_records(const struct store_records *r, int64_t id, struct stored *out, size_t n)
{
	sigjmp_buf here;

	if (sigsetjmp(here, 0) != 0) {
		reading = NULL;
		return -EIO;
	}
	reading = &here;
	atomic_signal_fence(memory_order_seq_cst); // with on_bus_error()
	memcpy(out, &r->map[id], n * sizeof(*out));
	atomic_signal_fence(memory_order_seq_cst);
	reading = NULL;
	return 0;
}

static void say(int rc, const char *path, const char *database, char *error, size_t error_bytes)
{
	if (rc == -ENOENT)
		snprintf(error, error_bytes,
			 "%s: missing, and without it sequence numbers of %s would be used again",
			 path, database);
	else if (rc == -EKEYREJECTED)
		snprintf(error, error_bytes, "%s: not the records of %s", path, database);
	else
		snprintf(error, error_bytes, "%s: %s", path, strerror(-rc));
}

int store_records_open(const char *database, const uint8_t proof[STORE_RECORDS_PROOF], bool is_new,
		       struct store_records **out, char *error, size_t error_bytes)
{
	struct store_records *r = calloc(1, sizeof(*r));
	struct head head;
	char path[PATH_MAX];
	int rc = -ENOMEM;

	if (r != NULL) {
		r->fd = -1;
		rc = grow(r);
	}
	snprintf(path, sizeof(path), "%s.records", database);
	memcpy(head.magic, magic, sizeof(magic));
	memcpy(head.proof, proof, sizeof(head.proof));
	head.check = checksum(&head, offsetof(struct head, check));
	if (rc == 0) {
		r->fd = open_file(path, &head, is_new);
		rc = r->fd < 0 ? r->fd : look_at_size(r);
	}
	if (rc == 0)
		rc = catch_bus_errors();
	if (rc < 0) {
		say(rc, path, database, error, error_bytes);
		store_records_close(r);
		return rc;
	}
	*out = r;
	return 0;
}

void store_records_close(struct store_records *r)
{
	if (r == NULL)
		return;
	if (r->fd >= 0)
		close(r->fd); /* and with it the lock is gone */
	if (r->map != NULL)
		munmap((void *)r->map, (size_t)r->room);
	free(r->changes);
	free(r->by_id);
	free(r);
}

/* --- the lock: of the open file, so that two of one process exclude each other, too --- */

static int try_lock(int fd, short type)
{
	struct flock lock = { .l_type = type, .l_whence = SEEK_SET, .l_len = 1 };

	return fcntl(fd, F_OFD_SETLK, &lock) < 0 ? -errno : 0;
}

int store_records_lock(struct store_records *r)
{
	static const struct timespec step = { .tv_nsec = LOCK_STEP_MS * 1000000L };
	int rc;

	assert(!r->is_locked);
	for (unsigned waited_ms = 0;; waited_ms += LOCK_STEP_MS) {
		rc = try_lock(r->fd, F_WRLCK);
		if ((rc != -EAGAIN && rc != -EACCES) || waited_ms >= STORE_BUSY_MS)
			break;
		nanosleep(&step, NULL);
	}
	if (rc < 0)
		return rc == -EAGAIN || rc == -EACCES ? -EBUSY : rc;
	rc = look_at_size(r);
	if (rc < 0)
		try_lock(r->fd, F_UNLCK);
	r->is_locked = rc == 0;
	return rc;
}

void store_records_unlock(struct store_records *r)
{
	forget_changes(r);
	try_lock(r->fd, F_UNLCK);
	r->is_locked = false;
}

bool store_records_is_locked(const struct store_records *r)
{
	return r->is_locked;
}

/* --- records --- */

int store_records_reserve(struct store_records *r, int64_t id)
{
	static const uint8_t zeros[PAGE_BYTES];
	off_t end = place(id + 1);
	bool was_locked = r->is_locked;
	int rc;

	if (end <= r->room)
		return 0;
	rc = was_locked ? 0 : store_records_lock(r);
	if (rc < 0)
		return rc;
	end = (end / place(ROOM_RECORDS) + 1) * place(ROOM_RECORDS);
	for (off_t at = r->room, n; rc == 0 && at < end; at += n) {
		n = PAGE_BYTES - at % PAGE_BYTES;
		if (pwrite(r->fd, zeros, (size_t)n, at) != n)
			rc = -ENOSPC;
	}
	if (rc == 0)
		rc = look_at_size(r);
	if (!was_locked)
		store_records_unlock(r);
	return rc;
}

int store_records_get(struct store_records *r, int64_t id, uint64_t stamp, struct store_record *out)
{
	struct change *change = find_change(r, id);
	const struct store_record *found;
	struct stored stored;
	int rc;

	assert(r->is_locked);
	if (change != NULL) {
		found = &change->record;
	} else if (r->last.id == id) {
		found = &r->last.record;
	} else {
		memset(&stored, 0, sizeof(stored));
		rc = place(id + 1) <= r->room ? read_records(r, id, &stored, 1) : 0;
		if (rc < 0)
			return rc;
		if (!is_empty(&stored) && !is_whole(&stored))
			return -EBADMSG;
		r->last = (struct change){ .id = id, .record = stored.record };
		found = &r->last.record;
	}
	if (found->stamp != stamp)
		return -ENOENT;
	*out = *found;
	return 0;
}

int store_records_put(struct store_records *r, int64_t id, const struct store_record *record)
{
	struct change *change = find_change(r, id);
	int rc = 0;

	assert(r->is_locked);
	if (change == NULL && r->n_changes == r->max_changes)
		rc = grow(r);
	if (rc < 0)
		return rc;
	if (change == NULL) {
		*slot(r, id) = r->n_changes + 1;
		change = &r->changes[r->n_changes++];
		change->id = id;
	}
	change->record = *record;
	return 0;
}

int store_records_commit(struct store_records *r)
{
	int rc = 0;

	assert(r->is_locked);
	if (r->n_changes == 0)
		return 0;
	for (unsigned i = 0; rc == 0 && i < r->n_changes; i++) {
		struct stored stored = { .record = r->changes[i].record };

		stored.check = checksum(&stored, offsetof(struct stored, check));
		rc = write_at(r->fd, r->changes[i].id, &stored);
	}
	if (rc == 0 && fdatasync(r->fd) < 0)
		rc = -errno;
	forget_changes(r);
	return rc;
}

int store_records_each(struct store_records *r,
		       bool (*each)(void *arg, int64_t id, const struct store_record *record),
		       void *arg)
{
	struct stored *some = malloc(LOOK_RECORDS * sizeof(*some));
	int64_t end = r->room / STORE_RECORD_BYTES;
	bool goes_on = true;
	int rc = some == NULL ? -ENOMEM : 0;

	assert(r->is_locked);
	for (int64_t id = 1, n; rc == 0 && goes_on && id < end; id += n) {
		n = end - id < LOOK_RECORDS ? end - id : LOOK_RECORDS;
		rc = read_records(r, id, some, (size_t)n);
		for (int64_t i = 0; rc == 0 && goes_on && i < n; i++)
			if (!is_empty(&some[i]) && is_whole(&some[i]))
				goes_on = each(arg, id + i, &some[i].record);
	}
	free(some);
	return rc;
}
