#include "test/unit/fake_nic.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cryptodev.h>
#include <rte_ip.h>
#include <rte_mbuf_dyn.h>
#include <rte_random.h>

#include "dataplane/sa_control.h"
#include "test/unit/fake_nic_impl.h"

enum {
	NIC_PORT = 0, /* of the fixture's zones */
	MAX_HELD = 256,
	MAX_QUEUES = 8,
};

struct fake_nic fake_nic;

static struct hardware_sa hardware[FAKE_NIC_SESSIONS];
static struct rte_mbuf *held[MAX_HELD];
static uint16_t nic_port;
static int metadata_offset = -1;
static uint16_t n_queues;
static const struct rte_eth_rxtx_callback *rx_callback[MAX_QUEUES], *tx_callback[MAX_QUEUES];

void fake_nic_require(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "fake_nic: %s\n", what);
	abort();
}

bool fake_nic_take_one(uint32_t *n)
{
	return *n && (*n)--;
}

/* ---- rte_security ---- */

#define KEYS(min_bytes, max_bytes, step)                                                           \
	{                                                                                          \
		.min = (min_bytes), .max = (max_bytes), .increment = (step)                        \
	}
#define AUTH(name, key_bytes, icv_bytes)                                                           \
	{                                                                                          \
		.op = RTE_CRYPTO_OP_TYPE_SYMMETRIC,                                                \
		.sym = {                                                                           \
			.xform_type = RTE_CRYPTO_SYM_XFORM_AUTH,                                   \
			.auth = { .algo = RTE_CRYPTO_AUTH_##name,                                  \
				  .key_size = KEYS(key_bytes, key_bytes, 0),                       \
				  .digest_size = KEYS(icv_bytes, icv_bytes, 0) },                  \
		},                                                                                 \
	}
#define CIPHER(name, min_bytes, max_bytes)                                                         \
	{                                                                                          \
		.op = RTE_CRYPTO_OP_TYPE_SYMMETRIC,                                                \
		.sym = {                                                                           \
			.xform_type = RTE_CRYPTO_SYM_XFORM_CIPHER,                                 \
			.cipher = { .algo = RTE_CRYPTO_CIPHER_##name,                              \
				    .key_size = KEYS(min_bytes, max_bytes, 16) },                  \
		},                                                                                 \
	}

/* No MD5 and no GCM with 256 bits: there has to be something that it cannot do. */
static const struct rte_cryptodev_capabilities algorithms[] = {
	AUTH(SHA1_HMAC, 20, 12),
	AUTH(SHA256_HMAC, 32, 16),
	AUTH(AES_GMAC, 16, 16),
	CIPHER(NULL, 0, 0),
	CIPHER(AES_CBC, 16, 16),
	{ .op = RTE_CRYPTO_OP_TYPE_SYMMETRIC,
	  .sym = { .xform_type = RTE_CRYPTO_SYM_XFORM_AEAD,
		   .aead = { .algo = RTE_CRYPTO_AEAD_AES_GCM,
			     .key_size = KEYS(16, 16, 0),
			     .digest_size = KEYS(16, 16, 0) } } },
	{ .op = RTE_CRYPTO_OP_TYPE_UNDEFINED },
};

