#include "controlplane/cx_local.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

/*
 * Writes a command's struct or reads it, so that one description serves both ways. Each field is at
 * the place where the one before it ended; once a field was bad, nothing more is read.
 */
struct codec {
	uint8_t *at;
	size_t left;
	bool reads;
	bool is_bad;
};

static void fail(struct codec *c)
{
	c->is_bad = true;
	c->left = 0;
}

static void raw(struct codec *c, void *field, size_t n_bytes)
{
	if (n_bytes > c->left) {
		fail(c);
		return;
	}
	if (c->reads)
		memcpy(field, c->at, n_bytes);
	else
		memcpy(c->at, field, n_bytes);
	c->at += n_bytes;
	c->left -= n_bytes;
}

/* Up to its NUL; behind that the field is zeros when it was read. */
static void text(struct codec *c, char *field, size_t field_bytes)
{
	const void *begin = c->reads ? (const char *)c->at : field;
	size_t max = c->reads && c->left < field_bytes ? c->left : field_bytes;
	const char *end = memchr(begin, '\0', max);
	size_t n_bytes;

	if (end == NULL) {
		fail(c);
		return;
	}
	n_bytes = (size_t)(end - (const char *)begin) + 1;
	raw(c, field, n_bytes);
	if (c->reads)
		memset(field + n_bytes, 0, field_bytes - n_bytes);
}

static void identity(struct codec *c, char field[static CX_IDENTITY_BYTES])
{
	text(c, field, CX_IDENTITY_BYTES);
}

/* How many entries of a list follow. False: none do. */
static bool count(struct codec *c, uint32_t *n, uint32_t max)
{
	raw(c, n, sizeof(*n));
	if (!c->is_bad && *n > max)
		fail(c);
	return !c->is_bad;
}

static void uar(struct codec *c, struct cx_uar *r)
{
	identity(c, r->impi);
	identity(c, r->impu);
	identity(c, r->visited_network);
	raw(c, &r->type, sizeof(r->type));
}

/* What a UAA has, and an LIA. */
static void server(struct codec *c, char name[static CX_IDENTITY_BYTES], struct cx_capabilities *of)
{
	identity(c, name);
	if (count(c, &of->n_mandatory, CX_MAX_CAPABILITIES))
		raw(c, of->mandatory, of->n_mandatory * sizeof(of->mandatory[0]));
	if (count(c, &of->n_optional, CX_MAX_CAPABILITIES))
		raw(c, of->optional, of->n_optional * sizeof(of->optional[0]));
}

static void mar(struct codec *c, struct cx_mar *r)
{
	identity(c, r->impi);
	identity(c, r->impu);
	identity(c, r->server_name);
	text(c, r->scheme, sizeof(r->scheme));
	raw(c, &r->n_items, sizeof(*r) - offsetof(struct cx_mar, n_items));
}

static void maa(struct codec *c, struct cx_maa *a)
{
	if (count(c, &a->n_items, CX_MAX_ITEMS))
		raw(c, a->items, a->n_items * sizeof(a->items[0]));
}

static void sar(struct codec *c, struct cx_sar *r)
{
	identity(c, r->impi);
	identity(c, r->impu);
	identity(c, r->server_name);
	raw(c, &r->type, sizeof(r->type));
}

static void saa(struct codec *c, struct cx_saa *a)
{
	identity(c, a->impi);
	if (!count(c, &a->n_impus, CX_MAX_IMPUS))
		return;
	for (uint32_t i = 0; i < a->n_impus; i++) {
		identity(c, a->impus[i].impu);
		raw(c, &a->impus[i].barred, sizeof(a->impus[i].barred));
	}
}

static void rtr(struct codec *c, struct cx_rtr *r)
{
	identity(c, r->impi);
	raw(c, &r->reason, sizeof(r->reason));
	if (!count(c, &r->n_impus, CX_MAX_IMPUS))
		return;
	for (uint32_t i = 0; i < r->n_impus; i++)
		identity(c, r->impus[i]);
}

static void request_body(struct codec *c, struct cx_request *r)
{
	switch (r->command) {
	case CX_UAR:
		uar(c, &r->uar);
		return;
	case CX_MAR:
		mar(c, &r->mar);
		return;
	case CX_SAR:
		sar(c, &r->sar);
		return;
	case CX_LIR:
		identity(c, r->lir.impu);
		return;
	case CX_RTR:
		rtr(c, &r->rtr);
		return;
	case CX_PPR:
		identity(c, r->ppr.impi);
		saa(c, &r->ppr.profile);
		return;
	}
	fail(c);
}

static void answer_body(struct codec *c, struct cx_answer *a)
{
	switch (a->command) {
	case CX_UAR:
		server(c, a->uaa.server_name, &a->uaa.capabilities);
		return;
	case CX_MAR:
		maa(c, &a->maa);
		return;
	case CX_SAR:
		saa(c, &a->saa);
		return;
	case CX_LIR:
		server(c, a->lia.server_name, &a->lia.capabilities);
		return;
	case CX_RTR:
	case CX_PPR:
		return; /* a result and nothing else */
	}
	fail(c);
}

