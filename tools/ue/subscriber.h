/*
 * The subscribers that the UEs are: rows of the CSV file that `imsgate subscriber generate` writes,
 * each with its ISIM. The list owns everything in it; freeing wipes the keys. They are never
 * printed. One thread.
 */
#ifndef TOOLS_UE_SUBSCRIBER_H
#define TOOLS_UE_SUBSCRIBER_H

#include <stdio.h>

#include "crypto/aka.h"

#define SUBSCRIBER_IDENTITY_BYTES 192 /* an IMPI or IMPU with the NUL */

struct subscriber {
	char impi[SUBSCRIBER_IDENTITY_BYTES];
	char impu[SUBSCRIBER_IDENTITY_BYTES]; /* the first of the row: the default one */
	const char *realm;                    /* in impi, behind the @ */
	uint8_t k[AKA_KEY_BYTES];
	uint8_t opc[AKA_KEY_BYTES];
	struct aka_isim isim;
};

struct subscriber_list {
	struct subscriber *at;
	uint32_t n;
};

/*
 * Reads the header line `impi,impu,k,opc,amf,sqn` and then at most max rows. The ISIM starts from
 * the SQN of the row, the last one that the HSS has used. `name` stands for the file. Returns 0, or
 * -errno with one located line in `error`.
 */
int subscriber_read(FILE *file, const char *name, uint32_t max, struct subscriber_list *out,
		    char *error, size_t error_bytes);
void subscriber_free(struct subscriber_list *list);

/* Moves the ISIM so far ahead that the next challenges are out of range (C-031). */
void subscriber_move_ahead(struct subscriber *s);

#endif
