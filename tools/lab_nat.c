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
#include <sys/socket.h>
#include <unistd.h>

#include "tools/lab_process.h"

#define TABLE "lab"
#define CHAIN "out"

/* Messages one behind the other, as one datagram: nf_tables takes all of them or none. */
struct batch {
	uint8_t bytes[1024];
	size_t n_bytes;
	size_t message; /* where the last one begins */
};

static void put(struct batch *b, const void *data, size_t n_bytes)
{
	memcpy(b->bytes + b->n_bytes, data, n_bytes);
	b->n_bytes += NLMSG_ALIGN(n_bytes); /* the rest is zero already */
}

static void message_begin(struct batch *b, uint16_t type, uint16_t flags, uint16_t resource)
{
	struct nlmsghdr header = { .nlmsg_type = type, .nlmsg_flags = NLM_F_REQUEST | flags };
	struct nfgenmsg family = { .nfgen_family = NFPROTO_IPV4,
				   .version = NFNETLINK_V0,
				   .res_id = htons(resource) };

	b->message = b->n_bytes;
	put(b, &header, sizeof(header));
	put(b, &family, sizeof(family));
}

static void message_end(struct batch *b)
{
	uint32_t n_bytes = (uint32_t)(b->n_bytes - b->message);

	memcpy(b->bytes + b->message, &n_bytes, sizeof(n_bytes)); /* nlmsg_len comes first */
}

static void put_attribute(struct batch *b, uint16_t type, const void *data, size_t n_bytes)
{
	struct nlattr a = { .nla_type = type, .nla_len = (uint16_t)(sizeof(a) + n_bytes) };

	put(b, &a, sizeof(a));
	put(b, data, n_bytes);
}

static void put_text(struct batch *b, uint16_t type, const char *text)
{
	put_attribute(b, type, text, strlen(text) + 1);
}

static void put_number(struct batch *b, uint16_t type, uint32_t number)
{
	uint32_t number_be = htonl(number);

	put_attribute(b, type, &number_be, sizeof(number_be));
}

/* Returns where it begins, for nest_end(). */
static size_t nest_begin(struct batch *b, uint16_t type)
{
	size_t at = b->n_bytes;

	put_attribute(b, type | NLA_F_NESTED, NULL, 0);
	return at;
}

static void nest_end(struct batch *b, size_t at)
{
	uint16_t n_bytes = (uint16_t)(b->n_bytes - at);

	memcpy(b->bytes + at, &n_bytes, sizeof(n_bytes)); /* nla_len comes first */
}

#define NFT(type) (NFNL_SUBSYS_NFTABLES << 8 | (type))

static void put_table(struct batch *b)
{
	message_begin(b, NFT(NFT_MSG_NEWTABLE), NLM_F_CREATE, 0);
	put_text(b, NFTA_TABLE_NAME, TABLE);
	message_end(b);
}

static void put_chain(struct batch *b)
{
	size_t hook;

	message_begin(b, NFT(NFT_MSG_NEWCHAIN), NLM_F_CREATE, 0);
	put_text(b, NFTA_CHAIN_TABLE, TABLE);
	put_text(b, NFTA_CHAIN_NAME, CHAIN);
	hook = nest_begin(b, NFTA_CHAIN_HOOK);
	put_number(b, NFTA_HOOK_HOOKNUM, NF_INET_POST_ROUTING);
	put_number(b, NFTA_HOOK_PRIORITY, 100); /* NF_IP_PRI_NAT_SRC */
	nest_end(b, hook);
	put_text(b, NFTA_CHAIN_TYPE, "nat");
	message_end(b);
}

/* masquerade fully-random */
static void put_rule(struct batch *b)
{
	size_t expressions, expression, data;

	message_begin(b, NFT(NFT_MSG_NEWRULE), NLM_F_CREATE | NLM_F_APPEND | NLM_F_ACK, 0);
	put_text(b, NFTA_RULE_TABLE, TABLE);
	put_text(b, NFTA_RULE_CHAIN, CHAIN);
	expressions = nest_begin(b, NFTA_RULE_EXPRESSIONS);
	expression = nest_begin(b, NFTA_LIST_ELEM);
	put_text(b, NFTA_EXPR_NAME, "masq");
	data = nest_begin(b, NFTA_EXPR_DATA);
	put_number(b, NFTA_MASQ_FLAGS, NF_NAT_RANGE_PROTO_RANDOM_FULLY);
	nest_end(b, data);
	nest_end(b, expression);
	nest_end(b, expressions);
	message_end(b);
}

/* Sends it, and waits for the kernel's word: one ACK, or the first error. */
static int ask(const struct batch *b)
{
	struct {
		struct nlmsghdr header;
		struct nlmsgerr error;
		uint8_t rest[2048]; /* the message, sent back */
	} answer;
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
	int error = -EPROTO;
	ssize_t n;

	if (fd < 0)
		return -errno;
	if (send(fd, b->bytes, b->n_bytes, 0) < 0 || (n = recv(fd, &answer, sizeof(answer), 0)) < 0)
		error = -errno;
	else if ((size_t)n >= NLMSG_LENGTH(sizeof(answer.error)) &&
		 answer.header.nlmsg_type == NLMSG_ERROR)
		error = answer.error.error;
	close(fd);
	return error;
}

static int masquerade(void)
{
	struct batch b = { 0 };

	message_begin(&b, NFNL_MSG_BATCH_BEGIN, 0, NFNL_SUBSYS_NFTABLES);
	message_end(&b);
	put_table(&b);
	put_chain(&b);
	put_rule(&b);
	message_begin(&b, NFNL_MSG_BATCH_END, 0, NFNL_SUBSYS_NFTABLES);
	message_end(&b);
	return ask(&b);
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
	struct batch b = { 0 };

	if (home < 0)
		return home;
	message_begin(&b, NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE, NLM_F_ACK, 0);
	message_end(&b);
	error = ask(&b);
	netns_leave(home);
	return error;
}
