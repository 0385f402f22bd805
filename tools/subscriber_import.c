/* `imsgate subscriber import` and `add`: subscribers into the database of the HSS. */
#include "tools/subscriber.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "configs/config.h"
#include "crypto/wipe.h"
#include "dataplane/key_text.h"
#include "dataplane/number.h"
#include "tools/commands.h"
#include "tools/options.h"
#include "tools/subscriber_csv.h"

#define PROGRESS_ROWS 10000

_Static_assert(SUBSCRIBER_MAX_IMPUS == STORE_MAX_IMPUS, "a row fits into the store");
_Static_assert(SUBSCRIBER_IDENTITY_BYTES == STORE_IDENTITY_BYTES, "an identity, too");

int subscriber_store_row(struct store *store, const struct subscriber_row *row, char *reason,
			 size_t reason_bytes)
{
	struct store_subscriber subscriber = { .sqn = row->sqn };
	const char *impus[SUBSCRIBER_MAX_IMPUS];
	int taken;
	int rc;

	strcpy(subscriber.impi, row->impi);
	memcpy(subscriber.k, row->k, sizeof(subscriber.k));
	memcpy(subscriber.opc, row->opc, sizeof(subscriber.opc));
	memcpy(subscriber.amf, row->amf, sizeof(subscriber.amf));
	for (unsigned i = 0; i < row->n_impus; i++)
		impus[i] = row->impus[i];
	rc = store_add(store, &subscriber, impus, row->n_impus, &taken);
	for (unsigned i = 0; rc == 0 && i < row->n_impus; i++)
		if (row->sets[i] != 0)
			rc = store_set_implicit(store, impus[i], row->sets[i]);
	wipe(&subscriber, sizeof(subscriber));
	if (rc == -EEXIST)
		snprintf(reason, reason_bytes, "the %s %s is there already",
			 taken < 0 ? "impi" : "impu", taken < 0 ? row->impi : impus[taken]);
	else if (rc < 0)
		snprintf(reason, reason_bytes, "%s", store_error(store));
	return rc;
}

/* --- import --- */

struct import {
	struct store *store;
	uint64_t n;
	bool shows_progress;
};

static int add_row(void *arg, const struct subscriber_row *row, char *reason, size_t reason_bytes)
{
	struct import *im = arg;
	int rc = subscriber_store_row(im->store, row, reason, reason_bytes);

	if (rc == 0 && ++im->n % PROGRESS_ROWS == 0 && im->shows_progress)
		fprintf(stderr, "\r%" PRIu64 " subscribers", im->n);
	return rc;
}

/* Returns EXIT_SUCCESS or EXIT_FAILURE; the store is as it was when something failed. */
static int import_file(struct store *store, FILE *in, const char *name)
{
	struct import im = { .store = store, .shows_progress = isatty(STDERR_FILENO) };
	char error[1024];
	int rc = store_begin(store);

	if (rc < 0)
		return options_fail(SUBSCRIBER, "%s", store_error(store));
	rc = subscriber_csv_read(in, name, add_row, &im, error, sizeof(error));
	if (rc == 0) {
		rc = store_commit(store);
		if (rc < 0)
			snprintf(error, sizeof(error), "%s", store_error(store));
	}
	if (im.shows_progress && im.n >= PROGRESS_ROWS)
		fputs("\r\033[K", stderr);
	if (rc < 0) {
		store_rollback(store);
		return options_fail(SUBSCRIBER, "%s; nothing was imported", error);
	}
	printf("%" PRIu64 " subscribers imported\n", im.n);
	return EXIT_SUCCESS;
}

static int import(const struct config *config, const char *path)
{
	bool is_stdin = strcmp(path, "-") == 0;
	struct store *store;
	FILE *in = is_stdin ? stdin : fopen(path, "re");
	int status = EXIT_FAILURE;

	if (in == NULL)
		return options_fail(SUBSCRIBER, "%s: %s", path, strerror(errno));
	store = subscriber_store(config);
	if (store != NULL) {
		status = import_file(store, in, is_stdin ? "stdin" : path);
		store_close(store);
	}
	if (!is_stdin)
		fclose(in);
	return status;
}

int subscriber_import(int argc, char **argv, const struct options *o)
{
	struct config *config;
	int status;

	if (argc != 2)
		return options_misuse(SUBSCRIBER, "import needs one CSV file");
	config = options_config(o, SUBSCRIBER);
	if (config == NULL)
		return EXIT_FAILURE;
	status = import(config, argv[1]);
	config_free(config);
	return status;
}

/* --- add --- */

