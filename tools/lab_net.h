/*
 * The lab's network: three named network namespaces (ip-netns(8)).
 *
 *   ue                        wire                       edge
 *   ue0 10.0.0.2, fd00::2 --- acc0   imsgate-dataplane   gm0 10.0.0.1, fd00::1
 *   10.1.0.0/16, 10.4.0.0/15, (no address)               the kernel port, a tap
 *   fd01::/64
 *
 * ue0 and acc0 are the two ends of a veth pair. The addresses of the UEs are local in `ue`; the
 * edge reaches them through 10.0.0.2 and fd00::2. More UEs than 10.1.0.0/16 holds are in
 * 10.4.0.0/15. With --nat there is a fourth namespace between them, for IPv4 alone, whose kernel
 * translates (lab_nat.h):
 *
 *   ue                        nat                            wire
 *   ue0 10.2.0.2 ------------ in0 10.2.0.1   out0 10.0.0.2 --- acc0
 */
#ifndef TOOLS_LAB_NET_H
#define TOOLS_LAB_NET_H

#include <stdbool.h>

/* Diameter nodes in `edge`, on its lo: freeDiameter takes no address of the loopback network. */
#define LAB_NET_CSCF "10.3.0.1"
#define LAB_NET_HSS  "10.3.0.2"

#define LAB_MAX_UES  65000  /* 10.1.0.1 … 10.1.253.232 */
#define LAB_MOST_UES 130000 /* 10.4.0.1 … 10.5.251.208 */

/* Makes the namespaces and the veth pair. Returns 0 or -errno; ip's own words are in ip.log. */
int lab_net_make(bool nat);

/* Gives the kernel port, which the data plane made, its addresses and routes. The same. */
int lab_net_address_edge(const char *kernel_port, bool nat);

/* Whether an interface exists in a namespace. */
bool lab_net_has(const char *netns, const char *interface);

#endif
