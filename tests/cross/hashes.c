/* SPDX-License-Identifier: MIT */
/* hashes FOLDER [LEVEL] - print a hash for everything that calculates: the loops
 * of the seven and the core's, portable ones unless LEVEL is avx2 or avx512, and
 * the core's other arithmetic.  Every processor and level has to print the same.  The seven are
 * plugins of the folder; or, where this is compiled with -DLINKED, linked in: so
 * that the C library alone is needed. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <descent/descent.h>

#include "base/cpu.h"
#include "base/denormals.h"
#include "base/levels.h"
#include "base/number.h"
#include "base/random.h"
#include "engine/tile.h"
#include "support/bits.h"
#include "tensor/convert.h"
#include "tensor/norm.h"

enum { N = 1031, STEPS = 3, MASKS = 32, PARAMS = 32 };

static const descent_host host = {
    .struct_size = sizeof host,
    .abi_major = DESCENT_ABI_MAJOR,
    .version = DESCENT_VERSION,
};

/* ---- The seven ---- */

typedef const descent_plugin *entry(const descent_host *);

#ifdef LINKED

entry sgd_plugin_v1, adam_plugin_v1, adagrad_plugin_v1, rmsprop_plugin_v1,
    adadelta_plugin_v1, adamax_plugin_v1, nadam_plugin_v1;
static entry *const seven[] = {
    sgd_plugin_v1,      adam_plugin_v1,   adagrad_plugin_v1, rmsprop_plugin_v1,
    adadelta_plugin_v1, adamax_plugin_v1, nadam_plugin_v1,
};

static entry *find(const char *folder, size_t i)
{
    (void)folder;
    return seven[i];
}

#else

#include <dlfcn.h>

static const char *const seven[] = {
    "sgd", "adam", "adagrad", "rmsprop", "adadelta", "adamax", "nadam",
};

static entry *find(const char *folder, size_t i)
{
    char path[4096];
    entry *found;
    void *handle;

    snprintf(path, sizeof path, "%s/%s.so", folder, seven[i]);
    handle = dlopen(path, RTLD_NOW);
    if (handle == NULL) {
        fprintf(stderr, "%s\n", dlerror());
        exit(1);
    }
    *(void **)&found = dlsym(handle, DESCENT_ENTRY);
    return found;
}

#endif

/* ---- The options that lead to a variant ---- */

static const descent_param *own_param(const descent_optimizer_type *type,
                                      uint32_t i)
{
    for (uint32_t k = 0; k < type->param_count; k++)
        if (strcmp(type->params[k].name, "learning_rate") != 0 && i-- == 0)
            return &type->params[k];
    return NULL;
}

static int switches(const descent_param *row)
{
    return (row->flags & DESCENT_PARAM_SELECTS) != 0 ||
           (row->type == DESCENT_PARAM_BOOL &&
            (row->flags & DESCENT_PARAM_STRUCTURAL) != 0);
}

static void find_values(const descent_optimizer_type *type, uint32_t variant,
                        double value[PARAMS])
{
    for (unsigned bits = 0; bits < 256; bits++) {
        const descent_param *row;
        unsigned bit = 0;
        for (uint32_t i = 0; (row = own_param(type, i)) != NULL; i++)
            value[i] = !switches(row)                    ? row->initial
                       : (bits >> bit++ & 1) == 0        ? 0
                       : row->type == DESCENT_PARAM_BOOL ? 1
                                                         : 0.9;
        if (type->variant == NULL || type->variant(type, value) == variant)
            return;
    }
}

/* ---- The loops ---- */

static descent_isa isa;

typedef struct loop {
    const descent_optimizer_type *type;
    uint32_t variant, mask;
    descent_dtype dtype;
    int fused;
} loop;

static double weight[N], gradient[N], work[N], average[N],
    slot[DESCENT_MAX_SLOTS][N], scalar[DESCENT_MAX_SLOTS];

