#include "controlplane/secagree.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "controlplane/sip.h"
#include "controlplane/text.h"
#include "controlplane/token.h"
#include "crypto/alg.h"

#define N_PARAMS  32  /* of one mechanism */
#define FIRST_SPI 256 /* 1 … 255 are reserved: RFC 4303 2.1 */
#define Q_FIRST   900 /* thousandths; q of the most wanted pair, the next are 100 lower */
#define Q_STEP    100

void secagree_init(struct secagree_list *l)
{
	l->text_bytes = 0;
	l->text[0] = '\0';
	l->n_mechanisms = 0;
	l->n_offers = 0;
}

int secagree_q(const char *text)
{
	if ((text[0] != '0' && text[0] != '1') || (text[1] && text[1] != '.'))
		return -EINVAL;
	int q = (text[0] - '0') * 1000;
	int weight = 100;
	for (const char *digit = text[1] ? text + 2 : text + 1; *digit; digit++, weight /= 10) {
		if (!isdigit((unsigned char)*digit) || weight == 0)
			return -EINVAL;
		q += (*digit - '0') * weight;
	}
	return q <= 1000 ? q : -EINVAL;
}

/* Decimal, within [low, high]; 0 = neither. */
static uint32_t number(const char *text, uint32_t low, uint32_t high)
{
	uint64_t value = 0;
	size_t n = 0;
	for (; text[n] >= '0' && text[n] <= '9' && n <= 10; n++)
		value = value * 10 + (uint64_t)(text[n] - '0');
	if (n == 0 || n > 10 || text[n])
		return 0;
	return value >= low && value <= high ? (uint32_t)value : 0;
}

static void set_name(char out[static SECAGREE_NAME_BYTES], const char *value)
{
	if (strlen(value) < SECAGREE_NAME_BYTES)
		strcpy(out, value);
	else
		strcpy(out, "?"); /* no algorithm is called that */
}

static const char *const mode_names[] = {
	[SECAGREE_TRANSPORT] = "trans",
	[SECAGREE_UDP_TUNNEL] = "UDP-enc-tun",
};

/* Only while nothing has spoiled it: prot may come after mod. */
static void take_mode(struct secagree_offer *o, const char *value)
{
	if (o->mode == SECAGREE_NO_MODE)
		return;
	if (!strcasecmp(value, mode_names[SECAGREE_TRANSPORT]))
		o->mode = SECAGREE_TRANSPORT;
	else if (!strcasecmp(value, mode_names[SECAGREE_UDP_TUNNEL]))
		o->mode = SECAGREE_UDP_TUNNEL;
	else
		o->mode = SECAGREE_NO_MODE;
}

/* A piece of the canonical text. */
struct word {
	const char *text;
	size_t n_bytes;
};

static inline bool is(const struct word *w, const char *name)
{
	return w->n_bytes == strlen(name) && !memcmp(w->text, name, strlen(name));
}

/* One parameter into an offer; false: its value is impossible. Unknown ones are ignored. */
static bool take_param(struct secagree_offer *o, const struct word *name, const char *value)
{
	if (is(name, "alg"))
		set_name(o->alg, value);
	else if (is(name, "ealg"))
		set_name(o->ealg, value);
	else if (is(name, "prot"))
		o->mode = strcmp(value, "esp") ? SECAGREE_NO_MODE : o->mode;
	else if (is(name, "mod"))
		take_mode(o, value);
	else if (is(name, "spi-c"))
		return (o->spi_c = number(value, FIRST_SPI, UINT32_MAX));
	else if (is(name, "spi-s"))
		return (o->spi_s = number(value, FIRST_SPI, UINT32_MAX));
	else if (is(name, "port-c"))
		return (o->port_c = (uint16_t)number(value, 1, 65535));
	else if (is(name, "port-s"))
		return (o->port_s = (uint16_t)number(value, 1, 65535));
	else if (is(name, "q"))
		return (o->q_thousandths = (uint16_t)secagree_q(value)) <= 1000;
	return true;
}

static bool is_usable(const struct secagree_offer *o)
{
	return o->alg[0] && o->spi_c && o->spi_s && o->port_c && o->port_s;
}

/* One character more; secagree_add() has seen that there is room. */
static void put(struct secagree_list *l, char c)
{
	l->text[l->text_bytes++] = c;
}

static const char *skip_blanks(const char *s)
{
	while (*s == ' ' || *s == '\t')
		s++;
	return s;
}

/* Length of the quoted string at s with both quotes; 0: it does not end. */
static size_t quoted_bytes(const char *s)
{
	size_t n = 1;
	while (s[n] && s[n] != '"')
		n += s[n] == '\\' && s[n + 1] ? 2 : 1;
	return s[n] == '"' ? n + 1 : 0;
}

/* One token or quoted string at *s, copied to the text, where a NUL ends it until it goes on. */
static int take_word(struct secagree_list *l, const char **s, bool may_quote, struct word *out)
{
	char *at = l->text + l->text_bytes;
	bool quoted = may_quote && **s == '"';
	size_t n = quoted ? quoted_bytes(*s) : token_or_host_fold(*s, at);
	if (quoted)
		memcpy(at, *s, n);
	at[n] = '\0';
	*out = (struct word){ at, n };
	l->text_bytes += n;
	*s = skip_blanks(*s + n);
	return n ? 0 : -EINVAL;
}

/* A parameter after its ';'. `o` NULL: of a mechanism that is not ours. */
static int add_param(struct secagree_list *l, const char **s, struct secagree_offer *o, bool *sane)
{
	struct word name, value = { "", 0 };
	put(l, ';');
	*s = skip_blanks(*s + 1);
	int error = take_word(l, s, false, &name);
	if (!error && **s == '=') {
		put(l, '=');
		*s = skip_blanks(*s + 1);
		error = take_word(l, s, true, &value);
	}
	if (!error && o && !take_param(o, &name, value.text))
		*sane = false;
	return error;
}

