/* freeDiameter: it is configured, told the application, kept silent, and stopped here. */
#include <errno.h>
#include <fcntl.h>
#include <freeDiameter/freeDiameter-host.h>
#include <freeDiameter/libfdcore.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "configs/config.h"
#include "controlplane/cx_diameter_impl.h"
#include "controlplane/cx_dictionary.h"
#include "controlplane/cx_mailbox.h"
#include "controlplane/cx_message.h"
#include "controlplane/log.h"

/* Set before there are threads, and read-only from then on. */
static struct cx_stack own;
static pthread_t sender;

/* --- what freeDiameter's threads call --- */

/* From a peer whose certificate is another's. */
static bool is_false(struct msg *message)
{
	return cx_tls_is_wanted(own.config) && cx_tls_is_false(own.config->cx, message);
}

static void on_answer(void *id, struct msg **message)
{
	if (is_false(*message)) {
		cx_message_free(*message);
		*message = NULL;
		cx_mailbox_put(own.in, NULL, (uintptr_t)id);
		return;
	}
	/* There is a place for each that we asked. */
	if (cx_mailbox_put(own.in, *message, (uintptr_t)id) < 0)
		cx_message_free(*message);
	*message = NULL;
}

static void on_expired(void *id, DiamId_t peer, size_t peer_bytes, struct msg **message)
{
	cx_message_free(*message);
	*message = NULL;
	cx_mailbox_put(own.in, NULL, (uintptr_t)id);
}

static int on_request(struct msg **message, struct avp *avp, struct session *session, void *opaque,
		      enum disp_action *action)
{
	const char *refusal = "DIAMETER_TOO_BUSY";
	struct msg_hdr *header;
	int rc = fd_msg_hdr(*message, &header);

	if (rc != 0)
		return rc;
	if (!(header->msg_flags & CMD_FLAG_REQUEST)) {
		cx_message_free(*message); /* an answer that nobody asked for */
		*message = NULL;
		return 0;
	}
	if (is_false(*message)) {
		refusal = "DIAMETER_UNKNOWN_PEER";
	} else if (cx_mailbox_put(own.in, *message, 0) == 0) {
		*message = NULL;
		return 0;
	}
	rc = fd_msg_new_answer_from_req(fd_g_config->cnf_dict, message, 0);
	if (rc == 0)
		rc = fd_msg_rescode_set(*message, (char *)refusal, NULL, NULL, 1);
	*action = DISP_ACT_SEND;
	return rc;
}

/* `cea` is the answer that ended the exchange: who connected has received it. */
static void on_connected(const struct peer_info *info, struct msg *cea)
{
	DiamId_t source = NULL;
	size_t n_bytes;
	bool is_received = fd_msg_source_get(cea, &source, &n_bytes) == 0 && source != NULL;

	if (cx_tls_is_wanted(own.config) && !cx_tls_check(own.config->cx, info, !is_received))
		log_error("cx: %s has shown another node's certificate: it is neither answered nor "
			  "believed",
			  info->pi_diamid);
	else
		log_info("cx: connected to %s", info->pi_diamid);
}

/*
 * Where nothing hooks in, freeDiameter makes a text of whole messages, keys and all, into a buffer
 * of its own, and for messages with errors into the log. So this takes the place of all of it.
 */
static void on_event(enum fd_hook_type type, struct msg *message, struct peer_hdr *peer,
		     void *other, struct fd_hook_permsgdata *data, void *user)
{
	if (type == HOOK_MESSAGE_SENT)
		cx_message_wipe_answer(message);
	else if (type == HOOK_PEER_CONNECT_SUCCESS && peer != NULL)
		on_connected(&peer->info, message);
	else if (type == HOOK_PEER_CONNECT_FAILED && peer != NULL)
		log_info("cx: no connection to %s%s%s", peer->info.pi_diamid, other ? ": " : "",
			 other ? (const char *)other : "");
}

