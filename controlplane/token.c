#include "controlplane/token.h"

#include <stdint.h>

enum { TOKEN = 1, HOST = 2 };

static const uint8_t class_of[256] = {
	['a' ... 'z'] = TOKEN, ['A' ... 'Z'] = TOKEN, ['0' ... '9'] = TOKEN, ['-'] = TOKEN,
	['.'] = TOKEN,         ['!'] = TOKEN,         ['%'] = TOKEN,         ['*'] = TOKEN,
	['_'] = TOKEN,         ['+'] = TOKEN,         ['`'] = TOKEN,         ['\''] = TOKEN,
	['~'] = TOKEN,         [':'] = HOST,          ['['] = HOST,          [']'] = HOST,
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
	for (unsigned char c; class_of[c = (unsigned char)text[n]]; n++)
		out[n] = (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
	return n;
}
