/*
 * The status socket of a role: HTTP/1.1 on <run_dir>/<role>.sock.
 *
 *   /registrations   {"registrations": [ … ]}
 *   /stats           {"name": number, … }
 *   POST /order/NAME?impi=IMPI   role->order(): 202, 400, 404 or 503
 *
 * Reached by whoever may write to the socket: mode 0660. Runs on the loop; answers are built whole.
 */
#ifndef CONTROLPLANE_STATUS_H
#define CONTROLPLANE_STATUS_H

#include "controlplane/role.h"

struct loop;
struct status;

/* Replaces a socket that a dead process left. `self` is the role's. Returns 0 or -errno. */
int status_new(struct loop *loop, const char *run_dir, const struct role *role, void *self,
	       struct status **out);
void status_free(struct status *s); /* and removes the socket */

#endif
