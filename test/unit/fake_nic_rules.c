/* What the fake NIC does by rte_flow: sessions and queues for ESP by SPI. */
#include "test/unit/fake_nic_impl.h"

#include <errno.h>
#include <string.h>

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
static uint16_t nic_port, n_queues;

void fake_nic_rules_reset(uint16_t port, uint16_t n)
{
	memset(rules, 0, sizeof(rules));
	nic_port = port;
	n_queues = n;
}

/* ---- rte_flow ---- */

int fake_nic_flow_validate(uint16_t port, const struct rte_flow_attr *attr,
			   const struct rte_flow_item pattern[],
			   const struct rte_flow_action actions[], struct rte_flow_error *error)
{
	return port == nic_port ? 0 : -ENOSYS;
}

/* What of a packet a rule names, and that it names nothing else. */
static void learn_pattern(struct rte_flow *rule, const struct rte_flow_item item[])
{
	fake_nic_require(item[0].type == RTE_FLOW_ITEM_TYPE_ETH, "not a rule for Ethernet");
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
	fake_nic_require(item[0].type == RTE_FLOW_ITEM_TYPE_ESP &&
				 item[1].type == RTE_FLOW_ITEM_TYPE_END,
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
struct rte_flow *fake_nic_flow_create(uint16_t port, const struct rte_flow_attr *attr,
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
	if (fake_nic.n_rules >= fake_nic.max_rules || fake_nic_take_one(&fake_nic.refuse_rules))
		return NULL;
	fake_nic_require(attr->ingress && last[1].type == RTE_FLOW_ACTION_TYPE_END,
			 "not a rule for ESP");
	struct rte_flow new_rule = {
		.is_alive = true,
		.queue = ((const struct rte_flow_action_queue *)last->conf)->index,
		.sa = has_session ? fake_nic_sa_of((void *)(uintptr_t)actions[0].conf) : NULL,
	};
	learn_pattern(&new_rule, pattern);
	fake_nic_require(new_rule.queue < n_queues, "a rule for a queue that is not there");
	fake_nic_require(!has_session || (new_rule.sa->is_alive &&
					  __builtin_bswap32(new_rule.spi_be) == new_rule.sa->spi),
			 "a rule for a session that is not there");
	struct rte_flow *rule = NULL;
	for (unsigned i = FAKE_NIC_SESSIONS; i-- > 0;) {
		fake_nic_require(!rules[i].is_alive || !is_same_pattern(&rules[i], &new_rule),
				 "two rules for the same packets");
		if (!rules[i].is_alive)
			rule = &rules[i];
	}
	*rule = new_rule;
	fake_nic.n_rules++;
	return rule;
}

int fake_nic_flow_destroy(uint16_t port, struct rte_flow *flow, struct rte_flow_error *error)
{
	if (fake_nic_take_one(&fake_nic.refuse_removals))
		return -EBUSY;
	fake_nic_require(flow->is_alive, "a rule is removed twice");
	flow->is_alive = false;
	fake_nic.n_rules--;
	return 0;
}

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

uint32_t fake_nic_find_esp(const uint8_t *frame, uint32_t n_bytes, uint32_t *l3, uint32_t *end)
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

struct hardware_sa *fake_nic_rule_sa(const uint8_t *ip, const uint8_t *esp)
{
	const struct rte_flow *rule = rule_of(ip, esp, 0);
	return rule ? rule->sa : NULL;
}

bool fake_nic_has_rule(const struct hardware_sa *sa)
{
	for (unsigned i = 0; i < FAKE_NIC_SESSIONS; i++) {
		if (rules[i].is_alive && rules[i].sa == sa)
			return true;
	}
	return false;
}

uint16_t fake_nic_queue(const uint8_t *frame, uint32_t n_bytes)
{
	uint32_t l3, end, l4 = fake_nic_find_esp(frame, n_bytes, &l3, &end);
	uint16_t port_be = 0;
	if (!l4) {
		l4 = find_upper(17, frame, n_bytes, &l3, &end);
		memcpy(&port_be, frame + l4 + 2, sizeof(port_be));
		l4 += l4 ? FAKE_NIC_ESP_BYTES : 0;
	}
	const struct rte_flow *rule = l4 ? rule_of(frame + l3, frame + l4, port_be) : NULL;
	return rule ? rule->queue : (uint16_t)(fake_nic.n_spread++ % n_queues);
}
