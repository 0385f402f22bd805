/*
 * A registration as a row of the state file, and back. What is added to struct registration, and
 * must outlive the process, is written here, and SCSCF_STATE_VERSION counts up. Vectors are not:
 * those that a crash finds unused are lost, and the HSS makes others.
 */
#include "controlplane/registration.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/cx.h"
#include "controlplane/record.h"

void registration_save(const struct registration *r, struct record *row)
{
	record_put_number(row, SCSCF_ROW_REGISTRATION);
	record_put_text(row, r->impi);
	record_put_number(row, statefile_time(r->registrations->file, r->expires_ms));
	record_put_number(row, statefile_time(r->registrations->file, r->granted_ms));
	record_put_number(row, r->event);
	record_put_number(row, r->must_authenticate);
	record_put_number(row, r->n_unchallenged);
	record_put_number(row, r->n_failed);
	record_put_number(row, statefile_time(r->registrations->file, r->authenticated_ms));
	record_put_number(row, r->n_impus);
	for (unsigned i = 0; i < r->n_impus; i++) {
		record_put_number(row, r->impus[i].is_barred);
		record_put_number(row, r->impus[i].is_explicit);
		record_put_text(row, r->impus[i].impu);
	}
	record_put_text(row, r->binding.contact);
	record_put_number(row, r->binding.n_paths);
	for (unsigned i = 0; i < r->binding.n_paths; i++)
		record_put_text(row, r->binding.paths[i]);
}

/* The implicit set, as the HSS gave it, and which of it was registered by itself (a bit each). */
static void read_impus(struct record *row, struct cx_saa *profile, uint32_t *explicit)
{
	*explicit = 0;
	profile->n_impus = (uint32_t)record_number(row, CX_MAX_IMPUS);
	for (uint32_t i = 0; i < profile->n_impus; i++) {
		profile->impus[i].barred = (uint32_t)record_number(row, 1);
		*explicit |= (uint32_t)record_number(row, 1) << i;
		char *impu = record_some_text(row);
		if (impu && cx_identity(profile->impus[i].impu, impu) < 0)
			row->error = -EBADMSG;
		free(impu);
	}
	if (profile->n_impus == 0 && row->error == 0)
		row->error = -EBADMSG;
}

static void read_binding(struct record *row, struct binding *b)
{
	*b = (struct binding){ .contact = record_some_text(row) };
	b->n_paths = (unsigned)record_number(row, REGISTRATION_MAX_PATHS);
	for (unsigned i = 0; i < b->n_paths; i++)
		b->paths[i] = record_some_text(row);
}

int registration_load(struct registrations *all, int64_t row_id, struct record *row,
		      const struct statefile *file)
{
	struct cx_saa profile;
	struct binding binding;
	struct registration *r;
	int rc;

	if (record_number(row, SCSCF_ROW_REGISTRATION) != SCSCF_ROW_REGISTRATION)
		return -EBADMSG;
	char *impi = record_some_text(row);
	uint64_t expires_ms = statefile_loop_time(file, record_number(row, INT64_MAX));
	uint64_t granted_ms = statefile_loop_time(file, record_number(row, INT64_MAX));
	enum reginfo_event event = (enum reginfo_event)record_number(row, REGINFO_N_EVENTS - 1);
	bool must_authenticate = record_number(row, 1);
	uint32_t n_unchallenged = (uint32_t)record_number(row, UINT32_MAX);
	uint32_t n_failed = (uint32_t)record_number(row, UINT32_MAX), explicit;
	uint64_t authenticated_ms = statefile_loop_time(file, record_number(row, INT64_MAX));
	read_impus(row, &profile, &explicit);
	read_binding(row, &binding);
	rc = record_end(row);
	if (rc == 0 && registrations_find_set(all, impi, profile.impus[0].impu) != NULL)
		rc = -EBADMSG;
	if (rc < 0)
		binding_clear(&binding);
	else
		rc = registrations_put(all, impi, &profile, &binding, 0, &r);
	if (rc == 0)
		rc = registration_set_end(r, expires_ms);
	if (rc == 0) {
		r->granted_ms = granted_ms;
		r->event = event;
		r->must_authenticate = must_authenticate;
		r->n_unchallenged = n_unchallenged;
		r->n_failed = n_failed;
		r->authenticated_ms = authenticated_ms;
		for (unsigned i = 0; i < r->n_impus; i++)
			r->impus[i].is_explicit = explicit >> i & 1;
		r->kept.id = row_id;
	}
	free(impi);
	return rc;
}
