/*
 * The lab's own world: fresh mount, network, PID and IPC namespaces, and for an ordinary user a
 * user namespace around them, with an empty tmpfs on /run. Everything that the lab starts lives in
 * it, so nothing is left behind: when PID 1 of the world ends, the kernel ends its processes and
 * takes back its interfaces, mounts and files, and PID 1 ends with the process that made the world
 * whichever way that dies, kill -9 included.
 */
#ifndef TOOLS_LAB_SANDBOX_H
#define TOOLS_LAB_SANDBOX_H

#include <stdbool.h>
#include <sys/types.h>

struct sandbox {
	pid_t outer_pid;    /* of the world's PID 1, as the rest of the machine sees it */
	bool ordinary_user; /* there is a user namespace too */
	int outside;        /* socket to the process that made the world */
};

/*
 * Runs inside() as PID 1 of a new world and returns its exit status. SIGINT, SIGTERM and SIGHUP end
 * the world at once and give 128 + their number, unless sandbox_settle() was called. The caller's
 * process itself is moved into the new namespaces too (all but the PID namespace), so it opens
 * the files that it needs from outside before. When namespaces are forbidden, says on stderr
 * what to do and returns EXIT_FAILURE.
 */
int sandbox_run(int (*inside)(const struct sandbox *s, void *user), void *user);

/* The result stands: from now on an interrupt is the normal end, with this exit status. */
void sandbox_settle(const struct sandbox *s, int status);

#endif
