#include "dataplane/set.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/wipe.h"
#include "dataplane/quarantine.h"
#include "dataplane/set_impl.h"
#include "dataplane/table_memory.h"

int set_table_init(struct set_table *t, struct sa_table *sas, uint32_t n_zones, uint32_t now_s)
{
	memset(t, 0, sizeof(*t));
	t->sas = sas;
	t->n_zones = n_zones;
	t->ticked_s = now_s;
	t->n_max = sas->capacity; /* a set has one SA at least */
	t->bucket_mask = sas->capacity - 1;
	t->set = table_memory_map(((size_t)t->n_max + 1) * sizeof(*t->set));
	t->bucket = table_memory_map(((size_t)t->bucket_mask + 1) * sizeof(*t->bucket));
	t->wheel = calloc(SET_WHEEL_S, sizeof(*t->wheel));
	t->crypto = crypto_new(-1);
	if (!t->set || !t->bucket || !t->wheel || !t->crypto) {
		set_table_free(t);
		return -ENOMEM;
	}
	return 0;
}

void set_table_free(struct set_table *t)
{
	crypto_free(t->crypto);
	quarantine_free(t->quarantine);
	table_memory_unmap(t->set, ((size_t)t->n_max + 1) * sizeof(*t->set));
	table_memory_unmap(t->bucket, ((size_t)t->bucket_mask + 1) * sizeof(*t->bucket));
	free(t->wheel);
	memset(t, 0, sizeof(*t));
}

/* ---- by registration ---- */

uint32_t *set_bucket(const struct set_table *t, uint64_t registration, uint32_t owner)
{
	/* Fibonacci hashing: registrations are handles that their owners count up. */
	uint64_t hash = (registration ^ (uint64_t)owner << 40) * UINT64_C(0x9e3779b97f4a7c15);
	return &t->bucket[hash >> 32 & t->bucket_mask];
}

/* The link that points to the set, so that it can be cut out; *link is 0 when there is none. */
static uint32_t *find(const struct set_table *t, uint64_t registration, uint32_t owner)
{
	uint32_t *link = set_bucket(t, registration, owner);
	while (*link &&
	       (t->set[*link].registration != registration || t->set[*link].owner != owner))
		link = &t->set[*link].chain;
	return link;
}

struct set *set_find(const struct set_table *t, uint64_t registration, uint32_t owner)
{
	uint32_t number = *find(t, registration, owner);
	return number ? &t->set[number] : NULL;
}

/* ---- by the second in which it ends ---- */

static uint32_t *wheel_of(struct set_table *t, const struct set *s)
{
	return set_wheel(t, s->expires_s);
}

static void wheel_enter(struct set_table *t, struct set *s)
{
	if (!s->expires_s)
		return;
	uint32_t number = (uint32_t)(s - t->set), *head = wheel_of(t, s);
	s->earlier = 0;
	s->later = *head;
	if (*head)
		t->set[*head].earlier = number;
	*head = number;
}

static void wheel_leave(struct set_table *t, struct set *s)
{
	if (!s->expires_s)
		return;
	if (s->earlier)
		t->set[s->earlier].later = s->later;
	else
		*wheel_of(t, s) = s->later;
	if (s->later)
		t->set[s->later].earlier = s->earlier;
}

uint32_t set_end(uint32_t lifetime_s, uint32_t now_s)
{
	if (!lifetime_s)
		return 0;
	return lifetime_s < UINT32_MAX - now_s ? now_s + lifetime_s : UINT32_MAX;
}

static void set_lifetime(struct set_table *t, struct set *s, uint32_t expires_s)
{
	wheel_leave(t, s);
	s->expires_s = expires_s;
	wheel_enter(t, s);
	set_end_sas(t, s);
}

/* ---- install ---- */

/* -ENOENT: no suite has these algorithms with keys of these sizes. */
static int suite_of(const struct api_set *set)
{
	static const uint8_t integrity_of[] = {
		[API_INTEGRITY_NONE] = CRYPTO_INTEGRITY_NONE,
		[API_HMAC_MD5_96] = CRYPTO_HMAC_MD5,
		[API_HMAC_SHA1_96] = CRYPTO_HMAC_SHA1,
		[API_HMAC_SHA256_128] = CRYPTO_HMAC_SHA256,
		[API_AES_GMAC] = CRYPTO_GMAC,
	};
	static const uint8_t cipher_of[] = {
		[API_CIPHER_NULL] = CRYPTO_CIPHER_NULL,
		[API_AES_CBC] = CRYPTO_AES_CBC,
		[API_DES_EDE3_CBC] = CRYPTO_3DES_CBC,
		[API_AES_GCM] = CRYPTO_GCM,
	};
	if (set->integrity >= sizeof(integrity_of) || set->cipher >= sizeof(cipher_of))
		return -ENOENT;
	return crypto_suite_find(integrity_of[set->integrity], cipher_of[set->cipher],
				 set->auth_key_bytes, set->cipher_key_bytes);
}

