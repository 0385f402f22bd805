#include "configs/config_syntax.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#define ROLE_SOCKET_MAX "/pcscf.sock" /* the longest "/ROLE.sock" there is */

static bool only(const char *text, const char *punctuation)
{
	for (; *text; text++)
		if (!isalnum((unsigned char)*text) && !strchr(punctuation, *text))
			return false;
	return true;
}

/* Own addresses and next hops: what a packet can come from, RFC 1122 3.2.1.3, RFC 4291 2.5.2. */
static bool is_unicast(const struct syntax_address *address)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	static const uint8_t unspecified[16];
	const uint8_t *b = address->bytes;

	if (!memcmp(b, mapped, sizeof(mapped)))
		return b[12] != 0 && b[12] < 224;
	return b[0] != 0xff && memcmp(b, unspecified, sizeof(unspecified)) != 0;
}

bool syntax_address_parse(const char *text, struct syntax_address *out)
{
	struct in6_addr six = { .s6_addr = { [10] = 0xff, [11] = 0xff } };

	if (inet_pton(AF_INET, text, &six.s6_addr[12]) != 1 && inet_pton(AF_INET6, text, &six) != 1)
		return false;
	memcpy(out->bytes, six.s6_addr, sizeof(out->bytes));
	return is_unicast(out);
}

bool syntax_address(const char *text)
{
	struct syntax_address address;

	return syntax_address_parse(text, &address);
}

bool syntax_network(const char *text)
{
	char host[INET6_ADDRSTRLEN];
	uint8_t bytes[16] = { 0 };
	const char *slash = strchr(text, '/');
	size_t host_bytes = slash ? (size_t)(slash - text) : sizeof(host);
	char *end;
	bool v6;

	if (host_bytes >= sizeof(host) || slash[1] < '0' || slash[1] > '9')
		return false;
	memcpy(host, text, host_bytes);
	host[host_bytes] = '\0';
	v6 = strchr(host, ':');
	unsigned long bits = strtoul(slash + 1, &end, 10);
	if (*end || bits > (v6 ? 128 : 32) || inet_pton(v6 ? AF_INET6 : AF_INET, host, bytes) != 1)
		return false;
	for (unsigned long i = bits; i < sizeof(bytes) * 8; i++)
		if (bytes[i / 8] & 0x80 >> i % 8)
			return false;
	return true;
}

bool syntax_peer(const char *text)
{
	return syntax_address(text) || syntax_network(text);
}

static bool is_port(const char *text)
{
	size_t n = strspn(text, "0123456789");
	unsigned long port = strtoul(text, NULL, 10);

	return n >= 1 && n <= 5 && text[n] == '\0' && text[0] != '0' && port <= 65535;
}

bool syntax_next_hop(const char *text)
{
	char host[INET6_ADDRSTRLEN];
	const char *colon = strrchr(text, ':');
	size_t host_bytes;
	bool bracket;

	if (strncmp(text, "sip:", 4) || colon < text + 4 || !is_port(colon + 1))
		return false;
	text += 4;
	host_bytes = colon - text;
	bracket = host_bytes >= 2 && text[0] == '[' && text[host_bytes - 1] == ']';
	if (bracket) {
		text++;
		host_bytes -= 2;
	}
	if (host_bytes >= sizeof(host))
		return false;
	memcpy(host, text, host_bytes);
	host[host_bytes] = '\0';
	return syntax_address(host) && bracket == !!strchr(host, ':');
}

bool syntax_domain(const char *text)
{
	size_t total = strlen(text);

	if (total == 0 || total > 253)
		return false;
	for (;;) {
		size_t label = strcspn(text, ".");

		if (label == 0 || label > 63 || text[0] == '-' || text[label - 1] == '-')
			return false;
		for (size_t i = 0; i < label; i++)
			if (!isalnum((unsigned char)text[i]) && text[i] != '-')
				return false;
		if (text[label] == '\0')
			return true;
		text += label + 1;
	}
}

bool syntax_name(const char *text)
{
	return text[0] != '\0' && text[0] != '.' && strlen(text) <= 64 && only(text, "-_.");
}

bool syntax_client(const char *text)
{
	return syntax_name(text) && strlen(text) < 32;
}

bool syntax_optional_domain(const char *text)
{
	return text[0] == '\0' || syntax_domain(text);
}

bool syntax_optional_address(const char *text)
{
	return text[0] == '\0' || syntax_address(text);
}

bool syntax_optional_name(const char *text)
{
	return text[0] == '\0' || syntax_name(text);
}

bool syntax_interface(const char *text)
{
	if (strlen(text) >= IFNAMSIZ || !strcmp(text, ".") || !strcmp(text, ".."))
		return false;
	for (; *text; text++)
		if (!isgraph((unsigned char)*text) || *text == '/')
			return false;
	return true;
}

bool syntax_path(const char *text)
{
	return text[0] == '/' && text[1] != '\0';
}

bool syntax_optional_path(const char *text)
{
	return text[0] == '\0' || syntax_path(text);
}

bool syntax_socket_path(const char *text)
{
	return syntax_path(text) && strlen(text) < sizeof(((struct sockaddr_un *)0)->sun_path);
}

bool syntax_run_dir(const char *text)
{
	return syntax_path(text) &&
	       strlen(text) + strlen(ROLE_SOCKET_MAX) < sizeof(((struct sockaddr_un *)0)->sun_path);
}

/* Takes n hexadecimal digits, at least min and at most max, from *text. */
static bool take_hex(const char **text, size_t min, size_t max)
{
	size_t n = strspn(*text, "0123456789abcdefABCDEF");

	*text += n;
	return n >= min && n <= max;
}

static bool take(const char **text, char c)
{
	return **text == c && (*text)++;
}

static bool is_pci_address(const char *text)
{
	const char *colon = strchr(text, ':');

	if (colon && strchr(colon + 1, ':') &&
	    !(take_hex(&text, 4, 8) && take(&text, ':'))) /* domain */
		return false;
	return take_hex(&text, 2, 2) && take(&text, ':') && take_hex(&text, 2, 2) &&
	       take(&text, '.') && *text >= '0' && *text <= '7' && text[1] == '\0';
}

/*
 * A PCI device may carry driver arguments after a comma; a virtual device is a driver's name with
 * a number, "net_…", "virtio_user…", "eth_…": what EAL accepts for --vdev.
 */
bool syntax_device(const char *text)
{
	char name[64];
	size_t n = strcspn(text, ",");

	if (n == 0 || n >= sizeof(name))
		return false;
	for (const char *c = text; *c; c++)
		if (!isgraph((unsigned char)*c))
			return false;
	memcpy(name, text, n);
	name[n] = '\0';
	if (is_pci_address(name))
		return true;
	return isalpha((unsigned char)name[0]) && strchr(name, '_') && only(name, "_-") &&
	       isdigit((unsigned char)name[n - 1]);
}

bool syntax_integrity(const char *text)
{
	return !strcmp(text, "hmac-sha-1-96") || !strcmp(text, "hmac-md5-96") ||
	       !strcmp(text, "aes-gmac") || !strcmp(text, "null");
}

bool syntax_encryption(const char *text)
{
	return !strcmp(text, "null") || !strcmp(text, "aes-cbc") || !strcmp(text, "des-ede3-cbc") ||
	       !strcmp(text, "aes-gcm");
}

bool syntax_algorithm(const char *text)
{
	return !strcmp(text, "AKAv1-MD5") || !strcmp(text, "AKAv2-MD5") || !strcmp(text, "both");
}
