#include "test/unit/wire_diameter.h"

#include <freeDiameter/freeDiameter-host.h>
#include <freeDiameter/libfdcore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "controlplane/cx_dictionary.h"

#define HEADER_BYTES 20

static void no_log(int level, const char *format, va_list arguments)
{
}

/* Its messages have an origin only after a configuration was read. */
static int configure(void)
{
	char path[] = "/tmp/wire_diameter.XXXXXX";
	int fd = mkstemp(path);
	int rc;

	if (fd < 0)
		return -1;
	rc = dprintf(fd, "Identity = \"cscf.example.net\";\nRealm = \"example.net\";\n"
			 "SecPort = 0;\nNo_SCTP;\n") < 0;
	close(fd);
	if (rc == 0)
		rc = fd_core_parseconf(path);
	unlink(path);
	return rc;
}

void wire_setup(void)
{
	if (fd_g_config != NULL)
		return;
	fd_log_handler_register(no_log);
	if (fd_core_initialize() != 0 || configure() != 0 ||
	    cx_dictionary_add(fd_g_config->cnf_dict) != 0)
		abort();
}

static void append(struct wire *w, const void *data, size_t n)
{
	w->bytes = realloc(w->bytes, w->n + n + 4);
	if (w->bytes == NULL)
		abort();
	if (n > 0)
		memcpy(w->bytes + w->n, data, n);
	w->n += n;
}

static void append_number(struct wire *w, uint32_t number)
{
	const uint8_t be[4] = { (uint8_t)(number >> 24), (uint8_t)(number >> 16),
				(uint8_t)(number >> 8), (uint8_t)number };

	append(w, be, sizeof(be));
}

static void set_length(uint8_t *at, size_t n)
{
	at[0] = (uint8_t)(n >> 16);
	at[1] = (uint8_t)(n >> 8);
	at[2] = (uint8_t)n;
}

static size_t put_header(struct wire *w, uint32_t vendor, uint32_t code, size_t n)
{
	size_t start = w->n;

	append_number(w, code);
	append_number(w, (vendor ? 0xc0000000u : 0x40000000u) | (uint32_t)(n + (vendor ? 12 : 8)));
	if (vendor)
		append_number(w, vendor);
	return start;
}

void wire_put(struct wire *w, uint32_t vendor, uint32_t code, const void *data, size_t n)
{
	put_header(w, vendor, code, n);
	append(w, data, n);
	append(w, "\0\0\0", (4 - n % 4) % 4);
}

void wire_put_text(struct wire *w, uint32_t vendor, uint32_t code, const char *text)
{
	wire_put(w, vendor, code, text, strlen(text));
}

void wire_put_number(struct wire *w, uint32_t vendor, uint32_t code, uint32_t number)
{
	put_header(w, vendor, code, 4);
	append_number(w, number);
}

void wire_open(struct wire *w, uint32_t vendor, uint32_t code)
{
	w->group[w->n_groups++] = put_header(w, vendor, code, 0);
}

void wire_close(struct wire *w)
{
	size_t start = w->group[--w->n_groups];

	set_length(w->bytes + start + 5, w->n - start);
}

struct wire wire_begin(uint32_t command, uint8_t flags)
{
	struct wire w = { 0 };

	append_number(&w, 0x01000000);
	append_number(&w, (uint32_t)flags << 24 | command);
	append_number(&w, CX_APPLICATION);
	append_number(&w, 1);
	append_number(&w, 2);
	wire_put_text(&w, 0, 263, "hss.example.net;1;2");
	wire_open(&w, 0, 260);
	wire_put_number(&w, 0, 266, CX_VENDOR);
	wire_put_number(&w, 0, 258, CX_APPLICATION);
	wire_close(&w);
	wire_put_number(&w, 0, 277, 1);
	wire_put_text(&w, 0, 264, "hss.example.net");
	wire_put_text(&w, 0, 296, "example.net");
	if (flags & CMD_FLAG_REQUEST)
		wire_put_text(&w, 0, 283, "example.net");
	return w;
}

void wire_free(struct wire *w)
{
	free(w->bytes);
	*w = (struct wire){ 0 };
}

struct msg *wire_parse(struct wire *w)
{
	struct msg *message = NULL;
	struct wire own = *w;

	*w = (struct wire){ 0 };
	if (own.n >= HEADER_BYTES)
		set_length(own.bytes + 1, own.n);
	if (fd_msg_parse_buffer(&own.bytes, own.n, &message) != 0) {
		free(own.bytes);
		return NULL;
	}
	if (fd_msg_parse_dict(message, fd_g_config->cnf_dict, NULL) != 0) {
		fd_msg_free(message);
		return NULL;
	}
	return message;
}

struct wire wire_of(struct msg *message)
{
	struct wire w = { 0 };

	if (fd_msg_bufferize(message, &w.bytes, &w.n) != 0)
		w = (struct wire){ 0 };
	fd_msg_free(message);
	return w;
}