static bool is_sa_valid(const struct api_set *set, uint32_t i)
{
	const struct api_sa *sa = &set->sa[i];
	if (sa->direction != API_IN && sa->direction != API_OUT)
		return false;
	bool has_ports = set->mode != API_TUNNEL;
	if (!sa->local_port == has_ports || !sa->peer_port == has_ports)
		return false;
	uint8_t flags = set->mode == API_TUNNEL ? API_SA_ESN : 0;
	if (sa->flags & ~flags || (sa->sequence > SA_LAST_SEQUENCE && !sa->flags))
		return false;
	if (sa->reserved[0] || sa->reserved[1])
		return false;
	if (sa->direction == API_OUT && sa->spi < 256) /* RFC 4303 2.1 */
		return false;
	for (uint32_t j = 0; j < i; j++) {
		const struct api_sa *other = &set->sa[j];
		if (other->direction != sa->direction)
			continue;
		if (other->local_port == sa->local_port && other->peer_port == sa->peer_port)
			return false;
		/* One SPI at the peer is one SA: under one key its numbers would be used twice. */
		if (sa->direction == API_OUT && other->spi == sa->spi)
			return false;
	}
	return true;
}

/* An unused entry may stand anywhere, and says nothing that would not be done. */
static bool are_sas_valid(const struct api_set *set)
{
	static const struct api_sa unused;
	uint32_t n = 0;
	for (uint32_t i = 0; i < API_SET_SAS; i++) {
		if (memcmp(&set->sa[i], &unused, sizeof(unused)) == 0)
			continue;
		if (!is_sa_valid(set, i))
			return false;
		n++;
	}
	/* Each direction of a tunnel has keys of its own. */
	return set->mode == API_TUNNEL ? n == 1 : n != 0;
}

/* An IPv4 address has nothing behind its four bytes: equal addresses are equal bytes. */
static bool is_address_valid(const struct api_address *address, uint8_t family)
{
	static const uint8_t zero[12];
	return family == API_IPV6 || memcmp(address->bytes + 4, zero, sizeof(zero)) == 0;
}

/* A SEG tunnel's SA is where its tunnel is, and the set says nothing of it. */
static bool is_place_valid(const struct set_table *t, const struct api_set *set)
{
	static const struct api_address none;
	if (set->mode == API_TUNNEL)
		return !set->zone && !set->family && !memcmp(&set->local, &none, sizeof(none)) &&
		       !memcmp(&set->peer, &none, sizeof(none));
	return set->zone < t->n_zones && (set->family == API_IPV4 || set->family == API_IPV6) &&
	       is_address_valid(&set->local, set->family) &&
	       is_address_valid(&set->peer, set->family);
}

/* The tunnel that a set of its mode needs, NULL for API_TRANSPORT; false: not such a one. */
static bool find_tunnel(const struct set_table *t, const struct api_set *set, uint32_t owner,
			struct tunnel **tunnel)
{
	*tunnel = tunnel_of(&t->sas->tunnels, set->tunnel, owner);
	switch (set->mode) {
	case API_TRANSPORT:
		return !set->tunnel;
	case API_TUNNEL:
		return *tunnel && (*tunnel)->has_policy;
	case API_UDP_ENCAP_TUNNEL: /* TS 33.203 Annex M: always behind a NAT */
		return *tunnel && !(*tunnel)->has_policy && (*tunnel)->local_port_be &&
		       (*tunnel)->zone == set->zone;
	default:
		return false;
	}
}

static bool is_set_valid(const struct set_table *t, const struct api_set *set, int suite)
{
	if (suite < 0 || !set->registration || !is_place_valid(t, set))
		return false;
	return are_sas_valid(set);
}

/* Stages the SAs one by one; on failure takes back what was staged. */
static int stage_all(struct set_table *t, struct set *s, struct sa_spec *spec,
		     const uint64_t (*window)[API_WINDOW_WORDS], struct api_set_result *result)
{
	uint32_t avoid[2 * API_SET_SAS];
	unsigned n_avoid = 0;
	for (unsigned i = 0; i < API_SET_SAS; i++) {
		if (spec->set->sa[i].direction == API_OUT)
			avoid[n_avoid++] = spec->set->sa[i].spi;
	}
	s->n_sas = 0;
	for (unsigned i = 0; i < API_SET_SAS; i++) {
		spec->sa = &spec->set->sa[i];
		spec->window = window ? window[i] : NULL;
		if (!spec->sa->direction)
			continue;
		int64_t slot = sa_stage(t->sas, spec, avoid, n_avoid);
		if (slot < 0) {
			while (s->n_sas)
				sa_unstage(t->sas, s->slot[--s->n_sas]);
			return (int)slot;
		}
		s->slot[s->n_sas++] = (uint32_t)slot;
		result->spi[i] = sa_spi(t->sas, (uint32_t)slot);
	}
	return 0;
}

