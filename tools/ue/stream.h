/*
 * SIP over TCP from the UE's side, directions as TS 33.203 7.1: the UE opens a connection from
 * port_uc to port_ps for its requests (in the clear from any port), and listens on port_us for
 * those of the P-CSCF, which are answered on the same connection. Below, the bump makes ESP of it
 * as of datagrams.
 *
 * A UE owns its connections; each ends with the agreement whose SAs carry it. A message and an
 * answer that are not taken at once wait here. One thread, the event loop's.
 */
#ifndef TOOLS_UE_STREAM_H
#define TOOLS_UE_STREAM_H

#include <stddef.h>

struct agreement;
struct fleet;
struct stream;
struct ue;

/* Lets all UEs be reached on port_us. Returns 0 or -errno. */
int stream_listen(struct fleet *f);
void stream_unlisten(struct fleet *f);

/*
 * Sends over the agreement's uc → ps, in the clear when `over` is NULL; the connection is opened if
 * it is not there. Returns 0 or -errno; one that comes to nothing later ends the UE's request.
 */
int stream_send(struct ue *u, const struct agreement *over, const void *bytes, size_t n_bytes);

/* On the connection that a request came by. */
int stream_answer(struct stream *s, const void *bytes, size_t n_bytes);

/* Those over this agreement, in either direction; NULL: those in the clear. */
void stream_close_over(struct ue *u, const struct agreement *over);
void stream_close_all(struct ue *u);

#endif
