/* SPDX-License-Identifier: Apache-2.0 */
#include "client/config.h"

#include <errno.h>
#include <libconfig.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "core/view.h"

enum type { type_text, type_flag, type_count };

struct key {
	const char *section, *name, *value, *doc;
	enum type type;
	size_t at; /* in struct lr_config */
};

static const struct key keys[] = {
#define KEY(sec, field, key, type, def, doc)                                   \
	{ sec, key, def, doc, type_##type, offsetof(struct lr_config, field) },
	LR_CONFIG(KEY)
#undef KEY
};
#define N_KEYS (sizeof keys / sizeof *keys)

#define TEXT_CAP sizeof((struct lr_config *)0)->pool

static void set_default(struct lr_config *c, const struct key *k)
{
	void *at = (char *)c + k->at;

	switch (k->type) {
	case type_text:
		snprintf(at, TEXT_CAP, "%s", k->value);
		break;
	case type_flag:
		*(bool *)at = !strcmp(k->value, "true");
		break;
	case type_count:
		*(uint32_t *)at = (uint32_t)strtoul(k->value, NULL, 10);
		break;
	}
}

static const struct key *find_key(const char *section, const char *name)
{
	for (size_t i = 0; i < N_KEYS; i++)
		if (!strcmp(keys[i].section, section) &&
		    !strcmp(keys[i].name, name))
			return &keys[i];
	return NULL;
}

static bool is_section(const char *name)
{
	for (size_t i = 0; i < N_KEYS; i++)
		if (*name && !strcmp(keys[i].section, name))
			return true;
	return false;
}

/* NULL, or what is wrong with the value. */
static const char *take(struct lr_config *c, const struct key *k,
			const config_setting_t *s)
{
	void *at = (char *)c + k->at;
	int type = config_setting_type(s);

	switch (k->type) {
	case type_text:
		if (type != CONFIG_TYPE_STRING)
			return "must be a text in quotes";
		if (strlen(config_setting_get_string(s)) >= TEXT_CAP)
			return "is too long";
		snprintf(at, TEXT_CAP, "%s", config_setting_get_string(s));
		return NULL;
	case type_flag:
		if (type != CONFIG_TYPE_BOOL)
			return "must be true or false";
		*(bool *)at = config_setting_get_bool(s);
		return NULL;
	default:
		if (type != CONFIG_TYPE_INT || config_setting_get_int(s) < 0)
			return "must be a whole number, 0 or more";
		*(uint32_t *)at = (uint32_t)config_setting_get_int(s);
		return NULL;
	}
}

static bool take_group(struct lr_config *c, const char *path,
		       const char *section, config_setting_t *group, char *why,
		       size_t cap)
{
	for (int i = 0; i < config_setting_length(group); i++) {
		config_setting_t *s =
			config_setting_get_elem(group, (unsigned)i);
		const char *name = config_setting_name(s);
		const struct key *k = find_key(section, name);
		const char *wrong;

		if (!*section && is_section(name) &&
		    config_setting_is_group(s)) {
			if (!take_group(c, path, name, s, why, cap))
				return false;
			continue;
		}
		wrong = k ? take(c, k, s) :
			    "is not a key here; see lanram.conf(5)";
		if (wrong) {
			snprintf(why, cap, "%s:%d: %s %s", path,
				 config_setting_source_line(s), name, wrong);
			return false;
		}
	}
	return true;
}

/* A port of its own for each shard, from the one that is named on. */
static bool has_ports(const char *listen, unsigned shards)
{
	const char *colon = strrchr(listen, ':');
	unsigned long port = colon ? strtoul(colon + 1, NULL, 10) : 0;

	return port && port + shards - 1 <= UINT16_MAX;
}

/* What one key cannot say alone. */
static bool check(const struct lr_config *c, const char *path, char *why,
		  size_t cap)
{
	uint64_t n;
	const char *wrong = NULL;

	if (strcmp(c->admission, "ask") && strcmp(c->admission, "open"))
		wrong = "admission must be \"ask\" or \"open\"";
	else if (strcmp(c->lend, "auto") && strcmp(c->lend, "off") &&
		 !lr_parse_size(c->lend, 1 << 30, &n))
		wrong = "lend must be a size (8GiB), a share (25%), "
			"\"auto\" or \"off\"";
	else if (!lr_parse_size(c->reserve, 1 << 30, &n))
		wrong = "reserve must be a size (2GiB) or a share (20%)";
	else if (!*c->pool || strlen(c->pool) > 63)
		wrong = "pool must have 1 to 63 bytes";
	else if (strlen(c->run_dir) > 80)
		wrong = "run_dir is too long for a socket's path";
	else if (c->shards < 1 || c->shards > LR_SHARDS_MAX)
		wrong = "shards must be 1 to 16";
	else if (c->shards > 1 && !has_ports(c->donor_listen, c->shards))
		wrong = "with more than one of shards, listen of donor_role "
			"must name a port, and as many must follow it";
	if (wrong)
		snprintf(why, cap, "%s: %s", path, wrong);
	return !wrong;
}

static bool read_file(struct lr_config *c, const char *path, char *why,
		      size_t cap)
{
	config_t cfg;
	bool good = false;

	if (access(path, R_OK) != 0) {
		snprintf(why, cap, "%s: %s", path, strerror(errno));
		return false;
	}
	config_init(&cfg);
	if (config_read_file(&cfg, path) != CONFIG_TRUE)
		snprintf(why, cap, "%s:%d: %s", path, config_error_line(&cfg),
			 config_error_text(&cfg));
	else
		good = take_group(c, path, "", config_root_setting(&cfg), why,
				  cap);
	config_destroy(&cfg);
	return good && check(c, path, why, cap);
}

bool lr_config_read(struct lr_config *ret, const char *path, char *why,
		    size_t why_cap)
{
	struct lr_config c;

	memset(&c, 0, sizeof c);
	for (size_t i = 0; i < N_KEYS; i++)
		set_default(&c, &keys[i]);
	if (!path || !*path)
		path = getenv("LANRAM_CONFIG");
	if (path && *path) {
		if (!read_file(&c, path, why, why_cap))
			return false;
	} else if (access(LR_CONFIG_DEFAULT, F_OK) == 0 &&
		   !read_file(&c, LR_CONFIG_DEFAULT, why, why_cap)) {
		return false;
	}
	if (!c.name[0] && gethostname(c.name, 64) != 0)
		snprintf(c.name, sizeof c.name, "unnamed");
	c.name[63] = '\0';
	*ret = c;
	return true;
}

void lr_config_print(FILE *out)
{
	const char *section = "";

	fputs("# lanram: every key is optional; these are the defaults.\n",
	      out);
	for (size_t i = 0; i < N_KEYS; i++) {
		const struct key *k = &keys[i];
		const char *quote = k->type == type_text ? "\"" : "";

		if (strcmp(section, k->section)) {
			if (*section)
				fputs("};\n", out);
			fprintf(out, "\n%s: {\n", k->section);
			section = k->section;
		}
		fprintf(out, "%s# %s\n%s#%s = %s%s%s;\n",
			*section ? "\t" : "", k->doc, *section ? "\t" : "",
			k->name, quote, k->value, quote);
	}
	fputs("};\n", out);
}

bool lr_parse_size(const char *text, uint64_t whole, uint64_t *ret)
{
	static const char units[] = "kmgt";
	char *end;
	double v;
	const char *unit;

	if (*text < '0' || *text > '9')
		return false;
	v = strtod(text, &end);
	while (*end == ' ')
		end++;
	if (!strcmp(end, "%")) {
		v *= (double)whole / 100;
	} else if (*end) {
		unit = strchr(units, *end | 0x20);
		if (unit && *unit) {
			v *= pow(1024, (double)(unit - units + 1));
			end++;
		}
		if (strcmp(end, "") && strcasecmp(end, "b") &&
		    strcasecmp(end, "ib"))
			return false;
	}
	if (!(v >= 0 && v < 9e18))
		return false;
	*ret = (uint64_t)v;
	return true;
}

bool lr_parse_duration(const char *text, uint64_t *ret_ms)
{
	char *end;
	unsigned long long n;
	uint64_t unit;

	if (*text < '0' || *text > '9')
		return false;
	n = strtoull(text, &end, 10);
	unit = !strcmp(end, "s") ? 1000 :
	       !strcmp(end, "m") ? 60000 :
	       !strcmp(end, "h") ? 3600000 :
	       !strcmp(end, "d") ? 86400000 :
				   0;
	if (!unit || n == 0 || n > UINT64_MAX / 2 / unit)
		return false;
	*ret_ms = n * unit;
	return true;
}