/* A peer that connects to us without an entry of freeDiameter's: one of those that we wait for. */
static int on_peer(struct peer_info *info, int *is_accepted, int (**second)(struct peer_info *))
{
	const struct config_cx *cx = own.config->cx;

	*is_accepted = -1;
	for (uint32_t i = 0; i < cx->n_peers; i++) {
		if (strcasecmp(cx->peers[i].identity, info->pi_diamid) == 0 &&
		    (!cx_tls_is_wanted(own.config) || cx_tls_check(cx, info, true)))
			*is_accepted = 1;
	}
	info->config.pic_flags.sec = cx_tls_is_wanted(own.config) ? PI_SEC_DEFAULT : PI_SEC_NONE;
	return 0;
}

/* Only what it says of its configuration, before there is a message: nothing else is for a log. */
static void on_log(int level, const char *format, va_list arguments)
{
	char line[256];

	if (level < FD_LOG_ERROR)
		return;
	vsnprintf(line, sizeof(line), format, arguments);
	log_error("cx: %s", line);
}

static void no_log(int level, const char *format, va_list arguments)
{
}

/* --- what is sent --- */

static struct timespec deadline(void)
{
	uint32_t timeout_ms = own.config->cx->timeout_ms;
	struct timespec at;

	clock_gettime(CLOCK_REALTIME, &at);
	at.tv_sec += timeout_ms / 1000;
	at.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
	if (at.tv_nsec >= 1000000000) {
		at.tv_nsec -= 1000000000;
		at.tv_sec++;
	}
	return at;
}

/* freeDiameter's own queues are short, and make who fills them wait: this thread may. */
static void *send_all(void *arg)
{
	struct cx_mail mail;
	struct timespec at;
	int rc;

	while (cx_mailbox_wait(own.out, &mail)) {
		at = deadline();
		if (mail.id != 0)
			rc = fd_msg_send_timeout(&mail.message, on_answer,
						 (void *)(uintptr_t)mail.id, on_expired, &at);
		else
			rc = fd_msg_send(&mail.message, NULL, NULL);
		if (rc == 0)
			continue;
		cx_message_free(mail.message);
		if (mail.id != 0)
			cx_mailbox_put(own.in, NULL, mail.id);
	}
	return NULL;
}

/* --- start and stop --- */

static void print_configuration(FILE *out, const struct config *config)
{
	const struct config_cx *cx = config->cx;
	bool tls = cx_tls_is_wanted(config);

	fprintf(out,
		"Identity = \"%s\";\nRealm = \"%s\";\nPort = %u;\nSecPort = %u;\nListenOn = "
		"\"%s\";\n"
		"No_SCTP;\nNoRelay;\nAppServThreads = 1;\nTcTimer = %u;\nTwTimer = %u;\n",
		cx->identity, cx->realm[0] ? cx->realm : config->controlplane->realm,
		tls ? 0 : cx->port, tls ? cx->port : 0, cx->address, cx->watchdog_s,
		cx->watchdog_s);
	for (uint32_t i = 0; i < cx->n_peers; i++) {
		const struct config_cx_peer *peer = &cx->peers[i];

		if (peer->address[0] != '\0')
			fprintf(out, "ConnectPeer = \"%s\" { ConnectTo = \"%s\"; Port = %u; %s};\n",
				peer->identity, peer->address, peer->port, tls ? "" : "No_TLS; ");
	}
}

