/*
 * The way of a hostile datagram through the P-CSCF until it leaves again: parse, look at
 * everything, screen, print. What leaves holds no indicator, key or header that we did not mean.
 */
#include "test/fuzz/fuzz.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/charging.h"
#include "controlplane/credentials.h"
#include "controlplane/screen.h"
#include "controlplane/sip.h"
#include "controlplane/sip_list.h"
#include "controlplane/sip_route.h"
#include "controlplane/sip_scan.h"
#include "controlplane/sip_uri.h"

static void expect_same_param(const struct sip *s, unsigned i, char *name)
{
	osip_contact_t *contact = (osip_contact_t *)sip_contact(s, i);
	osip_generic_param_t *param = NULL;
	char value[SIP_VALUE_BYTES];
	int n = sip_contact_param(s, i, name, value, sizeof(value));
	osip_contact_param_get_byname(contact, name, &param);
	if ((n < 0) != !param || (param && strcmp(value, param->gvalue ? param->gvalue : "")))
		abort();
}

/* What is read from plain text is what libosip2 would have found. */
static void look_at_contacts(const struct sip *s)
{
	for (unsigned i = 0; i < sip_count(s, SIP_CONTACT); i++) {
		const osip_contact_t *contact = sip_contact(s, i);
		const char *host = contact->url ? contact->url->host : NULL;
		struct address read, parsed;
		bool is_address = host && !address_parse(host, 0, &parsed);
		if (!sip_contact_host(s, i, &read) != is_address ||
		    (is_address && !address_same_host(&read, &parsed)))
			abort();
		expect_same_param(s, i, (char[]){ "expires" });
		expect_same_param(s, i, (char[]){ "q" });
	}
}

static void look_at_next_hop(const struct sip *s)
{
	char text[SIP_VALUE_BYTES], aor[SIP_VALUE_BYTES];
	const osip_uri_t *route = sip_route(s, 0), *uri = sip_request_uri(s);
	struct address a;
	bool tcp;
	sip_next_hop(s, &a, &tcp);
	if (sip_next_is_tls(s) != sip_uri_is_tls(route ? route : uri))
		abort();
	int n = sip_aor(uri, aor, sizeof(aor));
	if (s->fields[0].is_plain &&
	    (sip_aor_text(sip_value(s, SIP_START, 0), text, sizeof(text)) != n ||
	     (n > 0 && strcmp(text, aor))))
		abort();
}

static void look(const struct sip *s)
{
	struct address a;
	char text[SIP_VALUE_BYTES];
	sip_call_id(s, text, sizeof(text));
	sip_to_tag(s);
	sip_via_target(s, false, &a);
	sip_aor(sip_from(s)->url, text, sizeof(text));
	char to[SIP_VALUE_BYTES];
	int n = sip_aor(sip_to(s)->url, text, sizeof(text));
	if (n != sip_to_aor(s, to, sizeof(to)) || (n > 0 && strcmp(to, text)))
		abort();
	sip_header_number(s, "Expires", 0);
	struct sip_list list = sip_list(s, "P-Associated-URI");
	while (sip_list_next(&list, text, sizeof(text)) >= 0)
		sip_aor_text(text, text, sizeof(text));
	look_at_contacts(s);
	if (sip_is_request(s))
		look_at_next_hop(s);
}

/* No header of this name still has the parameter. */
static void expect_gone(const struct sip *s, const char *header, const char *name)
{
	struct credentials c;
	const char *line;
	for (unsigned i = 0; (line = sip_header(s, header, i)); i++)
		if (credentials_parse(line, &c) || credentials_get(&c, name))
			abort();
}

static int screen(struct sip *s)
{
	struct screen_keys keys;
	struct address source;
	address_parse("192.0.2.1", 5062, &source);
	screen_from_ue(s);
	screen_to_ue(s);
	if (sip_via_received(s, &source) || screen_set_indicator(s, SCREEN_NOTHING) ||
	    screen_take_keys(s, &keys) || screen_end_agreement(s))
		return -1;
	expect_gone(s, "Authorization", "integrity-protected");
	expect_gone(s, "Proxy-Authorization", "integrity-protected");
	expect_gone(s, "WWW-Authenticate", "ik");
	expect_gone(s, "Proxy-Authenticate", "ck");
	if (sip_header(s, "P-Asserted-Identity", 0) || sip_header(s, "Security-Client", 0) ||
	    sip_option_has(s, "Require", "sec-agree"))
		abort();
	return 0;
}

/* Whoever reads what we print finds as many headers and the same body: nothing was smuggled. */
static void expect_same(const struct sip *s, const struct sip *again)
{
	if (s->n_fields != again->n_fields || memcmp(s->n_of, again->n_of, sizeof(s->n_of)) ||
	    sip_status(s) != sip_status(again) || strcmp(sip_method(s), sip_method(again)) ||
	    s->body_bytes != again->body_bytes)
		abort();
}

/* libosip2 prints some of what it reads in a way that it will not read again; then there is no
 * claim. */
static void print(const struct sip *s)
{
	char *text;
	size_t n;
	struct sip *again;
	if (sip_print(s, &text, &n))
		return;
	if (!sip_parse(text, n, &again)) {
		expect_same(s, again);
		sip_free(again);
	}
	free(text);
}

/* What was set is there, what was taken is not, whatever a vector looked like before. */
static void charge(struct sip *s)
{
	char text[SIP_VALUE_BYTES];
	charging_get(s, "icid-value", text, sizeof(text));
	if (!sip_header(s, "P-Charging-Vector", 0) || charging_set(s, "orig-ioi", "x"))
		return;
	if (charging_get(s, "orig-ioi", text, sizeof(text)) != 1 || text[0] != 'x')
		abort();
	if (!charging_set(s, "orig-ioi", NULL) &&
	    charging_get(s, "orig-ioi", text, sizeof(text)) != -ENOENT)
		abort();
}

/* What is plain is what libosip2 makes of it, and is refused where libosip2 refuses it. */
static void expect_libosip2_agrees(const uint8_t *data, size_t size, const struct sip *s)
{
	char *text, *same;
	size_t n, n_same;
	struct sip *by_libosip2 = NULL;
	int error = sip_parse_by_libosip2((const char *)data, size, false, &by_libosip2);
	if (!s != (error != 0))
		abort();
	if (!s)
		return;
	if (!sip_print(s, &text, &n)) {
		if (sip_print(by_libosip2, &same, &n_same) || n != n_same || memcmp(text, same, n))
			abort();
		free(same);
		free(text);
	}
	if (memcmp(s->n_of, by_libosip2->n_of, sizeof(s->n_of)))
		abort();
	sip_free(by_libosip2);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool started;
	struct sip *s;
	if (!started)
		sip_init();
	started = true;
	if (sip_parse((const char *)data, size, &s))
		s = NULL;
	expect_libosip2_agrees(data, size, s);
	if (!s)
		return 0;
	look(s);
	print(s);
	struct sip *copy = sip_clone(s);
	if (copy)
		charge(copy);
	if (copy && !screen(copy))
		print(copy);
	sip_free(copy);
	if (sip_is_request(s)) {
		struct sip *response = sip_response(s, 404, NULL, "tag");
		if (response)
			print(response);
		sip_free(response);
	}
	sip_free(s);
	return 0;
}
