/*
 * Insides of ue.h and ue_set.h, shared by ue.c (UEs), ue_find.c (lookups of sets), ue_set.c (their
 * states), ue_registration.c and ue_state.c alone.
 */
#ifndef CONTROLPLANE_UE_IMPL_H
#define CONTROLPLANE_UE_IMPL_H

#include "controlplane/ue.h"

#define UE_ID_MAX UINT64_C(0xffffffffffff)

struct ues {
	struct loop *loop;
	struct dpclient *dp;
	struct statefile *file; /* NULL: none */
	uint32_t max;
	uint32_t n_sets[SET_N_STATES]; /* by state */
	struct table *by_impi, *by_id, *by_uc, *by_us;
};

struct ue *ue_new(struct ues *u, uint64_t id, uint16_t zone, const struct address *host,
		  const char *impi);
struct ue *ue_find(const struct ues *u, uint64_t id);
void ue_free(struct ue *ue);
/* In one block; `r` has texts of the caller, who frees it with free(). NULL: out of memory. */
struct ue_registration *ue_registration_copy(const struct ue_registration *r);
/* One more, of which a copy is the UE's. Returns 0, -ENOSPC or -ENOMEM. */
int ue_registration_add(struct ue *ue, const struct ue_registration *r);

/* Keys of the tables; own_port 0 with by_uc, where all sets share port_ps. */
uint64_t ue_hash_tuple(const struct table *t, uint16_t zone, const struct address *host,
		       uint16_t ue_port, uint16_t own_port);
struct sa_set *ue_set_by_uc(const struct ues *u, uint16_t zone, const struct address *host,
			    uint16_t uc);

/* Whether a challenge of this origin to the same UE may end a set that waits for its SM7. */
bool ue_set_may_go(const struct sa_set *s, const struct set_origin *origin);

/* Removes a set here and leaves the data plane alone; a UE without sets goes with its last one. */
void ue_set_forget(struct sa_set *s);

/*
 * A set as it was read; its challenge, NULL or not, is copied. 0, -EBADMSG when another has its
 * place, or -ENOMEM.
 */
int ue_set_restore(struct ue *ue, const struct sa_set *read);

/* The last registration is gone: every set ends that served it. C-041, C-089 */
void ue_sets_end(struct ue *ue);

#endif
