#include "tools/lab_nat.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>
#include <string.h>
#include <unistd.h>

#include "tools/lab_process.h"
#include "tools/netlink.h"

#define TABLE "lab"
#define CHAIN "out"

static void message_begin(struct netlink_request *r, uint16_t type, uint16_t flags,
			  uint16_t resource)
{
	struct nfgenmsg family = { .nfgen_family = NFPROTO_IPV4,
				   .version = NFNETLINK_V0,
				   .res_id = htons(resource) };

	netlink_begin(r, type, flags, &family, sizeof(family));
}

static void put_text(struct netlink_request *r, uint16_t type, const char *text)
{
	netlink_put(r, type, text, strlen(text) + 1);
}

static void put_number(struct netlink_request *r, uint16_t type, uint32_t number)
{
	uint32_t number_be = htonl(number);

	netlink_put(r, type, &number_be, sizeof(number_be));
}

#define NFT(type) (NFNL_SUBSYS_NFTABLES << 8 | (type))

static void put_table(struct netlink_request *r)
{
	message_begin(r, NFT(NFT_MSG_NEWTABLE), NLM_F_CREATE, 0);
	put_text(r, NFTA_TABLE_NAME, TABLE);
	netlink_end(r);
}

static void put_chain(struct netlink_request *r)
{
	size_t hook;

	message_begin(r, NFT(NFT_MSG_NEWCHAIN), NLM_F_CREATE, 0);
	put_text(r, NFTA_CHAIN_TABLE, TABLE);
	put_text(r, NFTA_CHAIN_NAME, CHAIN);
	hook = netlink_nest_begin(r, NFTA_CHAIN_HOOK);
	put_number(r, NFTA_HOOK_HOOKNUM, NF_INET_POST_ROUTING);
	put_number(r, NFTA_HOOK_PRIORITY, 100); /* NF_IP_PRI_NAT_SRC */
	netlink_nest_end(r, hook);
	put_text(r, NFTA_CHAIN_TYPE, "nat");
	netlink_end(r);
}

/* masquerade fully-random */
static void put_rule(struct netlink_request *r)
{
	size_t expressions, expression, data;

	message_begin(r, NFT(NFT_MSG_NEWRULE), NLM_F_CREATE | NLM_F_APPEND | NLM_F_ACK, 0);
	put_text(r, NFTA_RULE_TABLE, TABLE);
	put_text(r, NFTA_RULE_CHAIN, CHAIN);
	expressions = netlink_nest_begin(r, NFTA_RULE_EXPRESSIONS);
	expression = netlink_nest_begin(r, NFTA_LIST_ELEM);
	put_text(r, NFTA_EXPR_NAME, "masq");
	data = netlink_nest_begin(r, NFTA_EXPR_DATA);
	put_number(r, NFTA_MASQ_FLAGS, NF_NAT_RANGE_PROTO_RANDOM_FULLY);
	netlink_nest_end(r, data);
	netlink_nest_end(r, expression);
	netlink_nest_end(r, expressions);
	netlink_end(r);
}

/* nf_tables takes all of a batch or none. */
static int masquerade(void)
{
	struct netlink_request r = { 0 };

	message_begin(&r, NFNL_MSG_BATCH_BEGIN, 0, NFNL_SUBSYS_NFTABLES);
	netlink_end(&r);
	put_table(&r);
	put_chain(&r);
	put_rule(&r);
	message_begin(&r, NFNL_MSG_BATCH_END, 0, NFNL_SUBSYS_NFTABLES);
	netlink_end(&r);
	return netlink_ask(&r, NETLINK_NETFILTER);
}

static int forward(void)
{
	int fd = open("/proc/sys/net/ipv4/ip_forward", O_WRONLY | O_CLOEXEC), error = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, "1", 1) != 1)
		error = -errno;
	close(fd);
	return error;
}

int lab_nat_make(const char *netns)
{
	int home = netns_enter(netns), error;

	if (home < 0)
		return home;
	error = forward();
	if (!error)
		error = masquerade();
	netns_leave(home);
	return error;
}

int lab_nat_forget(const char *netns)
{
	int home = netns_enter(netns), error;
	struct netlink_request r = { 0 };

	if (home < 0)
		return home;
	message_begin(&r, NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE, NLM_F_ACK, 0);
	netlink_end(&r);
	error = netlink_ask(&r, NETLINK_NETFILTER);
	netns_leave(home);
	return error;
}
