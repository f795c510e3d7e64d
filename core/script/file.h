/* SPDX-License-Identifier: MIT */
/* Tables of tensors and texts, as files hold them. */
#ifndef DESCENT_SCRIPT_FILE_H
#define DESCENT_SCRIPT_FILE_H

#include "script/tensor.h"

/* A table that is described: nothing that allocates, and so might let a
 * finalizer free a Tensor, may run between filling and use. */
typedef struct file_content {
    descent_tensor *tensors;
    size_t count;
    const char **texts; /* key, text, ..., NULL */
} file_content;

/* Describe the tables of names and Tensors, and of keys and strings (or nothing
 * there), in userdata that is left on the stack.  Raises. */
file_content file_push_content(lua_State *L, int tensors, int texts);

#endif