static int add_mechanism(struct secagree_list *l, const char **s)
{
	struct secagree_offer offer = { .ealg = "null", .q_thousandths = 1000 };
	struct word name;
	bool sane = true;
	if (l->n_mechanisms++)
		put(l, ',');
	int error = take_word(l, s, false, &name);
	if (error)
		return error;
	bool ours = is(&name, "ipsec-3gpp");
	for (unsigned n = 0; **s == ';'; n++) {
		if (n == N_PARAMS)
			return -EMSGSIZE;
		error = add_param(l, s, ours ? &offer : NULL, &sane);
		if (error)
			return error;
	}
	if (ours && sane && is_usable(&offer)) {
		if (l->n_offers == SECAGREE_N_OFFERS)
			return -EMSGSIZE;
		l->offers[l->n_offers++] = offer;
	}
	return 0;
}

int secagree_add(struct secagree_list *l, const char *line)
{
	/* The canonical text is not longer than the line, but for a comma before it. */
	if (strlen(line) + 1 >= sizeof(l->text) - l->text_bytes)
		return -EMSGSIZE;
	const char *s = skip_blanks(line);
	for (;;) {
		int error = add_mechanism(l, &s);
		if (error)
			return error;
		if (!*s)
			return 0;
		if (*s != ',')
			return -EINVAL;
		s = skip_blanks(s + 1);
	}
}

int secagree_read(const struct sip *s, const char *header, struct secagree_list *out)
{
	const char *line;
	secagree_init(out);
	for (unsigned i = 0; (line = sip_header(s, header, i)); i++) {
		int error = secagree_add(out, line);
		if (error)
			return error;
	}
	return 0;
}

static const struct secagree_offer *find(const struct secagree_list *l, enum secagree_mode mode,
					 const char *alg, const char *ealg)
{
	for (unsigned i = 0; i < l->n_offers; i++) {
		const struct secagree_offer *o = &l->offers[i];
		if (o->mode == mode && o->spi_c != o->spi_s && o->port_c != o->port_s &&
		    !strcmp(o->alg, alg) && !strcmp(o->ealg, ealg))
			return o;
	}
	return NULL;
}

static void add_alg(uint8_t list[], uint8_t *n, int alg)
{
	if (alg >= 0 && !memchr(list, alg, *n))
		list[(*n)++] = (uint8_t)alg;
}

struct secagree_policy secagree_policy(char *const *integrity, unsigned n_integrity,
				       char *const *encryption, unsigned n_encryption,
				       enum secagree_mode mode)
{
	struct secagree_policy p = { .mode = (uint8_t)mode };
	for (unsigned i = 0; i < n_integrity; i++)
		add_alg(p.integrity, &p.n_integrity,
			alg_find_integrity(integrity[i], strlen(integrity[i])));
	for (unsigned e = 0; e < n_encryption; e++)
		add_alg(p.encryption, &p.n_encryption,
			alg_find_cipher(encryption[e], strlen(encryption[e])));
	return p;
}

/* A pair of the policy, by places in its lists; false: it would not protect. */
static bool get_pair(const struct secagree_policy *p, unsigned i, unsigned e, const char **alg,
		     const char **ealg)
{
	*alg = alg_integrity[p->integrity[i]].sip_name;
	*ealg = alg_cipher[p->encryption[e]].sip_name;
	return alg_pair_is_allowed(p->integrity[i], p->encryption[e]);
}

const struct secagree_offer *secagree_choose(const struct secagree_list *client,
					     const struct secagree_policy *policy)
{
	const char *alg, *ealg;
	for (unsigned i = 0; i < policy->n_integrity; i++)
		for (unsigned e = 0; e < policy->n_encryption; e++) {
			const struct secagree_offer *o = NULL;
			if (get_pair(policy, i, e, &alg, &ealg))
				o = find(client, policy->mode, alg, ealg);
			if (o)
				return o;
		}
	return NULL;
}

/* The parameters of one pair. */
static void put_pair(struct text *t, const struct secagree_policy *policy,
		     const struct secagree_server *numbers, const char *alg, const char *ealg)
{
	text_put(t, "; prot=esp; mod=");
	text_put(t, mode_names[policy->mode]);
	if (numbers) {
		text_put(t, "; spi-c=");
		text_put_number(t, numbers->spi_c);
		text_put(t, "; spi-s=");
		text_put_number(t, numbers->spi_s);
		text_put(t, "; port-c=");
		text_put_number(t, numbers->port_c);
		text_put(t, "; port-s=");
		text_put_number(t, numbers->port_s);
	}
	text_put(t, "; alg=");
	text_put(t, alg);
	text_put(t, "; ealg=");
	text_put(t, ealg);
}

int secagree_print_server(const struct secagree_policy *policy,
			  const struct secagree_server *numbers, char *out, size_t out_bytes)
{
	const char *alg, *ealg;
	struct text t = text_in(out, out_bytes);
	unsigned q = Q_FIRST;
	for (unsigned i = 0; i < policy->n_integrity; i++)
		for (unsigned e = 0; e < policy->n_encryption && q > 0; e++) {
			if (!get_pair(policy, i, e, &alg, &ealg))
				continue;
			text_put(&t, t.n_bytes ? ", ipsec-3gpp; q=0." : "ipsec-3gpp; q=0.");
			text_put_number(&t, q / Q_STEP);
			put_pair(&t, policy, numbers, alg, ealg);
			q -= Q_STEP;
		}
	return text_end(&t);
}
