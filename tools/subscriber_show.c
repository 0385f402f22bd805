/* `imsgate subscriber show` and `delete`: one subscriber of the HSS's database. */
#include "tools/subscriber.h"

#include <errno.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "configs/config.h"
#include "crypto/wipe.h"
#include "tools/commands.h"
#include "tools/options.h"
#include "tools/table.h"

static const char *const state_name[] = {
	[STORE_UNREGISTERED] = "unregistered",
	[STORE_PENDING] = "pending",
	[STORE_REGISTERED] = "registered",
};

/* By IMPI or by any IMPU; without keys. */
static int find(struct store *store, const char *identity, struct store_subscriber *out)
{
	struct store_identity impu;
	int rc = store_find_impi(store, identity, out);

	if (rc == -ENOENT && store_find_impu(store, identity, &impu) == 0)
		rc = store_find_subscriber(store, impu.subscriber, out);
	wipe(out->k, sizeof(out->k));
	wipe(out->opc, sizeof(out->opc));
	if (rc == -ENOENT)
		return options_fail(SUBSCRIBER, "%s is nobody's IMPI or IMPU", identity);
	return rc < 0 ? options_fail(SUBSCRIBER, "%s", store_error(store)) : EXIT_SUCCESS;
}

static json_t *identities(const struct store_identity set[], unsigned n)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < n; i++)
		json_array_append_new(list, json_pack("{s:s, s:s, s:b, s:i}", "impu", set[i].impu,
						      "state", state_name[set[i].state], "barred",
						      set[i].barred, "set", set[i].implicit));
	return list;
}

static int show(struct store *store, const char *identity, bool json)
{
	struct store_subscriber found = { 0 };
	struct store_identity set[STORE_MAX_IMPUS];
	unsigned n;
	int status = find(store, identity, &found);

	if (status != EXIT_SUCCESS)
		return status;
	if (store_identities(store, found.id, set, &n) < 0)
		return options_fail(SUBSCRIBER, "%s", store_error(store));
	char amf[5];
	snprintf(amf, sizeof(amf), "%02x%02x", found.amf[0], found.amf[1]);
	json_t *list = identities(set, n);
	char capabilities[STORE_CAPABILITIES_BYTES];
	store_capabilities_print(&found.capabilities, capabilities);
	json_t *all = json_pack("{s:s, s:I, s:s, s:s, s:s, s:O}", "impi", found.impi, "sqn",
				(json_int_t)found.sqn, "amf", amf, "scscf", found.scscf,
				"capabilities", capabilities, "identities", list);
	if (json) {
		json_dumpf(all, stdout, JSON_INDENT(2));
		putchar('\n');
	} else {
		printf("impi   %s\nsqn    %llu\namf    %s\nscscf  %s\n\n", found.impi,
		       (unsigned long long)found.sqn, amf, found.scscf[0] ? found.scscf : "-");
		table_print(stdout, list);
	}
	json_decref(list);
	json_decref(all);
	return EXIT_SUCCESS;
}

int subscriber_show(int argc, char **argv, const struct options *o)
{
	struct config *config;
	struct store *store;
	int status = EXIT_FAILURE;

	if (argc != 2)
		return options_misuse(SUBSCRIBER, "show needs one IMPI or IMPU");
	config = options_config(o, SUBSCRIBER);
	store = config ? subscriber_store(config) : NULL;
	if (store)
		status = show(store, argv[1], o->json);
	store_close(store);
	config_free(config);
	return status;
}

/* --- delete --- */

static bool is_active(const struct store_identity set[], unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (set[i].state != STORE_UNREGISTERED)
			return true;
	return false;
}

/* One transaction: an HSS at work does not register him in between. */
static int delete_in(struct store *store, const char *impi, bool force)
{
	struct store_subscriber found = { 0 };
	struct store_identity set[STORE_MAX_IMPUS];
	unsigned n;
	int status = find(store, impi, &found);

	if (status != EXIT_SUCCESS)
		return status;
	if (strcmp(found.impi, impi) != 0)
		return options_fail(SUBSCRIBER, "%s is an IMPU: delete takes the IMPI, %s", impi,
				    found.impi);
	if (store_identities(store, found.id, set, &n) < 0)
		return options_fail(SUBSCRIBER, "%s", store_error(store));
	if (is_active(set, n) && !force)
		return options_fail(SUBSCRIBER, "%s is registered: `deregister` first, or --force",
				    impi);
	if (store_delete(store, found.id) < 0 || store_commit(store) < 0)
		return options_fail(SUBSCRIBER, "%s", store_error(store));
	return EXIT_SUCCESS;
}

int subscriber_delete(int argc, char **argv, const struct options *o)
{
	bool force = argc == 3 && strcmp(argv[1], "--force") == 0;
	struct config *config;
	struct store *store;
	int status = EXIT_FAILURE;

	if (argc != 2 + force || argv[argc - 1][0] == '-')
		return options_misuse(SUBSCRIBER, "delete needs one IMPI, and may have --force");
	config = options_config(o, SUBSCRIBER);
	store = config ? subscriber_store(config) : NULL;
	if (store && store_begin(store) == 0)
		status = delete_in(store, argv[argc - 1], force);
	else if (store)
		status = options_fail(SUBSCRIBER, "%s", store_error(store));
	if (store)
		store_rollback(store);
	store_close(store);
	config_free(config);
	return status;
}
