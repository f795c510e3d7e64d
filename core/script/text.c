/* SPDX-License-Identifier: MIT */
/* Tensors as text for people: one line, or a table of numbers.  The text is the
 * same in every locale. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "script/tensor.h"

enum { NUMBER_TEXT = 48 };

void text_restore_point(char *text)
{
    const size_t length = strspn(text, "+-0123456789");
    size_t mark = strcspn(text + length, "0123456789.enai");

    if (mark == 0)
        return;
    text[length] = '.';
    memmove(text + length + 1, text + length + mark,
            strlen(text + length + mark) + 1);
}

/* Digits before the point, so that 10 is not written as 1e+01; 1 for numbers
 * that look better with an exponent. */
static int whole_digits(double value)
{
    int digits = 1;

    for (double v = fabs(value); v >= 10 && v < 1e7; v /= 10)
        digits++;
    return fabs(value) < 1e7 ? digits : 1;
}

/* Does the text stand for the value, among the numbers of its dtype? */
static bool reads_as(tensor_dtype dtype, const char *text, double value)
{
    double back =
        dtype == TENSOR_F32 ? (double)strtof(text, NULL) : strtod(text, NULL);
    uint16_t half;

    if (dtype == TENSOR_F16 || dtype == TENSOR_BF16) {
        const descent_dtype stored = tensor_core_dtype(dtype);

        descent_convert(stored, &half, DESCENT_DTYPE_F64, &back, 1);
        descent_convert(DESCENT_DTYPE_F64, &back, stored, &half, 1);
    }
    return back == value;
}

/* Element i with `precision` digits, or with 0 in its shortest exact form. */
static void element_text(const tensor *t, int64_t i, int precision,
                         char text[NUMBER_TEXT])
{
    const double value = tensor_element(t, i);
    const int most = t->dtype == TENSOR_F64 ? 17 : 9;

    if (t->dtype == TENSOR_I64) {
        snprintf(text, NUMBER_TEXT, "%lld",
                 (long long)((const int64_t *)t->data)[i]);
        return;
    }
    if (isnan(value)) {
        memcpy(text, "nan", sizeof "nan");
        return;
    }
    for (int digits = precision > 0 ? precision : whole_digits(value);
         digits <= most; digits++) {
        snprintf(text, NUMBER_TEXT, "%.*g", digits, value);
        if (precision > 0 || reads_as(t->dtype, text, value))
            break;
    }
    text_restore_point(text);
}

static void add_element(luaL_Buffer *b, const tensor *t, int64_t i,
                        int precision, int width)
{
    char text[NUMBER_TEXT];

    element_text(t, i, precision, text);
    for (int n = (int)strlen(text); n < width; n++)
        luaL_addchar(b, ' ');
    luaL_addstring(b, text);
}

static void add_head(luaL_Buffer *b, const tensor *t)
{
    char text[NUMBER_TEXT];

    luaL_addstring(b, "Tensor[");
    for (int d = 0; d < t->ndim; d++) {
        snprintf(text, sizeof text, "%s%lld", d > 0 ? "," : "",
                 (long long)t->shape[d]);
        luaL_addstring(b, text);
    }
    luaL_addstring(b, "] ");
    luaL_addstring(b, tensor_dtype_name(t->dtype));
}

/* "Tensor[1797,64] f32 [0, 0, 5, ...]": at most eight elements. */
int tensor_tostring(lua_State *L)
{
    const int most = 8;
    const tensor *t = class_check(L, 1, CLASS_TENSOR);
    luaL_Buffer b;

    luaL_buffinit(L, &b);
    add_head(&b, t);
    if (!tensor_is_live(t)) {
        luaL_addstring(&b, " (freed)");
    } else {
        luaL_addstring(&b, " [");
        for (int64_t i = 0; i < t->count && i < most; i++) {
            if (i > 0)
                luaL_addstring(&b, ", ");
            add_element(&b, t, i, 0, 0);
        }
        luaL_addstring(&b, t->count > most ? ", \xe2\x80\xa6]" : "]");
    }
    luaL_pushresult(&b);
    return 1;
}

static lua_Integer integer_option(lua_State *L, const char *name,
                                  lua_Integer initial, lua_Integer high)
{
    lua_Integer value = initial;

    if (argument_field(L, 2, name) != LUA_TNIL)
        value = argument_integer(L, lua_gettop(L), name, 1, high);
    lua_pop(L, 1);
    return value;
}

static int widest(const tensor *t, int64_t elements, int precision)
{
    char text[NUMBER_TEXT];
    int width = 0;

    for (int64_t i = 0; i < elements; i++) {
        element_text(t, i, precision, text);
        if ((int)strlen(text) > width)
            width = (int)strlen(text);
    }
    return width;
}

/* format{rows = 10, precision = 6}: a line a row, columns aligned. */
static int text_format(lua_State *L)
{
    static const char *const known[] = {"rows", "precision", NULL};
    const tensor *t = tensor_check(L, 1);
    lua_Integer rows = 10, precision = 6;
    int64_t columns, count;
    int width;
    luaL_Buffer b;

    if (argument_table(L, 2, "options")) {
        argument_known(L, 2, known);
        rows = integer_option(L, "rows", rows, LUA_MAXINTEGER);
        precision = integer_option(L, "precision", precision, 17);
    }
    columns = t->ndim > 0 ? t->shape[t->ndim - 1] : 1;
    count = columns > 0 ? t->count / columns : 0;
    rows = rows < count ? rows : count;
    width = widest(t, rows * columns, (int)precision);
    luaL_buffinit(L, &b);
    add_head(&b, t);
    for (int64_t i = 0; i < rows * columns; i++) {
        luaL_addstring(&b, i % columns == 0 ? "\n  " : "  ");
        add_element(&b, t, i, (int)precision, width);
    }
    if (rows < count)
        luaL_addstring(&b, "\n  \xe2\x80\xa6");
    luaL_pushresult(&b);
    return 1;
}

/* print{rows, precision}, by the script's own print. */
static int text_print(lua_State *L)
{
    lua_settop(L, 2);
    text_format(L);
    lua_getglobal(L, "print");
    lua_insert(L, -2);
    lua_call(L, 1, 0);
    return 0;
}

const function_entry tensor_text_methods[] = {
    {"format", text_format, 0}, {"print", text_print, 0}, {NULL, NULL, 0}};
