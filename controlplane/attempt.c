#include "controlplane/attempt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/address.h"
#include "crypto/wipe.h"

struct attempts {
	struct loop *loop;
	struct table *by_impi;
	uint32_t max;
	uint64_t await_ms;
	uint64_t n_begun;
	struct attempts_user user;
};

static uint64_t hash_impi(const struct attempts *all, const char *impi)
{
	return table_hash(all->by_impi, 0, impi, strlen(impi));
}

static struct attempt *entry(struct table_node *n)
{
	return n != NULL ? table_entry(n, struct attempt, node) : NULL;
}

/* The IMPI's attempts, one after the other. */
static struct attempt *first_of(const struct attempts *all, const char *impi)
{
	struct attempt *a = entry(table_first(all->by_impi, hash_impi(all, impi)));

	while (a != NULL && strcmp(a->impi, impi) != 0)
		a = entry(table_next(&a->node));
	return a;
}

static struct attempt *next_of(const struct attempt *a)
{
	struct attempt *next = entry(table_next(&a->node));

	while (next != NULL && strcmp(next->impi, a->impi) != 0)
		next = entry(table_next(&next->node));
	return next;
}

struct attempts *attempts_new(struct loop *loop, uint32_t max, uint32_t reg_await_auth_s,
			      struct attempts_user user)
{
	struct attempts *all = calloc(1, sizeof(*all));

	if (all == NULL)
		return NULL;
	all->loop = loop;
	all->max = max;
	all->await_ms = (uint64_t)reg_await_auth_s * 1000;
	all->user = user;
	all->by_impi = table_new(max);
	if (all->by_impi == NULL) {
		free(all);
		return NULL;
	}
	return all;
}

static void end_one(void *user, struct table_node *n)
{
	attempt_end(entry(n));
}

void attempts_free(struct attempts *all)
{
	if (all == NULL)
		return;
	table_visit(all->by_impi, end_one, NULL);
	table_free(all->by_impi);
	free(all);
}

uint32_t attempts_count(const struct attempts *all)
{
	return (uint32_t)table_count(all->by_impi);
}

/* The host and port of a URI, or its host alone; "" if that is none. */
static int copy_host(const char *uri, bool with_port, char *out, size_t out_bytes)
{
	const char *host = strchr(uri, ':');
	const char *user = strchr(uri, '@');
	size_t bytes;

	host = user != NULL ? user : host;
	if (host == NULL)
		return snprintf(out, out_bytes, "%s", "");
	host++;
	bytes = strcspn(host, ";?>");
	if (!with_port && host[0] == '[')
		bytes = strcspn(host, "]");
	else if (!with_port)
		bytes = strcspn(host, ":;?>");
	return snprintf(out, out_bytes, "%.*s", (int)bytes, host);
}

/* An IPv6 address in one way, whichever of many the UE has written it in. Returns its bytes. */
static int print_ipv6(const struct address *a, char *out)
{
	int n = sprintf(out, "[");

	for (unsigned i = 0; i < sizeof(a->bytes); i++)
		n += sprintf(out + n, "%02x", a->bytes[i]);
	return n;
}

/* Of such a source, what names its /64. */
#define NETWORK_BYTES (1 + 2 * 8)

void attempt_source(const char *contact, const char *path, char out[static ATTEMPT_SOURCE_BYTES])
{
	int n = copy_host(contact, false, out, ATTEMPT_SOURCE_BYTES / 2);
	struct address address;

	if (n >= ATTEMPT_SOURCE_BYTES / 2)
		n = ATTEMPT_SOURCE_BYTES / 2 - 1;
	if (out[0] == '[' && address_parse(out + 1, 0, &address) == 0 && address.family == 6)
		n = print_ipv6(&address, out);
	out[n++] = ' ';
	copy_host(path, true, out + n, ATTEMPT_SOURCE_BYTES - (size_t)n);
}

/* The P-CSCF of a source. */
static const char *pcscf_of(const char *source)
{
	const char *space = strrchr(source, ' ');

	return space != NULL ? space + 1 : source;
}

void attempt_network(const char *source, char out[static ATTEMPT_SOURCE_BYTES])
{
	if (source[0] == '[')
		snprintf(out, ATTEMPT_SOURCE_BYTES, "%.*s %s", NETWORK_BYTES, source,
			 pcscf_of(source));
	else
		snprintf(out, ATTEMPT_SOURCE_BYTES, "%s", source);
}

/* As attempt_network() would say. */
static bool is_same_network(const char *a, const char *b)
{
	if (a[0] != '[')
		return strcmp(a, b) == 0;
	return strncmp(a, b, NETWORK_BYTES) == 0 && strcmp(pcscf_of(a), pcscf_of(b)) == 0;
}

