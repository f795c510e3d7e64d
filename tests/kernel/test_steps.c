/* SPDX-License-Identifier: MIT */
/* Whole steps through the public interface give one hash: whatever the level,
 * the entry (step or fused_step) and the cut into tensors, for every variant of
 * the seven, both precisions and every combination of a step's options. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cpu.h"
#include "support/bits.h"
#include "support/variants.h"

#ifdef DESCENT_SANITIZED
enum { ELEMENTS = 1003, STEPS = 2 };
#else
enum { ELEMENTS = 100003, STEPS = 10 };
#endif

static const char *const optimizers[] = {
    "sgd", "adam", "adagrad", "rmsprop", "adadelta", "adamax", "nadam",
};
static const char *const levels[] = {"any", "avx2", "avx512"};

/* The options of a step, as bits. */
enum {
    UNSCALE = 1,
    CLIP = 2,
    DECAY = 4,
    L2 = 8,
    AVERAGE = 16,
    COMBINATIONS = 32
};

typedef struct run {
    const char *kind;
    variant_values values;
    descent_dtype dtype;
    unsigned options;
    const char *isa;
    int fused;
    int cut; /* into many tensors of odd sizes, else one */
} run;

static double weight[ELEMENTS], gradient[ELEMENTS], slot[ELEMENTS];

static void *at(void *array, descent_dtype dtype, size_t element)
{
    return (char *)array + element * (dtype == DESCENT_DTYPE_F64 ? 8 : 4);
}

/* The gradients of step t, which are made once. */
static void take_gradients(descent_dtype dtype, uint64_t t)
{
    static double made[2][STEPS][ELEMENTS];
    static int is_made[2][STEPS];
    const int wide = dtype == DESCENT_DTYPE_F64;

    if (!is_made[wide][t - 1])
        bits_fill(dtype, made[wide][t - 1], ELEMENTS, 100 + t);
    is_made[wide][t - 1] = 1;
    memcpy(gradient, made[wide][t - 1], ELEMENTS * (wide ? 8 : 4));
}

static void ok(descent_status status)
{
    if (status != DESCENT_OK)
        fail_msg("%s", descent_error_message());
}

static descent_optimizer *create(descent_runtime *runtime, const run *r)
{
    descent_plugin_info info = {.struct_size = sizeof info};
    descent_optimizer *o;

    ok(descent_runtime_find(runtime, r->kind, &info));
    descent_options *options = variants_options(runtime, info.type, &r->values);
    if ((r->options & UNSCALE) != 0)
        ok(descent_options_set_number(options, "loss_scale_factor", 3));
    if ((r->options & CLIP) != 0)
        ok(descent_options_set_number(options, "clipvalue", 0.25));
    if ((r->options & (DECAY | L2)) != 0)
        ok(descent_options_set_number(options, "weight_decay", 0.1));
    if ((r->options & L2) != 0)
        ok(descent_options_set_text(options, "weight_decay_mode", "l2"));
    if ((r->options & AVERAGE) != 0)
        ok(descent_options_set_boolean(options, "use_ema", 1));
    ok(descent_options_set_boolean(options, "use_fused_step", r->fused));
    ok(descent_optimizer_create(runtime, r->kind, options, &o));
    descent_options_free(options);
    return o;
}

static void bind(descent_optimizer *o, const run *r)
{
    static const int64_t cuts[] = {1, 2, 3, 7, 97, 513, 1001, 33333, ELEMENTS};
    size_t first = 0;

    for (int i = 0; first < ELEMENTS; i++) {
        char name[16];
        const int64_t left = (int64_t)(ELEMENTS - first);
        const int64_t n = r->cut && cuts[i] < left ? cuts[i] : left;
        descent_tensor t = {
            .struct_size = sizeof t,
            .dtype = r->dtype,
            .name = name,
            .ndim = 1,
            .shape = &n,
            .data = at(weight, r->dtype, first),
            .gradient = at(gradient, r->dtype, first),
        };
        snprintf(name, sizeof name, "w%d", i);
        ok(descent_optimizer_add(o, &t, 1));
        first += (size_t)n;
    }
}

