/* What the parts of the fake NIC share; nobody else includes this. */
#ifndef TEST_UNIT_FAKE_NIC_IMPL_H
#define TEST_UNIT_FAKE_NIC_IMPL_H

#include <rte_flow.h>
#include <rte_security_driver.h>

#include "test/unit/esp_reference.h"
#include "test/unit/fake_nic.h"

#define FAKE_NIC_ESP_BYTES 8 /* SPI and sequence number */

/* What the hardware keeps of an SA; nothing of it points to the caller's memory. */
struct hardware_sa {
	bool is_alive;
	bool is_egress;
	bool is_protocol;
	uint32_t next; /* sequence number, of inline protocol */
	enum crypto_suite suite;
	uint32_t spi;
	struct reference_keys keys;
};

/* Aborts when it does not. */
void fake_nic_require(bool holds, const char *what);
/* One of the next so many? */
bool fake_nic_take_one(uint32_t *n);
struct hardware_sa *fake_nic_sa_of(struct rte_security_session *session);

/* ---- fake_nic_rules.c ---- */

void fake_nic_rules_reset(uint16_t port, uint16_t n_queues);
/* The SA of a rule for this packet, which has ESP right on IP; NULL: none deciphers it. */
struct hardware_sa *fake_nic_rule_sa(const uint8_t *ip, const uint8_t *esp);
bool fake_nic_has_rule(const struct hardware_sa *sa);
/* Where ESP is in a frame without IPv6 extensions; 0: nowhere. */
uint32_t fake_nic_find_esp(const uint8_t *frame, uint32_t n_bytes, uint32_t *l3, uint32_t *end);

/* As the functions of rte_flow. */
int fake_nic_flow_validate(uint16_t port, const struct rte_flow_attr *attr,
			   const struct rte_flow_item pattern[],
			   const struct rte_flow_action actions[], struct rte_flow_error *error);
struct rte_flow *fake_nic_flow_create(uint16_t port, const struct rte_flow_attr *attr,
				      const struct rte_flow_item pattern[],
				      const struct rte_flow_action actions[],
				      struct rte_flow_error *error);
int fake_nic_flow_destroy(uint16_t port, struct rte_flow *flow, struct rte_flow_error *error);

#endif
