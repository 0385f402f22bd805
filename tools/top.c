#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "configs/config.h"
#include "dataplane/number.h"
#include "tools/commands.h"
#include "tools/options.h"
#include "tools/telemetry.h"
#include "tools/top_sample.h"

/* ECMA-48 and xterm: the alternate screen keeps what was on the terminal before. */
#define SCREEN_ENTER "\033[?1049h\033[?25l"
#define SCREEN_LEAVE "\033[?25h\033[?1049l"
#define SCREEN_HOME  "\033[H"
#define LINE_END     "\033[K\n"
#define SCREEN_CLEAR "\033[J"

static const char help[] =
	"Usage: imsgate top [OPTION…]\n"
	"\n"
	"Rates and totals of traffic and drops, SAs, registrations and worker load, anew every\n"
	"second until Ctrl-C. Where stdout is no terminal: one line per second.\n"
	"\n"
	"  --count N      end after N refreshes\n"
	"  --config FILE  configuration; default $IMSGATE_CONFIG, else\n"
	"                 /etc/imsgate/imsgate.yaml\n"
	"  --help         this text\n";

static volatile sig_atomic_t stopped;

static void stop(int signal_number)
{
	stopped = 1;
}

/* Without SA_RESTART, so that the sleep between two refreshes ends too. */
static void catch_signals(void)
{
	struct sigaction action = { .sa_handler = stop };

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
}

/* As much of the text as the terminal shows: a longer one would scroll the top away. */
static void paint(const char *text)
{
	struct winsize size;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) || size.ws_row == 0)
		size = (struct winsize){ .ws_row = 24, .ws_col = 80 };
	fputs(SCREEN_HOME, stdout);
	for (unsigned row = 1; *text && row < size.ws_row; row++) {
		size_t n = strcspn(text, "\n");

		printf("%.*s" LINE_END, (int)(n < size.ws_col ? n : size.ws_col), text);
		text += text[n] ? n + 1 : n;
	}
	fputs(SCREEN_CLEAR, stdout);
}

static void show(bool screen, const struct top_sample *before, const struct top_sample *now)
{
	size_t text_bytes;
	char *text = NULL;
	FILE *memory;

	if (!screen) {
		top_print_line(stdout, before, now);
		fflush(stdout);
		return;
	}
	memory = open_memstream(&text, &text_bytes);
	if (!memory)
		return;
	top_print_screen(memory, before, now);
	fclose(memory);
	paint(text);
	free(text);
	fflush(stdout);
}

/* count is 0 for no end. Returns 0, or -errno with t->error set. */
static int run(struct telemetry *t, const struct config *c, bool screen, uint64_t count)
{
	const struct timespec second = { .tv_sec = 1 };
	struct top_sample samples[2];
	int rc = top_sample_read(&samples[0], t, c);

	for (uint64_t i = 1; rc == 0 && !stopped && (count == 0 || i <= count); i++) {
		nanosleep(&second, NULL);
		if (stopped)
			break;
		rc = top_sample_read(&samples[i % 2], t, c);
		if (rc == 0)
			show(screen, &samples[(i + 1) % 2], &samples[i % 2]);
	}
	return stopped ? 0 : rc;
}

static int top(const struct config *c, uint64_t count)
{
	bool screen = isatty(STDOUT_FILENO);
	struct telemetry t;
	int rc = telemetry_open(&t, c->dataplane->file_prefix);

	if (rc == 0) {
		catch_signals();
		if (screen)
			fputs(SCREEN_ENTER, stdout);
		rc = run(&t, c, screen, count);
		if (screen)
			fputs(SCREEN_LEAVE, stdout);
		fflush(stdout);
	}
	telemetry_close(&t);
	return rc ? options_fail("top", "%s", t.error) : EXIT_SUCCESS;
}

int command_top(int argc, char **argv)
{
	struct config *config;
	uint64_t count = 0;
	struct options o;
	int status;

	argc = options_parse(argc, argv, help, &o, &status);
	if (argc == 0)
		return status;
	if (o.json)
		return options_misuse("top", "no --json here: use imsgate show stats --json");
	if (argc > 1 && strcmp(argv[1], "--count"))
		return options_misuse("top", "found %s, expected at most --count N", argv[1]);
	if (argc > 3)
		return options_misuse("top", "found %s, expected nothing behind --count N",
				      argv[3]);
	if (argc > 1 && (argc < 3 || !number_read(argv[2], 1, UINT32_MAX, &count)))
		return options_misuse("top", "--count needs a number from 1 to %" PRIu32,
				      UINT32_MAX);
	config = options_config(&o, "top");
	if (!config)
		return EXIT_FAILURE;
	if (!config->dataplane)
		status = options_fail("top", "%s has no dataplane section", o.config);
	else
		status = top(config, count);
	config_free(config);
	return status;
}
