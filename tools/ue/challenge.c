#include "tools/ue/ue.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/keys.h"
#include "crypto/wipe.h"
#include "tools/ue/fleet.h"
#include "tools/ue/keylog.h"

static struct agreement *install(struct ue *u, const struct sa_plan *plan,
				 const struct sip_message *challenge)
{
	struct agreement *made = calloc(1, sizeof(*made));

	if (!made)
		return NULL;
	made->ue = u;
	made->port_uc = plan->port_uc;
	made->port_ps = plan->port_ps;
	made->port_pc = plan->port_pc;
	if (!secagree_copy_server(challenge, made->verify, sizeof(made->verify)))
		made->sas = sa_set_install(u->fleet->bump.sas, u->fleet->bump.crypto, plan);
	if (made->sas)
		return made;
	free(made);
	return NULL;
}

/* IK and CK are IK′ and CK′ where the network has it so: RFC 4169 2.2. The password is made. */
static int use_keys(const struct ue *u, struct aka_answer *aka)
{
	if (!u->fleet->options.derive_keys || u->attempt.challenge.algorithm != DIGEST_AKAV2_MD5)
		return 0;
	return digest_derive_keys(aka->ik, aka->ck, aka->ik, aka->ck);
}

/* TS 33.203 7.1 and Annex I: keys of AKA, numbers of both lists. NULL, or what went wrong. */
static const char *make_agreement(struct ue *u, struct aka_answer *aka,
				  const struct secagree *server,
				  const struct sip_message *challenge)
{
	const struct fleet *f = u->fleet;
	struct attempt *a = &u->attempt;
	enum alg_integrity integrity = secagree_integrity(server->suite);
	enum alg_cipher cipher = secagree_cipher(server->suite);
	struct esp_keys keys;
	struct sa_plan plan = {
		.ue = u->index,
		.suite = (enum crypto_suite)server->suite,
		.spi_uc = a->offer.spi_c,
		.spi_us = a->offer.spi_s,
		.spi_pc = server->spi_c,
		.spi_ps = server->spi_s,
		.port_uc = a->offer.port_c,
		.port_us = a->offer.port_s,
		.port_pc = server->port_c,
		.port_ps = server->port_s,
		.auth_key = keys.auth_key,
		.cipher_key = keys.cipher_key,
		.salt = keys.salt,
		.single_pair = f->options.single_pair,
		.in_udp = server->in_udp,
	};
	const char *problem = NULL;

	if (use_keys(u, aka) || keys_expand(integrity, cipher, aka->ik, aka->ck, &keys))
		return "keys";
	a->made = install(u, &plan, challenge);
	if (!a->made)
		problem = "sa-refused";
	else if (f->keylog &&
		 keylog_write(f->keylog, u->address.family, a->made->sas, integrity, cipher, &keys))
		problem = "keylog";
	wipe(&keys, sizeof(keys));
	return problem;
}

/*
 * The best mechanism of the 401; without one the registration is given up (C-055 a, C-059), but of
 * who does without: its suite is -1.
 */
static const char *choose_mechanism(const struct ue *u, const struct sip_message *challenge,
				    struct secagree *chosen)
{
	struct secagree_list list;
	const struct secagree *best;
	int error = secagree_read(challenge, "Security-Server", &list);

	*chosen = (struct secagree){ .suite = -1 };
	if (error == -ENOENT && ue_does_without(u))
		return NULL;
	if (error)
		return error == -ENOENT ? "no-security-server" : "bad-security-server";
	best = secagree_choose(&list, u->fleet->options.offered, &error);
	if (!best)
		return error == -ENOENT ? "no-common-algorithm" : "equal-q";
	*chosen = *best;
	return NULL;
}

/* Where the P-CSCF saw the UE, which is the NAT's address when ESP is to be in UDP. */
static void note_outside(struct ue *u, const struct secagree *server,
			 const struct sip_message *challenge)
{
	struct view received = sip_param(sip_header(challenge, "Via", 0), "received");

	if (u->task != UE_REGISTER)
		return; /* inside the SAs the P-CSCF sees the UE as it is */
	u->outside[0] = '\0';
	if (server->in_udp && received.bytes && received.bytes < sizeof(u->outside))
		snprintf(u->outside, sizeof(u->outside), "%.*s", (int)received.bytes, received.at);
}

