/* `add sa …`, with the options of `imsgate sa add`, and `del sa …`. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "dataplane/names.h"
#include "dataplane/prompt_impl.h"
#include "dataplane/sa_options.h"

/* Each option at most once, API_SET_SAS of --in and --out, and a word in front. */
#define MAX_WORDS 48

static int split(char *rest, char *word[MAX_WORDS + 1])
{
	int n = 0;
	word[n++] = "sa";
	for (char *one; (one = strsep(&rest, " \t\n"));) {
		if (!*one)
			continue;
		if (n == MAX_WORDS)
			return -1;
		word[n++] = one;
	}
	word[n] = NULL;
	return n;
}

/* Of the prompt, stdin is its own. */
static bool takes_stdin(char *word[], int n)
{
	for (int i = 1; i + 1 < n; i++) {
		if (strcmp(word[i], "--key-file") == 0 && strcmp(word[i + 1], "-") == 0)
			return true;
	}
	return false;
}

static void print(struct prompt *p, const struct api_set *set, const struct api_set_result *result)
{
	fprintf(p->out, "registration %" PRIu64 "\n", set->registration);
	for (unsigned i = 0; i < API_SET_SAS && set->sa[i].direction; i++)
		fprintf(p->out, "%-3s 0x%08x (%u) local port %u, peer port %u\n",
			names_direction(set->sa[i].direction), result->spi[i], result->spi[i],
			set->sa[i].local_port, set->sa[i].peer_port);
}

static void install(struct prompt *p, struct api_set *set)
{
	int n;
	/* 48 bits: readable, and enough to differ */
	if (!set->registration && getrandom(&set->registration, 6, 0) != 6) {
		prompt_fail(p, "no random numbers");
		return;
	}
	const struct api_set_result *result =
		prompt_request(p, API_SET_INSTALL, set, sizeof(*set), &n);
	if (!result)
		prompt_fail(p, "%s", strerror(-n));
	else if (result->status < 0)
		prompt_fail(p, "the SAs were refused: %s", strerror(-result->status));
	else
		print(p, set, result);
}

void prompt_add_sa(struct prompt *p, char *options)
{
	char *word[MAX_WORDS + 1];
	struct sa_options o;
	int n = split(options, word);
	if (n < 0) {
		prompt_fail(p, "too many words");
		return;
	}
	if (takes_stdin(word, n)) {
		prompt_fail(p, "a key is not read from the script");
		return;
	}
	if (sa_options_parse(&o, n, word, *p->parts.config) < 0)
		prompt_fail(p, "%s", o.error);
	else if (o.hold)
		prompt_fail(p, "--hold is for clients of the socket");
	else
		install(p, &o.set);
	sa_options_wipe(&o);
}

void prompt_delete_sa(struct prompt *p, uint64_t registration)
{
	const struct api_set_id id = { .registration = registration };
	int n;
	const struct api_set_result *result =
		prompt_request(p, API_SET_DELETE, &id, sizeof(id), &n);
	if (!result)
		prompt_fail(p, "%s", strerror(-n));
	else if (result->status < 0)
		prompt_fail(p, "no set %" PRIu64 " of the prompt", registration);
}
