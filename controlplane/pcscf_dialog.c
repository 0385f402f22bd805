/*
 * The route of a dialog at the P-CSCF (TS 24.229 5.2.6.3, 5.2.6.4): which proxies it goes through
 * was decided by the proxies, and no UE may change it, neither in its Route nor in the Record-Route
 * of an answer.
 *
 * Nothing is kept per call. Of our two entries in the Record-Route the one on the UE's side is
 * named ID.SEAL: the UE's id, and a MAC over the id, the Call-ID and the route that lies behind us.
 * The UE gives it back in its Route. Toward the core both entries have the id alone.
 */
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "controlplane/pcscf_impl.h"
#include "controlplane/sip_route.h"
#include "controlplane/sip_uri.h"
#include "crypto/wipe.h"

#define SEAL_BYTES 17 /* 64 bits in hex, and the NUL: guessing one is 2^63 requests on an SA */

/* --- the key --- */

static int read_key(int fd, uint8_t key[static PCSCF_KEY_BYTES])
{
	ssize_t n = read(fd, key, PCSCF_KEY_BYTES);
	return n == PCSCF_KEY_BYTES ? 0 : n < 0 ? -errno : -EBADMSG;
}

/* Written beside its name first, so that a process that dies leaves all of it or nothing. */
static int make_key(const char *path, uint8_t key[static PCSCF_KEY_BYTES])
{
	char new_path[512];
	if ((size_t)snprintf(new_path, sizeof(new_path), "%s.new", path) >= sizeof(new_path))
		return -ENAMETOOLONG;
	if (RAND_bytes(key, PCSCF_KEY_BYTES) != 1)
		return -EIO;
	int fd = open(new_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	ssize_t n = write(fd, key, PCSCF_KEY_BYTES);
	int error = n == PCSCF_KEY_BYTES ? 0 : n < 0 ? -errno : -ENOSPC;
	close(fd);
	if (!error && rename(new_path, path))
		error = -errno;
	if (error)
		unlink(new_path);
	return error;
}

int pcscf_dialog_key(const char *run_dir, uint8_t key[static PCSCF_KEY_BYTES])
{
	char path[480];
	if ((size_t)snprintf(path, sizeof(path), "%s/pcscf.key", run_dir) >= sizeof(path))
		return -ENAMETOOLONG;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return errno == ENOENT ? make_key(path, key) : -errno;
	int error = read_key(fd, key);
	close(fd);
	return error == -EBADMSG ? make_key(path, key) : error;
}

/* --- the seal --- */

/* What is sealed: texts, each with its end. */
struct sealed {
	char text[8192];
	size_t used;
	bool failed;
};

static void add_text(struct sealed *to, const char *text)
{
	size_t n = text ? strlen(text) + 1 : 0;
	to->failed |= !text || n > sizeof(to->text) - to->used;
	if (to->failed)
		return;
	memcpy(to->text + to->used, text, n);
	to->used += n;
}

static const osip_uri_t *route_at(const struct sip *s, enum sip_kind kind, int i)
{
	return kind == SIP_ROUTE ? sip_route(s, (unsigned)i) : sip_record_route(s, (unsigned)i);
}

static void add_uri(struct sealed *to, const osip_uri_t *uri)
{
	char *text = NULL;
	if (!uri || osip_uri_to_str(uri, &text))
		text = NULL;
	add_text(to, text);
	osip_free(text);
}

/*
 * Over the entries `first` … `end` (not included) of Route or Record-Route, in either direction.
 * Returns 0 or -EINVAL: they cannot be written, or are too long.
 */
static int make_seal(const struct pcscf *p, const struct sip *s, const char *id, enum sip_kind kind,
		     int first, int end, char out[static SEAL_BYTES])
{
	unsigned char mac[EVP_MAX_MD_SIZE];
	struct sealed sealed = { .used = 0 };
	char call_id[1024];
	int step = first <= end ? 1 : -1;
	if (sip_call_id(s, call_id, sizeof(call_id)) < 0)
		return -EINVAL;
	add_text(&sealed, id);
	add_text(&sealed, call_id);
	for (int i = first; i != end; i += step)
		add_uri(&sealed, route_at(s, kind, i));
	if (sealed.failed || !HMAC(EVP_sha256(), p->dialog_key, PCSCF_KEY_BYTES,
				   (const unsigned char *)sealed.text, sealed.used, mac, NULL))
		return -EINVAL;
	for (unsigned i = 0; i < SEAL_BYTES / 2; i++)
		snprintf(out + 2 * (size_t)i, 3, "%02x", mac[i]);
	return 0;
}

/* --- our entries --- */

/* `name` is the user part: ID, or ID.SEAL. */
static int push(struct sip *s, const char *name, const struct endpoint *side)
{
	char host[ADDRESS_TEXT_BYTES], uri[128];
	snprintf(uri, sizeof(uri), "sip:%s@%s%s;lr", name, address_print(&side->local, host),
		 transport_uri_parameter(side));
	return sip_record_route_push(s, uri);
}

static int push_sealed(const struct pcscf *p, struct sip *s, const char *id,
		       const struct endpoint *side)
{
	char seal[SEAL_BYTES], name[UE_ID_BYTES + SEAL_BYTES];
	/* Behind our entry on the core's side, which is the topmost now. */
	int error =
		make_seal(p, s, id, SIP_RECORD_ROUTE, 1, (int)sip_count(s, SIP_RECORD_ROUTE), seal);
	if (error)
		return error;
	snprintf(name, sizeof(name), "%s.%s", id, seal);
	return push(s, name, side);
}

int pcscf_record_from_ue(const struct pcscf *p, struct sip *s, const struct sa_set *set)
{
	char id[UE_ID_BYTES];
	sip_record_routes_clear(s); /* before a UE there is no proxy */
	if (!sip_begins_dialog(s))
		return 0;
	int error = push(s, ue_id_text(set->ue, id), set->ports.ps);
	return error ? error : push(s, id, p->core);
}

int pcscf_record_to_ue(const struct pcscf *p, struct sip *s, const struct sa_set *set)
{
	char id[UE_ID_BYTES];
	if (!sip_begins_dialog(s))
		return 0;
	int error = push(s, ue_id_text(set->ue, id), p->core);
	return error ? error : push_sealed(p, s, id, set->ports.ps);
}

/* --- answers --- */

int pcscf_seal_answer(const struct pcscf *p, struct sip *answer)
{
	int n = (int)sip_count(answer, SIP_RECORD_ROUTE);
	const osip_uri_t *last = n >= 2 ? sip_record_route(answer, (unsigned)n - 1) : NULL;
	char seal[SEAL_BYTES], name[UE_ID_BYTES + SEAL_BYTES];
	if (!last || !last->username || strlen(last->username) != UE_ID_BYTES - 1 ||
	    !pcscf_is_own(p, last) || !pcscf_is_own(p, sip_record_route(answer, (unsigned)n - 2)))
		return 0; /* not the answer to what began a dialog */
	int error = make_seal(p, answer, last->username, SIP_RECORD_ROUTE, n - 3, -1, seal);
	if (error)
		return error;
	snprintf(name, sizeof(name), "%s.%s", last->username, seal);
	return sip_record_route_set_user(answer, (unsigned)n - 1, name);
}

int pcscf_restore_answer(const struct pcscf *p, struct sip *answer, const struct sip *request,
			 const char *id, const struct endpoint *ps)
{
	sip_record_routes_clear(answer);
	if (!sip_begins_dialog(request) || sip_status(answer) == 100 || sip_status(answer) >= 300)
		return 0;
	int error = sip_record_routes_copy(answer, request);
	if (!error)
		error = push(answer, id, p->core);
	return error ? error : push(answer, id, ps);
}

/* --- what a UE asks inside a dialog --- */

/* The S-CSCF itself is the other end of some (reg event): there is no route behind us. */
static bool is_to_home(const struct sip *s, const struct ue_registration *r)
{
	char uri[SIP_VALUE_BYTES];
	struct address home, target;
	const char *user = strchr(r->service_routes[0], '@');
	snprintf(uri, sizeof(uri), "sip:%s",
		 user ? user + 1 : r->service_routes[0] + strlen("sip:"));
	return !address_parse_uri(uri, &home) && !sip_uri_address(sip_request_uri(s), &target) &&
	       address_equal(&target, &home);
}

int pcscf_open_route(const struct pcscf *p, struct sip *s, const struct ue *ue,
		     const struct ue_registration *r)
{
	const osip_uri_t *top = sip_route(s, 0);
	char id[UE_ID_BYTES], seal[SEAL_BYTES], name[UE_ID_BYTES + SEAL_BYTES];
	char given[sizeof(name)] = "";
	if (top && top->username && pcscf_is_own(p, top) &&
	    strlen(top->username) == sizeof(name) - 1)
		strcpy(given, top->username);
	while (pcscf_is_own(p, sip_route(s, 0)))
		sip_route_pop(s);
	int n_behind = (int)sip_count(s, SIP_ROUTE);
	if (make_seal(p, s, ue_id_text(ue, id), SIP_ROUTE, 0, n_behind, seal))
		return -EPERM;
	snprintf(name, sizeof(name), "%s.%s", id, seal);
	if (!secret_equal(given, name, sizeof(name)))
		return -EPERM;
	return n_behind > 0 || is_to_home(s, r) ? 0 : -EPERM;
}
