#include "tools/lab.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/lab_nat.h"
#include "tools/lab_net.h"
#include "tools/status.h"
#include "tools/unix.h"

#define START_TIMEOUT_MS  20000 /* of one process, with sanitizers on a busy machine */
#define STOP_TIMEOUT_MS   10000
#define IMPORT_TIMEOUT_MS 60000 /* of 130 000 subscribers */

#define UE_TUN "ims0"

/* Programs are looked for beside this one, and where the build puts them. */
static int find_program(struct lab *l, const char *name, char *path, size_t path_bytes)
{
	static const char *const dirs[] = { ".", "../dataplane", "../controlplane" };

	for (unsigned i = 0; i < sizeof(dirs) / sizeof(*dirs); i++) {
		int n = snprintf(path, path_bytes, "%s/%s/%s", l->program_dir, dirs[i], name);

		if (n < (int)path_bytes && !access(path, X_OK))
			return 0;
	}
	return lab_fail(l, "%s is not beside imsgate in %s", name, l->program_dir);
}

static int start(struct lab *l, struct process *p, const char *name, const char *netns,
		 const char *argv[], const struct process_files *files)
{
	char path[PATH_MAX + 64];
	int error;

	if (find_program(l, argv[0], path, sizeof(path)))
		return -1;
	argv[0] = path;
	error = process_start(p, name, netns, argv, files);
	return error ? lab_fail(l, "%s: %s", path, strerror(-error)) : 0;
}

/* Waits until ready() says so. */
static int wait_ready(struct lab *l, const char *what,
		      bool (*ready)(struct lab *l, const char *arg), const char *arg)
{
	uint64_t deadline_ms = lab_now_ms() + START_TIMEOUT_MS;

	while (!ready(l, arg)) {
		if (lab_now_ms() > deadline_ms)
			return lab_fail(l, "%s is not ready after %d s", what,
					START_TIMEOUT_MS / 1000);
		if (lab_pause(l))
			return -1;
	}
	return 0;
}

