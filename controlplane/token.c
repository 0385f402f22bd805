#include "controlplane/token.h"

#include <stdint.h>

enum { TOKEN = 1, HOST = 2, UPPER = 0x20 }; /* UPPER: what makes it lower case */

static const uint8_t class_of[256] = {
	['a' ... 'z'] = TOKEN, ['A' ... 'Z'] = TOKEN | UPPER,
	['0' ... '9'] = TOKEN, ['-'] = TOKEN,
	['.'] = TOKEN,         ['!'] = TOKEN,
	['%'] = TOKEN,         ['*'] = TOKEN,
	['_'] = TOKEN,         ['+'] = TOKEN,
	['`'] = TOKEN,         ['\''] = TOKEN,
	['~'] = TOKEN,         [':'] = HOST,
	['['] = HOST,          [']'] = HOST,
};

size_t token_bytes(const char *text)
{
	size_t n = 0;
	while (class_of[(unsigned char)text[n]] & TOKEN)
		n++;
	return n;
}

size_t token_or_host_fold(const char *text, char *out)
{
	size_t n = 0;
	for (uint8_t class; (class = class_of[(unsigned char)text[n]]); n++)
		out[n] = (char)(text[n] | (class & UPPER));
	return n;
}
