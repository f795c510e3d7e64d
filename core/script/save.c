/* SPDX-License-Identifier: MIT */
/* The state of an optimizer as a table, and in a file. */
#include <string.h>

#include "script/file.h"
#include "script/optimizer.h"

/* ---- Values -------------------------------------------------------------- */

void save_push_number(lua_State *L, const descent_tensor *t)
{
    if (t->dtype == DESCENT_DTYPE_I64)
        lua_pushinteger(L, *(const int64_t *)t->data);
    else
        lua_pushnumber(L, *(const double *)t->data);
}

/* Numbers of the whole optimizer are f64. */
void save_push_list(lua_State *L, const descent_tensor *t)
{
    const double *values = t->data;
    const lua_Integer n = t->shape[0];

    lua_createtable(L, (int)n, 0);
    for (lua_Integer i = 0; i < n; i++) {
        lua_pushnumber(L, values[i]);
        lua_rawseti(L, -2, i + 1);
    }
}

void save_push_copy(lua_State *L, const descent_tensor *t)
{
    tensor *copy =
        tensor_new(L, tensor_dtype_from_core(t->dtype), (int)t->ndim, t->shape);

    if (copy->count > 0)
        memcpy(copy->data, t->data, tensor_bytes(copy));
}

/* ---- Visiting ------------------------------------------------------------ */

void save_push_visitor(lua_State *L, lua_CFunction visitor)
{
    /* A closure like its caller, for the name and the context in errors. */
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_pushvalue(L, lua_upvalueindex(2));
    lua_pushcclosure(L, visitor, 2);
}

descent_status save_visit(lua_State *L, int visitor, const void *item)
{
    context *c = context_of(L);
    int status;

    lua_pushvalue(L, visitor);
    lua_pushlightuserdata(L, (void *)(uintptr_t)item);
    lua_pushvalue(L, visitor - 1);
    c->in_callback++;
    status = lua_pcall(L, 2, 0, 0);
    c->in_callback--;
    if (status == LUA_OK)
        return DESCENT_OK;
    context_store(L, CONTEXT_PENDING);
    return descent_error_set(status == LUA_ERRMEM ? DESCENT_ERR_MEMORY
                                                  : DESCENT_ERR_SCRIPT,
                             "the state cannot be shown");
}

/* Push the table in a field of the one at `index`, a new one if there is none.
 */
static void push_table(lua_State *L, int index, const char *field)
{
    index = lua_absindex(L, index);
    if (lua_getfield(L, index, field) == LUA_TTABLE)
        return;
    lua_pop(L, 1);
    lua_newtable(L);
    lua_pushvalue(L, -1);
    lua_setfield(L, index, field);
}

static void push_value(lua_State *L, const descent_state_item *item)
{
    if (item->view == NULL)
        lua_pushstring(L, item->text);
    else if (strcmp(item->section, "counters") == 0 ||
             (item->tensor == NULL && item->view->ndim == 0))
        save_push_number(L, item->view);
    else if (item->tensor == NULL)
        save_push_list(L, item->view);
    else
        save_push_copy(L, item->view);
}

/* Put an item into its place: counters and texts without a section go to the
 * table of their tensor, or the whole, others to the table of their section. */
static int visit_protected(lua_State *L)
{
    const descent_state_item *item = lua_touserdata(L, 1);
    const bool flat = item->section[0] == '\0' ||
                      strcmp(item->section, "counters") == 0 ||
                      strcmp(item->section, "weights") == 0;

    if (item->tensor != NULL) {
        push_table(L, 2, "tensors");
        push_table(L, -1, item->tensor);
    }
    if (!flat)
        push_table(L, -1, item->section);
    push_value(L, item);
    lua_setfield(L, -2, item->part[0] != '\0' ? item->part : "value");
    return 0;
}

static descent_status visit(void *user, const descent_state_item *item)
{
    return save_visit(user, 4, item);
}

static bool boolean_field(lua_State *L, int index, const char *name,
                          bool initial)
{
    const int type = argument_field(L, index, name);
    const bool value = type == LUA_TNIL ? initial : lua_toboolean(L, -1);

    if (type != LUA_TNIL && type != LUA_TBOOLEAN)
        error_option(L, name, -1, "%s is %s: expected true or false", name,
                     argument_kind(L, lua_gettop(L)));
    lua_pop(L, 1);
    return value;
}

/* ---- Methods ------------------------------------------------------------- */

/* state([{weights = false}]) */
static int state(lua_State *L)
{
    static const char *const known[] = {"weights", NULL};
    const optimizer *o = optimizer_check_idle(L);
    bool weights = false;

    argument_end(L, 2);
    lua_settop(L, 2);
    luaL_checkstack(L, 20, NULL);
    if (argument_table(L, 2, "options")) {
        argument_known(L, 2, known);
        weights = boolean_field(L, 2, "weights", false);
    }
    lua_newtable(L);
    lua_newtable(L);
    lua_setfield(L, 3, "tensors");
    save_push_visitor(L, visit_protected);
    CORE_CHECK(
        L, descent_optimizer_state(
               o->core, weights ? 0 : DESCENT_STATE_WITHOUT_WEIGHTS, visit, L));
    lua_settop(L, 3);
    return 1;
}

/* save(path[, {tensors =, metadata =}]) */
static int save(lua_State *L)
{
    static const char *const known[] = {"tensors", "metadata", NULL};
    const optimizer *o = optimizer_check_idle(L);
    const char *path = argument_text(L, 2, "path");
    descent_save_options options = {.struct_size = sizeof options};
    file_content c;

    argument_end(L, 3);
    lua_settop(L, 3);
    if (!argument_table(L, 3, "options")) {
        CORE_CHECK(L, descent_optimizer_save(o->core, path, NULL));
    } else {
        argument_known(L, 3, known);
        if (argument_field(L, 3, "tensors") == LUA_TNIL) {
            lua_pop(L, 1);
            lua_newtable(L);
        }
        argument_field(L, 3, "metadata");
        c = file_push_content(L, 4, 5);
        options.tensors = c.tensors;
        options.tensor_count = c.count;
        options.metadata = c.texts;
        CORE_CHECK(L, descent_optimizer_save(o->core, path, &options));
    }
    lua_settop(L, 1);
    return 1;
}

const function_entry optimizer_save_methods[] = {
    {"state", state, 0}, {"save", save, 0}, {NULL, NULL, 0}};
