#include "dataplane/sa_options.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "configs/config.h"
#include "crypto/wipe.h"
#include "dataplane/key_text.h"
#include "dataplane/names.h"
#include "dataplane/number.h"

__attribute__((format(printf, 2, 3))) static int refuse(struct sa_options *o, const char *message,
							...)
{
	va_list args;

	va_start(args, message);
	vsnprintf(o->error, sizeof(o->error), message, args);
	va_end(args);
	return -EINVAL;
}

static int take_zone(struct sa_options *o, char *value)
{
	int zone = config_zone_index(o->config, value);

	if (zone < 0)
		return refuse(o, "the configuration has no zone %s", value);
	o->zone = value;
	o->set.zone = zone;
	return 0;
}

static int take_address(struct sa_options *o, const char *value, struct api_address *out)
{
	uint8_t family = strchr(value, ':') ? API_IPV6 : API_IPV4;

	if (inet_pton(family == API_IPV6 ? AF_INET6 : AF_INET, value, out->bytes) != 1)
		return refuse(o, "%s is no IPv4 or IPv6 address", value);
	if (o->set.family && o->set.family != family)
		return refuse(o, "--local and --peer must be of one family");
	o->set.family = family;
	return 0;
}

static int take_local(struct sa_options *o, char *value)
{
	return take_address(o, value, &o->set.local);
}

static int take_peer(struct sa_options *o, char *value)
{
	return take_address(o, value, &o->set.peer);
}

static int take_integrity(struct sa_options *o, char *value)
{
	int number = names_integrity_find(value, &o->auth_key_bytes);

	if (number < 0)
		return refuse(o, "%s is no known integrity algorithm", value);
	o->set.integrity = number;
	return 0;
}

static int take_cipher(struct sa_options *o, char *value)
{
	int number = names_cipher_find(value, &o->cipher_key_bytes);

	if (number < 0)
		return refuse(o, "%s is no known cipher", value);
	o->set.cipher = number;
	return 0;
}

static int take_key(struct sa_options *o, char *value)
{
	o->set.auth_key_bytes = key_read(value, o->set.auth_key, API_KEY_BYTES);
	return o->set.auth_key_bytes ? 0 : refuse(o, "--key expects hexadecimal digits");
}

static int take_cipher_key(struct sa_options *o, char *value)
{
	o->set.cipher_key_bytes = key_read(value, o->set.cipher_key, API_KEY_BYTES);
	return o->set.cipher_key_bytes ? 0 : refuse(o, "--cipher-key expects hexadecimal digits");
}

static int take_salt(struct sa_options *o, char *value)
{
	size_t n_bytes = key_read(value, o->set.salt, sizeof(o->set.salt));

	return n_bytes == sizeof(o->set.salt) ? 0
					      : refuse(o, "--salt expects 8 hexadecimal digits");
}

static int take_tunnel(struct sa_options *o, char *value)
{
	uint64_t number;

	if (!number_read(value, 1, UINT32_MAX, &number))
		return refuse(o, "--tunnel expects a number that `imsgate tunnel add` printed");
	o->set.tunnel = number;
	return 0;
}

static int take_sequence(struct sa_options *o, char *value)
{
	return number_read(value, 0, UINT64_MAX, &o->sequence)
		       ? 0
		       : refuse(o, "--sequence expects the number of the last packet");
}

static int take_key_file(struct sa_options *o, char *value)
{
	o->key_file = value;
	return 0;
}

