#include "controlplane/room.h"

#include <stdint.h>
#include <sys/mman.h>

#define STEP_BYTES 65536 /* given back at a time: a multiple of the page of every machine */

/* A step stays, so that what goes to and fro at a boundary does not lose and get it each time. */
void room_shrink(void *room, size_t room_bytes, size_t used_bytes)
{
	uintptr_t start = (uintptr_t)room + used_bytes;
	if (start % STEP_BYTES == 0 && room_bytes - used_bytes >= 2 * STEP_BYTES)
		madvise((void *)(start + STEP_BYTES), STEP_BYTES, MADV_DONTNEED);
}
