/* What a role says at its start of the way that CK and IK take to the other CSCFs. */
#include "controlplane/core_link.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "configs/config.h"
#include "controlplane/loop.h"
#include "controlplane/proxy.h"
#include "test/shim/test.h"
#include "test/unit/certificates.h"

/* Opens the link, and returns what was said on stderr. */
static const char *said(const struct config *config, const char *address)
{
	static char text[1024];
	uint64_t now_ms = 1000;
	struct loop *loop = loop_new(100, &now_ms);
	struct proxy *proxy = proxy_new(loop, 16, (struct proxy_user){ 0 });
	struct endpoint *e;
	char *path = certificates_path("log", "");
	int saved = dup(STDERR_FILENO), file = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	dup2(file, STDERR_FILENO);
	int error = core_link_open(proxy, config, "scscf", address,
				   (uint32_t)(20000 + getpid() % 20000), &e);
	dup2(saved, STDERR_FILENO);
	close(saved);
	EXPECT_EQ(error, 0);
	ssize_t n = pread(file, text, sizeof(text) - 1, 0);
	text[n > 0 ? n : 0] = '\0';
	close(file);
	proxy_free(proxy);
	loop_free(loop);
	return text;
}

TEST(core_link, c132_role_warns_at_its_start_of_a_way_that_nothing_protects)
{
	static const struct {
		const char *address;
		enum config_security security;
		bool warns;
	} rows[] = {
		/* the sockets are bound to addresses that this machine need not have */
		{ "192.0.2.7", CONFIG_SECURITY_NONE, true },
		{ "2001:db8::7", CONFIG_SECURITY_NONE, true },
		{ "192.0.2.7", CONFIG_SECURITY_TLS, false },
		{ "192.0.2.7", CONFIG_SECURITY_PROTECTED, false },
		{ "127.0.0.1", CONFIG_SECURITY_NONE, false },
		{ "127.3.2.1", CONFIG_SECURITY_NONE, false },
		{ "::1", CONFIG_SECURITY_NONE, false },
	};
	certificates_begin();
	certificates_make("ca", &(struct certificate){ NULL, NULL, -60, 86400 });
	certificates_make("own", &(struct certificate){ "ca", "IP:192.0.2.7", -60, 86400 });
	struct config_tls tls = { .certificate = certificates_path("own", ".pem"),
				  .key = certificates_path("own", ".key"),
				  .authorities = certificates_path("ca", ".pem") };
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct config_controlplane c = { .core_security = rows[i].security };
		struct config config = { .controlplane = &c, .tls = &tls };
		test_context("%s %d", rows[i].address, rows[i].security);
		const char *text = said(&config, rows[i].address);
		EXPECT_EQ(strstr(text, "scscf: CK and IK") != NULL, rows[i].warns);
		EXPECT_EQ(strlen(text) > 0, rows[i].warns);
	}
	certificates_end();
}
