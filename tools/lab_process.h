/*
 * The lab's processes: started in a network namespace, with everything that they print in a log,
 * watched, and stopped in order. All of them are children of the lab's PID 1 and end with it.
 */
#ifndef TOOLS_LAB_PROCESS_H
#define TOOLS_LAB_PROCESS_H

#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

#define PROCESS_LOG_DIR "/run/lab"

struct process {
	const char *name; /* also of its log, PROCESS_LOG_DIR/NAME.log */
	pid_t pid;        /* 0: not running */
	int status;       /* of waitpid(), once it ended */
};

/* What a process gets besides its log on stderr; -1 = /dev/null, the log, and nothing. */
struct process_files {
	int in;  /* its stdin */
	int out; /* its stdout */
	int fd3; /* its descriptor 3 */
};
extern const struct process_files process_no_files;

/*
 * Starts argv[0] in the named network namespace (ip-netns(8)); NULL = the caller's. Returns 0 or
 * -errno. The files stay the caller's.
 */
int process_start(struct process *p, const char *name, const char *netns, const char *const argv[],
		  const struct process_files *files);

/* Whether it still runs. Never blocks. */
bool process_runs(struct process *p);

/* Waits for its end, at most timeout_ms; then kills it. Returns its exit status or 128 + signal. */
int process_wait(struct process *p, int timeout_ms);

/* Asks it to end, waits as process_wait() does, and returns the same. */
int process_stop(struct process *p, int timeout_ms);

/* Writes how a process ended ("exit status 1", "killed by signal 11") into text. */
void process_describe_end(const struct process *p, char *text, size_t text_bytes);

/* Prints the last lines of its log. */
void process_print_log(const struct process *p, FILE *out, unsigned n_lines);

/*
 * Moves the calling thread to a named network namespace and returns a descriptor of the one that it
 * was in, for netns_leave(); or -errno.
 */
int netns_enter(const char *name);
void netns_leave(int home);

#endif
