/*
 * Gives up what only start-up needed. Ports are open, sockets bound, memory mapped: from here on
 * the process moves packets and answers its socket. Main thread, once, when every other thread
 * runs.
 */
#ifndef DATAPLANE_PRIVILEGE_H
#define DATAPLANE_PRIVILEGE_H

#include <stddef.h>

/*
 * A signal that meets a thread in the middle of its cryptography leaves its registers on the stack,
 * keys and all (the tap driver sends one with every packet). So no thread takes one: this one and
 * those that it makes from now on, but for the signal of privilege_drop(). Those of the process
 * wait for the ppoll() of control_turn(). Main thread, before it makes any other.
 */
void privilege_hold_signals(void);

/*
 * user: name to become, "" = stay. Then no thread has a capability or can gain one, and the system
 * calls that start programs, load code into the kernel or look into other processes are refused.
 * 0 or -errno with one line of text.
 */
int privilege_drop(const char *user, char *error, size_t error_bytes);

#endif
