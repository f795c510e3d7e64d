/* SPDX-License-Identifier: MIT */
/* The state of an optimizer in a file. */
#ifndef DESCENT_CHECKPOINT_OPTIMIZER_H
#define DESCENT_CHECKPOINT_OPTIMIZER_H

#include "base/files.h"

/* As descent_optimizer_save and descent_optimizer_load, on these files. */
descent_status optimizer_save(descent_optimizer *o, const files *f,
                              const char *path,
                              const descent_save_options *options);
descent_status optimizer_load(descent_optimizer *o, const files *f,
                              const char *path,
                              const descent_load_options *options);

#endif
