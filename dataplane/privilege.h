/*
 * Gives up what only start-up needed. Ports are open, sockets bound, memory mapped: from here on
 * the process moves packets and answers its socket. Main thread, once, when every other thread
 * runs.
 */
#ifndef DATAPLANE_PRIVILEGE_H
#define DATAPLANE_PRIVILEGE_H

#include <stddef.h>

/*
 * user: name to become, "" = stay. Then no thread has a capability or can gain one, and the system
 * calls that start programs, load code into the kernel or look into other processes are refused.
 * 0 or -errno with one line of text.
 */
int privilege_drop(const char *user, char *error, size_t error_bytes);

#endif
