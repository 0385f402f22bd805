/*
 * What a connection does with its socket: as it is, or through TLS. A handshake goes on whenever
 * the socket lets it; who is slow at it ends by the clock of stream_list.c, like all who are slow.
 */
#include <errno.h>
#include <event2/event.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include "controlplane/tls.h"
#include "controlplane/transport_impl.h"

/* OpenSSL's way to say it, as -errno; 0 is the end of the stream. */
static int outcome(struct connection *c, int result)
{
	switch (SSL_get_error(c->tls, result)) {
	case SSL_ERROR_WANT_READ:
		return -EAGAIN;
	case SSL_ERROR_WANT_WRITE:
		return -EINPROGRESS;
	case SSL_ERROR_ZERO_RETURN:
		return 0;
	case SSL_ERROR_SYSCALL:
		return -ECONNRESET;
	default:
		tls_report(c->transport->tls, c->tls);
		return -EPROTO;
	}
}

void stream_shake(struct connection *c)
{
	struct transport *t = c->transport;
	if (!c->tls)
		c->tls = tls_link(t->tls, c->fd, &c->path.peer, !c->accepted);
	if (!c->tls) {
		stream_close(c);
		return;
	}
	ERR_clear_error();
	int result = SSL_do_handshake(c->tls);
	int error = result == 1 ? 0 : outcome(c, result);
	if (result == 1) {
		t->counters.tls_opened++;
		stream_known(c);
		stream_opened(c);
	} else if (error == -EAGAIN) {
		event_add(c->readable, NULL);
	} else if (error == -EINPROGRESS) {
		event_add(c->writable, NULL);
	} else {
		t->counters.tls_refused++;
		stream_close(c);
	}
}

ssize_t stream_read(struct connection *c, char *bytes, size_t n_bytes)
{
	if (!c->tls) {
		ssize_t n = recv(c->fd, bytes, n_bytes, MSG_DONTWAIT);
		if (n >= 0)
			return n;
		return errno == EINTR ? -EAGAIN : -errno;
	}
	c->reads_when_writable = false;
	ERR_clear_error();
	int n = SSL_read(c->tls, bytes, (int)n_bytes);
	if (n > 0) {
		/* The rest of a record is here already: the socket will not say so. */
		if (SSL_pending(c->tls))
			event_active(c->readable, EV_READ, 0);
		return n;
	}
	int error = outcome(c, n);
	if (error != -EINPROGRESS)
		return error;
	c->reads_when_writable = !event_add(c->writable, NULL);
	return -EAGAIN;
}

ssize_t stream_write(struct connection *c, const char *bytes, size_t n_bytes)
{
	if (!c->tls) {
		ssize_t n = send(c->fd, bytes, n_bytes, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n >= 0)
			return n;
		return errno == EINTR ? -EAGAIN : -errno;
	}
	ERR_clear_error();
	int n = SSL_write(c->tls, bytes, (int)n_bytes);
	if (n > 0)
		return n;
	int error = outcome(c, n);
	if (error == -EINPROGRESS)
		return -EAGAIN;
	return error == -EAGAIN || error == 0 ? -EPROTO
					      : error; /* nothing to write waits for them */
}

void stream_end_output(struct connection *c)
{
	if (c->tls) {
		ERR_clear_error();
		SSL_shutdown(c->tls); /* says so to the peer, and waits for nothing */
	}
	shutdown(c->fd, SHUT_WR);
}

void stream_tls_free(struct connection *c)
{
	if (!c->tls)
		return;
	ERR_clear_error();
	if (c->opened)
		SSL_shutdown(c->tls);
	SSL_free(c->tls);
	c->tls = NULL;
	ERR_clear_error();
}
