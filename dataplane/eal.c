#include "dataplane/eal.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_eal.h>
#include <rte_errno.h>

#include "dataplane/zone.h"

/* The fixed ones, and a device option for each port of each zone. */
#define MAX_ARGUMENTS (24 + CONFIG_CRYPTO_DEVICES + 4 * ZONE_MAX)

struct arguments {
	int n;
	char *value[MAX_ARGUMENTS + 1];
	bool failed;
};

static void add(struct arguments *a, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add(struct arguments *a, const char *format, ...)
{
	if (a->n == MAX_ARGUMENTS) {
		a->failed = true;
		return;
	}
	va_list args;
	va_start(args, format);
	if (vasprintf(&a->value[a->n], format, args) < 0) {
		a->value[a->n] = NULL;
		a->failed = true;
	} else {
		a->n++;
	}
	va_end(args);
}

/* "0000:3b:00.0" or "3b:00.0", perhaps with ",key=value": what no vdev is called. */
static bool is_pci(const char *device)
{
	return strcspn(device, ":") < strcspn(device, ",");
}

/* Zones may share a network port: DPDK wants it named once. */
static bool is_named_before(const struct config_dataplane *config, uint32_t zone,
			    const char *device)
{
	for (uint32_t i = 0; i < zone; i++) {
		if (strcmp(config->zones[i].network_port, device) == 0)
			return true;
	}
	return false;
}

static bool add_device(struct arguments *a, const char *device)
{
	assert(device); /* the schema has none without */
	add(a, is_pci(device) ? "--allow=%s" : "--vdev=%s", device);
	return is_pci(device);
}

static void add_devices(struct arguments *a, const struct config_dataplane *config)
{
	bool any_pci = false;
	for (uint32_t i = 0; i < config->n_zones; i++) {
		const struct config_zone *z = &config->zones[i];
		if (!is_named_before(config, i, z->network_port))
			any_pci |= add_device(a, z->network_port);
		any_pci |= add_device(a, z->kernel_port);
	}
	/* Crypto devices that are vdevs are made later, so that one may be missing: lookaside.c. */
	for (uint32_t i = 0; i < config->crypto.n_devices; i++) {
		if (is_pci(config->crypto.devices[i]))
			any_pci |= add_device(a, config->crypto.devices[i]);
	}
	if (!any_pci)
		add(a, "--no-pci");
}

/* An lcore's number is its place in the configuration, so any CPU can be named, and twice. */
static void add_cores(struct arguments *a, const struct config_dataplane *config)
{
	char list[1024];
	int n = snprintf(list, sizeof(list), "0@%u", config->control_core);
	for (uint32_t i = 0; i < config->n_worker_cores && n < (int)sizeof(list); i++)
		n += snprintf(list + n, sizeof(list) - (size_t)n, ",%u@%u", eal_worker_lcore(i),
			      config->worker_cores[i]);
	if (n >= (int)sizeof(list))
		a->failed = true;
	add(a, "--lcores=%s", list);
	add(a, "--main-lcore=0");
}

int eal_start(const struct config_dataplane *config, char *error, size_t error_bytes)
{
	struct arguments a = { 0 };
	add(&a, "imsgate-dataplane");
	add(&a, "--file-prefix=%s", config->file_prefix);
	add(&a, "--log-level=warning");
	add_cores(&a, config);
	add(&a, "-m");
	add(&a, "%u", config->memory_mb);
	if (!config->hugepages) {
		add(&a, "--no-huge");
		add(&a, "--no-shconf"); /* no secondary processes */
	}
	add_devices(&a, config);

	int rc = a.failed ? -E2BIG : rte_eal_init(a.n, a.value);
	if (rc < 0) {
		if (!a.failed)
			rc = -rte_errno;
		snprintf(error, error_bytes,
			 "DPDK did not start: %s (memory_mb, hugepages, cores and devices of the "
			 "dataplane section; DPDK's own message is above)",
			 strerror(-rc));
		return rc;
	}
	return 0; /* DPDK keeps the argument strings */
}