/* K and OPc, or OP, never on the command line, which others can read. */
static int read_keys(const char *path, bool has_op, struct subscriber_row *row)
{
	uint8_t n_k, n_opc;
	int rc = key_file_read(path, row->k, &n_k, row->opc, &n_opc, sizeof(row->k));

	if (rc == 0 && (n_k != sizeof(row->k) || n_opc != sizeof(row->opc)))
		rc = -EINVAL;
	if (rc == -EINVAL)
		return options_fail(SUBSCRIBER,
				    "%s: expected K on its first line and OPc on its second, 32 "
				    "hexadecimal digits each",
				    path);
	if (rc == 0 && has_op)
		rc = subscriber_row_take_op(row);
	return rc < 0 ? options_fail(SUBSCRIBER, "%s: %s", path, strerror(-rc)) : EXIT_SUCCESS;
}

static int read_add(int argc, char **argv, struct subscriber_row *row,
		    struct store_capabilities *capabilities)
{
	static const struct option options[] = { { "keys", required_argument, NULL, 'k' },
						 { "amf", required_argument, NULL, 'a' },
						 { "sqn", required_argument, NULL, 's' },
						 { "op", no_argument, NULL, 'o' },
						 { "capabilities", required_argument, NULL, 'c' },
						 { 0 } };
	bool has_op = false;
	const char *keys = NULL;
	char reason[256];
	int option;

	optind = 0;
	while ((option = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		if (option == 'k')
			keys = optarg;
		else if (option == 'a' && key_read(optarg, row->amf, sizeof(row->amf)) != 2)
			return options_misuse(SUBSCRIBER, "--amf needs 4 hexadecimal digits");
		else if (option == 's' && !number_read(optarg, 0, STORE_MAX_SQN, &row->sqn))
			return options_misuse(SUBSCRIBER, "--sqn needs a number of 48 bits");
		else if (option == 'o')
			has_op = true;
		else if (option == 'c' && store_capabilities_read(optarg, capabilities) < 0)
			return options_misuse(SUBSCRIBER,
					      "--capabilities needs numbers, as in 1,2/7");
		else if (option == ':')
			return options_misuse(SUBSCRIBER, "%s needs a value", argv[optind - 1]);
		else if (option == '?')
			return options_misuse(SUBSCRIBER, "add does not know %s", argv[optind - 1]);
	}
	if (argc - optind < 2)
		return options_misuse(SUBSCRIBER, "add needs an IMPI and at least one IMPU");
	if (keys == NULL)
		return options_misuse(SUBSCRIBER, "add needs --keys");
	if (!subscriber_row_impi(row, argv[optind], reason, sizeof(reason)))
		return options_misuse(SUBSCRIBER, "%s: %s", argv[optind], reason);
	for (int i = optind + 1; i < argc; i++)
		if (!subscriber_row_impu(row, argv[i], reason, sizeof(reason)))
			return options_misuse(SUBSCRIBER, "%s: %s", argv[i], reason);
	if (row->n_impus == 0 || row->sets[row->n_impus - 1] < row->n_sets)
		return options_misuse(SUBSCRIBER, "an implicit set without an IMPU");
	return read_keys(keys, has_op, row);
}

static int set_capabilities(struct store *store, const char *impi,
			    const struct store_capabilities *capabilities)
{
	struct store_subscriber found;
	int rc = store_find_impi(store, impi, &found);

	if (rc == 0)
		rc = store_set_capabilities(store, found.id, capabilities);
	wipe(&found, sizeof(found));
	return rc;
}

static int add(struct store *store, const struct subscriber_row *row,
	       const struct store_capabilities *capabilities)
{
	char reason[512];
	int rc = store_begin(store);

	if (rc < 0)
		return options_fail(SUBSCRIBER, "%s", store_error(store));
	rc = subscriber_store_row(store, row, reason, sizeof(reason));
	if (rc == 0) {
		rc = set_capabilities(store, row->impi, capabilities);
		if (rc == 0)
			rc = store_commit(store);
		snprintf(reason, sizeof(reason), "%s", store_error(store));
	}
	if (rc == 0)
		return EXIT_SUCCESS;
	store_rollback(store);
	return options_fail(SUBSCRIBER, "%s", reason);
}

int subscriber_add(int argc, char **argv, const struct options *o)
{
	struct subscriber_row row = { 0 };
	struct store_capabilities capabilities = { 0 };
	int status = read_add(argc, argv, &row, &capabilities);
	struct config *config = status == EXIT_SUCCESS ? options_config(o, SUBSCRIBER) : NULL;

	if (status == EXIT_SUCCESS) {
		struct store *store = config ? subscriber_store(config) : NULL;

		status = store ? add(store, &row, &capabilities) : EXIT_FAILURE;
		store_close(store);
	}
	config_free(config);
	wipe(&row, sizeof(row));
	return status;
}
