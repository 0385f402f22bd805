#include "tools/ue/notice.h"

#include <errno.h>
#include <libxml/parser.h>
#include <libxml/tree.h>
#include <stdlib.h>
#include <string.h>

#define NAMESPACE "urn:ietf:params:xml:ns:reginfo"

static bool is_element(const xmlNode *node, const char *name)
{
	return node->type == XML_ELEMENT_NODE && !strcmp((const char *)node->name, name) &&
	       node->ns && !strcmp((const char *)node->ns->href, NAMESPACE);
}

static bool has(xmlNode *node, const char *name, const char *value)
{
	xmlChar *text = xmlGetNoNsProp(node, (const xmlChar *)name);
	bool same = text && !strcmp((const char *)text, value);

	xmlFree(text);
	return same;
}

/* False: absent, or no number. One that is larger than can be counted is the largest. */
static bool read_number(xmlNode *node, const char *name, uint32_t *out)
{
	xmlChar *text = xmlGetNoNsProp(node, (const xmlChar *)name);
	const char *at = (const char *)text;
	uint64_t n = 0;
	bool good = at && *at;

	for (; good && *at; at++) {
		good = *at >= '0' && *at <= '9';
		if (good && n <= UINT32_MAX)
			n = n * 10 + (uint64_t)(*at - '0');
	}
	xmlFree(text);
	*out = n < UINT32_MAX ? (uint32_t)n : UINT32_MAX;
	return good;
}

/* The URI of this contact is ours, whatever parameters it has. */
static bool is_ours(const xmlNode *contact, const char *own)
{
	size_t own_bytes = strlen(own);

	for (const xmlNode *n = contact->children; n; n = n->next) {
		xmlChar *text = is_element(n, "uri") ? xmlNodeGetContent(n) : NULL;
		const char *uri =
			text ? (const char *)text + strspn((const char *)text, " \t\r\n") : NULL;
		bool ours = uri && !strncmp(uri, own, own_bytes) &&
			    !strchr("0123456789", uri[own_bytes] ? uri[own_bytes] : ';');

		xmlFree(text);
		if (ours)
			return true;
	}
	return false;
}

static enum notice_event event_of(xmlNode *contact, uint32_t *expires_s)
{
	if (has(contact, "state", "active"))
		return has(contact, "event", "shortened") &&
				       read_number(contact, "expires", expires_s)
			       ? NOTICE_SHORTENED
			       : NOTICE_NONE;
	if (has(contact, "event", "deactivated") || has(contact, "event", "probation"))
		return NOTICE_DEACTIVATED;
	return NOTICE_ENDED;
}

static void read_registration(const xmlNode *registration, const char *own, struct notice *out,
			      bool *is_active)
{
	for (xmlNode *n = registration->children; n; n = n->next) {
		enum notice_event event;
		uint32_t expires_s;

		if (!is_element(n, "contact") || !is_ours(n, own))
			continue;
		event = event_of(n, &expires_s);
		*is_active |= event == NOTICE_NONE || event == NOTICE_SHORTENED;
		if (event == NOTICE_SHORTENED)
			out->expires_s = expires_s;
		if (event != NOTICE_NONE && out->event != NOTICE_SHORTENED)
			out->event = event;
	}
}

static int read_document(xmlNode *root, const char *own, struct notice *out)
{
	bool is_active = false;

	if (!root || !is_element(root, "reginfo") || !read_number(root, "version", &out->version))
		return -EBADMSG;
	for (const xmlNode *n = root->children; n; n = n->next)
		if (is_element(n, "registration"))
			read_registration(n, own, out, &is_active);
	if (is_active && out->event != NOTICE_SHORTENED)
		out->event = NOTICE_NONE;
	return 0;
}

static xmlDoc *parse(const void *text, size_t n_bytes)
{
	return xmlReadMemory(text, (int)n_bytes, "notice", NULL,
			     XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
}

int notice_read(const void *text, size_t n_bytes, const char *contact, struct notice *out)
{
	xmlDoc *document;
	int error = -EBADMSG;

	*out = (struct notice){ 0 };
	document = parse(text, n_bytes);
	if (!document)
		return -EBADMSG;
	if (!document->intSubset)
		error = read_document(xmlDocGetRootElement(document), contact, out);
	xmlFreeDoc(document);
	return error;
}

/* A child without a namespace, as the elements of TS 24.229 7.6 are. NULL: none. */
static xmlNode *child(const xmlNode *parent, const char *name)
{
	xmlNode *n = parent ? parent->children : NULL;

	while (n && (n->type != XML_ELEMENT_NODE || strcmp((const char *)n->name, name)))
		n = n->next;
	return n;
}

static bool says(const xmlNode *parent, const char *name, const char *value)
{
	xmlNode *n = child(parent, name);
	xmlChar *text = n ? xmlNodeGetContent(n) : NULL;
	bool same = text && !strcmp((const char *)text, value);

	xmlFree(text);
	return same;
}

bool notice_restores(const void *text, size_t n_bytes)
{
	xmlDoc *document = parse(text, n_bytes);
	const xmlNode *root, *service;
	bool restores = false;

	if (!document)
		return false;
	root = xmlDocGetRootElement(document);
	if (!document->intSubset && root && !strcmp((const char *)root->name, "ims-3gpp")) {
		service = child(root, "alternative-service");
		restores = says(service, "type", "restoration") &&
			   says(service, "action", "initial-registration");
	}
	xmlFreeDoc(document);
	return restores;
}
