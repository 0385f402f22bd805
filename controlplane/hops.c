#include "controlplane/hops.h"

#include <errno.h>
#include <osipparser2/osip_parser.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "controlplane/sip.h"
#include "controlplane/sip_list.h"
#include "controlplane/table.h"
#include "controlplane/text.h"
#include "controlplane/transport.h"

#define MAX_MAX_FORWARDS 255 /* RFC 3261 20.22 */

struct hops {
	struct table *secret; /* never filled: its keyed hash is all that is wanted */
};

struct hops *hops_new(void)
{
	struct hops *h = calloc(1, sizeof(*h));
	if (h && !(h->secret = table_new(0))) {
		free(h);
		return NULL;
	}
	return h;
}

void hops_free(struct hops *h)
{
	if (!h)
		return;
	table_free(h->secret);
	free(h);
}

static uint64_t hash_text(const struct hops *h, uint64_t seed, const char *text)
{
	return table_hash(h->secret, seed, text ? text : "", text ? strlen(text) : 0);
}

/* RFC 3261 16.6 step 8: what routing depends on. Equal twice = a loop, not a spiral. */
static uint64_t loop_hash(const struct hops *h, const struct sip *s)
{
	char call_id[256];
	call_id[0] = '\0'; /* it may be too long */
	sip_call_id(s, call_id, sizeof(call_id));
	uint64_t hash = hash_text(h, 0, call_id);
	hash = hash_text(h, hash, sip_value(s, SIP_CSEQ, 0));
	hash = hash_text(h, hash, sip_to_tag(s));
	hash = hash_text(h, hash, sip_value(s, SIP_ROUTE, 0));
	return hash_text(h, hash, sip_value(s, SIP_START, 0));
}

/* Branch = cookie, random part, loop hash: RFC 3261 16.6 step 8. */
static bool is_loop(const struct sip *s, const struct address *own, const char *hash)
{
	const struct sip_via *via;
	for (unsigned i = 0; (via = sip_via(s, i)); i++) {
		struct address sent_by;
		const char *branch = sip_via_param(via, "branch");
		const char *tail = branch ? strrchr(branch, '-') : NULL;
		if (!tail || strcmp(tail + 1, hash) || !via->host)
			continue;
		if (!address_parse(via->host, 0, &sent_by) && address_same_host(&sent_by, own))
			return true;
	}
	return false;
}

int hops_unknown_option(struct sip_list *proxy_require, char *option, size_t option_bytes)
{
	int n;
	while ((n = sip_list_next(proxy_require, option, option_bytes)) != -ENOENT)
		if (n < 0 || strcasecmp(option, "privacy"))
			return 0;
	return -ENOENT;
}

int hops_add(const struct hops *h, struct sip *s, const struct path *path,
	     char branch[static HOPS_BRANCH_BYTES])
{
	const struct endpoint *e = path->endpoint;
	char number[16], hash[SIP_TAG_BYTES], random[SIP_TAG_BYTES], option[SIP_VALUE_BYTES];
	struct sip_list proxy_require = sip_list(s, "Proxy-Require");
	uint32_t hops = sip_header_number(s, "Max-Forwards", 70);
	if (hops == 0)
		return 483;
	if (sip_header(s, "Proxy-Require", 0) &&
	    hops_unknown_option(&proxy_require, option, sizeof(option)) != -ENOENT)
		return 420;
	if (hops > MAX_MAX_FORWARDS)
		hops = MAX_MAX_FORWARDS;
	struct text t = text_in(number, sizeof(number));
	text_put_number(&t, hops - 1);
	text_end(&t);
	sip_print_tag(loop_hash(h, s), hash);
	if (is_loop(s, &e->local, hash))
		return 482;
	sip_random_tag(random);
	char *at = stpcpy(branch, "z9hG4bK");
	at = stpcpy(at, random);
	*at++ = '-';
	strcpy(at, hash);
	if (sip_header_set(s, "Max-Forwards", number) ||
	    sip_via_push(s, &e->sent_by, branch, path->tcp) ||
	    (transport_is_tls(e) && sip_via_set_protocol(s, "TLS")))
		return 500;
	return 0;
}
