/* SPDX-License-Identifier: MIT */
#include "support/refusals.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

static const char *const kinds[] = {
    "sgd", "adam", "adagrad", "rmsprop", "adadelta", "adamax", "nadam",
};
static const char *const flavours[] = {"keras3", "keras2", "mxnet", "torch"};

descent_runtime *refusals_runtime;
descent_schedule *refusals_half;
size_t refusals_bytes;

void refusal_put(descent_options *options, const char *name, const value *v)
{
    static const double list[] = {1, 2};
    descent_schedule *const schedules[] = {refusals_half, refusals_half};

    switch (v->kind) {
    case NUMBER:
        ok(descent_options_set_number(options, name, v->number));
        break;
    case BOOLEAN:
        ok(descent_options_set_boolean(options, name, v->number != 0));
        break;
    case TEXT:
        ok(descent_options_set_text(options, name, v->text));
        break;
    case NOTHING:
        ok(descent_options_set_none(options, name));
        break;
    case LIST:
        ok(descent_options_set_numbers(options, name, list, 2));
        break;
    case SCHEDULE:
        ok(descent_options_set_schedule(options, name, refusals_half));
        break;
    default:
        ok(descent_options_set_schedules(options, name, schedules, 2));
    }
}

void refusal_show(const value *v, char text[96])
{
    static const char *const words[VALUE_KINDS] = {
        [NOTHING] = " is none: ",
        [LIST] = " is a list: ",
        [SCHEDULE] = " is a schedule: ",
        [SCHEDULES] = " is a list of schedules: ",
    };
    char number[TEXT_NUMBER];

    if (v->kind == NUMBER)
        snprintf(text, 96, " = %s: ", text_number(v->number, number));
    else if (v->kind == BOOLEAN)
        snprintf(text, 96, " = %s: ", v->number != 0 ? "true" : "false");
    else if (v->kind == TEXT)
        snprintf(text, 96, " = \"%.64s\": ", v->text);
    else
        snprintf(text, 96, "%s", words[v->kind]);
    for (char *c = text; *c != '\0'; c++)
        *c = *c < ' ' ? '?' : *c; /* messages have no control bytes */
}

static int says(const char *part)
{
    return strstr(descent_error_message(), part) != NULL;
}

/* Is a finite bound in the text after "expected"? */
static int says_bound(double bound)
{
    char number[TEXT_NUMBER];
    const char *range = strstr(descent_error_message(), "expected");

    return isinf(bound) || strstr(range, text_number(bound, number)) != NULL;
}

int refusal_says_range(const place *p)
{
    const descent_param *row = p->row;

    if (row->type == DESCENT_PARAM_BOOL)
        return says("true or false");
    if (row->type == DESCENT_PARAM_TEXT)
        return says("a string");
    for (size_t i = 0; row->choices != NULL && row->choices[i] != NULL; i++)
        if (!says(row->choices[i]))
            return 0;
    return row->choices != NULL || (says_bound(row->minimum) &&
                                    (p->advisory || says_bound(row->maximum)));
}

const char *refusal_complaint(descent_status status, const place *p,
                              const value *v)
{
    char said[160], shown[96];
    /* What is wrong with a schedule or with none is not its range. */
    const int ranged = v->kind != SCHEDULE && v->kind != NOTHING;

    refusal_show(v, shown);
    snprintf(said, sizeof said, "%s.%s%s", p->kind, p->row->name, shown);
    if (status == DESCENT_OK)
        return "is accepted";
    if (status != DESCENT_ERR_ARGUMENT || status != descent_error_code())
        return "is refused with another code";
    if (strncmp(descent_error_message(), said, strlen(said)) != 0)
        return "is refused without option and value";
    if (!says("expected") || (ranged && !refusal_says_range(p)))
        return "is refused without the range";
    return NULL;
}

value refusal_number(double x)
{
    return (value){NUMBER, x, NULL};
}

double refusal_beside(const descent_param *row, double bound, double direction)
{
    return row->type == DESCENT_PARAM_REAL ? nextafter(bound, direction * 1e300)
                                           : bound + direction;
}

size_t refusals_each_option(void (*visit)(const place *))
{
    size_t visited = 0;

    for (size_t k = 0; k < KINDS * FLAVOURS; k++) {
        place p = {.kind = kinds[k / FLAVOURS],
                   .flavour = flavours[k % FLAVOURS]};
        descent_plugin_info info = {.struct_size = sizeof info};
        ok(descent_runtime_find(refusals_runtime, p.kind, &info));
        for (size_t i = 0; (p.row = descent_type_option(info.type, i)) != NULL;
             i++, visited++) {
            p.advisory = k % FLAVOURS > 0 &&
                         (p.row->flags & DESCENT_PARAM_WARN_ABOVE) != 0;
            visit(&p);
        }
        p.advisory = 0;
        for (size_t i = 0; (p.row = descent_common_option(i)) != NULL;
             i++, visited++)
            visit(&p);
    }
    return visited;
}

size_t refusals_rows_declared(void)
{
    size_t own = 0, common = 0;

    while (descent_common_option(common) != NULL)
        common++;
    for (size_t k = 0; k < KINDS; k++) {
        descent_plugin_info info = {.struct_size = sizeof info};
        ok(descent_runtime_find(refusals_runtime, kinds[k], &info));
        own += info.type->param_count;
    }
    return FLAVOURS * (own + KINDS * common);
}

static void *allocate(void *user, size_t bytes, size_t alignment)
{
    void *memory = NULL;

    (void)user;
    if (posix_memalign(&memory, alignment, bytes) != 0)
        return NULL;
    refusals_bytes += bytes;
    return memory;
}

static void release(void *user, void *memory, size_t bytes)
{
    (void)user;
    refusals_bytes -= bytes;
    free(memory);
}

int refusals_setup(void **state)
{
    static const descent_allocator counted = {sizeof counted, 0, NULL, allocate,
                                              release};
    const descent_runtime_options options = {.struct_size = sizeof options,
                                             .allocator = &counted};
    descent_options *set = NULL;

    (void)state;
    ok(descent_runtime_create(&options, &refusals_runtime));
    for (size_t k = 0; k < KINDS; k++) /* what is loaded stays held */
        ok(descent_runtime_find(refusals_runtime, kinds[k], NULL));
    ok(descent_options_create(refusals_runtime, &set));
    ok(descent_options_set_number(set, "value", 0.5));
    ok(descent_schedule_create(refusals_runtime, "hold", set, &refusals_half));
    descent_options_free(set);
    return 0;
}

int refusals_teardown(void **state)
{
    (void)state;
    descent_schedule_release(refusals_half);
    descent_runtime_free(refusals_runtime);
    return refusals_bytes != 0;
}
