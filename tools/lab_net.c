#include "tools/lab_net.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tools/lab_process.h"

#define IP_TIMEOUT_MS 10000

static const char make_namespaces[] = "netns add ue\n"
				      "netns add wire\n"
				      "netns add edge\n"
				      "link add ue0 netns ue type veth peer name acc0 netns wire\n";
static const char make_namespaces_nat[] =
	"netns add ue\n"
	"netns add nat\n"
	"netns add wire\n"
	"netns add edge\n"
	"link add ue0 netns ue type veth peer name in0 netns nat\n"
	"link add out0 netns nat type veth peer name acc0 netns wire\n";

/*
 * No duplicate address detection: nothing to wait for. The UEs' own addresses are imsgate-ue's
 * business. Packets out of ESP come in by another device than the route to their sender says: the
 * reverse path filter has to be off.
 */
static const char set_up_ue[] =
	"link set lo up\n"
	"link set ue0 addrgenmode none\n"
	"link set ue0 up\n"
	"address add 10.0.0.2/24 dev ue0\n"
	"address add fd00::2/64 dev ue0 nodad\n"
	/* RFC 4861 7.2.2: a neighbour is asked from an address of the link */
	"address add fe80::2/64 dev ue0 nodad\n";
static const char set_up_ue_nat[] = "link set lo up\n"
				    "link set ue0 addrgenmode none\n"
				    "link set ue0 up\n"
				    "address add 10.2.0.2/24 dev ue0\n"
				    "route add default via 10.2.0.1\n";
static const char set_up_nat[] = "link set lo up\n"
				 "link set in0 addrgenmode none\n"
				 "link set out0 addrgenmode none\n"
				 "link set in0 up\n"
				 "link set out0 up\n"
				 "address add 10.2.0.1/24 dev in0\n"
				 "address add 10.0.0.2/24 dev out0\n"
				 "route add 10.1.0.0/16 via 10.2.0.2\n";
static const char *const ue_settings[] = {
	"/proc/sys/net/ipv4/conf/all/rp_filter",
	"/proc/sys/net/ipv4/conf/default/rp_filter",
	"/proc/sys/net/ipv4/conf/ue0/rp_filter",
};

static const char set_up_wire[] = "link set lo up\n"
				  "link set acc0 addrgenmode none\n"
				  "link set acc0 up\n";

static const char set_up_edge[] = "link set lo up\n"
				  "address add " LAB_NET_CSCF "/32 dev lo\n"
				  "address add " LAB_NET_HSS "/32 dev lo\n";

static int ip_batch(const char *netns, const char *text)
{
	static const char *const argv[] = { "ip", "-batch", "-", NULL };
	struct process_files files = process_no_files;
	struct process ip;
	int error = 0;

	files.in = memfd_create("ip-batch", MFD_CLOEXEC);
	if (files.in < 0)
		return -errno;
	if (write(files.in, text, strlen(text)) != (ssize_t)strlen(text) ||
	    lseek(files.in, 0, SEEK_SET))
		error = -EIO;
	if (!error)
		error = process_start(&ip, "ip", netns, argv, &files);
	if (!error && process_wait(&ip, IP_TIMEOUT_MS))
		error = -EIO;
	close(files.in);
	return error;
}

/*
 * veth leaves the checksums of a packet to the receiver, which is fine between two kernels, but
 * here the receiver is the data plane. ethtool -K NAME tx off.
 */
static int checksum_in_software(const char *netns, const char *interface)
{
	const char *const argv[] = { "ethtool", "-K", interface, "tx", "off", NULL };
	struct process ethtool;
	int error;

	error = process_start(&ethtool, "ip", netns, argv, &process_no_files);
	if (!error && process_wait(&ethtool, IP_TIMEOUT_MS))
		error = -EIO;
	return error;
}

/* Settings that a container may hold read-only are left: the host's values serve in most cases. */
static int write_settings(const char *netns, const char *const paths[], unsigned n,
			  const char *value)
{
	int home = netns_enter(netns);

	if (home < 0)
		return home;
	for (unsigned i = 0; i < n; i++) {
		int fd = open(paths[i], O_WRONLY | O_CLOEXEC);

		if (fd < 0)
			continue;
		if (write(fd, value, strlen(value)) < 0)
			fprintf(stderr, "%s: %s\n", paths[i], strerror(errno));
		close(fd);
	}
	netns_leave(home);
	return 0;
}

int lab_net_make(bool nat)
{
	/* Before the links come up, so that no kernel of ours ever speaks on acc0. */
	static const char *const wire_settings[] = { "/proc/sys/net/ipv6/conf/acc0/disable_ipv6" };
	int error;

	error = ip_batch(NULL, nat ? make_namespaces_nat : make_namespaces);
	if (!error)
		error = write_settings("wire", wire_settings, 1, "1");
	if (!error)
		error = write_settings("ue", ue_settings,
				       sizeof(ue_settings) / sizeof(*ue_settings), "0");
	if (!error)
		error = ip_batch("ue", nat ? set_up_ue_nat : set_up_ue);
	if (!error && nat)
		error = ip_batch("nat", set_up_nat);
	if (!error)
		error = ip_batch("wire", set_up_wire);
	if (!error)
		error = ip_batch("edge", set_up_edge);
	if (!error)
		error = nat ? checksum_in_software("nat", "out0")
			    : checksum_in_software("ue", "ue0");
	if (!error)
		error = checksum_in_software("wire", "acc0");
	return error;
}

/* In UDP and a tunnel: 1500 less 20 + 8 + 8 + 16 + 15 + 2 + 12, down to a multiple of 8. */
#define NAT_ROUTE_MTU "1416"

int lab_net_address_edge(const char *kernel_port, bool nat)
{
	char text[512];

	snprintf(text, sizeof(text),
		 "link set %s addrgenmode none\n"
		 "link set %s up\n"
		 "address add 10.0.0.1/24 dev %s\n"
		 "address add fd00::1/64 dev %s nodad\n"
		 "address add fe80::1/64 dev %s nodad\n"
		 "route add 10.1.0.0/16 via 10.0.0.2%s\n"
		 "route add 10.4.0.0/15 via 10.0.0.2\n"
		 "route add fd01::/64 via fd00::2\n",
		 kernel_port, kernel_port, kernel_port, kernel_port, kernel_port,
		 nat ? " mtu " NAT_ROUTE_MTU : "");
	return ip_batch("edge", text);
}

bool lab_net_has(const char *netns, const char *interface)
{
	int home = netns_enter(netns);
	bool has;

	if (home < 0)
		return false;
	has = if_nametoindex(interface) != 0;
	netns_leave(home);
	return has;
}
