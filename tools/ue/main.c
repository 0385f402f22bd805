/* imsgate-ue: simulated IMS subscribers that register with AKA and talk SIP over ESP. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include <event2/event.h>

#include "tools/ue/arguments.h"
#include "tools/ue/session.h"

#define EXIT_USAGE 2

/* poll(2): stdin may be a file, which epoll refuses, and there are few descriptors. */
static struct event_base *make_loop(void)
{
	struct event_config *config = event_config_new();
	struct event_base *base = NULL;

	if (config && !event_config_require_features(config, EV_FEATURE_FDS))
		base = event_base_new_with_config(config);
	if (config)
		event_config_free(config);
	return base;
}

static int run(const struct arguments *a)
{
	struct fleet *fleet = calloc(1, sizeof(*fleet));
	struct session *session = calloc(1, sizeof(*session));
	struct event_base *base = make_loop();
	int status = EXIT_FAILURE;

	signal(SIGPIPE, SIG_IGN);
	if (!fleet || !session || !base) {
		fputs("imsgate-ue: cannot make the event loop\n", stderr);
	} else if (!fleet_open(fleet, &a->fleet, base)) {
		status = a->interactive ? session_interact(session, fleet)
					: session_demonstrate(session, fleet);
		fleet_close(fleet);
	}
	if (base)
		event_base_free(base);
	free(session);
	free(fleet);
	return status;
}

int main(int argc, char **argv)
{
	struct arguments arguments;

	if (arguments_read(argc, argv, &arguments)) {
		fputs("imsgate-ue: try --help\n", stderr);
		return EXIT_USAGE;
	}
	if (arguments.help) {
		arguments_help();
		return EXIT_SUCCESS;
	}
	return run(&arguments);
}
