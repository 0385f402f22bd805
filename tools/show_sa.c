#include "tools/show.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "configs/config.h"
#include "dataplane/names.h"
#include "tools/commands.h"
#include "tools/dataplane.h"
#include "tools/options.h"

/*
 * Rows go out as they come in: a million of them need no memory here. A table is listed twice, for
 * its widths and for its rows; what comes between the two may stand out of line.
 */
struct sa_printer {
	const struct config_dataplane *dataplane;
	uint64_t n_rows;
	int registration_width;
	int zone_width;
	int local_width;
	int peer_width;
};

static const char *zone_name(const struct sa_printer *p, uint16_t zone)
{
	return zone < p->dataplane->n_zones ? p->dataplane->zones[zone].name : "?";
}

static const char *lifetime(const struct api_sa_info *sa, char out[16])
{
	if (sa->lifetime_s == 0)
		return "-";
	snprintf(out, 16, "%u s", sa->lifetime_s);
	return out;
}

static void widen(int *width, const char *text)
{
	int n = strlen(text);

	if (n > *width)
		*width = n;
}

static int measure_row(const struct api_sa_info *sa, void *user)
{
	char handle[NAMES_REGISTRATION_BYTES], endpoint[NAMES_ENDPOINT_BYTES];
	struct sa_printer *p = user;

	widen(&p->registration_width, names_registration(sa->registration, handle));
	widen(&p->zone_width, zone_name(p, sa->zone));
	widen(&p->local_width, names_endpoint(sa->family, &sa->local, sa->local_port, endpoint));
	widen(&p->peer_width, names_endpoint(sa->family, &sa->peer, sa->peer_port, endpoint));
	return 0;
}

static int print_row(const struct api_sa_info *sa, void *user)
{
	char local[NAMES_ENDPOINT_BYTES], peer[NAMES_ENDPOINT_BYTES], left[16];
	struct sa_printer *p = user;

	if (p->n_rows++ == 0)
		printf("%*s  %-*s  dir  %-10s  %-*s  %-*s  %-13s  %-7s %12s %14s %10s  lifetime\n",
		       p->registration_width, "registration", p->zone_width, "zone", "spi",
		       p->local_width, "local", p->peer_width, "peer", "integrity", "cipher",
		       "packets", "bytes", "sequence");
	printf("%*" PRIu64 "  %-*s  %-3s  0x%08x  %-*s  %-*s  %-13s  %-7s %12" PRIu64 " %14" PRIu64
	       " %10" PRIu64 "  %s\n",
	       p->registration_width, sa->registration, p->zone_width, zone_name(p, sa->zone),
	       names_direction(sa->direction), sa->spi, p->local_width,
	       names_endpoint(sa->family, &sa->local, sa->local_port, local), p->peer_width,
	       names_endpoint(sa->family, &sa->peer, sa->peer_port, peer),
	       names_integrity(sa->integrity), names_cipher(sa->cipher), sa->n_pkts, sa->n_bytes,
	       sa->sequence, lifetime(sa, left));
	return 0;
}

static int print_json(const struct api_sa_info *sa, void *user)
{
	char local[NAMES_ENDPOINT_BYTES], peer[NAMES_ENDPOINT_BYTES];
	char handle[NAMES_REGISTRATION_BYTES];
	struct sa_printer *p = user;
	json_t *row =
		json_pack("{s:s, s:i, s:s, s:s, s:I, s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:I}",
			  "registration", names_registration(sa->registration, handle), "owner",
			  (int)sa->owner, "zone", zone_name(p, sa->zone), "direction",
			  names_direction(sa->direction), "spi", (json_int_t)sa->spi, "local",
			  names_endpoint(sa->family, &sa->local, sa->local_port, local), "peer",
			  names_endpoint(sa->family, &sa->peer, sa->peer_port, peer), "mode",
			  names_mode(sa->mode), "integrity", names_integrity(sa->integrity),
			  "cipher", names_cipher(sa->cipher), "n_pkts", (json_int_t)sa->n_pkts,
			  "n_bytes", (json_int_t)sa->n_bytes, "sequence", (json_int_t)sa->sequence,
			  "lifetime_s", (json_int_t)sa->lifetime_s);

	fputs(p->n_rows++ ? ",\n" : "[\n", stdout);
	json_dumpf(row, stdout, JSON_COMPACT);
	json_decref(row);
	return 0;
}

int show_sa(const struct config *c, bool json)
{
	struct sa_printer printer = {
		.dataplane = c->dataplane,
		.registration_width = strlen("registration"),
		.zone_width = strlen("zone"),
		.local_width = strlen("local"),
		.peer_width = strlen("peer"),
	};
	int status = EXIT_SUCCESS;
	struct dataplane d;

	/* A name of its own: looking must not own, nor adopt, anything. */
	if (dataplane_open(&d, c->dataplane->socket, "imsgate-show") ||
	    (!json && dataplane_list(&d, 0, measure_row, &printer)) ||
	    dataplane_list(&d, 0, json ? print_json : print_row, &printer))
		status = options_fail("show", "%s", d.error);
	else if (json)
		puts(printer.n_rows ? "\n]" : "[]");
	else if (printer.n_rows == 0)
		puts("no SAs");
	dataplane_close(&d);
	return status;
}
