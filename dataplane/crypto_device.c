#include "dataplane/crypto_device.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <rte_telemetry.h>

#include "dataplane/inline_cap.h"
#include "dataplane/sa.h"
#include "dataplane/worker.h"

/* ---- as a backend ---- */

static bool wants(const struct backend *b, const struct sa *sa)
{
	const struct crypto_devices *d = (const struct crypto_devices *)b;
	switch (atomic_load_explicit(&d->wanted, memory_order_relaxed)) {
	case CONFIG_LOOKASIDE_ALL:
		return true;
	case CONFIG_LOOKASIDE_TUNNELS:
		return sa->id.mode == API_TUNNEL;
	case CONFIG_LOOKASIDE_ENCRYPTED:
		return crypto_suite_shape[sa->id.suite].cipher != CRYPTO_CIPHER_NULL;
	default:
		return false;
	}
}

static struct crypto_session *open_session(struct backend *b, const struct sa *sa,
					   const struct api_set *set, enum backend_why *why)
{
	struct crypto_devices *d = (struct crypto_devices *)b;
	int error;
	struct crypto_session *session =
		lookaside_session(d->lookaside, (enum crypto_suite)sa->id.suite,
				  sa->id.direction == API_IN ? CRYPTO_VERIFY : CRYPTO_SIGN,
				  set->auth_key, set->cipher_key, set->salt, &error);
	if (!session)
		*why = error == -ENOTSUP  ? BACKEND_UNSUPPORTED
		       : error == -ENOSPC ? BACKEND_FULL
					  : BACKEND_FAILED;
	return session;
}

static void close_session(struct backend *b, struct crypto_session *session)
{
	lookaside_session_free(((struct crypto_devices *)b)->lookaside, session);
}

/* ---- life ---- */

/* Those that are not ready: said, or the end of the start. */
static int report(const struct crypto_devices *d, const struct config_crypto *config, char *error,
		  size_t error_bytes)
{
	const struct lookaside_device *device;
	for (uint32_t i = 0; (device = lookaside_device(d->lookaside, i)); i++) {
		if (device->is_ready)
			continue;
		if (config->required) {
			snprintf(error, error_bytes, "crypto device %s: %s", config->devices[i],
				 device->why);
			return -ENODEV;
		}
		fprintf(stderr,
			"imsgate-dataplane: error: crypto device %s: %s; the cpu does its part\n",
			config->devices[i], device->why);
	}
	return 0;
}

int crypto_device_open(struct crypto_devices *d, const struct config_crypto *config,
		       struct sa_table *sas, uint32_t n_workers, char *error, size_t error_bytes)
{
	*d = (struct crypto_devices){
		.backend = { .kind = CRYPTO_LOOKASIDE,
			     .wants = wants,
			     .open = open_session,
			     .close = close_session },
		.wanted = config->lookaside,
	};
	if (config->lookaside == CONFIG_LOOKASIDE_NONE)
		return 0;
	const struct lookaside_config lookaside = {
		.devices = (const char *const *)config->devices,
		.n_devices = config->n_devices,
		.n_workers = n_workers,
		.n_sessions = config->n_sessions,
		.queue_entries = config->queue_entries,
	};
	d->lookaside = lookaside_open(&lookaside);
	if (!d->lookaside) {
		snprintf(error, error_bytes, "%u crypto sessions: memory_mb is too little",
			 config->n_sessions);
		return -ENOMEM;
	}
	int rc = report(d, config, error, error_bytes);
	if (rc == 0)
		sas->backend[CRYPTO_LOOKASIDE] = &d->backend;
	else
		crypto_device_close(d);
	return rc;
}

void crypto_device_want(struct crypto_devices *d, enum config_lookaside wanted)
{
	assert(wanted == CONFIG_LOOKASIDE_NONE || d->lookaside);
	atomic_store_explicit(&d->wanted, wanted, memory_order_relaxed);
}

void crypto_device_attach(struct crypto_devices *d, struct worker *w)
{
	if (d->lookaside)
		crypto_attach(w->crypto, CRYPTO_LOOKASIDE,
			      lookaside_engine(d->lookaside, w->number));
}

void crypto_device_close(struct crypto_devices *d)
{
	lookaside_close(d->lookaside);
	d->lookaside = NULL;
}

/* ---- telemetry ---- */

/* Telemetry callbacks take no argument of ours. written by: main, once, before registering. */
static struct {
	const struct crypto_devices *devices;
	struct worker *const *workers;
	uint32_t n_workers;
} source;

