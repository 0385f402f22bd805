#include "controlplane/reginfo.h"

#include <errno.h>
#include <libxml/parser.h>
#include <libxml/tree.h>
#include <libxml/xmlwriter.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAMESPACE "urn:ietf:params:xml:ns:reginfo"

static const char *const event_names[REGINFO_N_EVENTS] = {
	[REGINFO_REGISTERED] = "registered", [REGINFO_CREATED] = "created",
	[REGINFO_REFRESHED] = "refreshed",   [REGINFO_SHORTENED] = "shortened",
	[REGINFO_EXPIRED] = "expired",       [REGINFO_DEACTIVATED] = "deactivated",
	[REGINFO_PROBATION] = "probation",   [REGINFO_UNREGISTERED] = "unregistered",
	[REGINFO_REJECTED] = "rejected",
};

/* Where libxml2 has no memory it may tell so by its error function alone, and go on without. */
static void complain(void *is_spoiled, const char *format, ...)
{
	*(bool *)is_spoiled = true;
}

static void listen_to_libxml(bool *is_spoiled)
{
	xmlSetGenericErrorFunc(is_spoiled, is_spoiled != NULL ? complain : NULL);
}

/* --- writing --- */

static const xmlChar *x(const char *text)
{
	return (const xmlChar *)text;
}

struct writer {
	xmlTextWriter *w;
	bool is_spoiled; /* a part found no memory */
};

static void check(struct writer *d, int written)
{
	d->is_spoiled |= written < 0;
}

static void start(struct writer *d, const char *element)
{
	check(d, xmlTextWriterStartElement(d->w, x(element)));
}

static void end(struct writer *d)
{
	check(d, xmlTextWriterEndElement(d->w));
}

static void put(struct writer *d, const char *attribute, const char *value)
{
	check(d, xmlTextWriterWriteAttribute(d->w, x(attribute), x(value)));
}

static void put_number(struct writer *d, const char *attribute, uint32_t value)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", value);
	put(d, attribute, text);
}

/* The same text has the same id in every document, and nothing has to be kept for it. FNV-1a. */
static void put_id(struct writer *d, const char *text)
{
	uint64_t hash = 14695981039346656037u;
	char id[24];

	for (; *text != '\0'; text++)
		hash = (hash ^ (uint8_t)*text) * 1099511628211u;
	snprintf(id, sizeof(id), "%016llx", (unsigned long long)hash);
	put(d, "id", id);
}

/* URIs are ASCII (RFC 3986 2); what a UE wrote otherwise would spoil the document. */
static void escape(const char *uri, char out[static 3 * REGINFO_URI_BYTES])
{
	static const char digits[] = "0123456789ABCDEF";
	unsigned char c;

	for (; (c = (unsigned char)*uri) != '\0'; uri++) {
		if (c > ' ' && c < 0x7f) {
			*out++ = (char)c;
			continue;
		}
		*out++ = '%';
		*out++ = digits[c >> 4];
		*out++ = digits[c & 15];
	}
	*out = '\0';
}

static void put_contact(struct writer *d, const struct reginfo_contact *c)
{
	char uri[3 * REGINFO_URI_BYTES];

	escape(c->uri, uri);
	start(d, "contact");
	put_id(d, c->uri);
	put(d, "state", c->is_active ? "active" : "terminated");
	put(d, "event", event_names[c->event]);
	if (c->has_expires)
		put_number(d, "expires", c->expires_s);
	check(d, xmlTextWriterWriteElement(d->w, x("uri"), x(uri)));
	end(d);
}

/* An address of record is active while one of its contacts is: RFC 3680 4.7.1. */
static unsigned put_registration(struct writer *d, const struct reginfo_contact *first, unsigned n)
{
	char aor[3 * REGINFO_URI_BYTES];
	bool is_active = false;
	unsigned n_own = 0;

	for (; n_own < n && strcmp(first[n_own].aor, first->aor) == 0; n_own++)
		is_active |= first[n_own].is_active;
	escape(first->aor, aor);
	start(d, "registration");
	put(d, "aor", aor);
	put_id(d, first->aor);
	put(d, "state", is_active ? "active" : "terminated");
	for (unsigned i = 0; i < n_own; i++) {
		if (first[i].uri[0] != '\0')
			put_contact(d, &first[i]);
	}
	end(d);
	return n_own;
}