static struct set *set_take(struct set_table *t)
{
	uint32_t number = t->free;
	if (number)
		t->free = t->set[number].chain;
	else if (t->n_touched < t->n_max)
		number = ++t->n_touched;
	else
		return NULL;
	memset(&t->set[number], 0, sizeof(t->set[number]));
	return &t->set[number];
}

static void set_give(struct set_table *t, struct set *s)
{
	s->registration = 0;
	s->chain = t->free;
	t->free = (uint32_t)(s - t->set);
}

static int install(struct set_table *t, const struct api_set *set,
		   const uint64_t (*window)[API_WINDOW_WORDS], uint32_t owner, uint32_t now_s,
		   struct api_set_result *result)
{
	struct tunnel *tunnel;
	int suite = suite_of(set);
	if (!find_tunnel(t, set, owner, &tunnel) || !is_set_valid(t, set, suite))
		return -EINVAL;
	uint32_t *link = find(t, set->registration, owner);
	if (*link)
		return -EEXIST;
	int rc = set_check_room(t, set, owner);
	if (rc == 0)
		rc = set_check_places(t, set, owner, now_s);
	if (rc < 0)
		return rc;
	struct crypto_key key;
	rc = crypto_prepare(t->crypto, (enum crypto_suite)suite, set->auth_key, set->cipher_key,
			    set->salt, &key);
	if (rc < 0)
		return rc;
	struct set *s = set_take(t);
	if (!s) {
		rc = -ENOSPC;
		goto wipe_key;
	}
	s->registration = set->registration;
	s->owner = owner;
	s->subject = set->subject;
	s->expires_s = set_end(set->lifetime_s, now_s);
	struct sa_spec spec = { .set = set,
				.tunnel = tunnel,
				.owner = owner,
				.suite = (uint8_t)suite,
				.expires_s = s->expires_s,
				.key = &key };
	rc = stage_all(t, s, &spec, window, result);
	if (rc < 0) {
		set_give(t, s);
		goto wipe_key;
	}
	*link = (uint32_t)(s - t->set);
	wheel_enter(t, s);
	set_owner_enter(t, s);
	for (uint8_t i = 0; i < s->n_sas; i++)
		sa_publish(t->sas, s->slot[i]);
wipe_key:
	wipe(&key, sizeof(key));
	return rc;
}

int set_install(struct set_table *t, const struct api_set *set,
		const uint64_t (*window)[API_WINDOW_WORDS], uint32_t owner, uint32_t now_s,
		struct api_set_result *result)
{
	*result = (struct api_set_result){ .registration = set->registration };
	result->status = install(t, set, window, owner, now_s, result);
	if (result->status < 0)
		memset(result->spi, 0, sizeof(result->spi));
	return result->status;
}

/* ---- update, delete, expire ---- */

void set_remove(struct set_table *t, struct set *s)
{
	uint32_t *link = find(t, s->registration, s->owner);
	*link = s->chain;
	wheel_leave(t, s);
	set_owner_leave(t, s);
	set_leave_places(t, s);
	for (uint8_t i = 0; i < s->n_sas; i++)
		sa_retire(t->sas, s->slot[i]);
	set_give(t, s);
}

int set_update(struct set_table *t, uint64_t registration, uint32_t owner, uint32_t lifetime_s,
	       uint32_t now_s)
{
	uint32_t number = *find(t, registration, owner);
	if (!number)
		return -ENOENT;
	set_lifetime(t, &t->set[number], set_end(lifetime_s, now_s));
	return 0;
}

int set_delete(struct set_table *t, uint64_t registration, uint32_t owner, uint32_t grace_s,
	       uint32_t now_s)
{
	uint32_t number = *find(t, registration, owner);
	if (!number)
		return -ENOENT;
	struct set *s = &t->set[number];
	uint32_t end_s = set_end(grace_s, now_s);
	if (!grace_s)
		set_remove(t, s);
	else if (!s->expires_s || end_s < s->expires_s)
		set_lifetime(t, s, end_s); /* a grace makes no life longer (C-090) */
	return 0;
}

void set_tick(struct set_table *t, uint32_t now_s,
	      void (*expired)(void *arg, const struct set *set), void *arg)
{
	for (; t->ticked_s < now_s; t->ticked_s++) {
		uint32_t next, number = t->wheel[(t->ticked_s + 1) % SET_WHEEL_S];
		for (; number; number = next) {
			struct set *s = &t->set[number];
			next = s->later;
			if (s->expires_s > now_s)
				continue; /* another turn of the wheel */
			expired(arg, s);
			set_remove(t, s);
		}
	}
}
