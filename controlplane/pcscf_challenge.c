#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/kept_answer.h"
#include "controlplane/log.h"
#include "controlplane/pcscf_impl.h"
#include "crypto/keys.h"
#include "crypto/wipe.h"

/* A 401 that waits for the data plane. */
struct challenge {
	struct pcscf *pcscf;
	struct server_txn *x;
	struct sip *response;     /* keys already out */
	uint64_t set;             /* handle */
	uint32_t offered_spis[2]; /* the UE's */
	struct api_set
		waiting; /* with its keys, while its tunnel is made; wiped by all who end it */
};

static void challenge_free(struct challenge *c)
{
	sip_free(c->response);
	wipe(&c->waiting, sizeof(c->waiting));
	free(c);
}

void pcscf_answer_later(struct server_txn *x)
{
	char tag[SIP_TAG_BYTES];
	sip_random_tag(tag);
	struct sip *answer = sip_response(server_txn_request(x), 503, NULL, tag);
	if (answer && !sip_header_add(answer, "Retry-After", "5")) {
		server_txn_respond(x, answer);
		return;
	}
	sip_free(answer);
	server_txn_answer(x, 503);
}

/* --- the SA set, directions as WIRE 7 --- */

enum { SA_UC_PS, SA_US_PC, SA_PC_US, SA_PS_UC }; /* places in api_set.sa */

static void fill_sas(const struct pcscf *p, const struct set_ports *ports,
		     const struct secagree_offer *offer, struct api_set *set)
{
	uint16_t ps = ports->ps->local.port, pc = ports->pc->local.port;
	set->sa[SA_UC_PS] =
		(struct api_sa){ .direction = API_IN, .local_port = ps, .peer_port = ports->uc };
	set->sa[SA_PC_US] = (struct api_sa){
		.direction = API_OUT, .spi = offer->spi_s, .local_port = pc, .peer_port = ports->us
	};
	if (p->config->sa_profile == CONFIG_SA_SINGLE_PAIR)
		return; /* seed 6.3: one SA each way */
	set->sa[SA_US_PC] =
		(struct api_sa){ .direction = API_IN, .local_port = pc, .peer_port = ports->us };
	set->sa[SA_PS_UC] = (struct api_sa){
		.direction = API_OUT, .spi = offer->spi_c, .local_port = ps, .peer_port = ports->uc
	};
}

/* Names of secagree.h were chosen from the configuration, which only has these. */
static int fill_algorithms(const struct secagree_offer *offer, const struct screen_keys *keys,
			   struct api_set *set)
{
	static const uint8_t integrity_of[ALG_N_INTEGRITY] = {
		[ALG_HMAC_MD5_96] = API_HMAC_MD5_96,
		[ALG_HMAC_SHA1_96] = API_HMAC_SHA1_96,
		[ALG_AES_GMAC] = API_AES_GMAC,
	};
	static const uint8_t cipher_of[ALG_N_CIPHER] = {
		[ALG_CIPHER_NULL] = API_CIPHER_NULL,
		[ALG_AES_CBC] = API_AES_CBC,
		[ALG_DES_EDE3_CBC] = API_DES_EDE3_CBC,
		[ALG_AES_GCM] = API_AES_GCM,
	};
	int integrity = alg_find_integrity(offer->alg, strlen(offer->alg));
	int cipher = alg_find_cipher(offer->ealg, strlen(offer->ealg));
	if (integrity < 0 || cipher < 0)
		return -EINVAL;
	struct esp_keys expanded;
	int error = keys_expand((enum alg_integrity)integrity, (enum alg_cipher)cipher, keys->ik,
				keys->ck, &expanded);
	if (!error) {
		set->integrity = integrity_of[integrity];
		set->cipher = cipher_of[cipher];
		set->auth_key_bytes = expanded.auth_key_bytes;
		set->cipher_key_bytes = expanded.cipher_key_bytes;
		memcpy(set->auth_key, expanded.auth_key, sizeof(expanded.auth_key));
		memcpy(set->cipher_key, expanded.cipher_key, sizeof(expanded.cipher_key));
		memcpy(set->salt, expanded.salt, sizeof(expanded.salt));
	}
	wipe(&expanded, sizeof(expanded));
	return error;
}

