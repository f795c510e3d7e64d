/* SPDX-License-Identifier: MIT */
#include "support/kernels.h"

#include <dlfcn.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cpu.h"

const char *const kernels_optimizers[KERNELS] = {
    "sgd", "adam", "adagrad", "rmsprop", "adadelta", "adamax", "nadam",
};
const char *const kernels_builds[BUILDS] = {"gcc", "clang", "own"};

static descent_status no_fail(const descent_host *host, descent_status code,
                              const char *format, ...)
{
    (void)host;
    (void)format;
    return code;
}

const descent_host kernels_host = {
    .struct_size = sizeof kernels_host,
    .abi_major = DESCENT_ABI_MAJOR,
    .version = DESCENT_VERSION,
    .fail = no_fail,
};

const char *kernels_folder(size_t build)
{
    static char path[BUILDS][PATH_MAX];
    const char *root = getenv("DESCENT_TEST_BUILD");
    char relative[PATH_MAX];

    if (root == NULL)
        root = "build";
    if (build == OWN)
        snprintf(relative, sizeof relative, "%s/plugins", root);
    else
        snprintf(relative, sizeof relative, "%s/tests/kernels/%s", root,
                 kernels_builds[build]);
    return realpath(relative, path[build]);
}

const descent_optimizer_type *kernels_load(size_t build, const char *name)
{
    const char *folder = kernels_folder(build);
    char path[PATH_MAX];
    void *handle;
    const descent_plugin *(*entry)(const descent_host *);

    if (folder == NULL) {
        assert_true(build != 0 && build != OWN);
        return NULL;
    }
    snprintf(path, sizeof path, "%s/%s.so", folder, name);
    handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL)
        fail_msg("%s", dlerror());
    *(void **)&entry = dlsym(handle, DESCENT_ENTRY);
    assert_non_null(*(void **)&entry);
    return entry(&kernels_host)->types;
}

void kernels_say_missing(void)
{
    for (size_t i = 0; i < LEVELS; i++)
        if (!levels_has(levels[i]))
            printf("# not run: level %s, which this processor lacks\n",
                   cpu_isa_name(levels[i]));
#ifndef DESCENT_SANITIZED /* where theirs may not be there for other reasons */
    for (size_t i = 0; i < COMPILERS; i++)
        if (kernels_folder(i) == NULL)
            printf("# not run: plugins built by %s, which is not installed\n",
                   kernels_builds[i]);
#endif
}

void kernels_prepare(const descent_optimizer_type *type,
                     const variant_values *values, uint64_t t, double *scalar,
                     double coef[DESCENT_MAX_COEFS],
                     float coef_f32[DESCENT_MAX_COEFS])
{
    const descent_moment moment = {
        .struct_size = sizeof moment,
        .param_count = VARIANTS_PARAMS,
        .host = &kernels_host,
        .update = t,
        .t = t,
        .lr = 0.01,
        .param = values->value,
        .scalar = scalar,
    };

    memset(coef, 0, DESCENT_MAX_COEFS * sizeof *coef);
    assert_int_equal(type->prepare(NULL, &moment, coef), DESCENT_OK);
    for (int i = 0; i < DESCENT_MAX_COEFS; i++)
        coef_f32[i] = (float)coef[i];
}