/* freeDiameter reads a file, and only once: it is gone when this returns. */
static int configure(void)
{
	char path[160], group[CX_TLS_PATH_BYTES] = "";
	bool tls = cx_tls_is_wanted(own.config);
	FILE *file;
	int fd, rc;

	snprintf(path, sizeof(path), "%s/diameter.XXXXXX", own.config->controlplane->run_dir);
	fd = mkostemp(path, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	file = fdopen(fd, "w");
	if (file == NULL) {
		close(fd);
		unlink(path);
		return -ENOMEM;
	}
	print_configuration(file, own.config);
	rc = tls ? cx_tls_prepare(own.config, group) : 0;
	if (rc == 0 && tls)
		cx_tls_print(file, own.config, group);
	if (fclose(file) != 0 && rc == 0)
		rc = -EIO;
	if (rc == 0)
		rc = -fd_core_parseconf(path);
	unlink(path);
	if (group[0] != '\0')
		unlink(group);
	return rc;
}

static int hook_in(void)
{
	static const enum fd_hook_type types[] = {
		HOOK_MESSAGE_RECEIVED,        HOOK_MESSAGE_LOCAL,
		HOOK_MESSAGE_SENDING,         HOOK_MESSAGE_SENT,
		HOOK_MESSAGE_FAILOVER,        HOOK_MESSAGE_PARSING_ERROR,
		HOOK_MESSAGE_PARSING_ERROR2,  HOOK_MESSAGE_ROUTING_ERROR,
		HOOK_MESSAGE_ROUTING_FORWARD, HOOK_MESSAGE_ROUTING_LOCAL,
		HOOK_MESSAGE_DROPPED,         HOOK_PEER_CONNECT_FAILED,
		HOOK_PEER_CONNECT_SUCCESS,
	};
	struct fd_hook_hdl *handle;
	struct disp_hdl *dispatch;
	struct disp_when when = { .app = cx_dictionary_application() };
	uint32_t mask = 0;
	int rc;

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		mask |= 1u << types[i];
	rc = fd_hook_register(mask, on_event, NULL, NULL, &handle);
	if (rc == 0)
		rc = fd_disp_register(on_request, DISP_HOW_APPID, &when, NULL, &dispatch);
	if (rc == 0)
		rc = fd_disp_app_support(cx_dictionary_application(), cx_dictionary_vendor(), 1, 0);
	if (rc == 0)
		rc = fd_peer_validate_register(on_peer);
	return -rc;
}

static int start(void)
{
	int rc;

	fd_g_debug_lvl = FD_LOG_ERROR;
	rc = fd_log_handler_register(on_log);
	if (rc == 0)
		rc = fd_core_initialize();
	if (rc != 0)
		return -rc;
	rc = cx_dictionary_add(fd_g_config->cnf_dict);
	if (rc == 0)
		rc = hook_in();
	if (rc == 0)
		rc = configure();
	if (rc < 0)
		return rc;
	rc = fd_core_start();
	if (rc == 0)
		rc = fd_core_waitstartcomplete();
	fd_g_debug_lvl = FD_LOG_FATAL + 1;
	fd_log_handler_unregister();
	fd_log_handler_register(no_log);
	if (rc == 0)
		rc = pthread_create(&sender, NULL, send_all, NULL);
	return -rc;
}

int cx_stack_start(const struct cx_stack *stack)
{
	sigset_t all, before;
	int rc;

	own = *stack;
	/* Signals are the loop's: the threads inherit that they get none. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = start();
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc < 0)
		log_error("cx: freeDiameter does not start: %s", strerror(-rc));
	else
		log_info("cx: Diameter node %s at %s port %u", own.config->cx->identity,
			 own.config->cx->address, own.config->cx->port);
	/* C-132. Nobody here can see whether the kernel or a gateway encrypts the way. */
	if (rc == 0 && own.config->cx->security == CONFIG_SECURITY_NONE)
		log_warn("cx: CK and IK go to the peers without TLS; TS 33.210 wants IPsec there "
			 "(cx.security)");
	return rc;
}

static void on_abort(int signal)
{
	_exit(EXIT_SUCCESS);
}

/*
 * What the loop had put before is still sent, and peers get a DPR. Then freeDiameter 1.2 takes its
 * queues down, and asserts that threads which wait at one are gone in 20 turns of 1 ms
 * (fd_fifo_del()): on a busy machine they are not. Nothing of ours is left to lose by then.
 */
void cx_stack_stop(void)
{
	pthread_join(sender, NULL);
	signal(SIGABRT, on_abort);
	fd_core_shutdown();
	fd_core_wait_shutdown_complete();
	signal(SIGABRT, SIG_DFL);
}

unsigned cx_stack_n_peers(void)
{
	unsigned n = 0;
	int state;

	pthread_rwlock_rdlock(&fd_g_peers_rw);
	for (struct fd_list *l = fd_g_peers.next; l != &fd_g_peers; l = l->next) {
		state = fd_peer_get_state((struct peer_hdr *)l);
		n += state == STATE_OPEN || state == STATE_OPEN_NEW;
	}
	pthread_rwlock_unlock(&fd_g_peers_rw);
	return n;
}
