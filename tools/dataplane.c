#include "tools/dataplane.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "crypto/wipe.h"
#include "tools/unix.h"

__attribute__((format(printf, 3, 4))) static int fail(struct dataplane *d, int rc,
						      const char *message, ...)
{
	va_list args;

	va_start(args, message);
	vsnprintf(d->error, sizeof(d->error), message, args);
	va_end(args);
	return rc;
}

static int refuse_connect(struct dataplane *d, const char *path, int rc)
{
	if (rc == -EACCES || rc == -EPERM)
		return fail(d, rc, "no permission for the data plane's socket %s: run as root",
			    path);
	return fail(d, rc,
		    "the data plane is not running: no answer at %s (%s); start it with "
		    "`imsgate-dataplane --config FILE`, or name the file it runs with: --config",
		    path, strerror(-rc));
}

static int hello(struct dataplane *d, const char *name)
{
	struct api_hello request = { 0 };
	struct dataplane_reply reply;
	int rc;

	if (strlen(name) >= sizeof(request.name))
		return fail(d, -ENAMETOOLONG, "owner name %s is longer than %d bytes", name,
			    API_NAME_BYTES - 1);
	memcpy(request.name, name, strlen(name));
	rc = dataplane_request(d, API_HELLO, &request, sizeof(request), 1, &reply);
	if (rc)
		return rc;
	if (reply.n != 1 || reply.bytes != sizeof(d->hello))
		return fail(d, -EPROTO, "the data plane's hello has a wrong length");
	memcpy(&d->hello, reply.entries, sizeof(d->hello));
	return 0;
}

int dataplane_open(struct dataplane *d, const char *path, const char *name)
{
	*d = (struct dataplane){ .fd = -1 };
	d->message = malloc(API_MESSAGE_BYTES);
	if (!d->message)
		return fail(d, -ENOMEM, "out of memory");
	d->fd = unix_connect(path, SOCK_SEQPACKET, DATAPLANE_TIMEOUT_MS);
	if (d->fd < 0)
		return refuse_connect(d, path, d->fd);
	return hello(d, name);
}

void dataplane_close(struct dataplane *d)
{
	if (d->fd >= 0)
		close(d->fd);
	free(d->message);
	d->message = NULL;
	d->fd = -1;
}

/* Requests may carry keys: the buffer is wiped as soon as they are with the kernel. */
static int send_request(struct dataplane *d, enum api_type type, const void *entries, size_t bytes,
			unsigned n)
{
	struct api_header header = {
		.version = API_VERSION,
		.type = type,
		.n_entries = n,
		.length_bytes = sizeof(header) + bytes,
		.cookie = ++d->cookie,
	};
	int rc;

	if (bytes > API_MESSAGE_BYTES - sizeof(header))
		return fail(d, -EMSGSIZE, "a request of %zu bytes does not fit a message", bytes);
	memcpy(d->message, &header, sizeof(header));
	memcpy(d->message + sizeof(header), entries, bytes);
	rc = unix_send(d->fd, d->message, header.length_bytes);
	wipe(d->message, header.length_bytes);
	return rc ? fail(d, rc, "cannot send to the data plane: %s", strerror(-rc)) : 0;
}

static int receive_reply(struct dataplane *d, enum api_type type, struct api_header *header)
{
	for (;;) {
		ssize_t n = unix_receive(d->fd, d->message, API_MESSAGE_BYTES);

		if (n < 0)
			return fail(d, n, "no reply from the data plane: %s", strerror(-n));
		if (n == 0)
			return fail(d, -ECONNRESET, "the data plane closed the connection");
		if ((size_t)n < sizeof(*header))
			return fail(d, -EPROTO, "the data plane sent a message without a header");
		memcpy(header, d->message, sizeof(*header));
		if (header->version != API_VERSION)
			return fail(d, -EPROTO,
				    "the data plane speaks version %u of its interface, this "
				    "program version %u: install both from one release",
				    header->version, API_VERSION);
		if (header->length_bytes != (size_t)n)
			return fail(d, -EPROTO, "the data plane sent a message of a wrong length");
		if (header->cookie == 0)
			continue; /* an event */
		if (header->cookie != d->cookie || header->type != type)
			return fail(d, -EPROTO, "the data plane answered something else");
		return 0;
	}
}

