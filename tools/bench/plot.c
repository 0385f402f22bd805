#include "tools/bench/plot.h"

#include <errno.h>
#include <math.h>
#include <string.h>

/* Pixels. */
enum {
	WIDTH = 760,
	HEIGHT = 440,
	LEFT = 70,
	RIGHT = 250, /* room for the names of the series */
	TOP = 56,
	BOTTOM = 76,
	LEGEND_STEP = 20,
	MAX_Y_MARKS = 8,
};

/* Distinct also for the colour-blind: Okabe and Ito, and one more. */
static const char *const colours[] = { "#0072b2", "#d55e00", "#009e73", "#cc79a7",
				       "#e69f00", "#56b4e9", "#000000", "#7f3c8d" };
#define N_COLOURS (sizeof(colours) / sizeof(colours[0]))

static const char *const dashes[] = { "2 3", "6 4", "9 3 2 3" };
#define N_DASHES (sizeof(dashes) / sizeof(dashes[0]))

struct frame {
	double x_min, x_max, y_max; /* y begins at 0: a ratio seen is a ratio measured */
	bool log_x;
};

struct plot_series *plot_add(struct plot *p, const char *name, bool reference)
{
	if (p->n_series == PLOT_MAX_SERIES)
		return NULL;
	struct plot_series *s = &p->series[p->n_series++];
	*s = (struct plot_series){ .reference = reference };
	snprintf(s->name, sizeof(s->name), "%s", name);
	return s;
}

void plot_point(struct plot_series *s, double x, double y)
{
	if (s->n == PLOT_MAX_POINTS)
		return;
	s->x[s->n] = x;
	s->y[s->n++] = y;
}

double plot_step(double length, uint32_t n_max)
{
	double step = pow(10, floor(log10(length / n_max)));
	if (step * n_max >= length)
		return step;
	if (2 * step * n_max >= length)
		return 2 * step;
	return 5 * step * n_max >= length ? 5 * step : 10 * step;
}

static bool find_frame(const struct plot *p, struct frame *f)
{
	*f = (struct frame){ .x_min = INFINITY, .x_max = -INFINITY, .log_x = p->log_x };
	for (uint32_t i = 0; i < p->n_series; i++) {
		const struct plot_series *s = &p->series[i];
		for (uint32_t k = 0; k < s->n; k++) {
			f->x_min = fmin(f->x_min, s->x[k]);
			f->x_max = fmax(f->x_max, s->x[k]);
			f->y_max = fmax(f->y_max, s->y[k]);
		}
	}
	if (f->x_min > f->x_max || f->y_max <= 0 || (f->log_x && f->x_min <= 0))
		return false;
	if (!f->log_x)
		f->x_min = 0;
	if (f->x_max == f->x_min)
		f->x_max = f->log_x ? 10 * f->x_min : f->x_min + 1;
	double step = plot_step(f->y_max, MAX_Y_MARKS);
	f->y_max = step * ceil(f->y_max / step);
	return true;
}

static double at_x(const struct frame *f, double x)
{
	double share = f->log_x ? log10(x / f->x_min) / log10(f->x_max / f->x_min)
				: (x - f->x_min) / (f->x_max - f->x_min);
	return LEFT + share * (WIDTH - LEFT - RIGHT);
}

static double at_y(const struct frame *f, double y)
{
	return HEIGHT - BOTTOM - y / f->y_max * (HEIGHT - TOP - BOTTOM);
}

/* Texts are ours, but an ampersand would make the whole file unreadable. */
static void write_text(FILE *to, double x, double y, const char *attributes, const char *text)
{
	fprintf(to, "<text x=\"%.1f\" y=\"%.1f\" %s>", x, y, attributes);
	for (const char *c = text; *c; c++) {
		if (*c == '&')
			fputs("&amp;", to);
		else if (*c == '<')
			fputs("&lt;", to);
		else
			fputc(*c, to);
	}
	fputs("</text>\n", to);
}

static void name_number(char text[16], double value)
{
	if (value >= 1e6)
		snprintf(text, 16, "%gM", value / 1e6);
	else if (value >= 1e4)
		snprintf(text, 16, "%gk", value / 1e3);
	else
		snprintf(text, 16, "%g", value);
}