#define ESP(action_, mode_, direction_)                                                            \
	{                                                                                          \
		.action = RTE_SECURITY_ACTION_TYPE_INLINE_##action_,                               \
		.protocol = RTE_SECURITY_PROTOCOL_IPSEC,                                           \
		.ipsec = { .proto = RTE_SECURITY_IPSEC_SA_PROTO_ESP,                               \
			   .mode = RTE_SECURITY_IPSEC_SA_MODE_##mode_,                             \
			   .direction = RTE_SECURITY_IPSEC_SA_DIR_##direction_ },                  \
		.crypto_capabilities = algorithms, .ol_flags = RTE_SECURITY_TX_OLOAD_NEED_MDATA,   \
	}

static const struct rte_security_capability *capabilities_get(void *device)
{
	static const struct rte_security_capability list[] = {
		ESP(CRYPTO, TRANSPORT, EGRESS),
		ESP(CRYPTO, TRANSPORT, INGRESS),
		ESP(CRYPTO, TUNNEL, EGRESS),
		ESP(CRYPTO, TUNNEL, INGRESS),
		{ .action = RTE_SECURITY_ACTION_TYPE_NONE },
	};
	static struct rte_security_capability protocol[] = {
		ESP(PROTOCOL, TRANSPORT, EGRESS),
		ESP(PROTOCOL, TRANSPORT, INGRESS),
		ESP(PROTOCOL, TUNNEL, EGRESS),
		ESP(PROTOCOL, TUNNEL, INGRESS),
		{ .action = RTE_SECURITY_ACTION_TYPE_NONE },
	};
	protocol[2].ipsec.options = fake_nic.tunnel_options;
	return fake_nic.does_protocol ? protocol : list;
}

static unsigned session_size(void *device)
{
	return sizeof(struct hardware_sa *);
}

struct hardware_sa *fake_nic_sa_of(struct rte_security_session *session)
{
	return *(struct hardware_sa **)SECURITY_GET_SESS_PRIV(session);
}

static void copy_key(uint8_t to[32], const uint8_t *from, uint16_t n_bytes)
{
	fake_nic_require(n_bytes <= 32, "a key is too long");
	memcpy(to, from, n_bytes);
}

/* The suite of what the transforms say, and its keys. */
static void learn(struct hardware_sa *sa, const struct rte_crypto_sym_xform *x)
{
	enum rte_crypto_sym_xform_type first =
		sa->is_egress ? RTE_CRYPTO_SYM_XFORM_CIPHER : RTE_CRYPTO_SYM_XFORM_AUTH;
	if (x->type == RTE_CRYPTO_SYM_XFORM_AEAD) {
		sa->suite = CRYPTO_AES_GCM;
		copy_key(sa->keys.cipher_key, x->aead.key.data, x->aead.key.length);
		return;
	}
	if (!x->next) {
		fake_nic_require(x->auth.algo == RTE_CRYPTO_AUTH_AES_GMAC, "one transform only");
		sa->suite = CRYPTO_AES_GMAC;
		copy_key(sa->keys.auth_key, x->auth.key.data, x->auth.key.length);
		return;
	}
	fake_nic_require(x->type == first, "the transforms are in the wrong order");
	const struct rte_crypto_auth_xform *auth = sa->is_egress ? &x->next->auth : &x->auth;
	const struct rte_crypto_cipher_xform *cipher =
		sa->is_egress ? &x->cipher : &x->next->cipher;
	bool has_cbc = cipher->algo == RTE_CRYPTO_CIPHER_AES_CBC;
	if (auth->algo == RTE_CRYPTO_AUTH_SHA1_HMAC)
		sa->suite = has_cbc ? CRYPTO_HMAC_SHA1_AES_CBC : CRYPTO_HMAC_SHA1_NULL;
	else
		sa->suite = has_cbc ? CRYPTO_HMAC_SHA256_AES_CBC : CRYPTO_HMAC_SHA256_NULL;
	copy_key(sa->keys.auth_key, auth->key.data, auth->key.length);
	copy_key(sa->keys.cipher_key, cipher->key.data, cipher->key.length);
}

static int session_create(void *device, struct rte_security_session_conf *conf,
			  struct rte_security_session *session)
{
	if (fake_nic.n_sessions >= fake_nic.max_sessions)
		return -ENOSPC;
	if (fake_nic_take_one(&fake_nic.refuse_sessions))
		return -EIO;
	struct hardware_sa *sa = hardware;
	while (sa->is_alive)
		sa++;
	memset(sa, 0, sizeof(*sa));
	sa->is_alive = true;
	sa->is_egress = conf->ipsec.direction == RTE_SECURITY_IPSEC_SA_DIR_EGRESS;
	sa->spi = conf->ipsec.spi;
	sa->is_protocol = conf->action_type == RTE_SECURITY_ACTION_TYPE_INLINE_PROTOCOL;
	fake_nic_require(sa->is_protocol == fake_nic.does_protocol,
			 "another action than it offers");
	sa->next = (uint32_t)conf->ipsec.esn.value;
	memcpy(sa->keys.salt, &conf->ipsec.salt, sizeof(sa->keys.salt));
	learn(sa, conf->crypto_xform);
	*(struct hardware_sa **)SECURITY_GET_SESS_PRIV(session) = sa;
	fake_nic.n_sessions++;
	return 0;
}

static int session_destroy(void *device, struct rte_security_session *session)
{
	struct hardware_sa *sa = fake_nic_sa_of(session);
	fake_nic_require(sa->is_alive, "a session is destroyed twice");
	fake_nic_require(!fake_nic_has_rule(sa), "its rule is still there");
	memset(sa, 0, sizeof(*sa));
	fake_nic.n_sessions--;
	return 0;
}

static uint64_t *metadata(struct rte_mbuf *m)
{
	return RTE_MBUF_DYNFIELD(m, metadata_offset, uint64_t *);
}

static int set_pkt_metadata(void *device, struct rte_security_session *session, struct rte_mbuf *m,
			    void *parameters)
{
	*metadata(m) = (uint64_t)(fake_nic_sa_of(session) - hardware) + 1;
	return 0;
}

static const struct rte_security_ops security_ops = {
	.session_create = session_create,
	.session_get_size = session_size,
	.session_destroy = session_destroy,
	.set_pkt_metadata = set_pkt_metadata,
	.capabilities_get = capabilities_get,
};

static struct rte_security_ctx *security(uint16_t port)
{
	static struct rte_security_ctx context = { .device = &fake_nic, .ops = &security_ops };
	return port == nic_port ? &context : NULL;
}

static int info_get(uint16_t port, struct rte_eth_dev_info *info)
{
	int rc = rte_eth_dev_info_get(port, info);
	if (port != nic_port)
		return rc;
	info->driver_name = "net_fake";
	info->rx_offload_capa |= RTE_ETH_RX_OFFLOAD_SECURITY;
	info->tx_offload_capa |= RTE_ETH_TX_OFFLOAD_SECURITY;
	return rc;
}

static int configuration_get(uint16_t port, struct rte_eth_conf *conf)
{
	struct rte_eth_dev_info info;
	int rc = rte_eth_dev_conf_get(port, conf);
	info_get(port, &info);
	if (port == nic_port)
		offload_request(&info, false, false, conf);
	return rc;
}

static bool is_software(uint16_t port)
{
	return port != nic_port;
}

static const struct offload_ops nic_ops = {
	.info = info_get,
	.configuration = configuration_get,
	.is_software = is_software,
	.security = security,
	.flow_validate = fake_nic_flow_validate,
	.flow_create = fake_nic_flow_create,
	.flow_destroy = fake_nic_flow_destroy,
};

/* ---- packets ---- */

/* Deciphers in place and marks; false: not its business. */
static bool receive(struct rte_mbuf *m)
{
	uint8_t *frame = rte_pktmbuf_mtod(m, uint8_t *);
	uint32_t l3, end, l4 = fake_nic_find_esp(frame, m->data_len, &l3, &end);
	struct hardware_sa *sa =
		l4 && !fake_nic.skips ? fake_nic_rule_sa(frame + l3, frame + l4) : NULL;
	if (!sa)
		return false;
	uint8_t icv_bytes = reference_shape(sa->suite)->icv_bytes;
	m->ol_flags |= RTE_MBUF_F_RX_SEC_OFFLOAD;
	if (end - l4 > (uint32_t)FAKE_NIC_ESP_BYTES + icv_bytes &&
	    reference_open(sa->suite, &sa->keys, NULL, frame + l4, end - l4 - icv_bytes)) {
		fake_nic.n_verified++;
	} else {
		fake_nic.n_bad++;
		m->ol_flags |= RTE_MBUF_F_RX_SEC_OFFLOAD_FAILED;
	}
	return true;
}

static uint16_t on_receive(uint16_t port, uint16_t queue, struct rte_mbuf *m[], uint16_t n,
			   uint16_t max, void *user)
{
	uint16_t n_out = 0;
	for (uint16_t i = 0; i < n; i++) {
		if (receive(m[i]) && fake_nic.holds) {
			fake_nic_require(fake_nic.n_held < MAX_HELD, "too many packets are held");
			held[fake_nic.n_held++] = m[i];
		} else {
			m[n_out++] = m[i];
		}
	}
	while (!fake_nic.holds && fake_nic.n_held && n_out < max)
		m[n_out++] = held[--fake_nic.n_held];
	return n_out;
}

/* All of ESP around an IP packet: RFC 4303 3.1.1 and 3.3. False: it is none. */
static bool encapsulate(struct hardware_sa *sa, struct rte_mbuf *m)
{
	const struct reference_shape *shape = reference_shape(sa->suite);
	uint32_t l3 = m->l2_len, l4 = l3 + m->l3_len, before = FAKE_NIC_ESP_BYTES + shape->iv_bytes;
	uint8_t *frame = rte_pktmbuf_mtod(m, uint8_t *), *ip = frame + l3;
	bool v4 = ip[0] >> 4 == 4;
	uint8_t protocol = ip[v4 ? 9 : 6];
	if (l3 != (frame[12] == 0x81 ? 18u : 14u) || m->l3_len != (v4 ? (ip[0] & 15u) * 4 : 40) ||
	    (protocol != 17 && protocol != 6))
		return false;
	uint32_t payload = m->data_len - l4;
	uint8_t pad = (uint8_t)(-(payload + 2) & (shape->block_bytes - 1u));
	fake_nic_require(rte_pktmbuf_prepend(m, (uint16_t)before), "no headroom");
	fake_nic_require(rte_pktmbuf_append(m, (uint16_t)(pad + 2 + shape->icv_bytes)),
			 "no tailroom");
	frame = rte_pktmbuf_mtod(m, uint8_t *);
	ip = frame + l3;
	memmove(frame, frame + before, l4);
	uint8_t *esp = frame + l4, *trailer = esp + before + payload;
	uint32_t header[2] = { __builtin_bswap32(sa->spi), __builtin_bswap32(sa->next++) };
	memcpy(esp, header, sizeof(header));
	for (uint32_t i = FAKE_NIC_ESP_BYTES; i < before; i++)
		esp[i] = (uint8_t)rte_rand();
	for (uint8_t i = 0; i < pad; i++)
		trailer[i] = i + 1;
	trailer[pad] = pad;
	trailer[pad + 1] = protocol;
	uint32_t length = m->data_len - l3 - (v4 ? 0 : 40);
	ip[v4 ? 2 : 4] = (uint8_t)(length >> 8);
	ip[v4 ? 3 : 5] = (uint8_t)length;
	ip[v4 ? 9 : 6] = 50;
	if (v4) {
		memset(ip + 10, 0, 2);
		uint16_t sum = rte_ipv4_cksum((const struct rte_ipv4_hdr *)ip);
		memcpy(ip + 10, &sum, sizeof(sum));
	}
	reference_seal(sa->suite, &sa->keys, NULL, esp, before + payload + pad + 2);
	return true;
}

static void sign(struct rte_mbuf *m)
{
	uint64_t number = *metadata(m);
	uint8_t *frame = rte_pktmbuf_mtod(m, uint8_t *);
	uint32_t l3, end, l4 = fake_nic_find_esp(frame, m->data_len, &l3, &end);
	fake_nic_require(number >= 1 && number <= FAKE_NIC_SESSIONS, "a packet without a session");
	struct hardware_sa *sa = &hardware[number - 1];
	*metadata(m) = 0;
	m->ol_flags &= ~RTE_MBUF_F_TX_SEC_OFFLOAD;
	if (!sa->is_alive) {
		fake_nic.n_dead++;
		return;
	}
	if (sa->is_protocol) {
		*(encapsulate(sa, m) ? &fake_nic.n_signed : &fake_nic.n_wrong) += 1;
		return;
	}
	uint32_t spi_be = __builtin_bswap32(sa->spi);
	if (!l4 || end != m->data_len || m->l2_len != l3 || m->l3_len != l4 - l3 ||
	    !sa->is_egress || memcmp(&spi_be, frame + l4, 4) != 0) {
		fake_nic.n_wrong++;
		return;
	}
	reference_seal(sa->suite, &sa->keys, NULL, frame + l4,
		       end - l4 - reference_shape(sa->suite)->icv_bytes);
	fake_nic.n_signed++;
}

static uint16_t on_transmit(uint16_t port, uint16_t queue, struct rte_mbuf *m[], uint16_t n,
			    void *user)
{
	for (uint16_t i = 0; i < n; i++) {
		if (m[i]->ol_flags & RTE_MBUF_F_TX_SEC_OFFLOAD)
			sign(m[i]);
	}
	return n;
}

/* ---- life ---- */

static void plug_in(struct fixture *f, const struct inline_config *config,
		    const struct steer *steer, bool does_protocol)
{
	static const struct rte_mbuf_dynfield field = { .name = "fake_nic",
							.size = sizeof(uint64_t),
							.align = sizeof(uint64_t) };
	memset(&fake_nic, 0, sizeof(fake_nic));
	memset(hardware, 0, sizeof(hardware));
	fake_nic.does_protocol = does_protocol;
	fake_nic.max_sessions = FAKE_NIC_SESSIONS;
	fake_nic.max_rules = FAKE_NIC_SESSIONS;
	fake_nic.now_tsc = rte_get_tsc_hz();
	nic_port = f->zones.port[NIC_PORT].port;
	metadata_offset = rte_mbuf_dynfield_register(&field);
	fake_nic_require(metadata_offset >= 0, "no place in the mbuf");
	struct rte_eth_dev_info info;
	rte_eth_dev_info_get(nic_port, &info);
	n_queues = info.nb_rx_queues;
	fake_nic_require(n_queues && n_queues <= MAX_QUEUES, "too many queues");
	fake_nic_rules_reset(nic_port, n_queues);
	for (uint16_t q = 0; q < n_queues; q++) {
		rx_callback[q] = rte_eth_add_rx_callback(nic_port, q, on_receive, NULL);
		tx_callback[q] = rte_eth_add_tx_callback(nic_port, q, on_transmit, NULL);
		fake_nic_require(rx_callback[q] && tx_callback[q], "no callbacks on the port");
	}
	offload_open(&fake_nic.offload, &f->zones, &nic_ops);
	fake_nic_require(inline_open(&fake_nic.inlined, &fake_nic.offload, &f->zones, &f->sas,
				     steer, config) == 0,
			 "no inline table");
}

void fake_nic_open(struct fixture *f, const struct inline_config *config)
{
	plug_in(f, config, NULL, false);
}

void fake_nic_open_protocol(struct fixture *f, const struct inline_config *config,
			    const struct steer *steer)
{
	plug_in(f, config, steer, true);
}

void fake_nic_open_steered(struct fixture *f, const struct inline_config *config,
			   const struct steer *steer)
{
	plug_in(f, config, steer, false);
}

void fake_nic_close(struct fixture *f)
{
	inline_close(&fake_nic.inlined);
	fake_nic_require(fake_nic.n_sessions == 0 && fake_nic.n_rules == 0,
			 "sessions or rules are left");
	for (uint16_t q = 0; q < n_queues; q++) {
		rte_eth_remove_rx_callback(nic_port, q, rx_callback[q]);
		rte_eth_remove_tx_callback(nic_port, q, tx_callback[q]);
	}
}

void fake_nic_pass(struct fixture *f, uint32_t ms)
{
	fake_nic.now_tsc += ms * (rte_get_tsc_hz() / 1000);
	inline_turn(&fake_nic.inlined, fake_nic.now_tsc);
	fixture_turn(f);
}

void fake_nic_settle(struct fixture *f)
{
	for (unsigned i = 0; fake_nic.inlined.n_ending; i++) {
		fake_nic_require(i < 10000, "a session does not end");
		fake_nic_pass(f, 10);
		sa_reclaim(&f->sas);
	}
}
