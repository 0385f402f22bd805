/*
 * The lab's NAT: the kernel's own, of nf_tables, in a network namespace that the UEs are behind.
 * It gives every flow a random port, so that nothing is right by chance. No tool is needed: the
 * kernel is asked over netlink.
 */
#ifndef TOOLS_LAB_NAT_H
#define TOOLS_LAB_NAT_H

/* Lets the namespace forward, and hides what it forwards behind the address that it leaves by.
 * Returns 0, or -errno: -EPROTONOSUPPORT and -ENOENT when the kernel has no such thing. */
int lab_nat_make(const char *netns);

/* Forgets all flows: the next packet of each gets another port. Returns 0 or -errno. */
int lab_nat_forget(const char *netns);

#endif
