#include "tools/telemetry.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tools/unix.h"

#define GREETING_BYTES  1024
#define REPLY_MAX_BYTES (1u << 20) /* DPDK says 16384; a peer may not choose our memory */

__attribute__((format(printf, 3, 4))) static int fail(struct telemetry *t, int rc,
						      const char *message, ...)
{
	va_list args;

	va_start(args, message);
	vsnprintf(t->error, sizeof(t->error), message, args);
	va_end(args);
	return rc;
}

/* {"version": "DPDK 22.11.0", "pid": 123, "max_output_len": 16384} */
static int read_greeting(struct telemetry *t)
{
	char greeting[GREETING_BYTES];
	ssize_t n = unix_receive(t->fd, greeting, sizeof(greeting));
	json_int_t max_bytes;
	json_t *root;

	if (n <= 0)
		return fail(t, n ? n : -ECONNRESET, "no greeting from the telemetry socket: %s",
			    strerror(n ? -n : ECONNRESET));
	root = json_loadb(greeting, n, 0, NULL);
	max_bytes = json_integer_value(json_object_get(root, "max_output_len"));
	json_decref(root);
	if (max_bytes < 1 || max_bytes > REPLY_MAX_BYTES)
		return fail(t, -EPROTO, "the telemetry socket's greeting is not DPDK's");
	t->max_bytes = max_bytes;
	t->reply = malloc(t->max_bytes);
	return t->reply ? 0 : fail(t, -ENOMEM, "out of memory");
}

int telemetry_open(struct telemetry *t, const char *file_prefix)
{
	char path[256];

	*t = (struct telemetry){ .fd = -1 };
	snprintf(path, sizeof(path), "/run/dpdk/%s/dpdk_telemetry.v2", file_prefix);
	t->fd = unix_connect(path, SOCK_SEQPACKET, TELEMETRY_TIMEOUT_MS);
	if (t->fd == -EACCES)
		return fail(t, t->fd, "no permission for the telemetry socket %s: run as root",
			    path);
	if (t->fd < 0)
		return fail(t, t->fd,
			    "the data plane is not running: no answer at %s (%s); start it with "
			    "`imsgate-dataplane --config FILE`, or name the file it runs with: "
			    "--config",
			    path, strerror(-t->fd));
	return read_greeting(t);
}

void telemetry_close(struct telemetry *t)
{
	if (t->fd >= 0)
		close(t->fd);
	free(t->reply);
	t->reply = NULL;
	t->fd = -1;
}

int telemetry_get(struct telemetry *t, const char *command, json_t **out)
{
	int rc = unix_send(t->fd, command, strlen(command));
	size_t name_bytes = strcspn(command, ","); /* the reply has it without its parameter */
	json_t *root, *value;
	ssize_t n;

	if (rc)
		return fail(t, rc, "cannot send to the telemetry socket: %s", strerror(-rc));
	n = unix_receive(t->fd, t->reply, t->max_bytes);
	if (n <= 0)
		return fail(t, n ? n : -ECONNRESET, "no reply to %s: %s", command,
			    strerror(n ? -n : ECONNRESET));
	root = json_loadb(t->reply, n, JSON_REJECT_DUPLICATES, NULL);
	value = json_incref(json_object_getn(root, command, name_bytes));
	json_decref(root);
	if (json_is_object(value) || json_is_array(value)) {
		*out = value;
		return 0;
	}
	if (json_is_null(value))
		return fail(t, -ENOENT, "the data plane does not know %s", command);
	json_decref(value);
	return fail(t, -EPROTO, "the reply to %s is not what was asked for", command);
}

int telemetry_each(struct telemetry *t, const char *command, void (*one)(json_t *reply, void *user),
		   void *user)
{
	json_t *numbers, *number, *reply;
	size_t i;
	int rc = telemetry_get(t, command, &numbers);

	if (rc)
		return rc;
	json_array_foreach(numbers, i, number)
	{
		char of_one[128];

		snprintf(of_one, sizeof(of_one), "%s,%" JSON_INTEGER_FORMAT, command,
			 json_integer_value(number));
		rc = telemetry_get(t, of_one, &reply);
		if (rc)
			break;
		one(reply, user);
		json_decref(reply);
	}
	json_decref(numbers);
	return rc;
}

static void add_reply(json_t *reply, void *all)
{
	json_object_update(all, reply);
}

int telemetry_get_all(struct telemetry *t, const char *command, json_t **out)
{
	json_t *all = json_object();
	int rc = telemetry_each(t, command, add_reply, all);

	if (rc) {
		json_decref(all);
		all = NULL;
	}
	*out = all;
	return rc;
}
