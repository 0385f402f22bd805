#include "test/unit/fake_nic.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cryptodev.h>
#include <rte_ip.h>
#include <rte_mbuf_dyn.h>
#include <rte_random.h>
#include <rte_security_driver.h>

#include "dataplane/sa_control.h"
#include "test/unit/esp_reference.h"

enum {
	NIC_PORT = 0, /* of the fixture's zones */
	HEADER_BYTES = 8,
	MAX_HELD = 256,
	MAX_QUEUES = 8,
};

struct fake_nic fake_nic;

/* What the hardware keeps of an SA; nothing of it points to the caller's memory. */
static struct hardware_sa {
	bool is_alive;
	bool is_egress;
	bool is_protocol;
	uint32_t next; /* sequence number, of inline protocol */
	enum crypto_suite suite;
	uint32_t spi;
	struct reference_keys keys;
} hardware[FAKE_NIC_SESSIONS];

/* Of the fake: DPDK knows the name only. */
struct rte_flow {
	bool is_alive;
	uint8_t n_address_bytes;
	uint8_t address[16];
	uint16_t port_be; /* of UDP, before ESP; 0: ESP right on IP */
	uint32_t spi_be;
	struct hardware_sa *sa; /* NULL: it only steers */
	uint16_t queue;
};
static struct rte_flow rules[FAKE_NIC_SESSIONS];

static struct rte_mbuf *held[MAX_HELD];
static uint16_t nic_port;
static int metadata_offset = -1;
static uint16_t n_queues;
static const struct rte_eth_rxtx_callback *rx_callback[MAX_QUEUES], *tx_callback[MAX_QUEUES];

static void require(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "fake_nic: %s\n", what);
	abort();
}

static bool take_one(uint32_t *n)
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

static struct hardware_sa *sa_of(struct rte_security_session *session)
{
	return *(struct hardware_sa **)SECURITY_GET_SESS_PRIV(session);
}

static void copy_key(uint8_t to[32], const uint8_t *from, uint16_t n_bytes)
{
	require(n_bytes <= 32, "a key is too long");
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
		require(x->auth.algo == RTE_CRYPTO_AUTH_AES_GMAC, "one transform only");
		sa->suite = CRYPTO_AES_GMAC;
		copy_key(sa->keys.auth_key, x->auth.key.data, x->auth.key.length);
		return;
	}
	require(x->type == first, "the transforms are in the wrong order");
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
	if (take_one(&fake_nic.refuse_sessions))
		return -EIO;
	struct hardware_sa *sa = hardware;
	while (sa->is_alive)
		sa++;
	memset(sa, 0, sizeof(*sa));
	sa->is_alive = true;
	sa->is_egress = conf->ipsec.direction == RTE_SECURITY_IPSEC_SA_DIR_EGRESS;
	sa->spi = conf->ipsec.spi;
	sa->is_protocol = conf->action_type == RTE_SECURITY_ACTION_TYPE_INLINE_PROTOCOL;
	require(sa->is_protocol == fake_nic.does_protocol, "another action than it offers");
	sa->next = (uint32_t)conf->ipsec.esn.value;
	memcpy(sa->keys.salt, &conf->ipsec.salt, sizeof(sa->keys.salt));
	learn(sa, conf->crypto_xform);
	*(struct hardware_sa **)SECURITY_GET_SESS_PRIV(session) = sa;
	fake_nic.n_sessions++;
	return 0;
}

