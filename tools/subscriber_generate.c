/* `imsgate subscriber generate`: subscribers with random keys, as CSV. */
#include "tools/subscriber.h"

#include <getopt.h>
#include <inttypes.h>
#include <openssl/rand.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "configs/config_syntax.h"
#include "crypto/wipe.h"
#include "dataplane/number.h"
#include "tools/commands.h"
#include "tools/options.h"
#include "tools/subscriber_csv.h"

/* The number in an identity has ten digits behind MCC 001 and MNC 01. */
#define MAX_GENERATED UINT64_C(9999999999)

/* TS 33.102 Annex H: the separation bit is for EPS and later. */
#define GENERATED_AMF "0000"

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
			status = options_fail(SUBSCRIBER, "no random numbers from OpenSSL");
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

int subscriber_generate(int argc, char **argv, const struct options *o)
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
			return options_misuse(SUBSCRIBER, "%s needs a value", argv[optind - 1]);
		else
			return options_misuse(SUBSCRIBER, "generate does not know %s",
					      argv[optind - 1]);
	}
	if (optind != argc)
		return options_misuse(SUBSCRIBER, "generate takes no %s", argv[optind]);
	if (!number_read(number, 1, MAX_GENERATED, &n))
		return options_misuse(SUBSCRIBER, "--n needs a number from 1 to %" PRIu64,
				      MAX_GENERATED);
	if (realm == NULL || !is_domain(realm))
		return options_misuse(SUBSCRIBER, "--realm needs a domain name in lower case");
	return print_subscribers(n, realm);
}