static void step(const loop *l, uint64_t t, const double *value)
{
    double coef[DESCENT_MAX_COEFS] = {0};
    float coef_f32[DESCENT_MAX_COEFS];
    const descent_fuse fuse = {sizeof fuse, l->mask, 0.37, 0.5,
                               0.01,        0.003,   0.9,  1 - 0.9};
    const descent_moment moment = {
        .struct_size = sizeof moment,
        .param_count = PARAMS,
        .host = &host,
        .update = t,
        .t = t,
        .lr = 0.01,
        .param = value,
        .scalar = scalar,
    };
    void *slots[DESCENT_MAX_SLOTS];
    for (int k = 0; k < DESCENT_MAX_SLOTS; k++)
        slots[k] = slot[k];
    const descent_span span = {
        .struct_size = sizeof span,
        .count = N,
        .weight = weight,
        .grad = l->fused ? gradient : work,
        .slot = slots,
        .coef = l->dtype == DESCENT_DTYPE_F64 ? (void *)coef : coef_f32,
        .fuse = &fuse,
        .average = average,
    };
    const descent_pass pass = {
        .struct_size = sizeof pass,
        .span_size = sizeof span,
        .count = 1,
        .spans = &span,
        .host = &host,
        .type = l->type,
        .variant = l->variant,
        .compute = l->dtype,
        .isa = isa,
        .update = t,
        .flags = t % 2 != 0 ? DESCENT_PASS_FAR : 0,
    };

    bits_fill_every(l->dtype, gradient, N, 100 + t, 101);
    l->type->prepare(NULL, &moment, coef);
    for (int i = 0; i < DESCENT_MAX_COEFS; i++)
        coef_f32[i] = (float)coef[i];
    if (l->fused) {
        l->type->fused_step(NULL, &pass);
        return;
    }
    tile_gradient(l->dtype, N, &fuse, l->mask, gradient, weight, work);
    if ((l->mask & DESCENT_FUSE_DECAY) != 0)
        tile_decay(l->dtype, N, fuse.decay, weight);
    l->type->step(NULL, &pass);
    if ((l->mask & DESCENT_FUSE_EMA) != 0)
        tile_average(l->dtype, N, fuse.ema_keep, fuse.ema_take, weight,
                     average);
}

static uint64_t hash_of(const loop *l, const double *value)
{
    uint64_t hash = 1;

    bits_fill(l->dtype, weight, N, 1);
    memset(average, 0, sizeof average);
    memset(slot, 0, sizeof slot);
    for (uint32_t k = 0; k < l->type->slot_count; k++)
        if (l->type->slots[k].shape == DESCENT_SLOT_SCALAR)
            scalar[0] = l->type->slots[k].initial;
    for (uint64_t t = 1; t <= STEPS; t++)
        step(l, t, value);
    hash = bits_hash(hash, l->dtype, weight, N);
    hash = bits_hash(hash, l->dtype, average, N);
    hash = bits_hash(hash, DESCENT_DTYPE_F64, scalar, 1);
    for (uint32_t k = 0; k < l->type->slot_count; k++)
        hash = bits_hash(hash, l->dtype, slot[k], N);
    return hash;
}

static void print_loops(loop l)
{
    double value[PARAMS] = {0};

    find_values(l.type, l.variant, value);
    for (l.dtype = DESCENT_DTYPE_F32; l.dtype <= DESCENT_DTYPE_F64; l.dtype++)
        for (l.mask = 0; l.mask < MASKS; l.mask++)
            for (l.fused = 0; l.fused < 2; l.fused++)
                printf("%s variant %u f%d mask 0x%02x %-5s %016llx\n",
                       l.type->id, l.variant,
                       l.dtype == DESCENT_DTYPE_F64 ? 64 : 32, l.mask,
                       l.fused ? "fused" : "step",
                       (unsigned long long)hash_of(&l, value));
}

/* ---- The core's arithmetic ---- */

static void print(const char *what, const void *array, size_t bytes)
{
    uint64_t hash = 1;
    const unsigned char *at = array;

    for (size_t i = 0; i < bytes; i++)
        hash = (hash ^ at[i]) * 0x9e3779b97f4a7c15u;
    printf("%s %016llx\n", what, (unsigned long long)hash);
}

