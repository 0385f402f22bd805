/*
 * The lookaside backend: crypto devices of DPDK (rte_cryptodev), be they cards or vdevs.
 *
 * A device is asked which suites it can do, and an SA gets its session on the first device that can
 * do its suite and has room. Each worker has a queue pair of its own on every device; what a device
 * does, it does to the packet in place, ICV and IV included, byte for byte what the cpu backend
 * does. Extended sequence numbers are not for devices: with HMAC and GMAC the upper half would have
 * to stand in the packet.
 *
 * A job must lie at the head of the private area of its mbuf (rte_mbuf_to_priv), which has one
 * segment. DPDK's environment must have been started. Control thread, except for the engines.
 */
#ifndef CRYPTO_LOOKASIDE_H
#define CRYPTO_LOOKASIDE_H

#include "crypto/engine.h"

#include <stdbool.h>
#include <stdint.h>

#define LOOKASIDE_DEVICES    8
#define LOOKASIDE_NAME_BYTES 64
#define LOOKASIDE_WHY_BYTES  96

struct lookaside;

struct lookaside_config {
	/* PCI addresses, or vdevs with their arguments: "crypto_aesni_mb0,socket_id=1" */
	const char *const *devices;
	uint32_t n_devices;
	uint32_t n_workers;
	uint32_t n_sessions;    /* on all devices together */
	uint32_t queue_entries; /* jobs of a worker in a device at the same time */
};

struct lookaside_device {
	char name[LOOKASIDE_NAME_BYTES];
	char driver[LOOKASIDE_NAME_BYTES]; /* "": not there */
	bool is_ours;                      /* a vdev that was made for this */
	bool is_ready;
	char why[LOOKASIDE_WHY_BYTES]; /* not ready */
	bool suite[CRYPTO_N_SUITES];   /* which it can do */
	uint8_t id;                    /* DPDK's */
	uint32_t max_sessions;         /* 0: no limit of its own */
	_Atomic uint32_t n_sessions;   /* written by: control; read by: telemetry */
};

/*
 * Starts the devices; one that cannot be started is there with the reason. NULL: no memory for
 * sessions and queues.
 */
struct lookaside *lookaside_open(const struct lookaside_config *config);
/* After the workers have ended. Wipes all sessions, and drops what a device never gave back. */
void lookaside_close(struct lookaside *l);

/* NULL beyond the last. */
const struct lookaside_device *lookaside_device(const struct lookaside *l, uint32_t i);

/* The end of one worker, for crypto_attach(). Lives as long as `l`. */
struct crypto_engine *lookaside_engine(struct lookaside *l, uint32_t worker);

/*
 * A session with raw keys of the suite's sizes. NULL and *error: -ENOTSUP, no device can do the
 * suite; -ENOSPC, no room; -EIO, the device refused.
 */
struct crypto_session *lookaside_session(struct lookaside *l, enum crypto_suite suite,
					 enum crypto_direction direction, const uint8_t *auth_key,
					 const uint8_t *cipher_key, const uint8_t *salt,
					 int *error);
/* It is idle; keys that the device's driver kept are wiped. */
void lookaside_session_free(struct lookaside *l, struct crypto_session *session);

#endif
