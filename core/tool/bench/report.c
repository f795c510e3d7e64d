/* SPDX-License-Identifier: MIT */
/* Figures as text: see report.h. */
#include "tool/bench/report.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tool/table.h"

enum {
    CASE,
    OPTIMIZER,
    THREADS,
    TIME,
    LIMIT,
    RATIO,
    SPREAD,
    PLAIN,
    RATE,
    SHARE,
    OTHERS,
    GOAL,
    COLUMNS
};

enum { CELL = 72 };

static table layout = {.align = "llrrrrrrrrrl"};

static void print_row(char cells[COLUMNS][CELL])
{
    const char *row[COLUMNS];

    for (size_t i = 0; i < COLUMNS; i++)
        row[i] = cells[i];
    table_row(stdout, &layout, row);
    fflush(stdout);
}

void report_begin(void)
{
    /* The widest that is to be expected; more only shifts a line. */
    static const char *const widest[COLUMNS] = {
        [CASE] = "clip_decay_average",
        [OPTIMIZER] = "adadelta",
        [TIME] = "0000.000",
        [LIMIT] = "000.000",
    };
    char heads[COLUMNS][CELL] = {"CASE",  "OPTIMIZER", "THREADS", "NS/PARAM",
                                 "LIMIT", "RATIO",     "SPREAD",  "PLAIN",
                                 "GB/S",  "TRIAD",     "OTHERS",  "GOAL"};

    for (size_t i = 0; i < COLUMNS; i++) {
        const size_t width = widest[i] != NULL ? strlen(widest[i]) : 0;

        layout.width[i] = width > strlen(heads[i]) ? width : strlen(heads[i]);
    }
    print_row(heads);
}

static void say_number(char *to, double x, int digits)
{
    if (isnan(x))
        snprintf(to, CELL, "-");
    else
        snprintf(to, CELL, "%.*f", digits, x);
}

/* What the goal is compared with: "1.10", "1.10 of PLAIN", or "0.08 of 0.15 us a tensor". */
static void say_goal(char *to, const figure *f)
{
    static const char *const words[] = {[VERDICT_NONE] = "",
                                        [VERDICT_HELD] = " held",
                                        [VERDICT_UNCLEAR] = " unclear",
                                        [VERDICT_MISSED] = " MISSED"};
    const double goal = figure_goal(f);
    const char *const end = words[figure_verdict(f)];

    switch (isnan(goal) ? GOAL_NONE : f->what->about) {
    case GOAL_NONE:
        snprintf(to, CELL, "-");
        break;
    case GOAL_RATIO:
        snprintf(to, CELL, "%.2f%s%s", goal,
                 figure_by_plain(f) ? " of PLAIN" : "", end);
        break;
    case GOAL_TENSOR:
        snprintf(to, CELL, "%.3f of %.2f us a tensor%s", figure_value(f), goal,
                 end);
        break;
    case GOAL_EXCESS:
        snprintf(to, CELL, "%.3f of %.2f us above C%s", figure_value(f), goal,
                 end);
        break;
    }
}

void report_figure(const figure *f)
{
    char cells[COLUMNS][CELL] = {{0}};

    snprintf(cells[CASE], CELL, "%s", f->what->name);
    snprintf(cells[OPTIMIZER], CELL, "%s", f->optimizer);
    snprintf(cells[THREADS], CELL, "%u", (unsigned)f->threads);
    say_number(cells[TIME], f->ns, 3);
    say_number(cells[LIMIT], f->limit_ns, 3);
    say_number(cells[RATIO], f->ratio, 2);
    say_number(cells[SPREAD], figure_by_plain(f) ? f->plain_spread : f->spread,
               2);
    say_number(cells[PLAIN], f->plain, 2);
    say_number(cells[RATE], f->rate * 1e-9, 1);
    say_number(cells[SHARE], f->share, 2);
    say_number(cells[OTHERS], f->others, 2);
    say_goal(cells[GOAL], f);
    print_row(cells);
}

static void name_figure(const figure *f)
{
    printf("  %s, %s, %u thread%s: ", f->what->name, f->optimizer,
           (unsigned)f->threads, f->threads == 1 ? "" : "s");
}

