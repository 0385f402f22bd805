/*
 * Crypto devices as a backend of SAs: the configuration's wish, the devices of crypto/lookaside.h,
 * and what telemetry tells of both (/imsgate/crypto). Control thread.
 */
#ifndef DATAPLANE_CRYPTO_DEVICE_H
#define DATAPLANE_CRYPTO_DEVICE_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "configs/config.h"
#include "crypto/lookaside.h"
#include "dataplane/backend.h"

struct worker;

struct crypto_devices {
	struct backend backend;                /* first; in the SA table when there are devices */
	_Atomic(enum config_lookaside) wanted; /* written by: control; read by: telemetry */
	struct lookaside *lookaside; /* NULL: none are configured, or no SA is wanted there */
};

/*
 * Starts the devices and registers them in the table, before any SA is there. One that is missing
 * is said on stderr, and an error if it is required. 0 or -errno with one line of text.
 */
int crypto_device_open(struct crypto_devices *d, const struct config_crypto *config,
		       struct sa_table *sas, uint32_t n_workers, char *error, size_t error_bytes);
/* Of SAs from now on; other than none only where devices were started. Control thread. */
void crypto_device_want(struct crypto_devices *d, enum config_lookaside wanted);
/* Gives a worker its queues. Before it runs. */
void crypto_device_attach(struct crypto_devices *d, struct worker *w);
/* After the workers have ended. */
void crypto_device_close(struct crypto_devices *d);

/* All of them must outlive the EAL. */
void crypto_device_telemetry_register(const struct crypto_devices *d, struct worker *const *workers,
				      uint32_t n_workers);

#endif