struct attempt *attempts_find(struct attempts *all, const struct attempt_key *key)
{
	struct attempt *of_source = NULL;

	for (struct attempt *a = first_of(all, key->impi); a != NULL; a = next_of(a)) {
		if (strcmp(a->call_id, key->call_id) != 0)
			continue;
		if (key->nonce[0] != '\0' && strcmp(a->challenge.nonce, key->nonce) == 0 &&
		    strcmp(pcscf_of(a->source), pcscf_of(key->source)) == 0)
			return a;
		if (strcmp(a->source, key->source) == 0)
			of_source = a;
	}
	return of_source;
}

static void time_out(void *user)
{
	struct attempt *a = user;

	a->attempts->user.on_timeout(a->user, a);
	attempt_end(a);
}

/* Whether it may end to make room for another. */
static bool may_go(const struct attempts *all, const struct attempt *a,
		   const struct attempt_key *for_whom)
{
	if (a->x != NULL)
		return false;
	return loop_now_ms(all->loop) - a->begun_ms >= ATTEMPT_SAFE_S * 1000 ||
	       (for_whom->is_own && !a->is_own);
}

/* The attempts of an IMPI, or of one source of it: how many, and the oldest that may end. */
struct crowd {
	unsigned n;
	struct attempt *oldest;
};

static struct crowd look_at(const struct attempts *all, const struct attempt_key *key,
			    bool of_source)
{
	struct crowd crowd = { 0 };

	for (struct attempt *a = first_of(all, key->impi); a != NULL; a = next_of(a)) {
		if (of_source && !is_same_network(a->source, key->source))
			continue;
		crowd.n++;
		if (may_go(all, a, key) && (crowd.oldest == NULL || a->begun < crowd.oldest->begun))
			crowd.oldest = a;
	}
	return crowd;
}

/* True: there is room for one more. */
static bool make_room(struct attempts *all, const struct attempt_key *key)
{
	static const unsigned bounds[] = { ATTEMPTS_PER_IMPI, ATTEMPTS_PER_SOURCE };

	for (unsigned of_source = 0; of_source < 2; of_source++) {
		struct crowd crowd = look_at(all, key, of_source);

		if (crowd.n < bounds[of_source])
			continue;
		if (crowd.oldest == NULL)
			return false;
		time_out(crowd.oldest);
	}
	return table_count(all->by_impi) <
	       (key->is_own ? all->max : all->max - all->max / ATTEMPTS_OWN_SHARE);
}

/* Copies a text behind the struct. */
static char *append(char **end, const char *text)
{
	char *copy = *end;

	strcpy(copy, text);
	*end += strlen(text) + 1;
	return copy;
}

struct attempt *attempt_begin(struct attempts *all, const struct attempt_key *key, const char *impu,
			      struct server_txn *x)
{
	size_t bytes =
		strlen(key->impi) + strlen(impu) + strlen(key->call_id) + strlen(key->source) + 4;
	struct attempt *a;
	char *end;

	if (!make_room(all, key))
		return NULL;
	a = calloc(1, sizeof(*a) + bytes);
	if (a == NULL)
		return NULL;
	a->attempts = all;
	a->user = all->user.user;
	a->begun = all->n_begun++;
	a->begun_ms = loop_now_ms(all->loop);
	a->is_own = key->is_own;
	a->x = x;
	end = (char *)(a + 1);
	a->impi = append(&end, key->impi);
	a->impu = append(&end, impu);
	a->call_id = append(&end, key->call_id);
	a->source = append(&end, key->source);
	timer_init(&a->timer, time_out, a);
	table_add(all->by_impi, &a->node, hash_impi(all, key->impi));
	return a;
}

int attempt_await(struct attempt *a)
{
	a->x = NULL;
	return timer_set(a->attempts->loop, &a->timer, a->attempts->await_ms);
}

void attempt_ask(struct attempt *a, struct server_txn *x)
{
	timer_cancel(a->attempts->loop, &a->timer);
	a->x = x;
}

void attempt_end(struct attempt *a)
{
	timer_cancel(a->attempts->loop, &a->timer);
	table_remove(a->attempts->by_impi, &a->node);
	vectors_clear(&a->spare);
	wipe(a, sizeof(*a));
	free(a);
}

void attempts_overtake(struct attempts *all, const char *impi, const char *impu)
{
	for (struct attempt *a = first_of(all, impi); a != NULL; a = next_of(a))
		if (a->x != NULL && (impu == NULL || strcmp(a->impu, impu) == 0))
			a->is_overtaken = true;
}

bool attempt_has_rival(const struct attempt *a)
{
	const struct attempt *other = first_of(a->attempts, a->impi);

	while (other != NULL && (other == a || strcmp(other->impu, a->impu) != 0))
		other = next_of(other);
	return other != NULL;
}
