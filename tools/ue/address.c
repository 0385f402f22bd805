#include "tools/ue/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

size_t address_bytes(const struct address *a)
{
	return a->family == AF_INET ? 4 : 16;
}

bool address_equal(const struct address *a, const struct address *b)
{
	return a->family == b->family && !memcmp(a->bytes, b->bytes, address_bytes(a));
}

int address_parse(const char *text, struct address *a)
{
	memset(a, 0, sizeof(*a));
	a->family = strchr(text, ':') ? AF_INET6 : AF_INET;
	return inet_pton(a->family, text, a->bytes) == 1 ? 0 : -EINVAL;
}

static int parse_port(const char *text, uint16_t *port)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (*text < '0' || *text > '9' || *end || !n || n > UINT16_MAX)
		return -EINVAL;
	*port = (uint16_t)n;
	return 0;
}

int address_parse_port(const char *text, struct address *a, uint16_t *port)
{
	const char *host = *text == '[' ? text + 1 : text;
	const char *end = strrchr(text, *text == '[' ? ']' : ':');
	char copy[INET6_ADDRSTRLEN];
	size_t n;

	if (!end || (*text == '[' && end[1] != ':'))
		return -EINVAL;
	n = (size_t)(end - host);
	if (n >= sizeof(copy))
		return -EINVAL;
	memcpy(copy, host, n);
	copy[n] = '\0';
	if (parse_port(end + (*text == '[' ? 2 : 1), port))
		return -EINVAL;
	return address_parse(copy, a);
}

static uint32_t get_low(const struct address *a)
{
	uint32_t low;

	memcpy(&low, a->bytes + address_bytes(a) - 4, 4);
	return ntohl(low);
}

struct address address_plus(const struct address *first, uint32_t n)
{
	struct address sum = *first;
	uint32_t low = htonl(get_low(first) + n);

	memcpy(sum.bytes + address_bytes(first) - 4, &low, 4);
	return sum;
}

int64_t address_minus(const struct address *a, const struct address *first)
{
	uint32_t low = get_low(a), first_low = get_low(first);

	if (a->family != first->family || low < first_low ||
	    memcmp(a->bytes, first->bytes, address_bytes(a) - 4))
		return -1;
	return low - first_low;
}

const char *address_text(const struct address *a, char out[ADDRESS_TEXT_BYTES])
{
	char text[INET6_ADDRSTRLEN];

	inet_ntop(a->family, a->bytes, text, sizeof(text));
	snprintf(out, ADDRESS_TEXT_BYTES, a->family == AF_INET ? "%s" : "[%s]", text);
	return out;
}

socklen_t address_to_socket(const struct address *a, uint16_t port, struct sockaddr_storage *out)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)out;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;

	memset(out, 0, sizeof(*out));
	out->ss_family = a->family;
	if (a->family == AF_INET) {
		v4->sin_port = htons(port);
		memcpy(&v4->sin_addr, a->bytes, 4);
		return sizeof(*v4);
	}
	v6->sin6_port = htons(port);
	memcpy(&v6->sin6_addr, a->bytes, 16);
	return sizeof(*v6);
}

void address_from_socket(const struct sockaddr_storage *from, struct address *a, uint16_t *port)
{
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)from;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)from;

	memset(a, 0, sizeof(*a));
	a->family = (uint8_t)from->ss_family;
	if (from->ss_family == AF_INET) {
		memcpy(a->bytes, &v4->sin_addr, 4);
		*port = ntohs(v4->sin_port);
	} else {
		memcpy(a->bytes, &v6->sin6_addr, 16);
		*port = ntohs(v6->sin6_port);
	}
}
