/* SPDX-License-Identifier: MIT */
/* Whether the optimizer and the plain loop compute the same. */
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "tool/bench/opponent.h"

/* The array of tensor i that array k of the limit stands for: -1 the weights
 * that the rule works on, 0 and up the slots. */
static descent_status find(const subject *s, size_t i, int k,
                           const float **array)
{
    descent_tensor view = {.struct_size = sizeof view};
    const char *const slot = k >= 0 ? opponent_slot(s, (size_t)k) : "master";
    descent_status status = DESCENT_OK;

    if (k < 0 && s->dtype == DESCENT_DTYPE_F32) {
        *array = (const float *)(const void *)s->weights + s->offset[i];
        return DESCENT_OK;
    }
    status = descent_optimizer_slot(s->optimizer, i, slot, &view);
    *array = view.data;
    return status;
}

/* Visit all arrays of all tensors, with their place in the limit's. */
typedef descent_status visitor(const subject *s, size_t i, const float *ours,
                               float *theirs, size_t n);

static descent_status each(subject *s, visitor *visit)
{
    size_t at = 0;
    descent_status status = DESCENT_OK;

    for (size_t i = 0; i < s->list.count; i++) {
        const size_t n = shape_elements(&s->list.at[i]);

        for (int k = -1; k < (int)s->limit.slots && status == DESCENT_OK; k++) {
            float *const theirs = k < 0 ? s->limit.weight : s->limit.slot[k];
            const float *ours;

            status = find(s, i, k, &ours);
            if (status == DESCENT_OK)
                status = visit(s, i, ours, theirs + at, n);
        }
        at += n;
    }
    return status;
}

static descent_status take(const subject *s, size_t i, const float *ours,
                           float *theirs, size_t n)
{
    (void)s;
    (void)i;
    memcpy(theirs, ours, n * sizeof *ours);
    return DESCENT_OK;
}

static descent_status differ(const subject *s, size_t i, size_t element,
                             double ours, double theirs)
{
    return descent_error_set(
        DESCENT_ERR_INTERNAL,
        "bench: %s in the case %s: element %zu of tensor %zu is %.9g after a "
        "step, %.9g after the plain loop; expected the same bits",
        s->rule->name, s->what->name, element, i, ours, theirs);
}

static descent_status compare(const subject *s, size_t i, const float *ours,
                              float *theirs, size_t n)
{
    if (memcmp(ours, theirs, n * sizeof *ours) == 0)
        return DESCENT_OK;
    for (size_t k = 0; k < n; k++)
        if (memcmp(&ours[k], &theirs[k], sizeof *ours) != 0)
            return differ(s, i, k, (double)ours[k], (double)theirs[k]);
    return DESCENT_OK;
}

/* The 16-bit weights, which the loop wrote beside its masters. */
static descent_status compare_weights16(const subject *s)
{
    const uint16_t *const ours = (const uint16_t *)(const void *)s->weights;
    const uint16_t *theirs = s->limit.weight16;

    for (size_t i = 0; theirs != NULL && i < s->list.count; i++) {
        const size_t n = shape_elements(&s->list.at[i]);

        for (size_t k = 0; k < n; k++)
            if (ours[s->offset[i] + k] != theirs[k])
                return differ(s, i, k, ours[s->offset[i] + k], theirs[k]);
        theirs += n;
    }
    return DESCENT_OK;
}

/* The rule's scalar, which only some have. */
static double scalar(const subject *s)
{
    descent_tensor view = {.struct_size = sizeof view};

    if (descent_optimizer_slot(s->optimizer, 0, "u_product", &view) !=
        DESCENT_OK)
        return 0;
    return *(const double *)view.data;
}

/* What the next update's loop needs; `norm` is that of its gradients. */
static descent_status set_numbers(subject *s, double product, double norm)
{
    limits_arrays *const x = &s->limit;
    double rate, decay, momentum;
    descent_status status = s->rule->numbers(
        s->optimizer, descent_optimizer_updates(s->optimizer), product, x->c);

    if (status != DESCENT_OK || s->what->kind != CASE_AVERAGE)
        return status;
    if ((status = descent_optimizer_get(s->optimizer, "learning_rate",
                                        &rate)) != DESCENT_OK ||
        (status = descent_optimizer_get(s->optimizer, "weight_decay",
                                        &decay)) != DESCENT_OK ||
        (status = descent_optimizer_get(s->optimizer, "ema_momentum",
                                        &momentum)) != DESCENT_OK)
        return status;
    x->scale = (float)(norm > 1 ? 1 / norm : 1);
    x->decay = (float)(rate * decay);
    x->keep = (float)momentum;
    x->take = (float)(1 - momentum);
    return DESCENT_OK;
}

descent_status subject_check(subject *s)
{
    const descent_gradient *const sparse =
        s->rows != NULL ? &s->gradient : NULL;
    descent_step_report report = {.struct_size = sizeof report};
    const double product = scalar(s);
    descent_status status = each(s, take);

    if (status == DESCENT_OK)
        status = descent_optimizer_step(s->optimizer, sparse, sparse != NULL,
                                        NULL, &report);
    if (status == DESCENT_OK)
        status = set_numbers(s, product, report.grad_norm);
    if (status != DESCENT_OK)
        return status;
    subject_ready(s, true);
    opponent_sweep(s, opponent_loop(s));
    subject_ready(s, false);
    status = each(s, compare);
    return status == DESCENT_OK ? compare_weights16(s) : status;
}
