/* What the linker puts in the place of our code's allocations: `ld --wrap`. */
#include "test/shim/scarce.h"

#include <event2/event.h>
#include <libxml/xmlmemory.h>
#include <openssl/crypto.h>
#include <osipparser2/osip_port.h>
#include <stdlib.h>
#include <string.h>

void *__real_malloc(size_t n_bytes);
void *__real_calloc(size_t n, size_t n_bytes);
void *__real_realloc(void *old, size_t n_bytes);
char *__real_strdup(const char *text);
char *__real_strndup(const char *text, size_t n_bytes);
void *__real_sip_take(size_t n_bytes);
void *__real_sip_take_more(void *old, size_t n_bytes);
void *__wrap_malloc(size_t n_bytes);
void *__wrap_calloc(size_t n, size_t n_bytes);
void *__wrap_realloc(void *old, size_t n_bytes);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t n_bytes);
void *__wrap_sip_take(size_t n_bytes);
void *__wrap_sip_take_more(void *old, size_t n_bytes);

void *__wrap_malloc(size_t n_bytes)
{
	return scarce_refuses() ? NULL : __real_malloc(n_bytes);
}

void *__wrap_calloc(size_t n, size_t n_bytes)
{
	return scarce_refuses() ? NULL : __real_calloc(n, n_bytes);
}

void *__wrap_realloc(void *old, size_t n_bytes)
{
	return scarce_refuses() ? NULL : __real_realloc(old, n_bytes);
}

char *__wrap_strdup(const char *text)
{
	return scarce_refuses() ? NULL : __real_strdup(text);
}

char *__wrap_strndup(const char *text, size_t n_bytes)
{
	return scarce_refuses() ? NULL : __real_strndup(text, n_bytes);
}

void *__wrap_sip_take(size_t n_bytes)
{
	return scarce_refuses() ? NULL : __real_sip_take(n_bytes);
}

void *__wrap_sip_take_more(void *old, size_t n_bytes)
{
	return scarce_refuses() ? NULL : __real_sip_take_more(old, n_bytes);
}

static void *crypto_malloc(size_t n_bytes, const char *file, int line)
{
	return __wrap_malloc(n_bytes);
}

static void *crypto_realloc(void *old, size_t n_bytes, const char *file, int line)
{
	return __wrap_realloc(old, n_bytes);
}

static void crypto_free(void *p, const char *file, int line)
{
	free(p);
}

void scarce_libraries(void)
{
	event_set_mem_functions(__wrap_malloc, __wrap_realloc, free);
	xmlMemSetup(free, __wrap_malloc, __wrap_realloc, __wrap_strdup);
	CRYPTO_set_mem_functions(crypto_malloc, crypto_realloc, crypto_free);
}

void scarce_spare_osip(void)
{
	osip_set_allocators(__real_malloc, __real_realloc, free);
}
