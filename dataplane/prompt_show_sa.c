/* `show sa all`, `show sa SLOT`, `show tunnels`: what api.h lists, never a key. */
#include <inttypes.h>
#include <string.h>

#include "dataplane/names.h"
#include "dataplane/prompt_impl.h"

/* More are for `imsgate show sa`: while they are printed nobody else is served. */
#define ROWS_MAX 1000

static const char *zone_name(const struct prompt *p, uint16_t zone)
{
	return zone < p->parts.report.zones->n ? p->parts.report.zones->zone[zone].name : "?";
}

static void print_sa(struct prompt *p, const struct api_sa_info *sa)
{
	char local[NAMES_ENDPOINT_BYTES], peer[NAMES_ENDPOINT_BYTES], left[16] = "-";
	if (sa->lifetime_s)
		snprintf(left, sizeof(left), "%u s", sa->lifetime_s);
	fprintf(p->out,
		"slot %u  registration %" PRIu64 "  %s  %s 0x%08x  %s %s  %s + %s  packets %" PRIu64
		"  bytes %" PRIu64 "  sequence %" PRIu64 "  lifetime %s\n",
		sa->slot, sa->registration, zone_name(p, sa->zone), names_direction(sa->direction),
		sa->spi, names_endpoint(sa->family, &sa->local, sa->local_port, local),
		names_endpoint(sa->family, &sa->peer, sa->peer_port, peer),
		names_integrity(sa->integrity), names_cipher(sa->cipher), sa->n_pkts, sa->n_bytes,
		sa->sequence, left);
}

/* One message of a list: the entries behind the cursor; NULL and a failed command otherwise. */
static const void *list(struct prompt *p, enum api_type type, struct api_cursor *cursor, int *n)
{
	const uint8_t *entries = prompt_request(p, type, cursor, sizeof(*cursor), n);
	if (!entries) {
		prompt_fail(p, "%s", strerror(-*n));
		return NULL;
	}
	memcpy(cursor, entries, sizeof(*cursor));
	(*n)--;
	return entries + sizeof(*cursor);
}

void prompt_show_sas(struct prompt *p)
{
	struct api_cursor cursor = { 0 };
	uint32_t n_rows = 0;
	do {
		int n;
		const uint8_t *entry = list(p, API_SA_LIST, &cursor, &n);
		for (int i = 0; entry && i < n; i++, entry += sizeof(struct api_sa_info)) {
			struct api_sa_info info;
			memcpy(&info, entry, sizeof(info));
			if (n_rows++ < ROWS_MAX)
				print_sa(p, &info);
		}
	} while (cursor.next && !p->command_failed && n_rows <= ROWS_MAX);
	if (n_rows > ROWS_MAX)
		fprintf(p->out, "and more: `imsgate show sa` has all\n");
	else if (!n_rows)
		fprintf(p->out, "no SAs\n");
}

void prompt_show_slot(struct prompt *p, uint64_t slot)
{
	struct api_cursor cursor = { .next = (uint32_t)slot };
	struct api_sa_info info = { 0 };
	int n = 0;
	const void *entry = NULL;
	if (slot < p->parts.report.sas->capacity)
		entry = list(p, API_SA_LIST, &cursor, &n);
	if (entry && n > 0)
		memcpy(&info, entry, sizeof(info));
	if (info.spi && info.slot == slot)
		print_sa(p, &info);
	else if (!p->command_failed)
		prompt_fail(p, "no SA in slot %" PRIu64, slot);
}

static void print_tunnel(struct prompt *p, const struct api_tunnel_info *info)
{
	const struct api_tunnel *t = &info->tunnel;
	char local[NAMES_ENDPOINT_BYTES], peer[NAMES_ENDPOINT_BYTES];
	fprintf(p->out, "%u  handle %" PRIu64 "  %s  %s %s  %u SAs\n", info->number, t->handle,
		zone_name(p, t->zone), names_endpoint(t->family, &t->local, t->local_port, local),
		names_endpoint(t->family, &t->peer, t->peer_port, peer), info->n_sas);
}

void prompt_show_tunnels(struct prompt *p)
{
	struct api_cursor cursor = { 0 };
	uint32_t n_rows = 0;
	do {
		int n;
		const uint8_t *entry = list(p, API_TUNNEL_LIST, &cursor, &n);
		for (int i = 0; entry && i < n; i++, entry += sizeof(struct api_tunnel_info)) {
			struct api_tunnel_info info;
			memcpy(&info, entry, sizeof(info));
			if (n_rows++ < ROWS_MAX)
				print_tunnel(p, &info);
		}
	} while (cursor.next && !p->command_failed && n_rows <= ROWS_MAX);
	if (n_rows > ROWS_MAX)
		fprintf(p->out, "and more: `imsgate tunnel list` has all\n");
	else if (!n_rows)
		fprintf(p->out, "no tunnels\n");
}