static void on_installed(void *user, int status, const struct api_set_result *result);

/* One number for one subscriber, so that whoever comes back with its old ports gets them. FNV-1a.
 */
static uint32_t subject_of(const char *impi)
{
	uint32_t hash = 2166136261u;
	for (; *impi; impi++)
		hash = (hash ^ (uint8_t)*impi) * 16777619u;
	return hash ? hash : 1;
}

static void on_tunnel(void *user, int status, uint32_t number)
{
	struct challenge *c = user;
	c->waiting.tunnel = number;
	/* With the set its tunnel went, whose number may be another one's by now. */
	if (!status && !ue_set_by_registration(c->pcscf->ues, c->set))
		status = -ECANCELED;
	if (!status)
		status = dpclient_install(c->pcscf->dp, &c->waiting, on_installed, c);
	wipe(&c->waiting, sizeof(c->waiting));
	if (status)
		on_installed(c, status, NULL);
}

/*
 * Keys live in `set` on this stack frame, behind a NAT in the challenge until the tunnel is there,
 * and in the kernel's socket buffer, nowhere else.
 */
static int install(struct challenge *c, const struct attempt *a, const struct sa_set *s,
		   const struct screen_keys *keys)
{
	struct pcscf *p = c->pcscf;
	const struct address *local = &s->ports.ps->local;
	struct api_set set = { .registration = s->registration,
			       .zone = p->zone,
			       .family = local->family,
			       .mode = API_TRANSPORT,
			       .lifetime_s = p->config->temporary_sa_s,
			       .subject = subject_of(a->impi) };
	memcpy(set.local.bytes, local->bytes, sizeof(set.local.bytes));
	memcpy(set.peer.bytes, s->ue->host.bytes, sizeof(set.peer.bytes));
	fill_sas(p, &s->ports, &a->offer, &set);
	int error = fill_algorithms(&a->offer, keys, &set);
	if (!error && s->outside.family) {
		set.mode = API_UDP_ENCAP_TUNNEL;
		c->waiting = set;
		error = pcscf_install_tunnel(p, s, on_tunnel, c);
	} else if (!error) {
		error = dpclient_install(p->dp, &set, on_installed, c);
	}
	wipe(&set, sizeof(set));
	return error;
}

/* A port_pc that no set of this UE address has toward port_us: the UE's sets must differ in it. */
static struct endpoint *choose_pc(const struct pcscf *p, const struct gm *gm,
				  const struct attempt *a)
{
	uint32_t start = a->peer.port + a->offer.port_c; /* spreads; nothing depends on it */
	for (unsigned i = 0; i < p->n_pc; i++) {
		struct endpoint *pc = gm->pc[(start + i) % p->n_pc];
		if (!ue_set_by_us(p->ues, p->zone, &a->peer, a->offer.port_s, pc))
			return pc;
	}
	return NULL;
}

static int new_set(const struct attempt *a, const char *nonce, struct sa_set **out)
{
	struct pcscf *p = a->pcscf;
	struct set_ports ports = { .uc = a->offer.port_c,
				   .us = a->offer.port_s,
				   .ps = a->gm->ps,
				   .pc = choose_pc(p, a->gm, a) };
	if (!ports.pc)
		return -EADDRINUSE;
	struct sa_set *before = attempt_set(a);
	const struct address *nat = a->outside.family ? &a->outside : NULL;
	const struct set_challenge challenge = { .origin = a->origin,
						 .client = a->client,
						 .nonce = nonce };
	struct ue *ue = before ? before->ue : ue_get(p->ues, p->zone, &a->peer, nat, a->impi);
	int error = ue ? ue_set_new(ue, &challenge, &ports, out) : -ENOSPC;
	if (!error) {
		(*out)->outside = a->outside;
		(*out)->is_guess = !before;
	}
	return error;
}

/* --- the 401 goes out --- */

/*
 * A single pair has no SA toward port_pc, but Security-Server must name one (Annex H). Any number
 * does that differs from the three others of the set: nothing is ever sent with it.
 */
static uint32_t unused_spi(const struct challenge *c, uint32_t spi_s)
{
	for (uint32_t mask = 1;; mask++) {
		uint32_t spi = spi_s ^ mask;
		if (spi != c->offered_spis[0] && spi != c->offered_spis[1])
			return spi;
	}
}