static void print_conversions(void)
{
    static const descent_dtype narrow[] = {DESCENT_DTYPE_F16,
                                           DESCENT_DTYPE_BF16};
    static const descent_dtype wide[] = {DESCENT_DTYPE_F32, DESCENT_DTYPE_F64};

    for (int i = 0; i < 4; i++) {
        uint16_t half[N];
        memset(work, 0, sizeof work);
        bits_fill_every(wide[i % 2], weight, N, 7, 5);
        for (size_t k = 0; k < N; k++) /* the sign of NaN is not arithmetic */
            if (wide[i % 2] == DESCENT_DTYPE_F64 && isnan(weight[k]))
                weight[k] = 0;
        descent_convert(narrow[i / 2], half, wide[i % 2], weight, N);
        print("converted to 16 bits", half, sizeof half);
        descent_convert(wide[i % 2], work, narrow[i / 2], half, N);
        print("and back", work, sizeof work);
    }
}

static void print_rounding_by_chance(void)
{
    static const descent_dtype narrow[] = {DESCENT_DTYPE_F16,
                                           DESCENT_DTYPE_BF16};
    uint32_t random[N];
    uint16_t half[N];

    random_words(1, 2, 3, 4, random, N);
    print("random words", random, sizeof random);
    bits_fill_every(DESCENT_DTYPE_F32, weight, N, 8, 0);
    for (int i = 0; i < 2; i++) {
        convert_stochastic(narrow[i], half, (const float *)weight, random, N);
        print("rounded by chance", half, sizeof half);
    }
}

static void print_norms(void)
{
    for (int wide = 0; wide < 2; wide++) {
        const descent_dtype dtype =
            wide ? DESCENT_DTYPE_F64 : DESCENT_DTYPE_F32;
        norm_sum sum = {.block = 0};
        bits_fill_every(dtype, weight, N, 9, 0);
        norm_sum_add(&sum, dtype, 3, weight, N, 0.37);
        const double norm = norm_sum_end(&sum);
        print("norm", &norm, sizeof norm);
    }
}

static void print_functions(void)
{
    for (size_t i = 0; i < N; i++) {
        const double x = ((double)i - N / 2.0) * 1.37;
        work[i] = number_exp(x) + number_log(fabs(x)) + number_cos(x);
        average[i] = number_pow(fabs(x), x / 100);
    }
    print("functions", work, sizeof work);
    print("powers", average, sizeof average);
    descent_random_uniform(1, 2, 3, work, N);
    descent_random_normal(1, 2, 3, average, N);
    print("uniform random numbers", work, sizeof work);
    print("normal random numbers", average, sizeof average);
}

/* The smallest normal number, halved by this thread. */
static void print_denormals(void)
{
    volatile float least = FLT_MIN, half[3];
    const uint64_t before = denormals_flush(false);

    half[0] = least / 2;
    denormals_flush(true);
    half[1] = least / 2;
    denormals_restore(before);
    half[2] = least / 2;
    printf("FLT_MIN / 2 is %g, flushed %g, then %g\n", half[0], half[1],
           half[2]);
}

int main(int count, char **argument)
{
    if (count < 2 || (count > 2 && cpu_isa_limit(cpu_isa(), argument[2],
                                                 "LEVEL", &isa) != DESCENT_OK))
        return 2;
    printf("level %s\n", cpu_isa_name(isa));
    levels_allow(isa);
    for (size_t i = 0; i < sizeof seven / sizeof *seven; i++) {
        loop l = {.type = find(argument[1], i)(&host)->types};
        for (l.variant = 0; l.variant < l.type->variant_count; l.variant++)
            print_loops(l);
    }
    print_conversions();
    print_rounding_by_chance();
    print_norms();
    print_functions();
    print_denormals();
    puts("end");
    fflush(stdout);
    while (getpid() == 1) /* of an emulated system, it must not end */
        pause();
    return 0;
}
