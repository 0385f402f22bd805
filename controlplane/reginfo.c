#include "controlplane/reginfo.h"

#include <errno.h>
#include <libxml/parser.h>
#include <libxml/tree.h>
#include <libxml/xmlwriter.h>
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

/* --- writing --- */

static const xmlChar *x(const char *text)
{
	return (const xmlChar *)text;
}

/* The same text has the same id in every document, and nothing has to be kept for it. FNV-1a. */
static void put_id(xmlTextWriter *w, const char *text)
{
	uint64_t hash = 14695981039346656037u;

	for (; *text != '\0'; text++)
		hash = (hash ^ (uint8_t)*text) * 1099511628211u;
	xmlTextWriterWriteFormatAttribute(w, x("id"), "%016llx", (unsigned long long)hash);
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

static void put_contact(xmlTextWriter *w, const struct reginfo_contact *c)
{
	char uri[3 * REGINFO_URI_BYTES];

	escape(c->uri, uri);
	xmlTextWriterStartElement(w, x("contact"));
	put_id(w, c->uri);
	xmlTextWriterWriteAttribute(w, x("state"), x(c->is_active ? "active" : "terminated"));
	xmlTextWriterWriteAttribute(w, x("event"), x(event_names[c->event]));
	if (c->has_expires)
		xmlTextWriterWriteFormatAttribute(w, x("expires"), "%u", c->expires_s);
	xmlTextWriterWriteElement(w, x("uri"), x(uri));
	xmlTextWriterEndElement(w);
}

/* An address of record is active while one of its contacts is: RFC 3680 4.7.1. */
static unsigned put_registration(xmlTextWriter *w, const struct reginfo_contact *first, unsigned n)
{
	char aor[3 * REGINFO_URI_BYTES];
	bool is_active = false;
	unsigned end = 0;

	for (; end < n && strcmp(first[end].aor, first->aor) == 0; end++)
		is_active |= first[end].is_active;
	escape(first->aor, aor);
	xmlTextWriterStartElement(w, x("registration"));
	xmlTextWriterWriteAttribute(w, x("aor"), x(aor));
	put_id(w, first->aor);
	xmlTextWriterWriteAttribute(w, x("state"), x(is_active ? "active" : "terminated"));
	for (unsigned i = 0; i < end; i++) {
		if (first[i].uri[0] != '\0')
			put_contact(w, &first[i]);
	}
	xmlTextWriterEndElement(w);
	return end;
}

static void put_document(xmlTextWriter *w, const struct reginfo *info)
{
	xmlTextWriterStartDocument(w, "1.0", NULL, NULL);
	xmlTextWriterStartElement(w, x("reginfo"));
	xmlTextWriterWriteAttribute(w, x("xmlns"), x(NAMESPACE));
	xmlTextWriterWriteFormatAttribute(w, x("version"), "%u", info->version);
	xmlTextWriterWriteAttribute(w, x("state"), x(info->is_partial ? "partial" : "full"));
	for (unsigned i = 0; i < info->n_contacts;)
		i += put_registration(w, &info->contacts[i], info->n_contacts - i);
}

int reginfo_write(const struct reginfo *info, char **text, size_t *n_bytes)
{
	xmlBuffer *buffer = xmlBufferCreate();
	xmlTextWriter *w = buffer != NULL ? xmlNewTextWriterMemory(buffer, 0) : NULL;
	int rc = -ENOMEM;

	if (w == NULL)
		goto free_buffer;
	put_document(w, info);
	/* The one call whose result says whether all before it had memory. */
	if (xmlTextWriterEndDocument(w) < 0)
		goto free_writer;
	*n_bytes = (size_t)xmlBufferLength(buffer);
	*text = malloc(*n_bytes);
	if (*text != NULL) {
		memcpy(*text, xmlBufferContent(buffer), *n_bytes);
		rc = 0;
	}
free_writer:
	xmlFreeTextWriter(w);
free_buffer:
	xmlBufferFree(buffer);
	return rc;
}

/* --- reading --- */

static bool is_element(const xmlNode *node, const char *name)
{
	return node->type == XML_ELEMENT_NODE && !strcmp((const char *)node->name, name) &&
	       node->ns != NULL && !strcmp((const char *)node->ns->href, NAMESPACE);
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
	xmlDoc *document;
	int rc = -EBADMSG;

	memset(out, 0, sizeof(*out));
	if (n_bytes > REGINFO_BYTES)
		return -EMSGSIZE;
	/* Nothing is fetched, no entity replaced, and depth has libxml2's own bound. */
	document = xmlReadMemory(text, (int)n_bytes, "reginfo", NULL,
				 XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
	if (document == NULL)
		return -EBADMSG;
	if (document->intSubset == NULL)
		rc = read_document(xmlDocGetRootElement(document), out);
	xmlFreeDoc(document);
	if (rc < 0)
		memset(out, 0, sizeof(*out));
	return rc;
}
