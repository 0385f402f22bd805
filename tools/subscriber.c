/*
 * `imsgate subscriber`: makes subscribers, and puts them into the database of the HSS.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <openssl/rand.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "configs/config.h"
#include "configs/config_syntax.h"
#include "controlplane/store.h"
#include "crypto/wipe.h"
#include "dataplane/number.h"
#include "tools/commands.h"
#include "tools/options.h"
#include "tools/subscriber_csv.h"

#define COMMAND "subscriber"

/* The number in an identity has ten digits behind MCC 001 and MNC 01. */
#define MAX_GENERATED UINT64_C(9999999999)

/* TS 33.102 Annex H: the separation bit is for EPS and later. */
#define GENERATED_AMF "0000"

#define PROGRESS_ROWS 10000

static const char help[] =
	"Usage: imsgate subscriber generate --n N --realm REALM > FILE\n"
	"       imsgate subscriber import [--config FILE] FILE.csv\n"
	"\n"
	"generate  writes N subscribers with random keys as CSV:\n"
	"          " SUBSCRIBER_CSV_HEADER "\n"
	"          Subscriber i is 00101<i in ten digits>@REALM. The file holds keys:\n"
	"          `umask 077` first.\n"
	"import    puts the subscribers of a CSV file into the database of the HSS\n"
	"          (hss.database of the configuration), all of them or none. Registrations\n"
	"          wait while it runs. `-` reads from standard input.\n"
	"\n"
	"  --config FILE  configuration; default $IMSGATE_CONFIG, else\n"
	"                 /etc/imsgate/imsgate.yaml\n"
	"  --help         this text\n";

_Static_assert(SUBSCRIBER_MAX_IMPUS == STORE_MAX_IMPUS, "a row fits into the store");
_Static_assert(SUBSCRIBER_IDENTITY_BYTES == STORE_IDENTITY_BYTES, "an identity, too");

/* --- generate --- */

static void print_hex(const uint8_t *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		printf("%02x", bytes[i]);
}

static int print_subscribers(uint64_t n, const char *realm)
{
	uint8_t keys[2][16];
	int status = EXIT_SUCCESS;

	puts(SUBSCRIBER_CSV_HEADER);
	for (uint64_t i = 1; i <= n && status == EXIT_SUCCESS; i++) {
		if (RAND_bytes(keys[0], sizeof(keys)) != 1) {
			status = options_fail(COMMAND, "no random numbers from OpenSSL");
			break;
		}
		printf("00101%010" PRIu64 "@%s,sip:00101%010" PRIu64 "@%s,", i, realm, i, realm);
		print_hex(keys[0], sizeof(keys[0]));
		putchar(',');
		print_hex(keys[1], sizeof(keys[1]));
		puts("," GENERATED_AMF ",0");
	}
	wipe(keys, sizeof(keys));
	return status;
}

/* The realm becomes a part of URIs: a domain name and nothing else. */
static bool is_domain(const char *realm)
{
	static const char upper[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

	return strlen(realm) < 200 && syntax_domain(realm) && !strpbrk(realm, upper);
}

static int generate(int argc, char **argv)
{
	static const struct option options[] = { { "n", required_argument, NULL, 'n' },
						 { "realm", required_argument, NULL, 'r' },
						 { 0 } };
	const char *realm = NULL;
	const char *number = "";
	uint64_t n;
	int option;

	while ((option = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		if (option == 'r')
			realm = optarg;
		else if (option == 'n')
			number = optarg;
		else if (option == ':')
			return options_misuse(COMMAND, "%s needs a value", argv[optind - 1]);
		else
			return options_misuse(COMMAND, "generate does not know %s",
					      argv[optind - 1]);
	}
	if (optind != argc)
		return options_misuse(COMMAND, "generate takes no %s", argv[optind]);
	if (!number_read(number, 1, MAX_GENERATED, &n))
		return options_misuse(COMMAND, "--n needs a number from 1 to %" PRIu64,
				      MAX_GENERATED);
	if (realm == NULL || !is_domain(realm))
		return options_misuse(COMMAND, "--realm needs a domain name in lower case");
	return print_subscribers(n, realm);
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
	rc = store_add(im->store, &subscriber, impus, row->n_impus, &taken);
	wipe(&subscriber, sizeof(subscriber));
	if (rc == -EEXIST)
		snprintf(reason, reason_bytes, "the %s %s is there already",
			 taken < 0 ? "impi" : "impu", taken < 0 ? row->impi : impus[taken]);
	else if (rc < 0)
		snprintf(reason, reason_bytes, "%s", store_error(im->store));
	else if (++im->n % PROGRESS_ROWS == 0 && im->shows_progress)
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
		return options_fail(COMMAND, "%s", store_error(store));
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
		return options_fail(COMMAND, "%s; nothing was imported", error);
	}
	printf("%" PRIu64 " subscribers imported\n", im.n);
	return EXIT_SUCCESS;
}

static int import(const struct config *config, const char *path)
{
	bool is_stdin = strcmp(path, "-") == 0;
	struct store *store;
	char error[512];
	FILE *in;
	int status;

	if (config->hss == NULL)
		return options_fail(COMMAND, "the configuration has no section hss");
	in = is_stdin ? stdin : fopen(path, "re");
	if (in == NULL)
		return options_fail(COMMAND, "%s: %s", path, strerror(errno));
	if (store_open(config->hss->database, &store, error, sizeof(error)) < 0) {
		status = options_fail(COMMAND, "%s", error);
	} else {
		status = import_file(store, in, is_stdin ? "stdin" : path);
		store_close(store);
	}
	if (!is_stdin)
		fclose(in);
	return status;
}

static int run_import(int argc, char **argv, const struct options *o)
{
	struct config *config;
	int status;

	if (argc != 2)
		return options_misuse(COMMAND, "import needs one CSV file");
	config = options_config(o, COMMAND);
	if (config == NULL)
		return EXIT_FAILURE;
	status = import(config, argv[1]);
	config_free(config);
	return status;
}

int command_subscriber(int argc, char **argv)
{
	struct options o;
	int status;

	argc = options_parse(argc, argv, help, &o, &status);
	if (argc == 0)
		return status;
	if (o.json)
		return options_misuse(COMMAND, "no --json here: generate writes CSV");
	if (argc > 1 && strcmp(argv[1], "generate") == 0)
		return generate(argc - 1, argv + 1);
	if (argc > 1 && strcmp(argv[1], "import") == 0)
		return run_import(argc - 1, argv + 1, &o);
	return options_misuse(COMMAND, "expected generate or import");
}