/* LOCALPORT:PEERPORT[:SPI]; the SPI of an outbound SA is the peer's, not ours to allocate. */
static int take_sa(struct sa_options *o, char *value, enum api_direction direction)
{
	char *local = strsep(&value, ":"), *peer = strsep(&value, ":");
	uint64_t local_port, peer_port, spi = 0;

	if (o->n_sas == API_SET_SAS)
		return refuse(o, "a set has at most %d SAs", API_SET_SAS);
	if (!peer || !number_read(local, 0, 65535, &local_port) ||
	    !number_read(peer, 0, 65535, &peer_port) || (!value && direction == API_OUT))
		return refuse(o, "%s expects LOCALPORT:PEERPORT%s",
			      direction == API_IN ? "--in" : "--out",
			      direction == API_IN ? "[:SPI]" : ":SPI");
	// RFC 4303 2.1: SPIs 0 … 255 are reserved.
	if (value && !number_read(value, 256, UINT32_MAX, &spi))
		return refuse(o, "%s is no SPI from 256 to 4294967295", value);
	o->set.sa[o->n_sas++] = (struct api_sa){
		.direction = direction,
		.local_port = local_port,
		.peer_port = peer_port,
		.spi = spi,
	};
	return 0;
}

static int take_in(struct sa_options *o, char *value)
{
	return take_sa(o, value, API_IN);
}

static int take_out(struct sa_options *o, char *value)
{
	return take_sa(o, value, API_OUT);
}

static int take_window(struct sa_options *o, char *value)
{
	uint64_t number;

	// RFC 4303 3.4.3: at least 32.
	if (!number_read(value, 32, API_WINDOW_WORDS * 64, &number))
		return refuse(o, "--window expects a number from 32 to %d", API_WINDOW_WORDS * 64);
	o->window_pkts = number;
	return 0;
}

static int take_lifetime(struct sa_options *o, char *value)
{
	uint64_t number;

	if (!number_read(value, 0, UINT32_MAX, &number))
		return refuse(o, "--lifetime expects seconds");
	o->set.lifetime_s = number;
	return 0;
}

static int take_registration(struct sa_options *o, char *value)
{
	if (!number_read(value, 1, UINT64_MAX, &o->set.registration))
		return refuse(o, "--registration expects a number above 0");
	return 0;
}

static const struct option {
	const char *name;
	int (*take)(struct sa_options *o, char *value);
} options[] = {
	{ "--zone", take_zone },
	{ "--local", take_local },
	{ "--peer", take_peer },
	{ "--integrity", take_integrity },
	{ "--cipher", take_cipher },
	{ "--key", take_key },
	{ "--cipher-key", take_cipher_key },
	{ "--salt", take_salt },
	{ "--tunnel", take_tunnel },
	{ "--sequence", take_sequence },
	{ "--key-file", take_key_file },
	{ "--in", take_in },
	{ "--out", take_out },
	{ "--window", take_window },
	{ "--lifetime", take_lifetime },
	{ "--registration", take_registration },
};

static int take(struct sa_options *o, const char *name, char *value)
{
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		if (strcmp(options[i].name, name))
			continue;
		if (!value)
			return refuse(o, "%s needs a value", name);
		return options[i].take(o, value);
	}
	/* It may be a key that went astray. */
	if (strncmp(name, "--", 2))
		return refuse(o, "expected an option, which begins with --");
	return refuse(o, "unknown option %s", name);
}

/* AES has keys of 32 bytes too. */
static bool fits(size_t found, size_t wanted, bool is_aes)
{
	return found == wanted || (is_aes && found == 32);
}

