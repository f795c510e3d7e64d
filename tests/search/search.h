/* SPDX-License-Identifier: MIT */
/* What the files of the search share. */
#ifndef DESCENT_TESTS_SEARCH_H
#define DESCENT_TESTS_SEARCH_H

#include "support/trial.h"

/* draw.c: a random trial, and a random way to run it, which may use the plugins
 * of the folder `beside` (or NULL); functions of the seed. */
void draw_trial(trial *t, uint64_t seed);
trial_way draw_way(const trial *t, uint64_t seed, const char *beside);

/* shrink.c: leave out of a trial and a way what the difference from the reference
 * does not need.  1 when they differ. */
int differs(const trial *t, const trial_way *way);
void shrink(trial *t, trial_way *way);

/* text.c: as arguments of the command, and back; parse returns 0 when it cannot
 * read one. */
void print_arguments(const trial *t, const trial_way *way);
int parse_argument(const char *name, const char *value, trial *t,
                   trial_way *way);

#endif
