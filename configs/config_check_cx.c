#include "configs/config_check.h"

#include <string.h>
#include <strings.h>

#include "configs/config.h"
#include "configs/config_document.h"
#include "configs/config_syntax.h"

/* freeDiameter takes loopback addresses for none at all: RFC 6733 5.3.5 tells the peer of them. */
static bool is_loopback(const char *text)
{
	static const uint8_t mapped[13] = { [10] = 0xff, [11] = 0xff, [12] = 127 };
	static const uint8_t six[16] = { [15] = 1 };
	struct syntax_address address;

	return syntax_address_parse(text, &address) &&
	       (!memcmp(address.bytes, mapped, sizeof(mapped)) ||
		!memcmp(address.bytes, six, sizeof(six)));
}

static int check_peer(struct config_document *d, const struct config_cx *cx, uint32_t i)
{
	const struct config_cx_peer *peer = &cx->peers[i];

	if (is_loopback(peer->address))
		return document_refuse(d, document_find(d, "cx.peers[%u].address", i),
				       "found the loopback address %s, expected another: Diameter "
				       "peers tell each other theirs",
				       peer->address);
	if (!strcasecmp(peer->identity, cx->identity))
		return document_refuse(d, document_find(d, "cx.peers[%u].identity", i),
				       "found the node's own identity %s, expected the peer's",
				       peer->identity);
	for (uint32_t j = 0; j < i; j++)
		if (!strcasecmp(peer->identity, cx->peers[j].identity))
			return document_refuse(d, document_find(d, "cx.peers[%u].identity", i),
					       "found peer %s again, expected each identity once",
					       peer->identity);
	return 0;
}

int check_cx(struct config_document *d, const struct config *c)
{
	const struct config_cx *cx = c->cx;
	int rc = 0;

	if (!cx || cx->transport != CONFIG_CX_DIAMETER)
		return 0;
	if (!cx->identity[0] || !cx->address[0] || !cx->n_peers)
		return document_refuse(d, document_find(d, "cx"),
				       "found transport diameter without %s, expected identity, "
				       "address and peers",
				       !cx->identity[0]  ? "identity"
				       : !cx->address[0] ? "address"
							 : "peers");
	if (is_loopback(cx->address))
		return document_refuse(d, document_find(d, "cx.address"),
				       "found the loopback address %s, expected another: Diameter "
				       "peers tell each other theirs",
				       cx->address);
	for (uint32_t i = 0; rc == 0 && i < cx->n_peers; i++)
		rc = check_peer(d, cx, i);
	return rc;
}
