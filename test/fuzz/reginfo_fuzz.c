/*
 * The document of the event package reg, which a NOTIFY carries: to the P-CSCF, and to a UE; and
 * the one by which a UE is told that its registration is lost.
 */
#include <stdlib.h>
#include <string.h>

#include "controlplane/reginfo.h"
#include "test/fuzz/fuzz.h"
#include "tools/ue/notice.h"

static bool is_plain(const char *text)
{
	for (; *text != '\0'; text++) {
		if (*text <= ' ' || *text == 0x7f)
			return false;
	}
	return true;
}

/* The UE's reader is another one; what the P-CSCF's takes is no harm to it. */
static void give_ue(const uint8_t *data, size_t size)
{
	struct notice n;

	if (notice_read(data, size, "sip:10.1.0.1:5062", &n) != 0 && n.event > NOTICE_ENDED)
		abort();
	notice_restores(data, size);
}

/* What was found good is the same when written and read again, once nothing is to be escaped. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reginfo *info = calloc(2, sizeof(*info));
	bool is_same = true;
	size_t n_bytes;
	char *text;

	if (info == NULL)
		abort();
	give_ue(data, size);
	if (reginfo_read(data, size, &info[0]) == 0) {
		if (info[0].n_contacts > REGINFO_CONTACTS ||
		    reginfo_write(&info[0], &text, &n_bytes) != 0)
			abort();
		for (unsigned i = 0; i < info[0].n_contacts; i++)
			is_same &= is_plain(info[0].contacts[i].aor) &&
				   is_plain(info[0].contacts[i].uri);
		if (is_same && n_bytes <= REGINFO_BYTES &&
		    (reginfo_read(text, n_bytes, &info[1]) != 0 ||
		     info[1].version != info[0].version || info[1].n_contacts > info[0].n_contacts))
			abort();
		free(text);
	}
	free(info);
	return 0;
}
