#include "test/unit/tunnel_scene.h"

#include <string.h>

#include "test/shim/test.h"

void tunnel_scene_open(struct tunnel_scene *s, const struct seg_kind *kind, enum crypto_suite suite)
{
	memset(s, 0, sizeof(*s));
	s->f = fixture_open(&fixture_table);
	seg_install_both(s->f, &s->seg, kind, suite);
	seg_inner(&s->inner, &s->seg.inner_in, 25);
	test_context("IPv%d in IPv%d%s, suite %d", kind->inner, kind->outer,
		     kind->in_udp ? " in UDP" : "", (int)suite);
}

void tunnel_scene_close(struct tunnel_scene *s)
{
	test_context(NULL);
	expect_accounted(s->f);
	EXPECT_EQ(fixture_close(s->f), 0);
}

void tunnel_scene_send_in(struct tunnel_scene *s, const struct packet *p)
{
	fixture_send(s->f, FIXTURE_NETWORK, 0, p->bytes, p->n_bytes);
	fixture_turn(s->f);
}

void tunnel_scene_send_out(struct tunnel_scene *s, const struct packet *p)
{
	fixture_send(s->f, FIXTURE_KERNEL, 0, p->bytes, p->n_bytes);
	fixture_turn(s->f);
}

/* The peer sends s->inner. */
void tunnel_scene_wrap_in(struct tunnel_scene *s)
{
	struct packet p;
	seg_wrap(&p, &s->seg, ++s->sequence, &s->inner, seg_next_header(&s->seg));
	tunnel_scene_send_in(s, &p);
}

void tunnel_scene_other_source(struct tunnel_scene *s)
{
	s->inner.bytes[s->inner.l3 + 14] ^= 1; /* 192.168.100.7: another network */
}

void tunnel_scene_other_destination(struct tunnel_scene *s)
{
	s->inner.bytes[s->inner.l3 + 18] ^= 1;
}

void tunnel_scene_expect_in_dropped(struct tunnel_scene *s, enum counter reason)
{
	EXPECT_EQ(fixture_discard(s->f), 0);
	expect_counted(s->f, COUNTED({ COUNT_network_rx, 1 }, { reason, 1 }));
}

void tunnel_scene_expect_out_dropped(struct tunnel_scene *s, enum counter reason)
{
	EXPECT_EQ(fixture_discard(s->f), 0);
	expect_counted(s->f, COUNTED({ COUNT_kernel_rx, 1 }, { reason, 1 }));
}

/* The kernel has this packet, as if it had come in the clear. */
void tunnel_scene_expect_delivered(struct tunnel_scene *s, const struct packet *expected)
{
	struct packet got;
	uint64_t n_bytes = expected->n_bytes - expected->l3;
	ASSERT_TRUE(fixture_receive(s->f, FIXTURE_KERNEL, 0, &got));
	EXPECT_EQ(got.n_bytes, expected->n_bytes);
	EXPECT_MEM(got.bytes, expected->bytes, expected->n_bytes);
	expect_counted(s->f, COUNTED({ COUNT_network_rx, 1 }, { COUNT_kernel_tx, 1 },
				     { COUNT_esp_rx, 1 }, { COUNT_esp_rx_bytes, n_bytes }));
}

/* The peer has this packet. */
void tunnel_scene_expect_sent(struct tunnel_scene *s, const struct packet *expected)
{
	struct packet got;
	struct esp_opened opened;
	uint64_t n_bytes = expected->n_bytes - expected->l3;
	ASSERT_TRUE(fixture_receive(s->f, FIXTURE_NETWORK, 0, &got));
	ASSERT_TRUE(seg_unwrap(&got, &s->seg, &opened));
	EXPECT_EQ(opened.spi, s->seg.out.spi);
	EXPECT_EQ(opened.next_header, seg_next_header(&s->seg));
	EXPECT_EQ(opened.n_bytes, n_bytes);
	EXPECT_MEM(opened.payload, expected->bytes + expected->l3, n_bytes);
	expect_counted(s->f, COUNTED({ COUNT_kernel_rx, 1 }, { COUNT_network_tx, 1 },
				     { COUNT_esp_tx, 1 }, { COUNT_esp_tx_bytes, n_bytes }));
}
