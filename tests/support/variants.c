/* SPDX-License-Identifier: MIT */
#include "support/variants.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <string.h>

#include <cmocka.h>

const descent_param *variants_param(const descent_optimizer_type *type,
                                    size_t i)
{
    const descent_param *row;

    for (size_t k = 0; (row = descent_type_option(type, k)) != NULL; k++)
        if (strcmp(row->name, "learning_rate") != 0 && i-- == 0)
            return row;
    return NULL;
}

/* Does the option pick the variant by being zero or not? */
static int switches(const descent_param *row)
{
    return (row->flags & DESCENT_PARAM_SELECTS) != 0 ||
           (row->type == DESCENT_PARAM_BOOL &&
            (row->flags & DESCENT_PARAM_STRUCTURAL) != 0);
}

uint32_t variants_of(const descent_optimizer_type *type,
                     variant_values found[VARIANTS_MOST])
{
    uint32_t seen = 0, count = 0;
    variant_values values = {{0}};
    const descent_param *row;

    for (unsigned bits = 0; bits < 256; bits++) {
        unsigned bit = 0;
        for (size_t i = 0; (row = variants_param(type, i)) != NULL; i++) {
            assert_true(i < VARIANTS_PARAMS);
            values.value[i] = row->initial;
            if (switches(row))
                values.value[i] = (bits >> bit++ & 1) == 0          ? 0
                                  : row->type == DESCENT_PARAM_BOOL ? 1
                                                                    : 0.9;
        }
        const uint32_t v =
            type->variant == NULL ? 0 : type->variant(type, values.value);
        if ((seen >> v & 1) == 0) {
            found[v] = values;
            count++;
        }
        seen |= 1u << v;
    }
    assert_int_equal(count, type->variant_count);
    return count;
}

descent_options *variants_options(descent_runtime *runtime,
                                  const descent_optimizer_type *type,
                                  const variant_values *values)
{
    descent_options *options = NULL;
    const descent_param *row;

    assert_int_equal(descent_options_create(runtime, &options), 0);
    for (size_t i = 0; (row = variants_param(type, i)) != NULL; i++) {
        const double value = values->value[i];
        if (row->type == DESCENT_PARAM_BOOL)
            descent_options_set_boolean(options, row->name, value != 0);
        else if (row->type == DESCENT_PARAM_CHOICE)
            descent_options_set_text(options, row->name,
                                     row->choices[(int)value]);
        else
            descent_options_set_number(options, row->name, value);
    }
    return options;
}
