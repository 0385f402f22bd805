#include "tools/status.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tools/unix.h"

#define FIRST_BYTES 65536

/* The connection closes after the reply, so its end is the end of the body: RFC 9112 6.3 (8). */
static int read_all(int fd, char **out, size_t *out_bytes)
{
	size_t room = FIRST_BYTES, used = 0;
	char *reply = malloc(room);
	ssize_t n = reply ? 1 : -ENOMEM;

	while (n > 0) {
		n = unix_receive(fd, reply + used, room - used);
		if (n <= 0)
			break;
		used += n;
		if (used == room) {
			char *wider = room < STATUS_MAX_BYTES ? realloc(reply, room * 2) : NULL;

			if (!wider) {
				n = room < STATUS_MAX_BYTES ? -ENOMEM : -EFBIG;
				break;
			}
			reply = wider;
			room *= 2;
		}
	}
	if (n < 0) {
		free(reply);
		return n;
	}
	*out = reply;
	*out_bytes = used;
	return 0;
}

int status_parse(const char *reply, size_t reply_bytes, json_t **out)
{
	static const char status[] = "HTTP/1.1 200 ", end[] = "\r\n\r\n";
	const char *body = memmem(reply, reply_bytes, end, strlen(end));

	if (reply_bytes < strlen(status) || memcmp(reply, status, strlen(status)) || !body)
		return -EPROTO;
	body += strlen(end);
	*out = json_loadb(body, reply + reply_bytes - body, 0, NULL);
	return *out ? 0 : -EPROTO;
}

/* Sends a request without a body; the caller frees *reply. */
static int exchange(int fd, const char *method, const char *path, char **reply, size_t *reply_bytes)
{
	char request[1024];
	int bytes = snprintf(request, sizeof(request),
			     "%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
			     "Content-Length: 0\r\n\r\n",
			     method, path);
	int rc = bytes < (int)sizeof(request) ? unix_send(fd, request, (size_t)bytes) : -EMSGSIZE;

	return rc ? rc : read_all(fd, reply, reply_bytes);
}

/* Connects to a role; -errno with a message. */
static int open_role(const char *run_dir, const char *role, char *error, size_t error_bytes)
{
	char socket_path[256];
	int fd;

	snprintf(socket_path, sizeof(socket_path), "%s/%s.sock", run_dir, role);
	fd = unix_connect(socket_path, SOCK_STREAM, STATUS_TIMEOUT_MS);
	if (fd == -EACCES)
		snprintf(error, error_bytes,
			 "no permission for the socket %s of role %s: run as root", socket_path,
			 role);
	else if (fd < 0)
		snprintf(error, error_bytes,
			 "role %s is not running: no answer at %s (%s); start it with "
			 "imsgate-controlplane, or name the file it runs with: --config",
			 role, socket_path, strerror(-fd));
	return fd;
}

static int say_silence(int rc, const char *run_dir, const char *role, const char *path, char *error,
		       size_t error_bytes)
{
	if (rc < 0)
		snprintf(error, error_bytes, "role %s gave no answer to %s at %s/%s.sock: %s", role,
			 path, run_dir, role, strerror(-rc));
	return rc;
}

int status_get(const char *run_dir, const char *role, const char *path, json_t **out, char *error,
	       size_t error_bytes)
{
	size_t reply_bytes = 0;
	char *reply = NULL;
	int fd = open_role(run_dir, role, error, error_bytes);
	int rc;

	if (fd < 0)
		return fd;
	rc = exchange(fd, "GET", path, &reply, &reply_bytes);
	close(fd);
	if (rc == 0)
		rc = status_parse(reply, reply_bytes, out);
	free(reply);
	return say_silence(rc, run_dir, role, path, error, error_bytes);
}

int status_post(const char *run_dir, const char *role, const char *path, char *error,
		size_t error_bytes)
{
	static const char version[] = "HTTP/1.1 ";
	size_t reply_bytes = 0;
	char *reply = NULL;
	int fd = open_role(run_dir, role, error, error_bytes);
	int rc;

	if (fd < 0)
		return fd;
	rc = exchange(fd, "POST", path, &reply, &reply_bytes);
	close(fd);
	/* RFC 9112 4: three digits behind the version */
	if (rc == 0)
		rc = reply_bytes > strlen(version) + 3 && !memcmp(reply, version, strlen(version))
			     ? (reply[9] - '0') * 100 + (reply[10] - '0') * 10 + reply[11] - '0'
			     : -EPROTO;
	free(reply);
	return say_silence(rc, run_dir, role, path, error, error_bytes);
}
