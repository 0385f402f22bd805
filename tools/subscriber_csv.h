/*
 * The CSV file of subscribers: header line `impi,impu,k,opc,amf,sqn`, then one subscriber a line;
 * several IMPUs separated by spaces, the default one first, with a `/` between implicit sets; keys
 * in hex, SQN in decimal. With `op` instead of `opc` in the header the column is OP.
 *
 * Everything read is checked; an error names the line and the column, never a key. Line buffers and
 * rows are wiped.
 */
#ifndef TOOLS_SUBSCRIBER_CSV_H
#define TOOLS_SUBSCRIBER_CSV_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define SUBSCRIBER_CSV_HEADER    "impi,impu,k,opc,amf,sqn"
#define SUBSCRIBER_CSV_HEADER_OP "impi,impu,k,op,amf,sqn"

#define SUBSCRIBER_IDENTITY_BYTES 256 /* with the NUL: TS 23.003 13.3 */
#define SUBSCRIBER_MAX_IMPUS      16

struct subscriber_row {
	char impi[SUBSCRIBER_IDENTITY_BYTES];
	char impus[SUBSCRIBER_MAX_IMPUS][SUBSCRIBER_IDENTITY_BYTES]; /* scheme, host lower case */
	uint8_t sets[SUBSCRIBER_MAX_IMPUS]; /* number of the implicit set of each */
	unsigned n_impus;
	unsigned n_sets; /* after the first, and begun */
	uint8_t k[16];
	uint8_t opc[16];
	uint8_t amf[2];
	uint64_t sqn; /* 48 bits */
};

/*
 * Sets the IMPI, or adds one more IMPU, checked as those of a file; IMPU "/" begins a further
 * implicit set. False: it is none, and `reason`
 * says why.
 */
bool subscriber_row_impi(struct subscriber_row *row, const char *impi, char *reason,
			 size_t reason_bytes);
bool subscriber_row_impu(struct subscriber_row *row, const char *impu, char *reason,
			 size_t reason_bytes);

/* OP, which is in row->opc, becomes OPc (TS 35.206 4.1). Returns 0 or -EIO. */
int subscriber_row_take_op(struct subscriber_row *row);

/*
 * Reads `in` to its end and gives each row to `each`, which returns 0, or -errno with its reason in
 * `reason` to end the reading. `name` stands for the file. Returns 0, or -errno with one line
 * "NAME:LINE: what is wrong" in `error`.
 */
int subscriber_csv_read(FILE *in, const char *name,
			int (*each)(void *arg, const struct subscriber_row *row, char *reason,
				    size_t reason_bytes),
			void *arg, char *error, size_t error_bytes);

#endif
