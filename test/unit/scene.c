#include "test/unit/scene.h"

#include <netinet/in.h>

#include "test/shim/test.h"

const uint8_t scene_text[] = "OPTIONS sip:p SIP/2.0\r\n\r\n";
_Static_assert(sizeof(scene_text) - 1 == SCENE_TEXT_BYTES, "the text without its NUL");

void scene_open(struct scene *s, enum api_family family, enum crypto_suite suite,
		void (*change)(struct api_set *set))
{
	s->f = fixture_open(&fixture_table);
	fixture_ue_install(s->f, &s->ue, 0, 1, suite, family, change);
	fixture_mark(s->f);
}

void scene_close(struct scene *s)
{
	expect_accounted(s->f);
	EXPECT_EQ(fixture_close(s->f), 0);
}

void scene_esp(const struct scene *s, struct packet *p, uint32_t sequence)
{
	fixture_ue_esp(p, &s->ue, SET_UC_TO_PS, sequence, IPPROTO_UDP, scene_text, SCENE_TEXT_BYTES,
		       NULL);
}

void scene_enqueue(struct scene *s, const struct packet *p)
{
	fixture_send(s->f, FIXTURE_NETWORK, 0, p->bytes, p->n_bytes);
}

void scene_send(struct scene *s, const struct packet *p)
{
	scene_enqueue(s, p);
	fixture_turn(s->f);
}

void scene_expect_dropped(struct scene *s, enum counter reason)
{
	struct packet p;
	for (unsigned zone = 0; zone < FIXTURE_ZONES; zone++) {
		EXPECT_FALSE(fixture_receive(s->f, FIXTURE_KERNEL, zone, &p));
		EXPECT_FALSE(fixture_receive(s->f, FIXTURE_NETWORK, zone, &p));
	}
	expect_counted(s->f, COUNTED({ COUNT_network_rx, 1 }, { reason, 1 }));
}

void scene_expect_delivered(struct scene *s)
{
	struct packet got, clear;
	ASSERT_TRUE(fixture_receive(s->f, FIXTURE_KERNEL, 0, &got));
	fixture_ue_clear(&clear, &s->ue, SET_UC_TO_PS, IPPROTO_UDP, scene_text, SCENE_TEXT_BYTES);
	EXPECT_EQ(got.n_bytes, clear.n_bytes);
	EXPECT_MEM(got.bytes, clear.bytes, clear.n_bytes);
	expect_counted(s->f,
		       COUNTED({ COUNT_network_rx, 1 }, { COUNT_kernel_tx, 1 }, { COUNT_esp_rx, 1 },
			       { COUNT_esp_rx_bytes, 8 + SCENE_TEXT_BYTES }));
}
