#include "controlplane/cx_user_data.h"

#include <errno.h>
#include <libxml/parser.h>
#include <libxml/tree.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/cx.h"

/* --- writing --- */

static bool add_text(xmlNode *parent, const char *name, const char *text)
{
	/* This one escapes what the text has of markup. */
	return xmlNewTextChild(parent, NULL, (const xmlChar *)name, (const xmlChar *)text) != NULL;
}

static bool add_identity(xmlNode *profile, const struct cx_impu *impu)
{
	xmlNode *node = xmlNewChild(profile, NULL, (const xmlChar *)"PublicIdentity", NULL);

	return node != NULL && add_text(node, "BarringIndication", impu->barred ? "1" : "0") &&
	       add_text(node, "Identity", impu->impu);
}

static bool fill(xmlDoc *document, const char *impi, const struct cx_saa *profile)
{
	xmlNode *root = xmlNewNode(NULL, (const xmlChar *)"IMSSubscription");
	xmlNode *service;
	bool ok;

	if (root == NULL)
		return false;
	xmlDocSetRootElement(document, root);
	ok = add_text(root, "PrivateID", impi);
	service = xmlNewChild(root, NULL, (const xmlChar *)"ServiceProfile", NULL);
	for (uint32_t i = 0; service != NULL && ok && i < profile->n_impus; i++)
		ok = add_identity(service, &profile->impus[i]);
	return ok && service != NULL;
}

int cx_user_data_write(const char *impi, const struct cx_saa *profile, char **text, size_t *n_bytes)
{
	xmlDoc *document = xmlNewDoc((const xmlChar *)"1.0");
	xmlChar *dump = NULL;
	int bytes = 0;

	if (document != NULL && fill(document, impi, profile))
		xmlDocDumpMemoryEnc(document, &dump, &bytes, "UTF-8");
	xmlFreeDoc(document);
	if (dump == NULL)
		return -ENOMEM;
	*text = malloc((size_t)bytes);
	if (*text != NULL)
		memcpy(*text, dump, (size_t)bytes);
	*n_bytes = (size_t)bytes;
	xmlFree(dump);
	return *text != NULL ? 0 : -ENOMEM;
}

/* --- reading --- */

static bool is_element(const xmlNode *node, const char *name)
{
	return node->type == XML_ELEMENT_NODE && !strcmp((const char *)node->name, name);
}

static void trim(char *text)
{
	size_t start = strspn(text, " \t\r\n");
	size_t end = strlen(text);

	while (end > start && strchr(" \t\r\n", text[end - 1]) != NULL)
		end--;
	memmove(text, text + start, end - start);
	text[end - start] = '\0';
}

/* The text of an element. Returns 0, -EBADMSG or -EMSGSIZE. */
static int read_text(const xmlNode *node, char out[static CX_IDENTITY_BYTES])
{
	xmlChar *content = xmlNodeGetContent(node);
	int rc;

	if (content == NULL)
		return -EBADMSG;
	trim((char *)content);
	rc = cx_is_plain(content, strlen((const char *)content))
		     ? cx_identity(out, (const char *)content)
		     : -EBADMSG;
	xmlFree(content);
	return rc;
}

/* An xs:boolean. */
static int read_flag(const xmlNode *node, uint32_t *out)
{
	char text[CX_IDENTITY_BYTES];

	if (read_text(node, text) < 0)
		return -EBADMSG;
	*out = !strcmp(text, "1") || !strcmp(text, "true");
	return *out || !strcmp(text, "0") || !strcmp(text, "false") ? 0 : -EBADMSG;
}

static int read_identity(const xmlNode *node, struct cx_saa *out)
{
	struct cx_impu *impu = &out->impus[out->n_impus];
	int rc = 0;

	if (out->n_impus == CX_MAX_IMPUS)
		return -EMSGSIZE;
	*impu = (struct cx_impu){ 0 };
	for (const xmlNode *n = node->children; rc == 0 && n != NULL; n = n->next) {
		if (is_element(n, "Identity"))
			rc = impu->impu[0] == '\0' ? read_text(n, impu->impu) : -EBADMSG;
		else if (is_element(n, "BarringIndication"))
			rc = read_flag(n, &impu->barred);
	}
	if (rc == 0 && impu->impu[0] == '\0')
		rc = -EBADMSG;
	if (rc == 0)
		out->n_impus++;
	return rc;
}

static int read_profile(const xmlNode *root, struct cx_saa *out)
{
	int rc = 0;

	if (root == NULL || !is_element(root, "IMSSubscription"))
		return -EBADMSG;
	for (const xmlNode *p = root->children; rc == 0 && p != NULL; p = p->next) {
		if (!is_element(p, "ServiceProfile"))
			continue;
		for (const xmlNode *n = p->children; rc == 0 && n != NULL; n = n->next) {
			if (is_element(n, "PublicIdentity"))
				rc = read_identity(n, out);
		}
	}
	return rc < 0 ? rc : out->n_impus > 0 ? 0 : -EBADMSG;
}

int cx_user_data_read(const void *text, size_t n_bytes, struct cx_saa *out)
{
	xmlDoc *document;
	int rc;

	memset(out, 0, sizeof(*out));
	if (n_bytes > CX_USER_DATA_BYTES)
		return -EMSGSIZE;
	/* Nothing is fetched, no entity replaced, and depth and size have libxml2's own bounds. */
	document = xmlReadMemory(text, (int)n_bytes, "User-Data", NULL,
				 XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
	if (document == NULL)
		return -EBADMSG;
	rc = document->intSubset == NULL ? read_profile(xmlDocGetRootElement(document), out)
					 : -EBADMSG;
	xmlFreeDoc(document);
	if (rc < 0)
		memset(out, 0, sizeof(*out));
	return rc;
}