static void put_document(struct writer *d, const struct reginfo *info)
{
	check(d, xmlTextWriterStartDocument(d->w, "1.0", NULL, NULL));
	start(d, "reginfo");
	put(d, "xmlns", NAMESPACE);
	put_number(d, "version", info->version);
	put(d, "state", info->is_partial ? "partial" : "full");
	for (unsigned i = 0; i < info->n_contacts;)
		i += put_registration(d, &info->contacts[i], info->n_contacts - i);
	check(d, xmlTextWriterEndDocument(d->w));
}

int reginfo_write(const struct reginfo *info, char **text, size_t *n_bytes)
{
	xmlBuffer *buffer = xmlBufferCreate();
	struct writer d = { .w = buffer != NULL ? xmlNewTextWriterMemory(buffer, 0) : NULL };
	int rc = -ENOMEM;

	if (d.w == NULL)
		goto free_buffer;
	listen_to_libxml(&d.is_spoiled);
	put_document(&d, info);
	listen_to_libxml(NULL);
	if (d.is_spoiled)
		goto free_writer;
	*n_bytes = (size_t)xmlBufferLength(buffer);
	*text = malloc(*n_bytes);
	if (*text != NULL) {
		memcpy(*text, xmlBufferContent(buffer), *n_bytes);
		rc = 0;
	}
free_writer:
	xmlFreeTextWriter(d.w);
free_buffer:
	xmlBufferFree(buffer);
	return rc;
}

/* --- reading --- */

/* Where a tree found no memory a name may be NULL, which libxml2 does not tell. */
static bool is_text(const xmlChar *text, const char *expected)
{
	return text != NULL && !strcmp((const char *)text, expected);
}

static bool is_element(const xmlNode *node, const char *name)
{
	return node->type == XML_ELEMENT_NODE && is_text(node->name, name) && node->ns != NULL &&
	       is_text(node->ns->href, NAMESPACE);
}

/* Blanks around it do not count. Returns 0, -EBADMSG: absent, -EMSGSIZE; frees `text`. */
static int take_text(xmlChar *text, char *out, size_t out_bytes)
{
	const char *start = (const char *)text;
	size_t n;
	int rc = -EMSGSIZE;

	if (text == NULL)
		return -EBADMSG;
	start += strspn(start, " \t\r\n");
	n = strlen(start);
	while (n > 0 && strchr(" \t\r\n", start[n - 1]) != NULL)
		n--;
	if (n < out_bytes) {
		memcpy(out, start, n);
		out[n] = '\0';
		rc = n > 0 ? 0 : -EBADMSG;
	}
	xmlFree(text);
	return rc;
}

static int read_attribute(xmlNode *node, const char *name, char *out, size_t out_bytes)
{
	return take_text(xmlGetNoNsProp(node, x(name)), out, out_bytes);
}

/* xs:unsignedLong and xs:nonNegativeInteger; what is beyond 32 bits is "long enough". */
static int read_number(xmlNode *node, const char *name, uint32_t *out)
{
	char text[32];
	uint64_t n = 0;
	int rc = read_attribute(node, name, text, sizeof(text));

	for (const char *c = text; rc == 0 && *c != '\0'; c++) {
		if (*c < '0' || *c > '9')
			rc = -EBADMSG;
		else if (n <= UINT32_MAX)
			n = n * 10 + (uint64_t)(*c - '0');
	}
	if (rc == 0)
		*out = n < UINT32_MAX ? (uint32_t)n : UINT32_MAX;
	return rc;
}

/* An event that we do not know says no more than the state does. */
static enum reginfo_event read_event(xmlNode *node, bool is_active)
{
	char text[32];