static int check_keys(struct sa_options *o)
{
	struct api_set *set = &o->set;
	int rc = o->key_file ? key_file_read(o->key_file, set->auth_key, &set->auth_key_bytes,
					     set->cipher_key, &set->cipher_key_bytes, API_KEY_BYTES)
			     : 0;

	if (rc == -EINVAL)
		return refuse(o,
			      "%s: expected the integrity key in hexadecimal on the first line "
			      "and the cipher key on the second",
			      o->key_file);
	if (rc)
		return refuse(o, "%s: %s", o->key_file, strerror(-rc));
	if (o->key_file && o->auth_key_bytes == 0 && set->cipher_key_bytes == 0) {
		/* A cipher that authenticates has the only line. */
		memcpy(set->cipher_key, set->auth_key, sizeof(set->cipher_key));
		wipe(set->auth_key, sizeof(set->auth_key));
		set->cipher_key_bytes = set->auth_key_bytes;
		set->auth_key_bytes = 0;
	}
	if (!fits(set->auth_key_bytes, o->auth_key_bytes, set->integrity == API_AES_GMAC))
		return refuse(o, "%s needs an integrity key of %zu bytes, found %u",
			      names_integrity(set->integrity), o->auth_key_bytes,
			      set->auth_key_bytes);
	if (!fits(set->cipher_key_bytes, o->cipher_key_bytes,
		  set->cipher == API_AES_CBC || set->cipher == API_AES_GCM))
		return refuse(o, "%s needs a cipher key of %zu bytes, found %u",
			      names_cipher(set->cipher), o->cipher_key_bytes,
			      set->cipher_key_bytes);
	return 0;
}

/* With a tunnel and no zone, the tunnel says where its SA is, and that has no ports. */
static int check_place(struct sa_options *o)
{
	static const struct api_address none;

	if (o->set.tunnel && !o->zone) {
		o->set.mode = API_TUNNEL;
		if (o->set.family)
			return refuse(o, "--local and --peer are the tunnel's");
		return 0;
	}
	if (o->set.tunnel)
		o->set.mode = API_UDP_ENCAP_TUNNEL;
	if (!o->zone)
		return refuse(o, "--zone is missing");
	if (!memcmp(&o->set.local, &none, sizeof(none)))
		return refuse(o, "--local is missing");
	if (!memcmp(&o->set.peer, &none, sizeof(none)))
		return refuse(o, "--peer is missing");
	return 0;
}

static int check_sas(struct sa_options *o)
{
	bool has_ports = o->set.mode != API_TUNNEL;

	if (o->n_sas == 0)
		return refuse(o, "--in and --out are missing: the set has no SA");
	if (!has_ports && o->n_sas != 1)
		return refuse(o, "a SEG tunnel's SAs are installed one by one");
	if (o->esn && has_ports)
		return refuse(o, "--esn is for SEG tunnels"); // TS 33.203 has none
	for (unsigned i = 0; i < o->n_sas; i++) {
		struct api_sa *sa = &o->set.sa[i];

		if (!sa->local_port == has_ports || !sa->peer_port == has_ports)
			return refuse(o, has_ports ? "ports are from 1 to 65535"
						   : "a SEG tunnel's SA has the ports 0:0");
		sa->sequence = o->sequence;
		sa->flags = o->esn ? API_SA_ESN : 0;
		if (sa->direction == API_IN)
			sa->window_pkts = o->window_pkts;
	}
	return 0;
}

static int check(struct sa_options *o)
{
	int rc = check_place(o);

	// TS 33.203 6.3: always on
	if (rc == 0 && o->set.integrity == API_INTEGRITY_NONE && o->set.cipher != API_AES_GCM)
		rc = refuse(o, "--integrity is missing");
	if (rc == 0)
		rc = check_sas(o);
	return rc ? rc : check_keys(o);
}

int sa_options_parse(struct sa_options *o, int argc, char **argv, const struct config *config)
{
	int rc = 0;

	*o = (struct sa_options){ .config = config };
	o->set.mode = API_TRANSPORT;
	o->set.subject = 1; /* one hand: what it deletes it may add again at once */
	for (int i = 1; rc == 0 && i < argc; i++) {
		if (!strcmp(argv[i], "--hold"))
			o->hold = true;
		else if (!strcmp(argv[i], "--esn"))
			o->esn = true;
		else {
			rc = take(o, argv[i], argv[i + 1]);
			i++;
		}
	}
	return rc ? rc : check(o);
}

void sa_options_wipe(struct sa_options *o)
{
	wipe(&o->set, sizeof(o->set));
}
