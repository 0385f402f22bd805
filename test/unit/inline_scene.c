#include "test/unit/inline_scene.h"

#include <netinet/in.h>
#include <string.h>

#include "test/shim/test.h"

static const struct inline_config inline_scene_config = { .sessions_per_port = 32,
							  .promote_pps = 1000 };

void inline_scene_open_with(struct scene *s, enum api_family family, enum crypto_suite suite,
			    const struct inline_config *config)
{
	s->f = fixture_open(&fixture_table);
	fake_nic_open(s->f, config);
	fixture_ue_install(s->f, &s->ue, 0, 1, suite, family, NULL);
	fixture_mark(s->f);
}

void inline_scene_open(struct scene *s, enum api_family family, enum crypto_suite suite)
{
	inline_scene_open_with(s, family, suite, &inline_scene_config);
}

void inline_scene_open_protocol(struct scene *s, enum api_family family, enum crypto_suite suite)
{
	s->f = fixture_open(&fixture_table);
	fake_nic_open_protocol(s->f, &inline_scene_config, NULL);
	fixture_ue_install(s->f, &s->ue, 0, 1, suite, family, NULL);
	fixture_mark(s->f);
}

void inline_scene_close(struct scene *s)
{
	EXPECT_EQ(fake_nic.n_dead, 0);
	EXPECT_EQ(fake_nic.n_wrong, 0);
	fake_nic_close(s->f);
	scene_close(s);
}

/* The slot of an SA of the UE: the outbound ones by their place in the set. */
uint32_t inline_scene_slot(const struct scene *s, enum set_sa sa)
{
	for (uint32_t slot = 0; slot < s->f->sas.capacity; slot++) {
		const struct sa *at = &s->f->sas.sa[slot];
		if (sa_is_live(&s->f->sas, slot) && at->rest.spi == s->ue.result.spi[sa] &&
		    at->id.direction == s->ue.set.sa[sa].direction &&
		    at->rest.registration == s->ue.set.registration)
			return slot;
	}
	return UINT32_MAX;
}

bool inline_scene_is_inline(const struct scene *s, enum set_sa sa)
{
	return s->f->sas.sa[inline_scene_slot(s, sa)].id.backend == CRYPTO_INLINE;
}

void inline_scene_promote(struct scene *s, enum set_sa sa)
{
	EXPECT_EQ(inline_promote(&fake_nic.inlined, inline_scene_slot(s, sa)), 0);
}

void inline_scene_from_ue(struct scene *s, uint32_t sequence)
{
	struct packet p;
	scene_esp(s, &p, sequence);
	scene_send(s, &p);
}

/* From the P-CSCF: leaves in ESP with this number, and the UE can read it. */
void inline_scene_expect_sent(struct scene *s, uint32_t sequence)
{
	struct packet p, got;
	struct esp_opened opened;
	fixture_ue_clear(&p, &s->ue, SET_PS_TO_UC, IPPROTO_UDP, scene_text, SCENE_TEXT_BYTES);
	fixture_send(s->f, FIXTURE_KERNEL, 0, p.bytes, p.n_bytes);
	fixture_turn(s->f);
	ASSERT_TRUE(fixture_receive(s->f, FIXTURE_NETWORK, 0, &got));
	EXPECT_TRUE(packet_checksum_is_good(&got));
	uint32_t l4 = got.l3 + (s->ue.set.family == API_IPV4 ? 20 : 40);
	ASSERT_TRUE(esp_open(&s->ue.sa[SET_PS_TO_UC], got.bytes + l4, got.n_bytes - l4, &opened));
	EXPECT_EQ(opened.sequence, sequence);
	/* RFC 4106 3.1: no IV twice under a key, whoever enciphers. Here: SPI and number. */
	if (crypto_suite_shape[s->ue.sa[SET_PS_TO_UC].suite].salt_bytes)
		EXPECT_MEM(got.bytes + l4 + 8, got.bytes + l4, 8);
	EXPECT_EQ(opened.n_bytes, 8 + SCENE_TEXT_BYTES);
	EXPECT_MEM(opened.payload + 8, scene_text, SCENE_TEXT_BYTES);
}

static const struct offload_row *find_row(const struct offload_row row[], uint32_t n,
					  const char *of)
{
	for (uint32_t i = 0; i < n; i++) {
		if (strcmp(row[i].of, of) == 0)
			return &row[i];
	}
	return NULL;
}

void inline_scene_expect_row(const struct offload_row row[], uint32_t n, const char *of,
			     bool is_used, uint32_t n_sessions, const char *why)
{
	const struct offload_row *r = find_row(row, n, of);
	test_context("%s", of);
	ASSERT_TRUE(r != NULL);
	EXPECT_EQ(r->is_used, is_used);
	EXPECT_EQ(r->n_sessions, n_sessions);
	EXPECT_STREQ(r->why, why);
}
