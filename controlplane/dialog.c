#include "controlplane/dialog.h"

#include <errno.h>
#include <osipparser2/osip_parser.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/sip_route.h"

#define CALL_ID_BYTES 512

/* A name-addr without what is behind it, in our own spelling. */
static char *copy_party(const osip_from_t *party)
{
	char *uri = NULL, *text = NULL;

	if (party->url == NULL || osip_uri_to_str(party->url, &uri) != 0)
		return NULL;
	if (asprintf(&text, "<%s>", uri) < 0)
		text = NULL;
	osip_free(uri);
	return text;
}

/* The other side's Contact. Without one the target stays as it is. */
static int take_target(struct dialog *d, const struct sip *message)
{
	const osip_contact_t *contact = sip_contact(message, 0);
	char *uri = NULL, *copy;

	if (contact == NULL || contact->url == NULL)
		return d->target != NULL ? 0 : -EINVAL;
	if (osip_uri_to_str(contact->url, &uri) != 0)
		return -ENOMEM;
	copy = strdup(uri);
	osip_free(uri);
	if (copy == NULL)
		return -ENOMEM;
	free(d->target);
	d->target = copy;
	return 0;
}

/* RFC 3261 12.1.1: as they stand; 12.1.2: in a response to us the other way round. */
static int take_routes(struct dialog *d, const struct sip *message)
{
	bool is_reversed = !sip_is_request(message);
	unsigned n = sip_count(message, SIP_RECORD_ROUTE);

	if (n > DIALOG_ROUTES)
		return -EINVAL;
	if (n > 0 && (d->routes = calloc((size_t)n, sizeof(*d->routes))) == NULL)
		return -ENOMEM;
	for (unsigned i = 0; i < n; i++) {
		const osip_uri_t *route = sip_record_route(message, is_reversed ? n - 1 - i : i);
		char *uri = NULL;

		if (route == NULL || osip_uri_to_str(route, &uri) != 0)
			return -ENOMEM;
		d->routes[d->n_routes] = strdup(uri);
		osip_free(uri);
		if (d->routes[d->n_routes] == NULL)
			return -ENOMEM;
		d->n_routes++;
	}
	return 0;
}

static int take_remote_tag(struct dialog *d, const char *tag)
{
	/* RFC 2543 has no tags; an empty one is as good for comparing. */
	d->remote_tag = strdup(tag != NULL ? tag : "");
	return d->remote_tag != NULL ? 0 : -ENOMEM;
}

int dialog_accept(struct dialog *d, const struct sip *request)
{
	char call_id[CALL_ID_BYTES];
	int rc;

	*d = (struct dialog){ .local = copy_party(sip_to(request)),
			      .remote = copy_party(sip_from(request)) };
	sip_random_tag(d->local_tag);
	d->remote_cseq = sip_cseq(request);
	rc = sip_call_id(request, call_id, sizeof(call_id));
	if (rc < 0)
		return rc;
	d->call_id = strdup(call_id);
	if (d->local == NULL || d->remote == NULL || d->call_id == NULL)
		return -ENOMEM;
	rc = take_remote_tag(d, sip_from_tag(request));
	if (rc == 0)
		rc = take_target(d, request);
	return rc == 0 ? take_routes(d, request) : rc;
}

int dialog_begin(struct dialog *d, const char *local, const char *remote, const char *target,
		 const char *call_id)
{
	*d = (struct dialog){ .call_id = strdup(call_id),
			      .local = strdup(local),
			      .remote = strdup(remote),
			      .target = strdup(target) };
	sip_random_tag(d->local_tag);
	return d->call_id != NULL && d->local != NULL && d->remote != NULL && d->target != NULL
		       ? 0
		       : -ENOMEM;
}

int dialog_confirm(struct dialog *d, const struct sip *message)
{
	int rc = take_target(d, message);

	if (rc < 0 || d->remote_tag != NULL)
		return rc;
	rc = take_remote_tag(d,
			     sip_is_request(message) ? sip_from_tag(message) : sip_to_tag(message));
	return rc == 0 ? take_routes(d, message) : rc;
}

bool dialog_has(const struct dialog *d, const struct sip *request)
{
	const char *to = sip_to_tag(request), *from = sip_from_tag(request);
	char call_id[CALL_ID_BYTES];

	if (to == NULL || strcmp(to, d->local_tag) != 0 ||
	    sip_call_id(request, call_id, sizeof(call_id)) < 0 || strcmp(call_id, d->call_id) != 0)
		return false;
	return d->remote_tag == NULL || strcmp(from != NULL ? from : "", d->remote_tag) == 0;
}

bool dialog_advance(struct dialog *d, const struct sip *request)
{
	uint32_t cseq = sip_cseq(request);
	bool is_first = d->remote_cseq == 0;

	if (!is_first && cseq <= d->remote_cseq)
		return false;
	d->remote_cseq = cseq;
	return true;
}

struct sip *dialog_request(struct dialog *d, const char *method)
{
	char from[SIP_VALUE_BYTES], to[SIP_VALUE_BYTES];
	struct sip *s;
	int rc = 0;

	if ((size_t)snprintf(from, sizeof(from), "%s;tag=%s", d->local, d->local_tag) >=
		    sizeof(from) ||
	    (size_t)snprintf(to, sizeof(to), "%s%s%s", d->remote,
			     d->remote_tag != NULL && *d->remote_tag != '\0' ? ";tag=" : "",
			     d->remote_tag != NULL ? d->remote_tag : "") >= sizeof(to))
		return NULL;
	s = sip_request(method, d->target, from, to, d->call_id, ++d->local_cseq);
	if (s == NULL)
		return NULL;
	for (unsigned i = d->n_routes; rc == 0 && i > 0; i--)
		rc = sip_route_push(s, d->routes[i - 1]);
	if (rc == 0)
		return s;
	sip_free(s);
	return NULL;
}

void dialog_clear(struct dialog *d)
{
	free(d->call_id);
	free(d->local);
	free(d->remote);
	free(d->remote_tag);
	free(d->target);
	for (unsigned i = 0; i < d->n_routes; i++)
		free(d->routes[i]);
	free(d->routes);
	*d = (struct dialog){ 0 };
}
