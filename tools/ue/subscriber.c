#include "tools/ue/subscriber.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/wipe.h"

#define HEADER     "impi,impu,k,opc,amf,sqn"
#define LINE_BYTES 1024

enum column { IMPI, IMPU, K, OPC, AMF, SQN, N_COLUMNS };

/* More than an HSS makes in a test, and less than Δ, so that its answer to AUTS is in range. */
#define AHEAD (UINT64_C(1) << 20)

static bool split(char *line, char *field[N_COLUMNS])
{
	for (unsigned i = 0; i < N_COLUMNS; i++) {
		field[i] = strsep(&line, ",");
		if (!field[i] || !*field[i])
			return false;
	}
	return !line;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool read_key(const char *text, uint8_t key[AKA_KEY_BYTES])
{
	if (strlen(text) != 2 * AKA_KEY_BYTES)
		return false;
	for (unsigned i = 0; i < AKA_KEY_BYTES; i++) {
		int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		key[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

/* Identities go into SIP headers as they are, so nothing in them may end one. */
static bool copy_identity(const char *text, size_t n, char out[SUBSCRIBER_IDENTITY_BYTES])
{
	if (n >= SUBSCRIBER_IDENTITY_BYTES)
		return false;
	for (size_t i = 0; i < n; i++)
		if (text[i] <= ' ' || text[i] >= 0x7f || strchr("\"<>\\", text[i]))
			return false;
	memcpy(out, text, n);
	out[n] = '\0';
	return true;
}

static bool read_sqn(const char *text, struct aka_isim *isim)
{
	char *end;
	uint64_t sqn;

	errno = 0;
	sqn = strtoull(text, &end, 10);
	if (errno || *end || *text < '0' || *text > '9' || sqn >> AKA_SQN_BITS)
		return false;
	for (unsigned i = 0; i < AKA_N_INDS; i++)
		isim->seq[i] = sqn >> AKA_IND_BITS;
	return true;
}

/* NULL, or what is wrong with the row. */
static const char *read_row(char *line, struct subscriber *s)
{
	char *field[N_COLUMNS], *at;

	if (!split(line, field))
		return "expected six fields: " HEADER;
	if (!copy_identity(field[IMPI], strlen(field[IMPI]), s->impi))
		return "impi: not an identity";
	at = strchr(s->impi, '@');
	if (!at || at == s->impi || !at[1])
		return "impi: expected user@realm";
	s->realm = at + 1;
	if (strncmp(field[IMPU], "sip:", 4) ||
	    !copy_identity(field[IMPU], strcspn(field[IMPU], " "), s->impu))
		return "impu: expected SIP URIs, separated by spaces";
	if (!read_key(field[K], s->k))
		return "k: expected 32 hex digits";
	if (!read_key(field[OPC], s->opc))
		return "opc: expected 32 hex digits";
	if (!read_sqn(field[SQN], &s->isim))
		return "sqn: expected a decimal number below 2^48";
	return NULL;
}

static bool chomp(char *line)
{
	size_t n = strlen(line);

	if (!n || line[n - 1] != '\n')
		return false;
	line[n - 1] = '\0';
	if (n > 1 && line[n - 2] == '\r')
		line[n - 2] = '\0';
	return true;
}

static const char *read_next(FILE *file, char *line, struct subscriber_list *out, bool *end)
{
	*end = !fgets(line, LINE_BYTES, file);
	if (*end)
		return ferror(file) ? strerror(errno) : NULL;
	if (!chomp(line) && !feof(file))
		return "line too long";
	return read_row(line, &out->at[out->n++]);
}

int subscriber_read(FILE *file, const char *name, uint32_t max, struct subscriber_list *out,
		    char *error, size_t error_bytes)
{
	const char *problem = NULL;
	unsigned number = 1;
	char line[LINE_BYTES];
	bool end = false;

	*out = (struct subscriber_list){ .at = calloc(max, sizeof(*out->at)) };
	if (!out->at) {
		snprintf(error, error_bytes, "%s: %s", name, strerror(ENOMEM));
		return -ENOMEM;
	}
	if (!fgets(line, sizeof(line), file) || !chomp(line) || strcmp(line, HEADER))
		problem = "expected the header line " HEADER;
	while (!problem && !end && out->n < max) {
		number++;
		problem = read_next(file, line, out, &end);
	}
	wipe(line, sizeof(line));
	if (!problem && !out->n)
		problem = "expected a subscriber";
	if (!problem)
		return 0;
	snprintf(error, error_bytes, "%s:%u: %s", name, number, problem);
	subscriber_free(out);
	return -EINVAL;
}

void subscriber_free(struct subscriber_list *list)
{
	if (list->at)
		wipe(list->at, list->n * sizeof(*list->at));
	free(list->at);
	*list = (struct subscriber_list){ 0 };
}

void subscriber_move_ahead(struct subscriber *s)
{
	for (unsigned i = 0; i < AKA_N_INDS; i++)
		s->isim.seq[i] += AHEAD;
}
