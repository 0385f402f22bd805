#include "tools/ue/reflect.h"

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CAPTURE_S 1

static int open_capture(const struct fleet_options *o)
{
	uint16_t type = o->pcscf.family == AF_INET ? ETHERTYPE_IP : ETHERTYPE_IPV6;
	struct sockaddr_ll wire = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(type),
		.sll_ifindex = (int)if_nametoindex(o->wire),
	};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd >= 0 && bind(fd, (struct sockaddr *)&wire, sizeof(wire))) {
		close(fd);
		return -1;
	}
	return fd;
}

/* Whether the frame at packet_room() is ESP from the P-CSCF; then the packet spans all of it. */
static bool is_wanted(struct attack *a, size_t n_bytes)
{
	struct packet *p = &a->packet;
	uint8_t *frame = packet_room(p);

	if (n_bytes < ETH_HLEN || packet_parse(p, frame + ETH_HLEN, n_bytes - ETH_HLEN))
		return false;
	return p->protocol == IPPROTO_ESP && address_equal(&p->source, &a->fleet->options.pcscf);
}

static void turn_round(uint8_t *frame)
{
	uint8_t destination[ETH_ALEN];

	memcpy(destination, frame, ETH_ALEN);
	memcpy(frame, frame + ETH_ALEN, ETH_ALEN);
	memcpy(frame + ETH_ALEN, destination, ETH_ALEN);
}

static void look(void *context)
{
	struct attack *a = context;
	struct sockaddr_ll from;
	socklen_t from_bytes = sizeof(from);
	bool found = false;
	ssize_t n;

	while (!found && (n = recvfrom(a->capture, packet_room(&a->packet), PACKET_BYTES, 0,
				       (struct sockaddr *)&from, &from_bytes)) >= 0)
		found = from.sll_pkttype == PACKET_HOST && is_wanted(a, (size_t)n);
	if (found)
		turn_round(packet_room(&a->packet));
	a->captured(a, found);
}

void reflect_capture(struct attack *a, void (*captured)(struct attack *a, bool found))
{
	a->capture = open_capture(&a->fleet->options);
	if (a->capture < 0) {
		captured(a, false);
		return;
	}
	a->captured = captured;
	fleet_traffic(a->fleet, CAPTURE_S, FLEET_MESSAGE_BYTES, look, a);
}

bool reflect_send(struct attack *a)
{
	const uint8_t *frame = packet_room(&a->packet);
	size_t n_bytes = (size_t)(a->packet.ip - frame) + a->packet.bytes;

	return send(a->capture, frame, n_bytes, 0) == (ssize_t)n_bytes;
}

void reflect_close(struct attack *a)
{
	if (a->capture >= 0)
		close(a->capture);
	a->capture = -1;
}
