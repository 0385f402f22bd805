/*
 * A soak of a data plane that is a process of its own: sets of SAs of every suite, family and mode
 * come and go, are refreshed, frozen and moved, and end by themselves, while traffic runs both ways
 * beside what hostile peers send. At each checkpoint every packet that was ever sent is accounted
 * for: it came out on the other side, once and unchanged, or the counter of exactly the reason that
 * it was sent for has counted it.
 *
 * It goes in steps. A step sends packets without waiting for them, asks for changes while they are
 * under way, and then takes what comes out until nothing is due. One thread.
 */
#ifndef TEST_SOAK_SOAK_H
#define TEST_SOAK_SOAK_H

#include "test/soak/ledger.h"
#include "test/soak/subject.h"
#include "test/soak/wire.h"
#include "tools/dataplane.h"
#include "tools/telemetry.h"

/* What is dropped is not seen to be; after so many steps of others it has been. */
#define SOAK_QUIET_STEPS 4

struct soak {
	struct wire wire;
	struct ledger ledger;
	struct dataplane dataplane;
	struct telemetry telemetry;
	struct test_rng rng;
	struct subject *subject;
	uint32_t n_subjects;
	uint32_t step;
	uint32_t n_changes[8]; /* by enum life_change */
	bool closing;          /* nothing new is installed */
};

/* Seconds of a clock that only goes forward. */
double soak_now_s(void);
/* 0 … n − 1 */
uint32_t soak_below(struct soak *s, uint32_t n);
/* What cannot go on ends the program. */
void soak_require(bool done, const char *what) __attribute__((nonnull(2)));

/* ---- life.c: sets of SAs and their ends ---- */

enum life_change {
	LIFE_INSTALL,
	LIFE_REFRESH,
	LIFE_FREEZE,
	LIFE_THAW,
	LIFE_MOVE,
	LIFE_DELETE,
	LIFE_GRACE,
	LIFE_EXPIRE,
	LIFE_CHANGES,
};
extern const char *const life_name[LIFE_CHANGES];

/* Chooses who changes in this step; those whose SAs end or begin again are ENDING until then. */
void life_choose(struct soak *s);
/* Asks for it, while packets are under way. */
void life_change(struct soak *s);
/* Everybody's sets and tunnels go. Returns when the data plane says so. */
void life_end(struct soak *s);
/* The SAs that there should be, ENDING ones aside. */
void life_check_list(struct soak *s);

/* ---- traffic.c: packets both ways ---- */

/* Packets of, to, or against this subject. */
void traffic_send(struct soak *s, struct subject *subject);
/* Takes what comes out until nothing is due; what stays away for seconds is lost. */
void traffic_drain(struct soak *s);

#endif
