#include "controlplane/token.h"

#include <stdint.h>
#include <strings.h>

enum { TOKEN = 1, HOST = 2 };

static const uint8_t class_of[256] = {
	['a' ... 'z'] = TOKEN, ['A' ... 'Z'] = TOKEN, ['0' ... '9'] = TOKEN, ['-'] = TOKEN,
	['.'] = TOKEN,         ['!'] = TOKEN,         ['%'] = TOKEN,         ['*'] = TOKEN,
	['_'] = TOKEN,         ['+'] = TOKEN,         ['`'] = TOKEN,         ['\''] = TOKEN,
	['~'] = TOKEN,         [':'] = HOST,          ['['] = HOST,          [']'] = HOST,
};

static size_t bytes_of(const char *text, unsigned class)
{
	size_t n = 0;
	while (class_of[(unsigned char)text[n]] & class)
		n++;
	return n;
}

size_t token_bytes(const char *text)
{
	return bytes_of(text, TOKEN);
}

size_t token_or_host_bytes(const char *text)
{
	return bytes_of(text, TOKEN | HOST);
}

bool token_is(const char *a, const char *b)
{
	return !((a[0] ^ b[0]) & ~0x20) && !strcasecmp(a, b);
}
