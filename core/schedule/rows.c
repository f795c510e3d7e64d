/* SPDX-License-Identifier: MIT */
/* Counting steps exactly, and checks of lists. */
#include "schedule/rows.h"

#include "base/text.h"

const char *const schedule_rate_names[] = {"lr", "learning_rate", NULL};

uint64_t schedule_steps(double end)
{
    const double steps = ceil(end);

    return steps >= 0x1p64 ? DESCENT_ENDLESS : steps > 0 ? (uint64_t)steps : 0;
}

uint64_t schedule_steps_add(uint64_t a, uint64_t b)
{
    return a > DESCENT_ENDLESS - b ? DESCENT_ENDLESS : a + b;
}

uint64_t schedule_steps_multiply(uint64_t a, uint64_t b)
{
    return b != 0 && a > DESCENT_ENDLESS / b ? DESCENT_ENDLESS : a * b;
}

bool schedule_reaches(uint64_t n, double b)
{
    return b <= 0 || (b < 0x1p64 && n >= (uint64_t)ceil(b));
}

bool schedule_passes(uint64_t n, double b)
{
    return b < 0 || (b < 0x1p64 && n > (uint64_t)b);
}

descent_status schedule_check_rising(const char *kind, const char *option,
                                     const schedule_argument *list)
{
    char before[TEXT_NUMBER], after[TEXT_NUMBER];

    for (size_t i = 1; i < list->count; i++)
        if (!(list->list[i] > list->list[i - 1]))
            return status_fail(DESCENT_ERR_ARGUMENT,
                               "%s.%s: %s follows %s: expected strictly "
                               "increasing numbers",
                               kind, option, text_number(list->list[i], after),
                               text_number(list->list[i - 1], before));
    return DESCENT_OK;
}

descent_status schedule_check_whole(const char *kind, const char *option,
                                    const schedule_argument *list,
                                    double lowest)
{
    char number[TEXT_NUMBER], low[TEXT_NUMBER];

    for (size_t i = 0; i < list->count; i++)
        if (list->list[i] != floor(list->list[i]) || list->list[i] < lowest ||
            list->list[i] > 0x1p53)
            return status_fail(
                DESCENT_ERR_ARGUMENT,
                "%s.%s[%zu] = %s: expected an integer >= %s", kind, option, i,
                text_number(list->list[i], number), text_number(lowest, low));
    return DESCENT_OK;
}
