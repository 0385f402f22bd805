/*
 * imsgate-controlplane: reads the configuration, opens the sockets of its roles, enters the
 * sandbox, runs.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "configs/config.h"
#include "controlplane/cx_diameter.h"
#include "controlplane/hss.h"
#include "controlplane/icscf.h"
#include "controlplane/log.h"
#include "controlplane/loop.h"
#include "controlplane/pcscf.h"
#include "controlplane/role.h"
#include "controlplane/sandbox.h"
#include "controlplane/scscf.h"
#include "controlplane/sip.h"
#include "controlplane/status.h"

/* Two for each transaction that the roles may have, and their own; 8 bytes each, touched when used.
 */
#define MAX_TIMERS (1 << 22)

/* In the order of start: who answers before who asks. */
static const struct role *const roles[] = { &hss_role, &scscf_role, &icscf_role, &pcscf_role };

#define N_ROLES (sizeof(roles) / sizeof(roles[0]))

struct running {
	bool wanted;
	void *self;
	struct status *status;
};

static const char usage[] =
	"usage: imsgate-controlplane --config FILE [--roles ROLE,...]\n"
	"\n"
	"  --config FILE     the deployment's configuration (YAML)\n"
	"  --roles ROLE,...  pcscf, icscf, scscf, hss; default: every role that FILE configures\n"
	"  --help            this text\n";

static bool is_configured(const struct config *c, const char *role)
{
	return (!strcmp(role, "pcscf") && c->pcscf) || (!strcmp(role, "icscf") && c->icscf) ||
	       (!strcmp(role, "scscf") && c->scscf) || (!strcmp(role, "hss") && c->hss);
}

/* Marks the roles of a list like "pcscf,hss"; NULL = those configured. Returns 0 or -EINVAL. */
static int choose_roles(const struct config *config, char *list, struct running *running)
{
	unsigned n_wanted = 0;
	for (unsigned i = 0; !list && i < N_ROLES; i++)
		n_wanted += running[i].wanted = is_configured(config, roles[i]->name);
	char *rest;
	for (char *name = list ? strtok_r(list, ",", &rest) : NULL; name;
	     name = strtok_r(NULL, ",", &rest)) {
		unsigned i = 0;
		while (i < N_ROLES && strcmp(roles[i]->name, name))
			i++;
		if (i == N_ROLES) {
			log_error("unknown role \"%s\": expected pcscf, icscf, scscf or hss", name);
			return -EINVAL;
		}
		if (!is_configured(config, name)) {
			log_error("role %s: the configuration has no section %s", name, name);
			return -EINVAL;
		}
		running[i].wanted = true;
		n_wanted++;
	}
	if (n_wanted == 0)
		log_error("nothing to run: the configuration has no section of a role");
	return n_wanted ? 0 : -EINVAL;
}

static bool uses_cx(const struct running *running)
{
	bool uses = false;
	for (unsigned i = 0; i < N_ROLES; i++)
		uses |= running[i].wanted && roles[i] != &pcscf_role;
	return uses;
}

static int start_roles(struct loop *loop, const struct config *config, struct running *running)
{
	const char *run_dir = config->controlplane->run_dir;
	if (mkdir(run_dir, 0755) < 0 && errno != EEXIST) {
		log_error("cannot make %s: %s", run_dir, strerror(errno));
		return -errno;
	}
	for (unsigned i = 0; i < N_ROLES; i++) {
		if (!running[i].wanted)
			continue;
		int error = roles[i]->start(loop, config, &running[i].self);
		if (!error)
			error = status_new(loop, run_dir, roles[i], running[i].self,
					   &running[i].status);
		if (error)
			return error;
		log_info("%s: started", roles[i]->name);
	}
	return 0;
}

static void stop_roles(struct running *running)
{
	for (unsigned i = N_ROLES; i-- > 0;) {
		status_free(running[i].status);
		if (running[i].self)
			roles[i]->stop(running[i].self);
	}
}

static int run(const struct config *config, char *role_list)
{
	struct running running[N_ROLES] = { 0 };
	if (!config->controlplane) {
		log_error("the configuration has no section controlplane");
		return -EINVAL;
	}
	int error = choose_roles(config, role_list, running);
	if (error)
		return error;
	struct loop *loop = loop_new(MAX_TIMERS, NULL);
	if (!loop)
		return -ENOMEM;
	sip_init();
	signal(SIGPIPE, SIG_IGN); /* a reader of the status socket may go away */
	if (uses_cx(running))
		error = cx_diameter_new(loop, config);
	if (!error)
		error = start_roles(loop, config, running);
	if (!error)
		error = sandbox_enter();
	if (!error)
		error = cx_diameter_start(); /* threads: from their first moment in the sandbox */
	if (!error)
		error = loop_run(loop);
	cx_diameter_stop();
	stop_roles(running);
	cx_diameter_free(); /* may be where the process ends */
	loop_free(loop);
	return error;
}

int main(int argc, char **argv)
{
	static const struct option options[] = { { "config", required_argument, NULL, 'c' },
						 { "roles", required_argument, NULL, 'r' },
						 { "help", no_argument, NULL, 'h' },
						 { 0 } };
	const char *path = NULL;
	char *role_list = NULL;
	int option;
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'h') {
			fputs(usage, stdout);
			return EXIT_SUCCESS;
		}
		if (option == 'c')
			path = optarg;
		else if (option == 'r')
			role_list = optarg;
		else
			goto show_usage;
	}
	if (!path || optind < argc)
		goto show_usage;
	struct config *config;
	char reason[512];
	if (config_load(path, &config, reason, sizeof(reason))) {
		log_error("%s", reason);
		return EXIT_FAILURE;
	}
	int error = run(config, role_list);
	config_free(config);
	return error ? EXIT_FAILURE : EXIT_SUCCESS;

show_usage:
	fputs(usage, stderr);
	return 2;
}
