/* SPDX-License-Identifier: MIT */
#include "tensor/finite.h"

#include "base/text.h"
#include "engine/optimizer.h"
#include "tensor/convert.h"
#include "tensor/view.h"

static descent_status refuse(const entry *e, int64_t index)
{
    char number[TEXT_NUMBER];
    double value;

    convert(DESCENT_DTYPE_F64, &value, e->now_dtype,
            dtype_at(e->now, e->now_dtype, index), 1);
    return status_fail(DESCENT_ERR_NUMERIC,
                       "gradient of '%s' is %s at index %lld (the first is 0): "
                       "expected finite numbers in %s, as on_nonfinite = "
                       "\"error\" demands",
                       e->name, text_number(value, number), (long long)index,
                       dtype_name(e->compute));
}

descent_status finite_judge(const descent_optimizer *o, bool *finite)
{
    const bool fails =
        settings_now(&o->settings, OPTION_ON_NONFINITE) == NONFINITE_ERROR;

    *finite = true;
    for (size_t i = 0; i < o->count && *finite; i++) {
        const entry *e = &o->entries[i];
        int64_t until;
        /* What only earlier steps have fed was judged then. */
        if (!e->active || e->now == NULL)
            continue;
        until = finite_until(e->now_dtype, e->compute, e->now, e->count);
        *finite = until == e->count;
        if (!*finite && fails)
            return refuse(e, until);
    }
    return DESCENT_OK;
}