static void list_verdict(const figure *figures, size_t n, verdict which,
                         const char *head)
{
    for (size_t i = 0; i < n; i++) {
        const figure *const f = &figures[i];

        if (figure_verdict(f) != which)
            continue;
        if (head != NULL)
            puts(head);
        head = NULL;
        name_figure(f);
        printf("%.3f, the goal is %.2f, its spread %.3f", figure_value(f),
               figure_goal(f), figure_value_spread(f));
        if (f->what->about == GOAL_RATIO && figure_by_plain(f))
            printf(", of the bare rule");
        else if (f->what->about == GOAL_RATIO && !isnan(f->plain))
            printf("; %.2f of the bare rule", f->plain);
        putchar('\n');
    }
}

/* Many small tensors: never slower on more threads than on fewer. */
static void list_slower(const figure *figures, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        const figure *const one = &figures[i - 1], *const more = &figures[i];
        const double slower = figure_value(more) - figure_value(one);

        if (one->what->about != GOAL_TENSOR || one->what != more->what ||
            strcmp(one->optimizer, more->optimizer) != 0 ||
            slower <= figure_value_spread(one) + figure_value_spread(more))
            continue;
        name_figure(more);
        printf("%.3f us a tensor, on %u %.3f: expected no slower\n",
               figure_value(more), (unsigned)one->threads, figure_value(one));
    }
}

/* At memory size the limit itself is held against the triad. */
static void list_weak_limits(const figure *figures, size_t n)
{
    enum { MEMORY = 1 << 28 };
    static const double least = 0.9;

    for (size_t i = 0; i < n; i++) {
        const figure *const f = &figures[i];

        if (f->parameters * f->bytes < MEMORY || !(f->share < least))
            continue;
        name_figure(f);
        printf("the limit itself reached %.2f of the triad's bytes a second, "
               "%.1f expected\n",
               f->share, least);
    }
}

/* Others take of the memory's bytes a second as well. */
static void warn_of_others(const figure *figures, size_t n)
{
    static const double much = 0.2;
    size_t disturbed = 0;

    for (size_t i = 0; i < n; i++)
        disturbed += figures[i].others > much;
    if (disturbed > 0)
        printf("Other processes kept more than %.1f processors busy in %zu of "
               "%zu lines:\nthese are worth little.\n",
               much, disturbed, n);
}

void report_end(const figure *figures, size_t n)
{
    warn_of_others(figures, n);
    list_verdict(figures, n, VERDICT_MISSED, "Goals missed:");
    list_verdict(figures, n, VERDICT_UNCLEAR,
                 "Above the goal by less than its spread:");
    list_slower(figures, n);
    list_weak_limits(figures, n);
}

static json_t *number(double x)
{
    return isnan(x) ? json_null() : json_real(x);
}

static json_t *integer(size_t n)
{
    return json_integer((json_int_t)n);
}

json_t *report_json(const figure *f)
{
    static const char *const words[] = {[VERDICT_NONE] = "none",
                                        [VERDICT_HELD] = "held",
                                        [VERDICT_UNCLEAR] = "unclear",
                                        [VERDICT_MISSED] = "missed"};

    return json_pack(
        "{ss ss ss so so so so so so so so so so so ss so so so so so so sb so "
        "so so so ss}",
        "case", f->what->name, "optimizer", f->optimizer, "dtype", f->dtype,
        "threads", integer(f->threads), "parameters", integer(f->parameters),
        "tensors", integer(f->tensors), "ns_per_parameter", number(f->ns),
        "limit_ns_per_parameter", number(f->limit_ns), "ratio",
        number(f->ratio), "spread", number(f->spread), "ns_per_step",
        number(f->ns * (double)f->parameters), "least_ns_per_parameter",
        number(f->least), "least_limit_ns_per_parameter",
        number(f->limit_least), "rounds", integer(f->rounds), "limit", f->limit,
        "plain_ratio", number(f->plain), "plain_spread",
        number(f->plain_spread), "bytes_per_parameter", integer(f->bytes),
        "bytes_per_second", number(f->rate), "triad_bytes_per_second",
        number(f->triad), "limit_share_of_triad", number(f->share), "same_bits",
        f->same_bits, "others", number(f->others), "judged",
        number(figure_value(f)), "judged_spread",
        number(figure_value_spread(f)), "goal", number(figure_goal(f)),
        "verdict", words[figure_verdict(f)]);
}
