#include "configs/config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "configs/config_check.h"
#include "configs/config_document.h"
#include "configs/config_schema.h"
#include "configs/config_shape.h"

/* Errors are found and told by shape_check() with their place; libcyaml stays silent. */
static const cyaml_config_t cyaml_config = {
	.mem_fn = cyaml_mem,
	.flags = CYAML_CFG_NO_ALIAS,
};

static int config_fill(struct config_document *d, const char *text, size_t text_bytes,
		       struct config **out)
{
	cyaml_err_t error = cyaml_load_data((const uint8_t *)text, text_bytes, &cyaml_config,
					    &config_schema, (cyaml_data_t **)out, NULL);
	int rc;

	if (error != CYAML_OK) {
		snprintf(d->error, d->error_bytes,
			 "%s: found what libcyaml refuses (%s), "
			 "expected a configuration",
			 d->name, cyaml_strerror(error));
		return error == CYAML_ERR_OOM ? -ENOMEM : -EINVAL;
	}
	rc = shape_defaults(d, *out);
	if (rc)
		snprintf(d->error, d->error_bytes, "%s: out of memory", d->name);
	return rc;
}

int config_parse(const char *name, const char *text, size_t text_bytes, struct config **out,
		 char *error, size_t error_bytes)
{
	struct config_document d = { .name = name, .error = error, .error_bytes = error_bytes };
	struct config *c = NULL;
	int rc = document_parse(&d, text, text_bytes);

	if (rc)
		return rc;
	rc = shape_check(&d);
	if (rc == 0)
		rc = config_fill(&d, text, text_bytes, &c);
	if (rc == 0)
		rc = check_all(&d, c);
	document_free(&d);
	if (rc) {
		config_free(c);
		return rc;
	}
	*out = c;
	return 0;
}

/* Reads all of a file that is at most one byte longer than a configuration may be. */
static int read_file(const char *path, char **text, size_t *text_bytes)
{
	FILE *file = fopen(path, "re");
	int rc = 0;

	if (!file)
		return -errno;
	*text = malloc(CONFIG_MAX_BYTES + 1);
	if (!*text) {
		rc = -ENOMEM;
		goto close;
	}
	*text_bytes = fread(*text, 1, CONFIG_MAX_BYTES + 1, file);
	if (ferror(file)) {
		rc = -errno;
		free(*text);
	}
close:
	fclose(file);
	return rc;
}

int config_load(const char *path, struct config **out, char *error, size_t error_bytes)
{
	size_t text_bytes = 0;
	char *text = NULL;
	int rc = read_file(path, &text, &text_bytes);

	if (rc) {
		snprintf(error, error_bytes,
			 "%s: found no readable file (%s), expected a "
			 "configuration in YAML",
			 path, strerror(-rc));
		return rc;
	}
	rc = config_parse(path, text, text_bytes, out, error, error_bytes);
	free(text);
	return rc;
}

void config_free(struct config *config)
{
	cyaml_free(&cyaml_config, &config_schema, config, 0);
}

uint32_t config_active_workers(const struct config_dataplane *dataplane)
{
	return dataplane->active_workers ? dataplane->active_workers : dataplane->n_worker_cores;
}

int config_zone_index(const struct config *config, const char *name)
{
	if (!config->dataplane)
		return -ENOENT;
	for (uint32_t i = 0; i < config->dataplane->n_zones; i++)
		if (!strcmp(config->dataplane->zones[i].name, name))
			return i;
	return -ENOENT;
}
