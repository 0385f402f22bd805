/*
 * A subscription as a row of the S-CSCF's state file, and back. What is added to struct
 * subscription, and must outlive the process, is written here, and SCSCF_STATE_VERSION counts up.
 *
 * A row is written when a SUBSCRIBE is answered, and goes when the last NOTIFY is answered. The
 * numbers of NOTIFYs are not written with each of them: after a restart they jump ahead, and that
 * is written with the first.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/record.h"
#include "controlplane/reg_event_impl.h"
#include "controlplane/registration.h"

/* More NOTIFYs than go to a subscription in between; 31 bits have room for 32 000 restarts. */
#define NUMBERS_AHEAD 65536

static void put_dialog(struct record *row, const struct dialog *d)
{
	record_put_text(row, d->call_id);
	record_put_text(row, d->local);
	record_put_text(row, d->remote);
	record_put_text(row, d->local_tag);
	record_put_text(row, d->remote_tag);
	record_put_text(row, d->target);
	record_put_number(row, d->n_routes);
	for (unsigned i = 0; i < d->n_routes; i++)
		record_put_text(row, d->routes[i]);
	record_put_number(row, d->local_cseq);
	record_put_number(row, d->remote_cseq);
}

void subscription_save(const struct statefile_item *item, struct record *row)
{
	const struct subscription *s = table_entry(item, const struct subscription, kept);

	record_put_number(row, SCSCF_ROW_SUBSCRIPTION);
	record_put_text(row, s->subject->impi);
	record_put_text(row, s->subject->impu);
	record_put_number(row, s->is_user);
	record_put_text(row, s->event);
	record_put_number(row, statefile_time(s->events->file, s->expires_ms));
	record_put_number(row, s->n_sent);
	put_dialog(row, &s->dialog);
}

/* A text that a struct has room for. */
static void read_short(struct record *row, char *out, size_t out_bytes)
{
	char *text = record_some_text(row);

	if (text != NULL && strlen(text) >= out_bytes && row->error == 0)
		row->error = -EBADMSG;
	else if (text != NULL)
		strcpy(out, text);
	free(text);
}

static void read_dialog(struct record *row, struct dialog *d)
{
	d->call_id = record_some_text(row);
	d->local = record_some_text(row);
	d->remote = record_some_text(row);
	read_short(row, d->local_tag, sizeof(d->local_tag));
	d->remote_tag = record_some_text(row);
	d->target = record_some_text(row);
	d->n_routes = (unsigned)record_number(row, DIALOG_ROUTES);
	if (d->n_routes > 0)
		d->routes = calloc(d->n_routes, sizeof(*d->routes));
	if (d->routes == NULL && d->n_routes > 0) {
		d->n_routes = 0;
		row->error = -ENOMEM;
	}
	for (unsigned i = 0; i < d->n_routes; i++)
		d->routes[i] = record_some_text(row);
	d->local_cseq = (uint32_t)record_number(row, INT32_MAX - NUMBERS_AHEAD) + NUMBERS_AHEAD;
	d->remote_cseq = (uint32_t)record_number(row, UINT32_MAX);
}

int subscription_load(struct reg_event *e, int64_t row_id, struct record *row,
		      const struct statefile *file)
{
	struct subscription *s = calloc(1, sizeof(*s));
	uint64_t now_ms = loop_now_ms(e->loop);
	char *impi, *impu;
	int rc;

	if (s == NULL)
		return -ENOMEM;
	record_number(row, SCSCF_ROW_SUBSCRIPTION);
	impi = record_some_text(row);
	impu = record_some_text(row);
	s->is_user = record_number(row, 1);
	read_short(row, s->event, sizeof(s->event));
	s->expires_ms = statefile_loop_time(file, record_number(row, INT64_MAX));
	s->n_sent = (uint32_t)record_number(row, INT32_MAX - NUMBERS_AHEAD) + NUMBERS_AHEAD;
	read_dialog(row, &s->dialog);
	rc = record_end(row);
	if (rc == 0 && s->expires_ms <= now_ms)
		rc = -ENOENT;
	if (rc == 0)
		rc = subscription_add(e, s, impi, impu);
	if (rc < 0) {
		dialog_clear(&s->dialog);
		free(s);
	} else {
		timer_set(e->loop, &s->expiry, s->expires_ms - now_ms);
		s->kept.id = row_id;
		s->has_jumped = true;
	}
	free(impi);
	free(impu);
	return rc;
}
