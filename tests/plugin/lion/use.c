/* SPDX-License-Identifier: MIT */
/* Three steps of Lion on x^2 / 2, as use.lua does them. */
#include <descent/descent.h>
#include <stdio.h>

int main(void)
{
    float x[2] = {1, -2}, gradient[2];
    const int64_t shape[] = {2};
    const descent_tensor tensor = {.struct_size = sizeof tensor,
                                   .dtype = DESCENT_DTYPE_F32,
                                   .name = "x",
                                   .ndim = 1,
                                   .shape = shape,
                                   .data = x,
                                   .gradient = gradient};
    descent_runtime *runtime = NULL;
    descent_options *options = NULL;
    descent_optimizer *lion = NULL;
    descent_status status;

    if ((status = descent_runtime_create(NULL, &runtime)) ||
        (status = descent_options_create(runtime, &options)) ||
        (status = descent_options_set_number(options, "learning_rate", 0.25)) ||
        (status = descent_optimizer_create(runtime, "lion", options, &lion)) ||
        (status = descent_optimizer_add(lion, &tensor, 1)))
        goto done;
    for (int step = 0; step < 3 && status == DESCENT_OK; step++) {
        gradient[0] = x[0];
        gradient[1] = x[1];
        status = descent_optimizer_step(lion, NULL, 0, NULL, NULL);
    }
done:
    if (status == DESCENT_OK)
        printf("%g\t%g\n", (double)x[0], (double)x[1]);
    else
        fprintf(stderr, "%s\n", descent_error_message());
    descent_optimizer_free(lion);
    descent_options_free(options);
    descent_runtime_free(runtime);
    return status != DESCENT_OK;
}
