#include "tools/lab_sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t n;
	int error;

	if (fd < 0)
		return -errno;
	n = write(fd, text, strlen(text));
	error = n < 0 ? -errno : 0;
	close(fd);
	return error;
}

/* One user is mapped: the caller is root inside. Groups cannot be set, user_namespaces(7). */
static int map_ids(uid_t uid, gid_t gid)
{
	char map[32];
	int error;

	error = write_file("/proc/self/setgroups", "deny");
	if (error)
		return error;
	snprintf(map, sizeof(map), "0 %u 1", uid);
	error = write_file("/proc/self/uid_map", map);
	if (error)
		return error;
	snprintf(map, sizeof(map), "0 %u 1", gid);
	return write_file("/proc/self/gid_map", map);
}

static int make_namespaces(void)
{
	int flags = CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWPID | CLONE_NEWIPC;
	uid_t uid = geteuid();
	gid_t gid = getegid();

	if (uid == 0)
		return unshare(flags) ? -errno : 0;
	if (unshare(flags | CLONE_NEWUSER))
		return -errno;
	return map_ids(uid, gid);
}

static void explain(int error)
{
	fprintf(stderr, "imsgate lab: cannot make namespaces: %s\n", strerror(-error));
	if (geteuid() == 0) {
		fprintf(stderr,
			"The lab needs CAP_SYS_ADMIN: a container must be started with it.\n");
		return;
	}
	fprintf(stderr,
		"This machine lets no ordinary user make them. Run the lab as root, or allow it:\n"
		"  sysctl -w user.max_user_namespaces=16384\n"
		"  sysctl -w kernel.unprivileged_userns_clone=1              (Debian, where "
		"present)\n"
		"  sysctl -w kernel.apparmor_restrict_unprivileged_userns=0  (Ubuntu, where "
		"present)\n");
}

/* PID 1 of the new world, before anything else runs in it. */
static int settle_in(struct sandbox *s)
{
	struct pollfd outside = { .fd = s->outside };
	char pid[16] = "";

	/* The maker may have died before the death signal was asked for: its socket tells. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL))
		return -errno;
	if (poll(&outside, 1, 0) < 0)
		return -errno;
	if (outside.revents & POLLHUP)
		return -ECHILD;

	if (readlink("/proc/self", pid, sizeof(pid) - 1) < 0)
		return -errno;
	s->outer_pid = atoi(pid);

	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return -errno;
	if (mount("tmpfs", "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=755"))
		return -errno;
	/* Forbidden in containers that hide parts of /proc; the outer one serves as well. */
	if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) &&
	    errno != EPERM)
		return -errno;
	return 0;
}

/* Each UE has several sockets. */
static void raise_file_limit(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files))
		return;
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
}

static int run_inside(struct sandbox *s, int (*inside)(const struct sandbox *, void *), void *user)
{
	int error = settle_in(s);

	if (error) {
		fprintf(stderr, "imsgate lab: cannot set up its namespaces: %s\n",
			strerror(-error));
		return EXIT_FAILURE;
	}
	raise_file_limit();
	return inside(s, user);
}

/* Waits for the end of the world, or for a signal that ends it. */
static int watch(pid_t world, int inside, const sigset_t *signals)
{
	unsigned char settled;
	int status, number;

	for (;;) {
		sigwait(signals, &number);
		if (number != SIGCHLD)
			break;
		if (waitpid(world, &status, WNOHANG) == world)
			return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE;
	}
	kill(world, SIGKILL);
	waitpid(world, &status, 0);
	if (recv(inside, &settled, 1, MSG_DONTWAIT) == 1)
		return settled;
	return 128 + number;
}

int sandbox_run(int (*inside)(const struct sandbox *s, void *user), void *user)
{
	struct sandbox s = { .ordinary_user = geteuid() != 0 };
	sigset_t signals, before;
	int pair[2], status, error;
	pid_t world;

	error = make_namespaces();
	if (error) {
		explain(error);
		return EXIT_FAILURE;
	}
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair)) {
		perror("imsgate lab: socketpair");
		return EXIT_FAILURE;
	}
	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGHUP);
	sigaddset(&signals, SIGCHLD);
	sigprocmask(SIG_BLOCK, &signals, &before);
	fflush(NULL); /* what is buffered would be written twice */
	world = fork();
	if (world < 0) {
		perror("imsgate lab: fork");
		return EXIT_FAILURE;
	}
	if (world == 0) {
		/* Signals of the terminal are the maker's: the kernel spares a PID 1 them. */
		sigprocmask(SIG_SETMASK, &before, NULL);
		close(pair[0]);
		s.outside = pair[1];
		exit(run_inside(&s, inside, user));
	}
	close(pair[1]);
	status = watch(world, pair[0], &signals);
	close(pair[0]);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return status;
}

void sandbox_settle(const struct sandbox *s, int status)
{
	unsigned char settled = (unsigned char)status;

	/* A maker that is gone takes this process with it: nobody is left to tell. */
	if (send(s->outside, &settled, 1, MSG_NOSIGNAL) != 1)
		exit(EXIT_FAILURE);
}
