/* SPDX-License-Identifier: MIT */
/* Descent in an application: linear regression on made-up data, in C11 and in
 * C++11 alike, with an allocator that counts, warnings that go where the
 * application wants them, a schedule that is a function of its own, gradients
 * handed to each step, and state read back by name. */
#include <descent/descent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FEATURES = 3, SAMPLES = 64 };

typedef struct application {
    size_t bytes; /* in use by the runtime */
    int warnings;
    double peak; /* of the learning rate */
} application;

static void *count_in(void *user, size_t bytes, size_t alignment)
{
    void *memory = NULL;

    if (posix_memalign(&memory, alignment, bytes) != 0)
        return NULL;
    ((application *)user)->bytes += bytes;
    return memory;
}

static void count_out(void *user, void *memory, size_t bytes)
{
    ((application *)user)->bytes -= bytes;
    free(memory);
}

static void hear(void *user, int level, const char *text)
{
    ((application *)user)->warnings++;
    fprintf(stderr, "embed: level %d: %s\n", level, text);
}

/* Warm up for 20 steps, then fall. */
static descent_status rate(void *user, uint64_t n,
                           const descent_schedule_context *context,
                           double *value)
{
    const double peak = ((application *)user)->peak;

    (void)context;
    *value =
        n < 20 ? peak * (double)(n + 1) / 20 : peak / (1 + 0.01 * (double)n);
    return DESCENT_OK;
}

/* Mean squared error of y = w . x + b, and its gradient. */
static double evaluate(const float *x, const float *y, const float *w, float b,
                       float *w_gradient, float *b_gradient)
{
    double loss = 0;

    memset(w_gradient, 0, FEATURES * sizeof *w_gradient);
    *b_gradient = 0;
    for (int i = 0; i < SAMPLES; i++) {
        float miss = b - y[i];
        for (int k = 0; k < FEATURES; k++)
            miss += w[k] * x[i * FEATURES + k];
        loss += (double)miss * miss / SAMPLES;
        for (int k = 0; k < FEATURES; k++)
            w_gradient[k] += 2 * miss * x[i * FEATURES + k] / SAMPLES;
        *b_gradient += 2 * miss / SAMPLES;
    }
    return loss;
}

static descent_status make_optimizer(descent_runtime *runtime, application *app,
                                     descent_optimizer **nadam)
{
    static const char json[] = "{\"global_clipnorm\": 5, \"use_ema\": true, "
                               "\"ema_momentum\": 0.9}";
    descent_options *options = NULL;
    descent_schedule *schedule = NULL;
    descent_status status;

    status =
        descent_options_from_json(runtime, json, sizeof json - 1, &options);
    if (status == DESCENT_OK)
        status =
            descent_schedule_from_function(runtime, rate, app, NULL, &schedule);
    if (status == DESCENT_OK)
        status =
            descent_options_set_schedule(options, "learning_rate", schedule);
    if (status == DESCENT_OK)
        status = descent_optimizer_create(runtime, "Nadam", options, nadam);
    descent_schedule_release(schedule);
    descent_options_free(options);
    return status;
}

static descent_status train(descent_optimizer *nadam, float *w, float *b)
{
    float x[SAMPLES * FEATURES], y[SAMPLES], wg[FEATURES], bg;
    const int64_t shape[] = {FEATURES};
    descent_tensor tensors[2];
    descent_gradient gradients[2];
    descent_status status = DESCENT_OK;

    for (int i = 0; i < SAMPLES; i++) {
        for (int k = 0; k < FEATURES; k++)
            x[i * FEATURES + k] = (float)((i * (k + 3) * 7) % 11) / 11;
        y[i] = 2 * x[i * FEATURES] - x[i * FEATURES + 1] + 0.5f;
    }
    memset(tensors, 0, sizeof tensors);
    memset(gradients, 0, sizeof gradients);
    for (int t = 0; t < 2; t++) {
        tensors[t].struct_size = sizeof tensors[t];
        tensors[t].dtype = DESCENT_DTYPE_F32;
        gradients[t].struct_size = sizeof gradients[t];
    }
    tensors[0].name = "weights";
    tensors[0].ndim = 1;
    tensors[0].shape = shape;
    tensors[0].data = w;
    tensors[1].name = "bias";
    tensors[1].data = b;
    gradients[0].data = wg;
    gradients[1].data = &bg;
    status = descent_optimizer_add(nadam, tensors, 2);
    for (int step = 0; step < 2000 && status == DESCENT_OK; step++) {
        evaluate(x, y, w, *b, wg, &bg);
        status = descent_optimizer_step(nadam, gradients, 2, NULL, NULL);
    }
    if (status == DESCENT_OK)
        status = descent_optimizer_finalize(nadam);
    printf("loss %.1e, weights %.2f %.2f %.2f, bias %.2f\n",
           evaluate(x, y, w, *b, wg, &bg), w[0], w[1], w[2], *b);
    return status;
}

int main(void)
{
    application app;
    descent_allocator allocator;
    descent_runtime_options options;
    descent_runtime *runtime = NULL;
    descent_optimizer *nadam = NULL;
    descent_tensor product;
    float w[FEATURES] = {0, 0, 0}, b = 0;
    descent_status status;

    memset(&app, 0, sizeof app);
    memset(&product, 0, sizeof product);
    product.struct_size = sizeof product;
    app.peak = 0.1;
    memset(&allocator, 0, sizeof allocator);
    allocator.struct_size = sizeof allocator;
    allocator.user = &app;
    allocator.allocate = count_in;
    allocator.release = count_out;
    memset(&options, 0, sizeof options);
    options.struct_size = sizeof options;
    options.allocator = &allocator;
    options.log = hear;
    options.log_user = &app;
    status = descent_runtime_create(&options, &runtime);
    if (status == DESCENT_OK)
        status = make_optimizer(runtime, &app, &nadam);
    if (status == DESCENT_OK)
        status = train(nadam, w, &b);
    if (status == DESCENT_OK)
        status = descent_optimizer_slot(nadam, 0, "u_product", &product);
    if (status != DESCENT_OK)
        fprintf(stderr, "embed: %s\n", descent_error_message());
    else
        printf("%s %s: %llu steps, %zu bytes of state, u_product %.1e\n",
               descent_optimizer_name(nadam), descent_version(),
               (unsigned long long)descent_optimizer_iterations(nadam),
               descent_optimizer_state_bytes(nadam),
               *(const double *)product.data);
    descent_optimizer_free(nadam);
    descent_runtime_free(runtime);
    printf("%zu bytes left in use, %d warnings\n", app.bytes, app.warnings);
    return status != DESCENT_OK || app.bytes != 0 || app.warnings != 0;
}