	if (read_attribute(node, "event", text, sizeof(text)) == 0) {
		for (unsigned i = 0; i < REGINFO_N_EVENTS; i++) {
			if (strcmp(text, event_names[i]) == 0)
				return (enum reginfo_event)i;
		}
	}
	return is_active ? REGINFO_REGISTERED : REGINFO_UNREGISTERED;
}

static int read_uri(const xmlNode *contact, char out[static REGINFO_URI_BYTES])
{
	for (const xmlNode *n = contact->children; n != NULL; n = n->next) {
		if (is_element(n, "uri"))
			return take_text(xmlNodeGetContent(n), out, REGINFO_URI_BYTES);
	}
	return -EBADMSG;
}

/* The next place, with the address of record in it. */
static struct reginfo_contact *add(struct reginfo *out, const char *aor)
{
	struct reginfo_contact *c = NULL;

	if (out->n_contacts < REGINFO_CONTACTS) {
		c = &out->contacts[out->n_contacts++];
		strcpy(c->aor, aor);
	}
	return c;
}

static int read_contact(xmlNode *node, const char *aor, struct reginfo *out)
{
	struct reginfo_contact *c = add(out, aor);
	char state[16];
	int rc;

	if (c == NULL)
		return -EMSGSIZE;
	rc = read_attribute(node, "state", state, sizeof(state));
	if (rc < 0)
		return rc;
	c->is_active = strcmp(state, "active") == 0;
	if (!c->is_active && strcmp(state, "terminated") != 0)
		return -EBADMSG;
	c->event = read_event(node, c->is_active);
	c->has_expires = read_number(node, "expires", &c->expires_s) == 0;
	return read_uri(node, c->uri);
}

static int read_registration(xmlNode *node, struct reginfo *out)
{
	unsigned before = out->n_contacts;
	char aor[REGINFO_URI_BYTES], state[16];
	int rc = read_attribute(node, "aor", aor, sizeof(aor));

	if (rc == 0)
		rc = read_attribute(node, "state", state, sizeof(state));
	for (xmlNode *n = node->children; rc == 0 && n != NULL; n = n->next) {
		if (is_element(n, "contact"))
			rc = read_contact(n, aor, out);
	}
	if (rc < 0 || out->n_contacts > before)
		return rc;
	return add(out, aor) != NULL ? 0 : -EMSGSIZE;
}

static int read_document(xmlNode *root, struct reginfo *out)
{
	char state[16];
	int rc;

	if (root == NULL || !is_element(root, "reginfo"))
		return -EBADMSG;
	rc = read_number(root, "version", &out->version);
	if (rc == 0)
		rc = read_attribute(root, "state", state, sizeof(state));
	if (rc == 0)
		out->is_partial = strcmp(state, "full") != 0;
	for (xmlNode *n = root->children; rc == 0 && n != NULL; n = n->next) {
		if (is_element(n, "registration"))
			rc = read_registration(n, out);
	}
	return rc;
}

int reginfo_read(const void *text, size_t n_bytes, struct reginfo *out)
{
	bool is_spoiled = false;
	xmlParserCtxt *parser;
	xmlDoc *document;
	int rc = -EBADMSG;

	memset(out, 0, sizeof(*out));
	if (n_bytes > REGINFO_BYTES)
		return -EMSGSIZE;
	parser = xmlNewParserCtxt();
	if (parser == NULL)
		return -ENOMEM;
	listen_to_libxml(&is_spoiled);
	/* Nothing is fetched, no entity replaced, and depth has libxml2's own bound. */
	document = xmlCtxtReadMemory(parser, text, (int)n_bytes, "reginfo", NULL,
				     XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
	if (document != NULL && document->intSubset == NULL)
		rc = read_document(xmlDocGetRootElement(document), out);
	listen_to_libxml(NULL);
	if (is_spoiled || parser->errNo == XML_ERR_NO_MEMORY)
		rc = -ENOMEM;
	xmlFreeDoc(document);
	xmlFreeParserCtxt(parser);
	if (rc < 0)
		memset(out, 0, sizeof(*out));
	return rc;
}
