/*
 * Room: an array that may become large, taken once by calloc() for the most that it may hold, so
 * that nothing can fail later. The system gives memory to what is written alone; this gives back
 * the memory of what is used no more. From any thread.
 */
#ifndef CONTROLPLANE_ROOM_H
#define CONTROLPLANE_ROOM_H

#include <stddef.h>

/*
 * The used part at the beginning of `room` has shrunk by one element, whose size is a power of two,
 * to `used_bytes`; what was behind it may be zero from now on. One call in some thousand does
 * something.
 */
void room_shrink(void *room, size_t room_bytes, size_t used_bytes);

#endif
