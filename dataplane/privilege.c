#include "dataplane/privilege.h"

#include <dirent.h>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <linux/capability.h>
#include <seccomp.h>

/* Capabilities belong to threads, and DPDK has started several. Each is asked by this signal. */
#define DROP_SIGNAL (SIGRTMIN + 5)

static _Atomic int n_dropped, drop_error;

/* Async-signal-safe: one system call and two atomics. */
static void drop_own_capabilities(int signal)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { 0 };
	if (syscall(SYS_capset, &header, none) != 0)
		atomic_store_explicit(&drop_error, errno, memory_order_relaxed);
	atomic_fetch_add_explicit(&n_dropped, 1, memory_order_release);
}

void privilege_hold_signals(void)
{
	sigset_t held;
	sigfillset(&held);
	sigdelset(&held, DROP_SIGNAL);
	pthread_sigmask(SIG_SETMASK, &held, NULL);
}

/* Signals every thread but the caller. Returns how many, or -errno. */
static int signal_other_threads(void)
{
	DIR *tasks = opendir("/proc/self/task");
	if (!tasks)
		return -errno;
	int n = 0;
	pid_t self = (pid_t)syscall(SYS_gettid);
	for (struct dirent *entry; (entry = readdir(tasks));) {
		pid_t thread = (pid_t)atoi(entry->d_name);
		if (thread > 0 && thread != self &&
		    syscall(SYS_tgkill, getpid(), thread, DROP_SIGNAL) == 0)
			n++;
	}
	closedir(tasks);
	return n;
}

static int drop_capabilities(void)
{
	struct sigaction action = { .sa_handler = drop_own_capabilities, .sa_flags = SA_RESTART };
	struct sigaction before;
	sigaction(DROP_SIGNAL, &action, &before);
	int n = signal_other_threads();
	if (n < 0)
		return n;
	drop_own_capabilities(0);
	/* partner: the fetch_add of each thread. A second is a thousand times what it takes. */
	const struct timespec millisecond = { .tv_nsec = 1000000 };
	for (int i = 0; i < 1000; i++) {
		if (atomic_load_explicit(&n_dropped, memory_order_acquire) > n)
			break;
		nanosleep(&millisecond, NULL);
	}
	sigaction(DROP_SIGNAL, &before, NULL);
	if (atomic_load_explicit(&n_dropped, memory_order_acquire) <= n)
		return -ETIMEDOUT;
	return -atomic_load_explicit(&drop_error, memory_order_relaxed);
}

static int become(const char *user)
{
	errno = 0;
	const struct passwd *p = getpwnam(user);
	if (!p)
		return errno ? -errno : -ENOENT;
	/* glibc changes all threads; leaving uid 0 also clears their capabilities */
	if (setgroups(0, NULL) != 0 || setgid(p->pw_gid) != 0 || setuid(p->pw_uid) != 0)
		return -errno;
	return 0;
}

/*
 * What a hijacked data plane would reach for: starting programs, other processes' memory, mounts,
 * namespaces, modules, key rings, BPF. Not a list of what is allowed: drivers differ in that.
 */
static int refuse_system_calls(void)
{
	static const int refused[] = {
		SCMP_SYS(execve),
		SCMP_SYS(execveat),
		SCMP_SYS(fork),
		SCMP_SYS(vfork),
		SCMP_SYS(ptrace),
		SCMP_SYS(process_vm_readv),
		SCMP_SYS(mount),
		SCMP_SYS(process_vm_writev),
		SCMP_SYS(umount2),
		SCMP_SYS(pivot_root),
		SCMP_SYS(chroot),
		SCMP_SYS(setns),
		SCMP_SYS(unshare),
		SCMP_SYS(init_module),
		SCMP_SYS(finit_module),
		SCMP_SYS(delete_module),
		SCMP_SYS(kexec_load),
		SCMP_SYS(bpf),
		SCMP_SYS(keyctl),
		SCMP_SYS(add_key),
		SCMP_SYS(request_key),
		SCMP_SYS(userfaultfd),
		SCMP_SYS(perf_event_open),
		SCMP_SYS(reboot),
	};
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	if (!filter)
		return -ENOMEM;
	int rc = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1); /* every thread */
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]) && rc == 0; i++)
		rc = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), refused[i], 0);
	if (rc == 0)
		rc = seccomp_load(filter);
	seccomp_release(filter);
	return rc;
}

int privilege_drop(const char *user, char *error, size_t error_bytes)
{
	int rc = user[0] ? become(user) : 0;
	if (rc < 0) {
		snprintf(error, error_bytes, "user %s: %s", user, strerror(-rc));
		return rc;
	}
	rc = drop_capabilities();
	if (rc == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		rc = -errno;
	/* Keys are in memory: no core dump, no ptrace by others of the same user. */
	if (rc == 0 && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
		rc = -errno;
	if (rc == 0)
		rc = refuse_system_calls();
	if (rc < 0)
		snprintf(error, error_bytes, "cannot drop privileges: %s", strerror(-rc));
	return rc;
}
