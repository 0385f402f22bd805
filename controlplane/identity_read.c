/* Values that anybody may look at: no UE is behind them, so the I-CSCF can screen without any. */
#include "controlplane/identity.h"

#include <errno.h>
#include <string.h>

#include "controlplane/sip_list.h"
#include "controlplane/sip_uri.h"

int identity_read(const struct sip *message, const char *header,
		  char aor[static IDENTITY_VALUES][SIP_VALUE_BYTES])
{
	char element[SIP_VALUE_BYTES];
	unsigned n = 0, n_tel = 0;
	int n_bytes;
	while ((n_bytes = sip_list_get(message, header, n, element, sizeof(element))) != -ENOENT) {
		if (n_bytes < 0 || n == IDENTITY_VALUES ||
		    sip_aor_text(element, aor[n], SIP_VALUE_BYTES) < 0)
			return -EINVAL;
		n_tel += !strncmp(aor[n], "tel:", strlen("tel:"));
		n++;
	}
	return n < IDENTITY_VALUES || n_tel == 1 ? (int)n : -EINVAL;
}
