#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "controlplane/statefile_impl.h"

#define BOOT_ID "/proc/sys/kernel/random/boot_id"

int statefile_boot(char boot[static sizeof(((struct statefile_clock *)0)->boot)])
{
	int fd = open(BOOT_ID, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ssize_t n = read(fd, boot, sizeof(((struct statefile_clock *)0)->boot) - 1);
	int error = n < 0 ? -errno : n == 0 ? -EIO : 0;
	close(fd);
	if (error)
		return error;
	boot[n] = '\0';
	boot[strcspn(boot, "\n")] = '\0';
	return 0;
}

/*
 * Within a boot the loop's clock is the same for all processes, so the offset stays and the wall
 * clock is not asked. After a reboot it alone knows how long the machine was down; but time does
 * not go back, wherever that clock was set to.
 */
void statefile_clock_set(struct statefile_clock *c, const char *boot, int64_t wall_ms,
			 int64_t loop_ms)
{
	if (strcmp(c->boot, boot) == 0)
		return;
	int64_t time_ms = c->boot[0] && c->last_ms > wall_ms ? c->last_ms : wall_ms;
	*c = (struct statefile_clock){ .offset_ms = time_ms - loop_ms, .last_ms = time_ms };
	strncpy(c->boot, boot, sizeof(c->boot) - 1);
}

uint64_t statefile_time(const struct statefile *s, uint64_t loop_ms)
{
	int64_t file_ms = (int64_t)loop_ms + (s ? s->clock.offset_ms : 0);
	return file_ms > 0 ? (uint64_t)file_ms : 0;
}

uint64_t statefile_loop_time(const struct statefile *s, uint64_t file_ms)
{
	int64_t loop_ms = (int64_t)file_ms - (s ? s->clock.offset_ms : 0);
	return loop_ms > 0 ? (uint64_t)loop_ms : 0;
}
