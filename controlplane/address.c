#include "controlplane/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SIP_PORT 5060 /* RFC 3261 19.1.2 */

int address_parse(const char *host, uint16_t port, struct address *out)
{
	char text[INET6_ADDRSTRLEN];
	size_t length = strlen(host);
	if (length >= 2 && host[0] == '[' && host[length - 1] == ']') {
		host++;
		length -= 2;
	}
	if (length >= sizeof(text))
		return -EINVAL;
	memcpy(text, host, length);
	text[length] = '\0';
	*out = (struct address){ .port = port };
	if (inet_pton(AF_INET, text, out->bytes) == 1)
		out->family = 4;
	else if (inet_pton(AF_INET6, text, out->bytes) == 1)
		out->family = 6;
	else
		return -EINVAL;
	return 0;
}

int address_parse_uri(const char *uri, struct address *out)
{
	if (strncasecmp(uri, "sip:", 4))
		return -EINVAL;
	const char *host = uri + 4;
	size_t host_bytes = host[0] == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":;?");
	char text[INET6_ADDRSTRLEN + 2];
	if (host_bytes >= sizeof(text) || host_bytes > strlen(host))
		return -EINVAL;
	memcpy(text, host, host_bytes);
	text[host_bytes] = '\0';
	unsigned long port = SIP_PORT;
	const char *rest = host + host_bytes;
	if (*rest == ':') {
		char *end;
		port = strtoul(rest + 1, &end, 10);
		if (end == rest + 1 || port < 1 || port > 65535)
			return -EINVAL;
		rest = end;
	}
	if (*rest && *rest != ';' && *rest != '?')
		return -EINVAL;
	return address_parse(text, (uint16_t)port, out);
}

int address_parse_network(const char *text, struct network *out)
{
	char host[INET6_ADDRSTRLEN];
	const char *slash = strchr(text, '/');
	char *end;
	if (!slash || (size_t)(slash - text) >= sizeof(host) || slash[1] < '0' || slash[1] > '9')
		return -EINVAL;
	memcpy(host, text, (size_t)(slash - text));
	host[slash - text] = '\0';
	unsigned long number = strtoul(slash + 1, &end, 10);
	if (*end || address_parse(host, 0, &out->first) ||
	    number > (out->first.family == 6 ? 128 : 32))
		return -EINVAL;
	out->bits = (unsigned)number;
	return 0;
}

bool address_is_in(const struct address *a, const struct network *network)
{
	const struct address *first = &network->first;
	unsigned bits = network->bits;
	if (a->family != first->family || memcmp(a->bytes, first->bytes, bits / 8))
		return false;
	uint8_t mask = (uint8_t)(0xff00 >> bits % 8);
	return !(bits % 8) || !((a->bytes[bits / 8] ^ first->bytes[bits / 8]) & mask);
}

bool address_is_in_any(const struct address *a, const struct network *networks, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (address_is_in(a, &networks[i]))
			return true;
	return false;
}

bool address_is_loopback(const struct address *a)
{
	static const uint8_t six[16] = { [15] = 1 };
	return a->family == 6 ? !memcmp(a->bytes, six, sizeof(six)) : a->bytes[0] == 127;
}

struct address address_source(const struct address *a)
{
	struct address source = { .family = a->family };
	memcpy(source.bytes, a->bytes, a->family == 6 ? 8 : sizeof(a->bytes));
	return source;
}

/* Decimal digits, and what follows them. snprintf() would take most of a message's key. */
static char *put_number(char *at, unsigned n)
{
	char digits[10];
	unsigned n_digits = 0;
	do
		digits[n_digits++] = (char)('0' + n % 10);
	while (n /= 10);
	while (n_digits)
		*at++ = digits[--n_digits];
	return at;
}

static char *put_host(char *at, const struct address *a)
{
	if (a->family == 6) {
		*at = '[';
		inet_ntop(AF_INET6, a->bytes, at + 1, INET6_ADDRSTRLEN);
		at += strlen(at);
		*at++ = ']';
		return at;
	}
	for (unsigned i = 0; i < 4; i++) {
		at = put_number(at, a->bytes[i]);
		*at++ = '.';
	}
	return at - 1;
}

const char *address_print_host(const struct address *a, char text[static ADDRESS_TEXT_BYTES])
{
	*put_host(text, a) = '\0';
	return text;
}

const char *address_print(const struct address *a, char text[static ADDRESS_TEXT_BYTES])
{
	char *at = put_host(text, a);
	*at++ = ':';
	*put_number(at, a->port) = '\0';
	return text;
}

bool address_same_host(const struct address *a, const struct address *b)
{
	return a->family == b->family && !memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

bool address_equal(const struct address *a, const struct address *b)
{
	return a->port == b->port && address_same_host(a, b);
}

socklen_t address_to_sockaddr(const struct address *a, struct sockaddr_storage *out)
{
	memset(out, 0, sizeof(*out));
	if (a->family == 4) {
		struct sockaddr_in *in = (struct sockaddr_in *)out;
		in->sin_family = AF_INET;
		in->sin_port = htons(a->port);
		memcpy(&in->sin_addr, a->bytes, 4);
		return sizeof(*in);
	}
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)out;
	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons(a->port);
	memcpy(&in6->sin6_addr, a->bytes, 16);
	return sizeof(*in6);
}

int address_from_sockaddr(const struct sockaddr_storage *s, struct address *out)
{
	*out = (struct address){ 0 };
	if (s->ss_family == AF_INET) {
		const struct sockaddr_in *in = (const struct sockaddr_in *)s;
		out->family = 4;
		out->port = ntohs(in->sin_port);
		memcpy(out->bytes, &in->sin_addr, 4);
		return 0;
	}
	if (s->ss_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)s;
		out->family = 6;
		out->port = ntohs(in6->sin6_port);
		memcpy(out->bytes, &in6->sin6_addr, 16);
		return 0;
	}
	return -EAFNOSUPPORT;
}