static int session_destroy(void *device, struct rte_security_session *session)
{
	struct hardware_sa *sa = sa_of(session);
	require(sa->is_alive, "a session is destroyed twice");
	for (unsigned i = 0; i < FAKE_NIC_SESSIONS; i++)
		require(!rules[i].is_alive || rules[i].sa != sa, "its rule is still there");
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
	*metadata(m) = (uint64_t)(sa_of(session) - hardware) + 1;
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

/* ---- rte_flow and the port ---- */

static int flow_validate(uint16_t port, const struct rte_flow_attr *attr,
			 const struct rte_flow_item pattern[],
			 const struct rte_flow_action actions[], struct rte_flow_error *error)
{
	return port == nic_port ? 0 : -ENOSYS;
}

/* What of a packet a rule names, and that it names nothing else. */
static void learn_pattern(struct rte_flow *rule, const struct rte_flow_item item[])
{
	require(item[0].type == RTE_FLOW_ITEM_TYPE_ETH, "not a rule for Ethernet");
	if (item[1].type == RTE_FLOW_ITEM_TYPE_IPV4) {
		const struct rte_flow_item_ipv4 *ip = item[1].spec;
		rule->n_address_bytes = 4;
		memcpy(rule->address, &ip->hdr.dst_addr, 4);
	} else {
		const struct rte_flow_item_ipv6 *ip = item[1].spec;
		rule->n_address_bytes = 16;
		memcpy(rule->address, ip->hdr.dst_addr, 16);
	}
	item += 2;
	if (item->type == RTE_FLOW_ITEM_TYPE_UDP) {
		const struct rte_flow_item_udp *udp = (item++)->spec;
		rule->port_be = udp->hdr.dst_port;
	}
	require(item[0].type == RTE_FLOW_ITEM_TYPE_ESP && item[1].type == RTE_FLOW_ITEM_TYPE_END,
		"not a rule for ESP");
	const struct rte_flow_item_esp *esp = item->spec;
	rule->spi_be = esp->hdr.spi;
}

static bool is_same_pattern(const struct rte_flow *a, const struct rte_flow *b)
{
	return a->spi_be == b->spi_be && a->port_be == b->port_be &&
	       a->n_address_bytes == b->n_address_bytes &&
	       memcmp(a->address, b->address, a->n_address_bytes) == 0;
}

/* As many drivers do, it wants a queue behind the security action. */
static struct rte_flow *flow_create(uint16_t port, const struct rte_flow_attr *attr,
				    const struct rte_flow_item pattern[],
				    const struct rte_flow_action actions[],
				    struct rte_flow_error *error)
{
	bool has_session = actions[0].type == RTE_FLOW_ACTION_TYPE_SECURITY;
	const struct rte_flow_action *last = &actions[has_session];
	error->message = "a queue is missing";
	if (last->type != RTE_FLOW_ACTION_TYPE_QUEUE)
		return NULL;
	error->message = "no room for rules";
	if (fake_nic.n_rules >= fake_nic.max_rules || take_one(&fake_nic.refuse_rules))
		return NULL;
	require(attr->ingress && last[1].type == RTE_FLOW_ACTION_TYPE_END, "not a rule for ESP");
	struct rte_flow new_rule = {
		.is_alive = true,
		.queue = ((const struct rte_flow_action_queue *)last->conf)->index,
		.sa = has_session ? sa_of((void *)(uintptr_t)actions[0].conf) : NULL,
	};
	learn_pattern(&new_rule, pattern);
	require(new_rule.queue < n_queues, "a rule for a queue that is not there");
	require(!has_session || (new_rule.sa->is_alive &&
				 __builtin_bswap32(new_rule.spi_be) == new_rule.sa->spi),
		"a rule for a session that is not there");
	struct rte_flow *rule = NULL;
	for (unsigned i = FAKE_NIC_SESSIONS; i-- > 0;) {
		require(!rules[i].is_alive || !is_same_pattern(&rules[i], &new_rule),
			"two rules for the same packets");
		if (!rules[i].is_alive)
			rule = &rules[i];
	}
	*rule = new_rule;
	fake_nic.n_rules++;
	return rule;
}

static int flow_destroy(uint16_t port, struct rte_flow *flow, struct rte_flow_error *error)
{
	if (take_one(&fake_nic.refuse_removals))
		return -EBUSY;
	require(flow->is_alive, "a rule is removed twice");
	flow->is_alive = false;
	fake_nic.n_rules--;
	return 0;
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
	.flow_validate = flow_validate,
	.flow_create = flow_create,
	.flow_destroy = flow_destroy,
};

/* ---- packets ---- */

/* Where ESP, or UDP, is in a frame without IPv6 extensions; 0: nowhere. */
static uint32_t find_upper(uint8_t protocol, const uint8_t *frame, uint32_t n_bytes, uint32_t *l3,
			   uint32_t *end)
{
	*l3 = frame[12] == 0x81 ? 18 : 14;
	const uint8_t *ip = frame + *l3;
	if (n_bytes < *l3 + 20)
		return 0;
	if (ip[0] >> 4 == 4 && ip[9] == protocol) {
		*end = *l3 + (uint32_t)(ip[2] << 8 | ip[3]);
		return *end <= n_bytes ? *l3 + (ip[0] & 15u) * 4 : 0;
	}
	if (ip[0] >> 4 == 6 && n_bytes >= *l3 + 40 && ip[6] == protocol) {
		*end = *l3 + 40 + (uint32_t)(ip[4] << 8 | ip[5]);
		return *end <= n_bytes ? *l3 + 40 : 0;
	}
	return 0;
}

static uint32_t find_esp(const uint8_t *frame, uint32_t n_bytes, uint32_t *l3, uint32_t *end)
{
	return find_upper(50, frame, n_bytes, l3, end);
}

/* port_be: 0, or of the UDP that ESP is in. */
static struct rte_flow *rule_of(const uint8_t *ip, const uint8_t *esp, uint16_t port_be)
{
	const uint8_t *destination = ip + (ip[0] >> 4 == 4 ? 16 : 24);
	for (unsigned i = 0; i < FAKE_NIC_SESSIONS; i++) {
		struct rte_flow *r = &rules[i];
		if (r->is_alive && memcmp(&r->spi_be, esp, 4) == 0 && r->port_be == port_be &&
		    r->n_address_bytes == (ip[0] >> 4 == 4 ? 4 : 16) &&
		    memcmp(r->address, destination, r->n_address_bytes) == 0)
			return r;
	}
	return NULL;
}

uint16_t fake_nic_queue(const uint8_t *frame, uint32_t n_bytes)
{
	uint32_t l3, end, l4 = find_esp(frame, n_bytes, &l3, &end);
	uint16_t port_be = 0;
	if (!l4) {
		l4 = find_upper(17, frame, n_bytes, &l3, &end);
		memcpy(&port_be, frame + l4 + 2, sizeof(port_be));
		l4 += l4 ? HEADER_BYTES : 0;
	}
	const struct rte_flow *rule = l4 ? rule_of(frame + l3, frame + l4, port_be) : NULL;
	return rule ? rule->queue : (uint16_t)(fake_nic.n_spread++ % n_queues);
}

/* Deciphers in place and marks; false: not its business. */
static bool receive(struct rte_mbuf *m)
{
	uint8_t *frame = rte_pktmbuf_mtod(m, uint8_t *);
	uint32_t l3, end, l4 = find_esp(frame, m->data_len, &l3, &end);
	struct rte_flow *rule = l4 && !fake_nic.skips ? rule_of(frame + l3, frame + l4, 0) : NULL;
	if (!rule || !rule->sa)
		return false;
	uint8_t icv_bytes = reference_shape(rule->sa->suite)->icv_bytes;
	m->ol_flags |= RTE_MBUF_F_RX_SEC_OFFLOAD;
	if (end - l4 > (uint32_t)HEADER_BYTES + icv_bytes &&
	    reference_open(rule->sa->suite, &rule->sa->keys, NULL, frame + l4,
			   end - l4 - icv_bytes)) {
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
			require(fake_nic.n_held < MAX_HELD, "too many packets are held");
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
	uint32_t l3 = m->l2_len, l4 = l3 + m->l3_len, before = HEADER_BYTES + shape->iv_bytes;
	uint8_t *frame = rte_pktmbuf_mtod(m, uint8_t *), *ip = frame + l3;
	bool v4 = ip[0] >> 4 == 4;
	uint8_t protocol = ip[v4 ? 9 : 6];
	if (l3 != (frame[12] == 0x81 ? 18u : 14u) || m->l3_len != (v4 ? (ip[0] & 15u) * 4 : 40) ||
	    (protocol != 17 && protocol != 6))
		return false;
	uint32_t payload = m->data_len - l4;
	uint8_t pad = (uint8_t)(-(payload + 2) & (shape->block_bytes - 1u));
	require(rte_pktmbuf_prepend(m, (uint16_t)before), "no headroom");
	require(rte_pktmbuf_append(m, (uint16_t)(pad + 2 + shape->icv_bytes)), "no tailroom");
	frame = rte_pktmbuf_mtod(m, uint8_t *);
	ip = frame + l3;
	memmove(frame, frame + before, l4);
	uint8_t *esp = frame + l4, *trailer = esp + before + payload;
	uint32_t header[2] = { __builtin_bswap32(sa->spi), __builtin_bswap32(sa->next++) };
	memcpy(esp, header, sizeof(header));
	for (uint32_t i = HEADER_BYTES; i < before; i++)
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
	uint32_t l3, end, l4 = find_esp(frame, m->data_len, &l3, &end);
	require(number >= 1 && number <= FAKE_NIC_SESSIONS, "a packet without a session");
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
	memset(rules, 0, sizeof(rules));
	fake_nic.does_protocol = does_protocol;
	fake_nic.max_sessions = FAKE_NIC_SESSIONS;
	fake_nic.max_rules = FAKE_NIC_SESSIONS;
	fake_nic.now_tsc = rte_get_tsc_hz();
	nic_port = f->zones.port[NIC_PORT].port;
	metadata_offset = rte_mbuf_dynfield_register(&field);
	require(metadata_offset >= 0, "no place in the mbuf");
	struct rte_eth_dev_info info;
	rte_eth_dev_info_get(nic_port, &info);
	n_queues = info.nb_rx_queues;
	require(n_queues && n_queues <= MAX_QUEUES, "too many queues");
	for (uint16_t q = 0; q < n_queues; q++) {
		rx_callback[q] = rte_eth_add_rx_callback(nic_port, q, on_receive, NULL);
		tx_callback[q] = rte_eth_add_tx_callback(nic_port, q, on_transmit, NULL);
		require(rx_callback[q] && tx_callback[q], "no callbacks on the port");
	}
	offload_open(&fake_nic.offload, &f->zones, &nic_ops);
	require(inline_open(&fake_nic.inlined, &fake_nic.offload, &f->zones, &f->sas, steer,
			    config) == 0,
		"no inline table");
}

void fake_nic_open(struct fixture *f, const struct inline_config *config)
{
	plug_in(f, config, NULL, false);
}

void fake_nic_open_protocol(struct fixture *f, const struct inline_config *config)
{
	plug_in(f, config, NULL, true);
}

void fake_nic_open_steered(struct fixture *f, const struct inline_config *config,
			   const struct steer *steer)
{
	plug_in(f, config, steer, false);
}

void fake_nic_close(struct fixture *f)
{
	inline_close(&fake_nic.inlined);
	require(fake_nic.n_sessions == 0 && fake_nic.n_rules == 0, "sessions or rules are left");
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
		require(i < 10000, "a session does not end");
		fake_nic_pass(f, 10);
		sa_reclaim(&f->sas);
	}
}
