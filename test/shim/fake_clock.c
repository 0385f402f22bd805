/*
 * Minutes without waiting for them: a library that is loaded into our real programs (LD_PRELOAD)
 * and adds to their clocks what a test has written into a file, FAKE_CLOCK: nanoseconds, eight
 * bytes. No program of ours knows of it.
 *
 * Moved are CLOCK_MONOTONIC, plain and coarse, and the data plane's own clock, which is the CPU's
 * counter over rte_get_tsc_hz(): an instruction cannot be replaced, so the frequency is. For that
 * the counter has to be known as it was at the start of that clock, which is right after
 * rte_eal_init(). Waiting ends after WAKE_MS at the latest, so that a program sees that time has
 * passed.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

#define WAKE_MS 5

static _Atomic uint64_t *moved_ns; // written by: the test
static uint64_t start_tsc;         // of the data plane; before its threads

/* The next definition of a function; its type is the caller's to know. */
#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static uint64_t moved(void)
{
	return moved_ns ? atomic_load_explicit(moved_ns, memory_order_relaxed) : 0;
}

__attribute__((constructor)) static void open_clock(void)
{
	const char *path = getenv("FAKE_CLOCK");
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	void *page =
		fd < 0 ? MAP_FAILED : mmap(NULL, sizeof(*moved_ns), PROT_READ, MAP_SHARED, fd, 0);
	if (page == MAP_FAILED)
		abort(); /* a test on the wrong clock proves nothing */
	close(fd);
	moved_ns = page;
}

int clock_gettime(clockid_t id, struct timespec *out)
{
	static __typeof__(&clock_gettime) next;
	if (!next)
		next = NEXT(clock_gettime);
	int rc = next(id, out);
	if (rc || (id != CLOCK_MONOTONIC && id != CLOCK_MONOTONIC_COARSE))
		return rc;
	uint64_t ns = (uint64_t)out->tv_nsec + moved();
	out->tv_sec += (time_t)(ns / 1000000000);
	out->tv_nsec = (long)(ns % 1000000000);
	return 0;
}

static int shorter(int wait_ms)
{
	return wait_ms < 0 || wait_ms > WAKE_MS ? WAKE_MS : wait_ms;
}

int epoll_wait(int fd, struct epoll_event *events, int n, int wait_ms)
{
	static __typeof__(&epoll_wait) next;
	if (!next)
		next = NEXT(epoll_wait);
	return next(fd, events, n, shorter(wait_ms));
}

int poll(struct pollfd *fds, nfds_t n, int wait_ms)
{
	static __typeof__(&poll) next;
	if (!next)
		next = NEXT(poll);
	return next(fds, n, shorter(wait_ms));
}

/* DPDK's, which only the data plane has. */
int rte_eal_init(int argc, char **argv);
uint64_t rte_get_tsc_hz(void);

int rte_eal_init(int argc, char **argv)
{
	int n = NEXT(rte_eal_init)(argc, argv);
	start_tsc = __rdtsc();
	return n;
}

uint64_t rte_get_tsc_hz(void)
{
	static __typeof__(&rte_get_tsc_hz) next;
	if (!next)
		next = NEXT(rte_get_tsc_hz);
	uint64_t hz = next(), ns = moved();
	if (!start_tsc || !ns)
		return hz;
	double passed = (double)(__rdtsc() - start_tsc);
	return (uint64_t)((double)hz * passed / (passed + (double)hz * (double)ns / 1e9));
}
