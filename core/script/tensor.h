/* SPDX-License-Identifier: MIT */
/* Tensors of scripts: dense arrays in C order, in memory that Lua owns, so that
 * its collector and its limits count them. */
#ifndef DESCENT_SCRIPT_TENSOR_H
#define DESCENT_SCRIPT_TENSOR_H

#include "script/binding.h"

typedef enum tensor_dtype {
    TENSOR_F32,
    TENSOR_F64,
    TENSOR_F16, /* storage and conversion only, as bf16 */
    TENSOR_BF16,
    TENSOR_U8,
    TENSOR_I64
} tensor_dtype;
enum { TENSOR_DTYPES = 6 };

/* The one user value of an owner is its block of memory; of a view, its owner;
 * of the root of an optimizer's state arrays, the optimizer. */
typedef struct tensor {
    tensor_dtype dtype;
    int ndim;
    int64_t shape[DESCENT_MAX_DIMS];
    int64_t count;
    void *data;
    struct tensor *root; /* the owner of the memory, perhaps itself       */
    bool live;           /* not freed                                     */
    bool readonly;
    int pins;  /* of a root: optimizers that point into it      */
    int locks; /* of a root: objectives that are running ...    */
    const char *lock_low, *lock_high; /* ... over these bytes              */
} tensor;

/* ---- tensor.c ------------------------------------------------------------ */

size_t tensor_dtype_bytes(tensor_dtype dtype);
const char *tensor_dtype_name(tensor_dtype dtype);
/* The core's name of a dtype, and back. */
descent_dtype tensor_core_dtype(tensor_dtype dtype);
tensor_dtype tensor_dtype_from_core(descent_dtype dtype);
bool tensor_is_live(const tensor *t);
size_t tensor_bytes(const tensor *t);
bool tensor_same_shape(const tensor *a, const tensor *b);

/* Elements of a shape.  Raises when there are too many. */
int64_t tensor_shape_count(lua_State *L, int ndim, const int64_t *shape);

/* Push a new tensor; contents undefined.  Raises. */
tensor *tensor_new(lua_State *L, tensor_dtype dtype, int ndim,
                   const int64_t *shape);
/* Push one of the shape of `like`; a copy with its contents. */
tensor *tensor_like(lua_State *L, tensor_dtype dtype, const tensor *like);
tensor *tensor_clone(lua_State *L, const tensor *t);
/* Push a view of the tensor at `index`, from element `first` on. */
tensor *tensor_view(lua_State *L, int index, int64_t first, int ndim,
                    const int64_t *shape);

/* The tensor at `index`, alive; writable; of a dtype with arithmetic too; of
 * any floating dtype, as weights and gradients are.  Raise. */
tensor *tensor_check(lua_State *L, int index);
tensor *tensor_check_writable(lua_State *L, int index);
tensor *tensor_check_real(lua_State *L, int index);
tensor *tensor_check_real_writable(lua_State *L, int index);
tensor *tensor_check_floating(lua_State *L, int index);
tensor *tensor_check_floating_writable(lua_State *L, int index);
/* Raise unless a and b have one dtype and shape; where their memory overlaps
 * other than exactly; in either case. */
void tensor_check_like(lua_State *L, const tensor *a, const tensor *b);
void tensor_check_match(lua_State *L, const tensor *a, const tensor *b);
void tensor_check_overlap(lua_State *L, const tensor *a, const tensor *b);
/* Raise where a result shares any byte with an operand. */
void tensor_check_apart(lua_State *L, const tensor *out, const tensor *of);

/* Forbid, and allow again, writing to the bytes of `t` through any tensor. */
void tensor_lock(tensor *t);
void tensor_unlock(tensor *t);

/* Push "f32 [2, 3]". */
const char *tensor_push_shape(lua_State *L, const tensor *t);

void tensor_open(lua_State *L);

/* ---- element.c ----------------------------------------------------------- */

double tensor_element(const tensor *t, int64_t i);
void tensor_push_element(lua_State *L, const tensor *t, int64_t i);
/* Store the Lua number at `index`.  Raises where the dtype cannot hold it. */
void tensor_store(lua_State *L, tensor *t, int64_t i, int index);
void tensor_fill(lua_State *L, tensor *t, int index);
/* Convert all elements; count and shape agree already.  Raises. */
void tensor_convert(lua_State *L, tensor *to, const tensor *from);
/* Fill from the nested list at `index`, whose shape must be that of `t`. */
void tensor_from_list(lua_State *L, tensor *t, int index);

/* ---- make.c: arguments that describe a tensor ---------------------------- */

tensor_dtype tensor_dtype_check(lua_State *L, int index, const char *name);
/* A shape given as integers or as one list, from argument `first` on; returns
 * the index of the argument after it.  -1 is allowed when `guess`. */
int tensor_shape_check(lua_State *L, int first, bool guess, int *ndim,
                       int64_t *shape);

/* The shape of the nested list at `index`, by its first entries. */
void tensor_measure_list(lua_State *L, int index, int *ndim, int64_t *shape);

/* ---- rows.c -------------------------------------------------------------- */

/* The row numbers from 1 to `rows` at `index`, a list or an i64 vector, there
 * as an i64 tensor.  Raises. */
const tensor *tensor_check_indices(lua_State *L, int index, int64_t rows);

/* Methods of each file, added to the method table. */
extern const function_entry tensor_shape_methods[], tensor_access_methods[],
    tensor_reduce_methods[], tensor_row_methods[], tensor_matrix_methods[],
    tensor_text_methods[], tensor_functions[], tensor_fields[];
void tensor_math_register(lua_State *L);
/* Multiply all elements of a floating tensor. */
void tensor_scale(tensor *t, double factor);
extern const function_entry tensor_math_operators[];
/* Functions of the module that load and save tensors (file.c). */
extern const function_entry file_functions[];
int tensor_tostring(lua_State *L);
int tensor_index(lua_State *L);
int tensor_newindex(lua_State *L);
int tensor_length(lua_State *L);

#endif
