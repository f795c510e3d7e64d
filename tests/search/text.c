/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "search/search.h"

static const struct {
    const char *name;
    descent_dtype dtype;
} dtypes[] = {
    {"f32", DESCENT_DTYPE_F32},
    {"f64", DESCENT_DTYPE_F64},
    {"f16", DESCENT_DTYPE_F16},
    {"bf16", DESCENT_DTYPE_BF16},
};
enum { DTYPES = sizeof dtypes / sizeof *dtypes };

static const char *name_of(descent_dtype dtype)
{
    size_t i = 0;

    while (dtypes[i].dtype != dtype)
        i++;
    return dtypes[i].name;
}

void print_arguments(const trial *t, const trial_way *way)
{
    printf("--kind %s --options '", t->kind);
    for (size_t i = 0; i < t->options; i++)
        printf("%s%s", i > 0 ? ", " : "", t->option[i]);
    printf("' --tensors ");
    for (size_t i = 0; i < t->tensors; i++)
        printf("%s%s:%lldx%lld", i > 0 ? "," : "", name_of(t->tensor[i].dtype),
               (long long)t->tensor[i].rows, (long long)t->tensor[i].columns);
    printf(" --steps %u --data %llu --special %u --sparse %u --missing %u",
           t->steps, (unsigned long long)t->data, t->special, t->sparse,
           t->missing);
    printf(" --threads %u --isa %s --plugins %s --fused %d --aggregate %u"
           " --cut %u\n",
           way->threads, way->isa, way->plugins, way->fused, way->aggregate,
           way->cut);
}

/* ---- And back ---- */

/* No option's value has a comma. */
static int parse_options(const char *text, trial *t)
{
    while (*text != '\0' && t->options < TRIAL_OPTIONS) {
        const size_t n = strcspn(text, ",");
        trial_add(t, "%.*s", (int)n, text);
        text += n;
        text += strspn(text, ", ");
    }
    return 1;
}

static int parse_tensors(const char *text, trial *t)
{
    while (*text != '\0' && t->tensors < TRIAL_TENSORS) {
        trial_tensor *x = &t->tensor[t->tensors++];
        char name[8];
        long long rows, columns;
        int used = 0;
        if (sscanf(text, "%7[a-z0-9]:%lldx%lld%n", name, &rows, &columns,
                   &used) != 3)
            return 0;
        for (size_t i = 0; i < DTYPES; i++)
            if (strcmp(name, dtypes[i].name) == 0)
                x->dtype = dtypes[i].dtype;
        x->rows = rows;
        x->columns = columns;
        text += used;
        text += strspn(text, ",");
    }
    return t->tensors > 0;
}

int parse_argument(const char *name, const char *value, trial *t,
                   trial_way *way)
{
    const struct {
        const char *name;
        unsigned *number;
    } numbers[] = {
        {"--steps", &t->steps},           {"--special", &t->special},
        {"--sparse", &t->sparse},         {"--missing", &t->missing},
        {"--threads", &way->threads},     {"--cut", &way->cut},
        {"--aggregate", &way->aggregate},
    };

    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (strcmp(name, numbers[i].name) == 0)
            return sscanf(value, "%u", numbers[i].number) == 1;
    if (strcmp(name, "--fused") == 0)
        return sscanf(value, "%d", &way->fused) == 1;
    if (strcmp(name, "--data") == 0)
        t->data = strtoull(value, NULL, 10);
    else if (strcmp(name, "--isa") == 0)
        way->isa = value;
    else if (strcmp(name, "--plugins") == 0)
        way->plugins = value;
    else if (strcmp(name, "--options") == 0)
        return parse_options(value, t);
    else if (strcmp(name, "--tensors") == 0)
        return parse_tensors(value, t);
    else if (strcmp(name, "--kind") == 0)
        snprintf(t->kind, sizeof t->kind, "%s", value);
    else
        return 0;
    return 1;
}
