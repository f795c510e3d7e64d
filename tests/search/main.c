/* SPDX-License-Identifier: MIT */
/* search [--seed N] [--trials N | --seconds N] [--beside FOLDER] - draw random
 * trials and ways to run them; all ways of a trial must give the bits of the
 * reference: one thread, portable step, gcc, whole tensors.  On a difference,
 * print the shortest description that still shows it, which are the arguments to
 * see it again. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "search/search.h"
#include "support/bits.h"
#include "support/kernels.h"

enum { WAYS = 4 };
#ifdef DESCENT_SANITIZED
enum { TRIALS = 25 };
#else
enum { TRIALS = 200 };
#endif

typedef struct search {
    uint64_t seed;
    double seconds; /* 0: no limit */
    unsigned long trials;
    const char *beside;
    unsigned long done, compared, refused, threaded;
} search;

static void report(const search *s, trial *t, trial_way *way)
{
    printf("# seed %llu, trial %lu differs; the shortest description:\n# ",
           (unsigned long long)s->seed, s->done);
    shrink(t, way);
    print_arguments(t, way);
}

/* Returns 0 when a way gives other bits. */
static int try_one(search *s)
{
    const uint64_t seed = bits_mix(s->seed) + s->done;
    trial_result expected, found;
    trial t;

    draw_trial(&t, seed);
    if (trial_run(&t, &trial_reference, &expected) != NULL) {
        s->refused++;
        return 1;
    }
    for (uint64_t i = 0; i < WAYS; i++) {
        trial_way way = draw_way(&t, bits_mix(seed) + i, s->beside);
        s->compared++;
        if (trial_run(&t, &way, &found) != NULL ||
            found.hash != expected.hash) {
            report(s, &t, &way);
            return 0;
        }
        s->threaded += found.started > 0;
    }
    return 1;
}

static int search_all(search *s)
{
    const double end = descent_clock() + s->seconds;
    int same = 1;

    kernels_say_missing();
    printf("# seed %llu\n", (unsigned long long)s->seed);
    for (; same && s->done < s->trials; s->done++) {
        if (s->seconds > 0 && descent_clock() >= end)
            break;
        same = try_one(s);
    }
    printf("# %lu trials, %lu of them refused, %lu ways compared, %lu of them "
           "on several threads\n",
           s->done, s->refused, s->compared, s->threaded);
    /* Or little is tried. */
    same = same && 2 * s->refused < s->done && 10 * s->threaded > s->compared;
    printf("%s 1 - all ways to run random trials give one hash\n",
           same ? "ok" : "not ok");
    return same ? 0 : 1;
}

static int show(const trial *t, const trial_way *way)
{
    trial_result result;
    const char *refusal = trial_run(t, way, &result);

    if (refusal != NULL) {
        printf("refused: %s\n", refusal);
        return 2;
    }
    puts(differs(t, way) ? "differs" : "same");
    return differs(t, way);
}

int main(int count, char **argument)
{
    search s = {.seed = 1, .trials = TRIALS};
    trial t = {.steps = 1};
    trial_way way = trial_reference;

    for (int i = 1; i + 1 < count; i += 2) {
        const char *name = argument[i], *value = argument[i + 1];
        if (strcmp(name, "--seed") == 0)
            s.seed = strtoull(value, NULL, 10);
        else if (strcmp(name, "--seconds") == 0)
            s.seconds = strtod(value, NULL), s.trials = ~0ul;
        else if (strcmp(name, "--trials") == 0)
            s.trials = strtoul(value, NULL, 10);
        else if (strcmp(name, "--beside") == 0)
            s.beside = value;
        else if (!parse_argument(name, value, &t, &way)) {
            fprintf(stderr, "search: %s \"%s\" is not understood\n", name,
                    value);
            return 2;
        }
    }
    return t.tensors > 0 ? show(&t, &way) : search_all(&s);
}