static bool accepts_stream(struct lab *l, const char *path)
{
	int fd = unix_connect(path, SOCK_STREAM, START_TIMEOUT_MS);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static bool dataplane_ready(struct lab *l, const char *socket)
{
	int fd;

	if (l->telemetry.fd < 0) {
		telemetry_close(&l->telemetry);
		if (telemetry_open(&l->telemetry, l->config->dataplane->file_prefix))
			return false;
	}
	fd = unix_connect(socket, SOCK_SEQPACKET, START_TIMEOUT_MS);
	if (fd < 0)
		return false;
	close(fd);
	return lab_net_has("edge", l->config->pcscf->device);
}

static int start_dataplane(struct lab *l)
{
	const char *argv[] = { "imsgate-dataplane", "--config", LAB_CONFIG, NULL };

	if (start(l, &l->dataplane, "imsgate-dataplane", "wire", argv, &process_no_files) ||
	    wait_ready(l, "imsgate-dataplane", dataplane_ready, l->config->dataplane->socket))
		return -1;
	if (lab_net_address_edge(l->config->pcscf->device, l->options->nat))
		return lab_fail(l, "cannot give %s its addresses", l->config->pcscf->device);
	return 0;
}

/* What a role counts, from its status socket; 0 before it answers. */
static json_int_t role_stat(struct lab *l, const char *role, const char *name)
{
	char error[256];
	json_t *stats;
	json_int_t value;

	if (status_get(l->config->controlplane->run_dir, role, "/stats", &stats, error,
		       sizeof(error)))
		return 0;
	value = json_integer_value(json_object_get(stats, name));
	json_decref(stats);
	return value;
}

/* Whether the S-CSCF has its HSS, when that is elsewhere. */
static bool has_hss(struct lab *l, const char *role)
{
	return !l->options->diameter || role_stat(l, role, "cx_diameter_peer") > 0;
}

/* Before that it refuses who wants to register. */
static bool has_dataplane(struct lab *l, const char *role)
{
	return role_stat(l, role, "dataplane_ready") > 0;
}

static int start_role(struct lab *l, struct process *p, const char *name, const char *config,
		      const char *roles, const char *last_role)
{
	const char *argv[] = { "imsgate-controlplane", "--config", config, "--roles", roles, NULL };
	char socket[128];

	snprintf(socket, sizeof(socket), "%s/%s.sock", l->config->controlplane->run_dir, last_role);
	if (start(l, p, name, "edge", argv, &process_no_files))
		return -1;
	return wait_ready(l, name, accepts_stream, socket);
}

static int start_roles(struct lab *l)
{
	static const char all[] = "hss,icscf,scscf,pcscf";

	if (l->options->one_process)
		return start_role(l, &l->pcscf, all, LAB_CONFIG, all, "pcscf");
	if (start_role(l, &l->hss, "hss", LAB_HSS_CONFIG, "hss", "hss") ||
	    start_role(l, &l->cscf, "icscf,scscf", LAB_CSCF_CONFIG, "icscf,scscf", "scscf") ||
	    wait_ready(l, "the HSS", has_hss, "scscf"))
		return -1;
	return start_role(l, &l->pcscf, "pcscf", LAB_CONFIG, "pcscf", "pcscf");
}

/* Runs a subcommand of imsgate to its end. */
static int run_command(struct lab *l, const char *argv[], const struct process_files *files)
{
	struct process command;

	if (start(l, &command, "imsgate", NULL, argv, files))
		return -1;
	if (process_wait(&command, IMPORT_TIMEOUT_MS)) {
		process_print_log(&command, stderr, 10);
		return lab_fail(l, "imsgate %s %s failed", argv[1], argv[2]);
	}
	return 0;
}

/* Random keys for each run, given to both sides: the HSS's database and the UEs' ISIMs. */
static int make_subscribers(struct lab *l)
{
	char n[16];
	const char *generate[] = { "imsgate",
				   "subscriber",
				   "generate",
				   "--n",
				   n,
				   "--realm",
				   l->config->controlplane->realm,
				   NULL };
	const char *import[] = { "imsgate",  "subscriber",    "import", "--config",
				 LAB_CONFIG, LAB_SUBSCRIBERS, NULL };
	struct process_files files = process_no_files;
	int error;

	snprintf(n, sizeof(n), "%u", l->options->n_ues);
	files.out = open(LAB_SUBSCRIBERS, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (files.out < 0)
		return lab_fail(l, "%s: %s", LAB_SUBSCRIBERS, strerror(errno));
	error = run_command(l, generate, &files);
	close(files.out);
	return error ? error : run_command(l, import, &process_no_files);
}

/* The P-CSCF's address of the family that the lab runs in; NULL. */
static const char *pcscf_address(const struct lab *l)
{
	for (unsigned i = 0; i < l->config->pcscf->n_addresses; i++) {
		const char *address = l->config->pcscf->addresses[i];

		if (!!strchr(address, ':') == l->options->ipv6)
			return address;
	}
	return NULL;
}

static const char *first_address(const struct lab_options *o)
{
	if (o->ipv6)
		return "fd01::1";
	return o->n_ues > LAB_MAX_UES ? "10.4.0.1" : "10.1.0.1";
}

static int start_ue(struct lab *l)
{
	const struct lab_options *o = l->options;
	const char *address = pcscf_address(l);
	char pcscf[80], n[16], at_once[16];
	const char *argv[48] = {
		"imsgate-ue",
		"--subscribers",
		LAB_SUBSCRIBERS,
		"--n",
		n,
		"--pcscf",
		pcscf,
		"--wire",
		"ue0",
		"--tun",
		UE_TUN,
		"--first-address",
		first_address(o),
		"--alg",
		o->alg,
		"--ealg",
		o->ealg,
		"--sa-profile",
		o->single_pair ? "single-pair" : "two-pairs",
		"--transport",
		o->tcp ? "tcp" : "udp",
		"-i",
	};
	struct process_files files = process_no_files;
	char further[LAB_MAX_UE_OPTIONS][64];
	int in[2], out[2], error;
	unsigned n_args = 0;

	if (!address)
		return lab_fail(l, "pcscf.addresses: no address of IPv%d", o->ipv6 ? 6 : 4);
	snprintf(pcscf, sizeof(pcscf), o->ipv6 ? "[%s]:%u" : "%s:%u", address,
		 l->config->pcscf->port);
	snprintf(n, sizeof(n), "%u", o->n_ues);
	while (argv[n_args])
		n_args++;
	for (unsigned i = 0; i < o->n_ue_options; i++) {
		snprintf(further[i], sizeof(further[i]), "--%s", o->ue[i]);
		argv[n_args++] = further[i];
	}
	if (o->nat)
		argv[n_args++] = "--nat";
	if (o->n_at_once) {
		snprintf(at_once, sizeof(at_once), "%u", o->n_at_once);
		argv[n_args++] = "--concurrency";
		argv[n_args++] = at_once;
	}
	if (l->keylog_fd >= 0) {
		argv[n_args++] = "--keylog";
		argv[n_args++] = "/dev/fd/3";
	}
	if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC))
		return lab_fail(l, "pipe: %s", strerror(errno));
	files = (struct process_files){ .in = in[0], .out = out[1], .fd3 = l->keylog_fd };
	l->ue_in = in[1];
	l->ue_out = out[0];
	error = start(l, &l->ue, "imsgate-ue", "ue", argv, &files);
	close(in[0]);
	close(out[1]);
	return error;
}

