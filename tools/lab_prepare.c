#include "tools/lab.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/lab_config.h"

/* Opened here: inside, the place where the user wants it may be hidden by the lab's own /run. */
static int open_output(const char *path, mode_t mode, int *fd)
{
	*fd = -1;
	if (!path)
		return 0;
	*fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
	if (*fd < 0) {
		fprintf(stderr, "imsgate lab: %s: %s\n", path, strerror(errno));
		return -errno;
	}
	return 0;
}

static int find_self(struct lab *l)
{
	ssize_t n = readlink("/proc/self/exe", l->program_dir, sizeof(l->program_dir) - 1);

	if (n < 0) {
		perror("imsgate lab: /proc/self/exe");
		return -errno;
	}
	l->program_dir[n] = 0;
	*strrchr(l->program_dir, '/') = 0;
	return 0;
}

/* Where ip, ethtool and tcpdump are; an ordinary user's path may lack it. */
static void add_system_path(void)
{
	const char *path = getenv("PATH");
	char *longer;

	if (asprintf(&longer, "%s:/usr/sbin:/sbin", path ? path : "/usr/bin:/bin") < 0)
		return;
	setenv("PATH", longer, 1);
	free(longer);
}

int lab_prepare(struct lab *l)
{
	const struct lab_options *o = l->options;
	int error;

	error = lab_config_read(o->config, &l->config_text);
	if (error) {
		fprintf(stderr, "imsgate lab: %s: %s\n", o->config, strerror(-error));
		return error;
	}
	error = open_output(o->pcap, 0644, &l->pcap_fd);
	if (!error)
		error = open_output(o->keylog, 0600, &l->keylog_fd); /* keys */
	if (!error)
		error = find_self(l);
	add_system_path();
	return error;
}
