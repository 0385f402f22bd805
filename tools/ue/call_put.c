#include "tools/ue/call.h"

#include <string.h>

#include "tools/ue/fleet.h"

void call_put_contact(const struct ue *u, struct sip_text *t)
{
	char host[ADDRESS_TEXT_BYTES];

	sip_put_header(t, "Contact", "<sip:%s:%u%s>", ue_host(u, u->current, host), UE_PORT_US,
		       u->fleet->options.tcp ? ";transport=tcp" : "");
}

/* An offer and its answer are the same here: nobody speaks. RFC 4566. */
void call_put_body(const struct ue *u, struct sip_text *t)
{
	char host[ADDRESS_TEXT_BYTES], body[256];
	unsigned version = u->address.family == AF_INET ? 4 : 6;
	const char *name = address_text(&u->address, host);
	size_t n = strlen(name);

	if (version == 6) { /* RFC 4566 has no brackets */
		name++;
		n -= 2;
	}
	snprintf(body, sizeof(body),
		 "v=0\r\no=- 0 0 IN IP%u %.*s\r\ns=-\r\nc=IN IP%u %.*s\r\nt=0 0\r\n"
		 "m=audio 40000 RTP/AVP 0\r\n",
		 version, (int)n, name, version, (int)n, name);
	sip_put_header(t, "Content-Type", "application/sdp");
	sip_put_header(t, "Content-Length", "%zu", strlen(body));
	sip_put(t, "\r\n%s", body);
}

static void put_end(struct sip_text *t)
{
	sip_put_header(t, "Content-Length", "0");
	sip_put(t, "\r\n");
}

/* TS 24.229 5.1.2A.1; not in ACK and CANCEL. */
static void put_agreement(const struct ue *u, struct sip_text *t)
{
	sip_put_header(t, "P-Access-Network-Info", "IEEE-802.3");
	sip_put_header(t, "Require", "sec-agree");
	sip_put_header(t, "Proxy-Require", "sec-agree");
	sip_put_header(t, "Security-Verify", "%s", u->writing->over->verify);
}

static void put_parties(const struct ue *u, struct sip_text *t, const char *to)
{
	const struct call *c = u->call;

	sip_put_header(t, "From", "%s", c->local);
	sip_put_header(t, "To", "%s", to);
	sip_put_header(t, "Call-ID", "%s", c->call_id);
	sip_put_header(t, "CSeq", "%u %s", u->writing->cseq, u->writing->method);
}

/* The To of the first INVITE, which has no tag. */
static const char *first_to(const struct call *c, char text[static CALL_PARTY_BYTES + 2])
{
	snprintf(text, CALL_PARTY_BYTES + 2, "<%s>", c->called);
	return text;
}

/* What the first INVITE and its CANCEL and ACK have in common: RFC 3261 9.1, 17.1.1.3. */
static void put_first(const struct ue *u, struct sip_text *t, const char *to)
{
	request_put_start(u, t, u->call->called);
	put_parties(u, t, to);
	request_put_route(u, t);
}

void call_put_invite(const struct ue *u, struct sip_text *t)
{
	char to[CALL_PARTY_BYTES + 2];

	put_first(u, t, first_to(u->call, to));
	call_put_contact(u, t);
	request_put_identity(u, t);
	sip_put_header(t, "Supported", "100rel,timer");
	sip_put_header(t, "Session-Expires", "1800");
	put_agreement(u, t);
	call_put_body(u, t);
}

void call_put_hop(const struct ue *u, struct sip_text *t)
{
	char to[CALL_PARTY_BYTES + 2];

	put_first(u, t, first_to(u->call, to));
	put_end(t);
}

void call_put_refused(const struct ue *u, struct sip_text *t, const struct sip_message *answer)
{
	struct view to = sip_header(answer, "To", 0);
	char text[CALL_PARTY_BYTES];

	snprintf(text, sizeof(text), "%.*s", (int)to.bytes, to.at);
	put_first(u, t, text);
	put_end(t);
}

/* As it was learned; or the P-CSCF's own entry, and nothing of what was behind it. */
static void put_route(const struct ue *u, struct sip_text *t)
{
	const char *route = u->call->route;

	if (ue_does(u, UE_CHANGED_ROUTE))
		sip_put_header(t, "Route", "%.*s, <sip:%s;lr>", (int)strcspn(route, ","), route,
			       ue_foreign(u));
	else
		sip_put_header(t, "Route", "%s", route);
}

void call_put_inside(const struct ue *u, struct sip_text *t)
{
	const struct request *r = u->writing;
	const struct call *c = u->call;
	bool is_invite = !strcmp(r->method, "INVITE");

	request_put_start(u, t, c->target);
	put_parties(u, t, c->remote);
	put_route(u, t);
	if (is_invite || !strcmp(r->method, "UPDATE"))
		call_put_contact(u, t);
	if (!strcmp(r->method, "PRACK"))
		sip_put_header(t, "RAck", "%u %u INVITE", c->rseq, c->invite.cseq);
	if (strcmp(r->method, "ACK"))
		put_agreement(u, t);
	if (is_invite)
		call_put_body(u, t);
	else
		put_end(t);
}
