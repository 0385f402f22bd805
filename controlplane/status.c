#include "controlplane/status.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <event2/listener.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "controlplane/log.h"
#include "controlplane/loop.h"

#define TIMEOUT_S 10
#define MAX_BYTES 4096 /* of a request's headers; it has no body */

struct status {
	const struct role *role;
	void *self;
	struct evhttp *http;
	struct sockaddr_un address;
};

static void answer(struct evhttp_request *request, json_t *body)
{
	char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
	json_decref(body);
	if (!text) {
		evhttp_send_error(request, HTTP_INTERNAL, NULL);
		return;
	}
	evhttp_add_header(evhttp_request_get_output_headers(request), "Content-Type",
			  "application/json");
	evbuffer_add(evhttp_request_get_output_buffer(request), text, strlen(text));
	free(text);
	evhttp_send_reply(request, HTTP_OK, NULL, NULL);
}

static void on_registrations(struct evhttp_request *request, void *user)
{
	const struct status *s = user;
	json_t *rows = s->role->registrations(s->self);
	answer(request, rows ? json_pack("{s:o}", "registrations", rows) : NULL);
}

static void on_stats(struct evhttp_request *request, void *user)
{
	const struct status *s = user;
	answer(request, s->role->stats(s->self));
}

static int give_order(const struct status *s, struct evhttp_request *request)
{
	static const char prefix[] = "/order/";
	const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(request);
	const char *path = evhttp_uri_get_path(uri);
	const char *impi;
	struct evkeyvalq query;
	int error = -EINVAL;

	if (s->role->order == NULL || evhttp_request_get_command(request) != EVHTTP_REQ_POST ||
	    !path || strncmp(path, prefix, strlen(prefix)) != 0)
		return -EINVAL;
	if (evhttp_parse_query_str(evhttp_uri_get_query(uri), &query) < 0)
		return -EINVAL;
	impi = evhttp_find_header(&query, "impi");
	if (impi)
		error = s->role->order(s->self, path + strlen(prefix), impi);
	evhttp_clear_headers(&query);
	return error;
}

static void on_other(struct evhttp_request *request, void *user)
{
	int error = give_order(user, request);

	if (error == 0)
		evhttp_send_reply(request, 202, "Accepted", NULL);
	else
		evhttp_send_error(request,
				  error == -EINVAL   ? HTTP_BADREQUEST
				  : error == -ENOENT ? HTTP_NOTFOUND
						     : HTTP_SERVUNAVAIL,
				  NULL);
}

/* Connecting tells whether somebody still listens: only a dead socket is replaced. */
static int remove_stale(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	int error = 0;
	if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0)
		error = -EADDRINUSE;
	else if (errno == ECONNREFUSED && unlink(address->sun_path) < 0)
		error = -errno;
	close(fd);
	return error;
}

static int open_socket(const struct sockaddr_un *address)
{
	int error = remove_stale(address);
	if (error)
		return error;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (bind(fd, (const struct sockaddr *)address, sizeof(*address)) < 0 ||
	    chmod(address->sun_path, 0660) < 0 || listen(fd, 16) < 0) {
		error = -errno;
		close(fd);
		return error;
	}
	return fd;
}

int status_new(struct loop *loop, const char *run_dir, const struct role *role, void *self,
	       struct status **out)
{
	struct status *s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->role = role;
	s->self = self;
	s->address.sun_family = AF_UNIX;
	int error = -ENAMETOOLONG;
	if ((size_t)snprintf(s->address.sun_path, sizeof(s->address.sun_path), "%s/%s.sock",
			     run_dir, role->name) >= sizeof(s->address.sun_path))
		goto free_status;
	int fd = open_socket(&s->address);
	error = fd;
	if (fd < 0)
		goto free_status;
	error = -ENOMEM;
	s->http = evhttp_new(loop_base(loop));
	struct evconnlistener *listener = s->http ? evconnlistener_new(loop_base(loop), NULL, NULL,
								       LEV_OPT_CLOSE_ON_FREE, 0, fd)
						  : NULL;
	if (!listener || !evhttp_bind_listener(s->http, listener))
		goto close_socket;
	evhttp_set_timeout(s->http, TIMEOUT_S);
	evhttp_set_max_headers_size(s->http, MAX_BYTES);
	evhttp_set_max_body_size(s->http, 0);
	evhttp_set_allowed_methods(s->http, EVHTTP_REQ_GET | EVHTTP_REQ_POST);
	evhttp_set_gencb(s->http, on_other, s);
	if (evhttp_set_cb(s->http, "/registrations", on_registrations, s) ||
	    evhttp_set_cb(s->http, "/stats", on_stats, s))
		goto free_http;
	*out = s;
	return 0;

close_socket:
	if (!listener)
		close(fd);
	else
		evconnlistener_free(listener);
free_http:
	if (s->http)
		evhttp_free(s->http);
	unlink(s->address.sun_path);
free_status:
	free(s);
	if (error)
		log_error("%s: no status socket in %s: %s", role->name, run_dir, strerror(-error));
	return error;
}

void status_free(struct status *s)
{
	if (!s)
		return;
	evhttp_free(s->http);
	unlink(s->address.sun_path);
	free(s);
}