static struct codec writer(uint8_t *out)
{
	return (struct codec){ .at = out + sizeof(struct cx_local_header),
			       .left = CX_LOCAL_MESSAGE_BYTES - sizeof(struct cx_local_header) };
}

/* What is packed is sound, so that it fits. */
static size_t finish(const struct codec *c, struct cx_local_header *header, uint8_t *out)
{
	size_t n_bytes = (size_t)(c->at - out);

	assert(!c->is_bad);
	header->version = CX_LOCAL_VERSION;
	header->length_bytes = (uint32_t)n_bytes;
	memcpy(out, header, sizeof(*header));
	return n_bytes;
}

size_t cx_local_pack_request(const struct cx_request *request, uint64_t id,
			     uint8_t out[static CX_LOCAL_MESSAGE_BYTES])
{
	struct cx_local_header header = { .command = request->command, .id = id };
	struct codec c = writer(out);

	request_body(&c, (struct cx_request *)request); /* which a writer only reads */
	return finish(&c, &header, out);
}

size_t cx_local_pack_answer(const struct cx_answer *answer, uint64_t id,
			    uint8_t out[static CX_LOCAL_MESSAGE_BYTES])
{
	struct cx_local_header header = {
		.is_answer = 1, .command = answer->command, .result = answer->result, .id = id
	};
	struct codec c = writer(out);

	answer_body(&c, (struct cx_answer *)answer);
	return finish(&c, &header, out);
}

static int read_header(const uint8_t *message, size_t n_bytes, struct cx_local_header *out)
{
	if (n_bytes < sizeof(*out))
		return -EPROTO;
	memcpy(out, message, sizeof(*out));
	return out->version == CX_LOCAL_VERSION && out->is_answer <= 1 &&
			       out->length_bytes >= sizeof(*out) && out->length_bytes <= n_bytes
		       ? 0
		       : -EPROTO;
}

static struct codec reader(const uint8_t *message, size_t n_bytes)
{
	return (struct codec){ .at = (uint8_t *)message + sizeof(struct cx_local_header),
			       .left = n_bytes - sizeof(struct cx_local_header),
			       .reads = true };
}

int cx_local_parse_request(const uint8_t *message, size_t n_bytes, struct cx_request *out,
			   uint64_t *id)
{
	struct cx_local_header h;
	struct codec c;

	if (read_header(message, n_bytes, &h) < 0 || h.length_bytes != n_bytes || h.is_answer ||
	    h.result != 0)
		return -EPROTO;
	c = reader(message, n_bytes);
	out->command = (enum cx_command)h.command;
	request_body(&c, out);
	*id = h.id;
	return !c.is_bad && c.left == 0 && cx_request_is_sound(out) ? 0 : -EPROTO;
}

int cx_local_parse_answer(const uint8_t *message, size_t n_bytes, struct cx_answer *out,
			  uint64_t *id)
{
	struct cx_local_header h;
	struct codec c;

	if (read_header(message, n_bytes, &h) < 0 || h.length_bytes != n_bytes || !h.is_answer)
		return -EPROTO;
	c = reader(message, n_bytes);
	out->command = (enum cx_command)h.command;
	out->result = (enum cx_result)h.result;
	answer_body(&c, out);
	*id = h.id;
	return !c.is_bad && c.left == 0 && cx_answer_is_sound(out) ? 0 : -EPROTO;
}

/* Messages that lie one behind the other up to the last byte. Returns how many, or -EPROTO. */
static int count_messages(const uint8_t *datagram, size_t n_bytes)
{
	struct cx_local_header h;
	int n = 0;

	if (n_bytes > CX_LOCAL_DATAGRAM_BYTES)
		return -EPROTO;
	for (size_t at = 0; at < n_bytes; at += h.length_bytes) {
		if (read_header(datagram + at, n_bytes - at, &h) < 0)
			return -EPROTO;
		n++;
	}
	return n <= CX_LOCAL_TOGETHER ? n : -EPROTO;
}

int cx_local_take_all(const uint8_t *datagram, size_t n_bytes, cx_local_take *take, void *user)
{
	int n = count_messages(datagram, n_bytes), rc = 0;
	struct cx_local_header h;

	if (n == 0)
		return -ECONNRESET; /* the end */
	for (int i = 0; rc == 0 && i < n; i++) {
		memcpy(&h, datagram, sizeof(h));
		rc = take(user, h.is_answer, datagram, h.length_bytes);
		datagram += h.length_bytes;
	}
	return rc < 0 ? rc : n;
}

bool cx_local_put(struct cx_local_datagram *d, const uint8_t *message, size_t n_bytes)
{
	if (d->n == CX_LOCAL_TOGETHER || n_bytes > CX_LOCAL_DATAGRAM_BYTES - d->bytes)
		return false;
	d->message[d->n++] = (struct iovec){ (uint8_t *)message, n_bytes };
	d->bytes += n_bytes;
	return true;
}

int cx_local_send(int fd, const struct cx_local_datagram *d)
{
	const struct msghdr header = { .msg_iov = (struct iovec *)d->message,
				       .msg_iovlen = (size_t)d->n };

	return sendmsg(fd, &header, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : d->n;
}
