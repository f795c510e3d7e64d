/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "support/trial.h"

int trial_may_be_cut(const trial *t)
{
    for (size_t i = 0; i < t->options; i++)
        if (strstr(t->option[i], "norm\"") != NULL ||
            strstr(t->option[i], "stochastic") != NULL)
            return 0;
    return 1;
}

void trial_variant(trial *t, const descent_optimizer_type *type,
                   const variant_values *values)
{
    const descent_param *row;

    snprintf(t->kind, sizeof t->kind, "%s", type->id);
    for (size_t i = 0; (row = variants_param(type, i)) != NULL; i++) {
        const double value = values->value[i];
        if (value == row->initial)
            continue;
        if (row->type == DESCENT_PARAM_BOOL)
            trial_add(t, "\"%s\": %s", row->name,
                      value != 0 ? "true" : "false");
        else if (row->type == DESCENT_PARAM_CHOICE)
            trial_add(t, "\"%s\": \"%s\"", row->name, row->choices[(int)value]);
        else
            trial_add(t, "\"%s\": %g", row->name, value);
    }
}

void trial_add(trial *t, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(t->option[t->options++], sizeof *t->option, format, arguments);
    va_end(arguments);
}
