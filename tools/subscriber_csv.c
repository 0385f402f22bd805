#include "tools/subscriber_csv.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/milenage.h"
#include "crypto/wipe.h"

#define N_COLUMNS 6
#define MAX_SQN   ((UINT64_C(1) << 48) - 1)

/* 16 identities, two keys and the rest: no honest line is longer. */
#define LINE_BYTES 8192

struct reader {
	char *reason;
	size_t reason_bytes;
	bool has_op; /* in the place of OPc */
};

static bool complain(const struct reader *r, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static bool complain(const struct reader *r, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(r->reason, r->reason_bytes, format, args);
	va_end(args);
	return false;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool read_hex(const struct reader *r, const char *column, const char *text, uint8_t *out,
		     size_t n_bytes)
{
	if (strlen(text) != 2 * n_bytes)
		return complain(r, "%s has %zu characters, expected %zu hex digits", column,
				strlen(text), 2 * n_bytes);
	for (size_t i = 0; i < n_bytes; i++) {
		int high = hex_digit(text[2 * i]);
		int low = hex_digit(text[2 * i + 1]);

		if (high < 0 || low < 0)
			return complain(r, "%s is not hex, expected %zu hex digits", column,
					2 * n_bytes);
		out[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

static bool read_sqn(const struct reader *r, const char *text, uint64_t *out)
{
	char *end;

	errno = 0;
	*out = strtoull(text, &end, 10);
	if (!isdigit((unsigned char)text[0]) || *end != '\0' || errno != 0 || *out > MAX_SQN)
		return complain(r, "sqn is not a number of 48 bits");
	return true;
}

/* What would end a SIP header, a URI or this file's fields. */
static bool is_plain(const char *text)
{
	for (; *text != '\0'; text++) {
		if (*text <= ' ' || *text >= 0x7f || strchr("\"<>\\,;?", *text) != NULL)
			return false;
	}
	return true;
}

/* TS 23.003 13.3: user@realm. */
static bool read_impi(const struct reader *r, const char *text, char *out)
{
	const char *at = strchr(text, '@');

	if (strlen(text) >= SUBSCRIBER_IDENTITY_BYTES)
		return complain(r, "impi is longer than %d characters",
				SUBSCRIBER_IDENTITY_BYTES - 1);
	if (at == NULL || at == text || at[1] == '\0' || strchr(at + 1, '@') != NULL ||
	    !is_plain(text))
		return complain(r, "impi is no identity of the form user@realm");
	strcpy(out, text);
	return true;
}

static void lower(char *text, size_t n)
{
	for (size_t i = 0; i < n; i++)
		text[i] = (char)tolower((unsigned char)text[i]);
}

/* TS 23.003 13.4: a SIP URI or a tel URI, as the S-CSCF compares them. */
static bool read_impu(const struct reader *r, const char *text, char *out)
{
	char *at;

	if (strlen(text) >= SUBSCRIBER_IDENTITY_BYTES)
		return complain(r, "an impu is longer than %d characters",
				SUBSCRIBER_IDENTITY_BYTES - 1);
	if (!is_plain(text))
		return complain(r, "an impu holds a character that it may not hold");
	strcpy(out, text);
	lower(out, 4);
	if (strncmp(out, "tel:", 4) == 0 && out[4] != '\0')
		return true;
	at = strchr(out, '@');
	if (strncmp(out, "sip:", 4) != 0 || at == NULL || at == out + 4 || at[1] == '\0' ||
	    strpbrk(at + 1, "@:") != NULL)
		return complain(r, "an impu is neither sip:user@domain nor tel:number");
	lower(at, strlen(at));
	return true;
}

static bool add_impu(const struct reader *r, const char *text, struct subscriber_row *row)
{
	if (strcmp(text, "/") == 0) {
		/* A set has an identity: neither first nor twice. */
		if (row->n_impus == 0 || row->sets[row->n_impus - 1] < row->n_sets)
			return complain(r, "an implicit set without an impu");
		row->n_sets++;
		return true;
	}
	if (row->n_impus == SUBSCRIBER_MAX_IMPUS)
		return complain(r, "more than %d impus", SUBSCRIBER_MAX_IMPUS);
	row->sets[row->n_impus] = (uint8_t)row->n_sets;
	return read_impu(r, text, row->impus[row->n_impus++]);
}

bool subscriber_row_impi(struct subscriber_row *row, const char *impi, char *reason,
			 size_t reason_bytes)
{
	return read_impi(&(struct reader){ reason, reason_bytes }, impi, row->impi);
}

bool subscriber_row_impu(struct subscriber_row *row, const char *impu, char *reason,
			 size_t reason_bytes)
{
	return add_impu(&(struct reader){ reason, reason_bytes }, impu, row);
}

int subscriber_row_take_op(struct subscriber_row *row)
{
	struct milenage *m = milenage_new();
	uint8_t opc[sizeof(row->opc)];
	int rc = m != NULL ? milenage_opc(m, row->k, row->opc, opc) : -EIO;

	if (rc == 0)
		memcpy(row->opc, opc, sizeof(row->opc));
	wipe(opc, sizeof(opc));
	milenage_free(m);
	return rc;
}

static bool read_impus(const struct reader *r, char *text, struct subscriber_row *row)
{
	char *impu;

	row->n_impus = row->n_sets = 0;
	while ((impu = strsep(&text, " ")) != NULL) {
		if (*impu != '\0' && !add_impu(r, impu, row))
			return false;
	}
	if (row->n_impus == 0)
		return complain(r, "impu is empty");
	return row->sets[row->n_impus - 1] == row->n_sets ||
	       complain(r, "an implicit set without an impu");
}

static bool read_row(const struct reader *r, char *line, struct subscriber_row *row)
{
	char *field[N_COLUMNS];
	unsigned n = 0;
	char *next = line;
	char *text;

	while ((text = strsep(&next, ",")) != NULL) {
		if (n < N_COLUMNS)
			field[n] = text;
		n++;
	}
	if (n != N_COLUMNS)
		return complain(r, "%u fields, expected %s", n, SUBSCRIBER_CSV_HEADER);
	const char *op = r->has_op ? "op" : "opc";

	return read_impi(r, field[0], row->impi) && read_impus(r, field[1], row) &&
	       read_hex(r, "k", field[2], row->k, sizeof(row->k)) &&
	       read_hex(r, op, field[3], row->opc, sizeof(row->opc)) &&
	       (!r->has_op || subscriber_row_take_op(row) == 0 ||
		complain(r, "OPc cannot be computed")) &&
	       read_hex(r, "amf", field[4], row->amf, sizeof(row->amf)) &&
	       read_sqn(r, field[5], &row->sqn);
}

/* Takes the line end off. False: it is cut, or holds a NUL. */
static bool is_whole(FILE *in, char *line, size_t line_bytes)
{
	size_t n = strlen(line);

	if (n > 0 && line[n - 1] == '\n')
		line[--n] = '\0';
	else if (n + 1 >= line_bytes || !feof(in))
		return false;
	if (n > 0 && line[n - 1] == '\r')
		line[n - 1] = '\0';
	return true;
}

int subscriber_csv_read(FILE *in, const char *name,
			int (*each)(void *arg, const struct subscriber_row *row, char *reason,
				    size_t reason_bytes),
			void *arg, char *error, size_t error_bytes)
{
	char line[LINE_BYTES];
	char reason[256];
	struct reader r = { .reason = reason, .reason_bytes = sizeof(reason) };
	struct subscriber_row row;
	unsigned long n = 0;
	int rc = 0;

	while (rc == 0 && fgets(line, sizeof(line), in) != NULL) {
		n++;
		rc = -EINVAL;
		if (!is_whole(in, line, sizeof(line)))
			complain(&r, "not a line of text of at most %d bytes", LINE_BYTES - 2);
		else if (n == 1 && strcmp(line, SUBSCRIBER_CSV_HEADER_OP) == 0)
			rc = (r.has_op = true, 0);
		else if (n == 1 && strcmp(line, SUBSCRIBER_CSV_HEADER) != 0)
			complain(&r, "expected the header line %s", SUBSCRIBER_CSV_HEADER);
		else if (n == 1 || line[0] == '\0')
			rc = 0;
		else if (read_row(&r, line, &row))
			rc = each(arg, &row, reason, sizeof(reason));
	}
	if (rc == 0 && ferror(in)) {
		rc = -errno;
		n++;
		complain(&r, "cannot be read: %s", strerror(-rc));
	} else if (rc == 0 && n == 0) {
		rc = -EINVAL;
		n = 1;
		complain(&r, "expected the header line %s", SUBSCRIBER_CSV_HEADER);
	}
	wipe(line, sizeof(line));
	wipe(&row, sizeof(row));
	if (rc < 0)
		snprintf(error, error_bytes, "%s:%lu: %s", name, n, reason);
	return rc;
}