int dataplane_request(struct dataplane *d, enum api_type type, const void *entries, size_t bytes,
		      unsigned n, struct dataplane_reply *reply)
{
	struct api_header header;
	int rc = send_request(d, type, entries, bytes, n);

	if (rc == 0)
		rc = receive_reply(d, type, &header);
	if (rc)
		return rc;
	if (header.status > 0)
		return fail(d, -EPROTO, "the data plane answered with status %d", header.status);
	if (header.status)
		return fail(d, header.status, "the data plane refused the request: %s",
			    strerror(-header.status));
	reply->entries = d->message + sizeof(header);
	reply->bytes = header.length_bytes - sizeof(header);
	reply->n = header.n_entries;
	return 0;
}

/* What a set's status means to the one who asked for it: api_set_result.status. */
static const char *status_text(int status)
{
	switch (status) {
	case -EEXIST:
		return "its ports or its registration are in use";
	case -ENOSPC:
		return "the SA table is full";
	case -EINVAL:
		return "the SA set is not valid: its algorithms, ports, or an inbound SPI "
		       "that is not of this node's numbers";
	case -ENOENT:
		return "there is no such registration";
	case -EPERM:
		return "it belongs to another owner";
	case -EAGAIN:
		return "its ports were another set's until a moment ago; try again soon";
	case -EDQUOT:
		return "this client may have no more SAs (dataplane.quotas)";
	case -EADDRNOTAVAIL:
		return "SAs are bound to too many other local addresses";
	case -EADDRINUSE:
		return "the SPI is taken";
	default:
		return strerror(-status);
	}
}

static int set_request(struct dataplane *d, enum api_type type, const void *entry,
		       size_t entry_bytes, struct api_set_result *result)
{
	struct dataplane_reply reply;
	int rc = dataplane_request(d, type, entry, entry_bytes, 1, &reply);

	if (rc)
		return rc;
	if (reply.n != 1 || reply.bytes != sizeof(*result))
		return fail(d, -EPROTO, "the data plane's answer has a wrong length");
	memcpy(result, reply.entries, sizeof(*result));
	if (result->status > 0)
		return fail(d, -EPROTO, "the data plane answered with status %d", result->status);
	if (result->status)
		return fail(d, result->status, "the data plane refused the SA set: %s",
			    status_text(result->status));
	return 0;
}

int dataplane_install(struct dataplane *d, const struct api_set *set, struct api_set_result *result)
{
	return set_request(d, API_SET_INSTALL, set, sizeof(*set), result);
}

int dataplane_delete(struct dataplane *d, uint64_t registration, uint32_t grace_s)
{
	struct api_set_id id = { .registration = registration, .grace_s = grace_s };
	struct api_set_result result;

	return set_request(d, API_SET_DELETE, &id, sizeof(id), &result);
}

/* One message of the list: the cursor moves on, the rows go out. */
static int list_part(struct dataplane *d, struct api_cursor *cursor,
		     int (*row)(const struct api_sa_info *sa, void *user), void *user)
{
	uint32_t before = cursor->next;
	struct dataplane_reply reply;
	int rc = dataplane_request(d, API_SA_LIST, cursor, sizeof(*cursor), 1, &reply);

	if (rc)
		return rc;
	if (reply.n == 0 ||
	    reply.bytes != sizeof(*cursor) + (reply.n - 1) * sizeof(struct api_sa_info))
		return fail(d, -EPROTO, "the data plane's list has a wrong length");
	memcpy(&cursor->next, reply.entries + offsetof(struct api_cursor, next),
	       sizeof(cursor->next));
	if (cursor->next != 0 && cursor->next <= before)
		return fail(d, -EPROTO, "the data plane's list does not advance");
	reply.entries += sizeof(*cursor);
	for (unsigned i = 1; i < reply.n && rc == 0; i++) {
		struct api_sa_info sa;

		memcpy(&sa, reply.entries, sizeof(sa));
		reply.entries += sizeof(sa);
		rc = row(&sa, user);
	}
	return rc;
}

int dataplane_list(struct dataplane *d, uint32_t owner,
		   int (*row)(const struct api_sa_info *sa, void *user), void *user)
{
	struct api_cursor cursor = { .owner = owner };
	int rc;

	do
		rc = list_part(d, &cursor, row, user);
	while (rc == 0 && cursor.next != 0);
	return rc;
}
