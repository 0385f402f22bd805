#include "tools/lab_process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

const struct process_files process_no_files = { -1, -1, -1 };

int netns_enter(const char *name)
{
	char path[128];
	int home, there, error;

	snprintf(path, sizeof(path), "/run/netns/%s", name);
	there = open(path, O_RDONLY | O_CLOEXEC);
	if (there < 0)
		return -errno;
	home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	if (home < 0 || setns(there, CLONE_NEWNET)) {
		error = -errno;
		if (home >= 0)
			close(home);
		close(there);
		return error;
	}
	close(there);
	return home;
}

void netns_leave(int home)
{
	/* It was ours a moment ago; going on in the wrong namespace would be worse than ending. */
	if (setns(home, CLONE_NEWNET))
		abort();
	close(home);
}

static void log_path(const struct process *p, char *path, size_t path_bytes)
{
	snprintf(path, path_bytes, PROCESS_LOG_DIR "/%s.log", p->name);
}

static int spawn(struct process *p, const char *const argv[], const struct process_files *files)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	char log[128];
	int error;

	log_path(p, log, sizeof(log));
	posix_spawn_file_actions_init(&actions);
	posix_spawnattr_init(&attributes);
	posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, log,
					 O_WRONLY | O_CREAT | O_APPEND, 0600);
	if (files->in >= 0)
		posix_spawn_file_actions_adddup2(&actions, files->in, STDIN_FILENO);
	else
		posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, files->out >= 0 ? files->out : STDERR_FILENO,
					 STDOUT_FILENO);
	if (files->fd3 >= 0)
		posix_spawn_file_actions_adddup2(&actions, files->fd3, 3);

	/* A group of its own: Ctrl-C at the terminal is the lab's to handle. */
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
	error = posix_spawnp(&p->pid, argv[0], &actions, &attributes, (char *const *)argv, environ);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	return -error;
}

int process_start(struct process *p, const char *name, const char *netns, const char *const argv[],
		  const struct process_files *files)
{
	int home = -1, error;

	*p = (struct process){ .name = name };
	if (netns) {
		home = netns_enter(netns);
		if (home < 0)
			return home;
	}
	error = spawn(p, argv, files);
	if (error)
		p->pid = 0;
	if (home >= 0)
		netns_leave(home);
	return error;
}

bool process_runs(struct process *p)
{
	if (p->pid && waitpid(p->pid, &p->status, WNOHANG) == p->pid)
		p->pid = 0;
	return p->pid != 0;
}

static int exit_status(const struct process *p)
{
	return WIFEXITED(p->status) ? WEXITSTATUS(p->status) : 128 + WTERMSIG(p->status);
}

int process_wait(struct process *p, int timeout_ms)
{
	struct pollfd end = { .events = POLLIN };

	if (!process_runs(p))
		return exit_status(p);
	end.fd = (int)syscall(SYS_pidfd_open, p->pid, 0);
	if (end.fd < 0 || poll(&end, 1, timeout_ms) != 1)
		kill(p->pid, SIGKILL);
	if (end.fd >= 0)
		close(end.fd);
	waitpid(p->pid, &p->status, 0);
	p->pid = 0;
	return exit_status(p);
}

int process_stop(struct process *p, int timeout_ms)
{
	if (process_runs(p))
		kill(p->pid, SIGTERM);
	return process_wait(p, timeout_ms);
}

void process_describe_end(const struct process *p, char *text, size_t text_bytes)
{
	if (WIFSIGNALED(p->status))
		snprintf(text, text_bytes, "killed by signal %d (%s)", WTERMSIG(p->status),
			 strsignal(WTERMSIG(p->status)));
	else
		snprintf(text, text_bytes, "exit status %d", WEXITSTATUS(p->status));
}

/* Where the last n lines of a text begin. */
static const char *last_lines(const char *text, size_t bytes, unsigned n)
{
	const char *at = text + bytes;

	while (at > text) {
		/* A newline ends the line before it; the last one ends the text. */
		if (at[-1] == '\n' && at != text + bytes && n-- == 1)
			return at;
		at--;
	}
	return text;
}

void process_print_log(const struct process *p, FILE *out, unsigned n_lines)
{
	char path[128], text[16384];
	const char *tail;
	ssize_t bytes;
	off_t end;
	int fd;

	if (!p->name)
		return;
	log_path(p, path, sizeof(path));
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	end = lseek(fd, 0, SEEK_END);
	bytes = pread(fd, text, sizeof(text),
		      end > (off_t)sizeof(text) ? end - (off_t)sizeof(text) : 0);
	close(fd);
	if (bytes <= 0)
		return;
	tail = last_lines(text, (size_t)bytes, n_lines);
	fprintf(out, "---- %s, end of its log:\n", p->name);
	fwrite(tail, 1, (size_t)(text + bytes - tail), out);
	if (text[bytes - 1] != '\n')
		fputc('\n', out);
}