static void write_x_mark(FILE *to, const struct frame *f, double x)
{
	char text[16];
	name_number(text, x);
	fprintf(to, "<line x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%d\" stroke=\"#dddddd\"/>\n",
		at_x(f, x), at_x(f, x), TOP, HEIGHT - BOTTOM);
	write_text(to, at_x(f, x), HEIGHT - BOTTOM + 18, "text-anchor=\"middle\"", text);
}

static void write_axes(FILE *to, const struct plot *p, const struct frame *f)
{
	char text[16];
	double y_step = plot_step(f->y_max, MAX_Y_MARKS);
	for (unsigned i = 0; i * y_step <= f->y_max * 1.0001; i++) {
		double y = at_y(f, i * y_step);
		name_number(text, i * y_step);
		fprintf(to,
			"<line x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\" stroke=\"#dddddd\"/>\n",
			LEFT, WIDTH - RIGHT, y, y);
		write_text(to, LEFT - 8, y + 4, "text-anchor=\"end\"", text);
	}
	if (f->log_x) {
		for (double x = pow(10, ceil(log10(f->x_min) - 1e-9)); x <= f->x_max; x *= 10)
			write_x_mark(to, f, x);
	} else {
		double x_step = plot_step(f->x_max - f->x_min, MAX_Y_MARKS);
		for (double x = f->x_min; x <= f->x_max; x += x_step)
			write_x_mark(to, f, x);
	}
	double middle = LEFT + (WIDTH - LEFT - RIGHT) / 2.0;
	write_text(to, LEFT, 24, "font-size=\"16\"", p->title);
	write_text(to, LEFT, 42, "fill=\"#555555\"", p->y_label);
	write_text(to, middle, HEIGHT - BOTTOM + 38, "text-anchor=\"middle\" fill=\"#555555\"",
		   p->x_label);
	write_text(to, 12, HEIGHT - 12, "font-size=\"11\" fill=\"#555555\"", p->note);
}

static void write_series(FILE *to, const struct frame *f, const struct plot_series *s,
			 const char *colour, const char *dash, unsigned place)
{
	char style[96];
	snprintf(style, sizeof(style), "stroke=\"%s\" stroke-width=\"2\" stroke-dasharray=\"%s\"",
		 colour, dash);
	fprintf(to, "<polyline fill=\"none\" %s points=\"", style);
	for (uint32_t k = 0; k < s->n; k++)
		fprintf(to, "%.1f,%.1f ", at_x(f, s->x[k]), at_y(f, s->y[k]));
	fputs("\"/>\n", to);
	for (uint32_t k = 0; k < s->n; k++)
		fprintf(to, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\" fill=\"%s\"/>\n",
			at_x(f, s->x[k]), at_y(f, s->y[k]), colour);
	double x = WIDTH - RIGHT + 14, y = TOP + 8 + (double)place * LEGEND_STEP;
	fprintf(to, "<line x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\" %s/>\n", x, x + 26, y, y,
		style);
	write_text(to, x + 32, y + 4, "", s->name);
}

int plot_write(FILE *to, const struct plot *p)
{
	struct frame f;
	if (!find_frame(p, &f))
		return -EINVAL;
	fprintf(to,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" "
		"font-family=\"sans-serif\" font-size=\"12\">\n"
		"<rect width=\"%d\" height=\"%d\" fill=\"#ffffff\"/>\n",
		WIDTH, HEIGHT, WIDTH, HEIGHT);
	write_axes(to, p, &f);
	unsigned n_ours = 0, n_references = 0;
	for (uint32_t i = 0; i < p->n_series; i++) {
		const struct plot_series *s = &p->series[i];
		if (!s->n)
			continue;
		if (s->reference)
			write_series(to, &f, s, "#999999", dashes[n_references++ % N_DASHES], i);
		else
			write_series(to, &f, s, colours[n_ours++ % N_COLOURS], "none", i);
	}
	fputs("</svg>\n", to);
	return 0;
}
