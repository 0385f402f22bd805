#include "test/unit/subscribers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "controlplane/hss.h"
#include "controlplane/loop.h"
#include "crypto/aka.h"
#include "test/shim/test.h"

const uint8_t subscribers_k[16] = { 0x46, 0x5b, 0x5c, 0xe8, 0xb1, 0x99, 0xb4, 0x9f,
				    0xaa, 0x5f, 0x0a, 0x2e, 0xe2, 0x38, 0xa6, 0xbc };
const uint8_t subscribers_opc[16] = { 0xcd, 0x63, 0xcb, 0x71, 0x95, 0x4a, 0x9f, 0x4e,
				      0x48, 0xa5, 0x99, 0x4e, 0x37, 0xa0, 0x2b, 0xaf };

void subscribers_impi(unsigned i, char out[static CX_IDENTITY_BYTES])
{
	memset(out, 0, CX_IDENTITY_BYTES);
	snprintf(out, CX_IDENTITY_BYTES, "%u@" REALM, i);
}

void subscribers_impu(unsigned i, char out[static CX_IDENTITY_BYTES])
{
	memset(out, 0, CX_IDENTITY_BYTES);
	snprintf(out, CX_IDENTITY_BYTES, "sip:%u@" REALM, i);
}

static bool fill(struct store *store, unsigned n)
{
	struct store_subscriber subscriber = { 0 };
	char impu[CX_IDENTITY_BYTES];
	const char *impus[] = { impu };
	bool is_done = store_begin(store) == 0;
	int taken;

	memcpy(subscriber.k, subscribers_k, sizeof(subscriber.k));
	memcpy(subscriber.opc, subscribers_opc, sizeof(subscriber.opc));
	for (unsigned i = 1; is_done && i <= n; i++) {
		subscribers_impi(i, subscriber.impi);
		subscribers_impu(i, impu);
		is_done = store_add(store, &subscriber, impus, 1, &taken) == 0;
	}
	return is_done && store_commit(store) == 0;
}

bool subscribers_open(struct subscribers *lab, unsigned n)
{
	char error[256];
	int fd;

	strcpy(lab->path, "/tmp/imsgate_store_XXXXXX");
	fd = mkstemp(lab->path);
	if (fd >= 0)
		close(fd);
	if (fd < 0 || store_open(lab->path, NULL, &lab->store, error, sizeof(error)) < 0 ||
	    !fill(lab->store, n)) {
		TEST_MESSAGE("no store for the test in %s", lab->path);
		return false;
	}
	return true;
}

void subscribers_close(struct subscribers *lab)
{
	char path[80];

	store_close(lab->store);
	unlink(lab->path);
	snprintf(path, sizeof(path), "%s-wal", lab->path);
	unlink(path);
	snprintf(path, sizeof(path), "%s-shm", lab->path);
	unlink(path);
	snprintf(path, sizeof(path), "%s.key", lab->path);
	unlink(path);
	snprintf(path, sizeof(path), "%s.records", lab->path);
	unlink(path);
}

bool hss_lab_open(struct hss_lab *lab, unsigned n)
{
	*lab = (struct hss_lab){ .now_ms = 1000 };
	if (!subscribers_open(&lab->base, n))
		return false;
	lab->loop = loop_new(1 << 16, &lab->now_ms);
	lab->hss = lab->loop != NULL ? hss_new(lab->loop, lab->base.store) : NULL;
	if (lab->hss == NULL)
		TEST_MESSAGE("no HSS for the test");
	return lab->hss != NULL;
}

void hss_lab_close(struct hss_lab *lab)
{
	hss_free(lab->hss);
	lab->base.store = NULL;
	loop_free(lab->loop);
	subscribers_close(&lab->base);
}

struct cx_request hss_lab_uar(unsigned i, enum cx_authorization type)
{
	struct cx_request request = { .command = CX_UAR, .uar = { .type = type } };

	subscribers_impi(i, request.uar.impi);
	subscribers_impu(i, request.uar.impu);
	return request;
}

struct cx_request hss_lab_mar(unsigned i, unsigned n_items, const char *scscf)
{
	struct cx_request request = { .command = CX_MAR,
				      .mar = { .n_items = n_items, .scheme = CX_SCHEME_AKA } };

	subscribers_impi(i, request.mar.impi);
	subscribers_impu(i, request.mar.impu);
	strcpy(request.mar.server_name, scscf);
	return request;
}

struct cx_request hss_lab_sar(unsigned i, enum cx_assignment type, const char *scscf)
{
	struct cx_request request = { .command = CX_SAR, .sar = { .type = type } };

	subscribers_impi(i, request.sar.impi);
	subscribers_impu(i, request.sar.impu);
	strcpy(request.sar.server_name, scscf);
	return request;
}

struct cx_request hss_lab_lir(unsigned i)
{
	struct cx_request request = { .command = CX_LIR };

	subscribers_impu(i, request.lir.impu);
	return request;
}

static void keep(void *user, const struct cx_answer *answer)
{
	*(struct cx_answer *)user = *answer;
}

struct cx_answer hss_lab_ask(struct hss_lab *lab, const struct cx_request *request)
{
	struct cx_answer answer = { 0 };

	EXPECT_TRUE(cx_request_is_sound(request));
	EXPECT_EQ(hss_request(lab->hss, request, keep, &answer), 0);
	EXPECT_EQ(answer.command, 0); /* never from within the request */
	loop_fire(lab->loop);
	EXPECT_EQ(answer.command, request->command);
	EXPECT_TRUE(cx_answer_is_sound(&answer));
	return answer;
}

enum store_state hss_lab_state(struct hss_lab *lab, unsigned i)
{
	struct store_identity identity = { 0 };
	char impu[CX_IDENTITY_BYTES];

	subscribers_impu(i, impu);
	EXPECT_EQ(store_find_impu(lab->base.store, impu, &identity), 0);
	return identity.state;
}

uint64_t hss_lab_sqn(struct hss_lab *lab, unsigned i)
{
	struct store_subscriber subscriber = { 0 };

	EXPECT_EQ(store_find_subscriber(lab->base.store, i, &subscriber), 0);
	return subscriber.sqn;
}

uint64_t subscribers_sqn(const struct cx_item *item)
{
	const struct milenage_key key = { subscribers_k, subscribers_opc };
	struct milenage *m = milenage_new();
	struct milenage_vector v;
	uint64_t sqn = 0;

	EXPECT_EQ(milenage_f2345(m, &key, item->rand, &v), 0);
	for (int i = 0; i < AKA_SQN_BYTES; i++)
		sqn = sqn << 8 | (uint8_t)(item->autn[i] ^ v.ak[i]);
	milenage_free(m);
	return sqn;
}
