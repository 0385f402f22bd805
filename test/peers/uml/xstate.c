/*
 * Preloaded into linux.uml. User Mode Linux 6.1 keeps a fixed 2696 bytes of a task's extended CPU
 * state. The host takes PTRACE_SETREGSET(NT_X86_XSTATE) only with all the bytes that its CPU has,
 * 11 008 with AMX, and answers EFAULT to less: the guest stops with "ptrace set fp regs failed".
 *
 * So a state that is too short is laid over the task's full one before it is set. Components that
 * the guest did not keep go back to their initial state: their bits in XSTATE_BV are cleared
 * (Intel SDM 1, 13.4.2: standard format; CPUID leaf 0DH says where each component lies).
 */
#define _GNU_SOURCE
#include <cpuid.h>
#include <elf.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define XSTATE_BV_OFFSET 512 /* of the XSAVE header, behind the legacy region */

/* linux.uml has one thread, and its kernel stacks are small. */
static uint8_t full[64 * 1024] __attribute__((aligned(64)));

/* Components that end within the first n bytes. x87 and SSE are in the legacy region. */
static uint64_t components_within(size_t n)
{
	uint64_t within = 3;

	for (unsigned i = 2; i < 63; i++) {
		unsigned bytes, offset, flags, reserved;

		__cpuid_count(0xd, i, bytes, offset, flags, reserved);
		if (bytes && offset + bytes <= n)
			within |= UINT64_C(1) << i;
	}
	return within;
}

static long set_short_state(long pid, void *type, const struct iovec *state)
{
	struct iovec whole = { full, sizeof(full) };
	uint64_t present;
	long result;

	result = syscall(SYS_ptrace, PTRACE_GETREGSET, pid, type, &whole);
	if (result < 0)
		return result;
	if (state->iov_len >= whole.iov_len)
		return syscall(SYS_ptrace, PTRACE_SETREGSET, pid, type, state);
	memcpy(full, state->iov_base, state->iov_len);
	memcpy(&present, full + XSTATE_BV_OFFSET, sizeof(present));
	present &= components_within(state->iov_len);
	memcpy(full + XSTATE_BV_OFFSET, &present, sizeof(present));
	return syscall(SYS_ptrace, PTRACE_SETREGSET, pid, type, &whole);
}

long ptrace(enum __ptrace_request request, ...)
{
	va_list args;
	long pid, result, word;
	void *address, *data;

	va_start(args, request);
	pid = va_arg(args, int);
	address = va_arg(args, void *);
	data = va_arg(args, void *);
	va_end(args);

	switch ((int)request) {
	case PTRACE_SETREGSET:
		if ((uintptr_t)address == NT_X86_XSTATE)
			return set_short_state(pid, address, data);
		return syscall(SYS_ptrace, request, pid, address, data);
	case PTRACE_PEEKTEXT:
	case PTRACE_PEEKDATA:
	case PTRACE_PEEKUSER:
		/* The system call stores the word; the library returns it, ptrace(2). */
		result = syscall(SYS_ptrace, request, pid, address, &word);
		return result < 0 ? result : word;
	default:
		return syscall(SYS_ptrace, request, pid, address, data);
	}
}
