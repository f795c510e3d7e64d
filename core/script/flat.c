/* SPDX-License-Identifier: MIT */
/* Keras' flat lists of an optimizer's variables. */
#include <string.h>

#include "script/optimizer.h"

/* The order named in the options at `index`, "keras3" where there is none. */
static int read_order(lua_State *L, int index)
{
    static const char *const known[] = {"order", NULL};
    static const char *const names[] = {
        [DESCENT_ORDER_KERAS3] = "keras3", [DESCENT_ORDER_KERAS2] = "keras2"};
    const char *name;

    if (!argument_table(L, index, "options"))
        return DESCENT_ORDER_KERAS3;
    argument_known(L, index, known);
    if (argument_field(L, index, "order") == LUA_TNIL) {
        lua_pop(L, 1);
        return DESCENT_ORDER_KERAS3;
    }
    name = argument_text(L, lua_gettop(L), "order");
    for (int i = 0; i <= DESCENT_ORDER_KERAS2; i++) {
        if (strcmp(names[i], name) != 0)
            continue;
        lua_pop(L, 1);
        return i;
    }
    error_option(L, "order", -1,
                 "order = \"%s\": expected \"keras3\" or \"keras2\"", name);
}

/* What belongs to no tensor: descent.SECTION/PART, or the learning rate. */
static bool is_number(const descent_tensor *item)
{
    const char *slash = strchr(item->name, '/');

    return item->ndim == 0 && (slash == NULL || strchr(slash + 1, '/') == NULL);
}

static int visit_protected(lua_State *L)
{
    const descent_tensor *item = lua_touserdata(L, 1);

    if (is_number(item))
        save_push_number(L, item);
    else
        save_push_copy(L, item);
    lua_rawseti(L, 2, (lua_Integer)lua_rawlen(L, 2) + 1);
    return 0;
}

static descent_status visit(void *user, const descent_tensor *item)
{
    return save_visit(user, 4, item);
}

/* weights([{order =}]) */
static int weights(lua_State *L)
{
    const optimizer *o = optimizer_check_idle(L);
    int order;

    argument_end(L, 2);
    lua_settop(L, 2);
    luaL_checkstack(L, 20, NULL);
    order = read_order(L, 2);
    lua_newtable(L);
    save_push_visitor(L, visit_protected);
    CORE_CHECK(L, descent_optimizer_weights(o->core, order, visit, L));
    lua_settop(L, 3);
    return 1;
}

/* Item i of the list at 2: a Tensor, or a number, which stays in `number`. */
static void fill_item(lua_State *L, lua_Integer i, descent_tensor *out,
                      double *number)
{
    const tensor *t = class_test(L, -1, CLASS_TENSOR);

    *out = (descent_tensor){.struct_size = sizeof *out, .name = ""};
    if (lua_type(L, -1) == LUA_TNUMBER) {
        *number = lua_tonumber(L, -1);
        out->dtype = DESCENT_DTYPE_F64;
        out->data = number;
        return;
    }
    if (t == NULL)
        error_raise(L, DESCENT_ERR_ARGUMENT,
                    "item %d is %s: expected a Tensor or a number", (int)i,
                    argument_kind(L, lua_gettop(L)));
    t = tensor_check(L, lua_gettop(L));
    if (t->dtype == TENSOR_U8)
        error_raise(L, DESCENT_ERR_ARGUMENT,
                    "item %d is a Tensor of u8: expected a floating type or "
                    "i64",
                    (int)i);
    out->dtype = t->dtype == TENSOR_I64 ? (descent_dtype)DESCENT_DTYPE_I64
                                        : tensor_core_dtype(t->dtype);
    out->ndim = (uint32_t)t->ndim;
    out->shape = t->ndim > 0 ? t->shape : NULL;
    out->data = t->data;
}

/* set_weights(list[, {order =}]) */
static int set_weights(lua_State *L)
{
    const optimizer *o = optimizer_check_change(L);
    descent_tensor *list;
    double *numbers;
    lua_Integer n;
    int order;

    argument_end(L, 3);
    lua_settop(L, 3);
    if (!argument_table(L, 2, "list"))
        error_raise(L, DESCENT_ERR_ARGUMENT,
                    "list is %s: expected what weights() gave",
                    argument_kind(L, 2));
    order = read_order(L, 3);
    n = (lua_Integer)lua_rawlen(L, 2);
    list = lua_newuserdatauv(L, ((size_t)n + 1) * sizeof *list, 0);
    numbers = lua_newuserdatauv(L, ((size_t)n + 1) * sizeof *numbers, 0);
    for (lua_Integer i = 0; i < n; i++) { /* nothing here allocates */
        lua_rawgeti(L, 2, i + 1);
        fill_item(L, i + 1, &list[i], &numbers[i]);
        lua_pop(L, 1);
    }
    CORE_CHECK(L,
               descent_optimizer_set_weights(o->core, order, list, (size_t)n));
    lua_settop(L, 1);
    return 1;
}

const function_entry optimizer_flat_methods[] = {
    {"weights", weights, 0}, {"set_weights", set_weights, 0}, {NULL, NULL, 0}};