int lab_start(struct lab *l)
{
	json_t *answer;
	int error;

	if (mkdir(LAB_DIRECTORY, 0755) || mkdir(PROCESS_LOG_DIR, 0755))
		return lab_fail(l, "/run: %s", strerror(errno));
	if (lab_configure(l))
		return -1;
	if (lab_net_make(l->options->nat))
		return lab_fail(l, "cannot make the lab's network");
	error = l->options->nat ? lab_nat_make("nat") : 0;
	if (error)
		return lab_fail(l, "the kernel makes no NAT: %s", strerror(-error));
	if ((l->pcap_fd >= 0 && lab_capture(l, "ue", "ue0")) || start_dataplane(l))
		return -1;
	lab_say("data plane is up");
	if (make_subscribers(l) || start_roles(l) ||
	    wait_ready(l, "the P-CSCF's data plane", has_dataplane, "pcscf"))
		return -1;
	lab_say("control plane is up: %s", l->options->one_process ? "all roles in one process"
								   : "pcscf | icscf, scscf | hss");
	if (start_ue(l) || lab_ue_ask(l, "report", START_TIMEOUT_MS, &answer))
		return -1;
	json_decref(answer);
	return 0;
}

unsigned lab_processes(struct lab *l, struct process *all[], unsigned max)
{
	struct process *const order[] = { &l->capture, &l->dataplane, &l->hss,
					  &l->cscf,    &l->pcscf,     &l->ue };
	unsigned n = 0;

	for (unsigned i = 0; i < sizeof(order) / sizeof(*order) && n < max; i++)
		if (order[i]->name)
			all[n++] = order[i];
	return n;
}

void lab_stop(struct lab *l)
{
	struct process *all[8];
	unsigned n = lab_processes(l, all, 8);

	while (n-- > 0) {
		char end[64];
		bool ran = process_runs(all[n]);

		/* One that had died before was reported then. */
		if (process_stop(all[n], STOP_TIMEOUT_MS) && ran) {
			process_describe_end(all[n], end, sizeof(end));
			lab_fail(l, "%s did not end well: %s", all[n]->name, end);
		}
	}
	telemetry_close(&l->telemetry);
}
