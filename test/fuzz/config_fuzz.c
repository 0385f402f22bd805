/*
 * Any text is either a configuration that keeps its promises or refused with one printable line.
 */
#include <assert.h>
#include <string.h>

#include "configs/config.h"
#include "test/fuzz/fuzz.h"

static void check_promises(const struct config *c)
{
	const struct config_dataplane *dp = c->dataplane;

	if (c->pcscf)
		assert(config_zone_index(c, c->pcscf->zone) >= 0 && c->controlplane);
	if (!dp)
		return;
	assert(dp->socket && dp->file_prefix && dp->user);
	assert(dp->n_worker_cores > 0 &&
	       (dp->worker_cores[0] != dp->control_core || dp->idle_sleep_us));
	assert(__builtin_popcount(dp->sa.capacity) == 1);
	for (uint32_t i = 0; i < dp->n_zones; i++) {
		assert(dp->zones[i].kernel_netns && dp->zones[i].mtu_bytes >= 576);
		assert(dp->zones[i].port_pc_first + dp->zones[i].n_port_pc <= 65536);
		assert(config_zone_index(c, dp->zones[i].name) == (int)i);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config *config = NULL;
	char error[256] = "";

	if (config_parse("f.yaml", (const char *)data, size, &config, error, sizeof(error)) == 0) {
		assert(error[0] == '\0');
		check_promises(config);
		config_free(config);
		return 0;
	}
	assert(config == NULL && !strncmp(error, "f.yaml:", 7));
	for (const char *c = error; *c; c++)
		assert(*c >= ' ' && *c < 0x7f);
	return 0;
}