static const char *compute_response(struct ue *u, const struct aka_answer *aka)
{
	struct attempt *a = &u->attempt;
	uint8_t password[DIGEST_PASSWORD_BYTES];
	int n = digest_password(a->challenge.algorithm, aka->res, aka->res_bytes, aka->ik, aka->ck,
				password);
	bool failed = n < 0 || auth_compute(&a->answer, password, (size_t)n);

	wipe(password, sizeof(password));
	return failed ? "digest" : NULL;
}

/* Keeps the answer for the next challenge, and is asked anew. */
static void keep_answer(struct ue *u)
{
	struct attempt *a = &u->attempt;

	strcpy(a->kept.nonce, a->challenge.nonce);
	strcpy(a->kept.response, a->answer.response);
	strcpy(a->kept.cnonce, a->answer.cnonce);
	a->answer.challenge = NULL;
	*a->answer.response = '\0';
	register_offer(u);
}

static void take_kept_answer(struct attempt *a)
{
	strcpy(a->challenge.nonce, a->kept.nonce);
	strcpy(a->answer.response, a->kept.response);
	strcpy(a->answer.cnonce, a->kept.cnonce);
}

/* The challenge is genuine and fresh: SM7, inside the new SAs (C-055 b), if there are any. */
static void answer_challenge(struct ue *u, struct aka_answer *aka, const struct secagree *server,
			     const struct sip_message *challenge)
{
	const char *problem;

	if (ue_does(u, UE_WRONG_RES))
		aka->res[0] ^= 1;
	if (ue_does(u, UE_WRONG_IK))
		aka->ik[0] ^= 1;
	problem = compute_response(u, aka);
	if (!problem && ue_does(u, UE_OLDER_NONCE) && !*u->attempt.kept.nonce) {
		keep_answer(u);
		return;
	}
	if (!problem && server->suite >= 0)
		problem = make_agreement(u, aka, server, challenge);
	if (*u->attempt.kept.nonce)
		take_kept_answer(&u->attempt);
	if (problem)
		ue_finish(u, problem);
	else
		register_confirm(u);
}

/* Says that the network is not who it should be: no auts, empty response (C-027). */
static void refuse_network(struct ue *u)
{
	u->attempt.mac_failed = true;
	register_offer(u);
}

/* Says where its sequence numbers are: auts, response with an empty password (C-031). */
static void resynchronise(struct ue *u, const struct aka_answer *aka)
{
	struct attempt *a = &u->attempt;

	a->resynced = true;
	digest_encode_auts(aka->auts, a->auts);
	a->answer.auts = a->auts;
	if (auth_compute(&a->answer, NULL, 0))
		ue_finish(u, "digest");
	else
		register_offer(u);
}

static int check_challenge(struct ue *u, struct aka_answer *aka)
{
	const struct milenage_key key = { .k = u->subscriber->k, .opc = u->subscriber->opc };
	uint8_t rand[AKA_RAND_BYTES], autn[AKA_AUTN_BYTES];

	if (digest_decode_nonce(u->attempt.challenge.nonce, rand, autn))
		return -EINVAL;
	if (ue_does(u, UE_WRONG_MAC) && !u->attempt.mac_failed)
		return -EBADMSG;
	if (ue_does(u, UE_ENDLESS_AUTS))
		subscriber_move_ahead(u->subscriber);
	return aka_check_challenge(u->fleet->milenage, &key, &u->subscriber->isim, rand, autn, aka);
}

void challenge_received(struct ue *u, const struct sip_message *challenge)
{
	struct attempt *a = &u->attempt;
	struct aka_answer aka = { 0 };
	struct secagree server;
	const char *problem = choose_mechanism(u, challenge, &server);
	int verdict;

	if (ue_does(u, UE_SILENT))
		problem = "silent";
	if (problem) {
		ue_finish(u, problem);
		return;
	}
	note_outside(u, &server, challenge);
	a->answer.challenge = &a->challenge;
	a->answer.auts = NULL;
	*a->answer.response = '\0';
	verdict = auth_read(challenge, u->fleet->options.algorithms, &a->challenge)
			  ? -EINVAL
			  : check_challenge(u, &aka);
	if (!verdict)
		answer_challenge(u, &aka, &server, challenge);
	else if (verdict == -EBADMSG && !a->mac_failed)
		refuse_network(u);
	else if (verdict == -ERANGE && (!a->resynced || ue_does(u, UE_ENDLESS_AUTS)))
		resynchronise(u, &aka);
	else
		ue_finish(u, verdict == -EBADMSG  ? "wrong-mac"
			     : verdict == -ERANGE ? "sqn-out-of-range"
						  : "bad-challenge");
	wipe(&aka, sizeof(aka));
}
