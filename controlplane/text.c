#include "controlplane/text.h"

#define MAX_DIGITS 20 /* of 64 bits */

void text_put_number(struct text *t, uint64_t number)
{
	char digits[MAX_DIGITS];
	size_t first = MAX_DIGITS;
	do
		digits[--first] = (char)('0' + number % 10);
	while (number /= 10);
	text_put_bytes(t, digits + first, MAX_DIGITS - first);
}
