/*
 * A role of the process: pcscf, icscf, scscf, hss. main.c starts the configured ones on one loop
 * and gives each a status socket <run_dir>/<name>.sock.
 *
 * Each role is one constant of this type (pcscf_role in pcscf.h, …); what it needs lives behind
 * `self`, owned by the role from start() to stop().
 */
#ifndef CONTROLPLANE_ROLE_H
#define CONTROLPLANE_ROLE_H

#include <jansson.h>

struct config;
struct loop;

struct role {
	const char *name;
	/* Returns 0 and *self, or -errno after one line of log_error(). */
	int (*start)(struct loop *loop, const struct config *config, void **self);
	void (*stop)(void *self);
	/* For the status socket; new references, NULL = out of memory. An array; a flat object. */
	json_t *(*registrations)(void *self);
	json_t *(*stats)(void *self);
	/*
	 * What an operator may order, by name, for an IMPI; NULL: nothing. Returns 0, -EINVAL (no
	 * such order), -ENOENT (nobody it is about), or another -errno.
	 */
	int (*order)(void *self, const char *name, const char *impi);
};

#endif