static void add_counts(struct rte_tel_data *data)
{
	uint64_t submitted = 0, done = 0, failed = 0, sa_gone = 0, by_cpu = 0;
	for (uint32_t i = 0; i < source.n_workers; i++) {
		const struct crypto_engine_count *c =
			crypto_engine_count(source.workers[i]->crypto, CRYPTO_LOOKASIDE);
		submitted += atomic_load_explicit(&c->n_submitted, memory_order_relaxed);
		done += atomic_load_explicit(&c->n_done, memory_order_relaxed);
		failed += atomic_load_explicit(&c->n_failed, memory_order_relaxed);
		sa_gone += atomic_load_explicit(&c->n_sa_gone, memory_order_relaxed);
		by_cpu += atomic_load_explicit(&c->n_by_cpu, memory_order_relaxed);
	}
	rte_tel_data_add_dict_u64(data, "submitted", submitted);
	rte_tel_data_add_dict_u64(data, "done", done);
	rte_tel_data_add_dict_u64(data, "failed", failed);
	rte_tel_data_add_dict_u64(data, "sa_gone", sa_gone);
	rte_tel_data_add_dict_u64(data, "full_by_cpu", by_cpu);
}

/* The suites that it does not have, by number: names of entries may not have a suite's commas. */
static void add_lacking(struct rte_tel_data *data, const struct lookaside_device *device)
{
	unsigned n = 0;
	struct rte_tel_data *lacking = rte_tel_data_alloc();
	if (!lacking)
		return;
	rte_tel_data_start_dict(lacking);
	for (unsigned suite = 0; suite < CRYPTO_N_SUITES; suite++) {
		char key[16];
		if (device->suite[suite])
			continue;
		snprintf(key, sizeof(key), "%u", n++);
		rte_tel_data_add_dict_string(lacking, key,
					     inline_suite_name((enum crypto_suite)suite));
	}
	if (rte_tel_data_add_dict_container(data, "lacks", lacking, 0) < 0)
		rte_tel_data_free(lacking);
}

static void add_device(struct rte_tel_data *data, uint32_t i, const struct lookaside_device *device)
{
	char key[16];
	uint32_t n_suites = 0;
	struct rte_tel_data *one = rte_tel_data_alloc();
	if (!one)
		return;
	for (unsigned suite = 0; suite < CRYPTO_N_SUITES; suite++)
		n_suites += device->suite[suite];
	rte_tel_data_start_dict(one);
	rte_tel_data_add_dict_string(one, "device", device->name);
	rte_tel_data_add_dict_string(one, "driver", device->driver);
	bool is_idle = device->is_ready && !n_suites;
	rte_tel_data_add_dict_string(one, "state", device->is_ready && !is_idle ? "on" : "off");
	rte_tel_data_add_dict_string(one, "why",
				     is_idle ? "it has none of our algorithms" : device->why);
	rte_tel_data_add_dict_u64(one, "suites", n_suites);
	rte_tel_data_add_dict_u64(one, "sessions",
				  atomic_load_explicit(&device->n_sessions, memory_order_relaxed));
	if (n_suites && n_suites < CRYPTO_N_SUITES)
		add_lacking(one, device);
	snprintf(key, sizeof(key), "%u", i);
	if (rte_tel_data_add_dict_container(data, key, one, 0) < 0)
		rte_tel_data_free(one);
}

static int on_crypto(const char *command, const char *parameters, struct rte_tel_data *data)
{
	static const char *const wanted[] = {
		[CONFIG_LOOKASIDE_NONE] = "none",
		[CONFIG_LOOKASIDE_ENCRYPTED] = "encrypted",
		[CONFIG_LOOKASIDE_TUNNELS] = "tunnels",
		[CONFIG_LOOKASIDE_ALL] = "all",
	};
	const struct crypto_devices *d = source.devices;
	rte_tel_data_start_dict(data);
	rte_tel_data_add_dict_string(
		data, "lookaside", wanted[atomic_load_explicit(&d->wanted, memory_order_relaxed)]);
	rte_tel_data_add_dict_u64(data, "sas",
				  atomic_load_explicit(&d->backend.n_sas, memory_order_relaxed));
	for (unsigned why = 0; why < BACKEND_N_WHYS; why++) {
		char key[32];
		snprintf(key, sizeof(key), "sas_%s", backend_why_name[why]);
		rte_tel_data_add_dict_u64(
			data, key,
			atomic_load_explicit(&d->backend.n_refused[why], memory_order_relaxed));
	}
	add_counts(data);
	const struct lookaside_device *device;
	for (uint32_t i = 0; d->lookaside && (device = lookaside_device(d->lookaside, i)); i++)
		add_device(data, i, device);
	return 0;
}

void crypto_device_telemetry_register(const struct crypto_devices *d, struct worker *const *workers,
				      uint32_t n_workers)
{
	source.devices = d;
	source.workers = workers;
	source.n_workers = n_workers;
	rte_telemetry_register_cmd("/imsgate/crypto", on_crypto,
				   "Crypto devices, SAs on them and not, and their packets");
}
