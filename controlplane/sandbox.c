#include "controlplane/sandbox.h"

#include <cap-ng.h>
#include <errno.h>
#include <seccomp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "controlplane/log.h"

/*
 * A list of what is denied, not of what is allowed: SQLite, libevent, OpenSSL and libc between them
 * use calls that differ from one Debian to the next, and a P-CSCF that dies of a new futex variant
 * is an outage. What is denied is what turns a hijacked parser into more than itself.
 */
static const int denied[] = {
	/* another program, or another process's memory (where other keys are) */
	SCMP_SYS(execve),
	SCMP_SYS(execveat),
	SCMP_SYS(ptrace),
	SCMP_SYS(process_vm_readv),
	SCMP_SYS(process_vm_writev),
	SCMP_SYS(pidfd_getfd),
	SCMP_SYS(kcmp),
	SCMP_SYS(perf_event_open),
	/* another view of the machine: namespaces, mounts, roots */
	SCMP_SYS(mount),
	SCMP_SYS(umount2),
	SCMP_SYS(pivot_root),
	SCMP_SYS(chroot),
	SCMP_SYS(unshare),
	SCMP_SYS(setns),
	SCMP_SYS(move_mount),
	SCMP_SYS(open_tree),
	SCMP_SYS(fsopen),
	SCMP_SYS(fsmount),
	SCMP_SYS(fsconfig),
	SCMP_SYS(mount_setattr),
	/* the kernel itself: modules, programs, keys, and interfaces known for their bugs */
	SCMP_SYS(init_module),
	SCMP_SYS(finit_module),
	SCMP_SYS(delete_module),
	SCMP_SYS(kexec_load),
	SCMP_SYS(kexec_file_load),
	SCMP_SYS(bpf),
	SCMP_SYS(userfaultfd),
	SCMP_SYS(io_uring_setup),
	SCMP_SYS(add_key),
	SCMP_SYS(request_key),
	SCMP_SYS(keyctl),
	SCMP_SYS(reboot),
	SCMP_SYS(swapon),
	SCMP_SYS(swapoff),
	SCMP_SYS(acct),
	SCMP_SYS(settimeofday),
	SCMP_SYS(clock_settime),
	SCMP_SYS(iopl),
	SCMP_SYS(ioperm),
	/* another user, or the way back to privileges */
	SCMP_SYS(setuid),
	SCMP_SYS(setgid),
	SCMP_SYS(setreuid),
	SCMP_SYS(setregid),
	SCMP_SYS(setresuid),
	SCMP_SYS(setresgid),
	SCMP_SYS(setgroups),
	SCMP_SYS(setfsuid),
	SCMP_SYS(setfsgid),
	SCMP_SYS(capset),
	SCMP_SYS(personality),
};

/* Raw sockets would speak beside the data plane; packet sockets would listen to it. */
static int deny_sockets(scmp_filter_ctx filter)
{
	static const int families[] = { AF_PACKET, AF_NETLINK, AF_ALG };
	for (unsigned i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
		int error = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(socket), 1,
					     SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)families[i]));
		if (error)
			return error;
	}
	return 0;
}

/* mprotect and mmap of writable memory stay; turning it into code does not. */
static int deny_code(scmp_filter_ctx filter)
{
	static const int calls[] = { SCMP_SYS(mmap), SCMP_SYS(mprotect), SCMP_SYS(pkey_mprotect) };
	for (unsigned i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		int error = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), calls[i], 1,
					     SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, PROT_EXEC));
		if (error)
			return error;
	}
	return 0;
}

static int enter_seccomp(void)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	if (!filter)
		return -ENOMEM;
	int error = 0;
	for (unsigned i = 0; i < sizeof(denied) / sizeof(denied[0]) && !error; i++) {
		error = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), denied[i], 0);
		if (error == -EDOM) /* this architecture has no such call */
			error = 0;
	}
	if (!error)
		error = deny_sockets(filter);
	if (!error)
		error = deny_code(filter);
	if (!error)
		error = seccomp_load(filter);
	seccomp_release(filter);
	return error;
}

int sandbox_enter(void)
{
	/* Only after the sockets: SO_BINDTODEVICE and low ports may need capabilities. */
	capng_clear(CAPNG_SELECT_ALL);
	int error = capng_apply(CAPNG_SELECT_ALL) ? -EPERM : 0;
	if (!error && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		error = -errno;
	if (!error && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		error = -errno; /* no core dumps: keys pass through this memory */
	if (!error)
		error = enter_seccomp();
	if (error)
		log_error("cannot enter the sandbox: %s", strerror(-error));
	return error;
}
