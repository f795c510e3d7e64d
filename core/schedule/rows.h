/* SPDX-License-Identifier: MIT */
/* How the families of schedules write their rows, and the few formulas that
 * several of them share. */
#ifndef DESCENT_SCHEDULE_ROWS_H
#define DESCENT_SCHEDULE_ROWS_H

#include <math.h>

#include "base/number.h"
#include "schedule/kinds.h"

#define ROW(type, flags, name, aliases, choices, initial, min, max, help)      \
    {                                                                          \
        sizeof(descent_param), type, flags, name, help, initial, min, max,     \
            choices, aliases                                                   \
    }
#define REAL(name, initial, help)                                              \
    ROW(DESCENT_PARAM_REAL, 0, name, NULL, NULL, initial, -HUGE_VAL, HUGE_VAL, \
        help)
#define REAL_WITHIN(name, initial, min, max, help)                             \
    ROW(DESCENT_PARAM_REAL, 0, name, NULL, NULL, initial, min, max, help)
#define POSITIVE(name, initial, help)                                          \
    ROW(DESCENT_PARAM_REAL, DESCENT_PARAM_MIN_OPEN, name, NULL, NULL, initial, \
        0, HUGE_VAL, help)
#define COUNT(name, initial, min, help)                                        \
    ROW(DESCENT_PARAM_INT, 0, name, NULL, NULL, initial, min, 0x1p53, help)
#define SWITCH(name, initial, help)                                            \
    ROW(DESCENT_PARAM_BOOL, 0, name, NULL, NULL, initial, 0, 1, help)
#define WORD(name, words, initial, help)                                       \
    ROW(DESCENT_PARAM_CHOICE, 0, name, NULL, words, initial, 0, HUGE_VAL, help)
#define NEEDED_REAL(name, help)                                                \
    ROW(DESCENT_PARAM_REAL, SCHEDULE_NEEDED, name, NULL, NULL, 0, -HUGE_VAL,   \
        HUGE_VAL, help)
#define NEEDED_POSITIVE(name, help)                                            \
    ROW(DESCENT_PARAM_REAL, SCHEDULE_NEEDED | DESCENT_PARAM_MIN_OPEN, name,    \
        NULL, NULL, 0, 0, HUGE_VAL, help)
#define NEEDED_COUNT(name, aliases, min, help)                                 \
    ROW(DESCENT_PARAM_INT, SCHEDULE_NEEDED, name, aliases, NULL, 0, min,       \
        0x1p53, help)
#define NEEDED_LIST(name, help)                                                \
    ROW(SCHEDULE_LIST, SCHEDULE_NEEDED, name, NULL, NULL, 0, 0, 0, help)
#define NEEDED_PART(name, aliases, help)                                       \
    ROW(SCHEDULE_PART, SCHEDULE_NEEDED, name, aliases, NULL, 0, 0, 0, help)
#define NEEDED_PARTS(name, aliases, help)                                      \
    ROW(SCHEDULE_PARTS, SCHEDULE_NEEDED, name, aliases, NULL, 0, 0, 0, help)

/* PyTorch's schedulers change the optimizer's rate: 1 where it is left to be
 * another factor. */
#define BASE_LR_OPTION                                                         \
    ROW(DESCENT_PARAM_REAL, 0, "base_lr", schedule_rate_names, NULL, 1,        \
        -HUGE_VAL, HUGE_VAL, "The rate that the schedule changes.")
extern const char *const schedule_rate_names[];

#define KIND(title, class, rows, ...)                                          \
    {                                                                          \
        .name = title, .class_name = class, .options = rows,                   \
        .option_count = sizeof rows / sizeof *rows, __VA_ARGS__                \
    }

/* From 1 at x = 0 to 0 at x = 1 along half a cosine. */
static inline double half_cosine(double x)
{
    return 0.5 * (1 + number_cos(0x1.921fb54442d18p+1 * x));
}

/* From a at x <= 0 to b at x >= 1, both ends exact. */
static inline double between(double a, double b, double x)
{
    return x >= 1 ? b : x <= 0 ? a : a + (b - a) * x;
}

/* Steps that begin before the moment `end`. */
uint64_t schedule_steps(double end);

/* a + b and a * b, at most endless. */
uint64_t schedule_steps_add(uint64_t a, uint64_t b);
uint64_t schedule_steps_multiply(uint64_t a, uint64_t b);

/* n >= b and n > b, without rounding n. */
bool schedule_reaches(uint64_t n, double b);
bool schedule_passes(uint64_t n, double b);

/* The list must rise strictly. */
descent_status schedule_check_rising(const char *kind, const char *option,
                                     const schedule_argument *list);

/* The list must consist of integers from `lowest` on. */
descent_status schedule_check_whole(const char *kind, const char *option,
                                    const schedule_argument *list,
                                    double lowest);

#endif