/* What SM7 will be compared with, also into the 401. Returns 0 or -errno. */
static int agree(struct challenge *c, struct sa_set *s, const struct api_set_result *result)
{
	const struct pcscf *p = c->pcscf;
	char server[SECAGREE_TEXT_BYTES];
	s->policy = s->outside.family ? p->nat_policy : p->policy;
	s->spi_s = result->spi[SA_UC_PS];
	s->spi_c = p->config->sa_profile == CONFIG_SA_SINGLE_PAIR ? unused_spi(c, s->spi_s)
								  : result->spi[SA_US_PC];
	int n = ue_set_print_server(s, server, sizeof(server));
	return n < 0 ? n : sip_header_add(c->response, "Security-Server", server);
}

static void on_installed(void *user, int status, const struct api_set_result *result)
{
	struct challenge *c = user;
	struct pcscf *p = c->pcscf;
	struct sa_set *s = ue_set_by_registration(p->ues, c->set);
	if (!status && s)
		status = agree(c, s, result);
	if (status || !s) {
		p->counters.challenge_failed++;
		log_warn("an SA set could not be installed: %s",
			 status ? strerror(-status) : "replaced meanwhile");
		if (s && result)
			ue_set_unanswered(s);
		else if (s)
			ue_set_expired(s);
		pcscf_answer_later(c->x);
	} else {
		p->counters.challenge_tx++;
		ue_set_confirmed(s, p->config->temporary_sa_s);
		kept_answer(p->file, c->x, c->response); /* so that SM7 finds its set again */
		c->response = NULL;
	}
	challenge_free(c);
}

/* Sets up the SAs with keys that the caller wipes. Returns 0 or the status to answer. */
static int set_up(const struct attempt *a, struct server_txn *x, struct sip **response,
		  const struct screen_keys *keys)
{
	struct pcscf *p = a->pcscf;
	struct sa_set *s;
	if (!dpclient_is_ready(p->dp))
		return 503;
	if (!a->origin.is_protected &&
	    ues_count_sets(p->ues, SET_TEMPORARY) + ues_count_sets(p->ues, SET_INSTALLING) >=
		    p->max_temporary) {
		p->counters.challenge_crowded++;
		return 503;
	}
	int error = new_set(a, keys->nonce, &s);
	if (error)
		return error == -EADDRINUSE ? 400 : 503;
	struct challenge *c = calloc(1, sizeof(*c));
	if (!c)
		goto forget_set;
	*c = (struct challenge){ .pcscf = p,
				 .x = x,
				 .set = s->registration,
				 .offered_spis = { a->offer.spi_c, a->offer.spi_s } };
	if (install(c, a, s, keys))
		goto free_challenge;
	c->response = *response;
	*response = NULL;
	return 0;

free_challenge:
	challenge_free(c);
forget_set:
	ue_set_cancelled(s);
	return 503;
}

void pcscf_challenge(const struct attempt *a, struct server_txn *x, struct sip *response)
{
	struct pcscf *p = a->pcscf;
	struct screen_keys keys;
	const struct sa_set *set = attempt_set(a);
	int status = 0;
	p->counters.challenge_rx++;
	int error = screen_take_keys(response, &keys);
	screen_to_ue(response);
	if (a->is_open && !error) {
		server_txn_respond(x, response); /* without keys, and without SAs */
		response = NULL;
	} else if (error || !keys.found) {
		p->counters.challenge_without_keys++;
		status = 500; /* C-012 (b): without keys there is no protection, so no challenge */
	} else if (!a->has_offer) {
		p->counters.register_bad_agreement++;
		status = 403; /* the UE wanted no SA: the end of a failure report, seed 6.1.2.2 */
	} else if ((set && set->state == SET_TEMPORARY) || (a->is_protected && a->has_response)) {
		p->counters.challenge_failed++;
		status = 403; /* a challenge to SM7 would need SAs on ports that are taken */
	} else {
		status = set_up(a, x, &response, &keys);
		p->counters.challenge_failed += status != 0;
	}
	wipe(&keys, sizeof(keys));
	sip_free(response);
	if (status == 503)
		pcscf_answer_later(x);
	else if (status)
		server_txn_answer(x, status);
}