/* Put a slot's pieces together again, so that the cut cannot be seen. */
static uint64_t hash_slot(descent_optimizer *o, const char *name, uint64_t hash,
                          descent_dtype dtype)
{
    size_t first = 0;

    for (size_t i = 0; i < descent_optimizer_tensor_count(o); i++) {
        descent_tensor view = {.struct_size = sizeof view};
        ok(descent_optimizer_slot(o, i, name, &view));
        if (view.ndim == 0)
            return bits_hash(hash, view.dtype, view.data, 1);
        memcpy(at(slot, dtype, first), view.data,
               (size_t)((char *)at(slot, dtype, (size_t)view.shape[0]) -
                        (char *)slot));
        first += (size_t)view.shape[0];
    }
    return bits_hash(hash, dtype, slot, ELEMENTS);
}

static uint64_t hash_of(const run *r)
{
    const descent_runtime_options options = {.struct_size = sizeof options,
                                             .isa = r->isa};
    descent_runtime *runtime;
    uint64_t hash;
    const char *name;

    ok(descent_runtime_create(&options, &runtime));
    descent_optimizer *o = create(runtime, r);
    bits_fill(r->dtype, weight, ELEMENTS, 1);
    bind(o, r);
    for (uint64_t t = 1; t <= STEPS; t++) {
        descent_step_report report = {.struct_size = sizeof report};
        take_gradients(r->dtype, t);
        ok(descent_optimizer_step(o, NULL, 0, NULL, &report));
        /* The counters prove which entry ran. */
        assert_true(r->fused ? report.fused_calls > 0 : report.step_calls > 0);
        assert_true((r->fused ? report.step_calls : report.fused_calls) == 0);
    }
    hash = bits_hash(1, r->dtype, weight, ELEMENTS);
    for (size_t i = 0; (name = descent_optimizer_slot_name(o, i)) != NULL; i++)
        hash = hash_slot(o, name, hash, r->dtype);
    descent_optimizer_free(o);
    descent_runtime_free(runtime);
    return hash;
}

static int lacks(const char *level)
{
    descent_isa isa = 0;

    assert_int_equal(cpu_isa_limit(~0u, level, "level", &isa), DESCENT_OK);
    return (isa & cpu_isa()) != isa;
}

static void compare(run r)
{
    r.isa = levels[0];
    r.fused = r.cut = 0;
    const uint64_t expected = hash_of(&r);
    for (size_t level = 0; level < 3; level++) {
        r.isa = levels[level];
        if (lacks(r.isa))
            continue;
        for (r.fused = 0; r.fused < 2; r.fused++) {
            r.cut = r.fused ^ (int)(level & 1);
            if (hash_of(&r) != expected)
                fail_msg("%s f%d, options 0x%x, %s, fused %d, cut %d", r.kind,
                         r.dtype == DESCENT_DTYPE_F64 ? 64 : 32, r.options,
                         r.isa, r.fused, r.cut);
        }
    }
}

static void every_step_gives_the_same_bits(void **state)
{
    run r = {.kind = *state};
    descent_runtime *runtime;
    descent_plugin_info info = {.struct_size = sizeof info};
    variant_values values[VARIANTS_MOST];

    ok(descent_runtime_create(NULL, &runtime));
    ok(descent_runtime_find(runtime, r.kind, &info));
    const uint32_t variants = variants_of(info.type, values);
    descent_runtime_free(runtime);
    for (uint32_t v = 0; v < variants; v++)
        for (r.dtype = DESCENT_DTYPE_F32; r.dtype <= DESCENT_DTYPE_F64;
             r.dtype++)
            for (r.options = 0; r.options < COMBINATIONS; r.options++) {
                /* One mode of decay at a time. */
                if ((r.options & (DECAY | L2)) == (DECAY | L2))
                    continue;
                r.values = values[v];
                compare(r);
            }
}

int main(void)
{
    enum { N = sizeof optimizers / sizeof *optimizers };
    struct CMUnitTest tests[N];
    char names[N][64];

    for (size_t i = 0; i < 3; i++)
        if (lacks(levels[i]))
            printf("# not run: level %s, which this processor lacks\n",
                   levels[i]);
    for (size_t i = 0; i < N; i++) {
        snprintf(names[i], sizeof names[i],
                 "s12_01_every_step_of_%s_gives_the_same_bits", optimizers[i]);
        tests[i] = (struct CMUnitTest){
            .name = names[i],
            .test_func = every_step_gives_the_same_bits,
            .initial_state = (void *)(uintptr_t)optimizers[i],
        };
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
